package follow

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Writer is who signs transactions.
type Writer struct {
	DID   did.DID
	KeyID string // fragment of the key in the DID's record, or [ledger.RecoveryKeyID]
	Key   ed25519.PrivateKey
}

// Sent is a transaction that was sent, and what became of it.
type Sent struct {
	Result
	Hash []byte // its name; set as soon as it was sent, also when the outcome is unknown
}

const (
	// sendValid is for how many blocks a transaction that Send makes may wait. At the pace of the heartbeat that is over an
	// hour, at the fastest pace of blocks half a minute.
	sendValid = 300
	// sendTries is how often a race for the sequence may be lost.
	sendTries = 5
)

// Send completes a transaction with chain, sender, sequence and last height, signs it and submits it. If another
// transaction of the same sender took the sequence, it tries again with the next one, but only when the sequence record
// proves that ours was not the one: nothing is done twice. It waits as [Client.Submit] does, and its errors are the same.
func (c *Client) Send(ctx context.Context, w Writer, tx ledger.Tx) (Sent, error) {
	return send(ctx, c, w, tx)
}

func send(ctx context.Context, c chain, w Writer, tx ledger.Tx) (Sent, error) {
	tx.ChainID, tx.Sender = c.network().ChainID, w.DID
	for try := 1; ; try++ {
		last, height, err := c.record(ctx, w.DID)
		if err != nil {
			return Sent{}, err
		}
		tx.Sequence, tx.ValidUntil = last.N+1, height+sendValid
		raw, err := ledger.Sign(&tx, w.KeyID, w.Key)
		if err != nil {
			return Sent{}, err
		}
		sum := sha256.Sum256(raw)
		sent := Sent{Hash: sum[:]}
		sent.Result, err = submit(ctx, c, raw)
		if err != nil || sent.Code != ledger.BadNonce || try == sendTries {
			return sent, err
		}
		won, height, err := taken(ctx, c, &tx, sent.Hash)
		if err != nil {
			return sent, err
		}
		if won {
			sent.Result = Result{Code: ledger.OK, Height: height}
			return sent, nil
		}
	}
}

// taken waits until it is proven who took the sequence number of tx, and says whether it was the transaction with this
// hash, and at which height that is known.
func taken(ctx context.Context, c chain, tx *ledger.Tx, hash []byte) (won bool, height int64, err error) {
	for {
		news := c.news()
		rec, height, err := c.record(ctx, tx.Sender)
		switch {
		case err != nil:
			return false, 0, fmt.Errorf("%w: %w", ErrUnknown, err)
		case rec.N == tx.Sequence:
			return bytes.Equal(rec.Tx, hash), height, nil
		case rec.N > tx.Sequence:
			return false, 0, fmt.Errorf("%w: sequence %d is past %d", ErrUnknown, rec.N, tx.Sequence)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return false, 0, fmt.Errorf("%w: %v", ErrUnknown, ctx.Err())
		case <-c.ended():
			return false, 0, fmt.Errorf("%w: closed", ErrUnknown)
		}
	}
}
