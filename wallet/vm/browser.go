package vm

import (
	"context"
	"errors"

	"github.com/zegel-id/zegel/wallet"
)

// ask gets the page of the issuer on which the person proves who they are.
func (s *Offer) ask() {
	a := s.app
	s.Step, s.Problem = OfferOpening, nil
	var page string
	a.run(func(ctx context.Context) (err error) {
		page, err = s.issuance.Authorize(ctx, wallet.CallbackURI)
		return err
	}, func(err error) {
		if err != nil {
			s.fail(err)
			return
		}
		s.Step, s.Page = OfferBrowser, page
	})
}

// NoBrowser says that no browser opens.
func (s *Offer) NoBrowser() {
	s.Problem = s.app.problem("offer.nobrowser")
	s.app.changed()
}

// returned takes what the browser brought: the offer that waits for it goes on, or a new screen does, as after a lock.
func (a *App) returned(link string) {
	s, waits := a.screen.(*Offer)
	if !waits || s.Step != OfferBrowser {
		s = &Offer{app: a}
		a.open(s)
	}
	s.Step, s.Problem, s.Page = OfferOpening, nil, ""
	var i *wallet.Issuance
	a.run(func(ctx context.Context) (err error) {
		i, err = a.wallet.Return(ctx, link)
		return err
	}, func(err error) {
		switch {
		case errors.Is(err, wallet.ErrUnasked):
			s.fail(err)
			s.Problem = a.problem("offer.unasked")
			s.Problem.Category = wallet.RequestMalformed
		case err != nil:
			s.fail(err)
		default:
			s.issuance, s.Issuer, s.Address, s.Registered, s.Types = i, i.Issuer, i.Address, i.Registered, i.Types
			s.fetch("")
		}
	})
}
