package wallet

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// A foreign issuer may sign facts that nobody can leave out. All that arrives is listed before, and in the history after.
func TestAlwaysGoesAlong(t *testing.T) {
	w := newWorld(t)
	f := foreign(t, "Bibliotheek Elders")
	hide := func(v any) sdjwt.Selective { return sdjwt.Selective{Value: v} }
	f.claims = func(c map[string]any) {
		c["given_name"], c["sub"], c["jti"] = "Canarina", "x-1", "x-2" // the last two are for machines
		c["address"] = map[string]any{"locality": "Proefstad", "street": hide("Teststraat 1"), "geo": map[string]any{"zone": hide("A")}}
		c["nationalities"] = []any{"NL", hide("BE")}
		c["degrees"] = []any{map[string]any{"kind": "Diploma", "year": hide(2001)}}
	}
	wal := w.wallet(func(o *Options) { o.Foreign = []trust.Anchor{f.party.foreignAnchor()} })
	receive(t, wal, f.offer(), "")
	for _, x := range []struct {
		query  string
		asked  []string
		always []string
		gone   int // disclosures that go out
	}{
		{defaultQuery(), []string{"age_equal_or_over.18"}, []string{"address.locality", "degrees", "given_name", "nationalities"}, 1},
		{inside(""), nil, []string{"address.locality", "degrees", "given_name", "nationalities"}, 0},
		{query(`["given_name"]`, `["address"]`), []string{"given_name", "address"}, []string{"degrees", "nationalities"}, 0},
	} {
		link, a := f.ask(x.query, nil)
		d := present(t, wal, link)
		m := d.Sets[0].Options[0].Answers[0].Cards[0]
		listed := m.Way(0)
		if got := paths(listed); !slices.Equal(paths(m.Claims), x.asked) || !slices.Equal(got, slices.Concat(x.asked, x.always)) {
			t.Errorf("%s: %q asked, %q listed", x.query, paths(m.Claims), got)
		}
		for _, c := range listed {
			if c.Always != slices.Contains(x.always, c.Path) || c.Extra {
				t.Errorf("%+v", c)
			}
		}
		if all, err := d.Shared(Choice{}); err != nil || !cmp.Equal(all, listed) {
			t.Errorf("%s: shared %+v, %v", x.query, all, err)
		}
		if _, err := d.Share(t.Context(), Choice{AllowUnregistered: true}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(a.raw[0], "~") - 1; n < x.gone || x.gone > 0 && n > x.gone {
			t.Errorf("%s: %d disclosures", x.query, n)
		}
		// What arrived is no more than what was listed.
		for _, c := range openBelow(nil, a.shown[0].Subject()) {
			if !slices.ContainsFunc(listed, func(l Claim) bool { return l.Path == c.Path.String() || strings.HasPrefix(c.Path.String(), l.Path+".") }) {
				t.Errorf("%s: %q arrived and was not listed", x.query, c.Path)
			}
		}
		e := valueless(t, wal)[0]
		if !slices.Equal(e.Claims, paths(listed)) || len(e.Labels) != len(e.Claims) || len(e.Withheld) != 0 {
			t.Errorf("%s: history: %+v", x.query, e)
		}
	}
	// Their values are what is signed, without what is hidden.
	link, _ := f.ask(defaultQuery(), nil)
	d := present(t, wal, link)
	values := map[string]any{}
	for _, c := range d.Sets[0].Options[0].Answers[0].Cards[0].Always {
		values[c.Path] = c.Value
	}
	want := map[string]any{"given_name": "Canarina", "address.locality": "Proefstad", "nationalities": []any{"NL"}, "degrees": []any{map[string]any{"kind": "Diploma"}}}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Error(diff)
	}
	// Nobody asked for them, so refusing holds nothing back of them.
	if err := d.Refuse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := valueless(t, wal)[0]; !slices.Equal(e.Withheld, []string{"18 jaar of ouder"}) {
		t.Errorf("history: %+v", e)
	}
}

// Copies that hide different things are told as the most open of them, also of a registered issuer, and a card of which all
// is hidden says nothing more.
func TestMostOpenCopyCounts(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	always := func() []string {
		t.Helper()
		link, _ := w.ask(defaultQuery(), nil)
		return paths(present(t, wal, link).Sets[0].Options[0].Answers[0].Cards[0].Always)
	}
	if got := always(); len(got) != 0 {
		t.Errorf("all is hidden, and %q goes along", got)
	}
	n := 0
	w.claims = func(c map[string]any) {
		if n++; n == 2 {
			c["given_name"] = "Canarina"
		}
	}
	receive(t, wal, w.offer(), "")
	if got := always(); !slices.Equal(got, []string{"given_name"}) {
		t.Errorf("%q goes along", got)
	}
	control(t, w, wal)
}
