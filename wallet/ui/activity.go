package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// kinds are the shapes of lines in the history.
var kinds = map[string]string{
	"shared": "tick", "refused": "minus", "failed": "warn", "received": "add", "renewed": "refresh", "revoked": "cross", "deleted": "trash", "restored": "refresh",
}

// kindDisc is the shape of a line on a soft disc.
func (u *UI) kindDisc(kind string) fyne.CanvasObject {
	c, soft := u.quiet, u.quietSoft
	switch kind {
	case "shared":
		c, soft = u.accent, u.accentSoft
	case "failed":
		c, soft = u.warn, u.warnSoft
	case "revoked":
		c, soft = u.stop, u.stopSoft
	case "received":
		c, soft = u.ok, u.okSoft
	}
	return sized(40, 40, over(block(soft, 20), container.NewCenter(icon(kinds[kind], 22, c))))
}

func (u *UI) activity(s *vm.Activity) fyne.CanvasObject {
	e := u.edge()
	var chips []fyne.CanvasObject
	for _, f := range vm.Filters {
		chips = append(chips, u.chip(u.text("activity.filter."+f), s.Filter == f, func() { s.SetFilter(f) }))
	}
	head := col(0, u.heading(s.Title(), ""), pad(0, e, 8, e, container.New(&wrap{8}, chips...)))
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	day := ""
	var rows []fyne.CanvasObject
	flush := func() {
		if len(rows) > 0 {
			parts = append(parts, col(8, u.write(smallB, u.ink2, day), u.rows(rows...)))
		}
		rows = nil
	}
	for i, l := range s.Lines {
		if i == maxLines {
			break
		}
		if l.Day != day {
			flush()
			day = l.Day
		}
		rows = append(rows, u.line2(l, func() { s.Open(l.N) }))
	}
	flush()
	if len(s.Lines) == 0 {
		parts = append(parts, air(24), u.centred(body, u.ink2, u.text("activity.none")))
	} else {
		parts = append(parts, u.withIcon(u.text("activity.learned"), "building", s.Learned))
	}
	return container.New(&top{}, head, u.scrolled("activity", pad(8, e, 24, e, u.measured(col(20, parts...)))))
}

// maxLines is how much of the history is drawn.
const maxLines = 200

func (u *UI) line2(l vm.Line, do func()) fyne.CanvasObject {
	party := u.paragraph(&words{text: l.Party, style: u.scaled(strong), colour: u.ink, most: 2})
	lines := []fyne.CanvasObject{party, u.write(small, u.ink2, l.What)}
	parts := []fyne.CanvasObject{u.kindDisc(l.Kind), col(0, lines...)}
	if u.tight() {
		parts[1] = col(0, append(lines, u.write(small, u.ink2, l.Time))...)
	} else {
		parts = append(parts, u.line(small, u.ink2, l.Time))
	}
	inner := over(sized(0, 72*u.scale, air(0)), pad(10, 16, 10, 16, beside(14, 1, parts...)))
	return u.tap(l.Party+", "+l.What+", "+l.Time, radius, inner, do)
}

// wrap puts objects in rows, as many as fit.
type wrap struct{ gap float32 }

func (w *wrap) place(objects []fyne.CanvasObject, width float32, put func(fyne.CanvasObject, fyne.Position, fyne.Size)) float32 {
	x, y, h := float32(0), float32(0), float32(0)
	for _, o := range objects {
		m := o.MinSize()
		if x > 0 && x+m.Width > width {
			x, y, h = 0, y+h+w.gap, 0
		}
		if put != nil {
			put(o, fyne.NewPos(x, y), m)
		}
		x, h = x+m.Width+w.gap, max(h, m.Height)
	}
	return y + h
}

// Layout implements [fyne.Layout].
func (w *wrap) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w.place(objects, size.Width, func(o fyne.CanvasObject, p fyne.Position, s fyne.Size) {
		o.Move(p)
		o.Resize(s)
	})
}

// MinSize implements [fyne.Layout].
func (w *wrap) MinSize(objects []fyne.CanvasObject) fyne.Size { return stack{}.MinSize(objects) }

func (w *wrap) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	return w.place(objects, width, nil)
}

