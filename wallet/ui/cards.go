package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// heading is the head of a place: its name, a line under it, and a button at the right.
func (u *UI) heading(name, line string, end ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	parts := append([]fyne.CanvasObject{col(2, u.write(display, u.ink, name))}, end...)
	head := beside(12, 0, parts...)
	if line == "" {
		return pad(24, e-10, 12, e, head)
	}
	return pad(24, e, 12, e, col(0, head, u.write(body, u.ink2, line)))
}

// searchFrom is how many cards it takes before a search is offered.
const searchFrom = 6

func (u *UI) cards(s *vm.Cards) fyne.CanvasObject {
	e := u.edge()
	var end []fyne.CanvasObject
	search := func() fyne.CanvasObject {
		box, _ := u.field(fieldOptions{name: u.text("cards.search"), hint: u.text("cards.search"), value: s.Query, changed: s.Search, hideName: true})
		return box
	}
	if u.wide && s.All >= searchFrom && u.size.Width > 900 {
		end = append(end, sized(232, 0, search()))
	}
	head := []fyne.CanvasObject{u.heading(s.Title(), s.Summary(), append(end, u.glyph(u.text("cards.add"), "plus", s.Add))...)}
	if s.Problem != nil {
		head = append(head, pad(0, e, 12, e, u.note("warn", s.Problem.Head, s.Problem.Text)))
	}
	if s.All == 0 && s.Problem != nil {
		return container.New(&top{}, col(0, head...), container.NewWithoutLayout())
	}
	if s.All == 0 {
		empty := pad(24, e, 24, e, col(20, container.NewCenter(icon("card", 64, u.lineStrong)), u.centred(body, u.ink2, u.text("cards.empty")),
			u.primary(u.text("cards.add"), s.Add)))
		return container.New(&top{}, col(0, head...), leftmost(480, empty))
	}
	if s.All >= searchFrom && len(end) == 0 {
		head = append(head, pad(0, e, 12, e, search()))
	}
	if len(s.Items) == 0 {
		return container.New(&top{}, col(0, head...), pad(24, e, 24, e, u.centred(body, u.ink2, u.text("cards.notfound"))))
	}
	height, under := u.cardHigh(cardHeight), u.under
	list := newLazy(len(s.Items), height, gapCards, func(width float32) (int, float32) {
		if !u.wide {
			return 1, width
		}
		n := max(1, int((width+gapCards)/(340+gapCards)))
		return n, min(cardWidest, (width-float32(n-1)*gapCards)/float32(n))
	}, func(i int) fyne.CanvasObject {
		item := s.Items[i]
		// Cards are made when they come in sight, which may be long after the screen.
		defer func(was bool) { u.under = was }(u.under)
		u.under = under
		return u.card(u.face(item), cardHeight, func() { s.Open(item.ID) })
	})
	body := u.scrolled("cards", pad(8, e, 24, e, list))
	body.moved = list.Layout.(*lazy).scrolledTo
	return container.New(&top{}, col(0, head...), body)
}

func (u *UI) detail(s *vm.Card) fyne.CanvasObject {
	if s.ID == "" {
		return u.page(s, u.note("unknown", s.Problem.Head, s.Problem.Text))
	}
	parts := []fyne.CanvasObject{leftmost(cardWidest, u.card(u.face(s.Item), 120, nil))}
	if s.Checked != "" {
		parts = []fyne.CanvasObject{col(12, parts[0], beside(8, 1, icon("refresh", 18, u.ink2), u.write(small, u.ink2, s.Checked)))}
	}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if s.Renewed {
		parts = append(parts, u.note("valid", u.text("card.renewed"), ""))
	}
	switch s.Kind {
	case "revoked", "expired":
		parts = append(parts, u.note(s.Kind, u.text("card.dead.head"), u.text("card.dead."+s.Kind, "issuer", s.Issuer)))
	case "reissue", "suspended":
		parts = append(parts, u.note(s.Kind, u.text("notice."+s.Kind+".head", "card", s.Name), u.text("notice."+s.Kind+".text", "issuer", s.Issuer)))
	}
	if !s.Dead && s.Kind != "reissue" {
		parts = append(parts, u.copies(s))
	}
	parts = append(parts, u.values(s.Values, s.Show), u.issuer(s.Issuer, s.Registered))
	if s.Deleting {
		parts = []fyne.CanvasObject{parts[0], u.note("revoked", u.text("card.delete.title", "card", s.Name), u.text("card.delete.text"))}
		return u.page(s, col(20, parts...), u.pair(u.secondary(u.text("card.delete.keep"), s.Keep), u.danger(u.text("card.delete"), s.Delete)))
	}
	if len(s.Changes) > 0 {
		return u.page(s, col(20, append(parts[:1:1], u.changes(s.Changes)...)...),
			u.pair(u.secondary(u.text("offer.no"), s.KeepOld), u.secondary(u.text("card.renew.yes"), s.TakeNew)))
	}
	if s.Busy {
		parts = append(parts, u.centred(body, u.ink2, u.text("busy")))
	} else {
		if s.Renewable {
			parts = append(parts, u.withIcon(u.text("card.renew"), "add", s.Renew))
		}
		if !s.Dead {
			parts = append(parts, u.withIcon(u.text("card.update"), "refresh", s.Update))
		}
		parts = append(parts, u.redLink(u.text("card.delete"), s.AskDelete))
	}
	return u.page(s, col(20, parts...))
}

