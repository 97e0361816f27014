package vm

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/verifier"
)

// TestTown is renewal and erasure, as the screens show them, beside a live town.
func TestTown(t *testing.T) {
	p := newPlace(t)
	saar, joris, amir := p.inhabitant("voorbeeld-1"), p.inhabitant("voorbeeld-2"), p.inhabitant("voorbeeld-4")
	t.Run("faces", func(t *testing.T) { p.faces(t, saar) })
	t.Run("a card from close by", func(t *testing.T) { p.closeBy(t, p.inhabitant("voorbeeld-5")) })
	t.Run("trying again", func(t *testing.T) { p.retries(t, p.inhabitant("voorbeeld-5")) })
	t.Run("renewal by itself", func(t *testing.T) { p.renewal(t, saar) })
	t.Run("erasure", func(t *testing.T) { p.erasure(t, saar) })
	p.shares(joris, 9)
	p.shares(amir, 9)

	p.again(verifier.Duty{LegalBasis: "Archiefwet 1995", Days: 2555}, func(people []map[string]any) []map[string]any {
		var left []map[string]any
		for _, s := range people {
			switch s["id"] {
			case "voorbeeld-2":
				s["claims"].(map[string]any)["address"] = map[string]any{"locality": "Proefdorp"}
			case "voorbeeld-4":
				continue // moved away
			}
			left = append(left, s)
		}
		return left
	})
	t.Run("changed data", func(t *testing.T) { p.changed(t, joris) })
	t.Run("the issuer refuses", func(t *testing.T) { p.refused(t, amir) })
	t.Run("a law says to keep it", func(t *testing.T) { p.duty(t, saar) })
}

// renewal: a card with one copy left is renewed when it is calm, which is told; by hand it goes at any time.
func (p *place) renewal(t *testing.T, a *App) {
	if a.Unseen() || len(p.notices(a).Items) != 0 {
		t.Error("notices in a new wallet")
	}
	p.shares(a, 9)
	if !a.Unseen() {
		t.Error("no mark at the last copy")
	}
	s := p.notices(a)
	if got := noticed(s); strings.Join(got, " ") != "last" || !strings.Contains(s.Items[0].Text, "haal nieuwe kopieën op") {
		t.Errorf("notices %+v", s.Items)
	}
	if a.Unseen() {
		t.Error("seen, and still marked")
	}

	a.calm = time.Now().Add(time.Minute) // just opened
	a.Tick()
	if got := p.card(a).Copies; got != 1 {
		t.Fatalf("renewed before it was calm: %d copies", got)
	}
	a.calm = time.Time{}
	a.Link(p.ask())
	a.Tick()
	share := on[*Share](t, a)
	if share.Last == "" || a.calm.Before(time.Now().Add(calmJourney-time.Minute)) {
		t.Errorf("during a request: last copy %q, calm from %v", share.Last, a.calm)
	}
	share.Stop()
	share.Done()
	a.calm = time.Time{}
	a.SetPrefs(func(p *Prefs) { p.ByHand = true })
	a.Tick()
	if got := p.card(a).Copies; got != 1 {
		t.Fatalf("renewed although the person does that: %d copies", got)
	}
	a.SetPrefs(func(p *Prefs) { p.ByHand = false })
	card := p.card(a)
	a.calm = time.Time{}
	a.Tick()
	if card.Copies != 10 || on[*Card](t, a) != card || card.Busy {
		t.Fatalf("not renewed: %d copies", card.Copies)
	}
	if !a.Unseen() {
		t.Error("renewed, and no mark")
	}
	if got := noticed(p.notices(a)); strings.Join(got, " ") != "renewed" {
		t.Errorf("notices %q", got)
	}
	if l := lines(t, a).Lines[0]; l.Kind != "renewed" {
		t.Errorf("%+v", l)
	}
	lines(t, a).Open(0)
	if e := on[*Event](t, a); !e.Entry.Auto || !strings.Contains(e.Story(), "vanzelf") || e.CanWrite() {
		t.Errorf("%+v", e)
	}

	// Not again within minutes; a person may at any time.
	p.shares(a, 9)
	before := len(lines(t, a).Lines)
	for range 3 {
		a.calm = time.Time{}
		a.Tick()
	}
	if n := len(lines(t, a).Lines); n != before {
		t.Errorf("%d lines more", n-before)
	}
	s = p.notices(a)
	if got := noticed(s); strings.Join(got, " ") != "last renewed" {
		t.Fatalf("notices %q", got)
	}
	s.Open(s.Items[0])
	card = on[*Card](t, a)
	card.Renew()
	if card.Copies != 10 || !card.Renewed || card.Problem != nil {
		t.Errorf("by hand: %d copies, %+v", card.Copies, card.Problem)
	}

	// What was seen stays seen after the wallet was closed.
	p.notices(a)
	a.LockNow()
	digits(on[*Lock](t, a), goodPIN)
	if a.Unseen() {
		t.Error("seen before it was locked, and marked again")
	}
}

