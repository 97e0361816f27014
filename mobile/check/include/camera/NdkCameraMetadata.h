// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_METADATA_H
#define ZEGEL_CHECK_METADATA_H
#include <stdint.h>
typedef enum { ACAMERA_OK = 0 } camera_status_t;
typedef struct ACameraMetadata ACameraMetadata;
typedef struct ACameraMetadata_const_entry {
	uint32_t tag;
	uint8_t type;
	uint32_t count;
	union { const uint8_t *u8; const int32_t *i32; } data;
} ACameraMetadata_const_entry;
enum { ACAMERA_LENS_FACING = 0x80005, ACAMERA_SENSOR_ORIENTATION = 0xe000e };
enum { ACAMERA_LENS_FACING_FRONT = 0, ACAMERA_LENS_FACING_BACK = 1 };
camera_status_t ACameraMetadata_getConstEntry(const ACameraMetadata *, uint32_t, ACameraMetadata_const_entry *);
void ACameraMetadata_free(ACameraMetadata *);
#endif
