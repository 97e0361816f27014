//go:build !unix

package main

import "io"

// hideTyping does nothing: this system's terminal needs a way of its own.
func hideTyping(io.Reader) (restore func()) { return func() {} }
