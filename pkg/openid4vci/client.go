package openid4vci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/trust"
)

// PolicyFunc gives the trust policy for an issuer from what is stapled to its metadata ("" for nothing).
type PolicyFunc func(ctx context.Context, registry string) (*trust.Policy, error)

// Client is the wallet's side. All fields but DPoP are required.
type Client struct {
	Fetch  *fetch.Client
	Now    func() time.Time
	Policy PolicyFunc
	// DPoP binds tokens to its key where the authorization server offers it (RFC 9449). nil: bearer tokens only, and nothing
	// can be renewed.
	DPoP *oauth.Prover
}

// Opened is an offer whose issuer was looked up, before any code is asked or sent.
type Opened struct {
	// Offer holds the configurations that this wallet can receive; others of the offer are left out.
	Offer         Offer
	Metadata      IssuerMetadata // of a registered issuer: what it signed
	TokenEndpoint string
	// AuthorizationServer is the one that TokenEndpoint belongs to.
	AuthorizationServer string
	// Issuer is the registered organisation whose DID document names this exact credential issuer and which may issue every
	// offered type; nil if there is no registry proof. Then the wallet goes on only with foreign anchors and consent.
	Issuer *trust.Identity
	Policy *trust.Policy

	// anonymous: the token endpoint takes a request without a client_id.
	anonymous bool
	// dpop: it takes proofs that we can make.
	dpop bool
	// server is what the authorization server says of itself.
	server *AuthorizationMetadata
}

// InBrowser reports whether the offer is collected with [Client.Authorize]: a person proves who they are on a page of the issuer. An
// offer with a pre-authorized code needs no page.
func (o *Opened) InBrowser() bool {
	return o.Offer.Grants != nil && o.Offer.Grants.PreAuthorized == nil && o.Offer.Grants.Code != nil
}

// Open reads a link (openid-credential-offer://, haip-vci:// or https), by value or by reference, and the issuer's
// metadata. An issuer with a registry proof that does not carry it is [ErrIssuerUntrusted], as is one without any
// proof when the policy has no foreign anchors. Errors: those above.
func (c *Client) Open(ctx context.Context, link string) (*Opened, error) {
	offer, err := c.offer(ctx, link)
	if err != nil {
		return nil, err
	}
	switch g := offer.Grants; {
	case g != nil && g.PreAuthorized != nil:
		return c.look(ctx, offer, g.PreAuthorized.AuthorizationServer, GrantPreAuthorized)
	case g != nil && g.Code != nil:
		return c.look(ctx, offer, g.Code.AuthorizationServer, GrantCode)
	}
	return nil, fmt.Errorf("%w: the offer has neither a pre-authorized code nor an authorization code grant, and no other is supported", ErrMalformed)
}

// look gets the metadata of an offer's issuer, finds out who it is, and where its tokens come from.
func (c *Client) look(ctx context.Context, offer *Offer, server, grant string) (*Opened, error) {
	body, err := c.document(ctx, offer.CredentialIssuer, WellKnownIssuer)
	if err != nil {
		return nil, fmt.Errorf("issuer metadata: %w", err)
	}
	metadata, err := ParseIssuerMetadata(body, offer.CredentialIssuer)
	if err != nil {
		return nil, err
	}
	o := &Opened{Offer: *offer, Metadata: *metadata}
	// Trust comes before anything that the metadata leads to: an untrusted issuer gets no token call and no code.
	if err := c.establish(ctx, o); err != nil {
		return nil, err
	}
	for _, endpoint := range []string{o.Metadata.CredentialEndpoint, o.Metadata.NonceEndpoint, o.Metadata.NotificationEndpoint} {
		if endpoint == "" {
			continue
		}
		if err := c.Fetch.Check(endpoint); err != nil {
			return nil, fmt.Errorf("%w: endpoint %q of the issuer", ErrEndpointRefused, endpoint)
		}
	}
	if err := c.authorization(ctx, o, server, grant); err != nil {
		return nil, err
	}
	return o, nil
}

func (c *Client) offer(ctx context.Context, link string) (*Offer, error) {
	offer, uri, err := ParseLink(link)
	if err != nil || offer != nil {
		return offer, err
	}
	body, err := c.get(ctx, uri, MaxOffer)
	if err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	return ParseOffer(body)
}

