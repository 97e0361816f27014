package openid4vp

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// RequestType is the "typ" and RequestMediaType the media type of a request object (Section 5; RFC 9101).
const (
	RequestType      = "oauth-authz-req+jwt"
	RequestMediaType = "application/oauth-authz-req+jwt"
)

// Methods of fetching a request object (Section 5.10).
const (
	MethodGet  = "get"
	MethodPost = "post"
)

const (
	maxLink  = 8 << 10
	maxNonce = 1024
	// lastNumericDate is the end of the year 9999.
	lastNumericDate = 253402300799
)

// payload is a request object on the wire. What is absent stays out; what Zegel does not know is ignored.
type payload struct {
	ClientID        string          `json:"client_id"`
	ResponseType    string          `json:"response_type"`
	ResponseMode    string          `json:"response_mode"`
	ResponseURI     string          `json:"response_uri"`
	Nonce           string          `json:"nonce"`
	State           string          `json:"state,omitempty"`
	Audience        json.RawMessage `json:"aud"`
	IssuedAt        json.RawMessage `json:"iat,omitempty"`
	NotBefore       json.RawMessage `json:"nbf,omitempty"`
	Expires         json.RawMessage `json:"exp,omitempty"`
	WalletNonce     string          `json:"wallet_nonce,omitempty"`
	Query           json.RawMessage `json:"dcql_query,omitempty"`
	Metadata        json.RawMessage `json:"client_metadata,omitempty"`
	TransactionData json.RawMessage `json:"transaction_data,omitempty"`
	VerifierInfo    json.RawMessage `json:"verifier_info,omitempty"`
	RedirectURI     json.RawMessage `json:"redirect_uri,omitempty"`
	Scope           json.RawMessage `json:"scope,omitempty"`
	Request         json.RawMessage `json:"request,omitempty"`
	RequestURI      json.RawMessage `json:"request_uri,omitempty"`
}

// Sign returns the request object: a JWT of type oauth-authz-req+jwt with aud [StaticAudience]. h carries x5c or kid.
func (r *Request) Sign(signer crypto.Signer, h jose.Header) (string, error) {
	p := payload{
		ClientID:     r.ClientID,
		ResponseType: "vp_token",
		ResponseMode: r.ResponseMode,
		ResponseURI:  r.ResponseURI,
		Nonce:        r.Nonce,
		State:        r.State,
		Audience:     json.RawMessage(`"` + StaticAudience + `"`),
		WalletNonce:  r.WalletNonce,
	}
	if !r.IssuedAt.IsZero() {
		p.IssuedAt = strconv.AppendInt(nil, r.IssuedAt.Unix(), 10)
	}
	if !r.Expires.IsZero() {
		p.Expires = strconv.AppendInt(nil, r.Expires.Unix(), 10)
	}
	var err error
	for _, part := range []struct {
		into  *json.RawMessage
		value any
		have  bool
	}{
		{&p.Query, r.Query, r.Query != nil},
		{&p.Metadata, r.Metadata, r.Metadata != nil},
		{&p.TransactionData, r.TransactionData, len(r.TransactionData) > 0},
	} {
		if part.have {
			if *part.into, err = json.Marshal(part.value); err != nil {
				return "", fmt.Errorf("request object: %v", err)
			}
		}
	}
	body, err := json.Marshal(&p)
	if err != nil {
		return "", fmt.Errorf("request object: %v", err)
	}
	if body, err = appendVerifierInfo(body, r.VerifierInfo); err != nil {
		return "", err
	}
	if base64.RawURLEncoding.EncodedLen(len(body)) > MaxRequestSize {
		return "", fmt.Errorf("request object of %d bytes", len(body))
	}
	h.Type = RequestType
	return jose.SignJWS(signer, h, body)
}

// appendVerifierInfo adds the member verifier_info to a JSON object. The data of a registry proof is tens of
// kilobytes that were checked when they were made; going through the encoder would cost more than the signature.
func appendVerifierInfo(object []byte, info []VerifierInfo) ([]byte, error) {
	if len(info) == 0 {
		return object, nil
	}
	size := 0
	for _, i := range info {
		size += len(i.Data) + 256
	}
	out := make([]byte, 0, len(object)+size)
	out = append(out, object[:len(object)-1]...)
	out = append(out, `,"verifier_info":[`...)
	for n, i := range info {
		rest, err := json.Marshal(struct {
			Format        string   `json:"format"`
			CredentialIDs []string `json:"credential_ids,omitempty"`
		}{i.Format, i.CredentialIDs})
		if err != nil || len(i.Data) == 0 {
			return nil, fmt.Errorf("verifier_info %d: no data", n)
		}
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, rest[:len(rest)-1]...)
		out = append(out, `,"data":`...)
		out = append(out, i.Data...)
		out = append(out, '}')
	}
	return append(out, "]}"...), nil
}

