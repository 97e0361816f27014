package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/driver/mobile"
	"fyne.io/fyne/v2/widget"
)

// tap is anything that can be tapped: a mouse, a finger and the keyboard do the same, and the focus shows as a ring
// around it. What it looks like is its content.
type tap struct {
	widget.BaseWidget
	content fyne.CanvasObject
	corner  float32
	ring    *canvas.Rectangle
	press   *canvas.Rectangle
	do      func()
	// name identifies it between two pictures of one screen, so that the focus stays; it is what a screen reader would say.
	name     string
	off      bool
	noReturn bool // Enter does nothing: what cannot be taken back is chosen with Space or a tap
	focused  bool
	soft     bool // gives way when it is pressed: buttons and keys, not cards, whose art would have to be drawn anew
	drawn    bool // there is a drawing before the word
	behind   bool // under a sheet: neither mouse nor keyboard comes there
	look     *look
	squeezed float32 // how far it is pressed in, 0 to 1
}

var (
	_ fyne.Tappable      = (*tap)(nil)
	_ fyne.Focusable     = (*tap)(nil)
	_ fyne.Disableable   = (*tap)(nil) // so that Tab passes it by
	_ desktop.Hoverable  = (*tap)(nil)
	_ desktop.Cursorable = (*tap)(nil)
	_ desktop.Mouseable  = (*tap)(nil)
	_ mobile.Touchable   = (*tap)(nil)
	_ flow               = (*tap)(nil)
)

func (l *look) tap(name string, corner float32, content fyne.CanvasObject, do func()) *tap {
	t := &tap{name: name, corner: corner, content: content, do: do, look: l, behind: l.under}
	t.ring = outline(nil, l.ink, 3, corner+6)
	t.ring.Hide()
	t.press = block(l.press, corner)
	t.press.Hide()
	t.ExtendBaseWidget(t)
	return t
}

// CreateRenderer implements [fyne.Widget].
func (t *tap) CreateRenderer() fyne.WidgetRenderer { return &tapRenderer{t} }

type tapRenderer struct{ t *tap }

func (r *tapRenderer) Layout(size fyne.Size) {
	in := size.Subtract(fyne.NewSize(size.Width*pressedIn*r.t.squeezed, size.Height*pressedIn*r.t.squeezed))
	r.t.content.Move(fyne.NewPos((size.Width-in.Width)/2, (size.Height-in.Height)/2))
	r.t.content.Resize(in)
	r.t.press.Resize(size)
	// Three of air, then three of ring, outside of the control.
	r.t.ring.Move(fyne.NewPos(-6, -6))
	r.t.ring.Resize(size.AddWidthHeight(12, 12))
}
func (r *tapRenderer) MinSize() fyne.Size { return r.t.content.MinSize() }
func (r *tapRenderer) Refresh() {
	r.t.ring.Refresh()
	r.t.press.Refresh()
	r.t.content.Refresh()
}
func (r *tapRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.t.content, r.t.press, r.t.ring}
}
func (r *tapRenderer) Destroy() {}

func (t *tap) heightFor(width float32) float32 { return heightFor(t.content, width) }

// Tapped implements [fyne.Tappable].
func (t *tap) Tapped(*fyne.PointEvent) {
	if !t.off && !t.behind && t.do != nil {
		t.do()
	}
}

// Disable implements [fyne.Disableable].
func (t *tap) Disable() { t.behind = true }

// Enable implements [fyne.Disableable].
func (t *tap) Enable() { t.behind = false }

// Disabled implements [fyne.Disableable]: nothing can be done here. What is switched off for a while can still be reached.
func (t *tap) Disabled() bool { return t.behind || t.do == nil }

// FocusGained implements [fyne.Focusable].
func (t *tap) FocusGained() {
	t.focused = true
	t.ring.Show()
	t.Refresh()
	if t.look.focused != nil {
		t.look.focused(t)
	}
}

// FocusLost implements [fyne.Focusable].
func (t *tap) FocusLost() {
	t.focused = false
	t.ring.Hide()
	t.Refresh()
}

// TypedRune implements [fyne.Focusable].
func (t *tap) TypedRune(r rune) {
	if t.look.typed != nil {
		t.look.typed(r)
	}
}

// TypedKey implements [fyne.Focusable].
func (t *tap) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace:
		t.Tapped(nil)
	case fyne.KeyReturn, fyne.KeyEnter:
		if !t.noReturn {
			t.Tapped(nil)
		}
	default:
		if t.look.typedKey != nil {
			t.look.typedKey(e)
		}
	}
}

// MouseIn implements [desktop.Hoverable].
func (t *tap) MouseIn(*desktop.MouseEvent) {
	if !t.off {
		t.press.Show()
		t.press.Refresh()
	}
}

// MouseMoved implements [desktop.Hoverable].
func (t *tap) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements [desktop.Hoverable].
func (t *tap) MouseOut() {
	t.press.Hide()
	t.press.Refresh()
}

// pressedIn is how much smaller a control is while a finger or the mouse holds it down.
const pressedIn = .02

// MouseDown implements [desktop.Mouseable].
func (t *tap) MouseDown(*desktop.MouseEvent) { t.squeeze(1) }

// MouseUp implements [desktop.Mouseable].
func (t *tap) MouseUp(*desktop.MouseEvent) { t.squeeze(0) }

// TouchDown implements [mobile.Touchable].
func (t *tap) TouchDown(*mobile.TouchEvent) { t.squeeze(1) }

// TouchUp implements [mobile.Touchable].
func (t *tap) TouchUp(*mobile.TouchEvent) { t.squeeze(0) }

// TouchCancel implements [mobile.Touchable].
func (t *tap) TouchCancel(*mobile.TouchEvent) { t.squeeze(0) }

func (t *tap) squeeze(to float32) {
	if t.off || t.behind || t.do == nil || !t.soft || t.look.still {
		return
	}
	from := t.squeezed
	a := fyne.NewAnimation(pressTime, func(part float32) {
		t.squeezed = from + (to-from)*part
		(&tapRenderer{t}).Layout(t.Size())
		canvas.Refresh(t)
	})
	a.Curve = fyne.AnimationEaseOut
	t.look.start(a)
}

// Cursor implements [desktop.Cursorable].
func (t *tap) Cursor() desktop.Cursor {
	if t.off {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}
