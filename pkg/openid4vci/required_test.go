package openid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/trust"
)

// TestRequired holds a subtest for each row of the required behaviour that this package covers.
func TestRequired(t *testing.T) {
	for _, row := range []struct {
		id   string
		test func(t *testing.T)
	}{
		{"VCI-05", requiredProof}, {"VCI-06", requiredProofKey}, {"VCI-09", requiredRequest}, {"VCI-11", requiredTrust},
		{"VCI-12", requiredAnswers}, {"VCI-14", requiredNonceRetry}, {"NET-01", requiredHTTPS}, {"NET-03", requiredNoRedirect},
	} {
		t.Run(row.id, row.test)
	}
}

const testIssuer = "https://i.example/t"

// proofOf signs a proof with changes.
func proofOf(t *testing.T, change func(h *jose.Header, claims map[string]any)) string {
	t.Helper()
	key := keysFor(t, 1)[0]
	h := jose.Header{Type: TypeProof, JWK: &jose.JWK{Key: key.Public()}}
	claims := map[string]any{"aud": testIssuer, "iat": testNow.Unix(), "nonce": "n"}
	if change != nil {
		change(&h, claims)
	}
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

func wantProof(t *testing.T, name, compact string, ok bool) {
	t.Helper()
	_, err := VerifyProof(compact, testIssuer, testNow)
	var refused *oauth.Error
	if ok && err != nil || !ok && (!errors.As(err, &refused) || refused.Code != oauth.InvalidProof || refused.Status != 400) {
		t.Errorf("%s: %v", name, err)
	}
}

func requiredProof(t *testing.T) {
	set := func(name string, v any) func(*jose.Header, map[string]any) {
		return func(_ *jose.Header, claims map[string]any) { claims[name] = v }
	}
	good := proofOf(t, nil)
	wantProof(t, "control", good, true)
	wantProof(t, "aud in an array of one", proofOf(t, set("aud", []string{testIssuer})), true)
	wantProof(t, "iat 60 s ahead", proofOf(t, set("iat", testNow.Unix()+60)), true)
	wantProof(t, "iat 300 s past", proofOf(t, set("iat", testNow.Unix()-300)), true)
	for name, compact := range map[string]string{
		"typ":                proofOf(t, func(h *jose.Header, _ map[string]any) { h.Type = "JWT" }),
		"aud":                proofOf(t, set("aud", "https://j.example")),
		"aud of two":         proofOf(t, set("aud", []string{testIssuer, "https://j.example"})),
		"aud a number":       proofOf(t, set("aud", 7)),
		"iat 61 s ahead":     proofOf(t, set("iat", testNow.Unix()+61)),
		"iat 301 s past":     proofOf(t, set("iat", testNow.Unix()-301)),
		"iat a fraction":     proofOf(t, set("iat", 1.5)),
		"iat null":           proofOf(t, set("iat", nil)),
		"nonce empty":        proofOf(t, set("nonce", "")),
		"nonce a number":     proofOf(t, set("nonce", 7)),
		"iss a number":       proofOf(t, set("iss", 7)),
		"another signature":  good[:strings.LastIndex(good, ".")] + proofOf(t, nil)[strings.LastIndex(good, "."):],
		"too large":          good + strings.Repeat("A", MaxProof),
		"JSON serialisation": `{"payload":"x"}`,
	} {
		wantProof(t, name, compact, false)
	}
}

func requiredProofKey(t *testing.T) {
	key, other := keysFor(t, 1)[0], keysFor(t, 1)[0]
	sign := func(h jose.Header, iss string) string {
		t.Helper()
		h.Type = TypeProof
		claims := map[string]any{"aud": testIssuer, "iat": testNow.Unix(), "nonce": "n"}
		if iss != "" {
			claims["iss"] = iss
		}
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
	jwk := &jose.JWK{Key: key.Public()}
	for name, of := range map[string]func(k any) (did.DID, error){
		"did:jwk": func(k any) (did.DID, error) { return did.FromJWK(k) },
		"did:key": func(k any) (did.DID, error) { return did.FromKey(k) },
	} {
		own, err := of(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		another, err := of(other.Public())
		if err != nil {
			t.Fatal(err)
		}
		doc, err := did.NewRegistry(nil).Resolve(t.Context(), own)
		if err != nil {
			t.Fatal(err)
		}
		wantProof(t, name+" as kid", sign(jose.Header{KeyID: doc.Methods[0].ID}, ""), true)
		wantProof(t, name+" as iss", sign(jose.Header{JWK: jwk}, string(own)), true)
		wantProof(t, name+" of another as iss", sign(jose.Header{JWK: jwk}, string(another)), false)
		wantProof(t, name+" without a fragment", sign(jose.Header{KeyID: string(own)}, ""), false)
		wantProof(t, name+" of another as kid", sign(jose.Header{KeyID: strings.ReplaceAll(doc.Methods[0].ID, string(own), string(another))}, ""), false)
	}
	wantProof(t, "kid and jwk", sign(jose.Header{KeyID: "x", JWK: jwk}, ""), false)
	wantProof(t, "no key", sign(jose.Header{}, ""), false)
	wantProof(t, "x5c", sign(jose.Header{X5C: [][]byte{{1}}}, ""), false)
	public, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	private := json.RawMessage(strings.TrimSuffix(string(public), "}") + `,"d":"AAAA"}`)
	wantProof(t, "private key", sign(jose.Header{Extra: map[string]json.RawMessage{"jwk": private}}, ""), false)
	p, err := VerifyProof(sign(jose.Header{JWK: &jose.JWK{Key: key.Public(), KeyID: "k", Use: "sig"}}, "client"), testIssuer, testNow)
	if err != nil || p.Issuer != "client" || p.Key.KeyID != "" || p.Key.Use != "" {
		t.Errorf("got %+v, %v", p, err)
	}
}

func requiredRequest(t *testing.T) {
	for body, code := range map[string]oauth.Code{
		`{"credential_configuration_id":"a","proofs":{"jwt":["x"]}}`:                                   "",
		`{"credential_identifier":"a","proofs":{"jwt":["x"]},"unknown":1}`:                             "",
		`{"credential_configuration_id":"a"}`:                                                          "",
		`{"credential_configuration_id":"a","credential_response_encryption":{"enc":"x"}}`:             "",
		`{"credential_configuration_id":"a","credential_identifier":"a","proofs":{"jwt":["x"]}}`:       oauth.InvalidCredentialRequest,
		`{"proofs":{"jwt":["x"]}}`:                                                                     oauth.InvalidCredentialRequest,
		`{"credential_configuration_id":""}`:                                                           oauth.InvalidCredentialRequest,
		`{"credential_configuration_id":7}`:                                                            oauth.InvalidCredentialRequest,
		`{"credential_configuration_id":null}`:                                                         oauth.InvalidCredentialRequest,
		`{"Credential_Configuration_ID":"a"}`:                                                          oauth.InvalidCredentialRequest,
		`{"credential_configuration_id":"a","proofs":{}}`:                                              oauth.InvalidProof,
		`{"credential_configuration_id":"a","proofs":{"jwt":[]}}`:                                      oauth.InvalidProof,
		`{"credential_configuration_id":"a","proofs":{"jwt":"x"}}`:                                     oauth.InvalidProof,
		`{"credential_configuration_id":"a","proofs":{"jwt":["x"],"di_vp":[]}}`:                        oauth.InvalidProof,
		`{"credential_configuration_id":"a","proofs":{"jwt":[` + strings.Repeat(`"x",`, 32) + `"x"]}}`: oauth.InvalidProof,
		`[]`: oauth.InvalidCredentialRequest, `null`: oauth.InvalidCredentialRequest, ``: oauth.InvalidCredentialRequest,
	} {
		r, err := ParseCredentialRequest([]byte(body))
		var refused *oauth.Error
		if code == "" && err != nil || code != "" && (!errors.As(err, &refused) || refused.Code != code) {
			t.Errorf("%.80s: %v", body, err)
		}
		if code == "" && r.Encryption != strings.Contains(body, "encryption") {
			t.Errorf("%s: %+v", body, r)
		}
	}
}

// requiredTrust: an issuer that the registry does not carry gets no token call, and its code field is never shown.
func requiredTrust(t *testing.T) {
	for name, change := range map[string]func(s *stranger, o *organisation){
		"nothing stapled": func(s *stranger, o *organisation) {
			delete(s.metadata, "zegel_registry")
			delete(s.metadata, "signed_metadata")
		},
		"proof without signed metadata": func(s *stranger, o *organisation) { delete(s.metadata, "signed_metadata") },
		"signed metadata without proof": func(s *stranger, o *organisation) { delete(s.metadata, "zegel_registry") },
		"bad proof":                     func(s *stranger, o *organisation) { s.metadata["zegel_registry"] = "x" },
		"not accredited":                func(s *stranger, o *organisation) { o.accreditation.Use = trust.Ask },
		"accredited for another type":   func(s *stranger, o *organisation) { o.accreditation.Types = []string{"urn:example:other"} },
		"accreditation over":            func(s *stranger, o *organisation) { o.accreditation.Until = testNow.Add(-time.Hour) },
		"another endpoint":              func(s *stranger, o *organisation) { o.doc.Services[0].Endpoint = s.base + "x" },
		"a verifier's service":          func(s *stranger, o *organisation) { o.doc.Services[0].Type = did.ServiceVerifier },
		"deactivated":                   func(s *stranger, o *organisation) { o.doc.Deactivated = true },
		"key for another purpose":       func(s *stranger, o *organisation) { o.doc.Methods[0].Purposes = []did.Purpose{did.Authentication} },
		"key compromised":               func(s *stranger, o *organisation) { o.doc.Methods[0].Compromised = true },
		"anchor for another type":       func(s *stranger, o *organisation) { o.anchor.Types = []string{"urn:example:other"} },
		"metadata signed by another": func(s *stranger, o *organisation) {
			other := *o
			other.key = keysFor(s.t, 1)[0]
			s.sign(s.t, &other, nil)
		},
		"metadata of another issuer": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(_ *jose.Header, c map[string]any) { c["sub"] = s.base + "x" })
		},
		"metadata that say another issuer": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(_ *jose.Header, c map[string]any) { c["credential_issuer"] = s.base + "x" })
		},
		"metadata of another type": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(h *jose.Header, _ map[string]any) { h.Type = "JWT" })
		},
		"metadata without x5c": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(h *jose.Header, _ map[string]any) { h.X5C = nil })
		},
		"metadata without iat": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(_ *jose.Header, c map[string]any) { delete(c, "iat") })
		},
		"metadata of tomorrow": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(_ *jose.Header, c map[string]any) { c["iat"] = testNow.Add(24 * time.Hour).Unix() })
		},
		"metadata expired": func(s *stranger, o *organisation) {
			s.sign(s.t, o, func(_ *jose.Header, c map[string]any) { c["exp"] = testNow.Add(-2 * time.Minute).Unix() })
		},
	} {
		s := newStranger(t)
		c, o := s.registered(t)
		offer := s.offer()
		offer.Grants.PreAuthorized.TxCode = &TxCode{Length: 6}
		if _, err := c.Open(t.Context(), offer.Link()); err != nil {
			t.Fatalf("control: %v", err)
		}
		s.calls = nil
		change(s, o)
		if _, err := c.Open(t.Context(), offer.Link()); !errors.Is(err, ErrIssuerUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.calls) != 1 {
			t.Errorf("%s: %q were called", name, s.calls)
		}
	}
}

