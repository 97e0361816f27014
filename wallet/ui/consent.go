package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// consent is the sheet on which a person decides: who, what, what not, why, how long, to whom it goes on.
func (u *UI) consent(s *vm.Share) fyne.CanvasObject {
	w := who{u.text("share.from"), s.Verifier, u.text("share.unknown.head"), s.Address, s.Registered}
	if s.Registered {
		w.status = u.text("offer.registered")
	}
	what := u.what(s)
	var why []fyne.CanvasObject
	for _, line := range []struct{ name, text string }{
		{u.text("share.why"), s.Why}, {u.text("share.keeping"), s.Keep}, {u.text("share.passed"), s.PassedOn},
	} {
		if line.text != "" {
			why = append(why, u.detailRow(line.name, line.text))
		}
	}
	buttons, anyway := u.decide(s)
	pin := u.text("share.pin")
	if !u.app.HasPIN() {
		pin = u.text("share.passphrase")
	}
	after := container.New(&labelled{8}, icon("lock", 18, u.ink2), u.write(small, u.ink2, pin))
	under := []fyne.CanvasObject{buttons}
	if anyway != nil && !u.tight() {
		under = append(under, anyway)
	}
	if u.wide {
		keys := u.line(small, u.ink2, u.text("share.escape"))
		last := beside(16, 0, beside(8, 1, icon("lock", 18, u.ink2), u.write(small, u.ink2, pin)), keys)
		right := u.sheetOf(pad(32, 32, 20, 32, col(16, what...)), s.Seen, pad(0, 32, 28, 32, col(16, append(under, last)...)))
		return container.New(&halves{left: 320}, u.aside(w, why), right)
	}
	parts := append([]fyne.CanvasObject{u.asker(w), air(4)}, what...)
	if len(why) > 0 {
		parts = append(parts, air(4), col(8, why...))
	}
	switch {
	case s.TooFar != nil:
		if anyway != nil && u.tight() {
			parts = append(parts, anyway) // at the end, so that the foot leaves room to read
		}
		return u.sheet(col(12, parts...), s.Seen, under...)
	case u.size.Height < 700 && u.tight():
		return u.sheet(col(12, append(parts, after)...), s.Seen, buttons) // the room is for what is asked
	}
	return u.sheet(col(12, parts...), s.Seen, buttons, after)
}

// what is what would be shared, or what was asked and should not have been.
func (u *UI) what(s *vm.Share) []fyne.CanvasObject {
	var what []fyne.CanvasObject
	head := func(text string) {
		if u.wide && s.TooFar == nil {
			what = append(what, u.write(title, u.ink, text))
			return
		}
		what = append(what, u.write(smallB, u.ink, text))
	}
	if s.TooFar != nil {
		what = append(what, u.note("warn", s.Title(), s.TooFar.Says))
		if less := s.TooFar.Smaller; less != nil {
			head(u.text("share.smaller.head"))
			what = append(what, u.facts(less.Facts, s.TooFar.Instead)...)
			return append(what, u.write(small, u.ink2, u.text("share.smaller.hint")))
		}
		head(u.text("share.extra.what"))
	} else {
		head(s.Summary())
	}
	what = append(what, u.facts(s.Facts, "")...)
	for i, c := range s.Choices {
		what = append(what, u.choices(s, i, c)...)
	}
	if s.TooFar == nil && len(s.NotShared) > 0 {
		what = append(what, u.notShared(s.NotShared))
	}
	if s.Last != "" {
		what = append(what, u.note("warn", u.text("share.last", "card", s.Last), ""))
	}
	return what
}

// decide is the buttons: two of one size, or with a request that goes too far the small answer first. anyway is the quiet
// one that shares what should not have been asked, once all was read.
func (u *UI) decide(s *vm.Share) (buttons, anyway fyne.CanvasObject) {
	more := u.primary(u.text("more"), u.further)
	stop := u.secondary(u.text("stop"), s.Stop)
	if s.TooFar == nil {
		yes := u.deliberate(u.primary(u.text("share.share"), s.Agree))
		if !s.Read {
			yes = more
		}
		return u.pair(stop, yes), nil
	}
	all := []fyne.CanvasObject{stop}
	switch {
	case !s.Read:
		all = []fyne.CanvasObject{more, stop}
		if u.tight() {
			return u.pair(stop, more), nil
		}
	case s.TooFar.Smaller != nil:
		all = []fyne.CanvasObject{u.deliberate(u.primary(s.TooFar.Smaller.Only, s.AgreeSmaller)), stop}
	case s.TooFar.Anyway == "": // what is chosen stays within the purpose
		return u.pair(stop, u.deliberate(u.primary(u.text("share.share"), s.Agree))), nil
	default:
		all = []fyne.CanvasObject{u.primary(u.text("stop"), s.Stop)}
	}
	if s.Read && s.TooFar.Anyway != "" {
		anyway = u.deliberate(u.mild(s.TooFar.Anyway, u.ink2, s.Agree))
	}
	return col(12, all...), anyway
}

