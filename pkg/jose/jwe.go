package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
)

const algECDHES = "ECDH-ES"

// Encrypt encrypts payload to a P-256 key with ECDH-ES and enc "A128GCM" or "A256GCM" and returns the compact JWE
// with to.KeyID as "kid". apu and apv may be nil.
func Encrypt(to *JWK, enc string, payload, apu, apv []byte) (string, error) {
	if !to.Encrypts() {
		return "", fmt.Errorf("%w: key %q is not for ECDH-ES on P-256", ErrMalformed, to.KeyID)
	}
	if !isEnc(enc) {
		return "", fmt.Errorf("%w: content encryption %q", ErrMalformed, enc)
	}
	// The library derives the key from the recipient's headers only: set elsewhere, apu and apv would be announced
	// but not used.
	h := jwe.NewHeaders()
	for _, m := range []struct {
		name  string
		value []byte
	}{{jwe.AgreementPartyUInfoKey, apu}, {jwe.AgreementPartyVInfoKey, apv}} {
		if len(m.value) > 0 {
			if err := h.Set(m.name, m.value); err != nil {
				return "", fmt.Errorf("JWE header %q: %v", m.name, err)
			}
		}
	}
	if to.KeyID != "" {
		if err := h.Set(jwe.KeyIDKey, to.KeyID); err != nil {
			return "", fmt.Errorf("JWE header \"kid\": %v", err)
		}
	}
	out, err := jwe.Encrypt(payload,
		jwe.WithKey(jwa.ECDH_ES, to.Key, jwe.WithPerRecipientHeaders(h)),
		jwe.WithContentEncryption(jwa.ContentEncryptionAlgorithm(enc)))
	if err != nil {
		return "", fmt.Errorf("encrypt: %v", err)
	}
	return string(out), nil
}

// EncryptionKeyID returns the "kid" of a compact JWE, after the checks that need no key: size, algorithm,
// no "zip", an ephemeral key on P-256. Errors: [ErrMalformed], [ErrTooLarge], [ErrDecryption].
func EncryptionKeyID(compact string, limit int) (string, error) {
	if len(compact) > limit {
		return "", fmt.Errorf("%w: JWE of %d bytes, at most %d", ErrTooLarge, len(compact), limit)
	}
	if strings.Count(compact, ".") != 4 {
		return "", fmt.Errorf("%w: a compact JWE has five parts", ErrMalformed)
	}
	head, rest, _ := strings.Cut(compact, ".")
	key, rest, _ := strings.Cut(rest, ".")
	iv, rest, _ := strings.Cut(rest, ".")
	ciphertext, tag, _ := strings.Cut(rest, ".")

	rawHead, err := DecodeBase64(head)
	if err != nil {
		return "", err
	}
	m, err := DecodeObject(rawHead)
	if err != nil {
		return "", err
	}
	// The library would follow the header to RSA, passwords and decompression; none of it gets that far.
	for name := range m {
		switch name {
		case "alg", "enc", "epk", "kid", "apu", "apv", "typ", "cty":
		case "zip", "crit", "p2c", "p2s", "iv", "tag":
			return "", fmt.Errorf("%w: header member %q", ErrDecryption, name)
		}
	}
	if alg, _ := m["alg"].(string); alg != algECDHES {
		return "", fmt.Errorf("%w: alg %.20q", ErrDecryption, alg)
	}
	if enc, _ := m["enc"].(string); !isEnc(enc) {
		return "", fmt.Errorf("%w: enc %.20q", ErrDecryption, enc)
	}
	for _, name := range []string{"apu", "apv"} {
		if v, ok := m[name]; ok {
			s, ok := v.(string)
			if !ok {
				return "", fmt.Errorf("%w: header member %q", ErrMalformed, name)
			}
			if _, err := DecodeBase64(s); err != nil {
				return "", err
			}
		}
	}
	epk, _ := m["epk"].(map[string]any)
	k, err := JWKFromMap(epk)
	if err != nil {
		return "", fmt.Errorf("%w: epk: %v", ErrDecryption, err)
	}
	if ec, ok := k.Key.(*ecdsa.PublicKey); !ok || ec.Curve != elliptic.P256() {
		return "", fmt.Errorf("%w: epk is not on P-256", ErrDecryption)
	}
	if key != "" {
		return "", fmt.Errorf("%w: ECDH-ES with an encrypted key", ErrMalformed)
	}
	for _, part := range []struct {
		text string
		size int
	}{{iv, 12}, {tag, 16}, {ciphertext, -1}} {
		b, err := DecodeBase64(part.text)
		if err != nil {
			return "", err
		}
		if part.size >= 0 && len(b) != part.size {
			return "", fmt.Errorf("%w: JWE part of %d bytes, not %d", ErrMalformed, len(b), part.size)
		}
	}
	kid, ok := m["kid"].(string)
	if _, given := m["kid"]; given && !ok {
		return "", fmt.Errorf("%w: header member \"kid\"", ErrMalformed)
	}
	return kid, nil
}

// nobody is a key that no message was made for.
var nobody = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

// Decrypt decrypts a compact JWE of at most limit bytes that was made for key. A nil key stands for a "kid" that
// nobody knows: the same work is done, so that time tells nothing either. Error: [ErrDecryption] for every cause,
// or [ErrTooLarge].
func Decrypt(compact string, limit int, key *ecdsa.PrivateKey) ([]byte, error) {
	if len(compact) > limit {
		return nil, fmt.Errorf("%w: JWE of %d bytes, at most %d", ErrTooLarge, len(compact), limit)
	}
	if _, err := EncryptionKeyID(compact, limit); err != nil {
		return nil, ErrDecryption
	}
	use := key
	if use == nil {
		var err error
		if use, err = nobody(); err != nil {
			return nil, ErrDecryption
		}
	}
	plain, err := jwe.Decrypt([]byte(compact), jwe.WithKey(jwa.ECDH_ES, use))
	if err != nil || key == nil {
		return nil, ErrDecryption
	}
	return plain, nil
}

func isEnc(enc string) bool { return enc == "A128GCM" || enc == "A256GCM" }
