package openid4vp

import (
	"bytes"
	"context"
	"crypto/rand"
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
	"github.com/zegel-id/zegel/pkg/trust"
)

// PolicyFunc gives the trust policy for a request from what is stapled to it. The wallet checks the registry proof
// here; without one the policy knows only foreign anchors.
type PolicyFunc func(ctx context.Context, info []VerifierInfo) (*trust.Policy, error)

// Client is the wallet's side. All fields but Seen are required.
type Client struct {
	Fetch  *fetch.Client
	Now    func() time.Time
	Policy PolicyFunc
	// Seen, when not nil, records a request object (client id and nonce) durably until expires, and returns
	// [ErrRequestMalformed] if it was recorded before. Nothing may be shown for the second.
	Seen func(ctx context.Context, clientID, nonce string, expires time.Time) error
}

// Asked is a verified request: who asks what, and what the register says about it.
type Asked struct {
	Request    Request
	Verifier   *trust.Identity
	Permission *trust.Permission
}

const (
	tolerance = 60 * time.Second
	// A request object that says when it was made but not how long it counts is taken for this long; one that says
	// neither is remembered for the longer time, so that it cannot be used twice.
	lifetime = 24 * time.Hour
	remember = 366 * 24 * time.Hour
)

// walletMetadata is what request_uri_method=post tells the verifier (Section 10). It is the same for every wallet, so
// that it tells nothing about this one.
const walletMetadata = `{"vp_formats_supported":{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256","ES384","EdDSA"],"kb-jwt_alg_values":["ES256"]}},` +
	`"client_id_prefixes_supported":["x509_hash","x509_san_dns","decentralized_identifier"],` +
	`"request_object_signing_alg_values_supported":["ES256","ES384","EdDSA"],` +
	`"response_types_supported":["vp_token"],"response_modes_supported":["direct_post","direct_post.jwt"],` +
	`"authorization_encryption_alg_values_supported":["ECDH-ES"],"authorization_encryption_enc_values_supported":["A128GCM","A256GCM"]}`

// Open reads a link (openid4vp://, haip-vp:// or https), fetches the request object and verifies it: client id,
// signature, identity, audience, times, wallet_nonce, transaction data, response endpoint. Errors: those above, and
// *oauth.Error when the specification wants an error response, which has then been sent to the response_uri if the
// request was trusted. An error may be of both kinds.
func (c *Client) Open(ctx context.Context, rawLink string) (*Asked, error) {
	l, err := parseLink(rawLink)
	if err != nil {
		return nil, err
	}
	if _, _, err := prefix(l.clientID); err != nil {
		return nil, err
	}
	var walletNonce string
	switch {
	case l.method == MethodPost && l.object == "":
		walletNonce = rand.Text()
	case l.method != MethodGet:
		return nil, fmt.Errorf("%w: %w", ErrRequestMalformed, &oauth.Error{Code: oauth.InvalidRequestURIMethod, Description: "get and post are supported"})
	}
	object := l.object
	if object == "" {
		if object, err = c.fetch(ctx, l.requestURI, walletNonce); err != nil {
			return nil, err
		}
	}
	return c.verify(ctx, object, l.clientID, walletNonce)
}

func (c *Client) fetch(ctx context.Context, requestURI, walletNonce string) (string, error) {
	r := fetch.Request{
		URL:    requestURI,
		Header: http.Header{"Accept": {RequestMediaType}},
		Limit:  MaxRequestSize,
	}
	if walletNonce != "" {
		r.Method = http.MethodPost
		r.ContentType = "application/x-www-form-urlencoded"
		r.Body = []byte(url.Values{"wallet_metadata": {walletMetadata}, "wallet_nonce": {walletNonce}}.Encode())
	}
	resp, err := c.Fetch.Do(ctx, r)
	if err != nil {
		return "", category(err)
	}
	switch resp.Status {
	case http.StatusOK:
		return string(bytes.TrimSpace(resp.Body)), nil
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone:
		return "", fmt.Errorf("%w: the request was answered or is not there any more (status %d)", ErrRequestExpired, resp.Status)
	}
	if resp.Status < 500 {
		return "", fmt.Errorf("%w: status %d for the request object", ErrEndpointRefused, resp.Status)
	}
	return "", fmt.Errorf("%w: status %d for the request object", ErrNetwork, resp.Status)
}

// category maps the errors of package fetch to those of this package.
func category(err error) error {
	switch {
	case errors.Is(err, fetch.ErrRefused):
		return fmt.Errorf("%w: %s", ErrEndpointRefused, fetch.Reason(err))
	case errors.Is(err, fetch.ErrTooLarge):
		return fmt.Errorf("%w: too large: %s", ErrRequestMalformed, fetch.Reason(err))
	}
	return fmt.Errorf("%w: %s", ErrNetwork, fetch.Reason(err))
}

