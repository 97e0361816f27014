package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) settings(s *vm.Settings) fyne.CanvasObject {
	e := u.edge()
	var parts []fyne.CanvasObject
	if s.Note != "" {
		parts = append(parts, u.note("valid", s.Note, ""))
	}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	pick := func(drawing string, p vm.PickOf) fyne.CanvasObject {
		return u.row(entry{drawing: drawing, tint: u.accent, name: u.text("settings." + string(p)), value: s.Value(p), opens: true}, func() { s.Pick(p) })
	}
	secret := u.text("settings.passphrase")
	if u.app.HasPIN() {
		secret = u.text("settings.pin")
	}
	general := u.rows(
		pick("globe", vm.PickLang),
		pick("moon", vm.PickAppearance),
		pick("textsize", vm.PickScale),
		u.row(entry{drawing: "motion", tint: u.accent, name: u.text("settings.still"), end: u.toggle(u.app.Prefs().Still)}, func() {
			u.app.SetPrefs(func(p *vm.Prefs) { p.Still = !p.Still })
		}),
		u.row(entry{drawing: "refresh", tint: u.accent, name: u.text("settings.renew"), detail: u.text("settings.renew.what"),
			end: u.toggle(!u.app.Prefs().ByHand)}, func() {
			u.app.SetPrefs(func(p *vm.Prefs) { p.ByHand = !p.ByHand })
		}),
	)
	safe := u.rows(
		u.row(entry{drawing: "key", tint: u.accent, name: secret, opens: true}, s.ChangeSecret),
		pick("clock", vm.PickLock),
		u.row(entry{drawing: "people", tint: u.accent, name: u.text("settings.recovery"), value: s.Recovery(), opens: true}, s.Backup),
		u.row(entry{drawing: "lock", tint: u.accent, name: u.text("settings.storage"), value: u.text("settings.storage." + string(s.Protection())), opens: true}, s.Storage),
	)
	rest := []fyne.CanvasObject{u.row(entry{drawing: "info", tint: u.accent, name: u.text("settings.about"), value: s.Version(), opens: true}, s.About)}
	rest = append(rest, u.row(entry{drawing: "trash", name: u.text("settings.wipe"), colour: u.stop, opens: true}, s.Wipe))
	parts = append(parts, u.columns(20,
		[]fyne.CanvasObject{col(8, u.write(smallB, u.ink2, u.text("settings.general")), general)},
		[]fyne.CanvasObject{col(8, u.write(smallB, u.ink2, u.text("settings.safe")), safe), u.rows(rest...)}))
	var lock []fyne.CanvasObject
	switch {
	case u.wide: // the rail has it
	case u.tight():
		lock = append(lock, u.glyph(u.text("place.lock"), "lock", u.app.LockNow))
	default:
		lock = append(lock, pad(0, 10, 0, 0, u.lockButton()))
	}
	return container.New(&top{}, u.heading(s.Title(), "", lock...), u.scrolled("settings", pad(0, e, 8, e, leftmost(columnsWidest, col(20, parts...)))))
}

// columnsWidest is how wide two columns get.
const columnsWidest = 900

// columns puts two groups of things beside each other in a wide window, and under each other elsewhere.
func (u *UI) columns(gap float32, left, right []fyne.CanvasObject) fyne.CanvasObject {
	if u.wide && u.size.Width-railWidth-2*edgeDesktop >= 680 {
		return container.New(&row{gap: 24, wide: -1, top: true}, col(gap, left...), col(gap, right...))
	}
	return col(gap, append(left, right...)...)
}

// lockButton locks the wallet at once.
func (u *UI) lockButton() *tap {
	name, corner := u.text("place.lock"), 22*u.scale
	inner := pad(0, 14, 0, 12, beside(6, -2, icon("lock", 20, u.ink), u.line(smallB, u.ink, name)))
	return u.tap(name, corner, over(outline(u.surface, u.lineStrong, 1.5, corner), sizedHeight(target*u.scale, inner)), u.app.LockNow)
}

// pick is the page of one choice: a list of which one has a tick.
func (u *UI) pick(s *vm.Pick) fyne.CanvasObject {
	var parts []fyne.CanvasObject
	switch s.What {
	case vm.PickLock:
		parts = append(parts, u.write(body, u.ink2, u.text("settings.lock.lead")))
	case vm.PickScale:
		parts = append(parts, u.example())
	}
	var rows []fyne.CanvasObject
	for i, o := range s.Options() {
		end := fyne.CanvasObject(sized(24, 24, air(0)))
		if o.On {
			end = icon("check", 24, u.accent)
		}
		rows = append(rows, u.row(entry{name: o.Name, bold: o.On, end: end}, func() { s.Choose(i) }))
	}
	parts = append(parts, u.rows(rows...))
	if s.What == vm.PickScale {
		return u.page(s, col(20, parts...), u.primary(u.text("done"), s.Done))
	}
	return u.page(s, col(20, parts...))
}

// example shows how text reads at the size that is chosen now.
func (u *UI) example() fyne.CanvasObject {
	return u.group(padAll(16, col(4, u.write(strong, u.ink, u.text("settings.scale.example")), u.rich(body, u.ink, u.text("welcome.3")),
		u.write(small, u.ink2, u.text("welcome.title")))))
}

