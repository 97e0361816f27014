package registry

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/mempool"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// offline is a node whose blocks the test makes: the real application, the engine's real execution of blocks and its
// real stores in a node's directory, and the signatures of all validators. A year passes in a second.
type offline struct {
	t    testing.TB
	dir  string
	net  *testNet
	node *Node
	conn proxy.AppConns

	exec   *sm.BlockExecutor
	engine sm.State
	keys   map[string]cmted25519.PrivKey // by address
	commit *types.Commit
	now    time.Time
	pause  time.Duration // between blocks
}

// startOffline founds a network of n members and opens the first node's stores.
func startOffline(t testing.TB, n int, change func(*ledger.Parameters)) *offline {
	t.Helper()
	tn := foundNetwork(t, n)
	g := tn.world.genesis
	g.Parameters = defaultParameters()
	if change != nil {
		change(&g.Parameters)
	}
	g.Time = time.Now().Add(-300 * 24 * time.Hour).UTC().Truncate(time.Second)
	file, err := g.File()
	if err != nil {
		t.Fatal(err)
	}
	s := &offline{t: t, net: tn, keys: map[string]cmted25519.PrivKey{}, commit: &types.Commit{}, now: g.Time, pause: 20 * time.Second}
	tn.world.genesis, tn.genesis, tn.world.now = g, file, g.Time
	for i, node := range tn.nodes {
		if err := writeWhole(filepath.Join(node.dir, genesisFile), file); err != nil {
			t.Fatal(err)
		}
		signer, err := loadSigner(node.dir)
		if err != nil {
			t.Fatal(err)
		}
		s.addKey(signer.Key.PrivKey.(cmted25519.PrivKey))
		tn.nodes[i] = node
	}
	s.dir = tn.nodes[0].dir
	s.open()
	t.Cleanup(s.close)
	return s
}

func (s *offline) addKey(key cmted25519.PrivKey) { s.keys[string(key.PubKey().Address())] = key }

// open opens the stores and lets the application catch up with them.
func (s *offline) open() {
	t := s.t
	t.Helper()
	db, err := dbm.NewDB("registry", "goleveldb", filepath.Join(s.dir, dataDir))
	if err != nil {
		t.Fatal(err)
	}
	state, err := openState(db)
	if err != nil {
		t.Fatal(err)
	}
	app, err := newApp(state, slog.New(slog.DiscardHandler), func() time.Time { return s.now })
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{cfg: Config{Dir: s.dir, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil))}, app: app, closed: make(chan struct{}), proofTime: newProofTime()}
	config := cometConfig(s.dir, &Settings{})
	openDB := func(name string) cometdb.DB {
		db, err := n.openDB(&cfg.DBContext{ID: name, Config: config})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	n.blocks = store.NewBlockStore(openDB("blockstore"))
	n.states = sm.NewStore(openDB("state"), sm.StoreOptions{DiscardABCIResponses: true})
	if n.milestones, err = openMilestones(filepath.Join(s.dir, milestonesDir)); err != nil {
		t.Fatal(err)
	}
	if app.archive, err = openArchive(filepath.Join(s.dir, snapshotsDir)); err != nil {
		t.Fatal(err)
	}
	_, doc, err := readGenesis(s.net.genesis)
	if err != nil {
		t.Fatal(err)
	}
	s.conn = proxy.NewAppConns(proxy.NewLocalClientCreator(app), proxy.NopMetrics())
	if err := s.conn.Start(); err != nil {
		t.Fatal(err)
	}
	if s.engine, err = n.states.LoadFromDBOrGenesisDoc(doc); err != nil {
		t.Fatal(err)
	}
	if err := consensus.NewHandshaker(n.states, s.engine, n.blocks, doc).Handshake(s.conn); err != nil {
		t.Fatal(err)
	}
	if s.engine, err = n.states.Load(); err != nil {
		t.Fatal(err)
	}
	app.state.setTime(s.engine.LastBlockTime)
	app.resetCheck()
	s.exec = sm.NewBlockExecutor(n.states, cometLogger{n.cfg.Logger, &n.stopping}, s.conn.Consensus(), &mempool.NopMempool{}, sm.EmptyEvidencePool{}, n.blocks)
	settings := (Settings{}).withDefaults()
	if err := settings.check(); err != nil {
		t.Fatal(err)
	}
	n.keeper = n.newKeeper(config.Consensus.WalFile(), settings.policy)
	s.node = n
}

