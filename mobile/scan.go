//go:build cgo

package main

import (
	"image"
	"sync"
	"sync/atomic"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/zegel-id/zegel/wallet/ui"
)

// phone is [ui.Platform] on a phone: a code is read with the camera.
type phone struct {
	ui.System
	text func(key string) string
}

var _ ui.Platform = (*phone)(nil)

// Camera implements [ui.Platform].
func (p *phone) Camera() bool { return hasCamera }

// Scan implements [ui.Platform]: what the camera sees covers the window until a code is found or the person stops.
// Pictures stay in memory, one at a time, and none is kept.
func (p *phone) Scan(done func(string)) {
	seen := canvas.NewImageFromImage(image.NewGray(image.Rect(0, 0, 1, 1)))
	seen.FillMode = canvas.ImageFillContain
	var cover fyne.CanvasObject
	var once sync.Once
	var stop func()
	end := func(text string) {
		once.Do(func() {
			if stop != nil {
				stop()
			}
			p.Win.Canvas().Overlays().Remove(cover)
			done(text)
		})
	}
	button := widget.NewButton(p.text("stop"), func() { end("") })
	cover = container.NewStack(canvas.NewRectangle(image.Black.C), container.NewBorder(nil, container.NewPadded(button), nil, nil, seen))
	cover.Resize(p.Win.Canvas().Size())
	p.Win.Canvas().Overlays().Add(cover)

	// While one picture is looked at, the camera's next ones are dropped.
	var busy atomic.Bool
	var err error
	stop, err = openCamera(func(picture *image.Gray) {
		if !busy.CompareAndSwap(false, true) {
			return
		}
		go func() {
			text, _ := ui.FindQR(picture) // no code is ""
			fyne.Do(func() {
				seen.Image = picture
				seen.Refresh()
				busy.Store(false)
				if text != "" {
					end(text)
				}
			})
		}()
	})
	if err != nil {
		end("")
	}
}

// upright turns a picture of a sensor clockwise by a number of degrees, and leaves out the padding at the end of rows.
func upright(pixels []byte, width, height, stride, degrees int) *image.Gray {
	w, h := width, height
	if degrees%180 != 0 {
		w, h = h, w
	}
	out := image.NewGray(image.Rect(0, 0, w, h))
	for y := range height {
		row := pixels[y*stride : y*stride+width]
		switch degrees % 360 {
		case 90:
			for x, v := range row {
				out.Pix[x*out.Stride+height-1-y] = v
			}
		case 180:
			for x, v := range row {
				out.Pix[(height-1-y)*out.Stride+width-1-x] = v
			}
		case 270:
			for x, v := range row {
				out.Pix[(width-1-x)*out.Stride+y] = v
			}
		default:
			copy(out.Pix[y*out.Stride:], row)
		}
	}
	return out
}
