//go:build linux

package registry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// smallDisk returns a directory on a disk of its own of some megabytes.
func smallDisk(t *testing.T, megabytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+megabytes+"m"); err != nil {
		t.Skipf("a disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ballast fills a disk until so many bytes are left.
func ballast(t *testing.T, dir string, left uint64) (remove func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	free, err := freeBytes(dir)
	if err != nil || free < left {
		t.Fatal(free, err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for n := free - left; n >= uint64(len(block)); n -= uint64(len(block)) {
		if _, err := f.Write(block); err != nil {
			if left == 0 && errors.Is(err, syscall.ENOSPC) {
				break
			}
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A node whose disk is full says so and stops, and has lost nothing when there is room again: when it notices in time, and
// when the disk is full from one moment to the next.
func TestDiskFull(t *testing.T) {
	for name, test := range map[string]struct{ least, left uint64 }{
		"noticed in time": {8 << 20, 4 << 20},
		"full at once":    {1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, "96")
			w := newWorld(t, 1)
			dir := filepath.Join(disk, "node")
			if err := Init(dir, w.genesis); err != nil {
				t.Fatal(err)
			}
			c := Config{Dir: dir, room: test.least}
			n, srv := openConfig(t, c)
			m := w.members[0]
			for _, id := range []string{"a", "b", "c"} {
				write(t, srv.URL, m.sign(t, w.accreditation(m.did, id, "issue")))
			}
			network, err := n.Network(nil)
			if err != nil {
				t.Fatal(err)
			}
			remove := ballast(t, disk, test.left)
			// Something must be written for the lack of room to be felt; what becomes of it is not said.
			post(t, srv.URL, m.try(t, w.accreditation(m.did, "pending", "issue")))
			select {
			case <-n.Failed():
			case <-time.After(time.Minute):
				t.Fatal("it goes on")
			}
			if err := n.Err(); !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "disk full") {
				t.Errorf("it says %v", err)
			}
			_ = n.Close() // on a full disk it may have something to say
			srv.Close()
			if n, err := Open(t.Context(), c); err == nil {
				n.Close()
				t.Error("it starts on a full disk")
			}
			remove()
			_, srv = openConfig(t, c)
			p := read(t, srv.URL, network, ledger.KeyAccreditations(m.did), ledger.KeySequence(m.did))
			all, err := p.Accreditations(t.Context(), m.did)
			if err != nil || len(all) < 3 {
				t.Errorf("%d accreditations, %v", len(all), err)
			}
			if len(all) == 4 {
				m.seq++
			}
			write(t, srv.URL, m.sign(t, w.accreditation(m.did, "later", "issue")))
		})
	}
}
