package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// kinds are the shapes of lines in the history.
var kinds = map[string]string{
	"shared": "arrowout", "received": "arrowin", "refused": "stopped", "failed": "caution", "revoked": "close", "renewed": "refresh",
	"deleted": "trash", "restored": "backed",
}

// kindColours are those of the shape of a line, and of the disc under it.
func (u *UI) kindColours(kind string) (c, soft color.NRGBA) {
	switch kind {
	case "shared", "received", "renewed":
		return u.onAccentSoft, u.accentSoft
	case "failed":
		return u.warn, u.warnSoft
	case "revoked":
		return u.stop, u.stopSoft
	}
	return u.quiet, u.quietSoft
}

// disc is a shape on a soft round.
func (u *UI) disc(drawing string, c, soft color.Color) fyne.CanvasObject {
	return sized(40, 40, over(block(soft, 20), container.NewCenter(icon(drawing, 20, c))))
}

func (u *UI) kindDisc(kind string) fyne.CanvasObject {
	c, soft := u.kindColours(kind)
	return u.disc(kinds[kind], c, soft)
}

// activity is the history: of everything, or of one card.
func (u *UI) activity(s *vm.Activity) fyne.CanvasObject {
	e := u.edge()
	list := u.lines(s.Lines, s.Open)
	parts := []fyne.CanvasObject{}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	switch {
	case s.All == 0:
		parts = append(parts, u.nothing("history", u.text("activity.none"), u.text("activity.none.text")))
	case len(s.Lines) == 0:
		parts = append(parts, u.nothing("search", u.text("activity.notfound"), ""))
	default:
		parts = append(parts, list)
	}
	if s.All > 0 && s.Card == "" && s.Query == "" {
		known := u.rows(u.row(entry{drawing: "building", tint: u.accent, bold: true, name: u.text("learned.title"), opens: true}, s.Learned))
		if s.Filter == "shared" {
			parts = append([]fyne.CanvasObject{known}, parts...)
		} else {
			parts = append(parts, known)
		}
	}
	body := u.scrolled("activity", pad(8, e, 24, e, u.measured(col(gapGroups, parts...))))
	body.moved = list.Layout.(*history).scrolledTo
	return container.New(&top{}, u.activityHead(s), body)
}

func (u *UI) activityHead(s *vm.Activity) fyne.CanvasObject {
	e := u.edge()
	if s.Card != "" {
		return col(0, pad(8, e, 0, e-12, beside(0, -2, u.glyph(u.text("back"), "back", u.app.Back))),
			pad(0, e, 8, e, col(4, u.write(title, u.ink, s.About), u.write(body, u.ink2, s.Title()))))
	}
	var chips []fyne.CanvasObject
	for _, f := range vm.Filters {
		chips = append(chips, u.chip(u.text("activity.filter."+f), s.Filter == f, func() { s.SetFilter(f) }))
	}
	row := pad(0, e, 8, e, container.New(&wrap{8}, chips...))
	name := u.text("activity.search")
	if s.Searching {
		box, _ := u.field(fieldOptions{name: name, hint: u.text("activity.search.hint"), value: s.Query, changed: s.Search, hideName: true})
		shut := u.glyph(u.text("activity.search.close"), "close", s.CloseSearch)
		return leftmost(640+2*e, col(0, pad(20, e-10, 8, e, beside(8, 0, box, shut)), row))
	}
	open := u.glyph(name, "search", func() {
		s.OpenSearch()
		u.refocus("field:" + name)
	})
	return leftmost(640+2*e, col(0, u.heading(s.Title(), "", open), row)) // as wide as the list
}

// nothing is what stands where a list is empty.
func (u *UI) nothing(drawing, head, text string) fyne.CanvasObject {
	parts := []fyne.CanvasObject{air(16), container.NewCenter(icon(drawing, 56, u.lineStrong)), u.centred(strong, u.ink, head)}
	if text != "" {
		parts = append(parts, u.centred(body, u.ink2, text))
	}
	return col(12, parts...)
}

// history is lines in groups, each under its heading. Every line is as high as the others, and only those in sight are made.
type history struct {
	groups             []group
	head, row, between float32
	begin              func(name string) fyne.CanvasObject // heading of a group
	paper              func() fyne.CanvasObject            // under the lines of a group
	hair               func() fyne.CanvasObject            // between two lines
	build              func(i int) fyne.CanvasObject

	owner     *fyne.Container
	made      map[int]fyne.CanvasObject
	top, room float32
}

// group is the lines from one up to another.
type group struct {
	name      string
	from, end int
}

func (g group) count() float32 { return float32(g.end - g.from) }

