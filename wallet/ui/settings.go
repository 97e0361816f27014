package ui

import (
	"bytes"
	"fmt"
	"image/png"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/skip2/go-qrcode"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) settings(s *vm.Settings) fyne.CanvasObject {
	e := u.edge()
	if s.Wiping {
		body := pad(8, e, 24, e, u.measured(u.note("revoked", u.text("settings.wipe.title"), u.text("settings.wipe.text"))))
		return container.New(&top{}, u.heading(s.Title(), ""), u.scrolled("settings", body),
			u.foot(u.pair(u.secondary(u.text("settings.keep"), s.Keep), u.danger(u.text("settings.wipe"), s.Wipe))))
	}
	p := u.app.Prefs()
	change := func(f func(*vm.Prefs)) func() { return func() { u.app.SetPrefs(f) } }
	secretName := u.text("settings.passphrase")
	if u.app.HasPIN() {
		secretName = u.text("settings.pin")
	}
	var parts []fyne.CanvasObject
	if s.Note != "" {
		parts = append(parts, u.note("valid", s.Note, ""))
	}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	lock := p.LockAfter
	if lock == 0 {
		lock = 120
	}
	general := []fyne.CanvasObject{u.write(smallB, u.ink2, u.text("settings.general")),
		u.rows(
			u.row(entry{drawing: "globe", name: u.text("settings.lang"), value: u.text("lang." + u.app.Lang()), opens: true},
				change(func(p *vm.Prefs) { p.Lang = next(message.WalletLanguages, u.app.Lang()) })),
			u.row(entry{drawing: "moon", name: u.text("settings.appearance"), value: u.text("settings.appearance." + p.Appearance), opens: true},
				change(func(p *vm.Prefs) { p.Appearance = next([]string{"", "light", "dark"}, p.Appearance) })),
			u.row(entry{drawing: "textsize", name: u.text("settings.scale"), value: fmt.Sprintf("%.0f%%", p.Scale()*100), opens: true},
				change(func(p *vm.Prefs) { p.TextScale = next(vm.ScaleChoices, p.Scale()) })),
			u.row(entry{drawing: "motion", name: u.text("settings.still"), end: u.toggle(p.Still)}, change(func(p *vm.Prefs) { p.Still = !p.Still })),
		)}
	safe := []fyne.CanvasObject{u.write(smallB, u.ink2, u.text("settings.safe")),
		u.rows(
			u.row(entry{drawing: "clock", name: u.text("settings.lock"), value: u.text("settings.lock." + strconv.Itoa(lock)), opens: true},
				change(func(p *vm.Prefs) { p.LockAfter = next(vm.LockChoices, lock) })),
			u.row(entry{drawing: "key", name: secretName, opens: true}, s.ChangeSecret),
			u.row(entry{drawing: "shield", name: u.text("settings.backup"), opens: true}, s.Backup),
		),
		u.remark(u.text("secret.protection." + string(s.Protection())))}
	rest := []fyne.CanvasObject{}
	if !u.wide {
		rest = append(rest, u.row(entry{drawing: "lock", name: u.text("place.lock")}, u.app.LockNow))
	}
	rest = append(rest, u.row(entry{drawing: "file", name: u.text("settings.licences"), opens: true}, s.Licences))
	if s.Busy {
		rest = append(rest, u.row(entry{drawing: "clock", name: u.text("busy")}, nil))
	} else {
		rest = append(rest, u.row(entry{drawing: "trash", name: u.text("settings.wipe"), colour: u.stop, opens: true}, s.AskWipe))
	}
	parts = append(parts, col(8, general...), col(8, safe...), u.rows(rest...))
	return container.New(&top{}, u.heading(s.Title(), ""), u.scrolled("settings", pad(8, e, 24, e, u.measured(col(20, parts...)))))
}

// next returns the choice after the one that is on.
func next[T comparable](all []T, on T) T {
	for i, v := range all {
		if v == on {
			return all[(i+1)%len(all)]
		}
	}
	return all[0]
}

