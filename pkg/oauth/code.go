package oauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Names of the authorization code flow (RFC 6749, Section 4.1; RFC 7636; RFC 9126).
const (
	GrantCode        = "authorization_code"
	ResponseTypeCode = "code"
	// ChallengeS256 is the one way here to derive a code challenge (RFC 7636, Section 4.2).
	ChallengeS256 = "S256"
	// RequestURI begins the name that a server gives to a pushed request (RFC 9126, Section 2.2).
	RequestURI = "urn:ietf:params:oauth:request_uri:"
)

// Limits of a pushed request.
const (
	maxText    = 512
	maxDetails = 8 << 10
)

// NewVerifier returns a code verifier of 256 random bits (RFC 7636, Section 4.1).
func NewVerifier() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Challenge is the S256 challenge of a verifier (RFC 7636, Section 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Verifies reports whether the verifier is the one of the challenge. One of another form than Section 4.1 of RFC 7636 asks is not.
func Verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
	}) {
		return false
	}
	return hmac.Equal([]byte(Challenge(verifier)), []byte(challenge))
}

// AuthorizationRequest is what a client pushes before a person is asked (RFC 9126, Section 2.1).
type AuthorizationRequest struct {
	ClientID    string
	RedirectURI string
	State       string // "" if there is none
	Challenge   string // S256
	Scope       []string
	Details     string // authorization_details (RFC 9396), "" if there are none
	IssuerState string // of a credential offer (OpenID4VCI 1.0, Section 5.1.3)
	Thumbprint  string // dpop_jkt: the code is to be bound to this key (RFC 9449, Section 10); "" if there is none
}

// ParseAuthorizationRequest reads a pushed request: response type "code", a challenge by S256 (RFC 9700, Section 2.1.1), and no
// parameter twice. Whether client and redirect URI belong together is left. The error is an *Error with status 400.
func ParseAuthorizationRequest(form url.Values) (*AuthorizationRequest, error) {
	bad := func(code Code, format string, args ...any) error {
		return &Error{Status: http.StatusBadRequest, Code: code, Description: fmt.Sprintf(format, args...)}
	}
	get := func(name string) string { return form.Get(name) }
	for name, values := range form {
		if len(values) != 1 {
			return nil, bad(InvalidRequest, "a parameter is given twice")
		}
		limit := maxText
		if name == "authorization_details" {
			limit = maxDetails
		}
		if len(values[0]) > limit {
			return nil, bad(InvalidRequest, "a parameter is too long")
		}
	}
	switch {
	case form.Has("request_uri"):
		return nil, bad(InvalidRequest, "request_uri cannot be pushed")
	case form.Has("request"):
		return nil, bad(RequestNotSupported, "request objects are not supported")
	case get("response_type") == "":
		return nil, bad(InvalidRequest, "response_type is missing")
	case get("response_type") != ResponseTypeCode:
		return nil, bad(UnsupportedResponseType, "only response_type code is supported")
	case form.Has("response_mode") && get("response_mode") != "query":
		return nil, bad(InvalidRequest, "only response_mode query is supported")
	case get("client_id") == "":
		return nil, bad(InvalidRequest, "client_id is missing")
	case get("redirect_uri") == "":
		return nil, bad(InvalidRequest, "redirect_uri is missing")
	case get("code_challenge") == "":
		return nil, bad(InvalidRequest, "code_challenge is missing")
	case get("code_challenge_method") != ChallengeS256: // left out it means plain
		return nil, bad(InvalidRequest, "code_challenge_method has to be S256")
	}
	if !isSHA256(get("code_challenge")) {
		return nil, bad(InvalidRequest, "code_challenge is not a base64url SHA-256")
	}
	if form.Has("dpop_jkt") && !isSHA256(get("dpop_jkt")) {
		return nil, bad(InvalidRequest, "dpop_jkt is not a base64url SHA-256")
	}
	return &AuthorizationRequest{
		ClientID: get("client_id"), RedirectURI: get("redirect_uri"), State: get("state"), Challenge: get("code_challenge"),
		Scope: strings.Fields(get("scope")), Details: get("authorization_details"), IssuerState: get("issuer_state"), Thumbprint: get("dpop_jkt"),
	}, nil
}

