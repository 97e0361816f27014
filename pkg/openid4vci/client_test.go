package openid4vci

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/trust"
)

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stranger is an issuer that knows the published specification only. Tests change what it says.
type stranger struct {
	t        testing.TB
	server   *httptest.Server
	base     string
	metadata map[string]any
	as       map[string]any
	token    map[string]any
	handle   map[string]http.HandlerFunc // by path, before all others

	mu       sync.Mutex
	calls    []string
	form     url.Values       // of the last token request
	requests []map[string]any // at the credential endpoint
	nonces   map[string]bool  // given out and not used
}

func newStranger(t testing.TB) *stranger {
	t.Helper()
	s := &stranger{t: t, nonces: map[string]bool{}, handle: map[string]http.HandlerFunc{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.base = s.server.URL + "/deep/issuer"
	s.metadata = map[string]any{
		"credential_issuer":   s.base,
		"credential_endpoint": s.server.URL + "/credential",
		"nonce_endpoint":      s.server.URL + "/nonce",
		"future_member":       map[string]any{"x": []int{1}},
		"credential_configurations_supported": map[string]any{
			"card": map[string]any{"format": "dc+sd-jwt", "vct": "urn:example:card", "proof_types_supported": map[string]any{
				"jwt": map[string]any{"proof_signing_alg_values_supported": []string{"ES256", "ES512"}}}},
			"mdoc": map[string]any{"format": "mso_mdoc", "doctype": "x", "credential_signing_alg_values_supported": []int{-7}},
		},
	}
	s.as = map[string]any{"issuer": s.base, "token_endpoint": s.server.URL + "/token", "response_types_supported": []string{"code"}}
	s.token = map[string]any{"access_token": "a-token", "token_type": "bearer", "expires_in": 60}
	return s
}

func (s *stranger) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	h := s.handle[r.URL.Path]
	s.mu.Unlock()
	if h != nil {
		h(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /.well-known/openid-credential-issuer/deep/issuer":
		send(w, 200, s.metadata)
	case "GET /.well-known/oauth-authorization-server/deep/issuer":
		send(w, 200, s.as)
	case "POST /token":
		r.ParseForm()
		s.form = r.PostForm
		send(w, 200, s.token)
	case "POST /nonce":
		s.mu.Lock()
		defer s.mu.Unlock()
		nonce := fmt.Sprint("nonce-", len(s.calls))
		s.nonces[nonce] = true
		send(w, 200, map[string]any{"c_nonce": nonce})
	case "POST /credential":
		s.credential(w, r)
	case "POST /notification":
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, string(body))
		s.mu.Unlock()
		w.WriteHeader(204)
	default:
		http.NotFound(w, r)
	}
}

func (s *stranger) credential(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer a-token" {
		(&oauth.Error{Status: 401, Code: oauth.InvalidToken}).Write(w)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	request, err := ParseCredentialRequest(body)
	if err != nil {
		s.t.Error(err)
		return
	}
	var plain map[string]any
	if err := json.Unmarshal(body, &plain); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, plain)
	var credentials []map[string]string
	used := map[string]bool{}
	for _, compact := range request.Proofs {
		p, err := VerifyProof(compact, s.base, testNow)
		if s.metadata["nonce_endpoint"] == nil {
			if j, e := jose.ParseJWS(compact, MaxProof); e != nil || strings.Contains(string(j.Payload), "nonce") {
				s.t.Error("a nonce where none was given")
			}
		} else if err != nil {
			err.(*oauth.Error).Write(w)
			return
		} else if !s.nonces[p.Nonce] {
			(&oauth.Error{Code: oauth.InvalidNonce}).Write(w)
			return
		} else {
			used[p.Nonce] = true
		}
		credentials = append(credentials, map[string]string{"credential": fmt.Sprint("credential-", len(s.calls), "-", len(credentials))})
	}
	for nonce := range used {
		delete(s.nonces, nonce)
	}
	send(w, 200, map[string]any{"credentials": credentials, "notification_id": fmt.Sprint("id-", len(s.requests))})
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (s *stranger) offer(ids ...string) *Offer {
	if len(ids) == 0 {
		ids = []string{"card"}
	}
	return &Offer{s.base, ids, &Grants{PreAuthorized: &PreAuthorized{Code: "code"}}}
}

func (s *stranger) called(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if strings.HasSuffix(c, " "+path) {
			n++
		}
	}
	return n
}

// client accepts foreign issuers when anchors says so.
func client(anchors bool) *Client {
	return &Client{Fetch: &fetch.Client{Loopback: true}, Now: func() time.Time { return testNow },
		Policy: func(ctx context.Context, registry string) (*trust.Policy, error) {
			if registry != "" {
				return nil, errors.New("no registry here")
			}
			if !anchors {
				return &trust.Policy{}, nil
			}
			return &trust.Policy{Foreign: []trust.Anchor{{}}}, nil
		}}
}

