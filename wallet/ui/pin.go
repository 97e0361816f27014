package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// pinPad takes the digits of a PIN, by finger, mouse or keyboard.
type pinPad interface {
	Type(digit rune)
	Erase()
}

// dots show how many digits were typed; shown are the digits that stand in place of dots.
func (u *UI) dots(n int, shown string) fyne.CanvasObject {
	var all []fyne.CanvasObject
	for i := range vm.PINLength {
		if i < len(shown) {
			all = append(all, sized(20, 32, u.centred(style{26, 32, 700}, u.ink, shown[i:i+1])))
			continue
		}
		d := outline(u.surface, u.lineStrong, 2, 9)
		if i < n {
			d = block(u.accent, 9)
		}
		all = append(all, sized(20, 32, sized(18, 18, d)))
	}
	return u.shakes(container.NewCenter(beside(16, -2, all...)))
}

// pad is the keys; side is what lies left of the zero.
func (u *UI) pad(p pinPad, can bool, side ...fyne.CanvasObject) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, line := range []string{"123", "456", "789", " 0<"} {
		var keys []fyne.CanvasObject
		for _, r := range line {
			if r == ' ' && len(side) > 0 {
				keys = append(keys, side[0])
				continue
			}
			keys = append(keys, u.padKey(r, p, can))
		}
		rows = append(rows, sized(0, u.keyHigh(), beside(12, -1, keys...)))
	}
	gap := float32(12)
	if u.low() {
		gap = 8
	}
	return widest(360, col(gap, rows...))
}

// keyHigh is the height of a key: in a low window less, so that what is typed stays in sight.
func (u *UI) keyHigh() float32 {
	if u.size.Height < 700 {
		return 52
	}
	return keyHeight
}

func (u *UI) padKey(r rune, p pinPad, can bool) fyne.CanvasObject {
	switch r {
	case ' ':
		return air(0)
	case '<':
		return u.sideKey("erase", u.text("secret.erase"), p.Erase)
	}
	c, fill := u.ink, u.surface
	if !can {
		c, fill = u.ink2, u.sunk
	}
	digit := r
	back := u.raised(radius)
	back.FillColor = fill
	inner := over(back, container.NewCenter(u.line(style{24, 28, 600}, c, string(r))))
	t := u.tap(string(r), radius, inner, func() {
		u.app.Touch()
		p.Type(digit)
	})
	t.off, t.soft = !can, true
	return t
}

// sideKey is a key of the pad with a drawing and its word.
func (u *UI) sideKey(drawing, name string, do func()) *tap {
	s := u.scaled(pillT)
	if u.tight() {
		by := min(u.scale, 1.4) // a key has no room for more
		s = style{tabB.size * by, tabB.line * by, tabB.weight}
	}
	word := u.paragraph(&words{text: name, style: s, colour: u.ink, align: fyne.TextAlignCenter})
	inner := col(4, push(), container.NewCenter(icon(drawing, 24, u.ink)), word, push())
	t := u.tap(name, radius, inner, do)
	t.soft = true
	return t
}

// digit lets digits be typed wherever the focus is: on nothing, on a key of the pad or on a button.
func (u *UI) digit(r rune) {
	if p, ok := u.app.Screen().(pinPad); ok && r >= '0' && r <= '9' {
		u.app.Touch()
		p.Type(r)
	}
}

// low says that the window has no room for what only looks good.
func (u *UI) low() bool { return u.size.Height < 700 }

