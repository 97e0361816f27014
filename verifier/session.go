package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Errors of the staff's side that callers may test with [errors.Is].
var (
	// ErrNotFound: there is no such session, or not for this tenant.
	ErrNotFound = errors.New("session not found")
	// ErrForbidden: the member of staff lacks the role.
	ErrForbidden = errors.New("not allowed")
	// ErrInvalid: the session request breaks a rule.
	ErrInvalid = errors.New("invalid session request")
	// ErrEnded: the session has ended.
	ErrEnded = errors.New("session has ended")
)

// Lifetime is how long a session waits for its answer.
const Lifetime = 5 * time.Minute

// maxExtensions bounds how often the staff may give a person more time.
const maxExtensions = 10

// State is where a session stands.
type State string

// The states of a session. A failed session had an answer that was not accepted; a cancelled one is gone for the API.
const (
	Created   State = "created"
	Fetched   State = "fetched"
	Completed State = "completed"
	Failed    State = "failed"
	Expired   State = "expired"
	Refused   State = "refused"
	Cancelled State = "cancelled"
)

// Open reports whether the session can still be answered.
func (s State) Open() bool { return s == Created || s == Fetched }

// Outcome is what an answer came to; empty while there is none.
type Outcome string

// The outcomes.
const (
	Accepted     Outcome = "accepted"
	Rejected     Outcome = "rejected"
	Undetermined Outcome = "undetermined" // it cannot be told: status or registry not known
)

// Session is one exchange as the staff sees it. An answer that was not made for the session (replayed, not readable)
// shows as rejected while State is still open, and the right one may yet come.
type Session struct {
	ID        string              `json:"id"`
	State     State               `json:"state"`
	Outcome   Outcome             `json:"outcome,omitempty"`
	Category  credential.Category `json:"category,omitempty"`
	Preset    string              `json:"preset,omitempty"`
	Purpose   trust.Text          `json:"purpose,omitempty"`
	Link      string              `json:"request_uri,omitempty"` // what the QR code holds; only while open
	CreatedAt time.Time           `json:"created_at"`
	ExpiresAt time.Time           `json:"expires_at"`
	// AsOf is when the registry, or a foreign status list, said so, and Height the registry's. Stale tells that this is longer ago
	// than normal, so that the screen has to say "as of".
	AsOf   time.Time `json:"as_of,omitzero"`
	Height int64     `json:"height,omitempty"`
	Stale  bool      `json:"stale,omitempty"`
	// Claims holds, by credential query id, the claims that were asked: an object, or an array of them with "multiple".
	Claims json.RawMessage `json:"claims,omitempty"`
	// Issuers are the names of who issued the cards, for as long as Claims are shown.
	Issuers []string `json:"issuers,omitempty"`

	Tenant string `json:"-"`
	Staff  string `json:"-"` // who made it
}

// LogValue keeps values and names out of logs.
func (s Session) LogValue() slog.Value {
	return slog.GroupValue(slog.String("state", string(s.State)), slog.String("outcome", string(s.Outcome)), slog.String("category", string(s.Category)))
}

// secrets is what a session needs while it is open, and nobody may have afterwards.
type secrets struct {
	Secret     string               `json:"secret"` // last part of the response address
	Nonce      string               `json:"nonce"`
	State      string               `json:"state"`
	Key        []byte               `json:"key,omitempty"` // P-256 scalar
	KeyID      string               `json:"kid,omitempty"`
	Query      *openid4vp.DCQLQuery `json:"query"`
	Purpose    trust.Text           `json:"purpose,omitempty"`
	Mode       string               `json:"mode"`
	Method     string               `json:"method"`
	Prefix     string               `json:"prefix"`
	Redirect   string               `json:"redirect,omitempty"`
	Extensions int                  `json:"extensions,omitempty"`
}

