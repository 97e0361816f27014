package did

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
)

func keys(t testing.TB) (*ecdsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey) {
	t.Helper()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &p256.PublicKey, &p384.PublicKey, ed
}

// source counts what it is asked.
type source struct {
	docs  map[DID]*Document
	err   error
	asked int
}

func (s *source) Document(ctx context.Context, d DID) (*Document, error) {
	s.asked++
	if s.err != nil {
		return nil, s.err
	}
	if doc, ok := s.docs[d]; ok {
		return doc, nil
	}
	return nil, ErrNotFound
}

func TestSelfDescribing(t *testing.T) {
	p256, p384, ed := keys(t)
	r := NewRegistry(nil)
	for _, pub := range []any{p256, p384, ed} {
		for name, from := range map[string]func(any) (DID, error){
			"key": func(k any) (DID, error) { return FromKey(k) },
			"jwk": func(k any) (DID, error) { return FromJWK(k) },
		} {
			d, err := from(pub)
			if err != nil {
				t.Fatalf("%s of %T: %v", name, pub, err)
			}
			if d.Method() != name {
				t.Errorf("method of %q is %q", d, d.Method())
			}
			doc, err := r.Resolve(t.Context(), d)
			if err != nil {
				t.Fatalf("%q: %v", d, err)
			}
			m, err := doc.HasKey(pub, AssertionMethod, time.Now())
			if err != nil {
				t.Fatalf("%q: %v", d, err)
			}
			if _, err := doc.Key(m.ID, Authentication, time.Now()); err != nil {
				t.Errorf("%q: %v", m.ID, err)
			}
			if at, fragment, err := ParseURL(m.ID); err != nil || at != d || fragment == "" {
				t.Errorf("ParseURL(%q) = %q, %q, %v", m.ID, at, fragment, err)
			}
		}
	}
}

// The vectors stand in the method specifications of did:key (Ed25519, P-256, P-384) and did:jwk.
func TestVectors(t *testing.T) {
	for d, id := range map[DID]string{
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK":                        "#z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
		"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169":                       "#zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
		"did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9": "#z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9",
		"did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9": "#0",
	} {
		doc, err := NewRegistry(nil).Resolve(t.Context(), d)
		if err != nil {
			t.Errorf("%q: %v", d, err)
			continue
		}
		if _, err := doc.Key(id, AssertionMethod, time.Now()); err != nil {
			t.Errorf("%q: %v", d, err)
		}
	}
}

func TestRefusedSelfDescribing(t *testing.T) {
	for _, d := range []DID{
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doZZ", // another length
		"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2160", // not base58
		"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2161", // not on the curve, or another key
		"did:key:z5TcDLDFhBEndYdwFKkQMgVTgtRHx2sniQisVxdiXZ96pcrRy2ehWvcHfhSrfDmozq8dQNxhu2u7y9FUKJ8",
		"did:key:zUC7K4", "did:key:z", "did:key:m6Mk",
		"did:jwk:e30", "did:jwk:e31", "did:jwk:AAAA",
		"did:jwk:eyJrdHkiOiJvY3QiLCJrIjoiQUFBQSJ9", // a symmetric key
	} {
		doc, err := NewRegistry(nil).Resolve(t.Context(), d)
		if d == "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2161" && err == nil {
			continue
		}
		if !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%q: %v, %v", d, doc, err)
		}
	}
	for _, d := range []DID{"did:web:example.org", "did:zegel:town:abc"} {
		if _, err := NewRegistry(nil).Resolve(t.Context(), d); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", d, err)
		}
	}
}

const town DID = "did:zegel:town:abc"

func sample(t testing.TB) *Document {
	t.Helper()
	p256, p384, ed := keys(t)
	noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	return &Document{
		ID: town,
		Methods: []VerificationMethod{
			{ID: string(town + "#now"), Key: jose.JWK{Key: p256, KeyID: "now"}, Purposes: []Purpose{AssertionMethod}, From: noon},
			{ID: string(town + "#old"), Key: jose.JWK{Key: p384}, Purposes: []Purpose{AssertionMethod}, Until: noon},
			{ID: string(town + "#ask"), Key: jose.JWK{Key: ed}, Purposes: []Purpose{Authentication, KeyAgreement}},
		},
		Services: []Service{{ID: string(town + "#issuer"), Type: ServiceIssuer, Endpoint: "https://example.org/a?b=1&c=\"2\""}},
	}
}

