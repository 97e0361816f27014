package sdjwt

import (
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Claims returns the processed payload (RFC 9901, Section 7.1): disclosed values in their places, everything of
// the mechanism removed. Numbers are [encoding/json.Number]. The result is the caller's. Errors: [ErrDisclosure],
// [jose.ErrMalformed], [jose.ErrTooLarge].
func (s *SDJWT) Claims() (map[string]any, error) {
	p := process{sd: s}
	var err error
	if p.index, err = s.index(); err != nil {
		return nil, err
	}
	claims, err := p.object(s.payload, 1)
	if err != nil {
		return nil, err
	}
	if p.used != len(s.disclosures) {
		// Reject what no digest refers to: RFC 9901, Section 7.1, step 5.
		return nil, fmt.Errorf("%w: %d of %d disclosures have no digest", ErrDisclosure, len(s.disclosures)-p.used, len(s.disclosures))
	}
	return claims, nil
}

// place is where a digest leads: to a disclosure, or nowhere.
type place struct {
	disclosure int // -1 for a digest without a disclosure: hidden, or a decoy
	seen       bool
}

// index maps each disclosure's digest to it.
func (s *SDJWT) index() (map[string]place, error) {
	index := make(map[string]place, 2*len(s.disclosures))
	for i, d := range s.disclosures {
		digest := hashes(s.alg, d.text)
		if _, twice := index[digest]; twice {
			return nil, fmt.Errorf("%w: disclosure %d is given twice", ErrDisclosure, i)
		}
		index[digest] = place{disclosure: i}
	}
	return index, nil
}

type process struct {
	sd    *SDJWT
	index map[string]place
	used  int
}

// find follows an embedded digest; nil when no disclosure belongs to it.
func (p *process) find(v any, parts int) ([]any, error) {
	digest, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%w: a digest is not a string", ErrDisclosure)
	}
	at, known := p.index[digest]
	if at.seen {
		// Reject a digest that occurs twice: RFC 9901, Section 7.1, step 4.
		return nil, fmt.Errorf("%w: digest %.90q occurs twice", ErrDisclosure, digest)
	}
	if !known {
		at.disclosure = -1
	}
	at.seen = true
	p.index[digest] = at
	if !known {
		return nil, nil
	}
	p.used++
	return p.sd.content(at.disclosure, parts)
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

func (p *process) value(v any, depth int) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return p.object(v, depth)
	case []any:
		return p.array(v, depth)
	}
	return v, nil
}

func (p *process) object(m map[string]any, depth int) (map[string]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: claims nest deeper than %d", jose.ErrTooLarge, MaxDepth)
	}
	out := make(map[string]any, len(m))
	var digests []any
	for name, v := range m {
		switch {
		case name == memberDigests:
			list, ok := v.([]any)
			if !ok {
				return nil, fmt.Errorf("%w: _sd is not an array", ErrDisclosure)
			}
			digests = list
			continue
		case name == memberElement:
			return nil, fmt.Errorf("%w: %q is not alone in an array element", ErrDisclosure, memberElement)
		case name == memberAlg && depth == 1:
			continue
		}
		var err error
		if out[name], err = p.value(v, depth+1); err != nil {
			return nil, err
		}
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
		if out[name], err = p.value(content[2], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *process) array(list []any, depth int) ([]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: claims nest deeper than %d", jose.ErrTooLarge, MaxDepth)
	}
	out := make([]any, 0, len(list))
	for _, v := range list {
		if digest, ok := elementDigest(v); ok {
			content, err := p.find(digest, 2)
			if err != nil {
				return nil, err
			}
			if content == nil {
				continue
			}
			v = content[1]
		}
		v, err := p.value(v, depth+1)
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
