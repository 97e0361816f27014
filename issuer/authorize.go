package issuer

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/oauth"
)

// Lifetimes of collecting by letter. The page has to be read and a code typed; the code that the browser brings back is traded at
// once, or when the wallet was unlocked.
const (
	letterLife = 14 * 24 * time.Hour
	pushedLife = 10 * time.Minute
	grantLife  = 2 * time.Minute
	// A used code is known for as long after its end, so that its second use is seen.
	usedCodeKept = 24 * time.Hour
)

// Client is a wallet that may send people here (RFC 6749, Section 2). Wallets have no secret; what protects a person is that answers go
// to these addresses only.
type Client struct {
	ID   string `toml:"id"`   // client_id
	Name string `toml:"name"` // for people
	// RedirectURIs are taken character for character. Of http://127.0.0.1/… and http://[::1]/… without a port the port is free.
	RedirectURIs []string `toml:"redirect_uris"`
}

// defaultClients is our own wallet: on a phone or desktop by its scheme, in a terminal by a loopback address (RFC 8252, Section 7).
var defaultClients = []Client{{
	ID: "zegel-wallet", Name: "Zegel", RedirectURIs: []string{"id.zegel.wallet:/callback", "http://127.0.0.1/callback", "http://[::1]/callback"},
}}

// checkClients checks what the settings say of wallets.
func checkClients(all []Client) error {
	seen := map[string]bool{}
	for _, c := range all {
		switch {
		case c.ID == "" || seen[c.ID]:
			return fmt.Errorf("setting clients: id %q is empty or given twice", c.ID)
		case c.Name == "":
			return fmt.Errorf("setting clients[%s].name: empty", c.ID)
		case len(c.RedirectURIs) == 0:
			return fmt.Errorf("setting clients[%s].redirect_uris: empty", c.ID)
		}
		seen[c.ID] = true
		for _, uri := range c.RedirectURIs {
			u, err := url.Parse(uri)
			// A code that goes over plain http is for who listens, but on the person's own machine. A private scheme belongs to a domain.
			if err != nil || u.Fragment != "" || strings.Contains(uri, "#") || u.User != nil || u.Scheme != "https" && !strings.Contains(u.Scheme, ".") &&
				!(u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback()) {
				return fmt.Errorf("setting clients[%s].redirect_uris: %q is neither https, nor of a scheme as id.example.wallet, nor on a loopback address", c.ID, uri)
			}
		}
	}
	return nil
}

func (c *Config) client(id string) *Client {
	all := c.Clients
	if len(all) == 0 {
		all = defaultClients
	}
	if n := slices.IndexFunc(all, func(c Client) bool { return c.ID == id }); n >= 0 {
		return &all[n]
	}
	return nil
}

