package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// Choice says what to share. The zero value is the smallest answer with the first matching cards.
type Choice struct {
	Options []string          // ids, at most one for each set
	Cards   map[string]string // query id -> card id
	// ClaimSets says which claim set of the query a card answers with: query id -> n for the nth of Match.Later. Without it
	// Match.Claims is shared.
	ClaimSets map[string]int
	// Within answers a request that goes beyond the registered purpose with a choice that does not: see [Disclosure.Smaller].
	Within bool
	// AllowExtra goes on although claims lie outside the registered purpose; AllowUnregistered although the verifier stands in no register.
	AllowExtra        bool
	AllowUnregistered bool
	// AllowReuse shows a copy again when all copies of a card are used.
	AllowReuse bool
}

// chosen is one presentation to make.
type chosen struct {
	query  string
	record *cardRecord
	paths  []sdjwt.Path
	set    int // of the claim sets that the card can satisfy
}

// Smaller is an answer that stays within the registered purpose although the request does not: of each set that must be
// answered the first option, card and claim set that hold nothing of Extra. ok is false if there is none, or no need of one.
func (d *Disclosure) Smaller() (c Choice, ok bool) {
	if len(d.Extra) == 0 {
		return Choice{}, false
	}
	c = Choice{Cards: map[string]string{}, ClaimSets: map[string]int{}, Within: true}
	for _, set := range d.Sets {
		if !set.Required {
			continue
		}
		i := slices.IndexFunc(set.Options, func(o Option) bool {
			return !slices.ContainsFunc(o.Answers, func(a Answer) bool { _, _, ok := a.within(); return !ok })
		})
		if i < 0 {
			return Choice{}, false
		}
		c.Options = append(c.Options, set.Options[i].ID)
		for _, a := range set.Options[i].Answers {
			card, n, _ := a.within()
			c.Cards[a.Query] = card
			if n > 0 {
				c.ClaimSets[a.Query] = n
			}
		}
	}
	return c, len(c.Options) > 0
}

// within finds the first card, and of it the first claim set, that hold nothing outside the purpose. A copy that was not
// shown yet goes before one that was.
func (a *Answer) within() (card string, set int, ok bool) {
	for _, again := range []bool{false, true} {
		for _, m := range a.Cards {
			if m.Extra || m.Reuse != again {
				continue
			}
			for n := range len(m.Later) + 1 {
				if !slices.ContainsFunc(m.Way(n), func(c Claim) bool { return c.Extra }) {
					return m.Card.ID, n, true
				}
			}
		}
	}
	return "", 0, false
}

// Way is what is shared with a claim set: 0 for Claims, n for the nth of Later, and with each what goes along always. One
// that is not there shares nothing.
func (m *Match) Way(n int) []Claim {
	claims := m.Claims
	switch {
	case n < 0 || n > len(m.Later):
		return nil
	case n > 0:
		claims = m.Later[n-1]
	}
	return append(slices.Clip(claims), besides(m.Always, claims)...)
}

// beyond says whether a presentation would share something outside the registered purpose.
func (d *Disclosure) beyond(p chosen) bool {
	return d.outside(p.record.Type, nil) >= 0 ||
		slices.ContainsFunc(p.paths, func(path sdjwt.Path) bool { return d.outside(p.record.Type, path) >= 0 })
}

func (d *Disclosure) choose(c Choice) ([]chosen, error) {
	var queries []string
	picked := 0
	for s, set := range d.matches.Sets {
		option := -1
		for o := range set.Options {
			if slices.Contains(c.Options, d.Sets[s].Options[o].ID) {
				if option >= 0 {
					return nil, fmt.Errorf("two options of one choice")
				}
				option = o
				picked++
			}
		}
		if option < 0 && set.Required {
			option = 0
		}
		if option < 0 {
			continue
		}
		for _, q := range set.Options[option] {
			if !slices.Contains(queries, q) {
				queries = append(queries, q)
			}
		}
	}
	if picked != len(c.Options) {
		return nil, fmt.Errorf("option %q is not offered", c.Options)
	}
	if len(queries) == 0 {
		// Nothing is required; answering means the first thing that can be.
		for s, set := range d.matches.Sets {
			if len(set.Options) > 0 {
				return d.choose(Choice{Options: []string{d.Sets[s].Options[0].ID}, Cards: c.Cards, ClaimSets: c.ClaimSets})
			}
		}
	}
	var out []chosen
	for _, q := range queries {
		candidates := d.matches.ByQuery[q]
		i := 0
		if want, ok := c.Cards[q]; ok {
			i = slices.IndexFunc(candidates, func(c openid4vp.Candidate) bool { return c.HeldID == want })
			if i < 0 {
				return nil, fmt.Errorf("card %q does not fit %q", want, q)
			}
		}
		pick := chosen{q, d.records[candidates[i].HeldID], candidates[i].Disclose, c.ClaimSets[q]}
		if n := pick.set; n < 0 || n > len(candidates[i].Later) {
			return nil, fmt.Errorf("claim set %d of %q is not offered", n, q)
		} else if n > 0 {
			pick.paths = candidates[i].Later[n-1]
		}
		out = append(out, pick)
	}
	return out, nil
}

// Shared lists the claims that a choice would share, for a last look before or a word after.
func (d *Disclosure) Shared(c Choice) ([]Claim, error) {
	if d.matches == nil {
		return nil, &Error{NoMatch, errors.New("no card fits")}
	}
	picks, err := d.choose(c)
	if err != nil {
		return nil, err
	}
	claims := []Claim{}
	for _, p := range picks {
		for _, m := range d.answer(p.query).Cards {
			if m.Card.ID == p.record.ID {
				claims = append(claims, m.Way(p.set)...)
			}
		}
	}
	return claims, nil
}

