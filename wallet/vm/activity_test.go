package vm

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/wallet"
)

// history is an app whose activity shows entries, the newest first.
func history(t *testing.T, c *clock, entries ...wallet.Entry) *Activity {
	t.Helper()
	a := begun(t, t.TempDir(), c)
	s := &Activity{app: a, entries: entries}
	a.open(s)
	s.fill()
	return s
}

func whats(lines []Line) (out []string) {
	for _, l := range lines {
		out = append(out, l.What)
	}
	return out
}

// Lines stand under today, earlier this month, months, and years; the time beside them is as short as that allows.
func TestActivityTimes(t *testing.T) {
	c := &clock{time.Date(2026, 11, 25, 9, 42, 0, 0, time.UTC)}
	s := history(t, c)
	at := func(y int, m time.Month, d, h, min int) time.Time {
		return time.Date(y, m, d, h, min, 0, 0, time.FixedZone("Amsterdam in winter", 3600))
	}
	for _, x := range []struct {
		lang         string
		at           time.Time
		group, short string
	}{
		{"nl", at(2026, 11, 25, 10, 42), "Vandaag", "10.42"},
		{"nl", at(2026, 11, 25, 0, 5), "Vandaag", "0.05"},
		{"nl", at(2026, 11, 24, 23, 59), "Eerder in november", "24 nov"},
		{"nl", at(2026, 11, 1, 8, 0), "Eerder in november", "1 nov"},
		{"nl", at(2026, 10, 31, 23, 0), "Oktober", "31 okt"},
		{"nl", at(2026, 3, 2, 9, 0), "Maart", "2 mrt"},
		{"nl", at(2025, 12, 31, 23, 30), "2025", "31 dec"},
		{"nl", at(2019, 11, 25, 10, 0), "2019", "25 nov"},
		{"nl", at(2026, 11, 26, 1, 0), "Vandaag", "26 nov"}, // by a clock that was wrong
		{"en", at(2026, 11, 25, 9, 5), "Today", "09:05"},
		{"en", at(2026, 11, 2, 9, 5), "Earlier in November", "2 Nov"},
		{"en", at(2026, 10, 2, 9, 5), "October", "2 Oct"},
	} {
		s.app.SetPrefs(func(p *Prefs) { p.Lang = x.lang })
		if group, short := s.app.when(x.at); group != x.group || short != x.short {
			t.Errorf("%s %s: %q, %q, want %q, %q", x.lang, x.at, group, short, x.group, x.short)
		}
	}
}

