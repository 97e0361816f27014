package ui

import (
	"time"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/vm"
)

func (g *gallery) lines() []vm.Line {
	a := g.app
	shared := func(n int) string { return a.Count(n, "wallet.activity.shared") }
	earlier, october := "Eerder in november", "Oktober"
	oct := "okt"
	if a.Lang() == "en" {
		earlier, october, oct = "Earlier in November", "October", "Oct"
	}
	nov := " nov"
	if a.Lang() == "en" {
		nov = " Nov"
	}
	today := a.Text("wallet.today")
	return []vm.Line{
		{N: 0, Group: today, Party: city, What: shared(1), Time: "10.42", Kind: "shared"},
		{N: 1, Group: today, Party: "Theater Voorbeeld", What: a.Text("wallet.activity.toofar"), Time: "9.05", Kind: "refused"},
		{N: 2, Group: earlier, Party: school, What: a.Text("wallet.activity.received", "card", "Diploma Verpleegkunde"), Time: "18" + nov, Kind: "received"},
		{N: 3, Group: earlier, Party: long, What: shared(2), Time: "12" + nov, Kind: "shared"},
		{N: 4, Group: earlier, Party: city, What: a.Text("wallet.activity.revoked", "card", "Zwembadpas"), Time: "3" + nov, Kind: "revoked"},
		{N: 5, Group: october, Party: "Sportclub Voorbeeld", What: a.Text("wallet.activity.failed"), Time: "30 " + oct, Kind: "failed"},
		{N: 6, Group: october, Party: city, What: a.Text("wallet.activity.received", "card", "Persoonsgegevens"), Time: "2 " + oct, Kind: "received"},
		{N: 7, Group: "2025", Party: city, What: a.Text("wallet.activity.renewed", "card", "Woonadres"), Time: "12" + nov, Kind: "renewed"},
		{N: 8, Group: "2025", Party: "Bibliotheek Voorbeeld", What: a.Text("wallet.activity.deleted", "card", "Leespas"), Time: "12" + nov, Kind: "deleted"},
	}
}

func (g *gallery) activity() *vm.Activity { return &vm.Activity{Lines: g.lines(), All: 9} }

// event is a line of the history in which something was shared.
func (g *gallery) event(line int, change func(e *wallet.Entry)) *vm.Event {
	e := wallet.Entry{
		ID: "7", CanErase: true, Kind: "shared", Party: city, Registered: true, Time: noon.Add(-time.Hour), Outcome: "ok", Claims: []string{"age_equal_or_over.18"},
		Labels: []string{"18 jaar of ouder"}, Withheld: []string{"Geboortedatum"}, Card: "Persoonsgegevens", Purpose: "Helpen bij de verkiezingen", PassedOn: "Aan niemand",
		Receipt: &wallet.Receipt{Session: "R-1", Time: noon, ValuesUntil: noon.Add(15 * time.Minute), OutcomeUntil: noon.AddDate(0, 0, 28)},
	}
	if change != nil {
		change(&e)
	}
	l := g.lines()[line]
	if e.Kind == "failed" {
		l.What = g.app.Text("wallet.activity.unsure")
	}
	return &vm.Event{Line: l, Entry: e}
}

func (g *gallery) notice(kind, text, card string) vm.Notice {
	return vm.Notice{Card: "x", Kind: kind, Calm: kind == "renewed" || kind == "backup", Head: g.app.Text("wallet.notice."+kind+".head", "card", card),
		Text: g.app.Text("wallet.notice."+text+".text", "card", card, "issuer", city, "line", g.app.Text("wallet.card.expires", "date", "5 december 2026"),
			"when", g.app.Text("wallet.today.in"))}
}

func inActivity(s func(g *gallery) vm.Screen) func(*gallery) (vm.Screen, vm.Screen) {
	return func(g *gallery) (vm.Screen, vm.Screen) { return g.activity(), s(g) }
}

