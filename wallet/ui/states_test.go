package ui

import (
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet/vm"
)

// state is a screen of the gallery. Organisations and persons are made up.
type state struct {
	name string
	make func(g *gallery) (under, screen vm.Screen)
}

const (
	city   = "Gemeente Voorbeeldstad"
	long   = "Gemeenschappelijke Regeling Samenwerkingsverband Sociaal Domein Voorbeeldstad en Omstreken"
	school = "Hogeschool Voorbeeld"
)

func alone(s func(g *gallery) vm.Screen) func(*gallery) (vm.Screen, vm.Screen) {
	return func(g *gallery) (vm.Screen, vm.Screen) { return nil, s(g) }
}

// over is a screen that lies over the cards.
func onCards(s func(g *gallery) vm.Screen) func(*gallery) (vm.Screen, vm.Screen) {
	return func(g *gallery) (vm.Screen, vm.Screen) { return g.cards(), s(g) }
}

// types are versions of the types of cards, so that no two have the same face.
var types = map[string]string{"address": "4", "personal": "7", "diploma": "1", "volunteer": "15", "parking": "3"}

func (g *gallery) item(id, name, issuer, kind, line string, pairs ...any) vm.Item {
	word := g.app.Text("wallet.status." + kind)
	if kind == "expiring" {
		word = g.app.Count(12, "wallet.status.days")
	}
	return vm.Item{ID: id, Type: "urn:zegel:" + id + ":" + types[id], Name: name, Issuer: issuer, Kind: kind, Word: word,
		Line: g.app.Text("wallet.card."+line, pairs...), Dead: kind == "revoked" || kind == "expired"}
}

func (g *gallery) items() []vm.Item {
	return []vm.Item{
		g.item("address", "Woonadres", city, "expiring", "expires", "date", "5 december 2026"),
		g.item("personal", "Persoonsgegevens", city, "valid", "until", "date", "14 mei 2028"),
		g.item("diploma", "Diploma Verpleegkunde", school, "valid", "forever"),
		g.item("volunteer", "Vrijwilligerspas", "Stichting Voorbeeld", "unknown", "seen", "day", g.app.Text("wallet.yesterday.in")),
		g.item("parking", "Parkeervergunning", city, "suspended", "until", "date", "1 maart 2027"),
		g.item("library", "Bibliotheekpas", "Bibliotheek Voorbeeld", "expired", "expired", "date", "1 oktober 2026"),
		g.item("pool", "Zwembadpas met een heel lange naam erop", long, "revoked", "revoked", "date", "3 november 2026"),
	}
}

// cards are in the order in which the wallet shows them.
func (g *gallery) cards() *vm.Cards {
	all := g.items()
	return &vm.Cards{Items: slices.Concat(all[:1], all[4:5], all[1:4], all[5:]), All: 7}
}

func (g *gallery) broken(kind string) *vm.Card {
	c := g.detail(1, 0)
	name, issuer, line, pairs := "Parkeervergunning", city, kind, []any{"date", "3 november 2026"}
	switch kind {
	case "expired":
		name, issuer, pairs[1] = "Zwembadpas met een heel lange naam erop", long, c.Until
	case "suspended", "used":
		line, pairs = "until", []any{"date", "1 maart 2027"}
	}
	c.Item, c.Renewable = g.item("parking", name, issuer, kind, line, pairs...), kind == "expired" || kind == "used"
	return c
}

func (g *gallery) proof() *vm.Proof {
	fact := func(key, text string) vm.Value {
		return vm.Value{Path: key, Label: g.app.Text("wallet.proof." + key), Text: text, Shown: true}
	}
	return &vm.Proof{Card: "Persoonsgegevens", Issuer: city, Registered: true, Facts: []vm.Value{
		fact("since", "25 mei 2026"), fact("until", "25 mei 2029"), fact("by", g.app.Text("wallet.proof.members")),
		fact("basis", "Voorbeeldwet, artikel 1"), fact("proven", "25 november 2026, 9.12 uur"),
	}, Experts: []vm.Value{
		fact("number", "did:zegel:voorbeeld:z6MkVoorbeeldVoorbeeldVoorbeeldVoorbeeld"), fact("block", "48213"),
	}}
}

