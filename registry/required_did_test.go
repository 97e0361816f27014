package registry

import (
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// document returns the DID document as it stands in the state after a block, and what resolving it gives.
func (c *chain) document(height int64, d did.DID) (*did.Document, *did.Resolution) {
	c.t.Helper()
	s, err := c.app.state.at(height)
	if err != nil {
		c.t.Fatal(err)
	}
	r, exists := newOverlay(s).record(d)
	if !exists {
		c.t.Fatalf("%q is not in the state at %d", d, height)
	}
	res, err := r.Resolution()
	if err != nil {
		c.t.Fatal(err)
	}
	return res.Document, res
}

// testCompromise: a key that was rotated out vouches for what it signed before; one that is compromised for nothing, from
// the state of the block that says so.
func testCompromise(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	signed := c.now
	c.now = c.now.AddDate(0, 2, 0)
	c.block()
	c.must(m.update(t, c, "u1", func(r *ledger.DIDRecord) {
		r.Keys[1] = keyRecord(t, "issuer-2", testKey("issuer 2"), did.AssertionMethod)
	}))
	m.updated("u1")
	counts := func(height int64, at time.Time) bool {
		t.Helper()
		doc, _ := c.document(height, m.did)
		_, byID := doc.Key("#issuer-1", did.AssertionMethod, at)
		_, byKey := doc.HasKey(public(testKey("member-1/issuer")), did.AssertionMethod, at)
		if (byID == nil) != (byKey == nil) {
			t.Errorf("by id: %v; by key: %v", byID, byKey)
		}
		return byID == nil
	}
	rotated := c.now
	if !counts(c.height, signed) || !counts(c.height, rotated) || counts(c.height, rotated.Add(time.Second)) {
		t.Error("rotated out: it does not count until then and not after")
	}
	// Half a year later it turns out that somebody has had it all the time.
	c.now = c.now.AddDate(0, 6, 0)
	c.block()
	c.must(m.update(t, c, "u2", func(r *ledger.DIDRecord) {
		k := keyRecord(t, "issuer-1", testKey("member-1/issuer"), did.AssertionMethod)
		k.Compromised = true
		r.Keys = append(r.Keys, k)
	}))
	m.updated("u2")
	h := c.height
	c.block()
	if !counts(h-1, signed) {
		t.Error("it counts no more before anybody said so")
	}
	for _, height := range []int64{h, h + 1} {
		if counts(height, signed) || counts(height, rotated) {
			t.Errorf("compromised: it counts at height %d", height)
		}
	}
	// It stays so through updates that do not name it, and the one in use is untouched.
	c.must(m.update(t, c, "u3", nil))
	m.updated("u3")
	if counts(c.height, signed) {
		t.Error("compromised: it counts again after an update")
	}
	doc, res := c.document(c.height, m.did)
	if _, err := doc.Key("#issuer-2", did.AssertionMethod, c.now); err != nil {
		t.Error(err)
	}
	if res.VersionID != "4" || !res.Updated.Equal(c.now) || !res.Created.Before(res.Updated) {
		t.Errorf("metadata %+v", res)
	}
}

// testDeactivated: nothing counts of a DID that ended, and a key counts for its own relationship only.
func testDeactivated(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	p := newParty(t, "p").withRecovery(t, testKey("offline"))
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}), m.sign(t, w.accreditation(p.did, "cards", trust.Issue)))
	doc, _ := c.document(c.height, p.did)
	if _, err := doc.Key("#tx-1", did.AssertionMethod, c.now); !errors.Is(err, did.ErrKey) {
		t.Errorf("a key for transactions signs cards: %v", err)
	}
	if _, err := doc.Key("#issuer-1", did.AssertionMethod, c.now); err != nil {
		t.Error(err)
	}
	byIssuer := *p
	byIssuer.keyID, byIssuer.key = "issuer-1", testKey("p/issuer")
	c.refuses(ledger.BadSignature, byIssuer.try(t, ledger.Tx{Kind: ledger.DeactivateDID}))

	born := c.now
	c.must(p.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	doc, res := c.document(c.height, p.did)
	for _, id := range []string{"#tx-1", "#issuer-1"} {
		for _, use := range []did.Purpose{did.AssertionMethod, did.CapabilityInvocation} {
			if _, err := doc.Key(id, use, born); !errors.Is(err, did.ErrDeactivated) {
				t.Errorf("%s for %s: %v", id, use, err)
			}
		}
	}
	if res.Status() != 410 || !res.Updated.Equal(c.now) {
		t.Errorf("%+v", res)
	}
	c.refuses(ledger.TerminalState, p.try(t, w.list("https://p.example/1", 1)))
	c.refuses(ledger.TerminalState, p.update(t, c, "u", nil))
	c.refuses(ledger.TerminalState, p.recovery(t, p.lost(t, "r"), ledger.RecoveryKeyID, testKey("offline")))
	c.refuses(ledger.TerminalState, m.try(t, w.accreditation(p.did, "more", trust.Issue)))
	c.refuses(ledger.Conflict, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
}

// testOthers: what belongs to B is not A's to change, in the ways that came with recovery, retirement and granting.
func testOthers(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	a, b, town := newParty(t, "a").withRecovery(t, testKey("a/offline")), newParty(t, "b").withRecovery(t, testKey("b/offline")), newParty(t, "town")
	for _, p := range []*party{a, b, town} {
		c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	}
	m := w.members[0]
	c.must(m.sign(t, w.accreditation(a.did, "region", trust.Grant)), m.sign(t, w.accreditation(b.did, "region", trust.Grant)),
		m.sign(t, w.accreditation(b.did, "cards", trust.Issue)))
	soon := w.list("https://b.example/1", 1)
	soon.CreateList.Expiry = c.now.Add(time.Minute).Unix()
	c.must(b.sign(t, soon), b.sign(t, w.accreditation(town.did, "cards", trust.Issue)))
	c.now = c.now.Add(time.Hour)
	c.block()

	forged := b.lost(t, "r")
	forged.ID = b.did
	c.refuses(ledger.Unauthorized, a.recovery(t, forged, ledger.RecoveryKeyID, testKey("a/offline")))
	asB := *a
	asB.did, asB.seq = b.did, b.seq
	c.refuses(ledger.BadSignature, asB.recovery(t, b.lost(t, "r"), ledger.RecoveryKeyID, testKey("a/offline")))
	c.refuses(ledger.Unauthorized, a.try(t, retiring("https://b.example/1")))
	c.refuses(ledger.Unauthorized, a.try(t, withdrawing(town.did, "cards", true)))
	c.refuses(ledger.Unauthorized, a.try(t, withdrawing(b.did, "region", true)))
	c.refuses(ledger.Unauthorized, a.try(t, stoppingAccreditation(town.did, "cards")))
	c.must(b.sign(t, retiring("https://b.example/1")), b.sign(t, withdrawing(town.did, "cards", true)))
}

// testRecoveryOrder: a recovery and what the keys before it sign, in one block and in both orders.
func testRecoveryOrder(t *testing.T) {
	start := newParty(t, "p").withRecovery(t, testKey("offline"))
	fresh := func() (*chain, *party) {
		p := *start
		c := newChain(t, newWorld(t, 1))
		c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
		return c, &p
	}
	c, p := fresh()
	rotate := p.update(t, c, "u", nil)
	old := *p
	old.seq++
	recovery := old.recovery(t, p.lost(t, "r"), ledger.RecoveryKeyID, testKey("offline"))
	c.must(rotate, recovery)
	if r, _ := c.overlay().record(p.did); r.Version != 3 || r.Keys[0].ID != "tx-r" {
		t.Errorf("record %+v", r)
	}

	// The recovery first: neither the key in use nor the committed one has a say any more in the same block.
	c, p = fresh()
	recovery = p.recovery(t, p.lost(t, "r"), ledger.RecoveryKeyID, testKey("offline"))
	old = *p
	old.seq++
	late, taken := old.try(t, ledger.Tx{Kind: ledger.DeactivateDID}), old.update(t, c, "u", nil)
	for _, raw := range [][]byte{late, taken} {
		if kept := c.propose(recovery, raw); len(kept) != 1 {
			t.Errorf("%d in the proposal", len(kept))
		}
		if c.judge(recovery, raw) {
			t.Error("a block with an old key after the recovery is accepted")
		}
	}
	if codes := c.decide(recovery, taken, late); codes[0] != ledger.OK || codes[1] != ledger.BadSignature || codes[2] != ledger.BadSignature {
		t.Errorf("codes %v", codes)
	}
	c.refuses(ledger.BadSignature, taken)
}

// testTexts: the free texts beside those of accreditations by a member.
func testTexts(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	g, m := region(t, w, c), w.members[0]
	town := newParty(t, "town")
	c.must(town.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &town.record}))
	for _, text := range []string{"bsn:111222333", "1234.56.782", "a@b.nl"} {
		stop := stopping(ledger.StopWrites)
		stop.Stop.Why = text
		c.refuses(ledger.Policy, m.try(t, stop))
		proposal := w.proposal(c, ledger.Action{Accredit: w.accreditation(town.did, "x", trust.Issue).Accredit})
		proposal.Propose.Why = text
		c.refuses(ledger.Policy, m.try(t, proposal))
		granted := w.accreditation(town.did, "x", trust.Issue)
		granted.Accredit.LegalBasis = text
		c.refuses(ledger.Policy, g.try(t, granted))
	}
}
