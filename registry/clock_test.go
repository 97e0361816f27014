package registry

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// skewed signs as a validator whose clock is wrong. CometBFT takes the time of a vote from what was signed; that of a
// proposal counts for nothing and stays as it is.
type skewed struct {
	types.PrivValidator
	by time.Duration
}

func (s skewed) SignVote(chainID string, v *cmtproto.Vote) error {
	v.Timestamp = v.Timestamp.Add(s.by)
	return s.PrivValidator.SignVote(chainID, v)
}

// skew makes the clock wrong with which a node signs, before its start.
func (n *testNode) skew(t testing.TB, by time.Duration) {
	t.Helper()
	settings, err := LoadSettings(filepath.Join(n.dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	settings.RemoteSigner = "tcp://" + freeAddress(t)
	if err := Configure(n.dir, *settings); err != nil {
		t.Fatal(err)
	}
	signer := serveSigner(t, settings.RemoteSigner, skewed{privval.LoadFilePV(moveKey(t, n.dir)), by})
	t.Cleanup(func() {
		if err := signer.end(); err != nil {
			t.Error(err)
		}
	})
}

// testClocks: the clock of one validator of four moves no block, also not one that it proposes itself.
func testClocks(t *testing.T) {
	if testing.Short() {
		t.Skip("networks of four nodes")
	}
	t.Run("ten minutes ahead", func(t *testing.T) { oneClock(t, 10*time.Minute) })
	t.Run("ten minutes behind", func(t *testing.T) { oneClock(t, -10*time.Minute) })
	t.Run("a machine that is behind", slowMachine)
}

func oneClock(t *testing.T, by time.Duration) {
	begun := time.Now()
	tn := foundNetwork(t, 4)
	wrong := tn.nodes[3]
	wrong.skew(t, by)
	for _, node := range tn.nodes {
		tn.start(t, node)
	}
	for _, node := range tn.nodes {
		tn.ready(t, node)
	}
	tn.root(t)

	// What counts for five minutes around now counts in a block, and what is to last for so long does.
	brief := tn.accreditation(tn.members[3].did, "brief", trust.Issue)
	brief.Accredit.From, brief.Accredit.Until = begun.Add(-5*time.Minute).Unix(), begun.Add(5*time.Minute).Unix()
	decided := tn.agree(t, ledger.Action{Accredit: brief.Accredit})
	for _, node := range tn.nodes {
		waitHeight(t, node, decided)
	}
	const uri = "https://voorbeeldstad.example/lists/1"
	write(t, wrong.url, tn.members[3].sign(t, tn.list(uri, 1)))
	write(t, tn.nodes[0].url, tn.members[3].sign(t, setting(uri, 7, 1)))
	stop := ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopAccreditation, Subject: tn.members[3].did, Accreditation: "brief", Why: "Oefening"}}
	at := write(t, tn.nodes[1].url, tn.members[1].sign(t, stop)).Height
	waitHeight(t, wrong, at)
	at = write(t, wrong.url, tn.members[2].sign(t, stop)).Height

	// It votes, and proposes more than once; so do those after it.
	seat := types.Address(ledger.KeyHash(wrong.keys.Validator)[:20])
	height, voted, proposed := int64(1), 0, 0
	for voted < 4 || proposed < 2 || height < at+1 {
		height++
		waitHeight(t, tn.nodes[0], height+1)
		v, p := honestTime(t, tn.nodes[0], height, seat, by, begun)
		voted, proposed = voted+v, proposed+p
	}
	for _, node := range tn.nodes {
		waitHeight(t, node, height)
		sameBlock(t, height, tn.nodes[0], node)
	}
	stops := newOverlay(tn.nodes[0].app.state.snapshot()).stops()
	called := tn.nodes[0].blocks.LoadBlockMeta(at).Header.Time.Unix()
	if len(stops) != 1 || stops[0].From != called || stops[0].Until != called+stopTime {
		t.Errorf("stopped at %d: %+v", called, stops)
	}
	// Who reads with a right clock takes the proof of any node for fresh.
	for _, node := range tn.nodes {
		if p := read(t, node.url, tn.network, ledger.KeyStops()); p.Time.Before(begun) || p.Time.After(time.Now()) {
			t.Errorf("%s proves a state of %v", node.url, p.Time)
		}
	}
	t.Logf("%d blocks, %d with a vote at %v, %d proposed by its validator", height, voted, by, proposed)
}

// honestTime checks the time of a block against the clocks that are right. It says whether the validator whose clock is
// wrong voted for the block before, and whether it proposed this one.
func honestTime(t *testing.T, node *testNode, height int64, wrong types.Address, by time.Duration, begun time.Time) (voted, proposed int) {
	t.Helper()
	const most = 10 * time.Second
	b := node.blocks.LoadBlock(height)
	if b == nil {
		t.Fatalf("no block %d", height)
	}
	var first, last, other time.Time
	for _, s := range b.LastCommit.Signatures {
		switch {
		case s.BlockIDFlag == types.BlockIDFlagAbsent:
		case bytes.Equal(s.ValidatorAddress, wrong):
			other = s.Timestamp
		default:
			if first.IsZero() || s.Timestamp.Before(first) {
				first = s.Timestamp
			}
			if s.Timestamp.After(last) {
				last = s.Timestamp
			}
		}
	}
	if b.Time.Before(first.Add(-most)) || b.Time.After(last.Add(most)) {
		t.Errorf("block %d is of %v, the right clocks said %v to %v", height, b.Time, first, last)
	}
	if b.Time.Before(begun) || b.Time.After(time.Now()) {
		t.Errorf("block %d is of %v, this test began at %v", height, b.Time, begun)
	}
	if !other.IsZero() {
		voted = 1
		// Its vote is as wrong as its clock, so it is not for want of a wrong vote that the block is right.
		if off := other.Sub(first); (off - by).Abs() > by.Abs()/2 {
			t.Errorf("block %d: the vote of the wrong clock is off by %v only", height, off)
		}
	}
	if bytes.Equal(b.ProposerAddress, wrong) {
		proposed = 1
	}
	return voted, proposed
}

// slowMachine: a node that finds what the others decided to be of the far future decides nothing, stops and says so. They
// go on without it, and it follows when its clock is right. Three clocks ten minutes ahead are one ten minutes behind.
func slowMachine(t *testing.T) {
	tn := foundNetwork(t, 4)
	slow, rest := tn.nodes[3], tn.nodes[:3]
	for _, node := range rest {
		node.skew(t, 10*time.Minute)
		node.ahead = time.Hour
	}
	for _, node := range tn.nodes {
		tn.start(t, node)
	}
	for _, node := range rest {
		tn.ready(t, node)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-slow.Failed():
	case <-ctx.Done():
		t.Fatalf("it goes on, at height %d", slow.app.state.snapshot().height)
	}
	if slow.Err() == nil {
		t.Error("it does not say why")
	}
	slow.stop(t)
	a := write(t, rest[0].url, tn.members[0].rotation(t, "later"))
	slow.ahead = time.Hour
	tn.start(t, slow)
	waitHeight(t, slow, a.Height)
	sameBlock(t, a.Height, rest[0], slow)
}
