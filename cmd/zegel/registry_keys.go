package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
)

// keyFiles are an organisation's keys on disk. A key that a transaction shows or commits to is on disk before the
// transaction is sent, under a name of its own, and takes its place once the registry has it: whatever is cut off, the key
// that counts is in one of the files, and the next run puts it in place.
type keyFiles struct {
	key, next, recovery string
	development         bool
}

// Ends of the names of keys that wait for their transaction.
const (
	rotated   = ".new"
	recovered = ".recovered"
)

func (k *keyFiles) load(path string) (ed25519.PrivateKey, error) {
	signer, err := office.LoadKey(path, k.development)
	if err != nil {
		return nil, err
	}
	key, ok := signer.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key file %q: not Ed25519", path)
	}
	return key, nil
}

// make returns the key in a file, which an earlier run may have made, or makes it. It is whole on disk then.
func (k *keyFiles) make(path string) (ed25519.PrivateKey, error) {
	if key, err := k.load(path); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	part := path + ".part" // what a crash left there was never used
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := office.SaveKey(part, key, k.development); err != nil {
		return nil, err
	}
	return key, move(part, path)
}

// made returns the key of an earlier run if the record commits to it already: its transaction has had its effect.
func (k *keyFiles) made(end string, record *ledger.DIDRecord) (bool, error) {
	next, err := k.load(k.next + end)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && commits(record.NextKeyHash, next), err
}

func commits(hash []byte, key ed25519.PrivateKey) bool {
	return bytes.Equal(hash, ledger.KeyHash(key.Public().(ed25519.PublicKey)))
}

// placeRotated puts the keys of a rotation that counts in their places. It can be cut off anywhere and run again.
func (k *keyFiles) placeRotated() error {
	next, err := os.ReadFile(k.next)
	if err != nil {
		return err
	}
	if now, err := os.ReadFile(k.key); err == nil && !bytes.Equal(now, next) {
		if err := write(k.key+".old", now); err != nil {
			return err
		}
	}
	if err := write(k.key, next); err != nil {
		return err
	}
	return move(k.next+rotated, k.next)
}

// placeRecovered does the same for a recovery. The next key comes last: while its file waits, this is not done.
func (k *keyFiles) placeRecovered() error {
	for _, path := range []string{k.key, k.recovery, k.next} {
		if _, err := os.Stat(path + recovered); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if old, err := os.ReadFile(path); err == nil {
			if err := write(path+".old", old); err != nil {
				return err
			}
		}
		if err := move(path+recovered, path); err != nil {
			return err
		}
	}
	return nil
}

// write writes a private file whole or not at all.
func write(path string, data []byte) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return move(part, path)
}

// move renames a file and waits until the disk has the new name.
func move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readPublic reads a public key from a PEM file: of a private key, a public one or a certificate.
func readPublic(path string, development bool) (crypto.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
	case block.Type == "PUBLIC KEY":
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			return key, nil
		}
	case block.Type == "CERTIFICATE":
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			return cert.PublicKey, nil
		}
	default:
		signer, err := office.LoadKey(path, development)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		return signer.Public(), nil
	}
	return nil, &usageError{fmt.Sprintf("%s holds no key and no certificate in PEM", path)}
}
