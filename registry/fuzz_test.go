package registry

import (
	"bytes"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// What comes in as a transaction is refused or has one effect, and never stops the node. A block that others decided on
// may hold anything.
func FuzzCheckTx(f *testing.F) {
	w := newWorld(f, 1)
	c := newChain(f, w)
	m := w.members[0]
	p := newParty(f, "p")
	for _, tx := range []ledger.Tx{
		w.accreditation(m.did, "a", trust.Issue), w.accreditation(m.did, "b", trust.Ask), {Kind: ledger.CreateDID, DID: &p.record},
		{Kind: ledger.DeactivateDID}, {Kind: ledger.PutAnchor, Anchor: testAnchor(f, "x")}, w.list("https://a.example/1", 1),
		setting("https://a.example/1", 5, 1), {Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: m.did, ID: "a"}},
		stopping(ledger.StopWrites), stoppingAccreditation(m.did, "a"), retiring("https://a.example/1"), w.accreditation(m.did, "c", trust.Grant),
		{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: p.record, Key: public(p.key)}},
	} {
		f.Add(m.try(f, tx))
	}
	for _, raw := range forgeries(f, m.try(f, w.accreditation(m.did, "a", trust.Issue))) {
		f.Add(raw)
	}
	f.Add([]byte("\x00poke"))
	f.Fuzz(func(t *testing.T, raw []byte) { anywhere(t, c, raw) })
}

// anywhere checks that a transaction gets one and the same code wherever it turns up.
func anywhere(t *testing.T, c *chain, raw []byte) {
	c.t = t
	c.app.resetCheck()
	c.app.limits = newLimiter(func() time.Time { return c.now })
	code := c.offer(raw)
	if code > ledger.Policy {
		t.Fatalf("code %d", code)
	}
	if accepted := c.judge(raw); accepted != (code == ledger.OK) {
		t.Fatalf("code %d, accepted in a block: %v", code, accepted)
	}
	res, err := c.app.FinalizeBlock(t.Context(), &abci.RequestFinalizeBlock{Txs: [][]byte{raw}, Height: c.height + 1, Time: c.step()})
	if err != nil || len(res.TxResults) != 1 || res.TxResults[0].Code != uint32(code) {
		t.Fatalf("executed: %+v, %v", res, err)
	}
	c.app.staged = nil
}

// simplest are parameters that members could agree to.
var simplest = ledger.Parameters{
	BlockBytes: minBlockBytes, EvidenceSeconds: daySeconds, EvidenceBlocks: daySeconds / slowestBlock, RetentionDays: 9, Lists: 9, ProposalDays: 9,
}

// FuzzSigned looks behind the signature: whatever its sender signs.
func FuzzSigned(f *testing.F) {
	w := newWorld(f, 1)
	offline := testKey("offline")
	m := w.members[0].withRecovery(f, offline)
	w.genesis.Members[0].Record = m.record
	c := newChain(f, w)
	p := newParty(f, "p")
	c.must(m.sign(f, w.accreditation(m.did, "a", trust.Issue)), m.sign(f, w.list("https://a.example/1", 2)))
	gone := w.list("https://a.example/3", 1)
	gone.CreateList.Expiry = c.now.Unix() + 3
	c.must(m.sign(f, gone))
	c.now = c.now.Add(hour)
	c.block()
	other := w.genesis.Members[0].Record
	waits := c.proposes(m, ledger.Action{Recover: &ledger.Recovery{DID: m.did, Record: successor(f, "waits").record}})
	for _, a := range []ledger.Action{
		{Admit: &ledger.Admission{Record: &p.record, Name: "Gemeente X", Validator: validatorKey("x")}}, {Admit: &ledger.Admission{Record: &other, Name: "Gemeente Y"}},
		{Remove: &ledger.Removal{DID: m.did}}, {Validator: &ledger.Seat{DID: m.did, Validator: validatorKey("x")}}, {Parameters: &simplest},
		{RemoveAnchor: &ledger.AnchorRemoval{ID: "x"}}, {Recover: &ledger.Recovery{DID: m.did, Record: successor(f, "again").record}},
		{Resume: &ledger.StopName{ID: waits}},
	} {
		raw, err := ledger.Encode(m.fill(c.about(a)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, tx := range []ledger.Tx{
		says(waits, true), named(ledger.Cancel, waits), named(ledger.Execute, waits),
		w.accreditation(m.did, "b", trust.Ask), {Kind: ledger.CreateDID, DID: &p.record}, {Kind: ledger.UpdateDID, DID: &p.record},
		{Kind: ledger.PutAnchor, Anchor: testAnchor(f, "x")}, w.list("https://a.example/2", 1), setting("https://a.example/1", 5, 1),
		{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: m.did, ID: "a"}},
		stopping(ledger.StopWrites), stoppingAccreditation(m.did, "a"), retiring("https://a.example/3"), w.accreditation(m.did, "c", trust.Grant),
		{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: m.lost(f, "r")}},
	} {
		raw, err := ledger.Encode(m.fill(tx))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var tx ledger.Tx
		if ledger.Decode(payload, &tx) != nil {
			return
		}
		keyID, key := m.keyID, m.key
		if tx.Kind == ledger.UpdateDID {
			keyID, key = "tx-2", m.next
			if tx.DID != nil && len(tx.DID.Keys) > 0 {
				tx.DID.Keys[0] = keyRecord(t, keyID, key, did.CapabilityInvocation)
			}
		}
		if tx.Kind == ledger.RecoverDID {
			keyID, key = ledger.RecoveryKeyID, offline
			if tx.Recover != nil {
				tx.Recover.Key = public(offline)
			}
		}
		tx.ChainID, tx.Sender, tx.Sequence, tx.ValidUntil = testChain, m.did, m.seq+1, 1000
		raw, err := ledger.Sign(&tx, keyID, key)
		if err != nil {
			return
		}
		anywhere(t, c, raw)
	})
}

func FuzzGenesis(f *testing.F) {
	w := newWorld(f, 2)
	w.genesis.Anchors = []ledger.Anchor{*testAnchor(f, "x")}
	state, err := w.genesis.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Add([]byte(`{"network":"n","members":[""],"anchors":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := parseGenesis(data)
		if err != nil {
			return
		}
		first, err := g.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseGenesis(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := again.encode(); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s, %v", first, second, err)
		}
	})
}

func FuzzPersonal(f *testing.F) {
	for _, s := range []string{"", "123456782", "a@b.nl", "1 2 3 4 5 6 7 8 2", "１２３", "@", "@.", "9999-", "\xff@\xff.\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if personal(s) == "" && personal("x 123456782 "+s) == "" {
			t.Errorf("%q hides a number before it", s)
		}
	})
}