// verify checks in an order in which nothing of the message counts before it is known who signed it.
func (c *Client) verify(ctx context.Context, object, clientID, walletNonce string) (*Asked, error) {
	if strings.HasPrefix(object, "{") {
		return nil, fmt.Errorf("%w: the request object is not signed", ErrRequestUntrusted)
	}
	j, err := jose.ParseJWS(object, MaxRequestSize)
	if err != nil {
		return nil, fmt.Errorf("%w: request object: %v", ErrRequestMalformed, err)
	}
	if j.Header.Type != RequestType {
		return nil, malformed("request object of type %q", shorten(j.Header.Type))
	}
	p, err := parsePayload(j.Payload)
	if err != nil {
		return nil, err
	}
	if p.ClientID != clientID {
		return nil, malformed("client_id of the link is not the one of the request object")
	}
	info, err := p.verifierInfo()
	if err != nil {
		return nil, err
	}
	policy, err := c.Policy(ctx, info)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequestUntrusted, err)
	}
	now := c.Now()
	who, err := identify(ctx, policy, &j.Header, p, now)
	if err != nil {
		return nil, err
	}
	if err := j.Verify(who.Key); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRequestUntrusted, err)
	}

	// From here on the words are the verifier's own.
	if walletNonce != "" && p.WalletNonce != walletNonce {
		return nil, fmt.Errorf("%w: wallet_nonce is not ours", ErrRequestUntrusted)
	}
	if !p.audience() {
		return nil, malformed("request object for another audience")
	}
	r := Request{ClientID: p.ClientID, VerifierInfo: info, WalletNonce: p.WalletNonce}
	expires, err := p.times(&r, now)
	if err != nil {
		return nil, err
	}
	if !urlSafe(p.Nonce) {
		return nil, malformed("nonce is missing or not URL-safe")
	}
	r.Nonce, r.State = p.Nonce, p.State
	if p.ResponseMode != DirectPost && p.ResponseMode != DirectPostJWT {
		return nil, malformed("response mode %q", shorten(p.ResponseMode))
	}
	r.ResponseMode = p.ResponseMode
	if err := c.Fetch.Check(p.ResponseURI); err != nil {
		return nil, fmt.Errorf("%w: response_uri: %v", ErrEndpointRefused, err)
	}
	r.ResponseURI = p.ResponseURI
	if err := sanDNS(&r); err != nil {
		return nil, err
	}
	a := &Asked{Request: r, Verifier: who}
	if fault := p.read(&a.Request); fault != nil {
		return nil, c.answerError(ctx, a, fault)
	}
	if a.Permission, err = policy.MayAsk(ctx, who, a.Request.Query.Questions(), now); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequestUntrusted, err)
	}
	if c.Seen != nil {
		if err := c.Seen(ctx, p.ClientID, p.Nonce, expires); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// identify establishes who signed, by the client identifier's prefix alone (Section 5.9.3): the message cannot choose
// another way. Keys count as of now, since a request is made now.
func identify(ctx context.Context, policy *trust.Policy, h *jose.Header, p *payload, now time.Time) (*trust.Identity, error) {
	kind, value, err := prefix(p.ClientID)
	if err != nil {
		return nil, err
	}
	if kind == PrefixDID {
		if id, fragment, ok := strings.Cut(h.KeyID, "#"); !ok || id != value || fragment == "" {
			return nil, fmt.Errorf("%w: the key is not one of the client_id", ErrRequestUntrusted)
		}
		who, err := policy.ByKeyID(ctx, h.KeyID, trust.Ask, now, now)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRequestUntrusted, err)
		}
		return who, nil
	}
	if len(h.X5C) == 0 {
		return nil, fmt.Errorf("%w: no certificate chain", ErrRequestUntrusted)
	}
	if kind == PrefixX509Hash && X509HashClientID(h.X5C[0]) != p.ClientID {
		return nil, fmt.Errorf("%w: the certificate is not the one of the client_id", ErrRequestUntrusted)
	}
	who, err := policy.ByChain(ctx, h.X5C, trust.Ask, "", now, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequestUntrusted, err)
	}
	if kind == PrefixX509SANDNS && (who.Leaf == nil || !slices.ContainsFunc(who.Leaf.DNSNames, func(name string) bool {
		return strings.EqualFold(name, value)
	})) {
		return nil, fmt.Errorf("%w: the certificate does not name the host of the client_id", ErrRequestUntrusted)
	}
	return who, nil
}

// sanDNS checks that a verifier known by its host name is answered at that host (Section 5.9.3).
func sanDNS(r *Request) error {
	kind, value, _ := strings.Cut(r.ClientID, ":")
	if kind != PrefixX509SANDNS {
		return nil
	}
	u, err := url.Parse(r.ResponseURI)
	if err != nil || !strings.EqualFold(u.Hostname(), value) {
		return fmt.Errorf("%w: response_uri is at another host than the client_id", ErrRequestUntrusted)
	}
	return nil
}

