package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// detail is one card from close by. A card that does not work says first what happened and what can be done.
func (u *UI) detail(s *vm.Card) fyne.CanvasObject {
	if s.ID == "" {
		return u.page(s, u.note("unknown", s.Problem.Head, s.Problem.Text))
	}
	if len(s.Changes) > 0 {
		return u.changed(s)
	}
	return u.cardPage(s)
}

// deleting asks whether to delete a card, over the card.
func (u *UI) deleting(s *vm.Card) fyne.CanvasObject {
	u.under = true
	under := u.cardPage(s)
	if u.wide {
		under = u.framed(under)
	}
	u.under = false
	return u.sheetOver(under, u.deletion(s))
}

func (u *UI) cardPage(s *vm.Card) fyne.CanvasObject {
	front := u.front(s.Item)
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if s.Renewed {
		parts = append(parts, u.note("valid", u.text("card.renewed"), u.text("card.renewed.text", "n", s.Copies)))
	}
	if s.Kind == "used" {
		why := u.text("card.used.text")
		if !s.Renewable {
			why = u.text("card.used.ask", "issuer", s.Issuer)
		}
		parts = append(parts, u.note(s.Kind, u.text("card.used.head"), why))
	}
	if broken(s.Kind) {
		under := u.checked(s)
		if s.Dead {
			under = air(16) // what is dead stays so
		}
		return u.page(s, col(0, front, under, col(16, append(parts, u.broken(s)...)...)), u.dangerIcon(u.text("card.delete.this"), "trash", s.AskDelete))
	}
	remove, renew := u.dangerIcon(u.text("card.delete"), "trash", s.AskDelete), u.withIcon(u.text("card.renew"), "refresh", s.Renew)
	if u.tight() { // no room for a drawing beside the word
		remove, renew = u.danger(u.text("card.delete"), s.AskDelete), u.secondary(u.text("card.renew"), s.Renew)
	}
	if s.Busy {
		renew.disabled()
	}
	var foot fyne.CanvasObject = remove
	if s.Renewable {
		foot = u.pair(renew, remove)
	}
	values, about := u.values(s.Values, s), u.about(s)
	if u.wide && u.size.Width > 900 {
		left := col(0, front, u.checked(s), col(16, append(parts, about, foot)...))
		return u.pageOf(s, container.New(&row{wide: -1, gap: 24}, left, values))
	}
	if len(parts) > 0 {
		parts = []fyne.CanvasObject{col(16, parts...), air(8)}
	}
	return u.page(s, col(0, append(append([]fyne.CanvasObject{front, u.checked(s)}, parts...), values, air(16), about)...), foot)
}

// broken: these kinds of card cannot be used.
func broken(kind string) bool {
	switch kind {
	case "revoked", "expired", "suspended", "reissue":
		return true
	}
	return false
}

// checked says when the status was looked up; a tap does so again.
func (u *UI) checked(s *vm.Card) fyne.CanvasObject {
	text := s.Checked
	switch {
	case s.Busy:
		text = u.text("card.checking")
	case text == "":
		text = u.text("card.never")
	}
	line := beside(8, 1, icon("refresh", 18, u.ink2), u.write(small, u.ink2, text))
	if s.Kind == "reissue" || s.Busy {
		return pad(12, 0, 12, 2, line)
	}
	return leftmost(cardWidest, u.tap(u.text("card.update"), 12, over(sizedHeight(target*u.scale, air(0)), pad(4, 0, 4, 2, line)), s.Update))
}

// broken says what happened to a card, why, and what can be done.
func (u *UI) broken(s *vm.Card) []fyne.CanvasObject {
	head, text := u.text("card.dead.head"), ""
	switch s.Kind {
	case "revoked":
		text = u.text("card.dead.revoked", "issuer", s.Issuer, "day", s.Seen)
	case "expired":
		text = u.text("card.dead.expired", "day", s.Until)
	case "suspended":
		head, text = u.text("card.suspended.head"), u.text("card.suspended.text", "issuer", s.Issuer)
	case "reissue":
		head, text = u.text("card.reissue.head"), u.text("card.reissue.text")
	}
	parts := []fyne.CanvasObject{u.note(s.Kind, head, text)}
	decided := s.Kind == "revoked" || s.Kind == "suspended" // by the issuer
	if decided {
		parts = append(parts, pad(8, 0, 0, 0, col(4, u.section(u.text("card.why")), u.write(body, u.ink, u.text("card.why.text", "issuer", s.Issuer)))))
	}
	row := func(drawing, name, detail string, do func()) fyne.CanvasObject {
		return u.row(entry{drawing: drawing, name: name, detail: detail, bold: true, tint: u.accent, opens: true}, do)
	}
	var rows []fyne.CanvasObject
	switch {
	case s.Busy:
		rows = append(rows, u.row(entry{drawing: "download", name: u.text("busy"), tint: u.ink2}, nil))
	case s.Renewable && s.Kind != "suspended":
		rows = append(rows, row("download", u.text("card.do.renew"), u.text("card.do.renew.at", "issuer", s.Issuer), s.Renew))
	case s.Kind != "suspended":
		rows = append(rows, row("scan", u.text("card.do.scan"), u.text("card.do.scan.at"), s.Collect))
	}
	if decided {
		rows = append(rows, row("mail", u.text("card.disagree"), u.text("card.disagree.at"), s.Ask))
	}
	rows = append(rows, row("eye", u.text("card.do.view"), "", s.View))
	return append(parts, pad(8, 0, 0, 0, col(12, u.section(u.text("card.do")), u.rows(rows...))))
}

