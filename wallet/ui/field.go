package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// field is a text that a person types, with a name above it. What is typed is kept while the screen is drawn anew.
type field struct {
	widget.Entry
	name string
	ring *canvas.Rectangle
	edge *canvas.Rectangle
	u    *UI
}

// Name is what the field is called.
func (f *field) Name() string { return "field:" + f.name }

// FocusGained implements [fyne.Focusable].
func (f *field) FocusGained() {
	f.Entry.FocusGained()
	f.ring.Show()
	f.ring.Refresh()
	if f.u.focused != nil {
		f.u.focused(f)
	}
}

// FocusLost implements [fyne.Focusable].
func (f *field) FocusLost() {
	f.Entry.FocusLost()
	f.ring.Hide()
	f.ring.Refresh()
}

// TypedKey implements [fyne.Focusable].
func (f *field) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		f.u.key(e)
		return
	}
	f.Entry.TypedKey(e)
}

type fieldOptions struct {
	name, hint string
	drawing    string // before the text; "": none
	secret     bool
	shows      bool // a button beside a secret shows it
	lines      int  // more than one: a larger box
	value      string
	changed    func(string)
	submitted  func(string)
	hideName   bool
}

// field makes an entry. get returns what is typed.
func (u *UI) field(o fieldOptions) (box fyne.CanvasObject, get func() string) {
	f := &field{name: o.name, u: u}
	f.MultiLine = o.lines > 1
	open := u.kept[shownKey+o.name] != ""
	f.Password = o.secret && !open
	f.ActionItem = air(0) // the toolkit would put a button of its own there
	if f.MultiLine {
		f.Wrapping = fyne.TextWrapBreak
		f.SetMinRowsVisible(o.lines)
	}
	f.ExtendBaseWidget(f)
	f.PlaceHolder = o.hint
	text, was := u.kept[o.name]
	if !was {
		text = o.value
	}
	f.Text = text
	f.CursorColumn = len([]rune(text))
	f.OnChanged = func(s string) {
		u.app.Touch()
		u.kept[o.name] = s
		if o.changed != nil {
			o.changed(s)
		}
	}
	if o.submitted != nil {
		f.OnSubmitted = o.submitted
	}
	if u.under {
		f.Disable()
	}
	f.edge = outline(u.surface, u.lineStrong, 1.5, radius)
	f.ring = outline(nil, u.ink, 3, radius)
	f.ring.Hide()
	height := float32(buttonHeight)
	if o.lines > 1 {
		height = float32(o.lines)*24 + 32
	}
	typed := fyne.CanvasObject(pad(6, 8, 6, 8, f))
	switch {
	case o.shows:
		typed = pad(6, 8, 6, 8, beside(8, 0, f, u.shows(o.name, open)))
	case o.drawing != "":
		typed = pad(6, 8, 6, 16, container.New(&row{gap: 2, wide: 1}, icon(o.drawing, 22, u.ink2), f))
	}
	inner := sized(0, height*u.scale, over(f.edge, typed, f.ring))
	get = func() string { return f.Text }
	if o.hideName {
		return inner, get
	}
	return col(6, u.write(smallB, u.ink2, o.name), inner), get
}

// shownKey begins the names under which it is kept that a secret is shown.
const shownKey = "shown:"

// shows is the button that shows a secret, or hides it again.
func (u *UI) shows(name string, open bool) *tap {
	drawing, word, other := "eye", u.text("secret.show"), u.text("secret.hide")
	if open {
		drawing, word, other = "eyeoff", other, word
	}
	inner := pad(0, 6, 0, 6, col(0, push(), container.NewCenter(icon(drawing, 22, u.ink)), u.line(tab, u.ink, word), push()))
	return u.tap(word, 12, container.New(&least{target, target}, inner), u.renamed(word, other, func() {
		u.kept[shownKey+name] = map[bool]string{false: "yes"}[open]
		u.Render()
	}))
}

// least is an object of at least a size.
type least struct{ w, h float32 }

// Layout implements [fyne.Layout].
func (l *least) Layout(o []fyne.CanvasObject, size fyne.Size) { stack{}.Layout(o, size) }

// MinSize implements [fyne.Layout].
func (l *least) MinSize(o []fyne.CanvasObject) fyne.Size {
	return stack{}.MinSize(o).Max(fyne.NewSize(l.w, l.h))
}
