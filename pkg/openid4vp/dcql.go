package openid4vp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Limits of a query.
const (
	MaxCredentialQueries = 32
	MaxClaims            = 64
)

// FormatSDJWT is the format identifier of SD-JWT VC.
const FormatSDJWT = "dc+sd-jwt"

// DCQLQuery is a Digital Credentials Query (Section 6).
type DCQLQuery struct {
	Credentials    []CredentialQuery `json:"credentials"`
	CredentialSets []CredentialSet   `json:"credential_sets,omitempty"`
}

// CredentialQuery asks for one credential, or several with Multiple (Section 6.1).
type CredentialQuery struct {
	ID                 string             `json:"id"`
	Format             string             `json:"format"`
	Multiple           bool               `json:"multiple,omitempty"`
	Meta               Meta               `json:"meta"`
	TrustedAuthorities []TrustedAuthority `json:"trusted_authorities,omitempty"`
	HolderBinding      *bool              `json:"require_cryptographic_holder_binding,omitempty"`
	Claims             []ClaimQuery       `json:"claims,omitempty"`
	ClaimSets          [][]string         `json:"claim_sets,omitempty"`
}

// Meta is the format-specific part for SD-JWT VC (Appendix B.3.5).
type Meta struct {
	VCTValues []string `json:"vct_values,omitempty"`
}

// TrustedAuthority narrows the issuers (Section 6.1.1); type "aki" is supported.
type TrustedAuthority struct {
	Type   string   `json:"type"`
	Values []string `json:"values"`
}

// ClaimQuery asks for one claim (Section 6.3). Values are strings, integers or booleans.
type ClaimQuery struct {
	ID     string            `json:"id,omitempty"`
	Path   sdjwt.Path        `json:"path"`
	Values []json.RawMessage `json:"values,omitempty"`
}

// CredentialSet is a choice between sets of credentials (Section 6.2).
type CredentialSet struct {
	Options  [][]string `json:"options"`
	Required *bool      `json:"required,omitempty"`
}

// Further limits, which no real query comes near.
const (
	maxSets   = 64
	maxValues = 256
	maxID     = 256
)

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [ParseDCQL].
func (q *DCQLQuery) UnmarshalJSON(data []byte) error {
	parsed, err := ParseDCQL(data)
	if err == nil {
		*q = *parsed
	}
	return err
}

// The forms on the wire keep "absent" apart from "empty", which the rules do too.
type wireQuery struct {
	Credentials    []wireCredential `json:"credentials"`
	CredentialSets json.RawMessage  `json:"credential_sets"`
}

type wireCredential struct {
	ID                 string          `json:"id"`
	Format             string          `json:"format"`
	Multiple           bool            `json:"multiple"`
	Meta               json.RawMessage `json:"meta"`
	TrustedAuthorities json.RawMessage `json:"trusted_authorities"`
	HolderBinding      *bool           `json:"require_cryptographic_holder_binding"`
	Claims             json.RawMessage `json:"claims"`
	ClaimSets          json.RawMessage `json:"claim_sets"`
}

type wireClaim struct {
	ID     *string         `json:"id"`
	Path   sdjwt.Path      `json:"path"`
	Values json.RawMessage `json:"values"`
}

// ParseDCQL reads and checks a query with all its rules and limits (row DCQL-05, DCQL-07). Members that Zegel does
// not know are ignored, as the specification asks. Error: [ErrRequestMalformed].
func ParseDCQL(data []byte) (*DCQLQuery, error) {
	if len(data) > MaxRequestSize {
		return nil, malformed("query of %d bytes", len(data))
	}
	var w wireQuery
	if err := jose.Unmarshal(data, &w); err != nil {
		return nil, malformed("query: %v", err)
	}
	if n := len(w.Credentials); n == 0 || n > MaxCredentialQueries {
		return nil, malformed("query for %d credentials, 1 to %d", n, MaxCredentialQueries)
	}
	q := &DCQLQuery{}
	seen := map[string]bool{}
	for i := range w.Credentials {
		c, err := w.Credentials[i].parse()
		if err != nil {
			return nil, err
		}
		if seen[c.ID] {
			return nil, malformed("credential id %q given twice", c.ID)
		}
		seen[c.ID] = true
		q.Credentials = append(q.Credentials, *c)
	}
	if len(w.CredentialSets) > 0 {
		if err := list(w.CredentialSets, &q.CredentialSets, maxSets, "credential_sets"); err != nil {
			return nil, err
		}
		for _, s := range q.CredentialSets {
			if len(s.Options) == 0 || len(s.Options) > maxSets {
				return nil, malformed("credential set with %d options", len(s.Options))
			}
			for _, option := range s.Options {
				if err := references(option, seen, MaxCredentialQueries); err != nil {
					return nil, err
				}
			}
		}
	}
	return q, nil
}

