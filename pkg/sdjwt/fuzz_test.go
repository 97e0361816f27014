package sdjwt

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

// isKnown reports whether an error has one of the documented kinds.
func isKnown(err error) bool {
	for _, kind := range []error{jose.ErrMalformed, jose.ErrTooLarge, ErrDisclosure} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func FuzzParse(f *testing.F) {
	s, err := Issue(newKey(f), jose.Header{Type: "dc+sd-jwt"}, person(), 1)
	if err != nil {
		f.Fatal(err)
	}
	compact, err := s.Bind(newKey(f), KeyBinding{Audience: "a", Nonce: "n", IssuedAt: now})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{s.String(), compact, "", "~", "~~", "a.b.c~", compact + "~", strings.ReplaceAll(compact, "~", "~~")} {
		f.Add(seed)
	}
	data, err := os.ReadFile(filepath.Join("testdata", "rfc9901", "a-2-complex-structured-sd-jwt.json"))
	if err != nil {
		f.Fatal(err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := jose.Unmarshal(data, &file); err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Vectors {
		if v.Compact != "" {
			f.Add(v.Compact)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !isKnown(err) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		if s.String() != text {
			t.Fatalf("%q becomes %q", text, s)
		}
		checkClaims(t, s)
	})
}

// FuzzClaims takes a payload and disclosures as JSON, because a fuzzer seldom finds its way through base64url. In
// the payload the text "#0" stands for the digest of the first disclosure and so on.
func FuzzClaims(f *testing.F) {
	key := newKey(f)
	for _, seed := range [][2]string{
		{`{"_sd":["#0","x"],"a":1}`, `["salt","b",true]`},
		{`{"_sd":["#0","#1"]}`, "[\"salt\",\"b\",true]\n[\"salt\",\"c\",null]"},
		{`{"a":[{"...":"#0"},{"...":"decoy"},2]}`, `["salt",{"x":[1]}]`},
		{`{"_sd":["#1"]}`, "[\"s\",\"in\",1]\n[\"s\",\"out\",{\"_sd\":[\"#0\"]}]"},
		{`{"_sd":["#0"],"b":1}`, `["salt","b",true]`},
		{`{"_sd":["#0","#0"]}`, `["salt","b",true]`},
		{`{"_sd":["#0"]}`, `["salt","_sd",[]]`},
		{`{"_sd":"#0","...":1}`, `["salt","b"]`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, payload, contents string) {
		var list []string
		for i, content := range strings.SplitN(contents, "\n", 8) {
			for j, d := range list {
				content = strings.ReplaceAll(content, "#"+string(rune('0'+j)), digest(algSHA256, d))
			}
			d := encode(t, content)
			list = append(list, d)
			payload = strings.ReplaceAll(payload, "#"+string(rune('0'+i)), digest(algSHA256, d))
		}
		jwt, err := jose.SignJWS(key, jose.Header{}, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(jwt + "~" + strings.Join(list, "~") + "~")
		if err != nil {
			if !isKnown(err) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		checkClaims(t, s)
	})
}

func checkClaims(t *testing.T, s *SDJWT) {
	t.Helper()
	before := clone(t, s.payload)
	claims, err := s.Claims()
	if !reflect.DeepEqual(before, clone(t, s.payload)) {
		t.Fatal("Claims changed the payload")
	}
	if err != nil {
		if !isKnown(err) {
			t.Fatalf("error of no kind: %v", err)
		}
		return
	}
	if again, err := s.Claims(); err != nil || !reflect.DeepEqual(claims, again) {
		t.Fatalf("a second reading differs: %v", err)
	}
	noMechanism(t, claims)
	// What every path shows, taken together, is everything; nothing shows no more than the payload.
	var paths []Path
	for name := range claims {
		paths = append(paths, Path{name})
	}
	all, err := s.Select(paths)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := all.Claims(); err != nil || !reflect.DeepEqual(claims, got) {
		t.Fatalf("selecting everything shows %v, %v; want %v", got, err, claims)
	}
	h := held(t, s)
	if got, err := h.needed(paths); err != nil || string(h.compact(got)) != all.String() {
		t.Fatalf("kept and read again it shows %q, %v", h.compact(got), err)
	}
	none, err := s.Select(nil)
	if err != nil || len(none.disclosures) != 0 {
		t.Fatalf("%d disclosures, %v", len(none.disclosures), err)
	}
}

func clone(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jose.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// noMechanism reports members of the mechanism that are left.
func noMechanism(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if name == memberDigests || name == memberElement {
				t.Fatalf("%q is left", name)
			}
			noMechanism(t, child)
		}
	case []any:
		for _, child := range v {
			noMechanism(t, child)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{`["a"]`, `["degrees",null,"type"]`, `["nationalities",0]`, `[null,null]`, `["a",-1]`, `[""]`, `["address","\u202e"]`} {
		f.Add([]byte(s))
	}
	claims, err := jose.DecodeObject(pathClaims)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePath(data)
		if err != nil {
			if !isKnown(err) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		encoded, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePath(encoded)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%s: %#v, %v", encoded, again, err)
		}
		if !p.Covers(again) || strings.ContainsAny(p.String(), "\n\r\x1b") {
			t.Fatalf("%v", p)
		}
		for _, v := range p.Select(claims) {
			_ = v
		}
	})
}
