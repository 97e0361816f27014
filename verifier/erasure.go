package verifier

import (
	"context"
	"crypto"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Duty is a law by which a tenant must keep the outcomes of its sessions. Values of claims are never kept under it.
type Duty struct {
	LegalBasis string `toml:"legal_basis"` // as the citizen is told; empty: there is none
	Days       int    `toml:"days"`        // how long, instead of history_days
	// Decide leaves a request to erase to a member of staff, who may find that the law does not ask for this one.
	Decide bool `toml:"decide"`
}

// maxKept is how long a law may ask to keep: seven years.
const maxKept = 7 * 366

func (d *Duty) check() error {
	if d.LegalBasis == "" && d.Days == 0 && !d.Decide {
		return nil
	}
	if d.LegalBasis == "" || len(d.LegalBasis) > 300 {
		return errors.New("setting duty.legal_basis: missing or longer than 300")
	}
	if d.Days < 1 || d.Days > maxKept {
		return fmt.Errorf("setting duty.days: %d, 1 to %d", d.Days, maxKept)
	}
	return nil
}

// Decision is what a member of staff decides about a request to erase.
type Decision string

// The decisions.
const (
	DecideErase  Decision = "erase"
	DecideRefuse Decision = "refuse"
)

// Erasure is a request that a person decides on.
type Erasure struct {
	ID       string    `json:"id"`
	Session  string    `json:"session"`
	AskedAt  time.Time `json:"asked_at"`
	DecideBy time.Time `json:"decide_by"`
	Decision Decision  `json:"decision,omitempty"`
	Decided  time.Time `json:"decided_at,omitzero"`
	Staff    string    `json:"staff,omitempty"`
}

// ErrDecided: somebody has decided already.
var ErrDecided = errors.New("decided already")

// errProof: a request to erase does not hold. It says no more, so that nobody learns which sessions there were.
var errProof = errors.New("request to erase not proven")

// erasurePath is where the holders of a tenant's receipts ask, below its base: one address for all of them.
const erasurePath = "/erasure"

// keepFor is how long the outcomes of a tenant are kept.
func (v *Verifier) keepFor(t *tenant) int {
	if t.Duty.LegalBasis != "" {
		return t.Duty.Days
	}
	return v.cfg.HistoryDays
}

// receipt makes the receipt for an accepted answer. It is not stored: only the wallet has it.
func (v *Verifier) receipt(a *answering, e *ending) (string, error) {
	l := a.live
	l.mu.Lock()
	s := l.session
	l.mu.Unlock()
	// One order, whatever order they came in: it would tell one receipt from another.
	slices.SortFunc(e.shown, func(a, b sdjwt.Path) int { return strings.Compare(a.String(), b.String()) })
	shown := slices.CompactFunc(e.shown, func(a, b sdjwt.Path) bool { return slices.Equal(a, b) })
	now := v.now()
	r := erasure.Receipt{
		Verifier: l.tenant.DID, Session: l.id, Time: now, Holder: e.holder, Claims: shown, Purpose: a.want.Purpose, Accreditation: s.Preset,
		ValuesUntil:  now.Add(time.Duration(v.cfg.ClaimMinutes) * time.Minute),
		OutcomeUntil: s.CreatedAt.AddDate(0, 0, v.keepFor(l.tenant)), LegalBasis: l.tenant.Duty.LegalBasis, Endpoint: l.tenant.base + erasurePath,
	}
	return r.Sign(l.tenant.signer, l.tenant.clients[a.want.Prefix].header)
}

// names lists the claims of an answer, without what they say.
func names(claims map[string]any, at sdjwt.Path) []sdjwt.Path {
	var all []sdjwt.Path
	for name, v := range claims {
		path := append(slices.Clone(at), name)
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 {
			all = append(all, names(inner, path)...)
			continue
		}
		all = append(all, path)
	}
	return all
}

// erase answers a request to erase, as it came in, with a signed answer. Errors: errProof, [erasure.ErrMalformed], and ours.
func (v *Verifier) erase(ctx context.Context, t *tenant, compact string) (string, error) {
	r, err := erasure.ParseRequest(compact)
	if err != nil {
		return "", err
	}
	// A MAC costs less than three signatures.
	if !v.challenges.fresh(t.ID, r.Challenge, v.elapsed()) {
		return "", fmt.Errorf("%w: challenge", errProof)
	}
	key, err := v.receiptKey(ctx, t, r.Receipt)
	if err != nil {
		return "", err
	}
	if err := r.Verify(t.base+erasurePath, key); err != nil || r.Receipt.Verifier != t.DID {
		return "", fmt.Errorf("%w: %v", errProof, err)
	}
	if !v.challenges.use(r.Challenge, v.elapsed()) {
		return "", fmt.Errorf("%w: challenge used before", errProof)
	}
	a, err := v.eraseSession(context.WithoutCancel(ctx), t, r)
	if err != nil {
		return "", err
	}
	v.metrics.erasure(t.ID, a.Outcome)
	return a.Sign(t.signer, t.clients[t.ClientID].header)
}

// receiptKey returns the key that must have signed a receipt: ours of today, or one that was ours when it was signed.
func (v *Verifier) receiptKey(ctx context.Context, t *tenant, r *erasure.Receipt) (crypto.PublicKey, error) {
	h := r.Header()
	for _, c := range t.clients {
		if c.header.KeyID == h.KeyID && slices.EqualFunc(c.header.X5C, h.X5C, slices.Equal) {
			return t.signer.Public(), nil
		}
	}
	var who *trust.Identity
	var err error
	if len(h.X5C) > 0 {
		who, err = v.trust.ByChain(ctx, h.X5C, trust.Ask, "", r.Time, v.now())
	} else {
		who, err = v.trust.ByKeyID(ctx, h.KeyID, trust.Ask, r.Time, v.now())
	}
	switch {
	case err == nil && who.Registered && who.DID == did.DID(t.DID):
		return who.Key, nil
	case err == nil, errors.Is(err, trust.ErrUntrusted), errors.Is(err, trust.ErrTooManyCertificates):
		return nil, fmt.Errorf("%w: receipt of another key: %v", errProof, err)
	}
	return nil, fmt.Errorf("%w: %w", errStore, err)
}

// eraseSession erases what may be erased of a session and says what came of it. Values go in any case.
func (v *Verifier) eraseSession(ctx context.Context, t *tenant, r *erasure.Request) (*erasure.Answer, error) {
	id := r.Receipt.Session
	handle, now := handleOf(id), v.now().UTC()
	var a *erasure.Answer
	err := v.write(ctx, func(tx *sql.Tx) error {
		a = r.Answer(erasure.NothingKept, now)
		var created, ended int64
		var erased, values bool
		err := tx.QueryRow("SELECT created, ended, erased, claims IS NOT NULL FROM sessions WHERE handle = ? AND tenant = ?", handle, t.ID).Scan(&created, &ended, &erased, &values)
		gone := errors.Is(err, sql.ErrNoRows)
		if err != nil && !gone {
			return err
		}
		must := time.UnixMilli(created).UTC().AddDate(0, 0, t.Duty.Days)
		switch {
		case gone:
			// A person may have decided that it goes, and nobody has told the holder yet.
			e, err := pending(tx, t.ID, id)
			if err != nil {
				return err
			}
			if e != nil && e.Decision == DecideErase {
				a.Outcome = erasure.Erased
			}
		case t.Duty.LegalBasis != "" && now.Before(must):
			if err := v.keep(tx, t, a, id, now, must); err != nil {
				return err
			}
		case !erased:
			a.Outcome = erasure.Erased
		}
		if !gone {
			if _, err := tx.Exec("UPDATE sessions SET claims = NULL, erased = ? WHERE handle = ?", a.Outcome.Final(), handle); err != nil {
				return err
			}
		}
		if err := v.dropErased(tx, t.ID, now); err != nil {
			return err
		}
		return office.Audit(tx, office.Event{Time: now, Tenant: t.ID, Actor: "wallet", Action: "session.erase", Object: id, Outcome: string(a.Outcome)})
	})
	if err != nil {
		return nil, err
	}
	v.forgetLive(ctx, t.ID, handle, id)
	return a, nil
}

// forgetLive drops the values of an ended session from memory, and what the journal of the database holds of them.
func (v *Verifier) forgetLive(ctx context.Context, tenantID, handle, id string) {
	if l := v.find(tenantID, handle); l != nil {
		l.mu.Lock()
		l.session.Claims, l.session.Issuers = nil, nil
		l.mu.Unlock()
		v.mu.Lock()
		delete(v.live, handle)
		v.mu.Unlock()
	}
	_ = v.db.Purge(ctx) // a reader in the way leaves that to the next round
	v.subs.tell(id)
}

// keep answers for what the law says must be kept.
func (v *Verifier) keep(tx *sql.Tx, t *tenant, a *erasure.Answer, id string, now, must time.Time) error {
	refuse := func() { a.Outcome, a.LegalBasis, a.Until = erasure.Refused, t.Duty.LegalBasis, must }
	if !t.Duty.Decide {
		refuse()
		return nil
	}
	e, err := pending(tx, t.ID, id)
	if err != nil {
		return err
	}
	if e == nil {
		// A month, as the law says (AVG art. 12(3)).
		e = &Erasure{ID: handleOf("erasure " + id), DecideBy: now.AddDate(0, 1, 0)}
		if _, err := tx.Exec("INSERT INTO erasures (id, tenant, session, asked, until) VALUES (?,?,?,?,?)", e.ID, t.ID, id, now.UnixMilli(), e.DecideBy.UnixMilli()); err != nil {
			return err
		}
	}
	if e.Decision == DecideRefuse {
		refuse()
		return nil
	}
	a.Outcome, a.Until = erasure.InProgress, e.DecideBy
	return nil
}

const erasureColumns = "id, session, asked, until, decision, decided, staff"

func scanErasure(row scanner) (*Erasure, error) {
	var e Erasure
	var asked, until, decided int64
	if err := row.Scan(&e.ID, &e.Session, &asked, &until, &e.Decision, &decided, &e.Staff); err != nil {
		return nil, err
	}
	e.AskedAt, e.DecideBy = time.UnixMilli(asked).UTC(), time.UnixMilli(until).UTC()
	if decided != 0 {
		e.Decided = time.UnixMilli(decided).UTC()
	}
	return &e, nil
}

// pending returns the request of a session that a person decides on, nil if there is none.
func pending(tx *sql.Tx, tenantID, session string) (*Erasure, error) {
	e, err := scanErasure(tx.QueryRow("SELECT "+erasureColumns+" FROM erasures WHERE tenant = ? AND session = ?", tenantID, session))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return e, err
}

// Erasures returns the requests of a tenant that a person decides on, or has decided, oldest first.
func (v *Verifier) Erasures(ctx context.Context, tenantID string) ([]Erasure, error) {
	rows, err := v.db.Read().QueryContext(ctx, "SELECT "+erasureColumns+" FROM erasures WHERE tenant = ? ORDER BY decision != '', asked LIMIT 500", tenantID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStore, err)
	}
	defer rows.Close()
	all := []Erasure{}
	for rows.Next() {
		e, err := scanErasure(rows)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errStore, err)
		}
		all = append(all, *e)
	}
	return all, rows.Err()
}

