package wallet

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/trust"
)

// bundleAge is how old a stapled registry proof may be.
const bundleAge = 5 * time.Minute

// proofFormat is the format of the registry proof among a request's verifier_info.
const proofFormat = "urn:zegel:registry-proof:1"

// nothing is the register of those who showed no proof: it holds nobody.
type nothing struct{}

func (nothing) Accreditations(context.Context, did.DID) ([]trust.Accreditation, error) {
	return nil, nil
}
func (nothing) Anchors(context.Context) ([]trust.Anchor, error) { return nil, nil }

// judge turns what one party stapled into a policy. It keeps what a person must be told if the proof does not count.
type judge struct {
	w     *Wallet
	stale bool   // the proof holds, but not at the time of this device's clock
	raw   []byte // the proof that counted
}

func (j *judge) policy(encoded string) (*trust.Policy, error) {
	p := &trust.Policy{Source: nothing{}, DIDs: did.NewRegistry(nil), Foreign: j.w.opts.Foreign}
	if encoded == "" || j.w.network == nil {
		return p, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("registry proof: %v", err)
	}
	bundle, err := ledger.ParseBundle(raw)
	if err != nil {
		return nil, fmt.Errorf("registry proof: %w", err)
	}
	proven, err := bundle.Verify(j.w.network, j.w.opts.Now(), bundleAge)
	if err != nil {
		made := bundle.Block().Time
		if _, then := bundle.Verify(j.w.network, made.Add(time.Second), 0); then == nil {
			j.stale = true
			return nil, fmt.Errorf("registry proof of %s, which is not now: %w", made.UTC().Format(time.RFC3339), err)
		}
		return nil, fmt.Errorf("registry proof: %w", err)
	}
	j.raw = raw
	p.Source, p.DIDs = proven, did.NewRegistry(proven)
	return p, nil
}

func (j *judge) issuer(ctx context.Context, registry string) (*trust.Policy, error) {
	return j.policy(registry)
}

func (j *judge) verifier(ctx context.Context, info []openid4vp.VerifierInfo) (*trust.Policy, error) {
	encoded := ""
	for _, i := range info {
		if i.Format != proofFormat {
			continue
		}
		if encoded != "" {
			return nil, errors.New("two registry proofs")
		}
		if err := jose.Unmarshal(i.Data, &encoded); err != nil || encoded == "" {
			return nil, errors.New("registry proof is not a string")
		}
	}
	return j.policy(encoded)
}

// kept is the policy by a proof that counted when a card was received, for looking up its status later. Nothing new is
// trusted by it.
func (w *Wallet) kept(name string) (*trust.Policy, error) {
	p := &trust.Policy{Source: nothing{}, DIDs: did.NewRegistry(nil), Foreign: w.opts.Foreign}
	if name == "" || w.network == nil {
		return p, nil
	}
	raw, err := w.store.get(name)
	if err != nil || raw == nil {
		return p, err
	}
	var data []byte
	if err := read(raw, &data); err != nil {
		return nil, err
	}
	bundle, err := ledger.ParseBundle(data)
	if err != nil {
		return nil, err
	}
	proven, err := bundle.Verify(w.network, w.opts.Now(), 0)
	if err != nil {
		return nil, err
	}
	p.Source, p.DIDs = proven, did.NewRegistry(proven)
	return p, nil
}

// ClockError says that the clock of this device differs from the other party's, which is why the other error came.
type ClockError struct {
	Ahead time.Duration // how far this device is ahead; negative: behind
	Err   error
}

func (e *ClockError) Error() string {
	if e.Ahead < 0 {
		return fmt.Sprintf("the clock of this device is about %v behind the other party's: %v", (-e.Ahead).Round(time.Minute), e.Err)
	}
	return fmt.Sprintf("the clock of this device is about %v ahead of the other party's: %v", e.Ahead.Round(time.Minute), e.Err)
}

// Unwrap returns what came of it.
func (e *ClockError) Unwrap() error { return e.Err }

// blameClock asks the server that was just called for the time, when something failed that a wrong clock could explain.
// The answer is used for nothing but the words of the error.
func (w *Wallet) blameClock(ctx context.Context, address string, err error) error {
	u, parseErr := url.Parse(address)
	if parseErr != nil || u.Host == "" {
		return err
	}
	origin := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}).String()
	res, fetchErr := w.opts.Fetch.Do(ctx, fetch.Request{Method: http.MethodHead, URL: origin, Limit: 1 << 16})
	if fetchErr != nil {
		return err
	}
	theirs, dateErr := http.ParseTime(res.Header.Get("Date"))
	if dateErr != nil {
		return err
	}
	ahead := w.opts.Now().Sub(theirs)
	if ahead.Abs() <= tolerance {
		return err
	}
	var e *Error
	if errors.As(err, &e) {
		return &Error{e.Category, &ClockError{ahead, e.Err}}
	}
	return &ClockError{ahead, err}
}

// categories in the order in which they count when an error has several.
var categories = []struct {
	err      error
	category Category
}{
	{openid4vp.ErrRequestUntrusted, RequestUntrusted},
	{openid4vp.ErrRequestExpired, RequestExpired},
	{openid4vp.ErrRequestMalformed, RequestMalformed},
	{openid4vp.ErrEndpointRefused, EndpointRefused},
	{openid4vp.ErrNoMatch, NoMatch},
	{openid4vp.ErrNetwork, Network},
	{openid4vci.ErrIssuerUntrusted, IssuerUntrusted},
	{openid4vci.ErrMalformed, RequestMalformed},
	{openid4vci.ErrEndpointRefused, EndpointRefused},
	{openid4vci.ErrNetwork, Network},
}

// categorised gives an error of the protocols its category. fallback is for an OAuth error of the other party.
func categorised(err error, fallback Category) error {
	if err == nil || CategoryOf(err) != "" {
		return err
	}
	for _, c := range categories {
		if errors.Is(err, c.err) {
			return &Error{c.category, err}
		}
	}
	var refused *oauth.Error
	if errors.As(err, &refused) {
		return &Error{fallback, err}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Network, err}
	}
	return &Error{fallback, err}
}
