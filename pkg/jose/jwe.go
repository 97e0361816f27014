package jose

import "crypto/ecdsa"

// Encrypt encrypts payload to a P-256 key with ECDH-ES and enc "A128GCM" or "A256GCM" and returns the compact JWE
// with to.KeyID as "kid". apu and apv may be nil.
func Encrypt(to *JWK, enc string, payload, apu, apv []byte) (string, error) {
	panic("jose: not built yet")
}

// EncryptionKeyID returns the "kid" of a compact JWE, after the checks that need no key: size, algorithm,
// no "zip", an ephemeral key on P-256. Errors: [ErrMalformed], [ErrTooLarge], [ErrDecryption].
func EncryptionKeyID(compact string, limit int) (string, error) { panic("jose: not built yet") }

// Decrypt decrypts a compact JWE of at most limit bytes that was made for key. Error: [ErrDecryption] for every
// cause, or [ErrTooLarge].
func Decrypt(compact string, limit int, key *ecdsa.PrivateKey) ([]byte, error) {
	panic("jose: not built yet")
}
