package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Reader asks the nodes for single values and checks them from the network file, as a wallet does: for programs that ask
// something and end. It mirrors nothing and keeps nothing. It is safe for concurrent use.
type Reader struct {
	cfg    Config
	maxAge time.Duration
	nodes  []*node
	first  atomic.Int32 // the node that answered last
}

// Answer is what a node proved, and who signed the header that it hangs on.
type Answer struct {
	*ledger.Proven
	Validators []ledger.NetworkValidator
	Node       string // base URL
}

// NewReader makes a reader of the nodes in cfg, which are asked in their order. A header older than maxAge proves nothing
// to it; 0 is no limit. Dir and Logger of the configuration are not used.
func NewReader(cfg Config, maxAge time.Duration) (*Reader, error) {
	nodes, err := cfg.open()
	if err != nil {
		return nil, err
	}
	return &Reader{cfg: cfg, maxAge: maxAge, nodes: nodes}, nil
}

// MaxKeys is how many keys one question may have.
const MaxKeys = keysPerProof

// Read returns the proven values of these keys, at most [MaxKeys], from the first node that proves them. Errors:
// [ledger.ErrUnproven], [ledger.ErrExpired], [ledger.ErrUnavailable].
func (r *Reader) Read(ctx context.Context, keys ...ledger.Key) (*Answer, error) {
	if len(keys) == 0 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("follow: %d keys in one question", len(keys))
	}
	var worst error
	first := int(r.first.Load())
	for i := range r.nodes {
		at := (first + i) % len(r.nodes)
		a, err := r.ask(ctx, r.nodes[at], keys)
		switch {
		case err == nil:
			r.first.Store(int32(at))
			return a, nil
		case errors.Is(err, ledger.ErrExpired):
			return nil, err // no other node can help
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %v", ledger.ErrUnavailable, ctx.Err())
		}
		err = fmt.Errorf("node %s: %w", r.nodes[at].base, err)
		// That a node lied weighs more than that another one was not there.
		if worst == nil || errors.Is(err, ledger.ErrUnproven) && !errors.Is(worst, ledger.ErrUnproven) {
			worst = err
		}
	}
	return nil, worst
}

func (r *Reader) ask(ctx context.Context, n *node, keys []ledger.Key) (*Answer, error) {
	p, b, err := r.prove(ctx, n, keys)
	if err != nil {
		return nil, err
	}
	a := &Answer{Proven: p, Node: n.base}
	// The header names the hash of its validators, and a light block with others is malformed.
	for _, v := range b.Block().ValidatorSet.Validators {
		a.Validators = append(a.Validators, ledger.NetworkValidator{PubKey: v.PubKey.Bytes(), Power: v.VotingPower})
	}
	return a, nil
}

// prove returns the values of keys and the bundle that proves them, checked from the network file.
func (r *Reader) prove(ctx context.Context, n *node, keys []ledger.Key) (*ledger.Proven, *ledger.Bundle, error) {
	b, err := n.proof(ctx, keys, r.cfg.Network.From())
	switch {
	case errors.Is(err, ledger.ErrMalformed):
		return nil, nil, fmt.Errorf("%w: %v", ledger.ErrUnproven, err)
	case err != nil && ledger.Category(err) == "":
		return nil, nil, fmt.Errorf("%w: %v", ledger.ErrUnavailable, err)
	case err != nil:
		return nil, nil, err
	}
	p, err := b.Verify(r.cfg.Network, r.cfg.Now(), r.maxAge)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range keys {
		if _, _, err := p.Value(k); err != nil {
			return nil, nil, err
		}
	}
	return p, b, nil
}

// Newer returns a network file with a newer root, proven from the one there is, and the nodes that have the same header.
// A node with another signed header is an attack, and there is no file then. Errors: [ledger.ErrUnproven],
// [ledger.ErrExpired], [ledger.ErrUnavailable].
func (r *Reader) Newer(ctx context.Context) (*ledger.Network, []string, error) {
	var last error
	for i, n := range r.nodes {
		_, b, err := r.prove(ctx, n, []ledger.Key{ledger.KeyIndex()})
		if err != nil {
			if errors.Is(err, ledger.ErrExpired) {
				return nil, nil, err
			}
			last = fmt.Errorf("node %s: %w", n.base, err)
			continue
		}
		same := []string{n.base}
		for j, other := range r.nodes {
			if j == i {
				continue
			}
			if _, err := other.changes(ctx, b.Block().Height-1, lagWait); err != nil {
				continue
			}
			o, err := other.lightBlock(ctx, b.Block().Height)
			if err != nil {
				continue
			}
			if !bytes.Equal(o.Hash(), b.Block().Hash()) {
				return nil, nil, fmt.Errorf("%w: nodes %s and %s give different headers at %d", ledger.ErrUnproven, n.base, other.base, o.Height)
			}
			same = append(same, other.base)
		}
		file, err := ledger.NetworkAt(r.cfg.Network.Name, b.Block(), r.cfg.Network.Nodes)
		if err != nil {
			return nil, nil, err
		}
		file.Development = r.cfg.Network.Development
		return file, same, nil
	}
	return nil, nil, last
}

// Seen is what a node says about itself. Nothing of it is proven.
type Seen struct {
	Node   string
	Status *ledger.NodeStatus // nil: no answer
	Err    error
}

// Nodes asks every node how it is doing.
func (r *Reader) Nodes(ctx context.Context) []Seen {
	all := make([]Seen, len(r.nodes))
	var asking sync.WaitGroup
	for i, n := range r.nodes {
		asking.Go(func() {
			all[i].Node = n.base
			all[i].Status, all[i].Err = n.status(ctx)
		})
	}
	asking.Wait()
	return all
}

// Told returns what the nodes say became of a transaction by its hash in hex, or nil if none knows it. It is not proven:
// the proof is the sender's [ledger.SequenceRecord].
func (r *Reader) Told(ctx context.Context, hash string) (*ledger.TxAnswer, error) {
	var last error
	for _, n := range r.nodes {
		a, err := n.tx(ctx, hash, 0)
		if err == nil && a != nil {
			return a, nil
		}
		if err != nil {
			last = fmt.Errorf("%w: node %s: %v", ledger.ErrUnavailable, n.base, err)
		}
	}
	return nil, last
}

// Submit is [Client.Submit] without a mirror.
func (r *Reader) Submit(ctx context.Context, raw []byte) (Result, error) { return submit(ctx, r, raw) }

// Send is [Client.Send] without a mirror.
func (r *Reader) Send(ctx context.Context, w Writer, tx ledger.Tx) (Sent, error) {
	return send(ctx, r, w, tx)
}

func (r *Reader) network() *ledger.Network { return r.cfg.Network }

func (r *Reader) order() ([]*node, int) { return r.nodes, int(r.first.Load()) }

func (r *Reader) record(ctx context.Context, d did.DID) (ledger.SequenceRecord, int64, error) {
	a, err := r.Read(ctx, ledger.KeySequence(d))
	if err != nil {
		return ledger.SequenceRecord{}, 0, err
	}
	rec, err := a.Sequence(d)
	return rec, a.Height, err
}

// reach implements [chain]: a node that knows the block proves the state after it within the question's own wait.
func (r *Reader) reach(context.Context, int64) error { return nil }

// news implements [chain]. Without a mirror nothing tells when the registry has moved, so it is asked again soon.
func (r *Reader) news() <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(firstPause, func() { close(c) })
	return c
}

func (r *Reader) ended() <-chan struct{} { return nil }
