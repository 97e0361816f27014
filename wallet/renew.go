package wallet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

const grantPrefix = "grant/"

// grantRecord is the right to have cards issued again without a visit. Its key proves that right and nothing else: it is no
// card's, so it can move to another device in a backup.
type grantRecord struct {
	Issuer string `json:"issuer"` // credential issuer identifier
	Server string `json:"server"` // authorization server, which alone gets to see the token
	Token  string `json:"token"`
	Key    []byte `json:"key"` // PKCS #8
}

// ErrNotRenewable: the card was issued without the right to renew it, or the issuer has ended that right. It is
// [EndpointRefused]; a visit is needed.
var ErrNotRenewable = errors.New("this card cannot be renewed without the issuer; a visit is needed")

// newProver makes a key for the tokens of one issuance.
func (w *Wallet) newProver() (*oauth.Prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &oauth.Prover{Key: key, Now: w.opts.Now}, nil
}

// keepGrant writes down the right to renew that came with an issuance; "" if none did.
func (i *Issuance) keepGrant() (id string, writes []write, err error) {
	if i.grant.RefreshToken == "" {
		return "", nil, nil
	}
	key, err := x509.MarshalPKCS8PrivateKey(i.client.DPoP.Key)
	if err != nil {
		return "", nil, err
	}
	id = randomID()
	return id, []write{put(grantPrefix+id, grantRecord{
		Issuer: i.opened.Offer.CredentialIssuer, Server: i.opened.AuthorizationServer, Token: i.grant.RefreshToken, Key: key,
	})}, nil
}

// endGrants destroys the rights that no card uses any more when some cards are gone.
func endGrants(have []*listed, gone ...string) []write {
	var writes []write
	for _, r := range have {
		if r.Grant == "" || !slices.Contains(gone, r.ID) {
			continue
		}
		used := func(o *listed) bool { return o.Grant == r.Grant && !slices.Contains(gone, o.ID) }
		if !slices.ContainsFunc(have, used) {
			writes = append(writes, write{name: grantPrefix + r.Grant})
		}
	}
	return writes
}

// Renewal is a new batch of a card before it takes the place of the old one.
type Renewal struct {
	Issuer     string
	Registered bool
	Card       Card     // as it will be
	Changed    []Change // what it says otherwise than the card that is there; a person has to see that before Accept

	i     *Issuance
	card  string
	grant string
	auto  bool // nobody asked for it

	mu   sync.Mutex
	done bool
}

// Change is a claim that is different now.
type Change struct {
	Path  string `json:"path"`
	Label string `json:"label"`         // name for people
	Old   any    `json:"old,omitempty"` // nil: it was not there
	New   any    `json:"new,omitempty"` // nil: it is gone
}

// Renew fetches a new batch of a card from its issuer; nothing of the card is changed yet. The issuer is found and judged as
// at the first time, and has to be the same one. Errors by category: endpoint_refused (with [ErrNotRenewable] when only a visit
// helps), issuer_untrusted, credential_invalid (also when the batch is another person's), network. Further error: [ErrNoCard].
func (w *Wallet) Renew(ctx context.Context, cardID string) (*Renewal, error) {
	r, err := w.record(cardID)
	if err != nil {
		return nil, err
	}
	renewal, err := w.renew(ctx, r)
	if err != nil {
		return nil, w.notRenewed(ctx, r, false, err)
	}
	return renewal, nil
}

func (w *Wallet) renew(ctx context.Context, r *cardRecord) (*Renewal, error) {
	i, err := w.reopen(ctx, r)
	if err != nil {
		return nil, err
	}
	copies := 1
	if b := i.opened.Metadata.Batch; b != nil {
		copies = max(1, min(b.Size, maxCopies))
	}
	f, err := i.fetch(ctx, r.Config, copies)
	if err == nil {
		err = sameCard(r, f.record)
	}
	if err != nil {
		i.tell(ctx, openid4vci.CredentialFailure)
		return nil, err
	}
	f.record.ID, f.record.Grant, f.record.Received = r.ID, r.Grant, r.Received
	i.fetched = []*fetched{f}
	return &Renewal{
		Issuer: i.Issuer, Registered: i.Registered, Card: i.cards()[0], Changed: w.changes(r, f.record),
		i: i, card: r.ID, grant: r.Grant,
	}, nil
}

// notRenewed writes the history of what did not work.
func (w *Wallet) notRenewed(ctx context.Context, r *cardRecord, auto bool, err error) error {
	w.note(ctx, Entry{
		Kind: "failed", Party: r.Issuer.Name, Registered: r.Issuer.Registered, Card: displayName(r.Names, w.lang(), r.Type), Cards: []string{r.ID},
		Offer: true, Auto: auto, Outcome: string(CategoryOf(err)),
	})
	return err
}

