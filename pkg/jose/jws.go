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
	rawHead, err := DecodeBase64(head)
	if err != nil {
		return nil, err
	}
	j := &JWS{signed: compact[:len(head)+1+len(body)]}
	if j.Header, err = parseHeader(rawHead); err != nil {
		return nil, err
	}
	if j.Payload, err = DecodeBase64(body); err != nil {
		return nil, err
	}
	if j.signature, err = DecodeBase64(sig); err != nil {
		return nil, err
	}
	return j, nil
}

func parseHeader(raw []byte) (Header, error) {
	m, err := DecodeObject(raw)
	if err != nil {
		return Header{}, err
	}
	var h Header
	for name, v := range m {
		ok := true
		switch name {
		case "alg":
			h.Algorithm, ok = v.(string)
		case "typ":
			h.Type, ok = v.(string)
		case "kid":
			h.KeyID, ok = v.(string)
		case "jwk":
			var k map[string]any
			if k, ok = v.(map[string]any); ok {
				if h.JWK, err = JWKFromMap(k); err != nil {
					return Header{}, err
				}
			}
		case "x5c":
			if h.X5C, err = certificates(v); err != nil {
				return Header{}, err
			}
		case "crit", "b64":
			return Header{}, fmt.Errorf("%w: header member %q is not supported", ErrMalformed, name)
		default:
			if h.Extra == nil {
				h.Extra = make(map[string]json.RawMessage)
			}
			if h.Extra[name], err = json.Marshal(v); err != nil {
				return Header{}, fmt.Errorf("%w: header member %.40q", ErrMalformed, name)
			}
		}
		if !ok {
			return Header{}, fmt.Errorf("%w: header member %q is of the wrong type", ErrMalformed, name)
		}
	}
	return h, nil
}

// certificates reads "x5c": standard base64, one to [MaxCertificates] (RFC 7515, Section 4.1.6).
func certificates(v any) ([][]byte, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("%w: x5c is not an array of certificates", ErrMalformed)
	}
	if len(list) > MaxCertificates {
		return nil, fmt.Errorf("%w: x5c of %d certificates, at most %d", ErrTooLarge, len(list), MaxCertificates)
	}
	ders := make([][]byte, len(list))
	for i, c := range list {
		s, ok := c.(string)
		if !ok || strings.ContainsAny(s, "\r\n") {
			return nil, fmt.Errorf("%w: x5c: certificate %d", ErrMalformed, i)
		}
		der, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(der) == 0 {
			return nil, fmt.Errorf("%w: x5c: certificate %d", ErrMalformed, i)
		}
		ders[i] = der
	}
	return ders, nil
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
