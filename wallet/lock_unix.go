//go:build unix && !solaris && !aix

package wallet

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lockFileOnDisk takes a lock that belongs to the open file. One that belongs to the process, as the database's own,
// would be lost as soon as anything in this process read the file and closed it.
func lockFileOnDisk(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %q: %v", name, err)
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
