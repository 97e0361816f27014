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

// dots show how many digits were typed.
func (u *UI) dots(n int) fyne.CanvasObject {
	var all []fyne.CanvasObject
	for i := range vm.PINLength {
		d := outline(u.surface, u.lineStrong, 2, 8)
		if i < n {
			d = block(u.accent, 8)
		}
		all = append(all, sized(16, 16, d))
	}
	return u.shakes(container.NewCenter(beside(16, -2, all...)))
}

// pad is the keys.
func (u *UI) pad(p pinPad, can bool) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, line := range []string{"123", "456", "789", " 0<"} {
		var keys []fyne.CanvasObject
		for _, r := range line {
			keys = append(keys, u.padKey(r, p, can))
		}
		rows = append(rows, sized(0, keyHeight, beside(12, -1, keys...)))
	}
	return widest(320, col(12, rows...))
}

func (u *UI) padKey(r rune, p pinPad, can bool) fyne.CanvasObject {
	switch r {
	case ' ':
		return air(0)
	case '<':
		name := u.text("secret.erase")
		inner := col(0, push(), container.NewCenter(icon("erase", 24, u.ink)), u.centred(tab, u.ink, name), push())
		return u.tap(name, radius, inner, p.Erase)
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

// digit lets digits be typed wherever the focus is: on nothing, on a key of the pad or on a button.
func (u *UI) digit(r rune) {
	if p, ok := u.app.Screen().(pinPad); ok && r >= '0' && r <= '9' {
		u.app.Touch()
		p.Type(r)
	}
}
