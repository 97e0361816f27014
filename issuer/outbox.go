package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// States of an action.
const (
	actionWaiting = 0
	actionDone    = 1
	actionRefused = 2
)

// How the worker goes on after something did not work, and how long a transaction may wait for its block.
const (
	firstPause   = 250 * time.Millisecond
	lastPause    = 30 * time.Second
	validFor     = 100 // heights
	mostTogether = 8   // credentials in one transaction
)

// poke tells the worker that there is something to do.
func (t *tenant) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// work sends what waits to the chain, one transaction of a tenant at a time, until ctx ends.
func (i *Issuer) work(ctx context.Context, t *tenant) {
	pause := time.Duration(0)
	for {
		busy, err := i.step(ctx, t)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			pause = min(max(2*pause, firstPause), lastPause)
			i.log.Warn("outbox", "tenant", t.ID, "error", err, "again_in", pause)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		case busy:
			pause = 0
		default:
			pause = 0
			var again <-chan time.Time
			if wait := t.held.Sub(i.now()); wait > 0 {
				again = time.After(wait)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.wake:
			case <-again:
			}
		}
	}
}

// flight is the one transaction that is on its way. It is on disk before it is sent, so that after a crash the same bytes
// are sent again and nothing happens twice.
type flight struct {
	id         int64
	list       int64
	creates    bool
	sequence   uint64
	validUntil int64
	raw        []byte
}

// step does one thing that is to be done. busy tells that there may be more.
func (i *Issuer) step(ctx context.Context, t *tenant) (busy bool, err error) {
	f, err := i.inFlight(ctx, t)
	if err != nil {
		return false, err
	}
	if f != nil {
		return true, i.send(ctx, t, f)
	}
	held := i.now().Before(t.held)
	if !held {
		if needed, err := i.needsList(ctx, t); err != nil {
			return false, err
		} else if needed {
			return true, i.newList(ctx, t)
		}
		if made, err := i.createList(ctx, t); made || err != nil {
			return made, err
		}
	}
	return i.setStatus(ctx, t, held)
}

func (i *Issuer) inFlight(ctx context.Context, t *tenant) (*flight, error) {
	var f flight
	err := i.db.Read().QueryRowContext(ctx, "SELECT id, list, creates, sequence, valid_until, raw FROM flight WHERE tenant = ?", t.ID).
		Scan(&f.id, &f.list, &f.creates, &f.sequence, &f.validUntil, &f.raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &f, nil
}

// transaction makes one with the next sequence number. It needs a header: without one nothing is known about the chain.
func (i *Issuer) transaction(ctx context.Context, t *tenant, tx ledger.Tx) (*flight, error) {
	height := i.ledger.State().Height
	if height == 0 {
		return nil, fmt.Errorf("%w: no header of the registry yet", ErrUnavailable)
	}
	record, err := i.ledger.Sequence(ctx, t.did)
	if err != nil {
		return nil, err
	}
	tx.ChainID, tx.Sender, tx.Sequence, tx.ValidUntil = i.chainID, t.did, record.N+1, height+validFor
	raw, err := ledger.Sign(&tx, t.RegistryKeyID, t.registryKey)
	if err != nil {
		return nil, err
	}
	return &flight{sequence: tx.Sequence, validUntil: tx.ValidUntil, raw: raw}, nil
}

func (f *flight) save(tx *sql.Tx, t *tenant) error {
	res, err := tx.Exec("INSERT INTO flight (tenant, list, creates, sequence, valid_until, raw) VALUES (?,?,?,?,?,?)",
		t.ID, f.list, f.creates, f.sequence, f.validUntil, f.raw)
	if err != nil {
		return err
	}
	f.id, err = res.LastInsertId()
	return err
}

// createList prepares the transaction that makes a new list.
func (i *Issuer) createList(ctx context.Context, t *tenant) (bool, error) {
	var n, size int64
	var sent bool
	err := i.db.Read().QueryRowContext(ctx, "SELECT n, size, sent FROM list WHERE tenant = ? AND state = ? ORDER BY n LIMIT 1", t.ID, listNew).Scan(&n, &size, &sent)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if meta, _, err := i.ledger.List(ctx, t.listURI(n)); err == nil {
		// It stands there. Ours, if this store asked for it; else an earlier store's, which has given out indices that we do
		// not know.
		state := listRetired
		if sent && meta.Owner == t.did {
			state = listActive
		}
		return true, i.setList(ctx, t, n, state)
	}
	f, err := i.transaction(ctx, t, ledger.Tx{Kind: ledger.CreateList, CreateList: &ledger.ListMeta{
		URI: t.listURI(n), Bits: listBits, Size: uint64(size), TTL: listTTL,
		Expiry: day(i.now()).AddDate(listYears, 0, 0).Unix(),
	}})
	if err != nil {
		return false, err
	}
	f.list, f.creates = n, true
	return true, i.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE list SET sent = 1 WHERE tenant = ? AND n = ?", t.ID, n); err != nil {
			return err
		}
		return f.save(tx, t)
	})
}

