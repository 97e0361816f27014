package registry

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/abci/example/kvstore"
	abci "github.com/cometbft/cometbft/abci/types"
	cfg "github.com/cometbft/cometbft/config"
	comet25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	cmt "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// The load: status changes of issuers, each in a list of its own of the size that package issuer makes, with the
// indices of a change spread over the whole list, as filling is.
const (
	loadDIDs    = 10_000
	loadIssuers = 100
	loadSize    = 1 << 16
	loadBits    = 2
)

// BenchmarkLoad compares how many transactions a second the registry commits with the floor: the example application
// of CometBFT with one Ed25519 verification added when a transaction comes in. Engine, settings, size of a transaction
// and way in (the mempool of a node, in process) are the same; they run in turns, and every round has fresh
// transactions. The state of 10,000 DIDs is written with the first block.
//
// With one validator it is bound by the processor. Of what a transaction costs, the signature is 37 %, reading it 7 %,
// applying it 15 % (when it comes in, while it waits, in its block), the tree and its store 13 %; the rest is the engine
// and the collector of garbage, as at the floor. All nodes of a round share the machine, so a busy one spreads the shares
// of single rounds widely; processor-share compares what the two cost.
func BenchmarkLoad(b *testing.B) {
	for _, validators := range []int{1, 4} {
		b.Run(fmt.Sprintf("%d-validators", validators), func(b *testing.B) {
			l := newLoad(b)
			ours := startEngines(b, validators, l.app, l.document)
			floor := startEngines(b, validators, floorApp, floorDocument)
			txs := 3000
			if validators > 1 {
				txs = 2000
			}
			var shares, frugal, rates, floors []float64
			for i := range b.N {
				work := l.work(b, txs)
				bare := floorWork(i, work)
				var rate, floorRate float64
				var cost, floorCost time.Duration
				if i%2 == 0 {
					rate, cost = ours.run(b, work)
				}
				floorRate, floorCost = floor.run(b, bare)
				if i%2 == 1 {
					rate, cost = ours.run(b, work)
				}
				shares, rates, floors = append(shares, rate/floorRate), append(rates, rate), append(floors, floorRate)
				frugal = append(frugal, float64(floorCost)/float64(cost))
			}
			b.ReportMetric(median(shares), "share")
			b.ReportMetric(median(frugal), "processor-share") // what the share would be if nothing ever waited
			b.ReportMetric(median(rates), "tx/s")
			b.ReportMetric(median(floors), "floor-tx/s")
		})
	}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// load is a network of one member with many issuers.
type load struct {
	w       *world
	issuers []*party
	round   int
}

func newLoad(b testing.TB) *load {
	l := &load{w: newWorld(b, 1)}
	l.w.now = time.Now()
	for i := range loadIssuers {
		l.issuers = append(l.issuers, newParty(b, fmt.Sprintf("issuer-%d", i)))
	}
	return l
}

func loadURI(i int) string { return fmt.Sprintf("https://issuer-%d.example/status/1", i) }

// preload writes what the load needs: the DIDs, the issuers among them accredited and with a list.
func (l *load) preload(t testing.TB, o *overlay, bl *block) {
	x := o.index()
	for i := range loadDIDs {
		p := &party{}
		if i < len(l.issuers) {
			p = l.issuers[i]
		} else {
			p = newParty(t, fmt.Sprintf("organisation-%d", i))
		}
		o.store(ledger.KeyDID(p.did), p.record)
		o.store(ledger.KeySequence(p.did), ledger.SequenceRecord{N: 1, Tx: mustHash([]byte(p.did))})
		x.DIDs = append(x.DIDs, p.did)
		if i >= len(l.issuers) {
			continue
		}
		o.store(ledger.KeyAccreditations(p.did), []*ledger.Accreditation{l.w.accreditation(p.did, "cards", trust.Issue).Accredit})
	}
	slices.Sort(x.DIDs)
	x.DIDs = slices.Compact(x.DIDs)
	o.store(ledger.KeyIndex(), x)
	for i, p := range l.issuers {
		list := l.w.list(loadURI(i), loadBits)
		list.CreateList.Size = loadSize
		if r := createList(o, &transaction{SignedTx: &ledger.SignedTx{Tx: *p.fill(list)}}, bl); r != nil {
			t.Fatal(r.text)
		}
	}
	if o.failed != nil {
		t.Fatal(o.failed)
	}
}

// work returns status changes, the issuers in turns. No two rounds set the same entries.
func (l *load) work(t testing.TB, n int) [][][]byte {
	work := make([][][]byte, len(l.issuers))
	for i := range n {
		at := i % len(l.issuers)
		p := l.issuers[at]
		p.seq = max(p.seq, 1)
		change := &ledger.StatusChange{URI: loadURI(at), Values: make([]byte, ledger.StatusBatch)}
		const stride = loadSize / ledger.StatusBatch
		for k := range uint64(ledger.StatusBatch) {
			change.Indices = append(change.Indices, k*stride+(p.seq*41+k*13)%stride)
		}
		change.Values[int(p.seq)%ledger.StatusBatch] = 1
		work[at] = append(work[at], p.sign(t, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change}))
	}
	return work
}

