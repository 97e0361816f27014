package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzCheckJSON holds the reader to package jsontext: both accept the same texts and read the same values.
func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `01`, `1.`, `.5`, `-`, `1e`, `+1`, `""`, `"\u00e9\n\/"`, `"\ud83d\ude00"`, `"\ud83d"`,
		`"é"`, "\"\xff\"", "\"\x01\"", `"\x"`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":[1,2,{"b":null}],"c":"d"}`, ` [ 1 , 2 ] `, `[1,]`, `{"a":}`, `{,}`,
		`{} {}`, "\ufeff{}", `{"a" 1}`, `nul`, `truex`, `[1 2]`, "", " ", `"abc`, `[`, `{"a":1`, "[\u00a01]", "{\"\xff\":1}",
		strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat("9", 300),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data)
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("error of no kind: %v", err)
		}
		var generic struct {
			X any
		}
		structErr := Unmarshal(append(append([]byte(`{"X":`), data...), '}'), &generic)
		if errors.Is(err, ErrTooLarge) {
			return
		}
		want, wantErr := reference(data)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, jsontext says %v", data, err, wantErr)
		}
		if err != nil {
			return
		}
		if !reflect.DeepEqual(v, want) {
			t.Fatalf("%q: got %#v, want %#v", data, v, want)
		}
		if depth(data) < MaxJSONDepth && (structErr != nil || !reflect.DeepEqual(generic.X, want)) {
			t.Fatalf("%q: Unmarshal %#v, %v", data, generic.X, structErr)
		}
		// Parse, encode, equal.
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(encoded)
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%q: again %#v, %v", data, again, err)
		}
	})
}

// reference decodes with package jsontext.
func reference(data []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	v, err := referenceValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return nil, errors.New("more data")
	}
	return v, nil
}

func referenceValue(dec *jsontext.Decoder) (any, error) {
	t, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case '"':
		return t.String(), nil
	case '0':
		return json.Number(t.String()), nil
	case 't', 'f':
		return t.Bool(), nil
	case '{':
		m := map[string]any{}
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			if m[key], err = referenceValue(dec); err != nil {
				return nil, err
			}
		}
		_, err := dec.ReadToken()
		return m, err
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			v, err := referenceValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.ReadToken()
		return list, err
	}
	return nil, nil
}

func FuzzParseJWS(f *testing.F) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	good, err := SignJWS(key, Header{Type: "t", KeyID: "k", JWK: &JWK{Key: &key.PublicKey}, X5C: [][]byte{{1, 2, 3}}}, []byte("payload"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{good, good + "=", "..", "a.b.c", compact(`{"alg":"none"}`, "{}", ""), compact(`{"alg":"ES256","crit":[]}`, "{}", "s"), compact(`{"alg":"ES256","x":{"y":[1]}}`, "", "s")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := ParseJWS(s, limit)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if err := j.Verify(&key.PublicKey); err == nil && !strings.HasPrefix(s, good[:strings.LastIndex(good, ".")]) {
			t.Fatalf("verified a message that nobody signed: %q", s)
		}
		// One message has one spelling.
		parts := strings.Split(s, ".")
		if b64.EncodeToString(j.Payload) != parts[1] || b64.EncodeToString(j.signature) != parts[2] {
			t.Fatalf("%q has another spelling", s)
		}
		again, err := SignJWS(key, j.Header, j.Payload)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseJWS(again, 2*limit)
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		j.Header.Algorithm = "ES256"
		if !reflect.DeepEqual(j.Header, back.Header) || !bytes.Equal(j.Payload, back.Payload) {
			t.Fatalf("got %+v, want %+v", back.Header, j.Header)
		}
		if err := back.Verify(&key.PublicKey); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseJWK(f *testing.F) {
	for _, s := range []string{
		`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1","alg":"ES256","use":"sig"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","key_ops":["verify"]}`,
		`{"kty":"oct","k":"AAAA"}`, `{"kty":"EC"}`, `{}`, `[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParseJWK(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		encoded, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseJWK(encoded)
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Fatalf("%s: %+v, %v", encoded, again, err)
		}
		if _, err := k.Thumbprint(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	good, err := Encrypt(&JWK{Key: &key.PublicKey, KeyID: "k"}, "A256GCM", []byte("plain"), []byte("u"), []byte("v"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{good, good + "=", "....", "a.b.c.d.e", `{"protected":""}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, idErr := EncryptionKeyID(s, limit)
		plain, err := Decrypt(s, limit, key)
		if err == nil && (string(plain) != "plain" || idErr != nil) {
			t.Fatalf("decrypted %q to %q", s, plain)
		}
		if err != nil && err != ErrDecryption && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("error tells more: %v", err)
		}
	})
}
