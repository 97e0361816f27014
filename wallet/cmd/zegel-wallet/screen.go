//go:build cgo

package main

import (
	"bytes"
	"context"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/wallet/ui"
)

// grabbers are programs that make a picture of the screen, in the order in which they are tried. Which of them works
// depends on the desktop: there is no one way on Linux.
var grabbers = [][]string{
	{"grim", "{}"},
	{"gnome-screenshot", "-f", "{}"},
	{"spectacle", "-b", "-n", "-o", "{}"},
	{"import", "-window", "root", "{}"},
	{"scrot", "-o", "{}"},
	{"screencapture", "-x", "{}"},
}

// lookAtScreen finds a QR code on the screen; "" if there is none or no program can make a picture.
func lookAtScreen() string {
	dir, err := os.MkdirTemp("", "zegel-scan-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "screen.png")
	for _, g := range grabbers {
		path, err := exec.LookPath(g[0])
		if err != nil {
			continue
		}
		args := make([]string, 0, len(g))
		for _, a := range g[1:] {
			if a == "{}" {
				a = file
			}
			args = append(args, a)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err = exec.CommandContext(ctx, path, args...).Run()
		cancel()
		data, readErr := os.ReadFile(file)
		if err != nil || readErr != nil {
			continue
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			continue
		}
		text, _ := ui.FindQR(img) // no code is ""
		return text
	}
	return ""
}
