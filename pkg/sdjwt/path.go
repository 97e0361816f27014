package sdjwt

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Path is a claims path pointer (OpenID4VP 1.0, Section 7; SD-JWT VC "Claim Path"): each part is a string (member),
// a non-negative int (array index) or nil (all elements of an array).
type Path []any

// MaxPathParts is how many parts a path may have.
const MaxPathParts = 16

// ParsePath reads the JSON form. Errors: [jose.ErrMalformed], [jose.ErrTooLarge].
func ParsePath(data []byte) (Path, error) {
	v, err := jose.Decode(data)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("%w: a claims path is an array that is not empty", jose.ErrMalformed)
	}
	if len(list) > MaxPathParts {
		return nil, fmt.Errorf("%w: claims path of %d parts, at most %d", jose.ErrTooLarge, len(list), MaxPathParts)
	}
	p := make(Path, len(list))
	for i, part := range list {
		switch part := part.(type) {
		case nil, string:
			p[i] = part
		case json.Number:
			// One spelling for one index: no sign, fraction or exponent.
			n, err := strconv.ParseUint(part.String(), 10, 31)
			if err != nil {
				return nil, fmt.Errorf("%w: claims path part %d: index %.40q", jose.ErrMalformed, i, part)
			}
			p[i] = int(n)
		default:
			return nil, fmt.Errorf("%w: claims path part %d is neither string, index nor null", jose.ErrMalformed, i)
		}
	}
	return p, nil
}

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [ParsePath].
func (p *Path) UnmarshalJSON(data []byte) error {
	parsed, err := ParsePath(data)
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// String returns the path for people and logs, as "address.locality" or "nationalities[0]" or "degrees[*].type".
func (p Path) String() string {
	var b strings.Builder
	for i, part := range p {
		switch part := part.(type) {
		case nil:
			b.WriteString("[*]")
		case int:
			fmt.Fprintf(&b, "[%d]", part)
		case string:
			if !isPlainName(part) {
				fmt.Fprintf(&b, "[%q]", part)
				continue
			}
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(part)
		default:
			fmt.Fprintf(&b, "[%T]", part)
		}
	}
	return b.String()
}

func isPlainName(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-:/#@", r) {
			return false
		}
	}
	return s != ""
}

// Covers reports whether every element that q selects lies at, or below, an element that p selects.
func (p Path) Covers(q Path) bool {
	if len(p) == 0 || len(p) > len(q) {
		return false
	}
	for i, part := range p {
		if _, isIndex := q[i].(int); part == nil && isIndex {
			continue
		}
		if part != q[i] {
			return false
		}
	}
	return true
}

// Select returns the elements that the path selects in claims, none if it selects nothing (OpenID4VP 1.0,
// Section 7.1.1).
func (p Path) Select(claims any) []any {
	if len(p) == 0 {
		return nil
	}
	selected := []any{claims}
	for _, part := range p {
		var next []any
		for _, element := range selected {
			switch part := part.(type) {
			case string:
				m, ok := element.(map[string]any)
				if !ok {
					return nil
				}
				if v, ok := m[part]; ok {
					next = append(next, v)
				}
			case nil:
				list, ok := element.([]any)
				if !ok {
					return nil
				}
				next = append(next, list...)
			case int:
				list, ok := element.([]any)
				if !ok {
					return nil
				}
				if part >= 0 && part < len(list) {
					next = append(next, list[part])
				}
			default:
				return nil
			}
		}
		if len(next) == 0 {
			return nil
		}
		selected = next
	}
	return selected
}
