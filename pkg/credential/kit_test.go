package credential

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

const (
	vct      = "urn:zegel:personal-data:1"
	nonce    = "n-0S6_WzA2Mj-0123456789"
	audience = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk"
)

var (
	noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	b64  = base64.RawURLEncoding
)

// kit is a municipality with its registry entries, a holder, and the validator of a verifier. Its keys are fixed, so that
// a fuzzed input means the same in every process.
type kit struct {
	now       time.Time
	did       did.DID
	ca        *authority
	key       *ecdsa.PrivateKey // of the issuer
	leaf      *x509.Certificate
	holder    *ecdsa.PrivateKey
	registry  registry
	policy    *trust.Policy
	statuses  int // calls
	status    statuslist.Status
	statusErr error
}

// registry is a source whose answers are proven by decree.
type registry struct {
	docs    map[did.DID]*did.Document
	accs    []trust.Accreditation
	anchors []trust.Anchor
	err     error
}

func (r *registry) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	if r.err != nil {
		return nil, r.err
	}
	if doc, ok := r.docs[d]; ok {
		return doc, nil
	}
	return nil, did.ErrNotFound
}

func (r *registry) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	return r.accs, r.err
}

func (r *registry) Anchors(ctx context.Context) ([]trust.Anchor, error) { return r.anchors, r.err }

func newKit(t testing.TB) *kit {
	t.Helper()
	k := &kit{now: noon, key: p256(t, "issuer"), holder: p256(t, "holder"), did: "did:zegel:town:voorbeeldstad"}
	k.ca = newAuthority(t, "Voorbeeld CA", nil)
	k.leaf = k.ca.leaf(t, "Gemeente Voorbeeldstad", &k.key.PublicKey, string(k.did))
	k.registry = registry{
		docs: map[did.DID]*did.Document{k.did: {ID: k.did, Methods: []did.VerificationMethod{{
			ID: string(k.did) + "#issuer", Key: jose.JWK{Key: &k.key.PublicKey}, Purposes: []did.Purpose{did.AssertionMethod},
		}}}},
		accs: []trust.Accreditation{{
			ID: "personal-data", Subject: k.did, Use: trust.Issue, Name: "Gemeente Voorbeeldstad", Types: []string{vct},
			From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(1, 0, 0),
		}},
		anchors: []trust.Anchor{{
			Certificate: k.ca.cert, Uses: []trust.Use{trust.Issue, trust.Ask}, Types: []string{vct},
			From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(1, 0, 0),
		}},
	}
	k.policy = &trust.Policy{Source: &k.registry, DIDs: did.NewRegistry(&k.registry)}
	return k
}

func (k *kit) validator() *Validator {
	return &Validator{
		Trust: k.policy,
		Now:   func() time.Time { return k.now },
		Status: func(context.Context, *trust.Identity, statuslist.Ref) (statuslist.Status, time.Time, error) {
			k.statuses++
			return k.status, k.now.Add(-20 * time.Second), k.statusErr
		},
	}
}

// p256 returns the key that follows from a name.
func p256(t testing.TB, name string) *ecdsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authority is a certification authority.
type authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
}

func newAuthority(t testing.TB, name string, parent *authority) *authority {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	a := &authority{key: ed25519.NewKeyFromSeed(seed[:])}
	tmpl := template(name)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert = a.sign(t, tmpl, a.key.Public(), parent)
	return a
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7),
		Subject:      pkix.Name{CommonName: name, Organization: []string{name}},
		NotBefore:    noon.AddDate(0, -1, 0),
		NotAfter:     noon.AddDate(0, 1, 0),
	}
}

