// Package oauth holds what OpenID4VCI and OpenID4VP share of OAuth 2.0: the error response and its codes, proofs that
// bind a token to a key (DPoP, RFC 9449), and the messages of the authorization code flow.
//
// An endpoint answers with [Error.Write]; a client reads an answer with [ParseError]. A client makes proofs with a [Prover],
// a server checks them with [VerifyDPoP] and [Replays]. A server reads a pushed request with [ParseAuthorizationRequest] and
// answers through the browser with [AuthorizationRequest.Answer]; a client notes a [Pending] request and checks the answer with
// [Callback.Code].
//
// It deliberately leaves out any authorization server: the issuer's endpoints, and what they remember, are in package issuer. It
// knows one form of PKCE (S256), one response mode (query), and no authorization request that was not pushed.
package oauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Code is an error code of RFC 6749, RFC 9101, RFC 9449, OpenID4VCI 1.0 or OpenID4VP 1.0.
type Code string

// Codes in use.
const (
	InvalidRequest           Code = "invalid_request"
	InvalidClient            Code = "invalid_client"
	InvalidGrant             Code = "invalid_grant"
	UnsupportedGrantType     Code = "unsupported_grant_type"
	UnsupportedResponseType  Code = "unsupported_response_type"
	RequestNotSupported      Code = "request_not_supported"
	InvalidScope             Code = "invalid_scope"
	InvalidToken             Code = "invalid_token"
	AccessDenied             Code = "access_denied"
	InvalidCredentialRequest Code = "invalid_credential_request"
	UnknownConfiguration     Code = "unknown_credential_configuration"
	UnknownIdentifier        Code = "unknown_credential_identifier"
	InvalidProof             Code = "invalid_proof"
	InvalidNonce             Code = "invalid_nonce"
	InvalidEncryption        Code = "invalid_encryption_parameters"
	RequestDenied            Code = "credential_request_denied"
	InvalidNotificationID    Code = "invalid_notification_id"
	InvalidNotification      Code = "invalid_notification_request"
	VPFormatsNotSupported    Code = "vp_formats_not_supported"
	InvalidRequestURIMethod  Code = "invalid_request_uri_method"
	InvalidTransactionData   Code = "invalid_transaction_data"
	WalletUnavailable        Code = "wallet_unavailable"
	InvalidDPoPProof         Code = "invalid_dpop_proof"
	UseDPoPNonce             Code = "use_dpop_nonce"
)

// maxError is how long the texts of a foreign error may be; the rest is of no use to a person or a log.
const maxError = 300

// Error is an OAuth error response. Status is the HTTP status it is sent with.
type Error struct {
	Status      int    `json:"-"`
	Code        Code   `json:"error"`
	Description string `json:"error_description,omitempty"`
	// DPoP: a 401 asks for a proof of the token's key, instead of a bearer token.
	DPoP bool `json:"-"`
}

func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Description
}

// Write sends the error as JSON with Cache-Control: no-store; a 401 carries WWW-Authenticate.
func (e *Error) Write(w http.ResponseWriter) {
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	out := Error{Code: e.Code, Description: printable(e.Description), DPoP: e.DPoP}
	body, err := json.Marshal(out)
	if err != nil {
		panic("oauth: internal error: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(out))
	}
	w.WriteHeader(status)
	w.Write(body)
}

// challenge is the header of RFC 6750, Section 3, or RFC 9449, Section 7.1. The texts hold no quote and no backslash after
// printable.
func challenge(e Error) string {
	scheme := "Bearer"
	if e.DPoP {
		scheme = SchemeDPoP
	}
	c := scheme + ` error="` + string(e.Code) + `"`
	if e.Description != "" {
		c += `, error_description="` + e.Description + `"`
	}
	if e.DPoP {
		c += `, algs="` + DPoPAlgorithm + `"`
	}
	return c
}

// ParseError reads an error response of another party. A body that is none gives an Error without a code.
func ParseError(status int, body []byte) *Error {
	e := &Error{Status: status}
	var m map[string]json.RawMessage
	if jose.Unmarshal(body, &m) != nil {
		return e
	}
	var code, description string
	if json.Unmarshal(m["error"], &code) == nil {
		e.Code = Code(printable(code))
	}
	if json.Unmarshal(m["error_description"], &description) == nil {
		e.Description = printable(description)
	}
	return e
}

// printable keeps the characters that RFC 6749, Section 5.2 allows in error texts, so that a text of another party
// cannot break a log line, a header or a screen.
func printable(s string) string {
	if len(s) > maxError {
		s = s[:maxError]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, s)
}
