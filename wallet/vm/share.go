package vm

import (
	"context"
	"errors"
	"slices"

	"github.com/zegel-id/zegel/wallet"
)

// ShareStep is how far answering a request has come.
type ShareStep int

// Steps of sharing.
const (
	ShareOpening ShareStep = iota
	ShareAsk               // the consent sheet
	ShareUnknown           // the asker stands in no register: go on anyway?
	ShareExtra             // asked outside the registered purpose, and the person wants to answer all the same: sure?
	ShareReuse             // every copy was shown once: show one again?
	SharePIN
	ShareSending
	ShareDone
	ShareStopped
	ShareFailed
)

// Fact is one thing that would be shared, as a sentence where it is a yes or no.
type Fact struct {
	Sentence string // "U bent 18 jaar of ouder: ja"; "Voornaam: Noor"
	Card     string // name of the card it comes from
	Extra    bool   // outside the registered purpose
}

// CardChoice is one of the cards that fit.
type CardChoice struct {
	ID, Name, Issuer string
	Last, Reuse      bool
}

// Choice is one thing to decide: which way to answer, and from which card.
type Choice struct {
	Optional bool
	On       bool     // an optional one that the person chose
	Words    string   // what an optional one would share
	Ways     []string // names of the ways there are, when there is more than one
	Way      int
	Cards    []CardChoice // when there is more than one
	Card     int
}

// Answer is what one way of answering would share.
type Answer struct {
	Facts []Fact

	choice wallet.Choice
	last   string
}

// Share is answering a request: who asks what, and why.
type Share struct {
	Step       ShareStep
	Verifier   string
	Registered bool
	Facts      []Fact
	NotShared  []string // names of facts on the cards that stay
	Why, Keep  string
	Extra      []string // claims outside the registered purpose
	Smaller    *Answer  // a smaller answer that fits the question and stays within the purpose; nil: there is none
	Choices    []Choice
	Last       string // name of the card of which this is the last copy
	Read       bool   // everything was seen: until then the button says "more"
	PIN        *Lock  // with SharePIN
	Redirect   string // with ShareDone: where to go on
	Problem    *Problem

	app    *App
	d      *wallet.Disclosure
	choice wallet.Choice
}

func (a *App) present(link string) {
	s := &Share{app: a, Step: ShareOpening}
	a.open(s)
	var d *wallet.Disclosure
	a.run(func(ctx context.Context) (err error) {
		d, err = a.wallet.Present(ctx, link)
		return err
	}, func(err error) {
		if err != nil {
			s.fail(err)
			return
		}
		s.begin(d)
	})
}

func (s *Share) fail(err error) { s.Step, s.Problem = ShareFailed, s.app.trouble(err) }

func (s *Share) begin(d *wallet.Disclosure) {
	a := s.app
	s.d, s.Verifier, s.Registered, s.Extra = d, d.Verifier, d.Registered, d.Extra
	if len(d.Sets) == 0 {
		s.Step, s.Problem = ShareFailed, a.problem("trouble.no_match")
		s.Problem.Category = wallet.NoMatch
		a.deps.Go(func() { d.Refuse(context.Background()) })
		return
	}
	s.Why = d.Purpose.In(a.Lang())
	switch {
	case d.KeepDays > 0:
		s.Keep = a.Count(d.KeepDays, "wallet.share.keep")
	case d.Registered && len(d.Extra) == 0:
		s.Keep = a.Text("wallet.share.keep.none")
	}
	for _, set := range d.Sets {
		c := Choice{Optional: !set.Required}
		for i, o := range set.Options {
			if len(set.Options) > 1 {
				c.Ways = append(c.Ways, s.way(o))
			}
			if i == 0 {
				c.Cards = s.cards(o)
			}
		}
		s.Choices = append(s.Choices, c)
	}
	s.Step = ShareAsk
	if !d.Registered {
		s.Step = ShareUnknown
	}
	s.settle()
}

