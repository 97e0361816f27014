package openid4vp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

func testEncryption(t *testing.T) {
	key, other := newKey(t), newKey(t)
	to := &jose.JWK{Key: key.Public(), KeyID: "e", Algorithm: "ECDH-ES"}
	seal := func(k *jose.JWK, enc, text string) string {
		s, err := jose.Encrypt(k, enc, []byte(text), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const good = `{"vp_token":{"card":["x~"]},"state":"s"}`
	answer := func(s string) error {
		_, err := ParseResponse(url.Values{"response": {s}}, DirectPostJWT, key)
		return err
	}
	control := func(t *testing.T) {
		t.Helper()
		for _, enc := range []string{"A128GCM", "A256GCM"} {
			if err := answer(seal(to, enc, good)); err != nil {
				t.Errorf("control: %v", err)
			}
		}
	}
	category := func(t *testing.T, what, s string, want credential.Category) {
		t.Helper()
		if err := answer(s); credential.CategoryOf(err) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	reheaded := func(change func(map[string]any)) string {
		parts := strings.Split(seal(to, "A128GCM", good), ".")
		raw, err := base64.RawURLEncoding.DecodeString(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		var h map[string]any
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Fatal(err)
		}
		change(h)
		parts[0] = base64.RawURLEncoding.EncodeToString([]byte(mustJSON(t, h)))
		return strings.Join(parts, ".")
	}
	t.Run("ENC-01", func(t *testing.T) {
		category(t, "another key", seal(&jose.JWK{Key: other.Public(), KeyID: "e"}, "A128GCM", good), credential.DecryptionFailed)
		category(t, "garbage", "a.b.c.d.e", credential.DecryptionFailed)
		category(t, "not a JWE", "xx", credential.DecryptionFailed)
		category(t, "empty", "", credential.DecryptionFailed)
		cut := seal(to, "A128GCM", good)
		category(t, "cut", cut[:len(cut)-4], credential.DecryptionFailed)
		control(t)
	})
	t.Run("ENC-02", func(t *testing.T) {
		for _, alg := range []string{"RSA1_5", "dir", "ECDH-ES+A128KW", "PBES2-HS256+A128KW", "none"} {
			category(t, alg, reheaded(func(h map[string]any) { h["alg"], h["p2c"], h["p2s"] = alg, 1<<31, "AAAA" }), credential.DecryptionFailed)
		}
		control(t)
	})
	t.Run("ENC-03", func(t *testing.T) {
		category(t, "zip", reheaded(func(h map[string]any) { h["zip"] = "DEF" }), credential.DecryptionFailed)
		control(t)
	})
	t.Run("ENC-04", func(t *testing.T) {
		for what, epk := range map[string]any{
			"P-384":        map[string]any{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
			"not on curve": map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)},
			"infinity":     map[string]any{"kty": "EC", "crv": "P-256", "x": "", "y": ""},
			"text":         "x",
		} {
			category(t, what, reheaded(func(h map[string]any) { h["epk"] = epk }), credential.DecryptionFailed)
		}
		control(t)
	})
	t.Run("ENC-05", func(t *testing.T) {
		for what, form := range map[string]url.Values{
			"plain": {"vp_token": {`{"card":["x~"]}`}, "state": {"s"}}, "both": {"vp_token": {`{"card":["x~"]}`}, "response": {seal(to, "A128GCM", good)}}, "empty": {},
		} {
			if _, err := ParseResponse(form, DirectPostJWT, key); credential.CategoryOf(err) != credential.Malformed {
				t.Errorf("%s: %v", what, err)
			}
		}
		control(t)
	})
	t.Run("ENC-07", func(t *testing.T) {
		k := newKit(t)
		enc := jsonOf(t, mustJSON(t, jose.JWK{Key: k.enc.Public(), KeyID: "enc-1", Algorithm: "ECDH-ES", Use: "enc"}))
		change := func(f func(map[string]any)) any {
			m := jsonOf(t, mustJSON(t, enc)).(map[string]any)
			f(m)
			return m
		}
		unusable := []any{
			map[string]any{"kty": "XYZ", "kid": "1", "alg": "ECDH-ES"},
			change(func(m map[string]any) { m["use"] = "sig" }),
			change(func(m map[string]any) { delete(m, "alg") }),
			change(func(m map[string]any) { m["alg"] = "ECDH-ES+A256KW" }),
			change(func(m map[string]any) { delete(m, "kid") }),
			change(func(m map[string]any) { m["crv"] = "P-384" }),
		}
		with := func(keys []any, values any) (*Asked, error) {
			return k.changed(func(m map[string]any) {
				meta := m["client_metadata"].(map[string]any)
				meta["jwks"] = map[string]any{"keys": keys}
				if values == nil {
					delete(meta, "encrypted_response_enc_values_supported")
				} else {
					meta["encrypted_response_enc_values_supported"] = values
				}
			})
		}
		a, err := with(append(unusable, enc), nil)
		if err != nil {
			t.Fatal(err)
		}
		if key, enc, err := a.Request.encryption(); err != nil || key.KeyID != "enc-1" || enc != "A128GCM" {
			t.Errorf("%v, %q, %v", key, enc, err)
		}
		if a, err = with([]any{enc}, []string{"A192GCM", "A256GCM"}); err != nil {
			t.Fatal(err)
		}
		if _, enc, err := a.Request.encryption(); err != nil || enc != "A256GCM" {
			t.Errorf("%q, %v", enc, err)
		}
		k.sent()
		for what, f := range map[string]func() (*Asked, error){
			"no usable key": func() (*Asked, error) { return with(unusable, nil) },
			"no keys":       func() (*Asked, error) { return k.changed(set(map[string]any{"client_metadata": nil})) },
			"no enc":        func() (*Asked, error) { return with([]any{enc}, []string{"A128CBC-HS256"}) },
		} {
			_, err := f()
			told(t, k, what, err, oauth.InvalidRequest)
		}
	})
}

func TestParseResponse(t *testing.T) {
	got, err := ParseResponse(url.Values{"vp_token": {`{"a":["x~","y~"],"b":["z~"]}`}, "state": {"s"}}, DirectPost, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Response{Token: map[string][]string{"a": {"x~", "y~"}, "b": {"z~"}}, State: "s"}, got); diff != "" {
		t.Error(diff)
	}
	for _, mode := range []string{DirectPost, DirectPostJWT} {
		got, err := ParseResponse(url.Values{"error": {"access_denied"}, "state": {"s"}}, mode, nil)
		if err != nil || got.Error != oauth.AccessDenied || got.State != "s" || got.Token != nil {
			t.Errorf("%s: %+v, %v", mode, got, err)
		}
	}
	for what, form := range map[string]url.Values{
		"no token": {"state": {"s"}}, "text": {"vp_token": {"x~"}}, "array": {"vp_token": {`["x~"]`}}, "bare string": {"vp_token": {`{"a":"x~"}`}}, "object": {"vp_token": {`{"a":[{}]}`}},
		"empty array": {"vp_token": {`{"a":[]}`}}, "empty": {"vp_token": {`{}`}}, "null": {"vp_token": {`null`}}, "twice": {"vp_token": {`{"a":["x~"]}`, `{"a":["x~"]}`}},
		"member twice": {"vp_token": {`{"a":["x~"],"a":["y~"]}`}}, "encrypted": {"response": {"a.b.c.d.e"}}, "trailing": {"vp_token": {`{"a":["x~"]} x`}}, "odd error": {"error": {"<script>"}}, "empty error": {"error": {""}},
	} {
		if _, err := ParseResponse(form, DirectPost, nil); credential.CategoryOf(err) != credential.Malformed {
			t.Errorf("%s: %v", what, err)
		}
	}
	many := `{"a":["x~"` + strings.Repeat(`,"x~"`, maxPresentations) + `]}`
	if _, err := ParseResponse(url.Values{"vp_token": {many}}, DirectPost, nil); credential.CategoryOf(err) != credential.TooLarge {
		t.Errorf("many: %v", err)
	}
	deep := strings.Repeat("[", 100000)
	if _, err := ParseResponse(url.Values{"vp_token": {deep}}, DirectPost, nil); credential.CategoryOf(err) == "" {
		t.Errorf("deep: %v", err)
	}
}

func FuzzParseDCQL(f *testing.F) {
	for _, s := range badQueries {
		f.Add([]byte(s))
	}
	f.Add([]byte(overEighteen))
	f.Add([]byte(one(`,"multiple":true,"require_cryptographic_holder_binding":false,"trusted_authorities":[{"type":"aki","values":["AA"]}],"claims":[{"id":"a","path":["x",null,3],"values":["v",7,-1,true]}],"claim_sets":[["a"]]`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseDCQL(data)
		if err != nil {
			if !errors.Is(err, ErrRequestMalformed) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		for i := range q.Credentials {
			if q.Credentials[i].Format != FormatSDJWT {
				return // of other formats the meta is not kept
			}
		}
		again, err := ParseDCQL([]byte(mustJSON(t, q)))
		if err != nil || cmp.Diff(q, again) != "" {
			t.Fatalf("%v\n%s", err, cmp.Diff(q, again))
		}
		q.Questions()
		if m, err := q.Match([]Held{heldCard(t)}); err == nil {
			m.Default()
		}
		for i := range q.Credentials {
			q.Credentials[i].Filter(&credential.Credential{Claims: claimsOf(t, sample)})
		}
	})
}

func FuzzRequestObject(f *testing.F) {
	f.Add([]byte(`{"client_id":"x509_hash:a","response_type":"vp_token","response_mode":"direct_post","nonce":"n","iat":1,"exp":1e9,"aud":"` + StaticAudience + `","dcql_query":` + overEighteen + `,"verifier_info":[{"format":"f","data":"d"}]}`))
	f.Add([]byte(`{"client_id":"a","client_metadata":{"jwks":{"keys":[{}]}},"state":null,"aud":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePayload(data)
		if err != nil {
			if !errors.Is(err, ErrRequestMalformed) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		var r Request
		p.verifierInfo()
		p.audience()
		p.times(&r, noon)
		r.ResponseMode = p.ResponseMode
		if p.read(&r) == nil && r.Query == nil {
			t.Fatal("no query and no fault")
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add(Link("x509_hash:abc", "https://verifier.example/r/1", MethodGet))
	f.Add(Link("decentralized_identifier:did:zegel:a:b", "https://verifier.example/r/1?x=y&z", MethodPost))
	f.Add("https://wallet.example/?client_id=a&request=b")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseLink(s)
		if err != nil {
			if !errors.Is(err, ErrRequestMalformed) && !errors.Is(err, ErrRequestUntrusted) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if l.object != "" || len(l.clientID)+len(l.requestURI)+len(l.method) > 2000 {
			return
		}
		again, err := parseLink(Link(l.clientID, l.requestURI, l.method))
		if err != nil || *again != *l {
			t.Fatalf("%+v, %+v, %v", l, again, err)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	key := newKey(f)
	jwe, err := jose.Encrypt(&jose.JWK{Key: key.Public()}, "A128GCM", []byte(`{"vp_token":{"a":["x~"]}}`), nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("vp_token="+url.QueryEscape(`{"a":["x~"]}`)+"&state=s", false)
	f.Add("response="+jwe, true)
	f.Add("error=access_denied", true)
	f.Fuzz(func(t *testing.T, body string, encrypted bool) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		mode := DirectPost
		if encrypted {
			mode = DirectPostJWT
		}
		r, err := ParseResponse(form, mode, key)
		if err != nil {
			if credential.CategoryOf(err) == "" {
				t.Fatalf("error without category: %v", err)
			}
			return
		}
		if (r.Error == "") == (r.Token == nil) {
			t.Fatalf("%+v", r)
		}
		if r.Token == nil {
			return
		}
		again, err := ParseResponse(url.Values{"vp_token": {mustJSON(t, r.Token)}, "state": {r.State}}, DirectPost, nil)
		if err != nil || cmp.Diff(r, again) != "" {
			t.Fatalf("%v\n%s", err, cmp.Diff(r, again))
		}
	})
}