func (g *gallery) values(n int) []vm.Value {
	all := []vm.Value{
		{Path: "given_name", Label: "Voornaam", Text: "Sanne"}, {Path: "family_name", Label: "Achternaam", Text: "de Vries"},
		{Path: "birthdate", Label: "Geboortedatum", Text: "14 mei 1990", Shown: true},
		{Path: "age_equal_or_over.18", Label: "18 jaar of ouder", Text: g.app.Text("wallet.yes")},
		{Path: "address.street", Label: "Straat en huisnummer", Text: "Burgemeester van Voorbeeldstadlaan 1200-bis", Shown: true},
		{Path: "address.postal_code", Label: "Postcode", Text: "1234 AB"}, {Path: "address.locality", Label: "Woonplaats", Text: "Voorbeeldstad"},
		{Path: "nationalities", Label: "Nationaliteiten", Text: "NL, BE"}, {Path: "place_of_birth", Label: "Geboorteplaats", Text: "Voorbeelddam"},
		{Path: "email", Label: "E-mailadres", Text: "sanne.de.vries.met.een.lang.adres@voorbeeldstad.example"},
	}
	return all[:n]
}

func (g *gallery) detail(n, copies int) *vm.Card {
	return &vm.Card{Item: g.items()[n], Values: g.values(4), Registered: true, Copies: copies, Of: 10, Shares: 3, Renewable: true, Auto: true,
		Checked: g.app.Text("wallet.card.checked", "time", g.app.Text("wallet.today.in")+", "+message.Clock(g.app.Lang(), noon.Add(-90*time.Minute))),
		Seen:    "3 november 2026", Until: "1 oktober 2026"}
}

func (g *gallery) share(step vm.ShareStep) *vm.Share {
	return &vm.Share{
		Step: step, Verifier: city, Registered: true, Read: true, Address: "balie.voorbeeldstad.example",
		Facts: []vm.Fact{{Sentence: g.app.Text("wallet.share.age", "age", 18, "answer", g.app.Text("wallet.yes")),
			Told: g.app.Text("wallet.share.age.told", "age", 18), Card: "Persoonsgegevens"}},
		NotShared: []string{"Achternaam", "Geboortedatum", "Voornaam", "Woonplaats"},
		Why:       "U wilt helpen bij de verkiezingen. Dat mag vanaf 18 jaar.", Keep: g.app.Count(30, "wallet.share.keep.outcome"), PassedOn: "Nee, aan niemand",
		When: g.app.Text("wallet.today") + ", 10.42 uur",
	}
}

// unsaid is what a sheet says where the register is silent.
func (g *gallery) unsaid(s *vm.Share) {
	s.Why, s.Keep, s.PassedOn = g.app.Text("wallet.share.why.unsaid"), g.app.Text("wallet.share.unsaid"), g.app.Text("wallet.share.unsaid")
}

func (g *gallery) tooFar(smaller *vm.Answer) *vm.Share {
	s := g.share(vm.ShareAsk)
	a := g.app
	birth := a.Text("wallet.share.name.fact", "fact", "geboortedatum")
	s.Verifier, s.Address, s.Why = "Theater Voorbeeld", "kaarten.theater.example", "U koopt een kaart voor een voorstelling vanaf 18 jaar."
	s.Facts = []vm.Fact{{Sentence: "Geboortedatum: 14 mei 1990", Told: "Geboortedatum: 14 mei 1990", Name: "Geboortedatum", Value: "14 mei 1990", Card: "Persoonsgegevens", Extra: true}}
	if smaller == nil {
		g.unsaid(s)
	}
	s.TooFar = &vm.TooFar{
		Says: a.Text("wallet.share.extra.asks", "verifier", s.Verifier, "facts", a.Text("wallet.share.ask.fact", "fact", "geboortedatum")) + " " +
			a.Text("wallet.share.extra.rule.age", "facts", a.Text("wallet.share.ask.age", "age", 18)),
		Instead: a.Text("wallet.share.smaller.instead", "facts", birth), Smaller: smaller,
		Anyway: a.Text("wallet.share.extra.mine", "fact", "geboortedatum"),
		Sure:   a.Text("wallet.share.extra.sure.text", "verifier", s.Verifier, "facts", birth),
	}
	return s
}

func (g *gallery) problem(key string, pairs ...any) *vm.Problem {
	return &vm.Problem{Head: g.app.Text("wallet."+key+".head", pairs...), Text: g.app.Text("wallet."+key+".text", pairs...)}
}

