package wallet

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
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

	mu   sync.Mutex
	done bool
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
}

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
		w.note(ctx, Entry{Kind: "failed", Party: safe(party, 200), Outcome: string(CategoryOf(err))})
		return nil, err
	}
	d := &Disclosure{
		w: w, client: client, asked: asked, records: map[string]*cardRecord{},
		Verifier: safe(asked.Verifier.Name, 200), Registered: asked.Verifier.Registered,
	}
	if p := asked.Permission; p != nil {
		if a := p.Accreditation; a != nil {
			d.Verifier = safe(a.Name, 200)
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
	return d, d.match()
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
	name := seenPrefix + hex.EncodeToString(sum[:])
	if data, err := w.store.get(name); err != nil {
		return err
	} else if data != nil {
		return fmt.Errorf("%w: this request was opened before", openid4vp.ErrRequestMalformed)
	}
	// A day more than needed: a clock that is set back must not make an old request new.
	writes := []write{put(name, expires.Add(24*time.Hour))}
	for _, old := range w.store.list(seenPrefix) {
		data, err := w.store.get(old)
		if err != nil {
			return err
		}
		var until time.Time
		if err := read(data, &until); err != nil {
			return err
		}
		if now.After(until) {
			writes = append(writes, write{name: old})
		}
	}
	return w.store.commit(ctx, writes...)
}

// match finds the cards that fit. Cards that are known not to count any more are not offered.
func (d *Disclosure) match() error {
	w := d.w
	records, err := w.records()
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

func (d *Disclosure) answer(query string) Answer {
	a := Answer{Query: query}
	for _, c := range d.matches.ByQuery[query] {
		r := d.records[c.HeldID]
		m := Match{
			Card: r.card(d.w.opts.Lang, d.w.opts.Now()),
			Last: r.unused() == 1 && !r.reusable(), Reuse: r.unused() == 0 && !r.reusable(),
		}
		for _, p := range c.Disclose {
			claim := Claim{Path: p.String(), Label: r.label(p, d.w.opts.Lang)}
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
		return "", err
	}
	d.done = true
	redirect, sent, err := d.client.Answer(ctx, d.asked, token)
	if err == nil {
		return redirect, d.finish(ctx, line, "shared", "ok", nil)
	}
	arrived := sent && errors.Is(err, openid4vp.ErrEndpointRefused)
	err = categorised(err, EndpointRefused)
	var refused *oauth.Error
	switch {
	case !sent:
		// Nothing left the device: the copies are as good as before.
		return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), undo))
	case errors.As(err, &refused):
		err = d.w.blameClock(ctx, d.asked.Request.ResponseURI, err)
		var clock *ClockError
		if !errors.As(err, &clock) {
			undo = nil
		}
		// A proof with a wrong time was thrown away unread by the verifier, so the person gets the copies back.
		return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), undo))
	case arrived:
		// The answer arrived; only where to go next is not allowed.
		return "", errors.Join(err, d.finish(ctx, line, "shared", "ok", nil))
	}
	return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), nil))
}

// line is the history entry of an answer under way.
type line struct {
	name  string
	entry Entry
}

// finish writes how it ended into the history, and gives copies back if undo names any.
func (d *Disclosure) finish(ctx context.Context, l line, kind, outcome string, undo map[string][]string) error {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	l.entry.Kind, l.entry.Outcome = kind, outcome
	writes := []write{put(l.name, l.entry)}
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
	return w.store.commit(context.WithoutCancel(ctx), writes...)
}

// prepare makes the presentations, marks the copies as used and writes the history, all durably.
func (d *Disclosure) prepare(ctx context.Context, picks []chosen, c Choice) (map[string][]string, map[string][]string, line, error) {
	w := d.w
	w.mu.Lock()
	defer w.mu.Unlock()
	token, undo := map[string][]string{}, map[string][]string{}
	records := map[string]*cardRecord{}
	e := Entry{Party: d.Verifier, Registered: d.Registered, Purpose: d.Purpose.In(w.opts.Lang), Extra: d.Extra}
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
		i := slices.IndexFunc(r.Copies, func(c copyState) bool { return !c.Used })
		if i < 0 {
			if !c.AllowReuse && !r.reusable() {
				return fail(&Error{NoMatch, fmt.Errorf("all copies of %q are used; get new ones from the issuer", displayName(r.Names, w.opts.Lang, r.Type))})
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
		token[p.query] = append(token[p.query], presentation)
		name := displayName(r.Names, w.opts.Lang, r.Type)
		if e.Card != "" {
			e.Card += ", "
		}
		e.Card += name
		for _, path := range p.paths {
			e.Claims = append(e.Claims, path.String())
		}
	}
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
	if err := w.store.commit(ctx, writes...); err != nil {
		return fail(err)
	}
	return token, undo, line{w1.name, e}, nil
}

// present selects the claims and binds them to this exchange.
func (w *Wallet) present(r *cardRecord, copyID string, paths []sdjwt.Path, request openid4vp.Request) (string, error) {
	data, err := w.store.get(copyName(r.ID, copyID))
	if err != nil {
		return "", err
	}
	var c copyRecord
	if err := read(data, &c); err != nil {
		return "", err
	}
	key, err := x509.ParsePKCS8PrivateKey(c.Key)
	if err != nil {
		return "", &Error{StoreCorrupt, errors.New("a private key does not parse")}
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return "", &Error{StoreCorrupt, fmt.Errorf("a private key is a %T", key)}
	}
	s, err := sdjwt.Parse(c.Credential)
	if err != nil {
		return "", &Error{StoreCorrupt, fmt.Errorf("credential: %v", err)}
	}
	selected, err := s.Select(paths)
	if err != nil {
		return "", &Error{NoMatch, err}
	}
	return selected.Bind(signer, sdjwt.KeyBinding{Audience: request.ClientID, Nonce: request.Nonce, IssuedAt: w.opts.Now()})
}

// Refuse tells the verifier access_denied, in the same words for "declined" and "no match".
func (d *Disclosure) Refuse(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return errDone
	}
	d.done = true
	outcome := UserDeclined
	if d.matches == nil {
		outcome = NoMatch
	}
	err := categorised(d.client.Refuse(ctx, d.asked, oauth.AccessDenied), EndpointRefused)
	return errors.Join(err, d.w.note(ctx, Entry{
		Kind: "refused", Party: d.Verifier, Registered: d.Registered, Purpose: d.Purpose.In(d.w.opts.Lang), Outcome: string(outcome),
	}))
}
