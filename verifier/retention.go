package verifier

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

const (
	roundEvery   = time.Second
	historyEvery = time.Hour
)

// keepHouse ends sessions whose time is over and wipes what may not be kept, until ctx ends.
func (v *Verifier) keepHouse(ctx context.Context) {
	defer close(v.janitor)
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	history := v.elapsed()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v.round(ctx)
		if now := v.elapsed(); now >= history {
			v.dropHistory(ctx)
			history = now + historyEvery
		}
	}
}

// round is one round of the retention job.
func (v *Verifier) round(ctx context.Context) {
	now := v.elapsed()
	var over, stale []*live
	v.mu.RLock()
	for _, l := range v.live {
		l.mu.Lock()
		switch {
		case l.session.State.Open():
			if now >= l.deadline {
				over = append(over, l)
			}
		case now >= l.purge:
			stale = append(stale, l)
		}
		l.mu.Unlock()
	}
	v.mu.RUnlock()
	for _, l := range over {
		if err := v.expire(ctx, l); err != nil {
			v.log.Error("session not ended", "error", err)
		}
	}
	for _, l := range stale {
		// The values leave memory even if the database is in trouble; then the row is wiped in a later round.
		l.mu.Lock()
		l.session.Claims, l.session.Issuers = nil, nil
		l.mu.Unlock()
	}
	if len(stale) > 0 {
		v.wipe(ctx, stale)
	}
	v.rates.sweep(now)
	v.erasing.sweep(now)
}

// wipe removes values from the database, and from its file.
func (v *Verifier) wipe(ctx context.Context, stale []*live) {
	err := v.write(ctx, func(tx *sql.Tx) error {
		for _, l := range stale {
			if _, err := tx.Exec("UPDATE sessions SET claims = NULL WHERE handle = ?", l.handle); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		v.log.Error("values not wiped", "sessions", len(stale), "error", err)
		return
	}
	v.mu.Lock()
	for _, l := range stale {
		delete(v.live, l.handle)
	}
	v.mu.Unlock()
	if err := v.db.Purge(ctx); err != nil {
		v.log.Debug("journal not emptied yet", "error", err)
	}
	v.metrics.wiped(len(stale))
	for _, l := range stale {
		v.subs.tell(l.id)
	}
}

// dropHistory removes what is left of old sessions.
func (v *Verifier) dropHistory(ctx context.Context) {
	now := v.now()
	err := v.write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query("SELECT DISTINCT tenant FROM sessions UNION SELECT DISTINCT tenant FROM erasures")
		if err != nil {
			return err
		}
		var tenants []string
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return errors.Join(err, rows.Close())
			}
			tenants = append(tenants, id)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, id := range tenants {
			days := v.cfg.HistoryDays
			if t := v.tenants[id]; t != nil {
				days = v.keepFor(t)
			}
			before := now.AddDate(0, 0, -days).UnixMilli()
			if _, err := tx.Exec("DELETE FROM sessions WHERE tenant = ? AND created < ? AND secrets IS NULL AND claims IS NULL", id, before); err != nil {
				return err
			}
			// A decision stays as long as what it is about would have, so that the holder can hear of it.
			if _, err := tx.Exec("DELETE FROM erasures WHERE tenant = ? AND asked < ?", id, before); err != nil {
				return err
			}
			if err := v.dropErased(tx, id, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		v.log.Error("history not dropped", "error", err)
	}
}
