package sdjwt

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
)

// algSHA256 is the hash algorithm of digests when a payload names none (RFC 9901, Section 4.1.1).
const algSHA256 = "sha-256"

// digestSize returns the bytes of a digest, 0 for an algorithm that is not accepted (RFC 9901, Section 9.4).
func digestSize(alg string) int {
	switch alg {
	case algSHA256:
		return sha256.Size
	case "sha-384":
		return sha512.Size384
	case "sha-512":
		return sha512.Size
	}
	return 0
}

// appendDigest appends the base64url digest of text.
func appendDigest(dst []byte, alg string, text []byte) []byte {
	switch alg {
	case algSHA256:
		sum := sha256.Sum256(text)
		return base64.RawURLEncoding.AppendEncode(dst, sum[:])
	case "sha-384":
		sum := sha512.Sum384(text)
		return base64.RawURLEncoding.AppendEncode(dst, sum[:])
	case "sha-512":
		sum := sha512.Sum512(text)
		return base64.RawURLEncoding.AppendEncode(dst, sum[:])
	}
	panic("sdjwt: internal error: digest algorithm " + alg)
}

// digest returns the base64url digest of text.
func digest(alg, text string) string { return string(appendDigest(nil, alg, []byte(text))) }
