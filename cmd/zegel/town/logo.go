package town

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
)

// The face of the municipality's cards, plainly made up: a brick gable in a ring.
const (
	cardColour = "#7a2f1d"
	logoWords  = "Een trapgevel in een ring, het verzonnen logo van Gemeente Voorbeeldstad"
)

const logoSide = 120

// logo draws the made-up logo of the municipality.
func logo() ([]byte, error) {
	brick := color.NRGBA{0x7a, 0x2f, 0x1d, 0xff}
	img := image.NewNRGBA(image.Rect(0, 0, logoSide, logoSide))
	const fine = 4 // points of a pixel in each direction, for smooth edges
	for y := range logoSide {
		for x := range logoSide {
			n := 0
			for i := range fine * fine {
				if onLogo(float64(x)+(float64(i%fine)+.5)/fine, float64(y)+(float64(i/fine)+.5)/fine) {
					n++
				}
			}
			c := brick
			c.A = uint8(255 * n / (fine * fine))
			img.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// onLogo says whether a point is on the drawing, in units of which it is 120 wide.
func onLogo(x, y float64) bool {
	dx, dy := max(x-60, 60-x), y-60
	if r := dx*dx + dy*dy; r > 52*52 {
		return r < 59*59 // the ring
	}
	if y > 92 || y < 20 || dx > 32 {
		return false
	}
	// Each step of the gable is 8 wide and 10 high.
	step := float64(int(dx / 8))
	if y < 24+10*step {
		return false
	}
	door := dx < 6 && y > 72
	window := dx > 12 && dx < 21 && y > 66 && y < 80 || dx < 5 && y > 44 && y < 56
	return !door && !window
}
