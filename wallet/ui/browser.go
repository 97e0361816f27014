package ui

import (
	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet/vm"
)

// inBrowser sends the person to the page of the issuer; the browser comes back by a link.
func (u *UI) inBrowser(s *vm.Offer, w who) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), u.asker(w), u.write(body, u.ink, u.text("offer.browser.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	open := func() {
		if u.platform.OpenURL(s.Page) != nil {
			s.NoBrowser()
		}
	}
	return u.whole(u.text("offer.new"), s.Decline, col(20, parts...), u.either(u.secondary(u.text("stop"), s.Decline), u.primary(u.text("offer.browser.open"), open))...)
}
