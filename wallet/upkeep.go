package wallet

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Upkeep is what a renewal that the wallet tried by itself came to.
type Upkeep struct {
	Card    Card // as it is now
	Time    time.Time
	Outcome string // "ok"; [UpkeepChanged]; else a category
}

// UpkeepChanged is the outcome of a renewal whose batch says something else than the card: a person has to look at it
// first, see [Wallet.Renew].
const UpkeepChanged = "changed"

// Pauses between two renewals of one card that the wallet tries by itself. A batch that is near its end when it comes
// must not be asked for again and again.
const (
	pauseFew     = 10 * time.Minute // after one that was good: the new copies are nearly used again
	pauseEnding  = 24 * time.Hour   // after one that was good: the new copies end soon too
	pauseNetwork = 15 * time.Minute // after one that found no connection, doubled each time
	pauseLongest = 24 * time.Hour
)

const upkeepName = "upkeep"

// upkeepRecord is what the wallet remembers of its own work.
type upkeepRecord struct {
	Tries map[string]upkeepTry `json:"tries,omitempty"` // by card
	Seen  []string             `json:"seen,omitempty"`  // see [Wallet.SetSeen]
}

// upkeepTry is the last try to renew a card. It counts for the grant it was made with: whoever receives a card anew begins
// anew.
type upkeepTry struct {
	Grant   string    `json:"grant"`
	Time    time.Time `json:"time"`
	Outcome string    `json:"outcome"`
	Fails   int       `json:"fails,omitempty"` // in a row, for want of a connection
}

// due says whether a card may be tried again by itself.
func (t upkeepTry) due(grant string, ending bool, now time.Time) bool {
	if t.Grant != grant {
		return true
	}
	pause := pauseFew
	switch {
	case t.Outcome == string(Network):
		pause = min(pauseLongest, pauseNetwork<<min(t.Fails, 10))
	case t.Outcome != "ok":
		return false // the issuer or the person said no, or the person has to look first
	case ending:
		pause = pauseEnding
	}
	// A clock that was set back does not stop it for good.
	return now.Sub(t.Time).Abs() >= pause
}

func (w *Wallet) upkeep() (*upkeepRecord, error) {
	u := &upkeepRecord{}
	data, err := w.store.get(upkeepName)
	if err != nil || data == nil {
		return u, err
	}
	return u, read(data, u)
}

// grants returns the right to renew that each card has; "" if it has none.
func (w *Wallet) grants() (map[string]string, error) {
	cards, err := w.listed()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, l := range cards {
		all[l.ID] = l.Grant
	}
	return all, nil
}

// noteTry writes down how a try ended, and forgets those of cards that are gone. The caller holds mu.
func (w *Wallet) noteTry(card, grant, outcome string) ([]write, error) {
	u, err := w.upkeep()
	if err != nil {
		return nil, err
	}
	grants, err := w.grants()
	if err != nil {
		return nil, err
	}
	if u.Tries == nil {
		u.Tries = map[string]upkeepTry{}
	}
	t := upkeepTry{Grant: grant, Time: w.opts.Now().UTC(), Outcome: outcome}
	if outcome == string(Network) {
		t.Fails = u.Tries[card].Fails + 1
	}
	u.Tries[card] = t
	for id := range u.Tries {
		if _, there := grants[id]; !there {
			delete(u.Tries, id)
		}
	}
	return []write{put(upkeepName, u)}, nil
}

// KeepUp renews one card that needs it, if any may be tried now, and returns what came of it; nil if there was nothing to
// do. New copies that say what the card says take their place at once, without anybody being asked. If they say something
// else they are dropped, and the card is left for a person to renew. Nor is a card tried again by itself after its issuer
// refused: there is a visit to make, or a reason to look.
//
// A renewal asks the issuer for something, who sees when. It should not come right after a presentation.
func (w *Wallet) KeepUp(ctx context.Context) (*Upkeep, error) {
	need, err := w.NeedsRenewal(ctx)
	if err != nil {
		return nil, err
	}
	u, err := w.upkeep()
	if err != nil {
		return nil, err
	}
	for _, c := range need {
		r, err := w.record(c.ID)
		if errors.Is(err, ErrNoCard) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if u.Tries[c.ID].due(r.Grant, c.Status == "expiring" || c.Status == "expired", w.opts.Now()) {
			return w.tryRenewal(ctx, r)
		}
	}
	return nil, nil
}

func (w *Wallet) tryRenewal(ctx context.Context, r *cardRecord) (*Upkeep, error) {
	outcome := "ok"
	renewal, err := w.renew(ctx, r)
	switch {
	case err == nil && len(renewal.Changed) == 0:
		renewal.auto = true
		_, err = renewal.Accept(ctx)
	case err == nil:
		outcome = UpkeepChanged
		renewal.i.tell(ctx, credentialDeleted)
	}
	if _, gone := w.record(r.ID); gone != nil {
		return nil, gone // deleted meanwhile
	}
	if err != nil {
		outcome = string(CategoryOf(err))
		if outcome == "" || outcome == string(StoreCorrupt) {
			return nil, err // not about the card
		}
		if outcome != string(Network) {
			w.notRenewed(ctx, r, true, err)
		}
	}
	if outcome != "ok" {
		if err := w.rememberTry(ctx, r, outcome); err != nil {
			return nil, err
		}
	}
	now, err := w.record(r.ID)
	if err != nil {
		return nil, err
	}
	return &Upkeep{Card: now.card(w.lang(), w.opts.Now()), Time: w.opts.Now(), Outcome: outcome}, nil
}

func (w *Wallet) rememberTry(ctx context.Context, r *cardRecord, outcome string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	writes, err := w.noteTry(r.ID, r.Grant, outcome)
	if err != nil {
		return err
	}
	return w.commit(context.WithoutCancel(ctx), writes...)
}

// Upkeeps lists how the last renewal of each card ended, by card.
func (w *Wallet) Upkeeps(ctx context.Context) (map[string]string, error) {
	u, err := w.upkeep()
	if err != nil {
		return nil, err
	}
	grants, err := w.grants()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for id, t := range u.Tries {
		if grants[id] == t.Grant {
			all[id] = t.Outcome
		}
	}
	return all, nil
}

// Seen returns what [Wallet.SetSeen] kept.
func (w *Wallet) Seen(ctx context.Context) ([]string, error) {
	u, err := w.upkeep()
	if err != nil {
		return nil, err
	}
	return u.Seen, nil
}

// SetSeen keeps the names of notices that a person has seen. They mean nothing to this package.
func (w *Wallet) SetSeen(ctx context.Context, names []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, err := w.upkeep()
	if err != nil {
		return err
	}
	if slices.Equal(u.Seen, names) {
		return nil
	}
	u.Seen = names
	return w.commit(ctx, put(upkeepName, u))
}
