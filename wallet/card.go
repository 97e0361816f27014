package wallet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// Card is a credential as people see it: one card, however many single-use copies there are.
type Card struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"` // vct
	Name       string         `json:"name"`
	Issuer     string         `json:"issuer"`
	Registered bool           `json:"registered"`
	Status     string         `json:"status"` // valid, expiring, expired, revoked, suspended, unknown, [ReissueStatus]
	Copies     int            `json:"copies"` // unused copies left
	Batch      int            `json:"batch"`  // copies there were when it came
	Expires    time.Time      `json:"expires,omitzero"`
	Checked    time.Time      `json:"checked,omitzero"` // when the status was last checked
	Claims     map[string]any `json:"claims"`
	// Labels are the issuer's names of claims, by path as "address.locality".
	Labels map[string]string `json:"labels,omitempty"`
	// Order is the paths of Labels in the order of the issuer's claims description.
	Order []string `json:"-"`
	// Reusable: a foreign issuer gave one copy only, which is shown again and again; those who see it can tell that it
	// is the same card.
	Reusable bool `json:"reusable,omitempty"`
	// Renewable: new copies can be had without a visit, see [Wallet.Renew].
	Renewable bool `json:"renewable,omitempty"`
	// Colour is the issuer's colour for its face, as "#1b3a6b"; empty: none.
	Colour string `json:"colour,omitempty"`
	// Logo is the logo on its face before the card is kept; that of a card that is kept comes from [Wallet.Logo].
	Logo []byte `json:"-"`
}

// expiring is how long before its end a card says so.
const expiring = 30 * 24 * time.Hour

// tolerance for the end of a card, as the verifier's.
const tolerance = 60 * time.Second

const (
	cardPrefix = "card/"
	copyPrefix = "copy/"
	seenName   = "seen"
	factPrefix = "proof/"
)

// cardRecord is a card as stored. What is secret or large is in its copies.
type cardRecord struct {
	ID         string               `json:"id"`
	Type       string               `json:"type"`
	Config     string               `json:"config"`
	Source     string               `json:"source"` // credential issuer identifier
	Names      []openid4vci.Display `json:"names,omitempty"`
	ClaimNames []claimName          `json:"claim_names,omitempty"`
	Issuer     issuerRecord         `json:"issuer"`
	Claims     map[string]any       `json:"claims"`  // all but those that differ between copies
	Subject    map[string]any       `json:"subject"` // those about the person
	Received   time.Time            `json:"received"`
	Expires    time.Time            `json:"expires,omitzero"`
	Status     string               `json:"status"`
	Checked    time.Time            `json:"checked,omitzero"`
	Open       []openClaim          `json:"open,omitempty"`    // go along with every presentation
	KeyIDs     [][]byte             `json:"key_ids,omitempty"` // authority key identifiers
	Copies     []copyState          `json:"copies"`
	Grant      string               `json:"grant,omitempty"` // the right to renew it
	Colour     string               `json:"colour,omitempty"`
}

type claimName struct {
	Path    sdjwt.Path           `json:"path"`
	Display []openid4vci.Display `json:"display"`
}

type issuerRecord struct {
	DID        did.DID `json:"did,omitempty"`
	Name       string  `json:"name"`
	Registered bool    `json:"registered"`
	Subject    []byte  `json:"subject,omitempty"` // raw subject of a foreign issuer's certificate
}

// same reports whether two issuers are one party.
func (i issuerRecord) same(o issuerRecord) bool {
	if i.Registered || o.Registered {
		return i.Registered == o.Registered && i.DID == o.DID
	}
	return i.DID == o.DID && string(i.Subject) == string(o.Subject)
}

type copyState struct {
	ID     string          `json:"id"`
	Used   bool            `json:"used,omitempty"`
	Status *statuslist.Ref `json:"status,omitempty"`
}

// read decodes a record of the store.
func read(data []byte, v any) error {
	if data == nil {
		return &Error{StoreCorrupt, errors.New("a record is missing")}
	}
	if err := jose.Unmarshal(data, v); err != nil {
		return &Error{StoreCorrupt, fmt.Errorf("a record does not parse: %v", err)}
	}
	return nil
}

