package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/zegel-id/zegel/wallet/vm"
)

// madeUp draws a logo of nobody: whatever shape says is ink, on nothing.
func madeUp(w, h int, c color.NRGBA, shape func(x, y float64) bool) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			n := 0
			for i := range 16 {
				if shape((float64(x)+float64(i%4)/4)/float64(h), (float64(y)+float64(i/4)/4)/float64(h)) {
					n++
				}
			}
			dot := c
			dot.A = uint8(255 * n / 16)
			img.SetNRGBA(x, y, dot)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func inRing(x, y, mx, my, from, to float64) bool {
	d := (x-mx)*(x-mx) + (y-my)*(y-my)
	return d >= from*from && d <= to*to
}

// Logos of the gallery: two waves in a ring, three letters' worth of bars, and one that was drawn for a dark ground.
func waves(c color.NRGBA) []byte {
	return madeUp(96, 96, c, func(x, y float64) bool {
		wave := func(at float64) bool {
			dx := (x - .5) * 4
			bow := dx * dx * .06
			return y > at+bow && y < at+bow+.1 && inRing(x, y, .5, .5, 0, .4)
		}
		return inRing(x, y, .5, .5, .44, .5) || wave(.3) || wave(.5) || inRing(x, y, .5, .2, 0, .07)
	})
}

func bars() []byte {
	return madeUp(128, 44, rgb(0x6a1b4d), func(x, y float64) bool {
		return y > .1 && y < .9 && (x < .25 || x > .5 && x < .75 && y > .4 || x > 1 && x < 1.25 || inRing(x, y, 2.5, .5, .2, .4))
	})
}

func (g *gallery) logoed() []vm.Item {
	face := func(i vm.Item, colour string, logo []byte) vm.Item {
		i.Colour, i.Logo = colour, logo
		return i
	}
	return []vm.Item{
		face(g.item("address", "Woonadres", city, "expiring", "expires", "date", "5 december 2026"), "#1f6b4a", waves(rgb(0x1f6b4a))),
		face(g.item("diploma", "Diploma Verpleegkunde", school, "valid", "forever"), "#ffd400", bars()),
		face(g.item("pool", "Zwembadpas", "Zwembad Voorbeeld", "valid", "until", "date", "1 maart 2027"), "#c2185b", waves(rgb(0xffffff))),
		face(g.item("library", "Bibliotheekpas", "Bibliotheek Voorbeeld", "expired", "expired", "date", "1 oktober 2026"), "#0044cc", waves(rgb(0x0044cc))),
		face(g.item("volunteer", "Vrijwilligerspas met een heel lange naam erop", long, "revoked", "revoked", "date", "3 november 2026"), "#ffffff", bars()),
		face(g.item("two", "Stadspas", city, "revoked", "revoked", "date", "23 november 2026"), "#0044cc", waves(rgb(0x0044cc))),
		face(g.item("both", "Vrijwilligerspas met een heel lange naam erop", long, "revoked", "revoked", "date", "23 november 2026"), "#0044cc", bars()),
		face(g.item("white", "Ledenkaart", "Vereniging Voorbeeld", "unknown", "until", "date", "1 maart 2027"), "#ffffff", nil),
	}
}

// What is read is a small picture of the wallet; anything else in its place is no logo.
func TestLogoOf(t *testing.T) {
	large := madeUp(129, 10, rgb(0), func(x, y float64) bool { return true })
	for name, file := range map[string][]byte{"nothing": nil, "text": []byte("<svg/>"), "cut": bars()[:40], "large": large} {
		if logoOf(file) != nil {
			t.Errorf("%s is a logo", name)
		}
	}
	for name, x := range map[string]struct {
		file  []byte
		light bool
		wide  float32
	}{
		"dark": {waves(rgb(0x1f6b4a)), false, 44}, "white on nothing": {waves(rgb(0xffffff)), true, 44}, "wide": {bars(), false, 88},
		"white with ground": {madeUp(40, 40, rgb(0xffffff), func(x, y float64) bool { return true }), false, 44},
		"very wide":         {madeUp(128, 4, rgb(0), func(x, y float64) bool { return true }), false, 88},
		"very high":         {madeUp(4, 128, rgb(0), func(x, y float64) bool { return true }), false, 44},
	} {
		l := logoOf(x.file)
		if l == nil {
			t.Errorf("%s is no logo", name)
			continue
		}
		if s := l.size(); l.light != x.light || l.plateWide() != x.wide || s.Width > x.wide-2*plateInset || s.Height > plateHigh-2*plateInset {
			t.Errorf("%s: light %v, %v wide, %v", name, l.light, l.plateWide(), s)
		}
		b := l.gray.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				if c := l.gray.At(x, y).(color.NRGBA); c.R != c.G || c.G != c.B {
					t.Fatalf("%s: %v is no gray", name, c)
				}
			}
		}
	}
}

// A logo lies on its plate, apart from every word and the pill, and inside the card: in all forms, in list and detail. Where
// large text leaves no room it is left out.
func TestLogoApart(t *testing.T) {
	g := newGallery(t)
	type place struct {
		what string
		at   fyne.Position
		size fyne.Size
	}
	for _, f := range forms {
		g.in(f)
		for _, item := range g.logoed() {
			for _, height := range []float32{cardHeight, 120} {
				width := min(cardWidest, f.w-2*g.ui.edge())
				card := g.ui.card(g.ui.face(item), height, nil)
				card.Resize(fyne.NewSize(width, g.ui.cardHigh(height)))
				var pictures, words []place
				visit(card, fyne.Position{}, false, func(o fyne.CanvasObject, at fyne.Position, _ bool) {
					switch o := o.(type) {
					case *canvas.Image:
						pictures = append(pictures, place{"logo", at, o.Size()})
					case *canvas.Text:
						words = append(words, place{o.Text, at, fyne.NewSize(o.MinSize().Width, o.Size().Height)})
					}
				})
				if want := item.Logo != nil; want != (len(pictures) == 1) && (!want || f.scale == 1 && item.ID != "both" && item.ID != "volunteer") {
					t.Errorf("%s in %s: %d logos", item.Name, f.name, len(pictures))
				}
				for _, p := range pictures {
					if p.at.X < 16 || p.at.X+p.size.Width > width-16 || p.at.Y < 16 || p.at.Y+p.size.Height > g.ui.cardHigh(height)-16 {
						t.Errorf("%s in %s: a logo at %v, %v", item.Name, f.name, p.at, p.size)
					}
					for _, w := range words {
						if p.at.X-plateInset < w.at.X+w.size.Width && w.at.X < p.at.X+p.size.Width+plateInset &&
							p.at.Y-plateInset < w.at.Y+w.size.Height && w.at.Y < p.at.Y+p.size.Height+plateInset {
							t.Errorf("%s in %s: %q lies on a logo: %v %v, %v %v", item.Name, f.name, w.what, w.at, w.size, p.at, p.size)
						}
					}
				}
				for i, a := range words {
					if a.at.Y < 0 || a.at.Y+a.size.Height > g.ui.cardHigh(height) || a.at.X+a.size.Width > width+1 {
						t.Errorf("%s in %s: %q sticks out", item.Name, f.name, a.what)
					}
					for _, b := range words[:i] {
						if a.at.X+1 < b.at.X+b.size.Width && b.at.X+1 < a.at.X+a.size.Width && a.at.Y+1 < b.at.Y+b.size.Height && b.at.Y+1 < a.at.Y+a.size.Height {
							t.Errorf("%s in %s, %v high: %q lies over %q", item.Name, f.name, height, a.what, b.what)
						}
					}
				}
			}
		}
	}
}
