// Package openid4vp is OpenID for Verifiable Presentations 1.0: both sides of one exchange.
//
// The verifier builds a [Request], signs it with [Request.Sign] and reads the answer with [ParseResponse]. The
// wallet opens a link with [Client.Open], finds what fits with [DCQLQuery.Match] and ends with [Client.Answer] or
// [Client.Refuse].
//
// It deliberately leaves out scopes, mdoc, the Digital Credentials API, and unsigned requests. It never decides
// trust: a PolicyFunc does.
package openid4vp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
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

// Sign returns the request object: a JWT of type oauth-authz-req+jwt with aud [StaticAudience]. h carries x5c or kid.
func (r *Request) Sign(signer crypto.Signer, h jose.Header) (string, error) {
	panic("openid4vp: not built yet")
}

// X509HashClientID returns the client_id for a DER leaf certificate.
func X509HashClientID(leaf []byte) string { panic("openid4vp: not built yet") }

// Link returns the openid4vp:// link that hands a request over by reference. method is "get" or "post".
func Link(clientID, requestURI, method string) string { panic("openid4vp: not built yet") }

// Response is a wallet's parsed answer, unverified.
type Response struct {
	Token            map[string][]string // credential query id -> presentations
	State            string
	Error            oauth.Code // set when the wallet answered with an error; Token is nil then
	ErrorDescription string
}

// ParseResponse reads the form a wallet posted for the given response mode. key is the session's decryption key for
// [DirectPostJWT]. The error is a *credential.Error: malformed, too_large or decryption_failed. An unencrypted answer
// to direct_post.jwt is malformed; an error response may come unencrypted.
func ParseResponse(form url.Values, mode string, key *ecdsa.PrivateKey) (*Response, error) {
	panic("openid4vp: not built yet")
}

// PolicyFunc gives the trust policy for a request from what is stapled to it. The wallet checks the registry proof
// here; without one the policy knows only foreign anchors.
type PolicyFunc func(ctx context.Context, info []VerifierInfo) (*trust.Policy, error)

// Client is the wallet's side. All fields but Seen are required.
type Client struct {
	Fetch  *fetch.Client
	Now    func() time.Time
	Policy PolicyFunc
	// Seen, when not nil, records a request object (client id and nonce) durably until expires, and returns
	// [ErrRequestMalformed] if it was recorded before. Nothing may be shown for the second.
	Seen func(ctx context.Context, clientID, nonce string, expires time.Time) error
}

// Asked is a verified request: who asks what, and what the register says about it.
type Asked struct {
	Request    Request
	Verifier   *trust.Identity
	Permission *trust.Permission
}

// Open reads a link (openid4vp://, haip-vp:// or https), fetches the request object and verifies it: client id,
// signature, identity, audience, times, wallet_nonce, transaction data, response endpoint. Errors: those above, and
// *oauth.Error when the specification wants an error response, which has then been sent to the response_uri if the
// request was trusted.
func (c *Client) Open(ctx context.Context, link string) (*Asked, error) {
	panic("openid4vp: not built yet")
}

// Answer sends the presentations, encrypted if the mode asks so, and returns the redirect_uri of the verifier
// ("" if none) after checking that it is https (or loopback http in development). Answer is never repeated.
// Errors: [ErrEndpointRefused] (a bad redirect_uri counts as sent: sent is true), [ErrNetwork], or *oauth.Error as
// the verifier replied.
func (c *Client) Answer(ctx context.Context, a *Asked, token map[string][]string) (redirect string, sent bool, err error) {
	panic("openid4vp: not built yet")
}

// Refuse sends an error response, normally access_denied.
func (c *Client) Refuse(ctx context.Context, a *Asked, code oauth.Code) error {
	panic("openid4vp: not built yet")
}

// Filter returns only the claims of c that the credential query asks for (row DCQL-09).
func (q *CredentialQuery) Filter(c *credential.Credential) map[string]any {
	panic("openid4vp: not built yet")
}

var _ sdjwt.Path
