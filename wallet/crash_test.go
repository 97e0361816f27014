package wallet

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// crashFS calls before every change of the simulated disk.
type crashFS struct {
	*vfs.MemFS
	before func(what string)
}

func (f *crashFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f.before("create " + name)
	file, err := f.MemFS.Create(name, c)
	return &crashFile{file, f}, err
}
func (f *crashFS) Remove(name string) error { f.before("remove " + name); return f.MemFS.Remove(name) }
func (f *crashFS) Rename(a, b string) error {
	f.before("rename " + a)
	return f.MemFS.Rename(a, b)
}
func (f *crashFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.MemFS.OpenDir(name)
	return &crashFile{file, f}, err
}

type crashFile struct {
	vfs.File
	f *crashFS
}

func (c *crashFile) Write(p []byte) (int, error) { c.f.before("write"); return c.File.Write(p) }
func (c *crashFile) Sync() error                 { c.f.before("sync"); return c.File.Sync() }
func (c *crashFile) SyncData() error             { c.f.before("sync"); return c.File.SyncData() }

// testCrashOfPINChange is WAL-04.
func testCrashOfPINChange(t *testing.T) {
	c := newClock(noon)
	mem := vfs.NewCrashableMem()
	fs := &crashFS{MemFS: mem, before: func(string) {}}
	w := mustCreate(t, memOptions(fs, c.Now))
	if err := addCard(t.Context(), w, "one", 2); err != nil {
		t.Fatal(err)
	}
	want := mustContents(t, w)
	rng := mathrand.New(mathrand.NewPCG(3, 4))
	points, old, fresh := 0, 0, 0
	check := func(what string) {
		for _, percent := range []int{0, 50, 100} {
			points++
			after := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			o := memOptions(after, c.Now)
			got, err := Open(context.Background(), o, testPIN)
			if err == nil {
				old++
			} else if got, err = Open(context.Background(), o, otherPIN); err == nil {
				fresh++
			} else {
				t.Errorf("%s (%d %%): neither PIN works: %v", what, percent, err)
				continue
			}
			have, err := contents(got)
			if err != nil || !cmp.Equal(want, have) {
				t.Errorf("%s (%d %%): content differs: %v", what, percent, err)
			}
			got.Close()
		}
	}
	fs.before = check
	if err := w.ChangeSecret(t.Context(), testPIN, otherPIN); err != nil {
		t.Fatal(err)
	}
	fs.before = func(string) {}
	check("after")
	mustClose(t, w)
	if old == 0 || fresh == 0 {
		t.Errorf("of %d crashes %d left the old PIN and %d the new one", points, old, fresh)
	}
	// Control: without a crash only the new one works.
	if _, err := Open(t.Context(), memOptions(mem, c.Now), testPIN); CategoryOf(err) != Locked {
		t.Errorf("old PIN after the change: %v", err)
	}
	w, err := Open(t.Context(), memOptions(mem, c.Now), otherPIN)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, w)
	t.Logf("%d crashes", points)
}

// testPowerCuts is WAL-08.
func testPowerCuts(t *testing.T) {
	c := newClock(noon)
	mem := vfs.NewCrashableMem()
	fs := &crashFS{MemFS: mem, before: func(string) {}}
	w := mustCreate(t, memOptions(fs, c.Now))
	rng := mathrand.New(mathrand.NewPCG(5, 6))

	// What must be there: the state that was acknowledged, or the one that is on its way.
	var acked, coming atomic.Pointer[map[string]bool]
	secrets := []string{testPIN}
	empty := map[string]bool{}
	acked.Store(&empty)
	coming.Store(&empty)

	changed := false
	const wantCuts = 1000
	cuts := 0
	// The database writes from goroutines of its own, so cuts come from several.
	var one sync.Mutex
	enough := func() bool {
		one.Lock()
		defer one.Unlock()
		return cuts >= wantCuts
	}
	cut := func(what string) {
		one.Lock()
		defer one.Unlock()
		if cuts >= wantCuts {
			return
		}
		cuts++
		after := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		o := memOptions(after, c.Now)
		var got *Wallet
		var err error
		for _, s := range secrets {
			if got, err = Open(context.Background(), o, s); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("cut %d, before %s: %v", cuts, what, err)
			return
		}
		defer got.Close()
		all, err := contents(got)
		if err != nil {
			t.Errorf("cut %d, before %s: %v", cuts, what, err)
			return
		}
		if err := got.note(context.Background(), Entry{Kind: "failed"}); err != nil {
			t.Errorf("cut %d, before %s: the first change: %v", cuts, what, err)
		}
		have := map[string]bool{}
		for name := range all {
			if id, ok := strings.CutPrefix(name, cardPrefix); ok {
				have[id] = true
			}
		}
		if !cmp.Equal(have, *acked.Load()) && !cmp.Equal(have, *coming.Load()) {
			t.Errorf("cut %d, before %s: have %v, acknowledged %v", cuts, what, have, *acked.Load())
		}
	}
	fs.before = func(what string) { cut(what) }
	for step := 0; !enough(); step++ {
		next := map[string]bool{}
		for id := range *acked.Load() {
			next[id] = true
		}
		ids := make([]string, 0, len(next))
		for id := range next {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		var do func() error
		one.Lock()
		switch {
		case step%5 == 4: // a new start, with all that the database does then
			do = func() error {
				if err := w.Close(); err != nil {
					return err
				}
				for _, s := range secrets {
					if got, err := Open(t.Context(), memOptions(fs, c.Now), s); err == nil {
						w = got
						return nil
					}
				}
				return errors.New("the wallet does not open again")
			}
		case step%7 == 6:
			old, fresh := testPIN, otherPIN
			if changed {
				old, fresh = otherPIN, testPIN
			}
			changed = !changed
			secrets = []string{old, fresh}
			do = func() error { return w.ChangeSecret(t.Context(), old, fresh) }
		case len(ids) > 4 || len(ids) > 0 && step%3 == 2:
			id := ids[rng.IntN(len(ids))]
			delete(next, id)
			do = func() error { return w.Delete(t.Context(), id) }
		default:
			id := fmt.Sprint("card", step)
			next[id] = true
			copies := 1 + rng.IntN(3)
			do = func() error { return addCard(t.Context(), w, id, copies) }
		}
		one.Unlock()
		coming.Store(&next)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		acked.Store(&next)
	}
	fs.before = func(string) {}
	mustClose(t, w)
	t.Logf("%d power cuts", cuts)
}
