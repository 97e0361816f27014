package sdjwt

// Select returns the same SD-JWT with only the disclosures that the paths need: the selected elements with
// everything below them, and the parents needed to reach them. A path that selects nothing is an error.
// A key binding JWT is dropped.
func (s *SDJWT) Select(paths []Path) (*SDJWT, error) {
	h, err := s.Hold()
	if err != nil {
		return nil, err
	}
	needed, err := h.needed(paths)
	if err != nil {
		return nil, err
	}
	out := *s
	out.binding, out.kb, out.disclosures = "", nil, nil
	for i, d := range s.disclosures {
		if needed[i] {
			out.disclosures = append(out.disclosures, d)
		}
	}
	out.compact = string(h.compact(needed))
	return &out, nil
}
