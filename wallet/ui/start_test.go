package ui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/zegel-id/zegel/wallet/vm"
)

// fresh is a window with an app that has no wallet yet.
func fresh(t *testing.T) *gallery {
	t.Helper()
	test.NewTempApp(t)
	g := &gallery{TB: t, platform: &machine{}, win: test.NewTempWindow(t, nil)}
	g.app = vm.New(vm.Deps{
		Dir: t.TempDir(), Dev: true, Now: func() time.Time { return noon }, Do: func(f func()) { f() }, Go: func(f func()) { f() },
		Changed: func() {
			if g.ui != nil {
				g.ui.Render()
			}
		},
	})
	t.Cleanup(func() { g.app.Close() })
	g.ui = New(g.app, g.win, g.platform)
	g.win.Resize(fyne.NewSize(390, 844))
	return g
}

// tabTo moves the focus with the keyboard to a control by its name.
func (g *gallery) tabTo(name string) {
	g.Helper()
	for range 60 {
		g.win.Canvas().FocusNext()
		if n, ok := g.win.Canvas().Focused().(named); ok && n.Name() == name {
			return
		}
	}
	g.Fatalf("Tab does not come to %q", name)
}

func (g *gallery) focused() string {
	if n, ok := g.win.Canvas().Focused().(named); ok {
		return n.Name()
	}
	return ""
}

// texts is everything that can be read in the window.
func (g *gallery) texts() (all []string) {
	visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, _ fyne.Position, _ bool) {
		if t, ok := o.(*canvas.Text); ok {
			all = append(all, t.Text)
		}
	})
	return all
}

// A new wallet, a lock and a change of settings with the keyboard alone; the way back leads to where a person was.
func TestStartByKeyboard(t *testing.T) {
	g := fresh(t)
	g.tabTo("Nederlands")
	g.press(fyne.KeySpace)
	g.tabTo("English")
	g.press(fyne.KeyReturn)
	if g.app.Lang() != "en" {
		t.Fatalf("the language is %s", g.app.Lang())
	}
	g.tabTo("Begin")
	g.press(fyne.KeyReturn)
	test.TypeOnCanvas(g.win.Canvas(), "60")
	if s := g.app.Screen().(*vm.Secret); s.Digits != 2 || slices.Contains(g.texts(), "60") {
		t.Errorf("%d digits", s.Digits)
	}
	g.tabTo("Show")
	g.press(fyne.KeySpace)
	g.press(fyne.KeyBackspace)
	if s := g.app.Screen().(*vm.Secret); s.Typed() != "6" || g.focused() != "Hide" {
		t.Errorf("shown %q, the focus is on %q", s.Typed(), g.focused())
	}
	test.TypeOnCanvas(g.win.Canvas(), "04183")
	g.press(fyne.KeyEscape)
	if s := g.app.Screen().(*vm.Secret); s.Again {
		t.Error("Escape does not lead to the first time")
	}
	test.TypeOnCanvas(g.win.Canvas(), "604183604183")
	if _, ok := g.app.Screen().(*vm.Cards); !ok {
		t.Fatalf("the screen is %T", g.app.Screen())
	}

	g.tabTo("Settings")
	g.press(fyne.KeySpace)
	g.tabTo("Lock after")
	g.press(fyne.KeySpace)
	g.tabTo("15 minutes")
	g.press(fyne.KeySpace)
	if g.app.Prefs().LockAfter != 900 || g.focused() != "Lock after" {
		t.Errorf("%+v, the focus is on %q", g.app.Prefs(), g.focused())
	}
	g.press(fyne.KeySpace)
	g.press(fyne.KeyEscape)
	if g.focused() != "Lock after" {
		t.Errorf("after Escape the focus is on %q", g.focused())
	}

	g.tabTo("Lock")
	g.press(fyne.KeyReturn)
	test.TypeOnCanvas(g.win.Canvas(), "604184")
	if l, ok := g.app.Screen().(*vm.Lock); !ok || l.Problem == nil {
		t.Fatal("a wrong PIN said nothing")
	}
	g.tabTo("Forgot")
	g.press(fyne.KeySpace)
	g.tabTo("Wipe everything")
	g.press(fyne.KeySpace)
	if g.focused() != "Do not wipe" {
		t.Errorf("the focus begins on %q", g.focused())
	}
	g.press(fyne.KeyReturn)
	g.press(fyne.KeyEscape)
	test.TypeOnCanvas(g.win.Canvas(), "604183")
	if !g.app.Unlocked() {
		t.Errorf("the screen is %T", g.app.Screen())
	}
}

