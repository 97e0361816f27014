package vm

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/wallet"
)

var (
	adult = wallet.Claim{Path: "age_equal_or_over.18", Label: "18 jaar of ouder", Value: true}
	birth = wallet.Claim{Path: "birthdate", Label: "Geboortedatum", Value: "1990-05-14"}
	home  = wallet.Claim{Path: "address", Label: "Adres", Value: map[string]any{"locality": "Voorbeeldstad", "street": "Dorpsstraat 1"}}
)

func beyond(c wallet.Claim) wallet.Claim { c.Extra = true; return c }

// held is a card that shares these claims; later are other ways to share.
func held(id string, claims []wallet.Claim, later ...[]wallet.Claim) wallet.Match {
	return wallet.Match{Claims: claims, Later: later, Card: wallet.Card{ID: id, Name: "Kaart " + id, Issuer: "Gemeente Voorbeeldstad",
		Labels: map[string]string{"birthdate": "Geboortedatum", "given_name": "Voornaam", "address.locality": "Woonplaats", "address.street": "Straat"},
		Order:  []string{"given_name", "birthdate", "address.street"}, // what it does not name comes last
		Claims: map[string]any{"birthdate": "1990-05-14", "given_name": "Sanne", "address": home.Value, "age_equal_or_over": map[string]any{"18": true, "65": false}}}}
}

func set(required bool, options ...wallet.Option) wallet.Set {
	return wallet.Set{Required: required, Options: options}
}

func option(id string, answers ...[]wallet.Match) wallet.Option {
	o := wallet.Option{ID: id}
	for n, cards := range answers {
		o.Answers = append(o.Answers, wallet.Answer{Query: id + string(rune('a'+n)), Cards: cards})
	}
	return o
}

func one(claims ...wallet.Claim) []wallet.Match { return []wallet.Match{held("1", claims)} }

// asked opens a request on the consent sheet.
func asked(t *testing.T, a *App, d *wallet.Disclosure) *Share {
	t.Helper()
	s := &Share{app: a}
	a.open(s)
	s.begin(d)
	return s
}

func sentences(all []Fact) (out []string) {
	for _, f := range all {
		out = append(out, f.Sentence)
	}
	return out
}

func TestTerms(t *testing.T) {
	a := begun(t, t.TempDir(), noon())
	nobody := trust.Text{"nl": "Nee, aan niemand", "en": "No, to nobody"}
	const unsaid = "Het register zegt het niet."
	for name, c := range map[string]struct {
		d               *wallet.Disclosure
		why, keep, onto string
	}{
		"nothing kept":              {&wallet.Disclosure{Registered: true, Terms: wallet.Terms{Purpose: trust.Text{"nl": "Leeftijd"}}}, "Leeftijd", "Niet", "Onbekend"},
		"only the outcome":          {&wallet.Disclosure{Registered: true, Terms: wallet.Terms{OutcomeDays: 30, PassedOn: nobody}}, unsaid, "Alleen de uitkomst, 30 dagen", "Nee, aan niemand"},
		"answers too":               {&wallet.Disclosure{Registered: true, Terms: wallet.Terms{KeepDays: 1}}, unsaid, "Uw gegevens, 1 dag", "Onbekend"},
		"answers, then the outcome": {&wallet.Disclosure{Registered: true, Terms: wallet.Terms{KeepDays: 2, OutcomeDays: 90}}, unsaid, "Uw gegevens, 2 dagen. De uitkomst 90 dagen.", "Onbekend"},
		"not in the register":       {&wallet.Disclosure{}, unsaid, "Onbekend", "Onbekend"},
		"too far, no way":           {&wallet.Disclosure{Registered: true, Extra: []string{"x"}, Rule: &wallet.Rule{Terms: wallet.Terms{Purpose: trust.Text{"nl": "Leeftijd"}}}}, unsaid, "Onbekend", "Onbekend"},
	} {
		c.d.Sets = []wallet.Set{set(true, option("1", one(beyond(birth))))}
		s := asked(t, a, c.d)
		if s.Why != c.why || s.Keep != c.keep || s.PassedOn != c.onto {
			t.Errorf("%s: %q, %q, %q", name, s.Why, s.Keep, s.PassedOn)
		}
	}
}

