package ui

import (
	"strings"

	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) rehearse(s *vm.Rehearse) fyne.CanvasObject {
	if s.Done() {
		why := u.text("rehearse.good.parts")
		if s.Right {
			why = u.text("rehearse.good.phrase")
		}
		return u.page(s, col(12, air(16), u.rosette("sealtick", u.markSide()), air(8), u.centred(title, u.ink, u.text("rehearse.good")), u.centred(body, u.ink2, why)),
			u.primary(u.text("done"), s.Leave))
	}
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	if s.Busy {
		return u.page(s, col(20, append(parts, u.centred(body, u.ink2, u.text("busy")))...))
	}
	if s.People > 0 {
		parts = append(parts, u.write(body, u.ink2, u.text("rehearse.lead")))
		if s.Result != nil {
			parts = append(parts, u.collected(s.Result))
		}
		parts = append(parts, u.part(true, s.Add)...)
	}
	if s.Passphrase {
		head, what := u.text("rehearse.phrase"), fyne.CanvasObject(air(0))
		if s.People == 0 {
			head, what = u.text("rehearse.phrase.only"), u.write(body, u.ink2, u.text("rehearse.phrase.lead"))
		}
		try := func(text string) {
			u.forget()
			s.Try(text)
		}
		box, get := u.field(fieldOptions{name: u.text("secret.name.passphrase"), secret: true, shows: true, submitted: try})
		button := u.secondary(u.text("rehearse.try"), func() { try(get()) })
		if s.People == 0 {
			button = u.primary(u.text("rehearse.try"), func() { try(get()) })
		}
		parts = append(parts, col(12, u.section(head), what, box, button))
	}
	return u.page(s, col(20, parts...))
}

// collected shows how many parts are there, and whose.
func (u *UI) collected(r *wallet.Rehearsal) fyne.CanvasObject {
	lines := []fyne.CanvasObject{u.write(lead, u.ink, u.text("rehearse.have", "have", r.Have, "needed", r.Needed)), u.progress(r.Have, r.Needed)}
	if len(r.Who) > 0 {
		lines = append(lines, u.write(small, u.ink2, u.text("rehearse.from", "names", strings.Join(r.Who, ", "))))
	}
	if left := r.Needed - r.Have; left > 0 {
		lines = append(lines, u.write(small, u.ink, u.app.Count(left, "wallet.rehearse.more")))
	}
	return u.group(padAll(16, col(10, lines...)))
}

// typedPart is the name under which it is kept that somebody wants to type a part.
const typedPart = "part:typed"

// progress is a bar in so many parts, of which the first ones are done.
func (u *UI) progress(done, of int) fyne.CanvasObject {
	var cells []fyne.CanvasObject
	for i := range of {
		c := u.hair
		if i < done {
			c = u.accent
		}
		cells = append(cells, block(c, 4))
	}
	return sized(0, 8, beside(4, -1, cells...))
}

// part takes a guardian's part: scanned, from a file, pasted or typed. main says that this is what the page is for.
func (u *UI) part(main bool, add func(string)) []fyne.CanvasObject {
	take := func(text string) {
		if strings.TrimSpace(text) == "" {
			return // nothing was chosen
		}
		typing := u.kept[typedPart]
		u.forget()
		u.kept[typedPart] = typing // the next one is typed too
		add(text)
	}
	file := u.withIcon(u.text("rehearse.file"), "file", func() {
		u.platform.OpenFile(func(data []byte) {
			take(partIn(data))
		})
	})
	scan := u.withIcon(u.text("rehearse.scan"), "scan", func() { u.platform.Scan(take) })
	if main {
		scan = u.button(u.text("rehearse.scan"), "scan", u.accent, nil, u.onAccent, func() { u.platform.Scan(take) })
	}
	ways := []fyne.CanvasObject{scan, u.two(file, u.withIcon(u.text("rehearse.paste"), "paste", func() { take(u.platform.Paste()) }))}
	if u.kept[typedPart] == "" {
		return append(ways, u.link(u.text("rehearse.type"), func() { u.kept[typedPart] = "yes"; u.Render() }))
	}
	box, get := u.field(fieldOptions{name: u.text("rehearse.type"), hint: wallet.SharePrefix, lines: 4})
	return append(ways, box, u.secondary(u.text("rehearse.add"), func() { take(get()) }))
}

// droppedBackup takes a file that was dropped where a backup or a part of its key is asked for.
func (u *UI) droppedBackup(data []byte) bool {
	switch s := u.app.Screen().(type) {
	case *vm.Backup:
		if s.Last != "" && !s.Busy {
			s.Check(data)
		}
	case *vm.Rehearse:
		s.Add(partIn(data))
	case *vm.Restore:
		switch {
		case s.Busy || s.Opened():
		case s.File == nil:
			s.Take(data)
		default:
			s.AddShare(partIn(data))
		}
	default:
		return false
	}
	return true
}

