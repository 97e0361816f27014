// Package issuer hands out and revokes credentials: OpenID4VCI 1.0 for wallets, a staff API, and the desk page.
//
// Start with [Open] and serve [Issuer.Handler].
//
// It deliberately leaves out where data about inhabitants come from: a Subjects file stands in for the source system.
package issuer

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// Errors that callers may test with [errors.Is].
var (
	ErrNotFound    = errors.New("not found")
	ErrInvalid     = errors.New("invalid request")
	ErrConflict    = errors.New("not possible in this state")
	ErrUnavailable = errors.New("not available now")
)

// Ledger is what the issuer needs of the registry; [follow.Client] is the real one.
type Ledger interface {
	// State returns the newest verified header.
	State() follow.State
	// Bundle returns an encoded proof of these keys at the newest header.
	Bundle(ctx context.Context, keys ...ledger.Key) ([]byte, error)
	// List returns a copy of a list with its description. A list that is not on the chain is [statuslist.ErrUnavailable].
	List(ctx context.Context, uri string) (*ledger.ListMeta, *statuslist.List, error)
	// Sequence returns the proven sequence record of a sender, the zero record if there is none.
	Sequence(ctx context.Context, d did.DID) (ledger.SequenceRecord, error)
	// Submit sends a signed transaction and waits until it is in a block that List and Sequence know, or is refused.
	// An error means that the outcome is unknown.
	Submit(ctx context.Context, raw []byte) (follow.Result, error)
}

var _ Ledger = (*follow.Client)(nil)

// Deps are the live parts that the configuration does not name.
type Deps struct {
	Ledger  Ledger // every transaction and proof goes through it
	Now     func() time.Time
	Logger  *slog.Logger
	ChainID string // of the registry; default: that of the network file
}

// Issuer is a running issuer. It is safe for concurrent use.
type Issuer struct {
	cfg     Config
	ledger  Ledger
	chainID string
	now     func() time.Time
	start   time.Time
	log     *slog.Logger
	db      *office.DB
	tenants map[string]*tenant
	ids     []string // of the tenants, in the order of the configuration
	limits  limits
	nonces  nonceKey // for key proofs, kept in the store
	// For proofs of a token's key (DPoP): what was used is known to this process alone, so its nonces end with it.
	proofNonces nonceKey
	replays     oauth.Replays
	metrics     *metrics
	collect     *office.Public

	handler http.Handler
	running context.Context // until Close
	stop    context.CancelFunc
	workers sync.WaitGroup
	wait    waiters
}

//go:embed migrations/*.sql
var migrations embed.FS

// Open checks the configuration (production refuses plain http and test keys, naming the setting), opens the store,
// registers missing status lists on the chain and goes on with transactions that were on their way.
//
// It waits a while for the first list of each tenant, but starts without the chain too: until a list stands there, nothing is
// issued and wallets are asked to come back.
func Open(ctx context.Context, cfg Config, deps Deps) (*Issuer, error) {
	if deps.Ledger == nil || deps.Now == nil {
		return nil, errors.New("issuer: Deps.Ledger and Deps.Now are required")
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	chainID, err := cfg.check(deps.ChainID)
	if err != nil {
		return nil, err
	}
	i := &Issuer{
		cfg: cfg, ledger: deps.Ledger, chainID: chainID, now: deps.Now, start: deps.Now(), log: deps.Logger,
		tenants: map[string]*tenant{}, limits: newLimits(cfg.RateLimit), wait: newWaiters(), proofNonces: newNonceKey(),
	}
	for _, t := range cfg.Tenants {
		loaded, err := loadTenant(t, cfg)
		if err != nil {
			return nil, err
		}
		i.tenants[t.ID] = loaded
		i.ids = append(i.ids, t.ID)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("setting dir: %w", err)
	}
	if i.db, err = office.OpenDB(ctx, filepath.Join(cfg.Dir, "issuer.db"), migrations); err != nil {
		return nil, err
	}
	if err := i.load(ctx); err != nil {
		return nil, errors.Join(err, i.db.Close())
	}
	i.metrics = newMetrics(i)
	i.collect = newCollect(i)
	i.handler = i.routes()
	i.running, i.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, t := range i.tenants {
		i.workers.Go(func() { i.work(i.running, t) })
	}
	i.workers.Go(func() { i.clean(i.running) })
	i.awaitLists(ctx)
	return i, nil
}

// awaitLists waits for the first list of each tenant, if there is a chain to wait for.
func (i *Issuer) awaitLists(ctx context.Context) {
	if i.ledger.State().Height == 0 {
		return
	}
	slow := time.NewTimer(slowChain)
	defer slow.Stop()
	for _, t := range i.tenants {
		select {
		case <-t.ready:
		case <-slow.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// load reads from the store what is kept in memory.
func (i *Issuer) load(ctx context.Context) error {
	if err := i.loadNonceKey(ctx); err != nil {
		return err
	}
	for _, t := range i.tenants {
		if err := i.loadLists(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// Handler serves /issuer/…, /desk, and the well-known paths of each tenant: mount it for those at the origin.
func (i *Issuer) Handler() http.Handler { return i.handler }

// Close waits for work under way and closes the store.
func (i *Issuer) Close() error {
	i.stop()
	i.workers.Wait()
	return i.db.Close()
}

// elapsed is the clock for lifetimes: it starts with the wall clock and goes on with the monotonic one, so that a jump of
// the wall clock neither ends a session nor brings one back.
func (i *Issuer) elapsed() time.Time { return i.start.Add(i.now().Sub(i.start)) }

func (i *Issuer) tenant(id string) (*tenant, error) {
	t, ok := i.tenants[id]
	if !ok {
		return nil, fmt.Errorf("%w: tenant %q", ErrNotFound, id)
	}
	return t, nil
}

// Tenants returns the tenants in the order of the configuration, without their staff's hashes.
func (i *Issuer) Tenants() []Tenant {
	var all []Tenant
	for _, id := range i.ids {
		t := i.tenants[id].Tenant
		t.Staff = slices.Clone(t.Staff)
		for s := range t.Staff {
			t.Staff[s].TokenSHA256 = ""
		}
		all = append(all, t)
	}
	return all
}

// Subjects returns the inhabitants that can be given a credential, by id.
func (i *Issuer) Subjects(tenantID string) ([]Subject, error) {
	t, err := i.tenant(tenantID)
	if err != nil {
		return nil, err
	}
	return slices.Clone(t.order), nil
}
