package wallet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// maxCopies is how many copies the wallet asks for at a time.
const maxCopies = 10

// credentialDeleted tells the issuer that the person did not want what was issued (OpenID4VCI 1.0, Section 11.1).
const credentialDeleted = "credential_deleted"

// Issuance is an offer before it is accepted.
type Issuance struct {
	Issuer     string // registered name, or the address of an unregistered one
	Registered bool
	Address    string             // host of the issuer, as it stands on the wire
	Types      []string           // names of what is offered
	TxCode     *openid4vci.TxCode // not nil: a code from paper is needed; never set for an untrusted issuer
	Browser    bool               // the person proves who they are on a page of the issuer: Authorize is next, not Fetch

	w      *Wallet
	client *openid4vci.Client
	opened *openid4vci.Opened
	proof  []byte                                           // registry proof
	redeem func(context.Context) (*openid4vci.Grant, error) // of a code that the browser brought

	mu      sync.Mutex
	fetched []*fetched
	grant   *openid4vci.Grant
	notify  []string
	done    bool
}

// fetched is a card with its copies, not stored yet.
type fetched struct {
	record *cardRecord
	copies []copyRecord
	logo   []byte
}

// Receive opens an offer link. Errors by category: issuer_untrusted, request_malformed, endpoint_refused, network.
func (w *Wallet) Receive(ctx context.Context, link string) (*Issuance, error) {
	j := &judge{w: w}
	prover, err := w.newProver()
	if err != nil {
		return nil, err
	}
	client := &openid4vci.Client{Fetch: w.opts.Fetch, Now: w.opts.Now, Policy: j.issuer, DPoP: prover}
	opened, err := client.Open(ctx, link)
	if err != nil {
		err = categorised(err, RequestMalformed)
		if j.stale {
			err = w.blameClock(ctx, offerAddress(link), err)
		}
		return nil, err
	}
	i := w.issuance(client, opened, j.raw)
	i.Browser = opened.InBrowser()
	return i, nil
}

// issuance says what is about to happen with an issuer that was looked up.
func (w *Wallet) issuance(client *openid4vci.Client, opened *openid4vci.Opened, proof []byte) *Issuance {
	i := &Issuance{w: w, client: client, opened: opened, proof: proof, Issuer: safe(opened.Offer.CredentialIssuer, 200),
		Address: host(opened.Offer.CredentialIssuer)}
	if opened.Issuer != nil {
		i.Issuer, i.Registered = safe(opened.Issuer.Name, 200), true
	}
	for _, id := range opened.Offer.ConfigurationIDs {
		i.Types = append(i.Types, displayName(configurationNames(opened, id), w.lang(), id))
	}
	if g := opened.Offer.Grants; g != nil && g.PreAuthorized != nil && g.PreAuthorized.TxCode != nil {
		code := *g.PreAuthorized.TxCode
		code.Description = safe(code.Description, 300)
		i.TxCode = &code
	}
	return i
}

// offerAddress is where an offer comes from.
func offerAddress(link string) string {
	offer, uri, err := openid4vci.ParseLink(link)
	if err == nil && offer != nil {
		return offer.CredentialIssuer
	}
	return uri
}

func configurationNames(o *openid4vci.Opened, id string) []openid4vci.Display {
	if m := o.Metadata.Configurations[id].Metadata; m != nil {
		return m.Display
	}
	return nil
}

// ErrOfferGone: the issuer does not know the code of the offer any more: it was used, or its time is over. It is
// [EndpointRefused].
var ErrOfferGone = errors.New("the offer is not there any more")

// ErrWrongCode: the issuer did not take the code from paper. It is [EndpointRefused]; Fetch may be tried again with another.
var ErrWrongCode = errors.New("wrong code")

var errDone = errors.New("this was answered already")

