package openid4vci

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Offer is a credential offer (Section 4.1). It is unsigned and untrusted.
type Offer struct {
	CredentialIssuer string   `json:"credential_issuer"`
	ConfigurationIDs []string `json:"credential_configuration_ids"`
	Grants           *Grants  `json:"grants,omitempty"`
}

// Grants of an offer.
type Grants struct {
	Code          *CodeGrant     `json:"authorization_code,omitempty"`
	PreAuthorized *PreAuthorized `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitempty"`
}

// CodeGrant is the authorization code grant of an offer: the person proves who they are on a page of the issuer.
type CodeGrant struct {
	IssuerState         string `json:"issuer_state,omitempty"` // tells the issuer which offer it is
	AuthorizationServer string `json:"authorization_server,omitempty"`
}

// PreAuthorized is the pre-authorized code grant of an offer.
type PreAuthorized struct {
	Code                string  `json:"pre-authorized_code"`
	TxCode              *TxCode `json:"tx_code,omitempty"`
	AuthorizationServer string  `json:"authorization_server,omitempty"`
}

// TxCode describes the transaction code that a person types.
type TxCode struct {
	InputMode   string `json:"input_mode,omitempty"`
	Length      int    `json:"length,omitempty"`
	Description string `json:"description,omitempty"`
}

// Limits of Section 4.1.1 and ours.
const (
	maxDescription = 300 // characters
	maxTxCode      = 64
	maxIssuerState = 512 // bytes
)

// ParseOffer reads an offer's JSON. Unknown members and grants are ignored. Error: [ErrMalformed].
func ParseOffer(data []byte) (*Offer, error) {
	if len(data) > MaxOffer {
		return nil, fmt.Errorf("%w: offer of %d bytes, at most %d", ErrMalformed, len(data), MaxOffer)
	}
	o, err := parseOffer(data)
	if err != nil {
		return nil, fmt.Errorf("%w: offer: %v", ErrMalformed, err)
	}
	return o, nil
}

func parseOffer(data []byte) (*Offer, error) {
	m, err := members(data)
	if err != nil {
		return nil, err
	}
	var o Offer
	if _, err := member(m, "credential_issuer", &o.CredentialIssuer); err != nil {
		return nil, err
	}
	if err := checkIdentifier(o.CredentialIssuer); err != nil {
		return nil, err
	}
	if _, err := member(m, "credential_configuration_ids", &o.ConfigurationIDs); err != nil {
		return nil, err
	}
	if n := len(o.ConfigurationIDs); n == 0 || n > maxOffered {
		return nil, fmt.Errorf("%d credential configurations", n)
	}
	seen := map[string]bool{}
	for _, id := range o.ConfigurationIDs {
		if id == "" || seen[id] {
			return nil, fmt.Errorf("credential configuration %q is empty or repeated", id)
		}
		seen[id] = true
	}
	var grants map[string]json.RawMessage
	if ok, err := member(m, "grants", &grants); !ok || err != nil {
		return &o, err
	}
	o.Grants = &Grants{}
	var grant map[string]json.RawMessage
	if ok, err := member(grants, GrantPreAuthorized, &grant); err != nil {
		return nil, err
	} else if ok {
		if o.Grants.PreAuthorized, err = parsePreAuthorized(grant); err != nil {
			return nil, err
		}
	}
	var code map[string]json.RawMessage
	if ok, err := member(grants, GrantCode, &code); err != nil {
		return nil, err
	} else if ok {
		if o.Grants.Code, err = parseCodeGrant(code); err != nil {
			return nil, err
		}
	}
	return &o, nil
}

func parseCodeGrant(m map[string]json.RawMessage) (*CodeGrant, error) {
	var c CodeGrant
	if _, err := member(m, "issuer_state", &c.IssuerState); err != nil {
		return nil, err
	}
	if len(c.IssuerState) > maxIssuerState {
		return nil, fmt.Errorf("issuer_state of %d bytes", len(c.IssuerState))
	}
	return &c, parseServer(m, &c.AuthorizationServer)
}

