package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/statesync"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"

	calls "github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

// ListSnapshots tells other nodes which snapshots there are.
func (a *App) ListSnapshots(context.Context, *abci.RequestListSnapshots) (*abci.ResponseListSnapshots, error) {
	res := &abci.ResponseListSnapshots{}
	if a.archive == nil {
		return res, nil
	}
	all, err := a.archive.list()
	if err != nil {
		a.log.Error("list snapshots", "error", err)
		return res, nil // the node's own work goes on
	}
	for _, m := range all {
		raw, err := ledger.Encode(m)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		res.Snapshots = append(res.Snapshots, &abci.Snapshot{
			Height: uint64(m.Height), Format: m.Format, Chunks: uint32(len(m.Chunks)), Hash: sum[:], Metadata: raw,
		})
	}
	return res, nil
}

// LoadSnapshotChunk returns one chunk; nothing if it is not there.
func (a *App) LoadSnapshotChunk(_ context.Context, req *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	res := &abci.ResponseLoadSnapshotChunk{}
	if a.archive != nil && req.Format == snapshotFormat && req.Height < 1<<62 {
		res.Chunk, _ = readChunkFile(a.archive.path(int64(req.Height)), int(req.Chunk))
	}
	return res, nil
}

// OfferSnapshot says whether the node wants a snapshot that others have, and begins with it. The root is from a header
// that was verified.
func (a *App) OfferSnapshot(_ context.Context, req *abci.RequestOfferSnapshot) (*abci.ResponseOfferSnapshot, error) {
	answer := func(r abci.ResponseOfferSnapshot_Result) (*abci.ResponseOfferSnapshot, error) {
		return &abci.ResponseOfferSnapshot{Result: r}, nil
	}
	a.dropIntake()
	if req.Snapshot == nil || a.state.snapshot().height > 0 {
		return answer(abci.ResponseOfferSnapshot_ABORT)
	}
	if req.Snapshot.Format != snapshotFormat {
		return answer(abci.ResponseOfferSnapshot_REJECT_FORMAT)
	}
	m, err := parseManifest(req.Snapshot.Metadata)
	sum := sha256.Sum256(req.Snapshot.Metadata)
	switch {
	case err != nil, !bytes.Equal(sum[:], req.Snapshot.Hash):
		return answer(abci.ResponseOfferSnapshot_REJECT_SENDER)
	case m.Format != snapshotFormat, uint64(m.Height) != req.Snapshot.Height, len(m.Chunks) != int(req.Snapshot.Chunks), !bytes.Equal(m.Root, req.AppHash):
		a.log.Warn("a snapshot that is offered is not the network's", "height", req.Snapshot.Height)
		return answer(abci.ResponseOfferSnapshot_REJECT)
	}
	if a.intake, err = a.state.intake(m); err != nil {
		return nil, err
	}
	a.log.Info("taking over a snapshot", "height", m.Height, "chunks", len(m.Chunks))
	return answer(abci.ResponseOfferSnapshot_ACCEPT)
}

// ApplySnapshotChunk takes the next chunk of the accepted snapshot. A chunk with another hash than in the manifest is
// asked for again, from others than who sent it.
func (a *App) ApplySnapshotChunk(_ context.Context, req *abci.RequestApplySnapshotChunk) (*abci.ResponseApplySnapshotChunk, error) {
	if a.intake == nil || int(req.Index) != a.intake.next {
		return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ABORT}, nil
	}
	err := a.intake.add(req.Chunk)
	if errors.Is(err, errChunk) {
		a.log.Warn("a bad chunk of a snapshot", "chunk", req.Index, "sender", req.Sender)
		return &abci.ResponseApplySnapshotChunk{
			Result: abci.ResponseApplySnapshotChunk_RETRY, RefetchChunks: []uint32{req.Index}, RejectSenders: []string{req.Sender},
		}, nil
	}
	if err == nil && a.intake.next == len(a.intake.m.Chunks) {
		var now *snapshot
		if now, err = a.intake.finish(); err == nil {
			if err = a.goOn(now); err == nil {
				a.log.Info("snapshot taken over", "height", now.height)
				a.intake = nil
			}
		}
	}
	if err != nil {
		a.log.Error("a snapshot that cannot be used", "error", err)
		a.dropIntake()
		return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT}, nil
	}
	return &abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ACCEPT}, nil
}

