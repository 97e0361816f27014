// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_IMAGE_H
#define ZEGEL_CHECK_IMAGE_H
#include <stdint.h>
typedef enum { AMEDIA_OK = 0 } media_status_t;
typedef struct AImage AImage;
enum { AIMAGE_FORMAT_YUV_420_888 = 0x23 };
media_status_t AImage_getWidth(const AImage *, int32_t *);
media_status_t AImage_getHeight(const AImage *, int32_t *);
media_status_t AImage_getPlaneRowStride(const AImage *, int, int32_t *);
media_status_t AImage_getPlaneData(const AImage *, int, uint8_t **, int *);
void AImage_delete(AImage *);
#endif
