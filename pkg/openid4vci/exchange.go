package openid4vci

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// ClientID is sent where the authorization server does not say that it does without one (Section 6.1). It is the same for
// every wallet, so that it tells nothing.
const ClientID = "zegel-wallet"

// Limits of answers, and how often a refused nonce is replaced by a new one before the wallet gives up.
const (
	maxToken      = 64 << 10
	maxCredential = 256 << 10
	nonceTries    = 4
)

// Grant is an access token.
type Grant struct {
	AccessToken string
	Expires     time.Time // zero when the server did not say
	// Identifiers by configuration id, when the token response carried authorization_details.
	Identifiers map[string][]string
	// DPoP: the tokens are bound to the key of the client's proofs.
	DPoP bool
	// RefreshToken gets the next grant, see [Client.Refresh]; "" if there is none. One that is not bound to a key is left out:
	// it would be good for who finds it, for as long as a card.
	RefreshToken string
}

// Redeem trades the pre-authorized code, and the transaction code if one is asked. The error may be *oauth.Error.
func (c *Client) Redeem(ctx context.Context, o *Opened, txCode string) (*Grant, error) {
	grant := o.Offer.Grants.PreAuthorized
	if (grant.TxCode != nil) != (txCode != "") {
		return nil, fmt.Errorf("%w: a transaction code is given exactly when the offer asks one", ErrMalformed)
	}
	form := url.Values{"grant_type": {GrantPreAuthorized}, "pre-authorized_code": {grant.Code}}
	if txCode != "" {
		form.Set("tx_code", txCode)
	}
	if !o.anonymous {
		form.Set("client_id", ClientID)
	}
	return c.token(ctx, o, form)
}

// token asks the token endpoint.
func (c *Client) token(ctx context.Context, o *Opened, form url.Values) (*Grant, error) {
	res, err := c.post(ctx, o.TokenEndpoint, "application/x-www-form-urlencoded", access{dpop: o.dpop}, []byte(form.Encode()), maxToken)
	if err != nil {
		return nil, err
	}
	return parseToken(res.Body, o.dpop, c.Now())
}

func parseToken(body []byte, dpop bool, now time.Time) (*Grant, error) {
	var answer struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    any    `json:"expires_in"`
		RefreshToken string `json:"refresh_token"`
		Details      []struct {
			Type          string   `json:"type"`
			Configuration string   `json:"credential_configuration_id"`
			Identifiers   []string `json:"credential_identifiers"`
		} `json:"authorization_details"`
	}
	if err := jose.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: token response: %v", ErrMalformed, err)
	}
	if !usable(answer.AccessToken) {
		return nil, fmt.Errorf("%w: token response without a usable access token", ErrMalformed)
	}
	g := &Grant{AccessToken: answer.AccessToken}
	switch {
	case dpop && strings.EqualFold(answer.TokenType, oauth.SchemeDPoP):
		g.DPoP = true
		if usable(answer.RefreshToken) {
			g.RefreshToken = answer.RefreshToken
		}
	case !strings.EqualFold(answer.TokenType, "Bearer"):
		return nil, fmt.Errorf("%w: token of type %q is not supported", ErrMalformed, answer.TokenType)
	}
	if seconds, ok := integer(answer.ExpiresIn); ok && seconds >= 0 {
		g.Expires = now.Add(time.Duration(min(seconds, 24*3600)) * time.Second)
	}
	for _, d := range answer.Details {
		if d.Type == "openid_credential" && len(d.Identifiers) > 0 {
			if g.Identifiers == nil {
				g.Identifiers = map[string][]string{}
			}
			g.Identifiers[d.Configuration] = append(g.Identifiers[d.Configuration], d.Identifiers...)
		}
	}
	return g, nil
}

