package wallet

import (
	"errors"
	"io/fs"
	"strings"
	"time"
)

// Wipe destroys the wallet, as [Destroy] does.
func (w *Wallet) Wipe() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.store.close()
	return errors.Join(err, Destroy(w.opts)) // the store's own file system is shut
}

// Destroy destroys the wallet that is there, and those that [Backup.Restore] kept beside it: first what the key is wrapped
// in, so that nothing that is left opens, then the rest. It asks no secret, as deleting the files would not. A wallet that
// another process has open is left alone ([Locked]).
func Destroy(o Options) error {
	h := o.home()
	if h.exists(h.dir) {
		st := &store{home: h}
		if err := st.lockStore(); err != nil {
			return err
		}
		if err := h.unlock(); err != nil {
			return err
		}
	}
	return errors.Join(DestroyKept(o), o.home().destroy())
}

// kept returns the directories that lie beside the wallet's own because of a restore.
func (h *home) kept() []string {
	parent := h.PathDir(h.dir)
	names, err := h.List(parent)
	if err != nil {
		return nil
	}
	var out []string
	own := h.PathBase(h.dir)
	for _, name := range names {
		if strings.HasPrefix(name, own+keptInfix) || name == own+restoringSuffix {
			out = append(out, h.PathJoin(parent, name))
		}
	}
	return out
}

// KeptSince returns when a restore last put a wallet aside that still lies beside this one; zero if none does.
func KeptSince(o Options) (since time.Time) {
	h := o.home()
	for _, dir := range h.kept() {
		_, at, _ := strings.Cut(h.PathBase(dir), keptInfix)
		if t, err := time.Parse(keptTime, at); err == nil && t.After(since) {
			since = t
		}
	}
	return since
}

// DestroyKept destroys the wallets that restores put aside, and leaves the one in use as it is.
func DestroyKept(o Options) error {
	var errs []error
	for _, dir := range o.home().kept() {
		one := o
		one.Dir = dir
		errs = append(errs, one.home().destroy())
	}
	return errors.Join(errs...)
}

func (h *home) destroy() error {
	var errs []error
	lost := h.readLock() // one that cannot be read names no secret of the keychain
	for _, name := range []string{keyFile, keyCopyFile} {
		if err := h.Remove(h.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if lost == nil && h.lock.Keychain && h.keychain != nil {
		for _, what := range []string{"half", "attempts", "generation"} {
			if err := h.keychain.Delete(keychainName(h.lock.ID, what)); err != nil && !errors.Is(err, ErrNoSecret) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(append(errs, h.RemoveAll(h.dir))...)
}

// LastUsed returns when the wallet that is there was last written to, as far as its files tell; zero if there is none.
func LastUsed(o Options) time.Time {
	h := o.home()
	dir := h.path(storeDir)
	names, err := h.List(dir)
	if err != nil {
		return time.Time{}
	}
	var newest time.Time
	for _, name := range names {
		if info, err := h.Stat(h.PathJoin(dir, name)); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}
