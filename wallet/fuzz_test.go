package wallet

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FuzzKeyFile reads the file that opens the store as somebody could have changed it: no panic, no huge costs, and what is
// accepted reads the same after it was written again.
func FuzzKeyFile(f *testing.F) {
	g := newGuard(vfs.NewMem())
	l := newLockFile(cheap, "id", true, false)
	if err := l.wrap(testPIN, nil, make([]byte, 32)); err != nil {
		f.Fatal(err)
	}
	if err := g.MkdirAll("w", 0o700); err != nil {
		f.Fatal(err)
	}
	good, err := json.Marshal(l)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), `{}`, `{"format":2}`, `{"format":1,"argon2id":{"time":4294967295,"memory":4294967295,"threads":255}}`, `null`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		mem := newGuard(vfs.NewMem())
		mem.MkdirAll("w", 0o700)
		var raw json.RawMessage = line
		if !json.Valid(line) {
			raw = nil
		}
		h := &home{guard: mem, dir: "w", now: newClock(noon).Now}
		if err := mem.save(h.path(keyFile), raw); err != nil {
			t.Fatal(err)
		}
		if err := h.readLock(); err != nil {
			return
		}
		first := *h.lock
		if err := h.writeLock(&first); err != nil {
			t.Fatal(err)
		}
		if err := h.readLock(); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(first)
		b, _ := json.Marshal(h.lock)
		if !bytes.Equal(a, b) {
			t.Errorf("%s\n%s", a, b)
		}
		if first.KDF.Memory <= 1<<10 && first.KDF.Time <= 2 || first.KDF.bound() != nil {
			stretched, err := first.stretch(otherPIN)
			if err == nil {
				_, err = first.unwrap(stretched, nil)
			}
			if err == nil {
				t.Error("opened with a wrong secret")
			}
		}
	})
}

// FuzzRecord opens sealed records as a damaged disk could return them: only what was sealed under its own name opens.
func FuzzRecord(f *testing.F) {
	s, err := newStore(&home{guard: newGuard(vfs.NewMem())}, make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	d := s.diskName("card/1")
	sealed := s.sealRecord(d, "card/1", []byte(`{"x":1}`))
	f.Add(d[:], sealed)
	f.Add(d[:8], sealed)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, name, box []byte) {
		got, value, err := s.openRecord(name, box)
		if err != nil {
			return
		}
		// Nobody without the key makes another one. (Each worker seals the seed anew, with a nonce of its own.)
		if got != "card/1" || string(value) != `{"x":1}` || !bytes.Equal(name, d[:]) {
			t.Errorf("opened %q", got)
		}
	})
}
