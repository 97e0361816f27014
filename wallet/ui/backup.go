package ui

import (
	"bytes"
	"image/png"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/skip2/go-qrcode"

	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) backup(s *vm.Backup) fyne.CanvasObject {
	if s.File != nil {
		file := s.File
		s.File = nil
		u.platform.SaveFile(s.Name, file, s.Saved)
	}
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if s.Note != "" {
		parts = append(parts, u.note("valid", s.Note, ""))
	}
	moves := u.rows(
		u.row(entry{drawing: "check", name: u.text("backup.back"), detail: u.text("backup.back.text"), bold: true, tint: u.ok}, nil),
		u.row(entry{drawing: "dash", name: u.text("backup.stays"), detail: u.text("backup.stays.text"), bold: true}, nil))
	if s.Recovery == nil {
		parts = append(parts, u.write(body, u.ink2, u.text("backup.lead")), moves, u.remark(u.text("backup.first")))
		return u.page(s, col(16, parts...), u.primary(u.text("backup.choose"), s.Choose))
	}
	parts = append(parts, u.columns(12, []fyne.CanvasObject{u.helpers(s)}, []fyne.CanvasObject{u.backupFile(s), moves}))
	return u.pageOf(s, leftmost(columnsWidest, col(12, parts...)))
}

// helpers is who can open a backup.
func (u *UI) helpers(s *vm.Backup) fyne.CanvasObject {
	var lines []fyne.CanvasObject
	r := s.Recovery
	if n := len(s.People); n > 0 {
		lines = append(lines,
			beside(12, 1, icon("people", 24, u.accent), u.write(strong, u.ink, u.text("backup.people"))),
			col(0, u.write(title, u.ink, u.text("backup.enough", "needed", r.Needed, "parts", n)), u.write(small, u.ink2, u.text("backup.together"))),
			u.crowd(s))
		lines = append(lines, u.rich(small, u.ink2, u.text("backup.people.lead", "needed", r.Needed)))
		if missing := s.Missing(); missing != "" {
			lines = append(lines, atTop(10, 1, icon("warn", 20, u.warn), u.write(small, u.ink, missing)))
		}
	}
	if r.Passphrase {
		what := u.text("backup.phrase.text")
		if len(s.People) == 0 {
			what = u.text("backup.phrase.only")
		} else {
			lines = append(lines, u.hairline())
		}
		lines = append(lines, beside(12, 1, icon("key", 24, u.accent), col(0, u.write(strong, u.ink, u.text("backup.phrase")), u.write(small, u.ink2, what))))
	}
	lines = append(lines, u.two(u.secondary(u.text("backup.rehearse"), s.Rehearse), u.secondary(u.text("backup.change"), s.Choose)))
	return u.group(padAll(16, col(12, lines...)))
}

// backupFile is the newest backup, and making another.
func (u *UI) backupFile(s *vm.Backup) fyne.CanvasObject {
	when, pill, make := u.text("backup.never"), fyne.CanvasObject(nil), u.text("backup.make.first")
	if s.Last != "" {
		when, pill, make = s.Last, u.pill("unknown", u.text("backup.untested"), onPage), u.text("backup.make")
		if s.Tested != "" {
			pill = u.pill("valid", u.text("backup.tested"), onPage)
		}
	}
	about := []fyne.CanvasObject{u.write(strong, u.ink, u.text("backup.file")), u.write(small, u.ink2, when)}
	if s.Last != "" && s.Tested != "" {
		about = append(about, u.write(small, u.ink2, u.text("backup.tested.on", "date", s.Tested)))
	}
	head := []fyne.CanvasObject{icon("download", 24, u.accent), col(0, about...)}
	var lines []fyne.CanvasObject
	if pill != nil && !u.tight() {
		head = append(head, pill)
	}
	lines = append(lines, beside(12, 1, head...))
	if pill != nil && u.tight() {
		lines = append(lines, beside(0, -2, pill))
	}
	if s.Busy {
		return u.group(padAll(16, col(12, append(lines, u.centred(body, u.ink2, u.text("busy")))...)))
	}
	lines = append(lines, u.primary(make, s.Make))
	if s.Last != "" {
		name := u.text("backup.check")
		check := u.tap(name, 12, container.New(&least{0, target}, col(0, push(), u.centred(strong, u.accent, name), push())), func() {
			u.platform.OpenFile(func(data []byte) {
				if data != nil {
					s.Check(data)
				}
			})
		})
		return u.group(pad(16, 16, 4, 16, col(12, append(lines[:len(lines)-1], col(0, lines[len(lines)-1], check))...)))
	}
	return u.group(padAll(16, col(12, lines...)))
}

