package wallet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Disclosure is a request before it is answered: who asks what and why, and which cards match.
type Disclosure struct {
	Verifier   string
	Registered bool
	// What the register says, if it covers all that is asked: empty when Extra is not, since then it speaks of another question.
	Purpose    trust.Text
	LegalBasis string
	KeepDays   int
	Extra      []string // claims outside the registered purpose, as people read them
	Sets       []Set    // what can be answered; empty: no match

	w       *Wallet
	client  *openid4vp.Client
	asked   *openid4vp.Asked
	matches *openid4vp.Matches
	records map[string]*cardRecord
	proof   []byte // registry proof of the verifier

	mu     sync.Mutex
	done   bool
	usedUp bool // an answer failed because all copies are used
}

// Set is one choice to make.
type Set struct {
	Required bool
	Options  []Option
}

// Option is one way to satisfy a set.
type Option struct {
	ID      string
	Answers []Answer // one for each credential query
}

// Answer is a credential query with the cards that match.
type Answer struct {
	Query string
	Cards []Match
}

// Match is a card and the claims it would share.
type Match struct {
	Card   Card
	Claims []Claim
	// Last: sharing uses up the last copy. Reuse: all copies are used; sharing one again lets those who see it know that
	// it is the same card, and takes Choice.AllowReuse unless the card is reusable.
	Last  bool
	Reuse bool
}

// Claim is a claim that would be shared.
type Claim struct {
	Path  string
	Label string // name for people
	Value any
	Extra bool // outside the registered purpose
}

// ErrNotAccepted: the verifier received the answer and did not take it. It is [EndpointRefused].
var ErrNotAccepted = errors.New("the verifier did not accept the answer")

// UsedError: every copy of a card was shown once. It is [NoMatch]; Choice.AllowReuse goes on, and lets those who saw the
// card recognise it.
type UsedError struct{ Card string }

func (e *UsedError) Error() string {
	return fmt.Sprintf("all copies of %q are used; get new ones from the issuer", e.Card)
}

// ReissueError: the card came out of a backup and has no keys on this device. It is [NoMatch].
type ReissueError struct{ Card string }

func (e *ReissueError) Error() string {
	return fmt.Sprintf("%q came from a backup; it has to be issued again on this device", e.Card)
}

// Present opens a request link. Errors by category: request_*, endpoint_refused, network. A request that nothing matches is returned with
// empty Sets and can only be refused.
func (w *Wallet) Present(ctx context.Context, link string) (*Disclosure, error) {
	j := &judge{w: w}
	client := &openid4vp.Client{Fetch: w.opts.Fetch, Now: w.opts.Now, Policy: j.verifier, Seen: w.seen}
	asked, err := client.Open(ctx, link)
	if err != nil {
		err = categorised(err, RequestMalformed)
		if j.stale || CategoryOf(err) == RequestExpired {
			err = w.blameClock(ctx, requestAddress(link), err)
		}
		// Who this really was is not known; the history says where the request came from.
		party := requestAddress(link)
		if u, parseErr := url.Parse(party); parseErr == nil {
			party = u.Host
		}
		w.note(ctx, Entry{Kind: "failed", Party: safe(party, 200), Unknown: true, Outcome: string(CategoryOf(err))})
		return nil, err
	}
	d := &Disclosure{
		w: w, client: client, asked: asked, records: map[string]*cardRecord{}, proof: j.raw,
		Verifier: safe(asked.Verifier.Name, 200), Registered: asked.Verifier.Registered,
	}
	if p := asked.Permission; p != nil {
		if a := p.Accreditation; a != nil {
			d.Verifier = safe(a.Name, 200)
		}
		if a := p.Accreditation; a != nil && len(p.Extra) == 0 {
			d.Purpose, d.LegalBasis, d.KeepDays = trust.Text{}, safe(a.LegalBasis, 300), a.KeepDays
			for lang, text := range a.Purpose {
				d.Purpose[lang] = safe(text, 500)
			}
		}
		for _, q := range p.Extra {
			if name := q.Path.String(); name != "" {
				d.Extra = append(d.Extra, safe(name, 120))
			} else {
				d.Extra = append(d.Extra, safe(strings.Join(q.Types, ", "), 200))
			}
		}
	}
	if err := d.match(); err != nil {
		return nil, err
	}
	d.label()
	return d, nil
}

