package office

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKeyFiles(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, development := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := SaveKey(path, key, development); err != nil {
			t.Fatal(err)
		}
		if err := SaveKey(path, key, development); err == nil {
			t.Error("a key file was overwritten")
		}
		got, err := LoadKey(path, true)
		if err != nil || !key.Equal(got) {
			t.Errorf("read again: %v", err)
		}
		if _, err := LoadKey(path, false); errors.Is(err, ErrDevelopmentKey) != development {
			t.Errorf("development %t, read in production: %v", development, err)
		}
	}
}

func FuzzKeyAndChainFiles(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	seed := filepath.Join(f.TempDir(), "key.pem")
	if err := SaveKey(seed, key, true); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("no PEM"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "file.pem")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if chain, err := LoadChain(path); (err == nil) != (len(chain) > 0) {
			t.Fatalf("%d certificates, error %v", len(chain), err)
		}
		signer, err := LoadKey(path, true)
		if err != nil {
			return
		}
		// What was read can be written and read again as the same key.
		copied := filepath.Join(dir, "copy.pem")
		if err := SaveKey(copied, signer, true); err != nil {
			t.Fatal(err)
		}
		again, err := LoadKey(copied, true)
		if err != nil {
			t.Fatal(err)
		}
		if equal, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !equal.Equal(again.Public()) {
			t.Fatal("another key came back")
		}
	})
}