// line is the history entry of an answer under way.
type line struct {
	name    string
	entry   Entry
	copies  []string // names of the copies that were shown
	receipt string   // what the verifier gave for it
}

// finish writes how it ended into the history, and gives copies back if undo names any.
func (d *Disclosure) finish(ctx context.Context, l line, kind, outcome string, undo map[string][]string) error {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	l.entry.Kind, l.entry.Outcome = kind, outcome
	var writes []write
	if outcome == "ok" && l.receipt != "" {
		writes = d.keepReceipt(&l)
	}
	writes = append(writes, put(l.name, l.entry))
	for id, copies := range undo {
		r, err := w.record(id)
		if err != nil {
			continue // deleted meanwhile
		}
		for i := range r.Copies {
			if slices.Contains(copies, r.Copies[i].ID) {
				r.Copies[i].Used = false
			}
		}
		writes = append(writes, put(cardPrefix+id, r))
	}
	return w.commit(context.WithoutCancel(ctx), writes...)
}

// prepare makes the presentations, marks the copies as used and writes the history, all durably.
func (d *Disclosure) prepare(ctx context.Context, picks []chosen, c Choice) (map[string][]string, map[string][]string, line, error) {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	token, undo := map[string][]string{}, map[string][]string{}
	records := map[string]*cardRecord{}
	var shown []string
	terms := d.Terms
	if d.Rule != nil && !slices.ContainsFunc(picks, d.beyond) {
		terms = d.Rule.Terms // what is shared is what the register speaks of
	}
	e := Entry{
		Party: d.Verifier, Registered: d.Registered, Purpose: terms.Purpose.In(w.lang()), KeepDays: terms.KeepDays, OutcomeDays: terms.OutcomeDays,
		PassedOn: terms.PassedOn.In(w.lang()),
	}
	extra := func(kind string, path sdjwt.Path) {
		if i := d.outside(kind, path); i >= 0 && !slices.Contains(e.Extra, d.Extra[i]) {
			e.Extra = append(e.Extra, d.Extra[i])
		}
	}
	fail := func(err error) (map[string][]string, map[string][]string, line, error) { return nil, nil, line{}, err }
	for _, p := range picks {
		r := records[p.record.ID]
		if r == nil {
			var err error
			if r, err = w.record(p.record.ID); err != nil {
				return fail(err)
			}
			records[r.ID] = r
		}
		if len(r.Copies) == 0 {
			return fail(&Error{NoMatch, &ReissueError{displayName(r.Names, w.lang(), r.Type)}})
		}
		i := slices.IndexFunc(r.Copies, func(c copyState) bool { return !c.Used })
		if i < 0 {
			if !c.AllowReuse && !r.reusable() {
				return fail(&Error{NoMatch, &UsedError{displayName(r.Names, w.lang(), r.Type)}})
			}
			i = len(r.Copies) - 1 // always the same one, so that no more than that one can be linked
		} else {
			r.Copies[i].Used = true
			undo[r.ID] = append(undo[r.ID], r.Copies[i].ID)
		}
		presentation, err := w.present(r, r.Copies[i].ID, p.paths, d.asked.Request)
		if err != nil {
			return fail(err)
		}
		shown = append(shown, copyName(r.ID, r.Copies[i].ID))
		token[p.query] = append(token[p.query], presentation)
		name := displayName(r.Names, w.lang(), r.Type)
		if e.Card != "" {
			e.Card += ", "
		}
		e.Card += name
		if !slices.Contains(e.Cards, r.ID) {
			e.Cards = append(e.Cards, r.ID)
		}
		extra(r.Type, nil)
		for _, path := range p.paths {
			extra(r.Type, path)
			e.Claims = append(e.Claims, path.String())
			e.Labels = append(e.Labels, r.label(path, w.lang()))
		}
		for _, o := range r.Open {
			if !slices.ContainsFunc(p.paths, func(path sdjwt.Path) bool { return path.Covers(o.Path) }) {
				e.Claims, e.Labels = append(e.Claims, o.Path.String()), append(e.Labels, r.label(o.Path, w.lang()))
			}
		}
	}
	e.Withheld = d.withheld(e.Claims)
	// Until the verifier has answered, the history says that something went out and nobody knows whether it arrived.
	e.Kind, e.Outcome = "shared", string(Network)
	w1 := w.entry(e)
	if err := read(w1.value, &e); err != nil {
		return fail(err)
	}
	writes := []write{w1}
	for id, r := range records {
		writes = append(writes, put(cardPrefix+id, r))
	}
	if err := w.commit(ctx, writes...); err != nil {
		return fail(err)
	}
	return token, undo, line{name: w1.name, entry: e, copies: shown}, nil
}

// present selects the claims and binds them to this exchange.
func (w *Wallet) present(r *cardRecord, copyID string, paths []sdjwt.Path, request openid4vp.Request) (string, error) {
	c, err := w.copy(copyName(r.ID, copyID))
	if err != nil {
		return "", err
	}
	signer, err := c.signer()
	if err != nil {
		return "", err
	}
	held, err := c.held()
	if err != nil {
		return "", err
	}
	selected, err := held.Select(paths)
	if err != nil {
		return "", &Error{NoMatch, err}
	}
	return selected.Bind(signer, sdjwt.KeyBinding{Audience: request.ClientID, Nonce: request.Nonce, IssuedAt: w.opts.Now()})
}
