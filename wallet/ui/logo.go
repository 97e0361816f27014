package ui

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// Sizes of the plate that a logo stands on. A wide logo gets a wider plate, not a smaller drawing.
const (
	plateHigh   = 44
	plateWidest = 88
	plateInset  = 6 // from the edge of the plate to the logo
)

// logo is what the issuer put on a card, ready to draw.
type logo struct {
	img, gray image.Image
	light     bool // it was drawn for a dark ground and would not be seen on white
}

type logoKey [sha256.Size]byte

// logoOf reads the picture that the wallet made of an issuer's logo; nil if there is none.
func logoOf(file []byte) *logo {
	if len(file) == 0 {
		return nil
	}
	return cached(logoKey(sha256.Sum256(file)), func() *logo { return newLogo(file) })
}

func newLogo(file []byte) *logo {
	// The wallet made it small. Whatever came into its place is not worth more memory than that.
	c, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil || c.Width > openid4vci.LogoSide || c.Height > openid4vci.LogoSide {
		return nil
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil
	}
	b := img.Bounds()
	l := &logo{img: img}
	gray := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	seen, dark, clear := 0, 0, 0
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.NRGBAModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			v := color.GrayModel.Convert(color.NRGBA{c.R, c.G, c.B, 0xff}).(color.Gray).Y
			gray.SetNRGBA(x, y, color.NRGBA{v, v, v, c.A})
			if c.A < 0x80 {
				clear++
				continue
			}
			if seen++; contrast(c, color.White) > 1.6 {
				dark++
			}
		}
	}
	l.gray, l.light = gray, clear*8 > seen && dark*20 < seen
	return l
}

// size is that of the drawing on its plate.
func (l *logo) size() fyne.Size {
	b := l.img.Bounds()
	h := float32(plateHigh - 2*plateInset)
	w := h * float32(b.Dx()) / float32(b.Dy())
	if most := float32(plateWidest - 2*plateInset); w > most {
		h, w = h*most/w, most
	}
	return fyne.NewSize(w, h)
}

// plateWide is how wide the plate of a logo is.
func (l *logo) plateWide() float32 { return max(plateHigh, l.size().Width+2*plateInset) }

// plate draws the logo of a card on white, so that it looks as its issuer drew it, whatever the face.
func (l *look) plate(c cardFace) fyne.CanvasObject {
	drawing, back := c.logo.img, block(color.White, 12)
	if c.logo.light {
		back.FillColor = mix(c.face.from, color.NRGBA{A: 0xff}, .3)
	}
	img := canvas.NewImageFromImage(drawing)
	if c.dead {
		img.Image, img.Translucency = c.logo.gray, .35
		back.StrokeColor, back.StrokeWidth = l.lineStrong, 1
		if c.logo.light {
			back.FillColor = rgb(0x47535a)
		} else if l.dark {
			back.FillColor = rgb(0xa3b1b5)
		}
	}
	img.FillMode = canvas.ImageFillContain
	s := c.logo.size()
	return sized(c.logo.plateWide(), plateHigh, over(back, container.NewCenter(sized(s.Width, s.Height, img))))
}

// withPlate lays out the front of a card with a logo: names and pill, the last line, and the plate at the bottom right. A last
// line that is too long for the room beside the plate takes two lines; where names leave no room for that, the plate goes.
type withPlate struct{}

// Layout implements [fyne.Layout].
func (withPlate) Layout(o []fyne.CanvasObject, size fyne.Size) {
	const left, right = 20, 16
	width := size.Width - left - right
	names, last, plate := heightFor(o[0], width), o[1].(*fyne.Container), o[2].MinSize()
	line := last.Layout.(*words)
	narrow := width - plate.Width - 8
	line.most = 2
	height, top, bottom := heightFor(last, narrow), float32(20), float32(20)
	if len(line.lines) > 1 {
		top, bottom = min(top, max(16, size.Height-16-height-names)), 16
	}
	if o[2].Show(); names+top+height+bottom > size.Height {
		if line.most = 1; line.whole() > narrow {
			o[2].Hide()
			narrow = width
		}
		height, top, bottom = line.style.line, 20, 20
	}
	o[0].Resize(fyne.NewSize(width, names))
	o[0].Move(fyne.NewPos(left, top))
	line.lines = nil
	last.Resize(fyne.NewSize(narrow, height))
	last.Move(fyne.NewPos(left, size.Height-height-bottom))
	o[2].Resize(plate)
	o[2].Move(fyne.NewPos(size.Width-plate.Width-right, size.Height-plate.Height-right))
}

// MinSize implements [fyne.Layout].
func (withPlate) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// ends puts one object at the left and another at the right, in the middle of the height; the second is left out where
// there is no room for both.
type ends struct{ gap float32 }

// Layout implements [fyne.Layout].
func (e ends) Layout(o []fyne.CanvasObject, size fyne.Size) {
	a, b := o[0].MinSize(), o[1].MinSize()
	o[0].Resize(fyne.NewSize(min(a.Width, size.Width), a.Height))
	o[0].Move(fyne.NewPos(0, (size.Height-a.Height)/2))
	if a.Width+e.gap+b.Width > size.Width {
		o[1].Hide()
		return
	}
	o[1].Show()
	o[1].Resize(b)
	o[1].Move(fyne.NewPos(size.Width-b.Width, (size.Height-b.Height)/2))
}

// MinSize implements [fyne.Layout].
func (e ends) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(a.Width, max(a.Height, b.Height))
}
