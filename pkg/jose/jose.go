// Package jose signs, verifies, encrypts and decrypts with one fixed algorithm list.
//
// Start with [ParseJWS] and [JWS.Verify], or [SignJWS]. The algorithm follows from the key, never from the
// message: a P-256 key means ES256, a P-384 key ES384, an Ed25519 key EdDSA, and nothing else exists here
// (RFC 8725, Sections 3.1 and 3.2). Encryption is ECDH-ES on P-256 with A128GCM or A256GCM, without compression.
//
// It deliberately leaves out the JSON serialisations, "none", HMAC, RSA, key wrapping, "jku" and "x5u": a key is
// never trusted, and never fetched, because a message names it.
//
// This is the only package that imports the JOSE library.
package jose

import "errors"

// Errors that callers may test with [errors.Is].
var (
	// ErrMalformed: the input is not in the one form that the specification allows.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge: the input exceeds a limit; it was not processed further.
	ErrTooLarge = errors.New("too large")
	// ErrSignature: the signature does not verify, or its algorithm is not the one of the key.
	ErrSignature = errors.New("bad signature")
	// ErrDecryption: the message cannot be decrypted. One error for every cause, so that it is no oracle.
	ErrDecryption = errors.New("decryption failed")
)

const (
	// MaxJSONDepth is how deep JSON input may nest.
	MaxJSONDepth = 32
	// MaxCertificates is how many certificates "x5c" may hold.
	MaxCertificates = 5
)