func (a *App) dropIntake() {
	if a.intake != nil {
		if err := a.intake.close(); err != nil {
			a.log.Error("remove half a snapshot", "error", err)
		}
		a.intake = nil
	}
}

// trustedSource tells CometBFT what a snapshot must agree with. It is [statesync.StateProvider] over the nodes' /v1:
// every header is verified from the validators of the genesis file, over the milestones, and from the network file if
// there is one. All nodes that answer must give the same one.
type trustedSource struct {
	genesis *types.GenesisDoc
	network *ledger.Network // may be nil
	peers   []*follow.Peer
	app     *App
	log     *slog.Logger
	now     func() time.Time

	mu    sync.Mutex
	steps []*types.LightBlock // verified, ascending: milestones and the newest
	known map[int64]*types.LightBlock
}

var _ statesync.StateProvider = (*trustedSource)(nil)

// errNoPeer: none of the nodes gives what is needed to join.
var errNoPeer = errors.New("no node gives a way to the newest block that can be verified")

// open asks the nodes for the way from the beginning to today.
func (s *trustedSource) open(ctx context.Context) error {
	if s.network == nil && s.now().Sub(s.genesis.GenesisTime) > ledger.TrustingPeriod {
		return fmt.Errorf("%w: the genesis file is too old to trust its validators: put a network file of another member into the node's directory as %s", ledger.ErrExpired, networkFile)
	}
	var reasons []error
	for _, p := range s.peers {
		steps, err := s.ask(ctx, p)
		if err != nil {
			s.log.Warn("a node does not help to join", "node", p, "error", err)
			reasons = append(reasons, fmt.Errorf("%s: %w", p, err))
			continue
		}
		if len(s.steps) == 0 || steps[len(steps)-1].Height > s.steps[len(s.steps)-1].Height {
			s.steps = steps
		}
	}
	if len(s.steps) == 0 {
		return fmt.Errorf("%w: %w", errNoPeer, errors.Join(reasons...))
	}
	s.known = map[int64]*types.LightBlock{}
	return nil
}

// freshEnough is how old the newest block of a node may be: a node that was left behind would lead us to an old snapshot.
const freshEnough = time.Hour

// ask returns the verified way that one node gives.
func (s *trustedSource) ask(ctx context.Context, p *follow.Peer) ([]*types.LightBlock, error) {
	first, err := p.LightBlock(ctx, s.genesis.InitialHeight)
	if err != nil {
		return nil, err
	}
	bundle, err := p.Proof(ctx, []ledger.Key{ledger.KeyMembers()}, first.Height)
	if err != nil {
		return nil, err
	}
	if s.network != nil {
		if _, err := bundle.Verify(s.network, s.now(), 0); err != nil {
			return nil, err
		}
	}
	w := newWay(s.genesis, s.now())
	var steps []*types.LightBlock
	for _, b := range append(append([]*types.LightBlock{first}, bundle.Path()...), bundle.Block()) {
		if n := len(steps); n > 0 && b.Height == steps[n-1].Height && bytes.Equal(b.Hash(), steps[n-1].Hash()) {
			continue
		}
		if err := w.next(b); err != nil {
			return nil, err
		}
		steps = append(steps, b)
	}
	if age := s.now().Sub(w.trusted.Time); age > freshEnough {
		return nil, fmt.Errorf("its newest block is %v old", age.Round(time.Second))
	}
	return steps, nil
}

// milestones returns the blocks to keep for ever, of the time before this node.
func (s *trustedSource) milestones() []*types.LightBlock { return s.steps[:len(s.steps)-1] }

// at returns the verified block of a height.
func (s *trustedSource) at(ctx context.Context, height uint64) (*types.LightBlock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := int64(height)
	if b := s.known[h]; b != nil {
		return b, nil
	}
	w := newWay(s.genesis, s.now())
	for _, b := range s.steps {
		if b.Height == h {
			return b, nil
		}
		if b.Height < h {
			w.trusted = b
		}
	}
	var found *types.LightBlock
	reason := error(errNoPeer)
	for _, p := range s.peers {
		b, err := p.LightBlock(ctx, h)
		if err == nil && b.Height != h {
			err = fmt.Errorf("block %d for %d", b.Height, h)
		}
		if err == nil {
			err = w.follows(b)
		}
		switch {
		case err != nil:
			reason = fmt.Errorf("%s: %w", p, err)
		case found == nil:
			found = b
		case !bytes.Equal(found.Hash(), b.Hash()):
			return nil, fmt.Errorf("%w: two signed blocks at height %d; the members must look at this", ledger.ErrUnproven, h)
		}
	}
	if found == nil {
		return nil, reason
	}
	s.known[h] = found
	return found, nil
}

