package ui

import (
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// icons are drawings on a grid of 24, one stroke wide 2. A drawing is a row of commands:
//
//	M x y L x y …       a stroke through points
//	P x y … Z           the same, closed
//	F x y … Z           a filled shape with round corners
//	O x y r, D x y r    a circle as a stroke, a disc
//	A x y r from to     part of a circle in degrees, clockwise from the right
//	R x y w h r         a rectangle with round corners as a stroke; B the same, filled
//	S x y r n d         a scalloped disc: n round bumps that stick out by d
//	C x y r w           a circle as a stroke of width w
//	T w x y …           a stroke of width w through points
//	W …                 what follows is cut out of what came before
var icons = map[string]string{
	"card":      "R 3 5 18 14 3 M 3 10 L 21 10 M 7 15 L 10 15",
	"history":   "A 12 12 8.5 190 500 M 3.2 6 L 3.6 10.4 L 8 10 M 12 7.5 L 12 12 L 15.2 13.8",
	"scan":      "M 4 8 L 4 6 L 6 4 L 8 4 M 16 4 L 18 4 L 20 6 L 20 8 M 20 16 L 20 18 L 18 20 L 16 20 M 8 20 L 6 20 L 4 18 L 4 16 B 8 8 3 3 .6 B 13 8 3 3 .6 B 8 13 3 3 .6 B 13.4 13.4 2.4 2.4 .5",
	"bell":      "M 6 16 L 6 11 A 12 10.5 6 180 360 M 18 11 L 18 16 M 6 16 L 4.2 17.5 L 19.8 17.5 L 18 16 A 12 19.2 2 20 160",
	"settings":  "M 3 7 L 12 7 O 15 7 2.4 M 18 7 L 21 7 M 3 17 L 6 17 O 9 17 2.4 M 12 17 L 21 17",
	"plus":      "M 12 4 L 12 20 M 4 12 L 20 12",
	"back":      "M 15 5 L 8 12 L 15 19",
	"next":      "M 9 5 L 16 12 L 9 19",
	"down":      "M 5 9 L 12 16 L 19 9",
	"phone":     "R 7 2.5 10 19 2.4 M 10.6 18 L 13.4 18",
	"list":      "R 3.5 3.5 17 17 2.6 M 7 9 L 8.4 10.4 L 10.8 7.6 M 13.4 9 L 17 9 M 7 15 L 8.4 16.4 L 10.8 13.6 M 13.4 15 L 17 15",
	"help":      "O 12 12 9 A 12 9.9 2.5 180 400 M 13.9 11.6 L 12 13.4 D 12 16.8 1.25",
	"dash":      "M 5 12 L 19 12",
	"close":     "M 5.5 5.5 L 18.5 18.5 M 18.5 5.5 L 5.5 18.5",
	"check":     "M 4.5 12.5 L 9.8 17.8 L 19.5 7",
	"lock":      "R 5 11 14 9.5 2.4 M 8 11 L 8 8 A 12 8 4 180 360 M 16 8 L 16 11 M 12 15 L 12 16.5",
	"eye":       "A 12 19.2 12.2 216 324 A 12 4.8 12.2 36 144 O 12 12 3",
	"eyeoff":    "A 12 19.2 12.2 216 324 A 12 4.8 12.2 36 144 A 12 12 3 40 230 M 4 4 L 20 20",
	"search":    "O 10.5 10.5 6.5 M 15.5 15.5 L 20.5 20.5",
	"erase":     "P 8 5 20.5 5 20.5 19 8 19 2.5 12 Z M 11 9 L 17 15 M 17 9 L 11 15",
	"trash":     "M 4 6.5 L 20 6.5 M 9 6.5 L 9.6 3.8 L 14.4 3.8 L 15 6.5 M 6 6.5 L 7 20.5 L 17 20.5 L 18 6.5 M 10.2 10.5 L 10.6 16.5 M 13.8 10.5 L 13.4 16.5",
	"info":      "O 12 12 9 M 12 11 L 12 16.5 D 12 7.6 1.3",
	"shield":    "P 12 3 19.5 6 19.5 11.5 17.5 16.5 12 21 6.5 16.5 4.5 11.5 4.5 6 Z M 8.5 11.8 L 11.2 14.5 L 15.8 9.2",
	"people":    "O 9 8 3.4 A 9 20.5 6.3 190 350 O 16.6 9 2.6 A 17 19.4 4.6 265 350",
	"person":    "O 12 7.8 3.8 A 12 21.5 7.2 192 348",
	"key":       "O 8 15.5 4 M 11 12.6 L 20 3.6 M 16 7.6 L 18.8 10.4",
	"file":      "P 6 3 14 3 18.5 7.5 18.5 21 6 21 Z M 14 3.4 L 14 7.6 L 18.2 7.6",
	"copy":      "R 8.5 8.5 12 12 2.2 M 15.5 8 L 15.5 5.5 L 13.5 3.5 L 5.5 3.5 L 3.5 5.5 L 3.5 13.5 L 5.5 15.5 L 8 15.5",
	"image":     "R 3 4.5 18 15 2.4 O 8.4 9.6 1.7 M 4 17.5 L 9.5 13 L 12.5 15.4 L 16 11.6 L 20.6 16",
	"paste":     "R 5 4.5 14 16.5 2.4 B 9 2.6 6 4 1.2",
	"globe":     "O 12 12 9 M 3 12 L 21 12 A 3.5 12 12.4 313.5 406.5 A 20.5 12 12.4 133.5 226.5",
	"moon":      "A 12 12 8.6 20 250 A 17.4 8 7.2 96 205",
	"textsize":  "M 3 19 L 8.5 5 L 14 19 M 5 14.2 L 12 14.2 M 15.2 19 L 18.2 11.5 L 21.2 19 M 16.2 16.4 L 20.2 16.4",
	"clock":     "O 12 12 9 M 12 7 L 12 12 L 15.4 14.2",
	"flag":      "M 5 21 L 5 4 L 18.5 4 L 15.5 8.5 L 18.5 13 L 5 13",
	"mail":      "R 3 5 18 14 2.6 M 4 7 L 12 13 L 20 7",
	"refresh":   "A 12 12 8.2 10 318 M 18.6 2.6 L 18.6 7 L 14.2 7",
	"download":  "M 12 3.5 L 12 15 M 7.5 10.8 L 12 15.3 L 16.5 10.8 M 4 15.5 L 4 20 L 20 20 L 20 15.5",
	"building":  "M 3 20.5 L 21 20.5 M 5 20 L 5 10 M 19 20 L 19 10 M 9.7 20 L 9.7 11 M 14.3 20 L 14.3 11 P 12 3.2 21 8.6 3 8.6 Z",
	"wipe":      "O 12 12 9 M 5.8 5.8 L 18.2 18.2",
	"motion":    "M 3 8 L 14 8 A 14 5.6 2.4 250 450 M 3 12.5 L 19 12.5 M 3 17 L 12 17",
	"out":       "M 10 4 L 5 4 L 5 20 L 10 20 M 10 12 L 20.5 12 M 16 7.5 L 20.5 12 L 16 16.5",
	"dots":      "D 5 12 1.7 D 12 12 1.7 D 19 12 1.7",
	"arrowout":  "M 6.5 17.5 L 17.5 6.5 M 9 6.5 L 17.5 6.5 L 17.5 15",
	"arrowin":   "M 17.5 6.5 L 6.5 17.5 M 15 17.5 L 6.5 17.5 L 6.5 9",
	"stopped":   "O 12 12 8.5 M 8 12 L 16 12",
	"caution":   "P 12 4 21.2 20 2.8 20 Z M 12 10 L 12 14.2 D 12 16.9 1.2",
	"backed":    "M 12 3.5 L 12 14 M 7.5 9.5 L 12 14 L 16.5 9.5 M 4.5 15.5 L 4.5 20 L 19.5 20 L 19.5 15.5",
	"tick":      "D 12 12 10 W M 7.2 12.3 L 10.6 15.7 L 16.8 8.8",
	"warn":      "F 12 2.8 22.6 21 1.4 21 Z W M 12 9.6 L 12 14.2 D 12 17.6 1.3",
	"minus":     "B 2.5 2.5 19 19 3.4 W M 7 12 L 17 12",
	"cross":     "F 8 2 16 2 22 8 22 16 16 22 8 22 2 16 2 8 Z W M 8.4 8.4 L 15.6 15.6 M 15.6 8.4 L 8.4 15.6",
	"pause":     "B 2.5 2.5 19 19 3.4 W M 9.2 8 L 9.2 16 M 14.8 8 L 14.8 16",
	"question":  "F 12 1 23 12 12 23 1 12 Z W A 12 9.6 2.7 180 400 M 13.9 11.5 L 12 13.6 D 12 16.9 1.3",
	"add":       "D 12 12 10 W M 12 7.2 L 12 16.8 M 7.2 12 L 16.8 12",
	"seal":      "S 12 12 9.6 12 1.4 W M 7.4 12.2 L 10.6 15.4 L 16.6 8.8",
	"sealtick":  sealTick(1),
	"sealplain": "S 12 12 10.7 18 1 W C 12 12 8.6 .5 T 1.9 9 8.9 15 8.9 9 15.1 15 15.1",
}

const stroke = 2

// icon draws one at a size in its colour. It is cached by name, colour and pixels.
func icon(name string, size float32, c color.Color) fyne.CanvasObject {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	r := canvas.NewRaster(func(w, h int) image.Image { return drawn(name, n, w, h) })
	return sized(size, size, r)
}

type drawing struct {
	name string
	c    color.NRGBA
	w, h int
}

var drawings struct {
	sync.Mutex
	of map[drawing]image.Image
}

func drawn(name string, c color.NRGBA, w, h int) image.Image {
	key := drawing{name, c, w, h}
	drawings.Lock()
	defer drawings.Unlock()
	if img, ok := drawings.of[key]; ok {
		return img
	}
	if drawings.of == nil || len(drawings.of) > 1024 {
		drawings.of = map[drawing]image.Image{}
	}
	img := draw(icons[name], c, w, h)
	drawings.of[key] = img
	return img
}

// shape returns the distance of a point to a stroke or an edge, negative inside.
type shape func(x, y float64) float64

// layer is shapes drawn together; a cutting one takes them away.
type layer struct {
	shapes []shape
	cut    bool
}

func draw(commands string, c color.NRGBA, w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	layers := parseIcon(commands)
	side := float64(min(w, h))
	scale := side / 24
	for py := range h {
		for px := range w {
			x, y := (float64(px)+.5-(float64(w)-side)/2)/scale, (float64(py)+.5-(float64(h)-side)/2)/scale
			cover := 0.0
			for _, l := range layers {
				most := 0.0
				for _, s := range l.shapes {
					most = max(most, min(1, max(0, .5-s(x, y)*scale)))
				}
				if l.cut {
					cover *= 1 - most
				} else {
					cover = max(cover, most)
				}
			}
			if cover > 0 {
				img.SetNRGBA(px, py, color.NRGBA{c.R, c.G, c.B, uint8(float64(c.A)*cover + .5)})
			}
		}
	}
	return img
}

func parseIcon(commands string) []layer {
	words := strings.Fields(commands)
	layers := []layer{{}}
	add := func(s shape) {
		l := &layers[len(layers)-1]
		l.shapes = append(l.shapes, s)
	}
	numbers := func() (n []float64) {
		for len(words) > 0 {
			v, err := strconv.ParseFloat(words[0], 64)
			if err != nil {
				if words[0] == "L" {
					words = words[1:]
					continue
				}
				break
			}
			n, words = append(n, v), words[1:]
		}
		return n
	}
	for len(words) > 0 {
		command := words[0]
		words = words[1:]
		n := numbers()
		switch command {
		case "W":
			layers = append(layers, layer{cut: true})
		case "M":
			add(polyline(n, false))
		case "P":
			add(polyline(n, true))
		case "F":
			add(filled(n))
		case "O":
			add(func(x, y float64) float64 { return math.Abs(math.Hypot(x-n[0], y-n[1])-n[2]) - stroke/2 })
		case "D":
			add(func(x, y float64) float64 { return math.Hypot(x-n[0], y-n[1]) - n[2] })
		case "A":
			add(arc(n))
		case "R":
			add(func(x, y float64) float64 { return math.Abs(box(n, x, y)) - stroke/2 })
		case "B":
			add(func(x, y float64) float64 { return box(n, x, y) })
		case "S":
			add(func(x, y float64) float64 {
				dx, dy := x-n[0], y-n[1]
				return math.Hypot(dx, dy) - n[2] - n[4]*math.Abs(math.Cos(n[3]/2*math.Atan2(dy, dx)))
			})
		case "C":
			add(func(x, y float64) float64 { return math.Abs(math.Hypot(x-n[0], y-n[1])-n[2]) - n[3]/2 })
		case "T":
			line := polyline(n[1:], false)
			add(func(x, y float64) float64 { return line(x, y) + stroke/2 - n[0]/2 })
		}
	}
	return layers
}

func segment(x, y, ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = min(1, max(0, ((x-ax)*dx+(y-ay)*dy)/l))
	}
	return math.Hypot(x-ax-t*dx, y-ay-t*dy)
}