// app is a node's registry with its limits for one sender lifted.
func (l *load) app(b testing.TB, dir string) abci.Application {
	db, err := dbm.NewDB("registry", "goleveldb", filepath.Join(dir, dataDir))
	if err != nil {
		b.Fatal(err)
	}
	state, err := openState(db)
	if err != nil {
		b.Fatal(err)
	}
	app, err := newApp(state, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	app.limits.rate, app.limits.burst = 1e9, 1e9
	b.Cleanup(func() { _ = state.close() })
	return preloaded{app, l, b}
}

func (l *load) document(b testing.TB, keys []ed25519.PublicKey) *types.GenesisDoc {
	g := l.w.genesis
	g.Members, g.Time = nil, time.Now()
	for i, key := range keys {
		p := newParty(b, fmt.Sprintf("validator-%d", i))
		g.Members = append(g.Members, Founder{Name: fmt.Sprintf("Gemeente %d", i+1), Record: p.record, Validator: key})
	}
	doc, err := g.document()
	if err != nil {
		b.Fatal(err)
	}
	return doc
}

// preloaded is an application whose first state holds more than its genesis says.
type preloaded struct {
	*App
	load *load
	b    testing.TB
}

func (p preloaded) InitChain(ctx context.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	if _, err := p.App.InitChain(ctx, req); err != nil {
		return nil, err
	}
	o := p.base()
	bl := p.block(0, req.Time)
	p.load.preload(p.b, o, bl)
	for k, v := range o.writes {
		p.initial[k] = v
	}
	root, err := p.state.stage(p.initial)
	p.resetCheck()
	return &abci.ResponseInitChain{AppHash: root}, err
}

// floor is the example application. Its own transactions are key=value; these carry a key and a signature at the end.
type floor struct{ *kvstore.Application }

const floorTail = 2 * (ed25519.PublicKeySize + ed25519.SignatureSize)

func floorApp(b testing.TB, dir string) abci.Application {
	db, err := cometdb.NewGoLevelDB("kvstore", filepath.Join(dir, dataDir))
	if err != nil {
		b.Fatal(err)
	}
	app := kvstore.NewApplication(db)
	b.Cleanup(func() { _ = app.Close() })
	return floor{app}
}

func (f floor) CheckTx(ctx context.Context, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	if req.Type == abci.CheckTxType_New {
		message := req.Tx[:len(req.Tx)-floorTail]
		var tail [floorTail / 2]byte
		if _, err := hex.Decode(tail[:], req.Tx[len(message):]); err != nil {
			return nil, err
		}
		if !ed25519.Verify(tail[:ed25519.PublicKeySize], message, tail[ed25519.PublicKeySize:]) {
			return &abci.ResponseCheckTx{Code: 1}, nil
		}
	}
	return f.Application.CheckTx(ctx, req)
}

func floorDocument(b testing.TB, keys []ed25519.PublicKey) *types.GenesisDoc {
	doc := &types.GenesisDoc{GenesisTime: time.Now().UTC(), ChainID: testChain, ConsensusParams: engineParams(defaultParameters())}
	doc.ConsensusParams.Version.App = kvstore.AppVersion
	for _, key := range keys {
		pub := comet25519.PubKey(key)
		doc.Validators = append(doc.Validators, types.GenesisValidator{Address: pub.Address(), PubKey: pub, Power: validatorPower})
	}
	if err := doc.ValidateAndComplete(); err != nil {
		b.Fatal(err)
	}
	return doc
}

// floorWork returns as many transactions, of the same sizes.
func floorWork(round int, like [][][]byte) [][][]byte {
	work := make([][][]byte, len(like))
	key := testKey("floor")
	for i, txs := range like {
		for k, tx := range txs {
			message := fmt.Appendf(nil, "%d-%d-%d=", round, i, k)
			message = append(message, bytes.Repeat([]byte("v"), len(tx)-floorTail-len(message))...)
			sig := ed25519.Sign(key, message)
			message = hex.AppendEncode(message, key.Public().(ed25519.PublicKey))
			work[i] = append(work[i], hex.AppendEncode(message, sig))
		}
	}
	return work
}

// engines are the nodes of one network in this process.
type engines struct {
	nodes  []*cmt.Node
	counts []*counted
}

// counted tells how many transactions of an application are in saved blocks.
type counted struct {
	abci.Application
	staged int64
	done   atomic.Int64
	mu     sync.Mutex
	stir   chan struct{}
}

func (c *counted) FinalizeBlock(ctx context.Context, req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	res, err := c.Application.FinalizeBlock(ctx, req)
	c.staged = 0
	if err == nil {
		for _, r := range res.TxResults {
			if r.IsOK() {
				c.staged++
			}
		}
	}
	return res, err
}

func (c *counted) Commit(ctx context.Context, req *abci.RequestCommit) (*abci.ResponseCommit, error) {
	res, err := c.Application.Commit(ctx, req)
	c.done.Add(c.staged)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.stir)
	c.stir = make(chan struct{})
	return res, err
}