func (u *UI) event(s *vm.Event) fyne.CanvasObject {
	parts := []fyne.CanvasObject{
		beside(12, 1, u.kindDisc(s.Kind), col(0, u.write(strong, u.ink, s.What), u.write(small, u.ink2, s.When()))),
	}
	if s.Registered() {
		parts = append(parts, u.proven(u.text("offer.registered")))
	} else if s.Kind == "shared" {
		parts = append(parts, u.unproven(u.text("offer.unregistered")))
	}
	if facts := s.Facts(); len(facts) > 0 {
		var rows []fyne.CanvasObject
		for _, f := range facts {
			rows = append(rows, u.row(entry{drawing: "check", name: f}, nil))
		}
		parts = append(parts, col(8, u.write(smallB, u.ink2, u.text("event.facts")), u.rows(rows...), u.write(small, u.ink2, u.text("event.novalues"))))
	}
	if beyond := s.Beyond(); len(beyond) > 0 {
		parts = append(parts, u.note("revoked", u.text("event.extra"), strings.Join(beyond, ", ")))
	}
	parts = append(parts, u.answers(s)...)
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	var why []fyne.CanvasObject
	if s.Why() != "" {
		why = append(why, padAll(16, u.detailRow(u.text("share.why"), s.Why())))
	}
	if s.Card() != "" {
		why = append(why, padAll(16, u.detailRow(u.text("event.card"), s.Card())))
	}
	if len(why) > 0 {
		parts = append(parts, u.rows(why...))
	}
	parts = append(parts, col(8, u.write(smallB, u.ink2, u.text("event.do")), u.rows(u.eventActions(s)...)))
	return u.page(s, col(20, parts...))
}

// eventActions is what can be done about something that was shared.
func (u *UI) eventActions(s *vm.Event) []fyne.CanvasObject {
	var rows []fyne.CanvasObject
	if s.CanErase() {
		ask := entry{drawing: "trash", name: u.text("event.erase"), detail: u.text("event.erase.what"), opens: true}
		if s.Busy {
			rows = append(rows, u.row(entry{drawing: "clock", name: u.text("busy")}, nil))
		} else {
			rows = append(rows, u.row(ask, s.AskErase))
		}
	}
	if s.CanWrite() {
		rows = append(rows, u.row(entry{drawing: "mail", name: u.text("event.letter"), detail: u.text("event.letter.what")}, func() {
			if text := s.Letter(); text != "" {
				u.platform.Copy(text)
			}
		}))
	}
	return append(rows,
		u.row(entry{drawing: "copy", name: u.text("event.copy"), detail: u.text("event.copy.what")}, func() { u.platform.Copy(s.Receipt()) }))
}

// answers is what the other party said about deleting.
func (u *UI) answers(s *vm.Event) (notes []fyne.CanvasObject) {
	for _, a := range s.Answers() {
		kind, text := "warn", a.When
		if a.Good {
			kind = "valid"
		}
		if a.Until != "" {
			text += "\n" + u.text("erase.until", "date", a.Until)
		}
		if a.Basis != "" {
			text += "\n" + a.Basis
		}
		notes = append(notes, u.note(kind, a.Head, text))
	}
	return notes
}

func (u *UI) learned(s *vm.Learned) fyne.CanvasObject {
	if len(s.Parties) == 0 {
		return u.page(s, u.centred(body, u.ink2, u.text("learned.none")))
	}
	var parts []fyne.CanvasObject
	for _, p := range s.Parties {
		lines := []fyne.CanvasObject{beside(14, 1, u.initials(p.Name), col(2, u.write(strong, u.ink, p.Name), u.write(small, u.ink2, u.app.Count(p.Times, "wallet.learned.times"))))}
		for _, f := range p.Facts {
			lines = append(lines, beside(12, 1, icon("check", 20, u.accent), u.write(body, u.ink, f)))
		}
		parts = append(parts, u.group(padAll(16, col(10, lines...))))
	}
	return u.page(s, col(16, parts...))
}

func (u *UI) notices(s *vm.Notices) fyne.CanvasObject {
	e := u.edge()
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	for _, n := range s.Items {
		kind := n.Kind
		if kind == "last" || kind == "used" {
			kind = "warn"
		}
		parts = append(parts, u.tap(n.Head, radius, u.note(kind, n.Head, n.Text), func() { s.Open(n.Card) }))
	}
	if len(s.Items) == 0 && s.Problem == nil {
		parts = append(parts, air(24), container.NewCenter(icon("tick", 56, u.ok)), u.centred(body, u.ink2, u.text("notices.none")))
	}
	return container.New(&top{}, u.heading(s.Title(), ""), u.scrolled("notices", pad(8, e, 24, e, u.measured(col(12, parts...)))))
}
