// Package verifier asks wallets for proofs and judges them: OpenID4VP 1.0 for wallets, a staff API, and the counter page.
//
// Start with [Open] and serve [Verifier.Handler]. The life of a session is in session.go, the wallet's side of it in
// exchange.go.
//
// It deliberately keeps no claim values beyond the time that an answer is shown: outcome and category stay, values go
// within minutes. It imports pkg packages only.
package verifier

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Config is the verifier's TOML file.
type Config struct {
	Origin       string   `toml:"origin"`
	Listen       string   `toml:"listen"`
	Dir          string   `toml:"dir"`
	Network      string   `toml:"network"`
	TrustAnchors []string `toml:"trust_anchors"` // PEM files with anchors of foreign issuers
	// SessionsPerMinute is how many sessions one staff key may make on average; 0 is 6000.
	SessionsPerMinute int `toml:"sessions_per_minute"`
	// ClaimMinutes is how long the values of an answer are kept, 1 to 10; 0 is 10.
	ClaimMinutes int `toml:"claim_minutes"`
	// HistoryDays is how long outcome and category are kept; 0 is 90.
	HistoryDays int      `toml:"history_days"`
	Dev         bool     `toml:"-"`
	Tenants     []Tenant `toml:"tenants"`
}

// Tenant is one municipality.
type Tenant struct {
	ID         string         `toml:"id"`
	Name       string         `toml:"name"`
	Locality   string         `toml:"locality"` // as in address.locality, for the preset "resident"; default: Name without "Gemeente "
	DID        string         `toml:"did"`
	SigningKey string         `toml:"signing_key"` // PEM file: authentication key
	Chain      string         `toml:"chain"`
	ClientID   string         `toml:"client_id"` // prefix to use: x509_hash (default), x509_san_dns or decentralized_identifier
	KeyID      string         `toml:"key_id"`    // fragment, for decentralized_identifier
	Redirects  []string       `toml:"redirects"` // where a same-device session may send the browser, exactly
	Staff      []office.Staff `toml:"staff"`
	Duty       Duty           `toml:"duty"` // a law by which outcomes must be kept
}

// Ledger is what the verifier needs of the registry: [follow.Client] in a service, and a small one in its tests.
type Ledger interface {
	did.Source
	trust.Source
	State() follow.State
	Status(ctx context.Context, issuer *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error)
	Bundle(ctx context.Context, keys ...ledger.Key) ([]byte, error)
}

var _ Ledger = (*follow.Client)(nil)

// Deps are the live parts that the configuration does not name.
type Deps struct {
	Ledger  Ledger
	Foreign []trust.Anchor // beside those of Config.TrustAnchors; may be nil
	Now     func() time.Time
	// Elapsed is the time since some fixed moment, by a clock that nobody sets; default: since Open. Sessions live by it.
	Elapsed func() time.Duration
	Logger  *slog.Logger
}

// Verifier is a running verifier.
type Verifier struct {
	cfg        Config
	ledger     Ledger
	now        func() time.Time
	elapsed    func() time.Duration
	log        *slog.Logger
	db         *office.DB
	tenants    map[string]*tenant
	trust      *trust.Policy
	validator  *credential.Validator
	lists      *statuslist.Client
	rates      rates
	erasing    rates // by address
	challenges *challenges
	metrics    *metrics

	mu   sync.RWMutex
	live map[string]*live // by handle: open sessions, and ended ones that hold values

	subs     subscribers
	stop     context.CancelFunc
	janitor  chan struct{} // closed when the retention job has ended
	closing  sync.Once
	closeErr error
}

// tenant is a municipality with its key and names.
type tenant struct {
	Tenant
	base    string // <origin>/verifier/<id>
	signer  crypto.Signer
	clients map[string]client // by prefix
	presets []Preset
	staple  staple
}

// client is one way in which wallets may know the tenant.
type client struct {
	id     string
	header jose.Header
}

var tenantID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// reserved are path parts below /verifier that are not tenants.
var reserved = []string{"healthz", "readyz", "metrics", "static"}

