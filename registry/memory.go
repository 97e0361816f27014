package registry

import (
	"bytes"
	"crypto/ed25519"
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
	// Before the hash: a stranger's garbage must not cost by its length.
	if err := ledger.CheckOuter(raw); err != nil {
		return nil, refuseForm(err)
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

// recent remembers what was read of the newest state and written to it, so that a block does not walk the tree for what
// every block reads. It belongs to the thread that CometBFT calls the application from.
type recent struct {
	now    view
	values map[string][]byte // nil: absent
	size   int
}

// recentSize is how many bytes of values are remembered.
const recentSize = 64 << 20

func newRecent(now view) *recent { return &recent{now: now, values: map[string][]byte{}} }

func (r *recent) get(key []byte) ([]byte, error) {
	if v, ok := r.values[string(key)]; ok {
		return v, nil
	}
	v, err := r.now.get(key)
	if err == nil {
		r.keep(string(key), v)
	}
	return v, err
}

func (r *recent) keep(key string, value []byte) {
	if r.size > recentSize {
		r.values, r.size = map[string][]byte{}, 0
	}
	const each = 100 // of the map
	if old, known := r.values[key]; known {
		r.size += len(value) - len(old)
	} else {
		r.size += each + len(key) + len(value)
	}
	r.values[key] = value
}

// advance goes on to the next state, which writes led to.
func (r *recent) advance(now view, writes map[string][]byte) {
	r.now = now
	for key, value := range writes {
		r.keep(key, value)
	}
}

// senders remembers the decoded records of those who send transactions, and their keys. What it returns follows from the
// stored bytes alone.
type senders struct {
	mu    sync.Mutex
	known map[did.DID]*sender
}

type sender struct {
	stored []byte
	record *ledger.DIDRecord
	mu     sync.Mutex
	keys   map[string]ed25519.PublicKey // by id
}

const sendersSize = 2048

// of returns the sender that stands in o, or nil. Do not change its record.
func (s *senders) of(o *overlay, d did.DID) *sender {
	stored := o.value(ledger.KeyDID(d))
	if stored == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[d]; known != nil && bytes.Equal(known.stored, stored) {
		return known
	}
	record, ok := o.record(d)
	if !ok {
		return nil
	}
	if s.known == nil || len(s.known) >= sendersSize {
		s.known = map[did.DID]*sender{}
	}
	known := &sender{stored: stored, record: record, keys: map[string]ed25519.PublicKey{}}
	s.known[d] = known
	return known
}

// txKey is [ledger.DIDRecord.TxKey].
func (s *sender) txKey(id string, at time.Time) (ed25519.PublicKey, error) {
	k, err := s.record.TxKeyRecord(id, at)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.keys[k.ID]; key != nil {
		return key, nil
	}
	key, err := s.record.TxKey(id, at)
	if err == nil {
		s.keys[k.ID] = key
	}
	return key, err
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
