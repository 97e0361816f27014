package ui

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// How long things move. Nothing waits for a movement: all that is drawn can be used from the first picture on.
const (
	pressTime = 120 * time.Millisecond
	pageTime  = 200 * time.Millisecond
	sheetTime = 240 * time.Millisecond
	tickTime  = 300 * time.Millisecond
	shakeTime = 240 * time.Millisecond
	fadeTime  = 100 * time.Millisecond // instead of all of these when less movement is wanted
)

// motion is what moves in the picture that is drawn now. A screen that is drawn anew in the middle of a movement goes on
// with it from where it was.
type motion struct {
	running []*fyne.Animation
	left    left

	// Parts of the picture that can move, as found while it was built.
	page, sheet, dots *shift
	tick              *stroking
	veil              *canvas.Rectangle
}

// left is what a movement had not done yet when its picture was replaced.
type left struct {
	page, sheet float32 // how far aside
	tick        float64 // how much of it is still to be written
}

// scene is what a movement goes from or to.
type scene struct {
	screen string
	step   string
	depth  int // screens that lie under it
	sheet  bool
	wrong  *vm.Problem
}

func (u *UI) scene(s vm.Screen) scene {
	now := scene{screen: fmt.Sprintf("%T", s), depth: u.app.Depth()}
	switch s := s.(type) {
	case *vm.Share:
		now.sheet, now.step = u.wide || s.Step != vm.ShareDone, fmt.Sprint(s.Step)
		if s.PIN != nil {
			now.wrong = s.PIN.Problem
		}
	case *vm.Offer:
		now.sheet, now.step = u.wide || !pages[s.Step], fmt.Sprint(s.Step)
	case *vm.Card:
		now.sheet, now.step = s.Deleting, fmt.Sprint(s.Deleting)
	case *vm.Lock:
		now.wrong = s.Problem
	case *vm.Secret:
		now.wrong = s.Problem
	}
	return now
}

// begin ends the movements of the picture before, and remembers what was left of them.
func (m *motion) begin() {
	var l left
	if m.page != nil {
		l.page = m.page.x
	}
	if m.sheet != nil {
		l.sheet = m.sheet.y
	}
	if m.tick != nil {
		l.tick = 1 - m.tick.part
	}
	for _, a := range m.running {
		a.Stop()
	}
	*m = motion{left: l}
}

// play moves what has changed between two scenes. The first picture of all stands still.
func (u *UI) play(before, now scene) {
	m := &u.motion
	same := before.screen == now.screen && before.step == now.step
	switch {
	case before.screen == "":
	case same || m.sheet != nil && m.left.sheet > 0 && before.screen == now.screen:
		u.goOn()
		if now.wrong != nil && now.wrong != before.wrong && m.dots != nil && !u.still {
			u.run(shakeTime, fyne.AnimationLinear, func(t float32) {
				m.dots.to(6*float32(math.Sin(float64(t)*6*math.Pi))*(1-t), 0)
			})
		}
	case u.still:
		u.fade(fadeTime, u.bg, 0xff)
	case now.sheet && !before.sheet && m.sheet != nil:
		u.slide(m.sheet, sheetTime, 0, m.sheet.owner.Size().Height)
	case before.screen != now.screen && m.page != nil && now.depth != before.depth:
		from := float32(32)
		if now.depth < before.depth {
			from = -from
		}
		u.fade(pageTime, u.bg, 0xb0)
		u.slide(m.page, pageTime, from, 0)
	case before.screen != now.screen:
		u.fade(fadeTime, u.bg, 0xb0)
	}
	if m.tick != nil && before.screen != "" && !u.still && !same {
		u.run(tickTime, easeOut, m.tick.to)
	}
}

// goOn takes movements over from the picture before, of the same scene.
func (u *UI) goOn() {
	m := &u.motion
	if m.page != nil && m.left.page != 0 {
		u.slide(m.page, pageTime, m.left.page, 0)
	}
	if m.sheet != nil && m.left.sheet != 0 {
		u.slide(m.sheet, sheetTime, 0, m.left.sheet)
	}
	if m.tick != nil && m.left.tick > 0 {
		from := 1 - float32(m.left.tick)
		u.run(tickTime, easeOut, func(t float32) { m.tick.to(from + (1-from)*t) })
	}
}