// every kind of line that the core writes, what it is called, its shape, and what is told about it from close by.
var everyLine = []struct {
	entry wallet.Entry
	kind  string
	what  string
	story string // a part of it
}{
	{wallet.Entry{Kind: "shared", Outcome: "ok", Claims: []string{"a"}}, "shared", "1 gegeven gedeeld", ""},
	{wallet.Entry{Kind: "shared", Outcome: "ok", Claims: []string{"a", "b"}}, "shared", "2 gegevens gedeeld", ""},
	{wallet.Entry{Kind: "shared", Outcome: "network", Claims: []string{"a"}}, "failed", "Verstuurd, zonder antwoord", "weten niet of"},
	{wallet.Entry{Kind: "failed", Outcome: "network", Claims: []string{"a"}}, "failed", "Verstuurd, zonder antwoord", "Geen verbinding. Wij weten niet"},
	{wallet.Entry{Kind: "failed", Outcome: "endpoint_refused", Claims: []string{"a"}}, "failed", "Verstuurd, niet aangenomen", "weten niet of"},
	{wallet.Entry{Kind: "failed", Outcome: "endpoint_refused", Claims: []string{"a"}, Unsent: true}, "failed", "Niet gelukt, niets gedeeld", "Er is niets gedeeld."},
	{wallet.Entry{Kind: "failed", Outcome: "request_expired", Unknown: true}, "failed", "Niet gelukt, niets gedeeld", "Deze code werkt niet meer. Er is niets gedeeld."},
	{wallet.Entry{Kind: "failed", Outcome: "network", Offer: true}, "failed", "Kaart niet opgehaald", "Er is niets veranderd"},
	{wallet.Entry{Kind: "failed", Outcome: "network", Offer: true, Card: "Pas"}, "failed", "Niet vernieuwd: Pas", "Er is niets veranderd"},
	{wallet.Entry{Kind: "refused", Outcome: "user_declined"}, "refused", "Gestopt, niets gedeeld", "hoorden alleen: nee"},
	{wallet.Entry{Kind: "refused", Outcome: "request_untrusted"}, "refused", "Gestopt: vraag ging te ver", "hoorden alleen: nee"},
	{wallet.Entry{Kind: "refused", Outcome: "no_match"}, "refused", "Gestopt: geen kaart die past", "geen kaart die paste"},
	{wallet.Entry{Kind: "refused", Outcome: "user_declined", Offer: true}, "refused", "Kaart niet aangenomen", "nee tegen deze kaart"},
	{wallet.Entry{Kind: "refused", Outcome: "user_declined", Offer: true, Card: "Pas"}, "refused", "Niet vervangen: Pas", "nee tegen nieuwe gegevens"},
	{wallet.Entry{Kind: "received", Outcome: "ok", Card: "Pas"}, "received", "Ontvangen: Pas", "alleen op dit apparaat"},
	{wallet.Entry{Kind: "renewed", Outcome: "ok", Card: "Pas"}, "renewed", "Vernieuwd: Pas", "U haalde nieuwe kopieën op"},
	{wallet.Entry{Kind: "renewed", Outcome: "ok", Card: "Pas", Auto: true}, "renewed", "Vernieuwd: Pas", "vanzelf"},
	{wallet.Entry{Kind: "revoked", Outcome: "ok", Card: "Pas", Party: "Gemeente"}, "revoked", "Ingetrokken: Pas", "Gemeente trok deze kaart in"},
	{wallet.Entry{Kind: "deleted", Outcome: "ok", Card: "Pas"}, "deleted", "Verwijderd: Pas", "U verwijderde deze kaart"},
	{wallet.Entry{Kind: "restored", Outcome: "ok"}, "restored", "Reservekopie teruggezet", "U zette een reservekopie terug"},
}

func TestActivityLines(t *testing.T) {
	c := noon()
	var entries []wallet.Entry
	for _, x := range everyLine {
		x.entry.Time = c.now
		entries = append(entries, x.entry)
	}
	s := history(t, c, entries...)
	if len(s.Lines) != len(everyLine) || s.All != len(everyLine) {
		t.Fatalf("%d of %d lines", len(s.Lines), s.All)
	}
	for i, x := range everyLine {
		l := s.Lines[i]
		if l.Kind != x.kind || l.What != x.what || l.Party == "" {
			t.Errorf("%d: %+v, want %s, %q", i, l, x.kind, x.what)
		}
		s.Open(l.N)
		e := on[*Event](t, s.app)
		if got := e.Story(); !strings.Contains(got, x.story) || (x.story == "") != (got == "") || strings.Contains(got, "wallet.") {
			t.Errorf("%q: %q, want %q", l.What, got, x.story)
		}
		if asked := x.kind != "received" && x.kind != "renewed" && x.kind != "revoked" && x.kind != "deleted" && x.kind != "restored" && !x.entry.Offer; e.Asked() != asked {
			t.Errorf("%q: asked is %v", l.What, e.Asked())
		}
		if text := e.Receipt(); strings.Contains(text, "wallet.") || !strings.Contains(text, x.what) {
			t.Errorf("%q: receipt %q", l.What, text)
		}
		s.app.Back()
		s.entries = entries // Back has read those of the wallet
		s.fill()
	}

	// Each filter shows its lines, and together with everything else they are all.
	for filter, want := range map[string]int{"": 20, "shared": 3, "received": 4, "stopped": 11} {
		s.SetFilter(filter)
		if len(s.Lines) != want || s.All != 20 {
			t.Errorf("%q: %d of %d lines, want %d: %q", filter, len(s.Lines), s.All, want, whats(s.Lines))
		}
	}
	if len(Filters) != 4 {
		t.Errorf("filters %q", Filters)
	}
}

