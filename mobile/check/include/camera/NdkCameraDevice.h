// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_DEVICE_H
#define ZEGEL_CHECK_DEVICE_H
#include <android/native_window.h>
#include <camera/NdkCameraMetadata.h>
typedef struct ACameraDevice ACameraDevice;
typedef struct ACaptureRequest ACaptureRequest;
typedef struct ACameraOutputTarget ACameraOutputTarget;
typedef struct ACaptureSessionOutput ACaptureSessionOutput;
typedef struct ACaptureSessionOutputContainer ACaptureSessionOutputContainer;
typedef struct ACameraCaptureSession ACameraCaptureSession;
typedef void (*ACameraDevice_StateCallback)(void *, ACameraDevice *);
typedef void (*ACameraDevice_ErrorStateCallback)(void *, ACameraDevice *, int);
typedef struct ACameraDevice_StateCallbacks {
	void *context;
	ACameraDevice_StateCallback onDisconnected;
	ACameraDevice_ErrorStateCallback onError;
} ACameraDevice_StateCallbacks;
typedef void (*ACameraCaptureSession_stateCallback)(void *, ACameraCaptureSession *);
typedef struct ACameraCaptureSession_stateCallbacks {
	void *context;
	ACameraCaptureSession_stateCallback onClosed, onReady, onActive;
} ACameraCaptureSession_stateCallbacks;
typedef enum { TEMPLATE_PREVIEW = 1 } ACameraDevice_request_template;
camera_status_t ACameraDevice_close(ACameraDevice *);
camera_status_t ACameraDevice_createCaptureRequest(const ACameraDevice *, ACameraDevice_request_template, ACaptureRequest **);
camera_status_t ACameraDevice_createCaptureSession(ACameraDevice *, const ACaptureSessionOutputContainer *,
	const ACameraCaptureSession_stateCallbacks *, ACameraCaptureSession **);
camera_status_t ACaptureSessionOutputContainer_create(ACaptureSessionOutputContainer **);
void ACaptureSessionOutputContainer_free(ACaptureSessionOutputContainer *);
camera_status_t ACaptureSessionOutputContainer_add(ACaptureSessionOutputContainer *, const ACaptureSessionOutput *);
camera_status_t ACaptureSessionOutput_create(ANativeWindow *, ACaptureSessionOutput **);
void ACaptureSessionOutput_free(ACaptureSessionOutput *);
camera_status_t ACameraOutputTarget_create(ANativeWindow *, ACameraOutputTarget **);
void ACameraOutputTarget_free(ACameraOutputTarget *);
camera_status_t ACaptureRequest_addTarget(ACaptureRequest *, const ACameraOutputTarget *);
void ACaptureRequest_free(ACaptureRequest *);
#endif
