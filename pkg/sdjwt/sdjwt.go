// Package sdjwt issues, selects, binds and verifies SD-JWTs in compact form (RFC 9901).
//
// An issuer calls [Issue] with claims in which [Selective] marks what can be hidden. A holder calls
// [SDJWT.Select] and [SDJWT.Bind]. A verifier calls [Parse], [SDJWT.VerifySignature], [SDJWT.Claims] and
// [SDJWT.VerifyKeyBinding].
//
// It deliberately leaves out the JSON serialisations, every network access, every clock and every policy: who may
// issue what is decided by package credential.
package sdjwt

import (
	"crypto"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Limits, applied before expensive work.
const (
	MaxSize        = 256 << 10 // bytes of one SD-JWT with or without key binding
	MaxDisclosures = 256
	MaxDepth       = 16 // nesting of claims
)

// Errors that callers may test with [errors.Is], beside [jose.ErrMalformed], [jose.ErrTooLarge] and
// [jose.ErrSignature].
var (
	ErrDisclosure    = errors.New("bad disclosure")
	ErrHolderBinding = errors.New("holder binding")
	ErrNonce         = errors.New("nonce is not the one of this exchange")
	ErrAudience      = errors.New("audience is not this verifier")
)

// Selective marks a claim value or an array element as selectively disclosable. Nested ones give recursive
// disclosures (RFC 9901, Section 4.2.6).
type Selective struct{ Value any }

// SDJWT is an SD-JWT, with or without a key binding JWT. It is immutable and unverified after [Parse].
type SDJWT struct {
	jws         *jose.JWS
	disclosures []string
	kb          *jose.JWS
}

// Issue signs claims. [Selective] values anywhere in them become disclosures with fresh 128-bit salts; decoys is
// how many decoy digests each object or array that holds a digest gets; digests are put in random order.
// The header's Type is normally "dc+sd-jwt".
func Issue(signer crypto.Signer, h jose.Header, claims map[string]any, decoys int) (*SDJWT, error) {
	panic("sdjwt: not built yet")
}

// Parse reads the compact form within the limits. It checks form only: no signature, no digest.
// Errors: [jose.ErrMalformed], [jose.ErrTooLarge].
func Parse(compact string) (*SDJWT, error) { panic("sdjwt: not built yet") }

// String returns the compact form.
func (s *SDJWT) String() string { panic("sdjwt: not built yet") }

// Header returns the protected header of the issuer-signed JWT.
func (s *SDJWT) Header() jose.Header { panic("sdjwt: not built yet") }

// HasKeyBinding reports whether a key binding JWT is attached.
func (s *SDJWT) HasKeyBinding() bool { panic("sdjwt: not built yet") }

// VerifySignature checks the issuer's signature. Error: [jose.ErrSignature].
func (s *SDJWT) VerifySignature(issuer crypto.PublicKey) error { panic("sdjwt: not built yet") }

// Payload returns the issuer-signed claims as signed, with "_sd" and "..." still in them.
func (s *SDJWT) Payload() (map[string]any, error) { panic("sdjwt: not built yet") }

// Claims returns the processed payload (RFC 9901, Section 7.1): disclosed values in their places, everything of
// the mechanism removed. Numbers are [encoding/json.Number]. Errors: [ErrDisclosure], [jose.ErrMalformed],
// [jose.ErrTooLarge].
func (s *SDJWT) Claims() (map[string]any, error) { panic("sdjwt: not built yet") }

// Select returns the same SD-JWT with only the disclosures that the paths need: the selected elements with
// everything below them, and the parents needed to reach them. A path that selects nothing is an error.
// A key binding JWT is dropped.
func (s *SDJWT) Select(paths []Path) (*SDJWT, error) { panic("sdjwt: not built yet") }

// KeyBinding is what the holder signs (RFC 9901, Section 4.3).
type KeyBinding struct {
	Audience string
	Nonce    string
	IssuedAt time.Time
	// TransactionDataHashes, when not empty, is added with "transaction_data_hashes_alg" sha-256 (OpenID4VP, App. B.3.3.1).
	TransactionDataHashes []string
}

// Bind adds a key binding JWT signed by the holder's key and returns the compact presentation.
func (s *SDJWT) Bind(holder crypto.Signer, kb KeyBinding) (string, error) {
	panic("sdjwt: not built yet")
}

// Expect is what a key binding JWT must say.
type Expect struct {
	Audience        string
	Nonce           string
	Now             time.Time // "iat" must lie from 300 s before to 60 s after it
	TransactionData []string  // the request's encoded transaction_data; each must be hashed in the JWT
}

// VerifyKeyBinding checks that the key binding JWT is there, is of the right type, was made by the holder's key
// for this exchange and covers exactly these disclosures (RFC 9901, Section 7.3).
// Errors: [ErrHolderBinding], [ErrNonce], [ErrAudience].
func (s *SDJWT) VerifyKeyBinding(holder crypto.PublicKey, want Expect) error {
	panic("sdjwt: not built yet")
}