// crowd shows people beside each other, as many in a row as there is room for.
func (u *UI) crowd(s *vm.Backup) fyne.CanvasObject {
	var all []fyne.CanvasObject
	for i, p := range s.People {
		name := u.text("backup.hasnot", "name", p.Name)
		if p.Has {
			name = u.text("backup.has", "name", p.Name)
		}
		all = append(all, u.tap(name, 12, u.person(p), func() { s.Give(i) }))
	}
	return container.New(&cells{least: 62 * u.scale, gap: 8}, all...)
}

// person is somebody who keeps a part: an initial with a shape that says whether they have it, and the name under it.
func (u *UI) person(p vm.Person) fyne.CanvasObject {
	fill, edge, ink, mark := u.accentSoft, u.accentSoft, u.onAccentSoft, icon("tick", 22, u.ok)
	if !p.Has {
		fill, edge, ink, mark = u.surface, u.lineStrong, u.ink2, icon("warn", 22, u.warn)
	}
	disc := sized(52, 52, over(outline(fill, edge, 1.5, 26), container.NewCenter(u.line(heading, ink, initial(p.Name)))))
	badge := sized(26, 26, over(block(u.surface, 13), container.NewCenter(mark)))
	corner := container.NewWithoutLayout(disc, badge)
	disc.Resize(fyne.NewSize(52, 52))
	badge.Move(fyne.NewPos(31, 30))
	badge.Resize(fyne.NewSize(26, 26))
	under := u.paragraph(&words{text: p.Name, style: u.scaled(pillT), colour: u.ink, align: fyne.TextAlignCenter, most: 1, cut: true})
	return col(4, container.NewCenter(sized(54, 56, corner)), under)
}

