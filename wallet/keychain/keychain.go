// Package keychain is the secret store of the operating system, as the wallet asks for it.
//
// Start with [Open], which says whether there is one that works. It deliberately leaves out what is kept there: that is
// package wallet's.
package keychain

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/zegel-id/zegel/wallet"
)

// OS is the keychain of the operating system. Some do not answer at all, as without a desktop, so that every call has an
// end.
type OS struct{}

var _ wallet.Keychain = OS{}

const (
	service  = "zegel"
	patience = 5 * time.Second
)

var errSilent = errors.New("the keychain does not answer")

func patiently[T any](f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-time.After(patience):
		var none T
		return none, errSilent
	}
}

// Get implements [wallet.Keychain].
func (OS) Get(name string) ([]byte, error) {
	text, err := patiently(func() (string, error) { return keyring.Get(service, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, wallet.ErrNoSecret
	}
	if err != nil {
		return nil, fmt.Errorf("keychain: %v", err)
	}
	return base64.StdEncoding.DecodeString(text)
}

// Set implements [wallet.Keychain].
func (OS) Set(name string, secret []byte) error {
	_, err := patiently(func() (struct{}, error) {
		return struct{}{}, keyring.Set(service, name, base64.StdEncoding.EncodeToString(secret))
	})
	return err
}

// Delete implements [wallet.Keychain].
func (OS) Delete(name string) error {
	_, err := patiently(func() (struct{}, error) { return struct{}{}, keyring.Delete(service, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return wallet.ErrNoSecret
	}
	return err
}

// Open returns the keychain of this machine, nil if there is none that works.
func Open() wallet.Keychain {
	if _, err := (OS{}).Get("zegel-wallet-probe"); err != nil && !errors.Is(err, wallet.ErrNoSecret) {
		return nil
	}
	return OS{}
}