func TestZegelKeepsTheDocument(t *testing.T) {
	want := sample(t)
	src := &source{docs: map[DID]*Document{town: want}}
	got, err := NewRegistry(src).Resolve(t.Context(), town)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSourceErrorsPassUnchanged(t *testing.T) {
	unproven := errors.New("no proof")
	src := &source{err: unproven}
	if _, err := NewRegistry(src).Resolve(t.Context(), town); err != unproven {
		t.Errorf("got %v", err)
	}
	src.err = nil
	if _, err := NewRegistry(src).Resolve(t.Context(), town); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	src.docs = map[DID]*Document{town: {ID: "did:zegel:town:other"}}
	if _, err := NewRegistry(src).Resolve(t.Context(), town); err == nil {
		t.Error("a source may not answer with another document")
	}
}

func TestKeyTimes(t *testing.T) {
	doc := sample(t)
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		id   string
		at   time.Time
		good bool
	}{
		{"#now", at(10, 0), true}, // "iat" of a card signed that afternoon
		{"#now", at(9, 23), false},
		{"#now", at(20, 0), true},
		{"#old", at(1, 0), true},
		{"#old", at(10, 12), true},
		{"#old", at(10, 13), false},
		{"#old", at(11, 0), false},
		{"#none", at(11, 0), false},
		{"", at(11, 0), false},
		{"did:zegel:town:other#now", at(20, 0), false},
		{string(town + "#now"), at(20, 0), true},
	} {
		if _, err := doc.Key(c.id, AssertionMethod, c.at); (err == nil) != c.good || err != nil && !errors.Is(err, ErrKey) {
			t.Errorf("%q at %v: %v", c.id, c.at, err)
		}
	}
}

func TestMarshalJSON(t *testing.T) {
	doc := sample(t)
	doc.Methods[2].Compromised = true
	data, err := doc.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		ID              string           `json:"id"`
		Methods         []map[string]any `json:"verificationMethod"`
		AssertionMethod []string         `json:"assertionMethod"`
		Authentication  []string         `json:"authentication"`
		Service         []map[string]any `json:"service"`
	}
	if err := jose.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != string(town) || len(got.Methods) != 3 || len(got.Service) != 1 {
		t.Errorf("%s", data)
	}
	if diff := cmp.Diff([]string{string(town + "#now")}, got.AssertionMethod); diff != "" {
		t.Error(diff)
	}
	if len(got.Authentication) != 0 || got.Methods[2]["compromised"] != true || got.Methods[1]["expires"] != "2026-03-10T12:00:00Z" {
		t.Errorf("%s", data)
	}
}

