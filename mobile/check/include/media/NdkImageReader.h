// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_READER_H
#define ZEGEL_CHECK_READER_H
#include <android/native_window.h>
#include <media/NdkImage.h>
typedef struct AImageReader AImageReader;
typedef void (*AImageReader_ImageCallback)(void *, AImageReader *);
typedef struct AImageReader_ImageListener { void *context; AImageReader_ImageCallback onImageAvailable; } AImageReader_ImageListener;
media_status_t AImageReader_new(int32_t, int32_t, int32_t, int32_t, AImageReader **);
void AImageReader_delete(AImageReader *);
media_status_t AImageReader_getWindow(AImageReader *, ANativeWindow **);
media_status_t AImageReader_acquireLatestImage(AImageReader *, AImage **);
media_status_t AImageReader_setImageListener(AImageReader *, AImageReader_ImageListener *);
#endif
