// Package openid4vp is OpenID for Verifiable Presentations 1.0: both sides of one exchange.
//
// The verifier builds a [Request], signs it with [Request.Sign] and reads the answer with [ParseResponse]. The
// wallet opens a link with [Client.Open], finds what fits with [DCQLQuery.Match] and ends with [Client.Answer] or
// [Client.Refuse].
//
// It deliberately leaves out scopes, mdoc, the Digital Credentials API, unsigned requests and every type of
// transaction data. It never decides trust: a [PolicyFunc] does. It imports jose, oauth, fetch, sdjwt, trust and
// credential, and no role.
package openid4vp

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Limits of the error contract.
const (
	MaxRequestSize  = 256 << 10
	MaxResponseSize = 1 << 20
)

// Errors of the wallet's side that callers may test with [errors.Is]. They are the wallet's outcome categories.
var (
	ErrRequestUntrusted = errors.New("request_untrusted")
	ErrRequestMalformed = errors.New("request_malformed")
	ErrRequestExpired   = errors.New("request_expired")
	ErrEndpointRefused  = errors.New("endpoint_refused")
	ErrNoMatch          = errors.New("no_match")
	ErrNetwork          = errors.New("network")
)

// Response modes.
const (
	DirectPost    = "direct_post"
	DirectPostJWT = "direct_post.jwt"
)

// StaticAudience is the "aud" of a request object with static discovery.
const StaticAudience = "https://self-issued.me/v2"

// Client identifier prefixes that requests may use.
const (
	PrefixX509Hash   = "x509_hash"
	PrefixX509SANDNS = "x509_san_dns"
	PrefixDID        = "decentralized_identifier"
)

// ClientMetadata is the part of client_metadata that is used.
type ClientMetadata struct {
	JWKS             *jose.JWKSet    `json:"jwks,omitempty"`
	EncryptionValues []string        `json:"encrypted_response_enc_values_supported,omitempty"`
	VPFormats        json.RawMessage `json:"vp_formats_supported,omitempty"`
}

// VerifierInfo is an attestation about the verifier; the registry proof has format "urn:zegel:registry-proof:1".
type VerifierInfo struct {
	Format        string          `json:"format"`
	Data          json.RawMessage `json:"data"`
	CredentialIDs []string        `json:"credential_ids,omitempty"`
}

// Request is an authorization request (Section 5).
type Request struct {
	ClientID        string
	ResponseMode    string
	ResponseURI     string
	Nonce           string
	State           string
	Query           *DCQLQuery
	Metadata        *ClientMetadata
	VerifierInfo    []VerifierInfo
	TransactionData []string
	WalletNonce     string
	IssuedAt        time.Time
	Expires         time.Time
}
