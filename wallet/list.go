package wallet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
)

// listed is what the list shows of a card: nothing about the person. It lies in records of its own, so that cards need
// not be decrypted to be listed.
type listed struct {
	_          struct{} `cbor:",toarray"`
	ID         string
	Type       string
	Names      []listedName // fit for a screen; the first is for languages that have none
	DID        did.DID      // of the issuer
	Issuer     string
	Registered bool
	Status     string
	Received   int64 // unix seconds, as the others; 0: none
	Expires    int64
	Checked    int64
	Unused     int
	Of         int // copies, used or not
	Grant      string
	Colour     string
}

type listedName struct {
	_    struct{} `cbor:",toarray"`
	Lang string
	Name string
}

// noLanguage is the language of nobody.
const noLanguage = "-"

func (r *cardRecord) listed() listed {
	l := listed{
		ID: r.ID, Type: r.Type, DID: r.Issuer.DID, Issuer: r.Issuer.Name, Registered: r.Issuer.Registered, Status: r.Status,
		Received: seconds(r.Received), Expires: seconds(r.Expires), Checked: seconds(r.Checked), Unused: r.unused(), Of: len(r.Copies), Grant: r.Grant,
		Colour: r.Colour,
	}
	l.Names = []listedName{{Lang: noLanguage, Name: displayName(r.Names, noLanguage, r.Type)}}
	for _, n := range r.Names {
		if lang := language(n.Locale); n.Name != "" {
			l.Names = append(l.Names, listedName{Lang: lang, Name: displayName(r.Names, lang, r.Type)})
		}
	}
	return l
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// reusable: an issuer outside the register that hands out one copy leaves no choice. A registered batch is never reused
// without being asked.
func (l *listed) reusable() bool { return !l.Registered && l.Of == 1 }

// card is the card without what it says about the person.
func (l *listed) card(lang string, now time.Time) Card {
	name := l.Names[0].Name
	if i := slices.IndexFunc(l.Names, func(n listedName) bool { return n.Lang == lang }); i > 0 {
		name = l.Names[i].Name
	}
	c := Card{
		ID: l.ID, Type: l.Type, Name: name, Issuer: l.Issuer, Registered: l.Registered,
		Status: l.Status, Copies: l.Unused, Batch: l.Of, Expires: moment(l.Expires), Checked: moment(l.Checked), Reusable: l.reusable(),
		Renewable: l.Grant != "" && l.Status != "revoked", Colour: l.Colour,
	}
	switch {
	case c.Status == "revoked":
	case expired(c.Expires, now):
		c.Status = "expired"
	case c.Status == "valid" && !c.Expires.IsZero() && now.Add(expiring).After(c.Expires):
		c.Status = "expiring"
	}
	return c
}

// cardList is the list of all cards, in parts that are read when they are first needed. A change of a card writes one.
type cardList struct {
	mu    sync.Mutex
	parts [listParts]*[]listed // by id; never changed, only replaced
	all   []*listed            // of all parts, newest first; nil: to be made
}

const (
	listPrefix = "list/"
	listParts  = 16
)

func listName(part int) string { return fmt.Sprint(listPrefix, part) }

func listPart(id string) int {
	sum := sha256.Sum256([]byte(id))
	return int(sum[0]) % listParts
}

// listedPart returns a part. The caller holds list.mu.
func (w *Wallet) listedPart(n int) ([]listed, error) {
	if p := w.list.parts[n]; p != nil {
		return *p, nil
	}
	data, err := w.store.get(listName(n))
	if err != nil {
		return nil, err
	}
	var part []listed
	if data != nil {
		err := cbor.Unmarshal(data, &part)
		if slices.ContainsFunc(part, func(l listed) bool { return len(l.Names) == 0 }) {
			err = errors.New("a card without a name")
		}
		if err != nil {
			return nil, &Error{StoreCorrupt, fmt.Errorf("the list of cards does not parse: %v", err)}
		}
	}
	w.list.parts[n] = &part
	return part, nil
}

// listed returns what the list shows of all cards, newest first. It is not to be changed.
func (w *Wallet) listed() ([]*listed, error) {
	w.list.mu.Lock()
	defer w.list.mu.Unlock()
	if w.list.all != nil {
		return w.list.all, nil
	}
	all := []*listed{}
	for n := range listParts {
		part, err := w.listedPart(n)
		if err != nil {
			return nil, err
		}
		for i := range part {
			all = append(all, &part[i])
		}
	}
	slices.SortFunc(all, func(a, b *listed) int {
		return cmp.Or(cmp.Compare(b.Received, a.Received), strings.Compare(a.ID, b.ID))
	})
	w.list.all = all
	return all, nil
}

// commit makes the changes all at once, those of the list that follow from them included. The caller holds mu.
func (w *Wallet) commit(ctx context.Context, writes ...write) error {
	parts, err := w.relist(writes)
	if err != nil {
		return err
	}
	for n, part := range parts {
		if len(part) == 0 {
			writes = append(writes, write{name: listName(n)})
			continue
		}
		data, err := cbor.Marshal(part)
		if err != nil {
			panic("wallet: internal error: list: " + err.Error())
		}
		writes = append(writes, write{name: listName(n), value: data})
	}
	if err := w.store.apply(ctx, writes...); err != nil || len(parts) == 0 {
		return err
	}
	w.list.mu.Lock()
	defer w.list.mu.Unlock()
	for n, part := range parts {
		w.list.parts[n] = &part
	}
	w.list.all = nil
	return nil
}

// relist returns the parts of the list that writes change, as they will be.
func (w *Wallet) relist(writes []write) (map[int][]listed, error) {
	w.list.mu.Lock()
	defer w.list.mu.Unlock()
	parts := map[int][]listed{}
	for _, c := range writes {
		id, ok := strings.CutPrefix(c.name, cardPrefix)
		if !ok {
			continue
		}
		n := listPart(id)
		if _, ok := parts[n]; !ok {
			part, err := w.listedPart(n)
			if err != nil {
				return nil, err
			}
			parts[n] = slices.Clone(part)
		}
		i, found := slices.BinarySearchFunc(parts[n], id, func(l listed, id string) int { return strings.Compare(l.ID, id) })
		if found {
			parts[n] = slices.Delete(parts[n], i, i+1)
		}
		if c.value != nil {
			r := new(cardRecord)
			if err := jose.Unmarshal(c.value, r); err != nil || r.ID != id {
				return nil, fmt.Errorf("card %q cannot be listed: %v", id, err)
			}
			parts[n] = slices.Insert(parts[n], i, r.listed())
		}
	}
	return parts, nil
}

// List returns all cards, newest first, without their claims and labels: no card is decrypted for it. [Wallet.Card] has
// the rest.
func (w *Wallet) List(ctx context.Context) ([]Card, error) {
	all, err := w.listed()
	if err != nil {
		return nil, err
	}
	cards := make([]Card, len(all))
	for i := range all {
		cards[i] = all[i].card(w.lang(), w.opts.Now())
	}
	return cards, nil
}

// Card returns one card with all it says. Error: [ErrNoCard].
func (w *Wallet) Card(ctx context.Context, id string) (*Card, error) {
	r, err := w.record(id)
	if err != nil {
		return nil, err
	}
	c := r.card(w.lang(), w.opts.Now())
	return &c, nil
}
