package openid4vci

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Well-known names of metadata documents.
const (
	WellKnownIssuer        = "openid-credential-issuer"
	WellKnownAuthorization = "oauth-authorization-server"
	WellKnownJWTVCIssuer   = "jwt-vc-issuer"
)

// TypeSignedMetadata is the "typ" of signed metadata (Section 12.2.3).
const TypeSignedMetadata = "openidvci-issuer-metadata+jwt"

// IssuerMetadata is the credential issuer metadata (Section 12.2).
type IssuerMetadata struct {
	CredentialIssuer     string                   `json:"credential_issuer"`
	AuthorizationServers []string                 `json:"authorization_servers,omitempty"`
	CredentialEndpoint   string                   `json:"credential_endpoint"`
	NonceEndpoint        string                   `json:"nonce_endpoint,omitempty"`
	NotificationEndpoint string                   `json:"notification_endpoint,omitempty"`
	Batch                *Batch                   `json:"batch_credential_issuance,omitempty"`
	Display              []Display                `json:"display,omitempty"`
	Configurations       map[string]Configuration `json:"credential_configurations_supported"`
	Signed               string                   `json:"signed_metadata,omitempty"`
	// Registry is the stapled registry proof of a Zegel issuer, base64url (see pkg/ledger).
	Registry string `json:"zegel_registry,omitempty"`
}

// Batch says how many proofs one request may hold.
type Batch struct {
	Size int `json:"batch_size"`
}

// Display is a name in a language, and how a card looks. A "background_image" is not read: a card's face is the wallet's own.
type Display struct {
	Name            string `json:"name"`
	Locale          string `json:"locale,omitempty"`
	Description     string `json:"description,omitempty"`
	BackgroundColor Colour `json:"background_color,omitempty"`
	TextColor       Colour `json:"text_color,omitempty"`
	Logo            *Logo  `json:"logo,omitempty"`
}

// Configuration describes a credential that can be issued. Of another format than dc+sd-jwt only Format is read: the other
// members mean something else there.
type Configuration struct {
	Format         string               `json:"format"`
	VCT            string               `json:"vct,omitempty"`
	Scope          string               `json:"scope,omitempty"`
	BindingMethods []string             `json:"cryptographic_binding_methods_supported,omitempty"`
	SigningAlgs    []string             `json:"credential_signing_alg_values_supported,omitempty"`
	ProofTypes     map[string]ProofType `json:"proof_types_supported,omitempty"`
	Metadata       *CredentialMetadata  `json:"credential_metadata,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Configuration) UnmarshalJSON(data []byte) error {
	var format struct {
		Format string `json:"format"`
	}
	if err := jose.Unmarshal(data, &format); err != nil {
		return err
	}
	*c = Configuration{Format: format.Format}
	if c.Format != FormatSDJWT {
		return nil
	}
	type plain Configuration
	return jose.Unmarshal(data, (*plain)(c))
}

// ProofType lists the algorithms of a proof type.
type ProofType struct {
	SigningAlgs []string `json:"proof_signing_alg_values_supported"`
}

// CredentialMetadata holds display texts (Appendix B.2).
type CredentialMetadata struct {
	Display []Display       `json:"display,omitempty"`
	Claims  []ClaimMetadata `json:"claims,omitempty"`
}

// ClaimMetadata names a claim for people.
type ClaimMetadata struct {
	Path      json.RawMessage `json:"path"`
	Mandatory bool            `json:"mandatory,omitempty"`
	Display   []Display       `json:"display,omitempty"`
}

// ParseIssuerMetadata reads the metadata of the credential issuer. Unknown members are ignored; "credential_issuer" must be
// exactly the issuer whose metadata was looked up (Section 12.2.1). Error: [ErrMalformed].
func ParseIssuerMetadata(data []byte, issuer string) (*IssuerMetadata, error) {
	if len(data) > MaxMetadata {
		return nil, fmt.Errorf("%w: metadata of %d bytes, at most %d", ErrMalformed, len(data), MaxMetadata)
	}
	var m IssuerMetadata
	if err := jose.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: issuer metadata: %v", ErrMalformed, err)
	}
	if m.CredentialIssuer != issuer {
		return nil, fmt.Errorf("%w: metadata is of issuer %q, not of %q", ErrMalformed, m.CredentialIssuer, issuer)
	}
	if m.CredentialEndpoint == "" {
		return nil, fmt.Errorf("%w: issuer metadata has no credential_endpoint", ErrMalformed)
	}
	if m.Batch != nil && m.Batch.Size < 2 {
		return nil, fmt.Errorf("%w: batch_size of %d", ErrMalformed, m.Batch.Size)
	}
	return &m, nil
}

// AuthorizationMetadata is what this package reads of authorization server metadata (RFC 8414, Section 2).
type AuthorizationMetadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	GrantTypes    []string `json:"grant_types_supported,omitempty"`
	ResponseTypes []string `json:"response_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	// Anonymous says that a wallet needs no client_id for a pre-authorized code (OpenID4VCI, Section 12.3).
	Anonymous bool `json:"pre-authorized_grant_anonymous_access_supported,omitempty"`
	// DPoPAlgs says which proofs bind a token to a key (RFC 9449, Section 5.1); none: tokens are for who bears them.
	DPoPAlgs []string `json:"dpop_signing_alg_values_supported,omitempty"`

	// Of the authorization code flow: where a person is asked, and where the request is pushed before (RFC 9126, Section 5); which
	// code challenges are taken (RFC 8414, Section 2); and that answers through the browser name the server (RFC 9207, Section 3).
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
	PushEndpoint          string   `json:"pushed_authorization_request_endpoint,omitempty"`
	PushOnly              bool     `json:"require_pushed_authorization_requests,omitempty"`
	Challenges            []string `json:"code_challenge_methods_supported,omitempty"`
	Names                 bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
	Scopes                []string `json:"scopes_supported,omitempty"`
}

// ParseAuthorizationMetadata reads the metadata of the authorization server issuer. Error: [ErrMalformed].
func ParseAuthorizationMetadata(data []byte, issuer string) (*AuthorizationMetadata, error) {
	var m AuthorizationMetadata
	if err := jose.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: authorization server metadata: %v", ErrMalformed, err)
	}
	if m.Issuer != issuer {
		return nil, fmt.Errorf("%w: authorization server metadata is of %q, not of %q", ErrMalformed, m.Issuer, issuer)
	}
	if m.TokenEndpoint == "" {
		return nil, fmt.Errorf("%w: authorization server metadata has no token_endpoint", ErrMalformed)
	}
	return &m, nil
}

// WellKnownURL returns where a metadata document of an issuer is: the well-known path stands between host and path
// (Section 12.2.2; RFC 8414, Section 3.1). Error: [ErrMalformed].
func WellKnownURL(issuer, name string) (string, error) {
	if err := checkIdentifier(issuer); err != nil {
		return "", fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return u.Scheme + "://" + u.Host + "/.well-known/" + name + strings.TrimRight(u.EscapedPath(), "/"), nil
}
