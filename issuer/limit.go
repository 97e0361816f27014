package issuer

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Requests a second of one caller, and how many may come at once.
const (
	defaultRate = 500
	burst       = 10
	maxCallers  = 10_000
)

// limits bounds what one caller can ask: a wallet by its address, a member of staff by name.
type limits struct {
	perSecond int
	mu        *sync.Mutex
	callers   map[string]*rate.Limiter
}

func newLimits(perSecond int) limits {
	if perSecond <= 0 {
		perSecond = defaultRate
	}
	return limits{perSecond: perSecond, mu: new(sync.Mutex), callers: map[string]*rate.Limiter{}}
}

// allow reports whether the caller may go on. The clock is the real one: a limit is about load, not about validity.
func (l *limits) allow(caller string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.callers[caller]
	if !ok {
		if len(l.callers) >= maxCallers {
			l.forget()
		}
		c = rate.NewLimiter(rate.Limit(l.perSecond), l.perSecond*burst)
		l.callers[caller] = c
	}
	return c.Allow()
}

// forget drops callers that have their whole allowance again: for them nothing changes. If all are busy one goes, so that
// memory stays bounded.
func (l *limits) forget() {
	now := time.Now()
	for name, c := range l.callers {
		if c.TokensAt(now) >= float64(l.perSecond*burst) {
			delete(l.callers, name)
		}
	}
	for name := range l.callers {
		if len(l.callers) < maxCallers {
			return
		}
		delete(l.callers, name)
	}
}

// address names the network a request comes from: of IPv6 the first 64 bits, which one household has for itself.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "?"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "?"
	}
	ip = ip.Unmap()
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// retryAfter says in how many seconds it makes sense to come back.
func retryAfter(w http.ResponseWriter, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
}
