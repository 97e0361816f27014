// Package single keeps one program running for one directory of a wallet.
//
// Start with [Claim]: the first program gets an [Instance], a later one hands its link to that and ends. It deliberately
// leaves out what a link means: it comes from anybody who runs programs as this person, and is judged as one from a
// browser is.
package single

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Instance is the one running program of a directory. Others reach it over a socket that only the owner can open.
type Instance struct{ listener net.Listener }

// maxHanded bounds what a second start hands over.
const maxHanded = 16 << 10

// Claim makes this process the one of dir. If there is one already, it gets the link and first is false.
func Claim(dir, link string) (_ *Instance, first bool, err error) {
	path := filepath.Join(dir, "socket")
	for range 2 {
		l, err := net.Listen("unix", path)
		if err == nil {
			return &Instance{l}, true, os.Chmod(path, 0o600)
		}
		c, dialled := net.DialTimeout("unix", path, 2*time.Second)
		if dialled == nil {
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
				return nil, false, err
			}
			_, err := fmt.Fprintln(c, strings.ReplaceAll(link, "\n", " "))
			return nil, false, err
		}
		// Nobody answers: it was left by a process that was killed.
		if err := os.Remove(path); err != nil {
			return nil, false, err
		}
	}
	return nil, false, errors.New("another window of Zegel is starting")
}

// Serve gives take what later starts hand over, until Close. "" is a start without a link.
func (i *Instance) Serve(take func(link string)) {
	for {
		c, err := i.listener.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(2 * time.Second))
		line, err := bufio.NewReader(io.LimitReader(c, maxHanded)).ReadString('\n')
		c.Close()
		if err == nil {
			take(strings.TrimSpace(line))
		}
	}
}

// Close ends Serve and lets the next start be the first.
func (i *Instance) Close() { i.listener.Close() }
