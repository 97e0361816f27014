package follow

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Result of a transaction.
type Result struct {
	Code   ledger.Code
	Log    string
	Height int64 // block that holds it
}

// ErrUnknown: it cannot be told whether the transaction has had its effect. Ask [Client.Sequence].
var ErrUnknown = errors.New("outcome of the transaction is unknown")

// chain is what following one transaction takes: the mirror of a [Client], or a [Reader] that asks each time.
type chain interface {
	network() *ledger.Network
	// order returns the nodes and which one to ask first.
	order() ([]*node, int)
	// record returns a sender's proven sequence record and a height at which it stood.
	record(ctx context.Context, d did.DID) (ledger.SequenceRecord, int64, error)
	// reach waits until record shows the effects of a block.
	reach(ctx context.Context, height int64) error
	// news returns a channel that closes when record may say something new.
	news() <-chan struct{}
	// ended returns a channel that closes when record says nothing new any more.
	ended() <-chan struct{}
}

// Submit sends a signed transaction to a node and waits until it is in a block and the mirror has passed that block, or
// until it is refused (Code is not OK; err is nil then). That it is in a block is proven by the sender's sequence record;
// a refusal is what a node says. An error means that the outcome is unknown: ask Sequence.
func (c *Client) Submit(ctx context.Context, raw []byte) (Result, error) { return submit(ctx, c, raw) }

func (c *Client) network() *ledger.Network { return c.cfg.Network }

func (c *Client) order() ([]*node, int) { return c.nodes, int(c.first.Load()) }

func (c *Client) record(ctx context.Context, d did.DID) (ledger.SequenceRecord, int64, error) {
	s, err := c.current()
	if err != nil {
		return ledger.SequenceRecord{}, 0, err
	}
	rec, err := c.Sequence(ctx, d)
	return rec, s.height, err
}

func (c *Client) reach(ctx context.Context, height int64) error { return c.Wait(ctx, height) }

func (c *Client) news() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}

func (c *Client) ended() <-chan struct{} { return c.done }

func submit(ctx context.Context, c chain, raw []byte) (Result, error) {
	t, err := ledger.DecodeTx(raw)
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return Result{Code: ledger.TooLarge, Log: err.Error()}, nil
	case err != nil:
		return Result{Code: ledger.Malformed, Log: err.Error()}, nil
	}
	if t.ChainID != c.network().ChainID {
		return Result{Code: ledger.WrongChain, Log: "transaction of another chain"}, nil
	}
	n, answer, err := post(ctx, c, raw)
	if err != nil {
		return Result{}, err
	}
	if answer.Code != ledger.OK {
		// A node that knows it already refuses the second copy; then the first one counts.
		if answer.Code == ledger.BadNonce {
			if r, done, err := outcome(ctx, c, t); err == nil && done && r.Code == ledger.OK {
				return r, nil
			}
		}
		return Result{Code: answer.Code, Log: answer.Log}, nil
	}
	hash := hex.EncodeToString(t.Hash())
	for {
		moved := c.news()
		a, err := n.tx(ctx, hash, pollWait)
		switch {
		case ctx.Err() != nil:
			return Result{}, fmt.Errorf("%w: %v", ErrUnknown, ctx.Err())
		case err == nil && a != nil && a.Code != ledger.OK:
			return Result{Code: a.Code, Log: a.Log, Height: a.Height}, nil
		case err == nil && a != nil && a.Height > 0:
			if err := c.reach(ctx, a.Height); err != nil {
				return Result{}, fmt.Errorf("%w: %w", ErrUnknown, err)
			}
		}
		// The node may be wrong, or gone: only the record counts.
		r, done, err := outcome(ctx, c, t)
		if err != nil && !errors.Is(err, ledger.ErrUnavailable) {
			return Result{}, err
		}
		if done {
			if a != nil && r.Code == ledger.OK && a.Height > 0 {
				r.Height = a.Height
			}
			return r, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return Result{}, fmt.Errorf("%w: %v", ErrUnknown, ctx.Err())
		case <-c.ended():
			return Result{}, fmt.Errorf("%w: closed", ErrUnknown)
		}
	}
}

// post gives the transaction to the first node that takes it or refuses it.
func post(ctx context.Context, c chain, raw []byte) (*node, *ledger.TxAnswer, error) {
	var last error
	nodes, first := c.order()
	for i := range nodes {
		n := nodes[(first+i)%len(nodes)]
		a, err := n.postTx(ctx, raw)
		if err == nil {
			return n, a, nil
		}
		last = err
	}
	return nil, nil, fmt.Errorf("%w: %w: %v", ErrUnknown, ledger.ErrUnavailable, last)
}

// outcome tells from proven state what became of a transaction. done is false while it can still be in a later block.
func outcome(ctx context.Context, c chain, t *ledger.SignedTx) (r Result, done bool, err error) {
	rec, height, err := c.record(ctx, t.Sender)
	if err != nil {
		return Result{}, false, err
	}
	switch {
	case rec.N == t.Sequence && bytes.Equal(rec.Tx, t.Hash()):
		return Result{Code: ledger.OK, Height: height}, true, nil
	case rec.N == t.Sequence:
		return Result{Code: ledger.BadNonce, Log: "another transaction used the sequence"}, true, nil
	case rec.N > t.Sequence:
		return Result{}, false, fmt.Errorf("%w: sequence %d is past %d", ErrUnknown, rec.N, t.Sequence)
	case height >= t.ValidUntil:
		return Result{Code: ledger.Expired, Log: "not in a block in time"}, true, nil
	}
	return Result{}, false, nil
}
