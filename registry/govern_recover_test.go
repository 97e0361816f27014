package registry

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// successor is a party with a record that can take the place of another one: no key and no name of a key is the same.
func successor(t testing.TB, name string) *party {
	t.Helper()
	p := &party{keyID: "tx-" + name, key: testKey(name + "/new 1"), next: testKey(name + "/new 2")}
	p.record = ledger.DIDRecord{
		Keys: []ledger.KeyRecord{
			keyRecord(t, p.keyID, p.key, did.CapabilityInvocation),
			keyRecord(t, "issuer-"+name, testKey(name+"/new issuer"), did.AssertionMethod),
		},
		NextKeyHash:  ledger.KeyHash(p.next.Public().(ed25519.PublicKey)),
		RecoveryHash: ledger.KeyHash(testKey(name + "/new recovery").Public().(ed25519.PublicKey)),
	}
	return p
}

// newSafeCouncil is a council whose members have recovery keys.
func newSafeCouncil(t testing.TB, members int) *world {
	w := newCouncil(t, members)
	for i, m := range w.members {
		m.record.RecoveryHash = ledger.KeyHash(m.offline().Public().(ed25519.PublicKey))
		var err error
		if m.did, err = ledger.NewDID(testNetwork, &m.record); err != nil {
			t.Fatal(err)
		}
		w.genesis.Members[i].Record = m.record
	}
	return w
}

// offline is the party's offline key.
func (p *party) offline() ed25519.PrivateKey { return testKey("recovery/" + string(p.key)) }

// wait lets time pass so that the block that comes is a second before t.
func (c *chain) wait(t int64) {
	c.t.Helper()
	c.now = time.Unix(t-3, 0)
	c.block()
}

func TestRecoveryDelay(t *testing.T) {
	w := newSafeCouncil(t, 7)
	c := newChain(t, w)
	lost := w.members[6]
	next := successor(t, "after")
	act := ledger.Action{Recover: &ledger.Recovery{DID: lost.did, Record: next.record}}
	id := c.agree(act, w.members...)
	p := c.proposal(id)
	if p.Outcome != ledger.Waiting || p.Due != c.now.Unix()+7*daySeconds || p.Decided != c.now.Unix() {
		t.Fatalf("agreed: %+v", p)
	}
	c.refuses(ledger.TerminalState, w.members[5].try(t, says(id, true)))
	c.refuses(ledger.Policy, w.members[0].try(t, named(ledger.Execute, id)))
	// The old keys work meanwhile; two of seven are too few to stop it, and the keys that are doubted do not count.
	c.refuses(ledger.Unauthorized, lost.try(t, named(ledger.Cancel, id)))
	c.must(w.members[0].sign(t, named(ledger.Cancel, id)), w.members[1].sign(t, named(ledger.Cancel, id)))
	c.refuses(ledger.Conflict, w.members[1].try(t, named(ledger.Cancel, id)))
	if p := c.proposal(id); p.Outcome != ledger.Waiting || len(p.Cancel) != 2 {
		t.Fatalf("two against: %+v", p)
	}
	c.wait(p.Due)
	c.refuses(ledger.Policy, w.members[2].try(t, named(ledger.Execute, id)))
	c.refuses(ledger.Unauthorized, stranger(t, c).try(t, named(ledger.Execute, id)))
	c.block()
	c.must(w.members[2].sign(t, named(ledger.Execute, id)))
	if p := c.proposal(id); p.Outcome != ledger.Passed {
		t.Errorf("executed: %+v", p)
	}
	r, _ := c.overlay().record(lost.did)
	if r.Version != 2 || !bytes.Equal(r.NextKeyHash, next.record.NextKeyHash) {
		t.Errorf("record: %+v", r)
	}
	old := slices.IndexFunc(r.Keys, func(k ledger.KeyRecord) bool { return k.ID == "issuer-1" })
	if old < 0 || r.Keys[old].Until != c.now.Unix() || r.Keys[old].Compromised {
		t.Errorf("what the old key signed before does not verify any more: %+v", r.Keys)
	}
	c.refuses(ledger.BadSignature, lost.try(t, c.about(act)))
	next.did = lost.did
	next.from(c)
	c.must(next.sign(t, c.about(ledger.Action{Remove: &ledger.Removal{DID: w.members[0].did}})))
	c.refuses(ledger.TerminalState, w.members[2].try(t, named(ledger.Execute, id)))
}

