// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_MANAGER_H
#define ZEGEL_CHECK_MANAGER_H
#include <camera/NdkCameraDevice.h>
typedef struct ACameraManager ACameraManager;
typedef struct ACameraIdList { int numCameras; const char **cameraIds; } ACameraIdList;
ACameraManager *ACameraManager_create(void);
void ACameraManager_delete(ACameraManager *);
camera_status_t ACameraManager_getCameraIdList(ACameraManager *, ACameraIdList **);
void ACameraManager_deleteCameraIdList(ACameraIdList *);
camera_status_t ACameraManager_getCameraCharacteristics(ACameraManager *, const char *, ACameraMetadata **);
camera_status_t ACameraManager_openCamera(ACameraManager *, const char *, ACameraDevice_StateCallbacks *, ACameraDevice **);
#endif
