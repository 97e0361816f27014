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

// Share is answering a request: who asks what, and why.
type Share struct {
	Step       ShareStep
	Verifier   string
	Address    string // host that the answer goes to
	Registered bool
	Facts      []Fact
	NotShared  []string // names of facts on the cards that stay
	Why        string
	Keep       string // for how long what is kept; "": the register does not say
	PassedOn   string // to whom; "": the register does not say
	TooFar     *TooFar
	Choices    []Choice
	Last       string // name of the card of which this is the last copy
	Reuse      string // name of a card of which every copy was shown before
	Read       bool   // everything was seen: until then the button says "more"
	PIN        *Lock  // with SharePIN
	When       string // with ShareDone
	Redirect   string // with ShareDone: where to go on
	Again      bool   // with ShareFailed: it can be tried again
	Problem    *Problem

	app    *App
	link   string
	d      *wallet.Disclosure
	choice wallet.Choice
}

func (a *App) present(link string) {
	s := &Share{app: a, link: link}
	a.open(s)
	s.look()
}

// look finds out who asks what.
func (s *Share) look() {
	a := s.app
	s.Step, s.Problem, s.Again = ShareOpening, nil, false
	var d *wallet.Disclosure
	a.run(func(ctx context.Context) (err error) {
		d, err = a.wallet.Present(ctx, s.link)
		return err
	}, func(err error) {
		if err != nil {
			s.fail(err)
			s.Again = wallet.CategoryOf(err) == wallet.Network
			return
		}
		s.begin(d)
	})
}

// Retry tries again to find out who asks what.
func (s *Share) Retry() {
	if s.Step == ShareFailed && s.Again {
		s.look()
	}
}

func (s *Share) fail(err error) {
	a := s.app
	s.Step, s.Problem = ShareFailed, a.trouble(err)
	key := ""
	switch {
	case errors.Is(err, wallet.ErrUnsure):
		key = "trouble.unsure"
	case errors.Is(err, wallet.ErrNotAccepted):
		key = "trouble.notaccepted"
	default:
		return
	}
	category := s.Problem.Category
	s.Problem = a.problem(key, "party", s.Verifier)
	s.Problem.Category = category
}

func (s *Share) begin(d *wallet.Disclosure) {
	a := s.app
	s.d, s.Verifier, s.Address, s.Registered = d, d.Verifier, d.Address, d.Registered
	if len(d.Sets) == 0 {
		s.Step, s.Problem = ShareFailed, a.problem("trouble.no_match")
		s.Problem.Category = wallet.NoMatch
		a.deps.Go(func() { d.Refuse(context.Background()) })
		return
	}
	s.Why, s.Keep, s.PassedOn = a.Text("wallet.share.why.unsaid"), a.Text("wallet.share.unsaid"), a.Text("wallet.share.unsaid")
	switch smaller, ok := d.Smaller(); {
	case d.Rule != nil:
		s.TooFar = a.tooFar(d)
		if ok {
			s.TooFar.Smaller = s.answer(smaller)
			s.terms(d.Rule.Terms)
		}
	case d.Registered:
		s.terms(d.Terms)
	}
	for _, set := range d.Sets {
		c := Choice{Optional: !set.Required}
		if len(set.Options) > 1 {
			for _, o := range set.Options {
				c.Ways = append(c.Ways, s.way(o))
			}
		}
		if len(set.Options) > 0 {
			c.Picks = s.picks(set.Options[0])
		}
		s.Choices = append(s.Choices, c)
	}
	s.Step = ShareAsk
	if !d.Registered {
		s.Step = ShareUnknown
	}
	s.settle()
}

// AgreeSmaller goes on to the PIN with the smaller answer. Nothing outside the purpose is in it.
func (s *Share) AgreeSmaller() {
	if s.Step != ShareAsk || s.TooFar == nil || s.TooFar.Smaller == nil || !s.Read {
		return
	}
	small := s.TooFar.Smaller
	s.Facts, s.Last, s.Reuse = small.Facts, small.last, small.reuse
	s.choice = small.choice
	s.choice.AllowUnregistered = !s.Registered
	s.agreed()
}

// Title implements [Screen].
func (s *Share) Title() string {
	switch s.Step {
	case ShareDone:
		return s.app.Count(len(s.Facts), "wallet.share.done")
	case ShareStopped:
		return s.app.Text("wallet.share.stopped.title")
	case ShareFailed:
		return s.Problem.Head
	case ShareUnknown:
		return s.app.Text("wallet.share.unknown.title")
	case ShareExtra:
		return s.app.Text("wallet.share.extra.sure")
	case ShareReuse:
		return s.app.Text("wallet.share.reuse.title")
	case ShareOpening:
		return s.app.Text("wallet.share.doing.open")
	case ShareSending:
		return s.app.Text("wallet.share.doing.send")
	}
	if s.TooFar != nil {
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

// Choose takes another way to answer.
func (s *Share) Choose(choice, way int) {
	c := &s.Choices[choice]
	if way != c.Way {
		c.Way, c.Picks = way, s.picks(s.d.Sets[choice].Options[way])
	}
	s.settle()
	s.app.changed()
}

// Take takes another of the cards that fit.
func (s *Share) Take(choice, pick, card int) {
	s.Choices[choice].Picks[pick].Card = card
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
	case s.Step == ShareAsk && s.extra():
		s.Step = ShareExtra
		s.app.changed()
	case s.Step == ShareAsk:
		s.agreed()
	case s.Step == ShareExtra:
		s.choice.AllowExtra = true
		s.agreed()
	case s.Step == ShareReuse:
		s.choice.AllowReuse = true
		s.ask()
	}
}

// extra says whether something outside the purpose would be shared.
func (s *Share) extra() bool {
	return slices.ContainsFunc(s.Facts, func(f Fact) bool { return f.Extra })
}

func (s *Share) agreed() {
	if s.TooFar != nil && !s.extra() {
		s.choice.Within = true // the question goes too far, the answer does not
	}
	if s.Reuse != "" {
		s.Step = ShareReuse
		s.app.changed()
		return
	}
	s.ask()
}

// ask asks the PIN.
func (s *Share) ask() {
	s.Step, s.PIN = SharePIN, s.app.newLock()
	s.PIN.Waiting = false
	s.app.changed()
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
				s.PIN.stand(*locked)
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
		var used *wallet.UsedError
		switch {
		case errors.As(err, &used):
			s.Step, s.Reuse = ShareReuse, used.Card
		case err != nil && !errors.Is(err, wallet.ErrArrived):
			s.fail(err)
		default:
			s.Step, s.When = ShareDone, a.Text("wallet.today")+", "+a.clock(a.deps.Now())
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

// Event opens the line of the history about what was shared, with the history under it.
func (s *Share) Event() {
	if s.Step != ShareDone || s.d == nil {
		return
	}
	all := s.app.newActivity()
	s.app.show(all)
	if n := slices.IndexFunc(all.entries, func(e wallet.Entry) bool { return e.ID == s.d.Entry() }); n >= 0 {
		all.Open(n)
	}
}
