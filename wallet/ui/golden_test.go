package ui

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fyne.io/fyne/v2/test"
)

// TestPictures with ZEGEL_GALLERY=DIR leaves a picture at scale 2 of every screen in every form there.
func TestPictures(t *testing.T) {
	dir := os.Getenv("ZEGEL_GALLERY")
	if dir == "" {
		t.Skip("ZEGEL_GALLERY is not set")
	}
	g := newGallery(t)
	for _, f := range pictures {
		g.pictured(t, f, func(t *testing.T, s state) {
			savePicture(t, filepath.Join(dir, f.name+"-"+s.name+".png"), g.picture(2))
		})
	}
}

func (g *gallery) picture(scale float32) image.Image {
	g.win.Canvas().(test.WindowlessCanvas).SetScale(scale)
	return g.win.Canvas().Capture()
}

func savePicture(t *testing.T, path string, img image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(out, img); err != nil {
		t.Fatal(err)
	}
}

// TestGolden compares screens with the pictures in testdata: every screen in every form, and in the first one all that can
// be in it. -update writes them anew. Letters and curves come out a
// little differently on other processors, so a few pixels may differ, but no block of them.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("pictures take some minutes")
	}
	g := newGallery(t)
	for n, f := range pictures {
		seen := map[string]bool{}
		g.pictured(t, f, func(t *testing.T, s state) {
			if kind := g.kind(); n > 0 && seen[kind] {
				return
			} else {
				seen[kind] = true
			}
			got := g.picture(1)
			path := filepath.Join("testdata", "golden", f.name+"-"+s.name+".png")
			if *update {
				kept := reduced(got)
				if why := differs(kept, got); why != "" {
					t.Errorf("reduced too far: %s", why)
				}
				savePicture(t, path, kept)
				return
			}
			if why := differs(kept(t, path), got); why != "" {
				t.Error(why)
				savePicture(t, filepath.Join(t.ArtifactDir(), f.name+"-"+s.name+".png"), got)
			}
		})
	}
}

func kept(t *testing.T, path string) image.Image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestGoldenNotices: a word that is gone and another colour of the paper are seen, and the picture itself is the same.
func TestGoldenNotices(t *testing.T) {
	g := newGallery(t)
	g.in(pictures[0])
	g.show(stateNamed(t, "consent"))
	whole := g.picture(1)
	if why := differs(reduced(whole), whole); why != "" {
		t.Errorf("the same picture: %s", why)
	}
	for name, spoil := range map[string]func(x, y int, c color.NRGBA) color.NRGBA{
		"a word": func(x, y int, c color.NRGBA) color.NRGBA { // of the small ones: "Bewaren"
			if x >= 24 && x < 96 && y >= 645 && y < 670 {
				return light.surface
			}
			return c
		},
		"the paper": func(x, y int, c color.NRGBA) color.NRGBA {
			if c == light.surface {
				return rgb(0xe2f2ff)
			}
			return c
		},
	} {
		spoilt := image.NewNRGBA(whole.Bounds())
		for y := range whole.Bounds().Dy() {
			for x := range whole.Bounds().Dx() {
				spoilt.SetNRGBA(x, y, spoil(x, y, color.NRGBAModel.Convert(whole.At(x, y)).(color.NRGBA)))
			}
		}
		if differs(reduced(whole), spoilt) == "" {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// colours of a picture that is kept.
const colours = 200

// reduced keeps the colours that are used most and differ from each other, so that a picture is small. All others become
// the nearest of those.
func reduced(img image.Image) *image.Paletted {
	b := img.Bounds()
	count := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		if d := count[b] - count[a]; d != 0 {
			return d
		}
		return int(a.R)<<16 + int(a.G)<<8 + int(a.B) - int(b.R)<<16 - int(b.G)<<8 - int(b.B)
	})
	var p color.Palette
	for _, c := range all {
		if len(p) == colours {
			break
		}
		if !slices.ContainsFunc(p, func(o color.Color) bool { return distance(c, o) < 6 }) {
			p = append(p, c)
		}
	}
	// What is rare and unlike all of these, as a small logo, comes as well.
	for _, c := range all {
		if len(p) < 256 && !slices.ContainsFunc(p, func(o color.Color) bool { return distance(c, o) <= 16 }) {
			p = append(p, c)
		}
	}
	nearest := map[color.RGBA]uint8{}
	out := image.NewPaletted(b, p)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := at(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(p.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}

// differs says how a picture differs from the one that is kept: "" if a few pixels do at most.
func differs(want, got image.Image) string {
	b := got.Bounds()
	if want.Bounds() != b {
		return fmt.Sprintf("size %v, want %v", b, want.Bounds())
	}
	// Of each block of 16 by 16 twelve pixels may differ, of the whole one in two thousand.
	blocks, far := map[image.Point]int{}, 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if distance(got.At(x, y), want.At(x, y)) > 24 {
				blocks[image.Pt(x/16, y/16)]++
				far++
			}
		}
	}
	for at, n := range blocks {
		if n > 12 {
			return fmt.Sprintf("the part at %v looks different", at.Mul(16))
		}
	}
	if far > b.Dx()*b.Dy()/2000 {
		return fmt.Sprintf("%d pixels differ", far)
	}
	return ""
}

func distance(a, b color.Color) int {
	x, y := color.RGBAModel.Convert(a).(color.RGBA), color.RGBAModel.Convert(b).(color.RGBA)
	d := func(p, q uint8) int { return max(int(p)-int(q), int(q)-int(p)) }
	return max(d(x.R, y.R), d(x.G, y.G), d(x.B, y.B))
}