// live is a session in memory. Its lock is never held while something is waited for; busy keeps a second answer out
// while the first is judged.
type live struct {
	tenant *tenant
	handle string
	id     string

	mu       sync.Mutex
	session  Session
	secrets  secrets
	key      *ecdsa.PrivateKey
	code     []byte        // SHA-256 of the response code
	deadline time.Duration // elapsed time at which it expires
	purge    time.Duration // elapsed time at which the values go
	busy     bool
	bad      int // answers that were not made for this session

	object      string // the request object as served, so that a second fetch gets the same
	objectNonce string // the wallet_nonce in it
	signed      int
}

// SessionRequest asks for a session: a preset, or a query of one's own with its purpose.
type SessionRequest struct {
	Preset    string          `json:"preset"`
	DCQLQuery json.RawMessage `json:"dcql_query"`
	Purpose   trust.Text      `json:"purpose"`
	// For wallets of others; the zero values are right for ours.
	ResponseMode     string `json:"response_mode"`
	RequestURIMethod string `json:"request_uri_method"`
	ClientIDPrefix   string `json:"client_id_prefix"`
	// RedirectURI makes it a same-device session: the wallet sends the browser there with a response_code, without
	// which the result is not given out. It must be one of the tenant's redirects.
	RedirectURI string `json:"redirect_uri"`
}

// Create makes a session for a member of staff of the tenant. Errors: [ErrNotFound] (no such tenant), [ErrForbidden],
// [ErrInvalid], *[RateError].
func (v *Verifier) Create(ctx context.Context, tenantID, staffName string, req SessionRequest) (*Session, error) {
	t := v.tenants[tenantID]
	if t == nil {
		return nil, ErrNotFound
	}
	i := slices.IndexFunc(t.Staff, func(s office.Staff) bool { return s.Name == staffName })
	if i < 0 {
		return nil, ErrForbidden
	}
	role := office.RoleCheck
	if req.Preset == "" {
		role = office.RoleAskAny
	}
	if !t.Staff[i].Allows(role) {
		v.audit(ctx, t.ID, staffName, "session.create", "", "forbidden")
		return nil, ErrForbidden
	}
	if err := v.rates.take(t.ID+"\x00"+staffName, v.elapsed()); err != nil {
		return nil, err
	}
	l, err := t.newSession(req)
	if err != nil {
		return nil, err
	}
	now := v.now()
	l.session.Staff = staffName
	l.session.CreatedAt = now.UTC().Truncate(time.Millisecond)
	l.session.ExpiresAt = l.session.CreatedAt.Add(Lifetime)
	l.deadline = v.elapsed() + Lifetime
	if err := v.insert(ctx, l, now); err != nil {
		return nil, err
	}
	v.mu.Lock()
	v.live[l.handle] = l
	v.mu.Unlock()
	v.metrics.created(t.ID)
	return l.copy(), nil
}

