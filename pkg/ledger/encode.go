package ledger

import (
	"bytes"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// The one encoding of everything that is signed, hashed or stored: Core Deterministic CBOR (RFC 8949, Section 4.2.1).
// Nil slices encode as empty ones, so that a Go program cannot write two forms of the same record.
var encMode = func() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	o.TagsMd = cbor.TagsForbidden
	m, err := o.EncMode()
	if err != nil {
		panic("ledger: internal error: " + err.Error())
	}
	return m
}()

var decMode = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   16,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 12,
	}.DecMode()
	if err != nil {
		panic("ledger: internal error: " + err.Error())
	}
	return m
}()

// Encode returns the deterministic CBOR of a record of this package.
func Encode(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return b, nil
}

// Decode reads the one encoding that [Encode] makes of a record into v, a pointer. It refuses unknown and repeated
// members, trailing bytes, and every other way to write the same value. Error: [ErrMalformed].
func Decode(data []byte, v any) error {
	if err := decMode.Unmarshal(data, v); err != nil {
		if err == io.EOF {
			return fmt.Errorf("%w: empty", ErrMalformed)
		}
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	again, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: CBOR is not in its deterministic form", ErrMalformed)
	}
	return nil
}
