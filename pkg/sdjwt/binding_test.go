package sdjwt

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

const client = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk"

// bound is a presentation whose key binding can be forged, and the control that the honest one is good.
type bound struct {
	t      *testing.T
	holder *ecdsa.PrivateKey
	s      *SDJWT
	want   Expect
}

func newBound(t *testing.T) *bound {
	t.Helper()
	return boundTo(t, good(t))
}

func boundTo(t *testing.T, f *forge) *bound {
	t.Helper()
	s, err := Parse(f.compact())
	if err != nil {
		t.Fatal(err)
	}
	p := &bound{t, f.holder, s, Expect{Audience: client, Nonce: "nonce-of-this-session", Now: now}}
	t.Cleanup(func() {
		t.Helper()
		p.check("control", p.bind(KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now}), nil)
	})
	return p
}

func (p *bound) bind(kb KeyBinding) string {
	p.t.Helper()
	compact, err := p.s.Bind(p.holder, kb)
	if err != nil {
		p.t.Fatal(err)
	}
	return compact
}

func (p *bound) check(name, compact string, want error) {
	p.t.Helper()
	s, err := Parse(compact)
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	if err := s.VerifyKeyBinding(&p.holder.PublicKey, p.want); !errors.Is(err, want) || (err == nil) != (want == nil) {
		p.t.Errorf("%s: got %v, want %v", name, err, want)
	}
}

// wantClaims checks a key binding JWT with a good signature in which the given members replace the good ones.
func (p *bound) wantClaims(name, members string, want error) {
	p.t.Helper()
	good := map[string]string{"iat": fmt.Sprint(now.Unix()), "aud": `"` + client + `"`, "nonce": `"` + p.want.Nonce + `"`, "sd_hash": `"` + digest(p.s.alg, p.s.compact) + `"`}
	var list []string
	for member, value := range good {
		if !strings.Contains(members, `"`+member+`":`) {
			list = append(list, `"`+member+`":`+value)
		}
	}
	if members != "" {
		list = append(list, members)
	}
	p.check(name, p.s.compact+p.sign("kb+jwt", "{"+strings.Join(list, ",")+"}"), want)
}

func (p *bound) sign(typ, payload string) string {
	p.t.Helper()
	jwt, err := jose.SignJWS(p.holder, jose.Header{Type: typ}, []byte(payload))
	if err != nil {
		p.t.Fatal(err)
	}
	return jwt
}

func testKB01(t *testing.T) {
	p := newBound(t)
	p.check("stripped", p.s.compact, ErrHolderBinding)
	if p.s.HasKeyBinding() {
		t.Error("HasKeyBinding without one")
	}
}

func testKB02(t *testing.T) {
	p := newBound(t)
	for _, nonce := range []string{"random", "nonce-of-another-session", "", "nonce-of-this-sessio"} {
		p.check(nonce, p.bind(KeyBinding{Audience: client, Nonce: nonce, IssuedAt: now}), ErrNonce)
	}
	p.wantClaims("absent", `"x":1,"nonce":null`, ErrNonce)
	p.wantClaims("array", `"nonce":["`+p.want.Nonce+`"]`, ErrNonce)
	p.wantClaims("twice", `"nonce":"a","nonce":"`+p.want.Nonce+`"`, ErrHolderBinding)
	// A verifier that forgot its nonce accepts nothing.
	compact := p.bind(KeyBinding{Audience: client, Nonce: "", IssuedAt: now})
	s, err := Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.VerifyKeyBinding(&p.holder.PublicKey, Expect{Audience: client, Now: now}); !errors.Is(err, ErrNonce) {
		t.Errorf("empty nonce: %v", err)
	}
}

func testKB03(t *testing.T) {
	p := newBound(t)
	bare := strings.TrimPrefix(client, "x509_hash:")
	for _, aud := range []string{"x509_hash:other", bare, "", client + "/", strings.ToUpper(client)} {
		p.check(aud, p.bind(KeyBinding{Audience: aud, Nonce: p.want.Nonce, IssuedAt: now}), ErrAudience)
	}
	p.wantClaims("array of both", `"aud":["x509_hash:other","`+client+`"]`, ErrAudience)
	p.wantClaims("array of one", `"aud":["`+client+`"]`, ErrAudience)
	p.wantClaims("null", `"aud":null`, ErrAudience)
}

