package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) welcome(s *vm.Welcome) fyne.CanvasObject {
	var langs []fyne.CanvasObject
	for _, lang := range message.WalletLanguages {
		lang := lang
		langs = append(langs, u.chip(u.text("lang."+lang), u.app.Lang() == lang, func() { s.SetLang(lang) }))
	}
	var lines []fyne.CanvasObject
	for _, l := range []struct{ n, drawing string }{{"1", "lock"}, {"2", "person"}, {"3", "tick"}, {"4", "eyeoff"}} {
		lines = append(lines, beside(14, 1, sized(40, 40, over(block(u.accentSoft, 20), container.NewCenter(icon(l.drawing, 22, u.accent)))), u.write(body, u.ink, u.text("welcome."+l.n))))
	}
	e := u.edge()
	content := pad(24, e, 16, e, col(24, container.New(&wrap{8}, langs...), u.rosette("sealplain", u.markSide()),
		u.write(display, u.ink, s.Title()), col(16, lines...)))
	return container.New(&top{}, air(0), u.scrolled("page", content),
		u.foot(u.primary(u.text("welcome.begin"), s.Begin), u.link(u.text("welcome.restore"), s.Restore)))
}

// markSide is how large the mark is: less in a low window, so that what can be done stays in sight.
func (u *UI) markSide() float32 {
	switch {
	case u.size.Height < 700:
		return 96
	case u.size.Height < 800:
		return 136
	}
	return 186
}

// chip is one of a few choices in a row.
func (u *UI) chip(name string, on bool, do func()) *tap {
	back, c, s := outline(u.surface, u.lineStrong, 1.5, 22), u.ink, small
	parts := []fyne.CanvasObject{}
	if on {
		back, c, s = block(u.accent, 22), u.onAccent, smallB
		parts = append(parts, icon("check", 16, c))
	}
	parts = append(parts, u.line(s, c, name))
	least := canvas.NewRectangle(color0)
	least.SetMinSize(fyne.NewSize(target, target))
	return u.tap(name, 22, over(back, least, sizedHeight(target*u.scale, pad(0, 12, 0, 12, beside(5, -2, parts...)))), do)
}

func (u *UI) secret(s *vm.Secret) fyne.CanvasObject {
	kind := "passphrase"
	if s.PIN {
		kind = "pin"
	}
	parts := []fyne.CanvasObject{}
	if !s.Old && !s.Again {
		parts = append(parts, u.write(body, u.ink2, u.text("secret.lead."+kind)))
	}
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	var foot []fyne.CanvasObject
	switch {
	case s.Busy:
		parts = append(parts, u.centred(body, u.ink2, u.text("busy")))
	case s.PIN:
		parts = append(parts, air(4), u.dots(s.Digits), air(4), u.pad(s, true))
	default:
		box, get := u.field(fieldOptions{name: s.Title(), secret: true, submitted: s.Enter})
		parts = append(parts, box)
		foot = append(foot, u.primary(u.text("secret.enter"), func() { s.Enter(get()); u.forget() }))
	}
	if !s.Old && !s.Again {
		parts = append(parts, u.remark(u.text("secret.protection."+string(s.Protection))))
	}
	return u.page(s, col(20, parts...), foot...)
}

// forget clears what was typed on this screen.
func (u *UI) forget() { u.kept = map[string]string{} }

// remark is a quiet text with a shape before it.
func (u *UI) remark(text string) fyne.CanvasObject {
	return atTop(10, 1, icon("info", 20, u.ink2), u.write(small, u.ink2, text))
}

func (u *UI) lock(s *vm.Lock) fyne.CanvasObject {
	parts := []fyne.CanvasObject{
		u.rosette("sealplain", u.markSide()), col(4, u.centred(title, u.ink, u.text("lock.locked")), u.centred(body, u.ink2, s.Title())),
	}
	if s.Waiting {
		parts = append(parts, u.note("new", u.text("lock.waiting"), ""))
	}
	parts = append(parts, u.ask(s)...)
	e := u.edge()
	return u.scrolled("page", pad(24, e, 24, e, col(20, parts...)))
}

// ask is the part of a screen where the PIN or passphrase is typed.
func (u *UI) ask(s *vm.Lock) []fyne.CanvasObject {
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	switch {
	case s.Blocked:
	case s.Busy:
		parts = append(parts, u.dots(vm.PINLength), u.centred(body, u.ink2, u.text("busy")))
	case s.PIN:
		target := pinPad(s)
		if p, ok := u.app.Screen().(pinPad); ok {
			target = p
		}
		parts = append(parts, u.dots(s.Digits), u.pad(target, s.CanTry()))
	default:
		enter := s.Enter
		if p, ok := u.app.Screen().(interface{ Enter(string) }); ok {
			enter = p.Enter
		}
		box, get := u.field(fieldOptions{name: u.text("lock.title.passphrase"), secret: true, submitted: func(t string) { u.forget(); enter(t) }})
		parts = append(parts, box, u.primary(u.text("lock.open"), func() { t := get(); u.forget(); enter(t) }))
	}
	return parts
}
