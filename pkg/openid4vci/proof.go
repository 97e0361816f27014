package openid4vci

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// TypeProof is the "typ" of a jwt key proof.
const TypeProof = "openid4vci-proof+jwt"

// A proof's "iat" must lie in this window around now.
const (
	proofAge  = 5 * time.Minute
	proofSkew = 60 * time.Second
)

// CredentialRequest is the body at the credential endpoint (Section 8.2).
type CredentialRequest struct {
	ConfigurationID string
	Identifier      string
	Proofs          []string // of type jwt; empty when the request has no proofs
	Encryption      bool     // credential_response_encryption was asked
}

func refuse(code oauth.Code, format string, args ...any) *oauth.Error {
	return &oauth.Error{Status: http.StatusBadRequest, Code: code, Description: fmt.Sprintf(format, args...)}
}

// ParseCredentialRequest reads and checks the body. The error is an *oauth.Error with the code of Section 8.3.1.2.
func ParseCredentialRequest(body []byte) (*CredentialRequest, error) {
	if len(body) > MaxRequest {
		return nil, refuse(oauth.InvalidCredentialRequest, "request is too large")
	}
	m, err := members(body)
	if err != nil {
		return nil, refuse(oauth.InvalidCredentialRequest, "request is not a JSON object")
	}
	var r CredentialRequest
	byConfiguration, err := member(m, "credential_configuration_id", &r.ConfigurationID)
	if err != nil || byConfiguration && r.ConfigurationID == "" {
		return nil, refuse(oauth.InvalidCredentialRequest, "credential_configuration_id is not a string")
	}
	byIdentifier, err := member(m, "credential_identifier", &r.Identifier)
	if err != nil || byIdentifier && r.Identifier == "" {
		return nil, refuse(oauth.InvalidCredentialRequest, "credential_identifier is not a string")
	}
	if byConfiguration == byIdentifier {
		return nil, refuse(oauth.InvalidCredentialRequest, "exactly one of credential_configuration_id and credential_identifier is needed")
	}
	if _, ok := m["credential_response_encryption"]; ok {
		r.Encryption = true
	}
	if _, ok := m["proofs"]; !ok {
		return &r, nil
	}
	var proofs map[string]json.RawMessage
	if _, err := member(m, "proofs", &proofs); err != nil {
		return nil, refuse(oauth.InvalidProof, "proofs is not an object")
	}
	if len(proofs) != 1 {
		return nil, refuse(oauth.InvalidProof, "proofs holds exactly one proof type")
	}
	if ok, err := member(proofs, "jwt", &r.Proofs); !ok || err != nil {
		return nil, refuse(oauth.InvalidProof, "proofs holds an array of strings of type jwt")
	}
	if n := len(r.Proofs); n == 0 || n > MaxProofs {
		return nil, refuse(oauth.InvalidProof, "%d proofs, at least 1 and at most %d", n, MaxProofs)
	}
	return &r, nil
}

// Proof is a verified key proof (Appendix F.1).
type Proof struct {
	Key   *jose.JWK // only the key: no kid, alg or use
	Nonce string
	// Issuer is the "iss" claim: empty, or the client_id that the caller must compare. A DID there was checked to be the key's.
	Issuer string
}

