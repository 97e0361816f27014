package verifier

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RateError: this key has made too many sessions, or this address too many requests to erase. Others are not affected.
type RateError struct {
	After time.Duration // until it may try again
}

func (e *RateError) Error() string { return fmt.Sprintf("too many requests; again after %s", e.After) }

// maxKeys bounds the memory of a limit. Beyond it, who is new shares one allowance.
const maxKeys = 10_000

// rates limits the creation of sessions for each staff key, and requests to erase for each address.
type rates struct {
	perMinute int

	mu    sync.Mutex
	byKey map[string]*rate.Limiter
	swept time.Duration
}

// epoch gives the limiter a clock that only runs forward.
var epoch = time.Unix(0, 0)

func (r *rates) take(key string, elapsed time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.byKey[key]
	if l == nil && len(r.byKey) >= maxKeys {
		key = ""
		l = r.byKey[key]
	}
	if l == nil {
		if r.byKey == nil {
			r.byKey = map[string]*rate.Limiter{}
		}
		// A tenth of a minute's share at once: a hall full of counters, not a flood.
		l = rate.NewLimiter(rate.Limit(float64(r.perMinute)/60), max(1, r.perMinute/10))
		r.byKey[key] = l
	}
	now := epoch.Add(elapsed)
	if l.AllowN(now, 1) {
		return nil
	}
	missing := 1 - l.TokensAt(now)
	after := time.Duration(math.Ceil(missing/float64(l.Limit()))) * time.Second
	return &RateError{After: max(after, time.Second)}
}

// sweep forgets keys that have all their share again.
func (r *rates) sweep(elapsed time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if elapsed-r.swept < time.Minute {
		return
	}
	r.swept = elapsed
	for key, l := range r.byKey {
		if l.TokensAt(epoch.Add(elapsed)) >= float64(l.Burst()) {
			delete(r.byKey, key)
		}
	}
}
