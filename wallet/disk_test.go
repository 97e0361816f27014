package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// diskOptions is a wallet on the real disk.
func diskOptions(dir string) Options {
	o := memOptions(nil, newClock(noon).Now)
	o.Dir, o.fs = dir, nil
	return o
}

// files reads every file below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the database removed it meanwhile
		}
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// spellings are the ways in which a text could lie on a disk.
func spellings(s string) []string {
	out := []string{s, strings.ToUpper(s), hex.EncodeToString([]byte(s))}
	for skip := range 3 { // base64 looks different at each of three offsets
		if len(s) > skip+6 {
			whole := base64.StdEncoding.EncodeToString([]byte(s[skip:]))
			out = append(out, whole[:len(whole)-4])
		}
	}
	wide := ""
	for _, r := range s {
		wide += string([]byte{byte(r), 0})
	}
	return append(out, wide)
}

// testPlaintext is WAL-02.
func testPlaintext(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "wallet")
	wal := w.wallet(func(o *Options) { o.Dir = dir })
	cards := receive(t, wal, w.offer(), "")
	link, a := w.ask(query(`["age_equal_or_over","18"]`, `["family_name"]`), nil)
	if _, err := present(t, wal, link).Share(t.Context(), Choice{AllowExtra: true}); err != nil {
		t.Fatal(err)
	}
	r, err := wal.record(cards[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{canaryName, canaryNumber, "Canarina", "2000-01-31", "Teststraat", personType, townName, "family_name", testPIN, a.request.Nonce, "Persoonsgegevens"}
	for _, c := range r.Copies {
		copied, err := wal.copy(copyName(r.ID, c.ID))
		if err != nil {
			t.Fatal(err)
		}
		held, err := copied.held()
		if err != nil {
			t.Fatal(err)
		}
		compact := held.String()
		secrets = append(secrets, string(copied[:scalarSize]), string(copied[8:24]), compact[:60], compact[len(compact)-60:])
	}
	look := func(when string) {
		hits, size := 0, 0
		for _, d := range []string{dir, temp} {
			for name, data := range files(t, d) {
				size += len(data)
				for _, s := range secrets {
					for _, spelled := range spellings(s) {
						if strings.Contains(data, spelled) {
							hits++
							t.Errorf("%s: %s holds a secret of %d characters", when, name, len(s))
						}
					}
				}
			}
		}
		t.Logf("%s: %d hits in %d bytes", when, hits, size)
	}
	look("running")
	if err := wal.store.purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	look("tables")
	mustClose(t, wal)
	look("closed")
	// Control: the same search finds what is there.
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("...."+base64.StdEncoding.EncodeToString([]byte("ab"+canaryName))), 0o600); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, data := range files(t, dir) {
		for _, s := range spellings(canaryName) {
			found = found || strings.Contains(data, s)
		}
	}
	if !found {
		t.Error("the search finds nothing at all")
	}
}

// fullFS is a disk that can be full.
type fullFS struct {
	*vfs.MemFS
	full atomic.Bool
}

func (f *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.MemFS.Create(name, c)
	return &fullFile{file, f}, err
}

type fullFile struct {
	vfs.File
	f *fullFS
}

func (f *fullFile) Write(p []byte) (int, error) {
	if f.f.full.Load() {
		return 0, &fs.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
	}
	return f.File.Write(p)
}

