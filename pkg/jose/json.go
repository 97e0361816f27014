package jose

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxNumber is how many characters a JSON number may have. Nobody's claim needs more, and arithmetic on a million
// digits takes time.
const maxNumber = 256

// CheckJSON reports whether data is a JSON text that [Decode] accepts. Errors: [ErrMalformed], [ErrTooLarge].
func CheckJSON(data []byte) error {
	_, err := Decode(data)
	return err
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
		return errDepth
	}
	if err := json.Unmarshal(data, v, decodeAny); err != nil {
		return jsonError(err)
	}
	return nil
}

var decodeAny = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	text, err := d.ReadValue()
	if err != nil {
		return err
	}
	x, err := Decode([]byte(text))
	if err == nil {
		*v = x
	}
	return err
}))

var (
	errDepth  = fmt.Errorf("%w: JSON nests deeper than %d", ErrTooLarge, MaxJSONDepth)
	errNumber = fmt.Errorf("%w: JSON number of more than %d characters", ErrTooLarge, maxNumber)
)

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
	case errors.Is(err, ErrTooLarge):
		return fmt.Errorf("%w: JSON", ErrTooLarge)
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%w: JSON: member given twice", ErrMalformed)
	case errors.As(err, &syntactic):
		return fmt.Errorf("%w: JSON: at byte %d", ErrMalformed, syntactic.ByteOffset)
	case errors.As(err, &semantic) && errors.Is(semantic.Err, ErrMalformed):
		return fmt.Errorf("%.100q: %w", string(semantic.JSONPointer), semantic.Err)
	case errors.As(err, &semantic):
		return fmt.Errorf("%w: JSON: value at %.100q is not of type %v", ErrMalformed, string(semantic.JSONPointer), semantic.GoType)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: no JSON text", ErrMalformed)
	}
	return fmt.Errorf("%w: JSON", ErrMalformed)
}
