package sdjwt

import (
	"fmt"
	"strings"
)

// Select returns the same SD-JWT with only the disclosures that the paths need: the selected elements with
// everything below them, and the parents needed to reach them. A path that selects nothing is an error.
// A key binding JWT is dropped.
func (s *SDJWT) Select(paths []Path) (*SDJWT, error) {
	if _, err := s.Claims(); err != nil {
		return nil, err
	}
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	w := walk{sd: s, index: index, needed: make([]bool, len(s.disclosures))}
	root := element{raw: s.payload}
	for _, path := range paths {
		ends, err := w.follow(root, path)
		if err != nil {
			return nil, err
		}
		for _, e := range ends {
			if err := w.keep(e); err != nil {
				return nil, err
			}
		}
	}
	out := *s
	out.binding, out.kb, out.disclosures = "", nil, nil
	var b strings.Builder
	jwt, _, _ := strings.Cut(s.compact, "~")
	b.WriteString(jwt)
	b.WriteByte('~')
	for i, d := range s.disclosures {
		if w.needed[i] {
			out.disclosures = append(out.disclosures, d)
			b.WriteString(d.text)
			b.WriteByte('~')
		}
	}
	out.compact = b.String()
	return &out, nil
}

// element is a place in the claims, unprocessed, with the disclosures on the way to it.
type element struct {
	raw any
	by  []int
}

// walk goes through claims that [SDJWT.Claims] has found good.
type walk struct {
	sd     *SDJWT
	index  map[string]int
	needed []bool
}

// follow applies OpenID4VP 1.0, Section 7.1.1.
func (w *walk) follow(root element, path Path) ([]element, error) {
	selected := []element{root}
	if len(path) == 0 {
		selected = nil
	}
	for _, part := range path {
		var next []element
		for _, e := range selected {
			switch part := part.(type) {
			case string:
				m, ok := e.raw.(map[string]any)
				if !ok {
					return nil, fmt.Errorf("path %v: not an object at %q", path, part)
				}
				child, ok, err := w.member(m, e.by, part)
				if err != nil {
					return nil, err
				}
				if ok {
					next = append(next, child)
				}
			case int, nil:
				list, ok := e.raw.([]any)
				if !ok {
					return nil, fmt.Errorf("path %v: not an array", path)
				}
				children, err := w.elements(list, e.by)
				if err != nil {
					return nil, err
				}
				if part == nil {
					next = append(next, children...)
				} else if i := part.(int); i >= 0 && i < len(children) {
					next = append(next, children[i])
				}
			default:
				return nil, fmt.Errorf("path %v: part of type %T", path, part)
			}
		}
		selected = next
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("path %v selects nothing", path)
	}
	return selected, nil
}

func (w *walk) member(m map[string]any, by []int, name string) (element, bool, error) {
	if name == memberDigests || name == memberElement {
		return element{}, false, nil
	}
	if v, ok := m[name]; ok {
		return element{v, by}, true, nil
	}
	digests, _ := m[memberDigests].([]any)
	for _, d := range digests {
		i, content, err := w.open(d, 3)
		if err != nil {
			return element{}, false, err
		}
		if content != nil && content[1] == name {
			return element{content[2], append(by[:len(by):len(by)], i)}, true, nil
		}
	}
	return element{}, false, nil
}

// elements returns an array's elements as the holder sees them: an element without a disclosure is not there.
func (w *walk) elements(list []any, by []int) ([]element, error) {
	var out []element
	for _, v := range list {
		digest, hidden := elementDigest(v)
		if !hidden {
			out = append(out, element{v, by})
			continue
		}
		i, content, err := w.open(digest, 2)
		if err != nil {
			return nil, err
		}
		if content != nil {
			out = append(out, element{content[1], append(by[:len(by):len(by)], i)})
		}
	}
	return out, nil
}

func (w *walk) open(digest any, parts int) (int, []any, error) {
	text, _ := digest.(string)
	i, ok := w.index[text]
	if !ok {
		return 0, nil, nil
	}
	content, err := w.sd.content(i, parts)
	return i, content, err
}

// keep marks the disclosures of an element: those above it, and all below it.
func (w *walk) keep(e element) error {
	for _, i := range e.by {
		w.needed[i] = true
	}
	switch v := e.raw.(type) {
	case map[string]any:
		for name, child := range v {
			if name == memberDigests {
				continue
			}
			if err := w.keep(element{raw: child}); err != nil {
				return err
			}
		}
		digests, _ := v[memberDigests].([]any)
		for _, d := range digests {
			i, content, err := w.open(d, 3)
			if err != nil {
				return err
			}
			if content == nil {
				continue
			}
			if err := w.keep(element{content[2], []int{i}}); err != nil {
				return err
			}
		}
	case []any:
		children, err := w.elements(v, nil)
		if err != nil {
			return err
		}
		for _, c := range children {
			if err := w.keep(c); err != nil {
				return err
			}
		}
	}
	return nil
}