func keysFor(t testing.TB, n int) []crypto.Signer {
	t.Helper()
	var keys []crypto.Signer
	for range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// TestForeign: an issuer that only knows the specification, in the shapes that it allows.
func TestForeign(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(s *stranger, o *Offer)
		tx       string
		copies   int
		requests int
		check    func(t *testing.T, s *stranger)
	}{
		{name: "one by one", copies: 3, requests: 3, check: func(t *testing.T, s *stranger) {
			if s.form.Get("client_id") != ClientID || s.form.Get("grant_type") != GrantPreAuthorized || s.form.Has("tx_code") {
				t.Errorf("token request %v", s.form)
			}
			if s.requests[0]["credential_configuration_id"] != "card" || s.requests[0]["credential_identifier"] != nil {
				t.Errorf("request %v", s.requests[0])
			}
		}},
		{name: "batch", change: func(s *stranger, o *Offer) {
			s.metadata["batch_credential_issuance"] = map[string]any{"batch_size": 4}
		}, copies: 10, requests: 3},
		{name: "no nonce endpoint", change: func(s *stranger, o *Offer) { delete(s.metadata, "nonce_endpoint") }, copies: 1, requests: 1,
			check: func(t *testing.T, s *stranger) {
				if s.called("/nonce") != 0 {
					t.Error("asked a nonce")
				}
			}},
		{name: "transaction code", change: func(s *stranger, o *Offer) { o.Grants.PreAuthorized.TxCode = &TxCode{} }, tx: "1234", copies: 1, requests: 1,
			check: func(t *testing.T, s *stranger) {
				if s.form.Get("tx_code") != "1234" {
					t.Errorf("token request %v", s.form)
				}
			}},
		{name: "anonymous", change: func(s *stranger, o *Offer) { s.as["pre-authorized_grant_anonymous_access_supported"] = true }, copies: 1, requests: 1,
			check: func(t *testing.T, s *stranger) {
				if s.form.Has("client_id") {
					t.Errorf("token request %v", s.form)
				}
			}},
		{name: "identifiers", change: func(s *stranger, o *Offer) {
			s.token["authorization_details"] = []any{map[string]any{"type": "openid_credential", "credential_configuration_id": "card", "credential_identifiers": []string{"card-7", "card-8"}}}
		}, copies: 1, requests: 1, check: func(t *testing.T, s *stranger) {
			if s.requests[0]["credential_identifier"] != "card-7" || s.requests[0]["credential_configuration_id"] != nil {
				t.Errorf("request %v", s.requests[0])
			}
		}},
		{name: "authorization server of its own", change: func(s *stranger, o *Offer) {
			as := s.server.URL + "/as"
			s.metadata["authorization_servers"] = []string{s.server.URL + "/none", as}
			s.handle["/.well-known/oauth-authorization-server/as"] = func(w http.ResponseWriter, r *http.Request) {
				send(w, 200, map[string]any{"issuer": as, "token_endpoint": s.server.URL + "/token", "grant_types_supported": []string{GrantPreAuthorized}})
			}
		}, copies: 1, requests: 1},
		{name: "other formats beside", change: func(s *stranger, o *Offer) { o.ConfigurationIDs = []string{"mdoc", "card"} }, copies: 1, requests: 1},
		{name: "expires_in absent", change: func(s *stranger, o *Offer) { delete(s.token, "expires_in") }, copies: 1, requests: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStranger(t)
			offer := s.offer()
			if test.change != nil {
				test.change(s, offer)
			}
			s.handle["/offer"] = func(w http.ResponseWriter, r *http.Request) { send(w, 200, offer) }
			c := client(true)
			for _, link := range []string{offer.Link(), LinkByReference(s.server.URL + "/offer")} {
				s.requests = nil
				o, err := c.Open(t.Context(), link)
				if err != nil {
					t.Fatal(err)
				}
				if o.Issuer != nil || o.TokenEndpoint != s.server.URL+"/token" || !slices.Equal(o.Offer.ConfigurationIDs, []string{"card"}) {
					t.Errorf("opened %+v", o)
				}
				g, err := c.Redeem(t.Context(), o, test.tx)
				if err != nil {
					t.Fatal(err)
				}
				issued, err := c.Request(t.Context(), o, g, "card", keysFor(t, test.copies))
				if err != nil {
					t.Fatal(err)
				}
				if len(issued.Credentials) != test.copies || len(s.requests) != test.requests || len(issued.NotificationIDs) != test.requests {
					t.Errorf("%d credentials in %d requests", len(issued.Credentials), len(s.requests))
				}
				if test.check != nil {
					test.check(t, s)
				}
				// No endpoint for notifications: nothing to do.
				if err := c.Notify(t.Context(), o, g, issued.NotificationID, CredentialAccepted); err != nil || s.called("/notification") != 0 {
					t.Errorf("notify: %v", err)
				}
			}
		})
	}
}