// The ages on a card are one line of what stays, and last; another age that is shared hides them all.
func TestAgesStay(t *testing.T) {
	a := begun(t, t.TempDir(), noon())
	s := asked(t, a, &wallet.Disclosure{Registered: true, Sets: []wallet.Set{set(true, option("1", one(birth)))}})
	if want := []string{"Voornaam", "Straat", "Woonplaats", "Leeftijd"}; !cmp.Equal(s.NotShared, want) {
		t.Errorf("stays %q, want %q", s.NotShared, want)
	}
}

func TestConsent(t *testing.T) {
	a := begun(t, t.TempDir(), noon())
	last, used := held("2", []wallet.Claim{birth}), held("3", []wallet.Claim{birth})
	last.Last, used.Reuse = true, true
	s := asked(t, a, &wallet.Disclosure{Registered: true, Verifier: "Theater Voorbeeld", Address: "theater.example", Sets: []wallet.Set{
		set(true, option("1", one(adult)), option("2", []wallet.Match{held("1", []wallet.Claim{birth}), last, used}, one(home))),
		set(false, option("3", one(home))),
		set(false),
	}})
	if s.Step != ShareAsk || s.Address != "theater.example" || !cmp.Equal(sentences(s.Facts), []string{"U bent 18 jaar of ouder: ja"}) || s.Facts[0].Told != "U bent 18 jaar of ouder" {
		t.Errorf("%+v", s.Facts)
	}
	if !cmp.Equal(s.NotShared, []string{"Voornaam", "Geboortedatum", "Straat", "Woonplaats"}) {
		t.Errorf("stays %q", s.NotShared)
	}
	// An optional part is off until it is chosen, and an object is shared as what is in it.
	if c := s.Choices[1]; !c.Optional || c.On || c.Words != "Adres" || !slices.Equal(s.choice.Options, []string{"1"}) {
		t.Errorf("%+v, %q", c, s.choice.Options)
	}
	s.Turn(1)
	if got := sentences(s.Facts); !cmp.Equal(got, []string{"U bent 18 jaar of ouder: ja", "Straat: Dorpsstraat 1", "Woonplaats: Voorbeeldstad"}) || !cmp.Equal(s.NotShared, []string{"Voornaam", "Geboortedatum"}) {
		t.Errorf("%q, stays %q", got, s.NotShared)
	}
	s.Turn(1)
	// Another way, and another card for its first part.
	s.Choose(0, 1)
	if c := s.Choices[0]; len(c.Ways) != 2 || len(c.Picks) != 1 || len(c.Picks[0].Cards) != 3 || c.Picks[0].Words != "Geboortedatum" {
		t.Fatalf("%+v", c)
	}
	for card, want := range []struct{ id, last, reuse string }{{"1", "", ""}, {"2", "Kaart 2", ""}, {"3", "", "Kaart 3"}} {
		s.Take(0, 0, card)
		if s.choice.Cards["2a"] != want.id || s.choice.Cards["2b"] != "1" || s.Last != want.last || s.Reuse != want.reuse {
			t.Errorf("card %d: %+v, last %q, reuse %q", card, s.choice.Cards, s.Last, s.Reuse)
		}
	}
	// Nothing is agreed to before all was seen; a copy that was shown needs one more word, before the PIN.
	if s.Agree(); s.Step != ShareAsk {
		t.Errorf("agreed unread: %d", s.Step)
	}
	s.Seen()
	if s.Agree(); s.Step != ShareReuse || s.choice.AllowReuse {
		t.Errorf("step %d", s.Step)
	}
	if s.Agree(); s.Step != SharePIN || !s.choice.AllowReuse || s.choice.AllowExtra || s.choice.AllowUnregistered {
		t.Errorf("step %d, %+v", s.Step, s.choice)
	}

	// A card that shows nothing but itself is a fact too.
	s = asked(t, a, &wallet.Disclosure{Registered: true, Sets: []wallet.Set{set(true, option("1", one()))}})
	if got := sentences(s.Facts); !cmp.Equal(got, []string{"U hebt de kaart Kaart 1"}) || s.Summary() != "U deelt 1 gegeven" {
		t.Errorf("%q", got)
	}

	// What the issuer made impossible to leave out is a fact too, and does not count as what stays.
	m := held("1", []wallet.Claim{adult})
	m.Always = []wallet.Claim{{Path: "given_name", Label: "Voornaam", Value: "Sanne", Always: true}, {Path: "birthdate", Label: "Geboortedatum", Value: "1990-05-14", Always: true}}
	s = asked(t, a, &wallet.Disclosure{Registered: true, Sets: []wallet.Set{set(true, option("1", []wallet.Match{m}))}})
	if got := sentences(s.Facts); len(got) != 3 || got[1] != "Voornaam: Sanne" || s.Facts[0].Always || !s.Facts[1].Always || !s.Facts[2].Always || s.Summary() != "U deelt 3 gegevens" ||
		!cmp.Equal(s.NotShared, []string{"Straat", "Woonplaats"}) {
		t.Errorf("%+v, stays %q", s.Facts, s.NotShared)
	}
	m.Claims = nil
	s = asked(t, a, &wallet.Disclosure{Registered: true, Sets: []wallet.Set{set(true, option("1", []wallet.Match{m}))}})
	if got := sentences(s.Facts); len(got) != 3 || got[0] != "U hebt de kaart Kaart 1" {
		t.Errorf("%q", got)
	}

	// Whom the register does not know is asked about first.
	s = asked(t, a, &wallet.Disclosure{Verifier: "Iemand", Sets: []wallet.Set{set(true, option("1", one(adult)))}})
	s.Seen()
	if s.Agree(); s.Step != ShareUnknown {
		t.Errorf("step %d", s.Step)
	}
	s.GoOn()
	if s.Agree(); s.Step != SharePIN || !s.choice.AllowUnregistered {
		t.Errorf("step %d, %+v", s.Step, s.choice)
	}
}