// requiredAnswers: answers that are no credentials are errors, never half a result. What a credential says is checked by the
// wallet with package credential; telling the issuer about it is Notify.
func requiredAnswers(t *testing.T) {
	s := newStranger(t)
	s.metadata["notification_endpoint"] = s.server.URL + "/notification"
	c := client(true)
	o, err := c.Open(t.Context(), s.offer().Link())
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.Redeem(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]error{
		`{}`:                    ErrMalformed,
		`{"credentials":[]}`:    ErrMalformed,
		`{"credentials":["x"]}`: ErrMalformed,
		`{"credentials":[{"credential":"a"},{"credential":"b"}]}`: ErrMalformed,
		`{"credentials":[{"credential":{}}]}`:                     ErrMalformed,
		`{"credentials":[{"credential":""}]}`:                     ErrMalformed,
		`{"credentials":[{"credential":"a"}],"credentials":[]}`:   ErrMalformed,
		`<html>`:                 ErrMalformed,
		`{"transaction_id":"x"}`: ErrMalformed,
	} {
		s.handle["/credential"] = func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(body, "transaction_id") {
				w.WriteHeader(202)
			}
			w.Write([]byte(body))
		}
		issued, err := c.Request(t.Context(), o, g, "card", keysFor(t, 1))
		if !errors.Is(err, want) || len(issued.Credentials) != 0 {
			t.Errorf("%s: %v", body, err)
		}
		if err := c.Notify(t.Context(), o, g, "id", CredentialFailure); err != nil {
			t.Error(err)
		}
	}
	metadata := "/.well-known/" + WellKnownIssuer + "/deep/issuer"
	for status, want := range map[int]error{500: ErrNetwork, 429: ErrNetwork, 404: ErrMalformed, 400: ErrMalformed} {
		whole := s.handle[metadata]
		s.handle[metadata] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }
		if _, err := c.Open(t.Context(), s.offer().Link()); !errors.Is(err, want) {
			t.Errorf("metadata, %d: %v", status, err)
		}
		if whole == nil {
			delete(s.handle, metadata)
		} else {
			s.handle[metadata] = whole
		}
	}
	for status, want := range map[int]error{500: ErrNetwork, 429: ErrNetwork, 404: ErrMalformed} {
		s.handle["/credential"] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }
		if _, err := c.Request(t.Context(), o, g, "card", keysFor(t, 1)); !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SignProof(p384, s.base, "n", testNow); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"no token":    func() { delete(s.token, "access_token") },
		"odd token":   func() { s.token["access_token"] = "a\r\nb" },
		"DPoP needed": func() { s.token["access_token"], s.token["token_type"] = "a", "DPoP" },
	} {
		change()
		if _, err := c.Redeem(t.Context(), o, ""); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Redeem(t.Context(), o, "1234"); !errors.Is(err, ErrMalformed) {
		t.Errorf("a code that was not asked: %v", err)
	}
}