// times checks when the request object counts and returns until when it has to be remembered.
func (p *payload) times(r *Request, now time.Time) (expires time.Time, err error) {
	var notBefore time.Time
	if r.IssuedAt, err = date(p.IssuedAt, "iat"); err != nil {
		return expires, err
	}
	if notBefore, err = date(p.NotBefore, "nbf"); err != nil {
		return expires, err
	}
	if r.Expires, err = date(p.Expires, "exp"); err != nil {
		return expires, err
	}
	if r.IssuedAt.After(now.Add(tolerance)) || notBefore.After(now.Add(tolerance)) {
		return expires, malformed("request object of the future; one of the two clocks is wrong")
	}
	switch {
	case !r.Expires.IsZero():
		expires = r.Expires
	case !r.IssuedAt.IsZero():
		expires = r.IssuedAt.Add(lifetime)
	default:
		expires = now.Add(remember)
	}
	if now.After(expires.Add(tolerance)) {
		return expires, fmt.Errorf("%w: since %s", ErrRequestExpired, expires.UTC().Format(time.RFC3339))
	}
	return expires.Add(tolerance), nil
}

// read reads what is asked. What it finds wrong is told to the verifier, who is known by now.
func (p *payload) read(r *Request) *oauth.Error {
	invalid := func(text string) *oauth.Error {
		return &oauth.Error{Code: oauth.InvalidRequest, Description: text}
	}
	switch {
	case p.ResponseType != "vp_token":
		return invalid("response_type is not vp_token")
	case len(p.RedirectURI) > 0:
		return invalid("redirect_uri beside response_uri")
	case len(p.Request) > 0 || len(p.RequestURI) > 0:
		return invalid("request inside of a request object")
	case len(p.Scope) > 0 || absent(p.Query):
		return invalid("dcql_query is required, and scope is not supported")
	case len(p.TransactionData) > 0:
		return &oauth.Error{Code: oauth.InvalidTransactionData, Description: "no type of transaction_data is supported"}
	}
	var err error
	if r.Query, err = ParseDCQL(p.Query); err != nil {
		return invalid("dcql_query breaks a rule")
	}
	if p.State == "" && slices.ContainsFunc(r.Query.Credentials, func(c CredentialQuery) bool { return !c.Bound() }) {
		return invalid("state is required where no holder binding is")
	}
	if !absent(p.Metadata) {
		r.Metadata = new(ClientMetadata)
		if err := jose.Unmarshal(p.Metadata, r.Metadata); err != nil {
			return invalid("client_metadata is not understood")
		}
	}
	if r.Metadata != nil && !absent(r.Metadata.VPFormats) && !formats(r.Metadata.VPFormats) {
		return &oauth.Error{Code: oauth.VPFormatsNotSupported, Description: "dc+sd-jwt with ES256 is supported"}
	}
	if r.ResponseMode == DirectPostJWT {
		if _, _, err := r.encryption(); err != nil {
			return invalid("client_metadata has no usable encryption key")
		}
	}
	return nil
}

// formats reports whether the verifier takes SD-JWT VCs with a key binding that this wallet can make.
func formats(raw json.RawMessage) bool {
	var m map[string]json.RawMessage
	if jose.Unmarshal(raw, &m) != nil || absent(m[FormatSDJWT]) {
		return false
	}
	var algs struct {
		SDJWT *[]string `json:"sd-jwt_alg_values"`
		KBJWT *[]string `json:"kb-jwt_alg_values"`
	}
	if jose.Unmarshal(m[FormatSDJWT], &algs) != nil {
		return false
	}
	signs := func(alg string) bool { return alg == "ES256" || alg == "ES384" || alg == "EdDSA" }
	return (algs.SDJWT == nil || slices.ContainsFunc(*algs.SDJWT, signs)) &&
		(algs.KBJWT == nil || slices.Contains(*algs.KBJWT, "ES256"))
}

// encryption returns the key to encrypt an answer to, and how (Section 8.3). Keys for other uses are passed over.
func (r *Request) encryption() (*jose.JWK, string, error) {
	if r.Metadata == nil || r.Metadata.JWKS == nil {
		return nil, "", errors.New("no keys")
	}
	enc := ""
	values := r.Metadata.EncryptionValues
	if len(values) == 0 {
		values = []string{"A128GCM"}
	}
	for _, v := range values {
		if v == "A128GCM" || v == "A256GCM" {
			enc = v
			break
		}
	}
	if enc == "" {
		return nil, "", errors.New("no content encryption in common")
	}
	for i := range r.Metadata.JWKS.Keys {
		k := &r.Metadata.JWKS.Keys[i]
		if k.Algorithm == "ECDH-ES" && k.KeyID != "" && k.Encrypts() {
			return k, enc, nil
		}
	}
	return nil, "", errors.New("no key for ECDH-ES on P-256")
}
