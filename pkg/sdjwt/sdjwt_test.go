package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// person is a made-up inhabitant with flat, nested, recursive and array disclosures.
func person() map[string]any {
	return map[string]any{
		"iss":         "https://issuer.example",
		"vct":         "urn:example:person",
		"given_name":  Selective{"Noor"},
		"family_name": Selective{"van Testdijk"},
		"address": Selective{map[string]any{
			"locality": Selective{"Voorbeeldstad"},
			"street":   Selective{"Proefstraat 1"},
			"country":  "NL",
		}},
		"age_equal_or_over": map[string]any{"18": Selective{true}, "65": Selective{false}},
		"nationalities":     []any{Selective{"NL"}, "EU", Selective{"BE"}},
		"degrees":           []any{Selective{map[string]any{"type": "MSc", "year": Selective{2001}}}, map[string]any{"type": "BSc"}},
	}
}

func TestRoundTrip(t *testing.T) {
	issuer, holder := newKey(t), newKey(t)
	s, err := Issue(issuer, jose.Header{Type: "dc+sd-jwt"}, person(), 2)
	if err != nil {
		t.Fatal(err)
	}
	s, err = Parse(s.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.VerifySignature(&issuer.PublicKey); err != nil {
		t.Fatal(err)
	}
	claims, err := s.Claims()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "https://issuer.example", "vct": "urn:example:person",
		"given_name": "Noor", "family_name": "van Testdijk",
		"address":           map[string]any{"locality": "Voorbeeldstad", "street": "Proefstraat 1", "country": "NL"},
		"age_equal_or_over": map[string]any{"18": true, "65": false},
		"nationalities":     []any{"NL", "EU", "BE"},
		"degrees":           []any{map[string]any{"type": "MSc", "year": json.Number("2001")}, map[string]any{"type": "BSc"}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Fatal(diff)
	}

	sel, err := s.Select([]Path{{"age_equal_or_over", "18"}})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := sel.Bind(holder, KeyBinding{Audience: "x509_hash:abc", Nonce: "n", IssuedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.VerifyKeyBinding(&holder.PublicKey, Expect{Audience: "x509_hash:abc", Nonce: "n", Now: now}); err != nil {
		t.Fatal(err)
	}
	claims, err = got.Claims()
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]any{
		"iss": "https://issuer.example", "vct": "urn:example:person",
		"age_equal_or_over": map[string]any{"18": true},
		"nationalities":     []any{"EU"},
		"degrees":           []any{map[string]any{"type": "BSc"}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Fatal(diff)
	}
}
