package wallet

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// CallbackURI is where the browser comes back to a wallet with a screen (RFC 8252, Section 7.1). Any program may claim the scheme; what
// it would get is worth nothing without what this wallet keeps.
const CallbackURI = CallbackScheme + ":/callback"

// CallbackScheme is the scheme of [CallbackURI].
const CallbackScheme = "id.zegel.wallet"

// pendingName is the one record of requests whose answers the browser has to bring.
const pendingName = "pending"

// maxPending is how many pages may be open in the browser; the oldest goes.
const maxPending = 4

// pendingRecord is a request that a person answers in a browser. It outlives a lock and the end of the program: on a phone the
// wallet may be gone when the browser comes back.
type pendingRecord struct {
	openid4vci.Authorization
	Key []byte `json:"key"` // PKCS #8, of the tokens
}

// ErrUnasked: what the browser brought is no answer to a request of this wallet, or not of the server that was asked. It is
// [RequestMalformed]; nothing was sent to anybody.
var ErrUnasked = errors.New("the browser brought no answer to what this wallet asked")

// Authorize asks the issuer for the page on which the person proves who they are, and returns its address, to be opened in the
// browser of the system. The browser comes back to redirectURI, and what it brings is for [Wallet.Return]; this issuance is over then.
// Errors by category: endpoint_refused, network.
func (i *Issuance) Authorize(ctx context.Context, redirectURI string) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done || !i.Browser {
		return "", errDone
	}
	page, a, err := i.client.Authorize(ctx, i.opened, redirectURI)
	if err != nil {
		return "", i.failed(ctx, categorised(err, EndpointRefused))
	}
	key, err := x509.MarshalPKCS8PrivateKey(i.client.DPoP.Key)
	if err != nil {
		return "", err
	}
	w := i.w
	w.mu.Lock()
	defer w.mu.Unlock()
	all, err := w.pending()
	if err != nil {
		return "", err
	}
	all = append(all, pendingRecord{*a, key})
	if len(all) > maxPending {
		all = all[len(all)-maxPending:]
	}
	return page, w.commit(ctx, put(pendingName, all))
}

// pending returns the requests that still count.
func (w *Wallet) pending() ([]pendingRecord, error) {
	data, err := w.store.get(pendingName)
	if err != nil || data == nil {
		return nil, err
	}
	var all []pendingRecord
	if err := read(data, &all); err != nil {
		return nil, err
	}
	now := w.opts.Now()
	return slices.DeleteFunc(all, func(p pendingRecord) bool { return !now.Before(p.Expires) }), nil
}

// answered finds the request that an answer belongs to, and ends it: there is one answer to each.
func (w *Wallet) answered(ctx context.Context, c *oauth.Callback) (*pendingRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, err := w.pending()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(p pendingRecord) bool { return c.State != "" && p.State == c.State })
	if at < 0 {
		return nil, &Error{RequestMalformed, fmt.Errorf("%w: state is not that of any request", ErrUnasked)}
	}
	p := all[at]
	rest := write{name: pendingName}
	if all = slices.Delete(all, at, at+1); len(all) > 0 {
		rest = put(pendingName, all)
	}
	return &p, w.commit(ctx, rest)
}

// Return takes the address at which the browser came back. State, address and issuer of the answer are checked before anybody is
// asked anything; then the issuer is looked up again. What it returns goes on with Fetch, without a code. Errors by category:
// request_malformed (with [ErrUnasked]), user_declined (the person stopped in the browser), endpoint_refused, issuer_untrusted, network.
func (w *Wallet) Return(ctx context.Context, callback string) (*Issuance, error) {
	c, err := oauth.ParseCallback(callback)
	if err != nil {
		return nil, &Error{RequestMalformed, fmt.Errorf("%w: %w", ErrUnasked, err)}
	}
	p, err := w.answered(ctx, c)
	if err != nil {
		return nil, err
	}
	failed := func(err error) error {
		w.note(ctx, Entry{Kind: "failed", Party: safe(p.CredentialIssuer, 200), Outcome: string(CategoryOf(err))})
		return err
	}
	code, err := c.Code(&p.Pending)
	var refused *oauth.Error
	switch {
	case errors.As(err, &refused) && refused.Code == oauth.AccessDenied:
		return nil, failed(&Error{UserDeclined, refused})
	case errors.As(err, &refused):
		return nil, failed(&Error{EndpointRefused, refused})
	case err != nil:
		return nil, failed(&Error{RequestMalformed, fmt.Errorf("%w: %w", ErrUnasked, err)})
	}
	parsed, err := x509.ParsePKCS8PrivateKey(p.Key)
	if err != nil {
		return nil, &Error{StoreCorrupt, errors.New("the key of a request does not parse")}
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, &Error{StoreCorrupt, fmt.Errorf("the key of a request is a %T", parsed)}
	}
	j := &judge{w: w}
	client := &openid4vci.Client{Fetch: w.opts.Fetch, Now: w.opts.Now, Policy: j.issuer, DPoP: &oauth.Prover{Key: key, Now: w.opts.Now}}
	opened, err := client.Return(ctx, &p.Authorization)
	if err != nil {
		err = categorised(err, RequestMalformed)
		if j.stale {
			err = w.blameClock(ctx, p.CredentialIssuer, err)
		}
		return nil, failed(err)
	}
	i := w.issuance(client, opened, j.raw)
	i.redeem = func(ctx context.Context) (*openid4vci.Grant, error) {
		return client.RedeemCode(ctx, opened, &p.Authorization, code)
	}
	return i, nil
}
