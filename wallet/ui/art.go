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

// art is the picture of a card's face, cached by what it depends on. By day its shadow is in the picture: to blur one for
// each card in each picture costs more than all the rest.
func (l *look) art(f face, middle [2]float64, corner, height float32) fyne.CanvasObject {
	if l.dark {
		return canvas.NewRaster(func(w, h int) image.Image {
			return faceImage(artKey{f, middle, w, h, corner * float32(h) / height, float64(h) / float64(height)})
		})
	}
	c, high := l.shadow, height+2*shadowRoom
	return container.New(outset{shadowRoom}, canvas.NewRaster(func(w, h int) image.Image {
		unit := float64(h) / float64(high)
		room := int(shadowRoom*unit + .5)
		return shadedImage(c, room, artKey{f, middle, max(1, w-2*room), max(1, h-2*room), corner * float32(unit), unit})
	}))
}

// outset lets an object stand out of its place on all sides.
type outset struct{ by float32 }

// Layout implements [fyne.Layout].
func (o outset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Move(fyne.NewPos(-o.by, -o.by))
	objects[0].Resize(size.AddWidthHeight(2*o.by, 2*o.by))
}

// MinSize implements [fyne.Layout].
func (outset) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// shadowRoom is how far a shadow reaches: a blur of 6 that lies 3 lower.
const shadowRoom = 10

type shadedKey struct {
	c    color.NRGBA
	room int
	art  artKey
}

// shadedImage is a face on its shadow, with room pixels around it.
func shadedImage(c color.NRGBA, room int, k artKey) image.Image {
	lines, under := ringLines(k), shadowImage(shadowKey{c, room, k.w, k.h, k.corner, k.unit})
	return cached(shadedKey{c, room, k}, func() image.Image {
		img := image.NewNRGBA(under.Rect)
		copy(img.Pix, under.Pix)
		drawFace(img, room, k, lines)
		return img
	})
}

type shadowKey struct {
	c          color.NRGBA
	room, w, h int
	corner     float32
	unit       float64
}

// shadowImage is the shadow of a card, but for what lies under the card.
func shadowImage(k shadowKey) *image.NRGBA {
	return cached(k, func() *image.NRGBA {
		img := image.NewNRGBA(image.Rect(0, 0, k.w+2*k.room, k.h+2*k.room))
		blur, lower, corner := 6*k.unit, 3*k.unit, int(k.corner)+1
		for y := range img.Rect.Dy() {
			for x := range img.Rect.Dx() {
				fx, fy := x-k.room, y-k.room
				if fy >= 0 && fy < k.h && fx >= corner && fx < k.w-corner || fx >= 0 && fx < k.w && fy >= corner && fy < k.h-corner {
					continue
				}
				d := edgeOf(float64(fx)+.5, float64(fy)+.5-lower, k.w, k.h, float64(k.corner))
				if t := min(1, max(0, .5-d/(2*blur))); t > 0 {
					dot := k.c
					dot.A = uint8(float64(dot.A)*t*t*(3-2*t) + .5)
					img.SetNRGBA(x, y, dot)
				}
			}
		}
		return img
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
	lines := ringLines(k)
	return cached(k, func() image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, k.w, k.h))
		drawFace(img, 0, k, lines)
		return img
	})
}

type linesKey struct {
	middle [2]float64
	w, h   int
	unit   float64
}

// ringLines is how strongly the rings cover each pixel of a face. It is the same for all colours, and most of the work.
func ringLines(k artKey) []uint8 {
	return cached(linesKey{k.middle, k.w, k.h, k.unit}, func() []uint8 {
		all := make([]uint8, k.w*k.h)
		cx, cy := float64(k.w)-k.middle[0]*k.unit, float64(k.h)-k.middle[1]*k.unit
		for y := range k.h {
			for x := range k.w {
				all[y*k.w+x] = uint8(255*rings(cardBands, (float64(x)+.5-cx)/k.unit, (float64(y)+.5-cy)/k.unit, k.unit) + .5)
			}
		}
		return all
	})
}

