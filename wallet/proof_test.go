package wallet

import (
	"errors"
	"testing"
	"time"
)

// The proof of an issuer can be read without a network, and the history says which card a line is about.
func TestProof(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	c := receive(t, wal, w.offer(), "")[0]
	link, _ := w.ask(defaultQuery(), nil)
	if _, err := present(t, wal, link).Share(t.Context(), Choice{}); err != nil {
		t.Fatal(err)
	}
	entries, err := wal.History(t.Context())
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d lines, %v", len(entries), err)
	}
	for _, e := range entries {
		if len(e.Cards) != 1 || e.Cards[0] != c.ID {
			t.Errorf("%s: cards %q", e.Kind, e.Cards)
		}
	}

	w.mu.Lock()
	clear(w.serve) // nobody is asked
	w.mu.Unlock()
	p, err := wal.Proof(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if p.Card != c.Name || p.Issuer != townName || !p.Registered || p.DID != w.town.did || p.GrantedBy != "" || p.Height != 99 || p.Proven.IsZero() {
		t.Errorf("%+v", p)
	}
	if from, until := w.now().AddDate(0, -6, 0), w.now().AddDate(1, 0, 0); p.From.Sub(from).Abs() > time.Minute || p.Until.Sub(until).Abs() > time.Minute {
		t.Errorf("from %v until %v", p.From, p.Until)
	}
	if _, err := wal.Proof(t.Context(), "x"); !errors.Is(err, ErrNoCard) {
		t.Errorf("no card: %v", err)
	}
}