func (u *UI) backup(s *vm.Backup) fyne.CanvasObject {
	if s.File != nil {
		file := s.File
		s.File = nil
		u.platform.SaveFile(s.Name, file, s.Saved)
	}
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("backup.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if r := s.Recovery; r != nil {
		lines := []fyne.CanvasObject{}
		if len(r.Guardians) > 0 {
			var people []fyne.CanvasObject
			for _, n := range r.Guardians {
				people = append(people, u.person(n))
			}
			lines = append(lines, u.write(lead, u.ink, u.text("backup.enough", "needed", r.Needed, "parts", len(r.Guardians))), container.New(&wrap{8}, people...))
		}
		if r.Passphrase {
			lines = append(lines, beside(12, 1, icon("key", 22, u.accent), u.write(body, u.ink, u.text("backup.passphrase"))))
		}
		when := u.text("backup.never")
		if s.Last != "" {
			when = u.text("backup.last", "date", s.Last)
		}
		lines = append(lines, u.write(small, u.ink2, when))
		parts = append(parts, u.group(padAll(16, col(10, lines...))))
	}
	parts = append(parts,
		col(8, u.write(smallB, u.ink2, u.text("backup.back")), u.rows(
			u.row(entry{drawing: "check", name: u.text("backup.back.1")}, nil),
			u.row(entry{drawing: "check", name: u.text("backup.back.2")}, nil))),
		col(8, u.write(smallB, u.ink2, u.text("backup.stays")), u.rows(u.row(entry{drawing: "close", name: u.text("backup.stays.1")}, nil))),
	)
	if s.Busy {
		return u.page(s, col(20, append(parts, u.centred(body, u.ink2, u.text("busy")))...))
	}
	if s.Recovery == nil {
		return u.page(s, col(20, parts...), u.primary(u.text("backup.choose"), s.Choose))
	}
	if len(s.Recovery.Guardians) > 0 {
		parts = append(parts, u.withIcon(u.text("backup.rehearse"), "people", s.Rehearse))
	}
	parts = append(parts, u.link(u.text("backup.change"), s.Choose))
	return u.page(s, col(20, parts...), u.primary(u.text("backup.make"), s.Make))
}

// person is somebody who keeps a part: an initial, and the name under it.
func (u *UI) person(name string) fyne.CanvasObject {
	first := ""
	for _, r := range name {
		first = string(r)
		break
	}
	disc := sized(48, 48, over(block(u.accentSoft, 24), container.NewCenter(u.line(heading, u.onAccentSoft, first))))
	under := u.paragraph(&words{text: name, style: u.scaled(tab), colour: u.ink, align: fyne.TextAlignCenter, most: 1})
	return sized(64*u.scale, 0, col(4, disc, under))
}

func (u *UI) guardians(s *vm.Guardians) fyne.CanvasObject {
	if s.Shares != nil {
		return u.shares(s)
	}
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("guardians.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	for i, n := range s.Names {
		box, _ := u.field(fieldOptions{name: u.text("guardians.name", "n", i+1), value: n, changed: func(t string) { s.SetName(i, t) }})
		parts = append(parts, box)
	}
	if len(s.Names) < wallet.MaxGuardians {
		parts = append(parts, u.withIcon(u.text("guardians.more"), "plus", s.More))
	}
	if n := s.Parts(); n >= wallet.MinGuardians {
		count := beside(16, 1, u.glyph("–", "minus", func() { s.SetNeeded(s.Needed - 1) }),
			u.centred(strong, u.ink, u.text("backup.enough", "needed", min(s.Needed, n), "parts", n)), u.glyph("+", "add", func() { s.SetNeeded(s.Needed + 1) }))
		parts = append(parts, col(8, u.write(smallB, u.ink2, u.text("guardians.needed")), u.group(padAll(16, count))))
	}
	box, _ := u.field(fieldOptions{name: u.text("guardians.passphrase"), secret: true, changed: s.SetPassphrase})
	parts = append(parts, box)
	make := u.primary(u.text("guardians.make"), s.Make)
	if s.Busy {
		make = make.disabled()
	}
	return u.page(s, col(20, parts...), make)
}

