package openid4vp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/trust"
)

// refused checks an error, that nothing was sent, and that a good request still works.
func refused(t *testing.T, k *kit, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	if n := len(k.sent()); n != 0 {
		t.Errorf("%s: %d answers were sent", what, n)
	}
	k.control()
}

// told checks an error of which the verifier is told.
func told(t *testing.T, k *kit, what string, err error, want oauth.Code) {
	t.Helper()
	var e *oauth.Error
	if !errors.As(err, &e) || e.Code != want || !errors.Is(err, ErrRequestMalformed) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	forms := k.sent()
	if len(forms) != 1 || forms[0].Get("error") != string(want) || forms[0].Get("state") != "s-1" || len(forms[0]) != 2 {
		t.Errorf("%s: told %v", what, forms)
	}
	k.control()
}

func TestRequired(t *testing.T) {
	t.Run("REQ-01", func(t *testing.T) {
		k := newKit(t)
		r := k.request()
		good, err := r.Sign(k.key, k.header())
		if err != nil {
			t.Fatal(err)
		}
		other, err := r.Sign(newKey(t), k.header())
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(good, ".")
		none := "eyJhbGciOiJub25lIiwidHlwIjoib2F1dGgtYXV0aHotcmVxK2p3dCJ9." + parts[1] + "."
		for what, object := range map[string]string{
			"signed by another key": other,
			"signature empty":       parts[0] + "." + parts[1] + ".",
			"alg none":              none,
			"plain JSON":            `{"client_id":"` + r.ClientID + `"}`,
		} {
			_, err := k.open(r.ClientID, object)
			refused(t, k, what, err, ErrRequestUntrusted)
		}
		_, err = k.client.Open(t.Context(), "openid4vp://?client_id="+url.QueryEscape(r.ClientID)+"&response_uri="+url.QueryEscape(k.base()+"/a")+"&nonce=abc")
		refused(t, k, "parameters in the link only", err, ErrRequestUntrusted)
	})
	t.Run("REQ-02", func(t *testing.T) {
		k := newKit(t)
		object := k.sign(k.header(), k.members(k.request()))
		id := X509HashClientID(k.chain[0])
		for _, other := range []string{X509HashClientID([]byte("x")), "x509_san_dns:localhost", strings.Replace(id, "x509_hash:", "x509_san_dns:", 1)} {
			_, err := k.open(other, object)
			refused(t, k, other, err, ErrRequestMalformed)
		}
	})
	t.Run("REQ-03", func(t *testing.T) {
		k := newKit(t)
		for _, id := range []string{"redirect_uri:" + k.base() + "/a", "origin:https://x.example", "openid_federation:https://x.example", "verifier_attestation:x", "plain-id", "x509_hash:", ":x", "X509_HASH:abc"} {
			_, err := k.changed(set(map[string]any{"client_id": id}))
			refused(t, k, id, err, ErrRequestUntrusted)
		}
	})
	t.Run("REQ-04", func(t *testing.T) {
		k := newKit(t)
		id := X509HashClientID(k.chain[0])
		m := k.members(k.request())
		another := k.ca.leaf("Gemeente Voorbeeldstad", k.key.Public(), string(town))
		_, err := k.open(id, k.sign(jose.Header{X5C: [][]byte{another}}, m))
		refused(t, k, "hash of another leaf", err, ErrRequestUntrusted)
		_, err = k.open(id, k.sign(jose.Header{}, m))
		refused(t, k, "no chain", err, ErrRequestUntrusted)
		_, err = k.open(id, k.sign(jose.Header{X5C: append([][]byte{k.chain[0]}, k.ca.cert.Raw)}, m))
		refused(t, k, "anchor included", err, ErrRequestUntrusted)

		self := &authority{t: t, key: k.key, cert: template("Gemeente Voorbeeldstad")}
		leaf := self.leaf("Gemeente Voorbeeldstad", k.key.Public(), string(town))
		m["client_id"] = X509HashClientID(leaf)
		_, err = k.open(X509HashClientID(leaf), k.sign(jose.Header{X5C: [][]byte{leaf}}, m))
		refused(t, k, "self-signed leaf", err, ErrRequestUntrusted)
		stranger := newAuthority(t, "Vreemde CA").leaf("Gemeente Voorbeeldstad", k.key.Public(), string(town))
		m["client_id"] = X509HashClientID(stranger)
		_, err = k.open(X509HashClientID(stranger), k.sign(jose.Header{X5C: [][]byte{stranger}}, m))
		refused(t, k, "leaf of a stranger", err, ErrRequestUntrusted)
	})
	t.Run("REQ-05", func(t *testing.T) {
		k := newKit(t)
		san := func(id, uri string) error {
			_, err := k.changed(set(map[string]any{"client_id": id, "response_uri": uri}))
			return err
		}
		refused(t, k, "name not in the leaf", san("x509_san_dns:balie.example", k.base()+"/a"), ErrRequestUntrusted)
		refused(t, k, "response_uri at another host", san("x509_san_dns:localhost", k.server.URL+"/a"), ErrRequestUntrusted)
		if err := san("x509_san_dns:localhost", k.base()+"/a"); err != nil {
			t.Errorf("control: %v", err)
		}
	})
	t.Run("REQ-06", func(t *testing.T) {
		k := newKit(t)
		id := "decentralized_identifier:" + string(town)
		m := k.members(k.request())
		m["client_id"] = id
		by := func(kid string) error {
			m["nonce"] = fmt.Sprint("n", len(k.seen))
			_, err := k.open(id, k.sign(jose.Header{KeyID: kid}, m))
			return err
		}
		if err := by(string(town) + "#v1"); err != nil {
			t.Fatalf("control: %v", err)
		}
		own, err := did.FromJWK(k.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		for _, kid := range []string{"did:zegel:town:elders#v1", string(town), string(town) + "#v2", string(own) + "#0", "v1", ""} {
			refused(t, k, kid, by(kid), ErrRequestUntrusted)
		}
		m["client_id"] = "decentralized_identifier:" + string(own)
		_, err = k.open("decentralized_identifier:"+string(own), k.sign(jose.Header{KeyID: string(own) + "#0"}, m))
		refused(t, k, "a did:jwk of its own", err, ErrRequestUntrusted)
		m["client_id"] = id

		doc := k.registry.docs[town]
		doc.Methods[0].Purposes = []did.Purpose{did.AssertionMethod}
		if err := by(string(town) + "#v1"); !errors.Is(err, ErrRequestUntrusted) {
			t.Errorf("key of another purpose: %v", err)
		}
		doc.Methods[0].Purposes = []did.Purpose{did.Authentication}
		doc.Deactivated = true
		if err := by(string(town) + "#v1"); !errors.Is(err, ErrRequestUntrusted) {
			t.Errorf("deactivated: %v", err)
		}
		doc.Deactivated = false
		k.registry.accs[0].Withdrawn = &trust.Withdrawal{At: noon.Add(-time.Hour)}
		if err := by(string(town) + "#v1"); !errors.Is(err, ErrRequestUntrusted) {
			t.Errorf("accreditation withdrawn: %v", err)
		}
		k.registry.accs[0].Withdrawn = nil
		if n := len(k.sent()); n != 0 {
			t.Errorf("%d answers were sent", n)
		}
		if err := by(string(town) + "#v1"); err != nil {
			t.Errorf("control: %v", err)
		}
	})
	t.Run("REQ-07", func(t *testing.T) {
		k := newKit(t)
		for _, nonce := range []any{nil, "", "a b", "a+b", "a/b", "é", "a=", strings.Repeat("a", 2000), "a\n"} {
			_, err := k.changed(set(map[string]any{"nonce": nonce}))
			refused(t, k, fmt.Sprintf("nonce %.20q", nonce), err, ErrRequestMalformed)
		}
	})
	t.Run("REQ-08", func(t *testing.T) {
		k := newKit(t)
		_, err := k.changed(set(map[string]any{"redirect_uri": "https://verifier.example/cb"}))
		told(t, k, "redirect_uri", err, oauth.InvalidRequest)
	})
	t.Run("REQ-09", func(t *testing.T) {
		k := newKit(t)
		r := k.request()
		object, err := r.Sign(k.key, k.header())
		if err != nil {
			t.Fatal(err)
		}
		k.object = func(url.Values) string { return object }
		a, err := k.client.Open(t.Context(), Link(r.ClientID, k.base()+"/r", "get")+
			"&response_uri=https%3A%2F%2Fevil.example&dcql_query=%7B%7D&client_metadata=%7B%7D&nonce=evil&state=evil&response_mode=direct_post")
		if err != nil {
			t.Fatal(err)
		}
		got := a.Request
		if got.ResponseURI != r.ResponseURI || got.Nonce != r.Nonce || got.State != r.State || got.ResponseMode != r.ResponseMode || len(got.Query.Credentials) != 1 || got.Metadata.JWKS == nil {
			t.Errorf("the link's own parameters count: %+v", got)
		}
	})
	t.Run("REQ-10", func(t *testing.T) {
		k := newKit(t)
		post := func(nonce func(url.Values) any) error {
			m := k.members(k.request())
			k.object = func(form url.Values) string {
				if form.Get("wallet_metadata") == "" {
					t.Error("no wallet_metadata")
				}
				set(map[string]any{"wallet_nonce": nonce(form)})(m)
				return k.sign(k.header(), m)
			}
			_, err := k.client.Open(t.Context(), Link(m["client_id"].(string), k.base()+"/r", MethodPost))
			return err
		}
		if err := post(func(f url.Values) any { return f.Get("wallet_nonce") }); err != nil {
			t.Errorf("control: %v", err)
		}
		for what, f := range map[string]func(url.Values) any{
			"absent": func(url.Values) any { return nil }, "different": func(f url.Values) any { return f.Get("wallet_nonce") + "x" }, "empty": func(url.Values) any { return "" },
		} {
			if err := post(f); !errors.Is(err, ErrRequestUntrusted) {
				t.Errorf("%s: %v", what, err)
			}
		}
		k.control()
	})
	t.Run("REQ-11", func(t *testing.T) {
		k := newKit(t)
		_, err := k.changed(set(map[string]any{"exp": noon.Unix() - 61}))
		refused(t, k, "exp passed", err, ErrRequestExpired)
		_, err = k.changed(set(map[string]any{"exp": nil, "iat": noon.Add(-25 * time.Hour).Unix()}))
		refused(t, k, "old and without exp", err, ErrRequestExpired)
		for what, m := range map[string]map[string]any{
			"aud of another": {"aud": "https://wallet.example"}, "aud absent": {"aud": nil}, "aud of many": {"aud": []string{StaticAudience, "x"}},
			"iat ahead": {"iat": noon.Unix() + 61}, "exp a string": {"exp": "1"}, "exp negative": {"exp": -1}, "exp huge": {"exp": 253402300800}, "nbf ahead": {"nbf": noon.Unix() + 61},
		} {
			_, err := k.changed(set(m))
			refused(t, k, what, err, ErrRequestMalformed)
		}
		for _, typ := range []string{"JWT", "oauth-authz-req", "kb+jwt"} {
			r := k.request()
			h := k.header()
			h.Type = typ
			_, err := k.open(r.ClientID, k.sign(h, k.members(r)))
			refused(t, k, typ, err, ErrRequestMalformed)
		}
		r := k.request()
		object, err := r.Sign(k.key, k.header())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.open(r.ClientID, object); err != nil {
			t.Fatalf("control: %v", err)
		}
		_, err = k.open(r.ClientID, object)
		refused(t, k, "used twice", err, ErrRequestMalformed)
		// What the specification leaves open works: neither exp nor iat, 59 s past, aud as an array of one.
		for _, m := range []map[string]any{{"exp": nil, "iat": nil}, {"exp": noon.Unix() - 59}, {"aud": []string{StaticAudience}}, {"iss": "someone"}, {"unknown": map[string]any{}}} {
			if _, err := k.changed(set(m)); err != nil {
				t.Errorf("%v: %v", m, err)
			}
		}
	})
	t.Run("REQ-12", func(t *testing.T) {
		k := newKit(t)
		for _, data := range []any{[]string{"eyJ0eXBlIjoidW5rbm93biIsImNyZWRlbnRpYWxfaWRzIjpbImNhcmQiXX0"}, []string{}, "x", []string{"###"}} {
			_, err := k.changed(set(map[string]any{"transaction_data": data}))
			told(t, k, fmt.Sprint(data), err, oauth.InvalidTransactionData)
		}
		r := k.request()
		k.object = func(url.Values) string { t.Error("fetched"); return "" }
		for _, method := range []string{"PUT", "put", "POST", "GET"} {
			_, err := k.client.Open(t.Context(), Link(r.ClientID, k.base()+"/r", method))
			var e *oauth.Error
			if !errors.As(err, &e) || e.Code != oauth.InvalidRequestURIMethod {
				t.Errorf("%s: %v", method, err)
			}
		}
		k.control()
	})
	t.Run("REQ-13", func(t *testing.T) {
		k := newKit(t)
		a, err := k.changed(func(m map[string]any) {
			m["client_metadata"].(map[string]any)["client_name"] = "Gemeente Elders\u202e\n"
		})
		if err != nil || a.Verifier.Name != "Gemeente Voorbeeldstad" {
			t.Errorf("name %q, %v", a.Verifier.Name, err)
		}
	})
	t.Run("NET-01", func(t *testing.T) {
		k := newKit(t)
		for _, uri := range []string{"http://verifier.example/a", "ftp://localhost/a", "https://user@localhost/a", "", "/a", "javascript:alert(1)"} {
			_, err := k.changed(set(map[string]any{"response_uri": uri}))
			refused(t, k, "response_uri "+uri, err, ErrEndpointRefused)
		}
		_, err := k.client.Open(t.Context(), Link(X509HashClientID(k.chain[0]), "http://verifier.example/r", "get"))
		refused(t, k, "request_uri", err, ErrEndpointRefused)
	})
	t.Run("NET-03", func(t *testing.T) {
		k := newKit(t)
		for _, code := range []int{301, 302, 303, 307, 308} {
			k.serve = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, k.base()+"/a", code) }
			_, err := k.client.Open(t.Context(), Link(X509HashClientID(k.chain[0]), k.base()+"/r", "get"))
			k.serve = nil
			refused(t, k, fmt.Sprint("request_uri ", code), err, ErrEndpointRefused)

			a, err := k.changed(func(map[string]any) {})
			if err != nil {
				t.Fatal(err)
			}
			k.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, k.base()+"/elsewhere", code) }
			_, sent, err := k.client.Answer(t.Context(), a, map[string][]string{"card": {"x~"}})
			k.answer = nil
			if !errors.Is(err, ErrEndpointRefused) || !sent || len(k.sent()) != 1 {
				t.Errorf("response_uri %d: sent %v, %v", code, sent, err)
			}
		}
		k.control()
	})
	t.Run("NET-06", func(t *testing.T) {
		k := newKit(t)
		answer := func(uri string) (Reply, bool, error) {
			a, err := k.changed(func(map[string]any) {})
			if err != nil {
				t.Fatal(err)
			}
			k.answer = func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"redirect_uri":%q,"zegel_receipt":"a.b.c"}`, uri)
			}
			return k.client.Answer(t.Context(), a, map[string][]string{"card": {"x~"}})
		}
		for _, uri := range []string{"javascript:alert(1)", "file:///etc/passwd", "zegel://x", "http://verifier.example/cb", "//verifier.example"} {
			reply, sent, err := answer(uri)
			if !errors.Is(err, ErrEndpointRefused) || !sent || reply.RedirectURI != "" || reply.Receipt != "a.b.c" {
				t.Errorf("%s: %+v, sent %v, %v", uri, reply, sent, err)
			}
		}
		for _, uri := range []string{"https://verifier.example/cb#response_code=x", "https://verifier.example/cb?response_code=x", k.base() + "/cb"} {
			if reply, sent, err := answer(uri); err != nil || !sent || reply.RedirectURI != uri {
				t.Errorf("%s: %+v, %v", uri, reply, err)
			}
		}
	})
	testEncryption(t)
	testDCQL(t)
}

func TestAnswerDirectPost(t *testing.T) {
	k := newKit(t)
	a, err := k.changed(set(map[string]any{"response_mode": DirectPost, "client_metadata": nil}))
	if err != nil {
		t.Fatal(err)
	}
	k.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_request"}`)
	}
	_, sent, err := k.client.Answer(t.Context(), a, map[string][]string{"card": {"x~"}})
	var e *oauth.Error
	if !errors.As(err, &e) || e.Status != 400 || e.Code != oauth.InvalidRequest || !sent {
		t.Errorf("sent %v, %v", sent, err)
	}
	forms := k.sent()
	if len(forms) != 1 || forms[0].Get("vp_token") != `{"card":["x~"]}` || forms[0].Get("state") != "s-1" {
		t.Errorf("sent %v", forms)
	}
}

