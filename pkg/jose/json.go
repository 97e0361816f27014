package jose

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxNumber is how many characters a JSON number may have. Nobody's claim needs more, and arithmetic on a million
// digits takes time.
const maxNumber = 256

// decoders keeps decoders, whose buffers and tables of names are worth more than the parsing of a small text.
var decoders = sync.Pool{New: func() any { return &decoder{text: jsontext.NewDecoder(new(bytes.Buffer))} }}

type decoder struct {
	text *jsontext.Decoder
}

// Decode reads one JSON text strictly and in one pass: no duplicate member names, no invalid UTF-8, no trailing
// data, no nesting beyond [MaxJSONDepth]. The result is made of map[string]any, []any, string, [encoding/json.Number],
// bool and nil. Errors: [ErrMalformed], [ErrTooLarge].
func Decode(data []byte) (any, error) {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.text.Reset(bytes.NewBuffer(data))
	v, err := readAny(d.text)
	if err != nil {
		return nil, jsonError(err)
	}
	if err := atEnd(d.text); err != nil {
		return nil, err
	}
	return v, nil
}

// DecodeObject is [Decode] for a text that must be an object.
func DecodeObject(data []byte) (map[string]any, error) {
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

// CheckJSON reports whether data is a JSON text that [Decode] accepts. Errors: [ErrMalformed], [ErrTooLarge].
func CheckJSON(data []byte) error {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.text.Reset(bytes.NewBuffer(data))
	for {
		t, err := d.text.ReadToken()
		if err != nil {
			return jsonError(err)
		}
		depth := d.text.StackDepth()
		if depth > MaxJSONDepth {
			return jsonError(errDepth)
		}
		if t.Kind() == '0' {
			if err := checkNumber(t.String()); err != nil {
				return jsonError(err)
			}
		}
		if depth == 0 {
			return atEnd(d.text)
		}
	}
}

// Unmarshal decodes data into v with the rules of [Decode]. Names of members are matched exactly, in their case
// too, so that no two readers take different members for one. Numbers in an any become [encoding/json.Number].
// Errors: [ErrMalformed], [ErrTooLarge].
func Unmarshal(data []byte, v any) error {
	switch v := v.(type) {
	case *any:
		x, err := Decode(data)
		if err == nil {
			*v = x
		}
		return err
	case *map[string]any:
		x, err := DecodeObject(data)
		if err == nil {
			*v = x
		}
		return err
	}
	if depth(data) > MaxJSONDepth {
		return jsonError(errDepth)
	}
	if err := json.Unmarshal(data, v, anyNumbers); err != nil {
		return jsonError(err)
	}
	return nil
}

var anyNumbers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	x, err := readAny(d)
	if err == nil {
		*v = x
	}
	return err
}))

var (
	errDepth  = fmt.Errorf("%w: JSON nests deeper than %d", ErrTooLarge, MaxJSONDepth)
	errNumber = fmt.Errorf("%w: JSON number of more than %d characters", ErrTooLarge, maxNumber)
)

func readAny(d *jsontext.Decoder) (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return t.Bool(), nil
	case '"':
		return t.String(), nil
	case '0':
		s := t.String()
		return stdjson.Number(s), checkNumber(s)
	case '{':
		if d.StackDepth() > MaxJSONDepth {
			return nil, errDepth
		}
		m := make(map[string]any)
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			if m[key], err = readAny(d); err != nil {
				return nil, err
			}
		}
		_, err := d.ReadToken()
		return m, err
	case '[':
		if d.StackDepth() > MaxJSONDepth {
			return nil, errDepth
		}
		list := []any{}
		for d.PeekKind() != ']' {
			v, err := readAny(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.ReadToken()
		return list, err
	}
	return nil, io.ErrUnexpectedEOF
}

func atEnd(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != io.EOF {
		return fmt.Errorf("%w: data after the JSON text", ErrMalformed)
	}
	return nil
}

func checkNumber(s string) error {
	if len(s) > maxNumber {
		return errNumber
	}
	return nil
}

// depth returns the nesting of a JSON text; of another text any number.
func depth(data []byte) int {
	deepest, now := 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		}
	}
	return deepest
}

// jsonError hides the library's text, which may quote a value: values are personal data.
func jsonError(err error) error {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrMalformed):
		return err
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%w: JSON: member given twice", ErrMalformed)
	case errors.As(err, &syntactic):
		return fmt.Errorf("%w: JSON: at byte %d", ErrMalformed, syntactic.ByteOffset)
	case errors.As(err, &semantic):
		return fmt.Errorf("%w: JSON: value at %.100q is not of type %v", ErrMalformed, string(semantic.JSONPointer), semantic.GoType)
	case err == io.EOF:
		return fmt.Errorf("%w: no JSON text", ErrMalformed)
	}
	return fmt.Errorf("%w: JSON", ErrMalformed)
}
