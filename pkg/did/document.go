package did

import (
	"crypto"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

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

// serves reports why the method may not be used, "" if it may.
//
// A credential's "iat" is rounded down to the UTC day, so one signed in the afternoon by a key added that noon
// says midnight: From is compared by day. Until needs no such room, since rounding only makes a time earlier; what a
// key signs on its last day but after its rotation cannot be told from what it signed before. A thief's key is
// not rotated out but marked as compromised.
func (m *VerificationMethod) serves(p Purpose, signedAt time.Time) string {
	const day = 24 * time.Hour
	switch {
	case m.Compromised:
		return "is compromised"
	case !m.has(p):
		return "is not for " + string(p)
	case !m.From.IsZero() && signedAt.Before(m.From.Truncate(day)):
		return "was added later"
	case !m.Until.IsZero() && signedAt.After(m.Until):
		return "was rotated out before"
	}
	return ""
}

func (m *VerificationMethod) has(p Purpose) bool {
	for _, q := range m.Purposes {
		if q == p {
			return true
		}
	}
	return false
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

// Key returns the method with this id (full DID URL, or "#fragment") if it serves the purpose for something signed
// at signedAt. Errors: [ErrDeactivated], [ErrKey].
func (d *Document) Key(id string, p Purpose, signedAt time.Time) (*VerificationMethod, error) {
	if strings.HasPrefix(id, "#") {
		id = string(d.ID) + id
	}
	return d.find(p, signedAt, func(m *VerificationMethod) bool { return id != "" && m.ID == id })
}

// HasKey returns the method that holds this public key, with the rules of [Document.Key].
func (d *Document) HasKey(pub crypto.PublicKey, p Purpose, signedAt time.Time) (*VerificationMethod, error) {
	key, ok := pub.(interface{ Equal(crypto.PublicKey) bool })
	return d.find(p, signedAt, func(m *VerificationMethod) bool { return ok && key.Equal(m.Key.Key) })
}

func (d *Document) find(p Purpose, signedAt time.Time, is func(*VerificationMethod) bool) (*VerificationMethod, error) {
	if d.Deactivated {
		return nil, fmt.Errorf("%w: %q", ErrDeactivated, d.ID)
	}
	err := fmt.Errorf("%w: %q has no such key", ErrKey, d.ID)
	for i := range d.Methods {
		m := &d.Methods[i]
		if !is(m) {
			continue
		}
		why := m.serves(p, signedAt)
		if why == "" && d.spoiled(m) {
			why = "is compromised"
		}
		if why == "" {
			return m, nil
		}
		err = fmt.Errorf("%w: %q %s", ErrKey, m.ID, why)
	}
	return nil, err
}

// spoiled reports whether the same key is compromised under another id.
func (d *Document) spoiled(m *VerificationMethod) bool {
	key, ok := m.Key.Key.(interface{ Equal(crypto.PublicKey) bool })
	for i := range d.Methods {
		if d.Methods[i].Compromised && (!ok || key.Equal(d.Methods[i].Key.Key)) {
			return true
		}
	}
	return false
}

type jsonMethod struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	Controller DID       `json:"controller"`
	JWK        *jose.JWK `json:"publicKeyJwk"`
	Expires    string    `json:"expires,omitempty"`
	Revoked    bool      `json:"compromised,omitempty"`
}

type jsonService struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Endpoint string `json:"serviceEndpoint"`
}

type jsonDocument struct {
	Context              []string      `json:"@context"`
	ID                   DID           `json:"id"`
	Methods              []jsonMethod  `json:"verificationMethod,omitempty"`
	Authentication       []string      `json:"authentication,omitempty"`
	AssertionMethod      []string      `json:"assertionMethod,omitempty"`
	CapabilityInvocation []string      `json:"capabilityInvocation,omitempty"`
	KeyAgreement         []string      `json:"keyAgreement,omitempty"`
	Services             []jsonService `json:"service,omitempty"`
	Deactivated          bool          `json:"deactivated,omitempty"`
}

// MarshalJSON returns the document in the JSON of DID Core with JsonWebKey2020 methods. A key that was rotated out
// has "expires" and one that is compromised "compromised"; both stand in no relationship, because a reader that knows
// DID Core only would take them for current. The same holds for every key of a deactivated document.
func (d *Document) MarshalJSON() ([]byte, error) {
	out := jsonDocument{
		Context:     []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"},
		ID:          d.ID,
		Deactivated: d.Deactivated,
	}
	for i := range d.Methods {
		m := &d.Methods[i]
		j := jsonMethod{ID: m.ID, Type: "JsonWebKey2020", Controller: d.ID, JWK: &m.Key, Revoked: m.Compromised}
		if !m.Until.IsZero() {
			j.Expires = m.Until.UTC().Format(time.RFC3339)
		}
		out.Methods = append(out.Methods, j)
		if d.Deactivated || m.Compromised || !m.Until.IsZero() {
			continue
		}
		for purpose, list := range map[Purpose]*[]string{
			Authentication: &out.Authentication, AssertionMethod: &out.AssertionMethod,
			CapabilityInvocation: &out.CapabilityInvocation, KeyAgreement: &out.KeyAgreement,
		} {
			if m.has(purpose) {
				*list = append(*list, m.ID)
			}
		}
	}
	for _, s := range d.Services {
		out.Services = append(out.Services, jsonService(s))
	}
	return json.Marshal(out)
}