func (u *UI) secretPIN(s *vm.Secret) fyne.CanvasObject {
	e := u.edge()
	at, of := s.Steps()
	names := []fyne.CanvasObject{u.write(title, u.ink, s.Title())}
	if !u.low() || s.Problem == nil {
		names = append(names, u.write(body, u.ink2, s.Lead()))
	}
	head := col(0, u.steps(at, of), pad(12, e, 0, e, col(4, names...)))
	under := fyne.CanvasObject(air(0))
	if !u.low() {
		under = air(84) // so that the dots stay where they are when a refusal comes
	}
	switch {
	case s.Busy:
		under = u.centred(body, u.ink2, u.text("busy"))
	case s.Problem != nil:
		under = u.noteSmall("revoked", s.Problem.Head, s.Problem.Text)
	}
	digits := s.Digits
	if s.Busy {
		digits = vm.PINLength
	}
	drawing := "lock"
	if s.Protection == vm.ByNothing {
		drawing = "info"
	}
	remark := widest(360, atTop(8, 1, icon(drawing, 20, u.ink2), u.write(small, u.ink2, u.text("secret.protection."+string(s.Protection)))))
	parts := []fyne.CanvasObject{push(), u.dots(digits, s.Typed()), under, push()}
	if u.low() {
		parts = append(parts, remark)
	}
	middle := u.filled("page", pad(8, e, 8, e, col(16, parts...)))
	on, off := u.text("secret.show"), u.text("secret.hide")
	show := u.sideKey("eye", on, u.renamed(on, off, s.Show))
	if s.Shown {
		show = u.sideKey("eyeoff", off, u.renamed(off, on, s.Show))
	}
	foot := []fyne.CanvasObject{u.pad(s, !s.Busy, show)}
	if !u.low() {
		foot = append(foot, remark)
	}
	return container.New(&top{}, head, middle, pad(4, e, 16, e, col(12, foot...)))
}

// noteSmall is a note with a smaller text, where there is less room; maybe with something at its right.
func (u *UI) noteSmall(kind, head, text string, end ...fyne.CanvasObject) fyne.CanvasObject {
	c, soft := statusOf(kind).colour(u.palette)
	lines := []fyne.CanvasObject{u.write(strong, c, head)}
	if text != "" {
		lines = append(lines, u.write(small, u.ink, text))
	}
	shape := icon(statusOf(kind).drawing, 24, c)
	if len(end) > 0 {
		return over(block(soft, radius), pad(12, 16, 12, 16, beside(12, 1, shape, col(2, lines...), end[0])))
	}
	return over(block(soft, radius), pad(12, 16, 12, 16, atTop(12, 1, shape, col(2, lines...))))
}

func (u *UI) lock(s *vm.Lock) fyne.CanvasObject {
	e := u.edge()
	parts := []fyne.CanvasObject{col(4, u.centred(title, u.ink, u.text("lock.locked")), u.centred(body, u.ink2, s.Title()))}
	if s.Blocked {
		parts = []fyne.CanvasObject{u.centred(title, u.ink, u.text("lock.locked"))}
	}
	typed := u.typedPart(s)
	if s.PIN && !s.Blocked {
		parts = append(parts, typed...)
		parts = append(parts, push())
		side := u.sideKey("help", u.text("lock.forgot"), s.Forgot)
		return u.sealed(parts, pad(4, e, 20, e, u.pad(s, s.CanTry(), side)))
	}
	foot := []fyne.CanvasObject{}
	if s.Blocked {
		parts = append(parts, typed...)
		foot = append(foot, u.primary(u.text("forgot.restore"), s.Restore), u.danger(u.text("forgot.wipe"), s.Wipe))
	} else {
		parts = append(parts, typed...)
		if s.CanTry() {
			box, get := u.field(fieldOptions{name: u.text("secret.name.passphrase"), secret: true, shows: true, submitted: func(t string) { u.forget(); s.Enter(t) }})
			parts = append(parts, box)
			foot = append(foot, u.primary(u.text("lock.open"), func() { t := get(); u.forget(); s.Enter(t) }))
		}
		foot = append(foot, u.link(u.text("lock.forgot.passphrase"), s.Forgot))
	}
	parts = append(parts, push())
	return u.sealed(parts, pad(8, e, 24, e, col(8, foot...)))
}