// changes shows what new copies say otherwise.
func (u *UI) changes(all []vm.Change) []fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, c := range all {
		rows = append(rows, pad(10, 16, 10, 16, col(0, u.write(small, u.ink2, c.Label), u.write(strong, u.ink, c.New),
			u.write(small, u.ink2, u.text("card.renew.was", "value", c.Old)))))
	}
	return []fyne.CanvasObject{u.write(title, u.ink, u.text("offer.preview.title")), u.write(body, u.ink2, u.text("card.renew.changed")), u.rows(rows...)}
}

func (u *UI) redLink(name string, do func()) *tap {
	return u.button(name, "", color0, nil, u.stop, do)
}

// copies says how often the card can still be used, in words and in blocks.
func (u *UI) copies(s *vm.Card) fyne.CanvasObject {
	if s.Reusable {
		return u.remark(u.text("card.reusable"))
	}
	return u.group(padAll(16, col(10,
		u.write(strong, u.ink, u.app.Count(s.Copies, "wallet.card.copies")),
		u.meter(s.Copies, s.Of),
		u.write(small, u.ink2, u.text("card.copies.why")),
	)))
}

// values lists facts; show is nil where all are in sight.
func (u *UI) values(all []vm.Value, show func(string)) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, v := range all {
		path := v.Path
		text, drawing := v.Text, "eyeoff"
		if !v.Shown {
			text, drawing = "••••••", "eye"
		}
		lines := col(0, u.write(small, u.ink2, v.Label), u.write(body, u.ink, text))
		if show == nil {
			rows = append(rows, pad(10, 16, 10, 16, lines))
			continue
		}
		inner := over(sized(0, 64*u.scale, air(0)), pad(8, 16, 8, 16, beside(12, 0, lines, icon(drawing, 22, u.ink2))))
		rows = append(rows, u.tap(v.Label, radius, inner, func() { show(path) }))
	}
	head := u.write(smallB, u.ink2, u.text("card.values"))
	if show != nil {
		return col(8, head, u.rows(rows...), u.write(small, u.ink2, u.text("card.values.hint")))
	}
	return col(8, head, u.rows(rows...))
}

// issuer names who handed a card out, and whether the register knows them.
func (u *UI) issuer(name string, registered bool) fyne.CanvasObject {
	proof := u.unproven(u.text("card.unproven"))
	if registered {
		proof = u.proven(u.text("card.proven"))
	}
	return col(8, u.write(smallB, u.ink2, u.text("card.issuer")),
		u.group(padAll(16, beside(14, 1, u.initials(name), col(4, u.write(strong, u.ink, name), proof)))))
}

func (u *UI) proven(text string) fyne.CanvasObject {
	return beside(8, 1, icon("seal", 20, u.accent), u.write(smallB, u.accent, text))
}

func (u *UI) unproven(text string) fyne.CanvasObject {
	return beside(8, 1, icon("question", 20, u.warn), u.write(smallB, u.warn, text))
}

// initials stand for an organisation whose picture nobody has checked.
func (u *UI) initials(name string) fyne.CanvasObject {
	short := ""
	word := true
	for _, r := range name {
		if word && r != ' ' && len(short) < 2 {
			short += strings.ToUpper(string(r))
		}
		word = r == ' '
	}
	return sized(56, 56, over(block(u.accentSoft, radius), container.NewCenter(u.line(heading, u.onAccentSoft, short))))
}

func (u *UI) add(s *vm.Add) fyne.CanvasObject {
	scan := u.text("add.scan")
	if u.platform.Camera() {
		scan = u.text("add.camera")
	}
	rows := u.rows(
		u.row(entry{drawing: "scan", name: scan, opens: true}, func() {
			u.platform.Scan(func(text string) {
				if text == "" {
					s.NothingFound()
					return
				}
				s.Text(text)
			})
		}),
		u.row(entry{drawing: "paste", name: u.text("add.paste"), opens: true}, func() { s.Text(u.platform.Paste()) }),
		u.row(entry{drawing: "image", name: u.text("add.file"), opens: true}, func() {
			u.platform.OpenFile(func(data []byte) {
				if data != nil {
					u.dropped(s, data)
				}
			})
		}),
	)
	box, get := u.field(fieldOptions{name: u.text("add.type"), hint: "openid4vp://", submitted: s.Text})
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("add.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	parts = append(parts, rows, box, u.secondary(u.text("add.go"), func() { s.Text(get()) }))
	if !u.platform.Camera() {
		parts = append(parts, u.remark(u.text("add.drop")))
	}
	return u.page(s, col(20, parts...))
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
