package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// Errors of the wallet's side. The wallet learns no more than these.
var (
	// errGone: no such session any more, or not here.
	errGone = errors.New("gone")
	// errRejected: the answer is not accepted. Why stands in the session.
	errRejected = errors.New("rejected")
	// errBusy: the wallet has fetched the same request too often.
	errBusy = errors.New("fetched too often")
)

const (
	// maxSigned bounds the signatures that one session costs.
	maxSigned = 32
	// maxBad is how many answers a session bears that were not made for it.
	maxBad = 20
	// A registry header of at most fresh is normal, one of at most marked is shown with its time.
	fresh  = 60 * time.Second
	marked = 10 * time.Minute
	// drift is how far a header may be ahead of our clock.
	drift = 10 * time.Second
)

// formats is what every request says about formats.
var formats = json.RawMessage(`{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256","ES384","EdDSA"],"kb-jwt_alg_values":["ES256","ES384","EdDSA"]}}`)

func link(t *tenant, c client, handle, method string) string {
	return openid4vp.Link(c.id, t.base+"/r/"+handle, method)
}

// reach returns the session that a wallet's address names, if it can still be answered. An ended session is
// [errRejected], with its id for the audit; anything else [errGone].
func (v *Verifier) reach(ctx context.Context, tenantID, handle string) (l *live, id string, err error) {
	if l := v.find(tenantID, handle); l != nil {
		if err := v.expire(ctx, l); err != nil {
			return nil, "", err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return l, l.id, reachable(l.session.State)
	}
	s, err := v.stored(ctx, tenantID, handle)
	if errors.Is(err, ErrNotFound) {
		return nil, "", errGone
	}
	if err != nil {
		return nil, "", err
	}
	if s.State.Open() {
		return nil, "", errGone // between its insertion and its first use, or left by a start that failed
	}
	return nil, s.ID, reachable(s.State)
}

func reachable(s State) error {
	switch {
	case s.Open():
		return nil
	case s == Expired || s == Cancelled:
		return errGone
	}
	return errRejected
}

// requestObject returns the signed request object of a session. Without a wallet_nonce a second fetch gets the same.
func (v *Verifier) requestObject(ctx context.Context, tenantID, handle, walletNonce string) (string, error) {
	l, _, err := v.reach(ctx, tenantID, handle)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	object, first := l.object, l.session.State == Created
	if l.objectNonce != walletNonce {
		object = ""
	}
	if object == "" && l.signed >= maxSigned {
		l.mu.Unlock()
		return "", errBusy
	}
	if object == "" {
		l.signed++
	}
	r := l.request(walletNonce)
	h := l.tenant.clients[l.secrets.Prefix].header
	l.mu.Unlock()

	if object == "" {
		r.VerifierInfo = l.tenant.staple.info(ctx, v, did.DID(l.tenant.DID))
		r.IssuedAt = v.now()
		r.Expires = r.IssuedAt.Add(l.left(v.elapsed()))
		if object, err = r.Sign(l.tenant.signer, h); err != nil {
			return "", err
		}
	}
	if first {
		if err := v.markFetched(ctx, l); err != nil {
			return "", err
		}
	}
	l.mu.Lock()
	if l.session.State.Open() {
		l.object, l.objectNonce = object, walletNonce
		l.session.State = Fetched
	}
	l.mu.Unlock()
	if first {
		v.subs.tell(l.id)
	}
	return object, nil
}

// left returns how long the session can still be answered.
func (l *live) left(elapsed time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.deadline-elapsed, time.Second)
}

// request returns what is asked, without times and proofs. The caller holds the lock.
func (l *live) request(walletNonce string) *openid4vp.Request {
	r := &openid4vp.Request{
		ClientID:     l.tenant.clients[l.secrets.Prefix].id,
		ResponseMode: l.secrets.Mode,
		ResponseURI:  l.tenant.base + "/a/" + l.handle + "/" + l.secrets.Secret,
		Nonce:        l.secrets.Nonce,
		State:        l.secrets.State,
		Query:        l.secrets.Query,
		Metadata:     &openid4vp.ClientMetadata{VPFormats: formats},
		WalletNonce:  walletNonce,
	}
	if l.key != nil {
		r.Metadata.JWKS = &jose.JWKSet{Keys: []jose.JWK{{Key: &l.key.PublicKey, KeyID: l.secrets.KeyID, Algorithm: "ECDH-ES", Use: "enc"}}}
		r.Metadata.EncryptionValues = []string{"A128GCM", "A256GCM"}
	}
	return r
}