func (w *wireCredential) parse() (*CredentialQuery, error) {
	if !isID(w.ID) {
		return nil, malformed("credential id %q", shorten(w.ID))
	}
	if w.Format == "" {
		return nil, malformed("credential %q: no format", w.ID)
	}
	c := &CredentialQuery{ID: w.ID, Format: w.Format, Multiple: w.Multiple, HolderBinding: w.HolderBinding}
	if absent(w.Meta) || w.Meta[0] != '{' {
		return nil, malformed("credential %q: meta is not an object", w.ID)
	}
	if w.Format == FormatSDJWT {
		if err := jose.Unmarshal(w.Meta, &c.Meta); err != nil {
			return nil, malformed("credential %q: meta: %v", w.ID, err)
		}
		if n := len(c.Meta.VCTValues); n == 0 || n > maxValues || slices.Contains(c.Meta.VCTValues, "") {
			return nil, malformed("credential %q: %d vct_values", w.ID, n)
		}
	}
	if len(w.TrustedAuthorities) > 0 {
		if err := list(w.TrustedAuthorities, &c.TrustedAuthorities, maxValues, "trusted_authorities"); err != nil {
			return nil, err
		}
		for _, a := range c.TrustedAuthorities {
			if a.Type == "" || len(a.Values) == 0 || len(a.Values) > maxValues || slices.Contains(a.Values, "") {
				return nil, malformed("credential %q: trusted authority of type %q", w.ID, shorten(a.Type))
			}
		}
	}
	ids, err := w.parseClaims(c)
	if err != nil {
		return nil, err
	}
	if len(w.ClaimSets) > 0 {
		if len(c.Claims) == 0 {
			return nil, malformed("credential %q: claim_sets without claims", w.ID)
		}
		if len(ids) != len(c.Claims) {
			return nil, malformed("credential %q: claim_sets need an id for each claim", w.ID)
		}
		if err := list(w.ClaimSets, &c.ClaimSets, maxSets, "claim_sets"); err != nil {
			return nil, err
		}
		for _, set := range c.ClaimSets {
			if err := references(set, ids, MaxClaims); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func (w *wireCredential) parseClaims(c *CredentialQuery) (ids map[string]bool, err error) {
	if len(w.Claims) == 0 {
		return nil, nil
	}
	var claims []wireClaim
	if err := list(w.Claims, &claims, MaxClaims, "claims"); err != nil {
		return nil, err
	}
	ids = map[string]bool{}
	for _, wc := range claims {
		claim := ClaimQuery{Path: wc.Path}
		if len(wc.Path) == 0 {
			return nil, malformed("credential %q: claim without a path", w.ID)
		}
		if wc.ID != nil {
			if claim.ID = *wc.ID; !isID(claim.ID) || ids[claim.ID] {
				return nil, malformed("credential %q: claim id %q", w.ID, shorten(claim.ID))
			}
			ids[claim.ID] = true
		}
		if len(wc.Values) > 0 {
			if err := list(wc.Values, &claim.Values, maxValues, "values"); err != nil {
				return nil, err
			}
			for i, v := range claim.Values {
				if claim.Values[i], err = plainValue(v); err != nil {
					return nil, malformed("credential %q: a value that is no string, integer or boolean", w.ID)
				}
			}
		}
		c.Claims = append(c.Claims, claim)
	}
	return ids, nil
}

// list reads an array of 1 to max elements.
func list[T any](data json.RawMessage, into *[]T, max int, name string) error {
	if err := jose.Unmarshal(data, into); err != nil {
		return malformed("%s: %v", name, err)
	}
	if n := len(*into); n == 0 || n > max {
		return malformed("%s of %d elements, 1 to %d", name, n, max)
	}
	return nil
}

// references checks that a set names known ids.
func references(set []string, known map[string]bool, max int) error {
	if len(set) == 0 || len(set) > max {
		return malformed("set of %d ids", len(set))
	}
	for _, id := range set {
		if !known[id] {
			return malformed("set names the unknown id %q", shorten(id))
		}
	}
	return nil
}

func isID(s string) bool {
	return s != "" && len(s) <= maxID && strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-')
	}) < 0
}

// plainValue checks that a value is a string, an integer or a boolean and returns its one spelling.
func plainValue(raw json.RawMessage) (json.RawMessage, error) {
	v, err := jose.Decode(raw)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string, bool:
		return json.Marshal(v)
	case json.Number:
		if i, ok := new(big.Int).SetString(v.String(), 10); ok {
			return json.RawMessage(i.String()), nil
		}
	}
	return nil, errors.New("not plain")
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRequestMalformed, fmt.Sprintf(format, args...))
}

// Questions lists what the query can learn at most, for [trust.Policy.MayAsk].
func (q *DCQLQuery) Questions() []trust.Question {
	var all []trust.Question
	for i := range q.Credentials {
		c := &q.Credentials[i]
		if len(c.Claims) == 0 {
			all = append(all, trust.Question{Types: c.Meta.VCTValues})
		}
		for _, claim := range c.Claims {
			all = append(all, trust.Question{Types: c.Meta.VCTValues, Path: claim.Path})
		}
	}
	return all
}

// ByID returns the credential query with this id, nil if there is none.
func (q *DCQLQuery) ByID(id string) *CredentialQuery {
	for i := range q.Credentials {
		if q.Credentials[i].ID == id {
			return &q.Credentials[i]
		}
	}
	return nil
}

// Bound reports whether the presentation must carry a key binding JWT, which is so unless the query says otherwise.
func (q *CredentialQuery) Bound() bool { return q.HolderBinding == nil || *q.HolderBinding }
