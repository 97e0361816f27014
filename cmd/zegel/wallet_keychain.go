package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/zegel-id/zegel/wallet"
)

// osKeychain is the keychain of the operating system. Some do not answer at all, as without a desktop, so that every call
// has an end.
type osKeychain struct{}

const (
	keychainService  = "zegel"
	keychainPatience = 5 * time.Second
)

var errNoKeychain = errors.New("the keychain does not answer")

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
	case <-time.After(keychainPatience):
		var none T
		return none, errNoKeychain
	}
}

func (osKeychain) Get(name string) ([]byte, error) {
	text, err := patiently(func() (string, error) { return keyring.Get(keychainService, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, wallet.ErrNoSecret
	}
	if err != nil {
		return nil, fmt.Errorf("keychain: %v", err)
	}
	return base64.StdEncoding.DecodeString(text)
}

func (osKeychain) Set(name string, secret []byte) error {
	_, err := patiently(func() (struct{}, error) {
		return struct{}{}, keyring.Set(keychainService, name, base64.StdEncoding.EncodeToString(secret))
	})
	return err
}

func (osKeychain) Delete(name string) error {
	_, err := patiently(func() (struct{}, error) { return struct{}{}, keyring.Delete(keychainService, name) })
	if errors.Is(err, keyring.ErrNotFound) {
		return wallet.ErrNoSecret
	}
	return err
}

// keychainAnswers reports whether this machine has a keychain that works.
func keychainAnswers() bool {
	_, err := osKeychain{}.Get("zegel-wallet-probe")
	return err == nil || errors.Is(err, wallet.ErrNoSecret)
}