func TestTooFarInWords(t *testing.T) {
	named := func(path, label string) wallet.Claim { return wallet.Claim{Path: path, Label: label} }
	ages := []wallet.Claim{named("age_equal_or_over.18", "18 jaar of ouder"), named("age_over_18", "age_over_18")}
	many := []wallet.Claim{}
	for _, n := range []string{"Een", "Twee", "Drie", "Vier", "Vijf", "Zes"} {
		many = append(many, named(n, n))
	}
	for name, c := range map[string]struct {
		lang            string
		beyond, allowed []wallet.Claim
		says, instead   string
	}{
		"a fact": {"nl", []wallet.Claim{named("birthdate", "Geboortedatum")}, ages,
			"Theater Voorbeeld vraagt uw **geboortedatum**. Volgens het register mogen zij alleen vragen of u **18 jaar of ouder** bent.", "In plaats van uw geboortedatum"},
		"english": {"en", []wallet.Claim{named("birthdate", "Date of birth")}, ages,
			"Theater Voorbeeld asks for your **date of birth**. According to the register they may only ask whether you are **18 or older**.", "Instead of your date of birth"},
		"an age and a card": {"nl", []wallet.Claim{named("age_over_65", "65+"), named("", "Diploma")}, []wallet.Claim{named("given_name", "Voornaam"), named("id", "BSN")},
			"Theater Voorbeeld vraagt of u **65 jaar of ouder** bent en uw kaart **Diploma**. Volgens het register mogen zij alleen dit vragen: uw **voornaam** en uw **BSN**.",
			"In plaats van 65 jaar of ouder en uw kaart Diploma"},
		"many": {"nl", many, nil, "Theater Voorbeeld vraagt uw **een**, uw **twee**, uw **drie** en 3 andere gegevens. Volgens het register mogen zij niets vragen.",
			"In plaats van uw een, uw twee, uw drie en 3 andere gegevens"},
		"a name that wants to be bold": {"nl", []wallet.Claim{named("x", "A** **B")}, ages,
			"Theater Voorbeeld vraagt uw **A B**. Volgens het register mogen zij alleen vragen of u **18 jaar of ouder** bent.", "In plaats van uw A** **B"},
	} {
		a := &App{prefs: Prefs{Lang: c.lang}}
		got := a.tooFar(&wallet.Disclosure{Verifier: "Theater** Voorbeeld", Rule: &wallet.Rule{Beyond: c.beyond, Allowed: c.allowed}})
		if got.Says != c.says || got.Instead != c.instead {
			t.Errorf("%s:\n%s\n%s", name, got.Says, got.Instead)
		}
	}
}

