package wallet

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

func TestHarden(t *testing.T) {
	w := mustCreate(t, memOptions(vfs.NewMem(), newClock(noon).Now))
	defer w.Close()
	if v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || v != 0 {
		t.Errorf("dumpable is %d, %v", v, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 {
		t.Errorf("core limit %+v, %v", limit, err)
	}
}
