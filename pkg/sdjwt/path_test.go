package sdjwt

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
)

// pathClaims is the example of OpenID4VP 1.0, Section 7.2, with a member of every kind.
const pathClaims = `{"name":"Arthur Dent","address":{"street_address":"42 Market Street","locality":"Milliways","postal_code":"12345"},
	"degrees":[{"type":"Bachelor of Science","university":"University of Betelgeuse"},{"type":"Master of Science","university":"University of Betelgeuse"}],
	"nationalities":["British","Betelgeusian"],"nothing":null,"empty":[]}`

func testDCQL07(t *testing.T) {
	claims, err := jose.DecodeObject(pathClaims)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`["name"]`:                        `["Arthur Dent"]`,
		`["address"]`:                     `[{"street_address":"42 Market Street","locality":"Milliways","postal_code":"12345"}]`,
		`["address","street_address"]`:    `["42 Market Street"]`,
		`["degrees",null,"type"]`:         `["Bachelor of Science","Master of Science"]`,
		`["nationalities",1]`:             `["Betelgeusian"]`,
		`["nationalities",null]`:          `["British","Betelgeusian"]`,
		`["nothing"]`:                     `[null]`,
		`["address",null]`:                ``, // null on an object
		`["address",0]`:                   ``,
		`["nationalities",2]`:             ``, // past the end
		`["nationalities",2147483647]`:    ``,
		`["nationalities","British"]`:     ``, // a string on an array
		`["name","x"]`:                    ``,
		`["name",null]`:                   ``,
		`["nothing","x"]`:                 ``,
		`["empty",null]`:                  ``,
		`["empty",null,"x"]`:              ``,
		`["absent"]`:                      ``,
		`["absent","x"]`:                  ``,
		`["degrees",null,"absent"]`:       ``,
		`["degrees",0,"type","x"]`:        ``,
		`[null]`:                          ``,
		`[0]`:                             ``,
		`["degrees",null,null]`:           ``,
		`["address","street_address",""]`: ``,
	} {
		p, err := ParsePath([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := p.Select(claims)
		var selected any
		if want != "" {
			if selected, err = jose.Decode(want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(selected, any(got)); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
		} else if got != nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
	for _, text := range []string{
		`["a",-1]`, `["a",1.5]`, `["a",9223372036854775808]`, `["a",1e2]`, `["a",1.0]`, `["a",-0]`, `["a",true]`, `["a",{}]`, `["a",["b"]]`, `[]`, `{}`, `"a"`, `null`, ``, `["a"] x`, `["a",18446744073709551615]`,
	} {
		if p, err := ParsePath([]byte(text)); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
	long := "[" + strings.TrimSuffix(strings.Repeat(`"a",`, 1000), ",") + "]"
	if p, err := ParsePath([]byte(long)); !errors.Is(err, jose.ErrTooLarge) {
		t.Errorf("1,000 parts: %v, %v", p, err)
	}
	// Paths that were never parsed do no harm either.
	for _, p := range []Path{nil, {}, {-1}, {1.5}, {"nationalities", -1}, {"nationalities", uint64(1)}, {struct{}{}}} {
		if got := p.Select(claims); got != nil {
			t.Errorf("%#v selects %v", p, got)
		}
		_ = p.String()
	}
	if got := (Path{"a"}).Select(nil); got != nil {
		t.Errorf("nothing selects %v", got)
	}
	s, err := Issue(newKey(t), jose.Header{}, person(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []Path{{}, {"absent"}, {"nationalities", 3}, {"nationalities", -1}, {"address", nil}, {"given_name", "x"}, {"_sd"}, {"_sd", 0}, {"nationalities", 0, "..."}, {1.5}} {
		if got, err := s.Select([]Path{{"vct"}, p}); err == nil {
			t.Errorf("%#v selects %v", p, got.disclosures)
		}
	}
}

// disclosed returns the claims that a selection shows.
func disclosed(t *testing.T, s *SDJWT, paths ...Path) map[string]any {
	t.Helper()
	sel, err := s.Select(paths)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(sel.String())
	if err != nil {
		t.Fatal(err)
	}
	claims, err := again.Claims()
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func testDCQL08(t *testing.T) {
	s, err := Issue(newKey(t), jose.Header{Type: "dc+sd-jwt"}, person(), 2)
	if err != nil {
		t.Fatal(err)
	}
	open := func(more map[string]any) map[string]any {
		m := map[string]any{
			"iss": "https://issuer.example", "vct": "urn:example:person", "age_equal_or_over": map[string]any{},
			"nationalities": []any{"EU"}, "degrees": []any{map[string]any{"type": "BSc"}},
		}
		for name, v := range more {
			m[name] = v
		}
		return m
	}
	msc := map[string]any{"type": "MSc", "year": json.Number("2001")}
	for _, try := range []struct {
		paths []Path
		want  map[string]any
		count int
	}{
		{nil, nil, 0},
		{[]Path{{"vct"}}, nil, 0},
		{[]Path{{"address", "locality"}}, map[string]any{"address": map[string]any{"country": "NL", "locality": "Voorbeeldstad"}}, 2},
		{[]Path{{"address", "country"}}, map[string]any{"address": map[string]any{"country": "NL"}}, 1},
		{[]Path{{"address"}}, map[string]any{"address": map[string]any{"country": "NL", "locality": "Voorbeeldstad", "street": "Proefstraat 1"}}, 3},
		{[]Path{{"age_equal_or_over", "18"}}, map[string]any{"age_equal_or_over": map[string]any{"18": true}}, 1},
		{[]Path{{"age_equal_or_over"}}, map[string]any{"age_equal_or_over": map[string]any{"18": true, "65": false}}, 2},
		{[]Path{{"nationalities", 2}}, map[string]any{"nationalities": []any{"EU", "BE"}}, 1},
		{[]Path{{"nationalities", nil}}, map[string]any{"nationalities": []any{"NL", "EU", "BE"}}, 2},
		{[]Path{{"nationalities"}}, map[string]any{"nationalities": []any{"NL", "EU", "BE"}}, 2},
		{[]Path{{"degrees", nil, "type"}}, map[string]any{"degrees": []any{map[string]any{"type": "MSc"}, map[string]any{"type": "BSc"}}}, 1},
		{[]Path{{"degrees", 0, "year"}}, map[string]any{"degrees": []any{msc, map[string]any{"type": "BSc"}}}, 2},
		{[]Path{{"degrees", nil, "year"}}, map[string]any{"degrees": []any{msc, map[string]any{"type": "BSc"}}}, 2},
		{[]Path{{"given_name"}, {"given_name"}, {"family_name"}}, map[string]any{"given_name": "Noor", "family_name": "van Testdijk"}, 2},
	} {
		if diff := cmp.Diff(open(try.want), disclosed(t, s, try.paths...)); diff != "" {
			t.Errorf("%v: %s", try.paths, diff)
		}
		sel, err := s.Select(try.paths)
		if err != nil || len(sel.disclosures) != try.count {
			t.Errorf("%v: %d disclosures, want %d, %v", try.paths, len(sel.disclosures), try.count, err)
		}
		h := held(t, s)
		if needed, err := h.needed(try.paths); err != nil || string(h.compact(needed)) != sel.String() {
			t.Errorf("%v: kept and read again it shows %q, %v", try.paths, h.compact(needed), err)
		}
	}
	// What was taken away cannot be selected again, and the first one is unchanged.
	sel, err := s.Select([]Path{{"given_name"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sel.Select([]Path{{"family_name"}}); err == nil {
		t.Error("selected a claim that is not there")
	}
	if _, err := s.Select([]Path{{"family_name"}}); err != nil {
		t.Error(err)
	}
	if sel.HasKeyBinding() || strings.Count(sel.String(), "~") != 2 {
		t.Errorf("%q", sel)
	}
}

func TestPathString(t *testing.T) {
	for want, p := range map[string]Path{
		"address.locality": {"address", "locality"}, "nationalities[0]": {"nationalities", 0}, "degrees[*].type": {"degrees", nil, "type"},
		"age_equal_or_over.18": {"age_equal_or_over", "18"}, `["a.b"].c`: {"a.b", "c"}, `["a\nb"]`: {"a\nb"}, `[""]`: {""}, `["\u202eabc"]`: {"\u202eabc"}, "": {},
	} {
		if got := p.String(); got != want {
			t.Errorf("%#v: %s, want %s", p, got, want)
		}
	}
}

func TestPathCovers(t *testing.T) {
	for _, try := range []struct {
		p, q Path
		want bool
	}{
		{Path{"a"}, Path{"a"}, true}, {Path{"a"}, Path{"a", "b"}, true}, {Path{"a", "b"}, Path{"a"}, false}, {Path{"a"}, Path{"b"}, false},
		{Path{"a", nil}, Path{"a", 0}, true}, {Path{"a", nil}, Path{"a", nil}, true}, {Path{"a", 0}, Path{"a", nil}, false}, {Path{"a", 0}, Path{"a", 1}, false},
		{Path{"a", nil}, Path{"a", "b"}, false}, {Path{"a", "0"}, Path{"a", 0}, false}, {Path{}, Path{"a"}, false}, {Path{"a"}, Path{}, false},
		{Path{"a", nil, "b"}, Path{"a", 3, "b", "c"}, true},
	} {
		if got := try.p.Covers(try.q); got != try.want {
			t.Errorf("%v covers %v: %v", try.p, try.q, got)
		}
	}
}

func TestPathJSON(t *testing.T) {
	var p Path
	const text = `["degrees",null,"type",3]`
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Path{"degrees", nil, "type", 3}, p); diff != "" {
		t.Error(diff)
	}
	if b, err := json.Marshal(p); err != nil || string(b) != text {
		t.Errorf("%s, %v", b, err)
	}
	if err := p.UnmarshalJSON([]byte(`[-1]`)); !errors.Is(err, jose.ErrMalformed) || len(p) != 4 {
		t.Errorf("%v, %v", p, err)
	}
}
