package registry

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// withRecovery gives a party a recovery key before its DID is made.
func (p *party) withRecovery(t testing.TB, recovery ed25519.PrivateKey) *party {
	t.Helper()
	p.record.RecoveryHash = ledger.KeyHash(public(recovery))
	p.did = mustDID(t, &p.record)
	return p
}

// lost is the record that takes over from a party's after a recovery.
func (p *party) lost(t testing.TB, seed string) ledger.DIDRecord {
	t.Helper()
	return ledger.DIDRecord{
		Keys:         []ledger.KeyRecord{keyRecord(t, "tx-"+seed, testKey(seed+"/1"), did.CapabilityInvocation), p.record.Keys[1]},
		Services:     p.record.Services,
		NextKeyHash:  ledger.KeyHash(public(testKey(seed + "/2"))),
		RecoveryHash: ledger.KeyHash(public(testKey(seed + "/recovery"))),
	}
}

// recovery signs a recovery without using up the sequence.
func (p *party) recovery(t testing.TB, r ledger.DIDRecord, keyID string, key ed25519.PrivateKey) []byte {
	t.Helper()
	raw, err := ledger.Sign(p.fill(ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: r, Key: public(key)}}), keyID, key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRecover(t *testing.T) {
	w := newWorld(t, 1)
	offline := testKey("offline")
	p := newParty(t, "p").withRecovery(t, offline)
	without := newParty(t, "without")
	c := newChain(t, w)
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}), without.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &without.record}))
	born := c.now.Unix()
	good := p.lost(t, "r")
	recovery := func(change func(r *ledger.DIDRecord)) []byte {
		r := good
		r.Keys = append([]ledger.KeyRecord{}, good.Keys...)
		change(&r)
		return p.recovery(t, r, ledger.RecoveryKeyID, offline)
	}
	same := func(*ledger.DIDRecord) {}

	thief := testKey("thief")
	forged := p.fill(ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: good, Key: public(offline)}})
	signed, err := ledger.Sign(forged, ledger.RecoveryKeyID, thief)
	if err != nil {
		t.Fatal(err)
	}
	short := p.fill(ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: good, Key: public(offline)[:31]}})
	cut, err := ledger.Sign(short, ledger.RecoveryKeyID, offline)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		code ledger.Code
		raw  []byte
	}{
		"without a recovery key":           {ledger.Policy, without.recovery(t, good, ledger.RecoveryKeyID, offline)},
		"another key":                      {ledger.BadSignature, p.recovery(t, good, ledger.RecoveryKeyID, thief)},
		"the key is shown, another signed": {ledger.BadSignature, signed},
		"the key in use":                   {ledger.BadSignature, p.recovery(t, good, "tx-1", p.key)},
		"under another name":               {ledger.BadSignature, p.recovery(t, good, "tx-1", offline)},
		"part of a key":                    {ledger.Malformed, cut},
		"no next recovery key":             {ledger.Malformed, recovery(func(r *ledger.DIDRecord) { r.RecoveryHash = nil })},
		"the recovery key stays":           {ledger.Conflict, recovery(func(r *ledger.DIDRecord) { r.RecoveryHash = ledger.KeyHash(public(offline)) })},
		"the recovery key is the next":     {ledger.Conflict, recovery(func(r *ledger.DIDRecord) { r.NextKeyHash = ledger.KeyHash(public(offline)) })},
		"the next key stays":               {ledger.Conflict, recovery(func(r *ledger.DIDRecord) { r.NextKeyHash = p.record.NextKeyHash })},
		"the recovery key takes over": {ledger.Conflict, recovery(func(r *ledger.DIDRecord) {
			r.Keys[0] = keyRecord(t, "tx-r", offline, did.CapabilityInvocation)
		})},
		"the key in use goes on": {ledger.Conflict, recovery(func(r *ledger.DIDRecord) { r.Keys[0] = p.record.Keys[0] })},
		"the committed key takes over": {ledger.Conflict, recovery(func(r *ledger.DIDRecord) {
			r.Keys[0] = keyRecord(t, "tx-r", p.next, did.CapabilityInvocation)
		})},
		"no key for transactions": {ledger.Malformed, recovery(func(r *ledger.DIDRecord) { r.Keys = r.Keys[1:] })},
		"times from outside":      {ledger.Malformed, recovery(func(r *ledger.DIDRecord) { r.Keys[0].From = 1 })},
		"a birth from outside":    {ledger.Malformed, recovery(func(r *ledger.DIDRecord) { r.Created = 1 })},
		"of another DID":          {ledger.Unauthorized, recovery(func(r *ledger.DIDRecord) { r.ID = without.did })},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refuses(x.code, x.raw)
		})
	}
	c.t = t

	// What was signed with the old keys counts no more, in the same block already.
	old := *p
	raw := recovery(same)
	p.seq++
	old.seq = p.seq
	late := old.try(t, ledger.Tx{Kind: ledger.DeactivateDID})
	if kept := c.propose(raw, late); len(kept) != 1 {
		t.Errorf("%d transactions in the proposal", len(kept))
	}
	c.must(raw)
	at := c.now.Unix()
	c.refuses(ledger.BadSignature, late)
	c.refuses(ledger.BadNonce, raw)
	r, _ := c.overlay().record(p.did)
	if r.Version != 2 || r.Created != born || r.Updated != at || len(r.Keys) != 2 || r.Keys[1].Until != 0 || r.Keys[1].From != born {
		t.Errorf("recovered record %+v", r)
	}
	p.key, p.keyID, p.next, p.record = testKey("r/1"), "tx-r", testKey("r/2"), good
	// The key that recovered recovers nothing more.
	c.refuses(ledger.BadSignature, p.recovery(t, p.lost(t, "s"), ledger.RecoveryKeyID, offline))

	// Again with the next one. An issuer key that is left out stays visible, one that is marked counts for nothing.
	second := p.lost(t, "s")
	second.Keys = append(second.Keys[:1], keyRecord(t, "issuer-2", testKey("issuer-2"), did.AssertionMethod))
	c.must(p.recovery(t, second, ledger.RecoveryKeyID, testKey("r/recovery")))
	p.seq++
	rotated := c.now
	p.key, p.keyID, p.next, p.record = testKey("s/1"), "tx-s", testKey("s/2"), second
	signsAt := func(id string, at time.Time) bool {
		t.Helper()
		r, _ := c.overlay().record(p.did)
		doc, err := r.Document()
		if err != nil {
			t.Fatal(err)
		}
		_, err = doc.Key("#"+id, did.AssertionMethod, at)
		return err == nil
	}
	if !signsAt("issuer-1", rotated.Add(-time.Second)) || signsAt("issuer-1", rotated.Add(time.Hour)) || !signsAt("issuer-2", rotated.Add(time.Hour)) {
		t.Error("the issuer's keys do not count as they should")
	}
	third := p.lost(t, "u")
	third.Keys = third.Keys[:1]
	for i, seed := range []string{"issuer-2", "p/issuer"} {
		k := keyRecord(t, []string{"issuer-2", "issuer-1"}[i], testKey(seed), did.AssertionMethod)
		k.Compromised = true
		third.Keys = append(third.Keys, k)
	}
	c.must(p.recovery(t, third, ledger.RecoveryKeyID, testKey("s/recovery")))
	p.seq++
	p.key, p.keyID = testKey("u/1"), "tx-u"
	if signsAt("issuer-1", rotated.Add(-time.Second)) || signsAt("issuer-2", rotated.Add(time.Second)) {
		t.Error("a compromised key counts")
	}

	// What ended stays ended.
	c.must(p.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	c.refuses(ledger.TerminalState, p.recovery(t, p.lost(t, "v"), ledger.RecoveryKeyID, testKey("u/recovery")))
}

