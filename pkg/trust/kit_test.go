package trust

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

const (
	town did.DID = "did:zegel:town:voorbeeldstad"
	vct          = "urn:zegel:personal-data:1"
)

// registry is a source whose answers are proven by decree.
type registry struct {
	docs    map[did.DID]*did.Document
	accs    []Accreditation
	anchors []Anchor
	err     error
	asked   atomic.Int64
}

func (r *registry) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	r.asked.Add(1)
	if r.err != nil {
		return nil, r.err
	}
	if doc, ok := r.docs[d]; ok {
		return doc, nil
	}
	return nil, did.ErrNotFound
}

func (r *registry) Accreditations(ctx context.Context, d did.DID) ([]Accreditation, error) {
	r.asked.Add(1)
	return r.accs, r.err
}

func (r *registry) Anchors(ctx context.Context) ([]Anchor, error) {
	r.asked.Add(1)
	return r.anchors, r.err
}

type party struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue makes a certificate; by nil is self-signed.
func issue(t testing.TB, by *party, key crypto.Signer, name string, change ...func(*x509.Certificate)) *party {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	for _, f := range change {
		f(tmpl)
	}
	parent, signer := tmpl, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &party{cert: c, key: key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func of(uris ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, s := range uris {
			u, err := url.Parse(s)
			if err != nil {
				panic(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

func x5c(ps ...*party) [][]byte {
	var out [][]byte
	for _, p := range ps {
		out = append(out, p.cert.Raw)
	}
	return out
}

// someRSA is a public key of any length that nobody has the private key of.
type someRSA struct {
	crypto.Signer
	n *big.Int
}

func (k someRSA) Public() crypto.PublicKey { return &rsa.PublicKey{N: k.n, E: 65537} }

// kit is a registered organisation with keys for both uses, and a foreign party.
type kit struct {
	*Policy
	registry         *registry
	root, mid        *party
	issuer, verifier *party // below root and mid
	abroad, outsider *party // foreign anchor and its leaf
}

func newKit(t testing.TB) *kit {
	t.Helper()
	k := &kit{}
	k.root = issue(t, nil, p256(t), "Root", isCA)
	k.mid = issue(t, k.root, p256(t), "Mid", isCA)
	k.issuer = issue(t, k.root, p256(t), "Voorbeeldstad", of(string(town)))
	k.verifier = issue(t, k.mid, p256(t), "Voorbeeldstad", of(string(town)))
	k.abroad = issue(t, nil, p256(t), "Abroad", isCA)
	k.outsider = issue(t, k.abroad, p256(t), "Ville d'Exemple")
	from, until := noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
	k.registry = &registry{
		docs: map[did.DID]*did.Document{town: {ID: town, Methods: []did.VerificationMethod{
			{ID: string(town) + "#issue", Key: jose.JWK{Key: k.issuer.key.Public()}, Purposes: []did.Purpose{did.AssertionMethod}},
			{ID: string(town) + "#ask", Key: jose.JWK{Key: k.verifier.key.Public()}, Purposes: []did.Purpose{did.Authentication}},
		}}},
		accs: []Accreditation{
			{ID: "pd", Subject: town, Use: Issue, Name: "Gemeente Voorbeeldstad", Types: []string{vct}, From: from, Until: until},
			{ID: "over-18", Subject: town, Use: Ask, Name: "Gemeente Voorbeeldstad", Types: []string{vct}, From: from, Until: until,
				Claims: []sdjwt.Path{{"age_equal_or_over", "18"}}},
			{ID: "address", Subject: town, Use: Ask, Name: "Gemeente Voorbeeldstad", From: from, Until: until,
				Claims: []sdjwt.Path{{"address"}, {"given_name"}}},
		},
		anchors: []Anchor{{Certificate: k.root.cert, Uses: []Use{Issue, Ask}, Types: []string{vct}, From: from, Until: until}},
	}
	k.Policy = &Policy{Source: k.registry, DIDs: did.NewRegistry(k.registry), Foreign: []Anchor{
		{Certificate: k.abroad.cert, Uses: []Use{Issue, Ask}, From: from, Until: until},
	}}
	return k
}

func (k *kit) chain(t testing.TB, what string, use Use, want error, ps ...*party) *Identity {
	t.Helper()
	who, err := k.ByChain(context.Background(), x5c(ps...), use, vct, noon, noon)
	if !errors.Is(err, want) || (err == nil) != (who != nil) {
		t.Errorf("%s: %v, %v, want %v", what, who, err, want)
	}
	return who
}