// cardValues is what stands on a card that does not work, and who was told.
func (u *UI) cardValues(s *vm.CardValues) fyne.CanvasObject {
	return u.page(s, col(16, u.values(s.Values, s.Card), u.about(s.Card)))
}

// deletion says what is lost with a card.
func (u *UI) deletion(s *vm.Card) fyne.CanvasObject {
	lines := []string{u.text("card.delete.lost")}
	if s.Copies > 0 && !s.Reusable && !s.Dead {
		lines = append(lines, u.app.Count(s.Copies, "wallet.card.delete.copies"))
	}
	point := func(drawing string, c color.Color, text string) fyne.CanvasObject {
		return atTop(12, 1, sized(24, 24*u.scale, icon(drawing, 20, c)), u.write(body, u.ink, text))
	}
	var all []fyne.CanvasObject
	for _, line := range lines {
		all = append(all, point("cross", u.stop, line))
	}
	all = append(all, point("info", u.ink2, u.text("card.delete.again", "issuer", s.Issuer)), point("tick", u.ok, u.text("card.delete.stays")))
	parts := []fyne.CanvasObject{u.write(title, u.ink, u.text("card.delete.title", "card", s.Name)), col(12, all...)}
	return u.sheet(col(16, parts...), nil, u.pair(u.secondary(u.text("card.delete.keep"), s.Keep), u.deliberate(u.danger(u.text("card.delete"), s.Delete))))
}

// changed shows what new copies say otherwise, and asks whether that is right.
func (u *UI) changed(s *vm.Card) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, c := range s.Changes {
		rows = append(rows, pad(10, 16, 10, 16, col(0, u.write(small, u.ink2, c.Label), u.write(strong, u.ink, c.New),
			u.write(small, u.ink2, u.text("card.renew.was", "value", c.Old)))))
	}
	parts := []fyne.CanvasObject{
		col(4, u.write(title, u.ink, u.text("offer.preview.title")), u.write(body, u.ink2, u.text("card.renew.changed", "issuer", s.Issuer))),
		u.rows(rows...),
	}
	if !u.tight() { // else the room is for what changed
		parts = append([]fyne.CanvasObject{u.front(s.Item)}, parts...)
	}
	return u.journey(u.text("card.renew"), s.KeepOld, col(20, parts...), nil,
		u.pair(u.secondary(u.text("offer.no"), s.KeepOld), u.secondary(u.text("card.renew.yes"), s.TakeNew)))
}

func (u *UI) redLink(name string, do func()) *tap {
	return u.button(name, "", color0, nil, u.stop, do)
}

// dangerIcon is danger with a drawing before the word.
func (l *look) dangerIcon(name, drawing string, do func()) *tap {
	return l.button(name, drawing, l.surface, l.lineStrong, l.stop, do)
}

// values lists facts; of a card they can be hidden one by one, without one all are in sight.
func (u *UI) values(all []vm.Value, of *vm.Card) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, v := range all {
		path := v.Path
		label := u.write(small, u.ink2, v.Label)
		if of == nil {
			rows = append(rows, pad(10, 16, 10, 16, col(0, label, u.write(strong, u.ink, v.Text))))
			continue
		}
		value, drawing := fyne.CanvasObject(u.write(strong, u.ink, v.Text)), "eyeoff"
		if !v.Shown {
			value, drawing = u.hidden(), "eye"
		}
		rows = append(rows, u.tap(v.Label, radius, pad(8, 16, 8, 16, beside(12, 0, col(0, label, value), icon(drawing, 22, u.ink2))), func() { of.Show(path) }))
	}
	if of == nil {
		return col(8, u.write(smallB, u.ink2, u.text("card.values")), u.rows(rows...))
	}
	word := u.text("card.show")
	if of.AllShown() {
		word = u.text("card.hide")
	}
	return col(0, u.section(u.text("card.values"), u.textLink(word, of.ShowAll)), u.rows(rows...))
}

// textLink is a link as wide as its words, at the end of a line.
func (u *UI) textLink(name string, do func()) fyne.CanvasObject {
	words := u.line(smallB, u.accent, name)
	return u.tap(name, 12, sized(words.MinSize().Width, target*u.scale, beside(0, -2, words)), do)
}

