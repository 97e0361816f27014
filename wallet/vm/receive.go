package vm

import (
	"context"
	"errors"

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
)

// Offer is receiving cards.
type Offer struct {
	Step       OfferStep
	Issuer     string
	Registered bool
	Types      []string
	CodeLength int    // 0: not known
	CodeDigits bool   // digits only
	CodeAbout  string // what the issuer says about the code
	Page       string // with OfferBrowser: what the browser is to open
	Cards      []OfferedCard
	Problem    *Problem // with OfferCode: the code was wrong; with OfferFailed: the end

	app      *App
	issuance *wallet.Issuance
	stored   []wallet.Card
}

// OfferedCard is a card with every value, before it is kept.
type OfferedCard struct {
	Item
	Values []Value
	Copies int
}

func (a *App) receive(link string) {
	s := &Offer{app: a, Step: OfferOpening}
	a.open(s)
	var i *wallet.Issuance
	a.run(func(ctx context.Context) (err error) {
		i, err = a.wallet.Receive(ctx, link)
		return err
	}, func(err error) {
		if err != nil {
			s.fail(err)
			return
		}
		s.issuance, s.Issuer, s.Registered, s.Types = i, i.Issuer, i.Registered, i.Types
		s.Step = OfferAsk
		if i.TxCode != nil {
			s.CodeLength, s.CodeAbout = i.TxCode.Length, i.TxCode.Description
			s.CodeDigits = i.TxCode.InputMode != "text"
		}
	})
}

func (s *Offer) fail(err error) {
	s.Step, s.Problem = OfferFailed, s.app.trouble(err)
}

// Title implements [Screen].
func (s *Offer) Title() string {
	switch s.Step {
	case OfferCode:
		return s.app.Text("wallet.offer.code.title")
	case OfferBrowser:
		return s.app.Text("wallet.offer.browser.title")
	case OfferPreview, OfferStoring:
		return s.app.Text("wallet.offer.preview.title")
	case OfferDone:
		return s.app.Count(len(s.Cards), "wallet.offer.done")
	case OfferFailed:
		return s.Problem.Head
	}
	return s.app.Text("wallet.offer.title")
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
	a.run(func(ctx context.Context) (err error) {
		cards, err = s.issuance.Fetch(ctx, code)
		return err
	}, func(err error) {
		switch {
		case errors.Is(err, wallet.ErrWrongCode):
			s.Step, s.Problem = OfferCode, a.problem("offer.wrongcode")
		case err != nil:
			s.fail(err)
		default:
			s.Step = OfferPreview
			for _, c := range cards {
				o := OfferedCard{Item: a.fresh(c), Values: a.values("", c.Claims, c.Labels), Copies: c.Copies}
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

// Accept keeps the cards.
func (s *Offer) Accept() {
	if s.Step != OfferPreview {
		return
	}
	a := s.app
	s.Step = OfferStoring
	a.run(func(ctx context.Context) (err error) {
		s.stored, err = s.issuance.Accept(ctx)
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
	a := s.app
	if i := s.issuance; i != nil && (s.Step == OfferAsk || s.Step == OfferCode || s.Step == OfferBrowser || s.Step == OfferPreview) {
		a.deps.Go(func() { i.Decline(context.Background()) }) // the issuer is told; the person has gone on
	}
	a.show(a.newCards())
}

// Done goes to the cards.
func (s *Offer) Done() { s.app.show(s.app.newCards()) }