var activityStates = []state{
	{"activity", alone(func(g *gallery) vm.Screen { return g.activity() })},
	{"activity-search", alone(func(g *gallery) vm.Screen {
		s := g.activity()
		s.Searching, s.Query, s.Filter = true, "geme", "shared"
		s.Lines = []vm.Line{s.Lines[0], s.Lines[3]}
		return s
	})},
	{"activity-none", alone(func(g *gallery) vm.Screen { return &vm.Activity{} })},
	{"event", inActivity(func(g *gallery) vm.Screen { return g.event(0, nil) })},
	{"event-kept", inActivity(func(g *gallery) vm.Screen {
		return g.event(0, func(e *wallet.Entry) {
			e.Erasures = []wallet.ErasureAnswer{{Time: noon, Outcome: erasure.Refused, LegalBasis: "Archiefwet 1995", Until: noon.AddDate(1, 0, 0)}}
		})
	})},
	{"event-erased", inActivity(func(g *gallery) vm.Screen {
		return g.event(0, func(e *wallet.Entry) {
			e.CanErase, e.Erasures = false, []wallet.ErasureAnswer{{Time: noon, Outcome: erasure.Erased}}
		})
	})},
	{"event-stopped", inActivity(func(g *gallery) vm.Screen {
		return g.event(1, func(e *wallet.Entry) {
			e.Kind, e.Outcome, e.Party, e.Receipt, e.CanErase = "refused", "request_untrusted", "Theater Voorbeeld", nil, false
			e.Claims, e.Labels, e.Card, e.Purpose, e.PassedOn, e.Extra = nil, nil, "", "", "", []string{"Geboortedatum"}
			e.Withheld = []string{"18 jaar of ouder", "Geboortedatum"}
		})
	})},
	{"event-failed", inActivity(func(g *gallery) vm.Screen {
		return g.event(5, func(e *wallet.Entry) {
			e.Kind, e.Outcome, e.Party, e.Registered, e.Receipt, e.CanErase = "failed", "network", "Sportclub Voorbeeld", false, nil, false
			e.Withheld, e.Purpose, e.PassedOn = nil, "", ""
		})
	})},
	{"letter", inActivity(func(g *gallery) vm.Screen {
		return &vm.Letter{Copied: true, Text: "Autoriteit Persoonsgegevens\nPostbus 93374\n2509 AJ Den Haag\n\n[uw plaats], 25 november 2026\n\n" +
			"Geachte heer of mevrouw,\n\nOp 25 november 2026 om 9.05 uur vroeg deze partij om gegevens uit mijn wallet:\n  Theater Voorbeeld\nIk heb niets gedeeld."}
	})},
	{"learned", inActivity(func(g *gallery) vm.Screen {
		return &vm.Learned{Parties: []vm.Party{
			{Name: city, Registered: true, Times: 3, Facts: []string{"18 jaar of ouder", "Woonplaats"}, Last: g.app.Text("wallet.today.in")},
			{Name: long, Times: 1, Facts: []string{"Voornaam"}, Last: "12 november 2026"},
			{Name: "Bibliotheek Voorbeeld", Registered: true, Times: 2, Gone: []string{"Postcode"}, Last: "4 mei 2026"}}}
	})},
	{"known", func(g *gallery) (vm.Screen, vm.Screen) {
		l := g.lines()
		l[0].Party, l[3].Party, l[3].What = "18 jaar of ouder", "Woonplaats, Postcode", g.app.Text("wallet.erase.erased", "date", "12 november 2026")
		return g.activity(), &vm.Known{Party: vm.Party{Name: city, Registered: true, Times: 2, Facts: []string{"18 jaar of ouder"}, Gone: []string{"Postcode", "Woonplaats"},
			Last: g.app.Text("wallet.today.in")}, Lines: []vm.Line{l[0], l[3]}, CanAsk: 1}
	}},
	{"notices", alone(func(g *gallery) vm.Screen {
		return &vm.Notices{Items: []vm.Notice{g.notice("revoked", "revoked", "Zwembadpas"), g.notice("last", "last.here", "Persoonsgegevens"),
			g.notice("expiring", "expiring", "Woonadres"), g.notice("reissue", "reissue", "Bibliotheekpas"), g.notice("renewed", "renewed", "Persoonsgegevens")}}
	})},
	{"notices-changed", alone(func(g *gallery) vm.Screen {
		return &vm.Notices{Items: []vm.Notice{g.notice("changed", "changed", "Woonadres"), g.notice("renewed", "renewed", "Persoonsgegevens"),
			g.notice("backup", "backup", "")}}
	})},
	{"activity-card", func(g *gallery) (vm.Screen, vm.Screen) {
		s := g.activity()
		s.Card, s.About, s.Lines, s.All = "personal", "Persoonsgegevens", []vm.Line{s.Lines[0], s.Lines[3], s.Lines[6]}, 3
		return g.detail(1, 7), s
	}},
	{"notices-none", alone(func(g *gallery) vm.Screen { return &vm.Notices{} })},
}
