package registry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/mempool"
	cmt "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/iavl/db"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// Config of a node.
type Config struct {
	Dir    string // CometBFT home and state
	Listen string // p2p address, as "tcp://127.0.0.1:26656"; empty: what node.toml says, else a free loopback port
	Logger *slog.Logger
	Dev    bool // allow a network for development, on loopback addresses only

	asleep time.Duration                  // instead of stale, for tests
	policy func(ledger.Parameters) policy // instead of what parameters and settings say, for tests
	room   uint64                         // bytes instead of leastRoom, for tests
	ahead  time.Duration                  // that the time of a block may lie before this clock, instead of CometBFT's minute, for tests
}

// stale is how old the newest header may be at a start before the one validator makes new blocks at once.
const stale = 5 * time.Second

// staleBeats is the same for one of several validators, in heartbeats: the others may be awake, and then the newest
// header is two heartbeats old at most.
const staleBeats = 3

// peerPause is how often the node looks for configured peers that it is not connected with. CometBFT itself tries ever
// more slowly and gives up in the end.
const peerPause = 5 * time.Second

// Node is a running node.
type Node struct {
	cfg    Config
	app    *App
	lock   *os.File
	signer io.Closer // of a remote signer, else nil
	comet  *cmt.Node
	pool   mempool.Mempool
	blocks *store.BlockStore
	states sm.Store
	stores []cometdb.DB
	votes  bool // it is a validator
	only   bool // the one validator

	development bool // the network is for development

	fresh int64 // height from which the node can prove something fresh

	streams, polls, writers room // questions that wait for news

	shown   blockCache
	uses    useCache
	lights  lightCache
	tallies tallies

	proofTime prometheus.Histogram
	stopping  atomic.Bool
	closed    chan struct{}
	kept      sync.WaitGroup // goroutines of the node's own

	consensus interface{ Wait() } // of CometBFT

	failed  chan struct{} // closed when the node cannot go on
	failing sync.Once
	failure error

	milestones *milestones
	keeper     *keeper
	trusted    *trustedSource // while the state comes from a snapshot of others; else nil
}

