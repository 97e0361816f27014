// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_LOG_H
#define ZEGEL_CHECK_LOG_H
#include <stdarg.h>
enum { ANDROID_LOG_DEBUG = 3, ANDROID_LOG_INFO, ANDROID_LOG_WARN, ANDROID_LOG_ERROR, ANDROID_LOG_FATAL };
int __android_log_write(int, const char *, const char *);
int __android_log_print(int, const char *, const char *, ...);
int __android_log_vprint(int, const char *, const char *, va_list);
#endif