// AppHash implements [statesync.StateProvider]: the root after a height, which the next header carries.
func (s *trustedSource) AppHash(ctx context.Context, height uint64) ([]byte, error) {
	b, err := s.at(ctx, height+1)
	if err != nil {
		return nil, err
	}
	if _, err := s.at(ctx, height+2); err != nil { // State needs it
		return nil, err
	}
	return b.AppHash, nil
}

// Commit implements [statesync.StateProvider].
func (s *trustedSource) Commit(ctx context.Context, height uint64) (*types.Commit, error) {
	b, err := s.at(ctx, height)
	if err != nil {
		return nil, err
	}
	return b.Commit, nil
}

// State implements [statesync.StateProvider]. The manifest of the offered snapshot tells the parameters; the header
// vouches for a part of them, and the state itself, when it is there, for all.
func (s *trustedSource) State(ctx context.Context, height uint64) (sm.State, error) {
	var blocks [3]*types.LightBlock
	for i := range blocks {
		var err error
		if blocks[i], err = s.at(ctx, height+uint64(i)); err != nil {
			return sm.State{}, err
		}
	}
	if s.app.intake == nil || s.app.intake.m.Height != int64(height) {
		return sm.State{}, fmt.Errorf("no snapshot of height %d was accepted", height)
	}
	return engineState(s.genesis, s.app.intake.m, blocks)
}

// engineState is CometBFT's own state after a block, from the verified blocks at its height and the two after it.
func engineState(genesis *types.GenesisDoc, m *manifest, blocks [3]*types.LightBlock) (sm.State, error) {
	last, current, next := blocks[0], blocks[1], blocks[2]
	var p ledger.Parameters
	if err := ledger.Decode(m.Parameters, &p); err != nil {
		return sm.State{}, fmt.Errorf("parameters of the snapshot: %w", err)
	}
	params := engineParams(p)
	switch {
	case m.Height != last.Height, m.ChainID != last.ChainID, !m.time().Equal(last.Time):
		return sm.State{}, fmt.Errorf("the snapshot is of block %d of %q at %v, the header of %d of %q at %v",
			m.Height, m.ChainID, m.time(), last.Height, last.ChainID, last.Time)
	case !bytes.Equal(m.Root, current.AppHash):
		return sm.State{}, fmt.Errorf("root %x, the header of %d says %x", m.Root, current.Height, current.AppHash)
	case !bytes.Equal(params.Hash(), current.ConsensusHash):
		return sm.State{}, fmt.Errorf("parameters are not those of header %d", current.Height)
	}
	return sm.State{
		Version: cmtstate.Version{Consensus: current.Version, Software: version.TMCoreSemVer},
		ChainID: genesis.ChainID, InitialHeight: genesis.InitialHeight,
		LastBlockHeight: last.Height, LastBlockTime: last.Time, LastBlockID: last.Commit.BlockID,
		AppHash: current.AppHash, LastResultsHash: current.LastResultsHash,
		LastValidators: last.ValidatorSet, Validators: current.ValidatorSet, NextValidators: next.ValidatorSet,
		LastHeightValidatorsChanged: next.Height,
		ConsensusParams:             *params, LastHeightConsensusParamsChanged: current.Height,
	}, nil
}

// openTrusted returns where a node that joins learns what to trust.
func openTrusted(ctx context.Context, dir string, urls []string, genesis *types.GenesisDoc, app *App, log *slog.Logger) (*trustedSource, error) {
	s := &trustedSource{genesis: genesis, app: app, log: log, now: time.Now}
	var err error
	if s.network, err = loadNetwork(filepath.Join(dir, networkFile)); err != nil {
		return nil, err
	}
	if s.network != nil && s.network.ChainID != genesis.ChainID {
		return nil, fmt.Errorf("%s is of chain %q, the genesis file of %q", networkFile, s.network.ChainID, genesis.ChainID)
	}
	client := &calls.Client{Loopback: true, Private: true} // the operator chose the addresses
	for _, u := range urls {
		p, err := follow.NewPeer(u, client)
		if err != nil {
			return nil, fmt.Errorf("state_sync %q: %w", u, err)
		}
		s.peers = append(s.peers, p)
	}
	return s, s.open(ctx)
}
