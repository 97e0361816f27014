package office

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of logging in.
const (
	idleTimeout   = 15 * time.Minute
	longestLogin  = 10 * time.Hour // a working day, however busy
	maxLogins     = 10_000
	loginBurst    = 10
	loginInterval = 6 * time.Second // per try after the burst
)

// login is one logged-in member of staff. Only the hash of its id is kept.
type login struct {
	tenant *PageTenant
	staff  *Staff
	since  time.Time
	seen   time.Time
}

// logins are the sessions of the pages. They live in memory: after a restart everybody logs in again.
type logins struct {
	mu    sync.Mutex
	now   func() time.Time
	byID  map[[32]byte]*login
	tries map[string]*rate.Limiter
}

func newLogins(now func() time.Time) *logins {
	return &logins{now: now, byID: map[[32]byte]*login{}, tries: map[string]*rate.Limiter{}}
}

// start makes a new id, never one that a browser brought.
func (l *logins) start(tenant *PageTenant, staff *Staff) string {
	raw := make([]byte, 32)
	rand.Read(raw)
	id := base64.RawURLEncoding.EncodeToString(raw)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if len(l.byID) >= maxLogins {
		clear(l.byID)
	}
	for k, s := range l.byID {
		if s.over(now) {
			delete(l.byID, k)
		}
	}
	l.byID[sha256.Sum256([]byte(id))] = &login{tenant: tenant, staff: staff, since: now, seen: now}
	return id
}

func (s *login) over(now time.Time) bool {
	return now.Sub(s.seen) > idleTimeout || now.Sub(s.since) > longestLogin
}

// find returns the session of an id, nil if there is none or it is over. Touch counts as use.
func (l *logins) find(id string, touch bool) *login {
	if id == "" || len(id) > 64 {
		return nil
	}
	key := sha256.Sum256([]byte(id))
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.byID[key]
	if s == nil {
		return nil
	}
	now := l.now()
	if s.over(now) {
		delete(l.byID, key)
		return nil
	}
	if touch {
		s.seen = now
	}
	found := *s
	return &found
}

func (l *logins) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, sha256.Sum256([]byte(id)))
}

// mayTry slows down who guesses tokens.
func (l *logins) mayTry(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tries) > maxLogins {
		clear(l.tries)
	}
	lim := l.tries[host]
	if lim == nil {
		lim = rate.NewLimiter(rate.Every(loginInterval), loginBurst)
		l.tries[host] = lim
	}
	return lim.AllowN(l.now(), 1)
}
