package registry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// appVersion changes with the rules of consensus.
const appVersion = 1

// App is the registry as CometBFT runs it. CometBFT calls its methods one at a time; readers use the state's snapshots
// and the feed.
//
// The rules are in [apply]. They hold when a transaction comes in, and again when a block is proposed, judged and
// executed: a block that holds a transaction without effect would be one that its proposer should not have made, and
// is refused before anyone signs it.
type App struct {
	abci.BaseApplication

	log     *slog.Logger
	state   *State
	chain   chainRecord
	txs     *txCache
	hashes  *hashCache
	senders *senders
	recent  *recent
	limits  *limiter
	feed    *feed

	initial map[string][]byte // what genesis wrote, until the first block is saved
	check   *overlay          // what the waiting transactions would do
	last    *outcome          // the newest run, so that a block is not executed three times
	staged  *outcome          // the block to be saved
	poked   pokes

	refusals [ledger.Policy + 1]atomic.Int64 // of transactions that came in, by code

	archive *archive     // snapshots for others; nil: none
	intake  *intake      // the snapshot that is being taken over
	retain  atomic.Int64 // first height whose block is kept; 0: all
}

// outcome is what a list of transactions does to the newest state.
type outcome struct {
	name    [sha256.Size]byte // of the block: height, time, transactions
	height  int64
	time    time.Time
	writes  map[string][]byte
	results []*refusal // nil: it has its effect
	hashes  [][sha256.Size]byte

	validators []abci.ValidatorUpdate
	params     *cmtproto.ConsensusParams // nil: they stay
}

func newApp(state *State, log *slog.Logger, now func() time.Time) (*App, error) {
	a := &App{
		log: log, state: state, txs: &txCache{}, hashes: &hashCache{}, senders: &senders{}, limits: newLimiter(now), feed: newFeed(),
		recent: newRecent(state.snapshot()),
	}
	a.check = newOverlay(state.snapshot())
	if state.snapshot().height > 0 {
		return a, a.goOn(state.snapshot())
	}
	return a, nil
}

// goOn begins with a state that is there.
func (a *App) goOn(now *snapshot) error {
	if o := newOverlay(now); !o.load([]byte(keyChain), &a.chain) {
		return fmt.Errorf("the state does not say which network it belongs to: %v", o.failed)
	}
	a.state.newest.Store(now)
	a.resetCheck()
	a.feed.reset(now.height)
	return nil
}

func (a *App) block(height int64, t time.Time) *block {
	return &block{network: a.chain.Network, chainID: a.chain.ChainID, height: height, time: t, hashes: a.hashes, senders: a.senders}
}

// Info tells CometBFT which block was saved last; it replays the ones after it.
func (a *App) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	now := a.state.snapshot()
	return &abci.ResponseInfo{Data: "zegel", AppVersion: appVersion, LastBlockHeight: now.height, LastBlockAppHash: now.root}, nil
}

// InitChain makes the state of the genesis file. It is saved with the first block.
func (a *App) InitChain(_ context.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	g, err := parseGenesis(req.AppStateBytes)
	if err != nil {
		return nil, err
	}
	a.chain = chainRecord{Network: g.Network, ChainID: req.ChainId}
	o := newOverlay(a.state.snapshot())
	if err := g.write(o, a.block(0, req.Time)); err != nil {
		return nil, err
	}
	a.initial = o.writes
	root, err := a.state.stage(a.initial)
	if err != nil {
		return nil, err
	}
	a.resetCheck()
	// The validators are those of the members, whatever else the genesis file says.
	return &abci.ResponseInitChain{AppHash: root, Validators: validatorUpdates(nil, validators(o.members()))}, nil
}

// base is what the next block builds on.
func (a *App) base() *overlay {
	if a.state.snapshot().height == 0 {
		return newOverlay(&overlay{base: a.state.snapshot(), writes: a.initial})
	}
	if now := a.state.snapshot(); a.recent.now != view(now) {
		a.recent = newRecent(now)
	}
	return newOverlay(a.recent)
}

