// The camera at the back through the NDK (API level 24), which needs no Java class of a program's own.

#include <camera/NdkCameraCaptureSession.h>
#include <camera/NdkCameraDevice.h>
#include <camera/NdkCameraManager.h>
#include <camera/NdkCameraMetadata.h>
#include <media/NdkImage.h>
#include <media/NdkImageReader.h>
#include <stddef.h>

#include "_cgo_export.h"
#include "android.h"

// Small pictures are enough for a code that fills a third of the view, and are looked at fast.
enum { wide = 1280, high = 720, waiting = 2 };

static ACameraManager *manager;
static ACameraDevice *device;
static AImageReader *reader;
static ACaptureSessionOutputContainer *outputs;
static ACaptureSessionOutput *output;
static ACameraOutputTarget *target;
static ACaptureRequest *request;
static ACameraCaptureSession *session;
static int degrees;

static void picture(void *context, AImageReader *from) {
	AImage *image = NULL;
	if (AImageReader_acquireLatestImage(from, &image) != AMEDIA_OK || image == NULL) {
		return;
	}
	uint8_t *pixels = NULL;
	int size = 0;
	int32_t w = 0, h = 0, stride = 0;
	// The first plane of YUV is how bright it is: a code needs no more.
	if (AImage_getPlaneData(image, 0, &pixels, &size) == AMEDIA_OK && AImage_getWidth(image, &w) == AMEDIA_OK &&
		AImage_getHeight(image, &h) == AMEDIA_OK && AImage_getPlaneRowStride(image, 0, &stride) == AMEDIA_OK &&
		w > 0 && h > 0 && stride >= w && size >= stride * (h - 1) + w) {
		zegelPicture(pixels, size, w, h, stride, degrees);
	}
	AImage_delete(image);
}

static void lost(void *context, ACameraDevice *d) {}
static void failed(void *context, ACameraDevice *d, int error) {}
static void state(void *context, ACameraCaptureSession *s) {}

static ACameraDevice_StateCallbacks device_callbacks = {.onDisconnected = lost, .onError = failed};
static ACameraCaptureSession_stateCallbacks session_callbacks = {.onClosed = state, .onReady = state, .onActive = state};

// find copies the name of the first camera at the back.
static int find(char *name, size_t room) {
	ACameraIdList *list = NULL;
	if (ACameraManager_getCameraIdList(manager, &list) != ACAMERA_OK) {
		return 0;
	}
	int found = 0;
	for (int i = 0; i < list->numCameras && !found; i++) {
		ACameraMetadata *about = NULL;
		if (ACameraManager_getCameraCharacteristics(manager, list->cameraIds[i], &about) != ACAMERA_OK) {
			continue;
		}
		ACameraMetadata_const_entry e;
		if (ACameraMetadata_getConstEntry(about, ACAMERA_LENS_FACING, &e) == ACAMERA_OK && e.count == 1 &&
			e.data.u8[0] == ACAMERA_LENS_FACING_BACK) {
			degrees = 0;
			if (ACameraMetadata_getConstEntry(about, ACAMERA_SENSOR_ORIENTATION, &e) == ACAMERA_OK && e.count == 1) {
				degrees = e.data.i32[0];
			}
			size_t n = 0;
			const char *id = list->cameraIds[i];
			for (; id[n] != 0 && n + 1 < room; n++) {
				name[n] = id[n];
			}
			name[n] = 0;
			found = 1;
		}
		ACameraMetadata_free(about);
	}
	ACameraManager_deleteCameraIdList(list);
	return found;
}

static int start(void) {
	char name[64];
	manager = ACameraManager_create();
	if (manager == NULL || !find(name, sizeof name)) {
		return -1;
	}
	if (ACameraManager_openCamera(manager, name, &device_callbacks, &device) != ACAMERA_OK) {
		return -2;
	}
	if (AImageReader_new(wide, high, AIMAGE_FORMAT_YUV_420_888, waiting, &reader) != AMEDIA_OK) {
		return -3;
	}
	AImageReader_ImageListener listener = {.context = NULL, .onImageAvailable = picture};
	ANativeWindow *window = NULL;
	if (AImageReader_setImageListener(reader, &listener) != AMEDIA_OK || AImageReader_getWindow(reader, &window) != AMEDIA_OK) {
		return -4;
	}
	if (ACaptureSessionOutputContainer_create(&outputs) != ACAMERA_OK || ACaptureSessionOutput_create(window, &output) != ACAMERA_OK ||
		ACaptureSessionOutputContainer_add(outputs, output) != ACAMERA_OK) {
		return -5;
	}
	if (ACameraDevice_createCaptureRequest(device, TEMPLATE_PREVIEW, &request) != ACAMERA_OK ||
		ACameraOutputTarget_create(window, &target) != ACAMERA_OK || ACaptureRequest_addTarget(request, target) != ACAMERA_OK) {
		return -6;
	}
	if (ACameraDevice_createCaptureSession(device, outputs, &session_callbacks, &session) != ACAMERA_OK ||
		ACameraCaptureSession_setRepeatingRequest(session, NULL, 1, &request, NULL) != ACAMERA_OK) {
		return -7;
	}
	return 0;
}

int zegelCameraOpen(void) {
	int r = start();
	if (r != 0) {
		zegelCameraClose();
	}
	return r;
}

void zegelCameraClose(void) {
	if (session != NULL) {
		ACameraCaptureSession_stopRepeating(session);
		ACameraCaptureSession_close(session);
	}
	if (request != NULL) {
		ACaptureRequest_free(request);
	}
	if (target != NULL) {
		ACameraOutputTarget_free(target);
	}
	if (output != NULL) {
		ACaptureSessionOutput_free(output);
	}
	if (outputs != NULL) {
		ACaptureSessionOutputContainer_free(outputs);
	}
	if (device != NULL) {
		ACameraDevice_close(device);
	}
	if (reader != NULL) {
		AImageReader_delete(reader);
	}
	if (manager != NULL) {
		ACameraManager_delete(manager);
	}
	session = NULL, request = NULL, target = NULL, output = NULL, outputs = NULL, device = NULL, reader = NULL, manager = NULL;
}