// requestAddress is where a request comes from.
func requestAddress(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get("request_uri")
}

// seen records a request object durably, so that it is answered once.
func (w *Wallet) seen(ctx context.Context, clientID, nonce string, expires time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.opts.Now()
	sum := sha256.Sum256([]byte(clientID + "\x00" + nonce))
	name := hex.EncodeToString(sum[:])
	seen := map[string]time.Time{}
	data, err := w.store.get(seenName)
	if err != nil {
		return err
	}
	if data != nil {
		if err := read(data, &seen); err != nil {
			return err
		}
	}
	if _, ok := seen[name]; ok {
		return fmt.Errorf("%w: this request was opened before", openid4vp.ErrRequestMalformed)
	}
	// A day more than needed: a clock that is set back must not make an old request new.
	seen[name] = expires.Add(24 * time.Hour)
	maps.DeleteFunc(seen, func(_ string, until time.Time) bool { return now.After(until) })
	return w.commit(ctx, put(seenName, seen))
}

// match finds the cards that fit. Cards that are known not to count any more are not offered.
func (d *Disclosure) match() error {
	w := d.w
	types := []string{}
	for _, c := range d.asked.Request.Query.Credentials {
		types = append(types, c.Meta.VCTValues...)
	}
	records, err := w.records(types...)
	if err != nil {
		return err
	}
	now := w.opts.Now()
	// Cards with unused copies come first.
	slices.SortStableFunc(records, func(a, b *cardRecord) int { return min(b.unused(), 1) - min(a.unused(), 1) })
	var held []openid4vp.Held
	for _, r := range records {
		if r.Status == "revoked" || r.expired(now) {
			continue
		}
		d.records[r.ID] = r
		held = append(held, openid4vp.Held{ID: r.ID, Format: openid4vp.FormatSDJWT, VCT: r.Type, Claims: r.Claims, AuthorityKeyIDs: r.KeyIDs})
	}
	d.matches, err = d.asked.Request.Query.Match(held)
	if errors.Is(err, openid4vp.ErrNoMatch) {
		d.matches = nil
		return nil
	}
	if err != nil {
		return categorised(err, RequestMalformed)
	}
	answers := 0
	for s, set := range d.matches.Sets {
		out := Set{Required: set.Required}
		for o, queries := range set.Options {
			option := Option{ID: fmt.Sprintf("%d.%d", s+1, o+1)}
			for _, q := range queries {
				option.Answers = append(option.Answers, d.answer(q))
				answers++
			}
			out.Options = append(out.Options, option)
		}
		d.Sets = append(d.Sets, out)
	}
	if answers == 0 {
		d.Sets, d.matches = nil, nil
	}
	return nil
}

// label puts the issuer's names on the claims outside the register, where a card of the wallet has them.
func (d *Disclosure) label() {
	p := d.asked.Permission
	if p == nil {
		return
	}
	for i, q := range p.Extra {
		path := q.Path.String()
		if path == "" {
			continue
		}
		for _, r := range d.records {
			if slices.Contains(q.Types, r.Type) {
				if name := r.label(q.Path, d.w.lang()); name != safe(path, 120) {
					d.Extra[i] = name
				}
			}
		}
	}
}

// outside returns which of Extra a claim of a type of card is; -1: none.
func (d *Disclosure) outside(kind string, path sdjwt.Path) int {
	if d.asked.Permission == nil {
		return -1
	}
	return slices.IndexFunc(d.asked.Permission.Extra, func(q trust.Question) bool {
		asked := q.Path.String()
		return slices.Contains(q.Types, kind) && (asked == "" || path.String() == asked || strings.HasPrefix(path.String(), asked+"."))
	})
}

