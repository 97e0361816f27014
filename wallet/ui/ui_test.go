package ui

import (
	"image"
	"image/color"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/skip2/go-qrcode"
)

// What is read must stand out from what it stands on: WCAG 2.2, 1.4.3 and 1.4.11.
func TestContrast(t *testing.T) {
	for name, p := range map[string]*palette{"light": &light, "dark": &dark} {
		type pair struct {
			what   string
			on, of color.NRGBA
			least  float64
		}
		var pairs []pair
		for paper, c := range map[string]color.NRGBA{"bg": p.bg, "surface": p.surface, "sunk": p.sunk} {
			pairs = append(pairs, pair{"ink on " + paper, c, p.ink, 7}, pair{"quiet ink on " + paper, c, p.ink2, 4.5},
				pair{"accent on " + paper, c, p.accent, 4.5}, pair{"stop on " + paper, c, p.stop, 4.5}, pair{"edge on " + paper, c, p.lineStrong, 3})
		}
		pairs = append(pairs, pair{"on accent", p.accent, p.onAccent, 4.5}, pair{"on soft accent", p.accentSoft, p.onAccentSoft, 4.5},
			pair{"ink on soft accent", p.accentSoft, p.ink, 4.5}, pair{"quiet ink on soft accent", p.accentSoft, p.ink2, 4.5}, pair{"accent on its soft", p.accentSoft, p.accent, 3})
		for kind, s := range statuses {
			c, soft := s.colour(p)
			pairs = append(pairs, pair{kind + " on its soft", soft, c, 4.5}, pair{"ink on soft " + kind, soft, p.ink, 4.5}, pair{kind + " on surface", p.surface, c, 4.5})
		}
		for _, x := range pairs {
			if got := contrast(x.of, x.on); got < x.least {
				t.Errorf("%s: %s has %.2f, needs %.1f", name, x.what, got, x.least)
			}
		}
	}
}