func TestActivitySearch(t *testing.T) {
	c := noon()
	s := history(t, c,
		wallet.Entry{Time: c.now, Kind: "shared", Outcome: "ok", Party: "Gemeente Voorbeeldstad", Claims: []string{"a"}, Labels: []string{"18 jaar of ouder"}, Card: "Persoonsgegevens"},
		wallet.Entry{Time: c.now, Kind: "shared", Outcome: "ok", Party: "Bibliotheek Voorbeeld", Claims: []string{"b"}, Labels: []string{"Postcode"}, Purpose: "Lid worden"},
		wallet.Entry{Time: c.now, Kind: "refused", Outcome: "user_declined", Party: "Theater Voorbeeld", Withheld: []string{"Geboortedatum"}},
		wallet.Entry{Time: c.now.AddDate(0, -1, 0), Kind: "received", Outcome: "ok", Party: "Gemeente Voorbeeldstad", Card: "Woonadres"},
	)
	s.OpenSearch()
	if !s.Searching {
		t.Error("no field")
	}
	for query, want := range map[string][]int{
		"": {0, 1, 2, 3}, "  ": {0, 1, 2, 3}, "gemeente": {0, 3}, "GEMEENTE": {0, 3}, "voorbeeld": {0, 1, 2, 3}, "woonadres": {3}, "postcode": {1},
		"geboorte": {2}, "lid worden": {1}, "gemeente oktober": {3}, "gemeente postcode": nil, "gestopt": {2}, "zz": nil, "voorbeeld persoons": {0},
	} {
		s.Search(query)
		var got []int
		for _, l := range s.Lines {
			got = append(got, l.N)
		}
		if !slices.Equal(got, want) || s.All != 4 {
			t.Errorf("%q: %v of %d, want %v", query, got, s.All, want)
		}
	}
	s.SetFilter("shared")
	s.Search("gemeente")
	if len(s.Lines) != 1 {
		t.Errorf("a word and a filter: %q", whats(s.Lines))
	}
	s.CloseSearch()
	if s.Searching || s.Query != "" || len(s.Lines) != 2 {
		t.Errorf("closed: %+v", s)
	}
	s.Open(99)
	s.Open(-1)
	on[*Activity](t, s.app)
}

