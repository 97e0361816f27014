package wallet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Names in the wallet's directory.
const (
	keyFile        = "key"        // how the secret opens the store; the wallet exists from the moment this file does
	keyCopyFile    = "key.copy"   // the same once more, for a damaged disk
	attemptsFile   = "attempts"   // wrong tries
	generationFile = "generation" // newest generation of the store, where there is no keychain
	unfinishedFile = "unfinished" // a wallet that is being made
	storeDir       = "store"
)

// maxFile bounds the small files beside the store.
const maxFile = 64 << 10

// guard is the file system that the store works on. It makes files private, and it can be shut: after the database has
// stopped because of damage, what is left of it must not write any more.
type guard struct {
	vfs.FS
	disk bool // on a real disk, where permissions exist

	once   sync.Once
	dead   chan struct{}
	mu     sync.Mutex
	reason error // why it was shut
	failed error // first write that failed
	locks  []*heldLock
}

func newGuard(inner vfs.FS) *guard {
	g := &guard{FS: inner, dead: make(chan struct{})}
	if inner == nil {
		g.FS, g.disk = vfs.Default, true
	}
	return g
}

// shut stops all writing for good.
func (g *guard) shut(reason error) {
	g.once.Do(func() {
		g.mu.Lock()
		g.reason = reason
		g.mu.Unlock()
		close(g.dead)
	})
}

func (g *guard) isShut() bool {
	select {
	case <-g.dead:
		return true
	default:
		return false
	}
}

// cause returns why the store stopped: rather the write that failed than what the database made of it.
func (g *guard) cause() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failed != nil {
		return g.failed
	}
	return g.reason
}

var errShut = errors.New("store has stopped")

func (g *guard) write(f func() error) error {
	if g.isShut() {
		return errShut
	}
	err := f()
	if err != nil {
		g.mu.Lock()
		if g.failed == nil {
			g.failed = err
		}
		g.mu.Unlock()
	}
	return err
}

// private makes a new file readable by its owner only. The directory is private already, so nobody can be quicker.
func (g *guard) private(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	if g.disk {
		if err := os.Chmod(name, 0o600); err != nil {
			f.Close()
			return nil, err
		}
	}
	return &guardedFile{File: f, g: g}, nil
}

// Create implements [vfs.FS].
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") {
		// A marker says which manifest counts. The database does not wait until the manifest's own name is on disk, so
		// that a power cut can leave the marker without it.
		if err := g.write(func() error { return g.syncDir(g.PathDir(name)) }); err != nil {
			return nil, err
		}
	}
	if err := g.write(func() error { f, err = g.FS.Create(name, c); return err }); err != nil {
		return nil, err
	}
	return g.private(name, f, nil)
}

// OpenReadWrite implements [vfs.FS].
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (f vfs.File, err error) {
	if err := g.write(func() error { f, err = g.FS.OpenReadWrite(name, c, o...); return err }); err != nil {
		return nil, err
	}
	return g.private(name, f, nil)
}

// ReuseForWrite implements [vfs.FS]. Old files are removed instead, since they hold what was deleted.
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := g.Remove(oldname); err != nil {
		return nil, err
	}
	return g.Create(newname, c)
}

// Remove implements [vfs.FS].
func (g *guard) Remove(name string) error {
	if g.isShut() {
		return errShut
	}
	return g.FS.Remove(name)
}

// Rename implements [vfs.FS].
func (g *guard) Rename(oldname, newname string) error {
	return g.write(func() error { return g.FS.Rename(oldname, newname) })
}

// Lock implements [vfs.FS].
func (g *guard) Lock(name string) (io.Closer, error) {
	take := g.FS.Lock
	if g.disk {
		take = lockFileOnDisk
	}
	c, err := take(name)
	if err != nil {
		return nil, err
	}
	l := &heldLock{Closer: c}
	g.mu.Lock()
	g.locks = append(g.locks, l)
	g.mu.Unlock()
	return l, nil
}

