// Package follow is a service's verifying client: it follows the registry with cometbft/light, mirrors accreditations, DID
// documents, anchors and status lists, staples proofs, and submits transactions.
//
// Start with [Open]. Every answer comes from a verified header and a proof; nothing else is returned. Reads are from
// memory, without a network call; only a DID or sequence that is not mirrored is asked for, and then proven.
//
// All nodes but one are witnesses of that one's headers, and from two nodes on at least one witness must answer: who can
// keep the witnesses away would else be the only one that is heard. So where only two nodes are known the client stands
// still while either is down. Two validators make no block then anyway; a third node, with or without a vote, helps. A
// single node is its own witness, which the log says.
//
// It deliberately leaves out keys: the caller signs transactions. It also leaves out how old an answer may be: the
// caller judges that by [Client.State]. The wallet does not use this package.
package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

var (
	_ did.Source   = (*Client)(nil)
	_ trust.Source = (*Client)(nil)
)

// Config of a client. Network, Fetch and Now are required.
type Config struct {
	Network *ledger.Network
	Nodes   []string // base URLs; default those of the network file
	Dir     string   // where the trusted state is kept; empty: memory only
	Fetch   *fetch.Client
	Now     func() time.Time
	Logger  *slog.Logger
}

// Client mirrors the registry. It is safe for concurrent use.
type Client struct {
	cfg   Config
	nodes []*node
	first atomic.Int32 // the node that is asked first

	snap    atomic.Pointer[snapshot]
	halted  atomic.Bool           // an attack was seen: nothing is answered any more
	lastErr atomic.Pointer[error] // why the mirror does not move

	mu    sync.Mutex
	moved chan struct{} // closed and replaced with each snapshot

	candidates map[string]*mirrored // bits that a proof is still to come for; of the following goroutine

	verifyMu sync.Mutex // guards what follows
	light    *light.Client
	trusted  *memory
	saved    int64
	excluded []*node
	evidence []types.Evidence

	// sleep waits; tests replace it.
	sleep func(ctx context.Context, d time.Duration)
	stop  context.CancelFunc
	done  chan struct{}
}

// errHalted is what readers get after an attack, until an operator has looked at it.
var errHalted = fmt.Errorf("%w: two signed headers at one height were seen; an operator must look at the evidence", ledger.ErrUnproven)

// How the client waits.
const (
	pollWait    = 10               // seconds of a long poll; shorter than a fetch may take
	staleAfter  = 60 * time.Second // then another node is asked
	firstPause  = 250 * time.Millisecond
	longestWait = 15 * time.Second
)

// Open loads the trusted state, makes a first full mirror and follows in the background until Close. It returns without
// error when no node answers yet; readers then get [ledger.ErrUnavailable].
func Open(ctx context.Context, cfg Config) (*Client, error) {
	c, err := open(cfg)
	if err != nil {
		return nil, err
	}
	c.start(ctx)
	return c, nil
}

func open(cfg Config) (*Client, error) {
	nodes, err := cfg.open()
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	c := &Client{cfg: cfg, nodes: nodes, moved: make(chan struct{}), done: make(chan struct{}), sleep: pause}
	if len(nodes) == 1 {
		cfg.Logger.Info("one registry node: it is its own witness, so nobody else confirms its headers", "node", c.nodes[0].base)
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("trusted state: %w", err)
	}
	return c, nil
}

// open checks what must be set and returns the nodes, each once.
func (cfg *Config) open() ([]*node, error) {
	if cfg.Network == nil || cfg.Fetch == nil || cfg.Now == nil {
		return nil, errors.New("follow: Network, Fetch and Now are required")
	}
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = cfg.Network.Nodes
	}
	var nodes []*node
	for _, base := range cfg.Nodes {
		base = strings.TrimRight(base, "/")
		if err := cfg.Fetch.Check(base); err != nil {
			return nil, fmt.Errorf("node %q: %w", base, err)
		}
		if slices.ContainsFunc(nodes, func(n *node) bool { return n.base == base }) {
			continue
		}
		nodes = append(nodes, &node{base: base, fetch: cfg.Fetch})
	}
	if len(nodes) == 0 {
		return nil, errors.New("follow: no nodes")
	}
	return nodes, nil
}

func (c *Client) start(ctx context.Context) {
	if err := c.step(ctx, 0); err != nil {
		c.failed(err)
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	go func() {
		defer close(c.done)
		c.run(follow)
	}()
}

// Close stops following. The trusted state is on disk already.
func (c *Client) Close() error {
	c.stop()
	<-c.done
	return nil
}

func (c *Client) run(ctx context.Context) {
	wait := firstPause
	for ctx.Err() == nil && !c.halted.Load() {
		before := c.snap.Load()
		err := c.step(ctx, pollWait)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.failed(err)
			c.sleep(ctx, wait)
			wait = min(wait*2, longestWait)
		case c.snap.Load() == before:
			// The node has nothing new. If that lasts, it may be the node.
			if before == nil || c.cfg.Now().Sub(before.time) > staleAfter {
				c.turn()
			}
			c.sleep(ctx, firstPause)
		default:
			wait = firstPause
		}
	}
}

// step asks what is new, waiting at most that many seconds, and brings the mirror there.
func (c *Client) step(ctx context.Context, wait int) error {
	n := c.nodes[c.first.Load()]
	after := int64(0)
	if s := c.snap.Load(); s != nil {
		after = s.block.Height
	} else {
		wait = 0
	}
	ch, err := n.changes(ctx, after, wait)
	if err != nil {
		return fmt.Errorf("%w: %v", ledger.ErrUnavailable, err)
	}
	if ch.Proven <= after {
		return nil
	}
	return c.advance(ctx, n, ch.Proven)
}

