package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// JWK is a public key with its metadata (RFC 7517). Private and symmetric keys do not parse.
type JWK struct {
	Key       crypto.PublicKey // *ecdsa.PublicKey on P-256 or P-384, or ed25519.PublicKey
	KeyID     string           // "kid", may be empty
	Algorithm string           // "alg", may be empty
	Use       string           // "use", may be empty; follows from "key_ops" when only that is given
}

// Algorithm returns the one signature algorithm of a public key: ES256, ES384 or EdDSA.
func Algorithm(pub crypto.PublicKey) (string, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch {
		case k == nil:
		case k.Curve == elliptic.P256():
			return "ES256", nil
		case k.Curve == elliptic.P384():
			return "ES384", nil
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return "EdDSA", nil
		}
	}
	return "", fmt.Errorf("%w: key of type %T", ErrMalformed, pub)
}

// ParseJWK reads a public JWK. It refuses private members, symmetric keys, unknown types and points that are
// not on the curve. Errors: [ErrMalformed], [ErrTooLarge].
func ParseJWK(data []byte) (*JWK, error) {
	m, err := DecodeObject(data)
	if err != nil {
		return nil, err
	}
	return JWKFromMap(m)
}

// JWKFromMap is [ParseJWK] for a JWK that is part of a text already decoded, as in the claim "cnf".
// Error: [ErrMalformed].
func JWKFromMap(m map[string]any) (*JWK, error) {
	for _, private := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, ok := m[private]; ok {
			return nil, fmt.Errorf("%w: JWK holds the private member %q", ErrMalformed, private)
		}
	}
	var k JWK
	var kty, crv string
	for _, member := range []struct {
		name string
		into *string
	}{{"kty", &kty}, {"crv", &crv}, {"kid", &k.KeyID}, {"alg", &k.Algorithm}, {"use", &k.Use}} {
		v, ok := m[member.name]
		if !ok {
			continue
		}
		if *member.into, ok = v.(string); !ok {
			return nil, fmt.Errorf("%w: JWK member %q is not a string", ErrMalformed, member.name)
		}
	}
	var err error
	switch {
	case kty == "EC" && crv == "P-256":
		k.Key, err = point(elliptic.P256(), 32, m)
	case kty == "EC" && crv == "P-384":
		k.Key, err = point(elliptic.P384(), 48, m)
	case kty == "OKP" && crv == "Ed25519":
		var x []byte
		x, err = coordinate(m, "x", ed25519.PublicKeySize)
		k.Key = ed25519.PublicKey(x)
	default:
		return nil, fmt.Errorf("%w: JWK of type %.20q, curve %.20q", ErrMalformed, kty, crv)
	}
	if err != nil {
		return nil, err
	}
	if ops, ok := m["key_ops"]; ok && k.Use == "" {
		if k.Use, err = useOf(ops); err != nil {
			return nil, err
		}
	}
	return &k, nil
}

// point reads a point; the coordinates have their full length (RFC 7518, Section 6.2.1.2).
func point(curve elliptic.Curve, size int, m map[string]any) (*ecdsa.PublicKey, error) {
	x, err := coordinate(m, "x", size)
	if err != nil {
		return nil, err
	}
	y, err := coordinate(m, "y", size)
	if err != nil {
		return nil, err
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, fmt.Errorf("%w: JWK: point is not on the curve", ErrMalformed)
	}
	return pub, nil
}

func coordinate(m map[string]any, name string, size int) ([]byte, error) {
	s, _ := m[name].(string)
	b, err := DecodeBase64(s)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("%w: JWK member %q is not %d bytes in base64url", ErrMalformed, name, size)
	}
	return b, nil
}

func useOf(ops any) (string, error) {
	list, ok := ops.([]any)
	if !ok {
		return "", fmt.Errorf("%w: JWK member \"key_ops\" is not an array", ErrMalformed)
	}
	use := "none"
	for _, op := range list {
		switch op {
		case "verify":
			use = "sig"
		case "deriveKey", "deriveBits":
			return "enc", nil
		}
	}
	return use, nil
}

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [ParseJWK].
func (k *JWK) UnmarshalJSON(data []byte) error {
	parsed, err := ParseJWK(data)
	if err != nil {
		return err
	}
	*k = *parsed
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (k JWK) MarshalJSON() ([]byte, error) {
	m, err := k.required()
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"kid": k.KeyID, "alg": k.Algorithm, "use": k.Use} {
		if value != "" {
			m[name] = value
		}
	}
	return json.Marshal(m)
}