// sealed is the page of the lock: the seal, what is said and asked, and what can be done at the foot. The seal gives way
// when there is more to say than there is room for.
func (u *UI) sealed(parts []fyne.CanvasObject, foot fyne.CanvasObject) fyne.CanvasObject {
	e, width := u.edge(), u.size.Width
	if u.wide {
		width = min(width, aloneWidest)
	}
	page := func(space, side float32) fyne.CanvasObject {
		above := []fyne.CanvasObject{air(space), container.NewCenter(icon("sealplain", smallSeal, u.accent))}
		switch {
		case side == 0:
			above = nil
		case side > smallSeal:
			above[1] = u.rosette("sealplain", side)
		}
		return pad(16, e, 8, e, col(16, append(above, parts...)...))
	}
	content := page(0, smallSeal)
	if !u.low() {
		room := u.size.Height - heightFor(foot, width)
		for _, try := range []struct{ space, side float32 }{{32, u.markSide()}, {8, u.markSide()}, {8, 96}, {0, 72}, {0, smallSeal}, {}} {
			if try.space == 32 && !u.roomy() {
				continue
			}
			if c := page(try.space, try.side); heightFor(c, width) <= room {
				content = c
				break
			}
		}
	}
	return container.New(&top{}, air(0), u.filled("page", content), foot)
}

// smallSeal is the side of the seal where there is no room for its rings.
const smallSeal = 56

// typedPart is what stands between the title of the lock and its keys: what was typed, what was wrong with it, and that a
// request waits.
func (u *UI) typedPart(s *vm.Lock) (parts []fyne.CanvasObject) {
	wait := s.Wait()
	if s.PIN && !s.Blocked && wait == "" {
		n := s.Digits
		if s.Busy {
			n = vm.PINLength
		}
		parts = append(parts, u.dots(n, ""))
	}
	switch {
	case s.Busy:
		parts = append(parts, u.centred(body, u.ink2, u.text("busy")))
	case s.Problem != nil && wait != "":
		parts = append(parts, u.noteSmall("revoked", s.Problem.Head, s.Problem.Text, u.line(lead, u.stop, wait)))
	case s.Problem != nil:
		parts = append(parts, u.noteSmall("revoked", s.Problem.Head, s.Problem.Text))
	case s.TriesLeft() != "":
		parts = append(parts, u.centred(small, u.ink2, s.TriesLeft()))
	}
	if s.Waiting {
		if s.Problem == nil && !u.low() {
			parts = append(parts, push())
		}
		parts = append(parts, over(block(u.accentSoft, radius), pad(12, 16, 12, 16, beside(12, 1, icon("bell", 24, u.onAccentSoft), u.write(smallB, u.onAccentSoft, u.text("lock.waiting"))))))
	}
	return parts
}

func (u *UI) forgot(s *vm.Forgot) fyne.CanvasObject {
	kind := "passphrase"
	if s.PIN {
		kind = "pin"
	}
	return u.page(s, col(20,
		u.rich(body, u.ink2, u.text("forgot.lead."+kind)),
		u.rows(
			u.row(entry{drawing: "download", tint: u.accent, name: u.text("forgot.with"), detail: u.text("forgot.with.text"), bold: true}, nil),
			u.row(entry{drawing: "refresh", tint: u.accent, name: u.text("forgot.without"), detail: u.text("forgot.without.text"), bold: true}, nil),
		)),
		u.primary(u.text("forgot.restore"), s.Restore), u.danger(u.text("forgot.wipe"), s.Wipe))
}

// ask is the part of a sheet where the PIN or passphrase is typed; side is what lies left of the zero.
func (u *UI) ask(s *vm.Lock, side ...fyne.CanvasObject) []fyne.CanvasObject {
	var parts []fyne.CanvasObject
	switch {
	case s.Problem != nil && s.Wait() != "":
		parts = append(parts, u.noteSmall("revoked", s.Problem.Head, s.Problem.Text, u.line(lead, u.stop, s.Wait())))
	case s.Problem != nil:
		parts = append(parts, u.noteSmall("revoked", s.Problem.Head, s.Problem.Text))
	}
	switch {
	case s.Blocked:
	case s.Busy:
		parts = append(parts, u.dots(vm.PINLength, ""), u.centred(body, u.ink2, u.text("busy")))
	case s.PIN:
		target := pinPad(s)
		if p, ok := u.app.Screen().(pinPad); ok {
			target = p
		}
		parts = append(parts, u.dots(s.Digits, ""), u.pad(target, s.CanTry(), side...))
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
