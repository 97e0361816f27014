// Package credential validates SD-JWT VC credentials and presentations: one [Validator] that the wallet, the
// verifier and the issuer all use, with one order of checks and no flag that turns a check off.
//
// Order: parse within limits, issuer key, signature, accreditation, validity, disclosures, key binding, the query,
// and then status.
//
// An issuer's key is found by "x5c" or by a "kid" that is a DID URL of the registry, never by both.
//
// It deliberately leaves out protocol: nonces and queries come from the caller. It fetches nothing: type metadata and
// the keys at /.well-known/jwt-vc-issuer are not read.
package credential

import (
	"errors"
	"fmt"
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

// CategoryOf returns the category of an error from this package, or of one that a registry source returned; "" if it
// has none.
func CategoryOf(err error) Category {
	var e *Error
	if errors.As(err, &e) {
		return e.Category
	}
	return registryCategory(err)
}

// registryCategory knows the errors of a registry source by a method, because the packages that return them import
// this one's imports.
func registryCategory(err error) Category {
	var e interface{ RegistryCategory() string }
	if errors.As(err, &e) {
		if c := Category(e.RegistryCategory()); c == RegistryUnproven || c == RegistryUnavailable {
			return c
		}
	}
	return ""
}

func reject(c Category, format string, args ...any) *Error {
	return &Error{Category: c, Err: fmt.Errorf(format, args...)}
}

// Tolerance is the clock tolerance for "exp" and "nbf".
const Tolerance = 60 * time.Second

// Credential is a validated credential.
type Credential struct {
	SDJWT     *sdjwt.SDJWT
	VCT       string
	Issuer    *trust.Identity
	Claims    map[string]any // processed; protocol claims (iss, vct, cnf, status, iat, nbf, exp, …) included
	Holder    *jose.JWK      // "cnf"; nil only where no holder binding was asked for
	IssuedAt  time.Time      // zero when absent
	NotBefore time.Time
	Expires   time.Time
	Status    *statuslist.Ref // nil when absent and the policy of the foreign type allows that
}

// signedOnly are the claims that an issuer may never hide (SD-JWT VC, "Registered JWT Claims"), with all below them.
var signedOnly = []string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}

// protocol are the registered claims that say nothing for people about the subject. "sub" is among them: it is an
// identifier for machines.
var protocol = append([]string{"iat", "sub", "aud", "jti"}, signedOnly...)

// Subject returns the claims about the subject: Claims without the registered protocol claims.
func (c *Credential) Subject() map[string]any {
	out := make(map[string]any, len(c.Claims))
	for name, v := range c.Claims {
		out[name] = v
	}
	for _, name := range protocol {
		delete(out, name)
	}
	return out
}

// Presentation is a validated presentation.
type Presentation struct {
	Credential
	AsOf time.Time // when the status and accreditation were known to hold (time of the proven header or list)
}
