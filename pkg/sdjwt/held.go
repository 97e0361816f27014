package sdjwt

import (
	"crypto"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Held is an SD-JWT as its holder keeps it: checked once and laid out, so that showing it takes no parsing, decoding or
// hashing of what it holds. It is immutable and safe for concurrent use.
type Held struct {
	alg         string
	jwt         []byte
	disclosures [][]byte // encoded, as hashed
	places      []place  // the first is the payload; what lies in a place follows it
}

// place is an object, array or other value in the claims that are there to see. An array's elements are in their order.
type place struct {
	above      int    // place that this one lies in; the first one: 0
	end        int    // number after the last place below this one
	name       []byte // in an object
	kind       byte   // of the value
	disclosure int    // what opens it; -1: nothing is needed
}

const (
	kindValue byte = iota
	kindObject
	kindArray
)

// Hold lays an SD-JWT out. A key binding JWT is dropped. Errors: those of [SDJWT.Claims].
func (s *SDJWT) Hold() (*Held, error) {
	if _, err := s.Claims(); err != nil {
		return nil, err
	}
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	h := &Held{alg: s.alg}
	jwt, _, _ := strings.Cut(s.compact, "~")
	h.jwt, h.disclosures = []byte(jwt), make([][]byte, len(s.disclosures))
	for i, d := range s.disclosures {
		h.disclosures[i] = []byte(d.text)
	}
	return h, h.lay(s, index, s.payload, place{disclosure: -1})
}

// lay adds a place and all below it. Claims has found everything good.
func (h *Held) lay(s *SDJWT, index map[string]int, v any, p place) error {
	at := len(h.places)
	h.places = append(h.places, p)
	below := func(v any, name string, disclosure int) error {
		return h.lay(s, index, v, place{above: at, name: []byte(name), disclosure: disclosure})
	}
	disclosed := func(digest any, parts int) error {
		text, _ := digest.(string)
		i, ok := index[text]
		if !ok {
			return nil // hidden from the holder too, or a decoy
		}
		content, err := s.content(i, parts)
		if err != nil {
			return err
		}
		name := ""
		if parts == 3 {
			name = content[1].(string)
		}
		return below(content[parts-1], name, i)
	}
	switch v := v.(type) {
	case map[string]any:
		h.places[at].kind = kindObject
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == memberDigests || name == memberElement {
				continue
			}
			if err := below(v[name], name, -1); err != nil {
				return err
			}
		}
		digests, _ := v[memberDigests].([]any)
		for _, d := range digests {
			if err := disclosed(d, 3); err != nil {
				return err
			}
		}
	case []any:
		h.places[at].kind = kindArray
		for _, e := range v {
			var err error
			if digest, hidden := elementDigest(e); hidden {
				err = disclosed(digest, 2)
			} else {
				err = below(e, "", -1)
			}
			if err != nil {
				return err
			}
		}
	}
	h.places[at].end = len(h.places)
	return nil
}

// String returns the compact form with everything disclosed.
func (h *Held) String() string { return string(h.compact(nil)) }

// compact joins the disclosures that are needed; nil means all.
func (h *Held) compact(needed []bool) []byte {
	size := len(h.jwt) + 1
	for i, d := range h.disclosures {
		if needed == nil || needed[i] {
			size += len(d) + 1
		}
	}
	b := append(append(make([]byte, 0, size), h.jwt...), '~')
	for i, d := range h.disclosures {
		if needed == nil || needed[i] {
			b = append(append(b, d...), '~')
		}
	}
	return b
}

// Selection is what is going to be shown of an SD-JWT.
type Selection struct {
	alg     string
	compact []byte
}

// Select returns what [SDJWT.Select] does. A path that selects nothing is an error.
func (h *Held) Select(paths []Path) (*Selection, error) {
	needed, err := h.needed(paths)
	if err != nil {
		return nil, err
	}
	return &Selection{h.alg, h.compact(needed)}, nil
}

// Bind is [SDJWT.Bind].
func (s *Selection) Bind(holder crypto.Signer, kb KeyBinding) (string, error) {
	return bind(s.alg, s.compact, holder, kb)
}

// needed tells which disclosures the paths need: those on the way to what they select, and all below it.
func (h *Held) needed(paths []Path) ([]bool, error) {
	needed := make([]bool, len(h.disclosures))
	for _, path := range paths {
		ends, err := h.follow(path)
		if err != nil {
			return nil, err
		}
		for _, at := range ends {
			for i := at; i < h.places[at].end; i++ {
				if d := h.places[i].disclosure; d >= 0 {
					needed[d] = true
				}
			}
			for ; at > 0; at = h.places[at].above {
				if d := h.places[at].disclosure; d >= 0 {
					needed[d] = true
				}
			}
		}
	}
	return needed, nil
}