// reopen finds the issuer of a card again and trades the right to renew for an access token.
func (w *Wallet) reopen(ctx context.Context, r *cardRecord) (*Issuance, error) {
	g, prover, err := w.renewalGrant(r.Grant)
	if err != nil {
		return nil, err
	}
	j := &judge{w: w}
	client := &openid4vci.Client{Fetch: w.opts.Fetch, Now: w.opts.Now, Policy: j.issuer, DPoP: prover}
	opened, err := client.Reopen(ctx, g.Issuer, g.Server, r.Config)
	if err != nil {
		err = categorised(err, EndpointRefused)
		if j.stale {
			err = w.blameClock(ctx, g.Issuer, err)
		}
		return nil, err
	}
	// Before the token is shown to anybody.
	if r.Issuer.Registered != (opened.Issuer != nil) || opened.Issuer != nil && opened.Issuer.DID != r.Issuer.DID {
		return nil, &Error{IssuerUntrusted, fmt.Errorf("%q is not the issuer of this card any more", g.Issuer)}
	}
	if opened.Metadata.Configurations[r.Config].VCT != r.Type {
		return nil, &Error{EndpointRefused, fmt.Errorf("the issuer does not issue %q as %q any more", r.Type, r.Config)}
	}
	i := &Issuance{w: w, client: client, opened: opened, proof: j.raw, Issuer: r.Issuer.Name, Registered: r.Issuer.Registered}
	i.grant, err = w.trade(ctx, client, opened, r.Grant)
	return i, err
}

func (w *Wallet) renewalGrant(id string) (*grantRecord, *oauth.Prover, error) {
	if id == "" {
		return nil, nil, &Error{EndpointRefused, ErrNotRenewable}
	}
	data, err := w.store.get(grantPrefix + id)
	if err != nil {
		return nil, nil, err
	}
	if data == nil {
		return nil, nil, &Error{EndpointRefused, ErrNotRenewable}
	}
	g := new(grantRecord)
	if err := read(data, g); err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(g.Key)
	if err != nil {
		return nil, nil, &Error{StoreCorrupt, errors.New("the key of a right to renew does not parse")}
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, &Error{StoreCorrupt, fmt.Errorf("the key of a right to renew is a %T", parsed)}
	}
	return g, &oauth.Prover{Key: key, Now: w.opts.Now}, nil
}

// trade uses the refresh token. One trade at a time, and the next token is on disk before anything else happens: the issuer
// takes one that was used before for a stolen one.
func (w *Wallet) trade(ctx context.Context, client *openid4vci.Client, opened *openid4vci.Opened, id string) (*openid4vci.Grant, error) {
	w.trading.Lock()
	defer w.trading.Unlock()
	g, _, err := w.renewalGrant(id)
	if err != nil {
		return nil, err
	}
	grant, err := client.Refresh(ctx, opened, g.Token)
	// The person can share meanwhile, and delete the card: then there is no right to keep.
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, _, gone := w.renewalGrant(id); gone != nil {
		return nil, gone
	}
	var refused *oauth.Error
	if errors.As(err, &refused) && refused.Code == oauth.InvalidGrant {
		writes, err := w.forgetGrant(id)
		if err == nil {
			err = w.commit(context.WithoutCancel(ctx), writes...)
		}
		return nil, errors.Join(&Error{EndpointRefused, fmt.Errorf("%w: %w", ErrNotRenewable, refused)}, err)
	}
	if err != nil {
		return nil, categorised(err, EndpointRefused)
	}
	if grant.RefreshToken != "" {
		g.Token = grant.RefreshToken
		if err := w.commit(context.WithoutCancel(ctx), put(grantPrefix+id, g)); err != nil {
			return nil, err
		}
	}
	return grant, nil
}

// forgetGrant destroys a right that the issuer has ended.
func (w *Wallet) forgetGrant(id string) ([]write, error) {
	have, err := w.listed()
	if err != nil {
		return nil, err
	}
	writes := []write{{name: grantPrefix + id}}
	for _, l := range have {
		if l.Grant == id {
			r, err := w.record(l.ID)
			if err != nil {
				return nil, err
			}
			r.Grant = ""
			writes = append(writes, put(cardPrefix+r.ID, r))
		}
	}
	return writes, nil
}

// sameCard says whether a new batch is of the same card: type, issuer, and person. Names and addresses change; somebody
// whose date of birth is another, or about whom nothing is as it was, is somebody else.
func sameCard(old, now *cardRecord) error {
	if now.Type != old.Type || !now.Issuer.same(old.Issuer) {
		return &Error{IssuerUntrusted, errors.New("the new batch is of another issuer or type")}
	}
	for _, name := range []string{"birthdate", "birth_date", "sub"} {
		a, had := old.Subject[name]
		b, has := now.Subject[name]
		if had && has && !sameValue(a, b) {
			return invalid("the new batch is another person's: %q differs", name)
		}
	}
	before, after := leaves(old.Subject), leaves(now.Subject)
	facts, same := 0, 0
	for path, v := range before {
		if _, yesNo := v.(bool); yesNo {
			continue // says little about who it is
		}
		facts++
		if sameValue(v, after[path]) {
			same++
		}
	}
	if facts > 0 && same == 0 {
		return invalid("the new batch is another person's: nothing is as it was")
	}
	return nil
}