// requiredNonceRetry: a refused nonce is replaced, but not for ever.
func requiredNonceRetry(t *testing.T) {
	s := newStranger(t)
	c := client(true)
	o, err := c.Open(t.Context(), s.offer().Link())
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.Redeem(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	refuse := 1
	s.handle["/credential"] = func(w http.ResponseWriter, r *http.Request) {
		if refuse > 0 {
			refuse--
			(&oauth.Error{Code: oauth.InvalidNonce}).Write(w)
			return
		}
		s.credential(w, r)
	}
	issued, err := c.Request(t.Context(), o, g, "card", keysFor(t, 1))
	if err != nil || len(issued.Credentials) != 1 || s.called("/nonce") != 2 {
		t.Errorf("%v, %v, %d nonces", issued, err, s.called("/nonce"))
	}
	refuse, s.calls = 1000, nil
	var refused *oauth.Error
	if _, err := c.Request(t.Context(), o, g, "card", keysFor(t, 1)); !errors.As(err, &refused) || refused.Code != oauth.InvalidNonce || s.called("/nonce") != nonceTries {
		t.Errorf("%v after %d nonces", err, s.called("/nonce"))
	}
}

func requiredHTTPS(t *testing.T) {
	s := newStranger(t)
	c := client(true)
	strict := client(true)
	strict.Fetch.Loopback = false
	for name, link := range map[string]string{
		"offer by reference": LinkByReference("http://i.example/offer"),
		"credential issuer":  (&Offer{"http://i.example", []string{"card"}, &Grants{PreAuthorized: &PreAuthorized{Code: "c"}}}).Link(),
		"loopback":           s.offer().Link(),
	} {
		if _, err := strict.Open(t.Context(), link); !errors.Is(err, ErrEndpointRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("called %q", s.calls)
	}
	for _, name := range []string{"credential_endpoint", "nonce_endpoint", "notification_endpoint"} {
		good := s.metadata[name]
		s.metadata[name] = "http://i.example/x"
		if _, err := c.Open(t.Context(), s.offer().Link()); !errors.Is(err, ErrEndpointRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if s.metadata[name] = good; good == nil {
			delete(s.metadata, name)
		}
	}
	good := s.as["token_endpoint"]
	s.as["token_endpoint"] = "http://i.example/token"
	if _, err := c.Open(t.Context(), s.offer().Link()); !errors.Is(err, ErrEndpointRefused) {
		t.Errorf("token endpoint: %v", err)
	}
	s.as["token_endpoint"] = good
	if _, err := c.Open(t.Context(), s.offer().Link()); err != nil {
		t.Errorf("control: %v", err)
	}
}

func requiredNoRedirect(t *testing.T) {
	s := newStranger(t)
	c := client(true)
	offer := s.offer()
	s.handle["/offer"] = func(w http.ResponseWriter, r *http.Request) { send(w, 200, offer) }
	redirect := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/trap", status)
		}
	}
	for _, status := range []int{301, 302, 307, 308} {
		for _, path := range []string{"/offer", "/.well-known/openid-credential-issuer/deep/issuer", "/.well-known/oauth-authorization-server/deep/issuer"} {
			good := s.handle[path]
			s.handle[path] = redirect(status)
			if _, err := c.Open(t.Context(), LinkByReference(s.server.URL+"/offer")); !errors.Is(err, ErrEndpointRefused) {
				t.Errorf("%s, %d: %v", path, status, err)
			}
			s.handle[path] = good
		}
		o, err := c.Open(t.Context(), LinkByReference(s.server.URL+"/offer"))
		if err != nil {
			t.Fatalf("control: %v", err)
		}
		s.handle["/token"] = redirect(status)
		if _, err := c.Redeem(t.Context(), o, ""); !errors.Is(err, ErrEndpointRefused) {
			t.Errorf("token, %d: %v", status, err)
		}
		delete(s.handle, "/token")
		g, err := c.Redeem(t.Context(), o, "")
		if err != nil {
			t.Fatal(err)
		}
		s.handle["/credential"] = redirect(status)
		if _, err := c.Request(t.Context(), o, g, "card", keysFor(t, 1)); !errors.Is(err, ErrEndpointRefused) {
			t.Errorf("credential, %d: %v", status, err)
		}
		delete(s.handle, "/credential")
	}
	if n := s.called("/trap"); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

// TestOffersThatCannotBe: errors that a person can be told.
func TestOffersThatCannotBe(t *testing.T) {
	s := newStranger(t)
	for name, offer := range map[string]*Offer{
		"no grants":             {s.base, []string{"card"}, nil},
		"another grant":         {s.base, []string{"card"}, &Grants{}},
		"unknown configuration": s.offer("x"),
		"another format only":   s.offer("mdoc"),
		"another server":        {s.base, []string{"card"}, &Grants{PreAuthorized: &PreAuthorized{Code: "c", AuthorizationServer: "https://as.example"}}},
	} {
		if _, err := client(true).Open(t.Context(), offer.Link()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.called("/token") != 0 {
		t.Error("the token endpoint was called")
	}
	s.as["issuer"] = "https://other.example"
	if _, err := client(true).Open(t.Context(), s.offer().Link()); !errors.Is(err, ErrMalformed) {
		t.Errorf("metadata of another server: %v", err)
	}
	s.server.Close()
	if _, err := client(true).Open(t.Context(), s.offer().Link()); !errors.Is(err, ErrNetwork) {
		t.Errorf("nobody answers: %v", err)
	}
}
