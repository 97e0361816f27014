package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// noticeDisc is the shape of a notice: that of the status, where it is about one.
func (u *UI) noticeDisc(kind string) fyne.CanvasObject {
	switch kind {
	case "renewed":
		return u.disc("refresh", u.ok, u.okSoft)
	case "changed":
		return u.disc("eye", u.onAccentSoft, u.accentSoft)
	case "backup":
		return u.disc("backed", u.onAccentSoft, u.accentSoft)
	case "last", "used":
		kind = "warn"
	}
	c, soft := statusOf(kind).colour(u.palette)
	return u.disc(statusOf(kind).drawing, c, soft)
}

func (u *UI) notices(s *vm.Notices) fyne.CanvasObject {
	e := u.edge()
	var parts, todo, calm []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	for _, n := range s.Items {
		row := u.noticeRow(n, func() { s.Open(n) })
		if n.Calm {
			calm = append(calm, row)
		} else {
			todo = append(todo, row)
		}
	}
	if len(todo) > 0 {
		parts = append(parts, col(10, u.write(smallB, u.ink2, u.text("notices.todo")), u.rows(todo...)))
	}
	if len(calm) > 0 {
		parts = append(parts, col(10, u.write(smallB, u.ink2, u.text("notices.calm")), u.rows(calm...)))
	}
	if len(s.Items) == 0 && s.Problem == nil {
		parts = append(parts, air(16), container.NewCenter(icon("tick", 56, u.ok)),
			col(4, u.centred(strong, u.ink, u.text("notices.none")), u.centred(body, u.ink2, u.text("notices.none.text"))))
	}
	return container.New(&top{}, u.heading(s.Title(), ""), u.scrolled("notices", pad(8, e, 24, e, u.measured(col(gapGroups, parts...)))))
}

func (u *UI) noticeRow(n vm.Notice, do func()) fyne.CanvasObject {
	lines := col(2, u.write(strong, u.ink, n.Head), u.write(small, u.ink2, n.Text))
	parts := []fyne.CanvasObject{u.noticeDisc(n.Kind), lines, icon("next", 20, u.ink2)}
	if u.tight() {
		parts = parts[:2] // the words need the room
	}
	return u.tap(n.Head, radius, padAll(16, beside(14, 1, parts...)), do)
}
