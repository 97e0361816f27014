package issuer

import (
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

func FuzzReadPerson(f *testing.F) {
	for _, s := range []string{
		`{"given_name":"Proef","family_name":"Persoon","birthdate":"2000-01-31","address":{"locality":"Voorbeeldstad"}}`,
		`{"birthdate":"2000-02-30"}`, `{"address":"x"}`, `{"given_name":1}`, `{"x":null}`, `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var claims map[string]any
		if jose.Unmarshal(data, &claims) != nil {
			return
		}
		p, err := readPerson(claims)
		if (p == nil) == (err == nil) {
			t.Fatalf("person %v, error %v", p, err)
		}
	})
}
