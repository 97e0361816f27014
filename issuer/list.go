package issuer

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// A status list. Positions of its drawn order are given out from the front; filling is taken from the back. What lies between
// reserved and size is for filling alone.
const (
	listSize = 1 << 16
	listBits = 2 // valid, invalid, suspended
	listTTL  = 300
	// listYears is how long a list stands. Nothing is issued into it for so long: it would be full.
	listYears = 15
	issuable  = listSize * 5 / 8
	// nearlyFull is when the next list is made, so that it stands on the chain before this one is full.
	nearlyFull    = issuable * 3 / 4
	nearlyNoSpare = issuable + (listSize-issuable)/4
)

// States of a list.
const (
	listNew     = "new"     // not on the chain yet
	listActive  = "active"  //
	listRetired = "retired" // on the chain, but not of this store: its used indices are not known, so none is given out
)

func (t *tenant) listURI(n int64) string { return fmt.Sprintf("%s/status/%d", t.base, n) }

// loadLists reads the orders of the lists.
func (i *Issuer) loadLists(ctx context.Context, t *tenant) error {
	rows, err := i.db.Read().QueryContext(ctx, "SELECT n, positions, state FROM list WHERE tenant = ?", t.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for rows.Next() {
		var n int64
		var positions []byte
		var state string
		if err := rows.Scan(&n, &positions, &state); err != nil {
			return err
		}
		if state == listActive {
			t.once.Do(func() { close(t.ready) })
		}
		if len(positions)%4 != 0 {
			return fmt.Errorf("status list %d: damaged order", n)
		}
		order := make([]uint32, len(positions)/4)
		for p := range order {
			order[p] = binary.BigEndian.Uint32(positions[4*p:])
		}
		t.lists[n] = order
	}
	return rows.Err()
}

// positions returns the drawn order of a list.
func (t *tenant) positions(n int64) []uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lists[n]
}

// newList draws the order of the next list and stores it. It is used when the chain has it.
func (i *Issuer) newList(ctx context.Context, t *tenant) error {
	order, err := shuffled(listSize)
	if err != nil {
		return err
	}
	positions := make([]byte, 0, 4*listSize)
	for _, index := range order {
		positions = binary.BigEndian.AppendUint32(positions, index)
	}
	var n int64
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRow("SELECT COALESCE(MAX(n), 0) + 1 FROM list WHERE tenant = ?", t.ID).Scan(&n); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO list (tenant, n, uri, size, positions, filler, state) VALUES (?,?,?,?,?,?,?)",
			t.ID, n, t.listURI(n), listSize, positions, listSize, listNew)
		return err
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lists[n] = order
	return nil
}

// shuffled returns 0 … n-1 in an order drawn from crypto/rand (Fisher-Yates), so that an index tells neither when it was
// given out nor beside which.
func shuffled(n int) ([]uint32, error) {
	order := make([]uint32, n)
	for k := range order {
		order[k] = uint32(k)
	}
	for k := n - 1; k > 0; k-- {
		j, err := rand.Int(rand.Reader, big.NewInt(int64(k+1)))
		if err != nil {
			return nil, err
		}
		order[k], order[j.Int64()] = order[j.Int64()], order[k]
	}
	return order, nil
}

// indices are status entries that were given out.
type indices struct {
	list int64
	uri  string
	all  []uint64
	low  bool // the next list is to be made
}