// newSession checks a request and makes the session's secrets.
func (t *tenant) newSession(req SessionRequest) (*live, error) {
	s := secrets{
		Secret: rand.Text(), Nonce: rand.Text(), State: rand.Text(),
		Mode: req.ResponseMode, Method: req.RequestURIMethod, Prefix: req.ClientIDPrefix, Redirect: req.RedirectURI,
	}
	if string(req.DCQLQuery) == "null" {
		req.DCQLQuery = nil
	}
	switch {
	case req.Preset != "" && (req.DCQLQuery != nil || req.Purpose != nil):
		return nil, fmt.Errorf("%w: preset or dcql_query, not both", ErrInvalid)
	case req.Preset != "":
		p := t.preset(req.Preset)
		if p == nil {
			return nil, fmt.Errorf("%w: preset %.40q", ErrInvalid, req.Preset)
		}
		s.Query, s.Purpose = p.Query, p.Purpose
	case req.DCQLQuery == nil:
		return nil, fmt.Errorf("%w: preset or dcql_query is missing", ErrInvalid)
	default:
		var err error
		if s.Query, err = openid4vp.ParseDCQL(req.DCQLQuery); err != nil {
			// The kind of the error is the wallet's; the staff's is ErrInvalid.
			return nil, fmt.Errorf("%w: dcql_query: %s", ErrInvalid, strings.TrimPrefix(err.Error(), openid4vp.ErrRequestMalformed.Error()+": "))
		}
		for _, c := range s.Query.Credentials {
			if c.Format != openid4vp.FormatSDJWT {
				return nil, fmt.Errorf("%w: format %.40q cannot be checked", ErrInvalid, c.Format)
			}
		}
		if s.Purpose = req.Purpose; len(s.Purpose) > 8 {
			return nil, fmt.Errorf("%w: purpose in too many languages", ErrInvalid)
		}
		for _, text := range s.Purpose {
			if len(text) > 1000 {
				return nil, fmt.Errorf("%w: purpose too long", ErrInvalid)
			}
		}
	}
	for _, o := range []struct {
		name    string
		value   *string
		allowed []string
	}{
		{"response_mode", &s.Mode, []string{openid4vp.DirectPostJWT, openid4vp.DirectPost}},
		{"request_uri_method", &s.Method, []string{openid4vp.MethodGet, openid4vp.MethodPost}},
		{"client_id_prefix", &s.Prefix, []string{t.ClientID, openid4vp.PrefixX509Hash, openid4vp.PrefixX509SANDNS, openid4vp.PrefixDID}},
	} {
		if *o.value == "" {
			*o.value = o.allowed[0]
		}
		if !slices.Contains(o.allowed, *o.value) {
			return nil, fmt.Errorf("%w: %s %.40q", ErrInvalid, o.name, *o.value)
		}
	}
	if _, ok := t.clients[s.Prefix]; !ok {
		return nil, fmt.Errorf("%w: client_id_prefix %q is not set up", ErrInvalid, s.Prefix)
	}
	// Only fixed addresses: a page that sends browsers wherever it is told is a gift to phishers.
	if s.Redirect != "" && !slices.Contains(t.Redirects, s.Redirect) {
		return nil, fmt.Errorf("%w: redirect_uri is not one of the tenant's", ErrInvalid)
	}
	id := rand.Text()
	l := &live{tenant: t, handle: handleOf(id), id: id, secrets: s}
	l.session = Session{ID: id, Tenant: t.ID, State: Created, Preset: req.Preset, Purpose: s.Purpose}
	if s.Mode == openid4vp.DirectPostJWT {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("encryption key: %v", err)
		}
		if l.secrets.Key, err = key.Bytes(); err != nil {
			return nil, fmt.Errorf("encryption key: %v", err)
		}
		l.key, l.secrets.KeyID = key, rand.Text()
	}
	l.session.Link = link(t, t.clients[s.Prefix], l.handle, s.Method)
	return l, nil
}

// handleOf returns the name of a session in the wallet's addresses. It is a hash, so that a QR code, which anyone in
// the hall may see, does not give away the name under which the result is read.
func handleOf(id string) string {
	sum := sha256.Sum256([]byte("zegel session " + id))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
}

// find returns a session that is in memory.
func (v *Verifier) find(tenantID, handle string) *live {
	v.mu.RLock()
	l := v.live[handle]
	v.mu.RUnlock()
	if l == nil || l.tenant.ID != tenantID {
		return nil
	}
	return l
}

// copy returns what the staff may see. The caller may hold the lock or be the only user.
func (l *live) copy() *Session {
	s := l.session
	if !s.State.Open() {
		s.Link = ""
	}
	return &s
}

// Session returns a session of the tenant. code is the response code of a same-device session, without which no values are
// given out. Errors: [ErrNotFound], also for a wrong code.
func (v *Verifier) Session(ctx context.Context, tenantID, id string) (*Session, error) {
	return v.session(ctx, tenantID, id, "")
}

func (v *Verifier) session(ctx context.Context, tenantID, id, code string) (*Session, error) {
	if len(id) > 64 {
		return nil, ErrNotFound
	}
	l := v.find(tenantID, handleOf(id))
	if l == nil {
		return v.stored(ctx, tenantID, handleOf(id))
	}
	if err := v.expire(ctx, l); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code != nil && l.session.State == Completed {
		sum := sha256.Sum256([]byte(code))
		if subtle.ConstantTimeCompare(sum[:], l.code) != 1 {
			return nil, ErrNotFound
		}
	}
	return l.copy(), nil
}