// White text can be read on every pixel of every face, an issuer's own colour included.
func TestFaces(t *testing.T) {
	all := slices.Clone(faces)
	for _, c := range []uint32{0xffffff, 0xffff00, 0x00ff00, 0x00ffff, 0xff00ff, 0xff0000, 0x0000ff, 0x000000, 0x010101, 0xe0e0e0, 0x154273, 0x7a2f1d} {
		all = append(all, faceFor(rgb(c)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 16 {
		all = append(all, faceFor(rgb(random.Uint32()&0xffffff)))
	}
	// No pixel is lighter than what faceFor looks at, as the pictures below show; so many more can be tried without drawing.
	for range 20_000 {
		f := faceFor(rgb(random.Uint32() & 0xffffff))
		if contrast(color.White, brightest(f)) < leastOnFace || contrast(color.White, f.to) < leastInText || luminance(f.from) > luminance(f.to) {
			t.Fatalf("face %v", f)
		}
	}
	for _, f := range all {
		for _, middle := range [][2]float64{rosetteAlone, rosetteUnder} {
			const w, h = 342, 136
			img := faceImage(artKey{f, middle, w, h, 16, 1}).(*image.NRGBA)
			worst, text, issuer := 21.0, 21.0, 21.0
			for y := range h {
				for x := range w {
					c := img.NRGBAAt(x, y)
					if c.A != 0xff {
						continue
					}
					on := contrast(color.White, c)
					worst = min(worst, on)
					if luminance(c) > luminance(brightest(f))+.005 {
						t.Fatalf("face %v: a pixel is lighter than its brightest", f)
					}
					if x*100 < w*61 { // where the words are, beside the rings
						text = min(text, on)
						issuer = min(issuer, contrast(mix(c, rgb(0xffffff), .9), c))
					}
				}
			}
			if worst < leastOnFace || text < leastInText || issuer < 5.5 {
				t.Errorf("face %v: a pixel has %.2f, one under text %.2f, one under the issuer %.2f", f, worst, text, issuer)
			}
		}
		if dark.bg == f.to || contrast(f.to, rgb(0)) < 1.25 {
			t.Errorf("face %v is black", f)
		}
	}
	if faceOf("a") != faceOf("a") {
		t.Error("a type has two faces")
	}
}

// Every drawing that is named exists, can be seen, and differs from the others.
func TestIcons(t *testing.T) {
	seen := map[string]string{}
	for name, commands := range icons {
		img := draw(commands, color.NRGBA{0, 0, 0, 0xff}, 48, 48).(*image.NRGBA)
		dark := 0
		for i := 3; i < len(img.Pix); i += 4 {
			if img.Pix[i] > 127 {
				dark++
			}
		}
		if dark < 60 {
			t.Errorf("%s: %d pixels", name, dark)
		}
		if other, twice := seen[string(img.Pix)]; twice {
			t.Errorf("%s and %s look the same", name, other)
		}
		seen[string(img.Pix)] = name
	}
	for kind, s := range statuses {
		if icons[s.drawing] == "" {
			t.Errorf("status %s has no drawing", kind)
		}
	}
	for kind, d := range kinds {
		if icons[d] == "" {
			t.Errorf("line %s has no drawing", kind)
		}
	}
}

func TestWords(t *testing.T) {
	test.NewTempApp(t)
	l := &look{palette: &light, scale: 1}
	text := "U ziet eerst wie iets vraagt, en waarom. https://balie.voorbeeld.example/een/heel/lang/adres/zonder/spaties/dat/niet/past"
	for _, width := range []float32{120, 200, 342, 800} {
		c := l.write(body, l.ink, text)
		h := heightFor(c, width)
		c.Resize(fyne.NewSize(width, h))
		w := c.Layout.(*words)
		for _, line := range w.lines {
			if got := measure(line, body).Width; got > width {
				t.Errorf("width %v: line %q is %v wide", width, line, got)
			}
		}
		if got := strings.Join(w.lines, ""); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(text, " ", "") {
			t.Errorf("width %v: %q", width, got)
		}
		if want := float32(len(w.lines)) * body.line; h != want {
			t.Errorf("width %v: %v high, want %v", width, h, want)
		}
	}
	c := l.paragraph(&words{text: text, style: body, most: 2})
	if heightFor(c, 200) != 2*body.line {
		t.Error("more than two lines")
	}
	if last := c.Layout.(*words).lines[1]; !strings.HasSuffix(last, "…") || measure(last, body).Width > 200 {
		t.Errorf("last line %q", last)
	}
}

// Only the cards in sight are made, wherever the list is scrolled to.
func TestLazy(t *testing.T) {
	test.NewTempApp(t)
	built := 0
	list := newLazy(1000, 136, 16, func(w float32) (int, float32) { return 1, w }, func(int) fyne.CanvasObject { built++; return air(1) })
	l := list.Layout.(*lazy)
	list.Resize(fyne.NewSize(342, heightFor(list, 342)))
	if heightFor(list, 342) != 1000*152-16 {
		t.Errorf("height %v", heightFor(list, 342))
	}
	for _, top := range []float32{0, 500, 50_000, 151_000, 0} {
		l.scrolledTo(top, 600)
		if n := len(list.Objects); n == 0 || n > 10 {
			t.Errorf("at %v: %d cards", top, n)
		}
		for _, o := range list.Objects {
			if o.Position().Y+136 < top-160 || o.Position().Y > top+600+160 {
				t.Errorf("at %v: a card at %v", top, o.Position().Y)
			}
		}
	}
	if built > 60 {
		t.Errorf("%d cards were made", built)
	}
}

func TestQR(t *testing.T) {
	const link = "openid4vp://?client_id=x509_hash%3AAbCd&request_uri=https%3A%2F%2Fbalie.voorbeeld.example%2Fr%2F123456789"
	file, err := qrcode.Encode(link, qrcode.Medium, 300)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeQR(file); err != nil || got != link {
		t.Errorf("%q, %v", got, err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "text": []byte("hallo"), "cut": file[:len(file)/2]} {
		if got, err := decodeQR(bad); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzQR(f *testing.F) {
	file, err := qrcode.Encode("openid4vp://?a=b", qrcode.Medium, 60)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, file []byte) {
		decodeQR(file) // no panic, whatever is dropped on the window
	})
}