// document fetches a well-known document of an issuer.
func (c *Client) document(ctx context.Context, issuer, name string) ([]byte, error) {
	uri, err := WellKnownURL(issuer, name)
	if err != nil {
		return nil, err
	}
	return c.get(ctx, uri, MaxMetadata)
}

func (c *Client) get(ctx context.Context, uri string, limit int64) ([]byte, error) {
	res, err := c.do(ctx, fetch.Request{URL: uri, Header: http.Header{"Accept": {"application/json"}}, Limit: limit})
	if err != nil {
		return nil, err
	}
	switch {
	case res.Status >= 500, res.Status == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: %q answered %d", ErrNetwork, uri, res.Status)
	case res.Status != http.StatusOK:
		// The connection works; what the offer points to is not there.
		return nil, fmt.Errorf("%w: %q answered %d", ErrMalformed, uri, res.Status)
	}
	return res.Body, nil
}

// do calls out. Redirects are never followed; one is [ErrEndpointRefused].
func (c *Client) do(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
	res, err := c.Fetch.Do(ctx, r)
	switch {
	case errors.Is(err, fetch.ErrRefused):
		return nil, fmt.Errorf("%w: %s", ErrEndpointRefused, fetch.Reason(err))
	case errors.Is(err, fetch.ErrTooLarge):
		return nil, fmt.Errorf("%w: too large: %s", ErrMalformed, fetch.Reason(err))
	case err != nil:
		return nil, fmt.Errorf("%w: %s", ErrNetwork, fetch.Reason(err))
	case res.Status >= 300 && res.Status < 400:
		return nil, fmt.Errorf("%w: %q answered with a redirect", ErrEndpointRefused, r.URL)
	}
	return res, nil
}

// establish finds out who the issuer is, and leaves in the offer what this wallet can receive.
func (c *Client) establish(ctx context.Context, o *Opened) error {
	policy, err := c.Policy(ctx, o.Metadata.Registry)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIssuerUntrusted, err)
	}
	o.Policy = policy
	if o.Metadata.Registry == "" {
		if policy == nil || len(policy.Foreign) == 0 {
			return fmt.Errorf("%w: %q has no registry proof", ErrIssuerUntrusted, o.Offer.CredentialIssuer)
		}
		return o.receivable()
	}
	return c.registered(ctx, o, policy)
}

// registered checks that the metadata are signed by a registered organisation, that its DID document names exactly this
// credential issuer, and that it may issue every type that is offered. What was signed replaces what came with it.
func (c *Client) registered(ctx context.Context, o *Opened, policy *trust.Policy) error {
	now := c.Now()
	signed, err := parseSigned(o.Metadata.Signed, o.Offer.CredentialIssuer, now)
	if err != nil {
		return fmt.Errorf("%w: signed metadata: %v", ErrIssuerUntrusted, err)
	}
	registry := o.Metadata.Registry
	o.Metadata = *signed.metadata
	o.Metadata.Registry, o.Metadata.Signed = registry, signed.compact
	if err := o.receivable(); err != nil {
		return err
	}
	for _, id := range o.Offer.ConfigurationIDs {
		vct := o.Metadata.Configurations[id].VCT
		who, err := policy.ByChain(ctx, signed.jws.Header.X5C, trust.Issue, vct, signed.issued, now)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrIssuerUntrusted, err)
		}
		if !who.Registered || o.Issuer != nil && who.DID != o.Issuer.DID {
			return fmt.Errorf("%w: metadata are not signed by a registered organisation", ErrIssuerUntrusted)
		}
		if err := policy.MayIssue(ctx, who, vct, now, now); err != nil {
			return fmt.Errorf("%w: %w", ErrIssuerUntrusted, err)
		}
		o.Issuer = who
	}
	if err := signed.jws.Verify(o.Issuer.Key); err != nil {
		return fmt.Errorf("%w: signed metadata: %v", ErrIssuerUntrusted, err)
	}
	doc, err := policy.DIDs.Resolve(ctx, o.Issuer.DID)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIssuerUntrusted, err)
	}
	names := func(s did.Service) bool {
		return s.Type == did.ServiceIssuer && s.Endpoint == o.Offer.CredentialIssuer
	}
	if !slices.ContainsFunc(doc.Services, names) {
		return fmt.Errorf("%w: %s does not name %q as its issuer", ErrIssuerUntrusted, o.Issuer.DID, o.Offer.CredentialIssuer)
	}
	return nil
}

