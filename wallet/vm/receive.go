package vm

import (
	"context"
	"errors"
	"strings"

	"github.com/zegel-id/zegel/wallet"
)

// Add is where a card or a request comes in: scanned, pasted, dropped, or as a file.
type Add struct {
	Problem *Problem

	app *App
}

// Title implements [Screen].
func (s *Add) Title() string { return s.app.Text("wallet.add.title") }

// Text takes what was scanned, pasted, dropped or read.
func (s *Add) Text(text string) { s.app.Link(text) }

// NothingFound says that a picture or a screen held no code.
func (s *Add) NothingFound() {
	s.Problem = s.app.problem("add.nocode")
	s.app.changed()
}

// OfferStep is how far receiving has come.
type OfferStep int

// Steps of receiving.
const (
	OfferOpening OfferStep = iota
	OfferAsk               // who offers what: collect it?
	OfferCode              // a code from paper is needed
	OfferBrowser           // the person proves who they are in the browser
	OfferFetching
	OfferPreview // are these details correct?
	OfferStoring
	OfferDone
	OfferFailed
	OfferStopped // nothing is kept
)

// Offer is receiving cards.
type Offer struct {
	Step       OfferStep
	Issuer     string
	Address    string // host of the issuer
	Registered bool
	Types      []string
	CodeLength int    // 0: not known
	CodeDigits bool   // digits only
	CodeAbout  string // what the issuer says about the code
	Page       string // with OfferBrowser: what the browser is to open
	Cards      []OfferedCard
	Read       bool     // with OfferPreview: every value was in sight; until then the button says "more"
	Refused    bool     // with OfferStopped: the details are not correct
	Again      bool     // with OfferFailed: it can be tried again
	Problem    *Problem // with OfferCode: the code was wrong; with OfferFailed: the end

	app      *App
	link     string
	issuance *wallet.Issuance
	stored   []wallet.Card
}

// OfferedCard is a card with every value, before it is kept.
type OfferedCard struct {
	Item
	Values []Value
	Copies int
	Renews bool // takes the place of the one that is there
}

func (a *App) receive(link string) {
	s := &Offer{app: a, link: link}
	a.open(s)
	s.look()
}

// look finds out who offers what.
func (s *Offer) look() {
	a := s.app
	s.Step, s.Problem, s.Again = OfferOpening, nil, false
	var i *wallet.Issuance
	a.run(func(ctx context.Context) (err error) {
		i, err = a.wallet.Receive(ctx, s.link)
		return err
	}, func(err error) {
		if err != nil {
			s.fail(err)
			s.Again = wallet.CategoryOf(err) == wallet.Network
			return
		}
		s.issuance, s.Issuer, s.Address, s.Registered, s.Types = i, i.Issuer, i.Address, i.Registered, i.Types
		s.Step = OfferAsk
		if i.TxCode != nil {
			s.CodeLength, s.CodeAbout = i.TxCode.Length, i.TxCode.Description
			s.CodeDigits = i.TxCode.InputMode != "text"
		}
	})
}

// Retry tries again to find out who offers what.
func (s *Offer) Retry() {
	if s.Step == OfferFailed && s.Again {
		s.look()
	}
}

func (s *Offer) fail(err error) {
	s.Step, s.Problem = OfferFailed, s.app.trouble(err)
	if errors.Is(err, wallet.ErrOfferGone) {
		category := s.Problem.Category
		s.Problem = s.app.problem("offer.gone", "issuer", s.Issuer)
		s.Problem.Category = category
	}
}

// Title implements [Screen].
func (s *Offer) Title() string {
	a := s.app
	switch s.Step {
	case OfferOpening, OfferFetching, OfferStoring:
		return s.Doing()
	case OfferCode:
		return a.Text("wallet.offer.code.title")
	case OfferBrowser:
		return a.Text("wallet.offer.browser.title")
	case OfferPreview:
		return a.Text("wallet.offer.preview.title")
	case OfferDone:
		key := "wallet.offer.renewed"
		for _, c := range s.Cards {
			if !c.Renews {
				key = "wallet.offer.done"
			}
		}
		return a.Count(len(s.Cards), key)
	case OfferFailed:
		return s.Problem.Head
	case OfferStopped:
		if s.Refused {
			return a.Text("wallet.offer.refused.title")
		}
		return a.Text("wallet.offer.stopped.title")
	}
	return a.Text("wallet.offer.title")
}