// partIn is a guardian's part in a file: a picture of its code, or text.
func partIn(data []byte) string {
	if text, err := decodeQR(data); err == nil {
		return text
	}
	return string(data)
}

func (u *UI) restore(s *vm.Restore) fyne.CanvasObject {
	at, of := s.Steps()
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	switch {
	case s.Choosing:
		return u.which(s)
	case s.Opened():
		return u.stepped(s, at, of, col(20, append(parts, u.found(s)...)...), u.primary(u.text("restore.go"), s.GoOn))
	case s.Busy:
		return u.stepped(s, at, of, col(20, append(parts, u.centred(body, u.ink2, u.text("busy")))...))
	}
	choose := func() {
		u.platform.OpenFile(func(data []byte) {
			if data != nil {
				s.Take(data)
			}
		})
	}
	if s.File == nil {
		need := func(drawing, key string) fyne.CanvasObject {
			return u.row(entry{drawing: drawing, tint: u.accent, name: u.text("restore.need." + key), detail: u.text("restore.need." + key + ".text"), bold: true}, nil)
		}
		parts = append(parts, u.write(body, u.ink2, u.text("restore.lead")),
			col(8, u.section(u.text("restore.need")), u.rows(need("file", "file"), need("key", "key"))))
		return u.stepped(s, at, of, col(20, parts...), u.primary(u.text("restore.file"), choose))
	}
	parts = append(parts, u.rows(u.row(entry{drawing: "tick", name: u.text("restore.chosen"), bold: true, tint: u.ok, value: u.text("restore.other"), opens: true}, choose)))
	if s.Passphrase {
		open := func(text string) {
			u.forget()
			s.Open(text)
		}
		box, get := u.field(fieldOptions{name: u.text("restore.passphrase"), secret: true, shows: true, submitted: open})
		parts = append(parts, box, u.primary(u.text("restore.open"), func() { open(get()) }))
	}
	helped := []fyne.CanvasObject{u.section(u.text("restore.parts")), u.write(body, u.ink2, u.text("restore.parts.lead"))}
	if r := s.Progress; r != nil {
		helped = append(helped, u.collected(r))
	}
	parts = append(parts, col(12, append(helped, u.part(!s.Passphrase, s.AddShare)...)...))
	return u.stepped(s, at, of, col(20, parts...))
}

// found shows what is in an opened backup, before anything is restored.
func (u *UI) found(s *vm.Restore) []fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("restore.found.lead"))}
	var cards, dead []fyne.CanvasObject
	for _, c := range s.Cards {
		row := u.row(entry{drawing: "card", tint: u.accent, name: c.Name, detail: c.Issuer, bold: true}, nil)
		if c.Kind == wallet.ReissueStatus {
			cards = append(cards, row)
			continue
		}
		dead = append(dead, u.row(entry{drawing: statusOf(c.Kind).drawing, tint: u.ink2, name: c.Name, detail: c.Line, bold: true}, nil))
	}
	if len(cards) > 0 {
		parts = append(parts, col(8, u.section(u.app.Count(len(cards), "wallet.restore.cards")), u.rows(cards...)))
	}
	if len(dead) > 0 {
		parts = append(parts, col(8, u.section(u.text("restore.dead")), u.rows(dead...)))
	}
	return append(parts, u.rows(
		u.row(entry{drawing: "history", tint: u.accent, name: u.app.Count(s.History, "wallet.restore.history")}, nil),
		u.row(entry{drawing: "people", tint: u.accent, name: u.text("restore.settings")}, nil)))
}

// which asks whether the wallet that is there may be put aside.
func (u *UI) which(s *vm.Restore) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("restore.choose.lead"))}
	if s.Newer {
		parts = append(parts, u.note("warn", u.text("restore.choose.newer"), u.text("restore.choose.older")))
	}
	here := entry{drawing: "phone", tint: u.accent, name: u.text("restore.choose.here"), bold: true}
	if s.Used != "" {
		here.detail = u.text("restore.choose.used", "time", s.Used)
	}
	parts = append(parts, u.rows(u.row(here, nil),
		u.row(entry{drawing: "download", tint: u.accent, name: u.text("restore.choose.backup"), detail: u.text("restore.choose.made", "date", s.Made), bold: true}, nil)),
		u.remark(u.text("restore.choose.kept")))
	replace := u.secondary(u.text("restore.choose.replace"), s.GoOn)
	replace.noReturn = true
	return u.page(s, col(20, parts...), u.two(u.secondary(u.text("restore.choose.keep"), s.Keep), replace))
}