// registered makes the stranger an organisation of a registry and returns the client that believes it.
func (s *stranger) registered(t testing.TB) (*Client, *organisation) {
	t.Helper()
	d, err := did.Zegel("voorbeeld", strings.Repeat("a", 32))
	if err != nil {
		t.Fatal(err)
	}
	root, leaf := keysFor(t, 1)[0], keysFor(t, 1)[0]
	san, err := url.Parse(string(d))
	if err != nil {
		t.Fatal(err)
	}
	anchorTemplate := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "anchor"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(1, 0, 0)}
	anchor := issueCert(t, anchorTemplate, anchorTemplate, root.Public(), root)
	cert := issueCert(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, URIs: []*url.URL{san},
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(1, 0, 0)},
		anchor, leaf.Public(), root)
	o := &organisation{key: leaf, chain: [][]byte{cert.Raw},
		doc: did.Document{ID: d, Methods: []did.VerificationMethod{{ID: string(d) + "#k", Key: jose.JWK{Key: leaf.Public()}, Purposes: []did.Purpose{did.AssertionMethod}}},
			Services: []did.Service{{ID: string(d) + "#s", Type: did.ServiceIssuer, Endpoint: s.base}}},
		accreditation: trust.Accreditation{ID: "card", Subject: d, Use: trust.Issue, Name: "Gemeente Voorbeeldstad", Types: []string{"urn:example:card"},
			From: testNow.AddDate(-1, 0, 0), Until: testNow.AddDate(1, 0, 0)},
		anchor: trust.Anchor{Certificate: anchor, Uses: []trust.Use{trust.Issue}, Types: []string{"urn:example:card"},
			From: testNow.AddDate(-1, 0, 0), Until: testNow.AddDate(1, 0, 0)},
	}
	c := client(false)
	c.Policy = func(ctx context.Context, registry string) (*trust.Policy, error) {
		switch registry {
		case "":
			return &trust.Policy{}, nil
		case "proof":
			return &trust.Policy{Source: o, DIDs: did.NewRegistry(o)}, nil
		}
		return nil, errUnproven
	}
	s.sign(t, o, nil)
	return c, o
}

var errUnproven = errors.New("registry_unproven")

// organisation is what the registry holds about one.
type organisation struct {
	key           crypto.Signer
	chain         [][]byte
	doc           did.Document
	accreditation trust.Accreditation
	anchor        trust.Anchor
}

func (o *organisation) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	if d != o.doc.ID {
		return nil, did.ErrNotFound
	}
	return &o.doc, nil
}

func (o *organisation) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	return []trust.Accreditation{o.accreditation}, nil
}

func (o *organisation) Anchors(ctx context.Context) ([]trust.Anchor, error) {
	return []trust.Anchor{o.anchor}, nil
}

// sign staples proof and signed metadata; change edits header and claims first.
func (s *stranger) sign(t testing.TB, o *organisation, change func(h *jose.Header, claims map[string]any)) {
	t.Helper()
	claims := maps.Clone(s.metadata)
	delete(claims, "zegel_registry")
	delete(claims, "signed_metadata")
	claims["sub"], claims["iat"] = s.base, testNow.Unix()
	h := jose.Header{Type: TypeSignedMetadata, X5C: o.chain}
	if change != nil {
		change(&h, claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jose.SignJWS(o.key, h, payload)
	if err != nil {
		t.Fatal(err)
	}
	s.metadata["signed_metadata"], s.metadata["zegel_registry"] = compact, "proof"
}

func issueCert(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestRegistered(t *testing.T) {
	s := newStranger(t)
	s.metadata["notification_endpoint"] = s.server.URL + "/notification"
	c, _ := s.registered(t)
	// What came beside the signature does not count.
	s.metadata["credential_endpoint"] = s.server.URL + "/elsewhere"
	o, err := c.Open(t.Context(), s.offer().Link())
	if err != nil {
		t.Fatal(err)
	}
	if o.Issuer == nil || o.Issuer.Name != "Gemeente Voorbeeldstad" || !o.Issuer.Registered || o.Metadata.CredentialEndpoint != s.server.URL+"/credential" {
		t.Errorf("opened %+v", o)
	}
	g, err := c.Redeem(t.Context(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := testNow.Add(time.Minute); !g.Expires.Equal(want) {
		t.Errorf("expires %v", g.Expires)
	}
	issued, err := c.Request(t.Context(), o, g, "card", keysFor(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Notify(t.Context(), o, g, issued.NotificationID, CredentialFailure); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"event":"credential_failure","notification_id":"id-1"}`, s.calls[len(s.calls)-1]); diff != "" {
		t.Error(diff)
	}
}