func sameValue(a, b any) bool { return sameClaims(map[string]any{"": a}, map[string]any{"": b}) }

// leaves lists the values of claims by their path.
func leaves(claims map[string]any) map[string]any {
	all := map[string]any{}
	for name, v := range claims {
		below, ok := v.(map[string]any)
		if !ok {
			all[name] = v
			continue
		}
		for path, leaf := range leaves(below) {
			all[name+"."+path] = leaf
		}
	}
	return all
}

// changes compares what two batches say about the person.
func (w *Wallet) changes(old, now *cardRecord) []Change {
	before, after := leaves(old.Subject), leaves(now.Subject)
	labels := now.card(w.lang(), w.opts.Now()).Labels
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	var all []Change
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if a, b := before[path], after[path]; !sameValue(a, b) {
			c := Change{Path: path, Label: safe(path, 120), Old: a, New: b}
			if labels[path] != "" {
				c.Label = labels[path]
			}
			all = append(all, c)
		}
	}
	return all
}

// Accept puts the new batch in the place of the old one and destroys the keys of what is left of that, so that there is
// one card with one end. The issuer is told.
func (r *Renewal) Accept(ctx context.Context) (*Card, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return nil, errDone
	}
	r.done = true
	if err := r.store(ctx); err != nil {
		r.i.tell(ctx, openid4vci.CredentialFailure)
		return nil, err
	}
	r.i.tell(ctx, openid4vci.CredentialAccepted)
	card := r.i.cards()[0]
	return &card, nil
}

func (r *Renewal) store(ctx context.Context) error {
	w, f := r.i.w, r.i.fetched[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	old, err := w.record(r.card)
	if err != nil {
		return err // deleted meanwhile
	}
	if old.Grant != r.grant {
		return errDone // received anew meanwhile
	}
	var writes []write
	for _, c := range old.Copies {
		writes = append(writes, write{name: copyName(old.ID, c.ID)})
	}
	writes = append(writes, put(cardPrefix+f.record.ID, f.record), keepLogo(f.record.ID, f.logo))
	for n, c := range f.copies {
		writes = append(writes, putCopy(f.record.ID, f.record.Copies[n].ID, c))
	}
	if r.i.proof != nil {
		writes = append(writes, put(proofName(f.record.Issuer), r.i.proof))
	}
	writes = append(writes, w.entry(Entry{
		Kind: "renewed", Party: f.record.Issuer.Name, Registered: f.record.Issuer.Registered,
		Card: displayName(f.record.Names, w.lang(), f.record.Type), Cards: []string{f.record.ID}, Auto: r.auto, Outcome: "ok",
	}))
	tried, err := w.noteTry(r.card, r.grant, "ok")
	if err != nil {
		return err
	}
	writes = append(writes, tried...)
	if err := w.commit(ctx, writes...); err != nil {
		return err
	}
	return w.store.purge(ctx)
}

// Decline forgets the new batch; the card stays as it is. The issuer is told credential_deleted: nobody has these copies.
func (r *Renewal) Decline(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return errDone
	}
	r.done = true
	r.i.tell(ctx, credentialDeleted)
	r.i.fetched = nil
	w := r.i.w
	w.mu.Lock()
	defer w.mu.Unlock()
	writes, err := w.noteTry(r.card, r.grant, string(UserDeclined))
	if err != nil {
		return err
	}
	line := w.entry(Entry{
		Kind: "refused", Party: r.Issuer, Registered: r.Registered, Card: r.Card.Name, Cards: []string{r.card}, Offer: true, Outcome: string(UserDeclined),
	})
	return w.commit(context.WithoutCancel(ctx), append(writes, line)...)
}

// NeedsRenewal lists the cards that should be renewed now and can be: at most a third of the copies is left, the end is near
// or past, or the card came out of a backup; without claims, as [Wallet.List]. A program may renew them by itself and accept a batch that changes nothing.
func (w *Wallet) NeedsRenewal(ctx context.Context) ([]Card, error) {
	have, err := w.listed()
	if err != nil {
		return nil, err
	}
	cards := []Card{}
	for _, l := range have {
		c := l.card(w.lang(), w.opts.Now())
		if !c.Renewable || c.Status == "suspended" {
			continue
		}
		few := 3*l.Unused <= l.Of && !l.reusable()
		if few || c.Status == "expiring" || c.Status == "expired" || c.Status == ReissueStatus {
			cards = append(cards, c)
		}
	}
	return cards, nil
}
