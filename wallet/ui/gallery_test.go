package ui

import (
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/zegel-id/zegel/wallet/vm"
)

// machine is a platform without anything in it.
type machine struct {
	dark   bool
	camera bool
	copied string
}

func (m *machine) Scan(done func(string))                        { done("") }
func (m *machine) Camera() bool                                  { return m.camera }
func (m *machine) Paste() string                                 { return "" }
func (m *machine) Copy(s string)                                 { m.copied = s }
func (m *machine) OpenFile(done func([]byte))                    { done(nil) }
func (m *machine) SaveFile(_ string, _ []byte, done func(error)) { done(nil) }
func (m *machine) OpenURL(string) error                          { return nil }
func (m *machine) Dark() bool                                    { return m.dark }

// form is a way to look at a screen.
type form struct {
	name  string
	w, h  float32
	dark  bool
	lang  string
	scale float32
}

var forms = []form{
	{"phone", 390, 844, false, "nl", 1},
	{"phone-dark", 390, 844, true, "nl", 1},
	{"phone-en", 390, 844, false, "en", 1},
	{"narrow-large", 320, 640, false, "en", 1.5},
	{"desktop", 1024, 768, false, "nl", 1},
	{"desktop-dark", 1024, 768, true, "en", 1},
}

// pictures are the forms of which pictures are kept: phone and desktop, by day and by night, in both complete languages;
// and the narrowest window with the largest letters.
var pictures = func() (all []form) {
	for _, f := range []form{{name: "phone", w: 390, h: 844}, {name: "desktop", w: 1024, h: 768}} {
		for _, lang := range []string{"nl", "en"} {
			for _, dark := range []bool{false, true} {
				f := form{f.name, f.w, f.h, dark, lang, 1}
				if lang != "nl" {
					f.name += "-" + lang
				}
				if dark {
					f.name += "-dark"
				}
				all = append(all, f)
			}
		}
	}
	return append(all, forms[3])
}()

// kind names the screen that is shown, whatever is in it: its type, and how far its journey is.
func (g *gallery) kind() string {
	now := g.ui.scene(g.app.Screen())
	kind := now.screen + " " + now.step
	if s, ok := g.app.Screen().(*vm.Share); ok && s.TooFar != nil {
		kind += " too far"
	}
	return kind
}

// noon is when all of this happens.
var noon = time.Date(2026, 11, 25, 10, 42, 0, 0, time.UTC)

// gallery is a window in which any screen can be hung up. There is an open wallet behind it, without cards.
type gallery struct {
	testing.TB
	app      *vm.App
	ui       *UI
	win      fyne.Window
	platform *machine
}

func benchGallery(b *testing.B) *gallery { return newGallery(b) }

func newGallery(t testing.TB) *gallery {
	t.Helper()
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	test.NewTempApp(t)
	g := &gallery{TB: t, platform: &machine{}, win: test.NewTempWindow(t, nil)}
	g.app = vm.New(vm.Deps{
		Dir: t.TempDir(), Dev: true, Version: "1.0.0", Now: func() time.Time { return noon },
		Do: func(f func()) { f() }, Go: func(f func()) { f() },
		Changed: func() {
			if g.ui != nil {
				g.ui.Render()
			}
		},
	})
	t.Cleanup(func() { g.app.Close() })
	g.app.Screen().(*vm.Welcome).Begin()
	for range 2 {
		for _, r := range "604183" {
			g.app.Screen().(*vm.Secret).Type(r)
		}
	}
	g.helped()
	g.app.Go(vm.PlaceCards)
	g.ui = New(g.app, g.win, g.platform)
	return g
}

// in makes the window as the form says.
func (g *gallery) in(f form) {
	g.platform.dark, g.platform.camera = f.dark, f.w < wideFrom
	g.app.SetPrefs(func(p *vm.Prefs) { p.Lang, p.TextScale = f.lang, f.scale })
	g.win.Resize(fyne.NewSize(f.w, f.h))
}

// show hangs a screen up.
func (g *gallery) show(s state) {
	g.Helper()
	under, screen := s.make(g)
	if g.app.Lang() == "en" {
		inEnglish(under)
		inEnglish(screen)
	}
	g.app.Stage(under, screen)
	g.ui.shown = "" // each state begins at the top
	g.ui.Render()
}

// pictured runs visit as a test by itself for each screen in a form, so that one alone can be looked at: names are as
// "phone/cards".
func (g *gallery) pictured(t *testing.T, f form, visit func(t *testing.T, s state)) {
	t.Run(f.name, func(t *testing.T) {
		g.in(f)
		for _, s := range states {
			t.Run(s.name, func(t *testing.T) {
				g.show(s)
				visit(t, s)
			})
		}
	})
}

// each walks through all screens in all forms.
func (g *gallery) each(visit func(f form, s state)) {
	for _, f := range forms {
		g.in(f)
		for _, s := range states {
			g.show(s)
			visit(f, s)
		}
	}
}

func (s state) in(f form) string { return fmt.Sprintf("%s in %s", s.name, f.name) }
