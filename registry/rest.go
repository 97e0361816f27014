package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// ErrRuns: what was asked needs a node that is stopped.
var ErrRuns = errors.New("the node runs; stop it first")

// atRest is a node's directory whose stores are open while the node does not run.
type atRest struct {
	*Node
	settings *Settings
	doc      *types.GenesisDoc
}

// openStopped opens the stores of a node that does not run, and keeps it from starting meanwhile.
func openStopped(dir string, log *slog.Logger) (_ *atRest, err error) {
	s := &atRest{Node: &Node{cfg: Config{Dir: dir, Logger: log}, closed: make(chan struct{})}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.settings, err = LoadSettings(filepath.Join(dir, configFile)); err != nil {
		return nil, err
	}
	genesis, err := os.ReadFile(filepath.Join(dir, genesisFile))
	if err != nil {
		return nil, err
	}
	if _, s.doc, err = readGenesis(genesis); err != nil {
		return nil, err
	}
	if s.lock, err = lock(dir); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRuns, err)
	}
	db, err := dbm.NewDB("registry", "goleveldb", filepath.Join(dir, dataDir))
	if err != nil {
		return nil, err
	}
	state, err := openState(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if s.app, err = newApp(state, log, time.Now); err != nil {
		return nil, errors.Join(err, state.close())
	}
	config := cometConfig(dir, s.settings)
	var dbs [3]cometdb.DB
	for i, name := range []string{"blockstore", "state", "evidence"} {
		if dbs[i], err = s.openDB(&cfg.DBContext{ID: name, Config: config}); err != nil {
			return nil, err
		}
	}
	s.blocks = store.NewBlockStore(dbs[0])
	s.states = sm.NewStore(dbs[1], sm.StoreOptions{DiscardABCIResponses: true})
	if at, err := s.states.Load(); err == nil && at.LastBlockHeight == state.snapshot().height && at.LastBlockHeight > 0 {
		state.setTime(at.LastBlockTime)
	}
	if s.milestones, err = openMilestones(filepath.Join(dir, milestonesDir)); err != nil {
		return nil, err
	}
	if s.app.archive, err = openArchive(filepath.Join(dir, snapshotsDir)); err != nil {
		return nil, err
	}
	s.keeper = s.newKeeper(config.Consensus.WalFile(), s.settings.policy)
	return s, nil
}

