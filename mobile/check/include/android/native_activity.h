// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_ACTIVITY_H
#define ZEGEL_CHECK_ACTIVITY_H
#include <android/configuration.h>
#include <android/input.h>
#include <android/native_window.h>
#include <jni.h>
#include <stddef.h>
typedef struct ARect { int32_t left, top, right, bottom; } ARect;
struct ANativeActivityCallbacks;
typedef struct ANativeActivity {
	struct ANativeActivityCallbacks *callbacks;
	JavaVM *vm;
	JNIEnv *env;
	jobject clazz;
	const char *internalDataPath, *externalDataPath;
	int32_t sdkVersion;
	void *instance;
	AAssetManager *assetManager;
	const char *obbPath;
} ANativeActivity;
typedef struct ANativeActivityCallbacks {
	void (*onStart)(ANativeActivity *);
	void (*onResume)(ANativeActivity *);
	void *(*onSaveInstanceState)(ANativeActivity *, size_t *);
	void (*onPause)(ANativeActivity *);
	void (*onStop)(ANativeActivity *);
	void (*onDestroy)(ANativeActivity *);
	void (*onWindowFocusChanged)(ANativeActivity *, int);
	void (*onNativeWindowCreated)(ANativeActivity *, ANativeWindow *);
	void (*onNativeWindowResized)(ANativeActivity *, ANativeWindow *);
	void (*onNativeWindowRedrawNeeded)(ANativeActivity *, ANativeWindow *);
	void (*onNativeWindowDestroyed)(ANativeActivity *, ANativeWindow *);
	void (*onInputQueueCreated)(ANativeActivity *, AInputQueue *);
	void (*onInputQueueDestroyed)(ANativeActivity *, AInputQueue *);
	void (*onContentRectChanged)(ANativeActivity *, const ARect *);
	void (*onConfigurationChanged)(ANativeActivity *);
	void (*onLowMemory)(ANativeActivity *);
} ANativeActivityCallbacks;
#endif
