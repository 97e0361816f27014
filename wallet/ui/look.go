package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// look is how everything is drawn at the moment: colours, size of text, movement.
type look struct {
	*palette
	scale float32    // of text
	still bool       // reduced motion
	wide  bool       // a window with room for the rail
	under bool       // what is made lies under a sheet
	typed func(rune) // takes what is typed while a control has the focus
}

func (l *look) edge() float32 {
	if l.wide {
		return edgeDesktop
	}
	return edgePhone
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

// raised puts a shape on paper: with a soft shadow by day, with a hairline by night.
func (l *look) raised(corner float32) *canvas.Rectangle {
	r := block(l.surface, corner)
	if l.dark {
		r.StrokeColor, r.StrokeWidth = l.hair, 1
		return r
	}
	r.Shadow = canvas.Shadow{Color: l.shadow, BlurRadius: 6, Offset: fyne.NewPos(0, 3), Variant: canvas.DropShadow}
	return r
}

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