// usable reports whether a token can stand in a header (RFC 6750, Section 2.1) and be kept.
func usable(token string) bool {
	return token != "" && len(token) <= maxToken/2 && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// Issued is what the credential endpoint gave.
type Issued struct {
	Credentials    []string // compact, in any order
	NotificationID string   // of the first answer
	// NotificationIDs holds one for each answer when it took several; [Client.Notify] is to be called for each.
	NotificationIDs []string
}

// Request asks for one copy of a configuration for each key, in one batch if the issuer allows it (one by one
// otherwise), with a fresh nonce; an invalid_nonce answer is tried again with a new one, a few times at most. The error may
// be *oauth.Error; then nothing was issued, or Issued holds what came before it.
func (c *Client) Request(ctx context.Context, o *Opened, g *Grant, configurationID string, keys []crypto.Signer) (*Issued, error) {
	size := 1
	if o.Metadata.Batch != nil {
		size = min(o.Metadata.Batch.Size, MaxProofs)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no keys", ErrMalformed)
	}
	if algs := o.Metadata.Configurations[configurationID].ProofTypes["jwt"].SigningAlgs; len(algs) > 0 {
		for _, key := range keys {
			if alg, err := jose.Algorithm(key.Public()); err != nil || !slices.Contains(algs, alg) {
				return nil, fmt.Errorf("%w: the issuer takes proofs with %q, not with %q", ErrMalformed, algs, alg)
			}
		}
	}
	var issued Issued
	for chunk := range slices.Chunk(keys, size) {
		if err := c.requestChunk(ctx, o, g, configurationID, chunk, &issued); err != nil {
			return &issued, err
		}
	}
	return &issued, nil
}

func (c *Client) requestChunk(ctx context.Context, o *Opened, g *Grant, id string, keys []crypto.Signer, into *Issued) error {
	for try := 1; ; try++ {
		nonce, err := c.nonce(ctx, o)
		if err != nil {
			return err
		}
		body := map[string]any{}
		if known := g.Identifiers[id]; len(known) > 0 {
			body["credential_identifier"] = known[0]
		} else {
			body["credential_configuration_id"] = id
		}
		proofs := make([]string, len(keys))
		for i, key := range keys {
			if proofs[i], err = SignProof(key, o.Metadata.CredentialIssuer, nonce, c.Now()); err != nil {
				return err
			}
		}
		body["proofs"] = map[string][]string{"jwt": proofs}
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("credential request: %v", err)
		}
		limit := int64(maxToken + len(keys)*maxCredential)
		res, err := c.post(ctx, o.Metadata.CredentialEndpoint, "application/json", access{g.AccessToken, g.DPoP}, data, limit)
		var refused *oauth.Error
		if errors.As(err, &refused) && refused.Code == oauth.InvalidNonce && nonce != "" && try < nonceTries {
			continue
		}
		if err != nil {
			return err
		}
		return parseIssued(res, len(keys), into)
	}
}

func parseIssued(res *fetch.Response, keys int, into *Issued) error {
	if res.Status == http.StatusAccepted {
		return fmt.Errorf("%w: the issuer defers the credential, which is not supported", ErrMalformed)
	}
	var answer struct {
		Credentials []struct {
			Credential string `json:"credential"`
		} `json:"credentials"`
		NotificationID string `json:"notification_id"`
	}
	if err := jose.Unmarshal(res.Body, &answer); err != nil {
		return fmt.Errorf("%w: credential response: %v", ErrMalformed, err)
	}
	if n := len(answer.Credentials); n == 0 || n > keys {
		return fmt.Errorf("%w: %d credentials for %d keys", ErrMalformed, n, keys)
	}
	for _, one := range answer.Credentials {
		if one.Credential == "" || len(one.Credential) > maxCredential {
			return fmt.Errorf("%w: a credential of %d bytes", ErrMalformed, len(one.Credential))
		}
		into.Credentials = append(into.Credentials, one.Credential)
	}
	if answer.NotificationID != "" {
		if into.NotificationID == "" {
			into.NotificationID = answer.NotificationID
		}
		into.NotificationIDs = append(into.NotificationIDs, answer.NotificationID)
	}
	return nil
}