// answering is a session whose answer is being received.
type answering struct {
	live *live
	want secrets
	key  *ecdsa.PrivateKey // decrypts the answer
	id   string            // client_id, the audience of key bindings
}

// begin finds the session of a response address and claims it for one answer. Every way out of a claimed session goes
// through judge or bad. Errors: [errGone], [errRejected] when the session is in another state.
func (v *Verifier) begin(ctx context.Context, tenantID, handle, secret string) (*answering, error) {
	l, id, err := v.reach(ctx, tenantID, handle)
	if errors.Is(err, errRejected) {
		v.wrongState(ctx, tenantID, id)
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	a := &answering{live: l, want: l.secrets, key: l.key, id: l.tenant.clients[l.secrets.Prefix].id}
	l.mu.Unlock()
	if subtle.ConstantTimeCompare([]byte(secret), []byte(a.want.Secret)) != 1 {
		return nil, errGone
	}
	if l.claim() != nil {
		v.wrongState(ctx, tenantID, id)
		return nil, errRejected
	}
	return a, nil
}

// wrongState notes an answer to a session that has one already.
func (v *Verifier) wrongState(ctx context.Context, tenantID, id string) {
	v.audit(ctx, tenantID, "wallet", "session.answer", id, string(credential.SessionState))
	v.metrics.answer(tenantID, credential.SessionState)
}

// judge judges an answer and ends the session with it. The reply says where a same-device wallet sends the browser, and
// holds the receipt. The error is [errRejected], or one of ours when the session is as it was.
func (v *Verifier) judge(ctx context.Context, a *answering, form url.Values) (reply openid4vp.Reply, err error) {
	l := a.live
	resp, err := openid4vp.ParseResponse(form, a.want.Mode, a.key)
	if err == nil && a.want.Mode == openid4vp.DirectPostJWT && resp.Error == "" {
		// The key would fit without, but a message for another key is not an answer to this request.
		if kid, kerr := jose.EncryptionKeyID(form.Get("response"), openid4vp.MaxResponseSize); kerr != nil || kid != "" && kid != a.want.KeyID {
			err = &credential.Error{Category: credential.DecryptionFailed, Err: errors.New("made for another key")}
		}
	}
	if err != nil {
		return reply, v.bad(ctx, a, err)
	}
	stated := subtle.ConstantTimeCompare([]byte(resp.State), []byte(a.want.State)) == 1
	if resp.Error != "" {
		if !stated && resp.State != "" {
			return reply, v.bad(ctx, a, &credential.Error{Category: credential.Malformed, Err: errors.New("state of another session")})
		}
		v.metrics.refused(l.tenant.ID)
		return reply, v.finish(ctx, l, ending{state: Refused, actor: "wallet", action: "session.refuse"})
	}
	if !stated {
		return reply, v.bad(ctx, a, &credential.Error{Category: credential.Malformed, Err: errors.New("state of another session")})
	}
	e, err := v.check(ctx, a, resp.Token)
	if err != nil {
		if credential.CategoryOf(err) == credential.Replayed {
			return reply, v.bad(ctx, a, err)
		}
		return reply, v.reject(ctx, a, err)
	}
	if a.want.Redirect != "" {
		code := rand.Text()
		sum := sha256.Sum256([]byte(code))
		e.code = sum[:]
		sep := "?"
		if strings.Contains(a.want.Redirect, "?") {
			sep = "&"
		}
		reply.RedirectURI = a.want.Redirect + sep + "response_code=" + code
	}
	if err := v.finish(ctx, l, *e); err != nil {
		return openid4vp.Reply{}, err
	}
	v.metrics.answer(l.tenant.ID, "")
	if e.holder != "" {
		// The answer counts, receipt or not.
		if reply.Receipt, err = v.receipt(a, e); err != nil {
			v.log.Error("no receipt", "session", l.id, "error", err)
		}
	}
	return reply, nil
}

// check validates the presentations and returns the ending they lead to.
func (v *Verifier) check(ctx context.Context, a *answering, token map[string][]string) (*ending, error) {
	query := a.want.Query
	if err := query.CheckAll(token); err != nil {
		return nil, &credential.Error{Category: credential.QueryUnsatisfied, Err: err}
	}
	// Every credential is checked once; which of them count follows from the sets.
	checked := map[string][]*credential.Presentation{}
	failed := map[string]error{}
	needed, bad := query.Needed(token, func(id string) bool {
		if checked[id] == nil && failed[id] == nil {
			checked[id], failed[id] = v.present(ctx, a, query.ByID(id), token[id])
		}
		return failed[id] == nil
	})
	if bad != "" {
		return nil, failed[bad]
	}
	claims := map[string]any{}
	var asOf time.Time
	registered := false
	var issuers []string
	var holder string
	var shown []sdjwt.Path
	var err error
	for i := range query.Credentials {
		q := &query.Credentials[i]
		if !needed[q.ID] {
			continue
		}
		var kept []map[string]any
		for _, p := range checked[q.ID] {
			registered = registered || p.Issuer.Registered
			if !slices.Contains(issuers, p.Issuer.Name) {
				issuers = append(issuers, p.Issuer.Name)
			}
			if !p.AsOf.IsZero() && (asOf.IsZero() || p.AsOf.Before(asOf)) {
				asOf = p.AsOf
			}
			// More than was asked ends here: it is never stored, logged or shown.
			kept = append(kept, q.Filter(&p.Credential))
			shown = append(shown, names(kept[len(kept)-1], nil)...)
			if holder == "" && p.Holder != nil {
				if holder, err = p.Holder.Thumbprint(); err != nil {
					return nil, fmt.Errorf("thumbprint: %v", err)
				}
			}
		}
		if q.Multiple {
			claims[q.ID] = kept
		} else {
			claims[q.ID] = kept[0]
		}
	}
	e := &ending{
		state: Completed, outcome: Accepted, actor: "wallet", action: "session.answer", asOf: asOf, issuers: issuers,
		holder: holder, shown: shown,
	}
	if registered {
		state := v.ledger.State()
		age := v.now().Sub(state.Time)
		if state.Time.IsZero() || age > marked || age < -drift {
			return nil, &credential.Error{Category: credential.RegistryUnavailable, Err: fmt.Errorf("newest registry header is %s old", age)}
		}
		if e.asOf.IsZero() || state.Time.Before(e.asOf) {
			e.asOf = state.Time
		}
		e.height, e.stale = state.Height, age > fresh
	}
	if e.claims, err = json.Marshal(claims); err != nil {
		return nil, fmt.Errorf("claims: %v", err)
	}
	return e, nil
}

// present validates what was sent for one credential query.
func (v *Verifier) present(ctx context.Context, a *answering, q *openid4vp.CredentialQuery, sent []string) ([]*credential.Presentation, error) {
	var all []*credential.Presentation
	for _, compact := range sent {
		p, err := v.validator.Present(ctx, compact, credential.Expect{
			Nonce: a.want.Nonce, Audience: a.id, Unbound: !q.Bound(), Query: q.CheckOne,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// undetermined are the categories that say that it cannot be told, not that it is not so.
var undetermined = []credential.Category{credential.StatusUnavailable, credential.RegistryUnavailable, credential.RegistryUnproven}

// reject ends the session because its answer is not accepted.
func (v *Verifier) reject(ctx context.Context, a *answering, cause error) error {
	category := categoryOf(cause)
	if category == "" {
		a.live.release()
		return cause
	}
	e := ending{state: Failed, outcome: Rejected, category: category, actor: "wallet", action: "session.answer"}
	if slices.Contains(undetermined, category) {
		e.outcome = Undetermined
	}
	state := v.ledger.State()
	e.asOf, e.height = state.Time, state.Height
	v.log.Info("answer rejected", "session", a.live.id, "category", category, "error", cause)
	v.metrics.answer(a.live.tenant.ID, category)
	if err := v.finish(ctx, a.live, e); err != nil {
		return err
	}
	return errRejected
}

// bad notes an answer that was not made for this session. The session stays open for the right one, so that nobody
// can end another person's session, unless there are too many.
func (v *Verifier) bad(ctx context.Context, a *answering, cause error) error {
	l := a.live
	category := categoryOf(cause)
	l.mu.Lock()
	l.bad++
	enough := l.bad >= maxBad
	l.mu.Unlock()
	if enough || category == "" {
		return v.reject(ctx, a, cause)
	}
	l.mu.Lock()
	l.session.Outcome, l.session.Category, l.busy = Rejected, category, false
	l.mu.Unlock()
	v.log.Info("answer rejected, session still open", "session", l.id, "category", category, "error", cause)
	v.audit(ctx, l.tenant.ID, "wallet", "session.answer", l.id, string(category))
	v.metrics.answer(l.tenant.ID, category)
	v.subs.tell(l.id)
	return errRejected
}
