package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// sheet is the content of a journey: it scrolls, and its buttons stay at the foot. seen is called when the end was in
// sight.
func (u *UI) sheet(content fyne.CanvasObject, seen func(), foot ...fyne.CanvasObject) fyne.CanvasObject {
	return u.sheetOf(pad(24, 24, 20, 24, content), seen, col(0, u.hairline(), pad(16, 24, 20, 24, col(12, foot...))))
}

func (u *UI) sheetOf(content fyne.CanvasObject, seen func(), foot fyne.CanvasObject) fyne.CanvasObject {
	body := u.scrolled("sheet", content)
	body.seen = seen
	return container.New(&hugging{}, body, foot)
}

// whole is a step of a journey that takes the whole page of a phone; in a wide window it is a sheet as the others are.
// name is what the journey is about, and close ends it.
func (u *UI) whole(name string, close func(), content fyne.CanvasObject, foot ...fyne.CanvasObject) fyne.CanvasObject {
	return u.wholeSeen(name, close, content, nil, foot...)
}

// wholeSeen is whole; seen is called when the end was in sight.
func (u *UI) wholeSeen(name string, close func(), content fyne.CanvasObject, seen func(), foot ...fyne.CanvasObject) fyne.CanvasObject {
	if u.wide {
		return u.overCards(u.sheet(content, seen, foot...))
	}
	return u.moving(u.journey(name, close, content, seen, foot...))
}

// cautious is a sheet with something to be wary of. The button stops; quiet goes on all the same, and where not
// everything is in sight it comes after what must be read first.
func (u *UI) cautious(parts []fyne.CanvasObject, stop, quiet *tap) fyne.CanvasObject {
	if u.low() || u.tight() {
		return u.sheet(col(16, append(parts, u.deliberate(quiet))...), nil, stop)
	}
	return u.sheet(col(16, parts...), nil, stop, u.deliberate(quiet))
}

// either is two answers at the foot: beside each other where height is scarce, else yes above no.
func (u *UI) either(no, yes *tap) []fyne.CanvasObject {
	if u.wide || u.tight() {
		return []fyne.CanvasObject{u.pair(no, yes)}
	}
	return []fyne.CanvasObject{yes, no}
}

// hugging is as high as content and foot need; with less room the content scrolls.
type hugging struct{}

// Layout implements [fyne.Layout].
func (hugging) Layout(o []fyne.CanvasObject, size fyne.Size) {
	foot := heightFor(o[1], size.Width)
	o[1].Move(fyne.NewPos(0, size.Height-foot))
	o[1].Resize(fyne.NewSize(size.Width, foot))
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(size.Width, max(0, size.Height-foot)))
}

// MinSize implements [fyne.Layout].
func (hugging) MinSize(o []fyne.CanvasObject) fyne.Size { return stack{}.MinSize(o) }

func (hugging) heightFor(o []fyne.CanvasObject, width float32) float32 {
	return o[0].(*scroll).whole(width) + heightFor(o[1], width)
}

// whole is the height of everything that scrolls.
func (s *scroll) whole(width float32) float32 {
	h := float32(0)
	for _, o := range s.inner.Objects {
		h = max(h, heightFor(o, width))
	}
	return h
}

// ending is the end of a journey: a large shape, what happened, what to do now, and the way on.
func (u *UI) ending(kind, head, text string, buttons ...fyne.CanvasObject) fyne.CanvasObject {
	c, _ := statusOf(kind).colour(u.palette)
	return u.sheet(col(12, air(16), container.NewCenter(icon(statusOf(kind).drawing, 72, c)), air(4), u.centred(title, u.ink, head),
		u.centred(body, u.ink2, text), air(8)), nil, buttons...)
}

// working says what the wallet is busy with.
func (u *UI) working(text string) fyne.CanvasObject {
	return pad(56, 24, 64, 24, col(20, container.NewCenter(icon("sealplain", 64, u.accent)), u.centred(strong, u.ink, text)))
}

// mild is a button of small text, for what few people want.
func (u *UI) mild(name string, c color.Color, do func()) *tap {
	return u.tap(name, radius, pad(12, 16, 12, 16, u.centred(smallB, c, name)), do)
}

// deliberate makes a button that Enter does not press: what cannot be taken back is chosen with Space or a tap.
func (u *UI) deliberate(t *tap) *tap {
	t.noReturn = true
	return t
}

// halves is a sheet of two parts, as high as the higher one.
type halves struct{ left float32 }

// Layout implements [fyne.Layout].
func (h *halves) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(h.left, size.Height))
	o[1].Move(fyne.NewPos(h.left, 0))
	o[1].Resize(fyne.NewSize(size.Width-h.left, size.Height))
}

// MinSize implements [fyne.Layout].
func (h *halves) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(32, 32) }

func (h *halves) heightFor(o []fyne.CanvasObject, width float32) float32 {
	left := o[0].(*fyne.Container).Objects[1].(*scroll).whole(h.left)
	return max(left, heightFor(o[1], width-h.left), 520)
}

// further scrolls a sheet on.
func (u *UI) further() {
	walk(u.root, func(o fyne.CanvasObject) bool {
		s, ok := o.(*scroll)
		if !ok || s.seen == nil {
			return true
		}
		s.box.Offset.Y = min(s.box.Offset.Y+s.Size().Height*.8, s.inner.MinSize().Height-s.Size().Height)
		s.box.Refresh()
		u.offset["sheet"] = s.box.Offset.Y
		s.track()
		return false
	})
}
