package registry

import (
	"crypto/ed25519"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/pkg/web"
)

// hostile is what a stranger may put into a text of the state.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

// council is a network of five members, of which one signs, with decisions, cards, questions and lists.
type council struct {
	*world
	t    testing.TB
	url  string
	node *Node
	id   map[string][]byte // of proposals
}

func newCouncilPages(t testing.TB) *council {
	t.Helper()
	w := newWorld(t, 5)
	for i, name := range []string{"Gemeente Voorbeeldstad", "Gemeente Duinrade", "Gemeente Waterstad", "Gemeente Lindeberg", "Regio Merenland"} {
		w.genesis.Members[i].Name = name
	}
	w.now = time.Now()
	_, n, srv := newNode(t, w)
	return &council{world: w, t: t, url: srv.URL, node: n, id: map[string][]byte{}}
}

// propose makes a proposal of the first member and lets others vote: the first yes ones in favour, then no ones against.
func (c *council) propose(name string, a ledger.Action, yes, no int) {
	c.t.Helper()
	raw := c.members[0].sign(c.t, ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{
		Action: a, Until: time.Now().Add(70 * time.Hour).Unix(), Why: "Besluit van de raad " + hostile,
	}})
	write(c.t, c.url, raw)
	c.id[name] = mustHash(raw)
	for i, m := range c.members[1:] {
		if i < yes-1+no {
			write(c.t, c.url, m.sign(c.t, says(c.id[name], i < yes-1)))
		}
	}
}

func (c *council) grant(name string, a ledger.Accreditation) {
	c.t.Helper()
	a.From, a.Until = c.now.Add(-48*time.Hour).Unix(), c.now.AddDate(2, 0, 0).Unix()
	c.propose(name, ledger.Action{Accredit: &a}, 4, 0)
}

// fill gives the pages something to show.
func (c *council) fill() {
	c.t.Helper()
	m := c.members
	const card = "urn:zegel:personal-data:1"
	c.grant("issue", ledger.Accreditation{ID: "personal-data", Subject: m[0].did, Use: trust.Issue, Name: "Gemeente Voorbeeldstad", Types: []string{card}})
	c.grant("over-18", ledger.Accreditation{ID: "over-18", Subject: m[0].did, Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{card},
		Claims:  [][]byte{[]byte(`["age_equal_or_over","18"]`), []byte(`["age_over_18"]`)},
		Purpose: map[string]string{"nl": "Kijken of u oud genoeg bent om dit zelf aan te vragen.", "en": "See whether you are old enough to ask for this yourself."}, LegalBasis: "Verordening Voorbeeld 2026, artikel 4", KeepDays: 30})
	c.grant("name", ledger.Accreditation{ID: "name-and-birthdate", Subject: m[0].did, Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{card},
		Claims:  [][]byte{[]byte(`["birthdate"]`), []byte(`["family_name"]`), []byte(`["given_name"]`)},
		Purpose: map[string]string{"nl": "Uw afspraak terugvinden in onze agenda.", "en": "Find your appointment in our agenda."}, LegalBasis: "Verordening Balie 2026, artikel 3", KeepDays: 1})
	c.grant("resident", ledger.Accreditation{ID: "resident", Subject: m[0].did, Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{card},
		Claims:  [][]byte{[]byte(`["address","locality"]`)},
		Purpose: map[string]string{"nl": "Kijken of u recht heeft op de pas voor inwoners.", "en": "See whether you may have the pass for inhabitants."}, LegalBasis: "Verordening Voorbeeldpas 2026, artikel 2"})
	guest := newParty(c.t, "guest")
	write(c.t, c.url, guest.sign(c.t, ledger.Tx{Kind: ledger.CreateDID, DID: &guest.record}))
	c.grant("guest", ledger.Accreditation{ID: "all", Subject: guest.did, Use: trust.Ask, Name: "Bibliotheek Duinrade " + hostile, Types: []string{card, hostile},
		Purpose: map[string]string{"nl": hostile}, LegalBasis: hostile})
	c.propose("withdraw", ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: m[0].did, ID: "resident"}}, 4, 0)
	c.propose("open", ledger.Action{Accredit: &ledger.Accreditation{ID: "parking", Subject: m[1].did, Use: trust.Issue, Name: "Gemeente Duinrade",
		Types: []string{"urn:voorbeeld:parkeervergunning:1"}, From: c.now.Unix(), Until: c.now.AddDate(2, 0, 0).Unix()}}, 3, 1)
	c.propose("seat", ledger.Action{Remove: &ledger.Removal{DID: m[4].did}}, 1, 2)
	for i := range 3 {
		uri := fmt.Sprintf("https://voorbeeldstad.example/lists/%d", i+1)
		write(c.t, c.url, m[0].sign(c.t, c.list(uri, 1+i%2)))
		for k := range 40 / (i + 1) {
			change := &ledger.StatusChange{URI: uri}
			for x := range uint64(ledger.StatusBatch * 4) {
				change.Indices, change.Values = append(change.Indices, x*61+uint64(k)), append(change.Values, 1)
			}
			write(c.t, c.url, m[0].sign(c.t, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change}))
		}
	}
	m[0].record.NextKeyHash = ledger.KeyHash(m[0].next.Public().(ed25519.PublicKey))
	write(c.t, c.url, m[0].rotation(c.t, "later"))
}

