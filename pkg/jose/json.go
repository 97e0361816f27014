package jose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// CheckJSON reports whether data is one JSON text without duplicate member names, invalid UTF-8, trailing data
// or nesting beyond [MaxJSONDepth]. Errors: [ErrMalformed], [ErrTooLarge].
func CheckJSON(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		_, err := dec.ReadToken()
		if err == io.EOF {
			return fmt.Errorf("%w: no JSON value", ErrMalformed)
		}
		if err != nil {
			return fmt.Errorf("%w: JSON: %v", ErrMalformed, err)
		}
		if dec.StackDepth() > MaxJSONDepth {
			return fmt.Errorf("%w: JSON nests deeper than %d", ErrTooLarge, MaxJSONDepth)
		}
		if dec.StackDepth() == 0 {
			break
		}
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return fmt.Errorf("%w: data after the JSON value", ErrMalformed)
	}
	return nil
}

// Unmarshal decodes data into v after [CheckJSON]. Numbers in an any become [json.Number].
// Errors: [ErrMalformed], [ErrTooLarge].
func Unmarshal(data []byte, v any) error {
	if err := CheckJSON(data); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: JSON: %v", ErrMalformed, err)
	}
	return nil
}
