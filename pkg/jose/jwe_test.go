package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEncryptDecrypt(t *testing.T) {
	key := newKey(t, elliptic.P256())
	to := &JWK{Key: &key.PublicKey, KeyID: "one", Algorithm: "ECDH-ES", Use: "enc"}
	for _, enc := range []string{"A128GCM", "A256GCM"} {
		for _, party := range [][]byte{nil, []byte("party")} {
			compact, err := Encrypt(to, enc, []byte("hello"), party, party)
			if err != nil {
				t.Fatal(err)
			}
			kid, err := EncryptionKeyID(compact, 1<<10)
			if err != nil || kid != "one" {
				t.Fatalf("kid %q, %v", kid, err)
			}
			plain, err := Decrypt(compact, 1<<10, key)
			if err != nil || string(plain) != "hello" {
				t.Fatalf("%q, %v", plain, err)
			}
		}
	}
}
