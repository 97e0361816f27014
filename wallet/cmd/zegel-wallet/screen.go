//go:build cgo

package main

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rymdport/portal/screenshot"

	"github.com/zegel-id/zegel/wallet/ui"
)

// grabbers are programs that make a picture of the screen, in the order in which they are tried. Which of them works
// depends on the desktop: there is no one way on X11.
var grabbers = [][]string{
	{"grim", "{}"},
	{"gnome-screenshot", "-f", "{}"},
	{"spectacle", "-b", "-n", "-o", "{}"},
	{"import", "-window", "root", "{}"},
	{"scrot", "-o", "{}"},
	{"screencapture", "-x", "{}"},
}

// pasters write a picture that is on the clipboard. Fyne's clipboard holds text only.
var pasters = [][]string{
	{"wl-paste", "--no-newline", "--type", "image/png"},
	{"xclip", "-selection", "clipboard", "-target", "image/png", "-out"},
}

const (
	maxPicture  = 64 << 20
	grabTime    = 10 * time.Second
	pasteTime   = 2 * time.Second
	consentTime = 2 * time.Minute // a person chooses a part of the screen
)

// lookAtScreen finds a QR code on the screen; "" if there is none or no picture can be made.
func lookAtScreen() string {
	// On Wayland programs do not see each other: the desktop asks the person, who may choose a part of the screen.
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		if text, asked := lookThroughPortal(); asked {
			return text
		}
	}
	dir, err := os.MkdirTemp("", "zegel-scan-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "screen.png")
	for _, g := range grabbers {
		args := make([]string, 0, len(g))
		for _, a := range g[1:] {
			if a == "{}" {
				a = file
			}
			args = append(args, a)
		}
		if _, err := output(grabTime, g[0], args); err != nil {
			continue
		}
		if data, err := readPicture(file); err == nil {
			return ui.ReadQR(data)
		}
	}
	text, _ := lookThroughPortal()
	return text
}

// lookThroughPortal asks the desktop for a picture; asked is false where there is no portal.
func lookThroughPortal() (text string, asked bool) {
	type answer struct {
		uri string
		err error
	}
	got := make(chan answer, 1)
	go func() {
		uri, err := screenshot.Screenshot("", &screenshot.ScreenshotOptions{Interactive: true})
		got <- answer{uri, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return "", false
		}
		u, err := url.Parse(a.uri)
		if err != nil || u.Scheme != "file" {
			return "", true // the person stopped
		}
		// The desktop made the file for this question only: the screen may show what is nobody's business.
		defer os.Remove(u.Path)
		data, err := readPicture(u.Path)
		if err != nil {
			return "", true
		}
		return ui.ReadQR(data), true
	case <-time.After(consentTime):
		return "", true
	}
}

// lookAtClipboard finds a QR code in a picture on the clipboard.
func lookAtClipboard() string {
	for _, p := range pasters {
		if data, err := output(pasteTime, p[0], p[1:]); err == nil && len(data) > 0 {
			return ui.ReadQR(data)
		}
	}
	return ""
}

func output(limit time.Duration, name string, args []string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout = &out
	err = cmd.Run()
	return out.Bytes(), err
}

func readPicture(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxPicture))
}
