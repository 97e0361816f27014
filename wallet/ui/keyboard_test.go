package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// Tab passes by what lies under a sheet, and neither a mouse nor a key does anything there.
func TestUnderSheet(t *testing.T) {
	test.NewTempApp(t)
	l := &look{palette: &light, scale: 1}
	pressed := 0
	l.under = true
	under := l.tap("under", 8, air(40), func() { pressed++ })
	l.under = false
	over := l.tap("over", 8, air(40), func() { pressed += 10 })
	win := test.NewTempWindow(t, fyne.NewContainerWithoutLayout(under, over))
	for range 3 {
		win.Canvas().FocusNext()
		if win.Canvas().Focused() != fyne.Focusable(over) {
			t.Fatalf("the focus is on %v", win.Canvas().Focused())
		}
	}
	test.Tap(under)
	under.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	over.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if pressed != 10 {
		t.Errorf("pressed %d", pressed)
	}
}

// What is typed reaches the PIN while a key of the pad has the focus.
func TestTypedOnATap(t *testing.T) {
	test.NewTempApp(t)
	var got []rune
	l := &look{palette: &light, scale: 1, typed: func(r rune) { got = append(got, r) }}
	key := l.tap("1", 8, air(40), nil)
	for _, r := range "728194" {
		key.TypedRune(r)
	}
	if string(got) != "728194" {
		t.Errorf("got %q", string(got))
	}
}