// Fetch redeems the code and fetches the batch; the cards can then be looked at but are not stored yet. A credential that
// does not hold makes the whole batch fail, and the issuer is told. Errors by category: credential_invalid,
// issuer_untrusted, endpoint_refused (the issuer refused, as for a wrong code), network.
func (i *Issuance) Fetch(ctx context.Context, txCode string) ([]Card, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done || i.grant != nil || i.Browser {
		return nil, errDone
	}
	redeem := i.redeem
	if redeem == nil {
		redeem = func(ctx context.Context) (*openid4vci.Grant, error) { return i.client.Redeem(ctx, i.opened, txCode) }
	} else if txCode != "" {
		return nil, errDone
	}
	grant, err := redeem(ctx)
	if err != nil {
		i.done = i.redeem != nil // a code of the browser is tried once
		var refused *oauth.Error
		if errors.As(err, &refused) && refused.Code == oauth.InvalidGrant {
			why := ErrOfferGone
			if i.TxCode != nil {
				why = ErrWrongCode // one cannot be told from the other
			}
			err = &Error{EndpointRefused, fmt.Errorf("%w: %w", why, refused)}
		}
		return nil, i.failed(ctx, categorised(err, EndpointRefused))
	}
	i.grant = grant
	copies := 1
	if b := i.opened.Metadata.Batch; b != nil {
		copies = max(1, min(b.Size, maxCopies))
	}
	var all []*fetched
	for _, id := range i.opened.Offer.ConfigurationIDs {
		f, err := i.fetch(ctx, id, copies)
		if err != nil {
			i.tell(ctx, openid4vci.CredentialFailure)
			i.done = true
			return nil, i.failed(ctx, err)
		}
		all = append(all, f)
	}
	i.fetched = all
	return i.cards(), nil
}

func (i *Issuance) cards() []Card {
	cards := []Card{}
	for _, f := range i.fetched {
		c := f.record.card(i.w.lang(), i.w.opts.Now())
		c.Logo = f.logo
		cards = append(cards, c)
	}
	return cards
}

// failed writes the history.
func (i *Issuance) failed(ctx context.Context, err error) error {
	i.w.note(ctx, Entry{Kind: "failed", Party: i.Issuer, Registered: i.Registered, Offer: true, Outcome: string(CategoryOf(err))})
	return err
}

// tell notifies the issuer. The wallet does not depend on the answer.
func (i *Issuance) tell(ctx context.Context, event string) {
	for _, id := range i.notify {
		i.client.Notify(context.WithoutCancel(ctx), i.opened, i.grant, id, event)
	}
}

func invalid(format string, args ...any) error {
	return &Error{CredentialInvalid, fmt.Errorf(format, args...)}
}

// fetch asks for the copies of one configuration, each for a key of its own, and checks them all.
func (i *Issuance) fetch(ctx context.Context, id string, n int) (*fetched, error) {
	keys := make([]crypto.Signer, n)
	for k := range keys {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		keys[k] = key
	}
	issued, err := i.client.Request(ctx, i.opened, i.grant, id, keys)
	if issued != nil {
		i.notify = append(i.notify, issued.NotificationIDs...)
	}
	if err != nil {
		return nil, categorised(err, EndpointRefused)
	}
	config := i.opened.Metadata.Configurations[id]
	validator := &credential.Validator{Trust: i.opened.Policy, Status: noStatus, Now: i.w.opts.Now}
	f := &fetched{record: &cardRecord{
		ID: randomID(), Type: config.VCT, Config: id, Source: i.opened.Offer.CredentialIssuer, Names: textsOf(configurationNames(i.opened, id)),
		Received: i.w.opts.Now().UTC().Truncate(time.Second), Status: "valid",
	}}
	if config.Metadata != nil {
		for _, c := range config.Metadata.Claims {
			if path, err := sdjwt.ParsePath(c.Path); err == nil {
				f.record.ClaimNames = append(f.record.ClaimNames, claimName{path, textsOf(c.Display)})
			}
		}
	}
	left := keys
	for _, compact := range issued.Credentials {
		var key crypto.Signer
		if key, left, err = takeKey(compact, config.VCT, left); err != nil {
			return nil, err
		}
		c, err := validator.Issued(ctx, compact, config.VCT, key.Public())
		if err != nil {
			if credential.CategoryOf(err) == credential.UntrustedIssuer {
				return nil, &Error{IssuerUntrusted, err}
			}
			return nil, &Error{CredentialInvalid, err}
		}
		if i.opened.Issuer != nil && (!c.Issuer.Registered || c.Issuer.DID != i.opened.Issuer.DID) {
			return nil, &Error{IssuerUntrusted, fmt.Errorf("the credential is of %q, the offer of %q", c.Issuer.Name, i.opened.Issuer.Name)}
		}
		if err := f.add(c, key); err != nil {
			return nil, err
		}
	}
	if len(f.copies) == 0 {
		return nil, invalid("the issuer sent nothing")
	}
	f.record.Colour, f.logo = look(&i.opened.Metadata, id, i.w.lang())
	return f, nil
}

