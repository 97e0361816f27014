//go:build unix && !linux

package wallet

import (
	"sync"

	"golang.org/x/sys/unix"
)

// harden switches core dumps off. Phones and other systems do not let one program look into another by themselves.
var harden = sync.OnceFunc(func() {
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
})
