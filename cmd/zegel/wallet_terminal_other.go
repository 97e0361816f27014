//go:build !unix

package main

import (
	"io"
	"os"
)

// hideTyping does nothing: this system's terminal needs a way of its own.
func hideTyping(io.Reader) (restore func()) { return func() {} }

// isTerminal says whether somebody can be asked.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
