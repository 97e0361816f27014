package ui

import (
	"image"
	"image/color"
	"math"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// face is the colouring of a card: a gradient from the top left, and rings as on a banknote.
type face struct{ from, to color.NRGBA }

var faces = []face{
	{rgb(0x07363f), rgb(0x0e5f6d)}, // petrol
	{rgb(0x5a2216), rgb(0x8e3e28)}, // brick
	{rgb(0x3b1d49), rgb(0x6a3a7e)}, // plum
	{rgb(0x22391d), rgb(0x405f2a)}, // moss
	{rgb(0x1c2940), rgb(0x405374)}, // slate
}

// faceOf picks a face for a type of card: always the same one.
func faceOf(kind string) face {
	h := uint32(2166136261)
	for i := range len(kind) {
		h = (h ^ uint32(kind[i])) * 16777619
	}
	return faces[h%uint32(len(faces))]
}

// Least contrast of white text on a face: on any pixel, and where there are no rings, which is where text stands.
const (
	leastOnFace = 4.5
	leastInText = 7
)

// faceFor makes a face of an issuer's own colour, darkened until white text can be read on every pixel of it. What is
// all but black is lightened a little, else such a card has no edge on a dark screen.
func faceFor(c color.NRGBA) face {
	black := color.NRGBA{A: 0xff}
	c.A = 0xff
	if luminance(c) < .02 {
		c = mix(c, color.NRGBA{0xff, 0xff, 0xff, 0xff}, .15)
	}
	// Yellow turns to amber on its way down, not to mud.
	warm := 1.0
	if yellow := float64(min(c.R, c.G)) - float64(c.B); yellow > 0 && c.R >= c.G {
		warm = 1 - .02*yellow/0xff
	}
	for contrast(color.White, brightest(face{to: c})) < leastOnFace || contrast(color.White, c) < leastInText {
		c = mix(c, black, .06)
		c.G = uint8(float64(c.G) * warm)
	}
	return face{mix(c, black, .45), c}
}

// ringTint is how much white the rings add to the face where they are strongest.
const ringTint = .19

// brightest is the lightest pixel that a face can have.
func brightest(f face) color.NRGBA { return mix(f.to, color.NRGBA{0xff, 0xff, 0xff, 0xff}, ringTint) }

func mix(a, b color.NRGBA, t float64) color.NRGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x)*(1-t) + float64(y)*t + .5) }
	return color.NRGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), m(a.A, b.A)}
}

// contrast is the ratio of WCAG 2.2 between two opaque colours, 1 to 21.
func contrast(a, b color.Color) float64 {
	la, lb := luminance(a), luminance(b)
	if la < lb {
		la, lb = lb, la
	}
	return (la + .05) / (lb + .05)
}

func luminance(c color.Color) float64 {
	n, ok := c.(color.NRGBA)
	if !ok {
		n = color.NRGBAModel.Convert(c).(color.NRGBA)
	}
	return .2126*linear[n.R] + .7152*linear[n.G] + .0722*linear[n.B]
}

// linear is the light of each step of a channel.
var linear = func() (all [256]float64) {
	for v := range all {
		x := float64(v) / 255
		all[v] = math.Pow((x+.055)/1.055, 2.4)
		if x <= .04045 {
			all[v] = x / 12.92
		}
	}
	return all
}()

// Where the middle of the rosette is, from the right and the bottom: half out of the card, or under the logo.
var (
	rosetteAlone = [2]float64{34, 26}
	rosetteUnder = [2]float64{38, 38}
)

// art is the picture of a card's face, cached by what it depends on.
func art(f face, middle [2]float64, corner, height float32) fyne.CanvasObject {
	return canvas.NewRaster(func(w, h int) image.Image {
		return faceImage(artKey{f, middle, w, h, corner * float32(h) / height, float64(h) / float64(height)})
	})
}

// paper is the face of a card that does not work any more: hatched.
func (l *look) paper(corner, height float32) fyne.CanvasObject {
	fill, hatch := l.sunk, alpha(l.lineStrong, 22)
	return canvas.NewRaster(func(w, h int) image.Image {
		return hatchImage(hatchKey{fill, hatch, w, h, corner * float32(h) / height, float64(h) / float64(height)})
	})
}

type artKey struct {
	f      face
	middle [2]float64 // of the rosette
	w, h   int
	corner float32 // in pixels
	unit   float64 // pixels of one unit
}

type hatchKey struct {
	fill, hatch color.NRGBA
	w, h        int
	corner      float32
	unit        float64
}

var artCache struct {
	sync.Mutex
	of map[any]any
}

