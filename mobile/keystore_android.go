//go:build cgo

package main

/*
#include <stdlib.h>
#include "android.h"
*/
import "C"

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"fyne.io/fyne/v2/driver"

	"github.com/zegel-id/zegel/wallet"
)

// keystore is [wallet.Keychain] with the Android Keystore, which keeps keys and no secrets. So each secret is a small
// file, sealed with a key of its own that never leaves the secure hardware. Every new value gets a new key and the old
// one is destroyed: an old copy of the file that is put back cannot be opened.
type keystore struct {
	dir string
	mu  sync.Mutex
}

var _ wallet.Keychain = (*keystore)(nil)

// maxSealed bounds a sealed secret: what the wallet keeps here is less than a kilobyte.
const maxSealed = 64 << 10

// openKeystore returns the key store, nil if this phone's does not work.
func openKeystore(dir string) wallet.Keychain {
	k := &keystore{dir: filepath.Join(dir, "keystore")}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil
	}
	const probe = "zegel-wallet-probe"
	if err := k.Set(probe, []byte("probe")); err != nil {
		return nil
	}
	if got, err := k.Get(probe); err != nil || string(got) != "probe" {
		return nil
	}
	return k
}

// file and alias: the first byte of a file says which of two keys sealed it.
func (k *keystore) file(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(k.dir, hex.EncodeToString(sum[:]))
}

func alias(name string, slot byte) string { return fmt.Sprintf("zegel:%s:%d", name, slot) }

// Get implements [wallet.Keychain].
func (k *keystore) Get(name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sealed, err := os.ReadFile(k.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, wallet.ErrNoSecret
	}
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 || sealed[0] > 1 {
		return nil, errors.New("key store: a damaged secret")
	}
	return crypt(alias(name, sealed[0]), sealed[1:], false)
}

// Set implements [wallet.Keychain]. After a crash in the middle either the old or the new value is there.
func (k *keystore) Set(name string, secret []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old, err := os.ReadFile(k.file(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	slot := byte(0)
	if len(old) > 0 && old[0] == 0 {
		slot = 1
	}
	sealed, err := crypt(alias(name, slot), secret, true)
	if err != nil {
		return err
	}
	if err := replace(k.file(name), append([]byte{slot}, sealed...)); err != nil {
		return err
	}
	return forget(alias(name, 1-slot))
}

// Delete implements [wallet.Keychain].
func (k *keystore) Delete(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := os.Remove(k.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return wallet.ErrNoSecret
	}
	return errors.Join(err, forget(alias(name, 0)), forget(alias(name, 1)))
}

func replace(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// crypt seals data with a new key of this name, or opens it with the key that is there.
func crypt(name string, data []byte, seal bool) (out []byte, err error) {
	cname, in := C.CString(name), C.CBytes(data)
	defer C.free(unsafe.Pointer(cname))
	defer C.free(in)
	room := (*C.uint8_t)(C.malloc(maxSealed))
	defer C.free(unsafe.Pointer(room))
	err = java(func(env *C.JNIEnv, _ C.jobject) error {
		var n C.int
		if seal {
			n = C.zegelSeal(env, cname, (*C.uint8_t)(in), C.int(len(data)), room, maxSealed)
		} else {
			n = C.zegelOpen(env, cname, (*C.uint8_t)(in), C.int(len(data)), room, maxSealed)
		}
		if n < 0 {
			return fmt.Errorf("key store: step %d was refused", int(-n))
		}
		out = C.GoBytes(unsafe.Pointer(room), n)
		return nil
	})
	return out, err
}

func forget(name string) error {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	return java(func(env *C.JNIEnv, _ C.jobject) error {
		if n := C.zegelForget(env, cname); n < 0 {
			return fmt.Errorf("key store: step %d of deleting was refused", int(-n))
		}
		return nil
	})
}

// java runs f where Java can be called; the object is the activity.
func java(f func(*C.JNIEnv, C.jobject) error) error {
	return driver.RunNative(func(context any) error {
		c, ok := context.(*driver.AndroidContext)
		if !ok {
			return errors.New("no Java here")
		}
		// Fyne hands over the pointer as a number.
		return f(*(**C.JNIEnv)(unsafe.Pointer(&c.Env)), C.jobject(c.Ctx))
	})
}
