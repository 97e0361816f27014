// Package credential validates SD-JWT VC credentials and presentations: one [Validator] that the wallet, the
// verifier and the issuer all use, with one order of checks and no flag that turns a check off.
//
// Order: parse within limits, issuer key, signature, accreditation, validity, disclosures, key binding, the query,
// and then status.
//
// It deliberately leaves out protocol: nonces and queries come from the caller.
package credential

import (
	"context"
	"crypto"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Category is an outcome of the closed list of the error contract.
type Category string

// The categories of a verifier.
const (
	Malformed           Category = "malformed"
	TooLarge            Category = "too_large"
	BadSignature        Category = "bad_signature"
	UntrustedIssuer     Category = "untrusted_issuer"
	BadDisclosure       Category = "bad_disclosure"
	HolderBinding       Category = "holder_binding"
	Replayed            Category = "replayed"
	WrongAudience       Category = "wrong_audience"
	NotYetValid         Category = "not_yet_valid"
	Expired             Category = "expired"
	Revoked             Category = "revoked"
	Suspended           Category = "suspended"
	StatusUnavailable   Category = "status_unavailable"
	QueryUnsatisfied    Category = "query_unsatisfied"
	DecryptionFailed    Category = "decryption_failed"
	SessionState        Category = "session_state"
	RegistryUnproven    Category = "registry_unproven"
	RegistryUnavailable Category = "registry_unavailable"
)

// Error is a rejection with its category. Err says more for the log; it holds no claim values.
type Error struct {
	Category Category
	Err      error
}

func (e *Error) Error() string { return string(e.Category) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CategoryOf returns the category of an error from this package, "" if it has none.
func CategoryOf(err error) Category { panic("credential: not built yet") }

// Tolerance is the clock tolerance for "exp" and "nbf".
const Tolerance = 60 * time.Second

// Credential is a validated credential.
type Credential struct {
	SDJWT     *sdjwt.SDJWT
	VCT       string
	Issuer    *trust.Identity
	Claims    map[string]any // processed; protocol claims (iss, vct, cnf, status, iat, nbf, exp, …) included
	Holder    *jose.JWK      // "cnf"
	IssuedAt  time.Time      // zero when absent
	NotBefore time.Time
	Expires   time.Time
	Status    *statuslist.Ref // nil when absent and the policy of the foreign type allows that
}

// Subject returns the claims about the subject: Claims without the registered protocol claims.
func (c *Credential) Subject() map[string]any { panic("credential: not built yet") }

// Presentation is a validated presentation.
type Presentation struct {
	Credential
	AsOf time.Time // when the status and accreditation were known to hold (time of the proven header or list)
}

// StatusFunc returns the status of an entry, and when it was known. The validator calls it last.
// Errors: [statuslist.ErrUnavailable], and *Error with a registry category.
type StatusFunc func(ctx context.Context, issuer *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error)

// Validator validates. All fields are required.
type Validator struct {
	Trust  *trust.Policy
	Status StatusFunc
	Now    func() time.Time
}

// Expect is what a presentation must satisfy beside being valid.
type Expect struct {
	Nonce           string
	Audience        string
	Unbound         bool     // the query set require_cryptographic_holder_binding to false
	TransactionData []string // encoded, as in the request
	// Query, when not nil, checks the claims against the query; its error becomes [QueryUnsatisfied].
	Query func(*Credential) error
}

// Present validates a presentation. The error is an *Error.
func (v *Validator) Present(ctx context.Context, compact string, want Expect) (*Presentation, error) {
	panic("credential: not built yet")
}

// Issued validates a credential as the holder receives it, without a key binding JWT, bound to holder, of type vct.
// Status is not looked up. The error is an *Error.
func (v *Validator) Issued(ctx context.Context, compact, vct string, holder crypto.PublicKey) (*Credential, error) {
	panic("credential: not built yet")
}
