package ui

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/zegel-id/zegel/wallet/vm"
)

// add is where a code or link comes in: on a phone first through the camera, in a window first by dropping it there.
func (u *UI) add(s *vm.Add) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("add.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	scan := func() {
		u.platform.Scan(func(text string) {
			if text == "" {
				s.NothingFound()
				return
			}
			s.Text(text)
		})
	}
	open := func() {
		u.platform.OpenFile(func(data []byte) {
			if data != nil {
				u.dropped(s, data)
			}
		})
	}
	way := func(drawing, name, detail string, do func()) fyne.CanvasObject {
		return u.row(entry{drawing: drawing, name: name, detail: detail, bold: true, tint: u.accent, opens: true}, do)
	}
	paste := way("paste", u.text("add.paste"), u.text("add.paste.text"), func() { s.Text(u.platform.Paste()) })
	file := way("image", u.text("add.file"), u.text("add.file.text"), open)
	if u.platform.Camera() {
		camera := u.button(u.text("add.camera"), "scan", u.accent, nil, u.onAccent, scan)
		parts = append(parts, camera, u.rows(paste, file))
	} else {
		parts = append(parts, u.rows(way("scan", u.text("add.scan"), u.text("add.scan.text"), scan), paste, file))
		if u.wide {
			parts = append(parts, u.dropArea())
		}
	}
	box, get := u.field(fieldOptions{name: u.text("add.type"), hint: u.text("add.hint"), submitted: s.Text})
	parts = append(parts, box, u.secondary(u.text("add.go"), func() { s.Text(get()) }))
	return u.page(s, col(20, parts...))
}

// dropArea shows that files can be dropped here. They can be dropped anywhere on the window.
func (u *UI) dropArea() fyne.CanvasObject {
	words := col(8, sizedHeight(32, icon("image", 32, u.accent)), u.centred(body, u.ink2, u.text("add.drop")))
	return over(u.dashes(), pad(28, 24, 28, 24, words))
}

type dashKey struct {
	c    color.NRGBA
	w, h int
	unit float64
}

// dashes is a rectangle of dashes with round corners.
func (l *look) dashes() fyne.CanvasObject {
	c := l.lineStrong
	var r *canvas.Raster
	r = canvas.NewRaster(func(w, h int) image.Image {
		unit := float64(h) / float64(max(1, r.Size().Height))
		return cached(dashKey{c, w, h, unit}, func() image.Image { return dashImage(dashKey{c, w, h, unit}) })
	})
	return r
}

func dashImage(k dashKey) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, k.w, k.h))
	w, h, r := float64(k.w)/k.unit, float64(k.h)/k.unit, float64(radius)
	arc := math.Pi / 2 * r
	for y := range k.h {
		for x := range k.w {
			fx, fy := (float64(x)+.5)/k.unit, (float64(y)+.5)/k.unit
			// The distance to the edge, and how far along it.
			qx, qy := math.Abs(fx-w/2)-w/2+r, math.Abs(fy-h/2)-h/2+r
			d := math.Abs(math.Hypot(max(qx, 0), max(qy, 0)) + min(max(qx, qy), 0) - r + .75)
			cover := min(1, max(0, .5+(.75-d)*k.unit))
			if cover == 0 {
				continue
			}
			along := fx
			switch {
			case qx > 0 && qy > 0:
				along = w - r + math.Atan2(qx, qy)*r
			case qx > qy:
				along = w - r + arc + math.Abs(fy-h/2)
			}
			// Dashes of 7 with 5 of air between them.
			t := math.Mod(along, 12)
			cover *= min(1, max(0, .5+(3.5-math.Abs(t-3.5))*k.unit))
			c := k.c
			c.A = uint8(float64(c.A) * cover)
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// dropped takes a file: a picture of a code, or a text with a link.
func (u *UI) dropped(s *vm.Add, data []byte) {
	text, err := decodeQR(data)
	if err != nil && looksLikeText(data) {
		text, err = string(data), nil
	}
	if err != nil {
		s.NothingFound()
		return
	}
	s.Text(text)
}
