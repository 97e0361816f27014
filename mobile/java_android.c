// The Android Keystore, the link of the activity and the permission for the camera, all through JNI: the packager of Fyne
// takes no Java classes of a program's own.

#include <stdarg.h>
#include <string.h>
#include "android.h"

static int refused(JNIEnv *env) {
	if (!(*env)->ExceptionCheck(env)) {
		return 0;
	}
	(*env)->ExceptionClear(env);
	return 1;
}

// Calls give NULL when anything is missing or throws, and take NULL, so that a row of them needs one check.

static jclass class_of(JNIEnv *env, const char *name) {
	jclass c = (*env)->FindClass(env, name);
	return refused(env) ? NULL : c;
}

static jobject call(JNIEnv *env, jobject o, const char *name, const char *signature, ...) {
	if (o == NULL) {
		return NULL;
	}
	jmethodID m = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, o), name, signature);
	if (refused(env) || m == NULL) {
		return NULL;
	}
	va_list args;
	va_start(args, signature);
	jobject r = (*env)->CallObjectMethodV(env, o, m, args);
	va_end(args);
	return refused(env) ? NULL : r;
}

// run calls a method without a result; 1 if it went well.
static int run(JNIEnv *env, jobject o, const char *name, const char *signature, ...) {
	if (o == NULL) {
		return 0;
	}
	jmethodID m = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, o), name, signature);
	if (refused(env) || m == NULL) {
		return 0;
	}
	va_list args;
	va_start(args, signature);
	(*env)->CallVoidMethodV(env, o, m, args);
	va_end(args);
	return !refused(env);
}

static jobject make(JNIEnv *env, const char *name, const char *signature, ...) {
	jclass c = class_of(env, name);
	if (c == NULL) {
		return NULL;
	}
	jmethodID m = (*env)->GetMethodID(env, c, "<init>", signature);
	if (refused(env) || m == NULL) {
		return NULL;
	}
	va_list args;
	va_start(args, signature);
	jobject r = (*env)->NewObjectV(env, c, m, args);
	va_end(args);
	return refused(env) ? NULL : r;
}

static jobject call_static(JNIEnv *env, const char *name, const char *method, const char *signature, ...) {
	jclass c = class_of(env, name);
	if (c == NULL) {
		return NULL;
	}
	jmethodID m = (*env)->GetStaticMethodID(env, c, method, signature);
	if (refused(env) || m == NULL) {
		return NULL;
	}
	va_list args;
	va_start(args, signature);
	jobject r = (*env)->CallStaticObjectMethodV(env, c, m, args);
	va_end(args);
	return refused(env) ? NULL : r;
}

static jstring text(JNIEnv *env, const char *s) { return (*env)->NewStringUTF(env, s); }

static jobjectArray one_text(JNIEnv *env, const char *s) {
	jclass c = class_of(env, "java/lang/String");
	jobjectArray a = c == NULL ? NULL : (*env)->NewObjectArray(env, 1, c, text(env, s));
	return refused(env) ? NULL : a;
}

static jbyteArray bytes(JNIEnv *env, const uint8_t *in, int n) {
	jbyteArray a = (*env)->NewByteArray(env, n);
	if (refused(env) || a == NULL) {
		return NULL;
	}
	(*env)->SetByteArrayRegion(env, a, 0, n, (const jbyte *)in);
	return a;
}

// copy takes a Java array of bytes; its length, or -1.
static int copy(JNIEnv *env, jbyteArray a, uint8_t *out, int room) {
	if (a == NULL) {
		return -1;
	}
	jsize n = (*env)->GetArrayLength(env, a);
	if (n > room) {
		return -1;
	}
	(*env)->GetByteArrayRegion(env, a, 0, n, (jbyte *)out);
	return refused(env) ? -1 : n;
}

static const char *provider = "AndroidKeyStore";
enum { nonce_size = 12, tag_bits = 128, key_bits = 256, purpose_both = 1 | 2, mode_encrypt = 1, mode_decrypt = 2 };

static jobject new_key(JNIEnv *env, const char *alias) {
	const char *builder = "(I)Landroid/security/keystore/KeyGenParameterSpec$Builder;";
	const char *texts = "([Ljava/lang/String;)Landroid/security/keystore/KeyGenParameterSpec$Builder;";
	jobject b = make(env, "android/security/keystore/KeyGenParameterSpec$Builder", "(Ljava/lang/String;I)V", text(env, alias), (jint)purpose_both);
	b = call(env, b, "setBlockModes", texts, one_text(env, "GCM"));
	b = call(env, b, "setEncryptionPaddings", texts, one_text(env, "NoPadding"));
	b = call(env, b, "setKeySize", builder, (jint)key_bits);
	jobject spec = call(env, b, "build", "()Landroid/security/keystore/KeyGenParameterSpec;");
	jobject g = call_static(env, "javax/crypto/KeyGenerator", "getInstance",
		"(Ljava/lang/String;Ljava/lang/String;)Ljavax/crypto/KeyGenerator;", text(env, "AES"), text(env, provider));
	if (spec == NULL || !run(env, g, "init", "(Ljava/security/spec/AlgorithmParameterSpec;)V", spec)) {
		return NULL;
	}
	return call(env, g, "generateKey", "()Ljavax/crypto/SecretKey;");
}

