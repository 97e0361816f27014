package issuer

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// Kinds of actions on a credential.
const (
	kindRevoke  = "revoke"
	kindSuspend = "suspend"
	kindResume  = "resume"
)

// outcomes says what each kind makes of a credential.
var outcomes = map[string]struct {
	state  string
	status statuslist.Status
}{
	kindRevoke:  {StateRevoked, statuslist.Invalid},
	kindSuspend: {StateSuspended, statuslist.Suspended},
	kindResume:  {StateValid, statuslist.Valid},
}

// slowChain is how long a caller waits for the chain before it hears that the change is under way.
const slowChain = 10 * time.Second

const maxReason = 500 // bytes

// Credential is what staff sees of an issued credential: all its copies, those of renewals too.
type Credential struct {
	ID              string    `json:"id"`
	ConfigurationID string    `json:"configuration_id"`
	Subject         string    `json:"subject,omitempty"`
	Copies          int       `json:"copies"`
	IssuedAt        time.Time `json:"issued_at"`
	ExpiresAt       time.Time `json:"expires_at"`        // the last day of the copy that lasts longest; each copy has its own
	State           string    `json:"state"`             // valid, suspended, revoked: as it stands on the chain
	Height          int64     `json:"height,omitempty"`  // block of the last change
	Pending         string    `json:"pending,omitempty"` // revoke, suspend or resume on its way to the chain
	Event           string    `json:"event,omitempty"`   // what the wallet said
}

// Changed is the outcome of revoking, suspending or resuming.
type Changed struct {
	ID      string `json:"id"`
	State   string `json:"state"`             // as it stands on the chain
	Height  int64  `json:"height,omitempty"`  // of the block that holds the change
	Pending bool   `json:"pending,omitempty"` // true: stored here, and on its way to the chain
}

// Credentials lists the credentials of a subject, newest first; of all when subject is empty (at most 1,000).
func (i *Issuer) Credentials(ctx context.Context, tenantID, subject string) ([]Credential, error) {
	t, err := i.tenant(tenantID)
	if err != nil {
		return nil, err
	}
	return i.credentials(ctx, "c.tenant = ? AND (? = '' OR c.subject = ?)", t.ID, subject, subject)
}

// Credential returns one credential. Error: [ErrNotFound].
func (i *Issuer) Credential(ctx context.Context, tenantID, id string) (*Credential, error) {
	t, err := i.tenant(tenantID)
	if err != nil {
		return nil, err
	}
	all, err := i.credentials(ctx, "c.tenant = ? AND c.id = ?", t.ID, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: credential", ErrNotFound)
	}
	return &all[0], nil
}

