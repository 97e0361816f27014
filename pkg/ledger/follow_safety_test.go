package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

func TestTrustedState(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(5)
	node := c.serve()
	cfg, _ := config(c, 1, node)
	cfg.Dir = filepath.Join(t.TempDir(), "follow")
	f := openClient(t, cfg)
	waitMirror(t, f, 4)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(cfg.Dir, "trusted.header")
	raw, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := ledger.DecodeLightBlock(raw); err != nil || b.Height != 5 {
		t.Fatalf("kept header %v, %v", b, err)
	}
	// The root is past its time, the kept header is not: the follower goes on where the network file alone could not.
	c.now = c.now.Add(ledger.TrustingPeriod - time.Hour)
	c.block()
	c.now = c.now.Add(2 * time.Hour)
	c.block()
	fresh := cfg
	fresh.Dir = ""
	g := openClient(t, fresh)
	if _, err := g.Anchors(within(t)); !errors.Is(err, ledger.ErrExpired) || !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("expired root: %v", err)
	}
	late := openClient(t, cfg)
	if _, err := late.Anchors(within(t)); !errors.Is(err, ledger.ErrExpired) {
		t.Errorf("kept header past the trusting period: %v", err)
	}
	late.Close()

	other := cfg
	changed := *cfg.Network
	other.Network = &changed
	changed.ChainID = "zegel-ander-1"
	if _, err := follow.Open(context.Background(), other); err == nil {
		t.Error("kept header of another chain was taken")
	}
	if err := os.WriteFile(kept, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := follow.Open(context.Background(), cfg); err == nil {
		t.Error("damaged file was taken")
	}
	if files, _ := os.ReadDir(cfg.Dir); len(files) != 1 {
		t.Errorf("%d files left", len(files))
	}
}

// requireAttackStops is DID-05: two nodes give different headers of one height, both signed by the validators.
func requireAttackStops(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(4)
	honest, liar := c.serve(), c.serve()
	cfg, _ := config(c, 1, honest, liar)
	cfg.Dir = t.TempDir()
	f := openClient(t, cfg)
	ctx := within(t)
	waitMirror(t, f, 3)
	if _, err := f.Document(ctx, c.org); err != nil {
		t.Fatalf("control: %v", err)
	}
	lie := func(h int64) {
		b := *c.at(h).Header
		b.AppHash = tmhash.Sum([]byte("another state"))
		liar.with(func() { liar.forged[h] = sign(&b, c.sets[h], c.sets[h]) })
	}
	// The lie must be there before the block is.
	c.mu.Lock()
	c.sets[6] = c.next
	c.mu.Unlock()
	liar.with(func() { liar.newest = 4 })
	honest.with(func() { honest.newest = 4 })
	c.block()
	lie(5)
	liar.with(func() { liar.newest = 0 })
	honest.with(func() { honest.newest = 0 })
	c.block()
	lie(6)
	if err := f.Wait(ctx, 5); !errors.Is(err, ledger.ErrUnproven) {
		t.Fatalf("wait: %v", err)
	}
	if _, err := f.Document(ctx, c.org); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("document: %v", err)
	}
	if err := statusErr(f, issuerOf(c), simList, 1); ledger.Category(err) != "registry_unproven" {
		t.Errorf("status: %v", err)
	}
	if _, err := f.Bundle(ctx, ledger.KeyAnchors()); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("bundle: %v", err)
	}
	if f.State() != (follow.State{}) {
		t.Errorf("state %v", f.State())
	}
	f.Close()
	kept, _ := filepath.Glob(filepath.Join(cfg.Dir, "evidence-*"))
	if len(kept) != 2 {
		t.Errorf("%d pieces of evidence, want both sides", len(kept))
	}
	// A restart does not forget.
	g := openClient(t, cfg)
	if _, err := g.Document(ctx, c.org); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("after a restart: %v", err)
	}
}