static jobject store(JNIEnv *env) {
	jobject s = call_static(env, "java/security/KeyStore", "getInstance", "(Ljava/lang/String;)Ljava/security/KeyStore;", text(env, provider));
	if (!run(env, s, "load", "(Ljava/security/KeyStore$LoadStoreParameter;)V", (jobject)NULL)) {
		return NULL;
	}
	return s;
}

static jobject cipher(JNIEnv *env) {
	return call_static(env, "javax/crypto/Cipher", "getInstance", "(Ljava/lang/String;)Ljavax/crypto/Cipher;", text(env, "AES/GCM/NoPadding"));
}

static int seal(JNIEnv *env, const char *alias, const uint8_t *in, int n, uint8_t *out, int room) {
	jobject key = new_key(env, alias);
	if (key == NULL) {
		return -1;
	}
	jobject c = cipher(env);
	if (!run(env, c, "init", "(ILjava/security/Key;)V", (jint)mode_encrypt, key)) {
		return -2;
	}
	// The hardware chooses the nonce.
	if (room < nonce_size || copy(env, call(env, c, "getIV", "()[B"), out, nonce_size) != nonce_size) {
		return -3;
	}
	int m = copy(env, call(env, c, "doFinal", "([B)[B", bytes(env, in, n)), out + nonce_size, room - nonce_size);
	return m < 0 ? -4 : nonce_size + m;
}

static int open_sealed(JNIEnv *env, const char *alias, const uint8_t *in, int n, uint8_t *out, int room) {
	if (n < nonce_size) {
		return -1;
	}
	jobject key = call(env, store(env), "getKey", "(Ljava/lang/String;[C)Ljava/security/Key;", text(env, alias), (jobject)NULL);
	if (key == NULL) {
		return -2;
	}
	jobject spec = make(env, "javax/crypto/spec/GCMParameterSpec", "(I[B)V", (jint)tag_bits, bytes(env, in, nonce_size));
	jobject c = cipher(env);
	if (spec == NULL || !run(env, c, "init", "(ILjava/security/Key;Ljava/security/spec/AlgorithmParameterSpec;)V", (jint)mode_decrypt, key, spec)) {
		return -3;
	}
	int m = copy(env, call(env, c, "doFinal", "([B)[B", bytes(env, in + nonce_size, n - nonce_size)), out, room);
	return m < 0 ? -4 : m;
}

// Local references of one call are freed together: the thread may live long.
enum { references = 64 };

int zegelSeal(JNIEnv *env, const char *alias, const uint8_t *in, int n, uint8_t *out, int room) {
	if ((*env)->PushLocalFrame(env, references) != 0) {
		return -9;
	}
	int r = seal(env, alias, in, n, out, room);
	(*env)->PopLocalFrame(env, NULL);
	return r;
}

int zegelOpen(JNIEnv *env, const char *alias, const uint8_t *in, int n, uint8_t *out, int room) {
	if ((*env)->PushLocalFrame(env, references) != 0) {
		return -9;
	}
	int r = open_sealed(env, alias, in, n, out, room);
	(*env)->PopLocalFrame(env, NULL);
	return r;
}

int zegelForget(JNIEnv *env, const char *alias) {
	if ((*env)->PushLocalFrame(env, references) != 0) {
		return -9;
	}
	int went = run(env, store(env), "deleteEntry", "(Ljava/lang/String;)V", text(env, alias));
	(*env)->PopLocalFrame(env, NULL);
	return went ? 0 : -1;
}

int zegelLink(JNIEnv *env, jobject activity, char *out, int room) {
	if ((*env)->PushLocalFrame(env, references) != 0) {
		return -9;
	}
	int n = 0;
	jobject intent = call(env, activity, "getIntent", "()Landroid/content/Intent;");
	jstring link = call(env, intent, "getDataString", "()Ljava/lang/String;");
	if (link != NULL) {
		const char *s = (*env)->GetStringUTFChars(env, link, NULL);
		if (s != NULL && strlen(s) < (size_t)room) {
			n = (int)strlen(s);
			memcpy(out, s, (size_t)n);
		}
		if (s != NULL) {
			(*env)->ReleaseStringUTFChars(env, link, s);
		}
		// It is not taken again when the activity comes back.
		call(env, intent, "setData", "(Landroid/net/Uri;)Landroid/content/Intent;", (jobject)NULL);
	}
	(*env)->PopLocalFrame(env, NULL);
	return n;
}

int zegelMayLook(JNIEnv *env, jobject activity, int ask) {
	if ((*env)->PushLocalFrame(env, references) != 0) {
		return 0;
	}
	const char *camera = "android.permission.CAMERA";
	int may = 0;
	jmethodID check = (*env)->GetMethodID(env, (*env)->GetObjectClass(env, activity), "checkSelfPermission", "(Ljava/lang/String;)I");
	if (!refused(env) && check != NULL) {
		jint granted = (*env)->CallIntMethod(env, activity, check, text(env, camera));
		may = !refused(env) && granted == 0;
	}
	if (!may && ask) {
		run(env, activity, "requestPermissions", "([Ljava/lang/String;I)V", one_text(env, camera), (jint)1);
	}
	(*env)->PopLocalFrame(env, NULL);
	return may;
}