// VerifyProof checks a jwt proof for the credential issuer: type, one key, no private key, signature, audience, time,
// a nonce present (whether it is good is the issuer's to say). The error is an *oauth.Error (invalid_proof).
func VerifyProof(compact, credentialIssuer string, now time.Time) (*Proof, error) {
	j, err := jose.ParseJWS(compact, MaxProof)
	if err != nil {
		return nil, refuse(oauth.InvalidProof, "proof is not a usable JWT")
	}
	if j.Header.Type != TypeProof {
		return nil, refuse(oauth.InvalidProof, "typ is not %s", TypeProof)
	}
	key, err := proofKey(j.Header)
	if err != nil {
		return nil, err
	}
	if err := j.Verify(key); err != nil {
		return nil, refuse(oauth.InvalidProof, "signature does not verify")
	}
	p := &Proof{Key: &jose.JWK{Key: key}}
	m, err := members(j.Payload)
	if err != nil {
		return nil, refuse(oauth.InvalidProof, "claims are not a JSON object")
	}
	if !audienceIs(m["aud"], credentialIssuer) {
		return nil, refuse(oauth.InvalidProof, "aud is not this credential issuer")
	}
	var iat json.Number
	if ok, err := member(m, "iat", &iat); !ok || err != nil || m["iat"][0] == '"' {
		return nil, refuse(oauth.InvalidProof, "iat is missing or not a number")
	}
	// No float goes near the window: 1e400 and 2^63 end here.
	seconds, err := iat.Int64()
	if err != nil || seconds < now.Add(-proofAge).Unix() || seconds > now.Add(proofSkew).Unix() {
		return nil, refuse(oauth.InvalidProof, "iat is not now")
	}
	if _, err := member(m, "iss", &p.Issuer); err != nil {
		return nil, refuse(oauth.InvalidProof, "iss is not a string")
	}
	// Nobody may be named as subject whose key did not sign.
	if IsDID(p.Issuer) && !isDIDOf(p.Issuer, key) {
		return nil, refuse(oauth.InvalidProof, "iss is not the DID of the proving key")
	}
	if _, err := member(m, "nonce", &p.Nonce); err != nil || p.Nonce == "" {
		return nil, refuse(oauth.InvalidProof, "nonce is missing")
	}
	return p, nil
}

// proofKey returns the key that the header names in exactly one way: "jwk", or "kid" with a DID that holds its own key.
func proofKey(h jose.Header) (crypto.PublicKey, error) {
	ways := 0
	for _, given := range []bool{h.JWK != nil, h.KeyID != "", len(h.X5C) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, refuse(oauth.InvalidProof, "header needs exactly one of jwk, kid and x5c")
	case h.JWK != nil:
		return h.JWK.Key, nil
	case h.KeyID == "":
		return nil, refuse(oauth.InvalidProof, "keys in x5c are not supported")
	}
	d, _, err := did.ParseURL(h.KeyID)
	if err != nil || d.Method() != "jwk" && d.Method() != "key" {
		return nil, refuse(oauth.InvalidProof, "kid is not a did:jwk or did:key")
	}
	doc, err := did.NewRegistry(nil).Resolve(context.Background(), d)
	if err != nil || len(doc.Methods) == 0 {
		return nil, refuse(oauth.InvalidProof, "kid does not resolve")
	}
	for _, method := range doc.Methods {
		if method.ID == h.KeyID {
			return method.Key.Key, nil
		}
	}
	return nil, refuse(oauth.InvalidProof, "kid names no key of its DID")
}

// isDIDOf reports whether s is a DID that is made of this key.
func isDIDOf(s string, key crypto.PublicKey) bool {
	for _, of := range []func(crypto.PublicKey) (did.DID, error){did.FromJWK, did.FromKey} {
		if d, err := of(key); err == nil && string(d) == s {
			return true
		}
	}
	// Two JWKs of one key may differ in members and order: compare keys, not texts.
	d, err := did.Parse(s)
	if err != nil || d.Method() != "jwk" {
		return false
	}
	doc, err := did.NewRegistry(nil).Resolve(context.Background(), d)
	if err != nil {
		return false
	}
	for _, method := range doc.Methods {
		if k, ok := method.Key.Key.(interface{ Equal(crypto.PublicKey) bool }); ok && k.Equal(key) {
			return true
		}
	}
	return false
}

// audienceIs accepts the issuer as a string or as the only element of an array (RFC 7519, Section 4.1.3).
func audienceIs(raw json.RawMessage, issuer string) bool {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one == issuer
	}
	var many []string
	return json.Unmarshal(raw, &many) == nil && len(many) == 1 && many[0] == issuer
}

// SignProof makes a jwt proof of key for the credential issuer. nonce may be empty when the issuer has no nonce endpoint.
// It names no "iss": the access token came without a client (Appendix F.1).
func SignProof(key crypto.Signer, credentialIssuer, nonce string, now time.Time) (string, error) {
	claims := map[string]any{"aud": credentialIssuer, "iat": now.Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("key proof: %v", err)
	}
	return jose.SignJWS(key, jose.Header{Type: TypeProof, JWK: &jose.JWK{Key: key.Public()}}, payload)
}

// IsDID reports whether a proof's "iss" is a DID, which [VerifyProof] has checked to be the proving key's.
func IsDID(iss string) bool { return strings.HasPrefix(iss, "did:") }
