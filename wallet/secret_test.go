package wallet

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// memKeychain is a keychain in memory.
type memKeychain map[string][]byte

func (m memKeychain) Get(name string) ([]byte, error) {
	if v, ok := m[name]; ok {
		return bytes.Clone(v), nil
	}
	return nil, ErrNoSecret
}
func (m memKeychain) Set(name string, secret []byte) error { m[name] = bytes.Clone(secret); return nil }
func (m memKeychain) Delete(name string) error             { delete(m, name); return nil }

func TestKeychain(t *testing.T) {
	c := newClock(noon)
	mem := vfs.NewMem()
	chain := memKeychain{}
	o := memOptions(mem, c.Now)
	o.Keychain = chain
	w, err := Create(t.Context(), o, Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	if !w.RollbackNoticed() {
		t.Error("with a keychain rollback is noticed")
	}
	if err := addCard(t.Context(), w, "one", 1); err != nil {
		t.Fatal(err)
	}
	mustClose(t, w)
	old := copyDisk(t, mem)
	w = mustOpen(t, o)
	if err := addCard(t.Context(), w, "two", 1); err != nil {
		t.Fatal(err)
	}
	mustClose(t, w)

	// The old copy put back, with everything that lies in the directory.
	back := o
	back.fs = copyDisk(t, old)
	if _, err := Open(t.Context(), back, testPIN); CategoryOf(err) != StoreRolledBack {
		t.Errorf("old copy: %v", err)
	}
	// Wrong tries are not forgotten with the files either.
	if _, err := Open(t.Context(), o, otherPIN); CategoryOf(err) != Locked {
		t.Error(err)
	}
	for range triesPerRound - 1 {
		back.fs = copyDisk(t, old)
		if _, err := Open(t.Context(), back, otherPIN); CategoryOf(err) != Locked {
			t.Error(err)
		}
	}
	back.fs = copyDisk(t, old)
	_, err = Open(t.Context(), back, testPIN)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Until.IsZero() {
		t.Errorf("a fresh counter put back: %v", err)
	}
	c.Add(waits[0])
	// Without the keychain, or with its half lost, the PIN alone opens nothing.
	none := o
	none.Keychain = nil
	if _, err := Open(t.Context(), none, testPIN); CategoryOf(err) != Locked {
		t.Errorf("without keychain: %v", err)
	}
	none.Keychain = memKeychain{}
	if _, err := Open(t.Context(), none, testPIN); CategoryOf(err) != Locked {
		t.Errorf("with another keychain: %v", err)
	}
	wrong := maps.Clone(chain)
	for name := range wrong {
		if strings.HasSuffix(name, "-half") {
			wrong[name] = make([]byte, 32)
		}
	}
	none.Keychain, none.fs = wrong, copyDisk(t, mem)
	if _, err := Open(t.Context(), none, testPIN); CategoryOf(err) != Locked {
		t.Errorf("with another half: %v", err)
	}
	w = mustOpen(t, o)
	if cards, err := w.Cards(t.Context()); err != nil || len(cards) != 2 {
		t.Errorf("control: %v, %v", cards, err)
	}
	mustClose(t, w)
}

// What opens a wallet is known while it is open without a look at the disk.
func TestOpensWith(t *testing.T) {
	const passphrase = "fietsbel kaneel uurwerk stoep dolfijn"
	o := memOptions(vfs.NewMem(), newClock(noon).Now)
	w := mustCreate(t, o)
	if !w.OpensWithPIN() || !OpensWithPIN(o) {
		t.Error("made with a PIN")
	}
	if err := w.ChangeSecret(t.Context(), otherPIN, passphrase); CategoryOf(err) != Locked || !w.OpensWithPIN() {
		t.Errorf("a change that was refused: %v", err)
	}
	if err := w.ChangeSecret(t.Context(), testPIN, passphrase); err != nil || w.OpensWithPIN() || OpensWithPIN(o) {
		t.Errorf("changed to a passphrase: %v", err)
	}
	mustClose(t, w)
	w, err := Open(t.Context(), o, passphrase)
	if err != nil || w.OpensWithPIN() {
		t.Fatalf("opened with a passphrase: %v", err)
	}
	mustClose(t, w)
}

// A try that cannot be counted has no outcome: a right secret and a wrong one meet the same error.
func TestTryIsCountedFirst(t *testing.T) {
	disk := &fullFS{MemFS: vfs.NewMem()}
	o := memOptions(disk, newClock(noon).Now)
	mustClose(t, mustCreate(t, o))
	disk.full.Store(true)
	_, right := Open(t.Context(), o, testPIN)
	_, wrong := Open(t.Context(), o, otherPIN)
	if right == nil || wrong == nil || right.Error() != wrong.Error() || errors.As(wrong, new(*LockedError)) {
		t.Errorf("right: %v, wrong: %v", right, wrong)
	}
	disk.full.Store(false)
	mustClose(t, mustOpen(t, o))
}

func TestSecrets(t *testing.T) {
	for _, s := range []string{"000000", "123456", "654321", "121212", "123123", "112233445566", "010190", "311299", "901231", "999998", "12345", "345678", ""} {
		if err := checkSecret(s, true, true); !errors.Is(err, ErrWeakSecret) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{testPIN, otherPIN, "493817"} {
		if err := checkSecret(s, true, false); err != nil {
			t.Errorf("%q with a keychain: %v", s, err)
		}
		if err := checkSecret(s, false, true); err != nil {
			t.Errorf("%q in development: %v", s, err)
		}
		if err := checkSecret(s, false, false); !errors.Is(err, ErrWeakSecret) {
			t.Errorf("%q without a keychain: %v", s, err)
		}
	}
	for _, s := range []string{"password", "Wachtwoord123!", "correct horse battery staple", "aaaaaaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrstuvwxyz", "mijn hond heet", "welkom welkom welkom welkom welkom"} {
		if err := checkSecret(s, false, false); !errors.Is(err, ErrWeakSecret) {
			t.Errorf("%q: %v (%d bits)", s, err, passphraseBits(s))
		}
	}
	for _, s := range []string{"fietsbel kaneel uurwerk stoep dolfijn", "x7!Kq2#vLm9z", "stapel groen motor kers lantaarn zeis"} {
		if err := checkSecret(s, false, false); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if defaultKDF.Memory < 64<<10 || defaultKDF.Time < 3 {
		t.Errorf("argon2id costs %+v", defaultKDF)
	}
	for _, s := range []Setup{{Secret: testPIN}, {Secret: testPIN, Dev: false, Network: []byte("{}")}} {
		o := memOptions(vfs.NewMem(), newClock(noon).Now)
		o.Keychain = memKeychain{}
		if _, err := Create(context.Background(), o, s); err == nil {
			t.Errorf("%+v: a wallet without a root of trust", s)
		}
	}
}
