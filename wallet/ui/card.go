package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// cardFace is what the front of a card shows. No personal value stands on it.
type cardFace struct {
	title, issuer, line string
	kind, word          string // status
	face                face
	dead                bool // it does not work any more: paper instead of colour
}

// card draws the front.
func (l *look) card(c cardFace, height float32, do func()) fyne.CanvasObject {
	ink, soft := color.Color(color.White), color.Color(color.NRGBA{0xff, 0xff, 0xff, 0xe6})
	var back fyne.CanvasObject
	if c.dead {
		ink, soft = l.ink, l.ink2
		back = over(l.paper(radius, height*l.scale), outline(color.Transparent, l.lineStrong, 1, radius))
	} else {
		back = over(l.cardShadow(), art(c.face, radius, height*l.scale))
	}
	head := atTop(12, 0, col(2, l.write(heading, ink, c.title), l.line(small, soft, c.issuer)), l.pill(c.kind, c.word, !c.dead))
	content := pad(20, 16, 20, 20, col(0, head, push(), l.line(smallB, ink, c.line)))
	return l.tap(c.title+", "+c.word, radius, sized(0, height*l.scale, over(back, content)), do)
}

func (l *look) cardShadow() fyne.CanvasObject {
	r := block(color.Transparent, radius)
	if l.dark {
		return r
	}
	r.FillColor = l.bg
	r.Shadow = canvas.Shadow{Color: l.shadow, BlurRadius: 6, Offset: fyne.NewPos(0, 3), Variant: canvas.DropShadow}
	return r
}
