package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/iavl/db"
)

// Verified is what [Verify] went through.
type Verified struct {
	From         int64 // height of the state that it began with; 0: the genesis file
	To           int64 // newest block
	Transactions int
}

// BadBlock is the first block that does not hold.
type BadBlock struct {
	Height int64
	Reason string
}

// Error implements error.
func (b *BadBlock) Error() string { return fmt.Sprintf("block %d: %s", b.Height, b.Reason) }

// Verify executes the stored blocks of a node that does not run once more, from its oldest snapshot or the genesis file,
// in a scratch directory. It compares each root with the one that the next header carries, and checks that two thirds of
// the validators of its height signed each block. Errors: [*BadBlock], [ErrRuns] and others.
func Verify(ctx context.Context, dir string, log *slog.Logger) (_ *Verified, err error) {
	s, err := openStopped(dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	scratch, err := os.MkdirTemp(filepath.Join(dir, dataDir), unfinished)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r, err := s.replay(ctx, scratch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	v := &Verified{From: r.engine.LastBlockHeight, To: s.blocks.Height()}
	for h := v.From + 1; h <= v.To; h++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, reason := r.block(h)
		if reason != nil {
			return nil, &BadBlock{h, reason.Error()}
		}
		v.Transactions += n
	}
	if now := s.app.state.snapshot(); now.height == v.To && !bytes.Equal(now.root, r.engine.AppHash) {
		return nil, &BadBlock{v.To, fmt.Sprintf("its execution gives root %x; the node's own state has %x", r.engine.AppHash, now.root)}
	}
	return v, nil
}

// replay is a second application with stores of its own, which executes what is in a node's block store.
type replay struct {
	from   *atRest
	app    *App
	conn   proxy.AppConns
	exec   *sm.BlockExecutor
	engine sm.State
}

func (s *atRest) replay(ctx context.Context, scratch string) (_ *replay, err error) {
	if s.blocks.Height() == 0 {
		return nil, errors.New("there are no blocks")
	}
	db, err := dbm.NewDB("replay", "goleveldb", scratch)
	if err != nil {
		return nil, err
	}
	state, err := openState(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	r := &replay{from: s}
	if r.app, err = newApp(state, slog.New(slog.DiscardHandler), time.Now); err != nil {
		return nil, errors.Join(err, state.close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	states := sm.NewStore(cometdb.NewMemDB(), sm.StoreOptions{DiscardABCIResponses: true})
	r.conn = proxy.NewAppConns(proxy.NewLocalClientCreator(r.app), proxy.NopMetrics())
	if err := r.conn.Start(); err != nil {
		return nil, err
	}
	if s.blocks.Base() == 1 {
		if r.engine, err = states.LoadFromDBOrGenesisDoc(s.doc); err != nil {
			return nil, err
		}
		if err := consensus.NewHandshaker(states, r.engine, noBlocks{}, s.doc).Handshake(r.conn); err != nil {
			return nil, err
		}
		if r.engine, err = states.Load(); err != nil {
			return nil, err
		}
	} else if err := r.begin(ctx, states); err != nil {
		return nil, err
	}
	quiet := cometLogger{slog.New(slog.DiscardHandler), &s.stopping}
	r.exec = sm.NewBlockExecutor(states, quiet, r.conn.Consensus(), &mempool.NopMempool{}, sm.EmptyEvidencePool{}, s.blocks)
	return r, nil
}

// begin starts from the oldest snapshot that the blocks go on from.
func (r *replay) begin(ctx context.Context, states sm.Store) error {
	all, err := r.from.app.archive.list()
	if err != nil {
		return err
	}
	base := r.from.blocks.Base()
	for _, m := range all {
		if m.Height+1 < base {
			continue
		}
		dir := r.from.app.archive.path(m.Height)
		p, err := readProof(dir, r.from.doc)
		if err == nil {
			err = p.fill(ctx, r.app, dir)
		}
		if err != nil {
			return fmt.Errorf("snapshot %d: %w", m.Height, err)
		}
		r.engine = p.engine
		return states.Bootstrap(p.engine)
	}
	return fmt.Errorf("no snapshot from which the blocks from %d on go on", base)
}

// noBlocks is the block store that a replay begins with.
type noBlocks struct{ sm.BlockStore }

func (noBlocks) Base() int64   { return 0 }
func (noBlocks) Height() int64 { return 0 }

// block checks and executes one block and returns how many transactions it has.
func (r *replay) block(height int64) (n int, err error) {
	defer func() {
		if p := recover(); p != nil { // CometBFT's stores panic on damage
			err = fmt.Errorf("not readable: %v", p)
		}
	}()
	blocks := r.from.blocks
	b, meta := blocks.LoadBlock(height), blocks.LoadBlockMeta(height)
	if b == nil || meta == nil {
		return 0, errors.New("it is not there")
	}
	if err := b.ValidateBasic(); err != nil {
		return 0, err
	}
	parts, err := b.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return 0, err
	}
	id := types.BlockID{Hash: b.Hash(), PartSetHeader: parts.Header()}
	if !id.Equals(meta.BlockID) {
		return 0, fmt.Errorf("its hash is %v, stored as %v", id, meta.BlockID)
	}
	commit := blocks.LoadSeenCommit(height)
	if next := blocks.LoadBlockCommit(height); next != nil {
		commit = next
	}
	if commit == nil {
		return 0, errors.New("nobody signed it")
	}
	// What it says of the block before it is checked below, with the validators' signatures under that one.
	if err := r.engine.Validators.VerifyCommit(r.engine.ChainID, id, height, commit); err != nil {
		return 0, err
	}
	if r.engine, err = r.exec.ApplyBlock(r.engine, id, b); err != nil {
		return 0, err
	}
	if height%64 == 0 {
		err = r.app.state.trim(height - 4)
	}
	return len(b.Txs), err
}

func (r *replay) close() error {
	var err error
	if r.conn != nil && r.conn.IsRunning() {
		err = r.conn.Stop()
	}
	return errors.Join(err, r.app.state.close())
}