// Each organisation has what it was told, and no more what it signed to have deleted.
func TestLearned(t *testing.T) {
	c := noon()
	gone := []wallet.ErasureAnswer{{Outcome: erasure.Refused}, {Outcome: erasure.Erased}}
	shared := func(party string, days int, labels ...string) wallet.Entry {
		return wallet.Entry{Kind: "shared", Outcome: "ok", Party: party, Registered: true, Claims: labels, Labels: labels, Time: c.now.AddDate(0, 0, -days)}
	}
	erased := shared("Gemeente", 5, "Postcode", "Woonplaats")
	erased.Erasures = gone
	unsure := shared("Theater", 3, "Voornaam")
	unsure.Kind, unsure.Outcome = "failed", "network"
	unsent := unsure
	unsent.Unsent = true
	impostor := shared("Gemeente", 4, "Achternaam")
	impostor.Registered = false
	s := history(t, c, shared("Gemeente", 0, "18 jaar of ouder"), unsure, unsent, impostor, erased, shared("Gemeente", 9, "Woonplaats"),
		wallet.Entry{Kind: "refused", Party: "Sportclub"})
	got := s.app.learned(s.entries)
	want := []Party{
		{Name: "Gemeente", Registered: true, Times: 3, Last: "vandaag", Facts: []string{"18 jaar of ouder", "Woonplaats"}, Gone: []string{"Postcode"}},
		{Name: "Theater", Registered: true, Times: 1, Last: "22 november 2026", Facts: []string{"Voornaam"}},
		{Name: "Gemeente", Times: 1, Last: "21 november 2026", Facts: []string{"Achternaam"}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	k := &Known{Party: Party{Name: "Gemeente", Registered: true}, app: s.app}
	k.entries = []wallet.Entry{s.entries[0], erased}
	k.fill()
	if len(k.Lines) != 2 || k.Lines[0].Party != "18 jaar of ouder" || !strings.HasPrefix(k.Lines[1].What, "Verwijderd op ") || k.CanAsk != 0 {
		t.Errorf("%+v", k)
	}
}

// Until when something is kept, in the words of the one who keeps it if there are any.
func TestKept(t *testing.T) {
	c := noon()
	at := c.now
	base := wallet.Entry{Kind: "shared", Outcome: "ok", Party: "Gemeente", Time: at}
	for want, change := range map[string]func(e *wallet.Entry){
		"":                              func(e *wallet.Entry) {},
		"Hoogstens tot 5 december 2026": func(e *wallet.Entry) { e.KeepDays = 10 },
		"Tot 24 januari 2027, alleen de uitkomst": func(e *wallet.Entry) { e.OutcomeDays = 60 },
		"Tot 25 november 2026": func(e *wallet.Entry) {
			e.Receipt = &wallet.Receipt{ValuesUntil: at, OutcomeUntil: at}
		},
		"Tot 23 december 2026, alleen de uitkomst": func(e *wallet.Entry) {
			e.KeepDays, e.Receipt = 10, &wallet.Receipt{ValuesUntil: at.Add(15 * time.Minute), OutcomeUntil: at.AddDate(0, 0, 28)}
		},
		"Niet meer": func(e *wallet.Entry) {
			e.Receipt, e.Erasures = &wallet.Receipt{OutcomeUntil: at.AddDate(0, 0, 28)}, []wallet.ErasureAnswer{{Outcome: erasure.NothingKept}}
		},
	} {
		e := base
		change(&e)
		s := history(t, c, e)
		s.Open(0)
		if got := on[*Event](t, s.app).Kept(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// An answer is a sentence with its date, and with the law if there is one.
func TestAnswers(t *testing.T) {
	s := history(t, noon())
	until := time.Date(2033, 11, 25, 12, 0, 0, 0, time.UTC)
	at := noon().now
	for _, x := range []struct {
		answer wallet.ErasureAnswer
		head   string
		good   bool
	}{
		{wallet.ErasureAnswer{Outcome: erasure.Erased}, "Verwijderd op 25 november 2026", true},
		{wallet.ErasureAnswer{Outcome: erasure.NothingKept}, "Er was niets meer bewaard", true},
		{wallet.ErasureAnswer{Outcome: erasure.Refused, Until: until, LegalBasis: "Archiefwet 1995"}, "Wordt bewaard tot 25 november 2033", false},
		{wallet.ErasureAnswer{Outcome: erasure.Refused}, "Wordt bewaard", false},
		{wallet.ErasureAnswer{Outcome: erasure.InProgress, Until: until}, "Zij beslissen vóór 25 november 2033", false},
		{wallet.ErasureAnswer{Outcome: erasure.InProgress}, "Zij kijken naar uw vraag", false},
	} {
		x.answer.Time = at
		got := s.app.answered(x.answer)
		if got.Head != x.head || got.Good != x.good || got.When != "vandaag, 13.00 uur" || got.Basis != x.answer.LegalBasis {
			t.Errorf("%+v, want %q", got, x.head)
		}
	}
}

// What there is to tell about a card, and what to do about it, by status, copies and how renewing went.
func TestNoticeKinds(t *testing.T) {
	s := history(t, noon())
	for _, x := range []struct {
		card   wallet.Card
		upkeep string
		kind   string
		text   string // a part of it
	}{
		{wallet.Card{Status: "valid", Copies: 10}, "", "", ""},
		{wallet.Card{Status: "valid", Copies: 2}, "", "", ""},
		{wallet.Card{Status: "valid", Copies: 1, Renewable: true}, "", "last", "Open de kaart"},
		{wallet.Card{Status: "valid", Copies: 1, Renewable: true}, "network", "last", "Open de kaart"},
		{wallet.Card{Status: "valid", Copies: 1, Renewable: true}, "credential_invalid", "last", "Vraag nieuwe bij Gemeente"},
		{wallet.Card{Status: "valid", Copies: 1}, "", "last", "Vraag nieuwe bij Gemeente"},
		{wallet.Card{Status: "valid", Copies: 0}, "", "used", "Vraag nieuwe bij Gemeente"},
		{wallet.Card{Status: "valid", Copies: 1, Reusable: true}, "", "", ""},
		{wallet.Card{Status: "unknown", Copies: 1}, "", "", ""},
		{wallet.Card{Status: "revoked", Copies: 3}, "changed", "revoked", "Vraag Gemeente waarom"},
		{wallet.Card{Status: "suspended"}, "", "suspended", "Vraag Gemeente waarom"},
		{wallet.Card{Status: "expired"}, "", "expired", "bij Gemeente"},
		{wallet.Card{Status: "expiring", Copies: 1, Renewable: true}, "ok", "expiring", "Open de kaart"},
		{wallet.Card{Status: "expiring", Copies: 1}, "", "expiring", "bij Gemeente"},
		{wallet.Card{Status: wallet.ReissueStatus, Renewable: true}, "", "reissue", "Open de kaart"},
		{wallet.Card{Status: wallet.ReissueStatus}, "", "reissue", "Ga naar Gemeente"},
		{wallet.Card{Status: "valid", Copies: 1, Renewable: true}, "changed", "changed", "nieuwe gegevens"},
		{wallet.Card{Status: "valid", Copies: 1}, "changed", "last", "Vraag nieuwe"},
	} {
		x.card.ID, x.card.Name, x.card.Issuer, x.card.Registered = "id", "Pas", "Gemeente", true
		kind := noticeKind(x.card, x.upkeep)
		if kind != x.kind {
			t.Errorf("%+v after %q: %q, want %q", x.card, x.upkeep, kind, x.kind)
			continue
		}
		if kind == "" {
			continue
		}
		n := s.app.notice(x.card, kind, x.upkeep)
		if !strings.Contains(n.Text, x.text) || !strings.Contains(n.Head, "Pas") || strings.Contains(n.Head+n.Text, "wallet.") {
			t.Errorf("%+v, want %q", n, x.text)
		}
		if !slices.Contains(urgent, kind) {
			t.Errorf("%s has no place", kind)
		}
	}
}

// A backup is outdated once a card was renewed twice since: its right to renew was replaced twice.
func TestOutdated(t *testing.T) {
	backup := noon().now
	line := func(days int, kind string, cards ...string) wallet.Entry {
		return wallet.Entry{Kind: kind, Cards: cards, Time: backup.AddDate(0, 0, days), Offer: kind == "refused"}
	}
	for name, c := range map[string]struct {
		backup  time.Time
		entries []wallet.Entry
		want    bool
	}{
		"never made":    {time.Time{}, []wallet.Entry{line(3, "renewed", "a"), line(2, "renewed", "a")}, false},
		"once":          {backup, []wallet.Entry{line(3, "shared", "a"), line(2, "renewed", "a")}, false},
		"twice":         {backup, []wallet.Entry{line(3, "renewed", "a"), line(2, "renewed", "a")}, true},
		"two cards":     {backup, []wallet.Entry{line(3, "renewed", "a"), line(2, "renewed", "b")}, false},
		"once before":   {backup, []wallet.Entry{line(3, "renewed", "a"), line(-2, "renewed", "a")}, false},
		"one not taken": {backup, []wallet.Entry{line(3, "renewed", "a"), line(2, "refused", "a")}, true},
	} {
		if got := outdated(c.backup, c.entries); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
