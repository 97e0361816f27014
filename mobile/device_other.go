//go:build cgo && !android && !ios

package main

import (
	"errors"
	"image"

	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/keychain"
)

// The simulator has the keychain of its desktop, no camera, and links come from nowhere.

const hasCamera = false

func openCamera(func(*image.Gray)) (func(), error) {
	return nil, errors.New("the simulator has no camera")
}

func openKeystore(string) wallet.Keychain { return keychain.Open() }

func takeLink() string { return "" }

func whenLinked(func()) {}
