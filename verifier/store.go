package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

//go:embed migrations/*.sql
var migrations embed.FS

// errStore: the database did not take a change. Nothing was done.
var errStore = errors.New("store")

// write stores changes with their audit lines in one commit.
func (v *Verifier) write(ctx context.Context, f func(*sql.Tx) error) error {
	if err := v.db.Write(ctx, f); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// insert stores a new session.
func (v *Verifier) insert(ctx context.Context, l *live, now time.Time) error {
	blob, err := json.Marshal(&l.secrets)
	if err != nil {
		return fmt.Errorf("session: %v", err)
	}
	s := &l.session
	return v.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO sessions (handle, id, tenant, staff, state, preset, created, expires, secrets) VALUES (?,?,?,?,?,?,?,?,?)",
			l.handle, s.ID, s.Tenant, s.Staff, s.State, s.Preset, s.CreatedAt.UnixMilli(), s.ExpiresAt.UnixMilli(), blob)
		if err != nil {
			return err
		}
		return office.Audit(tx, office.Event{Time: now, Tenant: s.Tenant, Actor: s.Staff, Action: "session.create", Object: s.ID, Outcome: "ok"})
	})
}

// markFetched stores that a wallet has the request object.
func (v *Verifier) markFetched(ctx context.Context, l *live) error {
	return v.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE sessions SET state = ? WHERE handle = ? AND state = ?", Fetched, l.handle, Created)
		return err
	})
}

func (v *Verifier) saveExtension(ctx context.Context, l *live, s *Session, keep secrets, staff string) error {
	blob, err := json.Marshal(&keep)
	if err != nil {
		return fmt.Errorf("session: %v", err)
	}
	now := v.now()
	return v.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE sessions SET expires = ?, secrets = ? WHERE handle = ? AND secrets IS NOT NULL", s.ExpiresAt.UnixMilli(), blob, l.handle); err != nil {
			return err
		}
		return office.Audit(tx, office.Event{Time: now, Tenant: s.Tenant, Actor: staff, Action: "session.extend", Object: s.ID, Outcome: "ok"})
	})
}

// ending is how a session ends.
type ending struct {
	state    State
	outcome  Outcome
	category credential.Category
	actor    string
	action   string
	claims   json.RawMessage
	issuers  []string
	asOf     time.Time
	height   int64
	stale    bool
	code     []byte
	holder   string       // thumbprint of the key that bound the answer; for the receipt, never stored
	shown    []sdjwt.Path // names of the claims, likewise
}

