package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// testBadCredentials is VCI-12.
func testBadCredentials(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	disclosure := "WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwiZXh0cmEiLCJ3YWFyZGUiXQ"
	for name, prepare := range map[string]func(*services){
		"wrong signature": func(s *services) {
			s.spoil = func(_ int, c string, _ crypto.PublicKey) string {
				head, rest, _ := strings.Cut(c, "~")
				i := strings.LastIndexByte(head, '.') + 10
				flipped := byte('A')
				if head[i] == 'A' {
					flipped = 'B'
				}
				return head[:i] + string(flipped) + head[i+1:] + "~" + rest
			}
		},
		"cnf not ours": func(s *services) {
			s.spoil = func(int, string, crypto.PublicKey) string { return s.issue(other.Public()) }
		},
		"one key twice": func(s *services) {
			var first crypto.PublicKey
			s.spoil = func(i int, c string, key crypto.PublicKey) string {
				if i == 0 {
					first = key
					return c
				}
				return s.issue(first)
			}
		},
		"other vct": func(s *services) { s.claims = func(c map[string]any) { c["vct"] = "urn:example:other:1" } },
		"key binding attached": func(s *services) {
			s.spoil = func(_ int, c string, _ crypto.PublicKey) string {
				parsed, err := sdjwt.Parse(c)
				if err != nil {
					t.Fatal(err)
				}
				bound, err := parsed.Bind(other, sdjwt.KeyBinding{Audience: "x", Nonce: "y", IssuedAt: time.Now()})
				if err != nil {
					t.Fatal(err)
				}
				return bound
			}
		},
		"unmatched disclosure": func(s *services) {
			s.spoil = func(_ int, c string, _ crypto.PublicKey) string { return c + disclosure + "~" }
		},
		"copies of two people": func(s *services) {
			n := 0
			s.claims = func(c map[string]any) { n++; c["given_name"] = fmt.Sprint("Persoon ", n) }
		},
		"expired":     func(s *services) { s.claims = func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() } },
		"not a token": func(s *services) { s.spoil = func(int, string, crypto.PublicKey) string { return "bm90aGluZw" } },
		"cnf missing": func(s *services) { s.claims = func(c map[string]any) { delete(c, "cnf") } },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			wal := w.wallet(nil)
			prepare(w.services)
			_, err := tryReceive(t, wal, w.offer(), "")
			if c := CategoryOf(err); c != CredentialInvalid {
				t.Errorf("category %q: %v", c, err)
			}
			if !slices.Equal(w.events, []string{"credential_failure"}) {
				t.Errorf("events %q", w.events)
			}
			if cards, err := wal.Cards(t.Context()); err != nil || len(cards) != 0 {
				t.Errorf("stored: %v, %v", cards, err)
			}
			for _, name := range names(t, wal, "") {
				if strings.HasPrefix(name, cardPrefix) || strings.HasPrefix(name, factPrefix) {
					t.Errorf("stored: %s", name)
				}
			}
			w.spoil, w.claims = nil, nil
			receive(t, wal, w.offer(), "")
			control(t, w, wal)
		})
	}
	t.Run("signed by another party", func(t *testing.T) {
		w := newWorld(t)
		mallory := foreign(t, "Mallory")
		wal := w.wallet(func(o *Options) { o.Foreign = []trust.Anchor{mallory.party.foreignAnchor()} })
		w.spoil = func(_ int, _ string, key crypto.PublicKey) string { return mallory.issue(key) }
		_, err := tryReceive(t, wal, w.offer(), "")
		if c := CategoryOf(err); c != IssuerUntrusted {
			t.Errorf("category %q: %v", c, err)
		}
		if cards, _ := wal.Cards(t.Context()); len(cards) != 0 || !slices.Equal(w.events, []string{"credential_failure"}) {
			t.Errorf("%v, events %q", cards, w.events)
		}
	})
}
