package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/url"
	"slices"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
	"github.com/cosmos/iavl"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

const (
	networkName = "proef"
	personType  = "urn:example:person:1"
	townName    = "Gemeente Proefstad"
)

// chain is the registry as far as a wallet can see it: a validator that signs headers over a real tree.
type chain struct {
	t         *testing.T
	validator cmted25519.PrivKey
	values    map[string][]byte
	network   *ledger.Network
}

func newChain(t *testing.T, now time.Time) *chain {
	c := &chain{t: t, validator: cmted25519.GenPrivKey(), values: map[string][]byte{}}
	first := c.header(1, now.Add(-24*time.Hour), make([]byte, 32))
	c.network = &ledger.Network{
		Name: networkName, ChainID: "zegel-" + networkName, Height: 1, Hash: hex.EncodeToString(first.Hash()), Time: first.Time,
		Validators:  []ledger.NetworkValidator{{PubKey: c.validator.PubKey().Bytes(), Power: 10}},
		Nodes:       []string{"http://localhost:1/registry"},
		Development: true,
	}
	return c
}

func (c *chain) set() *types.ValidatorSet {
	return types.NewValidatorSet([]*types.Validator{types.NewValidator(c.validator.PubKey(), 10)})
}

func (c *chain) header(height int64, at time.Time, appHash []byte) *types.LightBlock {
	c.t.Helper()
	vals := c.set()
	h := &types.Header{
		Version: version.Consensus{Block: 11}, ChainID: "zegel-" + networkName, Height: height, Time: at.UTC().Round(time.Millisecond),
		ValidatorsHash: vals.Hash(), NextValidatorsHash: vals.Hash(), ConsensusHash: make([]byte, 32), AppHash: appHash,
		LastResultsHash: make([]byte, 32), ProposerAddress: vals.Proposer.Address,
	}
	if height > 1 {
		h.LastBlockID = types.BlockID{Hash: make([]byte, 32), PartSetHeader: types.PartSetHeader{Total: 1, Hash: make([]byte, 32)}}
	}
	id := types.BlockID{Hash: h.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: make([]byte, 32)}}
	vote := &types.Vote{Type: 2, Height: height, BlockID: id, Timestamp: h.Time, ValidatorAddress: vals.Proposer.Address}
	sig, err := c.validator.Sign(types.VoteSignBytes(h.ChainID, vote.ToProto()))
	if err != nil {
		c.t.Fatal(err)
	}
	return &types.LightBlock{
		SignedHeader: &types.SignedHeader{Header: h, Commit: &types.Commit{
			Height: height, BlockID: id,
			Signatures: []types.CommitSig{{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: vals.Proposer.Address, Timestamp: h.Time, Signature: sig}},
		}},
		ValidatorSet: vals,
	}
}

func (c *chain) put(key ledger.Key, v any) {
	c.t.Helper()
	data, err := ledger.Encode(v)
	if err != nil {
		c.t.Fatal(err)
	}
	c.values[string(key)] = data
}

