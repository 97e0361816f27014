package issuer

import (
	"context"
	"database/sql"
	"time"
)

// cleanEvery is how often what is over leaves the store, and offerKept how long staff can see how an offer ended.
const (
	cleanEvery = time.Minute
	offerKept  = 30 * 24 * time.Hour
	// What was handed out is kept for as long after its end.
	credentialKept = 30 * 24 * time.Hour
)

// longExpired are the cards whose last batch has ended.
const longExpired = "SELECT card FROM credential GROUP BY card HAVING MAX(expires) <= ?"

// clean removes what is over, until ctx ends.
func (i *Issuer) clean(ctx context.Context) {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		if err := i.cleanOnce(ctx); err != nil && ctx.Err() == nil {
			i.log.Warn("clean", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// cleanOnce removes expired tokens, used nonces, old offers and long expired credentials with the reasons of their changes, and
// the claims that came with an offer that nobody took.
func (i *Issuer) cleanOnce(ctx context.Context) error {
	now := i.elapsed().UnixMilli()
	return i.db.Write(ctx, func(tx *sql.Tx) error {
		for _, remove := range []struct {
			query string
			args  []any
		}{
			{"DELETE FROM token WHERE expires <= ?", []any{now}},
			{"DELETE FROM refresh WHERE expires <= ?", []any{now}},
			{"DELETE FROM pushed WHERE expires <= ?", []any{now}},
			{"DELETE FROM code WHERE expires <= ?", []any{now - usedCodeKept.Milliseconds()}},
			{"DELETE FROM used_nonce WHERE expires <= ?", []any{now}},
			{"UPDATE offer SET state = ?, claims = NULL WHERE state = ? AND expires <= ?", []any{OfferExpired, OfferWaiting, now}},
			{"DELETE FROM offer WHERE expires <= ?", []any{now - offerKept.Milliseconds()}},
			{"DELETE FROM action WHERE credential IN (SELECT id FROM credential WHERE card IN (" + longExpired + "))", []any{now - credentialKept.Milliseconds()}},
			{"DELETE FROM refresh WHERE offer IN (SELECT offer FROM credential WHERE card IN (" + longExpired + "))", []any{now - credentialKept.Milliseconds()}},
			{"DELETE FROM credential WHERE card IN (" + longExpired + ")", []any{now - credentialKept.Milliseconds()}},
		} {
			if _, err := tx.Exec(remove.query, remove.args...); err != nil {
				return err
			}
		}
		return nil
	})
}