// testConsent has the rows of the required behaviour that speak of what a person sees and decides.
func testConsent(t *testing.T) {
	t.Run("DCQL-01", func(t *testing.T) {
		a := begun(t, t.TempDir(), noon())
		s := asked(t, a, &wallet.Disclosure{Registered: true, Sets: []wallet.Set{set(true, option("1", one(adult, birth)))}})
		if got := sentences(s.Facts); !cmp.Equal(got, []string{"U bent 18 jaar of ouder: ja", "Geboortedatum: 14 mei 1990"}) || s.Summary() != "U deelt 2 gegevens" {
			t.Errorf("the sheet lists %q, %q", got, s.Summary())
		}
		if slices.Contains(s.NotShared, "Geboortedatum") || !slices.Contains(s.NotShared, "Voornaam") {
			t.Errorf("not shared: %q", s.NotShared)
		}
	})
	t.Run("DCQL-04", func(t *testing.T) {
		a := begun(t, t.TempDir(), noon())
		s := asked(t, a, &wallet.Disclosure{Registered: true, Sets: []wallet.Set{set(false), set(true, option("2.1", one(adult)))}})
		if !slices.Equal(s.choice.Options, []string{"2.1"}) || len(s.Facts) != 1 {
			t.Errorf("%+v", s.choice)
		}
	})
	t.Run("DCQL-11", func(t *testing.T) {
		a := begun(t, t.TempDir(), noon())
		rule := &wallet.Rule{Terms: wallet.Terms{Purpose: trust.Text{"nl": "Leeftijd"}, OutcomeDays: 30}, Beyond: []wallet.Claim{beyond(birth)}, Allowed: []wallet.Claim{adult}}
		request := func(m wallet.Match) *Share {
			s := asked(t, a, &wallet.Disclosure{Registered: true, Verifier: "Theater Voorbeeld", Extra: []string{"Geboortedatum"}, Rule: rule,
				Sets: []wallet.Set{set(true, option("1", []wallet.Match{m}))}})
			s.Seen()
			return s
		}
		// The smaller answer is proposed first, under its own words, and holds nothing of what is too much.
		s := request(held("1", []wallet.Claim{beyond(birth)}, []wallet.Claim{adult}))
		small := s.TooFar.Smaller
		if small == nil || small.Only != "Deel alleen 18 jaar of ouder" || !cmp.Equal(sentences(small.Facts), []string{"U bent 18 jaar of ouder: ja"}) || s.Why != "Leeftijd" || s.Keep == "" {
			t.Fatalf("%+v, %q, %q", small, s.Why, s.Keep)
		}
		s.AgreeSmaller()
		if c := s.choice; s.Step != SharePIN || !c.Within || c.AllowExtra || c.ClaimSets["1a"] != 1 || len(s.Facts) != 1 || s.Facts[0].Extra {
			t.Errorf("step %d, %+v", s.Step, c)
		}
		// The override names the claim, and asks once more.
		s = request(held("1", []wallet.Claim{beyond(birth)}))
		if s.TooFar.Smaller != nil || s.Why != "Het register zegt het niet." || s.TooFar.Anyway != "Toch mijn geboortedatum delen" {
			t.Errorf("%+v, %q", s.TooFar, s.Why)
		}
		s.AgreeSmaller()
		if s.Agree(); s.Step != ShareExtra || s.choice.AllowExtra || !strings.Contains(s.TooFar.Sure, "geboortedatum") {
			t.Errorf("step %d, %q", s.Step, s.TooFar.Sure)
		}
		if s.Agree(); s.Step != SharePIN || !s.choice.AllowExtra || s.choice.Within {
			t.Errorf("step %d, %+v", s.Step, s.choice)
		}
		// What is too much only in a part that one may leave out needs no override.
		s = asked(t, a, &wallet.Disclosure{Registered: true, Extra: []string{"Geboortedatum"}, Rule: rule,
			Sets: []wallet.Set{set(true, option("1", one(adult))), set(false, option("2", one(beyond(birth))))}})
		s.Seen()
		if s.TooFar.Anyway != "" {
			t.Errorf("offers %q", s.TooFar.Anyway)
		}
		s.Turn(1)
		if s.TooFar.Anyway == "" || !s.extra() {
			t.Error("no word about what was chosen")
		}
		s.Turn(1)
		if s.Agree(); s.Step != SharePIN || !s.choice.Within || s.choice.AllowExtra {
			t.Errorf("step %d, %+v", s.Step, s.choice)
		}
	})
	t.Run("CLK-01", func(t *testing.T) {
		a := begun(t, t.TempDir(), noon())
		for ahead, want := range map[time.Duration]string{
			24 * time.Hour:                   "Hij loopt 24 uur voor. Zet de klok goed, en probeer het weer.",
			-(25*time.Hour + 30*time.Minute): "Hij loopt 25 uur en 30 minuten achter. Zet de klok goed, en probeer het weer.",
		} {
			s := &Share{app: a}
			s.fail(&wallet.Error{Category: wallet.RequestUntrusted, Err: &wallet.ClockError{Ahead: ahead, Err: errors.New("x")}})
			if s.Step != ShareFailed || s.Problem.Head != "De klok van dit apparaat wijkt af" || s.Problem.Text != want {
				t.Errorf("%v: %+v", ahead, s.Problem)
			}
		}
	})
	t.Run("REQ-13", func(t *testing.T) {
		// What a screen makes bold is never chosen by a name.
		for _, in := range []string{"**x**", "a*b", "x"} {
			if got := plain(in); strings.Contains(got, "*") || got == "" {
				t.Errorf("%q: %q", in, got)
			}
		}
	})
}

