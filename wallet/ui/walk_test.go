package ui

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"github.com/zegel-id/zegel/wallet/vm"
)

// visit walks everything in the window with its place; inside says whether it lies in something that scrolls.
func visit(o fyne.CanvasObject, at fyne.Position, inside bool, do func(o fyne.CanvasObject, at fyne.Position, inside bool)) {
	if o == nil || !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	do(o, at, inside)
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			visit(c, at, inside, do)
		}
	case *container.Scroll:
		visit(o.Content, at, true, do)
	case *field:
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			visit(c, at, inside, do)
		}
	}
}

// Every control is at least 44 by 44, no two share a spot, no text is wider than its box, and nothing sticks out of the
// window, on every screen, at every size of text.
func TestTargets(t *testing.T) {
	g := newGallery(t)
	controls, texts := 0, 0
	g.each(func(f form, s state) {
		all, words := g.fits(t, f, s.in(f))
		controls, texts = controls+all, texts+len(words)
	})
	if controls < 8*len(states)*3 || texts < 100*len(states) {
		t.Fatalf("%d controls and %d texts: the walk is broken", controls, texts)
	}
}

// place is where something lies; scroll says whether it scrolls.
type place struct {
	name   string
	at     fyne.Position
	size   fyne.Size
	scroll bool
}

// on says whether two things that stay where they are to each other share a spot.
func (p place) on(o place) bool {
	return p.scroll == o.scroll && p.at.X+1 < o.at.X+o.size.Width && o.at.X+1 < p.at.X+p.size.Width &&
		p.at.Y+1 < o.at.Y+o.size.Height && o.at.Y+1 < p.at.Y+p.size.Height
}

// fits checks the places of all controls and texts in the window. It returns how many controls there are, and the texts.
func (g *gallery) fits(t *testing.T, f form, what string) (controls int, texts []place) {
	t.Helper()
	var all []place
	visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, at fyne.Position, inside bool) {
		size := o.Size()
		switch o := o.(type) {
		case *canvas.Text:
			texts = append(texts, place{o.Text, at, size, inside})
			if w := o.MinSize().Width; w > size.Width+1.5 && o.Text != "" {
				t.Errorf("%s: %q is %.0f wide in a box of %.0f", what, o.Text, w, size.Width)
			}
			if at.X < -1 || at.X+size.Width > f.w+1 {
				t.Errorf("%s: %q sticks out: %v, %v", what, o.Text, at, size)
			}
			return
		case *tap:
			if o.Disabled() {
				return
			}
			all = append(all, place{o.name, at, size, inside})
		case *field:
			if o.Disabled() {
				return
			}
			all = append(all, place{o.name, at.SubtractXY(8, 6), size.AddWidthHeight(16, 12), inside})
		default:
			return
		}
		p := all[len(all)-1]
		if p.size.Width < target-.5 || p.size.Height < target-.5 {
			t.Errorf("%s: %q is %v", what, p.name, p.size)
		}
		if p.at.X < -.5 || p.at.X+p.size.Width > f.w+.5 || !inside && p.at.Y+p.size.Height > f.h+.5 {
			t.Errorf("%s: %q sticks out: %v, %v", what, p.name, p.at, p.size)
		}
	})
	for i, a := range all {
		for _, b := range all[:i] {
			if a.on(b) {
				t.Errorf("%s: %q lies over %q", what, a.name, b.name)
			}
		}
	}
	return len(all), texts
}

// Tab reaches every control that does something, and nothing under a sheet; the ring can be seen.
func TestKeyboardReachesAll(t *testing.T) {
	g := newGallery(t)
	for _, f := range []form{forms[0], forms[4]} {
		g.in(f)
		for _, s := range states {
			g.show(s)
			want := map[fyne.Focusable]string{}
			visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, _ fyne.Position, _ bool) {
				if n, ok := o.(named); ok && !o.(fyne.Disableable).Disabled() {
					want[o.(fyne.Focusable)] = n.Name()
				}
			})
			c := g.win.Canvas()
			for range 2*len(want) + 8 { // a list makes more controls while it scrolls
				c.FocusNext()
				on := c.Focused()
				if on == nil {
					break
				}
				delete(want, on)
				ring := (*canvas.Rectangle)(nil)
				switch on := on.(type) {
				case *tap:
					ring = on.ring
				case *field:
					ring = on.ring
				default:
					t.Errorf("%s: the focus is on %T", s.in(f), on)
					continue
				}
				if !ring.Visible() || ring.StrokeWidth < 3 {
					t.Errorf("%s: no ring around %v", s.in(f), on.(named).Name())
				}
			}
			for _, name := range want {
				t.Errorf("%s: Tab does not reach %q", s.in(f), name)
			}
		}
	}
}