func initial(name string) string {
	for _, r := range strings.TrimSpace(name) {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// cells is a grid whose columns share the width.
type cells struct{ least, gap float32 }

func (c *cells) shape(n int, width float32) (columns int, each float32) {
	columns = max(1, min(n, int((width+.5)/c.least)))
	return columns, width / float32(columns)
}

// Layout implements [fyne.Layout].
func (c *cells) Layout(o []fyne.CanvasObject, size fyne.Size) {
	columns, each := c.shape(len(o), size.Width)
	y, h := float32(0), float32(0)
	for i, one := range o {
		if i%columns == 0 && i > 0 {
			y, h = y+h+c.gap, 0
		}
		high := heightFor(one, each)
		one.Move(fyne.NewPos(float32(i%columns)*each, y))
		one.Resize(fyne.NewSize(each, high))
		h = max(h, high)
	}
}

// MinSize implements [fyne.Layout].
func (c *cells) MinSize(o []fyne.CanvasObject) fyne.Size { return fyne.NewSize(c.least, 0) }

func (c *cells) heightFor(o []fyne.CanvasObject, width float32) float32 {
	columns, each := c.shape(len(o), width)
	y, h := float32(0), float32(0)
	for i, one := range o {
		if i%columns == 0 && i > 0 {
			y, h = y+h+c.gap, 0
		}
		h = max(h, heightFor(one, each))
	}
	return y + h
}

func (u *UI) guardians(s *vm.Guardians) fyne.CanvasObject {
	if s.Shares != nil {
		return u.shares(s)
	}
	parts := []fyne.CanvasObject{u.rich(body, u.ink2, u.text("guardians.lead"))}
	if s.Anew {
		parts = append(parts, u.remark(u.text("guardians.anew")))
	}
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	var names []fyne.CanvasObject
	for i, n := range s.Names {
		name := u.text("guardians.name", "n", i+1)
		box, _ := u.field(fieldOptions{name: name, hint: name, value: n, changed: func(t string) { s.SetName(i, t) }, hideName: true})
		names = append(names, box)
	}
	if len(s.Names) < wallet.MaxGuardians {
		names = append(names, u.withIcon(u.text("guardians.more"), "plus", s.More))
	}
	parts = append(parts, col(8, u.section(u.text("guardians.names")), col(10, names...)))
	if n := s.Parts(); n >= wallet.MinGuardians {
		needed := min(s.Needed, n)
		count := beside(8, 1, u.stepper("dash", u.text("guardians.fewer"), needed > wallet.MinGuardians, func() { s.SetNeeded(needed - 1) }),
			u.centred(strong, u.ink, u.text("backup.enough", "needed", needed, "parts", n)),
			u.stepper("plus", u.text("guardians.greater"), needed < n, func() { s.SetNeeded(needed + 1) }))
		parts = append(parts, col(8, u.section(u.text("guardians.needed")), u.group(padAll(8, count))))
	}
	parts = append(parts, u.rows(u.row(entry{name: u.text("guardians.passphrase"), detail: u.text("guardians.phrase.lead"), end: u.toggle(s.Passphrase)}, s.TogglePassphrase)))
	if s.Passphrase {
		box, _ := u.newPassphrase(u.text("secret.name.passphrase"), true, s.SetPassphrase, nil)
		parts = append(parts, box)
	}
	next := u.primary(u.text("guardians.make"), s.Make)
	if s.Busy {
		next = next.disabled()
	}
	return u.page(s, col(20, parts...), next)
}

// stepper is a button that makes a number smaller or larger.
func (u *UI) stepper(drawing, name string, can bool, do func()) *tap {
	c := u.ink
	if !can {
		c = u.lineStrong
	}
	t := u.tap(name, 12, over(outline(u.surface, u.hair, 1.5, 12), sized(52, 52, container.NewCenter(icon(drawing, 24, c)))), do)
	t.off = !can
	return t
}

// shares lists the people, each with a part to hand over.
func (u *UI) shares(s *vm.Guardians) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("parts.lead"))}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	var rows []fyne.CanvasObject
	for i, name := range s.Given {
		pill := u.pill("unknown", u.text("parts.notgiven"), onPage)
		if s.Handed[i] {
			pill = u.pill("valid", u.text("parts.given"), onPage)
		}
		e := entry{name: name, bold: true, end: pill, opens: true}
		if u.tight() {
			e.end, e.under = nil, pill
		}
		rows = append(rows, u.row(e, func() { s.Give(i) }))
	}
	parts = append(parts, u.rows(rows...))
	finish := u.primary(u.text("parts.finish"), s.Finish)
	switch {
	case !s.CanFinish():
		parts = append(parts, u.remark(u.app.Text("wallet.parts.first", "n", s.Needed)))
	case s.HandedOver() < len(s.Shares):
		parts = append(parts, u.remark(u.text("parts.later")))
	}
	if !s.CanFinish() || s.Busy {
		finish = finish.disabled()
	}
	return u.page(s, col(16, parts...), finish)
}

// handOver shows one part: as a code to scan, and as a file or text to give.
func (u *UI) handOver(s *vm.Part) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.write(body, u.ink2, u.text("part.lead", "name", s.Name))}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if s.Note != "" {
		parts = append(parts, u.note("valid", s.Note, ""))
	}
	side := float32(256)
	if u.low() {
		side = 232
	}
	parts = append(parts, container.NewCenter(sized(side, side, u.code(s.Share))),
		u.two(u.withIcon(u.text("part.save"), "file", func() {
			name, text := s.File()
			u.platform.SaveFile(name, text, s.Saved)
		}), u.withIcon(u.text("part.copy"), "copy", func() {
			u.platform.Copy(s.Share)
			s.Copied()
		})))
	if s.Has {
		return u.page(s, col(20, parts...), u.secondary(u.text("part.hasnot"), func() { s.Confirm(false) }))
	}
	return u.page(s, col(20, parts...), u.primary(u.text("part.has", "name", s.Name), func() { s.Confirm(true) }))
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