func noStatus(context.Context, *trust.Identity, statuslist.Ref) (statuslist.Status, time.Time, error) {
	return 0, time.Time{}, statuslist.ErrUnavailable
}

// takeKey finds the key that a credential of the type was made for. Copies may come in any order, each key serves once.
// Nothing is verified yet.
func takeKey(compact, vct string, keys []crypto.Signer) (crypto.Signer, []crypto.Signer, error) {
	s, err := sdjwt.Parse(compact)
	if err != nil {
		return nil, keys, invalid("%v", err)
	}
	payload, err := s.Payload()
	if err != nil {
		return nil, keys, invalid("%v", err)
	}
	if payload["vct"] != any(vct) {
		return nil, keys, invalid("the credential is not of the type that was offered")
	}
	cnf, _ := payload["cnf"].(map[string]any)
	raw, err := json.Marshal(cnf["jwk"])
	if err != nil {
		return nil, keys, invalid("cnf: %v", err)
	}
	jwk, err := jose.ParseJWK(raw)
	if err != nil {
		return nil, keys, invalid("cnf: %v", err)
	}
	for k, key := range keys {
		if pub, ok := key.Public().(*ecdsa.PublicKey); ok && pub.Equal(jwk.Key) {
			return key, append(append([]crypto.Signer{}, keys[:k]...), keys[k+1:]...), nil
		}
	}
	return nil, keys, invalid("cnf is not a key of this wallet, or one that has a copy already")
}

// add takes a checked copy. All copies of a card say the same about the person.
func (f *fetched) add(c *credential.Credential, key crypto.Signer) error {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("key is a %T", key)
	}
	kept, err := newCopy(private, c.SDJWT)
	if err != nil {
		return err
	}
	r := f.record
	if err := r.addOpen(c.SDJWT); err != nil {
		return invalid("%v", err)
	}
	issuer := issuerRecord{DID: c.Issuer.DID, Name: safe(c.Issuer.Name, 200), Registered: c.Issuer.Registered}
	if !issuer.Registered && c.Issuer.Leaf != nil {
		issuer.Subject = c.Issuer.Leaf.RawSubject
	}
	if len(f.copies) == 0 {
		r.Issuer, r.Subject, r.Expires = issuer, c.Subject(), c.Expires
		r.KeyIDs = openid4vp.AuthorityKeyIDs(c.SDJWT.Header().X5C)
		r.Claims = map[string]any{}
		for name, v := range c.Claims {
			if name != "cnf" && name != "status" {
				r.Claims[name] = v
			}
		}
	} else {
		if !r.Issuer.same(issuer) || !sameClaims(r.Subject, c.Subject()) {
			return invalid("the copies of one card differ")
		}
		if !c.Expires.IsZero() && (r.Expires.IsZero() || c.Expires.Before(r.Expires)) {
			r.Expires = c.Expires
		}
	}
	r.Copies = append(r.Copies, copyState{ID: randomID(), Status: c.Status})
	f.copies = append(f.copies, kept)
	return nil
}

