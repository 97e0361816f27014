package ui

import (
	"reflect"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

func TestRichWords(t *testing.T) {
	for _, c := range []struct {
		text string
		want []richWord
	}{
		{"", nil},
		{"Niets dikgedrukt", []richWord{{"Niets", false, false}, {"dikgedrukt", false, false}}},
		{"vraagt uw **geboortedatum**.", []richWord{{"vraagt", false, false}, {"uw", false, false}, {"geboortedatum", true, false}, {".", false, true}}},
		{"**18 jaar** of", []richWord{{"18", true, false}, {"jaar", true, false}, {"of", false, false}}},
		{"half **open", []richWord{{"half", false, false}, {"open", true, false}}},
	} {
		if got := richWords(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

// A full stop after a bold word stays on its line, and no line is wider than there is room.
func TestRichWraps(t *testing.T) {
	test.NewTempApp(t)
	l := &look{palette: &light, scale: 1}
	o := l.rich(body, l.ink2, "Theater Voorbeeld vraagt uw **geboortedatum**. Het mag alleen vragen of u **18 jaar of ouder** bent.")
	for _, width := range []float32{120, 200, 320, 900} {
		o.Resize(fyne.NewSize(width, heightFor(o, width)))
		for _, c := range o.Objects {
			text := c.(*canvas.Text)
			if c.Position().X == 0 && text.Text == "." {
				t.Errorf("at %v a full stop begins a line", width)
			}
			if right := c.Position().X + c.Size().Width; right > width+1 {
				t.Errorf("at %v %q ends at %v", width, text.Text, right)
			}
		}
		if bottom := o.Objects[len(o.Objects)-1].Position().Y + body.line; bottom > o.Size().Height+body.line {
			t.Errorf("at %v the last line is at %v of %v", width, bottom, o.Size().Height)
		}
	}
}

// An address breaks between its parts, and keeps every sign.
func TestAddressBreaks(t *testing.T) {
	test.NewTempApp(t)
	for _, x := range []struct {
		word, fits string
		want       []string
	}{
		{"balie.voorbeeldstad.example", "balie.voorbeeldstad.ex", []string{"balie.voorbeeldstad.", "example"}},
		{"https://balie.example/a/b", "https://balie.exa", []string{"https://balie.", "example/a/b"}},
		{"xn--voorbeeldstd-79j.example", "xn--voorbeeldstd-79", []string{"xn--voorbeeldstd-", "79j.example"}},
		{"did:zegel:voorbeeld", "did:zegel:voor", []string{"did:zegel:", "voorbeeld"}},
		{"z6MkVoorbeeld", "z6MkVoor", []string{"z6MkVoor", "beeld"}},
		{"Voorbeeldstad", "Voorbeeld-", []string{"Voorbeeld-", "stad"}},
	} {
		w := &words{style: body}
		if got := w.pieces(x.word, measure(x.fits, body).Width); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, want %q", x.word, got, x.want)
		}
	}
}