// turn lets another node go first. Only the following goroutine does, and Open before it.
func (c *Client) turn() { c.first.Store((c.first.Load() + 1) % int32(len(c.nodes))) }

// failed remembers why the mirror stands still, says it once for each new reason, and tries another node.
func (c *Client) failed(err error) {
	if old := c.lastErr.Swap(&err); old == nil || (*old).Error() != err.Error() {
		c.cfg.Logger.Warn("not following the registry", "node", c.nodes[c.first.Load()].base, "error", err)
	}
	c.turn()
}

// halt stops all answers. What was mirrored may be one side of a fork.
func (c *Client) halt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halted.Store(true)
	c.snap.Store(nil)
	close(c.moved)
	c.moved = make(chan struct{})
}

// current returns the mirror, or why there is none.
func (c *Client) current() (*snapshot, error) {
	if s := c.snap.Load(); s != nil {
		return s, nil
	}
	if c.halted.Load() {
		return nil, errHalted
	}
	if err := c.lastErr.Load(); err != nil && ledger.Category(*err) != "" {
		return nil, *err
	}
	return nil, fmt.Errorf("%w: nothing proven yet", ledger.ErrUnavailable)
}

// State is how fresh the mirror is.
type State struct {
	Height int64     // the newest block whose effects it shows
	Time   time.Time // of the newest verified header
}

// State returns the height and the header time of the mirror; zero if there is none.
func (c *Client) State() State {
	s := c.snap.Load()
	if s == nil {
		return State{}
	}
	return State{Height: s.height, Time: s.time}
}

// Wait waits until the mirror shows the effects of the block at height.
func (c *Client) Wait(ctx context.Context, height int64) error {
	for {
		c.mu.Lock()
		moved := c.moved
		c.mu.Unlock()
		if c.halted.Load() {
			return errHalted
		}
		if s := c.snap.Load(); s != nil && s.height >= height {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%w: waiting for height %d: %v", ledger.ErrUnavailable, height, ctx.Err())
		case <-c.done:
			return fmt.Errorf("%w: closed", ledger.ErrUnavailable)
		}
	}
}

// Document implements [did.Source]. A DID that is not mirrored is asked for, and its absence proven.
func (c *Client) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	s, err := c.current()
	if err != nil {
		return nil, err
	}
	doc, ok := s.docs[d]
	if !ok {
		it, err := c.lookup(ctx, s, ledger.KeyDID(d))
		if err != nil {
			return nil, err
		}
		if len(it.Value) == 0 {
			return nil, fmt.Errorf("%w: %q", did.ErrNotFound, string(d[:min(len(d), 128)]))
		}
		return readDocument(it.Value, d)
	}
	out := *doc
	out.Methods, out.Services = slices.Clone(doc.Methods), slices.Clone(doc.Services)
	return &out, nil
}

// Accreditations implements [trust.Source]. The index holds everyone who has any, so there is nothing to ask.
func (c *Client) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	s, err := c.current()
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.accs[d]), nil
}

// Anchors implements [trust.Source].
func (c *Client) Anchors(ctx context.Context) ([]trust.Anchor, error) {
	s, err := c.current()
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.anchors), nil
}

// Status returns a status of a registered issuer's list from the mirror and the time of the header it is known from. The list's owner must be
// the issuer. A list that is not on the chain is [statuslist.ErrUnavailable].
func (c *Client) Status(ctx context.Context, issuer *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error) {
	s := c.snap.Load()
	if s == nil {
		_, err := c.current()
		return 0, time.Time{}, err
	}
	l, ok := s.lists[ref.URI]
	switch {
	case !ok:
		return 0, time.Time{}, fmt.Errorf("%w: list is not in the registry", statuslist.ErrUnavailable)
	case issuer == nil || !issuer.Registered || issuer.DID == "" || issuer.DID != l.meta.Owner:
		return 0, time.Time{}, fmt.Errorf("%w: list is not the issuer's", statuslist.ErrUnavailable)
	case l.meta.Expiry <= s.time.Unix():
		return 0, time.Time{}, fmt.Errorf("%w: list expired", statuslist.ErrUnavailable)
	}
	v, err := l.list.Get(ref.Index)
	if err != nil {
		return 0, time.Time{}, err
	}
	return v, s.time, nil
}

// List returns a copy of a mirrored list with its description.
func (c *Client) List(ctx context.Context, uri string) (*ledger.ListMeta, *statuslist.List, error) {
	s, err := c.current()
	if err != nil {
		return nil, nil, err
	}
	l, ok := s.lists[uri]
	if !ok {
		return nil, nil, fmt.Errorf("%w: list is not in the registry", statuslist.ErrUnavailable)
	}
	list, err := statuslist.FromBytes(l.meta.Bits, slices.Clone(l.list.Bytes()))
	if err != nil {
		return nil, nil, err
	}
	meta := l.meta
	meta.Root = slices.Clone(meta.Root)
	return &meta, list, nil
}

// Sequence returns the proven sequence record of a sender (zero record if none).
func (c *Client) Sequence(ctx context.Context, d did.DID) (ledger.SequenceRecord, error) {
	s, err := c.current()
	if err != nil {
		return ledger.SequenceRecord{}, err
	}
	it, err := c.lookup(ctx, s, ledger.KeySequence(d))
	if err != nil || len(it.Value) == 0 {
		return ledger.SequenceRecord{}, err
	}
	var r ledger.SequenceRecord
	err = ledger.Decode(it.Value, &r)
	return r, err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