func (s *atRest) close() error {
	var errs []error
	for _, db := range s.stores {
		errs = append(errs, db.Close())
	}
	if s.app != nil {
		errs = append(errs, s.app.state.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Snapshot describes a snapshot of the state.
type Snapshot struct {
	Dir    string
	Height int64
	Time   time.Time // of the block's header
	Chunks int
}

// MakeSnapshot makes a snapshot of the newest state of a node that does not run that its blocks prove. Error: [ErrRuns]
// among others.
func MakeSnapshot(ctx context.Context, dir string, log *slog.Logger) (_ *Snapshot, err error) {
	s, err := openStopped(dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	height := s.blocks.Height() - 2
	if height < max(s.blocks.Base(), 1) {
		return nil, fmt.Errorf("too few blocks: %d", s.blocks.Height())
	}
	if err := s.keeper.collect(s.app.state.snapshot()); err != nil {
		return nil, err
	}
	at, err := s.app.state.at(height)
	if err != nil {
		return nil, err
	}
	at.time, _ = s.keeper.timeAt(height)
	d, err := s.app.archive.write(ctx, at, s.app.chain.ChainID)
	if err != nil {
		return nil, err
	}
	blocks, err := s.keeper.proofOf(height)
	if err == nil {
		err = d.seal(blocks)
	}
	if err != nil {
		return nil, errors.Join(err, d.discard())
	}
	return &Snapshot{Dir: s.app.archive.path(height), Height: height, Time: at.time, Chunks: len(d.Chunks)}, nil
}

// Snapshots lists the snapshots of a node, oldest first. The node may run.
func Snapshots(dir string) ([]Snapshot, error) {
	a := &archive{filepath.Join(dir, snapshotsDir)}
	all, err := a.list()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := []Snapshot{}
	for _, m := range all {
		out = append(out, Snapshot{Dir: a.path(m.Height), Height: m.Height, Time: m.time(), Chunks: len(m.Chunks)})
	}
	return out, nil
}

// Pruned is what [Prune] left.
type Pruned struct {
	Base   int64 // first block that is still there
	Blocks int64 // that were removed
}

// Prune removes from a node that does not run what is past its time, and writes its stores anew without it. A running
// node does the same by itself. Error: [ErrRuns] among others.
func Prune(dir string, log *slog.Logger) (*Pruned, error) {
	return prune(dir, log, nil)
}

func prune(dir string, log *slog.Logger, rules func(ledger.Parameters) policy) (_ *Pruned, err error) {
	s, err := openStopped(dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if rules != nil {
		s.keeper.policy = rules
	}
	now := s.app.state.snapshot()
	if now.height == 0 {
		return nil, errors.New("there are no blocks")
	}
	if err := s.keeper.collect(now); err != nil {
		return nil, err
	}
	if err := s.keeper.expire(now, s.keeper.rules()); err != nil {
		return nil, err
	}
	to, err := s.keeper.retain(now, s.keeper.rules())
	if err != nil {
		return nil, err
	}
	base := s.blocks.Base()
	if to > base {
		engine, err := s.states.Load()
		if err != nil {
			return nil, err
		}
		_, evidence, err := s.blocks.PruneBlocks(to, engine)
		if err != nil {
			return nil, err
		}
		if err := s.states.PruneStates(base, to, evidence); err != nil {
			return nil, err
		}
	}
	if err := s.app.state.trim(now.height - s.keeper.rules().versions); err != nil {
		return nil, err
	}
	s.keeper.base = -1 // what a node removed before it stopped may still be in its files
	return &Pruned{Base: s.blocks.Base(), Blocks: s.blocks.Base() - base}, s.keeper.tidy()
}

// ErrAlone: a network's only validator is restored, and its blocks since the snapshot would be lost.
var ErrAlone = errors.New("this node is the network's only validator: what it wrote after the snapshot is lost, and services that saw it take what comes instead for an attack")

// fullError says that a directory holds blocks already. It is [fs.ErrExist] without the words about a file.
type fullError string

func (e fullError) Error() string { return string(e) }

func (fullError) Unwrap() error { return fs.ErrExist }

// Restore fills a node's directory, which has keys, genesis and settings but no blocks, from the directory of a snapshot.
// The node starts from there and gets the later blocks from others. The snapshot must lead from the genesis file to its
// state; its newest block is trusted as much as where it comes from, and the network file in the node's directory, if
// there is one. alone accepts [ErrAlone]. Error: [ErrRuns] among others.
func Restore(ctx context.Context, dir, from string, alone bool, log *slog.Logger) (_ *Snapshot, err error) {
	s, err := openStopped(dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if h := max(s.app.state.snapshot().height, s.blocks.Height()); h > 0 {
		return nil, fullError(fmt.Sprintf("%q holds blocks up to %d already", dir, h))
	}
	p, err := readProof(from, s.doc)
	if err != nil {
		return nil, fmt.Errorf("snapshot %q: %w", from, err)
	}
	signer, err := loadSigner(dir)
	if err != nil {
		return nil, err
	}
	if v := p.engine.Validators; !alone && v.Size() == 1 && v.HasAddress(signer.Key.Address) {
		return nil, ErrAlone
	}
	network, err := loadNetwork(filepath.Join(dir, networkFile))
	if err != nil {
		return nil, err
	}
	if network != nil && network.Height <= p.Height {
		raw, err := ledger.BuildBundle(p.way, p.last[2], nil)
		if err != nil {
			return nil, err
		}
		bundle, err := ledger.ParseBundle(raw)
		if err != nil {
			return nil, err
		}
		if _, err := bundle.Verify(network, time.Now(), 0); err != nil {
			return nil, fmt.Errorf("snapshot %q: %w", from, err)
		}
	}
	if err := p.fill(ctx, s.app, from); err != nil {
		return nil, fmt.Errorf("snapshot %q: %w", from, err)
	}
	for _, b := range p.way {
		raw, err := ledger.EncodeLightBlock(b)
		if err == nil {
			err = s.milestones.put(b.Height, raw)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.app.archive.copy(from, p.Height); err != nil {
		return nil, err
	}
	err = errors.Join(s.states.Bootstrap(p.engine), s.blocks.SaveSeenCommit(p.Height, p.last[0].Commit), s.states.SetOfflineStateSyncHeight(p.Height))
	return &Snapshot{Dir: from, Height: p.Height, Time: p.time(), Chunks: len(p.Chunks)}, err
}

// proof is a snapshot's manifest with what its light blocks prove.
type proof struct {
	*manifest
	way    []*types.LightBlock  // milestones before it
	last   [3]*types.LightBlock // at its height and the two after it
	engine sm.State
}

// readProof reads a snapshot's manifest and checks that its light blocks lead from the genesis file to its root.
func readProof(dir string, genesis *types.GenesisDoc) (*proof, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	if m.Format != snapshotFormat {
		return nil, fmt.Errorf("format %d, this program knows %d", m.Format, snapshotFormat)
	}
	raw, err := os.ReadFile(filepath.Join(dir, blocksFile))
	if err != nil {
		return nil, err
	}
	var blocks [][]byte
	if err := ledger.Decode(raw, &blocks); err != nil {
		return nil, fmt.Errorf("%s: %w", blocksFile, err)
	}
	p := &proof{manifest: m}
	if len(blocks) < len(p.last) {
		return nil, fmt.Errorf("%s: %d blocks", blocksFile, len(blocks))
	}
	w := newWay(genesis, time.Now())
	for i, raw := range blocks {
		b, err := ledger.DecodeLightBlock(raw)
		if err != nil {
			return nil, err
		}
		if err := w.next(b); err != nil {
			return nil, err
		}
		if n := i - (len(blocks) - len(p.last)); n >= 0 {
			p.last[n] = b
		} else {
			p.way = append(p.way, b)
		}
	}
	if p.last[1].Height != m.Height+1 || p.last[2].Height != m.Height+2 {
		return nil, fmt.Errorf("%s: blocks %d, %d and %d for a snapshot of %d", blocksFile, p.last[0].Height, p.last[1].Height, p.last[2].Height, m.Height)
	}
	p.engine, err = engineState(genesis, m, p.last)
	return p, err
}

// fill puts the snapshot into an application without a state.
func (p *proof) fill(ctx context.Context, app *App, dir string) (err error) {
	in, err := app.state.intake(p.manifest)
	if err != nil {
		return err
	}
	var now *snapshot
	for n := 0; n < len(p.Chunks) && err == nil; n++ {
		var chunk []byte
		if chunk, err = readChunkFile(dir, n); err == nil {
			err = errors.Join(ctx.Err(), in.add(chunk))
		}
		if err != nil {
			err = fmt.Errorf("chunk %d: %w", n, err)
		}
	}
	if err == nil {
		now, err = in.finish()
	}
	if err != nil {
		return errors.Join(err, in.close())
	}
	return app.goOn(now)
}

// copy takes a snapshot from elsewhere into the archive.
func (a *archive) copy(from string, height int64) error {
	to := a.path(height)
	if same, err := filepath.Abs(from); err != nil {
		return err
	} else if abs, err := filepath.Abs(to); err != nil || abs == same {
		return err
	}
	m, err := readManifest(from)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(a.dir, unfinished)
	if err != nil {
		return err
	}
	names := []string{manifestFile, blocksFile}
	for n := range m.Chunks {
		names = append(names, strconv.Itoa(n))
	}
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = writeWhole(filepath.Join(dir, name), raw)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(dir))
		}
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(dir, to)
}
