package ui

import (
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/wallet/vm"
)

func TestRequired(t *testing.T) {
	t.Run("REQ-13", testLayoutOfNames)
}

// testLayoutOfNames is REQ-13 at text of 200 %: whatever an asker is called, every word has its own spot, the buttons stay
// in the window, and what the wallet itself says is all there.
func testLayoutOfNames(t *testing.T) {
	g := newGallery(t)
	largest := slices.Max(vm.ScaleChoices)
	if largest != 2 {
		t.Fatalf("text can be made %v as large", largest)
	}
	names := map[string]string{
		"short":      "Jo",
		"long word":  strings.Repeat("x", 10_000),
		"long words": strings.TrimSpace(strings.Repeat("Gemeente Voorbeeldstad ", 450)),
		"cut off":    strings.Repeat("Wijd", 49) + "Wij…", // as the core hands it on
		"bidi":       "Gemeente \u202edatsdleebrooV\u202c \u2066x\u2069 \u200fAB",
		"line feeds": "Gemeente\nVoorbeeldstad\r\n\n\nStaat in het register\n",
		"homoglyphs": "Gemeente Vооrbееldstаd",
		"nothing":    "",
		"invisible":  "\u200b\u2060\ufeff",
	}
	for _, f := range []form{
		{"phone at 200 %", 390, 844, false, "nl", largest}, {"small phone at 200 %", 320, 640, false, "nl", largest}, {"desktop at 200 %", 1024, 768, false, "nl", largest},
	} {
		g.in(f)
		for kind, name := range names {
			for _, registered := range []bool{true, false} {
				for _, step := range []vm.ShareStep{vm.ShareAsk, vm.ShareUnknown} {
					s := g.share(step)
					s.Verifier, s.Address, s.Registered = name, strings.Repeat("a", 60)+".example", registered
					g.app.Stage(nil, s)
					g.ui.shown = ""
					g.ui.Render()
					what := kind + " in " + f.name
					controls, texts := g.fits(t, f, what)
					if controls < 2 {
						t.Errorf("%s: %d buttons", what, controls)
					}
					for i := range texts { // lines of a heading are nearer than the boxes of its font are high; its letters are not
						h := texts[i].size.Height
						texts[i].at.Y, texts[i].size.Height = texts[i].at.Y+h/8, h*3/4
					}
					for i, a := range texts {
						for _, b := range texts[:i] {
							if a.name != "" && b.name != "" && a.on(b) {
								t.Errorf("%s: %.40q at %v lies over %.40q at %v", what, a.name, a.at, b.name, b.at)
							}
						}
					}
					// Whether the register knows the asker stands there in the wallet's own words, apart from the name.
					status := "Staat in het register"
					if !registered || step == vm.ShareUnknown {
						status = "Staat niet in het register"
					}
					if got := said(texts); !strings.Contains(got, status) {
						t.Errorf("%s: %q is not said", what, status)
					}
				}
			}
		}
	}
}

// said is all texts, as they follow each other.
func said(texts []place) string {
	var words []string
	for _, p := range texts {
		words = append(words, p.name)
	}
	return strings.Join(words, " ")
}
