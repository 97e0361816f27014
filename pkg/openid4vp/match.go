package openid4vp

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

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
	// Later is what the claim sets after the first one that can be satisfied would disclose, in the verifier's order. Any
	// of them answers the query as well (Section 6.4.1); a wallet takes the first unless that would say too much.
	Later [][]sdjwt.Path
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
func (q *DCQLQuery) Match(held []Held) (*Matches, error) {
	m := &Matches{ByQuery: map[string][]Candidate{}}
	for i := range q.Credentials {
		c := &q.Credentials[i]
		for _, h := range held {
			if h.Format != c.Format || !slices.Contains(c.Meta.VCTValues, h.VCT) || !c.authority(h.AuthorityKeyIDs) {
				continue
			}
			if ways := slices.Collect(c.ways(h.Claims)); len(ways) > 0 {
				fits := Candidate{HeldID: h.ID, Disclose: ways[0]}
				if len(ways) > 1 {
					fits.Later = ways[1:]
				}
				m.ByQuery[c.ID] = append(m.ByQuery[c.ID], fits)
			}
		}
	}
	has := func(id string) bool { return len(m.ByQuery[id]) > 0 }
	for _, s := range q.sets() {
		set := MatchedSet{Required: s.required()}
		for _, option := range s.Options {
			if all(option, has) {
				set.Options = append(set.Options, option)
			}
		}
		if set.Required && len(set.Options) == 0 {
			return nil, fmt.Errorf("%w: a required part of the query", ErrNoMatch)
		}
		m.Sets = append(m.Sets, set)
	}
	return m, nil
}

// sets returns the credential sets; without any, all credentials are asked (Section 6.4.2).
func (q *DCQLQuery) sets() []CredentialSet {
	if len(q.CredentialSets) > 0 {
		return q.CredentialSets
	}
	var option []string
	for i := range q.Credentials {
		option = append(option, q.Credentials[i].ID)
	}
	return []CredentialSet{{Options: [][]string{option}}}
}

func (s *CredentialSet) required() bool { return s.Required == nil || *s.Required }

func all(ids []string, has func(string) bool) bool {
	return !slices.ContainsFunc(ids, func(id string) bool { return !has(id) })
}

// Default returns the smallest answer: the first option of each required set, one candidate for each query.
func (m *Matches) Default() map[string][]Candidate {
	answer := map[string][]Candidate{}
	for _, s := range m.Sets {
		if !s.Required || len(s.Options) == 0 {
			continue
		}
		for _, id := range s.Options[0] {
			answer[id] = m.ByQuery[id][:1]
		}
	}
	return answer
}

// satisfied returns the claims that the query asks of these claims, as paths of elements that are there: those of the
// first claim set that can be satisfied, or all (Section 6.4.1).
func (q *CredentialQuery) satisfied(claims map[string]any) ([]sdjwt.Path, bool) {
	for paths := range q.ways(claims) {
		return paths, true
	}
	return nil, false
}

// ways goes through the claim sets that can be satisfied, in the verifier's order. Without claim sets there is one way at
// most, and a query without claims is satisfied by nothing.
func (q *CredentialQuery) ways(claims map[string]any) iter.Seq[[]sdjwt.Path] {
	return func(yield func([]sdjwt.Path) bool) {
		if len(q.ClaimSets) == 0 {
			if paths, ok := collect(q.Claims, claims); ok {
				yield(paths)
			}
			return
		}
		for _, set := range q.ClaimSets {
			var asked []ClaimQuery
			for _, id := range set {
				if i := slices.IndexFunc(q.Claims, func(c ClaimQuery) bool { return c.ID == id }); i >= 0 {
					asked = append(asked, q.Claims[i])
				}
			}
			if paths, ok := collect(asked, claims); ok && !yield(paths) {
				return
			}
		}
	}
}

func collect(asked []ClaimQuery, claims map[string]any) ([]sdjwt.Path, bool) {
	var paths []sdjwt.Path
	for i := range asked {
		found := asked[i].satisfied(claims)
		if len(found) == 0 {
			return nil, false
		}
		for _, p := range found {
			// The same claim asked twice is ignored the second time (Section 6.3).
			if !slices.ContainsFunc(paths, func(have sdjwt.Path) bool { return slices.Equal(have, p) }) {
				paths = append(paths, p)
			}
		}
	}
	return paths, true
}

// satisfied returns the path if it selects something. With values it returns the elements that match: others of the
// same array are not shared.
func (c *ClaimQuery) satisfied(claims map[string]any) []sdjwt.Path {
	if len(c.Values) == 0 {
		if len(c.Path.Select(claims)) == 0 {
			return nil
		}
		return []sdjwt.Path{c.Path}
	}
	var found []sdjwt.Path
	walk(claims, c.Path, nil, func(at sdjwt.Path, v any) {
		if c.accepts(v) {
			found = append(found, slices.Clone(at))
		}
	})
	return found
}

// walk visits the elements that path selects, each with its own path without wildcards.
func walk(v any, path, at sdjwt.Path, visit func(sdjwt.Path, any)) {
	if len(path) == 0 {
		visit(at, v)
		return
	}
	switch part := path[0].(type) {
	case string:
		if m, ok := v.(map[string]any); ok {
			if child, ok := m[part]; ok {
				walk(child, path[1:], append(at, part), visit)
			}
		}
	case int:
		if a, ok := v.([]any); ok && part >= 0 && part < len(a) {
			walk(a[part], path[1:], append(at, part), visit)
		}
	case nil:
		if a, ok := v.([]any); ok {
			for i := range a {
				walk(a[i], path[1:], append(at, i), visit)
			}
		}
	}
}

