package openid4vci

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// checkCodeFlow checks that the authorization server does all that makes the authorization code flow safe (HAIP 1.0, Section 4): a
// request that nobody on the way can change, S256, answers that name the server, and tokens bound to our key. Without one of
// them the person is sent nowhere.
func (c *Client) checkCodeFlow(o *Opened) error {
	m := o.server
	switch {
	case m.AuthorizationEndpoint == "" || m.PushEndpoint == "":
		return fmt.Errorf("%w: the authorization server takes no pushed requests", ErrMalformed)
	case !slices.Contains(m.Challenges, oauth.ChallengeS256):
		return fmt.Errorf("%w: the authorization server does not check codes with %s", ErrMalformed, oauth.ChallengeS256)
	case !m.Names:
		return fmt.Errorf("%w: answers of the authorization server do not say whose they are", ErrMalformed)
	case !o.dpop:
		return fmt.Errorf("%w: the authorization server does not bind tokens to a key", ErrMalformed)
	}
	for _, endpoint := range []string{m.AuthorizationEndpoint, m.PushEndpoint} {
		if err := c.Fetch.Check(endpoint); err != nil {
			return fmt.Errorf("%w: endpoint %q of the authorization server", ErrEndpointRefused, endpoint)
		}
	}
	return nil
}

// Authorization is a request to a person that waits for its answer. It is the client's secret, and may be kept.
type Authorization struct {
	oauth.Pending
	CredentialIssuer string    `json:"credential_issuer"`
	ConfigurationIDs []string  `json:"configurations"`
	Expires          time.Time `json:"expires"`
}

// authorizationTime is for how long an answer is awaited, whatever the server says.
const authorizationTime = 15 * time.Minute

// Authorize pushes the request for what is offered (RFC 9126) and returns the address that the person opens in a browser, and what
// is to be kept until the browser comes back to redirectURI. The error may be *oauth.Error.
func (c *Client) Authorize(ctx context.Context, o *Opened, redirectURI string) (page string, a *Authorization, err error) {
	if !o.InBrowser() {
		return "", nil, fmt.Errorf("%w: the offer needs no page of the issuer", ErrMalformed)
	}
	a = &Authorization{
		Pending: *oauth.NewPending(o.AuthorizationServer, redirectURI), CredentialIssuer: o.Offer.CredentialIssuer,
		ConfigurationIDs: o.Offer.ConfigurationIDs, Expires: c.Now().Add(authorizationTime).UTC().Truncate(time.Second),
	}
	form := url.Values{
		"response_type": {oauth.ResponseTypeCode}, "client_id": {ClientID}, "redirect_uri": {redirectURI}, "state": {a.State},
		"code_challenge": {oauth.Challenge(a.Verifier)}, "code_challenge_method": {oauth.ChallengeS256},
	}
	if state := o.Offer.Grants.Code.IssuerState; state != "" {
		form.Set("issuer_state", state)
	}
	if err := o.ask(form); err != nil {
		return "", nil, err
	}
	res, err := c.post(ctx, o.server.PushEndpoint, "application/x-www-form-urlencoded", access{dpop: true}, []byte(form.Encode()), maxToken)
	if err != nil {
		return "", nil, err
	}
	var answer struct {
		RequestURI string `json:"request_uri"`
	}
	if err := jose.Unmarshal(res.Body, &answer); err != nil || answer.RequestURI == "" {
		return "", nil, fmt.Errorf("%w: answer to a pushed request without request_uri", ErrMalformed)
	}
	separator := "?"
	if strings.Contains(o.server.AuthorizationEndpoint, "?") {
		separator = "&"
	}
	return o.server.AuthorizationEndpoint + separator + url.Values{"client_id": {ClientID}, "request_uri": {answer.RequestURI}}.Encode(), a, nil
}

// ask says what is wanted: by scope where every configuration has one (HAIP 1.0, Section 4.3), else by authorization_details
// (Section 5.1.1).
func (o *Opened) ask(form url.Values) error {
	var scopes []string
	var details []map[string]any
	for _, id := range o.Offer.ConfigurationIDs {
		if scope := o.Metadata.Configurations[id].Scope; scope != "" {
			scopes = append(scopes, scope)
		}
		one := map[string]any{"type": "openid_credential", "credential_configuration_id": id}
		if len(o.Metadata.AuthorizationServers) > 0 {
			one["locations"] = []string{o.Metadata.CredentialIssuer}
		}
		details = append(details, one)
	}
	if len(scopes) == len(o.Offer.ConfigurationIDs) {
		form.Set("scope", strings.Join(scopes, " "))
		return nil
	}
	text, err := json.Marshal(details)
	if err != nil {
		return err
	}
	form.Set("authorization_details", string(text))
	return nil
}

// Return looks up the issuer of an authorization again after the browser came back; trust is established as in [Client.Open]. The
// client has to have the key that made the request. Errors: those of Open.
func (c *Client) Return(ctx context.Context, a *Authorization) (*Opened, error) {
	offer := &Offer{CredentialIssuer: a.CredentialIssuer, ConfigurationIDs: a.ConfigurationIDs, Grants: &Grants{Code: &CodeGrant{AuthorizationServer: a.Issuer}}}
	if err := checkIdentifier(a.CredentialIssuer); err != nil {
		return nil, fmt.Errorf("%w: credential issuer: %v", ErrMalformed, err)
	}
	return c.look(ctx, offer, a.Issuer, GrantCode)
}

// RedeemCode trades the code that [oauth.Callback.Code] returned for this authorization. The error may be *oauth.Error.
func (c *Client) RedeemCode(ctx context.Context, o *Opened, a *Authorization, code string) (*Grant, error) {
	g, err := c.token(ctx, o, url.Values{
		"grant_type": {GrantCode}, "code": {code}, "redirect_uri": {a.RedirectURI}, "code_verifier": {a.Verifier}, "client_id": {ClientID},
	})
	if err != nil {
		return nil, err
	}
	if !g.DPoP {
		return nil, fmt.Errorf("%w: the token is not bound to our key", ErrMalformed)
	}
	return g, nil
}
