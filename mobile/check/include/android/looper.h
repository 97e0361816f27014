// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_LOOPER_H
#define ZEGEL_CHECK_LOOPER_H
typedef struct ALooper ALooper;
typedef int (*ALooper_callbackFunc)(int, int, void *);
enum { ALOOPER_PREPARE_ALLOW_NON_CALLBACKS = 1 };
enum { ALOOPER_POLL_WAKE = -1, ALOOPER_POLL_CALLBACK = -2, ALOOPER_POLL_TIMEOUT = -3, ALOOPER_POLL_ERROR = -4 };
ALooper *ALooper_prepare(int);
int ALooper_pollOnce(int, int *, int *, void **);
void ALooper_wake(ALooper *);
#endif
