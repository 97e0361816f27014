package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// The examples of RFC 9449, Sections 4.1 and 7.1.
const (
	rfcTokenProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	rfcUseProof   = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	rfcToken      = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	rfcThumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

func TestDPoPExamples(t *testing.T) {
	for _, test := range []struct {
		name, proof, method, uri, token string
		at                              int64
	}{
		{"token request", rfcTokenProof, "POST", "https://server.example.com/token", "", 1562262616},
		{"protected resource", rfcUseProof, "GET", "https://resource.example.org/protectedresource", rfcToken, 1562262618},
	} {
		p, err := VerifyDPoP(test.proof, test.method, test.uri, test.token, time.Unix(test.at, 0))
		if err != nil || p.Thumbprint != rfcThumbprint || p.Nonce != "" {
			t.Errorf("%s: %+v, %v", test.name, p, err)
		}
		if _, err := VerifyDPoP(test.proof, test.method, test.uri, "another", time.Unix(test.at, 0)); err == nil {
			t.Errorf("%s: goes with another token", test.name)
		}
	}
}

const testURI = "https://issuer.example/issuer/t/token"

var testNow = time.Date(2026, 11, 20, 13, 14, 15, 0, time.UTC)

func testKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t testing.TB, key crypto.Signer, h jose.Header, claims any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jose.SignJWS(key, h, payload)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestVerifyDPoP(t *testing.T) {
	key := testKey(t)
	ed := ed25519.NewKeyFromSeed(make([]byte, 32))
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	header := func(k crypto.Signer) jose.Header { return jose.Header{Type: TypeDPoP, JWK: &jose.JWK{Key: k.Public()}} }
	type claims map[string]any
	with := func(change claims) claims {
		c := claims{"jti": "a", "htm": "POST", "htu": testURI, "iat": testNow.Unix(), "ath": tokenHash("token")}
		for name, v := range change {
			c[name] = v
			if v == nil {
				delete(c, name)
			}
		}
		return c
	}
	good := signed(t, key, header(key), with(nil))
	part := strings.Split(good, ".")
	private := `{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}}`
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, test := range []struct{ name, proof, want string }{
		{"good", good, ""},
		{"other spelling of the address", signed(t, key, header(key), with(claims{"htu": "HTTPS://Issuer.Example:443/issuer/t/token?x=1#y"})), ""},
		{"oldest", signed(t, key, header(key), with(claims{"iat": testNow.Add(-dpopAge).Unix()})), ""},
		{"with a kid too", signed(t, key, jose.Header{Type: TypeDPoP, KeyID: "k", JWK: &jose.JWK{Key: key.Public()}}, with(nil)), ""},
		{"empty", "", "not a usable JWT"},
		{"two proofs in one", good + "," + good, "not a usable JWT"},
		{"too large", signed(t, key, header(key), with(claims{"x": strings.Repeat("x", maxDPoP)})), "not a usable JWT"},
		{"private key", encode(private) + "." + part[1] + "." + part[2], "not a usable JWT"},
		{"member twice", part[0] + "." + encode(`{"jti":"a","jti":"b"}`) + "." + part[2], "signature"},
		{"typ", signed(t, key, jose.Header{Type: "JWT", JWK: &jose.JWK{Key: key.Public()}}, with(nil)), "typ"},
		{"no key", signed(t, key, jose.Header{Type: TypeDPoP}, with(nil)), "no jwk"},
		{"another's key", signed(t, key, header(testKey(t)), with(nil)), "signature"},
		{"EdDSA", signed(t, ed, header(ed), with(nil)), "only proofs with ES256"},
		{"ES384", signed(t, p384, header(p384), with(nil)), "only proofs with ES256"},
		{"alg none", encode(`{"typ":"dpop+jwt","alg":"none","jwk":`+string(must(json.Marshal(jose.JWK{Key: key.Public()})))+`}`) + "." + part[1] + ".", "signature"},
		{"no object", signed(t, key, header(key), []int{1}), "not a JSON object"},
		{"method", signed(t, key, header(key), with(claims{"htm": "GET"})), "htm"},
		{"method in small letters", signed(t, key, header(key), with(claims{"htm": "post"})), "htm"},
		{"path", signed(t, key, header(key), with(claims{"htu": testURI + "/"})), "htu"},
		{"host", signed(t, key, header(key), with(claims{"htu": "https://other.example/issuer/t/token"})), "htu"},
		{"scheme", signed(t, key, header(key), with(claims{"htu": "http://issuer.example/issuer/t/token"})), "htu"},
		{"port", signed(t, key, header(key), with(claims{"htu": "https://issuer.example:8443/issuer/t/token"})), "htu"},
		{"user", signed(t, key, header(key), with(claims{"htu": "https://x@issuer.example/issuer/t/token"})), "htu"},
		{"no address", signed(t, key, header(key), with(claims{"htu": nil})), "htu"},
		{"too old", signed(t, key, header(key), with(claims{"iat": testNow.Add(-dpopAge - time.Second).Unix()})), "iat"},
		{"from the future", signed(t, key, header(key), with(claims{"iat": testNow.Add(dpopSkew + time.Second).Unix()})), "iat"},
		{"iat as text", signed(t, key, header(key), with(claims{"iat": fmt.Sprint(testNow.Unix())})), "iat"},
		{"iat out of reach", signed(t, key, header(key), with(claims{"iat": json.Number("1e400")})), "iat"},
		{"no iat", signed(t, key, header(key), with(claims{"iat": nil})), "iat"},
		{"no jti", signed(t, key, header(key), with(claims{"jti": nil})), "jti"},
		{"long jti", signed(t, key, header(key), with(claims{"jti": strings.Repeat("x", maxJTI+1)})), "jti"},
		{"no ath", signed(t, key, header(key), with(claims{"ath": nil})), "ath"},
		{"ath of another token", signed(t, key, header(key), with(claims{"ath": tokenHash("other")})), "ath"},
		{"nonce is a number", signed(t, key, header(key), with(claims{"nonce": 7})), "nonce"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := VerifyDPoP(test.proof, "POST", testURI, "token", testNow)
			var refused *Error
			switch {
			case test.want == "" && err != nil, test.want != "" && err == nil:
				t.Fatalf("%+v, %v", p, err)
			case err != nil && (!errors.As(err, &refused) || refused.Code != InvalidDPoPProof || refused.Status != 400 || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestProver(t *testing.T) {
	p := &Prover{Key: testKey(t), Now: func() time.Time { return testNow }}
	first, err := p.Proof("POST", testURI+"?code=secret#part", "")
	if err != nil {
		t.Fatal(err)
	}
	checked, err := VerifyDPoP(first, "POST", testURI, "", testNow)
	if err != nil || checked.Nonce != "" {
		t.Fatalf("%+v, %v", checked, err)
	}
	if payload := must(base64.RawURLEncoding.DecodeString(strings.Split(first, ".")[1])); strings.Contains(string(payload), "secret") || strings.Contains(string(payload), "part") {
		t.Errorf("the proof holds the query: %s", payload)
	}
	answer := http.Header{}
	answer.Set(HeaderDPoPNonce, "one")
	if !p.Learn(testURI, answer) || p.Learn(testURI, answer) {
		t.Error("a nonce is new once")
	}
	if p.Learn("https://other.example/x", http.Header{}) {
		t.Error("learned nothing")
	}
	second := must(VerifyDPoP(must(p.Proof("POST", "https://issuer.example/credential", "token")), "POST", "https://issuer.example/credential", "token", testNow))
	if second.Nonce != "one" || second.id == checked.id {
		t.Errorf("%+v", second)
	}
	if other := must(VerifyDPoP(must(p.Proof("POST", "https://other.example/", "")), "POST", "https://other.example", "", testNow)); other.Nonce != "" {
		t.Error("the nonce of one server went to another")
	}
	for n := range 3 * maxNonces {
		p.Learn(fmt.Sprintf("https://%d.example/", n), answer)
	}
	if len(p.nonces) > maxNonces {
		t.Errorf("%d nonces", len(p.nonces))
	}
}

func TestReplays(t *testing.T) {
	p := &Prover{Key: testKey(t), Now: func() time.Time { return testNow }}
	next := func() *DPoP {
		return must(VerifyDPoP(must(p.Proof("POST", testURI, "")), "POST", testURI, "", testNow))
	}
	r := &Replays{limit: 3}
	one := next()
	if err := r.Use(one, testNow); err != nil {
		t.Fatal(err)
	}
	var refused *Error
	// As long as its iat counts, a proof is known.
	for _, after := range []time.Duration{0, time.Minute, dpopAge + dpopSkew, 2*(dpopAge+dpopSkew) - time.Second} {
		if err := r.Use(one, testNow.Add(after)); !errors.As(err, &refused) || refused.Code != InvalidDPoPProof {
			t.Errorf("again after %v: %v", after, err)
		}
	}
	r = &Replays{limit: 3}
	for range 3 {
		if err := r.Use(next(), testNow); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Use(next(), testNow); !errors.Is(err, ErrFull) {
		t.Errorf("full: %v", err)
	}
	if err := r.Use(next(), testNow.Add(dpopAge+dpopSkew)); err != nil {
		t.Errorf("later: %v", err)
	}
	for n := range 20 {
		r.Use(next(), testNow.Add(time.Duration(n)*time.Hour))
	}
	if n := len(r.newer) + len(r.older); n > 2 {
		t.Errorf("%d proofs kept", n)
	}
}

func TestDPoPHeader(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string
		ok     bool
	}{{nil, "", true}, {[]string{"a"}, "a", true}, {[]string{"a", "a"}, "", false}, {[]string{""}, "", false}} {
		got, err := DPoPHeader(http.Header{"Dpop": test.values})
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: %q, %v", test.values, got, err)
		}
	}
}

func FuzzVerifyDPoP(f *testing.F) {
	f.Add(rfcTokenProof, "https://server.example.com/token", "")
	f.Add(rfcUseProof, "https://resource.example.org/protectedresource", rfcToken)
	f.Add("e30.e30.", "https://a", "")
	f.Add("", "http://a:80/%2f?x#y", "x")
	f.Fuzz(func(t *testing.T, compact, uri, token string) {
		p, err := VerifyDPoP(compact, "POST", uri, token, time.Unix(1562262616, 0))
		if (p == nil) == (err == nil) {
			t.Fatalf("proof %v, error %v", p, err)
		}
		var refused *Error
		if err != nil && (!errors.As(err, &refused) || refused.Code != InvalidDPoPProof) {
			t.Fatal(err)
		}
		// An address and its normal form are one target.
		if normal, ok := target(uri); ok {
			if again, ok := target(normal); !ok || again != normal {
				t.Fatalf("%q became %q, then %q", uri, normal, again)
			}
		}
	})
}

// BenchmarkVerifyDPoP is what a proof costs the server: little more than its signature.
func BenchmarkVerifyDPoP(b *testing.B) {
	p := &Prover{Key: testKey(b), Now: func() time.Time { return testNow }}
	proof := must(p.Proof("POST", testURI, "token"))
	for b.Loop() {
		if _, err := VerifyDPoP(proof, "POST", testURI, "token", testNow); err != nil {
			b.Fatal(err)
		}
	}
}
