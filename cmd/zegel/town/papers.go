package town

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/registry"
	"github.com/zegel-id/zegel/verifier"
)

// Fragments of the municipality's keys.
const (
	registryKeyID = "registry-1"
	issuerKeyID   = "issuer-1"
	verifierKeyID = "verifier-1"
)

const (
	networkName = "voorbeeld"
	tenantName  = "Gemeente Voorbeeldstad"
	personType  = "urn:zegel:personal-data:1"
)

// papers are the keys, certificates and files of a town. They are made once and kept in its directory.
type papers struct {
	dir    string
	origin string
	made   time.Time // when the town was founded; everything dated follows from it

	validators int
	listen     int // port for other nodes, if there are any
	neighbours []*neighbour

	registryKey ed25519.PrivateKey
	record      ledger.DIDRecord
	did         did.DID
	anchor      *x509.Certificate
	token       string
}

func (p *papers) path(name string) string { return filepath.Join(p.dir, name) }

func (p *papers) chainID() string { return "zegel-" + networkName }

// founding is the file that makes a directory a town. It is written last, so that a first start that was cut off
// begins anew.
type founding struct {
	Origin string    `json:"origin"`
	Made   time.Time `json:"made"`
	Record []byte    `json:"record"` // CBOR of the first DID record

	Validators int          `json:"validators"`
	Listen     int          `json:"listen,omitempty"`
	Neighbours []*neighbour `json:"neighbours,omitempty"`
}

// openPapers reads the papers of a town, or makes them for a new one with this many validators; 0 is as many as it has,
// or one.
func openPapers(dir, origin string, validators int, now time.Time) (*papers, error) {
	p := &papers{dir: dir, origin: origin, validators: max(1, validators)}
	data, err := os.ReadFile(p.path("town.json"))
	if errors.Is(err, os.ErrNotExist) {
		if err := p.found(now.UTC().Truncate(time.Second)); err != nil {
			return nil, fmt.Errorf("found the town: %w", err)
		}
		data, err = os.ReadFile(p.path("town.json"))
	}
	if err != nil {
		return nil, err
	}
	var f founding
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("town.json: %v", err)
	}
	if f.Origin != origin {
		return nil, fmt.Errorf("the town in %q was founded at %s", dir, f.Origin)
	}
	if f.Validators = max(1, f.Validators); validators != 0 && validators != f.Validators {
		return nil, fmt.Errorf("the town in %q was founded with %d validators; choose another --dir for %d", dir, f.Validators, validators)
	}
	p.made, p.validators, p.listen, p.neighbours = f.Made, f.Validators, f.Listen, f.Neighbours
	for i, n := range p.neighbours {
		if err := n.load(p, i); err != nil {
			return nil, fmt.Errorf("town.json: %s: %w", n.Name, err)
		}
	}
	if err := ledger.Decode(f.Record, &p.record); err != nil {
		return nil, fmt.Errorf("town.json: record: %v", err)
	}
	if p.did, err = ledger.NewDID(networkName, &p.record); err != nil {
		return nil, err
	}
	if err := writeMember(dir, p.path("network.json"), p.did); err != nil {
		return nil, err
	}
	drawn, err := logo()
	if err == nil {
		err = writeFile(p.path("logo.png"), drawn)
	}
	if err != nil {
		return nil, err
	}
	key, err := office.LoadKey(p.path("registry-key.pem"), true)
	if err != nil {
		return nil, err
	}
	p.registryKey = key.(ed25519.PrivateKey)
	anchor, err := office.LoadChain(p.path("anchor.pem"))
	if err != nil {
		return nil, err
	}
	if p.anchor, err = x509.ParseCertificate(anchor[0]); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(p.path("token"))
	if err != nil {
		return nil, err
	}
	p.token = strings.TrimSpace(string(token))
	return p, nil
}