// X509HashClientID returns the client_id for a DER leaf certificate.
func X509HashClientID(leaf []byte) string {
	sum := sha256.Sum256(leaf)
	return PrefixX509Hash + ":" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Link returns the openid4vp:// link that hands a request over by reference. method is "get" or "post".
func Link(clientID, requestURI, method string) string {
	// The order is fixed and the default method left out: the link has to fit a QR code.
	link := "openid4vp://?client_id=" + url.QueryEscape(clientID) + "&request_uri=" + url.QueryEscape(requestURI)
	if method != "" && method != MethodGet {
		link += "&request_uri_method=" + url.QueryEscape(method)
	}
	return link
}

// link is a parsed request link. Only these parameters count: everything else comes from the signed object
// (Section 5.10.1; RFC 9101, Section 6.3).
type link struct {
	clientID   string
	requestURI string
	object     string // the request object itself, when handed over by value
	method     string
}

// parseLink reads a request link. The method is not checked here.
func parseLink(s string) (*link, error) {
	if len(s) > maxLink && !strings.Contains(s, "request=") || len(s) > maxLink+MaxRequestSize {
		return nil, fmt.Errorf("%w: link of %d bytes", ErrRequestMalformed, len(s))
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return nil, fmt.Errorf("%w: not a link", ErrRequestMalformed)
	}
	switch u.Scheme {
	case "openid4vp", "haip-vp", "https":
	default:
		return nil, fmt.Errorf("%w: link of scheme %q", ErrRequestMalformed, u.Scheme)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: link: bad query", ErrRequestMalformed)
	}
	var l link
	for name, into := range map[string]*string{
		"client_id": &l.clientID, "request_uri": &l.requestURI, "request": &l.object, "request_uri_method": &l.method,
	} {
		values := q[name]
		if len(values) > 1 {
			return nil, fmt.Errorf("%w: link: %q given twice", ErrRequestMalformed, name)
		}
		if len(values) == 1 {
			*into = values[0]
		}
	}
	switch {
	case l.clientID == "":
		return nil, fmt.Errorf("%w: link without client_id", ErrRequestMalformed)
	case l.requestURI != "" && l.object != "":
		return nil, fmt.Errorf("%w: link with both request and request_uri", ErrRequestMalformed)
	case l.requestURI == "" && l.object == "":
		// Whoever asks has to prove who that is.
		return nil, fmt.Errorf("%w: the request is not signed", ErrRequestUntrusted)
	}
	if l.method == "" {
		l.method = MethodGet
	}
	return &l, nil
}

// prefix splits a client identifier at its first colon (Section 5.9.1) and refuses the prefixes that Zegel cannot
// check. "origin" is reserved and "redirect_uri" cannot be signed; an identifier without a prefix would be one
// that was registered with this wallet before, and none is.
func prefix(clientID string) (kind, value string, err error) {
	kind, value, ok := strings.Cut(clientID, ":")
	if ok && value != "" {
		switch kind {
		case PrefixX509Hash, PrefixX509SANDNS, PrefixDID:
			return kind, value, nil
		}
	}
	return "", "", fmt.Errorf("%w: client_id of prefix %q", ErrRequestUntrusted, shorten(kind))
}

// shorten keeps foreign text in errors short.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// parsePayload reads a request object's payload as far as it must be known before the signature is checked.
func parsePayload(data []byte) (*payload, error) {
	var p payload
	if err := jose.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%w: request object: %v", ErrRequestMalformed, err)
	}
	if p.ClientID == "" {
		return nil, fmt.Errorf("%w: request object without client_id", ErrRequestMalformed)
	}
	return &p, nil
}

// verifierInfo reads the member verifier_info.
func (p *payload) verifierInfo() ([]VerifierInfo, error) {
	if absent(p.VerifierInfo) {
		return nil, nil
	}
	var info []VerifierInfo
	if err := json.Unmarshal(p.VerifierInfo, &info); err != nil || len(info) == 0 || len(info) > 16 {
		return nil, fmt.Errorf("%w: verifier_info", ErrRequestMalformed)
	}
	for _, i := range info {
		if i.Format == "" || absent(i.Data) {
			return nil, fmt.Errorf("%w: verifier_info without format or data", ErrRequestMalformed)
		}
	}
	return info, nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// date reads a NumericDate (RFC 7519, Section 2) between 1970 and 9999.
func date(raw json.RawMessage, name string) (time.Time, error) {
	if len(raw) == 0 {
		return time.Time{}, nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(f >= 0 && f <= lastNumericDate) {
		return time.Time{}, fmt.Errorf("%w: %s %q", ErrRequestMalformed, name, shorten(string(raw)))
	}
	sec := int64(f)
	return time.Unix(sec, int64((f-float64(sec))*1e9)).UTC(), nil
}

// audience reports whether "aud" names the audience of static discovery.
func (p *payload) audience() bool {
	var one string
	if json.Unmarshal(p.Audience, &one) == nil {
		return one == StaticAudience
	}
	var many []string
	return json.Unmarshal(p.Audience, &many) == nil && len(many) == 1 && many[0] == StaticAudience
}

// urlSafe reports whether s is not empty and within the character set of nonces (Section 5.2).
func urlSafe(s string) bool {
	if s == "" || len(s) > maxNonce {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
