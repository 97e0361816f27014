package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

func newReader(t testing.TB, maxAge time.Duration, c *chain, nodes ...*simNode) *follow.Reader {
	t.Helper()
	cfg, _ := config(c, 1, nodes...)
	r, err := follow.NewReader(cfg, maxAge)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReader: single values come proven from whichever node proves them, and from no other.
func TestReader(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(3)
	first, second := c.serve(), c.serve()
	keys := []ledger.Key{ledger.KeyDID(c.org), ledger.KeyStops()}
	lie := func(kind string, body []byte) []byte {
		if kind == "proof" {
			return c.bundle(1, 3, ledger.KeyAnchors(), ledger.KeyIndex())
		}
		return body
	}
	for _, x := range []struct {
		name        string
		set         func()
		maxAge      time.Duration
		want        error
		first, last int // questions to the nodes
	}{
		{"good", func() {}, 0, nil, 1, 0},
		{"first down", func() { first.down = true }, 0, nil, 1, 1},
		{"first lies", func() { first.spoil = lie }, 0, nil, 1, 1},
		{"first lies, second down", func() { first.spoil, second.down = lie, true }, 0, ledger.ErrUnproven, 1, 1},
		{"first down, second lies", func() { first.down, second.spoil = true, lie }, 0, ledger.ErrUnproven, 1, 1},
		{"garbage", func() {
			garbage := func(string, []byte) []byte { return []byte("<html>") }
			first.spoil, second.spoil = garbage, garbage
		}, 0, ledger.ErrUnproven, 1, 1},
		{"all down", func() { first.down, second.down = true, true }, 0, ledger.ErrUnavailable, 1, 1},
		{"too old", func() {}, time.Second, ledger.ErrUnavailable, 1, 1},
		{"first behind", func() { first.newest = 2 }, 2500 * time.Millisecond, nil, 1, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, n := range []*simNode{first, second} {
				n.with(func() { n.down, n.spoil, n.newest, n.calls = false, nil, 0, map[string]int{} })
			}
			x.set()
			r := newReader(t, x.maxAge, c, first, second)
			a, err := r.Read(within(t), keys...)
			if !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
				t.Fatalf("%v, want %v", err, x.want)
			}
			if got := []int{first.count("proof"), second.count("proof")}; got[0] != x.first || got[1] != x.last {
				t.Errorf("asked %v times", got)
			}
			if err != nil {
				return
			}
			if doc, err := a.Document(within(t), c.org); err != nil || doc.ID != c.org || len(a.Validators) != 4 {
				t.Errorf("%v, %d validators", err, len(a.Validators))
			}
			if stops, err := a.Stops(); err != nil || stops != nil {
				t.Errorf("stops %v, %v", stops, err)
			}
			// The node that answered is asked first from then on.
			if _, err := r.Read(within(t), keys...); err != nil || first.count("proof")+second.count("proof") != x.first+x.last+1 {
				t.Errorf("%v, asked %d and %d times", err, first.count("proof"), second.count("proof"))
			}
		})
	}
	t.Run("network file too old", func(t *testing.T) {
		cfg, _ := config(c, 1, first, second)
		cfg.Now = func() time.Time { return genesisTime.AddDate(2, 0, 0) }
		r, err := follow.NewReader(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(within(t), keys...); !errors.Is(err, ledger.ErrExpired) {
			t.Error(err)
		}
	})
	if _, err := newReader(t, 0, c, first).Read(within(t)); err == nil {
		t.Error("a question about nothing was answered")
	}
}

