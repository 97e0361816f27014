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
				return d.choose(Choice{Options: []string{d.Sets[s].Options[0].ID}, Cards: c.Cards})
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
		out = append(out, chosen{q, d.records[candidates[i].HeldID], candidates[i].Disclose})
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
				claims = append(claims, m.Claims...)
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
	e := Entry{Party: d.Verifier, Registered: d.Registered, Purpose: d.Purpose.In(w.lang())}
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
		if len(p.paths) == 0 {
			extra(r.Type, nil)
		}
		for _, path := range p.paths {
			extra(r.Type, path)
			e.Claims = append(e.Claims, path.String())
			e.Labels = append(e.Labels, r.label(path, w.lang()))
		}
	}
	e.Withheld, e.KeepDays = d.withheld(e.Claims), d.KeepDays
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