func (s *offline) close() {
	if s.node == nil {
		return
	}
	if err := s.conn.Stop(); err != nil {
		s.t.Error(err)
	}
	for _, db := range s.node.stores {
		if err := db.Close(); err != nil {
			s.t.Error(err)
		}
	}
	if err := s.node.app.state.close(); err != nil {
		s.t.Error(err)
	}
	s.node = nil
}

// block makes the next block, and does what the node does after it.
func (s *offline) block(txs ...[]byte) {
	s.t.Helper()
	height := s.engine.LastBlockHeight + 1
	var all []types.Tx
	for _, tx := range txs {
		all = append(all, tx)
	}
	block, err := s.engine.MakeBlock(height, all, s.commit, nil, s.engine.Validators.GetProposer().Address)
	if err != nil {
		s.t.Fatal(err)
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		s.t.Fatal(err)
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	s.now = s.now.Add(s.pause)
	s.commit = &types.Commit{Height: height, BlockID: id}
	for i, v := range s.engine.Validators.Validators {
		vote := &types.Vote{Type: cmtproto.PrecommitType, Height: height, BlockID: id, Timestamp: s.now, ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
		sig, err := s.keys[string(v.Address)].Sign(types.VoteSignBytes(s.engine.ChainID, vote.ToProto()))
		if err != nil {
			s.t.Fatal(err)
		}
		s.commit.Signatures = append(s.commit.Signatures, types.CommitSig{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: s.now, Signature: sig})
	}
	s.node.blocks.SaveBlock(block, parts, s.commit)
	if s.engine, err = s.exec.ApplyBlock(s.engine, id, block); err != nil {
		s.t.Fatal(err)
	}
	if err := s.node.keeper.step(s.t.Context()); err != nil {
		s.t.Fatalf("block %d: %v", height, err)
	}
}

func (s *offline) blocksTo(height int64) {
	s.t.Helper()
	for s.engine.LastBlockHeight < height {
		s.block()
	}
}

// reseat gives a member another validator key, in the next block.
func (s *offline) reseat(member int, key string) {
	s.t.Helper()
	app, height := s.node.app, s.engine.LastBlockHeight+1
	fresh := cmted25519.GenPrivKeyFromSecret([]byte(key))
	s.addKey(fresh)
	at, err := sm.MedianTime(s.commit, s.engine.LastValidators)
	if err != nil {
		s.t.Fatal(err)
	}
	b := app.block(height, at)
	o := app.begin(b, nil)
	members := o.members()
	members[member].Validator = fresh.PubKey().(cmted25519.PubKey)
	o.storeMembers(members)
	out := &outcome{name: blockName(height, at, nil, nil), height: height, time: at}
	// The application has executed a block of this name already, and does not do so again.
	if err := app.end(out, o, b); err != nil {
		s.t.Fatal(err)
	}
	s.block()
}

// file returns a network file whose root is a block of this height.
func (s *offline) file(height int64) *ledger.Network {
	s.t.Helper()
	lb, err := s.node.light(height)
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := ledger.NetworkAt(testNetwork, lb, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// bundle returns a fresh proof for the holder of a network file.
func (s *offline) bundle(from int64, keys ...ledger.Key) *ledger.Bundle {
	s.t.Helper()
	var raw [][]byte
	for _, k := range keys {
		raw = append(raw, k)
	}
	content, err := s.node.prove(s.t.Context(), raw, from)
	if err != nil {
		s.t.Fatal(err)
	}
	encoded, err := ledger.Encode(content)
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := ledger.ParseBundle(encoded)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}
