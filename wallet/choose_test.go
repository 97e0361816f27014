package wallet

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// A smaller answer is one that meets the query and holds nothing outside the purpose.
func TestSmaller(t *testing.T) {
	claims := func(names ...string) (out []Claim) {
		for _, n := range names {
			out = append(out, Claim{Path: n, Label: n, Value: "x", Extra: strings.HasPrefix(n, "!")})
		}
		return out
	}
	card := func(id string, ways ...[]Claim) Match {
		m := Match{Card: Card{ID: id, Name: id}}
		if len(ways) > 0 {
			m.Claims, m.Later = ways[0], ways[1:]
		}
		return m
	}
	option := func(id string, cards ...Match) Option { return Option{ID: id, Answers: []Answer{{"q" + id, cards}}} }
	must := func(o ...Option) Set { return Set{Required: true, Options: o} }
	birth, adult := claims("!birthdate"), claims("over.18")
	other, used := card("other", birth), card("used", adult)
	other.Extra, used.Reuse = true, true
	two := option("1", card("a", adult))
	two.Answers = append(two.Answers, Answer{"second", []Match{card("b", birth, adult)}})
	for name, c := range map[string]struct {
		sets []Set
		want *Choice
	}{
		"another option":      {[]Set{must(option("1", card("a", birth)), option("2", card("a", adult)))}, &Choice{Options: []string{"2"}, Cards: map[string]string{"q2": "a"}}},
		"a later claim set":   {[]Set{must(option("1", card("a", birth, claims("!name"), adult)))}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "a"}, ClaimSets: map[string]int{"q1": 2}}},
		"another card":        {[]Set{must(option("1", card("a", birth), card("b", adult)))}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "b"}}},
		"a copy not shown":    {[]Set{must(option("1", used, card("b", birth, adult)))}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "b"}, ClaimSets: map[string]int{"q1": 1}}},
		"only a shown copy":   {[]Set{must(option("1", used))}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "used"}}},
		"first option later":  {[]Set{must(option("1", card("a", birth, adult)), option("2", card("a", adult)))}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "a"}, ClaimSets: map[string]int{"q1": 1}}},
		"every query of it":   {[]Set{must(two)}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "a", "second": "b"}, ClaimSets: map[string]int{"second": 1}}},
		"optional left out":   {[]Set{must(option("1", card("a", adult))), {Options: []Option{option("2", card("a", birth))}}}, &Choice{Options: []string{"1"}, Cards: map[string]string{"q1": "a"}}},
		"no other way":        {[]Set{must(option("1", card("a", birth, claims("!name"))))}, nil},
		"one of two sets":     {[]Set{must(option("1", card("a", adult))), must(option("2", card("a", birth)))}, nil},
		"only optional":       {[]Set{{Options: []Option{option("1", card("a", birth))}}}, nil},
		"a kind of card":      {[]Set{must(option("1", other))}, nil},
		"half of a claim set": {[]Set{must(option("1", card("a", birth, claims("over.18", "!name"))))}, nil},
	} {
		got, ok := (&Disclosure{Extra: []string{"x"}, Sets: c.sets}).Smaller()
		if ok != (c.want != nil) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		if !ok {
			continue
		}
		c.want.Within = true
		if c.want.ClaimSets == nil {
			c.want.ClaimSets = map[string]int{}
		}
		if diff := cmp.Diff(*c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, ok := (&Disclosure{Sets: c.sets}).Smaller(); ok {
			t.Errorf("%s: offered although nothing is too much", name)
		}
	}
}

// sets is a query of the person card with claim sets.
func sets(claims, sets string) string {
	return `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]},"claims":[` + claims + `],"claim_sets":` + sets + `}]}`
}

