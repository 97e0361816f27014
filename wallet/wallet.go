// Package wallet is the headless core of the citizen's wallet: an encrypted store, and journeys of two phases.
//
// Start with [Create] or [Open]. [Wallet.Receive] and [Wallet.Present] return a value that says what is about to happen; nothing is
// stored or sent before its Accept or Share. The graphical wallet, the command line and the tests use the same lines.
//
// It deliberately leaves out screens, and contacts nobody for trust: proofs come stapled and are checked from the network file.
package wallet

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Category is an outcome of the closed list of the error contract; every error of this package that a person can cause has one.
type Category string

// The categories of a wallet.
const (
	RequestUntrusted  Category = "request_untrusted"
	RequestMalformed  Category = "request_malformed"
	RequestExpired    Category = "request_expired"
	EndpointRefused   Category = "endpoint_refused"
	NoMatch           Category = "no_match"
	UserDeclined      Category = "user_declined"
	IssuerUntrusted   Category = "issuer_untrusted"
	CredentialInvalid Category = "credential_invalid"
	Locked            Category = "locked"
	StoreCorrupt      Category = "store_corrupt"
	StoreRolledBack   Category = "store_rolled_back"
	BackupInvalid     Category = "backup_invalid"
	Network           Category = "network"
)

// Error is a failure with its category.
type Error struct {
	Category Category
	Err      error
}

func (e *Error) Error() string { return string(e.Category) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CategoryOf returns the category of an error, "" if it has none.
func CategoryOf(err error) Category {
	var e *Error
	if errors.As(err, &e) {
		return e.Category
	}
	return ""
}

// Options open a wallet. Dir and Now are required.
type Options struct {
	Dir      string
	Now      func() time.Time
	Fetch    *fetch.Client  // default: https to public addresses; loopback http in a development wallet
	Foreign  []trust.Anchor // "--trust-anchor"
	Keychain Keychain       // nil: none on this machine
}

// Keychain is the secret store of the operating system.
type Keychain interface {
	Get(name string) ([]byte, error) // ErrNoSecret if there is none
	Set(name string, secret []byte) error
	Delete(name string) error
}

// ErrNoSecret: the keychain has no such secret.
var ErrNoSecret = errors.New("no such secret")

// Setup is what a new wallet fixes for good.
type Setup struct {
	Secret  string // 6-digit PIN if there is a keychain or in development, else a passphrase of at least 60 bits
	Network []byte // network file; nil only in development (then only foreign parties can be met)
	Dev     bool   // plain http on loopback; fixed in the store
}

// Wallet is an open, unlocked wallet.
type Wallet struct{}

// Create makes a new store in an empty or missing directory.
func Create(ctx context.Context, o Options, s Setup) (*Wallet, error) { panic("wallet: not built yet") }

// Open unlocks a store. A wrong secret is [Locked] and counts; the error says how many tries are left and until when to wait.
func Open(ctx context.Context, o Options, secret string) (*Wallet, error) {
	panic("wallet: not built yet")
}

// Close locks the wallet and closes the store.
func (w *Wallet) Close() error { panic("wallet: not built yet") }

// Card is a credential as people see it: one card, however many single-use copies there are.
type Card struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"` // vct
	Name       string         `json:"name"`
	Issuer     string         `json:"issuer"`
	Registered bool           `json:"registered"`
	Status     string         `json:"status"` // valid, expiring, expired, revoked, suspended, unknown
	Copies     int            `json:"copies"` // unused copies left
	Expires    time.Time      `json:"expires,omitzero"`
	Checked    time.Time      `json:"checked,omitzero"` // when the status was last checked
	Claims     map[string]any `json:"claims"`
}

// Cards lists the cards, newest first.
func (w *Wallet) Cards(ctx context.Context) ([]Card, error) { panic("wallet: not built yet") }

// Issuance is an offer before it is accepted.
type Issuance struct {
	Issuer     string // registered name, or the address of an unregistered one
	Registered bool
	Types      []string           // names of what is offered
	TxCode     *openid4vci.TxCode // not nil: a code from paper is needed; never set for an untrusted issuer
}

// Receive opens an offer link. Errors by category: issuer_untrusted, request_malformed, endpoint_refused, network.
func (w *Wallet) Receive(ctx context.Context, link string) (*Issuance, error) {
	panic("wallet: not built yet")
}

// Fetch redeems the code and fetches the batch; the cards can then be looked at but are not stored yet.
func (i *Issuance) Fetch(ctx context.Context, txCode string) ([]Card, error) {
	panic("wallet: not built yet")
}

// Accept stores what was fetched and tells the issuer; Decline forgets it.
func (i *Issuance) Accept(ctx context.Context) ([]Card, error) { panic("wallet: not built yet") }

// Decline drops the offer.
func (i *Issuance) Decline(ctx context.Context) error { panic("wallet: not built yet") }

// Disclosure is a request before it is answered: who asks what and why, and which cards match.
type Disclosure struct {
	Verifier   string
	Registered bool
	Purpose    trust.Text
	LegalBasis string
	KeepDays   int
	Extra      []string // claims outside the registered purpose, as people read them
	Sets       []Set    // what can be answered; empty: no match
}

// Set is one choice to make.
type Set struct {
	Required bool
	Options  []Option
}

// Option is one way to satisfy a set.
type Option struct {
	ID      string
	Answers []Answer // one for each credential query
}

// Answer is a credential query with the cards that match.
type Answer struct {
	Query string
	Cards []Match
}

// Match is a card and the claims it would share.
type Match struct {
	Card   Card
	Claims []Claim
}

// Claim is a claim that would be shared.
type Claim struct {
	Path  string
	Value any
}

// Choice says what to share. The zero value is the smallest answer with the first matching cards.
type Choice struct {
	Options []string          // ids, at most one for each set
	Cards   map[string]string // query id -> card id
	// AllowExtra goes on although claims lie outside the registered purpose; AllowUnregistered although the verifier stands in no register.
	AllowExtra        bool
	AllowUnregistered bool
}

// Present opens a request link. Errors by category: request_*, endpoint_refused, network. A request that nothing matches is returned with
// empty Sets and can only be refused.
func (w *Wallet) Present(ctx context.Context, link string) (*Disclosure, error) {
	panic("wallet: not built yet")
}

// Share sends the answer and uses up one copy of each card. It returns where the verifier wants the browser to go ("" if nowhere).
func (d *Disclosure) Share(ctx context.Context, c Choice) (redirect string, err error) {
	panic("wallet: not built yet")
}

// Refuse tells the verifier access_denied, in the same words for "declined" and "no match".
func (d *Disclosure) Refuse(ctx context.Context) error { panic("wallet: not built yet") }

// Entry is a line of the history. It names claims, never their values.
type Entry struct {
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"` // received, shared, refused, failed, revoked, deleted
	Party      string    `json:"party"`
	Registered bool      `json:"registered"`
	Purpose    string    `json:"purpose,omitempty"`
	Card       string    `json:"card,omitempty"`
	Claims     []string  `json:"claims,omitempty"`
	Extra      []string  `json:"extra,omitempty"` // shared although outside the registered purpose
	Outcome    string    `json:"outcome"`         // ok or a category
}

// History lists entries, newest first.
func (w *Wallet) History(ctx context.Context) ([]Entry, error) { panic("wallet: not built yet") }

// Refresh looks up the status of every card.
func (w *Wallet) Refresh(ctx context.Context) ([]Card, error) { panic("wallet: not built yet") }

// Delete removes a card and destroys its keys; the history stays.
func (w *Wallet) Delete(ctx context.Context, cardID string) error { panic("wallet: not built yet") }