func TestExplorer(t *testing.T) {
	c := newCouncilPages(t)
	c.fill()
	hexID := func(name string) string { return fmt.Sprintf("%x", c.id[name]) }
	guest := newParty(t, "guest").did
	pages := map[string][]string{
		"/":              {"Register van test", "Alles werkt", "Gemeente Duinrade", "Regio Merenland", "Gemeente Duinrade mag kaarten uitgeven", `<svg class="pace"`},
		"/organisations": {"Bibliotheek Duinrade", "Leest mee", "Bevestigt", "100%"},
		"/organisations/" + string(c.members[0].did): {"Kijken of u oud genoeg bent", "18 jaar of ouder: ja of nee", "Verordening Voorbeeld 2026, artikel 4", "30 dagen",
			"Beëindigd", "Persoonsgegevens", "#tx-later", "In gebruik", "https://member-1.example/issuer", "Lid sinds", "/proposals/" + hexID("over-18")},
		"/organisations/" + string(guest): {"&lt;script&gt;", "Alle gegevens van de kaart"},
		"/proposals":                      {"Aangenomen", "Open", "Regio Merenland is geen lid meer", "3 van 5 voor, 4 nodig", "365"},
		"/proposals/" + hexID("open"):     {"3 van de 5 leden zijn voor. Nog 1 nodig.", "Tegen", "Nog niet", "urn:voorbeeld:parkeervergunning:1", "&lt;script&gt;"},
		"/proposals/" + hexID("over-18"):  {"4 van de 5 leden zijn voor. Dat is genoeg.", "Aangenomen", "Kijken of u oud genoeg bent", "See whether you are old enough"},
		"/lists":                          {"3 lijsten", "32.768", "https://voorbeeldstad.example/lists/3", "%"},
		"/blocks":                         {"1 lijst bijgewerkt", "1 van 1", "Ouder"},
		"/blocks?before=30":               {"Nieuwer"},
		"/blocks/2":                       {"Getekend door 1 van 1", "/v1/light/2"},
		"/organisations?lang=en":          {`<html lang="en">`, "Signs"},
	}
	for path, wants := range pages {
		resp, body := header(t, c.url+path, "Accept-Language", "nl-NL,nl;q=0.9,en;q=0.8")
		page := string(body)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, page)
		}
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q", path, want)
			}
		}
		// Nothing that a stranger wrote is markup, and nothing comes from elsewhere.
		if strings.Contains(page, "<script>") || strings.Contains(page, "<img") || strings.Contains(page, "ZgotmplZ") || strings.Contains(page, " style=") ||
			strings.Contains(page, `src="http`) || strings.Contains(page, `href="http`) || strings.Contains(page, "&#34;registry.") {
			t.Errorf("%s: markup of others, or something from elsewhere: %s", path, page)
		}
		if strings.Count(page, "<h1") != 1 || strings.Contains(page, ">registry.") {
			t.Errorf("%s: headings or texts: %s", path, page)
		}
	}
	for path, want := range map[string]int{
		"/organisations/did:zegel:test:none": 404, "/organisations/x": 400, "/proposals/" + strings.Repeat("0", 64): 404, "/blocks/99999999": 404, "/blocks/0": 404,
		"/blocks?before=x": 400, "/lists?from=-1": 400, "/lists?from=500": 200, "/page.css": 200, "/assets/x/style.css": 404, "/other": 404,
	} {
		if status, body := fetch(t, c.url+path); status != want {
			t.Errorf("%s: status %d, want %d: %.300s", path, status, want, body)
		}
	}
	for accept, want := range map[string]string{"": "nl", "en-GB,en;q=0.9": "en", "de, en;q=0.5": "en", "fr": "nl", "nl": "nl", ";;,,": "nl"} {
		if _, body := header(t, c.url+"/", "Accept-Language", accept); !strings.Contains(string(body), `<html lang="`+want+`">`) {
			t.Errorf("%q: not in %s", accept, want)
		}
	}
}

