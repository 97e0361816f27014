package ui

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// heading is the head of a place: its name, a line under it, and buttons at the right.
func (u *UI) heading(name, line string, end ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	lines := []fyne.CanvasObject{u.write(display, u.ink, name)}
	if line != "" {
		lines = append(lines, u.write(small, u.ink2, line))
	}
	right := e
	if len(end) > 0 && !u.wide {
		right = e - 10 // the drawing at the end of the row, not its button, stands on the edge
	}
	return pad(24, right, 16, e, beside(0, 0, append([]fyne.CanvasObject{col(2, lines...)}, end...)...))
}

// searchFrom is how many cards it takes before a search is offered.
const searchFrom = 6

func (u *UI) cards(s *vm.Cards) fyne.CanvasObject {
	e := u.edge()
	roomy := u.wide && u.size.Width > 900 // the field to search in has a place of its own
	offered := s.All >= searchFrom
	var end []fyne.CanvasObject
	switch {
	case roomy && offered:
		end = append(end, sized(232, 0, u.searchField(s)), air1(12))
	case offered && s.Finding:
		end = append(end, u.glyph(u.text("cards.find.close"), "close", s.Find))
	case offered:
		end = append(end, u.glyph(u.text("cards.find"), "search", s.Find))
	}
	if s.All > 0 {
		if roomy {
			end = append(end, sized(u.addWidth(), 0, u.withIcon(u.text("cards.add.short"), "plus", s.Add)))
		} else {
			end = append(end, u.glyph(u.text("cards.add"), "plus", s.Add))
		}
	}
	head := []fyne.CanvasObject{u.heading(s.Title(), s.Summary(), end...)}
	if s.Problem != nil {
		head = append(head, pad(0, e, 12, e, u.note("warn", s.Problem.Head, s.Problem.Text)))
	}
	if s.All == 0 && s.Problem != nil {
		return container.New(&top{}, col(0, head...), container.NewWithoutLayout())
	}
	if s.All == 0 {
		return container.New(&top{}, col(0, head...), u.scrolled("cards", u.noCards(s)))
	}
	if offered && s.Finding && !roomy {
		head = append(head, pad(0, e, 16, e, u.searchField(s)))
	}
	if len(s.Items) == 0 {
		nothing := col(20, u.rosette("search", u.markSide()), col(4, u.centred(lead, u.ink, u.text("cards.notfound")),
			u.centred(body, u.ink2, u.text("cards.notfound.text"))), u.secondary(u.text("cards.all"), func() { u.forget(); s.Find() }))
		return container.New(&top{}, col(0, head...), u.scrolled("cards", pad(16, e, 24, e, widest(480, nothing))))
	}
	list := u.cardList(s)
	body := u.scrolled("cards", pad(8, e, 24, e, list))
	body.moved = list.Layout.(*lazy).scrolledTo
	return container.New(&top{}, col(0, head...), body)
}

// air1 is empty width.
func air1(w float32) fyne.CanvasObject { return sized(w, 0, air(0)) }

func (u *UI) addWidth() float32 {
	return measure(u.text("cards.add.short"), u.scaled(strong)).Width + 24 + 10 + 2*20
}

func (u *UI) searchField(s *vm.Cards) fyne.CanvasObject {
	box, _ := u.field(fieldOptions{name: u.text("cards.search"), hint: u.text("cards.search"), drawing: "search", value: s.Query, changed: s.Search, hideName: true})
	return box
}

// cardList holds the cards that were found. Only those in sight are made.
func (u *UI) cardList(s *vm.Cards) *fyne.Container {
	under := u.under
	return newLazy(len(s.Items), u.cardHigh(cardHeight), gapCards, func(width float32) (int, float32) {
		if !u.wide {
			return 1, width
		}
		n := max(1, int((width+gapCards)/(320+gapCards)))
		return n, min(cardWidest, (width-float32(n-1)*gapCards)/float32(n))
	}, func(i int) fyne.CanvasObject {
		item := s.Items[i]
		// Cards are made when they come in sight, which may be long after the screen.
		defer func(was bool) { u.under = was }(u.under)
		u.under = under
		return u.card(u.face(item), cardHeight, func() { s.Open(item.ID) })
	})
}

// noCards is what a new wallet shows: how to come by a first card.
func (u *UI) noCards(s *vm.Cards) fyne.CanvasObject {
	e := u.edge()
	var steps []fyne.CanvasObject
	for n, text := range []string{u.text("cards.empty.1"), u.text("cards.empty.2"), u.text("cards.empty.3")} {
		number := sized(32, 32, over(block(u.accentSoft, 16), container.NewCenter(u.line(smallB, u.onAccentSoft, fmt.Sprint(n+1)))))
		steps = append(steps, pad(10, 16, 10, 16, beside(14, 1, number, u.write(body, u.ink, text))))
	}
	return pad(0, e, 24, e, widest(480, col(20, u.rosette("card", u.markSide()), u.centred(lead, u.ink, u.text("cards.empty")),
		u.rows(steps...), u.primary(u.text("cards.add"), s.Add))))
}
