package vm

import (
	"context"

	"github.com/zegel-id/zegel/wallet"
)

// Change is a fact that new copies of a card say otherwise.
type Change struct{ Label, Old, New string }

// Renew fetches new copies. If they say what the card says they take its place; else the person sees what changed first.
func (s *Card) Renew() {
	a := s.app
	s.Busy, s.Problem = true, nil
	var r *wallet.Renewal
	a.run(func(ctx context.Context) (err error) {
		if r, err = a.wallet.Renew(ctx, s.ID); err == nil && len(r.Changed) == 0 {
			_, err = r.Accept(ctx)
		}
		return err
	}, func(err error) {
		s.Busy = false
		s.load(s.ID)
		switch {
		case err != nil:
			s.Problem = a.trouble(err)
		case len(r.Changed) == 0:
			s.Renewed = true
		default:
			s.renewal = r
			for _, c := range r.Changed {
				s.Changes = append(s.Changes, Change{c.Label, a.value(c.Old), a.value(c.New)})
			}
		}
	})
}

// TakeNew puts the new copies in the place of the old ones.
func (s *Card) TakeNew() { s.endRenewal(true) }

// KeepOld says that what changed is not right. The card stays as it is.
func (s *Card) KeepOld() { s.endRenewal(false) }

func (s *Card) endRenewal(take bool) {
	a, r := s.app, s.renewal
	if r == nil {
		return
	}
	s.renewal, s.Changes, s.Busy = nil, nil, true
	a.run(func(ctx context.Context) (err error) {
		if !take {
			return r.Decline(ctx)
		}
		_, err = r.Accept(ctx)
		return err
	}, func(err error) {
		s.Busy, s.Renewed = false, take && err == nil
		s.load(s.ID)
		s.Problem = a.trouble(err)
	})
}
