// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_JNI_H
#define ZEGEL_CHECK_JNI_H
#include <stdarg.h>
#include <stdint.h>

typedef uint8_t jboolean;
typedef int8_t jbyte;
typedef uint16_t jchar;
typedef int16_t jshort;
typedef int32_t jint;
typedef int64_t jlong;
typedef float jfloat;
typedef double jdouble;
typedef jint jsize;
typedef void *jobject;
typedef jobject jclass, jstring, jarray, jthrowable, jweak;
typedef jarray jobjectArray, jbooleanArray, jbyteArray, jcharArray, jshortArray, jintArray, jlongArray, jfloatArray, jdoubleArray;
typedef struct _jfieldID *jfieldID;
typedef struct _jmethodID *jmethodID;

struct JNINativeInterface;
struct JNIInvokeInterface;
typedef const struct JNINativeInterface *JNIEnv;
typedef const struct JNIInvokeInterface *JavaVM;

struct JNINativeInterface {
	jclass (*FindClass)(JNIEnv *, const char *);
	jthrowable (*ExceptionOccurred)(JNIEnv *);
	void (*ExceptionDescribe)(JNIEnv *);
	void (*ExceptionClear)(JNIEnv *);
	jboolean (*ExceptionCheck)(JNIEnv *);
	jobject (*NewGlobalRef)(JNIEnv *, jobject);
	void (*DeleteGlobalRef)(JNIEnv *, jobject);
	void (*DeleteLocalRef)(JNIEnv *, jobject);
	jint (*PushLocalFrame)(JNIEnv *, jint);
	jobject (*PopLocalFrame)(JNIEnv *, jobject);
	jobject (*NewObject)(JNIEnv *, jclass, jmethodID, ...);
	jobject (*NewObjectV)(JNIEnv *, jclass, jmethodID, va_list);
	jclass (*GetObjectClass)(JNIEnv *, jobject);
	jmethodID (*GetMethodID)(JNIEnv *, jclass, const char *, const char *);
	jobject (*CallObjectMethod)(JNIEnv *, jobject, jmethodID, ...);
	jobject (*CallObjectMethodV)(JNIEnv *, jobject, jmethodID, va_list);
	jboolean (*CallBooleanMethod)(JNIEnv *, jobject, jmethodID, ...);
	jint (*CallIntMethod)(JNIEnv *, jobject, jmethodID, ...);
	void (*CallVoidMethod)(JNIEnv *, jobject, jmethodID, ...);
	void (*CallVoidMethodV)(JNIEnv *, jobject, jmethodID, va_list);
	jmethodID (*GetStaticMethodID)(JNIEnv *, jclass, const char *, const char *);
	jobject (*CallStaticObjectMethod)(JNIEnv *, jclass, jmethodID, ...);
	jobject (*CallStaticObjectMethodV)(JNIEnv *, jclass, jmethodID, va_list);
	jboolean (*CallStaticBooleanMethod)(JNIEnv *, jclass, jmethodID, ...);
	jint (*CallStaticIntMethod)(JNIEnv *, jclass, jmethodID, ...);
	void (*CallStaticVoidMethod)(JNIEnv *, jclass, jmethodID, ...);
	jfieldID (*GetFieldID)(JNIEnv *, jclass, const char *, const char *);
	jobject (*GetObjectField)(JNIEnv *, jobject, jfieldID);
	jint (*GetIntField)(JNIEnv *, jobject, jfieldID);
	jfieldID (*GetStaticFieldID)(JNIEnv *, jclass, const char *, const char *);
	jobject (*GetStaticObjectField)(JNIEnv *, jclass, jfieldID);
	jint (*GetStaticIntField)(JNIEnv *, jclass, jfieldID);
	jstring (*NewStringUTF)(JNIEnv *, const char *);
	const char *(*GetStringUTFChars)(JNIEnv *, jstring, jboolean *);
	void (*ReleaseStringUTFChars)(JNIEnv *, jstring, const char *);
	jsize (*GetArrayLength)(JNIEnv *, jarray);
	jobjectArray (*NewObjectArray)(JNIEnv *, jsize, jclass, jobject);
	jbyteArray (*NewByteArray)(JNIEnv *, jsize);
	void (*GetByteArrayRegion)(JNIEnv *, jbyteArray, jsize, jsize, jbyte *);
	void (*SetByteArrayRegion)(JNIEnv *, jbyteArray, jsize, jsize, const jbyte *);
};

struct JNIInvokeInterface {
	jint (*AttachCurrentThread)(JavaVM *, JNIEnv **, void *);
	jint (*DetachCurrentThread)(JavaVM *);
	jint (*GetEnv)(JavaVM *, void **, jint);
};

#define JNI_FALSE 0
#define JNI_TRUE 1
#define JNI_OK 0
#define JNI_ERR (-1)
#define JNI_EDETACHED (-2)
#define JNI_EVERSION (-3)
#define JNI_VERSION_1_6 0x00010006
#define JNIEXPORT __attribute__((visibility("default")))
#define JNICALL
#endif