func (d *Disclosure) answer(query string) Answer {
	a := Answer{Query: query}
	for _, c := range d.matches.ByQuery[query] {
		r := d.records[c.HeldID]
		m := Match{
			Card: r.card(d.w.lang(), d.w.opts.Now()),
			Last: r.unused() == 1 && !r.reusable(), Reuse: r.unused() == 0 && !r.reusable(),
		}
		for _, p := range c.Disclose {
			claim := Claim{Path: p.String(), Label: r.label(p, d.w.lang()), Extra: d.outside(r.Type, p) >= 0}
			if values := p.Select(r.Claims); len(values) == 1 {
				claim.Value = values[0]
			} else {
				claim.Value = values
			}
			m.Claims = append(m.Claims, claim)
		}
		a.Cards = append(a.Cards, m)
	}
	return a
}

// Share sends the answer and uses up one copy of each card. It returns where the verifier wants the browser to go ("" if nowhere).
//
// A copy is marked as used, and the history written, before anything is sent: whatever happens then, no copy is shown twice
// by accident.
func (d *Disclosure) Share(ctx context.Context, c Choice) (redirect string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return "", errDone
	}
	if d.matches == nil {
		return "", &Error{NoMatch, errors.New("no card fits")}
	}
	if !d.Registered && !c.AllowUnregistered {
		return "", &Error{RequestUntrusted, fmt.Errorf("%q stands in no register", d.Verifier)}
	}
	if len(d.Extra) > 0 && !c.AllowExtra {
		return "", &Error{RequestUntrusted, fmt.Errorf("asked outside the registered purpose: %s", strings.Join(d.Extra, ", "))}
	}
	picks, err := d.choose(c)
	if err != nil {
		return "", err
	}
	token, undo, line, err := d.prepare(ctx, picks, c)
	if err != nil {
		d.usedUp = errors.As(err, new(*UsedError))
		return "", err
	}
	d.done = true
	reply, sent, err := d.client.Answer(ctx, d.asked, token)
	redirect, line.receipt = reply.RedirectURI, reply.Receipt
	if err == nil {
		return redirect, d.finish(ctx, line, "shared", "ok", nil)
	}
	arrived := sent && errors.Is(err, openid4vp.ErrEndpointRefused)
	err = categorised(err, EndpointRefused)
	var refused *oauth.Error
	switch {
	case !sent:
		// Nothing left the device: the copies are as good as before.
		line.entry.Unsent = true
		return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), undo))
	case errors.As(err, &refused):
		err = d.w.blameClock(ctx, d.asked.Request.ResponseURI, err)
		var clock *ClockError
		if !errors.As(err, &clock) {
			undo = nil
			err = &Error{EndpointRefused, fmt.Errorf("%w: %w", ErrNotAccepted, refused)}
		}
		// A proof with a wrong time was thrown away unread by the verifier, so the person gets the copies back.
		return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), undo))
	case arrived:
		// The answer arrived; only where to go next is not allowed.
		return "", errors.Join(err, d.finish(ctx, line, "shared", "ok", nil))
	}
	return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), nil))
}

// Refuse tells the verifier access_denied, in the same words whatever the reason. The history says which it was:
// outside the register, no match, or declined.
func (d *Disclosure) Refuse(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return errDone
	}
	d.done = true
	outcome := UserDeclined
	switch {
	case len(d.Extra) > 0:
		outcome = RequestUntrusted
	case d.matches == nil || d.usedUp:
		outcome = NoMatch
	}
	err := categorised(d.client.Refuse(ctx, d.asked, oauth.AccessDenied), EndpointRefused)
	return errors.Join(err, d.w.note(ctx, Entry{
		Kind: "refused", Party: d.Verifier, Registered: d.Registered, Purpose: d.Purpose.In(d.w.lang()), Outcome: string(outcome),
		Withheld: d.withheld(nil), Extra: d.Extra,
	}))
}

// withheld names what was asked, as far as a card of the wallet says it, and is not among the paths that are shared.
func (d *Disclosure) withheld(shared []string) []string {
	var names []string
	for _, set := range d.Sets {
		for _, option := range set.Options {
			for _, answer := range option.Answers {
				for _, claim := range answer.Cards[0].Claims {
					if !slices.Contains(shared, claim.Path) && !slices.Contains(names, claim.Label) {
						names = append(names, claim.Label)
					}
				}
			}
		}
	}
	return names
}