func (i *Issuer) setList(ctx context.Context, t *tenant, n int64, state string) error {
	err := i.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE list SET state = ? WHERE tenant = ? AND n = ?", state, t.ID, n)
		return err
	})
	if err == nil {
		i.listStands(t, n, state)
	}
	return err
}

func (i *Issuer) listStands(t *tenant, n int64, state string) {
	i.log.Info("status list", "tenant", t.ID, "list", n, "state", state)
	if state == listActive {
		t.once.Do(func() { close(t.ready) })
	}
}

// change is an action with what it needs to become entries of a list.
type change struct {
	action     int64
	kind       string
	credential string
	list       int64
	indices    []uint64
	fillers    []uint64
}

// setStatus prepares the transaction for the actions that wait: those of one list, one of each credential, together.
func (i *Issuer) setStatus(ctx context.Context, t *tenant, held bool) (bool, error) {
	changes, err := i.waiting(ctx, t, held)
	if err != nil || len(changes) == 0 {
		return false, err
	}
	list := changes[0].list
	var bare []*change
	for _, c := range changes {
		if len(c.fillers) == 0 {
			bare = append(bare, c)
		}
	}
	// Filling is taken first and by itself, so that a transaction that has to be made again has the same entries.
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		for _, c := range bare {
			c.fillers = nil
			if err := i.fill(tx, t, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	f, err := i.transaction(ctx, t, ledger.Tx{Kind: ledger.SetStatus, SetStatus: entries(t.listURI(list), changes)})
	if err != nil {
		return false, err
	}
	f.list = list
	return true, i.db.Write(ctx, func(tx *sql.Tx) error {
		if err := f.save(tx, t); err != nil {
			return err
		}
		for _, c := range changes {
			if _, err := tx.Exec("UPDATE action SET flight = ? WHERE id = ?", f.id, c.action); err != nil {
				return err
			}
		}
		return nil
	})
}

// waiting returns the first action of each credential of the list that has waited longest. Reinstatements come after the
// others and go alone, since a stop of the registry refuses a transaction with any of them; while they are held they are
// not looked at, nor in the way of a revocation of the same credential.
func (i *Issuer) waiting(ctx context.Context, t *tenant, held bool) ([]*change, error) {
	rows, err := i.db.Read().QueryContext(ctx, `SELECT a.id, a.kind, c.id, c.list, c.indices, c.fillers FROM action a JOIN credential c ON c.id = a.credential
		WHERE a.tenant = ? AND a.done = 0 AND a.id = (SELECT MIN(b.id) FROM action b WHERE b.credential = a.credential AND b.done = 0 AND NOT (? AND b.kind = ?))
		ORDER BY a.kind = ?, a.id LIMIT 256`, t.ID, held, kindResume, kindResume)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var changes []*change
	for rows.Next() {
		var c change
		var own, with []byte
		if err := rows.Scan(&c.action, &c.kind, &c.credential, &c.list, &own, &with); err != nil {
			return nil, err
		}
		if len(changes) > 0 && (c.list != changes[0].list || t.single || (c.kind == kindResume) != (changes[0].kind == kindResume)) || len(changes) == mostTogether {
			continue
		}
		if c.indices, err = decodeIndices(own); err != nil {
			return nil, err
		}
		if c.fillers, err = decodeIndices(with); err != nil {
			return nil, err
		}
		changes = append(changes, &c)
	}
	return changes, rows.Err()
}

// entries sets all entries of a change alike, the filling too: an entry that moved otherwise would show that it is filling.
func entries(uri string, changes []*change) *ledger.StatusChange {
	values := map[uint64]byte{}
	for _, c := range changes {
		for _, index := range slices.Concat(c.fillers, c.indices) {
			values[index] = byte(outcomes[c.kind].status)
		}
	}
	out := &ledger.StatusChange{URI: uri}
	for index := range values {
		out.Indices = append(out.Indices, index)
	}
	slices.Sort(out.Indices)
	for _, index := range out.Indices {
		out.Values = append(out.Values, values[index])
	}
	return out
}

// send brings a transaction to the chain and writes down what became of it.
func (i *Issuer) send(ctx context.Context, t *tenant, f *flight) error {
	res, err := i.ledger.Submit(ctx, f.raw)
	if err != nil {
		return i.reconcile(ctx, t, f, err)
	}
	switch res.Code {
	case ledger.OK:
		return i.land(ctx, t, f, res)
	case ledger.BadNonce, ledger.Expired:
		return i.reconcile(ctx, t, f, fmt.Errorf("registry code %d", res.Code))
	case ledger.RateLimited:
		return fmt.Errorf("registry code %d: %s", res.Code, res.Log)
	case ledger.TerminalState:
		return i.refused(ctx, t, f, res)
	case ledger.Conflict:
		if f.creates {
			// It stood there before we asked, though our mirror did not know it yet: see createList.
			return i.retire(ctx, t, f)
		}
	}
	// What the registry has against it may end: a key that is being rotated, a stop. A revocation is never given up.
	if err := i.drop(ctx, t, f); err != nil {
		return err
	}
	if res.Code == ledger.Policy && (f.creates || reinstates(f.raw)) {
		// A stop refuses new lists and reinstatements. Revocations pass it, and do not wait behind them.
		t.held = i.now().Add(lastPause)
		i.log.Warn("outbox: new lists and reinstatements wait", "tenant", t.ID, "reason", res.Log, "again_in", lastPause)
		return nil
	}
	return fmt.Errorf("registry code %d: %s", res.Code, res.Log)
}

// reinstates says whether a transaction makes any entry valid.
func reinstates(raw []byte) bool {
	tx, err := ledger.DecodeTx(raw)
	return err == nil && tx.SetStatus != nil && slices.Contains(tx.SetStatus.Values, byte(statuslist.Valid))
}

// reconcile finds out from the proven sequence record what became of a transaction whose outcome is unknown.
func (i *Issuer) reconcile(ctx context.Context, t *tenant, f *flight, cause error) error {
	record, err := i.ledger.Sequence(ctx, t.did)
	if err != nil {
		return errors.Join(cause, err)
	}
	height := i.ledger.State().Height
	sum := sha256.Sum256(f.raw)
	switch {
	case record.N == f.sequence && bytes.Equal(record.Tx, sum[:]):
		return i.land(ctx, t, f, follow.Result{Height: i.listHeight(ctx, t, f.list)})
	case record.N < f.sequence && height <= f.validUntil:
		return cause // it may still come: the same bytes again
	case record.N > f.sequence:
		// Others have written since, and the record of this one is gone. Setting the same entries again does no harm.
	}
	if err := i.drop(ctx, t, f); err != nil {
		return err
	}
	i.log.Info("outbox: made again", "tenant", t.ID, "sequence", f.sequence, "cause", cause)
	return nil
}

// retire gives up a list that is on the chain but not of this store.
func (i *Issuer) retire(ctx context.Context, t *tenant, f *flight) error {
	if err := i.setList(ctx, t, f.list, listRetired); err != nil {
		return err
	}
	return i.drop(ctx, t, f)
}

// listHeight is the block of a list's last change, for a transaction whose block was not told.
func (i *Issuer) listHeight(ctx context.Context, t *tenant, n int64) int64 {
	if meta, _, err := i.ledger.List(ctx, t.listURI(n)); err == nil && meta.Height > 0 {
		return meta.Height
	}
	return i.ledger.State().Height
}

// land writes down that a transaction is on the chain.
func (i *Issuer) land(ctx context.Context, t *tenant, f *flight, res follow.Result) error {
	if f.creates {
		err := i.db.Write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.Exec("UPDATE list SET state = ? WHERE tenant = ? AND n = ?", listActive, t.ID, f.list); err != nil {
				return err
			}
			return f.remove(tx)
		})
		if err == nil {
			i.listStands(t, f.list, listActive)
		}
		return err
	}
	return i.finish(ctx, t, f, actionDone, res)
}

