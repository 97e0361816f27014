//go:build unix

package sdjwt

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

// presentation is what the benchmarks verify: n disclosures, all shown, with a key binding.
type presentation struct {
	issuer, holder *ecdsa.PublicKey
	compact        string
	want           Expect
}

func newPresentation(tb testing.TB, n int) presentation {
	tb.Helper()
	issuer, holder := newKey(tb), newKey(tb)
	claims := map[string]any{
		"iss": "https://issuer.example", "vct": "urn:example:person", "iat": 1795132800, "exp": 1826668800,
		"cnf":    map[string]any{"jwk": &jose.JWK{Key: &holder.PublicKey}},
		"status": map[string]any{"status_list": map[string]any{"idx": 4711, "uri": "https://issuer.example/lists/1"}},
	}
	for i := range n {
		claims[fmt.Sprintf("claim_%03d", i)] = Selective{fmt.Sprintf("value of claim %d", i)}
	}
	s, err := Issue(issuer, jose.Header{Type: "dc+sd-jwt", KeyID: "key-1"}, claims, 0)
	if err != nil {
		tb.Fatal(err)
	}
	want := Expect{Audience: "x509_hash:Q1XKOTgHvNRgpLLTyiX7wEeGBE1cTAXDkyLFwM4Gfkg", Nonce: "AAAAAAAAAAAAAAAAAAAAAA", Now: now}
	compact, err := s.Bind(holder, KeyBinding{Audience: want.Audience, Nonce: want.Nonce, IssuedAt: now})
	if err != nil {
		tb.Fatal(err)
	}
	return presentation{&issuer.PublicKey, &holder.PublicKey, compact, want}
}

func (p presentation) verify() error {
	s, err := Parse(p.compact)
	if err != nil {
		return err
	}
	if err := s.VerifySignature(p.issuer); err != nil {
		return err
	}
	if _, err := s.Claims(); err != nil {
		return err
	}
	return s.VerifyKeyBinding(p.holder, p.want)
}

// floor is what nobody can save: the two raw verifications and the hashing of the same bytes.
func (p presentation) floor(tb testing.TB) func() {
	s, err := Parse(p.compact)
	if err != nil {
		tb.Fatal(err)
	}
	type part struct {
		key    *ecdsa.PublicKey
		signed []byte
		sig    []byte // ASN.1, which is what the raw verification takes
	}
	var parts []part
	jwt, _, _ := strings.Cut(s.compact, "~")
	for i, text := range []string{jwt, s.binding} {
		dot := strings.LastIndexByte(text, '.')
		raw, err := base64.RawURLEncoding.DecodeString(text[dot+1:])
		if err != nil {
			tb.Fatal(err)
		}
		parts = append(parts, part{[]*ecdsa.PublicKey{p.issuer, p.holder}[i], []byte(text[:dot]), asn1Signature(raw)})
	}
	var hashed [][]byte
	for _, d := range s.disclosures {
		hashed = append(hashed, []byte(d.text))
	}
	hashed = append(hashed, []byte(s.compact))
	return func() {
		for _, h := range hashed {
			sha256.Sum256(h)
		}
		for _, p := range parts {
			sum := sha256.Sum256(p.signed)
			if !ecdsa.VerifyASN1(p.key, sum[:], p.sig) {
				tb.Fatal("floor: bad signature")
			}
		}
	}
}

func asn1Signature(raw []byte) []byte {
	number := func(b []byte) []byte {
		for len(b) > 1 && b[0] == 0 {
			b = b[1:]
		}
		if b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	body := slices.Concat(number(raw[:len(raw)/2]), number(raw[len(raw)/2:]))
	return append([]byte{0x30, byte(len(body))}, body...)
}

func BenchmarkVerify10Disclosures(b *testing.B) {
	p := newPresentation(b, 10)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.verify(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRawFloor(b *testing.B) {
	floor := newPresentation(b, 10).floor(b)
	for b.Loop() {
		floor()
	}
}

// BenchmarkVerifyRatio measures the CPU time of both in turns, because a machine's speed changes while one waits,
// and reports the median of the ratios.
func BenchmarkVerifyRatio(b *testing.B) {
	p := newPresentation(b, 10)
	floor := p.floor(b)
	var ratios []float64
	for b.Loop() {
		const turns = 50
		start := cpu(b)
		for range turns {
			if err := p.verify(); err != nil {
				b.Fatal(err)
			}
		}
		middle := cpu(b)
		for range turns {
			floor()
		}
		ratios = append(ratios, (middle-start)/(cpu(b)-middle))
	}
	b.ReportMetric(median(ratios), "ratio")
}

func BenchmarkVerifyPerDisclosure(b *testing.B) {
	few, many := newPresentation(b, 10), newPresentation(b, 110)
	var extra []float64
	for b.Loop() {
		const turns = 20
		start := cpu(b)
		for range turns {
			if err := many.verify(); err != nil {
				b.Fatal(err)
			}
		}
		middle := cpu(b)
		for range turns {
			if err := few.verify(); err != nil {
				b.Fatal(err)
			}
		}
		ns := 1e9 * ((middle - start) - (cpu(b) - middle)) / turns / 100
		extra = append(extra, ns)
	}
	b.ReportMetric(median(extra), "ns/disclosure")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// cpu returns the seconds of processor time that this process has used, its garbage collection included.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
