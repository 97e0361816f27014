package jose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

func parseKey(t *testing.T, text string) *JWK {
	t.Helper()
	k, err := ParseJWK([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// RFC 7515, Appendix A.3.
func TestES256Example(t *testing.T) {
	key := parseKey(t, `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`)
	message := "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ." +
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	if err := verify(message, key.Key); err != nil {
		t.Error(err)
	}
}

// RFC 8037, Appendices A.3 and A.4.
func TestEdDSAExample(t *testing.T) {
	key := parseKey(t, `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	message := "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." +
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	if err := verify(message, key.Key); err != nil {
		t.Error(err)
	}
	if sum, err := key.Thumbprint(); err != nil || sum != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("thumbprint %q, %v", sum, err)
	}
}

// RFC 7518, Appendix C: the key that Alice and Bob agree on, used here for a message to Bob.
func TestKeyAgreementExample(t *testing.T) {
	derived, err := DecodeBase64("VqqN6vgjbSBcIijNcacQGg")
	if err != nil {
		t.Fatal(err)
	}
	head := b64.EncodeToString([]byte(`{"alg":"ECDH-ES","enc":"A128GCM","apu":"QWxpY2U","apv":"Qm9i","epk":{"kty":"EC","crv":"P-256",` +
		`"x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}}`))
	block, err := aes.NewCipher(derived)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, gcm.NonceSize())
	rand.Read(iv)
	sealed := gcm.Seal(nil, iv, []byte("hello Bob"), []byte(head))
	text, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]

	d, err := DecodeBase64("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		t.Fatal(err)
	}
	message := head + ".." + b64.EncodeToString(iv) + "." + b64.EncodeToString(text) + "." + b64.EncodeToString(tag)
	if plain, err := Decrypt(message, limit, bob); err != nil || string(plain) != "hello Bob" {
		t.Errorf("%q, %v", plain, err)
	}
}