// smaller looks for an answer without what lies outside the purpose: of each set that must be answered the first option
// that has nothing of it, and nothing else. It is nil if some set has no such option, or if nothing lies outside.
func (s *Share) smaller() *Answer {
	if len(s.Extra) == 0 {
		return nil
	}
	small := &Answer{choice: wallet.Choice{Cards: map[string]string{}}}
	for _, set := range s.d.Sets {
		if !set.Required {
			continue
		}
		i := slices.IndexFunc(set.Options, func(o wallet.Option) bool { return !s.beyond(o) })
		if i < 0 {
			return nil
		}
		small.choice.Options = append(small.choice.Options, set.Options[i].ID)
		for _, answer := range set.Options[i].Answers {
			m := answer.Cards[0]
			small.choice.Cards[answer.Query] = m.Card.ID
			if m.Last {
				small.last = m.Card.Name
			}
			for _, claim := range m.Claims {
				small.Facts = append(small.Facts, Fact{Sentence: s.app.sentence(claim), Card: m.Card.Name})
			}
		}
	}
	if len(small.Facts) == 0 {
		return nil
	}
	return small
}

// beyond says whether an option would share something outside the purpose.
func (s *Share) beyond(o wallet.Option) bool {
	for _, answer := range o.Answers {
		for _, claim := range answer.Cards[0].Claims {
			if claim.Extra {
				return true
			}
		}
	}
	return false
}

// AgreeSmaller goes on to the PIN with the smaller answer. Nothing outside the purpose is in it.
func (s *Share) AgreeSmaller() {
	if s.Step != ShareAsk || s.Smaller == nil || !s.Read {
		return
	}
	s.Facts, s.Last = s.Smaller.Facts, s.Smaller.last
	s.choice = s.Smaller.choice
	s.choice.AllowUnregistered, s.choice.AllowExtra = !s.Registered, true // the question goes too far, the answer does not
	s.Step, s.PIN = SharePIN, s.app.newLock()
	s.PIN.Waiting = false
	s.app.changed()
}

// way names one way to answer: what it would share.
func (s *Share) way(o wallet.Option) string {
	name := ""
	for _, answer := range o.Answers {
		for _, c := range answer.Cards[0].Claims {
			if name != "" {
				name += ", "
			}
			name += c.Label
		}
	}
	return name
}

func (s *Share) cards(o wallet.Option) []CardChoice {
	var out []CardChoice
	if len(o.Answers) == 1 && len(o.Answers[0].Cards) > 1 {
		for _, m := range o.Answers[0].Cards {
			out = append(out, CardChoice{ID: m.Card.ID, Name: m.Card.Name, Issuer: m.Card.Issuer, Last: m.Last, Reuse: m.Reuse})
		}
	}
	return out
}

// settle works out what the choices so far would share.
func (s *Share) settle() {
	a := s.app
	s.choice.Options, s.choice.Cards = nil, map[string]string{}
	s.Facts, s.NotShared, s.Last = nil, nil, ""
	s.Smaller = s.smaller()
	stays := map[string]string{}
	shared := map[string]bool{}
	for i, c := range s.Choices {
		set := s.d.Sets[i]
		s.Choices[i].Words = s.way(set.Options[c.Way])
		if c.Optional && !c.On {
			continue
		}
		option := set.Options[c.Way]
		s.choice.Options = append(s.choice.Options, option.ID)
		for _, answer := range option.Answers {
			m := answer.Cards[0]
			if len(c.Cards) > 0 {
				m = answer.Cards[c.Card]
			}
			s.choice.Cards[answer.Query] = m.Card.ID
			if m.Last {
				s.Last = m.Card.Name
			}
			for _, claim := range m.Claims {
				shared[claim.Path] = true
				s.Facts = append(s.Facts, Fact{Sentence: a.sentence(claim), Card: m.Card.Name, Extra: claim.Extra})
			}
			for _, v := range a.values("", m.Card.Claims, m.Card.Labels) {
				stays[v.Path] = v.Label
			}
		}
	}
	for path, label := range stays {
		if !shared[path] && !sameFamily(path, shared) {
			s.NotShared = append(s.NotShared, label)
		}
	}
	slices.Sort(s.NotShared)
}

// sentence says a claim: a predicate as a sentence, anything else as name and value.
func (a *App) sentence(c wallet.Claim) string {
	if yes, ok := c.Value.(bool); ok {
		age, is := ageOf(c.Path)
		if is {
			return a.Text("wallet.share.age", "age", age, "answer", a.value(yes))
		}
	}
	return c.Label + ": " + a.value(c.Value)
}

// Title implements [Screen].
func (s *Share) Title() string {
	switch s.Step {
	case ShareDone:
		return s.app.Text("wallet.share.done.title")
	case ShareStopped:
		return s.app.Text("wallet.share.stopped.title")
	case ShareFailed:
		return s.Problem.Head
	case ShareUnknown:
		return s.app.Text("wallet.share.unknown.title")
	}
	if len(s.Extra) > 0 {
		return s.app.Text("wallet.share.extra.title")
	}
	return s.app.Text("wallet.share.title", "verifier", s.Verifier)
}

