package openid4vp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

const town = did.DID("did:zegel:town:voorbeeldstad")

// kit is a verifier on loopback that stands in a registry, and a wallet that meets it.
type kit struct {
	t        testing.TB
	registry registry
	foreign  []trust.Anchor
	key      *ecdsa.PrivateKey
	ca       *authority
	chain    [][]byte
	enc      *ecdsa.PrivateKey
	server   *httptest.Server
	client   *Client

	mu      sync.Mutex
	object  func(form url.Values) string // what the request address serves
	serve   http.HandlerFunc             // replaces it
	answers []url.Values                 // what the response address received
	answer  http.HandlerFunc             // how it replies
	seen    map[string]bool
}

type registry struct {
	docs    map[did.DID]*did.Document
	accs    []trust.Accreditation
	anchors []trust.Anchor
}

func (r *registry) Document(_ context.Context, d did.DID) (*did.Document, error) {
	if doc, ok := r.docs[d]; ok {
		if doc.Deactivated {
			return doc, did.ErrDeactivated
		}
		return doc, nil
	}
	return nil, did.ErrNotFound
}

func (r *registry) Accreditations(_ context.Context, d did.DID) ([]trust.Accreditation, error) {
	return r.accs, nil
}

func (r *registry) Anchors(context.Context) ([]trust.Anchor, error) { return r.anchors, nil }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	tmpl := template(name)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
	}
}

// leaf issues a certificate; uris and hosts are its names.
func (a *authority) leaf(name string, pub crypto.PublicKey, uri string, hosts ...string) []byte {
	a.t.Helper()
	tmpl := template(name)
	tmpl.KeyUsage, tmpl.DNSNames = x509.KeyUsageDigitalSignature, hosts
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			a.t.Fatal(err)
		}
		tmpl.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, pub, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) anchor() trust.Anchor {
	return trust.Anchor{Certificate: a.cert, Uses: []trust.Use{trust.Issue, trust.Ask}, Types: []string{"urn:x:card"}, From: a.cert.NotBefore, Until: a.cert.NotAfter}
}

func newKit(t testing.TB) *kit {
	t.Helper()
	k := &kit{t: t, key: newKey(t), enc: newKey(t), ca: newAuthority(t, "Voorbeeld CA"), seen: map[string]bool{}}
	k.chain = [][]byte{k.ca.leaf("Gemeente Voorbeeldstad", k.key.Public(), string(town), "localhost")}
	k.registry = registry{
		docs: map[did.DID]*did.Document{town: {ID: town, Methods: []did.VerificationMethod{{
			ID: string(town) + "#v1", Key: jose.JWK{Key: k.key.Public()}, Purposes: []did.Purpose{did.Authentication},
		}}}},
		accs: []trust.Accreditation{{
			ID: "over-18", Subject: town, Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{"urn:x:card"},
			Claims: []sdjwt.Path{{"age_equal_or_over", "18"}}, From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(1, 0, 0),
		}},
		anchors: []trust.Anchor{k.ca.anchor()},
	}
	k.server = httptest.NewServer(http.HandlerFunc(k.handle))
	t.Cleanup(k.server.Close)
	k.client = &Client{
		Fetch: &fetch.Client{Loopback: true},
		Now:   func() time.Time { return noon },
		Policy: func(context.Context, []VerifierInfo) (*trust.Policy, error) {
			return &trust.Policy{Source: &k.registry, DIDs: did.NewRegistry(&k.registry), Foreign: k.foreign}, nil
		},
		Seen: func(_ context.Context, id, nonce string, expires time.Time) error {
			if !expires.After(noon) {
				t.Errorf("remembered until %v, which is over", expires)
			}
			if k.seen[id+nonce] {
				return ErrRequestMalformed
			}
			k.seen[id+nonce] = true
			return nil
		},
	}
	return k
}

func (k *kit) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	form, _ := url.ParseQuery(string(body))
	k.mu.Lock()
	object, serve, answer := k.object, k.serve, k.answer
	if r.URL.Path == "/a" {
		k.answers = append(k.answers, form)
	}
	k.mu.Unlock()
	switch {
	case r.URL.Path == "/a" && answer != nil:
		answer(w, r)
	case r.URL.Path == "/a":
		io.WriteString(w, "{}")
	case serve != nil:
		serve(w, r)
	default:
		w.Header().Set("Content-Type", RequestMediaType)
		io.WriteString(w, object(form))
	}
}

