package sdjwt

// Path is a claims path pointer (OpenID4VP 1.0, Section 7; SD-JWT VC "Claim Path"): each part is a string (member),
// a non-negative int (array index) or nil (all elements of an array).
type Path []any

// MaxPathParts is how many parts a path may have.
const MaxPathParts = 16

// ParsePath reads the JSON form. Errors: [jose.ErrMalformed], [jose.ErrTooLarge].
func ParsePath(data []byte) (Path, error) { panic("sdjwt: not built yet") }

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [ParsePath].
func (p *Path) UnmarshalJSON(data []byte) error { panic("sdjwt: not built yet") }

// String returns the path for people and logs, as "address.locality" or "nationalities[0]" or "degrees[*].type".
func (p Path) String() string { panic("sdjwt: not built yet") }

// Covers reports whether an element selected by q lies at, or below, an element selected by p.
func (p Path) Covers(q Path) bool { panic("sdjwt: not built yet") }

// Select returns the elements that the path selects in claims, none if it selects nothing (OpenID4VP 1.0,
// Section 7.1.1).
func (p Path) Select(claims any) []any { panic("sdjwt: not built yet") }