// What cannot be taken back is not done by Enter.
func TestWipeAndReplaceAreDeliberate(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	for _, x := range []struct{ state, safe, other string }{
		{"wipe", "Niet wissen", "Alles wissen"}, {"restore-which", "Niet terugzetten", "Kopie terugzetten"},
	} {
		g.show(stateOf(x.state))
		if g.focused() != x.safe {
			t.Errorf("%s: the focus begins on %q", x.state, g.focused())
		}
		before := g.app.Screen()
		g.win.Canvas().Focus(g.find(x.other))
		for _, key := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter} {
			g.press(key)
			if w, is := g.app.Screen().(*vm.Wipe); g.app.Screen() != before || is && w.Busy || !g.app.Unlocked() {
				t.Errorf("%s: %s did it", x.state, key)
			}
		}
	}
	g.show(stateOf("wipe"))
	g.tabTo("Alles wissen")
	g.press(fyne.KeySpace)
	if _, ok := g.app.Screen().(*vm.Welcome); !ok {
		t.Errorf("Space led to %T", g.app.Screen())
	}
}

func (g *gallery) field(name string) *field {
	g.Helper()
	var found *field
	visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, _ fyne.Position, _ bool) {
		if f, ok := o.(*field); ok && f.name == name {
			found = f
		}
	})
	if found == nil {
		g.Fatalf("there is no field %q", name)
	}
	return found
}

// A passphrase is judged while it is typed, and can be shown.
func TestPassphraseIsJudged(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateOf("passphrase"))
	f := g.field("Wachtzin")
	if !f.Password {
		t.Error("it is shown without being asked for")
	}
	g.win.Canvas().Focus(f)
	test.Type(f, "vlinder")
	if said := strings.Join(g.texts(), "|"); !strings.Contains(said, "Nog te makkelijk") || !strings.Contains(said, "Kies 5 losse woorden.") {
		t.Errorf("said %q", said)
	}
	test.Type(f, " kastanje zeven orgelpijp mistig")
	if said := strings.Join(g.texts(), "|"); !strings.Contains(said, "Sterk genoeg") || strings.Contains(said, "|Kies 5 losse woorden.|") {
		t.Errorf("said %q", said)
	}
	test.Tap(g.find("Toon"))
	if f = g.field("Wachtzin"); f.Password || f.Text != "vlinder kastanje zeven orgelpijp mistig" {
		t.Errorf("%q, hidden %v", f.Text, f.Password)
	}
	test.Tap(g.find("Verberg"))
	if f = g.field("Wachtzin"); !f.Password {
		t.Error("it stays shown")
	}
}

// Who corrects a name in its middle goes on there, though the screen is drawn anew at each letter.
func TestCaretStays(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateOf("guardians"))
	f := g.field("Naam 2")
	g.win.Canvas().Focus(f)
	f.CursorColumn = 1
	f.TypedRune('a')
	g.field("Naam 2").TypedRune('n')
	if got := g.app.Screen().(*vm.Guardians).Names[1]; got != "Hanenk" {
		t.Errorf("%q", got)
	}
}

// The way back finds a long list where it was.
func TestTrailKeepsThePlace(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateOf("licences"))
	g.ui.offset["page"] = 900
	g.app.Screen().(*vm.Licences).Show("Go")
	if at := g.ui.offset["page"]; at != 0 {
		t.Errorf("the text begins at %v", at)
	}
	g.app.Back()
	if at := g.ui.offset["page"]; at != 900 {
		t.Errorf("the list is at %v", at)
	}
}