// sign makes a certificate issued by parent, or by a itself.
func (a *authority) sign(t testing.TB, tmpl *x509.Certificate, pub crypto.PublicKey, parent *authority) *x509.Certificate {
	t.Helper()
	issuer, key := tmpl, a.key
	if parent != nil {
		issuer, key = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(nil, tmpl, issuer, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a *authority) leaf(t testing.TB, name string, pub crypto.PublicKey, uris ...string) *x509.Certificate {
	t.Helper()
	tmpl := template(name)
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	for _, s := range uris {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		tmpl.URIs = append(tmpl.URIs, u)
	}
	return a.sign(t, tmpl, pub, a)
}

// card is a credential before signing. Everything can be made wrong.
type card struct {
	header      map[string]any
	claims      map[string]any
	disclosures []string // in "_sd" of claims too
	key         *ecdsa.PrivateKey
	rawHeader   string // instead of header
	rawClaims   string // instead of claims
}

func (k *kit) card() *card {
	return &card{
		header: map[string]any{"alg": "ES256", "typ": "dc+sd-jwt", "x5c": []any{base64.StdEncoding.EncodeToString(k.leaf.Raw)}},
		claims: map[string]any{
			"iss": string(k.did), "vct": vct, "cnf": map[string]any{"jwk": jwkOf(&k.holder.PublicKey)},
			"iat": day(noon), "nbf": day(noon), "exp": day(noon.AddDate(0, 0, 14)),
			"status": map[string]any{"status_list": map[string]any{"idx": 412, "uri": "https://example.org/lists/1"}},
		},
		disclosures: []string{
			disclose(`["c2FsdDAwMDAwMDAwMDAwMA","family_name","Voorbeeld"]`),
			disclose(`["c2FsdDAwMDAwMDAwMDAwMQ","age_over_18",true]`),
		},
		key: k.key,
	}
}

func day(t time.Time) int64 { return t.Truncate(24 * time.Hour).Unix() }

func disclose(content string) string { return b64.EncodeToString([]byte(content)) }

func digest(h hash.Hash, text string) string {
	h.Write([]byte(text))
	return b64.EncodeToString(h.Sum(nil))
}

func jwkOf(pub *ecdsa.PublicKey) map[string]any {
	return map[string]any{
		"kty": "EC", "crv": "P-256",
		"x": b64.EncodeToString(pub.X.FillBytes(make([]byte, 32))), "y": b64.EncodeToString(pub.Y.FillBytes(make([]byte, 32))),
	}
}

// sign returns the credential: "<jwt>~<disclosure>~…~".
func (c *card) sign(t testing.TB) string {
	t.Helper()
	claims := maps.Clone(c.claims)
	if _, there := claims["_sd"]; !there && len(c.disclosures) > 0 {
		var digests []string
		for _, d := range c.disclosures {
			if claims["_sd_alg"] == "sha-512" {
				digests = append(digests, digest(sha512.New(), d))
				continue
			}
			digests = append(digests, digest(sha256.New(), d))
		}
		claims["_sd"] = digests
	}
	body := c.rawClaims
	if body == "" {
		body = marshal(t, claims)
	}
	head := c.rawHeader
	if head == "" {
		head = marshal(t, c.header)
	}
	return join(jwt(t, head, body, c.key), c.disclosures...)
}

func join(jwt string, disclosures ...string) string {
	return strings.Join(append([]string{jwt}, disclosures...), "~") + "~"
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// jwt signs with ES256 whatever the header says.
func jwt(t testing.TB, head, body string, key *ecdsa.PrivateKey) string {
	t.Helper()
	signed := b64.EncodeToString([]byte(head)) + "." + b64.EncodeToString([]byte(body))
	sum := sha256.Sum256([]byte(signed))
	der, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		t.Fatal(err)
	}
	raw := append(sig.R.FillBytes(make([]byte, 32)), sig.S.FillBytes(make([]byte, 32))...)
	return signed + "." + b64.EncodeToString(raw)
}

// binding is a key binding JWT before signing.
type binding struct {
	header map[string]any
	claims map[string]any
	key    *ecdsa.PrivateKey
}

func (k *kit) bind(t testing.TB, credential string, change ...func(*binding)) string {
	t.Helper()
	b := &binding{
		header: map[string]any{"alg": "ES256", "typ": "kb+jwt"},
		claims: map[string]any{"iat": k.now.Unix(), "aud": audience, "nonce": nonce, "sd_hash": digest(sha256.New(), credential)},
		key:    k.holder,
	}
	for _, f := range change {
		f(b)
	}
	return credential + jwt(t, marshal(t, b.header), marshal(t, b.claims), b.key)
}

// present signs the card and binds it.
func (k *kit) present(t testing.TB, change ...func(*card)) string {
	t.Helper()
	c := k.card()
	for _, f := range change {
		f(c)
	}
	return k.bind(t, c.sign(t))
}

var want = Expect{Nonce: nonce, Audience: audience}

// accepts checks that the presentation passes, status looked up once.
func (k *kit) accepts(t testing.TB, compact string) *Presentation {
	t.Helper()
	before := k.statuses
	p, err := k.validator().Present(context.Background(), compact, want)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	if asked := k.statuses - before; p.Status != nil && asked != 1 || p.Status == nil && asked != 0 {
		t.Errorf("status looked up %d times", asked)
	}
	return p
}

// refuses checks the category, and that no status was looked up for a presentation that fails before (STL-02).
func (k *kit) refuses(t testing.TB, what, compact string, category Category) {
	t.Helper()
	k.refusesWant(t, what, compact, want, category)
}

func (k *kit) refusesWant(t testing.TB, what, compact string, want Expect, category Category) {
	t.Helper()
	before := k.statuses
	p, err := k.validator().Present(context.Background(), compact, want)
	if got := CategoryOf(err); err == nil || got != category || p != nil {
		t.Errorf("%s: %v, want %s", what, err, category)
	}
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("%s: error of type %T", what, err)
	}
	switch category {
	case Revoked, Suspended, StatusUnavailable:
	default:
		if k.statuses != before {
			t.Errorf("%s: the status was looked up", what)
		}
	}
}

// control checks that the good presentation still passes.
func (k *kit) control(t testing.TB) {
	t.Helper()
	p := k.accepts(t, k.present(t))
	if p.Subject()["age_over_18"] != true || p.Subject()["family_name"] != "Voorbeeld" || len(p.Subject()) != 2 {
		t.Errorf("control: claims %v", p.Subject())
	}
}

// foreign is a party that only the configuration knows.
func foreignCard(t testing.TB, k *kit) *card {
	t.Helper()
	ca := newAuthority(t, "Foreign CA", nil)
	key := p256(t, "foreign issuer")
	k.policy.Foreign = []trust.Anchor{{
		Certificate: ca.cert, Uses: []trust.Use{trust.Issue}, From: ca.cert.NotBefore, Until: ca.cert.NotAfter,
	}}
	c := k.card()
	c.key = key
	c.header["x5c"] = []any{base64.StdEncoding.EncodeToString(ca.leaf(t, "Ville d'Exemple", &key.PublicKey).Raw)}
	return c
}

var (
	_ did.Source   = (*registry)(nil)
	_ trust.Source = (*registry)(nil)
)
