package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
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
		issued, err := sdjwt.Issue(key, jose.Header{}, map[string]any{"family_name": sdjwt.Selective{Value: canaryName}}, 1)
		if err != nil {
			return err
		}
		kept, err := newCopy(key, issued)
		if err != nil {
			return err
		}
		c := copyState{ID: fmt.Sprint(id, "-", i)}
		r.Copies = append(r.Copies, c)
		writes = append(writes, putCopy(id, c.ID, kept))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	writes = append(writes, put(cardPrefix+id, r), w.entry(Entry{Kind: "received", Party: r.Issuer.Name, Outcome: "ok"}))
	return w.commit(ctx, writes...)
}

// contents is everything a wallet holds, for comparison. It is read twice: record by record as the screens do, and as a
// whole; and the list must say what the cards say.
func contents(w *Wallet) (map[string]string, error) {
	all := map[string]string{}
	records, err := w.records()
	if err != nil {
		return nil, err
	}
	have, err := w.listed()
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if !reflect.DeepEqual(r.listed(), *have[i]) {
			return nil, fmt.Errorf("the list has %+v, the card %+v", *have[i], r.listed())
		}
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
	if _, err := w.History(context.Background()); err != nil {
		return nil, err
	}
	whole, err := w.store.all("")
	if err != nil {
		return nil, err
	}
	cards := 0
	for name, data := range whole {
		if strings.HasPrefix(name, copyPrefix) && all[name] != string(data) {
			return nil, fmt.Errorf("%s: read alone it is %q, in the whole %q", name, all[name], data)
		}
		if strings.HasPrefix(name, cardPrefix) {
			cards++
		}
		all[name] = string(data)
	}
	if len(whole) != len(all) || cards != len(records) {
		return nil, fmt.Errorf("%d records and %d cards of %d in the list", len(whole), cards, len(records))
	}
	return all, nil
}

func has(t *testing.T, w *Wallet, name string) bool {
	t.Helper()
	is, err := w.store.has(name)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// names lists what a wallet holds with a prefix.
func names(t *testing.T, w *Wallet, prefix string) []string {
	t.Helper()
	all, err := w.store.all(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(all))
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
	// What can be read can be changed, or the wallet says why not; the first change opens the database for writing.
	if err := addCard(t.Context(), w, "new", 1); err != nil {
		if CategoryOf(err) != StoreCorrupt {
			t.Errorf("%s: change: %v", what, err)
		}
		return false
	}
	if got, err = contents(w); err != nil {
		if CategoryOf(err) != StoreCorrupt {
			t.Errorf("%s: after a change: %v", what, err)
		}
		return false
	}
	for name, data := range want {
		if got[name] != data && !strings.HasPrefix(name, listPrefix) {
			t.Errorf("%s: after a change %s is another", what, name)
		}
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