func isSHA256(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// MatchesRedirect reports whether a redirect URI is the registered one, character for character (RFC 9700, Section 2.1). Of a
// registered "http://127.0.0.1/…" or "http://[::1]/…" without a port the port alone is free (RFC 8252, Section 7.3).
func MatchesRedirect(registered, given string) bool {
	if registered == given {
		return true
	}
	want, err := url.Parse(registered)
	if err != nil || want.Scheme != "http" || want.Port() != "" || !net.ParseIP(want.Hostname()).IsLoopback() {
		return false
	}
	u, err := url.Parse(given)
	if err != nil || u.Port() == "" || u.Hostname() != want.Hostname() {
		return false
	}
	return given == "http://"+want.Host+":"+u.Port()+strings.TrimPrefix(registered, "http://"+want.Host)
}

// Answer returns the address that leads the browser back with a code, or with an error if code is "" (RFC 6749, Sections 4.1.2 and
// 4.1.2.1). It names the issuer (RFC 9207, Section 2).
func (r *AuthorizationRequest) Answer(issuer, code string, refused Code) string {
	q := url.Values{"iss": {issuer}}
	if code != "" {
		q.Set("code", code)
	} else {
		q.Set("error", string(refused))
	}
	if r.State != "" {
		q.Set("state", r.State)
	}
	separator := "?"
	if strings.Contains(r.RedirectURI, "?") {
		separator = "&"
	}
	return r.RedirectURI + separator + q.Encode()
}

// Pending is a client's own note of a request whose answer is to come.
type Pending struct {
	Issuer      string `json:"issuer"` // of the authorization server that was asked
	RedirectURI string `json:"redirect_uri"`
	State       string `json:"state"`
	Verifier    string `json:"verifier"`
}

// NewPending makes state and verifier of a request.
func NewPending(issuer, redirectURI string) *Pending {
	return &Pending{Issuer: issuer, RedirectURI: redirectURI, State: rand.Text(), Verifier: NewVerifier()}
}

// Callback is an answer that a browser brought. Nothing of it is checked.
type Callback struct {
	State string

	at     string // without the query
	values url.Values
}

// maxCallback bounds an answer.
const maxCallback = 16 << 10

// ParseCallback reads the address at which the browser came back.
func ParseCallback(link string) (*Callback, error) {
	if len(link) > maxCallback {
		return nil, errors.New("answer of the browser: too long")
	}
	at, query, _ := strings.Cut(link, "?")
	if strings.Contains(link, "#") {
		return nil, errors.New("answer of the browser: it has a fragment")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("answer of the browser: the query does not parse")
	}
	for _, v := range values {
		if len(v) != 1 {
			return nil, errors.New("answer of the browser: a parameter is given twice")
		}
	}
	return &Callback{State: values.Get("state"), at: at, values: values}, nil
}

// Code returns the code of an answer to this request. The answer has to come to the redirect URI, with the state, and from the issuer
// that was asked: one without "iss", or with another, may be of a server that wants to see a code of the right one (RFC 9207,
// Section 2.4; RFC 9700, Section 4.4). Nothing else of the answer counts then, errors neither. A refusal of the right server is an
// *Error.
func (c *Callback) Code(p *Pending) (string, error) {
	iss, named := c.values["iss"]
	switch {
	case p.RedirectURI == "" || c.at != p.RedirectURI:
		return "", errors.New("answer of the browser: it came to another address")
	case p.State == "" || !hmac.Equal([]byte(c.State), []byte(p.State)):
		return "", errors.New("answer of the browser: state is not that of the request")
	case !named:
		return "", errors.New("answer of the browser: it does not say whose it is")
	case iss[0] != p.Issuer:
		return "", fmt.Errorf("answer of the browser: it is of %.200q, %q was asked", iss[0], p.Issuer)
	}
	code, refused := c.values.Get("code"), c.values.Get("error")
	switch {
	case refused != "" && code == "":
		return "", &Error{Status: http.StatusBadRequest, Code: Code(printable(refused)), Description: printable(c.values.Get("error_description"))}
	case code == "" || refused != "":
		return "", errors.New("answer of the browser: not exactly one of code and error")
	}
	return code, nil
}