// base is the verifier's origin under its DNS name.
func (k *kit) base() string { return strings.Replace(k.server.URL, "127.0.0.1", "localhost", 1) }

const overEighteen = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:card"]},"claims":[{"path":["age_equal_or_over","18"],"values":[true]}]}]}`

func query(t testing.TB, s string) *DCQLQuery {
	t.Helper()
	q, err := ParseDCQL([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (k *kit) header() jose.Header { return jose.Header{X5C: k.chain} }

// request is a good request of the kit's verifier.
func (k *kit) request() *Request {
	return &Request{
		ClientID: X509HashClientID(k.chain[0]), ResponseMode: DirectPostJWT, ResponseURI: k.base() + "/a",
		Nonce: rand.Text(), State: "s-1", Query: query(k.t, overEighteen), IssuedAt: noon, Expires: noon.Add(5 * time.Minute),
		Metadata: &ClientMetadata{
			JWKS:             &jose.JWKSet{Keys: []jose.JWK{{Key: k.enc.Public(), KeyID: "enc-1", Algorithm: "ECDH-ES", Use: "enc"}}},
			EncryptionValues: []string{"A128GCM", "A256GCM"},
		},
	}
}

// members returns the members of a request object, to be changed by a test.
func (k *kit) members(r *Request) map[string]any {
	k.t.Helper()
	signed, err := r.Sign(k.key, k.header())
	if err != nil {
		k.t.Fatal(err)
	}
	j, err := jose.ParseJWS(signed, MaxRequestSize)
	if err != nil {
		k.t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(j.Payload, &m); err != nil {
		k.t.Fatal(err)
	}
	return m
}

// sign signs members as a request object.
func (k *kit) sign(h jose.Header, m map[string]any) string {
	k.t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		k.t.Fatal(err)
	}
	if h.Type == "" {
		h.Type = RequestType
	}
	s, err := jose.SignJWS(k.key, h, body)
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

// open serves the object and opens a link to it.
func (k *kit) open(clientID, object string) (*Asked, error) {
	k.mu.Lock()
	k.object = func(url.Values) string { return object }
	k.mu.Unlock()
	return k.client.Open(k.t.Context(), Link(clientID, k.base()+"/r", MethodGet))
}

// changed opens a good request in which change has changed the members.
func (k *kit) changed(change func(map[string]any)) (*Asked, error) {
	k.t.Helper()
	m := k.members(k.request())
	change(m)
	id, _ := m["client_id"].(string)
	return k.open(id, k.sign(k.header(), m))
}

// set returns a change of members; nil removes one.
func set(pairs map[string]any) func(map[string]any) {
	return func(m map[string]any) {
		maps.Copy(m, pairs)
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	}
}

// sent returns what the response address received, and forgets it.
func (k *kit) sent() []url.Values {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.answers
	k.answers = nil
	return s
}

// control opens a good request and answers it.
func (k *kit) control() {
	k.t.Helper()
	r := k.request()
	object, err := r.Sign(k.key, k.header())
	if err != nil {
		k.t.Fatal(err)
	}
	k.sent()
	a, err := k.open(r.ClientID, object)
	if err != nil {
		k.t.Fatalf("control: %v", err)
	}
	if a.Verifier.Name != "Gemeente Voorbeeldstad" || !a.Verifier.Registered || len(a.Permission.Extra) != 0 {
		k.t.Fatalf("control: %+v %+v", a.Verifier, a.Permission)
	}
	if _, sent, err := k.client.Answer(k.t.Context(), a, map[string][]string{"card": {"x~"}}); err != nil || !sent {
		k.t.Fatalf("control: answer: %v", err)
	}
	forms := k.sent()
	if len(forms) != 1 {
		k.t.Fatalf("control: %d answers", len(forms))
	}
	got, err := ParseResponse(forms[0], DirectPostJWT, k.enc)
	if err != nil || got.State != "s-1" || len(got.Token["card"]) != 1 {
		k.t.Fatalf("control: %+v, %v", got, err)
	}
}