// Doing says what the wallet is busy with.
func (s *Offer) Doing() string {
	switch s.Step {
	case OfferFetching:
		return s.app.Count(len(s.Types), "wallet.offer.doing.fetch")
	case OfferStoring:
		return s.app.Text("wallet.offer.doing.store")
	}
	return s.app.Text("wallet.offer.doing.open")
}

// Whom is the issuer as one speaks of it: whom to ask when something is wrong.
func (s *Offer) Whom() string {
	for _, kind := range []string{"gemeente ", "municipality "} {
		if s.Registered && strings.HasPrefix(strings.ToLower(s.Issuer), kind) {
			return s.app.Text("wallet.offer.municipality")
		}
	}
	if s.Issuer == "" {
		return s.app.Text("wallet.offer.issuer")
	}
	return s.Issuer
}

// Collect goes on: to the code from paper or the page in the browser if one is needed, else to the cards.
func (s *Offer) Collect() {
	if s.Step != OfferAsk {
		return
	}
	if s.issuance.Browser {
		s.ask()
		return
	}
	if s.issuance.TxCode != nil {
		s.Step = OfferCode
		s.app.changed()
		return
	}
	s.fetch("")
}

// Code takes the code from paper.
func (s *Offer) Code(code string) {
	if s.Step == OfferCode && code != "" {
		s.fetch(code)
	}
}

func (s *Offer) fetch(code string) {
	a := s.app
	s.Step, s.Problem = OfferFetching, nil
	var cards []wallet.Card
	var renews []bool
	a.run(func(ctx context.Context) (err error) {
		if cards, err = s.issuance.Fetch(ctx, code); err == nil {
			renews, err = s.issuance.Renews()
		}
		return err
	}, func(err error) {
		switch {
		case errors.Is(err, wallet.ErrWrongCode):
			s.Step, s.Problem = OfferCode, a.problem("offer.wrongcode")
		case err != nil:
			s.fail(err)
		default:
			s.Step = OfferPreview
			for n, c := range cards {
				o := OfferedCard{Item: a.fresh(c), Values: a.values("", c.Claims, c), Copies: c.Copies, Renews: renews[n]}
				for i := range o.Values {
					o.Values[i].Shown = true
				}
				s.Cards = append(s.Cards, o)
			}
		}
	})
}

// fresh is a card that is not kept yet: it says so, unless it is worse than new.
func (a *App) fresh(c wallet.Card) Item {
	i := a.item(c)
	if i.Kind == "valid" {
		i.Kind, i.Word = "new", a.Text("wallet.status.new")
	}
	return i
}

// Seen says that the end of the preview was in sight.
func (s *Offer) Seen() {
	if s.Step == OfferPreview && !s.Read {
		s.Read = true
		s.app.changed()
	}
}

// Accept keeps the cards.
func (s *Offer) Accept() {
	if s.Step != OfferPreview {
		return
	}
	a := s.app
	s.Step = OfferStoring
	a.run(func(ctx context.Context) (err error) {
		if s.stored, err = s.issuance.Accept(ctx); err == nil {
			_, _ = a.wallet.Refresh(ctx) // so that the card does not say what nobody has looked up; else it is done later
		}
		return err
	}, func(err error) {
		if err != nil {
			s.fail(err)
			return
		}
		s.Step = OfferDone
	})
}

// Decline says that the details are not correct, or stops before they came. Nothing is kept.
func (s *Offer) Decline() {
	switch s.Step {
	case OfferStoring, OfferDone, OfferFailed, OfferStopped:
		return
	}
	a := s.app
	if i := s.issuance; i != nil {
		a.deps.Go(func() { i.Decline(context.Background()) }) // the issuer is told; the person has gone on
	}
	s.Refused = s.Step == OfferPreview
	s.Step, s.Problem = OfferStopped, nil
	a.job++
	a.changed()
}

// Done goes to the cards.
func (s *Offer) Done() { s.app.show(s.app.newCards()) }
