package registry

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// testDeterminism feeds the same random transactions to nodes that differ in everything that must not matter: when
// they were started, how they learned of a transaction, their time zone and their processors.
func testDeterminism(t *testing.T) {
	saved := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(saved)
	rapid.Check(t, func(rt *rapid.T) {
		members := rapid.IntRange(1, 2).Draw(rt, "members")
		w := newWorld(t, members)
		proposer, follower, late := newChain(t, w), newChain(t, w), newChain(t, w)
		follower.now = follower.now.In(time.FixedZone("far", 11*3600))
		parties := append([]*party{}, w.members...)
		for i := range 3 {
			parties = append(parties, newParty(t, fmt.Sprintf("guest-%d", i)))
		}
		for range rapid.IntRange(1, 8).Draw(rt, "blocks") {
			var txs [][]byte
			for range rapid.IntRange(0, 12).Draw(rt, "transactions") {
				p := rapid.SampledFrom(parties).Draw(rt, "sender")
				raw := randomTx(t, rt, w, p, parties)
				if rapid.IntRange(0, 3).Draw(rt, "seen") > 0 {
					proposer.offer(raw)
				}
				txs = append(txs, raw)
			}
			runtime.GOMAXPROCS(1)
			kept := proposer.propose(txs...)
			runtime.GOMAXPROCS(saved)
			if !follower.judge(kept...) {
				rt.Fatalf("height %d: an honest proposal is refused", follower.height+1)
			}
			proposer.decide(kept...)
			follower.decide(kept...)
			if rapid.Bool().Draw(rt, "restart") {
				late.reopen()
			}
			late.decide(kept...) // as in a replay: nothing came before
			if !bytes.Equal(proposer.root, follower.root) || !bytes.Equal(proposer.root, late.root) {
				rt.Fatalf("height %d: roots %x, %x, %x", proposer.height, proposer.root, follower.root, late.root)
			}
			for _, p := range parties {
				p.seq = proposer.overlay().sequence(p.did).N
			}
		}
	})
}

func randomTx(t testing.TB, rt *rapid.T, w *world, p *party, parties []*party) []byte {
	other := rapid.SampledFrom(parties).Draw(rt, "other")
	uri := fmt.Sprintf("https://lists.example/%d", rapid.IntRange(0, 2).Draw(rt, "list"))
	id := fmt.Sprintf("a-%d", rapid.IntRange(0, 3).Draw(rt, "id"))
	var tx ledger.Tx
	switch rapid.IntRange(0, 11).Draw(rt, "kind") {
	case 0:
		tx = ledger.Tx{Kind: ledger.CreateDID, DID: &other.record}
	case 1:
		tx = w.accreditation(other.did, id, trust.Issue)
	case 2:
		tx = w.accreditation(other.did, id, trust.Ask)
	case 3:
		tx = ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: other.did, ID: id, Distrust: rapid.Bool().Draw(rt, "distrust")}}
	case 4:
		tx = w.list(uri, rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(rt, "bits"))
	case 5, 6:
		tx = setting(uri, rapid.Uint64Range(0, 999).Draw(rt, "index"), rapid.ByteRange(0, 3).Draw(rt, "status"))
	case 7:
		tx = ledger.Tx{Kind: ledger.DeactivateDID}
	case 8:
		tx = stopping(rapid.SampledFrom([]ledger.Grade{ledger.StopWrites, ledger.StopEverything}).Draw(rt, "grade"))
	case 9:
		tx = stoppingAccreditation(other.did, id)
	case 10:
		tx = w.accreditation(other.did, id, trust.Grant)
	case 11:
		if tx = retiring(uri); rapid.Bool().Draw(rt, "make") {
			tx = w.list(uri, 1)
			tx.CreateList.Expiry = w.now.Add(3 * time.Second).Unix()
		}
	}
	tx.Sequence = p.seq + uint64(rapid.IntRange(0, 2).Draw(rt, "sequence"))
	if tx.Sequence == 0 {
		tx.Sequence = 1
	}
	if rapid.IntRange(0, 2).Draw(rt, "pipeline") > 0 {
		p.seq++
	}
	return p.try(t, tx)
}