// receivable keeps of the offer the configurations that this wallet can receive: dc+sd-jwt bound to a key by a jwt proof.
func (o *Opened) receivable() error {
	var keep []string
	for _, id := range o.Offer.ConfigurationIDs {
		c, ok := o.Metadata.Configurations[id]
		if !ok {
			return fmt.Errorf("%w: the offer names configuration %q, which the issuer does not have", ErrMalformed, id)
		}
		if _, jwt := c.ProofTypes["jwt"]; c.Format == FormatSDJWT && c.VCT != "" && jwt {
			keep = append(keep, id)
		}
	}
	if len(keep) == 0 {
		return fmt.Errorf("%w: the offer holds no credential of format %s with a jwt proof", ErrMalformed, FormatSDJWT)
	}
	o.Offer.ConfigurationIDs = keep
	return nil
}

type signedMetadata struct {
	compact  string
	jws      *jose.JWS
	metadata *IssuerMetadata
	issued   time.Time
}

// metadataSkew is the clock tolerance for signed metadata.
const metadataSkew = 60 * time.Second

// parseSigned reads signed metadata without its signature: who must have signed follows from its header.
func parseSigned(compact, issuer string, now time.Time) (*signedMetadata, error) {
	if compact == "" {
		return nil, errors.New("missing")
	}
	j, err := jose.ParseJWS(compact, MaxMetadata)
	if err != nil {
		return nil, err
	}
	if j.Header.Type != TypeSignedMetadata {
		return nil, fmt.Errorf("typ is %q", j.Header.Type)
	}
	if len(j.Header.X5C) == 0 {
		return nil, errors.New("no x5c")
	}
	var claims struct {
		Subject  string `json:"sub"`
		IssuedAt any    `json:"iat"`
		Expires  any    `json:"exp"`
	}
	if err := jose.Unmarshal(j.Payload, &claims); err != nil {
		return nil, err
	}
	if claims.Subject != issuer {
		return nil, fmt.Errorf("sub is %q", claims.Subject)
	}
	iat, ok := integer(claims.IssuedAt)
	if !ok || iat < 0 || iat > now.Add(metadataSkew).Unix() {
		return nil, errors.New("iat is missing or ahead")
	}
	if claims.Expires != nil {
		if exp, ok := integer(claims.Expires); !ok || exp < now.Add(-metadataSkew).Unix() {
			return nil, errors.New("expired")
		}
	}
	m, err := ParseIssuerMetadata(j.Payload, issuer)
	if err != nil {
		return nil, err
	}
	return &signedMetadata{compact: compact, jws: j, metadata: m, issued: time.Unix(iat, 0)}, nil
}

// authorization finds the token endpoint (Section 12.2.4, authorization_servers): of the server that is named, or of the first
// that takes the grant.
func (c *Client) authorization(ctx context.Context, o *Opened, named, grant string) error {
	servers := o.Metadata.AuthorizationServers
	if len(servers) == 0 {
		servers = []string{o.Metadata.CredentialIssuer}
	}
	if named != "" {
		if !slices.Contains(servers, named) {
			return fmt.Errorf("%w: the issuer does not use the authorization server %q", ErrMalformed, named)
		}
		servers = []string{named}
	}
	var failure error
	for _, server := range servers[:min(len(servers), 4)] {
		body, err := c.document(ctx, server, WellKnownAuthorization)
		if err != nil {
			failure = fmt.Errorf("authorization server metadata: %w", err)
			continue
		}
		m, err := ParseAuthorizationMetadata(body, server)
		if err != nil {
			failure = err
			continue
		}
		if len(servers) > 1 && !slices.Contains(m.GrantTypes, grant) {
			failure = fmt.Errorf("%w: no authorization server takes the grant %q", ErrMalformed, grant)
			continue
		}
		if err := c.Fetch.Check(m.TokenEndpoint); err != nil {
			return fmt.Errorf("%w: token endpoint %q", ErrEndpointRefused, m.TokenEndpoint)
		}
		o.TokenEndpoint, o.AuthorizationServer, o.anonymous, o.server = m.TokenEndpoint, server, m.Anonymous, m
		o.dpop = c.DPoP != nil && slices.Contains(m.DPoPAlgs, oauth.DPoPAlgorithm)
		if grant == GrantCode {
			return c.checkCodeFlow(o)
		}
		return nil
	}
	return failure
}