// storage says what protects the store, as far as it is true on this machine.
func (u *UI) storage(s *vm.Storage) fyne.CanvasObject {
	fact := func(drawing, key string) fyne.CanvasObject {
		return u.row(entry{drawing: drawing, tint: u.accent, name: u.text("storage." + key), detail: u.text("storage." + key + ".text"), bold: true}, nil)
	}
	rows := []fyne.CanvasObject{fact("lock", "sealed")}
	if s.HasPIN() {
		rows = append(rows, fact("key", "pin"))
	} else {
		rows = append(rows, fact("key", "phrase"))
	}
	switch s.Protection() {
	case vm.ByKeychain:
		rows = append(rows, fact("shield", "keychain"))
	case vm.ByPassphrase:
		rows = append(rows, fact("info", "none"))
	}
	rows = append(rows, fact("phone", "here"))
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if s.Note != "" {
		parts = append(parts, u.note("valid", s.Note, ""))
	}
	parts = append(parts, u.rows(rows...))
	if s.Asking {
		wipe := u.danger(u.text("storage.kept.go"), s.WipeKept)
		wipe.noReturn = true // it cannot be taken back
		return u.page(s, col(20, u.rich(body, u.ink2, u.text("wipe.lead")), u.note("warn", u.text("storage.kept.lost"), u.text("storage.kept.stays"))), u.two(u.secondary(u.text("wipe.keep"), s.Keep), wipe))
	}
	if s.Kept != "" {
		parts = append(parts, u.rows(u.row(entry{drawing: "file", tint: u.accent, name: u.text("storage.kept"), detail: u.text("storage.kept.since", "date", s.Kept), bold: true}, nil),
			u.row(entry{drawing: "trash", name: u.text("storage.kept.wipe"), colour: u.stop, opens: true}, s.AskWipeKept)))
	}
	if s.Protection() == vm.ByNothing {
		parts = append([]fyne.CanvasObject{u.note("warn", u.text("storage.dev"), u.text("storage.dev.text"))}, parts...)
	}
	return u.page(s, col(20, parts...))
}

func (u *UI) aboutProgram(s *vm.About) fyne.CanvasObject {
	mark := beside(16, 1, icon("sealplain", 56, u.accent), col(0, u.write(lead, u.ink, u.text("name")), u.write(small, u.ink2, s.Version())))
	return u.page(s, col(20, mark, u.write(body, u.ink2, u.text("about.lead")), u.rows(
		u.row(entry{drawing: "file", tint: u.accent, name: u.text("about.licence"), value: licences[0].kind, opens: true}, func() { s.Licence(licences[0].name) }),
		u.row(entry{drawing: "people", tint: u.accent, name: u.text("licences.row"), value: u.app.Count(len(licences)-1, "wallet.licences.count"), opens: true}, s.Licences),
	)))
}

// licences is the list of whose work this is, or the text of one.
func (u *UI) licences(s *vm.Licences) fyne.CanvasObject {
	if s.Shown != "" {
		for _, l := range licences {
			if l.name == s.Shown {
				return u.page(s, u.write(small, u.ink, l.text()))
			}
		}
		return u.page(s, u.write(body, u.ink2, u.text("licences.none")))
	}
	var rows []fyne.CanvasObject
	for _, l := range licences[1:] {
		name, version, _ := strings.Cut(l.name, " ")
		if !strings.Contains(name, "/") {
			name, version = l.name, ""
		}
		rows = append(rows, u.row(entry{name: name, detail: strings.TrimSpace(l.kind + "  " + version), opens: true}, func() { s.Show(l.name) }))
	}
	return u.page(s, col(20, u.write(body, u.ink2, u.text("licences.lead")), u.rows(rows...)))
}

// wipe asks whether to wipe everything, and says what goes.
func (u *UI) wipe(s *vm.Wipe) fyne.CanvasObject {
	cards := u.text("wipe.cards.all")
	if s.Cards >= 0 {
		cards = u.app.Count(s.Cards, "wallet.wipe.cards")
	}
	parts := []fyne.CanvasObject{u.rich(body, u.ink2, u.text("wipe.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	parts = append(parts, col(8, u.write(smallB, u.ink2, u.text("wipe.goes")), u.rows(
		u.row(entry{drawing: "card", name: cards}, nil), u.row(entry{drawing: "history", name: u.text("wipe.activity")}, nil))))
	switch {
	case s.Backup != "":
		parts = append(parts, u.note("valid", u.text("wipe.backup", "date", s.Backup), ""))
	case s.Cards < 0:
		parts = append(parts, u.remark(u.text("wipe.nobackup.locked")))
	default:
		parts = append(parts, u.note("warn", u.text("wipe.nobackup"), ""))
	}
	if s.Busy {
		return u.page(s, col(20, append(parts, u.centred(body, u.ink2, u.text("busy")))...))
	}
	wipe := u.danger(u.text("wipe.go"), s.Wipe)
	wipe.noReturn = true // it cannot be taken back
	return u.page(s, col(20, parts...), u.two(u.secondary(u.text("wipe.keep"), s.Keep), wipe))
}
