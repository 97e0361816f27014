// Package did reads decentralized identifiers (DID Core 1.0): did:jwk, did:key, and did:zegel, whose documents
// stand in the registry and are for organisations only.
//
// Start with [Parse] and a [Registry]. The document model and the method registry of hyperledger/aries are used
// behind this package and seen nowhere else.
//
// It deliberately leaves out writing: a did:zegel document is changed by a registry transaction (package ledger).
package did

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Errors that callers may test with [errors.Is], beside [jose.ErrMalformed].
var (
	ErrNotFound    = errors.New("DID not found")
	ErrDeactivated = errors.New("DID deactivated")
	ErrKey         = errors.New("key not usable for this purpose")
)

// MaxLength is how long a DID or DID URL may be in bytes.
const MaxLength = 2048

// DID is a decentralized identifier without path, query or fragment.
type DID string

// Parse checks the syntax of DID Core, Section 3.1: lower case method, no path, query, fragment or empty part.
// A did:zegel must be did:zegel:<network>:<id>. Error: [jose.ErrMalformed].
func Parse(s string) (DID, error) { panic("did: not built yet") }

// Method returns the method name, as "zegel".
func (d DID) Method() string { panic("did: not built yet") }

// ParseURL splits a DID URL "did:…#fragment". The fragment may be empty. Error: [jose.ErrMalformed].
func ParseURL(s string) (DID, string, error) { panic("did: not built yet") }

// Zegel returns the did:zegel with this network name and id.
func Zegel(network, id string) (DID, error) { panic("did: not built yet") }

// FromKey returns the did:key and FromJWK the did:jwk of a public key.
func FromKey(pub crypto.PublicKey) (DID, error) { panic("did: not built yet") }

// FromJWK returns the did:jwk of a public key.
func FromJWK(pub crypto.PublicKey) (DID, error) { panic("did: not built yet") }

// Purpose is a verification relationship (DID Core, Section 5.3).
type Purpose string

// The relationships in use.
const (
	AssertionMethod      Purpose = "assertionMethod"      // signs credentials and status list tokens
	Authentication       Purpose = "authentication"       // signs presentation requests
	CapabilityInvocation Purpose = "capabilityInvocation" // signs registry transactions
	KeyAgreement         Purpose = "keyAgreement"
)

// VerificationMethod is a public key of a document.
type VerificationMethod struct {
	ID          string // full DID URL
	Key         jose.JWK
	Purposes    []Purpose
	From        time.Time // zero: always
	Until       time.Time // zero: not rotated out. A key that was rotated out still verifies what it signed before
	Compromised bool      // nothing this key signed counts any more, whatever its date
}

// Service is a service endpoint.
type Service struct {
	ID       string
	Type     string
	Endpoint string
}

// Types of services that Zegel reads.
const (
	ServiceIssuer   = "OpenID4VCIIssuer"  // its endpoint is the exact credential issuer identifier
	ServiceVerifier = "OpenID4VPVerifier" // base URL of the verifier
)

// Document is a DID document.
type Document struct {
	ID          DID
	Methods     []VerificationMethod
	Services    []Service
	Deactivated bool
}

// MarshalJSON returns the document in the JSON of DID Core with JsonWebKey methods.
func (d *Document) MarshalJSON() ([]byte, error) { panic("did: not built yet") }

// Key returns the method with this id (full DID URL, or "#fragment") if it serves the purpose for something signed
// at signedAt. Errors: [ErrDeactivated], [ErrKey].
func (d *Document) Key(id string, p Purpose, signedAt time.Time) (*VerificationMethod, error) {
	panic("did: not built yet")
}

// HasKey returns the method that holds this public key, with the rules of [Document.Key].
func (d *Document) HasKey(pub crypto.PublicKey, p Purpose, signedAt time.Time) (*VerificationMethod, error) {
	panic("did: not built yet")
}

// Resolver resolves DIDs to documents. Errors: [ErrNotFound], [ErrDeactivated] (with the document), and the
// errors of the source.
type Resolver interface {
	Resolve(ctx context.Context, d DID) (*Document, error)
}

// Source gives proven did:zegel documents. A document that is proven absent is [ErrNotFound]; anything unproven
// is another error.
type Source interface {
	Document(ctx context.Context, d DID) (*Document, error)
}

// Registry is the [Resolver] over did:jwk, did:key and, if there is a source, did:zegel.
type Registry struct {
	zegel Source
}

// NewRegistry returns the resolver. zegel may be nil.
func NewRegistry(zegel Source) *Registry { panic("did: not built yet") }

// Resolve implements [Resolver].
func (r *Registry) Resolve(ctx context.Context, d DID) (*Document, error) {
	panic("did: not built yet")
}
