// Package issuer hands out and revokes credentials: OpenID4VCI 1.0 for wallets, a staff API, and the desk page.
//
// Start with [Open] and serve [Issuer.Handler].
//
// It deliberately leaves out where data about inhabitants come from: a Subjects file stands in for the source system.
package issuer

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
)

// Config is the issuer's TOML file.
type Config struct {
	Origin  string   `toml:"origin"`  // as "https://zegel.example.nl"; paths below are fixed: /issuer/<tenant>, /desk
	Listen  string   `toml:"listen"`  // address of the listener, as "127.0.0.1:8421"
	Dir     string   `toml:"dir"`     // database
	Network string   `toml:"network"` // network file
	Dev     bool     `toml:"-"`       // set by --dev only
	Tenants []Tenant `toml:"tenants"`
}

// Tenant is one municipality.
type Tenant struct {
	ID            string         `toml:"id"`   // path part, as "voorbeeldstad"
	Name          string         `toml:"name"` // as "Gemeente Voorbeeldstad"
	DID           string         `toml:"did"`
	SigningKey    string         `toml:"signing_key"`     // PEM file (PKCS #8, P-256): assertionMethod key
	Chain         string         `toml:"chain"`           // PEM file, leaf first, without the anchor
	RegistryKey   string         `toml:"registry_key"`    // PEM file (PKCS #8, Ed25519): capabilityInvocation key
	RegistryKeyID string         `toml:"registry_key_id"` // fragment
	Subjects      string         `toml:"subjects"`        // JSON file with inhabitants, see Subject
	BatchSize     int            `toml:"batch_size"`
	Staff         []office.Staff `toml:"staff"`
}

// Subject is an inhabitant in the subjects file: {"id":"voorbeeld-1","claims":{"given_name":…,"family_name":…,"birthdate":"2000-01-31","address":{"locality":…}}}.
// age_equal_or_over is computed.
type Subject struct {
	ID     string         `json:"id"`
	Claims map[string]any `json:"claims"`
}

// Issuer is a running issuer.
type Issuer struct{}

// Deps are the live parts that the configuration does not name.
type Deps struct {
	Ledger *follow.Client // every transaction and proof goes through it
	Now    func() time.Time
	Logger *slog.Logger
}

// Open checks the configuration (production refuses plain http and test keys, naming the setting), opens the store,
// registers missing status lists on the chain and goes on with transactions that were on their way.
func Open(ctx context.Context, cfg Config, deps Deps) (*Issuer, error) {
	panic("issuer: not built yet")
}

// Handler serves /issuer/…, /desk, and the well-known paths of each tenant: mount it for those at the origin.
func (i *Issuer) Handler() http.Handler { panic("issuer: not built yet") }

// Close waits for work under way and closes the store.
func (i *Issuer) Close() error { panic("issuer: not built yet") }
