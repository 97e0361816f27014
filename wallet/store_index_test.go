package wallet

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// onDisk reads or changes the sealed records of a closed wallet, as somebody could who has the files and not the key.
func onDisk(t *testing.T, fs vfs.FS, change func(*pebble.Batch)) map[diskName][]byte {
	t.Helper()
	s := &store{home: &home{guard: newGuard(fs), dir: "w"}}
	if err := s.openDB(false); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.closeDB(); err != nil {
			t.Fatal(err)
		}
	}()
	if change != nil {
		b := s.db.NewBatch()
		change(b)
		if err := b.Commit(pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	all := map[diskName][]byte{}
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for it.First(); it.Valid(); it.Next() {
		all[diskName(it.Key())] = slices.Clone(it.Value())
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Each record by itself is removed, put back to an older version, or swapped with another. What hangs on it is refused
// when it is read, and all else is as it was. Nothing is ever left out of the list without a word.
func TestRecordsBelongTogether(t *testing.T) {
	c := newClock(noon)
	mem := vfs.NewMem()
	w := mustCreate(t, memOptions(mem, c.Now))
	for i := range 6 {
		if err := addCard(t.Context(), w, fmt.Sprint("card", i), 2); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, w)
	old := onDisk(t, mem, nil)

	w = mustOpen(t, memOptions(mem, c.Now))
	for _, r := range must(w.records()) {
		r.Copies[0].Used, r.Status = true, "suspended"
		if err := w.commit(t.Context(), put(cardPrefix+r.ID, r)); err != nil {
			t.Fatal(err)
		}
	}
	want := mustContents(t, w)
	byName := map[string]diskName{}
	for name := range want {
		byName[name] = w.store.diskName(name)
	}
	byName[indexName] = w.store.diskName(indexName)
	for n := range pageCount {
		if d := w.store.diskName(pageName(n)); w.store.index.pages[n] != (stamp{}) {
			byName[pageName(n)] = d
		}
	}
	mustClose(t, w)
	now := onDisk(t, mem, nil)
	if len(now) != len(byName) {
		t.Fatalf("%d records on disk, %d by name", len(now), len(byName))
	}
	if len(must(mustOpenAndList(t, mem, c))) != 6 {
		t.Fatal("control: a store that nobody changed")
	}

	stopped, noticed := 0, 0
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		d := byName[name]
		var other diskName
		for _, n := range slices.Sorted(maps.Keys(byName)) {
			if kind, _, _ := strings.Cut(n, "/"); n != name && strings.HasPrefix(name, kind) {
				other = byName[n]
			}
		}
		for what, change := range map[string]func(*pebble.Batch){
			"removed": func(b *pebble.Batch) { b.Delete(d[:], nil) },
			"put back": func(b *pebble.Batch) {
				if before := old[d]; before != nil && !bytes.Equal(before, now[d]) {
					b.Set(d[:], before, nil)
				}
			},
			"swapped": func(b *pebble.Batch) {
				if other != (diskName{}) {
					b.Set(d[:], now[other], nil)
				}
			},
			"flipped": func(b *pebble.Batch) {
				bad := slices.Clone(now[d])
				bad[len(bad)-1] ^= 1
				b.Set(d[:], bad, nil)
			},
		} {
			broken := copyDisk(t, mem)
			if after := onDisk(t, broken, change); cmp.Equal(now, after) {
				continue // it has one version, or is alone of its kind
			}
			w, err := Open(t.Context(), memOptions(broken, c.Now), testPIN)
			if err != nil {
				stopped++
				if CategoryOf(err) != StoreCorrupt {
					t.Errorf("%s %s: %v", name, what, err)
				}
				continue
			}
			errs := 0
			failed := func(err error) bool {
				if err != nil {
					errs++
					if CategoryOf(err) != StoreCorrupt {
						t.Errorf("%s %s: %v", name, what, err)
					}
				}
				return err != nil
			}
			if list, err := w.List(t.Context()); !failed(err) && len(list) != 6 {
				t.Errorf("%s %s: %d cards in the list", name, what, len(list))
			}
			if _, err := w.History(t.Context()); err != nil {
				failed(err)
			}
			for record, value := range want {
				if got, err := w.store.get(record); !failed(err) && string(got) != value {
					t.Errorf("%s %s: %s is %q", name, what, record, got)
				}
			}
			if _, err := w.store.all(""); !failed(err) {
				t.Errorf("%s %s: the whole reads without an error", name, what)
			}
			if errs < 2 {
				t.Errorf("%s %s: read alone, nobody notices", name, what)
			}
			noticed++
			w.Close()
		}
	}
	t.Logf("%d changes stop the wallet, %d are noticed where they are", stopped, noticed)
	if stopped == 0 || noticed == 0 {
		t.Error("not both ends are reached")
	}
}

func mustOpenAndList(t *testing.T, fs vfs.FS, c *clock) ([]Card, error) {
	t.Helper()
	w := mustOpen(t, memOptions(fs, c.Now))
	defer w.Close()
	return w.List(t.Context())
}

// A record that was deleted and is put back counts for nothing, and a whole reading tells.
func TestDeletedRecordPutBack(t *testing.T) {
	c := newClock(noon)
	mem, _ := filled(t, c.Now)
	w := mustOpen(t, memOptions(mem, c.Now))
	gone := w.store.diskName(cardPrefix + "card1")
	mustClose(t, w)
	before := onDisk(t, mem, nil)[gone]
	w = mustOpen(t, memOptions(mem, c.Now))
	if err := w.Delete(t.Context(), "card1"); err != nil {
		t.Fatal(err)
	}
	mustClose(t, w)
	onDisk(t, mem, func(b *pebble.Batch) { b.Set(gone[:], before, nil) })
	w = mustOpen(t, memOptions(mem, c.Now))
	defer w.Close()
	if _, err := w.Card(t.Context(), "card1"); !errors.Is(err, ErrNoCard) {
		t.Errorf("a deleted card came back: %v", err)
	}
	if list, err := w.List(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%d cards, %v", len(list), err)
	}
	if _, err := w.store.all(""); CategoryOf(err) != StoreCorrupt {
		t.Errorf("the whole: %v", err)
	}
}

// counted counts what is decrypted.
type counted struct {
	cipher.AEAD
	n int
}

func (c *counted) Open(dst, nonce, box, data []byte) ([]byte, error) {
	c.n++
	return c.AEAD.Open(dst, nonce, box, data)
}

// Opening decrypts the same however many cards there are, and listing decrypts no card.
func TestOpenReadsLittle(t *testing.T) {
	c := newClock(noon)
	mem := vfs.NewMem()
	w := mustCreate(t, memOptions(mem, c.Now))
	fill := func(n int) {
		t.Helper()
		for i := range n {
			if err := addCard(t.Context(), w, fmt.Sprintf("card%d-%d", n, i), 1); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, w)
		w = mustOpen(t, memOptions(mem, c.Now))
	}
	for _, n := range []int{3, 60} {
		fill(n)
		pages := 0
		for _, p := range w.store.pages {
			if p != nil {
				pages++
			}
		}
		if pages > 1 || w.store.writable {
			t.Errorf("with %d cards opening reads %d pages; for writing: %v", n, pages, w.store.writable)
		}
	}
	count := &counted{AEAD: w.store.seal}
	w.store.seal = count
	if list, err := w.List(t.Context()); err != nil || len(list) != 63 || list[0].Claims != nil || list[0].Name == "" {
		t.Fatalf("%d cards, %v", len(list), err)
	}
	if count.n > 2*listParts {
		t.Errorf("listing 63 cards decrypts %d records", count.n)
	}
	count.n = 0
	if c, err := w.Card(t.Context(), "card3-1"); err != nil || c.Claims["number"] != canaryNumber {
		t.Errorf("%+v, %v", c, err)
	}
	if count.n > 2 {
		t.Errorf("one card decrypts %d records", count.n)
	}
	mustClose(t, w)
	if _, err := w.List(t.Context()); CategoryOf(err) != StoreCorrupt {
		t.Errorf("listed after closing: %v", err)
	}
}

// A table vanishes while the wallet is open. Before the first change only what lay in it is lost; after it the database
// gives up in the middle of a read. The reader hears of it, and nothing hangs.
func TestTableVanishes(t *testing.T) {
	for _, readOnly := range []bool{true, false} {
		seen := false
		for range 50 {
			if seen = vanishes(t, readOnly); seen {
				break
			}
		}
		if !seen {
			t.Errorf("for reading only: %v; the tables were open each time", readOnly)
		}
	}
}

// vanishes takes the tables away and says whether that could be noticed: one that the database has opened by itself, to
// count what is in it, can still be read.
func vanishes(t *testing.T, readOnly bool) bool {
	c := newClock(noon)
	mem, _ := filled(t, c.Now)
	w := mustOpen(t, memOptions(mem, c.Now))
	defer w.Close()
	if err := errors.Join(w.store.openForWriting(), w.store.closeDB(), w.store.openDB(readOnly)); err != nil { // all in tables
		t.Fatal(err)
	}
	gone := 0
	for _, name := range must(mem.List("w/store")) {
		if strings.HasSuffix(name, ".sst") && mem.Remove("w/store/"+name) == nil { // the database removes old ones itself
			gone++
		}
	}
	value, err := w.store.get(cardPrefix + "card1")
	if gone == 0 {
		t.Fatal("no tables")
	}
	if err == nil && value != nil {
		return false
	}
	if CategoryOf(err) != StoreCorrupt {
		t.Errorf("%d tables gone: %v", gone, err)
	}
	if w.store.home.isShut() == readOnly {
		t.Errorf("for reading only: %v; it gave up: %v", readOnly, w.store.home.isShut())
	}
	if _, err := w.Card(t.Context(), "card2"); CategoryOf(err) != StoreCorrupt {
		t.Errorf("afterwards: %v", err)
	}
	return true
}

// A store of an earlier layout is refused with a word, and stays as it is.
func TestOlderFormat(t *testing.T) {
	c := newClock(noon)
	mem, _ := filled(t, c.Now)
	h := &home{guard: newGuard(mem), dir: "w", now: c.Now}
	if err := h.readLock(); err != nil {
		t.Fatal(err)
	}
	older := *h.lock
	older.Format = 1
	if err := h.writeLock(&older); err != nil {
		t.Fatal(err)
	}
	before := map[string][]byte{}
	for _, name := range disk(t, mem) {
		before[name] = readAll(t, mem, name)
	}
	_, err := Open(context.Background(), memOptions(mem, c.Now), testPIN)
	if CategoryOf(err) != StoreCorrupt || !strings.Contains(err.Error(), "format 1") || strings.Contains(err.Error(), "newer") {
		t.Errorf("%v", err)
	}
	for _, name := range disk(t, mem) {
		if !bytes.Equal(before[name], readAll(t, mem, name)) {
			t.Errorf("%s changed", name)
		}
	}
}

// A page does what a map does.
func TestPage(t *testing.T) {
	rng := mathrand.New(mathrand.NewPCG(7, 8))
	p, want := &page{}, map[diskName]stamp{}
	for range 5000 {
		var d diskName
		binary.BigEndian.PutUint64(d[:], rng.Uint64N(200))
		var sum stamp
		sum[0], sum[23] = byte(rng.Uint32()), 1
		if rng.IntN(3) == 0 {
			p.remove(d)
			delete(want, d)
		} else {
			p.set(d, sum)
			want[d] = sum
		}
		if got, ok := p.find(d); got != want[d] || ok != (want[d] != (stamp{})) {
			t.Fatalf("%x: %x", d, got)
		}
	}
	if p.len() != len(want) {
		t.Fatalf("%d entries of %d", p.len(), len(want))
	}
	for d, sum := range want {
		if got, ok := p.find(d); !ok || got != sum {
			t.Errorf("%x: %x", d, got)
		}
	}
}