// drawFace draws a face in the middle of a picture, over what is there.
func drawFace(img *image.NRGBA, room int, k artKey, lines []uint8) {
	const shades = 1024
	var plain [shades + 1]color.NRGBA
	for i := range plain {
		plain[i] = mix(k.f.from, k.f.to, float64(i)/shades)
	}
	white, length, corner := color.NRGBA{0xff, 0xff, 0xff, 0xff}, math.Hypot(float64(k.w), float64(k.h)*2), int(k.corner)+1
	for y := range k.h {
		for x := range k.w {
			fx, fy := float64(x)+.5, float64(y)+.5
			c := plain[int(min(1, (fx+fy*2)/length)*shades+.5)]
			if line := lines[y*k.w+x]; line > 0 {
				c = mix(c, white, ringTint*float64(line)/255)
			}
			at := img.Pix[img.PixOffset(x+room, y+room):][:4:4]
			if (x < corner || x >= k.w-corner) && (y < corner || y >= k.h-corner) {
				c = onto(c, corners(fx, fy, k.w, k.h, float64(k.corner)), at)
			}
			at[0], at[1], at[2], at[3] = c.R, c.G, c.B, c.A
		}
	}
}

// onto lays a colour, opaque by a part, on what is there.
func onto(c color.NRGBA, part float64, there []uint8) color.NRGBA {
	under := float64(there[3]) / 255 * (1 - part)
	a := part + under
	if a == 0 {
		return color.NRGBA{}
	}
	m := func(over, below uint8) uint8 { return uint8((float64(over)*part+float64(below)*under)/a + .5) }
	return color.NRGBA{m(c.R, there[0]), m(c.G, there[1]), m(c.B, there[2]), uint8(255*a + .5)}
}

type rosetteKey struct {
	c    color.NRGBA
	w, h int
}

// rosette is a drawing in the middle of the rings that are on every card: the mark of the wallet.
func (u *UI) rosette(drawing string, side float32) fyne.CanvasObject {
	c := alpha(u.accent, 50)
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
					dot.A = uint8(float64(c.A) * rings(markBands, fx, fy, unit))
					img.SetNRGBA(x, y, dot)
				}
			}
			return img
		})
	})
	mark := icon(drawing, side*.41, u.accent)
	if drawing == "sealtick" {
		mark = u.stroked(side * .41)
	}
	return container.NewCenter(sized(side, side, over(back, container.NewCenter(mark))))
}

// rings is how strongly the lines of the rosette cover a point: sines around a circle, each shifted in phase. A line
// covers by its distance divided by its slope.
func rings(all []band, x, y, unit float64) float64 {
	r := math.Hypot(x, y)
	if r < 10 || r > 93 {
		return 0
	}
	a, cover := math.Atan2(y, x), 0.0
	for _, b := range all {
		if math.Abs(r-b.mean) > b.swing+1 {
			continue
		}
		for i := range b.lines {
			phase := b.waves*a + 2*math.Pi*float64(i)/float64(b.lines)
			d := math.Abs(r - b.mean - b.swing*math.Sin(phase))
			slope := math.Hypot(1, b.swing*b.waves*math.Cos(phase)/r)
			cover = max(cover, b.strong*min(1, max(0, .5+(b.half-d/slope)*unit)))
		}
	}
	return cover
}

// band is lines that swing around a circle.
type band struct {
	mean, swing, waves float64
	lines              int
	half               float64 // of a line's width
	strong             float64 // at most 1
}

// Bands of the rings on a card, and of those around the mark.
var (
	cardBands = []band{{21, 10, 12, 5, .34, 1}, {46, 19, 18, 6, .34, 1}, {75, 14, 24, 5, .34, 1}}
	markBands = []band{{42, 11, 18, 4, .3, .75}, {64, 14, 18, 6, .3, 1}, {84, 8, 30, 5, .3, .8}}
)

// corners is how much of a pixel lies inside a rectangle with round corners.
func corners(x, y float64, w, h int, r float64) float64 {
	return min(1, max(0, .5-edgeOf(x, y, w, h, r)))
}

// edgeOf is how far a point lies outside a rectangle with round corners; inside it is negative.
func edgeOf(x, y float64, w, h int, r float64) float64 {
	qx := math.Abs(x-float64(w)/2) - float64(w)/2 + r
	qy := math.Abs(y-float64(h)/2) - float64(h)/2 + r
	return math.Hypot(max(qx, 0), max(qy, 0)) + min(max(qx, qy), 0) - r
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
