package sdjwt

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

// forge makes SD-JWTs that no honest issuer makes, with a good signature.
type forge struct {
	t       testing.TB
	issuer  *ecdsa.PrivateKey
	holder  *ecdsa.PrivateKey
	alg     string // of the digests
	payload map[string]any
	list    []string // disclosures in base64url
}

func newForge(t testing.TB) *forge {
	return &forge{t: t, issuer: newKey(t), holder: newKey(t), alg: algSHA256, payload: map[string]any{"iss": "https://issuer.example", "vct": "urn:example:person"}}
}

// disclose adds a disclosure and returns its digest.
func (f *forge) disclose(content any) string {
	f.t.Helper()
	text := encode(f.t, content)
	f.list = append(f.list, text)
	return digest(f.alg, text)
}

func encode(t testing.TB, content any) string {
	t.Helper()
	if s, ok := content.(string); ok {
		return base64.RawURLEncoding.EncodeToString([]byte(s))
	}
	b, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (f *forge) compact() string {
	f.t.Helper()
	payload := maps.Clone(f.payload)
	if f.alg != algSHA256 {
		payload[memberAlg] = f.alg
	}
	text, err := json.Marshal(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.sign(string(text))
}

func (f *forge) sign(payload string) string {
	f.t.Helper()
	jwt, err := jose.SignJWS(f.issuer, jose.Header{Type: "dc+sd-jwt"}, []byte(payload))
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.Join(append([]string{jwt}, f.list...), "~") + "~"
}

// claims is what a verifier does with a compact SD-JWT.
func (f *forge) claims(compact string) (map[string]any, error) {
	s, err := Parse(compact)
	if err != nil {
		return nil, err
	}
	if err := s.VerifySignature(&f.issuer.PublicKey); err != nil {
		return nil, err
	}
	return s.Claims()
}

func (f *forge) want(name string, want error) {
	f.t.Helper()
	f.wantOf(name, f.compact(), want)
}

func (f *forge) wantOf(name, compact string, want error) {
	f.t.Helper()
	claims, err := f.claims(compact)
	if !errors.Is(err, want) || want != nil && claims != nil {
		f.t.Errorf("%s: got %v, %v; want %v", name, claims, err, want)
	}
}

// good is a forge with a flat, a nested, a recursive and an array disclosure, and the control that it is good.
func good(t *testing.T) *forge {
	t.Helper()
	f := newForge(t)
	f.payload["_sd"] = []any{
		f.disclose([]any{"salt-1", "given_name", "Noor"}),
		f.disclose([]any{"salt-2", "address", map[string]any{"_sd": []any{f.disclose([]any{"salt-3", "locality", "Voorbeeldstad"})}}}),
	}
	f.payload["nested"] = map[string]any{"_sd": []any{f.disclose([]any{"salt-4", "a", 1}), digest(f.alg, "decoy")}}
	f.payload["list"] = []any{map[string]any{"...": f.disclose([]any{"salt-5", "NL"})}, "open", map[string]any{"...": digest(f.alg, "other decoy")}}
	compact := f.compact()
	t.Cleanup(func() {
		t.Helper()
		f.wantOf("control", compact, nil)
	})
	return f
}
