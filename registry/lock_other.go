//go:build !unix

package registry

import (
	"errors"
	"os"
)

func lock(string) (*os.File, error) {
	return nil, errors.New("nodes run on unix systems only: elsewhere their directory cannot be locked")
}