// found makes all keys and papers of a new town.
func (p *papers) found(now time.Time) error {
	for _, stale := range []string{"registry-key.pem", "registry-next-key.pem", "recovery-key.pem", "issuer-key.pem", "verifier-key.pem", "anchor-key.pem"} {
		if err := os.Remove(p.path(stale)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	var next, recovery ed25519.PrivateKey
	for name, into := range map[string]*ed25519.PrivateKey{"registry-key.pem": &p.registryKey, "registry-next-key.pem": &next, "recovery-key.pem": &recovery} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		if err := office.SaveKey(p.path(name), key, true); err != nil {
			return err
		}
		*into = key
	}
	var issue, verify, authority *ecdsa.PrivateKey
	for name, into := range map[string]**ecdsa.PrivateKey{"issuer-key.pem": &issue, "verifier-key.pem": &verify, "anchor-key.pem": &authority} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		if err := office.SaveKey(p.path(name), key, true); err != nil {
			return err
		}
		*into = key
	}
	p.record = ledger.DIDRecord{
		NextKeyHash:  ledger.KeyHash(next.Public().(ed25519.PublicKey)),
		RecoveryHash: ledger.KeyHash(recovery.Public().(ed25519.PublicKey)),
		Services: []ledger.ServiceRecord{
			{ID: "issuer", Type: did.ServiceIssuer, Endpoint: p.origin + "/issuer/" + Tenant},
			{ID: "verifier", Type: did.ServiceVerifier, Endpoint: p.origin + "/verifier/" + Tenant},
		},
	}
	for _, k := range []struct {
		id      string
		key     crypto.PublicKey
		purpose did.Purpose
	}{
		{registryKeyID, p.registryKey.Public(), did.CapabilityInvocation},
		{issuerKeyID, issue.Public(), did.AssertionMethod},
		{verifierKeyID, verify.Public(), did.Authentication},
	} {
		jwk, err := json.Marshal(jose.JWK{Key: k.key})
		if err != nil {
			return err
		}
		p.record.Keys = append(p.record.Keys, ledger.KeyRecord{ID: k.id, JWK: jwk, Purposes: []did.Purpose{k.purpose}})
	}
	var err error
	if p.did, err = ledger.NewDID(networkName, &p.record); err != nil {
		return err
	}
	if err := p.certify(now, authority, issue, verify); err != nil {
		return err
	}
	if err := writeFile(p.path("token"), []byte(rand.Text()+"\n")); err != nil {
		return err
	}
	people, err := json.MarshalIndent(subjects, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(p.path("subjects.json"), people); err != nil {
		return err
	}
	record, err := ledger.Encode(&p.record)
	if err != nil {
		return err
	}
	f := founding{Origin: p.origin, Made: now, Record: record, Validators: p.validators}
	if p.validators > 1 {
		if f.Listen, err = freePort(); err != nil {
			return err
		}
		if f.Neighbours, err = p.foundNeighbours(p.validators); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(p.path("town.json"), data)
}

// certify makes the anchor and the two leaves: one for issuing, one for asking, both with the DID as SAN.
func (p *papers) certify(now time.Time, authority, issue, verify *ecdsa.PrivateKey) error {
	root := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: tenantName + " (anchor, development)", Organization: []string{tenantName}, Country: []string{"NL"}},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, authority.Public(), authority)
	if err != nil {
		return err
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	if err := writeFile(p.path("anchor.pem"), pemCertificate(der)); err != nil {
		return err
	}
	uri, err := url.Parse(string(p.did))
	if err != nil {
		return err
	}
	for name, key := range map[string]*ecdsa.PrivateKey{"issuer": issue, "verifier": verify} {
		leaf := &x509.Certificate{
			SerialNumber:          serial(),
			Subject:               pkix.Name{CommonName: tenantName + " (" + name + ")", Organization: []string{tenantName}, Country: []string{"NL"}},
			NotBefore:             now.Add(-time.Hour),
			NotAfter:              now.AddDate(2, 0, 0),
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageDigitalSignature,
			URIs:                  []*url.URL{uri},
			DNSNames:              []string{"localhost"},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), authority)
		if err != nil {
			return err
		}
		if err := writeFile(p.path(name+"-chain.pem"), pemCertificate(der)); err != nil {
			return err
		}
	}
	return nil
}

func pemCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	return new(big.Int).SetBytes(b)
}

func (p *papers) genesis() registry.Genesis {
	return registry.Genesis{
		Network: networkName,
		ChainID: p.chainID(),
		Members: []registry.Founder{{Name: tenantName, Record: p.record}},
		Anchors: p.anchors(),

		Development: true,
	}
}

func (p *papers) anchors() []ledger.Anchor {
	return []ledger.Anchor{{
		ID:          "voorbeeldstad-1",
		Certificate: p.anchor.Raw,
		Uses:        []trust.Use{trust.Issue, trust.Ask},
		Types:       []string{personType},
		From:        p.anchor.NotBefore.Unix(),
		Until:       p.anchor.NotAfter.Unix(),
	}}
}

// keptDays is how long the town's counter keeps whether an answer was good, as the register says it does.
const keptDays = 30

// accreditations are what the municipality grants itself: issuing personal data, and the questions of its counter.
func (p *papers) accreditations() []trust.Accreditation {
	all := []trust.Accreditation{{ID: "personal-data", Use: trust.Issue, Types: []string{personType}}}
	for _, a := range verifier.PresetAccreditations(verifier.Tenant{ID: Tenant, Name: tenantName, DID: string(p.did)}) {
		a.Use, a.OutcomeDays = trust.Ask, keptDays
		all = append(all, a)
	}
	for i := range all {
		a := &all[i]
		a.Subject, a.Name = p.did, tenantName
		a.From, a.Until = p.made.Add(-time.Hour), p.made.AddDate(5, 0, 0)
	}
	return all
}

func (p *papers) staff() []office.Staff {
	return []office.Staff{{
		Name:        "M. Voorbeeld",
		TokenSHA256: office.HashToken(p.token),
		Roles:       []string{office.RoleCheck, office.RoleAskAny, office.RoleHandOut, office.RoleRevoke},
	}}
}

func (p *papers) issuerConfig() issuer.Config {
	return issuer.Config{
		Origin:  p.origin,
		Dir:     p.path("issuer"),
		Network: p.path("network.json"),
		Dev:     true,
		Tenants: []issuer.Tenant{{
			ID: Tenant, Name: tenantName, DID: string(p.did),
			SigningKey: p.path("issuer-key.pem"), Chain: p.path("issuer-chain.pem"),
			RegistryKey: p.path("registry-key.pem"), RegistryKeyID: registryKeyID,
			Subjects: p.path("subjects.json"), BatchSize: 10, Staff: p.staff(),
			Cards: map[string]issuer.Face{issuer.PersonalData: {Colour: cardColour, Logo: p.path("logo.png"), LogoAlt: logoWords}},
		}},
	}
}

func (p *papers) verifierConfig(anchors []string) verifier.Config {
	return verifier.Config{
		Origin:       p.origin,
		Dir:          p.path("verifier"),
		HistoryDays:  keptDays,
		TrustAnchors: anchors,
		Dev:          true,
		Tenants: []verifier.Tenant{{
			ID: Tenant, Name: tenantName, DID: string(p.did),
			SigningKey: p.path("verifier-key.pem"), Chain: p.path("verifier-chain.pem"), KeyID: verifierKeyID,
			Staff: p.staff(),
		}},
	}
}
