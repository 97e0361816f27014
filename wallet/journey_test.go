package wallet

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// control runs the good journey, so that no refusal in these tests passes because nothing works.
func control(t *testing.T, w *world, wal *Wallet) {
	t.Helper()
	link, a := w.ask(defaultQuery(), nil)
	if _, err := present(t, wal, link).Share(t.Context(), Choice{}); err != nil {
		t.Fatalf("control: %v", err)
	}
	if len(a.shown) != 1 {
		t.Fatalf("control: %d shown", len(a.shown))
	}
}

func TestJourney(t *testing.T) {
	w := newWorld(t)
	w.txt = "493817"
	wal := w.wallet(nil)
	i, err := wal.Receive(t.Context(), w.offer())
	if err != nil {
		t.Fatal(err)
	}
	if i.Issuer != townName || !i.Registered || i.TxCode == nil || !slices.Equal(i.Types, []string{"Persoonsgegevens"}) {
		t.Errorf("offer: %+v", i)
	}
	if _, err := i.Fetch(t.Context(), w.txt); err != nil {
		t.Fatal(err)
	}
	// Nothing is stored before the person agrees.
	if cards, err := wal.Cards(t.Context()); err != nil || len(cards) != 0 {
		t.Fatalf("before Accept: %v, %v", cards, err)
	}
	cards, err := i.Accept(t.Context())
	if err != nil || len(cards) != 1 {
		t.Fatalf("%v, %v", cards, err)
	}
	c := cards[0]
	if c.Name != "Persoonsgegevens" || c.Issuer != townName || !c.Registered || c.Copies != 3 || c.Status != "valid" || c.Reusable {
		t.Errorf("card: %+v", c)
	}
	if !slices.Equal(w.events, []string{"credential_accepted"}) {
		t.Errorf("events %q", w.events)
	}
	if _, err := i.Accept(t.Context()); err == nil {
		t.Error("accepted twice")
	}

	link, a := w.ask(defaultQuery(), nil)
	d := present(t, wal, link)
	if d.Verifier != townName || !d.Registered || d.Purpose["nl"] != "Leeftijd controleren" || d.LegalBasis == "" || len(d.Extra) != 0 {
		t.Errorf("request: %+v", d)
	}
	redirect, err := d.Share(t.Context(), Choice{})
	if err != nil || redirect == "" {
		t.Fatalf("%q, %v", redirect, err)
	}
	want := map[string]any{"age_equal_or_over": map[string]any{"18": true}}
	if diff := cmp.Diff(want, a.shown[0].Subject()); diff != "" {
		t.Error(diff)
	}
	if _, err := d.Share(t.Context(), Choice{}); err == nil || a.posts != 1 {
		t.Errorf("shared twice: %v, %d posts", err, a.posts)
	}

	// Each further proof takes a copy of its own, with its own key; the last one is announced.
	keys := map[string]bool{}
	for n := 2; n <= 3; n++ {
		link, b := w.ask(defaultQuery(), nil)
		d := present(t, wal, link)
		if last := d.Sets[0].Options[0].Answers[0].Cards[0].Last; last != (n == 3) {
			t.Errorf("copy %d: last is %v", n, last)
		}
		if _, err := d.Share(t.Context(), Choice{}); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*asked{a, b} {
			key, _ := p.shown[0].Holder.Thumbprint()
			keys[key] = true
		}
	}
	if len(keys) != 3 {
		t.Errorf("three proofs used %d keys", len(keys))
	}
	// No copy of a registered batch is shown twice without a word.
	link, b := w.ask(defaultQuery(), nil)
	d = present(t, wal, link)
	if m := d.Sets[0].Options[0].Answers[0].Cards[0]; !m.Reuse {
		t.Errorf("match: %+v", m)
	}
	var used *UsedError
	if _, err := d.Share(t.Context(), Choice{}); CategoryOf(err) != NoMatch || !errors.As(err, &used) || used.Card != "Persoonsgegevens" || b.posts != 0 {
		t.Errorf("reused silently: %v", err)
	}
	if _, err := d.Share(t.Context(), Choice{AllowReuse: true}); err != nil {
		t.Error(err)
	}

	// The same card again: the copies are replaced, there is still one card.
	again := receive(t, wal, w.offer(), w.txt)
	cards, _ = wal.Cards(t.Context())
	if len(cards) != 1 || cards[0].ID != c.ID || again[0].ID != c.ID || cards[0].Copies != 3 {
		t.Errorf("second issuance: %+v", cards)
	}
	control(t, w, wal)

	// Revoked, looked up, and not offered any more.
	w.mu.Lock()
	for n := range w.index + 1 {
		w.list.Set(n, statuslist.Invalid)
	}
	w.mu.Unlock()
	cards, err = wal.Refresh(t.Context())
	if err != nil || cards[0].Status != "revoked" || cards[0].Checked.IsZero() {
		t.Fatalf("refresh: %+v, %v", cards, err)
	}
	link, _ = w.ask(defaultQuery(), nil)
	if d := present(t, wal, link); len(d.Sets) != 0 {
		t.Error("a revoked card is offered")
	}
}