// proof is a bundle of these keys at the given time, as it is stapled.
func (c *chain) proof(at time.Time, keys ...ledger.Key) string {
	c.t.Helper()
	tree := iavl.NewMutableTree(dbm.NewMemDB(), 0, true, iavl.NewNopLogger())
	for k, v := range c.values {
		if _, err := tree.Set([]byte(k), v); err != nil {
			c.t.Fatal(err)
		}
	}
	root, _, err := tree.SaveVersion()
	if err != nil {
		c.t.Fatal(err)
	}
	var items []ledger.BundleItem
	for _, k := range keys {
		p, err := tree.GetProof(k)
		if err != nil {
			c.t.Fatal(err)
		}
		raw, err := p.Marshal()
		if err != nil {
			c.t.Fatal(err)
		}
		items = append(items, ledger.BundleItem{Key: k, Value: c.values[string(k)], Proof: raw})
	}
	bundle, err := ledger.BuildBundle(nil, c.header(100, at, root), items)
	if err != nil {
		c.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(bundle)
}

// party is an organisation with its keys and papers: registered ones stand on the chain, others under an anchor of their own.
type party struct {
	name   string
	did    did.DID
	issue  *ecdsa.PrivateKey
	ask    *ecdsa.PrivateKey
	anchor *x509.Certificate
	chains map[crypto.Signer][]byte // leaf by key
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var serial int64

// papers makes an anchor and a leaf for each key.
func (p *party) papers(t *testing.T, now time.Time) {
	t.Helper()
	ca := ecKey(t)
	serial++
	root := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "anchor of " + p.name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte(p.name),
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.Public(), ca)
	if err != nil {
		t.Fatal(err)
	}
	if p.anchor, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	p.chains = map[crypto.Signer][]byte{}
	for _, key := range []*ecdsa.PrivateKey{p.issue, p.ask} {
		serial++
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: p.name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0),
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{"localhost"},
		}
		if p.did != "" {
			u, err := url.Parse(string(p.did))
			if err != nil {
				t.Fatal(err)
			}
			leaf.URIs = []*url.URL{u}
		}
		if p.chains[key], err = x509.CreateCertificate(rand.Reader, leaf, p.anchor, key.Public(), ca); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *party) header(key crypto.Signer) jose.Header {
	return jose.Header{X5C: [][]byte{p.chains[key]}}
}

func (p *party) foreignAnchor() trust.Anchor {
	return trust.Anchor{Certificate: p.anchor, Uses: []trust.Use{trust.Issue, trust.Ask}, From: p.anchor.NotBefore, Until: p.anchor.NotAfter}
}

func stranger(t *testing.T, name string, now time.Time) *party {
	p := &party{name: name, issue: ecKey(t), ask: ecKey(t)}
	p.papers(t, now)
	return p
}

// register puts a party on the chain with what it may issue and ask.
func (c *chain) register(p *party, now time.Time, issuerURL string, accreditations ...trust.Accreditation) {
	t := c.t
	t.Helper()
	p.issue, p.ask = ecKey(t), ecKey(t)
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(p.name))
	record := ledger.DIDRecord{NextKeyHash: hash[:], Services: []ledger.ServiceRecord{{ID: "issuer", Type: did.ServiceIssuer, Endpoint: issuerURL}}}
	for _, k := range []struct {
		id      string
		pub     crypto.PublicKey
		purpose did.Purpose
	}{{"registry-1", pub, did.CapabilityInvocation}, {"issuer-1", p.issue.Public(), did.AssertionMethod}, {"verifier-1", p.ask.Public(), did.Authentication}} {
		kr, err := ledger.NewKeyRecord(k.id, k.pub, k.purpose)
		if err != nil {
			t.Fatal(err)
		}
		record.Keys = append(record.Keys, kr)
	}
	if p.did, err = ledger.NewDID(networkName, &record); err != nil {
		t.Fatal(err)
	}
	record.ID, record.Version = p.did, 1
	for i := range record.Keys {
		record.Keys[i].From = now.AddDate(0, -6, 0).Unix()
	}
	c.put(ledger.KeyDID(p.did), record)
	p.papers(t, now)

	var stored []ledger.Accreditation
	for _, a := range accreditations {
		a.Subject, a.From, a.Until = p.did, now.AddDate(0, -6, 0), now.AddDate(1, 0, 0)
		if a.Name == "" {
			a.Name = p.name
		}
		s, err := ledger.FromTrust(&a)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, *s)
	}
	if len(stored) > 0 {
		slices.SortFunc(stored, func(a, b ledger.Accreditation) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
		c.put(ledger.KeyAccreditations(p.did), stored)
	}
	c.put(ledger.KeyAnchors(), []ledger.Anchor{{
		ID: "anchor-1", Certificate: p.anchor.Raw, Uses: []trust.Use{trust.Issue, trust.Ask}, Types: []string{personType},
		From: p.anchor.NotBefore.Unix(), Until: p.anchor.NotAfter.Unix(),
	}})
}

// staple is the registry proof about a party.
func (c *chain) staple(p *party, at time.Time) string {
	return c.proof(at, ledger.KeyDID(p.did), ledger.KeyAccreditations(p.did), ledger.KeyAnchors())
}
