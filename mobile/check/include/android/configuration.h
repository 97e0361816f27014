// Only what the check of the phone program needs of the NDK's header of this name; see README.md.
#ifndef ZEGEL_CHECK_CONFIGURATION_H
#define ZEGEL_CHECK_CONFIGURATION_H
#include <stdint.h>
typedef struct AAssetManager AAssetManager;
typedef struct AConfiguration AConfiguration;
enum {
	ACONFIGURATION_ORIENTATION_PORT = 1, ACONFIGURATION_ORIENTATION_LAND = 2,
	ACONFIGURATION_DENSITY_DEFAULT = 0, ACONFIGURATION_DENSITY_LOW = 120, ACONFIGURATION_DENSITY_MEDIUM = 160,
	ACONFIGURATION_DENSITY_TV = 213, ACONFIGURATION_DENSITY_HIGH = 240, ACONFIGURATION_DENSITY_XHIGH = 320,
	ACONFIGURATION_DENSITY_XXHIGH = 480, ACONFIGURATION_DENSITY_XXXHIGH = 640, ACONFIGURATION_DENSITY_NONE = 0xffff
};
AConfiguration *AConfiguration_new(void);
void AConfiguration_delete(AConfiguration *);
void AConfiguration_fromAssetManager(AConfiguration *, AAssetManager *);
int32_t AConfiguration_getOrientation(AConfiguration *);
int32_t AConfiguration_getDensity(AConfiguration *);
#endif
