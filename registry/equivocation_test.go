package registry

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// doubleVote makes the evidence that a node's validator signed two blocks at a height. Its key signs a block that never
// was, as it would if it ran on two machines.
func (n *testNode) doubleVote(t testing.TB, height int64) *types.DuplicateVoteEvidence {
	t.Helper()
	lb, err := n.light(height)
	if err != nil {
		t.Fatal(err)
	}
	key := privval.LoadFilePVEmptyState(filepath.Join(n.dir, signerKeyFile), "").Key.PrivKey
	index, _ := lb.ValidatorSet.GetByAddress(key.PubKey().Address())
	if index < 0 {
		t.Fatal("not a validator")
	}
	vote := func(id types.BlockID) *types.Vote {
		v := &types.Vote{
			Type: cmtproto.PrecommitType, Height: height, Round: lb.Commit.Round, BlockID: id, Timestamp: lb.Time,
			ValidatorAddress: key.PubKey().Address(), ValidatorIndex: index,
		}
		if v.Signature, err = key.Sign(types.VoteSignBytes(lb.ChainID, v.ToProto())); err != nil {
			t.Fatal(err)
		}
		return v
	}
	other := types.BlockID{Hash: tmhash.Sum([]byte("other")), PartSetHeader: types.PartSetHeader{Total: 1, Hash: tmhash.Sum([]byte("parts"))}}
	ev, err := types.NewDuplicateVoteEvidence(vote(lb.Commit.BlockID), vote(other), lb.Time, lb.ValidatorSet)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// testEquivocation: a validator that signed two blocks at one height loses its seat within 20 blocks, the chain goes on
// without a fork, and the others vote the member out.
func testEquivocation(t *testing.T) {
	if testing.Short() {
		t.Skip("four nodes")
	}
	tn := startNetwork(t, 4)
	bad := tn.nodes[3]
	at := write(t, tn.nodes[0].url, tn.members[0].rotation(t, "before")).Height
	waitHeight(t, bad, at+1)
	seen := tn.nodes[1].app.state.snapshot().height
	if err := tn.nodes[1].comet.EvidencePool().AddEvidence(bad.doubleVote(t, at)); err != nil {
		t.Fatal(err)
	}
	lost := func(n *testNode) bool {
		m, is := newOverlay(n.app.state.snapshot()).member(tn.members[3].did)
		return is && m.Lost != 0 && m.Validator == nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range tn.nodes {
		if err := n.until(ctx, func() bool { return lost(n) }); err != nil {
			t.Fatalf("the validator has its seat still: %v", err)
		}
	}
	turns := newOverlay(tn.nodes[0].app.state.snapshot()).turns()
	if len(turns) != 1 || turns[0]-turnDelay-seen > 20 {
		t.Fatalf("evidence known in block %d, validators change at %v", seen, turns)
	}
	waitHeight(t, tn.nodes[0], turns[0]+1)
	if lb, err := tn.nodes[0].light(turns[0]); err != nil || lb.ValidatorSet.Size() != 3 {
		t.Fatalf("%v, %v", lb, err)
	}
	// It follows, as a member without a seat, until the others vote it out.
	act := ledger.Action{Remove: &ledger.Removal{DID: tn.members[3].did}}
	decided := tn.agree(t, act)
	for _, n := range tn.nodes {
		waitHeight(t, n, decided+1)
		for h := at; h <= decided+1; h++ {
			sameBlock(t, h, tn.nodes[0], n)
		}
	}
	if newOverlay(bad.app.state.snapshot()).isMember(tn.members[3].did) {
		t.Error("it is a member still")
	}
}
