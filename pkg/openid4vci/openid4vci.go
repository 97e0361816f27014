// Package openid4vci is OpenID for Verifiable Credential Issuance 1.0: offers, issuer metadata, key proofs, the
// wallet's [Client] and the messages that an issuer reads.
//
// A wallet starts with [Client.Open]; an issuer with [ParseCredentialRequest] and [VerifyProof].
//
// An offer is collected with its pre-authorized code ([Client.Redeem]), or after a person proved who they are on a page of the
// issuer ([Client.Authorize], [Client.RedeemCode]).
//
// It deliberately leaves out deferred issuance, encrypted answers and other formats than dc+sd-jwt, and it never decides trust: a
// PolicyFunc does.
package openid4vci

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// Errors of the wallet's side that callers may test with [errors.Is]. They are the wallet's outcome categories.
var (
	ErrMalformed       = errors.New("request_malformed")
	ErrIssuerUntrusted = errors.New("issuer_untrusted")
	ErrEndpointRefused = errors.New("endpoint_refused")
	ErrNetwork         = errors.New("network")
)

// Grant types: of the pre-authorized code flow, of the authorization code flow, and of renewal (RFC 6749, Section 6).
const (
	GrantPreAuthorized = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	GrantCode          = oauth.GrantCode
	GrantRefresh       = "refresh_token"
)

// FormatSDJWT is the one credential format of this package.
const FormatSDJWT = "dc+sd-jwt"

// Limits, applied before expensive work.
const (
	MaxLink     = 32 << 10 // bytes of an offer link
	MaxOffer    = 16 << 10 // bytes of an offer
	MaxMetadata = 1 << 20  // bytes of issuer metadata; logos may be in it
	MaxRequest  = 256 << 10
	MaxProofs   = 32       // key proofs of a request
	MaxProof    = 16 << 10 // bytes of one
	maxOffered  = 32       // configurations of an offer
)

// members decodes an object to its members, so that one that is absent can be told from one that is null or empty.
func members(data []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := jose.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("%w: not a JSON object", jose.ErrMalformed)
	}
	return m, nil
}

// member decodes one member into v. It reports whether the member is there.
func member(m map[string]json.RawMessage, name string, v any) (bool, error) {
	raw, ok := m[name]
	if !ok {
		return false, nil
	}
	if string(raw) == "null" {
		return true, fmt.Errorf("%w: %q is null", jose.ErrMalformed, name)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return true, fmt.Errorf("%w: %q has the wrong type", jose.ErrMalformed, name)
	}
	return true, nil
}

// integer reads a decoded JSON number that is a whole number of 64 bits.
func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}