// A member recovers like anybody else, and that ends what the members decided for it in the meantime.
func TestRecoveryEndsAVote(t *testing.T) {
	w := newWorld(t, 3)
	lost := w.members[2].withRecovery(t, testKey("offline"))
	w.genesis.Members[2].Record = lost.record
	c := newChain(t, w)
	by := lost.lost(t, "vote")
	w.agreed(c, ledger.Action{Recover: &ledger.Recovery{DID: lost.did, Record: by}})
	var ids [][]byte
	c.overlay().load(ledger.KeyProposals(), &ids)
	outcome := func() ledger.Outcome {
		var p ledger.Proposal
		c.overlay().load(ledger.KeyProposal(ids[0]), &p)
		return p.Outcome
	}
	if outcome() != ledger.Waiting {
		t.Fatalf("the vote is %s", outcome())
	}
	c.must(lost.recovery(t, lost.lost(t, "own"), ledger.RecoveryKeyID, testKey("offline")))
	if outcome() != ledger.Cancelled {
		t.Errorf("the vote is %s", outcome())
	}
	c.now = c.now.Add(8 * 24 * time.Hour)
	c.block()
	c.refuses(ledger.TerminalState, w.members[0].try(t, ledger.Tx{Kind: ledger.Execute, Execute: &ledger.ProposalName{ID: ids[0]}}))
	if r, _ := c.overlay().record(lost.did); r.Keys[0].ID != "tx-own" {
		t.Errorf("key %q", r.Keys[0].ID)
	}
}

// By vote, a record without a recovery key can be replaced too, after the delay.
func TestRecoveryByVote(t *testing.T) {
	w := newWorld(t, 3)
	lost := w.members[2]
	c := newChain(t, w)
	by := lost.lost(t, "vote")
	w.agreed(c, ledger.Action{Recover: &ledger.Recovery{DID: lost.did, Record: by}})
	var ids [][]byte
	c.overlay().load(ledger.KeyProposals(), &ids)
	execute := ledger.Tx{Kind: ledger.Execute, Execute: &ledger.ProposalName{ID: ids[0]}}
	c.refuses(ledger.Policy, w.members[0].try(t, execute))
	c.now = c.now.Add(8 * 24 * time.Hour)
	c.block()
	c.must(w.members[0].sign(t, execute))
	old := *lost
	c.refuses(ledger.BadSignature, old.try(t, w.accreditation(lost.did, "a", trust.Issue)))
	lost.key, lost.keyID = testKey("vote/1"), "tx-vote"
	c.refuses(ledger.Policy, lost.try(t, w.accreditation(lost.did, "a", trust.Issue)))
	if r, _ := c.overlay().record(lost.did); r.Version != 2 || !bytes.Equal(r.RecoveryHash, by.RecoveryHash) {
		t.Errorf("record %+v", r)
	}
}