func (a *App) resetCheck() { a.check = a.base() }

// CheckTx judges a transaction that came in as if the waiting ones had their effect already.
func (a *App) CheckTx(_ context.Context, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	again := req.Type == abci.CheckTxType_Recheck
	if isPoke(req.Tx) {
		return &abci.ResponseCheckTx{Code: uint32(a.poked.check())}, nil
	}
	t, r := a.txs.decode(req.Tx)
	if r == nil {
		now := a.state.snapshot()
		b := a.block(now.height+1, now.time)
		cheap := a.limits.peek
		if again {
			cheap = nil
		}
		r = apply(a.check, t, b, cheap)
		if a.check.failed != nil {
			return nil, a.check.failed
		}
		if r == nil && !again {
			a.limits.take(t.Sender)
		}
	}
	if r == nil {
		return &abci.ResponseCheckTx{GasWanted: 1}, nil
	}
	if again {
		// It was let in and will not come into a block any more: whoever waits for it must hear.
		a.feed.refused(sha256.Sum256(req.Tx), r)
	}
	if !again && int(r.code) < len(a.refusals) {
		a.refusals[r.code].Add(1)
	}
	return &abci.ResponseCheckTx{Code: uint32(r.code), Log: r.text, Codespace: "zegel"}, nil
}

// PrepareProposal makes a block of the waiting transactions that have an effect, in their order.
func (a *App) PrepareProposal(_ context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	b := a.block(req.Height, req.Time)
	o := a.begin(b, req.Misbehavior)
	out := &outcome{height: req.Height, time: req.Time}
	txs := make([][]byte, 0, len(req.Txs))
	var size int64
	for _, raw := range req.Txs {
		if isPoke(raw) || size+int64(len(raw))+8 > req.MaxTxBytes {
			continue
		}
		t, r := a.txs.decode(raw)
		if r == nil {
			r = apply(o, t, b, nil)
		}
		if o.failed != nil {
			return nil, o.failed
		}
		if r != nil {
			continue
		}
		size += int64(len(raw)) + 8 // the block's own encoding takes at most this for each
		txs = append(txs, raw)
		out.results, out.hashes = append(out.results, nil), append(out.hashes, t.hash)
	}
	out.name = blockName(req.Height, req.Time, req.Misbehavior, txs)
	if err := a.end(out, o, b); err != nil {
		return nil, err
	}
	return &abci.ResponsePrepareProposal{Txs: txs}, nil
}

// ProcessProposal refuses a block in which any transaction has no effect.
func (a *App) ProcessProposal(_ context.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	out, err := a.run(req.Height, req.Time, req.Misbehavior, req.Txs)
	if err != nil {
		return nil, err
	}
	for i, r := range out.results {
		if r != nil {
			a.log.Warn("proposal refused", "height", req.Height, "tx", fmt.Sprintf("%x", out.hashes[i]), "code", r.code, "reason", r.text)
			return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
		}
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}

// FinalizeBlock executes a decided block and returns the root that the next header will carry.
func (a *App) FinalizeBlock(_ context.Context, req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	if next := a.state.snapshot().height + 1; req.Height != next {
		return nil, fmt.Errorf("block %d, the state waits for %d", req.Height, next)
	}
	out, err := a.run(req.Height, req.Time, req.Misbehavior, req.Txs)
	if err != nil {
		return nil, err
	}
	writes := out.writes
	if len(a.initial) > 0 {
		writes = maps.Clone(a.initial)
		maps.Copy(writes, out.writes)
	}
	root, err := a.state.stage(writes)
	if err != nil {
		return nil, err
	}
	a.staged = out
	res := &abci.ResponseFinalizeBlock{AppHash: root, ValidatorUpdates: out.validators, ConsensusParamUpdates: out.params}
	for _, r := range out.results {
		x := &abci.ExecTxResult{}
		if r != nil {
			x.Code, x.Log, x.Codespace = uint32(r.code), r.text, "zegel"
		}
		res.TxResults = append(res.TxResults, x)
	}
	return res, nil
}

// Commit saves the block.
func (a *App) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	out := a.staged
	if out == nil {
		return nil, fmt.Errorf("nothing to save")
	}
	now, err := a.state.save(out.time)
	if err != nil {
		return nil, err
	}
	a.recent.advance(now, out.writes)
	a.initial, a.last, a.staged = nil, nil, nil
	a.resetCheck()
	a.poked.committed()
	a.feed.committed(now, out)
	return &abci.ResponseCommit{RetainHeight: a.retain.Load()}, nil
}