// refused writes down that the registry holds a change for impossible.
func (i *Issuer) refused(ctx context.Context, t *tenant, f *flight, res follow.Result) error {
	if f.creates {
		return i.drop(ctx, t, f)
	}
	if !t.single {
		// Of several only one may be to blame: each goes alone now.
		t.single = true
		return i.drop(ctx, t, f)
	}
	return i.finish(ctx, t, f, actionRefused, res)
}

func (i *Issuer) finish(ctx context.Context, t *tenant, f *flight, outcome int, res follow.Result) error {
	t.single = outcome != actionDone
	var carried []change
	text := "refused"
	if outcome == actionDone {
		text = "on chain"
	}
	err := i.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		carried, err = f.actions(tx)
		if err != nil {
			return err
		}
		for _, c := range carried {
			if _, err := tx.Exec("UPDATE action SET done = ?, height = ?, code = ?, flight = NULL WHERE id = ?", outcome, res.Height, res.Code, c.action); err != nil {
				return err
			}
			if outcome == actionDone {
				if _, err := tx.Exec("UPDATE credential SET state = ?, height = ? WHERE id = ?", outcomes[c.kind].state, res.Height, c.credential); err != nil {
					return err
				}
			}
			if err := i.audit(tx, t, "system", "credential."+c.kind, c.credential, text); err != nil {
				return err
			}
		}
		return f.remove(tx)
	})
	if err != nil {
		return err
	}
	for _, c := range carried {
		i.metrics.changes.WithLabelValues(t.ID, c.kind, text).Inc()
		i.wait.done(c.action)
	}
	return nil
}

// actions returns what a transaction carries.
func (f *flight) actions(tx *sql.Tx) ([]change, error) {
	rows, err := tx.Query("SELECT id, kind, credential FROM action WHERE flight = ? ORDER BY id", f.id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []change
	for rows.Next() {
		var c change
		if err := rows.Scan(&c.action, &c.kind, &c.credential); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

func (f *flight) remove(tx *sql.Tx) error {
	_, err := tx.Exec("DELETE FROM flight WHERE id = ?", f.id)
	return err
}

// drop gives up a transaction that cannot come any more; what it carried waits again.
func (i *Issuer) drop(ctx context.Context, t *tenant, f *flight) error {
	return i.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE action SET flight = NULL WHERE flight = ?", f.id); err != nil {
			return err
		}
		return f.remove(tx)
	})
}
