package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
)

type vector struct {
	Section     string         `json:"section"`
	Kind        string         `json:"kind"`
	Disclosure  string         `json:"disclosure"`
	Contents    []any          `json:"contents"`
	SHA256      string         `json:"sha256_b64url"`
	Header      map[string]any `json:"header"`
	Payload     map[string]any `json:"payload"`
	Compact     string         `json:"compact"`
	Disclosures [][]any        `json:"disclosures"`
}

// vectorKey reads a private key of the examples.
func vectorKey(t *testing.T, name string) *ecdsa.PrivateKey {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "rfc9901", "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]map[string]string
	if err := json.Unmarshal(data, &keys); err != nil {
		t.Fatal(err)
	}
	d, err := jose.DecodeBase64(keys[name]["d"])
	if err != nil {
		t.Fatal(err)
	}
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// vectorClaims are the processed claims of the examples that are whole SD-JWTs; the vectors do not hold them.
var vectorClaims = map[string]string{
	"5.1 Issuance": `{"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,"sub":"user_42",
		"given_name":"John","family_name":"Doe","email":"johndoe@example.com","phone_number":"+1-202-555-0101","phone_number_verified":true,
		"address":{"street_address":"123 Main St","locality":"Anytown","region":"Anystate","country":"US"},
		"birthdate":"1940-01-01","updated_at":1570000000,"nationalities":["US","DE"],
		"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc","y":"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}}}`,
	"5.1 Issuance, JWT alone": `{"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,"sub":"user_42","nationalities":[],
		"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc","y":"ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}}}`,
	"A.1 Simple Structured SD-JWT": `{"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,"address":{"region":"港区","country":"JP"}}`,
	"A.2 Complex Structured SD-JWT": `{"iss":"https://issuer.example.com","iat":1683000000,"exp":1883000000,
		"verified_claims":{
			"verification":{"trust_framework":"de_aml","time":"2012-04-23T18:25Z","evidence":[{"method":"pipp"}]},
			"claims":{"given_name":"Max","family_name":"Müller","address":{"locality":"Maxstadt","postal_code":"12344","country":"DE","street_address":"Weidenstraße 22"}}}}`,
}

func loadVectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "rfc9901", "[0-9a-z]*-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var content struct {
			Vectors []vector `json:"vectors"`
		}
		if err := jose.Unmarshal(data, &content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(content.Vectors) == 0 {
			t.Fatalf("%s holds no vectors", file)
		}
		all = append(all, content.Vectors...)
	}
	if len(files) == 0 {
		t.Fatal("no vectors")
	}
	return all
}

func TestVectors(t *testing.T) {
	issuer, holder := vectorKey(t, "issuer_private_jwk"), vectorKey(t, "holder_private_jwk")
	whole := 0
	for _, v := range loadVectors(t) {
		switch v.Kind {
		case "disclosure":
			s := SDJWT{disclosures: []disclosure{{}}}
			if err := s.parseDisclosures(v.Disclosure+"~", 1); err != nil {
				t.Fatalf("%s: %v", v.Section, err)
			}
			content, err := s.content(0, len(v.Contents))
			if err != nil {
				t.Fatalf("%s: %v", v.Section, err)
			}
			if diff := cmp.Diff(v.Contents, content); diff != "" {
				t.Errorf("%s: %s", v.Section, diff)
			}
			if got := digest(algSHA256, v.Disclosure); got != v.SHA256 {
				t.Errorf("%s: digest %q, want %q", v.Section, got, v.SHA256)
			}
		case "jwt":
			whole++
			checkWhole(t, v, v.Compact+"~", v.Section+", JWT alone", issuer)
		case "sd-jwt":
			whole++
			s := checkWhole(t, v, v.Compact, v.Section, issuer)
			// The example can be presented by its holder.
			compact, err := s.Bind(holder, KeyBinding{Audience: "a", Nonce: "n", IssuedAt: now})
			if err != nil {
				t.Fatal(err)
			}
			bound, err := Parse(compact)
			if err != nil {
				t.Fatal(err)
			}
			if err := bound.VerifyKeyBinding(&holder.PublicKey, Expect{Audience: "a", Nonce: "n", Now: now}); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s: kind %q", v.Section, v.Kind)
		}
	}
	if whole != 4 {
		t.Errorf("%d whole examples", whole)
	}
}

func checkWhole(t *testing.T, v vector, compact, name string, issuer *ecdsa.PrivateKey) *SDJWT {
	t.Helper()
	s, err := Parse(compact)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := s.VerifySignature(&issuer.PublicKey); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if h := s.Header(); h.Algorithm != v.Header["alg"] || h.Type != v.Header["typ"] {
		t.Errorf("%s: header %+v", name, h)
	}
	payload, err := s.Payload()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.Payload, payload); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
	if len(s.disclosures) != len(v.Disclosures) {
		t.Errorf("%s: %d disclosures, want %d", name, len(s.disclosures), len(v.Disclosures))
	}
	for i, want := range v.Disclosures {
		got, err := s.content(i, len(want))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	claims, err := s.Claims()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want, err := jose.DecodeObject(vectorClaims[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
	// Claims is repeatable and leaves the payload alone.
	if again, err := s.Claims(); err != nil || !cmp.Equal(claims, again) || !cmp.Equal(v.Payload, payload) {
		t.Errorf("%s: the second reading differs: %v", name, err)
	}
	// Every byte of the JWT counts.
	jwt, rest, _ := strings.Cut(compact, "~")
	bad := jwt[:len(jwt)-4] + "AAAA~" + rest
	if s, err := Parse(bad); err == nil && s.VerifySignature(&issuer.PublicKey) == nil {
		t.Errorf("%s: changed signature verifies", name)
	}
	return s
}
