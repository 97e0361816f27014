package wallet

import (
	"sync"

	"golang.org/x/sys/unix"
)

// harden keeps keys out of core dumps and other programs of the same user away from the memory. It is best effort:
// an old kernel or a container may forbid it, and the wallet is no worse than before then.
var harden = sync.OnceFunc(func() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
})
