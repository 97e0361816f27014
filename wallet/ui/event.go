package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// titled is [UI.page] with a line under the title.
func (u *UI) titled(s vm.Screen, line string, content fyne.CanvasObject, foot ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	head := col(0, pad(8, e, 0, e-12, beside(0, -2, u.glyph(u.text("back"), "back", u.app.Back))),
		pad(0, e, 8, e, col(4, u.write(title, u.ink, s.Title()), u.write(body, u.ink2, line))))
	parts := []fyne.CanvasObject{head, u.scrolled("page", pad(8, e, 24, e, u.measured(content)))}
	if len(foot) > 0 {
		parts = append(parts, u.foot(foot...))
	}
	return container.New(&top{}, parts...)
}

func (u *UI) event(s *vm.Event) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.outcome(s.Kind, s.What)}
	if s.Asked() && !s.Registered() {
		parts[0] = col(12, parts[0], u.unproven(u.text("event.unregistered")))
	}
	if story := s.Story(); story != "" {
		parts = append(parts, u.write(body, u.ink, story))
	}
	if beyond := s.Beyond(); len(beyond) > 0 {
		parts = append(parts, u.note("warn", u.text("event.extra"), strings.Join(beyond, ", ")))
	}
	if facts := u.eventFacts(s); facts != nil {
		quiet := []fyne.CanvasObject{facts}
		if len(s.Facts()) > 0 {
			quiet = append(quiet, u.noValues())
		}
		parts = append(parts, col(12, quiet...))
	}
	if answers := u.answers(s.Answers()); answers != nil {
		parts = append(parts, col(12, u.section(u.text("event.answer")), answers))
	}
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if actions := u.eventActions(s); len(actions) > 0 {
		parts = append(parts, col(12, u.section(u.text("event.do")), u.rows(actions...)))
	}
	return u.titled(s, s.When(), col(20, parts...))
}

// outcome is what came of it: a word with a shape.
func (u *UI) outcome(kind, word string) fyne.CanvasObject {
	drawing := map[string]string{"shared": "tick", "received": "add", "refused": "minus", "failed": "warn", "revoked": "cross"}[kind]
	if drawing == "" {
		drawing = kinds[kind]
	}
	c, soft := u.kindColours(kind)
	wide := measure(word, u.scaled(smallB)).Width + 10 + 18 + 8 + 14 + 1
	chip := over(block(soft, 16*u.scale), pad(6, 14, 6, 10, beside(8, 1, icon(drawing, 18, c), u.write(smallB, c, word))))
	return leftmost(wide, chip)
}

// noValues says what the history does not keep.
func (u *UI) noValues() fyne.CanvasObject {
	var lines []fyne.CanvasObject
	for _, line := range strings.Split(u.text("event.novalues"), "\n") {
		lines = append(lines, u.rich(small, u.ink2, line))
	}
	return col(0, lines...)
}

