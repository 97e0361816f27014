package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"
)

const limit = 256 << 10

// compact builds a JWS from parts without any check.
func compact(header, payload, signature string) string {
	return b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload)) + "." + b64.EncodeToString([]byte(signature))
}

// verify is what a reader of a message does.
func verify(message string, pub crypto.PublicKey) error {
	j, err := ParseJWS(message, limit)
	if err != nil {
		return err
	}
	return j.Verify(pub)
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// signed returns a good message and its key, and a control that it is still good.
func signed(t *testing.T) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	message, err := SignJWS(key, Header{Type: "dc+sd-jwt", KeyID: "k"}, []byte(`{"vct":"urn:example:1"}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := verify(message, &key.PublicKey); err != nil {
			t.Errorf("control: %v", err)
		}
	})
	return message, key
}

func TestRequired(t *testing.T) {
	t.Run("SDJ-01", func(t *testing.T) {
		message, key := signed(t)
		body := strings.Split(message, ".")[1]
		for _, alg := range []string{"none", "None", "NONE", ""} {
			head := b64.EncodeToString(fmt.Appendf(nil, `{"alg":%q}`, alg))
			wantError(t, verify(head+"."+body+".", &key.PublicKey), ErrSignature)
		}
		wantError(t, verify(b64.EncodeToString([]byte(`{}`))+"."+body+".", &key.PublicKey), ErrSignature)
	})
	t.Run("SDJ-02", func(t *testing.T) {
		message, key := signed(t)
		body := strings.Split(message, ".")[1]
		secret, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		head := b64.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + body
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(head))
		wantError(t, verify(head+"."+b64.EncodeToString(mac.Sum(nil)), &key.PublicKey), ErrSignature)
		// An algorithm that exists here, but is another key's.
		_, edwards, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other, err := SignJWS(edwards, Header{}, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, verify(other, &key.PublicKey), ErrSignature)
		wantError(t, verify(message, edwards.Public()), ErrSignature)
		wantError(t, verify(message, []byte("secret")), ErrSignature)
		wantError(t, verify(message, (*ecdsa.PublicKey)(nil)), ErrSignature)
	})
	t.Run("SDJ-03", func(t *testing.T) {
		message, key := signed(t)
		for range 64 {
			at, err := rand.Int(rand.Reader, big.NewInt(int64(8*len(message))))
			if err != nil {
				t.Fatal(err)
			}
			bad := []byte(message)
			bad[at.Int64()/8] ^= 1 << (at.Int64() % 8)
			if err := verify(string(bad), &key.PublicKey); !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
				t.Errorf("bit %v: %v", at, err)
			}
		}
		// Signatures of the wrong length, and the two numbers that verify anything in a bad library.
		signedPart := message[:strings.LastIndex(message, ".")+1]
		for _, sig := range [][]byte{{}, make([]byte, 63), make([]byte, 64), make([]byte, 65), make([]byte, 96)} {
			wantError(t, verify(signedPart+b64.EncodeToString(sig), &key.PublicKey), ErrSignature)
		}
	})
	t.Run("SDJ-07", func(t *testing.T) {
		_, key := signed(t)
		for _, extra := range []string{`"crit":["x"],"x":1`, `"crit":[]`, `"crit":["b64"],"b64":false`, `"b64":false`, `"b64":true`} {
			wantError(t, verify(compact(`{"alg":"ES256",`+extra+`}`, `{}`, "s"), &key.PublicKey), ErrMalformed)
		}
	})
	t.Run("SDJ-10", func(t *testing.T) {
		_, key := signed(t)
		for _, head := range []string{`{"alg":"ES256","alg":"ES256"}`, `{"alg":"none","al\u0067":"ES256"}`, `{"alg":"ES256","jwk":{"kty":"EC","kty":"EC"}}`} {
			wantError(t, verify(compact(head, `{}`, "s"), &key.PublicKey), ErrMalformed)
		}
		for _, text := range []string{`{"vct":"a","vct":"b"}`, `{"cnf":{"jwk":{}, "jwk":{}}}`, `{"a":1,"\u0061":2}`} {
			wantError(t, CheckJSON([]byte(text)), ErrMalformed)
			var v struct{ VCT string }
			wantError(t, Unmarshal([]byte(text), &v), ErrMalformed)
		}
		// A member in another case is another member.
		v := struct {
			Nonce string `json:"nonce"`
		}{}
		if err := Unmarshal([]byte(`{"nonce":"a","NONCE":"b"}`), &v); err != nil || v.Nonce != "a" {
			t.Errorf("nonce %q, %v", v.Nonce, err)
		}
	})
	t.Run("SDJ-14", func(t *testing.T) {
		_, key := signed(t)
		for _, m := range []string{`{"payload":"e30","signatures":[]}`, `{"payload":"e30","protected":"e30","signature":""}`, "", ".", "..", "...", "a.b.c.d", "e30.e30"} {
			wantError(t, verify(m, &key.PublicKey), ErrMalformed)
		}
	})
	t.Run("DIS-08", func(t *testing.T) {
		message, key := signed(t)
		for _, bad := range []string{"=", "==", " ", "\n", "\r\n", "\t", "+", "/"} {
			wantError(t, verify(message+bad, &key.PublicKey), ErrMalformed)
			wantError(t, verify(bad+message, &key.PublicKey), ErrMalformed)
			wantError(t, verify(strings.Replace(message, ".", bad+".", 1), &key.PublicKey), ErrMalformed)
		}
		for _, s := range []string{"QQ==", "QR", "Q", "QUI=", "QUJ", "Q Q", "Q\nQ", "QUJD\n", "QUJD\r", "\nQUJD"} { // "QQ" and "QUI" are the good ones
			if b, err := DecodeBase64(s); !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %q, %v", s, b, err)
			}
		}
	})
	t.Run("OPS-02", func(t *testing.T) {
		start := time.Now()
		deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
		wantError(t, CheckJSON([]byte(deep)), ErrTooLarge)
		var v struct{ A json.RawMessage }
		wantError(t, Unmarshal([]byte(`{"A":`+deep+`}`), &v), ErrTooLarge)
		wantError(t, CheckJSON(bytes.Repeat([]byte("9"), 1_000_000)), ErrTooLarge)
		if d := time.Since(start); d > time.Second {
			t.Errorf("took %v", d)
		}
		edge := strings.Repeat("[", MaxJSONDepth) + strings.Repeat("]", MaxJSONDepth)
		if err := CheckJSON([]byte(edge)); err != nil {
			t.Errorf("control: %v", err)
		}
		wantError(t, CheckJSON([]byte("["+edge+"]")), ErrTooLarge)
	})
	t.Run("SDJ-13", func(t *testing.T) {
		list := make([]string, MaxCertificates)
		for i := range list {
			list[i] = "AAAA"
		}
		head := func(certs any) string {
			b, err := json.Marshal(map[string]any{"alg": "ES256", "x5c": certs})
			if err != nil {
				t.Fatal(err)
			}
			return compact(string(b), `{}`, "s")
		}
		if _, err := ParseJWS(head(list), limit); err != nil {
			t.Errorf("control: %v", err)
		}
		_, err := ParseJWS(head(append(list, "AAAA")), limit)
		wantError(t, err, ErrTooLarge)
		for _, bad := range []any{[]string{}, "AAAA", []int{1}, []string{""}, []string{"AAA"}, []string{"AA\nAA"}, []string{"A-A_"}} {
			_, err := ParseJWS(head(bad), limit)
			wantError(t, err, ErrMalformed)
		}
	})
	t.Run("CLK-04", func(t *testing.T) {
		for _, n := range []string{"9007199254740992", "9223372036854775807", "1e400", "-1", "253402300800", "-0.5", "1e-400000", "253402300799.9999999999999999999999"} {
			if d, err := NumericDate(json.Number(n)); !errors.Is(err, ErrMalformed) && n != "1e-400000" {
				t.Errorf("%s: %v, %v", n, d, err)
			}
		}
		for _, v := range []any{nil, "1", true, []any{}, 1, json.Number("")} {
			_, err := NumericDate(v)
			wantError(t, err, ErrMalformed)
		}
		for n, want := range map[string]int64{"0": 0, "1795132800": 1795132800, "1795132800.75": 1795132800, "1.7951328e9": 1795132800, "253402300799": 253402300799} {
			if d, err := NumericDate(json.Number(n)); err != nil || d.Unix() != want {
				t.Errorf("control %s: %v, %v", n, d, err)
			}
		}
	})
	t.Run("KB-08", func(t *testing.T) {
		key := newKey(t, elliptic.P256())
		good, err := (&JWK{Key: &key.PublicKey}).required()
		if err != nil {
			t.Fatal(err)
		}
		text := func(change func(m map[string]any)) []byte {
			m := map[string]any{}
			for name, v := range good {
				m[name] = v
			}
			change(m)
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		for name, change := range map[string]func(m map[string]any){
			"private":       func(m map[string]any) { m["d"] = m["x"] },
			"symmetric":     func(m map[string]any) { clear(m); m["kty"], m["k"] = "oct", "AAAA" },
			"rsa":           func(m map[string]any) { clear(m); m["kty"], m["n"], m["e"] = "RSA", "AAAA", "AQAB" },
			"only kid":      func(m map[string]any) { clear(m); m["kid"] = "a" },
			"only jku":      func(m map[string]any) { clear(m); m["jku"] = "https://example.com/keys" },
			"off the curve": func(m map[string]any) { m["y"] = m["x"] },
			"infinity":      func(m map[string]any) { m["x"], m["y"] = strings.Repeat("A", 43), strings.Repeat("A", 43) },
			"short":         func(m map[string]any) { m["x"] = "AAAA" },
			"padded":        func(m map[string]any) { m["x"] = m["x"].(string) + "=" },
			"other curve":   func(m map[string]any) { m["crv"] = "secp256k1" },
			"kid a number":  func(m map[string]any) { m["kid"] = 1 },
			"no x":          func(m map[string]any) { delete(m, "x") },
		} {
			if k, err := ParseJWK(text(change)); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v, %v", name, k, err)
			}
		}
	})
	t.Run("KB-12", func(t *testing.T) {
		key := newKey(t, elliptic.P256())
		m, err := (&JWK{Key: &key.PublicKey}).required()
		if err != nil {
			t.Fatal(err)
		}
		minimal, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParseJWK(minimal)
		if err != nil || !key.PublicKey.Equal(k.Key) || len(m) != 4 {
			t.Errorf("%s: %v, %v", minimal, k, err)
		}
	})
	t.Run("ENC-01", testENC01)
	t.Run("ENC-02", testENC02)
	t.Run("ENC-03", testENC03)
	t.Run("ENC-04", testENC04)
	t.Run("ENC-07", testENC07)
}

// jweHeader changes the header of a good message and leaves the rest.
func jweHeader(t *testing.T, message string, change func(m map[string]any)) string {
	t.Helper()
	head, rest, _ := strings.Cut(message, ".")
	raw, err := DecodeBase64(head)
	if err != nil {
		t.Fatal(err)
	}
	m, err := DecodeObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	m = maps.Clone(m)
	change(m)
	raw, err = json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b64.EncodeToString(raw) + "." + rest
}

func encrypted(t *testing.T) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	message, err := Encrypt(&JWK{Key: &key.PublicKey, KeyID: "k"}, "A128GCM", []byte(`{"vp_token":{}}`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if plain, err := Decrypt(message, limit, key); err != nil || string(plain) != `{"vp_token":{}}` {
			t.Errorf("control: %q, %v", plain, err)
		}
	})
	return message, key
}

func testENC01(t *testing.T) {
	message, key := encrypted(t)
	parts := strings.Split(message, ".")
	garbage := func(i int, s string) string {
		p := append([]string{}, parts...)
		p[i] = s
		return strings.Join(p, ".")
	}
	for name, try := range map[string]struct {
		message string
		key     *ecdsa.PrivateKey
	}{
		"other key":     {message, newKey(t, elliptic.P256())},
		"no key":        {message, nil},
		"P-384 key":     {message, newKey(t, elliptic.P384())},
		"ciphertext":    {garbage(3, b64.EncodeToString(make([]byte, 40))), key},
		"no ciphertext": {garbage(3, ""), key},
		"tag":           {garbage(4, b64.EncodeToString(make([]byte, 16))), key},
		"short tag":     {garbage(4, b64.EncodeToString(make([]byte, 12))), key},
		"iv":            {garbage(2, b64.EncodeToString(make([]byte, 12))), key},
		"short iv":      {garbage(2, "AAAA"), key},
		"encrypted key": {garbage(1, "AAAA"), key},
		"header":        {garbage(0, "AAAA"), key},
		"line break":    {message + "\n", key},
		"header kid":    {jweHeader(t, message, func(m map[string]any) { m["kid"] = "other" }), key},
		"JSON form":     {`{"protected":"","ciphertext":""}`, key},
		"empty":         {"", key},
	} {
		plain, err := Decrypt(try.message, limit, try.key)
		if err != ErrDecryption || plain != nil {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	_, err := Decrypt(message, len(message)-1, key)
	wantError(t, err, ErrTooLarge)
}

func testENC02(t *testing.T) {
	message, key := encrypted(t)
	start := time.Now()
	for _, alg := range []string{"RSA1_5", "RSA-OAEP", "dir", "A128KW", "PBES2-HS256+A128KW", "ECDH-ES+A128KW", "ecdh-es", "none", ""} {
		bad := jweHeader(t, message, func(m map[string]any) { m["alg"], m["p2c"], m["p2s"] = alg, 1<<31, "AAAA" })
		_, err := Decrypt(bad, limit, key)
		wantError(t, err, ErrDecryption)
		_, err = EncryptionKeyID(bad, limit)
		wantError(t, err, ErrDecryption)
	}
	for _, enc := range []string{"A128CBC-HS256", "A192GCM", "none", ""} {
		_, err := EncryptionKeyID(jweHeader(t, message, func(m map[string]any) { m["enc"] = enc }), limit)
		wantError(t, err, ErrDecryption)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func testENC03(t *testing.T) {
	message, key := encrypted(t)
	for _, zip := range []any{"DEF", "def", "", nil} {
		bad := jweHeader(t, message, func(m map[string]any) { m["zip"] = zip })
		_, err := Decrypt(bad, limit, key)
		wantError(t, err, ErrDecryption)
		_, err = EncryptionKeyID(bad, limit)
		wantError(t, err, ErrDecryption)
	}
}

func testENC04(t *testing.T) {
	message, key := encrypted(t)
	point := func(k *ecdsa.PrivateKey) map[string]string {
		m, err := (&JWK{Key: &k.PublicKey}).required()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	good, p384 := point(newKey(t, elliptic.P256())), point(newKey(t, elliptic.P384()))
	zero := strings.Repeat("A", 43)
	for name, epk := range map[string]any{
		"P-384":         p384,
		"mislabelled":   map[string]string{"kty": "EC", "crv": "P-256", "x": p384["x"], "y": p384["y"]},
		"off the curve": map[string]string{"kty": "EC", "crv": "P-256", "x": good["x"], "y": good["x"]},
		"infinity":      map[string]string{"kty": "EC", "crv": "P-256", "x": zero, "y": zero},
		"empty":         map[string]string{"kty": "EC", "crv": "P-256", "x": "", "y": ""},
		"X25519":        map[string]string{"kty": "OKP", "crv": "X25519", "x": zero},
		"Ed25519":       map[string]string{"kty": "OKP", "crv": "Ed25519", "x": zero},
		"private":       map[string]string{"kty": "EC", "crv": "P-256", "x": good["x"], "y": good["y"], "d": zero},
		"a string":      "P-256",
		"null":          nil,
	} {
		bad := jweHeader(t, message, func(m map[string]any) { m["epk"] = epk })
		if _, err := Decrypt(bad, limit, key); err != ErrDecryption {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := EncryptionKeyID(bad, limit); !errors.Is(err, ErrDecryption) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func testENC07(t *testing.T) {
	usable, signing := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	one := func(k *ecdsa.PrivateKey, more string) string {
		m, err := (&JWK{Key: &k.PublicKey}).required()
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(b), "}") + more + "}"
	}
	unusable := []string{
		`{"kty":"future","x":"AAAA"}`,
		one(signing, `,"use":"sig","kid":"s"`),
		one(signing, `,"key_ops":["verify"],"kid":"o"`),
		one(signing, `,"alg":"ES256","kid":"a"`),
		one(newKey(t, elliptic.P384()), `,"use":"enc","kid":"p"`),
	}
	var set JWKSet
	text := `{"keys":[` + strings.Join(unusable, ",") + `,` + one(usable, `,"use":"enc","alg":"ECDH-ES","kid":"e"`) + `]}`
	if err := Unmarshal([]byte(text), &set); err != nil {
		t.Fatal(err)
	}
	if k := set.ForEncryption(); k == nil || k.KeyID != "e" || !usable.PublicKey.Equal(k.Key) {
		t.Errorf("got %v", k)
	}
	if err := Unmarshal([]byte(`{"keys":[`+strings.Join(unusable, ",")+`]}`), &set); err != nil {
		t.Fatal(err)
	}
	if k := set.ForEncryption(); k != nil {
		t.Errorf("got %v", k)
	}
	for i := range set.Keys {
		if out, err := Encrypt(&set.Keys[i], "A128GCM", []byte("plain"), nil, nil); err == nil {
			t.Errorf("encrypted to %q: %s", set.Keys[i].KeyID, out)
		}
	}
}