// cached makes what belongs to a key once. Old and new are thrown away together when there are many.
func cached[T any](key any, make func() T) T {
	artCache.Lock()
	defer artCache.Unlock()
	if got, ok := artCache.of[key].(T); ok {
		return got
	}
	if artCache.of == nil || len(artCache.of) > 64 {
		artCache.of = map[any]any{}
	}
	got := make()
	artCache.of[key] = got
	return got
}

func faceImage(k artKey) image.Image {
	return cached(k, func() image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, k.w, k.h))
		unit := k.unit
		cx, cy := float64(k.w)-k.middle[0]*unit, float64(k.h)-k.middle[1]*unit
		length := math.Hypot(float64(k.w), float64(k.h)*2)
		for y := range k.h {
			for x := range k.w {
				fx, fy := float64(x)+.5, float64(y)+.5
				c := mix(k.f.from, k.f.to, min(1, (fx+fy*2)/length))
				c = mix(c, color.NRGBA{0xff, 0xff, 0xff, 0xff}, ringTint*rings((fx-cx)/unit, (fy-cy)/unit, unit))
				c.A = uint8(255 * corners(fx, fy, k.w, k.h, float64(k.corner)))
				img.SetNRGBA(x, y, c)
			}
		}
		return img
	})
}

type rosetteKey struct {
	c    color.NRGBA
	w, h int
}

// rosette is a drawing in the middle of the rings that are on every card: the mark of the wallet.
func (u *UI) rosette(drawing string, side float32) fyne.CanvasObject {
	c := alpha(u.accent, 52)
	back := canvas.NewRaster(func(w, h int) image.Image {
		return cached(rosetteKey{c, w, h}, func() image.Image {
			img := image.NewNRGBA(image.Rect(0, 0, w, h))
			unit := float64(min(w, h)) / 186
			for y := range h {
				for x := range w {
					fx, fy := (float64(x)+.5-float64(w)/2)/unit, (float64(y)+.5-float64(h)/2)/unit
					if math.Hypot(fx, fy) < 35 {
						continue // the mark has holes, through which no rings may show
					}
					dot := c
					dot.A = uint8(float64(c.A) * rings(fx, fy, unit))
					img.SetNRGBA(x, y, dot)
				}
			}
			return img
		})
	})
	mark := icon(drawing, side*.44, u.accent)
	if drawing == "sealtick" {
		mark = u.stroked(side * .44)
	}
	return container.NewCenter(sized(side, side, over(back, container.NewCenter(mark))))
}

// rings is how strongly the lines of the rosette cover a point: sines around a circle, each shifted in phase. A line
// covers by its distance divided by its slope.
func rings(x, y, unit float64) float64 {
	r, a := math.Hypot(x, y), math.Atan2(y, x)
	if r < 10 || r > 92 {
		return 0
	}
	cover := 0.0
	for _, band := range []struct {
		mean, swing, waves float64
		lines              int
	}{{21, 10, 12, 5}, {46, 19, 18, 6}, {75, 14, 24, 5}} {
		if math.Abs(r-band.mean) > band.swing+1 {
			continue
		}
		for i := range band.lines {
			phase := band.waves*a + 2*math.Pi*float64(i)/float64(band.lines)
			d := math.Abs(r - band.mean - band.swing*math.Sin(phase))
			slope := math.Hypot(1, band.swing*band.waves*math.Cos(phase)/r)
			cover = max(cover, min(1, max(0, .5+(.34-d/slope)*unit)))
		}
	}
	return cover
}

// corners is how much of a pixel lies inside a rectangle with round corners.
func corners(x, y float64, w, h int, r float64) float64 {
	qx := math.Abs(x-float64(w)/2) - float64(w)/2 + r
	qy := math.Abs(y-float64(h)/2) - float64(h)/2 + r
	d := math.Hypot(max(qx, 0), max(qy, 0)) + min(max(qx, qy), 0) - r
	return min(1, max(0, .5-d))
}

func hatchImage(k hatchKey) image.Image {
	return cached(k, func() image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, k.w, k.h))
		unit := k.unit
		for y := range k.h {
			for x := range k.w {
				fx, fy := float64(x)+.5, float64(y)+.5
				c := k.fill
				// The hatching begins in the middle, so that it never runs under text.
				strength := min(1, max(0, (fx/float64(k.w)-.5)*4))
				d := math.Abs(math.Mod((fx+fy)/unit, 8)-4) / math.Sqrt2
				cover := min(1, max(0, .5+(.5-d)*unit)) * strength
				c = mix(c, color.NRGBA{k.hatch.R, k.hatch.G, k.hatch.B, 0xff}, cover*float64(k.hatch.A)/255)
				c.A = uint8(255 * corners(fx, fy, k.w, k.h, float64(k.corner)))
				img.SetNRGBA(x, y, c)
			}
		}
		return img
	})
}
