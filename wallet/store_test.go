package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

const (
	testPIN  = "728194"
	otherPIN = "583027"
)

// cheap costs make a test of a thousand openings possible; that the real ones are used is tested by itself.
var cheap = kdf{Time: 1, Memory: 8, Threads: 1}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// clock is a clock that tests move.
type clock struct{ at atomic.Int64 }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.at.Store(t.UnixNano())
	return c
}
func (c *clock) Now() time.Time      { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) Add(d time.Duration) { c.at.Add(int64(d)) }

func memOptions(mem vfs.FS, now func() time.Time) Options {
	return Options{Dir: "w", Now: now, fs: mem, costs: cheap}
}

func mustCreate(t *testing.T, o Options) *Wallet {
	t.Helper()
	w, err := Create(t.Context(), o, Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustOpen(t *testing.T, o Options) *Wallet {
	t.Helper()
	w, err := Open(t.Context(), o, testPIN)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustClose(t *testing.T, w *Wallet) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// canary is a made-up person whose data must be found nowhere outside of the wallet.
const (
	canaryName   = "Canarina Testvogelmans"
	canaryNumber = "999999990"
)

// addCard stores a card as an issuance would.
func addCard(ctx context.Context, w *Wallet, id string, copies int) error {
	r := &cardRecord{
		ID: id, Type: "urn:example:card:" + id, Issuer: issuerRecord{DID: "did:zegel:proef:abc", Name: "Gemeente Proefstad", Registered: true},
		Claims: map[string]any{"family_name": canaryName, "number": canaryNumber}, Subject: map[string]any{"family_name": canaryName, "number": canaryNumber},
		Received: w.opts.Now(), Status: "valid",
	}
	var writes []write
	for i := range copies {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		c := copyState{ID: fmt.Sprint(id, "-", i)}
		r.Copies = append(r.Copies, c)
		writes = append(writes, put(copyName(id, c.ID), copyRecord{Key: der, Credential: strings.Repeat("eyJ"+canaryName+"~", 50)}))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	writes = append(writes, put(cardPrefix+id, r), w.entry(Entry{Kind: "received", Party: r.Issuer.Name, Outcome: "ok"}))
	return w.store.commit(ctx, writes...)
}

// contents is everything a wallet holds, for comparison.
func contents(w *Wallet) (map[string]string, error) {
	all := map[string]string{}
	for _, name := range w.store.list("") {
		data, err := w.store.get(name)
		if err != nil {
			return nil, err
		}
		all[name] = string(data)
	}
	records, err := w.records()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		for _, c := range r.Copies {
			data, err := w.store.get(copyName(r.ID, c.ID))
			if err != nil {
				return nil, err
			}
			if data == nil {
				return nil, fmt.Errorf("copy %q of %q is missing", c.ID, r.ID)
			}
			all[copyName(r.ID, c.ID)] = string(data)
		}
	}
	return all, nil
}

func mustContents(t *testing.T, w *Wallet) map[string]string {
	t.Helper()
	c, err := contents(w)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filled is a closed wallet on a simulated disk, with tables, logs and several generations.
func filled(t *testing.T, now func() time.Time) (*vfs.MemFS, map[string]string) {
	t.Helper()
	mem := vfs.NewMem()
	w := mustCreate(t, memOptions(mem, now))
	for i := range 4 {
		if err := addCard(t.Context(), w, fmt.Sprint("card", i), 3); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := w.Delete(t.Context(), "card0"); err != nil { // flushes and compacts
				t.Fatal(err)
			}
		}
	}
	want := mustContents(t, w)
	mustClose(t, w)
	return mem, want
}

// copyDisk returns a copy of a simulated disk.
func copyDisk(t *testing.T, from vfs.FS) *vfs.MemFS {
	t.Helper()
	to := vfs.NewMem()
	if _, err := vfs.Clone(from, to, "w", "w"); err != nil {
		t.Fatal(err)
	}
	return to
}

func readAll(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, info.Size())
	if len(data) > 0 {
		if _, err := f.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

func writeAll(t *testing.T, fs vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	f.Sync()
	f.Close()
}

// disk lists the files of the wallet.
func disk(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	var files []string
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		for _, n := range names {
			path := fs.PathJoin(dir, n)
			info, err := fs.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() {
				walk(path)
			} else {
				files = append(files, path)
			}
		}
	}
	walk("w")
	return files
}

// requireWholeOrStopped is the rule for damage: everything is there as it was, or the wallet says that it is damaged.
func requireWholeOrStopped(t *testing.T, fs vfs.FS, c *clock, want map[string]string, what string) (opened bool) {
	t.Helper()
	w, err := Open(t.Context(), memOptions(fs, c.Now), testPIN)
	var locked *LockedError
	if errors.As(err, &locked) && !locked.Wrong && !locked.Blocked {
		// A damaged counter counts as many tries: after the wait the same wallet opens.
		later := newClock(c.Now().Add(time.Hour + time.Second))
		w, err = Open(t.Context(), memOptions(fs, later.Now), testPIN)
	}
	if err != nil {
		if CategoryOf(err) != StoreCorrupt {
			t.Errorf("%s: %v", what, err)
		}
		return false
	}
	defer w.Close()
	got, err := contents(w)
	if err != nil {
		if CategoryOf(err) != StoreCorrupt {
			t.Errorf("%s: %v", what, err)
		}
		return false
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: other content:\n%s", what, diff)
	}
	return true
}

// testDamage is WAL-01.
func testDamage(t *testing.T) {
	c := newClock(noon)
	mem, want := filled(t, c.Now)
	files := disk(t, mem)
	opened, stopped := 0, 0
	count := func(ok bool) {
		if ok {
			opened++
		} else {
			stopped++
		}
	}
	for _, name := range files {
		data := readAll(t, mem, name)
		last := -1
		for k := range 256 {
			cut := len(data) * k / 256
			if cut == last || testing.Short() && k%16 != 0 {
				continue
			}
			last = cut
			broken := copyDisk(t, mem)
			writeAll(t, broken, name, data[:cut])
			count(requireWholeOrStopped(t, broken, c, want, fmt.Sprintf("%s cut at %d of %d", name, cut, len(data))))
		}
	}
	total := 0
	for _, name := range files {
		total += len(readAll(t, mem, name))
	}
	rng := mathrand.New(mathrand.NewPCG(1, 2))
	flips := 2000
	if testing.Short() {
		flips = 200
	}
	for range flips {
		at := rng.IntN(total)
		for _, name := range files {
			data := readAll(t, mem, name)
			if at >= len(data) {
				at -= len(data)
				continue
			}
			broken := copyDisk(t, mem)
			flipped := slices.Clone(data)
			flipped[at] ^= 1 << rng.IntN(8)
			writeAll(t, broken, name, flipped)
			count(requireWholeOrStopped(t, broken, c, want, fmt.Sprintf("%s flipped at %d of %d", name, at, len(data))))
			break
		}
	}
	for _, name := range files {
		broken := copyDisk(t, mem)
		if err := broken.Remove(name); err != nil {
			t.Fatal(err)
		}
		count(requireWholeOrStopped(t, broken, c, want, name+" removed"))
	}
	t.Logf("%d opened whole, %d stopped", opened, stopped)
	if opened == 0 || stopped == 0 {
		t.Errorf("%d opened whole and %d stopped: the damage does not reach both ends", opened, stopped)
	}
	// Control: the store without damage opens.
	if !requireWholeOrStopped(t, copyDisk(t, mem), c, want, "no damage") {
		t.Error("a store without damage does not open")
	}
}

// testWrongPINs is WAL-03.
func testWrongPINs(t *testing.T) {
	c := newClock(noon)
	mem, want := filled(t, c.Now)
	o := memOptions(mem, c.Now)
	tries := 0
	for round, wait := range append(slices.Clone(waits), 0) {
		for n := range triesPerRound {
			tries++
			_, err := Open(t.Context(), o, otherPIN)
			var locked *LockedError
			if !errors.As(err, &locked) || CategoryOf(err) != Locked || !locked.Wrong {
				t.Fatalf("wrong try %d: %v", tries, err)
			}
			if last := n == triesPerRound-1; last && round < len(waits) && !locked.Until.Equal(c.Now().Add(wait)) {
				t.Fatalf("after round %d: wait until %v, want %v", round+1, locked.Until, c.Now().Add(wait))
			} else if !last && locked.Left != triesPerRound-1-n {
				t.Fatalf("wrong try %d: %d left", tries, locked.Left)
			}
			if round == len(waits) && n == triesPerRound-1 && !locked.Blocked {
				t.Fatal("not blocked after the last try")
			}
		}
		if round == len(waits) {
			break
		}
		// The right PIN does not shorten the wait, and trying it costs nothing. Every Open is a restart.
		c.Add(wait - time.Second)
		_, err := Open(t.Context(), o, testPIN)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Wrong || locked.Until.IsZero() {
			t.Fatalf("inside the wait: %v", err)
		}
		// A clock set back does not end the wait either.
		c.Add(-48 * time.Hour)
		if _, err := Open(t.Context(), o, testPIN); CategoryOf(err) != Locked {
			t.Fatalf("clock set back: %v", err)
		}
		c.Add(wait + time.Second)
		if round == 0 {
			// Control: after the wait the right PIN opens, and begins anew.
			again := copyDisk(t, mem)
			w := mustOpen(t, memOptions(again, c.Now))
			if diff := cmp.Diff(want, mustContents(t, w)); diff != "" {
				t.Error(diff)
			}
			mustClose(t, w)
			_, err := Open(t.Context(), memOptions(again, c.Now), otherPIN)
			if !errors.As(err, &locked) || locked.Left != triesPerRound-1 {
				t.Errorf("after a good PIN: %v", err)
			}
		}
	}
	for range 3 {
		c.Add(365 * 24 * time.Hour)
		_, err := Open(t.Context(), o, testPIN)
		var locked *LockedError
		if !errors.As(err, &locked) || !locked.Blocked {
			t.Fatalf("after %d wrong tries: %v", tries, err)
		}
	}
}

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
	cut := func(what string) {
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
	for step := 0; cuts < wantCuts; step++ {
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
			do = func() error { return addCard(t.Context(), w, id, 1+rng.IntN(3)) }
		}
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
