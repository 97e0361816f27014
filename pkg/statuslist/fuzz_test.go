package statuslist

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

func FuzzParseToken(f *testing.F) {
	raw, err := os.ReadFile(filepath.Join("testdata", "token-status-list", "status_list_jwt_raw.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.ReplaceAll(strings.TrimSpace(string(raw)), "\n", ""))
	key := newKey(f)
	for _, claims := range []string{
		`{"sub":"u","iat":1,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"}}`, `{"sub":"u","iat":1,"exp":2,"ttl":0,"status_list":{"bits":2,"lst":"eNo76fITAAPfAgc"}}`,
		`{"sub":"u","iat":1,"status_list":{"bits":3,"lst":""}}`, `{}`, `[]`,
	} {
		s, err := jose.SignJWS(key, jose.Header{Type: typeToken}, []byte(claims))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			if !errors.Is(err, jose.ErrMalformed) && !errors.Is(err, jose.ErrTooLarge) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		for _, i := range []uint64{0, token.List.Len() - 1, token.List.Len()} {
			if _, err := token.List.Get(i); (err == nil) != (i < token.List.Len()) {
				t.Fatalf("entry %d of %d: %v", i, token.List.Len(), err)
			}
		}
		again, err := token.Sign(key, jose.Header{})
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseToken(again)
		if err != nil || !reflect.DeepEqual(token.Token, back.Token) {
			t.Fatalf("%+v, %v; want %+v", back, err, token.Token)
		}
		if err := back.Verify(&key.PublicKey, token.URI, token.IssuedAt.Add(-2*time.Hour)); err == nil {
			t.Fatal("a list from the future is good")
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, s := range []string{`{"status_list":{"idx":0,"uri":"https://example.com/1"}}`, `{"status_list":{"idx":-1,"uri":"u"}}`, `{"status_list":{"idx":1e3,"uri":"u"}}`, `{}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := jose.Decode(data)
		if err != nil {
			return
		}
		ref, err := ParseRef(v)
		if err != nil {
			if !errors.Is(err, jose.ErrMalformed) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		again, err := ParseRef(map[string]any{"status_list": v.(map[string]any)["status_list"]})
		if err != nil || again != ref || ref.URI == "" {
			t.Fatalf("%v, %v", again, err)
		}
	})
}
