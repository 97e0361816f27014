// Package openid4vci is OpenID for Verifiable Credential Issuance 1.0: offers, issuer metadata, key proofs, the
// wallet's [Client] and the messages that an issuer reads.
//
// It deliberately leaves out the authorization code flow, deferred issuance and other formats than dc+sd-jwt, and it
// never decides trust: a PolicyFunc does.
package openid4vci

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Errors of the wallet's side that callers may test with [errors.Is]. They are the wallet's outcome categories.
var (
	ErrMalformed       = errors.New("request_malformed")
	ErrIssuerUntrusted = errors.New("issuer_untrusted")
	ErrEndpointRefused = errors.New("endpoint_refused")
	ErrNetwork         = errors.New("network")
)

// GrantPreAuthorized is the grant type of the pre-authorized code flow.
const GrantPreAuthorized = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

// Offer is a credential offer (Section 4.1). It is unsigned and untrusted.
type Offer struct {
	CredentialIssuer string   `json:"credential_issuer"`
	ConfigurationIDs []string `json:"credential_configuration_ids"`
	Grants           *Grants  `json:"grants,omitempty"`
}

// Grants of an offer.
type Grants struct {
	PreAuthorized *PreAuthorized `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitempty"`
}

// PreAuthorized is the pre-authorized code grant of an offer.
type PreAuthorized struct {
	Code                string  `json:"pre-authorized_code"`
	TxCode              *TxCode `json:"tx_code,omitempty"`
	AuthorizationServer string  `json:"authorization_server,omitempty"`
}

// TxCode describes the transaction code that a person types.
type TxCode struct {
	InputMode   string `json:"input_mode,omitempty"`
	Length      int    `json:"length,omitempty"`
	Description string `json:"description,omitempty"`
}

// ParseOffer reads an offer's JSON. Error: [ErrMalformed].
func ParseOffer(data []byte) (*Offer, error) { panic("openid4vci: not built yet") }

// Link returns the openid-credential-offer:// link with the offer by value, LinkByReference with credential_offer_uri.
func (o *Offer) Link() string { panic("openid4vci: not built yet") }

// LinkByReference returns the openid-credential-offer:// link to an offer at uri.
func LinkByReference(uri string) string { panic("openid4vci: not built yet") }

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

// Display is a name in a language.
type Display struct {
	Name            string `json:"name"`
	Locale          string `json:"locale,omitempty"`
	Description     string `json:"description,omitempty"`
	BackgroundColor string `json:"background_color,omitempty"`
	TextColor       string `json:"text_color,omitempty"`
	Logo            *Logo  `json:"logo,omitempty"`
}

// Logo of a display.
type Logo struct {
	URI     string `json:"uri"`
	AltText string `json:"alt_text,omitempty"`
}

// Configuration describes a credential that can be issued.
type Configuration struct {
	Format         string               `json:"format"`
	VCT            string               `json:"vct,omitempty"`
	Scope          string               `json:"scope,omitempty"`
	BindingMethods []string             `json:"cryptographic_binding_methods_supported,omitempty"`
	SigningAlgs    []string             `json:"credential_signing_alg_values_supported,omitempty"`
	ProofTypes     map[string]ProofType `json:"proof_types_supported,omitempty"`
	Metadata       *CredentialMetadata  `json:"credential_metadata,omitempty"`
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

// PolicyFunc gives the trust policy for an issuer from what is stapled to its metadata ("" for nothing).
type PolicyFunc func(ctx context.Context, registry string) (*trust.Policy, error)

// Client is the wallet's side. All fields are required.
type Client struct {
	Fetch  *fetch.Client
	Now    func() time.Time
	Policy PolicyFunc
}

// Opened is an offer whose issuer was looked up, before any code is asked or sent.
type Opened struct {
	Offer         Offer
	Metadata      IssuerMetadata
	TokenEndpoint string
	// Issuer is the registered organisation whose DID document names this exact credential issuer and which may issue every
	// offered type; nil if there is no registry proof. Then the wallet goes on only with foreign anchors and consent.
	Issuer *trust.Identity
	Policy *trust.Policy
}

// Open reads a link (openid-credential-offer://, haip-vci:// or https), by value or by reference, and the issuer's
// metadata. An issuer with a registry proof that does not carry it is [ErrIssuerUntrusted], as is one without any
// proof when the policy has no foreign anchors. Errors: those above.
func (c *Client) Open(ctx context.Context, link string) (*Opened, error) {
	panic("openid4vci: not built yet")
}

// Grant is an access token.
type Grant struct {
	AccessToken string
	Expires     time.Time
	// Identifiers by configuration id, when the token response carried authorization_details.
	Identifiers map[string][]string
}

// Redeem trades the pre-authorized code, and the transaction code if one is asked. The error may be *oauth.Error.
func (c *Client) Redeem(ctx context.Context, o *Opened, txCode string) (*Grant, error) {
	panic("openid4vci: not built yet")
}

// Issued is what the credential endpoint gave.
type Issued struct {
	Credentials    []string // compact, in any order
	NotificationID string
}

// Request asks for one copy of a configuration for each key, in one batch if the issuer allows it (one by one
// otherwise), with a fresh nonce; an invalid_nonce answer is retried once with a new one. The error may be *oauth.Error.
func (c *Client) Request(ctx context.Context, o *Opened, g *Grant, configurationID string, keys []crypto.Signer) (*Issued, error) {
	panic("openid4vci: not built yet")
}

// Notification events (Section 11.1).
const (
	CredentialAccepted = "credential_accepted"
	CredentialFailure  = "credential_failure"
)

// Notify tells the issuer how it went. A missing notification endpoint or id is not an error.
func (c *Client) Notify(ctx context.Context, o *Opened, g *Grant, id, event string) error {
	panic("openid4vci: not built yet")
}

// CredentialRequest is the body at the credential endpoint (Section 8.2).
type CredentialRequest struct {
	ConfigurationID string
	Identifier      string
	Proofs          []string // of type jwt
	Encryption      bool     // credential_response_encryption was asked
}

// ParseCredentialRequest reads and checks the body. The error is an *oauth.Error with the code of Section 8.3.1.2.
func ParseCredentialRequest(body []byte) (*CredentialRequest, error) {
	panic("openid4vci: not built yet")
}

// Proof is a verified key proof (Appendix F.1).
type Proof struct {
	Key   *jose.JWK
	Nonce string
}

// VerifyProof checks a jwt proof for the credential issuer: type, one key, no private key, signature, audience, time,
// a nonce present (whether it is good is the issuer's to say). The error is an *oauth.Error (invalid_proof).
func VerifyProof(compact, credentialIssuer string, now time.Time) (*Proof, error) {
	panic("openid4vci: not built yet")
}