// shares shows the parts one by one, each as a code to scan and as text to copy.
func (u *UI) shares(s *vm.Guardians) fyne.CanvasObject {
	var parts []fyne.CanvasObject
	for i, share := range s.Shares {
		word, kind := u.text("guardians.nothanded"), "unknown"
		if s.Handed[i] {
			word, kind = u.text("guardians.handed"), "valid"
		}
		head := beside(12, 0, u.write(heading, u.ink, u.text("guardians.hand", "name", s.Given[i])), u.pill(kind, word, false))
		inner := []fyne.CanvasObject{head}
		if !s.Handed[i] {
			inner = append(inner, container.NewCenter(sized(240, 240, u.code(share))), u.write(small, u.ink2, share),
				u.withIcon(u.text("event.copy"), "copy", func() { u.platform.Copy(share) }))
		}
		inner = append(inner, u.secondary(word+" "+strconv.Itoa(i+1), func() { s.Hand(i) }))
		parts = append(parts, u.group(padAll(16, col(14, inner...))))
	}
	finish := u.primary(u.text("guardians.finish"), s.Finish)
	if !s.AllHanded() || s.Busy {
		finish = finish.disabled()
	}
	return u.page(s, col(16, parts...), finish)
}

// code draws a text as a QR code, dark on white in both themes: readers expect that.
func (u *UI) code(text string) fyne.CanvasObject {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return air(0)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, q.Image(-4)); err != nil {
		return air(0)
	}
	img := canvas.NewImageFromReader(&out, "part.png")
	img.FillMode = canvas.ImageFillContain
	img.ScaleMode = canvas.ImageScalePixels
	return over(block(light.surface, 12), padAll(8, img))
}

func (u *UI) rehearse(s *vm.Rehearse) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("rehearse.lead"))}
	switch r := s.Result; {
	case s.Problem != nil:
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	case r != nil && r.Complete:
		parts = append(parts, u.note("valid", u.text("rehearse.good"), ""))
	case r != nil:
		parts = append(parts, u.note("new", u.text("rehearse.more", "have", r.Have, "needed", r.Needed), ""))
	}
	return u.page(s, col(20, append(parts, u.part(s.Add)...)...))
}

// part takes a guardian's part: typed, pasted or from a file.
func (u *UI) part(add func(string)) []fyne.CanvasObject {
	take := func(text string) {
		u.forget()
		add(text)
	}
	box, get := u.field(fieldOptions{name: u.text("rehearse.add"), hint: wallet.SharePrefix, lines: 4})
	return []fyne.CanvasObject{
		box, u.secondary(u.text("rehearse.add"), func() { take(get()) }),
		u.withIcon(u.text("add.paste"), "paste", func() { take(u.platform.Paste()) }),
		u.withIcon(u.text("add.file"), "image", func() {
			u.platform.OpenFile(func(data []byte) {
				if text, err := decodeQR(data); err == nil {
					take(text)
				} else if data != nil {
					take(string(data))
				}
			})
		}),
	}
}

func (u *UI) restore(s *vm.Restore) fyne.CanvasObject {
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	if s.Opened() {
		parts = append(parts, u.note("valid", u.text("restore.found", "date", s.Made), u.text("backup.stays.1")))
		for _, c := range s.Cards {
			parts = append(parts, leftmost(cardWidest, u.card(u.face(c), 120, nil)))
		}
		return u.page(s, col(16, parts...), u.primary(u.text("restore.go"), s.GoOn))
	}
	choose := u.withIcon(u.text("restore.file"), "file", func() {
		u.platform.OpenFile(func(data []byte) {
			if data != nil {
				s.Take(data)
			}
		})
	})
	parts = append(parts, choose)
	if s.File == nil {
		return u.page(s, col(16, parts...))
	}
	if s.Busy {
		return u.page(s, col(16, append(parts, u.centred(body, u.ink2, u.text("busy")))...))
	}
	box, get := u.field(fieldOptions{name: u.text("restore.passphrase"), secret: true, submitted: s.Open})
	parts = append(parts, box, u.primary(u.text("restore.open"), func() { s.Open(get()) }), u.write(smallB, u.ink2, u.text("restore.parts")))
	if r := s.Progress; r != nil {
		parts = append(parts, u.note("new", u.text("rehearse.more", "have", r.Have, "needed", r.Needed), ""))
	}
	return u.page(s, col(16, append(parts, u.part(s.AddShare)...)...))
}

func (u *UI) licences(s *vm.Licences) fyne.CanvasObject {
	return u.page(s, u.write(small, u.ink, licenceText()))
}