// erasure: the counter deletes, signs that it did, and then knows nothing any more.
func (p *place) erasure(t *testing.T, a *App) {
	s := lines(t, a)
	if l := s.Lines; len(l) == 0 {
		t.Fatal("no lines")
	}
	s.SetFilter("shared")
	s.Open(s.Lines[0].N)
	e := on[*Event](t, a)
	if !e.CanErase() || len(e.Answers()) != 0 || !e.CanWrite() || !e.Tells() || e.Party != "Gemeente Voorbeeldstad" || e.Kept() == "" {
		t.Fatalf("%+v", e)
	}
	if facts := e.Facts(); len(facts) != 1 || facts[0] != "18 jaar of ouder" {
		t.Errorf("facts %q", facts)
	}
	e.AskErase()
	answers := e.Answers()
	if e.Problem != nil || e.Busy || len(answers) != 1 || !answers[0].Good || !strings.HasPrefix(answers[0].Head, "Verwijderd op "+a.date(time.Now())) {
		t.Fatalf("%+v, %+v", answers, e.Problem)
	}
	if e.CanErase() || e.Kept() != "Niet meer" {
		t.Errorf("after the last answer: can ask %v, kept %q", e.CanErase(), e.Kept())
	}
	receipt := e.Receipt()
	for _, want := range []string{"Gemeente Voorbeeldstad", "18 jaar of ouder", a.date(time.Now()), "Waarom: ", "Nummer: ", "Verwijderd op ", e.Entry.Erasures[0].Signed} {
		if !strings.Contains(receipt, want) {
			t.Errorf("%q is not in the receipt:\n%s", want, receipt)
		}
	}
	e.WasCopied()
	if !e.Copied {
		t.Error("no word that it was copied")
	}
	e.Report()
	letter := on[*Letter](t, a)
	for _, want := range []string{"Autoriteit Persoonsgegevens", "Gemeente Voorbeeldstad", "18 jaar of ouder", "de gegevens zijn gewist", "[uw naam]"} {
		if !strings.Contains(letter.Text, want) {
			t.Errorf("%q is not in the letter:\n%s", want, letter.Text)
		}
	}
	if !strings.HasPrefix(letter.Name, "brief-2") || !strings.HasSuffix(letter.Name, ".txt") {
		t.Errorf("file %q", letter.Name)
	}
	letter.WasSaved(os.ErrPermission)
	if letter.Problem == nil || letter.Saved {
		t.Error("no word that it was not saved")
	}
	letter.WasSaved(nil)
	if letter.Problem != nil || !letter.Saved {
		t.Error("no word that it was saved")
	}
	a.Back()
	if on[*Event](t, a) != e {
		t.Error("back from the letter is not the line")
	}

	// Forgotten: the line stays, nobody can be asked.
	s = lines(t, a)
	s.SetFilter("shared")
	s.Open(s.Lines[1].N)
	e = on[*Event](t, a)
	if err := a.wallet.ForgetReceipt(t.Context(), e.Entry.ID); err != nil {
		t.Fatal(err)
	}
	e.AskErase()
	if e.Problem == nil || len(e.Answers()) != 0 {
		t.Errorf("asked with a receipt that was forgotten: %+v", e.Answers())
	}
	s = lines(t, a)
	s.SetFilter("shared")
	s.Open(s.Lines[1].N)
	if e = on[*Event](t, a); e.CanErase() || len(e.Facts()) != 1 {
		t.Errorf("%+v", e)
	}

	// All at once, from what the organisation knows.
	lines(t, a).Learned()
	known := on[*Learned](t, a)
	if len(known.Parties) != 1 || known.Parties[0].Times != 18 || len(known.Parties[0].Facts) != 1 {
		t.Fatalf("%+v", known.Parties)
	}
	known.Open(0)
	k := on[*Known](t, a)
	if k.CanAsk != 16 || len(k.Lines) != 18 {
		t.Fatalf("can ask about %d of %d", k.CanAsk, len(k.Lines))
	}
	k.AskErase()
	if k.Problem != nil || k.CanAsk != 0 || k.Busy {
		t.Errorf("%+v, %d left to ask", k.Problem, k.CanAsk)
	}
	// One line has no receipt any more, so nobody signed that it is gone.
	if len(k.Facts) != 1 || !strings.HasPrefix(k.Lines[2].What, "Verwijderd op ") {
		t.Errorf("%+v", k)
	}
	k.Open(2)
	if e := on[*Event](t, a); len(e.Answers()) != 1 {
		t.Errorf("%+v", e.Answers())
	}
	a.Back()
	a.Back()
	on[*Learned](t, a)
}

