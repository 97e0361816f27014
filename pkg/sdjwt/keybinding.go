package sdjwt

import (
	"crypto"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

const typeKeyBinding = "kb+jwt"

// How far "iat" of a key binding JWT may lie from the verifier's time.
const (
	maxBindingAge   = 300 * time.Second
	maxBindingAhead = 60 * time.Second
)

// KeyBinding is what the holder signs (RFC 9901, Section 4.3).
type KeyBinding struct {
	Audience string
	Nonce    string
	IssuedAt time.Time
	// TransactionDataHashes, when not empty, is added with "transaction_data_hashes_alg" sha-256 (OpenID4VP, App. B.3.3.1).
	TransactionDataHashes []string
}

// Bind adds a key binding JWT signed by the holder's key and returns the compact presentation.
func (s *SDJWT) Bind(holder crypto.Signer, kb KeyBinding) (string, error) {
	return bind(s.alg, []byte(s.compact), holder, kb)
}

func bind(alg string, compact []byte, holder crypto.Signer, kb KeyBinding) (string, error) {
	claims := struct {
		Audience  string   `json:"aud"`
		IssuedAt  int64    `json:"iat"`
		Nonce     string   `json:"nonce"`
		Hash      string   `json:"sd_hash"`
		Hashes    []string `json:"transaction_data_hashes,omitempty"`
		HashesAlg string   `json:"transaction_data_hashes_alg,omitempty"`
	}{Audience: kb.Audience, IssuedAt: kb.IssuedAt.Unix(), Nonce: kb.Nonce, Hash: string(appendDigest(nil, alg, compact)), Hashes: kb.TransactionDataHashes}
	if len(kb.TransactionDataHashes) > 0 {
		claims.HashesAlg = algSHA256
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("key binding: %v", err)
	}
	jwt, err := jose.SignJWS(holder, jose.Header{Type: typeKeyBinding}, payload)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(len(compact) + len(jwt))
	b.Write(compact)
	b.WriteString(jwt)
	return b.String(), nil
}

// TransactionDataHash returns the hash of one encoded transaction_data of a request, over the text as received
// (OpenID4VP 1.0, App. B.3.3.1).
func TransactionDataHash(encoded string) string { return digest(algSHA256, encoded) }

// Expect is what a key binding JWT must say.
type Expect struct {
	Audience        string
	Nonce           string
	Now             time.Time // "iat" must lie from 300 s before to 60 s after it
	TransactionData []string  // the request's encoded transaction_data; each must be hashed in the JWT
}

// VerifyKeyBinding checks that the key binding JWT is there, is of the right type, was made by the holder's key
// for this exchange and covers exactly these disclosures (RFC 9901, Section 7.3).
// Errors: [ErrHolderBinding], [ErrNonce], [ErrAudience].
func (s *SDJWT) VerifyKeyBinding(holder crypto.PublicKey, want Expect) error {
	if s.kb == nil {
		return fmt.Errorf("%w: no key binding JWT", ErrHolderBinding)
	}
	if s.kb.Header.Type != typeKeyBinding {
		return fmt.Errorf("%w: typ %.40q", ErrHolderBinding, s.kb.Header.Type)
	}
	if err := s.kb.Verify(holder); err != nil {
		return fmt.Errorf("%w: %v", ErrHolderBinding, err)
	}
	claims, err := jose.DecodeObject(s.kb.Payload)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrHolderBinding, err)
	}
	if !same(claims["sd_hash"], digest(s.alg, s.compact)) {
		return fmt.Errorf("%w: sd_hash is not that of the presentation", ErrHolderBinding)
	}
	iat, err := jose.NumericDate(claims["iat"])
	if err != nil {
		return fmt.Errorf("%w: iat: %v", ErrHolderBinding, err)
	}
	if iat.Before(want.Now.Add(-maxBindingAge)) || iat.After(want.Now.Add(maxBindingAhead)) {
		return fmt.Errorf("%w: iat is %v from now", ErrHolderBinding, iat.Sub(want.Now).Round(time.Second))
	}
	if err := checkTransactionData(claims, want.TransactionData); err != nil {
		return err
	}
	if !same(claims["aud"], want.Audience) {
		return ErrAudience
	}
	if !same(claims["nonce"], want.Nonce) {
		return ErrNonce
	}
	return nil
}

func checkTransactionData(claims map[string]any, encoded []string) error {
	if len(encoded) == 0 {
		return nil
	}
	if alg, ok := claims["transaction_data_hashes_alg"]; ok && alg != algSHA256 {
		return fmt.Errorf("%w: transaction_data_hashes_alg", ErrHolderBinding)
	}
	hashed, _ := claims["transaction_data_hashes"].([]any)
	if len(hashed) != len(encoded) {
		return fmt.Errorf("%w: %d transaction data hashes, not %d", ErrHolderBinding, len(hashed), len(encoded))
	}
	for i, e := range encoded {
		if !same(hashed[i], TransactionDataHash(e)) {
			return fmt.Errorf("%w: hash of transaction data %d", ErrHolderBinding, i)
		}
	}
	return nil
}

// same reports whether a claim is exactly this string; an array that holds it is not.
func same(claim any, want string) bool {
	s, ok := claim.(string)
	return ok && want != "" && subtle.ConstantTimeCompare([]byte(s), []byte(want)) == 1
}