// The verifier asks for the date of birth first and takes an age too; the register lets it ask the age only. What the
// wallet proposes is accepted, and the date never leaves it.
func TestSmallerIsAccepted(t *testing.T) {
	const birth, adult, name = `{"id":"b","path":["birthdate"]}`, `{"id":"a","path":["age_equal_or_over","18"]}`, `{"id":"n","path":["given_name"]}`
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	for what, q := range map[string]string{
		"claim sets": sets(birth+","+adult+","+name, `[["b"],["n"],["a"]]`),
		"credential sets": `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]},"claims":[` + birth + `]},
			{"id":"d","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]},"claims":[` + adult + `]}],"credential_sets":[{"options":[["c"],["d"]]}]}`,
	} {
		t.Run(what, func(t *testing.T) {
			receive(t, wal, w.offer(), "")
			link, a := w.ask(q, nil)
			d := present(t, wal, link)
			if d.Rule == nil || !slices.Contains(d.Extra, "birthdate") || d.Rule.Purpose["nl"] != "Leeftijd controleren" || len(d.Purpose) != 0 {
				t.Errorf("extra %q, rule %+v", d.Extra, d.Rule)
			}
			if got := d.Rule.Allowed[0]; got.Path != "age_equal_or_over.18" || got.Label != "18 jaar of ouder" {
				t.Errorf("allowed %+v", got)
			}
			c, ok := d.Smaller()
			if !ok {
				t.Fatal("no smaller answer")
			}
			claims, err := d.Shared(c)
			if err != nil || len(claims) != 1 || claims[0].Path != "age_equal_or_over.18" || claims[0].Extra {
				t.Errorf("would share %+v, %v", claims, err)
			}
			// The first way, under the word that nothing beyond is shared, is refused.
			if _, err := d.Share(t.Context(), Choice{Within: true}); CategoryOf(err) != RequestUntrusted || a.posts != 0 {
				t.Errorf("too much as if it were not: %v", err)
			}
			if _, err := d.Share(t.Context(), Choice{ClaimSets: map[string]int{"c": 7}, Within: true}); err == nil || a.posts != 0 {
				t.Error("a claim set that is not there")
			}
			if _, err := d.Share(t.Context(), c); err != nil || a.rejected != "" {
				t.Fatalf("%v, the verifier says %q", err, a.rejected)
			}
			if diff := cmp.Diff(map[string]any{"age_equal_or_over": map[string]any{"18": true}}, a.shown[0].Subject()); diff != "" {
				t.Error(diff)
			}
			token := map[string][]string{}
			for id := range a.response.Token {
				token[id] = a.response.Token[id]
			}
			if err := a.request.Query.CheckAll(token); err != nil {
				t.Error(err)
			}
			entries, err := wal.History(t.Context())
			if e := entries[0]; err != nil || e.ID != d.Entry() || len(e.Extra) != 0 || e.Purpose != "Leeftijd controleren" || e.Outcome != "ok" {
				t.Errorf("history: %+v", e)
			}
		})
	}
	t.Run("nothing within", func(t *testing.T) {
		link, _ := w.ask(sets(birth+","+name, `[["b"],["n"]]`), nil)
		if c, ok := present(t, wal, link).Smaller(); ok {
			t.Errorf("proposes %+v", c)
		}
	})
}

// An element of a list is as much outside the purpose as the list is, and a part of what is too much can be inside.
func TestOutside(t *testing.T) {
	a := &trust.Accreditation{Types: []string{"card"}, Claims: []sdjwt.Path{{"address", "locality"}}}
	p := &trust.Permission{Accreditation: a}
	for _, path := range []sdjwt.Path{{"nationalities", nil}, {"address"}} {
		p.Extra = append(p.Extra, trust.Question{Types: []string{"card", "pass"}, Path: path})
	}
	p.Extra = append(p.Extra, trust.Question{Types: []string{"licence"}})
	d := &Disclosure{asked: &openid4vp.Asked{Permission: p}}
	for _, c := range []struct {
		kind string
		path sdjwt.Path
		want int
	}{
		{"card", sdjwt.Path{"nationalities", 1}, 0}, {"card", sdjwt.Path{"address", "street"}, 1}, {"card", sdjwt.Path{"address"}, 1},
		{"card", sdjwt.Path{"address", "locality"}, -1}, {"pass", sdjwt.Path{"address", "locality"}, 1}, {"card", nil, -1}, {"licence", nil, 2},
		{"licence", sdjwt.Path{"address", "locality"}, 2},
	} {
		if got := d.outside(c.kind, c.path); got != c.want {
			t.Errorf("%s %v: %d, want %d", c.kind, c.path, got, c.want)
		}
	}
}

// The address is the one the answer goes to, in letters that look like nothing else.
func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"https://balie.voorbeeld.example/r?x=1":  "balie.voorbeeld.example",
		"https://BALIE.voorbeeld.example:8443/r": "balie.voorbeeld.example",
		"http://localhost:8420/verifier":         "localhost",
		"https://[2001:db8::1]:443/":             "2001:db8::1",
		"https://voorbeeldstаd.example/":         "xn--voorbeeldstd-79j.example", // the a is Cyrillic
		"https://gemeente.example\u202e/":        "gemeente.xn--example-676c",
		"":                                       "",
		"https://" + strings.Repeat("a.", 200) + "voorbeeld.example/": "…" + strings.Repeat(".a", 200)[400-253+len(".voorbeeld.example"):] + ".voorbeeld.example",
	} {
		if got := host(in); got != want {
			t.Errorf("%.60q: %q, want %q", in, got, want)
		}
	}
}