// testDiskFull is WAL-09.
func testDiskFull(t *testing.T) {
	w := newWorld(t)
	disk := &fullFS{MemFS: vfs.NewMem()}
	wal := w.wallet(func(o *Options) { o.Dir, o.fs = "w", disk })
	receive(t, wal, w.offer(), "")
	control(t, w, wal)
	want := mustContents(t, wal)
	w.events = nil

	i, err := wal.Receive(t.Context(), w.offer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Fetch(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	disk.full.Store(true)
	_, err = i.Accept(t.Context())
	if !errors.Is(err, ErrDiskFull) {
		t.Errorf("on a full disk: %v", err)
	}
	if len(w.events) != 1 || w.events[0] != "credential_failure" {
		t.Errorf("events %q", w.events)
	}
	// What came after a failure is refused too, and nothing hangs.
	if err := addCard(t.Context(), wal, "later", 1); CategoryOf(err) != StoreCorrupt {
		t.Errorf("after the failure: %v", err)
	}
	wal.Close()
	disk.full.Store(false)
	o := memOptions(disk, w.now)
	wal = mustOpen(t, o)
	defer wal.Close()
	if diff := cmp.Diff(want, mustContents(t, wal)); diff != "" {
		t.Errorf("the old store changed:\n%s", diff)
	}
	w.events = nil
	receive(t, wal, w.offer(), "")
	control(t, w, wal)
}

const helperEnv = "ZEGEL_TEST_WALLET"

// TestHelperProcess is the second process of WAL-10; by itself it does nothing.
func TestHelperProcess(t *testing.T) {
	dir := os.Getenv(helperEnv)
	if dir == "" {
		t.Skip("started by another test only")
	}
	w, err := Open(t.Context(), diskOptions(dir), testPIN)
	if err == nil {
		w.Close()
	}
	fmt.Printf("category=%s.\n", CategoryOf(err))
}

func secondProcess(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperProcess$", "-test.v")
	cmd.Env = append(os.Environ(), helperEnv+"="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "category=")
	category, _, _ := strings.Cut(rest, ".")
	return category
}

// testOneProcess is WAL-10.
func testOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wallet")
	w, err := Create(t.Context(), diskOptions(dir), Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := addCard(t.Context(), w, "one", 2); err != nil {
		t.Fatal(err)
	}
	want, before := mustContents(t, w), files(t, dir)
	if got := secondProcess(t, dir); got != string(Locked) {
		t.Errorf("second process: %q", got)
	}
	if _, err := Open(t.Context(), diskOptions(dir), testPIN); CategoryOf(err) != Locked {
		t.Errorf("second time in one process: %v", err)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error("the second process changed files")
	}
	mustClose(t, w)
	// Control: when the first has ended, another process opens it.
	if got := secondProcess(t, dir); got != "" {
		t.Errorf("after the first has ended: %q", got)
	}

	// A newer format is refused, whatever else the file says, and nothing changes.
	h := &home{guard: newGuard(nil), dir: dir, now: newClock(noon).Now}
	if err := h.readLock(); err != nil {
		t.Fatal(err)
	}
	good := files(t, dir)
	newer := *h.lock
	newer.Format++
	for _, name := range []string{keyFile, keyCopyFile} {
		if err := h.save(h.path(name), newer); err != nil {
			t.Fatal(err)
		}
	}
	before = files(t, dir)
	_, err = Open(t.Context(), diskOptions(dir), testPIN)
	if CategoryOf(err) != StoreCorrupt || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("newer format: %v", err)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error("a newer store was changed")
	}
	for _, name := range []string{keyFile, keyCopyFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(good[filepath.Join(dir, name)]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w = mustOpen(t, diskOptions(dir))
	if diff := cmp.Diff(want, mustContents(t, w)); diff != "" {
		t.Error(diff)
	}
	mustClose(t, w)
}

// testDelete is WAL-13.
func testDelete(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wallet")
	w, err := Create(t.Context(), diskOptions(dir), Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"gone", "stays"} {
		if err := addCard(t.Context(), w, id, 3); err != nil {
			t.Fatal(err)
		}
	}
	sealed := func(id string) (all [][]byte) {
		r, err := w.record(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Copies {
			d := w.store.diskName(copyName(id, c.ID))
			value, closer, err := w.store.db.Get(d[:])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, bytes.Clone(value[:24])) // its random nonce tells it from every other
			closer.Close()
		}
		return all
	}
	gone, stays := sealed("gone"), sealed("stays")
	count := func(marks [][]byte) (n int) {
		for _, data := range files(t, dir) {
			for _, m := range marks {
				n += strings.Count(data, string(m))
			}
		}
		return n
	}
	if count(gone) < 3 || count(stays) < 3 {
		t.Fatal("the search does not find what is there")
	}
	r, _ := w.record("gone")
	if err := w.Delete(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), "gone"); !errors.Is(err, ErrNoCard) {
		t.Errorf("deleted twice: %v", err)
	}
	for _, c := range r.Copies {
		if data, err := w.store.get(copyName("gone", c.ID)); err != nil || data != nil {
			t.Errorf("a key is still there: %v", err)
		}
	}
	mustClose(t, w) // waits for the removal of old files
	if n := count(gone); n != 0 {
		t.Errorf("%d deleted copies are still on the disk", n)
	}
	if count(stays) < 3 {
		t.Error("the other card's copies are gone")
	}
	w = mustOpen(t, diskOptions(dir))
	defer w.Close()
	cards, err := w.Cards(t.Context())
	if err != nil || len(cards) != 1 || cards[0].ID != "stays" {
		t.Errorf("cards: %+v, %v", cards, err)
	}
	entries, err := w.History(t.Context())
	if err != nil || len(entries) != 3 || entries[0].Kind != "deleted" || entries[2].Kind != "received" {
		t.Errorf("history: %+v, %v", entries, err)
	}
}

func TestOpenNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), diskOptions(filepath.Join(dir, "none")), testPIN); !errors.Is(err, ErrNoWallet) {
		t.Errorf("no directory: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), diskOptions(empty), testPIN); !errors.Is(err, ErrNoWallet) {
		t.Errorf("empty directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(empty, "brief.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), diskOptions(empty), Setup{Secret: testPIN, Dev: true}); err == nil {
		t.Error("made a wallet among other files")
	}
	if got := files(t, empty); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
}