// accepts reports whether v has the type and value of one of the wanted values.
func (c *ClaimQuery) accepts(v any) bool {
	var text []byte
	switch v := v.(type) {
	case string, bool:
		text, _ = json.Marshal(v)
	case json.Number:
		i, ok := new(big.Int).SetString(v.String(), 10)
		if !ok {
			return false
		}
		text = []byte(i.String())
	default:
		return false
	}
	return slices.ContainsFunc(c.Values, func(want json.RawMessage) bool { return bytes.Equal(want, text) })
}

// authority reports whether one of the key identifiers is among the trusted authorities, if any are named. Of the
// types only "aki" can be judged; a credential is not sent on the strength of one that cannot.
func (q *CredentialQuery) authority(keyIDs [][]byte) bool {
	if len(q.TrustedAuthorities) == 0 {
		return true
	}
	for _, a := range q.TrustedAuthorities {
		if a.Type != "aki" {
			continue
		}
		for _, id := range keyIDs {
			if slices.Contains(a.Values, base64.RawURLEncoding.EncodeToString(id)) {
				return true
			}
		}
	}
	return false
}

// AuthorityKeyIDs returns the authority key identifiers of an x5c, for [Held].
func AuthorityKeyIDs(x5c [][]byte) [][]byte {
	var ids [][]byte
	for _, der := range x5c {
		if cert, err := x509.ParseCertificate(der); err == nil && len(cert.AuthorityKeyId) > 0 {
			ids = append(ids, cert.AuthorityKeyId)
		}
	}
	return ids
}

// CheckOne re-checks one presented credential against its query: format, type, authorities, claims and values.
func (q *CredentialQuery) CheckOne(c *credential.Credential) error {
	if q.Format != FormatSDJWT {
		return fmt.Errorf("credential %q: format %q", q.ID, q.Format)
	}
	if !slices.Contains(q.Meta.VCTValues, c.VCT) {
		return fmt.Errorf("credential %q: another type than asked", q.ID)
	}
	if len(q.TrustedAuthorities) > 0 && !q.authority(AuthorityKeyIDs(c.SDJWT.Header().X5C)) {
		return fmt.Errorf("credential %q: issuer is not of a trusted authority", q.ID)
	}
	if _, ok := q.satisfied(c.Claims); !ok {
		return fmt.Errorf("credential %q: claims are missing or have other values", q.ID)
	}
	return nil
}

// CheckAll re-checks that the query ids of an answer satisfy the query as a whole (Section 8.6): no unknown id, one each
// unless Multiple, every required set.
func (q *DCQLQuery) CheckAll(token map[string][]string) error {
	for id, presentations := range token {
		c := q.ByID(id)
		if c == nil {
			return fmt.Errorf("answer for the unknown id %q", shorten(id))
		}
		if len(presentations) == 0 {
			return fmt.Errorf("credential %q: empty answer", id)
		}
		if len(presentations) > 1 && !c.Multiple {
			return fmt.Errorf("credential %q: %d presentations where one is asked", id, len(presentations))
		}
	}
	has := func(id string) bool { return len(token[id]) > 0 }
	for _, s := range q.sets() {
		if s.required() && !slices.ContainsFunc(s.Options, func(option []string) bool { return all(option, has) }) {
			return errors.New("a required credential set is not satisfied")
		}
	}
	return nil
}

// Needed returns which query ids of an answer that satisfies [DCQLQuery.CheckAll] count: for each credential set the first
// option, in the verifier's order, whose credentials were all sent and are all good. What else was sent was not asked
// (Section 6.4.2) and is to be dropped. If of a set only options with a bad credential were sent, bad is the query id of
// one such credential; it is "" if all is well.
func (q *DCQLQuery) Needed(token map[string][]string, good func(id string) bool) (needed map[string]bool, bad string) {
	has := func(id string) bool { return len(token[id]) > 0 }
	needed = map[string]bool{}
	for _, s := range q.sets() {
		sent := slices.IndexFunc(s.Options, func(option []string) bool { return all(option, has) })
		if sent < 0 {
			continue
		}
		i := slices.IndexFunc(s.Options, func(option []string) bool { return all(option, has) && all(option, good) })
		if i < 0 {
			worst := slices.IndexFunc(s.Options[sent], func(id string) bool { return !good(id) })
			return nil, s.Options[sent][worst]
		}
		for _, id := range s.Options[i] {
			needed[id] = true
		}
	}
	return needed, ""
}

// Filter returns only the claims of c that the credential query asks for (row DCQL-09).
func (q *CredentialQuery) Filter(c *credential.Credential) map[string]any {
	paths, ok := q.satisfied(c.Claims)
	if !ok || len(paths) == 0 {
		return map[string]any{}
	}
	kept, _ := project(c.Claims, paths).(map[string]any)
	return kept
}

// project copies what the paths select out of v. Objects and arrays on the way keep only that.
func project(v any, paths []sdjwt.Path) any {
	for _, p := range paths {
		if len(p) == 0 {
			return v
		}
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, p := range paths {
			name, ok := p[0].(string)
			if !ok {
				continue
			}
			child, ok := v[name]
			if _, done := out[name]; !ok || done {
				continue
			}
			out[name] = project(child, below(paths, func(part any) bool { return part == any(name) }))
		}
		return out
	case []any:
		out := []any{}
		for i, child := range v {
			if rest := below(paths, func(part any) bool { return part == nil || part == any(i) }); len(rest) > 0 {
				out = append(out, project(child, rest))
			}
		}
		return out
	}
	return nil
}

// below returns what remains of the paths whose first part matches.
func below(paths []sdjwt.Path, match func(any) bool) []sdjwt.Path {
	var rest []sdjwt.Path
	for _, p := range paths {
		if match(p[0]) {
			rest = append(rest, p[1:])
		}
	}
	return rest
}
