package registry

import (
	"fmt"
	"testing"
	"time"

	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// agree lets the members of a real network decide, each at its own node, and returns the block that did.
func (tn *testNet) agree(t testing.TB, a ledger.Action) int64 {
	t.Helper()
	c := &chain{t: t, now: tn.nodes[0].app.state.snapshot().time}
	raw := tn.members[0].sign(t, c.about(a))
	at := write(t, tn.nodes[0].url, raw).Height
	for i := 1; i < ledger.TwoThirds(len(tn.members)); i++ {
		waitHeight(t, tn.nodes[i], at) // it judges by what it knows
		at = write(t, tn.nodes[i].url, tn.members[i].sign(t, says(mustHash(raw), true))).Height
	}
	return at
}

// settled waits until the validators that a block decided sign, and checks that they are n on every node.
func (tn *testNet) settled(t testing.TB, decided int64, n int) {
	t.Helper()
	acts := decided + turnDelay
	for _, node := range tn.nodes {
		waitHeight(t, node, acts+1) // its commit has been seen
		lb, err := node.light(acts)
		if err != nil {
			t.Fatal(err)
		}
		if lb.ValidatorSet.Size() != n {
			t.Fatalf("block %d: %d validators, want %d", acts, lb.ValidatorSet.Size(), n)
		}
		signed := 0
		for _, s := range lb.Commit.Signatures {
			if s.BlockIDFlag == types.BlockIDFlagCommit {
				signed++
			}
		}
		if 3*signed <= 2*n {
			t.Fatalf("block %d: %d of %d signed", acts, signed, n)
		}
		sameBlock(t, acts, tn.nodes[0], node)
	}
	// Who has only the file from the beginning follows over all changes.
	value, present, err := read(t, tn.nodes[n-1].url, tn.network, ledger.KeyMembers()).Value(ledger.KeyMembers())
	if err != nil || !present {
		t.Fatalf("members: %v", err)
	}
	if all, err := ledger.DecodeMembers(value); err != nil || len(all) != n {
		t.Fatalf("%d members, %v", len(all), err)
	}
}

// TestNetworkGrowth grows a network of real nodes 1 → 2 → 3 → 4 → 5 by vote, and back to 1. It commits at every step, also
// in the blocks between a decision and the validators that it makes.
func TestNetworkGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	began := time.Now()
	tn := startNetwork(t, 1)
	rotations, last := 0, int64(0)
	commit := func(i int) {
		t.Helper()
		rotations++
		waitHeight(t, tn.nodes[i], last)
		last = write(t, tn.nodes[i].url, tn.members[i].rotation(t, fmt.Sprintf("growth-%d", rotations))).Height
	}
	for n := 2; n <= 5; n++ {
		node := tn.join(t)
		tn.start(t, node)
		tn.ready(t, node)
		p := newParty(t, fmt.Sprintf("member-%d", n))
		last = tn.agree(t, ledger.Action{Admit: &ledger.Admission{Record: &p.record, Name: fmt.Sprintf("Gemeente %d", n), Validator: node.keys.Validator}})
		decided := last
		commit(0)
		tn.nodes, tn.members = append(tn.nodes, node), append(tn.members, p)
		commit(n - 1)
		tn.settled(t, decided, n)
	}
	for n := 4; n >= 1; n-- {
		gone := tn.nodes[n]
		last = tn.agree(t, ledger.Action{Remove: &ledger.Removal{DID: tn.members[n].did}})
		decided := last
		tn.members = tn.members[:n]
		commit(n - 1)
		waitHeight(t, gone, decided+turnDelay)
		tn.nodes = tn.nodes[:n]
		gone.stop(t)
		commit(0)
		tn.settled(t, decided, n)
	}
	t.Logf("%d blocks in %v", tn.nodes[0].app.state.snapshot().height, time.Since(began).Round(time.Millisecond))
}