func TestRefreshNeedsTheIssuersKey(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	mallory := stranger(t, "Mallory", time.Now())
	good := w.serve["/status"]
	w.serve["/status"] = foreignStatus(w.services, mallory)
	cards, err := wal.Refresh(t.Context())
	if err != nil || cards[0].Status != "valid" || !cards[0].Checked.IsZero() {
		t.Errorf("list of a stranger: %+v, %v", cards, err)
	}
	w.serve["/status"] = good
	if cards, err = wal.Refresh(t.Context()); err != nil || cards[0].Checked.IsZero() {
		t.Errorf("control: %+v, %v", cards, err)
	}
	w.mu.Lock()
	w.list.Set(2, statuslist.Suspended)
	w.mu.Unlock()
	if cards, err = wal.Refresh(t.Context()); err != nil || cards[0].Status != "suspended" {
		t.Errorf("suspended: %+v, %v", cards, err)
	}
}

func TestForeign(t *testing.T) {
	w := newWorld(t)
	f := foreign(t, "Bibliotheek Elders")
	f.txt = "1234"
	// Without its anchor the issuer is refused before any code is asked or sent.
	wal := w.wallet(nil)
	if _, err := wal.Receive(t.Context(), f.offer()); CategoryOf(err) != IssuerUntrusted || f.tokens != 0 {
		t.Errorf("unknown issuer: %v, %d token requests", err, f.tokens)
	}
	wal = w.wallet(func(o *Options) { o.Foreign = []trust.Anchor{f.party.foreignAnchor()} })
	cards := receive(t, wal, f.offer(), f.txt)
	if cards[0].Registered || !cards[0].Reusable || cards[0].Issuer != "Bibliotheek Elders" {
		t.Errorf("card: %+v", cards[0])
	}
	for n := range 2 {
		link, a := f.ask(defaultQuery(), nil)
		d := present(t, wal, link)
		if d.Registered || d.Verifier != "Bibliotheek Elders" {
			t.Errorf("%+v", d)
		}
		if _, err := d.Share(t.Context(), Choice{}); CategoryOf(err) != RequestUntrusted || a.posts != 0 {
			t.Fatalf("unregistered without a word: %v", err)
		}
		if _, err := d.Share(t.Context(), Choice{AllowUnregistered: true}); err != nil || len(a.shown) != 1 {
			t.Fatalf("time %d: %v", n+1, err)
		}
	}
	if cards, err := wal.Refresh(t.Context()); err != nil || cards[0].Checked.IsZero() {
		t.Errorf("refresh: %+v, %v", cards, err)
	}
	// A wrong code: nothing is stored, and the category says who refused.
	i, err := wal.Receive(t.Context(), f.offer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Fetch(t.Context(), "9999"); CategoryOf(err) != EndpointRefused || !errors.Is(err, ErrWrongCode) {
		t.Errorf("wrong code: %v", err)
	}
	if _, err := i.Fetch(t.Context(), f.txt); err != nil {
		t.Errorf("the right code after a wrong one: %v", err)
	}
}
