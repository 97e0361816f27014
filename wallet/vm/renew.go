package vm

import (
	"context"
	"time"

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
		if err == nil {
			_, _ = a.wallet.Refresh(ctx)
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

// When the wallet renews cards by itself. Issuers see when that is: it is not right after something was shared, and not
// while the person is busy with something else.
const (
	calmOpened  = 3 * time.Second // after it was opened
	calmJourney = 5 * time.Minute // after a journey
	calmCard    = time.Minute     // after a card that was renewed, or could not be
	calmNothing = 5 * time.Minute // after a look that found nothing to do

	statusEvery = 15 * time.Minute // between looks whether cards still count
)

// journeying says whether the person is in the middle of something that a renewal could disturb.
func (a *App) journeying() bool {
	for _, s := range append(a.back[:len(a.back):len(a.back)], a.screen) {
		switch s := s.(type) {
		case *Share, *Offer, *Add, *Secret, *Lock, *Welcome, *Restore, *Backup, *Guardians, *Rehearse:
			return true
		case *Card:
			if s.Busy || s.Deleting || s.renewal != nil || len(s.Changes) > 0 {
				return true
			}
		case *Event:
			if s.Busy {
				return true
			}
		case *Known:
			if s.Busy {
				return true
			}
		}
	}
	return false
}

// keepUp looks whether the cards still count, and renews one by itself if it needs that, at a calm moment.
func (a *App) keepUp() {
	now := a.deps.Now()
	look := now.Sub(a.looked) >= statusEvery
	switch {
	case !a.Unlocked() || a.prefs.ByHand && !look || a.keeping:
		return
	case a.journeying():
		a.calm = now.Add(calmJourney)
		return
	case now.Before(a.calm):
		return
	}
	a.keeping = true
	w, renew := a.wallet, !a.prefs.ByHand
	a.deps.Go(func() {
		var kept *wallet.Upkeep
		var err error
		if look {
			_, err = w.Refresh(context.Background())
		}
		if renew && err == nil {
			kept, err = w.KeepUp(context.Background())
		}
		a.deps.Do(func() {
			a.keeping = false
			if look {
				a.looked = a.deps.Now()
			}
			pause := calmNothing
			if kept != nil {
				pause = calmCard
			}
			a.calm = a.deps.Now().Add(pause)
			// What went wrong is tried again, or told where the card is: nobody asked for this.
			if err != nil || kept == nil && !look || a.wallet != w {
				return
			}
			a.stale = true
			if r, ok := a.screen.(interface{ refresh() }); ok && !a.journeying() {
				r.refresh()
			}
			a.changed()
		})
	})
}
