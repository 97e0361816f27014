package openid4vp

import (
	"encoding/json"

	"github.com/zegel-id/zegel/pkg/credential"
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

// ParseDCQL reads and checks a query with all its rules and limits (row DCQL-05, DCQL-07). Error: [ErrRequestMalformed].
func ParseDCQL(data []byte) (*DCQLQuery, error) { panic("openid4vp: not built yet") }

// Questions lists what the query can learn at most, for [trust.Policy.MayAsk].
func (q *DCQLQuery) Questions() []trust.Question { panic("openid4vp: not built yet") }

// Held is a credential that a wallet holds, as far as matching needs it.
type Held struct {
	ID              string // the wallet's own id
	Format          string
	VCT             string
	Claims          map[string]any // processed
	AuthorityKeyIDs [][]byte       // of the certificates of its issuer
}

// Candidate is a held credential that satisfies a credential query, and what it would disclose.
type Candidate struct {
	HeldID   string
	Disclose []sdjwt.Path // what to select; empty: nothing selectively disclosable
}

// Matches is the answer to "what do I have for this query".
type Matches struct {
	// ByQuery holds, for each credential query that can be satisfied, its candidates in the order held.
	ByQuery map[string][]Candidate
	// Sets holds, for each credential set in order, the options that can be satisfied, in the verifier's order. Without
	// credential_sets there is one required set with one option of all queries.
	Sets []MatchedSet
}

// MatchedSet is a credential set with the options that can be satisfied.
type MatchedSet struct {
	Required bool
	Options  [][]string
}

// Match finds what fits (Section 6.4). Error [ErrNoMatch] if a required part cannot be satisfied.
func (q *DCQLQuery) Match(held []Held) (*Matches, error) { panic("openid4vp: not built yet") }

// Default returns the smallest answer: the first option of each required set, one candidate for each query.
func (m *Matches) Default() map[string][]Candidate { panic("openid4vp: not built yet") }

// CheckOne re-checks one presented credential against its query: format, type, authorities, claims and values.
func (q *CredentialQuery) CheckOne(c *credential.Credential) error {
	panic("openid4vp: not built yet")
}

// CheckAll re-checks that the query ids of an answer satisfy the query as a whole (Section 8.6): no unknown id, one each
// unless Multiple, every required set.
func (q *DCQLQuery) CheckAll(token map[string][]string) error { panic("openid4vp: not built yet") }

// ByID returns the credential query with this id, nil if there is none.
func (q *DCQLQuery) ByID(id string) *CredentialQuery { panic("openid4vp: not built yet") }
