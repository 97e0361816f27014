package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/wallet/vm"
)

// cardFace is what the front of a card shows. No personal value stands on it.
type cardFace struct {
	title, issuer, line string
	kind, word          string // status
	face                face
	logo                *logo
	dead                bool // it does not work any more: paper instead of colour
}

// face is the front of a card: the issuer's colour if it gave one, else always the same for a type of card.
func (u *UI) face(i vm.Item) cardFace {
	f := faceOf(i.Type + "\x00" + i.Issuer) // not of its name, which is another in each language
	if c, ok := openid4vci.Colour(i.Colour).RGB(); ok {
		f = faceFor(c)
	}
	return cardFace{title: i.Name, issuer: i.Issuer, line: i.Line, kind: i.Kind, word: i.Word, face: f, logo: logoOf(u.app.Logo(i)), dead: i.Dead}
}

// card draws the front.
func (l *look) card(c cardFace, height float32, do func()) fyne.CanvasObject {
	high := l.cardHigh(height)
	ink, soft := color.Color(color.White), color.Color(color.NRGBA{0xff, 0xff, 0xff, 0xe6})
	var back fyne.CanvasObject
	if c.dead {
		ink, soft = l.ink, l.ink2
		back = over(l.paper(radius, high), outline(color.Transparent, l.lineStrong, 1, radius))
	} else {
		middle := rosetteAlone
		if c.logo != nil && !l.tight() {
			middle = rosetteUnder
		}
		back = l.art(c.face, middle, radius, high)
	}
	lines := 2
	if height < cardHeight {
		lines = 1
	}
	names := col(2, l.paragraph(&words{text: c.title, style: l.scaled(heading), colour: ink, most: lines}), l.line(small, soft, c.issuer))
	on := onArt
	if c.dead {
		on = onPaper
	}
	pill := l.pill(c.kind, c.word, on)
	last := l.line(smallB, ink, c.line)
	var content *fyne.Container
	switch {
	case l.tight():
		last.Layout.(*words).most = 2
		state := beside(0, -2, pill)
		if c.logo != nil {
			state = container.New(ends{8}, pill, l.plate(c))
		}
		content = pad(16, 16, 16, 16, col(0, names, push(), state, air(8), last))
	case c.logo != nil:
		content = container.New(withPlate{}, atTop(12, 0, names, pill), last, l.plate(c))
	default:
		content = pad(20, 16, 20, 20, col(0, atTop(12, 0, names, pill), push(), last))
	}
	front := sized(0, high, over(back, content))
	if do == nil {
		return front // a picture: nothing to reach with the keyboard
	}
	return l.tap(c.title+", "+c.word, radius, front, do)
}

// front is a card at the head of its own page. What does not fit on it stands under it in full.
func (u *UI) front(i vm.Item) fyne.CanvasObject {
	face := leftmost(cardWidest, u.card(u.face(i), u.frontHigh(i), nil))
	var rest []fyne.CanvasObject
	if heightFor(u.write(heading, u.ink, i.Name), u.nameRoom(i)) > 2*u.scaled(heading).line {
		rest = append(rest, u.write(heading, u.ink, i.Name))
	}
	if i.Dead && measure(i.Issuer, u.scaled(small)).Width > u.nameRoom(i) { // a card that works names its issuer further on
		rest = append(rest, u.write(small, u.ink2, i.Issuer))
	}
	if len(rest) == 0 {
		return face
	}
	return col(0, face, air(12), col(2, rest...))
}

// frontHigh is how high that card is: less than in the list if its name fits on one line.
func (u *UI) frontHigh(i vm.Item) float32 {
	if measure(i.Name, u.scaled(heading)).Width > u.nameRoom(i) {
		return cardHeight
	}
	return 120
}

// nameRoom is how wide the name of a card at the head of its page can be.
func (u *UI) nameRoom(i vm.Item) float32 {
	width := float32(cardWidest)
	if !u.wide {
		width = min(width, u.size.Width-2*u.edge())
	}
	if u.tight() {
		return width - 2*16
	}
	return width - 20 - 16 - 12 - u.pill(i.Kind, i.Word, onPaper).MinSize().Width
}

// cardHigh is the height of a card at the size of text that was chosen.
func (l *look) cardHigh(height float32) float32 {
	if l.tight() {
		return (height + 24) * l.scale
	}
	return height * l.scale
}
