// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_SESSION_H
#define ZEGEL_CHECK_SESSION_H
#include <camera/NdkCameraDevice.h>
typedef struct ACameraCaptureSession_captureCallbacks ACameraCaptureSession_captureCallbacks;
camera_status_t ACameraCaptureSession_setRepeatingRequest(ACameraCaptureSession *, ACameraCaptureSession_captureCallbacks *, int,
	ACaptureRequest **, int *);
camera_status_t ACameraCaptureSession_stopRepeating(ACameraCaptureSession *);
void ACameraCaptureSession_close(ACameraCaptureSession *);
#endif
