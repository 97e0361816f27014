package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
)

var categories = []Category{Malformed, TooLarge, BadSignature, UntrustedIssuer, BadDisclosure, HolderBinding, Replayed, WrongAudience, NotYetValid, Expired,
	Revoked, Suspended, StatusUnavailable, QueryUnsatisfied, RegistryUnproven, RegistryUnavailable}

func FuzzPresent(f *testing.F) {
	k := newKit(f)
	good := k.present(f)
	c := k.card()
	signed := c.sign(f)
	known := []string{
		good, k.present(f, byKid(string(k.did)+"#issuer")), k.present(f, func(c *card) { c.claims["address"] = map[string]any{"_sd": []string{"x"}} }),
	}
	for _, s := range append(slices.Clone(known), signed, "", "~", strings.Replace(good, "~", "~~", 1), k.present(f, func(c *card) { c.claims["cnf"] = 1 })) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := k.validator().Present(context.Background(), s, want)
		if err == nil { // nobody else has the keys
			if !slices.Contains(known, s) {
				t.Errorf("accepted %q", s)
			}
			return
		}
		if !slices.Contains(categories, CategoryOf(err)) || p != nil {
			t.Errorf("%v", err)
		}
	})
}

// FuzzClaims signs what the fuzzer makes, so that it gets past the signature.
func FuzzClaims(f *testing.F) {
	k := newKit(f)
	c := k.card()
	f.Add(marshal(f, c.header), marshal(f, c.claims), `["c2FsdDk","a",1]`)
	f.Add(`{"alg":"ES256","typ":"dc+sd-jwt","kid":"`+string(k.did)+`#issuer"}`, marshal(f, c.claims), `["c2FsdDk",1]`)
	f.Add(marshal(f, c.header), `{"_sd_alg":"sha-512","_sd":["x"]}`, `[]`)
	f.Fuzz(func(t *testing.T, head, body, disclosure string) {
		signed := join(jwt(t, head, body, k.key), disclose(disclosure))
		for _, compact := range []string{signed, k.bind(t, signed)} {
			p, err := k.validator().Present(context.Background(), compact, want)
			if err != nil && (!slices.Contains(categories, CategoryOf(err)) || p != nil) {
				t.Errorf("%v", err)
			}
		}
	})
}

func BenchmarkPresent(b *testing.B) {
	k := newKit(b)
	compact := k.present(b)
	v := k.validator()
	for b.Loop() {
		if _, err := v.Present(context.Background(), compact, want); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRaw is what two ES256 signatures cost by themselves, for comparison.
func BenchmarkRaw(b *testing.B) {
	k := p256(b, "issuer")
	sum := sha256.Sum256([]byte("x"))
	sig, err := ecdsa.SignASN1(rand.Reader, k, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for range 2 {
			if !ecdsa.VerifyASN1(&k.PublicKey, sum[:], sig) {
				b.Fatal("does not verify")
			}
		}
	}
}