func TestRequired(t *testing.T) {
	t.Run("DID-08", func(t *testing.T) {
		doc := sample(t)
		now := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		if _, err := doc.HasKey(doc.Methods[0].Key.Key, AssertionMethod, now); err != nil {
			t.Fatalf("control: %v", err)
		}
		if _, err := doc.Key("#ask", AssertionMethod, now); !errors.Is(err, ErrKey) {
			t.Errorf("key agreement key signs a credential: %v", err)
		}
		if _, err := doc.Key("#now", Authentication, now); !errors.Is(err, ErrKey) {
			t.Errorf("issuer key asks: %v", err)
		}
		doc.Deactivated = true
		if _, err := doc.Key("#now", AssertionMethod, now); !errors.Is(err, ErrDeactivated) {
			t.Errorf("deactivated: %v", err)
		}
		src := &source{docs: map[DID]*Document{town: doc}}
		got, err := NewRegistry(src).Resolve(t.Context(), town)
		if !errors.Is(err, ErrDeactivated) || got == nil || !got.Deactivated {
			t.Errorf("resolved: %v, %v", got, err)
		}
	})

	t.Run("DID-09", func(t *testing.T) {
		src := &source{docs: map[DID]*Document{town: sample(t)}}
		r := NewRegistry(src)
		for _, bad := range []string{
			"", "did", "did:", "did:zegel", "did:zegel:", "did:zegel:town", "did:zegel:town:", "did:zegel::abc",
			"did:zegel:town:../../x", "did:zegel:../../x", "did:zegel:..:x", "did:zegel:town:abc/x", "did:zegel:town:abc?x",
			"did:zegel:town:ab\x00c", "did:zegel:town:abc\n", " did:zegel:town:abc", "did:zegel:town:abc ",
			"did:zegel:town:" + strings.Repeat("a", 10_000), "did:key:" + strings.Repeat("z", 10_000),
			"DID:zegel:town:abc", "did:Zegel:town:abc", "did:zegel:Town:abc", "did:zegel:town:ABC", "did:zegel:town:aBc",
			"did:zegel:town:abc:def", "did:zegel:-town:abc", "did:zegel:town-:abc", "did:zegel:to_wn:abc", "did:zegel:town:a-c",
			"did:zegel:town:%61bc", "did:zegel:town:abc%00", "did:web:example.org%2Fx", "did:web:example.org%3a80", "did:web::x", "did:web:x:", "did:web:..:x",
			"did:zegel:town:àbc", "did:zegel:town:abc#now", "did:zegel:town:abc;x",
		} {
			if d, err := Parse(bad); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("Parse(%.60q) = %.60q, %v", bad, d, err)
			}
			if _, err := r.Resolve(t.Context(), DID(bad)); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("Resolve(%.60q): %v", bad, err)
			}
		}
		for _, bad := range []string{
			"did:zegel:town:abc#", "did:zegel:town:abc#a#b", "did:zegel:town:abc#did:zegel:town:def", "did:zegel:town:abc/x#a", "did:zegel:town:abc?x=1#a",
			"did:zegel:town:abc#a\x00", "did:zegel:town:abc#a b", "did:zegel:town:abc#" + strings.Repeat("a", 10_000), "#a", "did:zegel:town:ABC#a", "did:zegel:town:abc#../x", "did:zegel:town:abc#%61",
		} {
			if d, f, err := ParseURL(bad); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("ParseURL(%.60q) = %.60q, %.60q, %v", bad, d, f, err)
			}
		}
		// A key of another DID's document is not one of this document, even under the same fragment.
		if _, err := src.docs[town].Key("did:zegel:town:other#now", AssertionMethod, time.Now()); !errors.Is(err, ErrKey) {
			t.Errorf("fragment of another DID: %v", err)
		}
		if src.asked != 0 {
			t.Errorf("the source was asked %d times", src.asked)
		}
		for _, good := range []string{"did:zegel:town:abc", "did:zegel:a-b-1:0z", "did:web:example.org%3A8443:a", "did:example:a.b-c_d"} {
			if d, err := Parse(good); err != nil || string(d) != good {
				t.Errorf("control: Parse(%q) = %q, %v", good, d, err)
			}
		}
		if d, f, err := ParseURL("did:zegel:town:abc#key-1"); err != nil || d != town || f != "key-1" {
			t.Errorf("control: %q, %q, %v", d, f, err)
		}
		if _, err := r.Resolve(t.Context(), town); err != nil || src.asked != 1 {
			t.Errorf("control: %v, asked %d times", err, src.asked)
		}
	})

	t.Run("SDJ-11", func(t *testing.T) {
		doc := sample(t)
		before, after := doc.Methods[1].Until.AddDate(0, -1, 0), doc.Methods[1].Until.AddDate(0, 0, 1)
		old := doc.Methods[1].Key.Key
		if _, err := doc.HasKey(old, AssertionMethod, before); err != nil {
			t.Errorf("rotated out, signed before: %v", err)
		}
		if _, err := doc.HasKey(old, AssertionMethod, after); !errors.Is(err, ErrKey) {
			t.Errorf("rotated out, signed after: %v", err)
		}
		doc.Methods[1].Compromised = true
		if _, err := doc.HasKey(old, AssertionMethod, before); !errors.Is(err, ErrKey) {
			t.Errorf("compromised: %v", err)
		}
		doc.Methods = append([]VerificationMethod{{ID: string(town + "#again"), Key: doc.Methods[1].Key, Purposes: []Purpose{AssertionMethod}}}, doc.Methods...)
		if _, err := doc.HasKey(old, AssertionMethod, before); !errors.Is(err, ErrKey) {
			t.Errorf("compromised, listed again: %v", err)
		}
		if _, err := doc.Key("#again", AssertionMethod, before); !errors.Is(err, ErrKey) {
			t.Errorf("compromised, listed again: %v", err)
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"did:zegel:town:abc#k", "did:web:example.org%3A80", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "did:jwk:e30#0", "did:a:..", "did:zegel:a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := Parse(s); err == nil {
			if string(d) != s || d.Method() == "" || len(s) > MaxLength {
				t.Errorf("Parse(%q) = %q", s, d)
			}
			if again, fragment, err := ParseURL(s); err != nil || again != d || fragment != "" {
				t.Errorf("ParseURL(%q) = %q, %q, %v", s, again, fragment, err)
			}
		}
		d, fragment, err := ParseURL(s)
		if err != nil {
			if !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		whole := string(d)
		if fragment != "" {
			whole += "#" + fragment
		}
		if whole != s {
			t.Errorf("%q is read as %q", s, whole)
		}
	})
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
		"did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9", "did:jwk:e30", "did:zegel:town:abc"} {
		f.Add(s)
	}
	r := NewRegistry(&source{})
	f.Fuzz(func(t *testing.T, s string) {
		doc, err := r.Resolve(context.Background(), DID(s))
		if err != nil {
			if !errors.Is(err, jose.ErrMalformed) && !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if _, err := doc.MarshalJSON(); err != nil || doc.ID != DID(s) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func BenchmarkResolveZegel(b *testing.B) {
	r := NewRegistry(&source{docs: map[DID]*Document{town: sample(b)}})
	for b.Loop() {
		if _, err := r.Resolve(context.Background(), town); err != nil {
			b.Fatal(err)
		}
	}
}
