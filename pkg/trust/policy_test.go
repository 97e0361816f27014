package trust

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/sdjwt"
)

func TestMayIssueForeign(t *testing.T) {
	k := newKit(t)
	who := k.chain(t, "foreign", Issue, nil, k.outsider)
	if err := k.MayIssue(t.Context(), who, "urn:example:1", noon, noon); err != nil {
		t.Error(err)
	}
	k.Foreign[0].Types = []string{"urn:example:1"}
	if err := k.MayIssue(t.Context(), who, "urn:example:1", noon, noon); err != nil {
		t.Error(err)
	}
	if err := k.MayIssue(t.Context(), who, vct, noon, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	if perm, err := k.MayAsk(t.Context(), who, []Question{{Types: []string{vct}}}, noon); err != nil || perm.Accreditation != nil || len(perm.Extra) != 0 {
		t.Errorf("%v, %v", perm, err)
	}
	k.Foreign[0].Uses = []Use{Issue}
	if _, err := k.MayAsk(t.Context(), who, nil, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
}

func TestMayIssueTimes(t *testing.T) {
	k := newKit(t)
	who := k.chain(t, "issuer", Issue, nil, k.issuer)
	a := &k.registry.accs[0]
	day := func(n int) time.Time { return time.Date(2026, 11, 10+n, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		what        string
		from, until time.Time
		withdrawn   *Withdrawal
		issued, now time.Time
		good        bool
	}{
		{"good", noon, day(100), nil, day(0), noon, true}, // iat is midnight of the first day
		{"before the first day", noon, day(100), nil, day(-1), noon, false},
		{"not yet", noon.Add(time.Hour), day(100), nil, day(0), noon, false},
		{"expired", day(-9), noon, nil, day(-5), noon, false}, // an expiry distrusts
		{"last moment", day(-9), noon, nil, day(-5), noon.Add(-time.Second), true},
		{"no end", day(-9), time.Time{}, nil, day(-5), noon, false},
		{"withdrawn later", day(-9), day(9), &Withdrawal{At: day(-3)}, day(-4), noon, true},
		{"withdrawn that day", day(-9), day(9), &Withdrawal{At: day(-3).Add(time.Hour)}, day(-3), noon, true},
		{"withdrawn before", day(-9), day(9), &Withdrawal{At: day(-5)}, day(-4), noon, false},
		{"distrusted later", day(-9), day(9), &Withdrawal{At: day(-3), Distrust: true}, day(-4), noon, false},
	} {
		a.From, a.Until, a.Withdrawn = c.from, c.until, c.withdrawn
		if err := k.MayIssue(t.Context(), who, vct, c.issued, c.now); (err == nil) != c.good || err != nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	// A second accreditation can carry what the first does not.
	second := *a
	second.ID, second.Withdrawn = "pd-2", nil
	k.registry.accs = append(k.registry.accs, second)
	if err := k.MayIssue(t.Context(), who, vct, day(-4), noon); err != nil {
		t.Error(err)
	}
}

func TestMayAsk(t *testing.T) {
	k := newKit(t)
	who := k.chain(t, "verifier", Ask, nil, k.verifier, k.mid)
	q := func(path sdjwt.Path, types ...string) Question { return Question{Types: types, Path: path} }
	over18 := q(sdjwt.Path{"age_equal_or_over", "18"}, vct)
	street := q(sdjwt.Path{"address", "street_address"}, vct)
	name := q(sdjwt.Path{"family_name"}, vct)
	parent := q(sdjwt.Path{"age_equal_or_over"}, vct)
	elsewhere := q(sdjwt.Path{"age_equal_or_over", "18"}, vct, "urn:zegel:other:1")
	for _, c := range []struct {
		what      string
		questions []Question
		id        string
		extra     []Question
	}{
		{"one", []Question{over18}, "over-18", nil},
		{"below", []Question{street, street}, "address", nil},
		{"none", nil, "over-18", nil},
		{"type only", []Question{q(nil, vct)}, "over-18", nil},
		{"type only, another", []Question{q(nil, "urn:zegel:other:1")}, "address", nil},
		{"one too many", []Question{over18, name}, "over-18", []Question{name}},
		{"parent of what is allowed", []Question{parent}, "over-18", []Question{parent}},
		{"another type as well", []Question{elsewhere}, "over-18", []Question{elsewhere}},
		{"no type", []Question{q(sdjwt.Path{"age_equal_or_over", "18"})}, "over-18", []Question{q(sdjwt.Path{"age_equal_or_over", "18"})}},
		// Two accreditations do not add up: each has its own purpose.
		{"under two purposes", []Question{street, over18, q(sdjwt.Path{"given_name"}, vct)}, "address", []Question{over18}},
	} {
		perm, err := k.MayAsk(t.Context(), who, c.questions, noon)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if perm.Accreditation.ID != c.id {
			t.Errorf("%s: under %q", c.what, perm.Accreditation.ID)
		}
		if diff := cmp.Diff(c.extra, perm.Extra); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
	for _, end := range []func(*Accreditation){
		func(a *Accreditation) { a.Withdrawn = &Withdrawal{At: noon} },
		func(a *Accreditation) { a.Withdrawn = &Withdrawal{At: noon, Distrust: true} },
		func(a *Accreditation) { a.Until = noon },
		func(a *Accreditation) { a.From = noon.Add(time.Second) },
		func(a *Accreditation) { a.Subject = "did:zegel:town:other" },
		func(a *Accreditation) { a.Use = Issue },
	} {
		k := newKit(t)
		end(&k.registry.accs[1])
		end(&k.registry.accs[2])
		if perm, err := k.MayAsk(t.Context(), who, []Question{over18}, noon); !errors.Is(err, ErrUntrusted) {
			t.Errorf("%v, %v", perm, err)
		}
	}
}

// In a stop an accreditation counts for nothing; before and after it, for everything, whenever it was issued.
// Of a question that goes too far, what lies within the purpose is still allowed, and nothing else.
func TestAllows(t *testing.T) {
	k := newKit(t)
	who := k.chain(t, "verifier", Ask, nil, k.verifier, k.mid)
	q := func(path sdjwt.Path, types ...string) Question { return Question{Types: types, Path: path} }
	over18, other := sdjwt.Path{"age_equal_or_over", "18"}, "urn:zegel:other:1"
	perm, err := k.MayAsk(t.Context(), who, []Question{q(over18, vct, other)}, noon)
	if err != nil || len(perm.Extra) != 1 || perm.Accreditation == nil {
		t.Fatalf("%+v, %v", perm, err)
	}
	for _, c := range []struct {
		q    Question
		want bool
	}{
		{q(over18, vct), true}, {q(nil, vct), true}, {q(append(slices.Clone(over18), "x"), vct), true}, {q(over18, other), false}, {q(nil, other), false},
		{q(over18, vct, other), false}, {q(over18[:1], vct), false}, {q(sdjwt.Path{"family_name"}, vct), false}, {q(sdjwt.Path{nil}, vct), false}, {q(over18), false},
	} {
		if got := perm.Allows(c.q); got != c.want {
			t.Errorf("%+v: %v", c.q, got)
		}
	}
	// Without an accreditation, as with foreign parties, there is nothing to go beyond.
	if !(&Permission{}).Allows(q(sdjwt.Path{"family_name"}, other)) {
		t.Error("nothing is beyond nothing")
	}
}

func TestStopped(t *testing.T) {
	k := newKit(t)
	issuer := k.chain(t, "issuer", Issue, nil, k.issuer)
	questions := []Question{{Types: []string{vct}}}
	for _, x := range []struct {
		what        string
		from, until time.Time
		good        bool
	}{
		{"before it", noon.Add(time.Second), noon.Add(time.Hour), true},
		{"from its first second", noon, noon.Add(time.Hour), false},
		{"in it", noon.Add(-time.Hour), noon.Add(time.Hour), false},
		{"to its last", noon.Add(-time.Hour), noon.Add(time.Second), false},
		{"from its end", noon.Add(-time.Hour), noon, true},
		{"with no end known", noon.Add(-1000 * time.Hour), time.Time{}, false},
		{"ended as it began", noon, noon, true},
	} {
		for i := range k.registry.accs {
			k.registry.accs[i].Stopped = &Stop{From: x.from, Until: x.until}
		}
		// A card from before the stop, and one that says it is from a day within it.
		for _, issued := range []time.Time{noon.AddDate(0, 0, -3), noon.Truncate(24 * time.Hour)} {
			if err := k.MayIssue(t.Context(), issuer, vct, issued, noon); (err == nil) != x.good || err != nil && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%s: issue: %v", x.what, err)
			}
		}
		who, err := k.ByKeyID(t.Context(), string(town)+"#ask", Ask, noon, noon)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.MayAsk(t.Context(), who, questions, noon); (err == nil) != x.good || err != nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s: ask: %v", x.what, err)
		}
	}
}

// The right to accredit others is no right to issue or to ask.
func TestGrantGivesNoOtherRight(t *testing.T) {
	k := newKit(t)
	issuer := k.chain(t, "issuer", Issue, nil, k.issuer)
	for i := range k.registry.accs {
		k.registry.accs[i].Use = Grant
	}
	if err := k.MayIssue(t.Context(), issuer, vct, noon, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	if _, err := k.MayAsk(t.Context(), issuer, nil, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
}

// The name that the members know goes before the name that another organisation gave, whatever comes first.
func TestNameByMembers(t *testing.T) {
	k := newKit(t)
	own := k.registry.accs[0]
	granted := own
	granted.ID, granted.Name, granted.GrantedBy, granted.Under = "a", "Rijksdienst Voorbeeld", "did:zegel:town:region", "region"
	for _, all := range [][]Accreditation{{granted, own}, {own, granted}} {
		k.registry.accs = all
		if who := k.chain(t, "issuer", Issue, nil, k.issuer); who.Name != own.Name {
			t.Errorf("name %q", who.Name)
		}
	}
	k.registry.accs = []Accreditation{granted}
	if who := k.chain(t, "issuer", Issue, nil, k.issuer); who.Name != granted.Name {
		t.Errorf("name %q", who.Name)
	}
}