// sameClaims compares by JSON, whose object members come sorted.
func sameClaims(a, b map[string]any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// renews reports whether a card takes the place of one that is there: nobody has two of the same.
func (f *fetched) renews(old *cardRecord) bool {
	return old.Type == f.record.Type && old.Issuer.same(f.record.Issuer) && sameClaims(old.Subject, f.record.Subject)
}

// Renews says, for each card that Fetch returned, whether it takes the place of one that is there.
func (i *Issuance) Renews() ([]bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []bool
	for _, f := range i.fetched {
		have, err := i.w.records(f.record.Type)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.ContainsFunc(have, f.renews))
	}
	return out, nil
}

// Accept stores what was fetched and tells the issuer. A card of the same type, issuer and content that is there already
// gets the new copies instead of the old ones.
func (i *Issuance) Accept(ctx context.Context) ([]Card, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done || i.fetched == nil {
		return nil, errDone
	}
	i.done = true
	if err := i.store(ctx); err != nil {
		i.tell(ctx, openid4vci.CredentialFailure)
		return nil, err
	}
	i.tell(ctx, openid4vci.CredentialAccepted)
	return i.cards(), nil
}

func (i *Issuance) store(ctx context.Context) error {
	w := i.w
	w.mu.Lock()
	defer w.mu.Unlock()
	have, err := w.listed()
	if err != nil {
		return err
	}
	grant, writes, err := i.keepGrant()
	if err != nil {
		return err
	}
	var replaced []string
	for n, f := range i.fetched {
		same, err := w.records(f.record.Type)
		if err != nil {
			return err
		}
		for _, old := range same {
			if !f.renews(old) {
				continue
			}
			replaced = append(replaced, old.ID)
			f.record.ID = old.ID
			for _, c := range old.Copies {
				writes = append(writes, write{name: copyName(old.ID, c.ID)})
			}
		}
		f.record.Grant = grant
		writes = append(writes, put(cardPrefix+f.record.ID, f.record), keepLogo(f.record.ID, f.logo))
		for k, c := range f.copies {
			writes = append(writes, putCopy(f.record.ID, f.record.Copies[k].ID, c))
		}
		if n == 0 && i.proof != nil {
			writes = append(writes, put(proofName(f.record.Issuer), i.proof))
		}
	}
	writes = append(writes, endGrants(have, replaced...)...)
	e := Entry{Kind: "received", Party: i.fetched[0].record.Issuer.Name, Registered: i.fetched[0].record.Issuer.Registered, Outcome: "ok"}
	for _, f := range i.fetched {
		if e.Card != "" {
			e.Card += ", "
		}
		e.Card += displayName(f.record.Names, w.lang(), f.record.Type)
		e.Cards = append(e.Cards, f.record.ID)
	}
	if err := w.commit(ctx, append(writes, w.entry(e))...); err != nil {
		return err
	}
	if len(replaced) > 0 {
		return w.store.purge(ctx)
	}
	return nil
}

func proofName(i issuerRecord) string {
	if !i.Registered {
		return ""
	}
	return factPrefix + string(i.DID)
}

// Decline drops the offer. Before Fetch the issuer hears nothing. After it what was fetched is forgotten, and the issuer
// told credential_deleted: it then knows that nobody has these copies, and not why.
func (i *Issuance) Decline(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done {
		return errDone
	}
	i.done = true
	if i.grant != nil {
		i.tell(ctx, credentialDeleted)
	}
	i.fetched = nil
	return i.w.note(ctx, Entry{Kind: "refused", Party: i.Issuer, Registered: i.Registered, Offer: true, Outcome: string(UserDeclined)})
}
