package registry

import (
	"errors"
	"fmt"
)

// ErrDiskFull is why a node stops when there is no room for its blocks any more.
var ErrDiskFull = errors.New("disk full")

// leastRoom is how much room a node needs to go on. It stops before the disk is really full, while it can still do so in
// order; the other validators carry on.
const leastRoom = 64 << 20

// room returns [ErrDiskFull] if there is too little left for the node's directory.
func (n *Node) room() error {
	least := uint64(leastRoom)
	if n.cfg.room > 0 {
		least = n.cfg.room
	}
	left, err := freeBytes(n.cfg.Dir)
	if err == nil && left < least {
		err = fmt.Errorf("%w: %d MB left at %q, the node needs %d MB to go on; nothing that was acknowledged is lost: make room and start it again",
			ErrDiskFull, left>>20, n.cfg.Dir, least>>20)
	}
	return err
}

// Failed is closed when the node cannot go on. It still answers reads; whoever runs it closes it and says why: [Node.Err].
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Err returns why the node cannot go on, after Failed; else nil. Error: [ErrDiskFull] among others.
func (n *Node) Err() error {
	select {
	case <-n.failed:
		return n.failure
	default:
		return nil
	}
}

// giveUp says once that the node cannot go on.
func (n *Node) giveUp(err error) {
	n.failing.Do(func() {
		n.cfg.Logger.Error("the node stops", "error", err)
		n.failure = err
		close(n.failed)
	})
}

// watch waits until CometBFT's consensus ends. It ends by itself, and CometBFT goes on without it, when something is
// wrong that it cannot mend, as a disk that it cannot write to.
func (n *Node) watch() {
	n.consensus.Wait()
	if n.stopping.Load() {
		return
	}
	err := n.room()
	if err == nil {
		err = errors.New("consensus stopped; the log line before this one says why")
	}
	n.giveUp(err)
}
