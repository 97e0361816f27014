//go:build cgo

package main

/*
#cgo CFLAGS: -Wall
#cgo LDFLAGS: -landroid -llog -lcamera2ndk -lmediandk
#include "android.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"sync"
	"time"
	"unsafe"
)

const hasCamera = true

// patience is how long a person may think about whether the camera may be used.
const patience = 60 * time.Second

// camera is where pictures go; there is one camera and one person who looks through it.
var camera struct {
	mu      sync.Mutex
	running bool
	take    func(*image.Gray)
}

// openCamera starts the camera, once the person allows it, and gives pictures to take on a thread of the camera's until
// the function that it returns is called.
func openCamera(take func(*image.Gray)) (func(), error) {
	camera.mu.Lock()
	defer camera.mu.Unlock()
	if camera.take != nil {
		return nil, errors.New("the camera is in use")
	}
	camera.take = take
	stopped := make(chan struct{})
	go func() {
		if !allowed(stopped) {
			return
		}
		camera.mu.Lock()
		defer camera.mu.Unlock()
		select {
		case <-stopped:
		default:
			camera.running = C.zegelCameraOpen() == 0
		}
	}()
	return func() {
		close(stopped)
		camera.mu.Lock()
		running := camera.running
		camera.take, camera.running = nil, false
		camera.mu.Unlock()
		if running {
			C.zegelCameraClose() // waits for a picture that is on its way, and that one takes the lock
		}
	}, nil
}

// allowed asks the person and waits. Android tells the answer to a Java class only, so that it is looked for instead.
func allowed(stopped <-chan struct{}) bool {
	may := func(ask C.int) (yes bool) {
		err := java(func(env *C.JNIEnv, activity C.jobject) error {
			yes = C.zegelMayLook(env, activity, ask) == 1
			return nil
		})
		return yes && err == nil
	}
	if may(1) {
		return true
	}
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		select {
		case <-tick.C:
			if may(0) {
				return true
			}
		case <-stopped:
			return false
		case <-end:
			return false
		}
	}
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

// maxLink bounds a link that another program hands over.
const maxLink = 16 << 10

// takeLink returns the link that the program was opened with, once.
func takeLink() string {
	var room [maxLink]byte
	var link string
	err := java(func(env *C.JNIEnv, activity C.jobject) error {
		n := C.zegelLink(env, activity, (*C.char)(unsafe.Pointer(&room[0])), maxLink)
		if n < 0 {
			return fmt.Errorf("link: %d", int(n))
		}
		link = string(room[:n])
		return nil
	})
	if err != nil {
		return ""
	}
	return link
}

// whenLinked: on Android a link starts an activity, and the program comes to the foreground anyway.
func whenLinked(func()) {}
