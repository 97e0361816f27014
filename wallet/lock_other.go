//go:build !unix || solaris || aix

package wallet

import (
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func lockFileOnDisk(name string) (io.Closer, error) { return vfs.Default.Lock(name) }