// Open checks the configuration (production refuses plain http and test keys, naming the setting), opens the store
// and goes on with the sessions in it.
func Open(ctx context.Context, cfg Config, deps Deps) (*Verifier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if deps.Ledger == nil {
		return nil, errors.New("verifier: no registry client")
	}
	v := &Verifier{
		cfg:        cfg,
		ledger:     deps.Ledger,
		now:        deps.Now,
		elapsed:    deps.Elapsed,
		log:        deps.Logger,
		tenants:    map[string]*tenant{},
		live:       map[string]*live{},
		janitor:    make(chan struct{}),
		metrics:    newMetrics(),
		challenges: newChallenges(),
	}
	if v.now == nil {
		v.now = time.Now
	}
	if v.elapsed == nil {
		start := time.Now() // holds a monotonic reading, which no one can set
		v.elapsed = func() time.Duration { return time.Since(start) }
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	v.rates.perMinute, v.erasing.perMinute = cfg.SessionsPerMinute, erasuresPerMinute
	for i := range cfg.Tenants {
		t, err := openTenant(cfg, cfg.Tenants[i])
		if err != nil {
			return nil, fmt.Errorf("setting tenants[%d] (%q): %w", i, cfg.Tenants[i].ID, err)
		}
		if v.tenants[t.ID] != nil {
			return nil, fmt.Errorf("setting tenants[%d].id: %q given twice", i, t.ID)
		}
		v.tenants[t.ID] = t
	}
	foreign, err := trust.ReadForeign(cfg.TrustAnchors)
	if err != nil {
		return nil, fmt.Errorf("setting trust_anchors: %w", err)
	}
	v.trust = &trust.Policy{Source: deps.Ledger, DIDs: did.NewRegistry(deps.Ledger), Foreign: append(foreign, deps.Foreign...)}
	v.lists = &statuslist.Client{Fetch: &fetch.Client{Loopback: cfg.Dev}, Now: v.now}
	v.validator = &credential.Validator{Trust: v.trust, Status: v.status, Now: v.now}

	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("setting dir: %w", err)
	}
	db, err := office.OpenDB(ctx, filepath.Join(cfg.Dir, "verifier.db"), migrations)
	if err != nil {
		return nil, fmt.Errorf("setting dir: %w", err)
	}
	v.db = db
	if err := v.load(ctx); err != nil {
		db.Close()
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	v.stop = stop
	go v.keepHouse(running)
	return v, nil
}

// check refuses what production must not run with, and fills in defaults.
func (c *Config) check() error {
	u, err := url.Parse(c.Origin)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("setting origin: %q is not an origin such as https://balie.example.org", c.Origin)
	case u.Scheme == "http" && !c.Dev:
		return fmt.Errorf("setting origin: %q is plain http, which only --dev allows", c.Origin)
	case u.Scheme == "http" && (&fetch.Client{Loopback: true}).Check(c.Origin) != nil:
		return fmt.Errorf("setting origin: %q is plain http beyond this machine", c.Origin)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("setting origin: scheme %q", u.Scheme)
	}
	c.Origin = strings.TrimSuffix(c.Origin, "/")
	if c.Dir == "" {
		return errors.New("setting dir: missing")
	}
	for _, s := range []struct {
		name     string
		value    *int
		def, max int
	}{
		{"sessions_per_minute", &c.SessionsPerMinute, 6000, 1_000_000},
		{"claim_minutes", &c.ClaimMinutes, 10, 10},
		{"history_days", &c.HistoryDays, 90, maxKept},
	} {
		if *s.value == 0 {
			*s.value = s.def
		}
		if *s.value < 1 || *s.value > s.max {
			return fmt.Errorf("setting %s: %d, 1 to %d", s.name, *s.value, s.max)
		}
	}
	if len(c.Tenants) == 0 {
		return errors.New("setting tenants: none")
	}
	return nil
}

func openTenant(cfg Config, c Tenant) (*tenant, error) {
	if !tenantID.MatchString(c.ID) || slices.Contains(reserved, c.ID) {
		return nil, fmt.Errorf("setting id: %q", c.ID)
	}
	if c.Name == "" {
		return nil, errors.New("setting name: missing")
	}
	if _, err := did.Parse(c.DID); err != nil {
		return nil, fmt.Errorf("setting did: %v", err)
	}
	t := &tenant{Tenant: c, base: cfg.Origin + "/verifier/" + c.ID, clients: map[string]client{}, presets: Presets(c)}
	var err error
	if t.signer, err = office.LoadKey(c.SigningKey, cfg.Dev); err != nil {
		return nil, fmt.Errorf("setting signing_key: %w", err)
	}
	if c.Chain != "" {
		chain, err := office.LoadChain(c.Chain)
		if err != nil {
			return nil, fmt.Errorf("setting chain: %w", err)
		}
		leaf, err := x509.ParseCertificate(chain[0])
		if err != nil {
			return nil, fmt.Errorf("setting chain: %v", err)
		}
		if pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(t.signer.Public()) {
			return nil, errors.New("setting chain: the first certificate is not for signing_key")
		}
		h := jose.Header{X5C: chain}
		t.clients[openid4vp.PrefixX509Hash] = client{openid4vp.X509HashClientID(chain[0]), h}
		origin, _ := url.Parse(cfg.Origin)
		if host := origin.Hostname(); slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, host) }) {
			t.clients[openid4vp.PrefixX509SANDNS] = client{openid4vp.PrefixX509SANDNS + ":" + host, h}
		}
	}
	if c.KeyID != "" {
		t.clients[openid4vp.PrefixDID] = client{openid4vp.PrefixDID + ":" + c.DID, jose.Header{KeyID: c.DID + "#" + c.KeyID}}
	}
	if t.ClientID == "" {
		t.ClientID = openid4vp.PrefixX509Hash
	}
	if _, ok := t.clients[t.ClientID]; !ok {
		return nil, fmt.Errorf("setting client_id: %q needs chain (with the host of origin as DNS name for x509_san_dns) or key_id", t.ClientID)
	}
	if err := checkStaff(c.Staff); err != nil {
		return nil, err
	}
	if err := c.Duty.check(); err != nil {
		return nil, err
	}
	for _, r := range c.Redirects {
		if err := (&fetch.Client{Loopback: cfg.Dev}).Check(r); err != nil {
			return nil, fmt.Errorf("setting redirects: %v", err)
		}
	}
	return t, nil
}

// checkStaff refuses tokens that anyone could guess, and names that would share each other's roles.
func checkStaff(staff []office.Staff) error {
	names, tokens := map[string]bool{}, map[string]bool{office.HashToken(""): true}
	for i, s := range staff {
		token := strings.ToLower(s.TokenSHA256)
		if raw, err := hex.DecodeString(token); err != nil || len(raw) != sha256.Size || tokens[token] {
			return fmt.Errorf("setting staff[%d].token_sha256: not the SHA-256 of a token of its own", i)
		}
		if s.Name == "" || names[s.Name] {
			return fmt.Errorf("setting staff[%d].name: %q is missing or given twice", i, s.Name)
		}
		names[s.Name], tokens[token] = true, true
	}
	return nil
}

// State returns how fresh the registry is.
func (v *Verifier) State() follow.State { return v.ledger.State() }

// Close stops the retention job and closes the store.
func (v *Verifier) Close() error {
	v.closing.Do(func() {
		v.stop()
		<-v.janitor
		v.closeErr = v.db.Close()
	})
	return v.closeErr
}