func parseServer(m map[string]json.RawMessage, server *string) error {
	ok, err := member(m, "authorization_server", server)
	if err != nil || !ok {
		return err
	}
	return checkIdentifier(*server)
}

func parsePreAuthorized(m map[string]json.RawMessage) (*PreAuthorized, error) {
	var p PreAuthorized
	if _, err := member(m, "pre-authorized_code", &p.Code); err != nil {
		return nil, err
	}
	if p.Code == "" {
		return nil, fmt.Errorf("no pre-authorized code")
	}
	if err := parseServer(m, &p.AuthorizationServer); err != nil {
		return nil, err
	}
	var tx map[string]json.RawMessage
	if ok, err := member(m, "tx_code", &tx); !ok || err != nil {
		return &p, err
	}
	p.TxCode = &TxCode{}
	for name, into := range map[string]any{"input_mode": &p.TxCode.InputMode, "length": &p.TxCode.Length, "description": &p.TxCode.Description} {
		if _, err := member(tx, name, into); err != nil {
			return nil, err
		}
	}
	if l := p.TxCode.Length; l < 0 || l > maxTxCode {
		return nil, fmt.Errorf("transaction code of length %d", l)
	}
	if utf8.RuneCountInString(p.TxCode.Description) > maxDescription {
		return nil, fmt.Errorf("description of the transaction code is longer than %d characters", maxDescription)
	}
	switch p.TxCode.InputMode {
	case "", "numeric", "text":
	default:
		return nil, fmt.Errorf("input mode %q", p.TxCode.InputMode)
	}
	return &p, nil
}

// checkIdentifier checks the form of an issuer identifier: an absolute URL without query or fragment (Section 12.2.1;
// RFC 8414, Section 2). Which schemes and hosts may be called is for package fetch to say.
func checkIdentifier(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil ||
		strings.ContainsAny(s, "?#\\") {
		return fmt.Errorf("issuer identifier %q", s)
	}
	return nil
}

// Link returns the openid-credential-offer:// link with the offer by value.
func (o *Offer) Link() string {
	data, err := json.Marshal(o)
	if err != nil {
		panic("openid4vci: internal error: " + err.Error())
	}
	return "openid-credential-offer://?credential_offer=" + url.QueryEscape(string(data))
}

// LinkByReference returns the openid-credential-offer:// link to an offer at uri.
func LinkByReference(uri string) string {
	return "openid-credential-offer://?credential_offer_uri=" + url.QueryEscape(uri)
}

// ParseLink reads an offer link (openid-credential-offer://, haip-vci:// or https). Exactly one of offer and uri is set:
// the offer by value, or where it is to be fetched. Error: [ErrMalformed].
func ParseLink(link string) (offer *Offer, uri string, err error) {
	if len(link) > MaxLink {
		return nil, "", fmt.Errorf("%w: link of %d bytes, at most %d", ErrMalformed, len(link), MaxLink)
	}
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return nil, "", fmt.Errorf("%w: offer link is not a URL", ErrMalformed)
	}
	switch u.Scheme {
	case "openid-credential-offer", "haip-vci", "https":
	default:
		return nil, "", fmt.Errorf("%w: offer link of scheme %q", ErrMalformed, u.Scheme)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, "", fmt.Errorf("%w: query of the offer link", ErrMalformed)
	}
	value, reference := query["credential_offer"], query["credential_offer_uri"]
	if len(value)+len(reference) != 1 {
		return nil, "", fmt.Errorf("%w: an offer link holds exactly one of credential_offer and credential_offer_uri", ErrMalformed)
	}
	if len(value) == 1 {
		offer, err := ParseOffer([]byte(value[0]))
		return offer, "", err
	}
	if reference[0] == "" {
		return nil, "", fmt.Errorf("%w: credential_offer_uri is empty", ErrMalformed)
	}
	return nil, reference[0], nil
}
