package statuslist

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

const typeToken = "statuslist+jwt"

// clockTolerance is how far a list may be made in the reader's future.
const clockTolerance = 60 * time.Second

// Token is a Status List Token (Section 5.1).
type Token struct {
	URI      string // "sub"
	IssuedAt time.Time
	Expires  time.Time     // "exp"; zero when absent
	TTL      time.Duration // "ttl"; zero when absent. Read, it lies between [MinTTL] and [MaxTTL]
	List     *List
}

// Sign returns the token as a JWT of type statuslist+jwt. h carries the key's identity (x5c or kid).
func (t Token) Sign(signer crypto.Signer, h jose.Header) (string, error) {
	if t.URI == "" || t.List == nil || t.IssuedAt.IsZero() {
		return "", fmt.Errorf("%w: status list token without subject, time or list", jose.ErrMalformed)
	}
	packed, err := pack(t.List.data)
	if err != nil {
		return "", err
	}
	claims := map[string]any{
		"sub": t.URI,
		"iat": t.IssuedAt.Unix(),
		"status_list": map[string]any{
			"bits": t.List.bits,
			"lst":  base64.RawURLEncoding.EncodeToString(packed),
		},
	}
	if !t.Expires.IsZero() {
		claims["exp"] = t.Expires.Unix()
	}
	if t.TTL > 0 {
		claims["ttl"] = int64(t.TTL / time.Second)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("status list token: %v", err)
	}
	h.Type = typeToken
	return jose.SignJWS(signer, h, payload)
}

func pack(data []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// SignedToken is a parsed, unverified token.
type SignedToken struct {
	Token
	jws    *jose.JWS
	bits   int
	packed []byte
}

// ParseToken reads a token within the limits; a list is decompressed up to [MaxListSize] only.
// Errors: [jose.ErrMalformed], [jose.ErrTooLarge].
func ParseToken(compact string) (*SignedToken, error) {
	t, err := parse(compact)
	if err != nil {
		return nil, err
	}
	if err := t.inflate(); err != nil {
		return nil, err
	}
	return t, nil
}

// parse is ParseToken without the expensive part, the decompression.
func parse(compact string) (*SignedToken, error) {
	jws, err := jose.ParseJWS(compact, MaxTokenSize)
	if err != nil {
		return nil, err
	}
	if jws.Header.Type != typeToken {
		return nil, fmt.Errorf("%w: typ %.40q, not %q", jose.ErrMalformed, jws.Header.Type, typeToken)
	}
	claims, err := jose.DecodeObject(jws.Payload)
	if err != nil {
		return nil, err
	}
	t := &SignedToken{jws: jws}
	t.URI, _ = claims["sub"].(string)
	if t.URI == "" {
		return nil, fmt.Errorf("%w: status list token without \"sub\"", jose.ErrMalformed)
	}
	if t.IssuedAt, err = jose.NumericDate(claims["iat"]); err != nil {
		return nil, fmt.Errorf("iat: %w", err)
	}
	if exp, ok := claims["exp"]; ok {
		if t.Expires, err = jose.NumericDate(exp); err != nil {
			return nil, fmt.Errorf("exp: %w", err)
		}
	}
	if ttl, ok := claims["ttl"]; ok {
		if t.TTL, err = clampTTL(ttl); err != nil {
			return nil, err
		}
	}
	list, _ := claims["status_list"].(map[string]any)
	bits, _ := list["bits"].(json.Number)
	if t.bits, err = strconv.Atoi(bits.String()); err != nil {
		return nil, fmt.Errorf("%w: status_list \"bits\" %.40q", jose.ErrMalformed, bits)
	}
	if err := checkBits(t.bits); err != nil {
		return nil, err
	}
	lst, ok := list["lst"].(string)
	if !ok {
		return nil, fmt.Errorf("%w: status_list without \"lst\"", jose.ErrMalformed)
	}
	if t.packed, err = jose.DecodeBase64(lst); err != nil {
		return nil, fmt.Errorf("lst: %w", err)
	}
	return t, nil
}

// clampTTL reads a "ttl". One that is too short must not make a storm of fetches, one that is too long must not
// keep a revocation from being seen.
func clampTTL(v any) (time.Duration, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%w: ttl of type %T", jose.ErrMalformed, v)
	}
	sec, err := n.Float64()
	switch {
	case err == nil && sec < MinTTL.Seconds():
		return MinTTL, nil
	case err == nil && sec < MaxTTL.Seconds():
		return time.Duration(sec) * time.Second, nil
	case n[0] == '-':
		return MinTTL, nil
	}
	return MaxTTL, nil
}

func (t *SignedToken) inflate() error {
	in := bytes.NewReader(t.packed)
	z, err := zlib.NewReader(in)
	if err != nil {
		return fmt.Errorf("%w: lst: %v", jose.ErrMalformed, err)
	}
	data, err := io.ReadAll(io.LimitReader(z, MaxListSize+1))
	if err != nil {
		return fmt.Errorf("%w: lst: %v", jose.ErrMalformed, err)
	}
	if len(data) > MaxListSize {
		return fmt.Errorf("%w: status list of more than %d bytes", jose.ErrTooLarge, MaxListSize)
	}
	if in.Len() > 0 {
		return fmt.Errorf("%w: lst: data after the compressed list", jose.ErrMalformed)
	}
	t.List, err = FromBytes(t.bits, data)
	return err
}

// Header returns the protected header.
func (t *SignedToken) Header() jose.Header { return t.jws.Header }

// Verify checks the signature, that "sub" is exactly uri, and the times at now. Errors: [jose.ErrSignature], [ErrUnavailable].
func (t *SignedToken) Verify(pub crypto.PublicKey, uri string, now time.Time) error {
	if err := t.jws.Verify(pub); err != nil {
		return err
	}
	if t.URI != uri {
		return fmt.Errorf("%w: the list's subject %.200q is not %.200q", ErrUnavailable, t.URI, uri)
	}
	if t.IssuedAt.After(now.Add(clockTolerance)) {
		return fmt.Errorf("%w: the list is made at %v, which is in the future", ErrUnavailable, t.IssuedAt)
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return fmt.Errorf("%w: the list expired at %v", ErrUnavailable, t.Expires)
	}
	return nil
}
