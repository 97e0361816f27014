package registry

import (
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// txCache remembers decoded transactions and that their signatures were found good. It holds two generations, so that
// it stays small without a list of who came when. What it returns follows from the bytes alone.
type txCache struct {
	mu       sync.Mutex
	new, old map[[sha256.Size]byte]*transaction
}

const txCacheSize = 4096

func (c *txCache) decode(raw []byte) (*transaction, *refusal) {
	if len(raw) > ledger.MaxTxSize {
		return decode(raw)
	}
	name := sha256.Sum256(raw)
	c.mu.Lock()
	t := c.new[name]
	if t == nil {
		t = c.old[name]
	}
	c.mu.Unlock()
	if t != nil {
		return t, nil
	}
	t, r := decode(raw)
	if r != nil {
		return nil, r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.new == nil || len(c.new) >= txCacheSize {
		c.old, c.new = c.new, map[[sha256.Size]byte]*transaction{}
	}
	c.new[name] = t
	return t, nil
}

// Limits of one sender at one node. They protect the node and are no part of consensus.
const (
	senderRate  = 100 // transactions a second
	senderBurst = 300
)

// limiter counts what each sender brings in. Only transactions with a good signature count, so that nobody can use up
// the share of another.
type limiter struct {
	now     func() time.Time
	rate    rate.Limit
	burst   int
	mu      sync.Mutex
	senders map[did.DID]*rate.Limiter
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, rate: senderRate, burst: senderBurst, senders: map[did.DID]*rate.Limiter{}}
}

// peek refuses a sender that has used up its share.
func (l *limiter) peek(sender did.DID) *refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.senders[sender]; s != nil && s.TokensAt(l.now()) < 1 {
		return refuse(ledger.RateLimited, "%q sends more than %v transactions a second", sender, l.rate)
	}
	return nil
}

func (l *limiter) take(sender did.DID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := l.senders[sender]
	if s == nil {
		if len(l.senders) >= 10_000 {
			for d, other := range l.senders {
				if other.TokensAt(now) >= float64(l.burst) {
					delete(l.senders, d)
				}
			}
		}
		s = rate.NewLimiter(l.rate, l.burst)
		l.senders[sender] = s
	}
	s.AllowN(now, 1)
}
