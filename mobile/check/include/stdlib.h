// Android's stdlib.h brings the types of stdint.h with it; that of this machine does not.
#include_next <stdlib.h>
#include <stdint.h>