// push takes a request that a person is to be asked later (RFC 9126) and returns its name. proof is of the key that asks, nil if there is
// none: then the code is bound to the key of the token request alone. The error may be *oauth.Error.
func (i *Issuer) push(ctx context.Context, t *tenant, form map[string][]string, proof *oauth.DPoP) (string, error) {
	r, err := oauth.ParseAuthorizationRequest(form)
	if err != nil {
		return "", err
	}
	client := i.cfg.client(r.ClientID)
	switch {
	case client == nil:
		return "", refuse(oauth.InvalidClient, "no such client_id")
	case !slices.ContainsFunc(client.RedirectURIs, func(u string) bool { return oauth.MatchesRedirect(u, r.RedirectURI) }):
		return "", refuse(oauth.InvalidRequest, "redirect_uri is not one of the client's")
	case proof != nil && r.Thumbprint != "" && r.Thumbprint != proof.Thumbprint:
		return "", refuse(oauth.InvalidDPoPProof, "dpop_jkt is not the key of the proof")
	case r.IssuerState == "":
		return "", refuse(oauth.InvalidRequest, "issuer_state is missing: cards are collected from an offer")
	}
	thumbprint := r.Thumbprint
	if proof != nil {
		if err := i.useProof(proof); err != nil {
			return "", err
		}
		thumbprint = proof.Thumbprint
	}
	secret := newSecret()
	sealed, err := seal(secret, []byte(r.IssuerState))
	if err != nil {
		return "", err
	}
	now := i.elapsed()
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		var offer, ids string
		err := tx.QueryRow("SELECT id, configurations FROM offer WHERE code = ? AND tenant = ? AND letter = 1 AND state = ? AND expires > ?",
			hashed("issuer_state", r.IssuerState), t.ID, OfferWaiting, now.UnixMilli()).Scan(&offer, &ids)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(oauth.InvalidRequest, "issuer_state does not hold")
		}
		if err != nil {
			return err
		}
		if err := asksFor(r, ids); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO pushed (hash, tenant, offer, issuer_state, client, redirect, client_state, challenge, wanted, thumbprint, expires)
			VALUES (?,?,?,?,?,?,?,?,?,?,?)`, hashed("request_uri", secret), t.ID, offer, sealed, r.ClientID, r.RedirectURI, r.State, r.Challenge,
			r.Details, thumbprint, now.Add(pushedLife).UnixMilli())
		return err
	})
	if err != nil {
		return "", err
	}
	return oauth.RequestURI + secret, nil
}

// asksFor checks that a request asks for something that the offer holds, and for nothing that we do not have. A scope of ours is named
// as its configuration.
func asksFor(r *oauth.AuthorizationRequest, offered string) error {
	var ids []string
	if err := json.Unmarshal([]byte(offered), &ids); err != nil {
		return err
	}
	wanted := r.Scope
	if r.Details != "" {
		details, err := parseDetails(r.Details)
		if err != nil {
			return refuse(oauth.InvalidRequest, "authorization_details cannot be used")
		}
		wanted = details
	}
	if !slices.ContainsFunc(wanted, func(id string) bool { return slices.Contains(ids, id) }) {
		return refuse(oauth.InvalidScope, "neither scope nor authorization_details name a card of the offer")
	}
	return nil
}

// asked is a pushed request with its offer, while both count.
type asked struct {
	request oauth.AuthorizationRequest
	hash    []byte
	offer   string
	ids     string
	subject string
	state   string // issuer_state
	txHash  []byte
	tries   int
	step    []byte
}

// querier is the store, or a transaction on it.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// pushed returns the request that a wallet pushed, while the person can answer it: [ErrConflict] after they did. Further error:
// [ErrNotFound].
func (i *Issuer) pushed(ctx context.Context, q querier, t *tenant, requestURI, client string) (*asked, error) {
	secret, ours := strings.CutPrefix(requestURI, oauth.RequestURI)
	gone := fmt.Errorf("%w: request_uri", ErrNotFound)
	if !ours {
		return nil, gone
	}
	a := &asked{hash: hashed("request_uri", secret)}
	var sealed []byte
	var answered bool
	now := i.elapsed().UnixMilli()
	err := q.QueryRowContext(ctx, `SELECT p.offer, p.issuer_state, p.client, p.redirect, p.client_state, p.challenge, p.wanted, p.thumbprint, p.step, p.answered,
			o.configurations, o.subject, o.tx_code, o.tries
		FROM pushed p JOIN offer o ON o.id = p.offer WHERE p.hash = ?1 AND p.tenant = ?2 AND p.expires > ?3 AND (p.answered = 1 OR o.state = ?4 AND o.expires > ?3)`,
		a.hash, t.ID, now, OfferWaiting).Scan(&a.offer, &sealed, &a.request.ClientID, &a.request.RedirectURI, &a.request.State, &a.request.Challenge,
		&a.request.Details, &a.request.Thumbprint, &a.step, &answered, &a.ids, &a.subject, &a.txHash, &a.tries)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, gone
	case err != nil:
		return nil, err
	case a.request.ClientID != client: // RFC 9126, Section 4: it is the client's alone
		return nil, gone
	case answered:
		return nil, fmt.Errorf("%w: answered", ErrConflict)
	}
	if _, known := t.subjects[a.subject]; !known {
		return nil, gone
	}
	plain, err := unseal(secret, sealed)
	a.state = string(plain)
	return a, err
}

// errWrongLetter: the code is not that of the letter. errBlocked: it was the last try.
var (
	errWrongLetter = errors.New("wrong code")
	errBlocked     = errors.New("wrong code too often")
)

// identify checks the code of the letter. It returns what the next form has to bring, or how many tries are left with errWrongLetter.
// Further errors: errBlocked, [ErrNotFound], [ErrConflict].
func (i *Issuer) identify(ctx context.Context, t *tenant, requestURI, client, code string) (step string, left int, err error) {
	step = newSecret()
	var refused error
	// As in redeem: a wrong try is not an error of the transaction, so that it counts.
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		refused, left = nil, 0
		a, err := i.pushed(ctx, tx, t, requestURI, client)
		if err != nil {
			return err
		}
		if !hmac.Equal(a.txHash, hashedTxCode(a.state, code)) {
			refused, left = errWrongLetter, maxTries-a.tries-1
			if left <= 0 {
				refused = errBlocked
			}
			return i.wrongTxCode(tx, t, a.offer, a.tries+1)
		}
		if _, err := tx.Exec("UPDATE pushed SET step = ? WHERE hash = ?", hashed("step", step), a.hash); err != nil {
			return err
		}
		return i.audit(tx, t, "wallet", "offer.identify", a.offer, "ok")
	})
	return step, left, errors.Join(err, refused)
}

// decide takes the person's answer and returns where the browser goes. A refusal needs no step: who stops proves nothing. Errors:
// [ErrNotFound], [ErrConflict].
func (i *Issuer) decide(ctx context.Context, t *tenant, requestURI, client, step string, yes bool) (string, error) {
	code := newSecret()
	to := ""
	err := i.db.Write(ctx, func(tx *sql.Tx) error {
		a, err := i.pushed(ctx, tx, t, requestURI, client)
		if err != nil {
			return err
		}
		outcome := "refused"
		if yes {
			if a.step == nil || !hmac.Equal(a.step, hashed("step", step)) {
				return fmt.Errorf("%w: step", ErrNotFound)
			}
			outcome = "ok"
			_, err := tx.Exec("INSERT INTO code (hash, tenant, offer, client, redirect, challenge, wanted, thumbprint, expires) VALUES (?,?,?,?,?,?,?,?,?)",
				hashed("authorization_code", code), t.ID, a.offer, a.request.ClientID, a.request.RedirectURI, a.request.Challenge, a.request.Details,
				a.request.Thumbprint, i.elapsed().Add(grantLife).UnixMilli())
			if err != nil {
				return err
			}
			to = a.request.Answer(t.base, code, "")
		} else {
			to = a.request.Answer(t.base, "", oauth.AccessDenied)
		}
		if _, err := tx.Exec("UPDATE pushed SET answered = 1, step = NULL WHERE hash = ?", a.hash); err != nil {
			return err
		}
		return i.audit(tx, t, "wallet", "offer.consent", a.offer, outcome)
	})
	return to, err
}

// redeemCode trades an authorization code (RFC 6749, Section 4.1.3) for tokens that are bound to the key of the proof. The error may be
// *oauth.Error.
func (i *Issuer) redeemCode(ctx context.Context, t *tenant, form map[string][]string, proof *oauth.DPoP) (*tokenResponse, error) {
	var given [4]string
	for n, name := range []string{"code", "redirect_uri", "client_id", "code_verifier"} {
		if given[n], _ = parameter(form, name); given[n] == "" {
			return nil, refuse(oauth.InvalidRequest, name+" is missing")
		}
	}
	if proof == nil {
		return nil, refuse(oauth.InvalidDPoPProof, "an authorization code needs a proof of a key")
	}
	var out *tokenResponse
	var refused error
	used := false
	// As in redeem: a refusal is not an error of the transaction, so that what it ends stays ended.
	err := i.db.Write(ctx, func(tx *sql.Tx) error {
		out, refused = nil, nil
		invalid := refuse(oauth.InvalidGrant, "the code does not hold")
		var c struct {
			offer, client, redirect, challenge, wanted, thumbprint string
			used                                                   bool
			expires                                                int64
		}
		g := grantedOffer{millis: i.elapsed().UnixMilli(), client: given[2]}
		err := tx.QueryRow("SELECT offer, client, redirect, challenge, wanted, thumbprint, used, expires FROM code WHERE hash = ? AND tenant = ?",
			hashed("authorization_code", given[0]), t.ID).Scan(&c.offer, &c.client, &c.redirect, &c.challenge, &c.wanted, &c.thumbprint, &c.used, &c.expires)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			refused = invalid
			return nil
		case err != nil:
			return err
		case c.client != given[2], c.redirect != given[1], !oauth.Verifies(given[3], c.challenge), c.thumbprint != "" && c.thumbprint != proof.Thumbprint:
			// Who saw the code on its way and has neither verifier nor key gets nothing, and ends nothing.
			refused = invalid
			return nil
		case !used:
			if refused = i.useProof(proof); refused != nil {
				return nil
			}
			used = true
		}
		if c.used {
			// Verifier and key are in two hands: what came of the code ends (RFC 6749, Section 4.1.2).
			refused = invalid
			for _, end := range []string{"DELETE FROM refresh WHERE offer = ?", "DELETE FROM token WHERE offer = ?"} {
				if _, err := tx.Exec(end, c.offer); err != nil {
					return err
				}
			}
			return i.audit(tx, t, "wallet", "offer.redeem", c.offer, "reused")
		}
		var state, ids string
		err = tx.QueryRow("SELECT id, state, configurations, subject FROM offer WHERE id = ?", c.offer).Scan(&g.id, &state, &ids, &g.subject)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			refused = invalid
			return nil
		case err != nil:
			return err
		case state != OfferWaiting || g.millis >= c.expires:
			refused = invalid
			return nil
		}
		if err := json.Unmarshal([]byte(ids), &g.ids); err != nil {
			return err
		}
		if c.wanted != "" {
			g.details = true
			if g.wanted, err = parseDetails(c.wanted); err != nil {
				return err
			}
		}
		if out, err = i.hand(tx, t, g, proof, nil); err != nil {
			return err
		}
		if out == nil {
			refused = invalid
			return nil
		}
		_, err = tx.Exec("UPDATE code SET used = 1 WHERE hash = ?", hashed("authorization_code", given[0]))
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, refused
}
