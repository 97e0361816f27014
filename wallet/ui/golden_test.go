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
	for _, f := range forms {
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

// looked says of which screens a picture is kept, by the form.
var looked = map[string][]string{
	"phone":        nil, // all of them
	"phone-dark":   {"cards", "cards-logo", "card", "consent", "too-far", "activity", "settings", "backup"},
	"narrow-large": {"welcome", "pin", "lock-wait", "cards", "cards-logo", "card-full", "offer-preview", "consent-long", "too-far", "activity", "settings", "backup"},
	"desktop":      {"welcome", "pin", "passphrase", "lock", "lock-full", "backup-none", "cards", "cards-logo", "card", "consent", "consent-long", "too-far", "unknown", "activity", "settings", "backup"},
	"desktop-dark": {"cards", "consent"},
}

// TestGolden compares screens with the pictures in testdata; -update writes those anew. Letters and curves come out a
// little differently on other processors, so a few pixels may differ, but no block of them.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("pictures take half a minute")
	}
	g := newGallery(t)
	for _, f := range forms {
		names, some := looked[f.name]
		if !some {
			continue
		}
		g.pictured(t, f, func(t *testing.T, s state) {
			if names != nil && !slices.Contains(names, s.name) {
				return
			}
			got := reduced(g.picture(1))
			path := filepath.Join("testdata", "golden", f.name+"-"+s.name+".png")
			if *update {
				savePicture(t, path, got)
				return
			}
			if why := differs(path, got); why != "" {
				t.Error(why)
				savePicture(t, filepath.Join(t.ArtifactDir(), f.name+"-"+s.name+".png"), got)
			}
		})
	}
}

// reduced keeps the 48 colours that are used most, so that a picture is small. All others become the nearest of those.
func reduced(img image.Image) *image.Paletted {
	b := img.Bounds()
	count := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA {
		c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
		five := func(v uint8) uint8 { return v&^7 | v>>5 } // 5 bits of each
		return color.RGBA{five(c.R), five(c.G), five(c.B), 0xff}
	}
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
	for _, c := range all[:min(48, len(all))] {
		p = append(p, c)
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
func differs(path string, got image.Image) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	want, err := png.Decode(file)
	if err != nil {
		return err.Error()
	}
	b := got.Bounds()
	if want.Bounds() != b {
		return fmt.Sprintf("size %v, want %v", b, want.Bounds())
	}
	// Of each block of 16 a quarter may differ, of the whole one in two hundred.
	blocks, far := map[image.Point]int{}, 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if distance(got.At(x, y), want.At(x, y)) > 48 {
				blocks[image.Pt(x/16, y/16)]++
				far++
			}
		}
	}
	for at, n := range blocks {
		if n > 64 {
			return fmt.Sprintf("the part at %v looks different", at.Mul(16))
		}
	}
	if far > b.Dx()*b.Dy()/200 {
		return fmt.Sprintf("%d pixels differ", far)
	}
	return ""
}

func distance(a, b color.Color) int {
	x, y := color.RGBAModel.Convert(a).(color.RGBA), color.RGBAModel.Convert(b).(color.RGBA)
	d := func(p, q uint8) int { return max(int(p)-int(q), int(q)-int(p)) }
	return max(d(x.R, y.R), d(x.G, y.G), d(x.B, y.B))
}