var states = slices.Concat(startStates, cardStates, activityStates)

var cardStates = []state{
	{"cards-none", alone(func(g *gallery) vm.Screen { return &vm.Cards{} })},
	{"cards", alone(func(g *gallery) vm.Screen { return g.cards() })},
	{"cards-logo", alone(func(g *gallery) vm.Screen { return &vm.Cards{Items: g.logoed()[:5], All: 5} })},
	{"cards-search", alone(func(g *gallery) vm.Screen {
		c := g.cards()
		c.Finding, c.Query, c.Items = true, "pas", []vm.Item{c.Items[4], c.Items[5], c.Items[6]}
		return c
	})},
	{"cards-notfound", alone(func(g *gallery) vm.Screen { return &vm.Cards{All: 7, Finding: true, Query: "rijbewijs"} })},
	{"card", onCards(func(g *gallery) vm.Screen { return g.detail(1, 7) })},
	{"card-logo", onCards(func(g *gallery) vm.Screen { c := g.detail(0, 7); c.Item = g.logoed()[0]; return c })},
	{"card-renew", onCards(func(g *gallery) vm.Screen {
		c := g.detail(1, 1)
		c.Changes = []vm.Change{{Label: "Straat en huisnummer", Old: "Dorpsstraat 1", New: "Burgemeester van Voorbeeldstadlaan 1200-bis"}}
		return c
	})},
	{"card-full", onCards(func(g *gallery) vm.Screen {
		c := g.detail(1, 1)
		c.Values, c.Issuer, c.Registered, c.Renewable, c.Shares = g.values(10), long, false, false, 0
		return c
	})},
	{"card-renewed", onCards(func(g *gallery) vm.Screen { c := g.detail(1, 10); c.Renewed = true; return c })},
	{"card-used", onCards(func(g *gallery) vm.Screen {
		return g.broken("used")
	})},
	{"card-revoked", onCards(func(g *gallery) vm.Screen { return g.broken("revoked") })},
	{"card-expired", onCards(func(g *gallery) vm.Screen { return g.broken("expired") })},
	{"card-suspended", onCards(func(g *gallery) vm.Screen { return g.broken("suspended") })},
	{"card-reissue", onCards(func(g *gallery) vm.Screen { return g.broken("reissue") })},
	{"card-values", onCards(func(g *gallery) vm.Screen { return &vm.CardValues{Card: g.broken("revoked")} })},
	{"card-proof", onCards(func(g *gallery) vm.Screen { return g.proof() })},
	{"card-foreign", onCards(func(g *gallery) vm.Screen { return &vm.Proof{Card: "Zwembadpas", Issuer: long} })},
	{"card-question", onCards(func(g *gallery) vm.Screen {
		return &vm.Question{Issuer: city, Text: g.app.Text("wallet.ask.revoked", "issuer", city, "card", "Parkeervergunning", "day", "3 november 2026")}
	})},
	{"card-delete", onCards(func(g *gallery) vm.Screen { c := g.detail(1, 7); c.Deleting = true; return c })},
	{"add", onCards(func(g *gallery) vm.Screen { return &vm.Add{} })},
	{"add-problem", onCards(func(g *gallery) vm.Screen { return &vm.Add{Problem: g.problem("add.nolink")} })},
	{"offer", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferAsk, Issuer: city, Address: "kaarten.voorbeeldstad.example", Registered: true, Types: []string{"Woonadres", "Persoonsgegevens"}}
	})},
	{"offer-code", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferCode, Issuer: city, Registered: true, CodeLength: 6, CodeDigits: true, Problem: g.problem("offer.wrongcode")}
	})},
	{"offer-browser", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferBrowser, Issuer: city, Registered: true, Types: []string{"Persoonsgegevens"}, Page: "https://uitgifte.example"}
	})},
	{"offer-preview", onCards(func(g *gallery) vm.Screen {
		i := g.item("address", "Woonadres", city, "new", "until", "date", "23 november 2028")
		v := g.values(10)
		for n := range v {
			v[n].Shown = true
		}
		return &vm.Offer{Step: vm.OfferPreview, Issuer: city, Registered: true, Cards: []vm.OfferedCard{{Item: i, Values: v[4:8], Copies: 10}}}
	})},
	{"offer-logo", onCards(func(g *gallery) vm.Screen {
		i := g.logoed()[2]
		i.Kind, i.Word = "new", g.app.Text("wallet.status.new")
		return &vm.Offer{Step: vm.OfferPreview, Issuer: i.Issuer, Registered: true, Cards: []vm.OfferedCard{{Item: i, Values: g.values(2), Copies: 10}}}
	})},
	{"offer-done", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferDone, Issuer: city, Registered: true, Cards: []vm.OfferedCard{{Item: g.items()[1]}}}
	})},
	{"offer-busy", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferFetching, Issuer: city, Types: []string{"Woonadres"}}
	})},
	{"offer-gone", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferFailed, Issuer: city, Problem: g.problem("offer.gone", "issuer", city)}
	})},
	{"offer-refused", onCards(func(g *gallery) vm.Screen {
		return &vm.Offer{Step: vm.OfferStopped, Refused: true, Issuer: city, Registered: true}
	})},
	{"consent", onCards(func(g *gallery) vm.Screen { return g.share(vm.ShareAsk) })},
	{"consent-choices", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.ShareAsk)
		s.Read = false
		s.Last = "Persoonsgegevens"
		s.Choices = []vm.Choice{
			{Picks: []vm.CardPick{{Cards: []vm.CardChoice{{ID: "a", Name: "Persoonsgegevens", Issuer: city}, {ID: "b", Name: "Diploma Verpleegkunde", Issuer: long}}}}},
			{Optional: true, Words: "Woonplaats, Postcode"},
			{Optional: true, On: true, Words: "E-mailadres", Ways: []string{"E-mailadres", "Telefoonnummer"}},
		}
		return s
	})},
	{"consent-long", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.ShareAsk)
		s.Read = false
		s.Verifier = long
		s.Facts = g.share(vm.ShareAsk).Facts
		for n, v := range g.values(10) {
			if n == 3 {
				continue // it is a sentence
			}
			s.Facts = append(s.Facts, vm.Fact{Sentence: v.Label + ": " + v.Text, Name: v.Label, Value: v.Text, Card: "Persoonsgegevens"})
		}
		return s
	})},
	{"consent-always", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.ShareAsk)
		s.Registered, s.Verifier, s.Address = false, "Bibliotheek Elders", "bibliotheek.elders.example"
		g.unsaid(s)
		s.NotShared = s.NotShared[1:2]
		for _, v := range g.values(2) {
			s.Facts = append(s.Facts, vm.Fact{Sentence: v.Label + ": " + v.Text, Name: v.Label, Value: v.Text, Card: "Persoonsgegevens", Always: true})
		}
		return s
	})},
	{"too-far", onCards(func(g *gallery) vm.Screen {
		only := g.app.Text("wallet.share.smaller.only", "fact", g.app.Text("wallet.share.age.name", "age", 18))
		return g.tooFar(&vm.Answer{Facts: g.share(vm.ShareAsk).Facts, Only: only})
	})},
	{"too-far-only", onCards(func(g *gallery) vm.Screen { return g.tooFar(nil) })},
	{"too-far-sure", onCards(func(g *gallery) vm.Screen {
		s := g.tooFar(nil)
		s.Step = vm.ShareExtra
		return s
	})},
	{"unknown", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.ShareUnknown)
		s.Verifier, s.Address, s.Registered = "Tickets Voorbeeld", "xn--voorbeeldstd-79j.example", false
		return s
	})},
	{"reuse", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.ShareReuse)
		s.Reuse = "Persoonsgegevens"
		return s
	})},
	{"share-pin", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.SharePIN)
		s.PIN = &vm.Lock{PIN: true, Digits: 2, Problem: g.problem("lock.wrong", "n", 3)}
		return s
	})},
	{"sending", onCards(func(g *gallery) vm.Screen { return g.share(vm.ShareSending) })},
	{"shared", onCards(func(g *gallery) vm.Screen { s := g.share(vm.ShareDone); s.Redirect = "https://example.org"; return s })},
	{"stopped", onCards(func(g *gallery) vm.Screen { return g.share(vm.ShareStopped) })},
	{"failed", onCards(func(g *gallery) vm.Screen {
		s := g.share(vm.ShareFailed)
		s.Problem = g.problem("trouble.request_expired")
		return s
	})},
}