// Cancel ends an open session. Errors: [ErrNotFound], [ErrEnded].
func (v *Verifier) Cancel(ctx context.Context, tenantID, staffName, id string) error {
	l, err := v.opened(ctx, tenantID, id)
	if err != nil {
		return err
	}
	if err := l.claim(); err != nil {
		return ErrEnded
	}
	return v.finish(ctx, l, ending{state: Cancelled, actor: staffName, action: "session.cancel"})
}

// Extend gives the person five more minutes from now, so that nobody has to hurry (WCAG 2.2.1). Errors: [ErrNotFound],
// [ErrEnded]; also after many times.
func (v *Verifier) Extend(ctx context.Context, tenantID, staffName, id string) (*Session, error) {
	l, err := v.opened(ctx, tenantID, id)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	if !l.session.State.Open() || l.secrets.Extensions >= maxExtensions {
		l.mu.Unlock()
		return nil, ErrEnded
	}
	l.secrets.Extensions++
	l.session.ExpiresAt = v.now().UTC().Truncate(time.Millisecond).Add(Lifetime)
	l.deadline = v.elapsed() + Lifetime
	l.object = "" // the next one says until when it counts
	s := l.copy()
	secrets := l.secrets
	l.mu.Unlock()
	if err := v.saveExtension(ctx, l, s, secrets, staffName); err != nil {
		return nil, err
	}
	v.subs.tell(id)
	return s, nil
}

// Clear wipes the values of an answer now, or cancels a session that is still open. Errors: [ErrNotFound].
func (v *Verifier) Clear(ctx context.Context, tenantID, staffName, id string) error {
	err := v.Cancel(ctx, tenantID, staffName, id)
	if !errors.Is(err, ErrEnded) {
		return err
	}
	if s, err := v.Session(ctx, tenantID, id); err != nil || s.State == Cancelled {
		return ErrNotFound // a cancelled session is gone (one answer for all that is not there)
	}
	return v.forget(ctx, tenantID, handleOf(id), staffName)
}

// opened returns a session in memory that has not ended.
func (v *Verifier) opened(ctx context.Context, tenantID, id string) (*live, error) {
	if len(id) > 64 {
		return nil, ErrNotFound
	}
	l := v.find(tenantID, handleOf(id))
	if l == nil {
		if _, err := v.stored(ctx, tenantID, handleOf(id)); err != nil {
			return nil, err
		}
		return nil, ErrEnded
	}
	if err := v.expire(ctx, l); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.session.State.Open() {
		return nil, ErrEnded
	}
	return l, nil
}

// expire ends the session if its time is over. Time is what has passed, not what the clock of the day says.
func (v *Verifier) expire(ctx context.Context, l *live) error {
	l.mu.Lock()
	over := l.session.State.Open() && v.elapsed() >= l.deadline
	l.mu.Unlock()
	if !over || l.claim() != nil {
		return nil // an answer that came in time is judged to its end
	}
	return v.finish(ctx, l, ending{state: Expired, actor: "system", action: "session.expire"})
}

// claim reserves an open session for one change of its end. Whoever claims it calls finish or release.
func (l *live) claim() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.session.State.Open() || l.busy {
		return ErrEnded
	}
	l.busy = true
	return nil
}

// release gives a claimed session back unchanged.
func (l *live) release() {
	l.mu.Lock()
	l.busy = false
	l.mu.Unlock()
}

// Subscribe returns a channel that gets a value after each change of the session, and a function to end that. The
// channel holds one: whoever is slow sees the newest state by asking for the session.
func (v *Verifier) Subscribe(id string) (<-chan struct{}, func()) { return v.subs.add(id) }

// subscribers wait for changes of sessions by id.
type subscribers struct {
	mu   sync.Mutex
	byID map[string]map[chan struct{}]bool
}

func (s *subscribers) add(id string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]map[chan struct{}]bool{}
	}
	if s.byID[id] == nil {
		s.byID[id] = map[chan struct{}]bool{}
	}
	s.byID[id][c] = true
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.byID[id], c)
		if len(s.byID[id]) == 0 {
			delete(s.byID, id)
		}
	}
}

func (s *subscribers) tell(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.byID[id] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