// Open starts the node in a directory and returns when it can prove its state, or when ctx ends. Where that can take long,
// as when other nodes must be there first, use [Start] and [Node.Ready].
func Open(ctx context.Context, c Config) (*Node, error) {
	n, err := Start(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := n.Ready(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Start starts the node in a directory. It answers from then on, but may have nothing to prove yet.
func Start(ctx context.Context, c Config) (_ *Node, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	settings, err := LoadSettings(filepath.Join(c.Dir, configFile))
	if err != nil {
		return nil, err
	}
	if c.Listen != "" {
		settings.Listen = c.Listen
	}
	n := &Node{cfg: c, closed: make(chan struct{}), failed: make(chan struct{}), proofTime: newProofTime()}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if n.lock, err = lock(c.Dir); err != nil {
		return nil, err
	}
	if err := n.room(); err != nil {
		return nil, err
	}
	key, err := loadNodeKey(c.Dir)
	if err != nil {
		return nil, err
	}
	genesis, err := os.ReadFile(filepath.Join(c.Dir, genesisFile))
	if err != nil {
		return nil, err
	}
	founded, doc, err := readGenesis(genesis)
	if err != nil {
		return nil, err
	}
	n.development = founded.Development
	if err := allow(founded.Development, c.Dev, settings.Listen); err != nil {
		return nil, err
	}
	db, err := dbm.NewDB("registry", "goleveldb", filepath.Join(c.Dir, dataDir))
	if err != nil {
		return nil, err
	}
	state, err := openState(db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if n.app, err = newApp(state, c.Logger, time.Now); err != nil {
		return nil, errors.Join(err, state.close())
	}
	comet := cometConfig(c.Dir, settings)
	if c.ahead != 0 {
		comet.Consensus.BlockTimeTolerance = c.ahead
	}
	if err := comet.ValidateBasic(); err != nil {
		return nil, err
	}
	if n.milestones, err = openMilestones(filepath.Join(c.Dir, milestonesDir)); err != nil {
		return nil, err
	}
	if n.app.archive, err = openArchive(filepath.Join(c.Dir, snapshotsDir)); err != nil {
		return nil, err
	}
	options := []cmt.Option{watchSync(settings.Peers, time.Now)}
	if len(settings.StateSync) > 0 && state.snapshot().height == 0 {
		if n.trusted, err = openTrusted(ctx, c.Dir, settings.StateSync, doc, n.app, c.Logger); err != nil {
			return nil, fmt.Errorf("state sync: %w", err)
		}
		for _, b := range n.trusted.milestones() {
			raw, err := ledger.EncodeLightBlock(b)
			if err == nil {
				err = n.milestones.put(b.Height, raw)
			}
			if err != nil {
				return nil, err
			}
		}
		comet.StateSync.Enable = true
		options = append(options, cmt.StateProvider(n.trusted))
	}
	logger := cometLogger{c.Logger, &n.stopping}
	signer, file, stop, err := openSigner(ctx, c.Dir, settings, doc.ChainID, logger, n.closed)
	if err != nil {
		return nil, err
	}
	n.signer = stop
	n.comet, err = cmt.NewNodeWithContext(ctx, comet, signer, key, proxy.NewLocalClientCreator(n.app),
		cmt.DefaultGenesisDocProviderFunc(comet), n.openDB, cmt.DefaultMetricsProvider(comet.Instrumentation),
		logger, options...)
	if err != nil {
		return nil, err
	}
	if err := n.prepare(signer, file); err != nil {
		return nil, err
	}
	rules := settings.policy
	if c.policy != nil {
		rules = c.policy
	}
	n.keeper = n.newKeeper(comet.Consensus.WalFile(), rules)
	if c.asleep == 0 && n.only {
		n.cfg.asleep = stale
	} else if c.asleep == 0 {
		n.cfg.asleep = staleBeats * settings.heartbeat
	}
	if err := n.comet.Start(); err != nil {
		return nil, err
	}
	n.keepPeers(settings.Peers)
	n.kept.Go(n.keep)
	go n.watch()
	return n, n.awake()
}

// allow keeps what is for development out of production, and the other way round.
func allow(network, node bool, listen string) error {
	switch host, _, _ := net.SplitHostPort(strings.TrimPrefix(listen, "tcp://")); {
	case network && !node:
		return fmt.Errorf("%s is of a network for development; production refuses it", genesisFile)
	case node && listen != "" && host != "localhost" && !net.ParseIP(host).IsLoopback():
		return fmt.Errorf("setting listen: a node for development listens on loopback addresses only, not %s", listen)
	}
	return nil
}

// keepPeers stays connected with the configured peers until the node closes.
func (n *Node) keepPeers(peers []string) {
	n.kept.Go(func() {
		tick := time.NewTicker(peerPause)
		defer tick.Stop()
		for {
			select {
			case <-n.closed:
				return
			case <-tick.C:
			}
			for _, peer := range peers {
				// A name is looked up anew each time: the peer may have moved. CometBFT logs why it does not connect; to be
				// connected already is an error too.
				go func() {
					if addr, err := p2p.NewNetAddressString(peer); err == nil && n.comet.Switch().IsRunning() {
						_ = n.comet.Switch().DialPeerWithAddress(addr)
					}
				}()
			}
		}
	})
}

// prepare looks at what is stored before the node takes part.
func (n *Node) prepare(signer types.PrivValidator, file *privval.FilePV) error {
	env, err := n.comet.ConfigureRPC()
	if err != nil {
		return err
	}
	n.pool, n.blocks = n.comet.Mempool(), n.comet.BlockStore()
	n.states = env.StateStore
	var ok bool
	if n.consensus, ok = env.ConsensusState.(interface{ Wait() }); !ok {
		return fmt.Errorf("consensus of type %T", env.ConsensusState)
	}
	if file != nil { // a remote signer keeps its own state
		if err := checkSigner(n.blocks, file); err != nil {
			return err
		}
	}
	height := n.app.state.snapshot().height
	if n.trusted != nil {
		return nil // nothing is stored yet
	}
	if at, err := n.states.Load(); height > 0 && err == nil && at.LastBlockHeight == height {
		n.app.state.setTime(at.LastBlockTime)
		n.app.resetCheck()
	}
	validators, err := n.states.LoadValidators(max(1, height))
	if err != nil {
		return err
	}
	key, err := signer.GetPubKey()
	if err != nil {
		return err
	}
	n.votes = validators.HasAddress(key.Address())
	n.only = n.votes && validators.Size() == 1
	if n.only && file != nil {
		return checkLog(n.cfg.Dir, n.blocks.Height(), file)
	}
	return nil
}

// checkSigner refuses a signer that knows less than it signed, as after its file was restored from a backup: it could
// sign a second, different block at the same height.
func checkSigner(blocks *store.BlockStore, signer *privval.FilePV) error {
	known := signer.LastSignState.Height
	for h := blocks.Height(); h > known && h >= blocks.Base() && h > blocks.Height()-10_000; h-- {
		commit := blocks.LoadBlockCommit(h)
		if commit == nil {
			commit = blocks.LoadSeenCommit(h)
		}
		if commit == nil {
			continue
		}
		for _, sig := range commit.Signatures {
			if sig.BlockIDFlag != types.BlockIDFlagAbsent && string(sig.ValidatorAddress) == string(signer.Key.Address) {
				return fmt.Errorf("%s says that the validator signed up to height %d, but it signed height %d; "+
					"the file is older than the blocks: restore the newest one, or give the validator a new key", signerState, known, h)
			}
		}
	}
	return nil
}

// awake makes fresh blocks if the network slept: what a node proves would be as old as the sleep.
func (n *Node) awake() error {
	n.fresh = 2 // the header of block 2 signs the state after block 1
	if s := n.app.state.snapshot(); n.votes && s.height >= 2 && time.Since(s.time) > n.cfg.asleep {
		const blocks = 2 // the first still carries the time of the commit before the sleep
		n.app.poked.want(blocks)
		n.fresh = s.height + blocks
		if err := n.pool.CheckTx(append(pokeMark, rand.Text()...), nil, mempool.TxInfo{}); err != nil {
			return fmt.Errorf("make a fresh block: %w", err)
		}
	}
	return nil
}

// Ready waits until the node can prove its state from a fresh header, or until ctx ends.
func (n *Node) Ready(ctx context.Context) error {
	return n.until(ctx, func() bool { return n.app.state.snapshot().height >= n.fresh })
}

// until waits for a block that makes ok true.
func (n *Node) until(ctx context.Context, ok func() bool) error {
	for {
		_, stir := n.app.feed.changes(0)
		if ok() {
			return nil
		}
		select {
		case <-stir:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.closed:
			return errors.New("node closed")
		}
	}
}

// Close stops the node cleanly.
func (n *Node) Close() error {
	select {
	case <-n.closed:
		return nil
	default:
		close(n.closed)
	}
	n.stopping.Store(true)
	n.kept.Wait()
	var errs []error
	if n.comet != nil && n.comet.IsRunning() {
		errs = append(errs, n.comet.Stop())
		n.comet.Wait()
	} else {
		// CometBFT closes its stores only if it has run.
		if n.comet != nil {
			errs = append(errs, n.comet.EventBus().Stop())
		}
		for _, db := range n.stores {
			errs = append(errs, db.Close())
		}
	}
	if n.signer != nil {
		errs = append(errs, n.signer.Close())
	}
	if n.app != nil {
		errs = append(errs, n.app.state.close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}

// Network returns the network file for the newest block with these node URLs.
func (n *Node) Network(nodes []string) (*ledger.Network, error) {
	height := n.app.state.snapshot().height
	lb, err := n.light(height)
	if err != nil {
		return nil, err
	}
	file := &ledger.Network{
		Name: n.app.chain.Network, ChainID: n.app.chain.ChainID,
		Height: lb.Height, Hash: hex.EncodeToString(lb.Hash()), Time: lb.Time.UTC(), Nodes: nodes, Development: n.development,
	}
	for _, v := range lb.ValidatorSet.Validators {
		key, ok := v.PubKey.(ed25519.PubKey)
		if !ok {
			return nil, fmt.Errorf("validator key of type %q", v.PubKey.Type())
		}
		file.Validators = append(file.Validators, ledger.NetworkValidator{PubKey: key.Bytes(), Power: v.VotingPower})
	}
	return file, nil
}
