package vm

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/zegel-id/zegel/wallet"
)

// Fact is one thing that would be shared.
type Fact struct {
	Sentence    string // "U bent 18 jaar of ouder: ja"; "Voornaam: Noor"
	Told        string // the same once it is known: "U bent 18 jaar of ouder"
	Name, Value string // "Voornaam", "Noor"; empty if the sentence says all
	Card        string // name of the card it comes from
	Extra       bool   // outside the registered purpose
	Always      bool   // not asked; it goes along with the card whatever is asked
}

// CardChoice is one of the cards that fit.
type CardChoice struct {
	ID, Name, Issuer string
	Last, Reuse      bool
}

// Choice is one thing to decide: which way to answer, and from which cards.
type Choice struct {
	Optional bool
	On       bool     // an optional one that the person chose
	Words    string   // what an optional one would share
	Ways     []string // names of the ways there are, when there is more than one
	Way      int
	Picks    []CardPick
}

// CardPick is a part of an answer that more than one card fits.
type CardPick struct {
	Words string // what it is about, when an answer takes several cards
	Cards []CardChoice
	Card  int

	answer int // which of the option's answers
}

// Answer is what one way of answering would share.
type Answer struct {
	Facts []Fact
	Only  string // "Deel alleen 18 jaar of ouder"

	choice wallet.Choice
	last   string
	reuse  string
}

// TooFar says that a request asks outside its registered purpose. Words between two asterisks on both sides matter most.
type TooFar struct {
	Says    string  // what is asked, and what the register lets them ask
	Instead string  // what the smaller answer takes the place of
	Smaller *Answer // fits the question and stays within the purpose; nil: there is none
	Anyway  string  // "Toch mijn geboortedatum delen"; empty: what is chosen stays within the purpose
	Sure    string  // asks once more
}

// listed is how many things a sentence names.
const listed = 4

// tooFar puts into words what is asked outside the purpose, and what may be asked.
func (a *App) tooFar(d *wallet.Disclosure) *TooFar {
	beyond, allowed := a.distinct(d.Rule.Beyond), a.distinct(d.Rule.Allowed)
	t := &TooFar{
		Says:    a.Text("wallet.share.extra.asks", "verifier", plain(d.Verifier), "facts", a.list(beyond, a.asked)),
		Instead: a.Text("wallet.share.smaller.instead", "facts", a.list(beyond, a.called)),
	}
	rule := "wallet.share.extra.rule.age"
	switch {
	case len(allowed) == 0:
		rule = "wallet.share.extra.rule.none"
	case slices.ContainsFunc(allowed, func(c wallet.Claim) bool { _, is := ageOf(c.Path); return !is }):
		rule = "wallet.share.extra.rule"
	}
	t.Says += " " + a.Text(rule, "facts", a.list(allowed, a.asked))
	return t
}

// distinct leaves out what reads the same: registers name an age in the ways that cards do.
func (a *App) distinct(all []wallet.Claim) (out []wallet.Claim) {
	seen := map[string]bool{}
	for _, c := range all {
		if words := a.asked(c); !seen[words] {
			seen[words] = true
			out = append(out, c)
		}
	}
	return out
}

// list names some claims in a sentence: "a, b en c".
func (a *App) list(all []wallet.Claim, name func(wallet.Claim) string) string {
	var words []string
	for _, c := range all[:min(len(all), listed)] {
		words = append(words, name(c))
	}
	if n := len(all) - listed; n > 0 {
		words[listed-1] = a.Text("wallet.share.ask.more", "n", n+1)
	}
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return a.Text("wallet.share.and", "list", strings.Join(words[:n-1], ", "), "last", words[n-1])
	}
}

// asked names a claim as the object of a question, with its words in bold.
func (a *App) asked(c wallet.Claim) string {
	if age, is := ageOf(c.Path); is {
		return a.Text("wallet.share.ask.age", "age", age)
	}
	if c.Path == "" {
		return a.Text("wallet.share.ask.card", "card", plain(c.Label))
	}
	return a.Text("wallet.share.ask.fact", "fact", plain(small(c.Label)))
}

// called names a claim: "uw geboortedatum", "18 jaar of ouder".
func (a *App) called(c wallet.Claim) string {
	if age, is := ageOf(c.Path); is {
		return a.Text("wallet.share.age.name", "age", age)
	}
	if c.Path == "" {
		return a.Text("wallet.share.name.card", "card", c.Label)
	}
	return a.Text("wallet.share.name.fact", "fact", small(c.Label))
}