func (i *Issuer) credentials(ctx context.Context, where string, args ...any) ([]Credential, error) {
	rows, err := i.db.Read().QueryContext(ctx, `SELECT r.id, b.configuration, b.subject, b.indices, b.issued, b.expires, b.state, b.height, b.event,
		COALESCE((SELECT kind FROM action a WHERE a.credential = b.id AND a.done = 0 ORDER BY a.id DESC LIMIT 1), '')
		FROM (SELECT c.id, c.issued, c.rowid AS n FROM credential c WHERE c.id = c.card AND `+where+` ORDER BY c.issued DESC, c.rowid DESC LIMIT 1000) r
		JOIN credential b ON b.card = r.id ORDER BY r.issued DESC, r.n DESC, b.rowid`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []Credential{}
	for rows.Next() {
		var c Credential
		var own []byte
		var issued, expires int64
		if err := rows.Scan(&c.ID, &c.ConfigurationID, &c.Subject, &own, &issued, &expires, &c.State, &c.Height, &c.Event, &c.Pending); err != nil {
			return nil, err
		}
		indices, err := decodeIndices(own)
		if err != nil {
			return nil, err
		}
		c.Copies = len(indices)
		c.IssuedAt, c.ExpiresAt = time.UnixMilli(issued).UTC(), time.UnixMilli(expires).UTC()
		if last := len(all) - 1; last >= 0 && all[last].ID == c.ID {
			all[last].join(&c)
			continue
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// join adds a renewed batch. A card is revoked when its last batch is.
func (c *Credential) join(b *Credential) {
	c.Copies += b.Copies
	if b.ExpiresAt.After(c.ExpiresAt) {
		c.ExpiresAt = b.ExpiresAt
	}
	standing := []string{StateValid, StateSuspended, StateRevoked}
	if slices.Index(standing, b.State) < slices.Index(standing, c.State) {
		c.State = b.State
	}
	c.Height = max(c.Height, b.Height)
	if c.Pending == "" {
		c.Pending = b.Pending
	}
}

// Revoke ends a credential for good: all its copies, at the next block. Errors: [ErrNotFound], [ErrInvalid].
func (i *Issuer) Revoke(ctx context.Context, tenantID, staffName, id, reason string) (*Changed, error) {
	return i.change(ctx, tenantID, staffName, id, kindRevoke, reason)
}

// Suspend stops a credential until it is resumed. Errors: [ErrNotFound], [ErrInvalid], [ErrConflict] after a revocation.
func (i *Issuer) Suspend(ctx context.Context, tenantID, staffName, id, reason string) (*Changed, error) {
	return i.change(ctx, tenantID, staffName, id, kindSuspend, reason)
}

// Resume ends a suspension. Errors: [ErrNotFound], [ErrInvalid], [ErrConflict] after a revocation.
func (i *Issuer) Resume(ctx context.Context, tenantID, staffName, id, reason string) (*Changed, error) {
	return i.change(ctx, tenantID, staffName, id, kindResume, reason)
}

// change writes down what is asked, and then waits a while for the chain to have it.
func (i *Issuer) change(ctx context.Context, tenantID, staffName, id, kind, reason string) (*Changed, error) {
	t, err := i.tenant(tenantID)
	if err != nil {
		return nil, err
	}
	if reason == "" || len(reason) > maxReason {
		return nil, fmt.Errorf("%w: a reason of 1 to %d bytes is needed", ErrInvalid, maxReason)
	}
	var actions []int64
	var before string
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		actions = nil
		batches, err := batchesOf(tx, t, id)
		if err != nil {
			return err
		}
		before = batches[0].state
		asked := false
		for _, b := range batches {
			switch {
			case b.coming == outcomes[kind].state:
				if b.waiting != 0 {
					actions = append(actions, b.waiting) // asked before: wait for it, or it is so already
				}
				continue
			case b.coming == StateRevoked:
				return fmt.Errorf("%w: a revocation is final (registry code %d, terminal_state)", ErrConflict, ledger.TerminalState)
			}
			res, err := tx.Exec("INSERT INTO action (tenant, credential, kind, reason, staff, created) VALUES (?,?,?,?,?,?)",
				t.ID, b.id, kind, reason, staffName, i.now().UnixMilli())
			if err != nil {
				return err
			}
			action, err := res.LastInsertId()
			if err != nil {
				return err
			}
			actions, asked = append(actions, action), true
		}
		if kind == kindRevoke {
			if err := endRenewal(tx, batches[0].offer); err != nil {
				return err
			}
		}
		if !asked {
			return nil
		}
		return i.audit(tx, t, staffName, "credential."+kind, id, "asked")
	})
	if err != nil {
		return nil, err
	}
	if len(actions) > 0 {
		var done []chan struct{}
		for _, action := range actions {
			done = append(done, i.wait.on(action))
		}
		t.poke()
		i.await(ctx, done)
		for n, action := range actions {
			i.wait.forget(action, done[n])
		}
		if i.running.Err() != nil {
			// The service stops. What was asked is stored; the next start goes on with it.
			return &Changed{ID: id, State: before, Pending: true}, nil
		}
	}
	return i.changed(ctx, t, id, actions)
}

// batch is one batch of copies of a card. What counts is what it will be when everything that waits has happened.
type batch struct {
	id, offer, state, coming string
	waiting                  int64 // newest action that waits, 0 if there is none
}

// batchesOf returns the batches of a card, the first one first. Error: [ErrNotFound].
func batchesOf(tx *sql.Tx, t *tenant, card string) ([]batch, error) {
	rows, err := tx.Query(`SELECT b.id, b.offer, b.state, COALESCE(a.id, 0), COALESCE(a.kind, '') FROM credential b
		LEFT JOIN action a ON a.id = (SELECT MAX(id) FROM action WHERE credential = b.id AND done = 0)
		WHERE b.card = ? AND b.tenant = ? ORDER BY b.rowid`, card, t.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []batch
	for rows.Next() {
		var b batch
		var kind string
		if err := rows.Scan(&b.id, &b.offer, &b.state, &b.waiting, &kind); err != nil {
			return nil, err
		}
		if b.coming = b.state; b.waiting != 0 {
			b.coming = outcomes[kind].state
		}
		all = append(all, b)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: credential", ErrNotFound)
	}
	return all, nil
}

// await waits until all actions are done, but no longer than a caller likes.
func (i *Issuer) await(ctx context.Context, done []chan struct{}) {
	slow := time.NewTimer(slowChain)
	defer slow.Stop()
	for _, one := range done {
		select {
		case <-one:
		case <-slow.C:
			return
		case <-ctx.Done():
			return
		case <-i.running.Done():
			return
		}
	}
}

func (i *Issuer) changed(ctx context.Context, t *tenant, id string, actions []int64) (*Changed, error) {
	// The caller may be gone; what it asked is stored, and read without it.
	ctx = context.WithoutCancel(ctx)
	c, err := i.Credential(ctx, t.ID, id)
	if err != nil {
		return nil, err
	}
	out := &Changed{ID: c.ID, State: c.State, Height: c.Height}
	for n, action := range actions {
		var done, height, code int64
		if err := i.db.Read().QueryRowContext(ctx, "SELECT done, height, code FROM action WHERE id = ?", action).Scan(&done, &height, &code); err != nil {
			return nil, err
		}
		if done == actionRefused {
			return nil, fmt.Errorf("%w: the registry refused it with code %d", ErrConflict, code)
		}
		if n == 0 || height > out.Height {
			out.Height = height
		}
		out.Pending = out.Pending || done == actionWaiting
	}
	return out, nil
}

// waiters are callers that wait for an action to be done.
type waiters struct {
	mu *sync.Mutex
	m  map[int64][]chan struct{}
}

func newWaiters() waiters { return waiters{mu: new(sync.Mutex), m: map[int64][]chan struct{}{}} }

func (w *waiters) on(action int64) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{})
	w.m[action] = append(w.m[action], c)
	return c
}

func (w *waiters) forget(action int64, c chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.m[action][:0]
	for _, other := range w.m[action] {
		if other != c {
			kept = append(kept, other)
		}
	}
	if w.m[action] = kept; len(kept) == 0 {
		delete(w.m, action)
	}
}

func (w *waiters) done(action int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.m[action] {
		close(c)
	}
	delete(w.m, action)
}
