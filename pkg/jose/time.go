package jose

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// maxDate is the last second of the year 9999, beyond which other software reads dates differently or not at all.
const maxDate = 253402300799

// NumericDate reads a NumericDate (RFC 7519, Section 2) from decoded JSON, cut to whole seconds. It refuses what is
// no number, negative, or after the year 9999. Error: [ErrMalformed].
func NumericDate(v any) (time.Time, error) {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: date of type %T, not a number", ErrMalformed, v)
	}
	sec, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(n.String(), 64)
		if ferr != nil || !(f >= 0 && f < maxDate+1) {
			return time.Time{}, fmt.Errorf("%w: date %.40q", ErrMalformed, n)
		}
		sec = int64(math.Floor(f))
	}
	if sec < 0 || sec > maxDate {
		return time.Time{}, fmt.Errorf("%w: date %.40q", ErrMalformed, n)
	}
	return time.Unix(sec, 0).UTC(), nil
}