func polyline(n []float64, closed bool) shape {
	return func(x, y float64) float64 {
		d := math.Inf(1)
		for i := 0; i+3 < len(n); i += 2 {
			d = min(d, segment(x, y, n[i], n[i+1], n[i+2], n[i+3]))
		}
		if closed {
			d = min(d, segment(x, y, n[len(n)-2], n[len(n)-1], n[0], n[1]))
		}
		return d - stroke/2
	}
}

// filled is a shape whose corners are rounded by half a stroke.
func filled(n []float64) shape {
	// The shape is drawn smaller by the rounding, which then gives it back.
	cx, cy := 0.0, 0.0
	for i := 0; i < len(n); i += 2 {
		cx, cy = cx+n[i], cy+n[i+1]
	}
	cx, cy = cx/float64(len(n)/2), cy/float64(len(n)/2)
	in := make([]float64, len(n))
	for i := 0; i < len(n); i += 2 {
		d := math.Hypot(n[i]-cx, n[i+1]-cy)
		k := max(0, (d-1.6)/d)
		in[i], in[i+1] = cx+(n[i]-cx)*k, cy+(n[i+1]-cy)*k
	}
	return func(x, y float64) float64 {
		d, inside := math.Inf(1), false
		for i, j := 0, len(in)-2; i < len(in); j, i = i, i+2 {
			d = min(d, segment(x, y, in[j], in[j+1], in[i], in[i+1]))
			if (in[i+1] > y) != (in[j+1] > y) && x < (in[j]-in[i])*(y-in[i+1])/(in[j+1]-in[i+1])+in[i] {
				inside = !inside
			}
		}
		if inside {
			d = -d
		}
		return d - 1
	}
}

func arc(n []float64) shape {
	from, span := n[3]*math.Pi/180, (n[4]-n[3])*math.Pi/180
	return func(x, y float64) float64 {
		dx, dy := x-n[0], y-n[1]
		a := math.Mod(math.Atan2(dy, dx)-from, 2*math.Pi)
		if a < 0 {
			a += 2 * math.Pi
		}
		if a <= span {
			return math.Abs(math.Hypot(dx, dy)-n[2]) - stroke/2
		}
		end := func(t float64) float64 {
			return math.Hypot(dx-n[2]*math.Cos(t), dy-n[2]*math.Sin(t))
		}
		return min(end(from), end(from+span)) - stroke/2
	}
}

func box(n []float64, x, y float64) float64 {
	r := n[4]
	qx := math.Abs(x-n[0]-n[2]/2) - n[2]/2 + r
	qy := math.Abs(y-n[1]-n[3]/2) - n[3]/2 + r
	return math.Hypot(max(qx, 0), max(qy, 0)) + min(max(qx, qy), 0) - r
}
