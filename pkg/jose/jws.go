package jose

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// b64 refuses padding and non-zero trailing bits, so that one value has one spelling (RFC 4648, Section 3.5).
var b64 = base64.RawURLEncoding.Strict()

// Header is the protected header of a JWS.
type Header struct {
	Algorithm string                     // "alg"; set by [SignJWS] from the key
	Type      string                     // "typ"
	KeyID     string                     // "kid"
	JWK       *JWK                       // "jwk", public only
	X5C       [][]byte                   // "x5c" as DER, leaf first; never trusted by itself
	Extra     map[string]json.RawMessage // all other members
}

// JWS is a parsed compact JWS (RFC 7515, Section 7.1). Its signature is unchecked until [JWS.Verify].
type JWS struct {
	Header  Header
	Payload []byte

	signed    string // header "." payload as received
	signature []byte
}

// ParseJWS reads a compact JWS of at most limit bytes strictly: three parts, base64url without padding, a header
// without duplicate members, no "crit" and no "b64" (RFC 7515, Section 4.1.11; RFC 7797, Section 6).
// Errors: [ErrMalformed], [ErrTooLarge].
func ParseJWS(compact string, limit int) (*JWS, error) {
	if len(compact) > limit {
		return nil, fmt.Errorf("%w: JWS of %d bytes, at most %d", ErrTooLarge, len(compact), limit)
	}
	head, rest, ok := strings.Cut(compact, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(sig, ".") {
		return nil, fmt.Errorf("%w: a compact JWS has three parts", ErrMalformed)
	}
	rawHead, err := decode(head)
	if err != nil {
		return nil, err
	}
	j := &JWS{signed: compact[:len(head)+1+len(body)]}
	if j.Header, err = parseHeader(rawHead); err != nil {
		return nil, err
	}
	if j.Payload, err = decode(body); err != nil {
		return nil, err
	}
	if j.signature, err = decode(sig); err != nil {
		return nil, err
	}
	return j, nil
}

func decode(s string) ([]byte, error) {
	// The decoder of the standard library skips line breaks; a second spelling must not pass.
	if strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%w: line break in base64url", ErrMalformed)
	}
	b, err := b64.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%w: base64url: %v", ErrMalformed, err)
	}
	return b, nil
}

func parseHeader(raw []byte) (Header, error) {
	var m map[string]json.RawMessage
	if err := Unmarshal(raw, &m); err != nil {
		return Header{}, err
	}
	for _, name := range []string{"crit", "b64"} {
		if _, ok := m[name]; ok {
			return Header{}, fmt.Errorf("%w: header member %q is not supported", ErrMalformed, name)
		}
	}
	var h Header
	var x5c []string
	for name, into := range map[string]any{"alg": &h.Algorithm, "typ": &h.Type, "kid": &h.KeyID, "jwk": &h.JWK, "x5c": &x5c} {
		if v, ok := m[name]; ok {
			if err := json.Unmarshal(v, into); err != nil {
				return Header{}, fmt.Errorf("%w: header member %q", ErrMalformed, name)
			}
			delete(m, name)
		}
	}
	for _, s := range x5c {
		der, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return Header{}, fmt.Errorf("%w: x5c: %v", ErrMalformed, err)
		}
		h.X5C = append(h.X5C, der)
	}
	if len(m) > 0 {
		h.Extra = m
	}
	return h, nil
}

// Verify checks the signature with a key that the caller trusts for other reasons than this message.
// Error: [ErrSignature].
func (j *JWS) Verify(pub crypto.PublicKey) error {
	alg, err := Algorithm(pub)
	if err != nil || alg != j.Header.Algorithm {
		return fmt.Errorf("%w: alg %q does not fit the key", ErrSignature, j.Header.Algorithm)
	}
	v, err := jws.NewVerifier(jwa.SignatureAlgorithm(alg))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrSignature, err)
	}
	if err := v.Verify([]byte(j.signed), j.signature, pub); err != nil {
		return ErrSignature
	}
	return nil
}

// SignJWS signs payload and returns the compact form. The algorithm is the one of the signer's key.
func SignJWS(signer crypto.Signer, h Header, payload []byte) (string, error) {
	alg, err := Algorithm(signer.Public())
	if err != nil {
		return "", err
	}
	m := map[string]any{"alg": alg}
	for name, v := range h.Extra {
		m[name] = v
	}
	if h.Type != "" {
		m["typ"] = h.Type
	}
	if h.KeyID != "" {
		m["kid"] = h.KeyID
	}
	if h.JWK != nil {
		m["jwk"] = h.JWK
	}
	if len(h.X5C) > 0 {
		m["x5c"] = h.X5C // []byte marshals as standard base64, which is what x5c holds
	}
	head, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("JWS header: %v", err)
	}
	s, err := jws.NewSigner(jwa.SignatureAlgorithm(alg))
	if err != nil {
		return "", err
	}
	signed := b64.EncodeToString(head) + "." + b64.EncodeToString(payload)
	sig, err := s.Sign([]byte(signed), signer)
	if err != nil {
		return "", fmt.Errorf("sign: %v", err)
	}
	return signed + "." + b64.EncodeToString(sig), nil
}