// slide brings something from aside to where it belongs.
func (u *UI) slide(s *shift, d time.Duration, x, y float32) {
	u.run(d, easeOut, func(t float32) { s.to(x*(1-t), y*(1-t)) })
}

func easeOut(t float32) float32 { return 1 - (1-t)*(1-t)*(1-t) }

func (u *UI) run(d time.Duration, curve fyne.AnimationCurve, tick func(float32)) {
	a := fyne.NewAnimation(d, tick)
	a.Curve = curve
	u.motion.running = append(u.motion.running, a)
	tick(curve(0))
	u.look.start(a)
}

// fade lets the new picture come through.
func (u *UI) fade(d time.Duration, c color.NRGBA, from float32) {
	if u.motion.veil == nil {
		return
	}
	veil := u.motion.veil
	u.run(d, fyne.AnimationLinear, func(t float32) {
		c.A = uint8(from * (1 - t))
		veil.FillColor, veil.Hidden = c, t >= 1
		veil.Refresh()
	})
}

// shift is a layout that draws its object aside from where it belongs.
type shift struct {
	x, y  float32
	owner *fyne.Container
}

func shifted(o fyne.CanvasObject) *shift {
	s := &shift{}
	s.owner = container.New(s, o)
	return s
}

func (s *shift) to(x, y float32) {
	s.x, s.y = x, y
	s.owner.Objects[0].Move(fyne.NewPos(x, y))
	canvas.Refresh(s.owner)
}

// Layout implements [fyne.Layout].
func (s *shift) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.NewPos(s.x, s.y))
	o[0].Resize(size)
}

// MinSize implements [fyne.Layout].
func (s *shift) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

func (s *shift) heightFor(o []fyne.CanvasObject, width float32) float32 {
	return heightFor(o[0], width)
}

// moving makes the part of the window that a change of page moves.
func (u *UI) moving(o fyne.CanvasObject) fyne.CanvasObject {
	if u.under {
		return o
	}
	u.motion.page, u.motion.veil = shifted(o), canvas.NewRectangle(color.Transparent)
	u.motion.veil.Hide()
	return over(u.motion.page.owner, u.motion.veil)
}

// rises makes a sheet that comes from below.
func (u *UI) rises(o fyne.CanvasObject) fyne.CanvasObject {
	u.motion.sheet = shifted(o)
	return u.motion.sheet.owner
}

// shakes makes the dots of a PIN that say no.
func (u *UI) shakes(o fyne.CanvasObject) fyne.CanvasObject {
	u.motion.dots = shifted(o)
	return u.motion.dots.owner
}

// stroking is the seal in which a tick is written.
type stroking struct {
	part   float64 // of the tick
	raster *canvas.Raster
}

func (u *UI) stroked(size float32) fyne.CanvasObject {
	s := &stroking{part: 1}
	c := u.accent
	s.raster = canvas.NewRaster(func(w, h int) image.Image {
		if s.part >= 1 {
			return drawn("sealtick", c, w, h)
		}
		return draw(sealTick(s.part), c, w, h)
	})
	u.motion.tick = s
	return sized(size, size, s.raster)
}

func (s *stroking) to(t float32) {
	s.part = float64(t)
	s.raster.Refresh()
}

// sealTick is the drawing of a seal with the first part of a tick, from 0 to 1.
func sealTick(part float64) string {
	const ax, ay, bx, by, cx, cy = 8.2, 12.2, 10.9, 14.9, 15.9, 9.3
	first := math.Hypot(bx-ax, by-ay)
	second := math.Hypot(cx-bx, cy-by)
	done := max(0, min(1, part)) * (first + second)
	tick := ""
	switch {
	case done == 0:
	case done <= first:
		k := done / first
		tick = fmt.Sprintf(" T 1.9 %g %g %g %g", ax, ay, ax+(bx-ax)*k, ay+(by-ay)*k)
	default:
		k := (done - first) / second
		tick = fmt.Sprintf(" T 1.9 %g %g %g %g %g %g", ax, ay, bx, by, bx+(cx-bx)*k, by+(cy-by)*k)
	}
	return "S 12 12 10.7 18 1 W C 12 12 8.6 .5" + tick
}