func (r *cardRecord) unused() int {
	n := 0
	for _, c := range r.Copies {
		if !c.Used {
			n++
		}
	}
	return n
}

func (r *cardRecord) reusable() bool { return !r.Issuer.Registered && len(r.Copies) == 1 }

func (r *cardRecord) expired(now time.Time) bool { return expired(r.Expires, now) }

func expired(end, now time.Time) bool { return !end.IsZero() && now.After(end.Add(tolerance)) }

func (r *cardRecord) card(lang string, now time.Time) Card {
	l := r.listed()
	c := l.card(lang, now)
	c.Claims = r.Subject
	for _, n := range r.ClaimNames {
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
		path := n.Path.String()
		c.Labels[path], c.Order = displayName(n.Display, lang, path), append(c.Order, path)
	}
	return c
}

// label names a claim for people; without a name of the issuer it is the path.
func (r *cardRecord) label(path sdjwt.Path, lang string) string {
	for _, n := range r.ClaimNames {
		if slices.Equal(n.Path, path) {
			return displayName(n.Display, lang, path.String())
		}
	}
	return safe(path.String(), 120)
}

func displayName(displays []openid4vci.Display, lang, fallback string) string {
	best := ""
	for _, d := range displays {
		spoken := language(d.Locale)
		if d.Name != "" && (best == "" || spoken == lang) {
			best = d.Name
			if spoken == lang {
				break
			}
		}
	}
	if best == "" {
		best = fallback
	}
	return safe(best, 120)
}

// language returns the language of a locale, as "nl" of "nl-NL".
func language(locale string) string {
	language, _, _ := strings.Cut(strings.ToLower(locale), "-")
	return language
}

// safe makes a text of somebody else fit for a screen: no control or direction characters, no line breaks, not too long.
func safe(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			return -1 // control, format, direction and invisible characters
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit-1]) + "…"
	}
	return s
}