// TestForeignVerifier meets one that only knows the published specification: no registry, no exp, no verifier_info.
func TestForeignVerifier(t *testing.T) {
	k := newKit(t)
	other := newAuthority(t, "Andere CA")
	k.chain = [][]byte{other.leaf("Bibliotheek Elders", k.key.Public(), "", "localhost")}
	for _, id := range []string{X509HashClientID(k.chain[0]), "x509_san_dns:localhost"} {
		change := set(map[string]any{"client_id": id, "exp": nil, "iat": nil})
		if _, err := k.changed(change); !errors.Is(err, ErrRequestUntrusted) {
			t.Errorf("without the anchor: %v", err)
		}
		anchor := other.anchor()
		anchor.Types = nil
		k.foreign = []trust.Anchor{anchor}
		a, err := k.changed(change)
		if err != nil {
			t.Fatal(err)
		}
		if a.Verifier.Registered || a.Permission.Accreditation != nil {
			t.Errorf("%+v", a.Verifier)
		}
		k.foreign = nil
	}
}

func TestOpenByValueAndErrors(t *testing.T) {
	k := newKit(t)
	r := k.request()
	object, err := r.Sign(k.key, k.header())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.client.Open(t.Context(), "haip-vp://?client_id="+url.QueryEscape(r.ClientID)+"&request="+object); err != nil {
		t.Errorf("by value: %v", err)
	}
	for link, want := range map[string]error{
		"mailto:x":                           ErrRequestMalformed,
		"openid4vp://?request_uri=https://x": ErrRequestMalformed,
		"openid4vp://?client_id=x509_hash:a&client_id=x509_hash:b&request_uri=x": ErrRequestMalformed,
		"openid4vp://?client_id=x509_hash:a&request=a.b.c&request_uri=https://x": ErrRequestMalformed,
		"openid4vp://?%zz":        ErrRequestMalformed,
		strings.Repeat("x", 9000): ErrRequestMalformed,
	} {
		if _, err := k.client.Open(t.Context(), link); !errors.Is(err, want) {
			t.Errorf("%.60q: %v", link, err)
		}
	}
	for status, want := range map[int]error{400: ErrRequestExpired, 404: ErrRequestExpired, 410: ErrRequestExpired, 500: ErrNetwork, 403: ErrEndpointRefused} {
		k.serve = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		if _, err := k.client.Open(t.Context(), Link(r.ClientID, k.base()+"/r", "get")); !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
	}
	k.serve = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("a", MaxRequestSize+1)) }
	if _, err := k.client.Open(t.Context(), Link(r.ClientID, k.base()+"/r", "get")); !errors.Is(err, ErrRequestMalformed) {
		t.Errorf("too large: %v", err)
	}
	k.serve = nil
	for what, change := range map[string]map[string]any{
		"response_type": {"response_type": "code"}, "no query": {"dcql_query": nil}, "scope": {"scope": "x"}, "nested": {"request_uri": "https://x"},
		"formats": {"client_metadata": "x"}, "unbound without state": {"state": nil, "dcql_query": map[string]any{"credentials": []any{map[string]any{
			"id": "c", "format": "dc+sd-jwt", "meta": map[string]any{"vct_values": []string{"urn:x:card"}}, "require_cryptographic_holder_binding": false}}}},
	} {
		_, err := k.changed(set(change))
		var e *oauth.Error
		if !errors.As(err, &e) || e.Code != oauth.InvalidRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, formats := range []string{`{"mso_mdoc":{}}`, `{"dc+sd-jwt":{"kb-jwt_alg_values":["RS256"]}}`, `{"dc+sd-jwt":{"sd-jwt_alg_values":["RS256"]}}`, `"x"`} {
		_, err := k.changed(func(m map[string]any) {
			m["client_metadata"].(map[string]any)["vp_formats_supported"] = jsonOf(t, formats)
		})
		var e *oauth.Error
		if !errors.As(err, &e) || e.Code != oauth.VPFormatsNotSupported {
			t.Errorf("%s: %v", formats, err)
		}
	}
	if _, err := k.changed(set(map[string]any{"response_mode": "fragment"})); !errors.Is(err, ErrRequestMalformed) {
		t.Errorf("response mode: %v", err)
	}
}