// finish ends a claimed session once and for all: the secrets go, the outcome stays. If the database does not take it,
// the session is as it was.
func (v *Verifier) finish(ctx context.Context, l *live, e ending) error {
	// An ending must not be lost because the caller hung up.
	ctx = context.WithoutCancel(ctx)
	now := v.now()
	l.mu.Lock()
	s := l.session
	l.mu.Unlock()
	s.State, s.Outcome, s.Category = e.state, e.outcome, e.category
	s.AsOf, s.Height, s.Stale, s.Claims, s.Issuers = e.asOf, e.height, e.stale, e.claims, e.issuers
	result := string(e.category)
	if result == "" {
		result = "ok"
	}
	err := v.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET state = ?, outcome = ?, category = ?, ended = ?, as_of = ?, stale = ?, height = ?, secrets = NULL, code = ?, claims = ?
			WHERE handle = ?`,
			s.State, s.Outcome, s.Category, now.UnixMilli(), milli(s.AsOf), s.Stale, s.Height, e.code, []byte(s.Claims), l.handle)
		if err != nil {
			return err
		}
		return office.Audit(tx, office.Event{Time: now, Tenant: s.Tenant, Actor: e.actor, Action: e.action, Object: s.ID, Outcome: result})
	})
	if err != nil {
		l.release()
		return err
	}
	l.mu.Lock()
	l.session, l.code, l.busy = s, e.code, false
	l.secrets, l.key, l.object = secrets{}, nil, ""
	l.purge = v.elapsed() + time.Duration(v.cfg.ClaimMinutes)*time.Minute
	l.mu.Unlock()
	if e.claims == nil {
		v.mu.Lock()
		delete(v.live, l.handle)
		v.mu.Unlock()
	}
	v.metrics.ended(s)
	v.subs.tell(s.ID)
	return nil
}

// forget wipes the values of an ended session.
func (v *Verifier) forget(ctx context.Context, tenantID, handle, actor string) error {
	now := v.now()
	var id string
	err := v.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRow("UPDATE sessions SET claims = NULL WHERE handle = ? AND tenant = ? RETURNING id", handle, tenantID).Scan(&id)
		if err != nil {
			return err
		}
		return office.Audit(tx, office.Event{Time: now, Tenant: tenantID, Actor: actor, Action: "session.clear", Object: id, Outcome: "ok"})
	})
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	v.mu.Lock()
	delete(v.live, handle)
	v.mu.Unlock()
	// The journal of the database still holds the old page; a reader in the way leaves that to the next round.
	_ = v.db.Purge(ctx)
	v.subs.tell(id)
	return nil
}

const columns = "id, tenant, staff, state, outcome, category, preset, created, expires, as_of, stale, height, claims"

type scanner interface{ Scan(...any) error }

func scanSession(row scanner, more ...any) (*Session, error) {
	var s Session
	var created, expires, asOf int64
	var claims []byte
	into := append([]any{&s.ID, &s.Tenant, &s.Staff, &s.State, &s.Outcome, &s.Category, &s.Preset, &created, &expires, &asOf, &s.Stale, &s.Height, &claims}, more...)
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	s.CreatedAt, s.ExpiresAt, s.Claims = time.UnixMilli(created).UTC(), time.UnixMilli(expires).UTC(), claims
	if asOf != 0 {
		s.AsOf = time.UnixMilli(asOf).UTC()
	}
	return &s, nil
}

// stored returns a session that is not in memory any more, without values. Error: [ErrNotFound]; a cancelled session
// is returned.
func (v *Verifier) stored(ctx context.Context, tenantID, handle string) (*Session, error) {
	if len(handle) != len(handleOf("")) {
		return nil, ErrNotFound
	}
	row := v.db.Read().QueryRowContext(ctx, "SELECT "+columns+" FROM sessions WHERE handle = ? AND tenant = ?", handle, tenantID)
	s, err := scanSession(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStore, err)
	}
	s.Claims = nil
	return s, nil
}

// History returns ended and open sessions of the tenant, newest first, without values. before, when not zero, pages on.
func (v *Verifier) History(ctx context.Context, tenantID string, before time.Time, limit int) ([]Session, error) {
	if v.tenants[tenantID] == nil {
		return nil, ErrNotFound
	}
	last := int64(1) << 62
	if !before.IsZero() {
		last = before.UnixMilli()
	}
	rows, err := v.db.Read().QueryContext(ctx, "SELECT "+columns+" FROM sessions WHERE tenant = ? AND created < ? ORDER BY created DESC LIMIT ?", tenantID, last, min(max(limit, 1), 200))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStore, err)
	}
	defer rows.Close()
	all := []Session{}
	for rows.Next() {
		s, err := scanSession(rows)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errStore, err)
		}
		s.Claims = nil
		all = append(all, *s)
	}
	return all, rows.Err()
}

// load takes up the sessions that were open, or held values, when the service stopped. The clock of the day is all
// there is for the time it stood still, so nobody gets more time than a new session would.
func (v *Verifier) load(ctx context.Context) error {
	rows, err := v.db.Read().QueryContext(ctx, "SELECT "+columns+", handle, ended, secrets, code FROM sessions WHERE secrets IS NOT NULL OR claims IS NOT NULL")
	if err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	defer rows.Close()
	now := v.now()
	for rows.Next() {
		var blob []byte
		var ended int64
		l := &live{}
		s, err := scanSession(rows, &l.handle, &ended, &blob, &l.code)
		if err != nil {
			return fmt.Errorf("%w: %w", errStore, err)
		}
		if l.tenant = v.tenants[s.Tenant]; l.tenant == nil {
			// The tenant left the configuration; its sessions end as time goes by, unreachable.
			l.tenant = &tenant{Tenant: Tenant{ID: "\x00" + s.Tenant}}
		}
		l.session, l.id = *s, s.ID
		l.deadline = v.elapsed() + min(max(s.ExpiresAt.Sub(now), 0), Lifetime)
		// Half the usual time at most, so that values that were kept before do not stay longer than they may.
		keep := time.Duration(v.cfg.ClaimMinutes) * time.Minute
		l.purge = v.elapsed() + min(max(time.UnixMilli(ended).Add(keep).Sub(now), 0), keep/2)
		if blob != nil {
			if err := l.unseal(blob); err != nil {
				return err
			}
		}
		v.live[l.handle] = l
	}
	return rows.Err()
}

func (l *live) unseal(blob []byte) error {
	if err := json.Unmarshal(blob, &l.secrets); err != nil {
		return fmt.Errorf("stored session: %v", err)
	}
	l.session.Purpose = l.secrets.Purpose
	if c, ok := l.tenant.clients[l.secrets.Prefix]; ok {
		l.session.Link = link(l.tenant, c, l.handle, l.secrets.Method)
	}
	if len(l.secrets.Key) > 0 {
		var err error
		if l.key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), l.secrets.Key); err != nil {
			return fmt.Errorf("stored session: %v", err)
		}
	}
	return nil
}

// audit stores an event that belongs to no change. That it cannot be stored does not make the refusal undone.
func (v *Verifier) audit(ctx context.Context, tenant, actor, action, object, outcome string) {
	now := v.now()
	err := v.write(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		return office.Audit(tx, office.Event{Time: now, Tenant: tenant, Actor: actor, Action: action, Object: object, Outcome: outcome})
	})
	if err != nil {
		v.log.Error("audit line not stored", "action", action, "error", err)
	}
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
