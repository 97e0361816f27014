package openid4vci

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"strings"
)

// Bounds of a logo, all of them checked before any pixel is decoded.
const (
	MaxLogo       = 64 << 10 // bytes of the picture file
	MaxLogoPixels = 1 << 20  // width times height
	LogoSide      = 128      // width and height of what [Logo.Picture] returns are at most this
	// maxScans bounds the work that a small JPEG can ask for: each scan of a progressive one goes over every pixel again.
	maxScans = 64
)

// Logo of a display. In JSON anything but an object with a string "uri" reads as no logo: a picture is never worth the
// refusal of a card.
type Logo struct {
	URI     string `json:"uri"`
	AltText string `json:"alt_text,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Logo) UnmarshalJSON(data []byte) error {
	*l = Logo{}
	var m map[string]json.RawMessage
	if json.Unmarshal(data, &m) != nil || json.Unmarshal(m["uri"], &l.URI) != nil {
		l.URI = ""
	}
	if json.Unmarshal(m["alt_text"], &l.AltText) != nil {
		l.AltText = ""
	}
	return nil
}

// logoTypes are the kinds of picture that count: formats without scripts, references or other documents in them.
var logoTypes = []struct {
	prefix string
	magic  string // first bytes of a file
	header func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
}{
	{
		"data:image/png;base64,", "\x89PNG\r\n\x1a\n",
		func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) },
	},
	{
		"data:image/jpeg;base64,", "\xff\xd8\xff",
		func(b []byte) (image.Config, error) {
			if n := bytes.Count(b, []byte{0xff, 0xda}); n > maxScans {
				return image.Config{}, fmt.Errorf("%d scans, at most %d", n, maxScans)
			}
			return jpeg.DecodeConfig(bytes.NewReader(b))
		},
		func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
	},
}

// NewLogo makes a logo of a PNG or JPEG file of at most [MaxLogo] bytes and [MaxLogoPixels] pixels. The file itself stands in
// its URI (RFC 2397), so that a wallet that shows it asks nothing of anybody, and nobody learns who holds the card.
func NewLogo(file []byte, alt string) (*Logo, error) {
	if len(file) > MaxLogo {
		return nil, fmt.Errorf("logo of %d bytes, at most %d", len(file), MaxLogo)
	}
	for _, t := range logoTypes {
		if !bytes.HasPrefix(file, []byte(t.magic)) {
			continue
		}
		l := &Logo{URI: t.prefix + base64.StdEncoding.EncodeToString(file), AltText: alt}
		if _, err := l.Picture(); err != nil {
			return nil, err
		}
		return l, nil
	}
	return nil, errors.New("logo: neither a PNG nor a JPEG picture")
}

// Picture returns the logo as a small PNG of our own making, at most [LogoSide] wide and high, in which nothing is left of
// the bytes that came from outside. Only a data: URI with a whole PNG or JPEG picture within the bounds has one; nothing is
// ever fetched.
func (l *Logo) Picture() ([]byte, error) {
	file, kind, err := l.file()
	if err != nil {
		return nil, err
	}
	t := logoTypes[kind]
	c, err := t.header(file)
	if err != nil {
		return nil, fmt.Errorf("logo: %v", err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > MaxLogoPixels || c.Height > MaxLogoPixels/c.Width {
		return nil, fmt.Errorf("logo of %d by %d pixels, at most %d together", c.Width, c.Height, MaxLogoPixels)
	}
	img, err := t.decode(file)
	if err != nil {
		return nil, fmt.Errorf("logo: %v", err)
	}
	small := shrink(img, LogoSide)
	if blank(small) {
		return nil, errors.New("logo: nothing in it can be seen")
	}
	var out bytes.Buffer
	if err := png.Encode(&out, small); err != nil {
		return nil, fmt.Errorf("logo: %v", err)
	}
	return out.Bytes(), nil
}

// File returns the picture file in the URI as it is. Its size has been checked, its content has not.
func (l *Logo) File() ([]byte, error) {
	file, _, err := l.file()
	return file, err
}

func (l *Logo) file() (file []byte, kind int, err error) {
	for kind, t := range logoTypes {
		if len(l.URI) < len(t.prefix) || !strings.EqualFold(l.URI[:len(t.prefix)], t.prefix) {
			continue
		}
		text := l.URI[len(t.prefix):]
		if n := base64.StdEncoding.DecodedLen(len(text)) - strings.Count(text[max(0, len(text)-2):], "="); n > MaxLogo {
			return nil, 0, fmt.Errorf("logo of %d bytes, at most %d", n, MaxLogo)
		}
		file, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, 0, fmt.Errorf("logo: %v", err)
		}
		return file, kind, nil
	}
	return nil, 0, fmt.Errorf("logo %.40q is not a data: URI of a PNG or JPEG picture", l.URI)
}

// shrink returns the picture at most side wide and high; each pixel is the mean of those it stands for.
func shrink(img image.Image, side int) *image.NRGBA {
	from := img.Bounds()
	all := image.NewRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
	draw.Draw(all, all.Bounds(), img, from.Min, draw.Src)
	w, h := from.Dx(), from.Dy()
	if most := max(w, h); most > side {
		w, h = max(1, w*side/most), max(1, h*side/most)
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		top, bottom := y*from.Dy()/h, (y+1)*from.Dy()/h
		for x := range w {
			left, right := x*from.Dx()/w, (x+1)*from.Dx()/w
			var sum [4]int
			for v := top; v < bottom; v++ {
				row := all.Pix[all.PixOffset(left, v):all.PixOffset(right, v)]
				for i, part := range row {
					sum[i%4] += int(part)
				}
			}
			n := (bottom - top) * (right - left)
			at := func(i int) uint8 { return uint8((sum[i] + n/2) / n) }
			out.Set(x, y, color.RGBA{min(at(0), at(3)), min(at(1), at(3)), min(at(2), at(3)), at(3)})
		}
	}
	return out
}

// blank says whether a picture has next to nothing that covers what is under it.
func blank(img *image.NRGBA) bool {
	for i := 3; i < len(img.Pix); i += 4 {
		if img.Pix[i] > 0x40 {
			return false
		}
	}
	return true
}

// Colour is a CSS colour as "#1b3a6b" or "#fff". Of the ways in which CSS writes a colour only these two count; in JSON,
// anything that is not a string reads as none.
type Colour string

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Colour) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		s = ""
	}
	*c = Colour(s)
	return nil
}

// RGB returns the colour; ok is false if it is none that counts.
func (c Colour) RGB() (rgb color.NRGBA, ok bool) {
	digits, ok := strings.CutPrefix(string(c), "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != 3 {
		return color.NRGBA{}, false
	}
	return color.NRGBA{b[0], b[1], b[2], 0xff}, true
}
