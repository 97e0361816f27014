package registry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/types"

	calls "github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

// setting gives a stopped node other settings.
func (n *testNode) set(t testing.TB, genesis []byte, s Settings) {
	t.Helper()
	s.Name, s.Listen = n.listen, "tcp://"+n.listen
	if err := Complete(n.dir, genesis, s); err != nil {
		t.Fatal(err)
	}
}

// waitSnapshot waits until a node has a complete snapshot of at least a height.
func waitSnapshot(t testing.TB, n *testNode, height int64) *manifest {
	t.Helper()
	var found *manifest
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := n.until(ctx, func() bool {
		all, err := n.app.archive.list()
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 && all[len(all)-1].Height >= height {
			found = all[len(all)-1]
		}
		return found != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A node that joins late takes a snapshot over from another one, without the blocks before it, and follows from there.
func TestStateSync(t *testing.T) {
	tn := foundNetwork(t, 1)
	first := tn.nodes[0]
	first.set(t, tn.genesis, Settings{Heartbeat: "200ms", SnapshotEvery: "1s", Snapshots: 1000})
	tn.start(t, first)
	tn.ready(t, first)
	tn.root(t)
	m := tn.members[0]
	a := write(t, first.url, m.sign(t, tn.accreditation(m.did, "cards", "issue")))
	waitSnapshot(t, first, a.Height)

	late := newTestNode(t)
	late.set(t, tn.genesis, Settings{
		Heartbeat: "200ms", SnapshotEvery: "1s", StateSync: []string{first.url}, Peers: []string{first.keys.NodeID + "@" + first.listen},
	})
	tn.start(t, late)
	tn.ready(t, late)
	now := late.app.state.snapshot()
	if base := late.blocks.Base(); base <= a.Height && base != 0 {
		t.Errorf("it has block %d", base)
	}
	waitHeight(t, late, now.height+3)
	sameBlock(t, now.height+2, first, late)
	p := read(t, late.url, tn.network, ledger.KeyAccreditations(m.did))
	if all, err := p.Accreditations(t.Context(), m.did); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if late.milestones.get(1) == nil {
		t.Error("the first block is not among its milestones")
	}
	// What is written through it is in a block of both; and it goes on after a restart, as any node does.
	write(t, late.url, m.sign(t, tn.accreditation(m.did, "more", "issue")))
	late.stop(t)
	tn.start(t, late)
	tn.ready(t, late)
	write(t, late.url, m.sign(t, tn.accreditation(m.did, "yet-more", "issue")))
	waitSnapshot(t, late, late.app.state.snapshot().height)
}

// serve is a node's /v1 as far as one that joins needs it.
func (s *offline) serve() *httptest.Server {
	srv := httptest.NewServer(s.node.Handler())
	s.t.Cleanup(srv.Close)
	return srv
}

func (s *offline) trusted(network *ledger.Network, urls ...string) *trustedSource {
	s.t.Helper()
	_, doc, err := readGenesis(s.net.genesis)
	if err != nil {
		s.t.Fatal(err)
	}
	source := &trustedSource{genesis: doc, network: network, app: s.node.app, log: slog.New(slog.DiscardHandler), now: func() time.Time { return s.now.Add(time.Second) }}
	for _, u := range urls {
		p, err := follow.NewPeer(u, &calls.Client{Loopback: true})
		if err != nil {
			s.t.Fatal(err)
		}
		source.peers = append(source.peers, p)
	}
	return source
}

// What a node that joins trusts is verified over all changes of validators since the genesis file, though the blocks in
// between are gone, and the state that CometBFT begins with is the one that a node that ran all blocks has.
func TestTrustedSource(t *testing.T) {
	s := startOffline(t, 4, nil)
	s.shorten(60)
	for i := range 4 {
		s.blocksTo(s.engine.LastBlockHeight + 40)
		s.reseat(i, string(rune('a'+i)))
	}
	s.blocksTo(s.engine.LastBlockHeight + 70)
	all, err := s.node.app.archive.list()
	if err != nil {
		t.Fatal(err)
	}
	m := all[len(all)-1]
	s.blocksTo(m.Height + 10)
	srv := s.serve()
	source := s.trusted(nil, srv.URL)
	if err := source.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(source.milestones()); n != 9 || source.milestones()[0].Height != 1 {
		t.Errorf("%d milestones", n)
	}
	root, err := source.AppHash(t.Context(), uint64(m.Height))
	if err != nil || !bytes.Equal(root, m.Root) {
		t.Fatalf("root %x, %v", root, err)
	}
	if _, err := source.State(t.Context(), uint64(m.Height)); err == nil {
		t.Error("a state before a snapshot was accepted")
	}
	s.node.app.intake = &intake{m: m}
	defer func() { s.node.app.intake = nil }()
	got, err := source.State(t.Context(), uint64(m.Height))
	if err != nil {
		t.Fatal(err)
	}
	params, err := s.node.states.LoadConsensusParams(m.Height + 1)
	if err != nil {
		t.Fatal(err)
	}
	next, err := s.node.states.LoadValidators(m.Height + 2)
	if err != nil {
		t.Fatal(err)
	}
	if got.LastBlockHeight != m.Height || !bytes.Equal(got.AppHash, m.Root) || !bytes.Equal(got.NextValidators.Hash(), next.Hash()) ||
		!bytes.Equal(got.ConsensusParams.Hash(), params.Hash()) || got.ConsensusParams.Evidence != params.Evidence || got.Version.Consensus != s.engine.Version.Consensus {
		t.Errorf("state %+v", got)
	}
	commit, err := source.Commit(t.Context(), uint64(m.Height))
	if err != nil || commit.Height != m.Height {
		t.Errorf("%v, %v", commit, err)
	}
	other := *m
	other.Parameters, _ = ledger.Encode(ledger.Parameters{BlockBytes: 1 << 20})
	s.node.app.intake.m = &other
	if _, err := source.State(t.Context(), uint64(m.Height)); err == nil {
		t.Error("parameters that the header does not vouch for")
	}

	// A network file is one more root; one of another history ends the attempt.
	file := s.file(s.engine.LastBlockHeight - 5)
	if err := s.trusted(file, srv.URL).open(t.Context()); err != nil {
		t.Error(err)
	}
	lie := *file
	lie.Hash = strings.Repeat("ab", 32)
	for i := range 3 {
		s.reseat(i, "new-"+string(rune('a'+i)))
		s.blocksTo(s.engine.LastBlockHeight + 3)
	}
	lie.Height = s.engine.LastBlockHeight
	if err := s.trusted(&lie, srv.URL).open(t.Context()); !errors.Is(err, errNoPeer) {
		t.Errorf("a root that the node contradicts: %v", err)
	}
	// The validators of a genesis file of two years ago are no root without a network file.
	late := s.trusted(nil, srv.URL)
	late.now = func() time.Time { return s.net.world.genesis.Time.Add(ledger.TrustingPeriod + time.Hour) }
	if err := late.open(t.Context()); !errors.Is(err, ledger.ErrExpired) {
		t.Errorf("an old genesis file: %v", err)
	}
	// Nor is a node of use that was left behind, or none at all.
	late = s.trusted(nil, srv.URL)
	late.now = func() time.Time { return s.now.Add(2 * time.Hour) }
	if err := late.open(t.Context()); !errors.Is(err, errNoPeer) {
		t.Errorf("a node that was left behind: %v", err)
	}
	if err := s.trusted(nil).open(t.Context()); !errors.Is(err, errNoPeer) {
		t.Errorf("no node: %v", err)
	}
}

// A node that forges a header, however it is signed, does not get it past the others or the milestones.
func TestTrustedSourceRefuses(t *testing.T) {
	s := startOffline(t, 1, nil)
	s.blocksTo(30)
	honest := s.serve()
	forged := map[int64][]byte{}
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for h, raw := range forged {
			if strings.HasSuffix(r.URL.Path, "/v1/light/"+string(rune('0'+h/10))+string(rune('0'+h%10))) {
				w.Write(raw)
				return
			}
		}
		s.node.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(liar.Close)
	forge := func(h int64, sign bool) {
		lb, err := s.node.light(h)
		if err != nil {
			t.Fatal(err)
		}
		header := *lb.Header
		header.AppHash = bytes.Repeat([]byte{7}, 32)
		id := types.BlockID{Hash: header.Hash(), PartSetHeader: lb.Commit.BlockID.PartSetHeader}
		commit := lb.Commit.Clone()
		commit.BlockID = id
		if sign {
			v := lb.ValidatorSet.Validators[0]
			vote := &types.Vote{Type: 2, Height: h, BlockID: id, Timestamp: commit.Signatures[0].Timestamp, ValidatorAddress: v.Address}
			if commit.Signatures[0].Signature, err = s.keys[string(v.Address)].Sign(types.VoteSignBytes(s.engine.ChainID, vote.ToProto())); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := ledger.EncodeLightBlock(&types.LightBlock{SignedHeader: &types.SignedHeader{Header: &header, Commit: commit}, ValidatorSet: lb.ValidatorSet})
		if err != nil {
			t.Fatal(err)
		}
		forged[h] = raw
	}
	forge(21, false)
	alone, both := s.trusted(nil, liar.URL), s.trusted(nil, liar.URL, honest.URL)
	for _, source := range []*trustedSource{alone, both} {
		if err := source.open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := alone.AppHash(t.Context(), 20); err == nil {
		t.Error("a header that nobody signed is taken")
	}
	real, err := both.AppHash(t.Context(), 20)
	if err != nil || slices.Equal(real, bytes.Repeat([]byte{7}, 32)) {
		t.Errorf("with an honest node beside the liar: %x, %v", real, err)
	}
	// Two signed headers at one height: the validators themselves lie, and nobody can say which is true.
	forge(25, true)
	if _, err := both.AppHash(t.Context(), 24); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("two signed headers: %v", err)
	}
}