func (c *counted) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stir
}

func (c *counted) until(ok func() bool) {
	for {
		next := c.next()
		if ok() {
			return
		}
		<-next
	}
}

// startEngines starts nodes with the settings of [cometConfig], all connected, and waits for their first blocks.
func startEngines(b testing.TB, n int, app func(testing.TB, string) abci.Application,
	document func(testing.TB, []ed25519.PublicKey) *types.GenesisDoc,
) *engines {
	b.Helper()
	var signers []*privval.FilePV
	var keys []ed25519.PublicKey
	var nodeKeys []*p2p.NodeKey
	var listen, peers []string
	dir := b.TempDir()
	for i := range n {
		key := comet25519.GenPrivKey()
		signers = append(signers, privval.NewFilePV(key, filepath.Join(dir, fmt.Sprintf("key-%d.json", i)), filepath.Join(dir, fmt.Sprintf("state-%d.json", i))))
		keys = append(keys, ed25519.PublicKey(key.PubKey().Bytes()))
		nodeKeys = append(nodeKeys, &p2p.NodeKey{PrivKey: comet25519.GenPrivKey()})
		port, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		listen = append(listen, port.Addr().String())
		peers = append(peers, fmt.Sprintf("%s@%s", nodeKeys[i].ID(), port.Addr()))
		port.Close()
	}
	doc := document(b, keys)
	e := &engines{}
	for i := range n {
		home := filepath.Join(dir, fmt.Sprint(i))
		s := &Settings{Name: fmt.Sprint(i), Listen: "tcp://" + listen[i], Peers: slices.Delete(slices.Clone(peers), i, i+1), heartbeat: 20 * time.Second}
		config := cometConfig(home, s)
		c := &counted{Application: app(b, home), stir: make(chan struct{})}
		node, err := cmt.NewNode(config, signers[i], nodeKeys[i], proxy.NewLocalClientCreator(c),
			func() (*types.GenesisDoc, error) { return doc, nil }, keptDB, cmt.DefaultMetricsProvider(config.Instrumentation), log.NewNopLogger())
		if err != nil {
			b.Fatal(err)
		}
		e.nodes, e.counts = append(e.nodes, node), append(e.counts, c)
	}
	for _, node := range e.nodes {
		if err := node.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = node.Stop()
			node.Wait()
		})
	}
	for i, node := range e.nodes {
		e.counts[i].until(func() bool { return node.BlockStore().Height() >= 1 })
	}
	return e
}

// kept is a store that stays open: goroutines of CometBFT go on reading for a moment after a node has stopped, and end
// the process if they cannot.
type kept struct{ cometdb.DB }

func (kept) Close() error { return nil }

func keptDB(ctx *cfg.DBContext) (cometdb.DB, error) {
	db, err := cfg.DefaultDBProvider(ctx)
	return kept{db}, err
}

// run brings in the work, each sender at one node and in order, and returns transactions a second until the last is in a
// saved block of every node, and the processor time that it took.
func (e *engines) run(b testing.TB, work [][][]byte) (rate float64, cost time.Duration) {
	b.Helper()
	var want int64
	const lanes = 4 // at each node
	var group sync.WaitGroup
	before := e.counts[0].done.Load()
	for _, txs := range work {
		want += int64(len(txs))
	}
	start, spent := time.Now(), processor(b)
	for lane := range lanes * len(e.nodes) {
		node, count := e.nodes[lane%len(e.nodes)], e.counts[lane%len(e.nodes)]
		var mine [][][]byte
		for i := lane; i < len(work); i += lanes * len(e.nodes) {
			mine = append(mine, work[i])
		}
		group.Go(func() {
			for k := 0; ; k++ {
				more := false
				for _, txs := range mine {
					if k >= len(txs) {
						continue
					}
					more = true
					if err := bring(node.Mempool(), count, txs[k]); err != nil {
						b.Error(err)
						return
					}
				}
				if !more {
					return
				}
			}
		})
	}
	group.Wait()
	for _, c := range e.counts {
		c.until(func() bool { return c.done.Load() >= before+want })
	}
	return float64(want) / time.Since(start).Seconds(), processor(b) - spent
}

// processor returns the processor time that this process has used.
func processor(b testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bring hands a transaction to a node and waits while it has no room.
func bring(pool mempool.Mempool, c *counted, tx []byte) error {
	for {
		next := c.next()
		var code uint32
		var text string
		err := pool.CheckTx(tx, func(res *abci.ResponseCheckTx) { code, text = res.Code, res.Log }, mempool.TxInfo{})
		switch {
		case errors.As(err, &mempool.ErrMempoolIsFull{}):
			<-next
		case errors.Is(err, mempool.ErrTxInCache):
			return nil // it came from a peer
		case err == nil && code != 0:
			return fmt.Errorf("refused with code %d: %s", code, text)
		default:
			return err
		}
	}
}
