package statuslist

import (
	"context"
	"crypto"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
)

const (
	// defaultTTL is for a list that does not say how long it may be kept.
	defaultTTL = 5 * time.Minute
	// maxRedirects is the one exception to "no redirects" (Section 8.1).
	maxRedirects = 2
	// What the cache may hold; beyond it the list used longest ago goes.
	maxKeptBytes = 128 << 20
	maxKeptLists = 1024
)

// Client fetches tokens and keeps them by exact URI and signer until they expire or their ttl passes. A list that
// cannot be fetched again is used until "exp", and its age told. It asks for one list once a minute at most, and
// sends nothing but the URI. It is safe for concurrent use.
type Client struct {
	Fetch *fetch.Client    // required
	Now   func() time.Time // time.Now when nil

	mu    sync.Mutex
	lists map[key]*entry
}

// KeyFunc returns the key that may sign the list for this header. It decides trust.
type KeyFunc func(ctx context.Context, h jose.Header) (crypto.PublicKey, error)

type key struct{ uri, signer string }

// entry is what is known of one list. Fields are guarded by Client.mu.
type entry struct {
	token   *SignedToken  // nil: none that may be used
	refresh time.Time     // when to ask again
	until   time.Time     // when it must not be used any more
	asked   time.Time     // when it was asked for last
	used    time.Time     // for eviction
	err     error         // of the last attempt
	flight  chan struct{} // closed when the running fetch ends; nil when none runs
}

// Status looks up one entry; signer names the party for the cache key. It also returns when the list was made.
// Error: [ErrUnavailable].
func (c *Client) Status(ctx context.Context, ref Ref, signer string, keyFor KeyFunc) (Status, time.Time, error) {
	t, err := c.list(ctx, key{ref.URI, signer}, keyFor)
	if err != nil {
		return 0, time.Time{}, err
	}
	s, err := t.List.Get(ref.Index)
	if err != nil {
		return 0, time.Time{}, err
	}
	return s, t.IssuedAt, nil
}

// list returns a token that may be used now, fetched if need be.
func (c *Client) list(ctx context.Context, k key, keyFor KeyFunc) (*SignedToken, error) {
	if err := c.Fetch.Check(k.uri); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	for {
		c.mu.Lock()
		e := c.entry(k)
		now := c.now()
		e.used = now
		if e.token != nil && !now.Before(e.until) {
			e.token = nil // for good: a clock set back must not revive it
			e.err = fmt.Errorf("%w: the list expired", ErrUnavailable)
		}
		fresh := e.token != nil && now.Before(e.refresh) && !now.Before(e.asked)
		asked := !e.asked.IsZero() && now.Sub(e.asked) < MinTTL && !now.Before(e.asked)
		flight := e.flight
		switch {
		case fresh, flight == nil && asked && e.token != nil:
			t := e.token
			c.mu.Unlock()
			return t, nil
		case flight == nil && asked:
			err := e.err
			c.mu.Unlock()
			return nil, err
		case flight == nil:
			flight = make(chan struct{})
			e.flight, e.asked = flight, now
			// One caller's patience must not decide for the others that wait for the same list.
			go c.fetch(context.WithoutCancel(ctx), k, e, keyFor)
		}
		c.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %v", ErrUnavailable, ctx.Err())
		}
	}
}

func (c *Client) fetch(ctx context.Context, k key, e *entry, keyFor KeyFunc) {
	t, err := c.get(ctx, k.uri, keyFor)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.evict(k)
	close(e.flight)
	e.flight, e.err = nil, err
	if err != nil {
		return
	}
	now := c.now()
	ttl := t.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	e.token, e.refresh, e.until = t, now.Add(ttl), now.Add(MaxTTL)
	if !t.Expires.IsZero() && t.Expires.Before(e.until) {
		e.until = t.Expires
	}
}

// get fetches and verifies one token. Nothing is decompressed before the signature is known to be good.
func (c *Client) get(ctx context.Context, uri string, keyFor KeyFunc) (*SignedToken, error) {
	resp, err := c.Fetch.Do(ctx, fetch.Request{
		URL:       uri,
		Header:    http.Header{"Accept": {"application/statuslist+jwt"}},
		Limit:     MaxTokenSize,
		Redirects: maxRedirects,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrUnavailable, resp.Status)
	}
	t, err := parse(string(resp.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	pub, err := keyFor(ctx, t.Header())
	if err != nil {
		return nil, fmt.Errorf("%w: signer: %v", ErrUnavailable, err)
	}
	if err := t.Verify(pub, uri, c.now()); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	if err := t.inflate(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	t.packed = nil
	return t, nil
}

func (c *Client) entry(k key) *entry {
	if c.lists == nil {
		c.lists = make(map[key]*entry)
	}
	e := c.lists[k]
	if e == nil {
		e = new(entry)
		c.lists[k] = e
	}
	return e
}

// evict keeps the cache within its limits; the list of keep stays.
func (c *Client) evict(keep key) {
	for {
		size := 0
		var oldest key
		var found *entry
		for k, e := range c.lists {
			if e.token != nil {
				size += len(e.token.List.data)
			}
			if k != keep && e.flight == nil && (found == nil || e.used.Before(found.used)) {
				oldest, found = k, e
			}
		}
		if found == nil || size <= maxKeptBytes && len(c.lists) <= maxKeptLists {
			return
		}
		delete(c.lists, oldest)
	}
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}
