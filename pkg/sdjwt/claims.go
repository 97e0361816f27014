package sdjwt

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Claims returns the processed payload (RFC 9901, Section 7.1): disclosed values in their places, everything of
// the mechanism removed. Numbers are [encoding/json.Number]. The result is the caller's. Errors: [ErrDisclosure],
// [jose.ErrMalformed], [jose.ErrTooLarge].
func (s *SDJWT) Claims() (map[string]any, error) {
	p := process{sd: s, referred: make([]bool, len(s.disclosures))}
	var err error
	if p.index, err = s.index(); err != nil {
		return nil, err
	}
	claims, err := p.object(s.payload, 1, false)
	if err != nil {
		return nil, err
	}
	for i, ok := range p.referred {
		if !ok {
			// Reject what no digest refers to: RFC 9901, Section 7.1, step 5.
			return nil, fmt.Errorf("%w: no digest refers to disclosure %d", ErrDisclosure, i)
		}
	}
	return claims, nil
}

// index maps each disclosure's digest to its number.
func (s *SDJWT) index() (map[string]int, error) {
	index := make(map[string]int, len(s.disclosures))
	var text []byte
	size := base64.RawURLEncoding.EncodedLen(digestSize(s.alg))
	all := make([]byte, 0, size*len(s.disclosures))
	for _, d := range s.disclosures {
		text = append(text[:0], d.text...)
		all = appendDigest(all, s.alg, text)
	}
	digests := string(all)
	for i := range s.disclosures {
		index[digests[i*size:(i+1)*size]] = i
		if len(index) == i {
			return nil, fmt.Errorf("%w: disclosure %d is given twice", ErrDisclosure, i)
		}
	}
	return index, nil
}

// process walks through payload and disclosures once.
type process struct {
	sd       *SDJWT
	index    map[string]int
	referred []bool              // which disclosures a digest has referred to
	unknown  map[string]struct{} // digests without a disclosure: hidden claims and decoys
}

// find follows an embedded digest to its disclosure; nil when there is none.
func (p *process) find(v any, parts int) ([]any, error) {
	digest, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%w: a digest is not a string", ErrDisclosure)
	}
	i, known := p.index[digest]
	twice := false
	if known {
		twice, p.referred[i] = p.referred[i], true
	} else {
		if p.unknown == nil {
			p.unknown = make(map[string]struct{})
		}
		before := len(p.unknown)
		p.unknown[digest] = struct{}{}
		twice = len(p.unknown) == before
	}
	if twice {
		// Reject a digest that occurs twice: RFC 9901, Section 7.1, step 4.
		return nil, fmt.Errorf("%w: digest %.90q occurs twice", ErrDisclosure, digest)
	}
	if !known {
		return nil, nil
	}
	return p.sd.content(i, parts)
}

// content decodes a disclosure that must have the given number of parts: 3 in an object, 2 in an array.
func (s *SDJWT) content(i, parts int) ([]any, error) {
	v, err := jose.Decode(s.disclosures[i].content)
	if err != nil {
		if errors.Is(err, jose.ErrTooLarge) {
			return nil, fmt.Errorf("disclosure %d: %w", i, err)
		}
		return nil, fmt.Errorf("%w: disclosure %d: %v", ErrDisclosure, i, err)
	}
	list, ok := v.([]any)
	if !ok || len(list) != parts {
		return nil, fmt.Errorf("%w: disclosure %d is not an array of %d", ErrDisclosure, i, parts)
	}
	if _, ok := list[0].(string); !ok {
		return nil, fmt.Errorf("%w: the salt of disclosure %d is not a string", ErrDisclosure, i)
	}
	if parts == 3 {
		name, ok := list[1].(string)
		if !ok || name == memberDigests || name == memberElement {
			return nil, fmt.Errorf("%w: claim name of disclosure %d", ErrDisclosure, i)
		}
	}
	return list, nil
}

// value processes v at the given depth. What is owned was decoded for this call and is changed in place; the
// payload is copied.
func (p *process) value(v any, depth int, owned bool) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return p.object(v, depth, owned)
	case []any:
		return p.array(v, depth, owned)
	}
	return v, nil
}

func (p *process) object(m map[string]any, depth int, owned bool) (map[string]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: claims nest deeper than %d", jose.ErrTooLarge, MaxDepth)
	}
	if _, ok := m[memberElement]; ok {
		return nil, fmt.Errorf("%w: %q is not alone in an array element", ErrDisclosure, memberElement)
	}
	embedded, hides := m[memberDigests]
	digests, ok := embedded.([]any)
	if hides && !ok {
		return nil, fmt.Errorf("%w: %q is not an array", ErrDisclosure, memberDigests)
	}
	out := m
	if !owned {
		out = make(map[string]any, len(m)+len(digests))
	} else if hides {
		delete(m, memberDigests)
	}
	for name, v := range m {
		if name == memberDigests || name == memberAlg && depth == 1 {
			continue
		}
		v, err := p.value(v, depth+1, owned)
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	for _, d := range digests {
		content, err := p.find(d, 3)
		if err != nil {
			return nil, err
		}
		if content == nil {
			continue
		}
		name := content[1].(string)
		if _, taken := out[name]; taken || name == memberAlg && depth == 1 {
			return nil, fmt.Errorf("%w: a disclosed claim is there already", ErrDisclosure)
		}
		if out[name], err = p.value(content[2], depth+1, true); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *process) array(list []any, depth int, owned bool) ([]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: claims nest deeper than %d", jose.ErrTooLarge, MaxDepth)
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		owned := owned
		if digest, ok := elementDigest(v); ok {
			content, err := p.find(digest, 2)
			if err != nil {
				return nil, err
			}
			if content == nil {
				continue
			}
			v, owned = content[1], true
		}
		v, err := p.value(v, depth+1, owned)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// elementDigest returns the digest that stands for an array element.
func elementDigest(v any) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return nil, false
	}
	digest, ok := m[memberElement]
	return digest, ok
}
