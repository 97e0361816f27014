// Package oauth holds what OpenID4VCI and OpenID4VP share of OAuth 2.0: the error response and its codes.
//
// It deliberately leaves out any authorization server: the issuer's token endpoint is in package issuer.
package oauth

import "net/http"

// Code is an error code of RFC 6749, OpenID4VCI 1.0 or OpenID4VP 1.0.
type Code string

// Codes in use.
const (
	InvalidRequest           Code = "invalid_request"
	InvalidClient            Code = "invalid_client"
	InvalidGrant             Code = "invalid_grant"
	UnsupportedGrantType     Code = "unsupported_grant_type"
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
)

// Error is an OAuth error response. Status is the HTTP status it is sent with.
type Error struct {
	Status      int    `json:"-"`
	Code        Code   `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Description }

// Write sends the error as JSON with Cache-Control: no-store; a 401 carries WWW-Authenticate.
func (e *Error) Write(w http.ResponseWriter) { panic("oauth: not built yet") }
