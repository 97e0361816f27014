package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) share(s *vm.Share) fyne.CanvasObject {
	switch s.Step {
	case vm.ShareOpening, vm.ShareSending:
		return u.overCards(u.working(s.Title()))
	case vm.ShareFailed:
		buttons := []fyne.CanvasObject{u.secondary(u.text("close"), s.Done)}
		if s.Again {
			buttons = append([]fyne.CanvasObject{u.primary(u.text("again"), s.Retry)}, buttons...)
		}
		return u.overCards(u.ending("revoked", s.Title(), s.Problem.Text, buttons...))
	case vm.ShareStopped:
		text := u.text("share.stopped.early")
		if s.Verifier != "" {
			text = u.text("share.stopped.text", "verifier", s.Verifier)
		}
		return u.overCards(u.ending("expired", s.Title(), text, u.secondary(u.text("close"), s.Done)))
	case vm.ShareDone:
		return u.shared(s)
	case vm.SharePIN:
		return u.overCards(u.sharePIN(s))
	case vm.ShareUnknown:
		return u.overCards(u.unknown(s))
	case vm.ShareExtra:
		parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), u.note("revoked", u.text("share.extra.title"), s.TooFar.Sure), u.remark(u.text("share.extra.sure.log"))}
		return u.overCards(u.cautious(parts, u.primary(u.text("stop"), s.Stop), u.mild(s.TooFar.Anyway, u.stop, s.Agree)))
	case vm.ShareReuse:
		parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()),
			u.rich(body, u.ink, u.text("share.reuse.text", "card", s.Reuse, "verifier", s.Verifier)), u.remark(u.text("share.reuse.hint"))}
		return u.overCards(u.cautious(parts, u.primary(u.text("stop"), s.Stop), u.mild(u.text("share.reuse.go"), u.ink2, s.Agree)))
	}
	return u.overCards(u.consent(s))
}

// sharePIN asks the PIN with which a person shares. In a low window the way to stop is a key of the pad, so that all keys
// are in sight.
func (u *UI) sharePIN(s *vm.Share) fyne.CanvasObject {
	head := col(4, u.centred(title, u.ink, s.PIN.Title()), u.centred(body, u.ink2, s.Summary()))
	if u.low() && s.PIN.PIN && !s.PIN.Blocked && !s.PIN.Busy {
		parts := append([]fyne.CanvasObject{head}, u.ask(s.PIN, u.sideKey("close", u.text("stop"), s.Stop))...)
		return u.sheetOf(pad(20, 24, 20, 24, col(12, parts...)), nil, air(0))
	}
	head.Add(u.centred(small, u.ink2, u.text("share.done.with", "verifier", s.Verifier)))
	parts := append([]fyne.CanvasObject{head}, u.ask(s.PIN)...)
	return u.sheet(col(16, parts...), nil, u.secondary(u.text("stop"), s.Stop))
}

// unknown asks whether a person knows an asker whom the register does not know. The address is what there is to go by.
func (u *UI) unknown(s *vm.Share) fyne.CanvasObject {
	address := u.group(padAll(16, atTop(14, 1, icon("globe", 24, u.ink2),
		col(0, u.write(small, u.ink2, u.text("share.unknown.address")), u.write(strong, u.ink, s.Address)))))
	parts := []fyne.CanvasObject{
		u.write(title, u.ink, s.Title()), u.asker(who{u.text("share.from"), s.Verifier, u.text("share.unknown.head"), "", false}),
		address, u.note("unknown", u.text("share.unknown.head"), u.text("share.unknown.text")),
	}
	if strings.HasPrefix(s.Address, "xn--") || strings.Contains(s.Address, ".xn--") {
		parts = append(parts[:3:3], u.note("warn", u.text("share.unknown.strange"), "")) // says more than that nobody knows them
	}
	return u.cautious(parts, u.primary(u.text("stop"), s.Stop), u.mild(u.text("share.unknown.go"), u.ink2, s.GoOn))
}

// who is an organisation that wants something.
type who struct {
	what       string // what it wants: "Vraag van"
	name       string
	status     string // whether the register knows it
	address    string
	registered bool
}

// asker says who wants something, whether the register knows them, and where it goes.
func (u *UI) asker(w who) fyne.CanvasObject {
	return atTop(16, 1, u.initials(w.name), u.whoLines(w))
}

func (u *UI) whoLines(w who) fyne.CanvasObject {
	status := u.unproven(w.status)
	if w.registered {
		status = u.proven(w.status)
	}
	lines := []fyne.CanvasObject{u.write(small, u.ink2, w.what), u.write(lead, u.ink, w.name), air(2), status}
	if w.address != "" {
		lines = append(lines, u.write(small, u.ink2, w.address))
	}
	return col(2, lines...)
}

// shared is the end: what they know now, and that it is all.
func (u *UI) shared(s *vm.Share) fyne.CanvasObject {
	knows := []fyne.CanvasObject{u.write(smallB, u.ink2, u.text("share.done.knows"))}
	for _, f := range s.Facts {
		knows = append(knows, atTop(12, 1, icon("tick", 24, u.accent), u.write(strong, u.ink, f.Told)))
	}
	knows = append(knows, atTop(12, 1, icon("eyeoff", 24, u.ink2), u.write(body, u.ink2, u.text("share.done.rest"))))
	top, side := float32(48), u.markSide()*1.22
	switch {
	case u.wide:
		top, side = 0, 120
	case u.low() || len(s.Facts) > 3:
		top = 0
	}
	content := col(12, air(top), u.rosette("sealtick", side), air(8),
		col(4, u.centred(display, u.ink, s.Title()), u.centred(body, u.ink2, u.text("share.done.with", "verifier", s.Verifier))),
		air(8), u.group(padAll(16, col(12, knows...))), u.centred(small, u.ink2, s.When))
	event := u.mild(u.text("share.done.event"), u.accent, s.Event)
	buttons := []fyne.CanvasObject{u.primary(u.text("done"), s.Done), event}
	if s.Redirect != "" {
		// Who came from a browser wants to go back there.
		done := u.secondary(u.text("done"), s.Done)
		on := u.primary(u.text("share.redirect"), func() {
			s.Done()
			_ = u.platform.OpenURL(s.Redirect) // without a browser the answer has still arrived
		})
		if u.wide {
			buttons = []fyne.CanvasObject{u.pair(done, on), event}
		} else {
			buttons = []fyne.CanvasObject{on, done, event}
		}
	}
	if u.tight() {
		content.Add(col(8, buttons[1:]...)) // the room is for what they know
		buttons = buttons[:1]
	}
	return u.whole("", nil, content, buttons...)
}

// aside is the left part of a panel: who, and below a line why.
func (u *UI) aside(w who, why []fyne.CanvasObject) fyne.CanvasObject {
	back := canvas.NewRectangle(u.sunk)
	back.TopLeftCornerRadius, back.BottomLeftCornerRadius = radiusSheet, radiusSheet
	parts := []fyne.CanvasObject{beside(0, -2, u.initialsOn(u.surface, w.name)), air(16), u.whoLines(w)}
	if len(why) > 0 {
		parts = append(parts, air(24), u.hairline(), air(24), col(20, why...))
	}
	return over(back, u.scrolled("who", pad(32, 32, 32, 32, container.New(&column{}, parts...))))
}