func TestEndings(t *testing.T) {
	a := begun(t, t.TempDir(), noon())
	seen := map[string]bool{}
	for _, err := range []error{
		&wallet.Error{Category: wallet.Network, Err: wallet.ErrUnsure}, &wallet.Error{Category: wallet.Network, Err: errors.New("x")},
		&wallet.Error{Category: wallet.EndpointRefused, Err: wallet.ErrNotAccepted}, &wallet.Error{Category: wallet.EndpointRefused, Err: errors.New("x")},
		&wallet.Error{Category: wallet.RequestExpired, Err: errors.New("x")}, &wallet.Error{Category: wallet.RequestMalformed, Err: errors.New("x")},
		&wallet.Error{Category: wallet.RequestUntrusted, Err: errors.New("x")},
	} {
		s := &Share{app: a, Verifier: "Theater Voorbeeld"}
		s.fail(err)
		if s.Problem.Text == "" || seen[s.Problem.Text] || strings.Contains(s.Problem.Text, "{") || s.Problem.Category != wallet.CategoryOf(err) {
			t.Errorf("%v: %+v", err, s.Problem)
		}
		seen[s.Problem.Text] = true
	}
	o := &Offer{app: a, Issuer: "Gemeente Voorbeeldstad", Registered: true}
	o.fail(&wallet.Error{Category: wallet.EndpointRefused, Err: wallet.ErrOfferGone})
	if o.Problem.Text != "Hij is verlopen of al gebruikt. Vraag Gemeente Voorbeeldstad om een nieuwe." || o.Problem.Category != wallet.EndpointRefused {
		t.Errorf("%+v", o.Problem)
	}
	for step, refused := range map[OfferStep]bool{OfferAsk: false, OfferCode: false, OfferPreview: true} {
		o := &Offer{app: a, Step: step}
		o.Decline()
		if o.Step != OfferStopped || o.Refused != refused {
			t.Errorf("step %d: %+v", step, o)
		}
	}
	for name, c := range map[string]struct {
		registered bool
		want       string
	}{"Gemeente Voorbeeldstad": {true, "de gemeente"}, "Gemeente Nep": {false, "Gemeente Nep"}, "Hogeschool Voorbeeld": {true, "Hogeschool Voorbeeld"}, "": {true, "de uitgever"}} {
		if got := (&Offer{app: a, Issuer: name, Registered: c.registered}).Whom(); got != c.want {
			t.Errorf("%q: %q", name, got)
		}
	}
	if got := (&Offer{app: a, Step: OfferDone, Cards: []OfferedCard{{Renews: true}}}).Title(); got != "1 kaart vernieuwd" {
		t.Errorf("%q", got)
	}
}