// hidden stands for a value that nobody should see: always as many dots.
func (u *UI) hidden() fyne.CanvasObject {
	var dots []fyne.CanvasObject
	side := 8 * u.scale
	for range 8 {
		dots = append(dots, sized(side, side, block(u.lineStrong, side/2)))
	}
	return sizedHeight(u.scaled(strong).line, beside(4*u.scale, -2, dots...))
}

// about is who handed a card out, how often it can still be used, and how often it was.
func (u *UI) about(s *vm.Card) fyne.CanvasObject {
	issuer := entry{drawing: "seal", tint: u.accent, name: s.Issuer, detail: u.text("card.proven"), bold: true, opens: true}
	if !s.Registered {
		issuer.drawing, issuer.tint, issuer.detail = "question", u.warn, u.text("card.unproven")
	}
	rows := []fyne.CanvasObject{u.row(issuer, s.Proof)}
	if !broken(s.Kind) {
		rows = append(rows, u.copies(s))
	}
	shares := u.text("card.shares.none")
	if s.Shares > 0 {
		shares = u.app.Count(s.Shares, "wallet.card.shares")
	}
	return u.rows(append(rows, u.row(entry{drawing: "history", tint: u.accent, name: u.text("place.activity"), value: shares, bold: true, opens: true}, s.Activity))...)
}

// copies says how often the card can still be used, in words and in cells.
func (u *UI) copies(s *vm.Card) fyne.CanvasObject {
	if s.Reusable {
		return pad(12, 16, 12, 16, col(2, u.write(strong, u.ink, u.text("card.reusable")), u.write(small, u.ink2, u.text("card.reusable.text"))))
	}
	words := u.text("card.copies.none")
	if s.Copies > 0 {
		words = u.app.Count(s.Copies, "wallet.card.copies", "of", s.Of)
	}
	why := u.text("card.copies.ask", "issuer", s.Issuer)
	switch {
	case s.Auto:
		why = u.text("card.copies.auto")
	case s.Renewable:
		why = u.text("card.copies.renew")
	}
	head := beside(12, 0, u.write(strong, u.ink, words), u.meter(s.Copies, s.Of))
	if u.tight() {
		head = col(8, u.write(strong, u.ink, words), u.meter(s.Copies, s.Of))
	}
	return pad(10, 16, 10, 16, col(4, head, u.write(small, u.ink2, why)))
}

// proof is what the register says about the issuer of a card.
func (u *UI) proof(s *vm.Proof) fyne.CanvasObject {
	var parts []fyne.CanvasObject
	switch {
	case s.Problem != nil:
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	case s.Registered:
		parts = append(parts, u.proven(u.text("card.proven")), u.write(body, u.ink, u.text("proof.lead")))
	default:
		parts = append(parts, u.unproven(u.text("card.unproven")), u.write(body, u.ink, u.text("proof.foreign")))
	}
	list := func(facts []vm.Value) fyne.CanvasObject {
		var rows []fyne.CanvasObject
		for _, f := range facts {
			rows = append(rows, pad(10, 16, 10, 16, col(0, u.write(small, u.ink2, f.Label), u.write(body, u.ink, f.Text))))
		}
		return u.rows(rows...)
	}
	if len(s.Facts) > 0 {
		parts = append(parts, pad(8, 0, 0, 0, col(12, u.section(u.text("proof.may", "card", s.Card)), list(s.Facts))))
	}
	if len(s.Experts) > 0 {
		parts = append(parts, pad(8, 0, 0, 0, col(8, u.write(smallB, u.ink2, u.text("proof.experts")), list(s.Experts))))
	}
	return u.page(s, col(16, parts...))
}

// question is a text that the person sends to the issuer.
func (u *UI) question(s *vm.Question) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("ask.lead", "issuer", s.Issuer)), u.group(padAll(16, u.write(body, u.ink, s.Text)))}
	if s.Copied {
		parts = append(parts, u.note("valid", u.text("ask.copied"), u.text("ask.copied.text")))
	}
	return u.page(s, col(16, parts...), u.withIcon(u.text("ask.copy"), "copy", func() {
		u.platform.Copy(s.Text)
		s.WasCopied()
	}))
}

func (u *UI) proven(text string) fyne.CanvasObject {
	return beside(8, 1, icon("seal", 20, u.accent), u.write(smallB, u.accent, text))
}

func (u *UI) unproven(text string) fyne.CanvasObject {
	return beside(8, 1, icon("question", 20, u.warn), u.write(smallB, u.warn, text))
}

// initials stand for an organisation whose picture nobody has checked.
func (u *UI) initials(name string) fyne.CanvasObject { return u.initialsOn(u.accentSoft, name) }

func (u *UI) initialsOn(paper color.Color, name string) fyne.CanvasObject {
	short := ""
	word := true
	for _, r := range name {
		if word && r != ' ' && len(short) < 2 {
			short += strings.ToUpper(string(r))
		}
		word = r == ' '
	}
	return sized(56, 56, over(block(paper, radius), container.NewCenter(u.line(heading, u.onAccentSoft, short))))
}
