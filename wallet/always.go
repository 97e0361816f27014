package wallet

import (
	"maps"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// openClaim is a claim that the issuer signed as it is, so that nobody can leave it out of a presentation.
type openClaim struct {
	Path  sdjwt.Path `json:"path"`
	Value any        `json:"value"`
}

// openClaims finds what every presentation of a credential says about the person, whatever is asked.
func openClaims(c *sdjwt.SDJWT) ([]openClaim, error) {
	payload, err := c.Payload()
	if err != nil {
		return nil, err
	}
	signed := credential.Credential{Claims: payload}
	return openBelow(nil, signed.Subject()), nil
}

// openBelow goes down to the facts in an object. A list is one fact.
func openBelow(path sdjwt.Path, in map[string]any) (out []openClaim) {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if technical(name) {
			continue
		}
		at := append(slices.Clone(path), name)
		if inner, is := in[name].(map[string]any); is {
			out = append(out, openBelow(at, inner)...)
		} else if v, says := open(in[name]); says {
			out = append(out, openClaim{at, v})
		}
	}
	return out
}

// technical says whether a member is of the format: digests, and the name of their algorithm (RFC 9901, Sections 4.1, 4.2).
func technical(name string) bool { return name == "_sd" || name == "_sd_alg" || name == "..." }

// open is what is left of a value without digests, and whether that says anything.
func open(v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			if left, says := open(inner); says && !technical(name) {
				out[name] = left
			}
		}
		return out, len(out) > 0
	case []any:
		out := []any{}
		for _, inner := range v {
			if left, says := open(inner); says {
				out = append(out, left)
			}
		}
		return out, len(out) > 0
	}
	return v, true
}

// addOpen takes in the open claims of one more copy. Copies of one card may hide different things: what one of them does
// not hide is told of all.
func (r *cardRecord) addOpen(c *sdjwt.SDJWT) error {
	all, err := openClaims(c)
	if err != nil {
		return err
	}
	for _, o := range all {
		if !slices.ContainsFunc(r.Open, func(have openClaim) bool { return slices.Equal(have.Path, o.Path) }) {
			r.Open = append(r.Open, o)
		}
	}
	return nil
}

// always are the claims that go along with a card whatever is asked.
func (r *cardRecord) always(lang string) (out []Claim) {
	for _, o := range r.Open {
		out = append(out, Claim{Path: o.Path.String(), Label: r.label(o.Path, lang), Value: o.Value, Always: true})
	}
	return out
}

// besides are those of always that are not among what is shared anyway.
func besides(always, shared []Claim) (out []Claim) {
	for _, c := range always {
		if !slices.ContainsFunc(shared, func(s Claim) bool { return s.Path == c.Path || strings.HasPrefix(c.Path, s.Path+".") }) {
			out = append(out, c)
		}
	}
	return out
}