// take gives out n indices of one list that were never given out. They are taken when tx is on disk; if it fails they
// were never seen by anybody. Error: [ErrUnavailable] until a list is on the chain.
func (i *Issuer) take(tx *sql.Tx, t *tenant, n int) (*indices, error) {
	var list, next int64
	var uri string
	// One credential stays in one list, so that one transaction revokes it.
	// A list whose reserve is used up gives nothing out any more: what is left of it is filling for what it gave out before.
	err := tx.QueryRow(`SELECT n, uri, next FROM list WHERE tenant = ? AND state = ? AND next + ? <= ? AND filler > ? ORDER BY n LIMIT 1`,
		t.ID, listActive, n, issuable, issuable).Scan(&list, &uri, &next)
	if errors.Is(err, sql.ErrNoRows) {
		t.poke()
		return nil, fmt.Errorf("%w: no status list with room", ErrUnavailable)
	}
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec("UPDATE list SET next = next + ? WHERE tenant = ? AND n = ?", n, t.ID, list); err != nil {
		return nil, err
	}
	order := t.positions(list)
	if int(next)+n > len(order) {
		return nil, fmt.Errorf("status list %d: order of %d entries", list, len(order))
	}
	out := &indices{list: list, uri: uri, low: int(next)+n >= nearlyFull}
	for _, index := range order[next : int(next)+n] {
		out.all = append(out.all, uint64(index))
	}
	return out, nil
}

// fill returns the entries that always change together with a credential's own, so that each transaction sets
// [ledger.StatusBatch] or a multiple and does not show which of them are in use. They are drawn at the first change and kept:
// other ones the next time would tell them apart.
func (i *Issuer) fill(tx *sql.Tx, t *tenant, c *change) error {
	need := (ledger.StatusBatch - len(c.indices)%ledger.StatusBatch) % ledger.StatusBatch
	var filler, next int64
	if err := tx.QueryRow("SELECT filler, next FROM list WHERE tenant = ? AND n = ?", t.ID, c.list).Scan(&filler, &next); err != nil {
		return err
	}
	if filler-int64(need) < next {
		return i.fillAgain(tx, t, c, need)
	}
	if _, err := tx.Exec("UPDATE list SET filler = filler - ? WHERE tenant = ? AND n = ?", need, t.ID, c.list); err != nil {
		return err
	}
	for _, index := range t.positions(c.list)[filler-int64(need) : filler] {
		c.fillers = append(c.fillers, uint64(index))
	}
	_, err := tx.Exec("UPDATE credential SET fillers = ? WHERE id = ?", encodeIndices(c.fillers), c.credential)
	return err
}

// fillAgain is for a list without filling: entries that were revoked before are set to revoked once more. The batch has its
// size then, but hides less. A revocation must never wait for better.
func (i *Issuer) fillAgain(tx *sql.Tx, t *tenant, c *change, need int) error {
	if c.kind != kindRevoke {
		return fmt.Errorf("%w: no filling left in status list %d", ErrUnavailable, c.list)
	}
	rows, err := tx.Query("SELECT indices, fillers FROM credential WHERE tenant = ? AND list = ? AND state = ? AND fillers IS NOT NULL ORDER BY RANDOM() LIMIT 64",
		t.ID, c.list, StateRevoked)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() && len(c.fillers) < need {
		var own, with []byte
		if err := rows.Scan(&own, &with); err != nil {
			return err
		}
		all, err := decodeIndices(append(own, with...))
		if err != nil {
			return err
		}
		c.fillers = append(c.fillers, all[:min(len(all), need-len(c.fillers))]...)
	}
	if len(c.fillers) < need {
		return errors.Join(rows.Err(), fmt.Errorf("%w: no filling left in status list %d", ErrUnavailable, c.list))
	}
	return rows.Err()
}

func encodeIndices(all []uint64) []byte {
	b := []byte{}
	for _, index := range all {
		b = binary.AppendUvarint(b, index)
	}
	return b
}

func decodeIndices(b []byte) ([]uint64, error) {
	var all []uint64
	for len(b) > 0 {
		index, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("damaged status indices")
		}
		all, b = append(all, index), b[n:]
	}
	return all, nil
}

// needsList reports whether a new list is needed: there is none, or the newest is nearly full or cannot be used.
func (i *Issuer) needsList(ctx context.Context, t *tenant) (bool, error) {
	var state string
	var next, filler int64
	err := i.db.Read().QueryRowContext(ctx, "SELECT state, next, filler FROM list WHERE tenant = ? ORDER BY n DESC LIMIT 1", t.ID).Scan(&state, &next, &filler)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return true, nil
	case err != nil:
		return false, err
	}
	return state == listRetired || state == listActive && (next >= nearlyFull || filler <= nearlyNoSpare), nil
}
