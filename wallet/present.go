package wallet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
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
	Address    string // host that the answer goes to, as it stands on the wire: other letters than a-z are in punycode
	// What the register says, if it covers all that is asked: empty when Extra is not, since then it speaks of another question.
	Terms
	Extra []string // claims outside the registered purpose, as people read them
	Rule  *Rule    // what the register lets this verifier ask instead; nil if Extra is empty
	Sets  []Set    // what can be answered; empty: no match

	w       *Wallet
	client  *openid4vp.Client
	asked   *openid4vp.Asked
	matches *openid4vp.Matches
	records map[string]*cardRecord
	proof   []byte // registry proof of the verifier

	mu     sync.Mutex
	done   bool
	usedUp bool   // an answer failed because all copies are used
	entry  string // line of the history
}

// Terms are what the register says about a question: why it is asked, and what happens to the answer.
type Terms struct {
	Purpose     trust.Text
	LegalBasis  string
	KeepDays    int        // how long answers are kept; 0: not at all
	OutcomeDays int        // how long only the outcome is kept; 0: the register does not say
	PassedOn    trust.Text // to whom answers are passed on; empty: the register does not say
}

// terms reads an accreditation. Its texts are of somebody else.
func terms(a *trust.Accreditation) Terms {
	clean := func(t trust.Text) trust.Text {
		out := trust.Text{}
		for lang, text := range t {
			out[lang] = safe(text, 500)
		}
		return out
	}
	return Terms{clean(a.Purpose), safe(a.LegalBasis, 300), a.KeepDays, a.OutcomeDays, clean(a.PassedOn)}
}

// Rule is the accreditation that a request goes beyond.
type Rule struct {
	Terms
	Allowed []Claim // what may be asked; without values
	Beyond  []Claim // one for each of Extra; without a path if a whole card may not be asked
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
	// Always is what goes along with this card whatever is asked, since its issuer did not make it possible to leave it out.
	Always []Claim
	// Later is what the query's later claim sets would share instead, in the verifier's order: see Choice.ClaimSets.
	Later [][]Claim
	Extra bool // this kind of card lies outside the registered purpose, whatever it shares
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
	// Always: it goes along with the card whatever is asked, and was not asked.
	Always bool
}

// ErrNotAccepted: the verifier received the answer and did not take it. It is [EndpointRefused].
var ErrNotAccepted = errors.New("the verifier did not accept the answer")

// ErrArrived: the verifier took the answer; only where it wants the browser to go is not allowed. It is [EndpointRefused].
var ErrArrived = errors.New("the answer arrived")

// ErrUnsure: the answer went out, and nobody knows whether it arrived.
var ErrUnsure = errors.New("the answer was sent, and there was no reply")

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
		Verifier: safe(asked.Verifier.Name, 200), Registered: asked.Verifier.Registered, Address: host(asked.Request.ResponseURI),
	}
	if p := asked.Permission; p != nil {
		switch a := p.Accreditation; {
		case a == nil:
		case len(p.Extra) > 0:
			d.Verifier, d.Rule = safe(a.Name, 200), &Rule{Terms: terms(a)}
		default:
			d.Verifier, d.Terms = safe(a.Name, 200), terms(a)
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

// host is the host of an address as it stands on the wire. Of one that is too long the end is kept: it says whose it is.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	// net/http knows how a name is written; the name alone is looked at.
	var wire bytes.Buffer
	if (&http.Request{Method: http.MethodHead, URL: &url.URL{Scheme: "http", Host: u.Hostname()}, Header: http.Header{}}).Write(&wire) != nil {
		return ""
	}
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return ""
	}
	name := strings.ToLower(safe(r.Host, len(r.Host)))
	if len(name) > maxHost {
		name = "…" + name[len(name)-maxHost:]
	}
	return name
}

// maxHost is as long as a name can be.
const maxHost = 253

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

// label puts the issuer's names on the claims outside the register and on those inside, where a card of the wallet has them.
func (d *Disclosure) label() {
	p := d.asked.Permission
	if p == nil || d.Rule == nil {
		return
	}
	for i, q := range p.Extra {
		d.Extra[i] = d.named(q.Types, q.Path, d.Extra[i])
		d.Rule.Beyond = append(d.Rule.Beyond, Claim{Path: q.Path.String(), Label: d.Extra[i], Extra: true})
	}
	for _, path := range p.Accreditation.Claims {
		name := d.named(p.Accreditation.Types, path, safe(path.String(), 120))
		d.Rule.Allowed = append(d.Rule.Allowed, Claim{Path: path.String(), Label: name})
	}
}

