package registry

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

const (
	testNetwork = "test"
	testChain   = "zegel-test"
)

// party is an organisation that writes transactions.
type party struct {
	did    did.DID
	record ledger.DIDRecord
	keyID  string
	key    ed25519.PrivateKey
	next   ed25519.PrivateKey
	seq    uint64
}

func testKey(seed string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

func newParty(t testing.TB, name string) *party {
	t.Helper()
	p := &party{keyID: "tx-1", key: testKey(name + "/1"), next: testKey(name + "/2")}
	p.record = ledger.DIDRecord{
		Keys: []ledger.KeyRecord{
			keyRecord(t, "tx-1", p.key, did.CapabilityInvocation),
			keyRecord(t, "issuer-1", testKey(name+"/issuer"), did.AssertionMethod),
		},
		Services:    []ledger.ServiceRecord{{ID: "issuer", Type: did.ServiceIssuer, Endpoint: "https://" + name + ".example/issuer"}},
		NextKeyHash: ledger.KeyHash(p.next.Public().(ed25519.PublicKey)),
	}
	var err error
	if p.did, err = ledger.NewDID(testNetwork, &p.record); err != nil {
		t.Fatal(err)
	}
	return p
}

func keyRecord(t testing.TB, id string, key ed25519.PrivateKey, purposes ...did.Purpose) ledger.KeyRecord {
	t.Helper()
	k, err := ledger.NewKeyRecord(id, key.Public(), purposes...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fill completes a transaction with the next sequence of p, without using it up.
func (p *party) fill(tx ledger.Tx) *ledger.Tx {
	if tx.ChainID == "" {
		tx.ChainID = testChain
	}
	if tx.Sender == "" {
		tx.Sender = p.did
	}
	if tx.Sequence == 0 {
		tx.Sequence = p.seq + 1
	}
	if tx.ValidUntil == 0 {
		tx.ValidUntil = 1_000_000
	}
	return &tx
}

// try signs a transaction without using up the sequence.
func (p *party) try(t testing.TB, tx ledger.Tx) []byte {
	t.Helper()
	raw, err := ledger.Sign(p.fill(tx), p.keyID, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sign signs a transaction that will have its effect.
func (p *party) sign(t testing.TB, tx ledger.Tx) []byte {
	t.Helper()
	raw := p.try(t, tx)
	p.seq++
	return raw
}

// world is a network with its members.
type world struct {
	genesis Genesis
	members []*party
	now     time.Time
}

func newWorld(t testing.TB, members int) *world {
	t.Helper()
	w := &world{genesis: Genesis{Network: testNetwork, ChainID: testChain}, now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	for i := range members {
		p := newParty(t, fmt.Sprintf("member-%d", i+1))
		w.members = append(w.members, p)
		w.genesis.Members = append(w.genesis.Members, Founder{Name: fmt.Sprintf("Gemeente %d", i+1), Record: p.record})
	}
	return w
}

func (w *world) accreditation(subject did.DID, id string, use trust.Use) ledger.Tx {
	a := &ledger.Accreditation{
		ID: id, Subject: subject, Use: use, Name: "Gemeente Voorbeeldstad", Types: []string{"urn:zegel:test:1"},
		From: w.now.Add(-24 * time.Hour).Unix(), Until: w.now.AddDate(5, 0, 0).Unix(),
	}
	if use == trust.Ask {
		a.Purpose = map[string]string{"nl": "Leeftijd controleren", "en": "Check the age"}
		a.Claims = [][]byte{[]byte(`["age_equal_or_over","18"]`)}
	}
	return ledger.Tx{Kind: ledger.Accredit, Accredit: a}
}

func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