// Decide decides on a request to erase, in the name of a member of staff. Errors: [ErrNotFound], [ErrDecided],
// [ErrInvalid], [ErrForbidden].
func (v *Verifier) Decide(ctx context.Context, tenantID, staffName, id string, d Decision) error {
	t := v.tenants[tenantID]
	if t == nil {
		return ErrNotFound
	}
	if d != DecideErase && d != DecideRefuse {
		return fmt.Errorf("%w: decision %.40q", ErrInvalid, d)
	}
	i := slices.IndexFunc(t.Staff, func(s office.Staff) bool { return s.Name == staffName })
	if i < 0 || !t.Staff[i].Allows(office.RoleCheck) {
		return ErrForbidden
	}
	now := v.now()
	var e *Erasure
	err := v.write(ctx, func(tx *sql.Tx) (err error) {
		e, err = scanErasure(tx.QueryRow("SELECT "+erasureColumns+" FROM erasures WHERE tenant = ? AND id = ?", tenantID, id))
		if err != nil || e.Decision != "" {
			return err
		}
		if _, err := tx.Exec("UPDATE erasures SET decision = ?, decided = ?, staff = ? WHERE id = ?", d, now.UnixMilli(), staffName, id); err != nil {
			return err
		}
		if d == DecideErase {
			if _, err := tx.Exec("DELETE FROM sessions WHERE handle = ? AND tenant = ?", handleOf(e.Session), tenantID); err != nil {
				return err
			}
		}
		return office.Audit(tx, office.Event{Time: now, Tenant: tenantID, Actor: staffName, Action: "erasure." + string(d), Object: e.Session, Outcome: "ok"})
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case err != nil:
		return err
	case e.Decision != "":
		return ErrDecided
	}
	v.forgetLive(ctx, tenantID, handleOf(e.Session), e.Session)
	return nil
}

// dropErased removes the rows of sessions that were erased, once their answer cannot be on a screen any more.
func (v *Verifier) dropErased(tx *sql.Tx, tenantID string, now time.Time) error {
	over := now.Add(-time.Duration(v.cfg.ClaimMinutes) * time.Minute).UnixMilli()
	_, err := tx.Exec("DELETE FROM sessions WHERE tenant = ? AND erased = 1 AND ended <= ?", tenantID, over)
	return err
}