// TestSend: a transaction that lost the race for its sequence is made again only when that is proven.
func TestSend(t *testing.T) {
	type world struct {
		*chain
		node *simNode
		got  []uint64 // sequences that came in
	}
	// take executes whatever came in.
	take := func(w *world, raw []byte) {
		tx, err := ledger.DecodeTx(raw)
		if err != nil {
			t.Error(err)
			return
		}
		w.put(ledger.KeySequence(w.org), ledger.SequenceRecord{N: tx.Sequence, Tx: tx.Hash()})
		w.block()
		w.block()
	}
	other := func(w *world, n uint64) {
		w.put(ledger.KeySequence(w.org), ledger.SequenceRecord{N: n, Tx: tmhash.Sum([]byte{byte(n)})})
		w.block()
		w.block()
	}
	const accepted, rejected = 202, 400
	for _, x := range []struct {
		name   string
		node   func(w *world, try int, raw []byte) (int, ledger.TxAnswer)
		code   ledger.Code
		err    error
		want   []uint64
		cancel bool // the caller gives up once the transaction came in
	}{
		{"at once", func(w *world, _ int, raw []byte) (int, ledger.TxAnswer) {
			take(w, raw)
			return accepted, ledger.TxAnswer{}
		}, ledger.OK, nil, []uint64{1}, false},
		{"race lost, proven", func(w *world, try int, raw []byte) (int, ledger.TxAnswer) {
			if try == 1 {
				other(w, 1)
				return rejected, ledger.TxAnswer{Code: ledger.BadNonce}
			}
			take(w, raw)
			return accepted, ledger.TxAnswer{}
		}, ledger.OK, nil, []uint64{1, 2}, false},
		{"accepted first, race lost then", func(w *world, try int, raw []byte) (int, ledger.TxAnswer) {
			if try == 1 {
				other(w, 1)
			} else {
				take(w, raw)
			}
			return accepted, ledger.TxAnswer{}
		}, ledger.OK, nil, []uint64{1, 2}, false},
		{"refused as known, and it counts", func(w *world, _ int, raw []byte) (int, ledger.TxAnswer) {
			take(w, raw)
			return rejected, ledger.TxAnswer{Code: ledger.BadNonce}
		}, ledger.OK, nil, []uint64{1}, false},
		{"two others went past", func(w *world, _ int, _ []byte) (int, ledger.TxAnswer) {
			other(w, 2)
			return rejected, ledger.TxAnswer{Code: ledger.BadNonce}
		}, 0, follow.ErrUnknown, []uint64{1}, false},
		{"refused, nothing proven", func(*world, int, []byte) (int, ledger.TxAnswer) {
			return rejected, ledger.TxAnswer{Code: ledger.BadNonce}
		}, 0, follow.ErrUnknown, []uint64{1}, true},
		{"refused for another reason", func(*world, int, []byte) (int, ledger.TxAnswer) {
			return rejected, ledger.TxAnswer{Code: ledger.Policy, Log: "no"}
		}, ledger.Policy, nil, []uint64{1}, false},
		{"lost every race", func(w *world, try int, _ []byte) (int, ledger.TxAnswer) {
			other(w, uint64(try))
			return rejected, ledger.TxAnswer{Code: ledger.BadNonce}
		}, ledger.BadNonce, nil, []uint64{1, 2, 3, 4, 5}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := &world{chain: newChain(t, "a")}
			w.blocksTo(3)
			w.node = w.serve()
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			w.node.mempool = func(raw []byte) (int, ledger.TxAnswer) {
				tx, err := ledger.DecodeTx(raw)
				if err != nil {
					t.Error(err)
					return rejected, ledger.TxAnswer{Code: ledger.Malformed}
				}
				w.got = append(w.got, tx.Sequence)
				status, a := x.node(w, len(w.got), raw)
				if x.cancel {
					time.AfterFunc(300*time.Millisecond, cancel)
				}
				return status, a
			}
			r := newReader(t, 0, w.chain, w.node)
			sent, err := r.Send(ctx, follow.Writer{DID: w.org, KeyID: "key-1", Key: w.orgKey}, ledger.Tx{Kind: ledger.DeactivateDID})
			if !errors.Is(err, x.err) || (err == nil) != (x.err == nil) {
				t.Fatalf("%v, want %v", err, x.err)
			}
			if len(sent.Hash) != tmhash.Size || err == nil && sent.Code != x.code || err == nil && x.code == ledger.OK && sent.Height == 0 {
				t.Errorf("%+v", sent)
			}
			if len(w.got) != len(x.want) || w.got[len(w.got)-1] != x.want[len(x.want)-1] {
				t.Errorf("sent sequences %v, want %v", w.got, x.want)
			}
		})
	}
	t.Run("with a mirror", func(t *testing.T) {
		w := &world{chain: newChain(t, "a")}
		w.blocksTo(3)
		w.node = w.serve()
		w.node.mempool = func(raw []byte) (int, ledger.TxAnswer) {
			take(w, raw)
			return accepted, ledger.TxAnswer{}
		}
		cfg, _ := config(w.chain, 1, w.node)
		f := openClient(t, cfg)
		sent, err := f.Send(within(t), follow.Writer{DID: w.org, KeyID: "key-1", Key: w.orgKey}, ledger.Tx{Kind: ledger.DeactivateDID})
		if err != nil || sent.Code != ledger.OK {
			t.Errorf("%+v, %v", sent, err)
		}
	})
}
