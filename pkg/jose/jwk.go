package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// JWK is a public key with its metadata (RFC 7517). Private and symmetric keys do not parse.
type JWK struct {
	Key       crypto.PublicKey // *ecdsa.PublicKey on P-256 or P-384, or ed25519.PublicKey
	KeyID     string           // "kid", may be empty
	Algorithm string           // "alg", may be empty
	Use       string           // "use", may be empty
}

// Algorithm returns the one signature algorithm of a public key: ES256, ES384 or EdDSA.
func Algorithm(pub crypto.PublicKey) (string, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return "ES256", nil
		case elliptic.P384():
			return "ES384", nil
		}
	case ed25519.PublicKey:
		return "EdDSA", nil
	}
	return "", fmt.Errorf("%w: key of type %T", ErrMalformed, pub)
}

// ParseJWK reads a public JWK. It refuses private members, symmetric keys, unknown types and points that are
// not on the curve. Errors: [ErrMalformed].
func ParseJWK(data []byte) (*JWK, error) {
	var k JWK
	if err := k.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	return &k, nil
}

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [ParseJWK].
func (k *JWK) UnmarshalJSON(data []byte) error {
	var m map[string]json.RawMessage
	if err := Unmarshal(data, &m); err != nil {
		return err
	}
	for _, private := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, ok := m[private]; ok {
			return fmt.Errorf("%w: JWK holds the private member %q", ErrMalformed, private)
		}
	}
	parsed, err := jwk.ParseKey(data)
	if err != nil {
		return fmt.Errorf("%w: JWK: %v", ErrMalformed, err)
	}
	var raw any
	if err := parsed.Raw(&raw); err != nil {
		return fmt.Errorf("%w: JWK: %v", ErrMalformed, err)
	}
	if _, err := Algorithm(raw); err != nil {
		return err
	}
	if ec, ok := raw.(*ecdsa.PublicKey); ok {
		if _, err := ec.ECDH(); err != nil {
			return fmt.Errorf("%w: JWK: %v", ErrMalformed, err)
		}
	}
	alg := ""
	if parsed.Algorithm() != nil {
		alg = parsed.Algorithm().String()
	}
	*k = JWK{Key: raw, KeyID: parsed.KeyID(), Algorithm: alg, Use: parsed.KeyUsage()}
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (k JWK) MarshalJSON() ([]byte, error) {
	j, err := k.library()
	if err != nil {
		return nil, err
	}
	return json.Marshal(j)
}

// Thumbprint returns the base64url SHA-256 thumbprint of RFC 7638.
func (k *JWK) Thumbprint() (string, error) {
	j, err := k.library()
	if err != nil {
		return "", err
	}
	sum, err := j.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %v", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

func (k *JWK) library() (jwk.Key, error) {
	if _, err := Algorithm(k.Key); err != nil {
		return nil, err
	}
	j, err := jwk.FromRaw(k.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: JWK: %v", ErrMalformed, err)
	}
	for name, value := range map[string]string{jwk.KeyIDKey: k.KeyID, jwk.AlgorithmKey: k.Algorithm, jwk.KeyUsageKey: k.Use} {
		if value == "" {
			continue
		}
		if err := j.Set(name, value); err != nil {
			return nil, fmt.Errorf("%w: JWK: %v", ErrMalformed, err)
		}
	}
	return j, nil
}

// JWKSet is a JWK Set (RFC 7517, Section 5). Keys that this package cannot use are left out when it is parsed,
// as the RFC asks.
type JWKSet struct {
	Keys []JWK `json:"keys"`
}

// UnmarshalJSON implements [json.Unmarshaler]; it skips unusable keys.
func (s *JWKSet) UnmarshalJSON(data []byte) error {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := Unmarshal(data, &raw); err != nil {
		return err
	}
	s.Keys = nil
	for _, r := range raw.Keys {
		if k, err := ParseJWK(r); err == nil {
			s.Keys = append(s.Keys, *k)
		}
	}
	return nil
}
