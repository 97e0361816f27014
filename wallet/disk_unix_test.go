//go:build unix

package wallet

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// testPrivateFiles is WAL-11. That the PIN is in no argument, environment or log is a matter of the command line.
func testPrivateFiles(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	top := t.TempDir()
	dir := filepath.Join(top, "wallet")
	w, err := Create(t.Context(), diskOptions(dir), Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := addCard(t.Context(), w, "one", 2); err != nil {
		t.Fatal(err)
	}
	if err := w.store.purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	modes := func() {
		t.Helper()
		n := 0
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			info, err := d.Info()
			if err != nil {
				return nil
			}
			n++
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				t.Errorf("%s has mode %04o", path, info.Mode().Perm())
			}
			return nil
		})
		if n < 8 {
			t.Errorf("%d files only", n)
		}
	}
	modes()
	mustClose(t, w)
	modes()

	link := filepath.Join(top, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if w, err := Open(t.Context(), diskOptions(link), testPIN); err == nil {
		w.Close()
		t.Error("opened through a symbolic link")
	}
	aim := filepath.Join(top, "aim")
	if err := os.Mkdir(aim, 0o700); err != nil {
		t.Fatal(err)
	}
	newLink := filepath.Join(top, "newlink")
	if err := os.Symlink(aim, newLink); err != nil {
		t.Fatal(err)
	}
	if w, err := Create(t.Context(), diskOptions(newLink), Setup{Secret: testPIN, Dev: true}); err == nil {
		w.Close()
		t.Error("made through a symbolic link")
	}
	if got := files(t, aim); len(got) != 0 {
		t.Errorf("files behind the link: %v", got)
	}

	// A symbolic link in the place of each file, temporary ones included, is refused and not followed.
	victim := filepath.Join(top, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"key.new", "attempts.new", "attempts", "generation", "key.copy", "store/LOCK", "store/000099.log"} {
		path := filepath.Join(dir, name)
		kept, readErr := os.ReadFile(path)
		os.Remove(path)
		if err := os.Symlink(victim, path); err != nil {
			t.Fatal(err)
		}
		if w, err := Open(t.Context(), diskOptions(dir), testPIN); err == nil {
			w.Close()
			t.Errorf("%s as a symbolic link: opened", name)
		}
		os.Remove(path)
		if readErr == nil {
			if err := os.WriteFile(path, kept, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if data, _ := os.ReadFile(victim); string(data) != "mine" {
		t.Errorf("the file behind the links is now %q", data)
	}

	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if w, err := Open(t.Context(), diskOptions(dir), testPIN); err == nil {
		w.Close()
		t.Error("opened a directory that others may enter")
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w = mustOpen(t, diskOptions(dir))
	if cards, err := w.Cards(t.Context()); err != nil || len(cards) != 1 {
		t.Errorf("control: %v, %v", cards, err)
	}
	mustClose(t, w)
}
