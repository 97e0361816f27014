//go:build cgo

package main

import (
	"io"
	"net/url"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"

	"github.com/zegel-id/zegel/wallet/ui"
)

// desktop is [ui.Platform] on a desktop: a code is read from the screen, and files come from the person.
type desktop struct {
	app fyne.App
	win fyne.Window
}

var _ ui.Platform = (*desktop)(nil)

// maxOpened bounds a file that a person opens.
const maxOpened = 64 << 20

// Scan implements [ui.Platform]: the whole screen is looked at, without the wallet's own window.
func (d *desktop) Scan(done func(string)) {
	d.win.Hide()
	go func() {
		text := lookAtScreen()
		fyne.Do(func() {
			d.win.Show()
			done(text)
		})
	}()
}

// Camera implements [ui.Platform].
func (d *desktop) Camera() bool { return false }

// Paste implements [ui.Platform].
func (d *desktop) Paste() string { return d.app.Clipboard().Content() }

// Copy implements [ui.Platform].
func (d *desktop) Copy(text string) { d.app.Clipboard().SetContent(text) }

// OpenFile implements [ui.Platform].
func (d *desktop) OpenFile(done func([]byte)) {
	dialog.ShowFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil || r == nil {
			done(nil)
			return
		}
		defer r.Close()
		data, err := io.ReadAll(io.LimitReader(r, maxOpened))
		if err != nil {
			data = nil
		}
		done(data)
	}, d.win)
}

// SaveFile implements [ui.Platform].
func (d *desktop) SaveFile(name string, data []byte, done func(error)) {
	save := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err != nil || w == nil {
			done(err)
			return
		}
		_, err = w.Write(data)
		if e := w.Close(); err == nil {
			err = e
		}
		done(err)
	}, d.win)
	save.SetFileName(name)
	save.Show()
}

// OpenURL implements [ui.Platform].
func (d *desktop) OpenURL(link string) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	return d.app.OpenURL(u)
}

// Dark implements [ui.Platform].
func (d *desktop) Dark() bool { return d.app.Settings().ThemeVariant() == theme.VariantDark }
