package ui

import (
	"io"
	"net/url"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"

	"github.com/zegel-id/zegel/wallet/vm"
)

// System is the part of [Platform] that Fyne has for every system; a program adds how a code is scanned.
type System struct {
	App fyne.App
	Win fyne.Window
}

// Open draws the wallet of d in win, and sets what d calls when something has changed.
func Open(d vm.Deps, win fyne.Window, p Platform) (*vm.App, *UI) {
	var u *UI
	d.Changed = func() {
		if u != nil {
			u.Render()
		}
	}
	app := vm.New(d)
	u = New(app, win, p)
	return app, u
}

// maxOpened bounds a file that a person opens.
const maxOpened = 64 << 20

// Paste implements [Platform].
func (s System) Paste() string { return s.App.Clipboard().Content() }

// Copy implements [Platform].
func (s System) Copy(text string) { s.App.Clipboard().SetContent(text) }

// OpenFile implements [Platform].
func (s System) OpenFile(done func([]byte)) {
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
	}, s.Win)
}

// SaveFile implements [Platform].
func (s System) SaveFile(name string, data []byte, done func(error)) {
	save := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if err == nil && w == nil {
			err = vm.ErrNotChosen
		}
		if err != nil {
			done(err)
			return
		}
		_, err = w.Write(data)
		if e := w.Close(); err == nil {
			err = e
		}
		done(err)
	}, s.Win)
	save.SetFileName(name)
	save.Show()
}

// OpenURL implements [Platform].
func (s System) OpenURL(link string) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	return s.App.OpenURL(u)
}

// Dark implements [Platform].
func (s System) Dark() bool { return s.App.Settings().ThemeVariant() == theme.VariantDark }