// requireGenesisAttackStops is DID-05 where the network file trusts the genesis: block 1 is not known by its hash, so two
// signed ones stop the client; one that the validators did not sign only puts its node out.
func requireGenesisAttackStops(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(4)
	b := *c.at(1).Header
	b.AppHash = tmhash.Sum([]byte("another state"))
	for name, signers := range map[string]int{"signed": 4, "unsigned": 2} {
		for _, first := range []string{"honest first", "liar first"} {
			t.Run(name+", "+first, func(t *testing.T) {
				honest, liar := c.serve(), c.serve()
				liar.with(func() { liar.forged[1] = sign(&b, c.sets[1], c.sets[1][:signers]) })
				cfg, _ := config(c, 1)
				cfg.Network, cfg.Dir = c.genesis(honest.url, liar.url), t.TempDir()
				if first == "liar first" {
					cfg.Network = c.genesis(liar.url, honest.url)
				}
				f := openClient(t, cfg)
				ctx := within(t)
				if signers == 2 {
					waitMirror(t, f, 3)
					if _, err := f.Document(ctx, c.org); err != nil {
						t.Errorf("a node that lies kept the honest one from being read: %v", err)
					}
					return
				}
				if err := f.Wait(ctx, 3); !errors.Is(err, ledger.ErrUnproven) {
					t.Fatalf("wait: %v", err)
				}
				if _, err := f.Document(ctx, c.org); !errors.Is(err, ledger.ErrUnproven) {
					t.Errorf("document: %v", err)
				}
				f.Close()
				if kept, _ := filepath.Glob(filepath.Join(cfg.Dir, "evidence-*")); len(kept) != 2 {
					t.Errorf("%d pieces of evidence, want both sides", len(kept))
				}
			})
		}
	}
}

// TestGenesisRoot follows from a file that trusts the genesis, also when no node keeps block 1 any more.
func TestGenesisRoot(t *testing.T) {
	for _, pruned := range []int64{0, 3} {
		t.Run(fmt.Sprint("pruned below ", pruned), func(t *testing.T) {
			c := newChain(t, "a", "b", "c", "d")
			c.blocksTo(4)
			c.change("a", "x", "y", "z")
			c.blocksTo(8)
			one, two := c.serve(), c.serve()
			one.base, two.base = pruned, pruned
			cfg, _ := config(c, 1)
			cfg.Network, cfg.Dir = c.genesis(one.url, two.url), t.TempDir()
			f := openClient(t, cfg)
			waitMirror(t, f, 7)
			c.blocksTo(10)
			waitMirror(t, f, 9)
			// What it staples convinces a holder of the same file.
			raw, err := f.Bundle(within(t), ledger.KeyDID(c.org))
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, raw, cfg.Network, c.clock())
			f.Close()
			g := openClient(t, cfg)
			waitMirror(t, g, 9)
			// A file of another network's genesis opens nothing here.
			stranger := newChain(t, "m", "n")
			cfg.Network, cfg.Dir = stranger.genesis(one.url, two.url), ""
			h := openClient(t, cfg)
			if _, err := h.Document(within(t), c.org); !errors.Is(err, ledger.ErrUnproven) && !errors.Is(err, ledger.ErrUnavailable) {
				t.Errorf("another network's file: %v", err)
			}
		})
	}
}

func TestLaggingWitness(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(3)
	a, b, slow := c.serve(), c.serve(), c.serve()
	slow.newest = 2
	cfg, _ := config(c, 1, a, b, slow)
	f := openClient(t, cfg)
	waitMirror(t, f, 2)
	c.blocksTo(6)
	waitMirror(t, f, 5)
}

func TestForeignRoot(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	other := newChain(t, "x")
	other.blocksTo(9)
	good, bad := c.serve(), other.serve()
	cfg, _ := config(c, 2, bad, good)
	f := openClient(t, cfg)
	waitMirror(t, f, 2)
	if _, err := f.Document(within(t), c.org); err != nil {
		t.Errorf("a node of another chain kept the honest one from being read: %v", err)
	}
}

