// Package verifier asks wallets for proofs and judges them: OpenID4VP 1.0 for wallets, a staff API, and the counter page.
//
// Start with [Open] and serve [Verifier.Handler].
//
// It deliberately keeps no claim values beyond the time that an answer is shown.
package verifier

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Config is the verifier's TOML file.
type Config struct {
	Origin       string   `toml:"origin"`
	Listen       string   `toml:"listen"`
	Dir          string   `toml:"dir"`
	Network      string   `toml:"network"`
	TrustAnchors []string `toml:"trust_anchors"` // PEM files with anchors of foreign issuers
	Dev          bool     `toml:"-"`
	Tenants      []Tenant `toml:"tenants"`
}

// Tenant is one municipality.
type Tenant struct {
	ID         string         `toml:"id"`
	Name       string         `toml:"name"`
	DID        string         `toml:"did"`
	SigningKey string         `toml:"signing_key"` // PEM file: authentication key
	Chain      string         `toml:"chain"`
	ClientID   string         `toml:"client_id"` // prefix to use: x509_hash (default), x509_san_dns or decentralized_identifier
	KeyID      string         `toml:"key_id"`    // fragment, for decentralized_identifier
	Staff      []office.Staff `toml:"staff"`
}

// Deps are the live parts that the configuration does not name.
type Deps struct {
	Ledger  *follow.Client
	Foreign []trust.Anchor // parsed TrustAnchors
	Now     func() time.Time
	Logger  *slog.Logger
}

// Verifier is a running verifier.
type Verifier struct{}

// Open checks the configuration (production refuses plain http and test keys, naming the setting) and opens the store.
func Open(ctx context.Context, cfg Config, deps Deps) (*Verifier, error) {
	panic("verifier: not built yet")
}

// Handler serves /verifier/… and /counter: mount it for those at the origin.
func (v *Verifier) Handler() http.Handler { panic("verifier: not built yet") }

// Close stops the retention job and closes the store.
func (v *Verifier) Close() error { panic("verifier: not built yet") }