// named is what the issuer of a card of one of these types calls a claim, or the card itself if the path is empty.
func (d *Disclosure) named(types []string, path sdjwt.Path, otherwise string) string {
	for _, id := range slices.Sorted(maps.Keys(d.records)) {
		r := d.records[id]
		switch {
		case !slices.Contains(types, r.Type):
		case len(path) == 0:
			return displayName(r.Names, d.w.lang(), r.Type)
		default:
			if name := r.label(path, d.w.lang()); name != safe(path.String(), 120) {
				return name
			}
		}
	}
	return otherwise
}

// outside returns which of Extra a claim of a type of card is, or without a path the card itself; -1: none.
func (d *Disclosure) outside(kind string, path sdjwt.Path) int {
	p := d.asked.Permission
	if p == nil || p.Allows(trust.Question{Types: []string{kind}, Path: path}) {
		return -1
	}
	return slices.IndexFunc(p.Extra, func(q trust.Question) bool {
		return slices.Contains(q.Types, kind) && (len(q.Path) == 0 || q.Path.Covers(path))
	})
}

func (d *Disclosure) answer(query string) Answer {
	a := Answer{Query: query}
	for _, c := range d.matches.ByQuery[query] {
		r := d.records[c.HeldID]
		m := Match{
			Card: r.card(d.w.lang(), d.w.opts.Now()),
			Last: r.unused() == 1 && !r.reusable(), Reuse: r.unused() == 0 && !r.reusable(), Extra: d.outside(r.Type, nil) >= 0,
			Claims: d.claims(r, c.Disclose), Always: r.always(d.w.lang()),
		}
		for _, paths := range c.Later {
			m.Later = append(m.Later, d.claims(r, paths))
		}
		a.Cards = append(a.Cards, m)
	}
	return a
}

// claims are what these paths share of a card.
func (d *Disclosure) claims(r *cardRecord, paths []sdjwt.Path) []Claim {
	var out []Claim
	for _, p := range paths {
		claim := Claim{Path: p.String(), Label: r.label(p, d.w.lang()), Extra: d.outside(r.Type, p) >= 0}
		if values := p.Select(r.Claims); len(values) == 1 {
			claim.Value = values[0]
		} else {
			claim.Value = values
		}
		out = append(out, claim)
	}
	return out
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
	picks, err := d.choose(c)
	if err != nil {
		return "", err
	}
	within := c.Within && !slices.ContainsFunc(picks, d.beyond)
	if len(d.Extra) > 0 && !c.AllowExtra && !within {
		return "", &Error{RequestUntrusted, fmt.Errorf("asked outside the registered purpose: %s", strings.Join(d.Extra, ", "))}
	}
	token, undo, line, err := d.prepare(ctx, picks, c)
	if err != nil {
		d.usedUp = errors.As(err, new(*UsedError))
		return "", err
	}
	d.done = true
	reply, sent, err := d.client.Answer(ctx, d.asked, token)
	redirect, line.receipt = reply.RedirectURI, reply.Receipt
	d.entry = strings.TrimLeft(strings.TrimPrefix(line.name, historyPrefix), "0")
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
		err = &Error{EndpointRefused, fmt.Errorf("%w: %w", ErrArrived, err)}
		return "", errors.Join(err, d.finish(ctx, line, "shared", "ok", nil))
	}
	err = &Error{CategoryOf(err), fmt.Errorf("%w: %w", ErrUnsure, err)}
	return "", errors.Join(err, d.finish(ctx, line, "failed", string(CategoryOf(err)), nil))
}

// Entry is the id of the line of the history about what was sent, see [Wallet.History]; "" if nothing was.
func (d *Disclosure) Entry() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entry
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
				for n := range len(answer.Cards[0].Later) + 1 {
					for _, claim := range answer.Cards[0].Way(n) {
						if !claim.Always && !slices.Contains(shared, claim.Path) && !slices.Contains(names, claim.Label) {
							names = append(names, claim.Label)
						}
					}
				}
			}
		}
	}
	return names
}