// plain takes the asterisks out of a name of somebody else, so that it cannot make words bold.
func plain(s string) string { return strings.ReplaceAll(s, "*", "") }

// small begins a name with a small letter, for the middle of a sentence; not an abbreviation.
func small(s string) string {
	r := []rune(s)
	if len(r) < 2 || !unicode.IsLower(r[1]) && r[1] != '-' {
		return s
	}
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// terms puts what the register says about the answer into words.
func (s *Share) terms(t wallet.Terms) {
	a := s.app
	// What the register leaves out stays unsaid instead of vanishing.
	s.Why, s.PassedOn = cmp.Or(t.Purpose.In(a.Lang()), s.Why), cmp.Or(t.PassedOn.In(a.Lang()), s.PassedOn)
	switch {
	case t.KeepDays > 0 && t.OutcomeDays > t.KeepDays:
		s.Keep = a.Text("wallet.share.keep.both", "facts", a.Count(t.KeepDays, "wallet.share.keep"), "days", a.Count(t.OutcomeDays, "time.day"))
	case t.KeepDays > 0:
		s.Keep = a.Count(t.KeepDays, "wallet.share.keep")
	case t.OutcomeDays > 0:
		s.Keep = a.Count(t.OutcomeDays, "wallet.share.keep.outcome")
	default:
		s.Keep = a.Text("wallet.share.keep.none")
	}
}

// way names one way to answer: what it would share.
func (s *Share) way(o wallet.Option) string {
	var names []string
	for _, answer := range o.Answers {
		names = append(names, s.words(answer))
	}
	return strings.Join(names, ", ")
}

// words names what an answer would share; without facts that is the card.
func (s *Share) words(answer wallet.Answer) string {
	m := answer.Cards[0]
	if len(m.Claims) == 0 {
		return m.Card.Name
	}
	var names []string
	for _, c := range m.Claims {
		names = append(names, c.Label)
	}
	return strings.Join(names, ", ")
}

// picks are the answers of an option that more than one card fits.
func (s *Share) picks(o wallet.Option) (out []CardPick) {
	for i, answer := range o.Answers {
		if len(answer.Cards) < 2 {
			continue
		}
		p := CardPick{answer: i}
		if len(o.Answers) > 1 {
			p.Words = s.words(answer)
		}
		for _, m := range answer.Cards {
			p.Cards = append(p.Cards, CardChoice{ID: m.Card.ID, Name: m.Card.Name, Issuer: m.Card.Issuer, Last: m.Last, Reuse: m.Reuse})
		}
		out = append(out, p)
	}
	return out
}

// settle works out what the choices so far would share.
func (s *Share) settle() {
	c := &s.choice
	c.Options, c.Cards, c.ClaimSets, c.Within = nil, map[string]string{}, nil, false
	for i, choice := range s.Choices {
		set := s.d.Sets[i]
		if len(set.Options) == 0 {
			continue // an optional one that no card fits
		}
		option := set.Options[choice.Way]
		s.Choices[i].Words = s.way(option)
		if choice.Optional && !choice.On {
			continue
		}
		c.Options = append(c.Options, option.ID)
		for n, answer := range option.Answers {
			m := answer.Cards[0]
			if p := slices.IndexFunc(choice.Picks, func(p CardPick) bool { return p.answer == n }); p >= 0 {
				m = answer.Cards[choice.Picks[p].Card]
			}
			c.Cards[answer.Query] = m.Card.ID
		}
	}
	all := s.answer(*c)
	s.Facts, s.Last, s.Reuse = all.Facts, all.last, all.reuse
	s.rest(*c)
	if s.TooFar != nil {
		var beyond []wallet.Claim
		s.each(*c, func(m wallet.Match, claims []wallet.Claim) {
			if m.Extra {
				beyond = append(beyond, wallet.Claim{Label: m.Card.Name})
			}
			for _, claim := range claims {
				if claim.Extra {
					beyond = append(beyond, claim)
				}
			}
		})
		s.anyway(beyond)
	}
}

// anyway puts sharing what may not be asked into words.
func (s *Share) anyway(beyond []wallet.Claim) {
	a, t := s.app, s.TooFar
	if t.Anyway = ""; len(beyond) > 0 {
		t.Anyway = a.Text("wallet.share.extra.go")
	}
	if len(beyond) == 1 && beyond[0].Path != "" {
		if _, age := ageOf(beyond[0].Path); !age {
			t.Anyway = a.Text("wallet.share.extra.mine", "fact", small(beyond[0].Label))
		}
	}
	t.Sure = a.Text("wallet.share.extra.sure.text", "verifier", plain(s.Verifier), "facts", plain(a.list(a.distinct(beyond), a.called)))
}

// each goes through the cards that a choice shows, with what it shares of each.
func (s *Share) each(c wallet.Choice, visit func(wallet.Match, []wallet.Claim)) {
	for _, set := range s.d.Sets {
		for _, option := range set.Options {
			if !slices.Contains(c.Options, option.ID) {
				continue
			}
			for _, answer := range option.Answers {
				for _, m := range answer.Cards {
					if m.Card.ID == c.Cards[answer.Query] {
						visit(m, m.Way(c.ClaimSets[answer.Query]))
						break
					}
				}
			}
		}
	}
}

// answer is what a choice would share.
func (s *Share) answer(c wallet.Choice) *Answer {
	a := s.app
	out := &Answer{choice: c}
	var first wallet.Claim
	s.each(c, func(m wallet.Match, claims []wallet.Claim) {
		if m.Last {
			out.last = m.Card.Name
		}
		if m.Reuse {
			out.reuse = m.Card.Name
		}
		if !slices.ContainsFunc(claims, func(c wallet.Claim) bool { return !c.Always }) {
			if len(out.Facts) == 0 {
				first = wallet.Claim{Label: m.Card.Name}
			}
			has := a.Text("wallet.share.has", "card", m.Card.Name)
			out.Facts = append(out.Facts, Fact{Sentence: has, Told: has, Card: m.Card.Name, Extra: m.Extra})
		}
		for _, claim := range claims {
			if len(out.Facts) == 0 {
				first = claim
			}
			for _, f := range a.facts(claim, m.Card) {
				if !slices.Contains(out.Facts, f) { // one can be asked twice
					out.Facts = append(out.Facts, f)
				}
			}
		}
	})
	out.Only = a.Text("wallet.share.smaller.go")
	if len(out.Facts) == 1 {
		out.Only = a.Text("wallet.share.smaller.only", "fact", a.called(first))
	}
	return out
}

// rest names what stays on the cards that are shown.
func (s *Share) rest(c wallet.Choice) {
	var stays []Value
	shared := map[string]bool{}
	s.each(c, func(m wallet.Match, claims []wallet.Claim) {
		for _, claim := range claims {
			shared[claim.Path] = true
		}
		stays = append(stays, s.app.values("", m.Card.Claims, m.Card)...)
	})
	s.NotShared = nil
	for _, v := range stays {
		label := v.Label
		if _, age := ageOf(v.Path); age {
			label = s.app.Text("wallet.share.not.age") // six ages would push a name out of sight
		}
		if !covered(v.Path, shared) && !sameFamily(v.Path, shared) && !slices.Contains(s.NotShared, label) {
			s.NotShared = append(s.NotShared, label)
		}
	}
}

// covered says whether a fact is shared, by itself or with all around it.
func covered(path string, shared map[string]bool) bool {
	for at := path; ; {
		if shared[at] {
			return true
		}
		dot := strings.LastIndexByte(at, '.')
		if dot < 0 {
			return false
		}
		at = at[:dot]
	}
}

// facts puts a claim of a card into words. One that holds others, as an address, is all of those.
func (a *App) facts(c wallet.Claim, card wallet.Card) (out []Fact) {
	inner, is := c.Value.(map[string]any)
	if !is || len(inner) == 0 {
		f := a.fact(c)
		f.Card = card.Name
		return []Fact{f}
	}
	for _, v := range a.values(c.Path+".", inner, card) {
		f := Fact{Name: v.Label, Value: v.Text, Sentence: v.Label + ": " + v.Text, Card: card.Name, Extra: c.Extra, Always: c.Always}
		f.Told = f.Sentence
		out = append(out, f)
	}
	return out
}

// fact puts a claim into words: a predicate as a sentence, anything else as name and value.
func (a *App) fact(c wallet.Claim) Fact {
	if yes, ok := c.Value.(bool); ok {
		if age, is := ageOf(c.Path); is {
			f := Fact{Sentence: a.Text("wallet.share.age", "age", age, "answer", a.value(yes)), Extra: c.Extra, Always: c.Always}
			if f.Told = f.Sentence; yes {
				f.Told = a.Text("wallet.share.age.told", "age", age)
			}
			return f
		}
	}
	f := Fact{Name: c.Label, Value: a.value(c.Value), Extra: c.Extra, Always: c.Always}
	f.Sentence = f.Name + ": " + f.Value
	f.Told = f.Sentence
	return f
}