// facts shows what would be shared: a block for each card. A single fact is a sentence that one cannot miss.
func (u *UI) facts(all []vm.Fact, instead string) (blocks []fyne.CanvasObject) {
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && all[n].Card == all[i].Card && all[n].Extra == all[i].Extra && all[n].Always == all[i].Always {
			n++
		}
		from := u.text("share.card", "card", all[i].Card)
		switch {
		case all[i].Always:
			from = u.text("share.always", "card", all[i].Card)
		case instead != "":
			from = instead
		}
		blocks = append(blocks, u.fact(all[i:n], from))
		i = n
	}
	return blocks
}

func (u *UI) fact(all []vm.Fact, from string) fyne.CanvasObject {
	drawing, c, soft := "tick", u.accent, u.accentSoft
	if all[0].Extra {
		drawing, c, soft = "cross", u.stop, u.stopSoft
	}
	if len(all) == 1 {
		lines := col(2, u.write(lead, u.ink, all[0].Sentence), u.write(small, u.ink2, from))
		if all[0].Name != "" {
			lines = col(2, u.write(small, u.ink2, all[0].Name), u.write(lead, u.ink, all[0].Value), u.write(small, u.ink2, from))
		}
		return over(block(soft, radius), padAll(16, beside(14, 1, icon(drawing, 32, c), lines)))
	}
	var rows []fyne.CanvasObject
	for _, f := range all {
		lines := []fyne.CanvasObject{u.write(strong, u.ink, f.Sentence)}
		if f.Name != "" {
			lines = []fyne.CanvasObject{u.write(small, u.ink2, f.Name), u.write(strong, u.ink, f.Value)}
		}
		rows = append(rows, atTop(14, 1, icon(drawing, 24, c), col(0, lines...)))
	}
	return over(block(soft, radius), padAll(16, col(12, append(rows, u.write(small, u.ink2, from))...)))
}

// fewNames is how many of the facts that stay are named. Who sees four understands that it is all.
const fewNames = 4

func (u *UI) notShared(names []string) fyne.CanvasObject {
	rest := 0
	if len(names) > fewNames+1 {
		rest = len(names) - fewNames
		names = names[:fewNames]
	}
	lines := []fyne.CanvasObject{u.write(smallB, u.ink, u.text("share.not"))}
	line := func(text string) {
		lines = append(lines, atTop(12, 1, icon("eyeoff", 22, u.ink2), u.write(body, u.ink2, text)))
	}
	for _, n := range names {
		line(n)
	}
	if rest > 0 {
		line(u.app.Count(rest, "wallet.share.not.rest"))
	}
	return over(outline(color0, u.hair, 1.5, radius), padAll(16, col(8, lines...)))
}

func (u *UI) detailRow(name, value string) fyne.CanvasObject {
	if u.wide || u.tight() {
		return col(2, u.write(smallB, u.ink2, name), u.write(body, u.ink, value))
	}
	return container.New(&row{wide: 1, gap: 16, top: true}, sized(88*u.scale, 0, u.write(smallB, u.ink2, name)), u.write(body, u.ink, value))
}

// choices are what a person can decide about one part of the answer.
func (u *UI) choices(s *vm.Share, i int, c vm.Choice) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	if c.Optional {
		out = append(out, u.rows(u.row(entry{name: u.text("share.optional"), detail: c.Words, end: u.toggle(c.On)}, func() { s.Turn(i) })))
	}
	if c.Optional && !c.On {
		return out
	}
	if len(c.Ways) > 1 {
		var rows []fyne.CanvasObject
		for w, name := range c.Ways {
			rows = append(rows, u.row(entry{name: name, end: u.radio(w == c.Way)}, func() { s.Choose(i, w) }))
		}
		out = append(out, u.write(smallB, u.ink, u.text("share.way")), u.rows(rows...))
	}
	for p, pick := range c.Picks {
		var rows []fyne.CanvasObject
		for n, card := range pick.Cards {
			rows = append(rows, u.row(entry{drawing: "card", name: card.Name, detail: card.Issuer, end: u.radio(n == pick.Card)}, func() { s.Take(i, p, n) }))
		}
		head := []fyne.CanvasObject{u.write(smallB, u.ink, u.text("share.which"))}
		if pick.Words != "" {
			head = append(head, u.write(small, u.ink2, pick.Words))
		}
		out = append(out, col(0, head...), u.rows(rows...))
	}
	return out
}

// radio is one of several; the chosen one is filled and has a tick.
func (u *UI) radio(on bool) fyne.CanvasObject {
	if on {
		return icon("tick", 24, u.accent)
	}
	return sized(24, 24, padAll(2, outline(u.surface, u.lineStrong, 2, 10)))
}
