//go:build cgo

package main

import (
	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet/ui"
)

// desktop is [ui.Platform] on a desktop: a code is read from the screen or from a picture on the clipboard.
type desktop struct{ ui.System }

var _ ui.Platform = desktop{}

// Scan implements [ui.Platform]: the screen is looked at without the wallet's own window.
func (d desktop) Scan(done func(string)) {
	d.Win.Hide()
	go func() {
		text := lookAtScreen()
		fyne.Do(func() {
			d.Win.Show()
			done(text)
		})
	}()
}

// Camera implements [ui.Platform].
func (d desktop) Camera() bool { return false }

// Paste implements [ui.Platform]. A picture of a code is as good as its text.
func (d desktop) Paste() string {
	if text := d.System.Paste(); text != "" {
		return text
	}
	return lookAtClipboard()
}
