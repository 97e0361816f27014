// Package sdjwt issues, selects, binds and verifies SD-JWTs in compact form (RFC 9901).
//
// An issuer calls [Issue] with claims in which [Selective] marks what can be hidden. A holder calls
// [SDJWT.Select] and [SDJWT.Bind]. A verifier calls [Parse], [SDJWT.VerifySignature], [SDJWT.Claims] and
// [SDJWT.VerifyKeyBinding].
//
// It deliberately leaves out the JSON serialisations, every network access, every clock and every policy: who may
// issue what is decided by package credential.
package sdjwt

import (
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Limits, applied before expensive work.
const (
	MaxSize        = 256 << 10 // bytes of one SD-JWT with or without key binding
	MaxDisclosures = 256
	MaxDepth       = 16 // nesting of claims, the outermost object included
)

// Errors that callers may test with [errors.Is], beside [jose.ErrMalformed], [jose.ErrTooLarge] and
// [jose.ErrSignature].
var (
	ErrDisclosure    = errors.New("bad disclosure")
	ErrHolderBinding = errors.New("holder binding")
	ErrNonce         = errors.New("nonce is not the one of this exchange")
	ErrAudience      = errors.New("audience is not this verifier")
)

// The members of the mechanism (RFC 9901, Section 4).
const (
	memberDigests = "_sd"
	memberAlg     = "_sd_alg"
	memberElement = "..."
)

// SDJWT is an SD-JWT, with or without a key binding JWT. It is immutable and unverified after [Parse], and safe
// for concurrent use.
type SDJWT struct {
	compact     string // as received, without the key binding JWT: "<jwt>~<disclosure>~...~"
	jws         *jose.JWS
	payload     map[string]any
	alg         string // of the digests
	disclosures []disclosure
	binding     string // the key binding JWT as received
	kb          *jose.JWS
}

type disclosure struct {
	text    string // base64url, which is what is hashed
	content string // the JSON array
}

// Parse reads the compact form within the limits. It checks form only: no signature, no digest.
// Errors: [jose.ErrMalformed], [jose.ErrTooLarge].
func Parse(compact string) (*SDJWT, error) {
	if len(compact) > MaxSize {
		return nil, fmt.Errorf("%w: SD-JWT of %d bytes, at most %d", jose.ErrTooLarge, len(compact), MaxSize)
	}
	count := strings.Count(compact, "~") - 1
	if count < 0 {
		return nil, fmt.Errorf("%w: an SD-JWT has a tilde after the JWT and after each disclosure", jose.ErrMalformed)
	}
	if count > MaxDisclosures {
		return nil, fmt.Errorf("%w: %d disclosures, at most %d", jose.ErrTooLarge, count, MaxDisclosures)
	}
	last := strings.LastIndexByte(compact, '~')
	s := &SDJWT{compact: compact[:last+1], binding: compact[last+1:]}
	jwt, rest, _ := strings.Cut(s.compact, "~")
	if err := s.parseJWT(jwt); err != nil {
		return nil, err
	}
	if err := s.parseDisclosures(rest, count); err != nil {
		return nil, err
	}
	if s.binding != "" {
		var err error
		if s.kb, err = jose.ParseJWS(s.binding, MaxSize); err != nil {
			return nil, fmt.Errorf("key binding JWT: %w", err)
		}
	}
	return s, nil
}

func (s *SDJWT) parseJWT(jwt string) error {
	var err error
	if s.jws, err = jose.ParseJWS(jwt, MaxSize); err != nil {
		return err
	}
	if s.payload, err = jose.DecodeObject(s.jws.Payload); err != nil {
		return err
	}
	s.alg = "sha-256"
	if v, ok := s.payload[memberAlg]; ok {
		s.alg, _ = v.(string)
	}
	if digestSize(s.alg) == 0 {
		return fmt.Errorf("%w: _sd_alg %.40q", jose.ErrMalformed, s.alg)
	}
	return nil
}

// parseDisclosures decodes count disclosures, each followed by a tilde, into one piece of memory.
func (s *SDJWT) parseDisclosures(list string, count int) error {
	if count == 0 {
		return nil
	}
	s.disclosures = make([]disclosure, count)
	all := make([]byte, 0, len(list))
	ends := make([]int, count)
	for i := range s.disclosures {
		var text string
		var err error
		text, list, _ = strings.Cut(list, "~")
		if text == "" {
			return fmt.Errorf("%w: disclosure %d is empty", jose.ErrMalformed, i)
		}
		if all, err = jose.AppendBase64(all, text); err != nil {
			return fmt.Errorf("disclosure %d: %w", i, err)
		}
		s.disclosures[i].text, ends[i] = text, len(all)
	}
	contents, start := string(all), 0
	for i, end := range ends {
		s.disclosures[i].content, start = contents[start:end], end
	}
	return nil
}

// String returns the compact form.
func (s *SDJWT) String() string { return s.compact + s.binding }

// Header returns the protected header of the issuer-signed JWT.
func (s *SDJWT) Header() jose.Header { return s.jws.Header }

// HasKeyBinding reports whether a key binding JWT is attached.
func (s *SDJWT) HasKeyBinding() bool { return s.kb != nil }

// VerifySignature checks the issuer's signature. Error: [jose.ErrSignature].
func (s *SDJWT) VerifySignature(issuer crypto.PublicKey) error { return s.jws.Verify(issuer) }

// Payload returns the issuer-signed claims as signed, with "_sd" and "..." still in them. Do not change it.
func (s *SDJWT) Payload() (map[string]any, error) { return s.payload, nil }