// records returns the cards of some types, newest first; of all types if types is nil.
func (w *Wallet) records(types ...string) ([]*cardRecord, error) {
	have, err := w.listed()
	if err != nil {
		return nil, err
	}
	var all []*cardRecord
	for _, l := range have {
		if types != nil && !slices.Contains(types, l.Type) {
			continue
		}
		r, err := w.record(l.ID)
		if errors.Is(err, ErrNoCard) {
			err = &Error{StoreCorrupt, err} // it is in the list
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// ErrNoCard: there is no card with this id.
var ErrNoCard = errors.New("no such card")

func (w *Wallet) record(id string) (*cardRecord, error) {
	data, err := w.store.get(cardPrefix + id)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoCard, id)
	}
	r := new(cardRecord)
	if err := read(data, r); err != nil {
		return nil, err
	}
	return r, nil
}

// Cards returns all cards with all they say, newest first. A program that shows a list has enough with [Wallet.List].
func (w *Wallet) Cards(ctx context.Context) ([]Card, error) {
	records, err := w.records()
	if err != nil {
		return nil, err
	}
	return w.cards(records), nil
}

func (w *Wallet) cards(records []*cardRecord) []Card {
	cards := []Card{}
	for _, r := range records {
		cards = append(cards, r.card(w.lang(), w.opts.Now()))
	}
	return cards
}

// Delete removes a card and destroys its keys, and the right to renew it; the history stays. The key of a copy that was
// shown, and for which there is a receipt, stays with the receipt, apart from the card, so that the one who saw it can
// still be asked to delete: see [Wallet.AskErasure] and [Wallet.ForgetReceipt]. Without its copy it shows nothing any
// more. Error: [ErrNoCard].
func (w *Wallet) Delete(ctx context.Context, cardID string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.record(cardID)
	if err != nil {
		return err
	}
	have, err := w.listed()
	if err != nil {
		return err
	}
	writes := append(endGrants(have, r.ID), write{name: cardPrefix + r.ID}, keepLogo(r.ID, nil))
	for _, c := range r.Copies {
		writes = append(writes, write{name: copyName(r.ID, c.ID)})
	}
	writes = append(writes, w.entry(Entry{
		Kind: "deleted", Party: r.Issuer.Name, Registered: r.Issuer.Registered, Card: displayName(r.Names, w.lang(), r.Type), Cards: []string{r.ID},
		Outcome: "ok",
	}))
	if err := w.commit(ctx, writes...); err != nil {
		return err
	}
	return w.store.purge(ctx)
}

// Entry is a line of the history. It names claims, never their values.
type Entry struct {
	ID         string    `json:"id"` // stays the same for good
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"` // received, renewed, shared, refused, failed, revoked, deleted, restored
	Party      string    `json:"party"`
	Registered bool      `json:"registered"`
	Unknown    bool      `json:"unknown,omitempty"` // who it was is not known; Party is the address the request came from
	Purpose    string    `json:"purpose,omitempty"`
	Card       string    `json:"card,omitempty"`
	Cards      []string  `json:"cards,omitempty"` // ids of the cards it is about, as [Card.ID]
	Claims     []string  `json:"claims,omitempty"`
	Labels     []string  `json:"labels,omitempty"` // names of the claims for people, in the same order
	Extra      []string  `json:"extra,omitempty"`  // outside the registered purpose: what was shared all the same, or asked by a request that was refused
	Outcome    string    `json:"outcome"`          // ok or a category

	// Withheld are the names for people of what was asked and not shared.
	Withheld []string `json:"withheld,omitempty"`
	// What the register said about what was shared, see [Terms].
	KeepDays    int    `json:"keep_days,omitempty"`
	OutcomeDays int    `json:"outcome_days,omitempty"`
	PassedOn    string `json:"passed_on,omitempty"`
	Unsent      bool   `json:"unsent,omitempty"` // it failed before anything left the device
	Offer       bool   `json:"offer,omitempty"`  // about a card that Party handed out, or would have; nobody asked for data
	Auto        bool   `json:"auto,omitempty"`   // the wallet did it by itself

	// Receipt is what the other party signed about it, if it did, and CanErase tells that this wallet can ask it to delete:
	// see [Wallet.AskErasure]. Erasures are its answers.
	Receipt  *Receipt        `json:"receipt,omitempty"`
	CanErase bool            `json:"can_erase,omitempty"`
	Erasures []ErasureAnswer `json:"erasures,omitempty"`
}

const historyPrefix = "history/"

// entry makes the next line of the history. The caller holds mu until it is committed.
func (w *Wallet) entry(e Entry) write {
	last, err := w.lines()
	if err != nil {
		return write{err: err}
	}
	e.Time = w.opts.Now().UTC().Truncate(time.Second)
	return put(lineName(last+1), e)
}

func lineName(n int) string { return fmt.Sprintf("%s%012d", historyPrefix, n) }

// lines returns the number of the newest line of the history. Lines are numbered from 1 without gaps, and none is ever
// deleted.
func (w *Wallet) lines() (int, error) {
	n := int(w.known.Load())
	for step, up := 1, true; step > 0; {
		is, err := w.store.has(lineName(n + step))
		if err != nil {
			return 0, err
		}
		if is {
			n += step
		}
		if up = up && is; up {
			step *= 2
		} else {
			step /= 2
		}
	}
	w.known.Store(int64(n))
	return n, nil
}

// note commits one line of the history by itself. A line that cannot be written hides nothing: the error of what it is
// about is what the person gets to see.
func (w *Wallet) note(ctx context.Context, e Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.commit(context.WithoutCancel(ctx), w.entry(e))
}

// History lists entries, newest first.
func (w *Wallet) History(ctx context.Context) ([]Entry, error) {
	return w.HistorySince(ctx, time.Time{})
}

// HistorySince lists entries, newest first, up to the first one from before a moment. The others are not read.
func (w *Wallet) HistorySince(ctx context.Context, since time.Time) ([]Entry, error) {
	last, err := w.lines()
	if err != nil {
		return nil, err
	}
	entries := []Entry{}
	for n := last; n > 0; n-- {
		e, err := w.readEntry(lineName(n))
		if err != nil {
			return nil, err
		}
		if e.Time.Before(since) {
			break
		}
		entries = append(entries, e)
	}
	return entries, nil
}
