package issuer

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Lifetimes of the error contract.
const (
	codeLife  = 10 * time.Minute
	tokenLife = 5 * time.Minute
	nonceLife = 5 * time.Minute
)

// newSecret returns 256 random bits for codes and tokens.
func newSecret() string { return random(32) }

// newID returns 128 random bits for what is named in paths.
func newID() string { return random(16) }

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashed is how a secret is kept. The secrets are random and long, so that no slow hash is needed.
func hashed(kind, secret string) []byte {
	sum := sha256.Sum256([]byte("zegel issuer " + kind + "\x00" + secret))
	return sum[:]
}

// hashedTxCode hashes a short code together with the long one, which the store does not know: the store alone is no way to
// guess it.
func hashedTxCode(code, txCode string) []byte { return hashed("tx_code", code+"\x00"+txCode) }

// derive makes a secret of another one, for another use.
func derive(secret, use string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "zegel issuer "+use, 32)
	if err != nil {
		panic("issuer: internal error: " + err.Error())
	}
	return key
}

// newTxCode returns six random digits.
func newTxCode() (string, error) {
	var b [8]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return "", err
		}
		// Refuse what is above the last whole million, so that every code is as likely.
		n := binary.BigEndian.Uint64(b[:]) >> 1
		if n < (1<<63)/1_000_000*1_000_000 {
			return fmt.Sprintf("%06d", n%1_000_000), nil
		}
	}
}

// seal encrypts claims under a secret that the store does not know.
func seal(secret string, plain []byte) ([]byte, error) {
	aead, err := sealer(secret)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, nil), nil
}

func unseal(secret string, sealed []byte) ([]byte, error) {
	aead, err := sealer(secret)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, sealed, nil)
}

func sealer(secret string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derive(secret, "claims"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// nonceKey makes nonces for key proofs that need no storage until they are used: time, random bits, and a MAC over both and
// the tenant.
type nonceKey []byte

const (
	nonceRandom = 16
	nonceMAC    = 16
	nonceSize   = 8 + nonceRandom + nonceMAC
)

func newNonceKey() nonceKey {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

// strict64 has one spelling for one value, so that a used nonce has no second one.
var strict64 = base64.RawURLEncoding.Strict()

func (k nonceKey) mac(tenant string, head []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write([]byte("c_nonce\x00" + tenant + "\x00"))
	h.Write(head)
	return h.Sum(nil)[:nonceMAC]
}

func (k nonceKey) make(tenant string, now time.Time) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, nonceSize), uint64(now.UnixMilli()))
	b = b[:8+nonceRandom]
	rand.Read(b[8:])
	return strict64.EncodeToString(append(b, k.mac(tenant, b)...))
}

// check reports whether we made the nonce for this tenant and it is not expired, and until when it counts.
func (k nonceKey) check(tenant, nonce string, now time.Time) (expires time.Time, ok bool) {
	if len(nonce) != strict64.EncodedLen(nonceSize) {
		return time.Time{}, false
	}
	b, err := strict64.DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[8+nonceRandom:], k.mac(tenant, b[:8+nonceRandom])) {
		return time.Time{}, false
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	expires = made.Add(nonceLife)
	return expires, now.Before(expires) && !made.After(now.Add(nonceLife))
}

// loadNonceKey reads the key, which is made once: a nonce outlives a restart, and so does its use.
func (i *Issuer) loadNonceKey(ctx context.Context) error {
	return i.db.Write(ctx, func(tx *sql.Tx) error {
		var key []byte
		err := tx.QueryRow("SELECT value FROM secret WHERE name = 'nonce'").Scan(&key)
		if errors.Is(err, sql.ErrNoRows) {
			key = newNonceKey()
			_, err = tx.Exec("INSERT INTO secret (name, value) VALUES ('nonce', ?)", key)
		}
		i.nonces = key
		return err
	})
}