func (g *gallery) find(name string) *tap {
	g.Helper()
	var found *tap
	visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, _ fyne.Position, _ bool) {
		if t, ok := o.(*tap); ok && !t.Disabled() && t.name == name {
			found = t
		}
	})
	if found == nil {
		g.Fatalf("there is no %q", name)
	}
	return found
}

// press sends a key to what has the focus, as the window does.
func (g *gallery) press(key fyne.KeyName) {
	if on := g.win.Canvas().Focused(); on != nil {
		on.TypedKey(&fyne.KeyEvent{Name: key})
		return
	}
	g.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: key})
}

func stateOf(name string) state {
	for _, s := range states {
		if s.name == name {
			return s
		}
	}
	panic("no state " + name)
}

// Where a person decides, the focus begins on what shares nothing; Escape stops; Enter never shares, Space does.
func TestKeyboardIsSafe(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	for _, name := range []string{"consent", "consent-choices", "too-far", "too-far-only", "too-far-sure", "unknown", "reuse"} {
		g.show(stateOf(name))
		on, ok := g.win.Canvas().Focused().(*tap)
		if !ok || on.name != "Stoppen" {
			t.Errorf("%s: the focus begins on %v", name, g.win.Canvas().Focused())
		}
		g.press(fyne.KeyEscape)
		if s := g.app.Screen().(*vm.Share); s.Step != vm.ShareStopped {
			t.Errorf("%s: Escape leads to step %d", name, s.Step)
		}
	}
	for _, x := range []struct {
		state, button string
		before, after vm.ShareStep
	}{
		{"consent", "Delen", vm.ShareAsk, vm.SharePIN}, {"too-far", "Deel alleen 18 jaar of ouder", vm.ShareAsk, vm.SharePIN},
		{"too-far-only", "Toch mijn geboortedatum delen", vm.ShareAsk, vm.ShareExtra}, {"too-far-sure", "Toch mijn geboortedatum delen", vm.ShareExtra, vm.SharePIN},
		{"unknown", "Ik ken deze organisatie", vm.ShareUnknown, vm.ShareAsk}, {"reuse", "Toch opnieuw tonen", vm.ShareReuse, vm.SharePIN},
	} {
		g.show(stateOf(x.state))
		s := g.app.Screen().(*vm.Share)
		g.win.Canvas().Focus(g.find(x.button))
		for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter} {
			if g.press(key); s.Step != x.before {
				t.Errorf("%s: %s on %q leads to step %d", x.state, key, x.button, s.Step)
			}
		}
		if g.press(fyne.KeySpace); s.Step != x.after {
			t.Errorf("%s: Space on %q leads to step %d", x.state, x.button, s.Step)
		}
	}
	g.show(stateOf("offer-preview"))
	g.press(fyne.KeyEscape)
	if o, ok := g.app.Screen().(*vm.Offer); !ok || o.Step != vm.OfferStopped || !o.Refused {
		t.Errorf("Escape from an offer leads to %T", g.app.Screen())
	}
	g.press(fyne.KeyEscape)
	if _, ok := g.app.Screen().(*vm.Cards); !ok {
		t.Errorf("Escape from the end leads to %T", g.app.Screen())
	}

	// Digits go to the pad, whatever has the focus.
	g.show(stateOf("pin"))
	s := g.app.Screen().(*vm.Secret)
	test.TypeOnCanvas(g.win.Canvas(), "7")
	g.win.Canvas().FocusNext()
	g.win.Canvas().Focused().TypedRune('3')
	if s.Digits != 2 {
		t.Errorf("%d digits", s.Digits)
	}
	g.press(fyne.KeyBackspace)
	if s.Digits != 1 {
		t.Errorf("%d digits after Backspace", s.Digits)
	}
}

// A kind of status that this wallet does not know is shown, and breaks nothing.
func TestUnknownStatus(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.app.Stage(nil, &vm.Cards{All: 1, Items: []vm.Item{{ID: "x", Name: "Pas", Kind: "nieuwsoortig", Word: "?"}}})
	g.ui.note("nieuwsoortig", "a", "b")
}

func BenchmarkFirstPicture(b *testing.B) {
	g := benchGallery(b)
	g.in(forms[0])
	for b.Loop() {
		g.show(stateOf("cards"))
		g.picture(1)
	}
}

func BenchmarkConsent(b *testing.B) {
	g := benchGallery(b)
	g.in(forms[0])
	for b.Loop() {
		g.show(stateOf("consent"))
		g.picture(1)
	}
}
