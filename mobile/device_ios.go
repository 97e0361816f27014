//go:build cgo

package main

/*
#cgo CFLAGS: -fobjc-arc
#cgo LDFLAGS: -framework Foundation -framework UIKit -framework Security -framework AVFoundation -framework CoreMedia -framework CoreVideo
#include <stdint.h>
#include <stdlib.h>

// A status of the Security framework: 0 is well, -25300 is not found. What get gives is freed by the caller.
int zegelKeyGet(const char *name, uint8_t **out, int *n);
int zegelKeySet(const char *name, const uint8_t *secret, int n);
int zegelKeyDelete(const char *name);

// zegelCameraOpen asks the person if need be and starts the camera at the back; pictures come to zegelPicture.
void zegelCameraOpen(void);
void zegelCameraClose(void);
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"sync"
	"unsafe"

	"github.com/zegel-id/zegel/wallet"
)

const hasCamera = true

// keychain is [wallet.Keychain] with the Keychain of iOS, in this device only and while it is unlocked.
type keychain struct{}

var _ wallet.Keychain = keychain{}

const notFound = -25300 // errSecItemNotFound

func openKeystore(string) wallet.Keychain {
	k := keychain{}
	if _, err := k.Get("zegel-wallet-probe"); err != nil && !errors.Is(err, wallet.ErrNoSecret) {
		return nil
	}
	return k
}

func refusal(status C.int) error {
	switch status {
	case 0:
		return nil
	case notFound:
		return wallet.ErrNoSecret
	}
	return fmt.Errorf("keychain: status %d", int(status))
}

// Get implements [wallet.Keychain].
func (keychain) Get(name string) ([]byte, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	var out *C.uint8_t
	var n C.int
	if err := refusal(C.zegelKeyGet(cname, &out, &n)); err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(out))
	return C.GoBytes(unsafe.Pointer(out), n), nil
}

// Set implements [wallet.Keychain].
func (keychain) Set(name string, secret []byte) error {
	cname, data := C.CString(name), C.CBytes(secret)
	defer C.free(unsafe.Pointer(cname))
	defer C.free(data)
	return refusal(C.zegelKeySet(cname, (*C.uint8_t)(data), C.int(len(secret))))
}

// Delete implements [wallet.Keychain].
func (keychain) Delete(name string) error {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	return refusal(C.zegelKeyDelete(cname))
}

var camera struct {
	mu   sync.Mutex
	take func(*image.Gray)
}

// openCamera starts the camera and gives pictures to take, until the function that it returns is called.
func openCamera(take func(*image.Gray)) (func(), error) {
	camera.mu.Lock()
	defer camera.mu.Unlock()
	if camera.take != nil {
		return nil, errors.New("the camera is in use")
	}
	camera.take = take
	C.zegelCameraOpen()
	return func() {
		camera.mu.Lock()
		camera.take = nil
		camera.mu.Unlock()
		C.zegelCameraClose()
	}, nil
}

//export zegelPicture
func zegelPicture(pixels *C.uint8_t, size, width, height, stride, degrees C.int) {
	camera.mu.Lock()
	take := camera.take
	camera.mu.Unlock()
	if take != nil {
		take(upright(unsafe.Slice((*byte)(unsafe.Pointer(pixels)), int(size)), int(width), int(height), int(stride), int(degrees)))
	}
}

var links struct {
	mu      sync.Mutex
	link    string
	arrived func()
}

const maxLink = 16 << 10

//export zegelLinked
func zegelLinked(text *C.char) {
	links.mu.Lock()
	if link := C.GoString(text); len(link) < maxLink {
		links.link = link
	}
	arrived := links.arrived
	links.mu.Unlock()
	if arrived != nil {
		arrived()
	}
}

func takeLink() string {
	links.mu.Lock()
	defer links.mu.Unlock()
	link := links.link
	links.link = ""
	return link
}

func whenLinked(arrived func()) {
	links.mu.Lock()
	defer links.mu.Unlock()
	links.arrived = arrived
}
