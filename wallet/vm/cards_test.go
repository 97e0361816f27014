package vm

import (
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// What needs attention comes first and what is dead last; each kind has a word, and a line that says when.
func TestCardsInOrder(t *testing.T) {
	c := noon()
	a := begun(t, t.TempDir(), c)
	s := on[*Cards](t, a)
	day := func(n int) time.Time { return c.now.AddDate(0, 0, n) }
	s.cards = []wallet.Card{
		{ID: "revoked", Name: "A", Status: "revoked", Checked: day(-22), Expires: day(300), Copies: 3},
		{ID: "expired", Name: "B", Status: "expired", Expires: day(-55), Copies: 3},
		{ID: "valid", Name: "C", Issuer: "Hogeschool", Status: "valid", Copies: 3, Expires: day(500)},
		{ID: "unknown", Name: "D", Status: "unknown", Copies: 3, Checked: day(-1)},
		{ID: "used", Name: "E", Status: "valid", Expires: day(500)},
		{ID: "suspended", Name: "F", Status: "suspended", Copies: 3, Expires: day(96)},
		{ID: "foreign", Name: "G", Status: "valid", Reusable: true},
		{ID: "expiring", Name: "H", Status: "expiring", Copies: 3, Expires: day(11).Add(-time.Hour)},
		{ID: "reissue", Name: "I", Status: wallet.ReissueStatus},
	}
	s.filter()
	want := []struct{ id, kind, word, line string }{
		{"used", "used", "Kopieën op", "Geldig tot 8 april 2028"},
		{"expiring", "expiring", "Nog 11 dagen", "Verloopt op 6 december 2026"},
		{"reissue", "reissue", "Opnieuw ophalen", "Komt uit een reservekopie"},
		{"suspended", "suspended", "Tijdelijk uit", "Geldig tot 1 maart 2027"},
		{"valid", "valid", "Geldig", "Geldig tot 8 april 2028"},
		{"unknown", "unknown", "Onbekend", "Gecontroleerd: gisteren"},
		{"foreign", "valid", "Geldig", "Verloopt niet"},
		{"expired", "expired", "Verlopen", "Verlopen op 1 oktober 2026"},
		{"revoked", "revoked", "Ingetrokken", "Ingetrokken, gezien op 3 november 2026"},
	}
	if len(s.Items) != len(want) || s.All != len(want) {
		t.Fatalf("%d of %d cards", len(s.Items), s.All)
	}
	for n, w := range want {
		i := s.Items[n]
		if i.ID != w.id || i.Kind != w.kind || i.Word != w.word || i.Line != w.line {
			t.Errorf("%d: %s %s %q %q, want %v", n, i.ID, i.Kind, i.Word, i.Line, w)
		}
		if dead := w.kind == "expired" || w.kind == "revoked"; i.Dead != dead {
			t.Errorf("%s: dead is %v", i.ID, i.Dead)
		}
	}

	// The search looks at names and issuers, says how many cards there are in all, and closed it is gone.
	s.Find()
	for query, want := range map[string]int{"": 9, " hoge ": 1, "h": 2, "niets": 0} {
		if s.Search(query); len(s.Items) != want || s.All != 9 || !s.Finding {
			t.Errorf("%q: %d of %d cards", query, len(s.Items), s.All)
		}
	}
	if s.Find(); s.Finding || s.Query != "" || len(s.Items) != 9 {
		t.Errorf("after the search: %+v", s)
	}
}

// A card that is gone says so, and what is asked first is taken back by going back.
func TestCardGone(t *testing.T) {
	a := begun(t, t.TempDir(), noon())
	on[*Cards](t, a).Open("nowhere")
	s := on[*Card](t, a)
	if s.Problem == nil || s.Problem.Head != a.Text("wallet.card.gone.head") {
		t.Errorf("%+v", s.Problem)
	}
	s.AskDelete()
	if a.Back(); on[*Card](t, a) != s || s.Deleting {
		t.Error("back from the question leads away from the card")
	}
	s.Changes = []Change{{Label: "Straat"}}
	if a.Back(); on[*Card](t, a) != s {
		t.Error("back from new data leads away from the card")
	}
	s.Changes = nil
	a.Back()
	on[*Cards](t, a)
}

// closeBy: a card from close by beside a live town, from its first day until it is revoked and deleted.
func (p *place) closeBy(t *testing.T, a *App) {
	s := p.card(a)
	if s.Kind != "valid" || s.Copies != 10 || s.Of != 10 || s.Reusable || !s.Renewable || !s.Auto || s.Shares != 0 || !s.Registered || s.Until == "" {
		t.Errorf("%+v", s)
	}
	a.SetPrefs(func(p *Prefs) { p.ByHand = true })
	if s.refresh(); s.Auto || !s.Renewable {
		t.Error("new copies come by themselves although the person wants to ask for them")
	}
	a.SetPrefs(func(p *Prefs) { p.ByHand = false })

	// Values are hidden one by one.
	for _, v := range s.Values {
		if v.Shown || v.Text == "" || v.Label == "" {
			t.Errorf("%+v", v)
		}
	}
	s.Show(s.Values[1].Path)
	if s.Values[0].Shown || !s.Values[1].Shown || s.AllShown() {
		t.Error("one value")
	}
	if s.ShowAll(); !s.AllShown() {
		t.Error("not all values")
	}
	if s.ShowAll(); s.AllShown() || s.Values[1].Shown {
		t.Error("values are not hidden again")
	}

	p.shares(a, 2)
	if s.refresh(); s.Shares != 2 || s.Copies != 8 || s.Of != 10 {
		t.Errorf("shared %d times, %d of %d copies", s.Shares, s.Copies, s.Of)
	}
	s.Activity()
	if h := on[*Activity](t, a); h.About != s.Name || len(h.Lines) != 3 {
		t.Errorf("%q: %d lines", h.About, len(h.Lines))
	}
	a.Back()

	on[*Card](t, a).Proof()
	proof := on[*Proof](t, a)
	facts := map[string]string{}
	for _, f := range proof.Facts {
		facts[f.Path] = f.Text
	}
	if facts["number"] != "" || facts["block"] != "" {
		t.Errorf("what is for experts stands between the rest: %v", facts)
	}
	for _, f := range proof.Experts {
		facts[f.Path] = f.Text
	}
	if !proof.Registered || proof.Problem != nil || proof.Title() != s.Issuer || !strings.HasPrefix(facts["number"], "did:zegel:") ||
		facts["since"] == "" || facts["until"] == "" || facts["by"] == "" || !strings.HasPrefix(facts["proven"], "vandaag, ") || facts["block"] == "" {
		t.Errorf("%+v", proof)
	}
	a.Back()

	// The issuer revokes it. The wallet sees that, and knows no reason.
	p.revoke("voorbeeld-5")
	a.calm, a.looked = time.Time{}, a.deps.Now()
	if a.Tick(); s.Kind != "valid" {
		t.Fatalf("looked again within minutes: %s", s.Kind)
	}
	a.calm, a.looked = time.Time{}, time.Time{} // as after a quarter of an hour
	if a.Tick(); s.Kind != "revoked" || !s.Dead || s.Busy || s.Renewable || s.Seen == "" {
		t.Fatalf("%s, %+v", s.Kind, s.Problem)
	}
	s.Ask()
	if q := on[*Question](t, a); !strings.Contains(q.Text, s.Name) || !strings.Contains(q.Text, s.Issuer) || !strings.Contains(q.Text, s.Seen) {
		t.Errorf("%q", q.Text)
	}
	a.Back()
	s.View()
	on[*CardValues](t, a).ShowAll()
	if !s.AllShown() {
		t.Error("the values of a revoked card cannot be seen")
	}
	a.Back()

	s.AskDelete()
	s.Keep()
	s.AskDelete()
	s.Delete()
	if c := on[*Cards](t, a); c.All != 0 {
		t.Errorf("%d cards", c.All)
	}
	if l := lines(t, a).Lines; l[0].Kind != "deleted" || l[1].Kind != "revoked" {
		t.Errorf("%+v", l[:2])
	}
}
