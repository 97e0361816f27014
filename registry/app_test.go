package registry

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// chain drives the real application through the calls that CometBFT makes, with a clock that stands still.
type chain struct {
	t      testing.TB
	app    *App
	db     dbm.DB
	height int64
	now    time.Time
	root   []byte

	engine   *engine
	evidence []abci.Misbehavior // in the block that comes
}

func newChain(t testing.TB, w *world) *chain {
	t.Helper()
	c := &chain{t: t, db: dbm.NewMemDB(), now: w.now}
	c.reopen()
	state, err := w.genesis.encode()
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.app.InitChain(t.Context(), &abci.RequestInitChain{ChainId: w.genesis.ChainID, Time: c.now, AppStateBytes: state})
	if err != nil {
		t.Fatal(err)
	}
	c.root, c.engine = res.AppHash, newEngine(t, res)
	c.block()
	return c
}

// reopen is a restart.
func (c *chain) reopen() {
	c.t.Helper()
	state, err := openState(c.db)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.app, err = newApp(state, slog.New(slog.DiscardHandler), func() time.Time { return c.now }); err != nil {
		c.t.Fatal(err)
	}
	if c.height > 0 {
		c.app.state.setTime(c.now)
		c.app.resetCheck()
	}
}

// offer is CheckTx of a transaction that just came in.
func (c *chain) offer(raw []byte) ledger.Code {
	c.t.Helper()
	res, err := c.app.CheckTx(c.t.Context(), &abci.RequestCheckTx{Tx: raw})
	if err != nil {
		c.t.Fatal(err)
	}
	return ledger.Code(res.Code)
}

func (c *chain) step() time.Time { return c.now.Add(time.Second) }

// propose returns what an honest proposer makes of these transactions.
func (c *chain) propose(txs ...[]byte) [][]byte {
	c.t.Helper()
	res, err := c.app.PrepareProposal(c.t.Context(), &abci.RequestPrepareProposal{Txs: txs, MaxTxBytes: 1 << 20, Height: c.height + 1, Time: c.step(), Misbehavior: c.evidence})
	if err != nil {
		c.t.Fatal(err)
	}
	return res.Txs
}

// judge says whether a validator accepts a block of exactly these transactions.
func (c *chain) judge(txs ...[]byte) bool {
	c.t.Helper()
	res, err := c.app.ProcessProposal(c.t.Context(), &abci.RequestProcessProposal{Txs: txs, Height: c.height + 1, Time: c.step(), Misbehavior: c.evidence})
	if err != nil {
		c.t.Fatal(err)
	}
	return res.IsAccepted()
}

// decide executes and saves a block and returns the codes.
func (c *chain) decide(txs ...[]byte) []ledger.Code {
	c.t.Helper()
	c.now = c.step()
	c.height++
	res, err := c.app.FinalizeBlock(c.t.Context(), &abci.RequestFinalizeBlock{Txs: txs, Height: c.height, Time: c.now, Misbehavior: c.evidence})
	if err != nil {
		c.t.Fatal(err)
	}
	c.engine.finalized(c.height, c.evidence, res.ValidatorUpdates, res.ConsensusParamUpdates)
	c.evidence = nil
	if _, err := c.app.Commit(c.t.Context(), &abci.RequestCommit{}); err != nil {
		c.t.Fatal(err)
	}
	c.root = res.AppHash
	if !bytes.Equal(c.root, c.app.state.snapshot().root) {
		c.t.Fatalf("height %d: root %x announced, %x saved", c.height, c.root, c.app.state.snapshot().root)
	}
	var codes []ledger.Code
	for _, r := range res.TxResults {
		codes = append(codes, ledger.Code(r.Code))
	}
	return codes
}

// block runs transactions through proposal, judgement and execution and returns how many had an effect.
func (c *chain) block(txs ...[]byte) int {
	c.t.Helper()
	kept := c.propose(txs...)
	if !c.judge(kept...) {
		c.t.Fatalf("height %d: own proposal refused", c.height+1)
	}
	for i, code := range c.decide(kept...) {
		if code != ledger.OK {
			c.t.Fatalf("height %d: transaction %d of an accepted block has code %d", c.height, i, code)
		}
	}
	return len(kept)
}

// must commits transactions that all have their effect.
func (c *chain) must(txs ...[]byte) {
	c.t.Helper()
	for i, raw := range txs {
		if code := c.offer(raw); code != ledger.OK {
			c.t.Fatalf("transaction %d: code %d", i, code)
		}
	}
	if n := c.block(txs...); n != len(txs) {
		c.t.Fatalf("%d of %d transactions in the block", n, len(txs))
	}
}

// refuses checks that a transaction has this code everywhere: when it comes in, in an own proposal, in the proposal of
// another and in a decided block; and that nothing of it stays.
func (c *chain) refuses(want ledger.Code, raw []byte) {
	c.t.Helper()
	if got := c.offer(raw); got != want {
		c.t.Errorf("CheckTx: code %d, want %d", got, want)
	}
	if n := len(c.propose(raw)); n != 0 {
		c.t.Error("an own proposal holds it")
	}
	if c.judge(raw) {
		c.t.Error("the proposal of another is accepted with it")
	}
	before := c.app.state.snapshot().root
	if got := c.decide(raw); got[0] != want {
		c.t.Errorf("FinalizeBlock: code %d, want %d", got[0], want)
	}
	if !bytes.Equal(before, c.app.state.snapshot().root) {
		c.t.Error("the state has changed")
	}
}

func (c *chain) overlay() *overlay { return newOverlay(c.app.state.snapshot()) }

func TestEmptyBlocksKeepTheRoot(t *testing.T) {
	c := newChain(t, newWorld(t, 1))
	root := c.root
	for range 5 {
		c.block()
		if !bytes.Equal(root, c.root) {
			t.Fatalf("height %d: root %x became %x", c.height, root, c.root)
		}
	}
	if s := c.app.state.snapshot(); s.changed != 1 {
		t.Errorf("last change at %d", s.changed)
	}
	c.reopen()
	if s := c.app.state.snapshot(); s.height != c.height || s.changed >= s.height {
		t.Errorf("after a restart: height %d, last change at %d", s.height, s.changed)
	}
}

// A node that stops between saving the state and CometBFT's own record of it, or before, must reach the same root.
func TestReplay(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	c.must(m.sign(t, w.accreditation(m.did, "a", "issue")))
	raw := m.sign(t, w.accreditation(m.did, "b", "issue"))

	// Executed and not saved: the block comes again after the restart.
	if _, err := c.app.FinalizeBlock(t.Context(), &abci.RequestFinalizeBlock{Txs: [][]byte{raw}, Height: c.height + 1, Time: c.step()}); err != nil {
		t.Fatal(err)
	}
	c.reopen()
	info, err := c.app.Info(t.Context(), &abci.RequestInfo{})
	if err != nil || info.LastBlockHeight != c.height || !bytes.Equal(info.LastBlockAppHash, c.root) {
		t.Fatalf("after a restart: %+v, %v", info, err)
	}
	if codes := c.decide(raw); codes[0] != ledger.OK {
		t.Errorf("replayed: code %d", codes[0])
	}
	if _, err := c.app.FinalizeBlock(t.Context(), &abci.RequestFinalizeBlock{Height: c.height, Time: c.now}); err == nil {
		t.Error("a block was executed twice")
	}
}
