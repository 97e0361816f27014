package ui

import (
	"strings"

	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) times(p vm.Party) string {
	return u.app.Count(p.Times, "wallet.learned.times", "when", p.Last)
}

// learned lists the organisations.
func (u *UI) learned(s *vm.Learned) fyne.CanvasObject {
	var parts []fyne.CanvasObject
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	if len(s.Parties) == 0 {
		return u.page(s, col(20, append(parts, u.nothing("building", u.text("learned.none"), ""))...))
	}
	var rows []fyne.CanvasObject
	for i, p := range s.Parties {
		facts := strings.Join(p.Facts, ", ")
		if facts == "" {
			facts = u.text("learned.nothing")
		}
		lines := col(2, u.paragraph(&words{text: p.Name, style: u.scaled(strong), colour: u.ink, most: 2}), u.write(small, u.ink2, u.times(p)), u.write(small, u.ink, facts))
		parts := []fyne.CanvasObject{u.initials(p.Name), lines, icon("next", 20, u.ink2)}
		if u.tight() {
			parts = parts[1:]
		}
		rows = append(rows, u.tap(p.Name+", "+u.times(p), radius, padAll(16, beside(14, len(parts)-2, parts...)), func() { s.Open(i) }))
	}
	parts = append(parts, u.write(body, u.ink2, u.text("learned.lead")), u.rows(rows...))
	return u.page(s, col(16, parts...))
}

// known is one organisation from close by.
func (u *UI) known(s *vm.Known) fyne.CanvasObject {
	parts := []fyne.CanvasObject{}
	if s.Registered {
		parts = append(parts, u.proven(u.text("offer.registered")))
	} else {
		parts = append(parts, u.unproven(u.text("event.unregistered")))
	}
	var facts []fyne.CanvasObject
	for _, f := range s.Facts {
		facts = append(facts, u.told("tick", u.accent, u.write(strong, u.ink, f)))
	}
	for _, f := range s.Gone {
		facts = append(facts, u.told("trash", u.ink2, u.write(body, u.ink2, u.text("learned.gone", "fact", f))))
	}
	if len(s.Facts) == 0 {
		facts = append([]fyne.CanvasObject{u.told("check", u.ok, u.write(strong, u.ink, u.text("learned.nothing")))}, facts...)
	}
	parts = append(parts, col(12, u.section(u.text("learned.know")), u.group(padAll(16, col(10, facts...))), u.noValues()))
	if s.Problem != nil {
		parts = append(parts, u.note("warn", s.Problem.Head, s.Problem.Text))
	}
	switch {
	case s.Busy:
		parts = append(parts, u.centred(body, u.ink2, u.text("event.erase.busy")))
	case s.CanAsk > 0:
		parts = append(parts, u.withIcon(u.text("learned.erase"), "trash", s.AskErase))
	}
	var rows []fyne.CanvasObject
	for i, l := range s.Lines {
		if i == mostLines {
			break
		}
		rows = append(rows, u.historyRow(l, func() { s.Open(l.N) }))
	}
	parts = append(parts, col(12, u.section(u.text("learned.when")), u.rows(rows...)))
	return u.titled(s, u.times(s.Party), col(gapGroups, parts...))
}

// mostLines is how often something was shared that is listed with an organisation; the history has the rest.
const mostLines = 50