var inPage = regexp.MustCompile(`(?:href|src)="([^"#][^"]*)"`)

// Every link of every page leads somewhere, also where the node stands under a path of a larger site.
func TestExplorerLinks(t *testing.T) {
	c := newCouncilPages(t)
	c.fill()
	mux := http.NewServeMux()
	mux.Handle("/some/registry/", http.StripPrefix("/some/registry", c.node.Handler()))
	srv := httptest.NewServer(web.Secure(mux, nil))
	defer srv.Close()
	seen := map[string]bool{}
	todo := []string{srv.URL + "/some/registry/"}
	pages := 0
	for len(todo) > 0 && pages < 120 {
		page := todo[0]
		todo = todo[1:]
		resp, body := header(t, page, "Accept-Language", "nl")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", page, resp.StatusCode)
		}
		if pages++; !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			continue
		}
		base, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inPage.FindAllStringSubmatch(string(body), -1) {
			to, err := base.Parse(html.UnescapeString(m[1]))
			if err != nil || !strings.HasPrefix(to.String(), srv.URL+"/some/registry/") {
				t.Fatalf("%s links to %q: %v", page, m[1], err)
			}
			if !seen[to.String()] {
				seen[to.String()] = true
				todo = append(todo, to.String())
			}
		}
	}
	if pages < 50 {
		t.Errorf("only %d pages are linked", pages)
	}
}

// A stop is on every page, and cannot be missed.
func TestExplorerStop(t *testing.T) {
	l := &look{n: nil, v: office.Visit{Lang: "nl"}, base: "."}
	now := time.Now()
	stop := ledger.Stop{ID: mustHash([]byte("x")), Grade: ledger.StopEverything, Why: hostile, Callers: []did.DID{"did:zegel:test:a", "did:zegel:test:b"},
		Called: now.Unix() - 60, From: now.Unix() - 30, Until: now.Unix() + 1000}
	raw, err := ledger.Encode([]ledger.Stop{stop, {ID: mustHash([]byte("y")), Grade: ledger.StopWrites, Callers: stop.Callers[:1], Called: now.Unix() - 10}})
	if err != nil {
		t.Fatal(err)
	}
	o := newOverlay(&snapshot{})
	o.set(ledger.KeyStops(), raw)
	l.x = &reader{overlay: o, s: &snapshot{height: 7, time: now}}
	halts := l.halts()
	if len(halts) != 1 || halts[0].Title != "Noodstop: alles staat stil" || halts[0].Why != hostile || halts[0].Until == "" {
		t.Errorf("%+v", halts)
	}
	on := 0
	for _, g := range l.grades() {
		if g.On {
			on++
			if g.Tone != "stop" || g.Text != "Alles stil" {
				t.Errorf("%+v", g)
			}
		}
	}
	if on != 1 {
		t.Errorf("%d grades are on", on)
	}
}

// A person who follows a broken link reads a page; a program gets a problem.
func TestNothingThere(t *testing.T) {
	_, n, _ := newNode(t, newWorld(t, 1))
	srv := httptest.NewServer(web.Secure(n.Handler(), nil))
	defer srv.Close()
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, c := range []struct{ path, accept, want string }{
		{"/nothing", browser, "text/html"}, {"/nothing", "", "application/problem+json"}, {"/nothing", "*/*", "application/problem+json"},
		{"/v1/nothing", browser, "application/problem+json"}, {"/v1", browser, "application/problem+json"},
	} {
		resp, body := header(t, srv.URL+c.path, "Accept", c.accept)
		if resp.StatusCode != http.StatusNotFound || !strings.HasPrefix(resp.Header.Get("Content-Type"), c.want) || len(body) == 0 {
			t.Errorf("%s for %q: %d %s", c.path, c.accept, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}
