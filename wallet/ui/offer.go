package ui

import (
	"strings"

	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet/vm"
)

// pages are the steps that take the whole page of a phone.
var pages = map[vm.OfferStep]bool{vm.OfferAsk: true, vm.OfferCode: true, vm.OfferBrowser: true, vm.OfferPreview: true, vm.OfferDone: true}

func (u *UI) offer(s *vm.Offer) fyne.CanvasObject {
	name := u.text("offer.new")
	switch s.Step {
	case vm.OfferOpening, vm.OfferFetching, vm.OfferStoring:
		return u.overCards(u.working(s.Doing()))
	case vm.OfferFailed:
		buttons := []fyne.CanvasObject{u.secondary(u.text("close"), s.Done)}
		if s.Again {
			buttons = append([]fyne.CanvasObject{u.primary(u.text("again"), s.Retry)}, buttons...)
		}
		return u.overCards(u.ending("revoked", s.Title(), s.Problem.Text, buttons...))
	case vm.OfferStopped:
		text := u.text("offer.stopped.text")
		if s.Refused {
			text = u.text("offer.refused.text", "issuer", s.Whom())
		}
		return u.overCards(u.ending("expired", s.Title(), text, u.secondary(u.text("close"), s.Done)))
	case vm.OfferDone:
		return u.received(s)
	case vm.OfferPreview:
		return u.preview(s)
	}
	w := who{u.text("offer.from"), s.Issuer, u.text("offer.unregistered"), s.Address, s.Registered}
	if s.Registered {
		w.status = u.text("offer.registered")
	}
	switch s.Step {
	case vm.OfferCode:
		return u.offerCode(s, w)
	case vm.OfferBrowser:
		return u.inBrowser(s, w)
	}
	var types []fyne.CanvasObject
	for _, t := range s.Types {
		types = append(types, u.row(entry{drawing: "card", name: t}, nil))
	}
	parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), u.asker(w), u.rows(types...)}
	return u.whole(name, s.Decline, col(20, parts...), u.either(u.secondary(u.text("stop"), s.Decline), u.primary(u.text("offer.collect"), s.Collect))...)
}

// offerCode asks the code from paper.
func (u *UI) offerCode(s *vm.Offer, w who) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), u.asker(w), u.write(body, u.ink, u.text("offer.code.lead"))}
	about := s.CodeAbout
	if about == "" && s.CodeLength > 0 {
		key := "wallet.offer.code.signs"
		if s.CodeDigits {
			key = "wallet.offer.code.digits"
		}
		about = u.app.Text(key, "n", s.CodeLength)
	}
	if about != "" {
		parts = append(parts, u.write(body, u.ink2, about))
	}
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	blank := func(code string) bool { return strings.TrimSpace(code) == "" }
	enter := func(code string) {
		if blank(code) {
			return
		}
		u.forget() // a wrong one is typed anew
		s.Code(code)
	}
	none := blank(u.kept[s.Title()])
	box, get := u.field(fieldOptions{name: s.Title(), submitted: enter, changed: func(code string) {
		if blank(code) != none {
			u.Render() // there is something to collect with, or no more
		}
	}})
	parts = append(parts, box)
	collect := u.primary(u.text("offer.collect"), func() { enter(get()) })
	if none {
		collect.disabled()
	}
	return u.whole(u.text("offer.new"), s.Decline, col(16, parts...), u.pair(u.secondary(u.text("stop"), s.Decline), collect))
}

// preview shows every value before anything is kept.
func (u *UI) preview(s *vm.Offer) fyne.CanvasObject {
	made, drawing, c := u.text("offer.unmade", "issuer", s.Issuer), "question", u.warn
	if s.Registered {
		made, drawing, c = u.text("offer.made", "issuer", s.Issuer), "seal", u.accent
	}
	maker := atTop(12, 1, icon(drawing, 24, c), u.rich(small, u.ink2, made))
	parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title())}
	for i, card := range s.Cards {
		parts = append(parts, leftmost(cardWidest, u.card(u.face(card.Item), u.frontHigh(card.Item), nil)))
		if i == 0 {
			parts = append(parts, maker)
		}
		if card.Renews {
			parts = append(parts, u.note("new", u.text("offer.renews"), ""))
		}
		var rows []fyne.CanvasObject
		for _, v := range card.Values {
			rows = append(rows, pad(8, 16, 8, 16, col(0, u.write(small, u.ink2, v.Label), u.write(strong, u.ink, v.Text))))
		}
		parts = append(parts, u.rows(rows...))
	}
	parts = append(parts, u.write(small, u.ink2, u.text("offer.wrong", "issuer", s.Whom())))
	yes, no := u.primary(u.text("offer.yes"), s.Accept), u.secondary(u.text("offer.no"), s.Decline)
	if !s.Read {
		yes = u.primary(u.text("more"), u.further)
	}
	return u.wholeSeen(u.text("offer.new"), s.Decline, col(16, parts...), s.Seen, u.either(no, yes)...)
}

// received is the end: the card is there.
func (u *UI) received(s *vm.Offer) fyne.CanvasObject {
	top, side := float32(24), u.markSide()
	if u.wide {
		top, side = 0, 120
	}
	parts := []fyne.CanvasObject{air(top), u.rosette("sealtick", side), air(4),
		col(4, u.centred(display, u.ink, s.Title()), u.centred(body, u.ink2, u.text("offer.done.lead"))), air(4)}
	for _, c := range s.Cards {
		parts = append(parts, widest(cardWidest, u.card(u.face(c.Item), cardHeight, nil)))
	}
	return u.whole("", nil, col(16, parts...), u.primary(u.text("offer.show"), s.Done))
}
