package openid4vci

import (
	"context"
	"fmt"
	"net/url"
)

// Reopen looks up an issuer again whose card is to be renewed: no offer is needed, trust is established as in [Client.Open].
// authorizationServer is the one that gave the refresh token, which is shown to no other. Errors: those of Open.
func (c *Client) Reopen(ctx context.Context, issuer, authorizationServer, configurationID string) (*Opened, error) {
	if err := checkIdentifier(issuer); err != nil {
		return nil, fmt.Errorf("%w: credential issuer: %v", ErrMalformed, err)
	}
	return c.look(ctx, &Offer{CredentialIssuer: issuer, ConfigurationIDs: []string{configurationID}}, authorizationServer, GrantRefresh)
}

// Refresh trades a refresh token that is bound to the client's key (RFC 6749, Section 6; RFC 9449, Section 5). The answer may
// hold another refresh token: it is to be on disk before anything else is asked, since the old one may not count any more.
// The error may be *oauth.Error.
func (c *Client) Refresh(ctx context.Context, o *Opened, refreshToken string) (*Grant, error) {
	if !o.dpop {
		return nil, fmt.Errorf("%w: the authorization server takes no proof of our key any more", ErrMalformed)
	}
	form := url.Values{"grant_type": {GrantRefresh}, "refresh_token": {refreshToken}}
	if !o.anonymous {
		form.Set("client_id", ClientID)
	}
	g, err := c.token(ctx, o, form)
	if err != nil {
		return nil, err
	}
	if !g.DPoP {
		return nil, fmt.Errorf("%w: the token is not bound to our key", ErrMalformed)
	}
	return g, nil
}