func TestSubmit(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	node := c.serve()
	cfg, _ := config(c, 1, node)
	f := openClient(t, cfg)
	ctx := within(t)
	refuse := func(status int, code ledger.Code) {
		node.with(func() {
			node.mempool = func([]byte) (int, ledger.TxAnswer) { return status, ledger.TxAnswer{Code: code, Log: "no"} }
		})
	}
	include := func(record func(raw []byte) ledger.SequenceRecord, tell bool) {
		node.with(func() {
			node.mempool = func(raw []byte) (int, ledger.TxAnswer) {
				c.put(ledger.KeySequence(c.org), record(raw))
				h := c.block().Height
				if tell {
					node.with(func() { node.known[fmt.Sprintf("%x", tmhash.Sum(raw))] = ledger.TxAnswer{Height: h} })
				}
				c.block()
				return http.StatusAccepted, ledger.TxAnswer{}
			}
		})
	}
	own := func(raw []byte) ledger.SequenceRecord { return ledger.SequenceRecord{N: 1, Tx: tmhash.Sum(raw)} }

	refuse(http.StatusBadRequest, ledger.Policy)
	first := mustSign(t, c, 1, 100)
	if r, err := f.Submit(ctx, first); err != nil || r.Code != ledger.Policy || r.Log != "no" {
		t.Errorf("refused: %+v, %v", r, err)
	}
	include(own, true)
	if r, err := f.Submit(ctx, first); err != nil || r != (follow.Result{Height: 4}) {
		t.Errorf("included: %+v, %v", r, err)
	}
	if f.State().Height < 4 {
		t.Errorf("mirror at %d", f.State().Height)
	}
	if r, err := f.Sequence(ctx, c.org); err != nil || !cmp.Equal(r, own(first)) {
		t.Errorf("sequence %+v, %v", r, err)
	}
	// Sent again after a crash: the node refuses the copy, the record shows that it is ours.
	refuse(http.StatusBadRequest, ledger.BadNonce)
	if r, err := f.Submit(ctx, first); err != nil || r.Code != ledger.OK {
		t.Errorf("sent again: %+v, %v", r, err)
	}
	if r, err := f.Submit(ctx, mustSign(t, c, 1, 99)); err != nil || r.Code != ledger.BadNonce {
		t.Errorf("another with the same sequence: %+v, %v", r, err)
	}
	// A node that does not say, and one that says what is not so.
	include(func(raw []byte) ledger.SequenceRecord { return ledger.SequenceRecord{N: 2, Tx: tmhash.Sum(raw)} }, false)
	if r, err := f.Submit(ctx, mustSign(t, c, 2, 100)); err != nil || r.Code != ledger.OK || r.Height == 0 {
		t.Errorf("without a word of the node: %+v, %v", r, err)
	}
	include(func(raw []byte) ledger.SequenceRecord {
		return ledger.SequenceRecord{N: 3, Tx: tmhash.Sum([]byte("x"))}
	}, true)
	if r, err := f.Submit(ctx, mustSign(t, c, 3, 100)); err != nil || r.Code != ledger.BadNonce {
		t.Errorf("sequence used by another: %+v, %v", r, err)
	}
	// Accepted and forgotten: past its height it can no longer come.
	node.with(func() {
		node.mempool = func([]byte) (int, ledger.TxAnswer) {
			c.blocksTo(c.height + 3)
			return http.StatusAccepted, ledger.TxAnswer{}
		}
	})
	if r, err := f.Submit(ctx, mustSign(t, c, 4, c.height+1)); err != nil || r.Code != ledger.Expired {
		t.Errorf("never included: %+v, %v", r, err)
	}
	if r, err := f.Submit(ctx, []byte{1}); err != nil || r.Code != ledger.Malformed {
		t.Errorf("malformed: %+v, %v", r, err)
	}
	node.with(func() { node.down = true })
	if _, err := f.Submit(ctx, mustSign(t, c, 5, 100)); !errors.Is(err, follow.ErrUnknown) {
		t.Errorf("node down: %v", err)
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	cfg, _ := config(c, 1, c.serve())
	f, err := follow.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Wait(context.Background(), 99) }()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("wait: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestStatusAllocations(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	cfg, _ := config(c, 1, c.serve())
	f := openClient(t, cfg)
	who, ctx, ref := issuerOf(c), context.Background(), statuslist.Ref{URI: simList, Index: 17}
	if n := testing.AllocsPerRun(1000, func() {
		if _, _, err := f.Status(ctx, who, ref); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