// begin starts a block on the newest state.
func (a *App) begin(b *block, evidence []abci.Misbehavior) *overlay {
	o := a.base()
	stir(o, b)
	punish(o, b, evidence)
	return o
}

// end completes the outcome of a block and remembers it.
func (a *App) end(out *outcome, o *overlay, b *block) error {
	before := a.base()
	o.settle()
	out.validators, out.params = turn(before, o, b), paramUpdates(before, o)
	if o.failed != nil {
		return o.failed
	}
	out.writes = o.writes
	a.last = out
	return nil
}

// run executes a block's transactions in order.
func (a *App) run(height int64, t time.Time, evidence []abci.Misbehavior, txs [][]byte) (*outcome, error) {
	name := blockName(height, t, evidence, txs)
	if a.last != nil && a.last.name == name {
		return a.last, nil
	}
	b := a.block(height, t)
	o := a.begin(b, evidence)
	out := &outcome{name: name, height: height, time: t}
	for _, raw := range txs {
		tx, r := a.txs.decode(raw)
		if r == nil {
			r = apply(o, tx, b, nil)
		}
		if o.failed != nil {
			return nil, o.failed
		}
		out.results, out.hashes = append(out.results, r), append(out.hashes, sha256.Sum256(raw))
	}
	return out, a.end(out, o, b)
}

func blockName(height int64, t time.Time, evidence []abci.Misbehavior, txs [][]byte) [sha256.Size]byte {
	h := sha256.New()
	var head []byte
	head = binary.BigEndian.AppendUint64(head, uint64(height))
	head = binary.BigEndian.AppendUint64(head, uint64(t.Unix()))
	head = binary.BigEndian.AppendUint64(head, uint64(t.Nanosecond()))
	head = binary.BigEndian.AppendUint64(head, uint64(len(evidence)))
	h.Write(head)
	for i := range evidence {
		e := &evidence[i]
		fmt.Fprintf(h, "%d %x %d\n", e.Type, e.Validator.Address, e.Height)
	}
	for _, raw := range txs {
		sum := sha256.Sum256(raw)
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// warm decodes a transaction and checks its signature outside the lock that CometBFT holds around the application. It
// decides nothing: CheckTx finds the work done.
func (a *App) warm(raw []byte) {
	t, r := a.txs.decode(raw)
	if r != nil {
		return
	}
	now := a.state.snapshot()
	if now.height == 0 {
		return
	}
	b := a.block(now.height+1, now.time)
	o := newOverlay(now)
	if t.ChainID != b.chainID || t.ValidUntil < b.height || a.limits.peek(t.Sender) != nil || o.sequence(t.Sender).N >= t.Sequence {
		return
	}
	if key, r := txKey(o, t, b); r == nil {
		_ = t.verify(key) // CheckTx answers
	}
}

// used says whether the sender's sequence has passed this transaction in the newest block.
func (a *App) used(raw []byte) (uint64, bool) {
	t, r := a.txs.decode(raw)
	if r != nil {
		return 0, false
	}
	n := newOverlay(a.state.snapshot()).sequence(t.Sender).N
	return n, n >= t.Sequence
}

// changedKeys returns the keys of writes that mirrors follow.
func changedKeys(writes map[string][]byte) []string {
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(writes)) {
		if followed(k) {
			keys = append(keys, fmt.Sprintf("%x", k))
		}
	}
	return keys
}