// follow applies OpenID4VP 1.0, Section 7.1.1.
func (h *Held) follow(path Path) ([]int, error) {
	var selected []int
	if len(path) > 0 {
		selected = []int{0}
	}
	for _, part := range path {
		var next []int
		for _, at := range selected {
			p := h.places[at]
			number := 0
			name, isName := part.(string)
			index, isIndex := part.(int)
			switch {
			case isName && p.kind != kindObject:
				return nil, fmt.Errorf("path %v: not an object at %q", path, name)
			case !isName && !isIndex && part != nil:
				return nil, fmt.Errorf("path %v: part of type %T", path, part)
			case !isName && p.kind != kindArray:
				return nil, fmt.Errorf("path %v: not an array", path)
			}
			for i := at + 1; i < p.end; i = h.places[i].end {
				if isName && string(h.places[i].name) == name || isIndex && number == index || part == nil {
					next = append(next, i)
				}
				number++
			}
		}
		selected = next
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("path %v selects nothing", path)
	}
	return selected, nil
}

// Encode returns the form in which a holder stores it; [DecodeHeld] reads it.
func (h *Held) Encode() []byte {
	b := make([]byte, 0, len(h.String())+len(h.places)*16)
	text := func(s []byte) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	text([]byte(h.alg))
	text(h.jwt)
	b = binary.AppendUvarint(b, uint64(len(h.disclosures)))
	for _, d := range h.disclosures {
		text(d)
	}
	b = binary.AppendUvarint(b, uint64(len(h.places)))
	for _, p := range h.places {
		b = binary.AppendUvarint(b, uint64(p.above))
		b = binary.AppendUvarint(b, uint64(p.disclosure+1))
		b = append(b, p.kind)
		text(p.name)
	}
	return b
}

// DecodeHeld reads what [Held.Encode] wrote, and keeps hold of data. It checks the form, not the content: who stores it has to keep others from
// changing it. Error: [jose.ErrMalformed].
func DecodeHeld(data []byte) (*Held, error) {
	r := heldReader{rest: data}
	h := &Held{alg: string(r.text()), jwt: r.text()}
	h.disclosures = make([][]byte, r.count(MaxDisclosures))
	for i := range h.disclosures {
		h.disclosures[i] = r.text()
	}
	h.places = make([]place, r.count(len(data)))
	for i := range h.places {
		h.places[i] = place{above: r.number(), disclosure: r.number() - 1, kind: r.octet(), name: r.text()}
		if p := h.places[i]; p.above >= max(i, 1) || p.disclosure >= len(h.disclosures) || p.kind > kindArray {
			r.bad = true
		}
		if r.bad {
			break
		}
	}
	if r.bad || len(r.rest) > 0 || len(h.places) == 0 || digestSize(h.alg) == 0 {
		return nil, fmt.Errorf("%w: held SD-JWT of %d bytes", jose.ErrMalformed, len(data))
	}
	return h, h.close()
}

// close finds where each place ends: what lies in it follows it without a gap.
func (h *Held) close() error {
	last := 0 // the place that is open and furthest in
	for i := 1; i <= len(h.places); i++ {
		above := -1
		if i < len(h.places) {
			above = h.places[i].above
		}
		for last != above {
			h.places[last].end = i
			if last == 0 {
				break
			}
			last = h.places[last].above
		}
		if i < len(h.places) && (last != above || h.places[last].kind == kindValue) {
			return fmt.Errorf("%w: place %d of a held SD-JWT lies in none that is open", jose.ErrMalformed, i)
		}
		last = i
	}
	return nil
}

// heldReader reads one thing after another; after something bad all further ones are zero.
type heldReader struct {
	rest []byte
	bad  bool
}

func (r *heldReader) octet() byte {
	if r.bad || len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// number reads a number below 2^28.
func (r *heldReader) number() int {
	n := 0
	for shift := 0; shift < 28; shift += 7 {
		b := r.octet()
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

// count reads a number of things, of which each takes at least a byte.
func (r *heldReader) count(most int) int {
	n := r.number()
	if n > most || n > len(r.rest) {
		r.bad = true
		return 0
	}
	return n
}

func (r *heldReader) text() []byte {
	n := r.count(len(r.rest))
	s := r.rest[:n:n]
	r.rest = r.rest[n:]
	return s
}
