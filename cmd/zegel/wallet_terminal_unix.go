//go:build unix

package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping switches the echo of a terminal off and returns how to switch it on again.
func hideTyping(in io.Reader) (restore func()) {
	f, ok := in.(*os.File)
	if !ok {
		return func() {}
	}
	was, err := unix.IoctlGetTermios(int(f.Fd()), termiosGet)
	if err != nil {
		return func() {} // not a terminal
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	unix.IoctlSetTermios(int(f.Fd()), termiosSet, &quiet)
	return func() { unix.IoctlSetTermios(int(f.Fd()), termiosSet, was) }
}

// isTerminal says whether somebody can be asked.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), termiosGet)
	return err == nil
}
