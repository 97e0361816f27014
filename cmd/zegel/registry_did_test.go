package main

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
)

func (m hallMember) path(name string) string { return filepath.Join(m.dir, name) }

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRegistryRotate: keys change in the registry and on disk, and whatever is cut off between the two is finished later.
func TestRegistryRotate(t *testing.T) {
	h := newHall(t, 1)
	a := h.members[0]
	first, second := readFile(t, a.path(createdKey)), readFile(t, a.path(createdNext))

	contains(t, h.refuses(exitUsage, 0, "did", "rotate"), "give --yes")
	if _, err := os.Stat(a.path(createdNext + rotated)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key was made before anybody said yes")
	}
	contains(t, h.as(0, "did", "rotate", "--yes"), "to registry-2", "signs from now on")
	if !bytes.Equal(readFile(t, a.path(createdKey)), second) || !bytes.Equal(readFile(t, a.path(createdKey+".old")), first) {
		t.Error("the next key is not the one in use now, or the old one is lost")
	}
	contains(t, h.as(0, "resolve", string(a.did)), "registry-2")

	// The member goes on with the new key without another word.
	contains(t, h.as(0, "did", "update", "--verifier", "https://a.example/verifier", "--add-key", "ask:verifier-1="+a.path(createdKey+".old"), "--yes"),
		"to registry-3; add key ask:verifier-1=", "verifier at https://a.example/verifier")
	contains(t, h.as(0, "resolve", string(a.did)), "registry-3", "verifier-1", "https://a.example/verifier", "https://a.example/issuer")
	contains(t, h.as(0, "did", "update", "--compromised", "verifier-1", "--remove-service", "issuer", "--yes"), "mark as compromised key verifier-1; remove service issuer")
	contains(t, h.as(0, "resolve", string(a.did)), "(compromised)")

	// Cut off after the registry took the rotation: the next run only puts the keys in place.
	before := map[string][]byte{}
	for _, name := range []string{createdKey, createdNext} {
		before[name] = readFile(t, a.path(name))
	}
	h.as(0, "did", "rotate", "--yes")
	after := readFile(t, a.path(createdNext))
	for name, data := range before {
		if err := os.WriteFile(a.path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(a.path(createdNext+rotated), after, 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, h.refuses(exitFailed, 0, "did", "deactivate", "--yes"), "key: ", "zegel registry did rotate")
	contains(t, h.as(0, "did", "rotate", "--yes"), "An earlier rotation counts already")
	if !bytes.Equal(readFile(t, a.path(createdKey)), before[createdNext]) || !bytes.Equal(readFile(t, a.path(createdNext)), after) {
		t.Error("keys are not in their places")
	}
	// Cut off before it was sent: the key that was made is used.
	waiting := &keyFiles{key: a.path(createdKey), next: a.path(createdNext), development: true}
	made, err := waiting.make(a.path(createdNext + rotated))
	if err != nil {
		t.Fatal(err)
	}
	h.as(0, "did", "rotate", "--yes")
	if now, err := waiting.load(a.path(createdNext)); err != nil || !now.Equal(made) {
		t.Errorf("the key that waited is lost: %v", err)
	}

	wrong := filepath.Join(h.dir, "wrong.pem")
	if _, err := waiting.make(wrong); err != nil {
		t.Fatal(err)
	}
	contains(t, h.refuses(exitFailed, 0, "did", "rotate", "--next-key", wrong, "--yes"), "key: ", "not the next key", "did recover")
	contains(t, h.refuses(exitFailed, 0, "did", "rotate", "--key", wrong, "--did", string(a.did)+"x", "--yes"), "unknown: ")
	contains(t, h.refuses(exitUsage, 0, "did", "update", "--yes"), "nothing to change")
	contains(t, h.refuses(exitUsage, 0, "did", "update", "--add-key", "sign:x="+wrong, "--yes"), "USE:ID=FILE")
	contains(t, h.refuses(exitUsage, 0, "did", "update", "--remove-key", "x", "--yes"), `no key "x"`)
}

// TestRegistryRecover: the recovery key replaces everything, once.
func TestRegistryRecover(t *testing.T) {
	h := newHall(t, 1)
	a := h.members[0]
	away := filepath.Join(h.dir, "safe.pem")
	if err := os.Rename(a.path(createdRecovery), away); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []string{createdKey, createdNext} {
		if err := os.Remove(a.path(lost)); err != nil {
			t.Fatal(err)
		}
	}
	contains(t, h.refuses(exitUsage, 0, "did", "recover", "--yes"), "recovery key: ")
	used := readFile(t, away)
	contains(t, h.as(0, "did", "recover", "--recovery-key", away, "--yes"), "replace all keys for transactions")
	if bytes.Equal(readFile(t, away), used) {
		t.Error("the used recovery key is still the one to keep")
	}
	contains(t, h.as(0, "resolve", string(a.did)), "registry-2", "Version       2")
	h.as(0, "did", "rotate", "--yes")
	h.as(0, "propose", "parameters", "guests=10", "--yes")
	contains(t, h.as(0, "parameters"), "guests            10")
	if err := os.WriteFile(away, used, 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, h.refuses(exitFailed, 0, "did", "recover", "--recovery-key", away, "--yes"), "key: ", "not the recovery key", "propose recover")
}

// TestPlaceKeys: putting keys in place can be cut off at every file and run again.
func TestPlaceKeys(t *testing.T) {
	dir := t.TempDir()
	k := &keyFiles{key: filepath.Join(dir, "key"), next: filepath.Join(dir, "next"), recovery: filepath.Join(dir, "recovery"), development: true}
	made := map[string]ed25519.PrivateKey{}
	for _, path := range []string{k.key, k.next, k.next + rotated, k.key + recovered, k.next + recovered, k.recovery + recovered} {
		var err error
		if made[path], err = k.make(path); err != nil {
			t.Fatal(err)
		}
		if again, err := k.make(path); err != nil || !again.Equal(made[path]) {
			t.Fatalf("made again: %v", err)
		}
	}
	holds := func(path, key string) {
		t.Helper()
		if got, err := k.load(path); err != nil || !got.Equal(made[key]) {
			t.Errorf("%s does not hold the key of %s: %v", path, key, err)
		}
	}
	// As if cut off between the two files.
	if err := write(k.key, readFile(t, k.next)); err != nil {
		t.Fatal(err)
	}
	if err := k.placeRotated(); err != nil {
		t.Fatal(err)
	}
	holds(k.key, k.next)
	holds(k.next, k.next+rotated)
	if err := move(k.key+recovered, k.key); err != nil { // cut off after the first file
		t.Fatal(err)
	}
	record := &ledger.DIDRecord{NextKeyHash: ledger.KeyHash(made[k.next+recovered].Public().(ed25519.PublicKey))}
	if is, err := k.made(recovered, record); !is || err != nil {
		t.Errorf("a recovery that counts is not known: %v", err)
	}
	if err := k.placeRecovered(); err != nil {
		t.Fatal(err)
	}
	holds(k.key, k.key+recovered)
	holds(k.next, k.next+recovered)
	holds(k.recovery, k.recovery+recovered)
	if is, err := k.made(recovered, record); is || err != nil {
		t.Errorf("nothing waits any more: %v, %v", is, err)
	}
	if err := os.WriteFile(k.next+rotated, []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.make(k.next + rotated); err == nil {
		t.Error("a damaged key was replaced without a word")
	}
}