// eventFacts is a sheet with what was shared, what was not, why, and until when it is kept; nil if there is nothing on it.
func (u *UI) eventFacts(s *vm.Event) fyne.CanvasObject {
	var facts, rows []fyne.CanvasObject
	for _, f := range s.Facts() {
		if s.Kind == "failed" {
			facts = append(facts, u.told("question", u.warn, u.write(body, u.ink, u.text("event.perhaps", "fact", f))))
			continue
		}
		facts = append(facts, u.told("tick", u.accent, u.write(strong, u.ink, f)))
	}
	for _, f := range s.Withheld() {
		facts = append(facts, u.told("eyeoff", u.ink2, u.write(body, u.ink2, u.text("event.withheld", "fact", f))))
	}
	if len(facts) > 0 {
		rows = append(rows, padAll(16, col(10, facts...)))
	}
	for _, d := range []struct{ name, value string }{
		{u.text("event.why"), s.Why()}, {u.text("event.keeping"), s.Kept()}, {u.text("event.passed"), s.PassedOn()}, {u.text("event.card"), s.Card()},
	} {
		if d.value != "" {
			rows = append(rows, pad(12, 16, 12, 16, u.detailRow(d.name, d.value)))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return u.rows(rows...)
}

func (u *UI) told(drawing string, c color.Color, words fyne.CanvasObject) fyne.CanvasObject {
	return atTop(14, 1, sized(24, body.line*u.scale, icon(drawing, 24, c)), words) // in the middle of the first line
}

// eventActions is what can be done about it.
func (u *UI) eventActions(s *vm.Event) []fyne.CanvasObject {
	var rows []fyne.CanvasObject
	if s.Busy {
		rows = append(rows, u.row(entry{drawing: "clock", tint: u.accent, bold: true, name: u.text("busy"), detail: u.text("event.erase.busy")}, nil))
	} else if s.CanErase() {
		ask := entry{drawing: "trash", tint: u.accent, bold: true, name: u.text("event.erase"), detail: u.text("event.erase.what"), opens: true}
		if len(s.Answers()) > 0 {
			ask.detail = u.text("event.erase.again")
		}
		rows = append(rows, u.row(ask, s.AskErase))
	}
	if s.CanWrite() {
		rows = append(rows, u.row(entry{drawing: "flag", tint: u.stop, bold: true, name: u.text("event.report"),
			detail: u.text("event.report.what"), opens: true}, s.Report))
	}
	if s.Asked() {
		receipt := entry{drawing: "copy", tint: u.accent, bold: true, name: u.text("event.copy"), detail: u.text("event.copy.what")}
		if !s.Tells() {
			receipt.detail = u.text("event.copy.asked")
		}
		if s.Copied {
			receipt.drawing, receipt.detail = "check", u.text("event.copied")
		}
		rows = append(rows, u.row(receipt, func() {
			u.platform.Copy(s.Receipt())
			s.WasCopied()
		}))
	}
	if s.Tells() {
		rows = append(rows, u.row(entry{drawing: "building", tint: u.accent, bold: true, name: u.text("learned.title"),
			detail: u.text("event.known"), opens: true}, s.Known))
	}
	return rows
}

// answers is what the other party said about deleting, and signed; nil if it said nothing.
func (u *UI) answers(all []vm.Answered) fyne.CanvasObject {
	var rows []fyne.CanvasObject
	for _, a := range all {
		drawing, c := "clock", u.ink2
		if a.Good {
			drawing, c = "tick", u.ok
		}
		lines := []fyne.CanvasObject{u.write(strong, u.ink, a.Head)}
		if a.Basis != "" {
			lines = append(lines, u.write(body, u.ink, u.text("event.because", "basis", a.Basis)))
		}
		lines = append(lines, u.write(small, u.ink2, u.text("event.signed", "when", a.When)))
		rows = append(rows, padAll(16, u.told(drawing, c, col(2, lines...))))
	}
	if len(rows) == 0 {
		return nil
	}
	return u.rows(rows...)
}

// letter is the letter to the authority, to read, to copy and to save.
func (u *UI) letter(s *vm.Letter) fyne.CanvasObject {
	parts := []fyne.CanvasObject{u.rich(body, u.ink2, u.text("letter.lead"))}
	switch {
	case s.Problem != nil:
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	case s.Copied:
		parts = append(parts, u.note("valid", u.text("letter.copied"), ""))
	case s.Saved:
		parts = append(parts, u.note("valid", u.text("letter.saved"), ""))
	}
	parts = append(parts, u.group(padAll(16, u.write(body, u.ink, strings.TrimSpace(s.Text)))))
	return u.page(s, col(16, parts...), u.pair(
		u.secondary(u.text("letter.copy"), func() {
			u.platform.Copy(s.Text)
			s.WasCopied()
		}),
		u.secondary(u.text("letter.save"), func() { u.platform.SaveFile(s.Name, []byte(s.Text), s.WasSaved) })))
}
