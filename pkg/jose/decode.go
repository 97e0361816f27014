package jose

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one JSON text (RFC 8259) strictly and in one pass: no duplicate member names, no invalid UTF-8, no
// trailing data, no nesting beyond [MaxJSONDepth]. The result is made of map[string]any, []any, string,
// [encoding/json.Number], bool and nil. Errors: [ErrMalformed], [ErrTooLarge].
//
// It accepts what package jsontext accepts and is held to that by a fuzz test. It exists because every message is
// read several times faster this way: strings are parts of the one text, and nothing is scanned twice.
func Decode[T ~string | ~[]byte](data T) (any, error) {
	r := reader{text: string(data)}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	r.space()
	if r.at != len(r.text) {
		return nil, r.fault("data after the JSON text")
	}
	return v, nil
}

// DecodeObject is [Decode] for a text that must be an object.
func DecodeObject[T ~string | ~[]byte](data T) (map[string]any, error) {
	v, err := Decode(data)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: JSON text is not an object", ErrMalformed)
	}
	return m, nil
}

// reader stands at a byte of a JSON text. Its errors name places, never values: those are personal data.
type reader struct {
	text string
	at   int
}

func (r *reader) fault(what string) error {
	return fmt.Errorf("%w: JSON: %s at byte %d", ErrMalformed, what, r.at)
}

func (r *reader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte that follows, 0 at the end.
func (r *reader) next() byte {
	r.space()
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *reader) value(depth int) (any, error) {
	switch c := r.next(); c {
	case '"':
		return r.str()
	case '{':
		return r.object(depth + 1)
	case '[':
		return r.array(depth + 1)
	case 't':
		return true, r.literal("true")
	case 'f':
		return false, r.literal("false")
	case 'n':
		return nil, r.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return r.number()
		}
		return nil, r.fault("no value")
	}
}

func (r *reader) object(depth int) (any, error) {
	if depth > MaxJSONDepth {
		return nil, errDepth
	}
	r.at++
	m := make(map[string]any)
	if r.next() == '}' {
		r.at++
		return m, nil
	}
	for {
		if r.next() != '"' {
			return nil, r.fault("no member name")
		}
		name, err := r.str()
		if err != nil {
			return nil, err
		}
		if r.next() != ':' {
			return nil, r.fault("no colon")
		}
		r.at++
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		before := len(m)
		if m[name] = v; len(m) == before {
			return nil, r.fault("member given twice, second one ends")
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			return m, nil
		default:
			return nil, r.fault("object does not go on")
		}
	}
}

func (r *reader) array(depth int) (any, error) {
	if depth > MaxJSONDepth {
		return nil, errDepth
	}
	r.at++
	if r.next() == ']' {
		r.at++
		return []any{}, nil
	}
	list := make([]any, 0, 4)
	for {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			return list, nil
		default:
			return nil, r.fault("array does not go on")
		}
	}
}

// str reads a string. One without escapes is a part of the text.
func (r *reader) str() (string, error) {
	start := r.at + 1
	ascii := true
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			s := r.text[start:i]
			if !ascii && !utf8.ValidString(s) {
				return "", r.fault("invalid UTF-8")
			}
			r.at = i + 1
			return s, nil
		case c == '\\':
			return r.escaped(i)
		case c < 0x20:
			return "", r.fault("control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", r.fault("string without an end")
}

// escaped reads a string whose first backslash is at i.
func (r *reader) escaped(i int) (string, error) {
	for ; i < len(r.text); i++ {
		switch r.text[i] {
		case '\\':
			i++
		case '"':
			s, err := jsontext.AppendUnquote(nil, r.text[r.at:i+1])
			if err != nil {
				return "", r.fault("invalid string")
			}
			r.at = i + 1
			return string(s), nil
		}
	}
	return "", r.fault("string without an end")
}

func (r *reader) number() (any, error) {
	start := r.at
	if r.peek() == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if !r.digits() {
		return nil, r.fault("invalid number")
	}
	if r.peek() == '.' {
		r.at++
		if !r.digits() {
			return nil, r.fault("invalid number")
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return nil, r.fault("invalid number")
		}
	}
	n := r.text[start:r.at]
	return json.Number(n), checkNumber(n)
}

func (r *reader) peek() byte {
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *reader) digits() bool {
	start := r.at
	for isDigit(r.peek()) {
		r.at++
	}
	return r.at > start
}

func (r *reader) literal(word string) error {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return r.fault("invalid literal")
	}
	r.at += len(word)
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