// A third of the members, or the recovery key, ends what was agreed to.
func TestRecoveryCancelled(t *testing.T) {
	w := newSafeCouncil(t, 4)
	c := newChain(t, w)
	lost := w.members[3]
	act := ledger.Action{Recover: &ledger.Recovery{DID: lost.did, Record: successor(t, "after").record}}

	id := c.agree(act, w.members...)
	c.must(w.members[1].sign(t, named(ledger.Cancel, id)))
	if c.proposal(id).Outcome != ledger.Waiting {
		t.Fatal("one of four is no third")
	}
	c.must(w.members[0].sign(t, named(ledger.Cancel, id)))
	if p := c.proposal(id); p.Outcome != ledger.Cancelled || p.Decided != c.now.Unix() {
		t.Errorf("%+v", p)
	}
	c.refuses(ledger.TerminalState, w.members[2].try(t, named(ledger.Cancel, id)))

	// With the recovery key, which needs no vote.
	id = c.proposes(w.members[0], act)
	cancel := named(ledger.Cancel, id)
	cancel.Cancel.Key = lost.offline().Public().(ed25519.PublicKey)
	by := func(p *party, keyID string, key ed25519.PrivateKey) []byte {
		raw, err := ledger.Sign(p.fill(cancel), keyID, key)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	c.refuses(ledger.Policy, by(lost, ledger.RecoveryKeyID, lost.offline())) // it is not agreed to
	for _, m := range w.members[1:3] {
		c.must(m.sign(t, says(id, true)))
	}
	c.refuses(ledger.BadSignature, by(lost, ledger.RecoveryKeyID, lost.key))
	c.refuses(ledger.BadSignature, by(lost, lost.keyID, lost.offline()))
	c.refuses(ledger.BadSignature, by(w.members[0], ledger.RecoveryKeyID, lost.offline()))
	cancel.Cancel.Key = w.members[0].offline().Public().(ed25519.PublicKey)
	c.refuses(ledger.BadSignature, by(lost, ledger.RecoveryKeyID, w.members[0].offline()))
	c.refuses(ledger.Unauthorized, by(w.members[0], ledger.RecoveryKeyID, w.members[0].offline()))
	cancel.Cancel.Key = lost.offline().Public().(ed25519.PublicKey)
	c.must(by(lost, ledger.RecoveryKeyID, lost.offline()))
	lost.seq++
	if p := c.proposal(id); p.Outcome != ledger.Cancelled {
		t.Errorf("%+v", p)
	}
}

// When keys have been replaced in one way, the other ways that were open are closed.
func TestRecoveriesEndEachOther(t *testing.T) {
	w := newSafeCouncil(t, 4)
	c := newChain(t, w)
	lost := w.members[3]
	act := func(name string) ledger.Action {
		return ledger.Action{Recover: &ledger.Recovery{DID: lost.did, Record: successor(t, name).record}}
	}
	waits := c.agree(act("a"), w.members...)
	open := c.proposes(w.members[1], act("b"))
	own := successor(t, "own")
	raw, err := ledger.Sign(lost.fill(ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{
		Record: own.record, Key: lost.offline().Public().(ed25519.PublicKey),
	}}), ledger.RecoveryKeyID, lost.offline())
	if err != nil {
		t.Fatal(err)
	}
	c.must(raw)
	for _, id := range [][]byte{waits, open} {
		if p := c.proposal(id); p.Outcome != ledger.Cancelled {
			t.Errorf("%+v", p)
		}
	}
	c.refuses(ledger.TerminalState, w.members[1].try(t, named(ledger.Execute, waits)))

	one, two := c.agree(act("c"), w.members...), c.agree(act("d"), w.members...)
	c.wait(c.proposal(two).Due)
	c.block()
	c.block()
	c.must(w.members[0].sign(t, named(ledger.Execute, one)))
	if p := c.proposal(two); p.Outcome != ledger.Cancelled {
		t.Errorf("%+v", p)
	}

	// What nobody executes leaves the state as well.
	c.refuses(ledger.Conflict, w.members[0].try(t, c.about(act("c")))) // those keys have governed
	stale := c.agree(act("e"), w.members...)
	c.wait(c.proposal(stale).Due + keepDecided + 10)
	c.block()
	c.refuses(ledger.UnknownObject, w.members[0].try(t, named(ledger.Execute, stale)))
}
