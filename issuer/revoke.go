package issuer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// Credential is what staff sees of an issued credential: the whole batch of copies.
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
	rows, err := i.db.Read().QueryContext(ctx, `SELECT c.id, c.configuration, c.subject, c.indices, c.issued, c.expires, c.state, c.height, c.event,
		COALESCE((SELECT kind FROM action a WHERE a.credential = c.id AND a.done = 0 ORDER BY a.id DESC LIMIT 1), '')
		FROM credential c WHERE `+where+` ORDER BY c.issued DESC, c.rowid DESC LIMIT 1000`, args...)
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
		all = append(all, c)
	}
	return all, rows.Err()
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
	var action int64
	var before string
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		action = 0
		// What counts is what the credential will be when everything that waits has happened.
		var state string
		err := tx.QueryRow("SELECT state FROM credential WHERE id = ? AND tenant = ?", id, t.ID).Scan(&state)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: credential", ErrNotFound)
		}
		if err != nil {
			return err
		}
		before = state
		var waiting string
		var last int64
		err = tx.QueryRow("SELECT id, kind FROM action WHERE credential = ? AND done = 0 ORDER BY id DESC LIMIT 1", id).Scan(&last, &waiting)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		default:
			state = outcomes[waiting].state
		}
		switch {
		case state == outcomes[kind].state:
			action = last // asked before: wait for it, or it is so already
			return nil
		case state == StateRevoked:
			return fmt.Errorf("%w: a revocation is final (registry code %d, terminal_state)", ErrConflict, ledger.TerminalState)
		}
		res, err := tx.Exec("INSERT INTO action (tenant, credential, kind, reason, staff, created) VALUES (?,?,?,?,?,?)",
			t.ID, id, kind, reason, staffName, i.now().UnixMilli())
		if err != nil {
			return err
		}
		if action, err = res.LastInsertId(); err != nil {
			return err
		}
		return i.audit(tx, t, staffName, "credential."+kind, id, "asked")
	})
	if err != nil {
		return nil, err
	}
	if action != 0 {
		done := i.wait.on(action)
		t.poke()
		i.await(ctx, done)
		i.wait.forget(action, done)
		if i.running.Err() != nil {
			// The service stops. What was asked is stored; the next start goes on with it.
			return &Changed{ID: id, State: before, Pending: true}, nil
		}
	}
	return i.changed(ctx, t, id, action)
}

// await waits until the action is done, but no longer than a caller likes.
func (i *Issuer) await(ctx context.Context, done <-chan struct{}) {
	slow := time.NewTimer(slowChain)
	defer slow.Stop()
	select {
	case <-done:
	case <-slow.C:
	case <-ctx.Done():
	case <-i.running.Done():
	}
}

func (i *Issuer) changed(ctx context.Context, t *tenant, id string, action int64) (*Changed, error) {
	// The caller may be gone; what it asked is stored, and read without it.
	c, err := i.Credential(context.WithoutCancel(ctx), t.ID, id)
	if err != nil {
		return nil, err
	}
	out := &Changed{ID: c.ID, State: c.State, Height: c.Height}
	if action == 0 {
		return out, nil
	}
	var done, code int64
	err = i.db.Read().QueryRowContext(context.WithoutCancel(ctx), "SELECT done, height, code FROM action WHERE id = ?", action).Scan(&done, &out.Height, &code)
	if err != nil {
		return nil, err
	}
	if done == actionRefused {
		return nil, fmt.Errorf("%w: the registry refused it with code %d", ErrConflict, code)
	}
	out.Pending = done == actionWaiting
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