// Summary counts what would be shared.
func (s *Share) Summary() string { return s.app.Count(len(s.Facts), "wallet.share.count") }

// Seen says that the end of the sheet was in sight.
func (s *Share) Seen() {
	if !s.Read {
		s.Read = true
		s.app.changed()
	}
}

// Turn switches an optional answer on or off.
func (s *Share) Turn(choice int) {
	s.Choices[choice].On = !s.Choices[choice].On
	s.settle()
	s.app.changed()
}

// Choose takes another way to answer, or another card.
func (s *Share) Choose(choice, way, card int) {
	c := &s.Choices[choice]
	if way != c.Way {
		c.Way, card = way, 0
		c.Cards = s.cards(s.d.Sets[choice].Options[way])
	}
	c.Card = card
	s.settle()
	s.app.changed()
}

// GoOn answers an asker that stands in no register after all.
func (s *Share) GoOn() {
	if s.Step == ShareUnknown {
		s.choice.AllowUnregistered = true
		s.Step = ShareAsk
		s.app.changed()
	}
}

// Agree goes on to the PIN. What lies outside the purpose needs one more word, as does showing a copy again.
func (s *Share) Agree() {
	switch {
	case s.Step == ShareAsk && !s.Read:
		return
	case s.Step == ShareAsk && s.extra():
		s.Step = ShareExtra
	case s.Step == ShareAsk, s.Step == ShareExtra, s.Step == ShareReuse:
		switch s.Step {
		case ShareExtra:
			s.choice.AllowExtra = true
		case ShareReuse:
			s.choice.AllowReuse = true
		}
		s.Step, s.PIN = SharePIN, s.app.newLock()
		s.PIN.Waiting = false
	default:
		return
	}
	s.app.changed()
}

func (s *Share) extra() bool {
	return slices.ContainsFunc(s.Facts, func(f Fact) bool { return f.Extra })
}

// Type takes a digit of the PIN.
func (s *Share) Type(digit rune) {
	if p := s.PIN; s.Step == SharePIN && p.PIN && p.CanTry() && digit >= '0' && digit <= '9' && len(p.typed) < PINLength {
		p.typed += string(digit)
		p.Digits = len(p.typed)
		if p.Digits == PINLength {
			s.send(p.typed)
			return
		}
		s.app.changed()
	}
}

// Erase takes a digit back.
func (s *Share) Erase() {
	if s.PIN != nil {
		s.PIN.Erase()
	}
}

// Enter takes a whole passphrase.
func (s *Share) Enter(passphrase string) {
	if s.Step == SharePIN && !s.PIN.PIN && s.PIN.CanTry() && passphrase != "" {
		s.send(passphrase)
	}
}

func (s *Share) send(secret string) {
	a := s.app
	s.PIN.typed, s.PIN.Busy, s.PIN.Problem = "", true, nil
	a.run(func(ctx context.Context) error { return a.wallet.CheckSecret(ctx, secret) }, func(err error) {
		s.PIN.Busy, s.PIN.Digits = false, 0
		if err != nil {
			var locked *wallet.LockedError
			if errors.As(err, &locked) {
				s.PIN.Until, s.PIN.Blocked = locked.Until, locked.Blocked
			}
			s.PIN.Problem = a.lockProblem(err)
			return
		}
		s.share()
	})
}

func (s *Share) share() {
	a := s.app
	s.Step, s.PIN = ShareSending, nil
	a.run(func(ctx context.Context) (err error) {
		s.Redirect, err = s.d.Share(ctx, s.choice)
		return err
	}, func(err error) {
		switch {
		case errors.As(err, new(*wallet.UsedError)):
			s.Step = ShareReuse
		case err != nil:
			s.fail(err)
		default:
			s.Step = ShareDone
		}
	})
}

// Stop refuses. The asker is told that the person said no, and nothing else.
func (s *Share) Stop() {
	a := s.app
	switch s.Step {
	case ShareSending, ShareDone, ShareStopped, ShareFailed:
		return
	}
	if d := s.d; d != nil {
		a.deps.Go(func() { d.Refuse(context.Background()) })
	}
	s.Step, s.PIN = ShareStopped, nil
	a.job++
	a.changed()
}

// Done goes to the cards.
func (s *Share) Done() { s.app.show(s.app.newCards()) }