// Thumbprint returns the base64url SHA-256 thumbprint of RFC 7638.
func (k *JWK) Thumbprint() (string, error) {
	m, err := k.required()
	if err != nil {
		return "", err
	}
	// The members in lexicographic order without white space, which is how maps are marshalled.
	text, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %v", err)
	}
	sum := sha256.Sum256(text)
	return b64.EncodeToString(sum[:]), nil
}

// Encrypts reports whether the key is for [Encrypt]: on P-256, and not meant for another use or algorithm.
func (k *JWK) Encrypts() bool {
	ec, ok := k.Key.(*ecdsa.PublicKey)
	return ok && ec.Curve == elliptic.P256() && (k.Use == "" || k.Use == "enc") && (k.Algorithm == "" || k.Algorithm == algECDHES)
}

// required returns the members that make up the key.
func (k *JWK) required() (map[string]string, error) {
	if _, err := Algorithm(k.Key); err != nil {
		return nil, err
	}
	if ed, ok := k.Key.(ed25519.PublicKey); ok {
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64.EncodeToString(ed)}, nil
	}
	ec := k.Key.(*ecdsa.PublicKey)
	raw, err := ec.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: JWK: %v", ErrMalformed, err)
	}
	size := (len(raw) - 1) / 2
	return map[string]string{
		"kty": "EC", "crv": ec.Curve.Params().Name,
		"x": b64.EncodeToString(raw[1 : 1+size]), "y": b64.EncodeToString(raw[1+size:]),
	}, nil
}

// JWKSet is a JWK Set (RFC 7517, Section 5). Keys that this package cannot use are left out when it is parsed,
// as the RFC asks.
type JWKSet struct {
	Keys []JWK `json:"keys"`
}

// UnmarshalJSON implements [json.Unmarshaler]; it skips unusable keys.
func (s *JWKSet) UnmarshalJSON(data []byte) error {
	m, err := DecodeObject(data)
	if err != nil {
		return err
	}
	list, ok := m["keys"].([]any)
	if !ok {
		return fmt.Errorf("%w: JWK set without \"keys\"", ErrMalformed)
	}
	s.Keys = nil
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("%w: JWK set holds a value that is not an object", ErrMalformed)
		}
		if k, err := JWKFromMap(m); err == nil {
			s.Keys = append(s.Keys, *k)
		}
	}
	return nil
}

// ForEncryption returns the first key that [Encrypt] can use (OpenID4VP 1.0, Section 8.3), nil if there is none.
func (s *JWKSet) ForEncryption() *JWK {
	for i := range s.Keys {
		if s.Keys[i].Encrypts() {
			return &s.Keys[i]
		}
	}
	return nil
}

// b64 refuses padding and non-zero trailing bits, so that one value has one spelling (RFC 4648, Section 3.5).
var b64 = base64.RawURLEncoding.Strict()

// DecodeBase64 reads base64url strictly: no padding, no white space, no non-zero trailing bits, so that one value
// has one spelling. Error: [ErrMalformed].
func DecodeBase64(s string) ([]byte, error) {
	return AppendBase64(make([]byte, 0, b64.DecodedLen(len(s))), s)
}

// AppendBase64 is [DecodeBase64] appending to dst.
func AppendBase64(dst []byte, s string) ([]byte, error) {
	// The decoder of the standard library skips line breaks; a second spelling must not pass.
	if strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 {
		return nil, fmt.Errorf("%w: line break in base64url", ErrMalformed)
	}
	dst, err := b64.AppendDecode(dst, []byte(s))
	if err != nil {
		return nil, fmt.Errorf("%w: base64url: %v", ErrMalformed, err)
	}
	return dst, nil
}