// changed: what new copies say otherwise waits for the person, whose no holds and whose yes replaces.
func (p *place) changed(t *testing.T, a *App) {
	town := func(c *Card) string {
		for _, v := range c.Values {
			if v.Path == "address.locality" {
				return v.Text
			}
		}
		return ""
	}
	a.Go(PlaceCards)
	a.calm = time.Time{}
	a.Tick()
	if c := p.card(a); town(c) != "Voorbeeldstad" || c.Copies != 1 {
		t.Fatalf("replaced without a word: %q, %d copies", town(c), c.Copies)
	}
	s := p.notices(a)
	if got := noticed(s); strings.Join(got, " ") != "changed" {
		t.Fatalf("notices %q", got)
	}
	s.Open(s.Items[0])
	c := on[*Card](t, a)
	if len(c.Changes) != 1 || c.Changes[0].Old != "Voorbeeldstad" || c.Changes[0].New != "Proefdorp" || c.Copies != 1 {
		t.Fatalf("%+v", c.Changes)
	}
	c.KeepOld()
	if town(c) != "Voorbeeldstad" || c.Copies != 1 || c.Renewed {
		t.Errorf("after no: %q, %d copies", town(c), c.Copies)
	}
	if got := noticed(p.notices(a)); strings.Join(got, " ") != "last" {
		t.Errorf("notices after no: %q", got)
	}
	a.calm = time.Time{}
	a.Tick()
	if l := lines(t, a).Lines[0]; l.Kind != "refused" || !strings.HasPrefix(l.What, "Niet vervangen: ") {
		t.Errorf("%+v", l)
	}
	c = p.card(a)
	c.Renew()
	c.TakeNew()
	if town(c) != "Proefdorp" || c.Copies != 10 || !c.Renewed {
		t.Errorf("after yes: %q, %d copies, %+v", town(c), c.Copies, c.Problem)
	}
	if got := noticed(p.notices(a)); len(got) != 0 {
		t.Errorf("notices after yes: %q", got)
	}
}

// refused: an issuer that says no is not asked again, and the person hears where to go.
func (p *place) refused(t *testing.T, a *App) {
	a.Go(PlaceCards)
	before := len(lines(t, a).Lines)
	for range 3 {
		a.calm = time.Time{}
		a.Tick()
	}
	s := lines(t, a)
	if len(s.Lines) != before+1 || !strings.HasPrefix(s.Lines[0].What, "Niet vernieuwd: ") {
		t.Errorf("%d lines more: %+v", len(s.Lines)-before, s.Lines[0])
	}
	s.Open(s.Lines[0].N)
	if e := on[*Event](t, a); !strings.Contains(e.Story(), "Er is niets veranderd aan uw kaarten.") || e.CanWrite() {
		t.Errorf("%q", e.Story())
	}
	n := p.notices(a)
	if got := noticed(n); strings.Join(got, " ") != "last" || !strings.Contains(n.Items[0].Text, "Vraag nieuwe bij Gemeente Voorbeeldstad") {
		t.Errorf("%+v", n.Items)
	}
	if c := p.card(a); c.Copies != 1 || c.Renewable {
		t.Errorf("%d copies, renewable %v", c.Copies, c.Renewable)
	}
}

// duty: a law that says to keep it is an answer too, with its name and date, and one can ask again.
func (p *place) duty(t *testing.T, a *App) {
	p.shares(a, 1)
	s := lines(t, a)
	s.Open(0)
	e := on[*Event](t, a)
	e.AskErase()
	answers := e.Answers()
	if e.Problem != nil || len(answers) != 1 {
		t.Fatalf("%+v, %+v", answers, e.Problem)
	}
	year := time.Now().AddDate(0, 0, 2555).Format("2006")
	if x := answers[0]; x.Good || !strings.HasPrefix(x.Head, "Wordt bewaard tot ") || !strings.HasSuffix(x.Head, year) || x.Basis != "Archiefwet 1995" {
		t.Errorf("%+v", x)
	}
	if !e.CanErase() {
		t.Error("one cannot ask again")
	}
	s = lines(t, a)
	s.Open(0)
	if again := on[*Event](t, a).Answers(); len(again) != 1 || again[0].Head != answers[0].Head {
		t.Errorf("not kept: %+v", again)
	}
	e.Report()
	if text := on[*Letter](t, a).Text; !strings.Contains(text, "geweigerd. Reden: Archiefwet 1995.") {
		t.Errorf("letter:\n%s", text)
	}
}