func testKB04(t *testing.T) {
	p := newBound(t)
	compact := p.bind(KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now})
	parts := strings.Split(compact, "~")
	kb := parts[len(parts)-1]
	p.check("removed", strings.Join(append(parts[:1:1], parts[2:]...), "~"), ErrHolderBinding)
	p.check("added", p.s.compact+"WyJzYWx0IiwgImEiLCAxXQ~"+kb, ErrHolderBinding)
	parts[1], parts[2] = parts[2], parts[1]
	p.check("exchanged", strings.Join(parts, "~"), ErrHolderBinding)
	for _, sum := range []string{`""`, `null`, `1`, `"` + digest(algSHA256, strings.TrimSuffix(p.s.compact, "~")) + `"`} {
		p.wantClaims(sum, `"sd_hash":`+sum, ErrHolderBinding)
	}
}

func testKB05(t *testing.T) {
	p := newBound(t)
	for off, want := range map[time.Duration]error{
		-8760 * time.Hour: ErrHolderBinding, 8760 * time.Hour: ErrHolderBinding, 24 * time.Hour: ErrHolderBinding, -24 * time.Hour: ErrHolderBinding,
		-301 * time.Second: ErrHolderBinding, 61 * time.Second: ErrHolderBinding, -299 * time.Second: nil, 59 * time.Second: nil,
	} {
		p.check(off.String(), p.bind(KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now.Add(off)}), want)
	}
}

func testKB06(t *testing.T) {
	p := newBound(t)
	payload := fmt.Sprintf(`{"iat":%d,"aud":%q,"nonce":%q,"sd_hash":%q}`, now.Unix(), client, p.want.Nonce, digest(p.s.alg, p.s.compact))
	for _, typ := range []string{"", "JWT", "dc+sd-jwt", "KB+JWT", "kb-jwt", "application/kb+jwt"} {
		p.check(typ, p.s.compact+p.sign(typ, payload), ErrHolderBinding)
	}
	p.check("kb+jwt", p.s.compact+p.sign("kb+jwt", payload), nil)
	p.check("not an object", p.s.compact+p.sign("kb+jwt", "[]"), ErrHolderBinding)
	p.check("empty", p.s.compact+p.sign("kb+jwt", ""), ErrHolderBinding)
}

func testKB07(t *testing.T) {
	p := newBound(t)
	other, err := p.s.Bind(newKey(t), KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	p.check("other key", other, ErrHolderBinding)
	good := p.bind(KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now})
	p.check("no signature", good[:strings.LastIndexByte(good, '.')+1], ErrHolderBinding)
	none := encode(t, `{"alg":"none","typ":"kb+jwt"}`)
	last := strings.LastIndexByte(good, '~')
	_, rest, _ := strings.Cut(good[last:], ".")
	body, _, _ := strings.Cut(rest, ".")
	p.check("alg none", good[:last+1]+none+"."+body+".", ErrHolderBinding)
}

func testKB09(t *testing.T) {
	f := newForge(t)
	f.alg = "sha-512"
	f.payload["_sd"] = []any{f.disclose([]any{"salt", "given_name", "Noor"})}
	p := boundTo(t, f)
	p.wantClaims("sha-256", `"sd_hash":"`+digest(algSHA256, p.s.compact)+`"`, ErrHolderBinding)
	p.wantClaims("sha-512", `"sd_hash":"`+digest("sha-512", p.s.compact)+`"`, nil)
}

func testKB10(t *testing.T) {
	p := newBound(t)
	response := p.bind(KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now})
	p.want.Nonce = "nonce-of-a-new-session"
	p.check("replayed", response, ErrNonce)
}

func testKB11(t *testing.T) {
	p := newBound(t)
	data := []string{"eyJ0eXBlIjoib25lIn0", "eyJ0eXBlIjoidHdvIn0"}
	p.want.TransactionData = data
	one, two := TransactionDataHash(data[0]), TransactionDataHash(data[1])
	kb := KeyBinding{Audience: client, Nonce: p.want.Nonce, IssuedAt: now, TransactionDataHashes: []string{one, two}}
	good := p.bind(kb)
	p.check("good", good, nil)
	p.wantClaims("absent", "", ErrHolderBinding)
	decoded := []string{digest(algSHA256, `{"type":"one"}`), digest(algSHA256, `{"type":"two"}`)}
	for name, hashes := range map[string][]string{"short": {one}, "long": {one, two, two}, "decoded bytes": decoded, "one twice": {one, one}, "other order": {two, one}} {
		kb.TransactionDataHashes = hashes
		p.check(name, p.bind(kb), ErrHolderBinding)
	}
	p.wantClaims("other algorithm", `"transaction_data_hashes_alg":"sha-512","transaction_data_hashes":["`+one+`","`+two+`"]`, ErrHolderBinding)
	p.wantClaims("no algorithm", `"transaction_data_hashes":["`+one+`","`+two+`"]`, nil)
	p.wantClaims("a string", `"transaction_data_hashes":"`+one+`"`, ErrHolderBinding)
	p.want.TransactionData = nil // the control has none
}
