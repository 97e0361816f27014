package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// look is how everything is drawn at the moment: colours, size of text, movement.
type look struct {
	*palette
	scale    float32    // of text
	still    bool       // reduced motion
	wide     bool       // a window with room for the rail
	under    bool       // what is made lies under a sheet
	typed    func(rune) // takes what is typed while a control has the focus
	typedKey func(*fyne.KeyEvent)
	focused  func(fyne.CanvasObject) // the keyboard has come to a control
	start    func(*fyne.Animation)   // begins a movement
}

func (l *look) edge() float32 {
	if l.wide {
		return edgeDesktop
	}
	return edgePhone
}

// tight says that text is so large, in a window so narrow, that things which usually stand beside each other go under
// each other.
func (l *look) tight() bool { return !l.wide && l.scale > 1.2 }

// pair is two buttons of the same weight: beside each other, unless a word of one would break there.
func (l *look) pair(a, b *tap) *fyne.Container {
	return container.New(&twins{row{gap: 12, wide: -1}, column{12}, max(l.longest(a.name), l.longest(b.name)) + 32}, a, b)
}

// longest is how wide the longest word of a button is.
func (l *look) longest(name string) float32 {
	w := float32(0)
	for _, word := range strings.Fields(name) {
		w = max(w, measure(word, l.scaled(strong)).Width)
	}
	return w
}

// twins puts two objects beside each other, or under each other if each has less room than it needs.
type twins struct {
	row   row
	col   column
	least float32
}

func (t *twins) pick(width float32) flowing {
	if (width-t.row.gap)/2 < t.least {
		return &t.col
	}
	return &t.row
}

// Layout implements [fyne.Layout].
func (t *twins) Layout(o []fyne.CanvasObject, size fyne.Size) { t.pick(size.Width).Layout(o, size) }

// MinSize implements [fyne.Layout].
func (t *twins) MinSize(o []fyne.CanvasObject) fyne.Size { return t.row.MinSize(o) }

func (t *twins) heightFor(o []fyne.CanvasObject, width float32) float32 {
	return t.pick(width).heightFor(o, width)
}

// block is a filled shape with round corners.
func block(fill color.Color, corner float32) *canvas.Rectangle {
	r := canvas.NewRectangle(fill)
	r.CornerRadius = corner
	return r
}

// outline is a shape with an edge.
func outline(fill, edge color.Color, width, corner float32) *canvas.Rectangle {
	r := block(fill, corner)
	r.StrokeColor, r.StrokeWidth = edge, width
	return r
}

// raised puts a shape on paper, with a hairline around it.
func (l *look) raised(corner float32) *canvas.Rectangle { return outline(l.surface, l.hair, 1, corner) }

// group is a raised block around content.
func (l *look) group(content fyne.CanvasObject) *fyne.Container {
	return over(l.raised(radius), content)
}

// hairline separates; it is decoration.
func (l *look) hairline() fyne.CanvasObject {
	r := canvas.NewRectangle(l.hair)
	r.SetMinSize(fyne.NewSize(1, 1))
	return r
}

// air is empty height.
func air(h float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(0, h))
	return r
}

// color0 is nothing.
var color0 = color.NRGBA{}
