package ui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/zegel-id/zegel/wallet/vm"
)

// What is typed when a page opens goes to its first field.
func TestFirstFieldHasTheFocus(t *testing.T) {
	g := newGallery(t)
	g.in(forms[4])
	for state, name := range map[string]string{
		"passphrase": "Wachtzin", "lock-passphrase": "Wachtzin", "offer-code": "Code van uw brief", "guardians": "Naam 1",
		"restore-open": "Wachtzin van de reservekopie", "activity-search": "", "cards": "", "add": "", "letter": "",
	} {
		g.show(stateOf(state))
		want := ""
		if name != "" {
			want = "field:" + name
		}
		if got := g.focused(); name != "" && got != want || name == "" && strings.HasPrefix(got, "field:") {
			t.Errorf("%s: the focus begins on %q, want %q", state, got, want)
		}
	}
	g.show(stateOf("passphrase"))
	g.types("vlinder")
	if f := g.field("Wachtzin"); f.Text != "vlinder" {
		t.Errorf("%q was typed", f.Text)
	}
}

// types does so where the focus is, as the window does.
func (g *gallery) types(text string) {
	for _, r := range text {
		if on := g.win.Canvas().Focused(); on != nil {
			on.TypedRune(r)
		} else {
			g.win.Canvas().OnTypedRune()(r)
		}
	}
}

// Without a code there is nothing to collect with; after a wrong one the next can be typed at once.
func TestLetterCode(t *testing.T) {
	g := newGallery(t)
	for _, f := range []form{forms[0], forms[4]} {
		g.in(f)
		g.show(stateOf("offer-code"))
		collect := func() *tap { return g.find("Ophalen") }
		if !collect().off {
			t.Errorf("%s: an empty code can be sent", f.name)
		}
		g.types(" 12")
		if got := g.field("Code van uw brief").Text; got != " 12" || collect().off {
			t.Errorf("%s: %q was typed, off %v", f.name, got, collect().off)
		}
		for range 2 {
			g.press(fyne.KeyBackspace)
		}
		if !collect().off || g.focused() != "field:Code van uw brief" {
			t.Errorf("%s: an emptied code can be sent; the focus is on %q", f.name, g.focused())
		}
		// The code was wrong while the focus was on the button.
		g.win.Canvas().Focus(collect())
		s := g.app.Screen().(*vm.Offer)
		s.Step = vm.OfferFetching
		g.ui.Render()
		s.Step = vm.OfferCode
		g.ui.Render()
		if g.focused() != "field:Code van uw brief" {
			t.Errorf("%s: after a wrong code the focus is on %q", f.name, g.focused())
		}
	}
}

// A locked Zegel with a wrong PIN and a waiting request fits in the window, notices included.
func TestLockFits(t *testing.T) {
	g := newGallery(t)
	for _, f := range []form{{"low", 1024, 700, false, "nl", 1}, forms[4], forms[5], {"phone", 390, 800, false, "nl", 1}} {
		g.in(f)
		for _, name := range []string{"lock", "lock-wrong", "lock-full", "lock-wait"} {
			g.show(stateOf(name))
			visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, _ fyne.Position, _ bool) {
				if s, ok := o.(*scroll); ok && !s.bar.Hidden {
					t.Errorf("%s in %s scrolls: %v of %v", name, f.name, s.Size().Height, s.inner.MinSize().Height)
				}
			})
		}
	}
	// Where it cannot fit, the bar is at the edge of the window.
	g.in(form{"lowest", 1024, 480, false, "nl", 1})
	g.show(stateOf("lock-full"))
	bars := 0
	visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, at fyne.Position, _ bool) {
		if s, ok := o.(*scroll); ok && !s.bar.Hidden {
			bars++
			if right := at.X + s.bar.Position().X; right < 1000 {
				t.Errorf("the bar is at %v", right)
			}
		}
	})
	if bars != 1 {
		t.Errorf("%d bars", bars)
	}
}

// In a wide window the buttons of a page stand right under what they are for.
func TestFootFollowsContent(t *testing.T) {
	g := newGallery(t)
	g.in(forms[4])
	for state, button := range map[string]string{
		"backup-none": "Kiezen wie hem kan openen", "restore": "Bestand kiezen", "parts": "Klaar", "rehearse-done": "Klaar",
		"guardians": "Verder", "passphrase": "Verder", "forgot": "Reservekopie terugzetten",
	} {
		g.show(stateOf(state))
		end, at := float32(0), float32(0)
		visit(g.win.Content(), fyne.Position{}, false, func(o fyne.CanvasObject, p fyne.Position, inside bool) {
			switch o := o.(type) {
			case *canvas.Text:
				if inside && o.Text != "" {
					end = max(end, p.Y+o.Size().Height)
				}
			case *tap:
				if o.name == button && !inside {
					at = p.Y
				}
			}
		})
		if at == 0 || at-end > 100 {
			t.Errorf("%s: the content ends at %v, %q is at %v", state, end, button, at)
		}
	}
}

// The name of a card can be read in full at the head of its page.
func TestNamesInFull(t *testing.T) {
	g := newGallery(t)
	for _, f := range []form{forms[0], forms[3], forms[4]} {
		g.in(f)
		for _, state := range []string{"card-suspended", "card-used", "card-expired", "card-revoked"} {
			g.show(stateOf(state))
			name, issuer := g.app.Screen().(*vm.Card).Name, g.app.Screen().(*vm.Card).Issuer
			said := strings.Join(g.texts(), " ")
			if !strings.Contains(said, name) {
				t.Errorf("%s in %s: %q is cut: %q", state, f.name, name, said)
			}
			if state == "card-expired" && !strings.Contains(said, issuer) {
				t.Errorf("%s in %s: %q is cut", state, f.name, issuer)
			}
		}
	}
}

// A pill stands out from the paper of a card that does not work, by its edge and its word.
func TestPillOnPaper(t *testing.T) {
	for name, p := range map[string]*palette{"light": &light, "dark": &dark} {
		l := &look{palette: p, scale: 1}
		for _, kind := range []string{"expired", "revoked"} {
			back := l.pill(kind, "Verlopen", onPaper).(*fyne.Container).Objects[0].(*canvas.Rectangle)
			c, _ := statusOf(kind).colour(p)
			if back.FillColor != p.surface || back.StrokeWidth == 0 || contrast(back.StrokeColor, p.sunk) < 3 || contrast(c, p.surface) < 4.5 {
				t.Errorf("%s: %s has %v with an edge of %v", name, kind, back.FillColor, back.StrokeColor)
			}
		}
	}
}

// The states of the gallery agree with each other.
func TestStatesAgree(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateOf("settings"))
	if !slices.Contains(g.texts(), "3 van 5 mensen") {
		t.Errorf("settings: %q", g.texts())
	}
	g.show(stateOf("card-expired"))
	if c := g.app.Screen().(*vm.Card); !strings.HasSuffix(c.Line, c.Until) {
		t.Errorf("%q, until %q", c.Line, c.Until)
	}
	g.show(stateOf("offer-logo"))
	if o := g.app.Screen().(*vm.Offer); o.Issuer != o.Cards[0].Issuer || o.Cards[0].Kind != "new" {
		t.Errorf("%q makes a card of %q that is %s", o.Issuer, o.Cards[0].Issuer, o.Cards[0].Kind)
	}
}