// nonce gets a fresh nonce (Section 7); "" when the issuer has no nonce endpoint.
func (c *Client) nonce(ctx context.Context, o *Opened) (string, error) {
	if o.Metadata.NonceEndpoint == "" {
		return "", nil
	}
	res, err := c.post(ctx, o.Metadata.NonceEndpoint, "", access{}, nil, maxToken)
	if err != nil {
		return "", err
	}
	var answer struct {
		Nonce string `json:"c_nonce"`
	}
	if err := jose.Unmarshal(res.Body, &answer); err != nil || answer.Nonce == "" {
		return "", fmt.Errorf("%w: nonce response without a nonce", ErrMalformed)
	}
	return answer.Nonce, nil
}

// Notification events (Section 11.1).
const (
	CredentialAccepted = "credential_accepted"
	CredentialFailure  = "credential_failure"
)

// Notify tells the issuer how it went. A missing notification endpoint or id is not an error.
func (c *Client) Notify(ctx context.Context, o *Opened, g *Grant, id, event string) error {
	if o.Metadata.NotificationEndpoint == "" || id == "" {
		return nil
	}
	body, err := json.Marshal(map[string]string{"notification_id": id, "event": event})
	if err != nil {
		return fmt.Errorf("notification: %v", err)
	}
	_, err = c.post(ctx, o.Metadata.NotificationEndpoint, "application/json", access{g.AccessToken, g.DPoP}, body, maxToken)
	return err
}

// access is what a request shows: the access token, and a proof of the key that it is bound to.
type access struct {
	token string
	dpop  bool
}

// post sends a body. An answer that is not a success is *oauth.Error if it has a code, else one of this package's errors. A
// server that asks for another nonce in the proof gets one more request (RFC 9449, Section 8).
func (c *Client) post(ctx context.Context, uri, contentType string, a access, body []byte, limit int64) (*fetch.Response, error) {
	for try := 1; ; try++ {
		header := http.Header{"Accept": {"application/json"}}
		switch {
		case a.token != "" && a.dpop:
			header.Set("Authorization", oauth.SchemeDPoP+" "+a.token)
		case a.token != "":
			header.Set("Authorization", "Bearer "+a.token)
		}
		if a.dpop {
			proof, err := c.DPoP.Proof(http.MethodPost, uri, a.token)
			if err != nil {
				return nil, err
			}
			header.Set(oauth.HeaderDPoP, proof)
		}
		res, err := c.do(ctx, fetch.Request{Method: http.MethodPost, URL: uri, Header: header, ContentType: contentType, Body: body, Limit: limit})
		if err != nil {
			return nil, err
		}
		learned := c.DPoP != nil && c.DPoP.Learn(uri, res.Header)
		err = answered(uri, res)
		var refused *oauth.Error
		if a.dpop && learned && try < 2 && errors.As(err, &refused) && refused.Code == oauth.UseDPoPNonce {
			continue
		}
		if err != nil {
			return nil, err
		}
		return res, nil
	}
}

// answered tells what an answer that is not a success means.
func answered(uri string, res *fetch.Response) error {
	if res.Status >= 200 && res.Status < 300 {
		return nil
	}
	if e := oauth.ParseError(res.Status, res.Body); e.Code != "" {
		return e
	}
	switch {
	case res.Status == http.StatusUnauthorized && strings.Contains(res.Header.Get("WWW-Authenticate"), `"`+string(oauth.UseDPoPNonce)+`"`):
		return &oauth.Error{Status: res.Status, Code: oauth.UseDPoPNonce}
	case res.Status == http.StatusUnauthorized:
		return &oauth.Error{Status: res.Status, Code: oauth.InvalidToken}
	case res.Status >= 500 || res.Status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: %q answered %d", ErrNetwork, uri, res.Status)
	}
	return fmt.Errorf("%w: %q answered %d", ErrMalformed, uri, res.Status)
}