// lines lists the history.
func (u *UI) lines(all []vm.Line, open func(n int)) *fyne.Container {
	h := &history{head: small.line*u.scale + 10, between: gapGroups, made: map[int]fyne.CanvasObject{}}
	h.row = (strong.line+small.line)*u.scale + 28
	if u.tight() {
		h.row += (small.line + strong.line) * u.scale
	}
	for i, l := range all {
		if n := len(h.groups); n == 0 || h.groups[n-1].name != l.Group {
			h.groups = append(h.groups, group{name: l.Group, from: i})
		}
		h.groups[len(h.groups)-1].end = i + 1
	}
	h.begin = func(name string) fyne.CanvasObject { return u.line(smallB, u.ink2, name) }
	h.paper = func() fyne.CanvasObject { return u.raised(radius) }
	h.hair = u.hairline
	h.build = func(i int) fyne.CanvasObject { return u.historyRow(all[i], func() { open(all[i].N) }) }
	h.owner = container.New(h)
	return h.owner
}

func (u *UI) historyRow(l vm.Line, do func()) fyne.CanvasObject {
	party, what, at := u.line(strong, u.ink, l.Party), u.line(small, u.ink2, l.What), u.line(small, u.ink2, l.Time)
	// Names of others are as long as they like: they end with an ellipsis, and the time keeps its place.
	var inner fyne.CanvasObject
	if u.tight() {
		party = u.paragraph(&words{text: l.Party, style: u.scaled(strong), colour: u.ink, most: 2})
		inner = beside(14, 1, u.kindDisc(l.Kind), col(0, party, what, at))
	} else {
		inner = beside(14, 1, u.kindDisc(l.Kind), col(0, beside(12, 0, party, at), what))
	}
	return u.tap(l.Party+", "+l.What+", "+l.Time, radius, pad(14, 16, 14, 16, inner), do)
}

func (h *history) heightFor([]fyne.CanvasObject, float32) float32 {
	y := float32(0)
	for i, g := range h.groups {
		if i > 0 {
			y += h.between
		}
		y += h.head + g.count()*h.row
	}
	return y
}

// MinSize implements [fyne.Layout].
func (h *history) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, h.row) }

// Layout implements [fyne.Layout].
func (h *history) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	room := h.room
	if room == 0 {
		room = 1200
	}
	from, to := h.top-2*h.row, h.top+room+2*h.row
	focused := -9 // the keyboard goes on from there to the lines beside it, also when it is out of sight
	for i, o := range h.made {
		if t, ok := o.(*tap); ok && t.focused {
			focused = i
		} else if y := h.at(i); y < from-8*h.row || y > to+8*h.row {
			delete(h.made, i)
		}
	}
	h.owner.Objects = h.owner.Objects[:0]
	put := func(o fyne.CanvasObject, x, y, w, high float32) {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(w, high))
		h.owner.Objects = append(h.owner.Objects, o)
	}
	y := float32(0)
	for _, g := range h.groups {
		begin := y + h.head
		end := begin + g.count()*h.row
		if end >= from && y <= to || focused >= g.from-1 && focused <= g.end {
			if begin >= from && y <= to {
				put(h.begin(g.name), 0, y, size.Width, h.head-10)
			}
			// Of a long group the paper is as high as what is in sight: its ends are what one sees of it.
			if first, last := max(begin, from), min(end, to); last > first {
				put(h.paper(), 0, first, size.Width, last-first)
			}
			for i := g.from; i < g.end; i++ {
				at := begin + float32(i-g.from)*h.row
				hidden := at+h.row < from || at > to
				if hidden && (i < focused-1 || i > focused+1) {
					continue
				}
				if i > g.from && !hidden {
					put(h.hair(), 16, at, size.Width-16, 1)
				}
				o := h.made[i]
				if o == nil {
					o = h.build(i)
					h.made[i] = o
				}
				put(o, 0, at, size.Width, h.row)
			}
		}
		y = end + h.between
	}
}

// at is where a line begins.
func (h *history) at(i int) float32 {
	y := float32(0)
	for _, g := range h.groups {
		if i < g.end {
			return y + h.head + float32(i-g.from)*h.row
		}
		y += h.head + g.count()*h.row + h.between
	}
	return y
}

// scrolledTo moves the part in sight.
func (h *history) scrolledTo(top, room float32) {
	// More is laid out than what is in sight, so a little scrolling changes nothing.
	if h.room == room && top < h.top+h.row && top > h.top-h.row {
		return
	}
	h.top, h.room = top, room
	h.Layout(nil, h.owner.Size())
	h.owner.Refresh()
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
