#include <jni.h>
#include <stdint.h>

// Each returns a number of bytes, or minus the number of the step that Java refused.
int zegelSeal(JNIEnv *env, const char *alias, const uint8_t *in, int n, uint8_t *out, int room);
int zegelOpen(JNIEnv *env, const char *alias, const uint8_t *in, int n, uint8_t *out, int room);
int zegelForget(JNIEnv *env, const char *alias);

// zegelLink copies the link that the activity was started with, once.
int zegelLink(JNIEnv *env, jobject activity, char *out, int room);

// zegelMayLook: 1 if the person allows the camera; 0 if not, and asks when ask is set.
int zegelMayLook(JNIEnv *env, jobject activity, int ask);

// zegelCameraOpen starts the camera at the back; pictures come to zegelPicture. 0, or minus a step.
int zegelCameraOpen(void);
void zegelCameraClose(void);