// heldLock is let go of once, by whoever comes first.
type heldLock struct {
	io.Closer
	once sync.Once
}

// Close implements [io.Closer].
func (l *heldLock) Close() (err error) {
	l.once.Do(func() { err = l.Closer.Close() })
	return err
}

// unlock lets go of all locks. A database that stopped because of damage never does so itself.
func (g *guard) unlock() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, l := range g.locks {
		errs = append(errs, l.Close())
	}
	g.locks = nil
	return errors.Join(errs...)
}

type guardedFile struct {
	vfs.File
	g *guard
}

func (f *guardedFile) Write(p []byte) (n int, err error) {
	f.g.write(func() error { n, err = f.File.Write(p); return err })
	if err == nil && n < len(p) {
		err = errShut
	}
	return n, err
}

func (f *guardedFile) WriteAt(p []byte, off int64) (n int, err error) {
	f.g.write(func() error { n, err = f.File.WriteAt(p, off); return err })
	if err == nil && n < len(p) {
		err = errShut
	}
	return n, err
}

func (f *guardedFile) Sync() error     { return f.g.write(f.File.Sync) }
func (f *guardedFile) SyncData() error { return f.g.write(f.File.SyncData) }
func (f *guardedFile) SyncTo(n int64) (full bool, err error) {
	if shut := f.g.write(func() error { full, err = f.File.SyncTo(n); return err }); shut != nil {
		return false, shut
	}
	return full, err
}

// checkDir refuses a directory that others may enter, and symbolic links in it: somebody else could lead the wallet's
// files elsewhere.
func (g *guard) checkDir(dir string) error {
	if !g.disk {
		return nil
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("wallet directory %q is a symbolic link", dir)
	}
	if !info.IsDir() {
		return fmt.Errorf("wallet %q is not a directory", dir)
	}
	if !privateMode(info) {
		return fmt.Errorf("wallet directory %q can be entered by others (mode %04o); make it 0700", dir, info.Mode().Perm())
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || d.Type().IsRegular() {
			return nil
		}
		return fmt.Errorf("wallet file %q is a symbolic link or a special file", path)
	})
}

// makeDir makes a private directory, or accepts an empty one and makes it private.
func (g *guard) makeDir(dir string) error {
	if !g.disk {
		if err := g.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		return g.syncDir(g.PathDir(dir))
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("wallet directory %q is a symbolic link", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	// The directory's own name must survive a power cut too. A parent that cannot be read cannot be synced.
	if err := g.syncDir(g.PathDir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// save writes a small file whole or not at all, with a checksum, so that a damaged one is known from a wrong secret.
func (g *guard) save(path string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(line)
	data := append(line, '\n')
	data = append(data, hex.EncodeToString(sum[:])...)
	data = append(data, '\n')
	tmp := path + ".new"
	f, err := g.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := g.Rename(tmp, path); err != nil {
		return err
	}
	return g.syncDir(g.PathDir(path))
}

func (g *guard) syncDir(dir string) error {
	d, err := g.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

// errDamaged: a file beside the store is not as it was written.
var errDamaged = errors.New("damaged")

// load reads what save wrote. Errors: [errDamaged], and fs.ErrNotExist.
func (g *guard) load(path string, v any) error {
	f, err := g.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return fmt.Errorf("%q: %w: %v", path, errDamaged, err)
	}
	line, rest, ok := bytes.Cut(data, []byte("\n"))
	sum := sha256.Sum256(line)
	if !ok || string(rest) != hex.EncodeToString(sum[:])+"\n" {
		return fmt.Errorf("%q: %w: checksum", path, errDamaged)
	}
	if err := jose.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%q: %w: %v", path, errDamaged, err)
	}
	return nil
}

func (g *guard) exists(path string) bool {
	_, err := g.Stat(path)
	return err == nil
}
