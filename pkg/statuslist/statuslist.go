// Package statuslist is the Token Status List: packed bits, the signed token, and a client that keeps tokens.
//
// Start with [New] and [List.Set] to publish, [ParseToken] to read one, and [Client.Status] to look one up.
//
// It deliberately leaves out CWT, and who may sign: the caller gives the key. For issuers that stand in the
// registry the bits come from the chain and this package's client is not used.
package statuslist

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Limits of the error contract.
const (
	MaxTokenSize = 2 << 20
	MaxListSize  = 16 << 20
	MinTTL       = time.Minute
	MaxTTL       = 24 * time.Hour
)

// ErrUnavailable: the status cannot be known. Never treat it as valid.
var ErrUnavailable = errors.New("status unavailable")

// Status is the value at an index (Section 7.1).
type Status uint8

// Registered status values. A reader that meets another one does not know the status.
const (
	Valid     Status = 0
	Invalid   Status = 1
	Suspended Status = 2
)

// Ref is the claim status.status_list: which entry of which list.
type Ref struct {
	URI   string `json:"uri"`
	Index uint64 `json:"idx"`
}

// ParseRef reads the "status" claim of processed claims ("status_list" with "idx" and "uri"). Error: [jose.ErrMalformed].
func ParseRef(status any) (Ref, error) {
	m, ok := status.(map[string]any)
	if !ok {
		return Ref{}, fmt.Errorf("%w: status is not an object", jose.ErrMalformed)
	}
	list, ok := m["status_list"].(map[string]any)
	if !ok {
		return Ref{}, fmt.Errorf("%w: status without the object \"status_list\"", jose.ErrMalformed)
	}
	uri, _ := list["uri"].(string)
	if uri == "" {
		return Ref{}, fmt.Errorf("%w: status_list without \"uri\"", jose.ErrMalformed)
	}
	n, _ := list["idx"].(json.Number)
	index, err := strconv.ParseUint(n.String(), 10, 63)
	if err != nil {
		return Ref{}, fmt.Errorf("%w: status_list \"idx\" %.40q", jose.ErrMalformed, n)
	}
	return Ref{URI: uri, Index: index}, nil
}

// List is an array of statuses of 1, 2, 4 or 8 bits, least significant bits first (Section 4.1).
type List struct {
	bits int
	data []byte
}

// New returns a list of size entries, all [Valid]. bits is 1, 2, 4 or 8; size a multiple of 8/bits. Error: [jose.ErrMalformed].
func New(bits int, size uint64) (*List, error) {
	if err := checkBits(bits); err != nil {
		return nil, err
	}
	perByte := uint64(8 / bits)
	if size%perByte != 0 || size/perByte > MaxListSize {
		return nil, fmt.Errorf("%w: list of %d entries of %d bits", jose.ErrMalformed, size, bits)
	}
	return &List{bits: bits, data: make([]byte, size/perByte)}, nil
}

// FromBytes returns the list over packed data, which it keeps. Error: [jose.ErrMalformed].
func FromBytes(bits int, data []byte) (*List, error) {
	if err := checkBits(bits); err != nil {
		return nil, err
	}
	if len(data) > MaxListSize {
		return nil, fmt.Errorf("%w: list of %d bytes", jose.ErrMalformed, len(data))
	}
	return &List{bits: bits, data: data}, nil
}

func checkBits(bits int) error {
	switch bits {
	case 1, 2, 4, 8:
		return nil
	}
	return fmt.Errorf("%w: status list of %d bits per entry", jose.ErrMalformed, bits)
}

// Bits returns the size of an entry in bits.
func (l *List) Bits() int { return l.bits }

// Len returns the number of entries.
func (l *List) Len() uint64 { return uint64(len(l.data)) * uint64(8/l.bits) }

// Bytes returns the packed data; do not change it.
func (l *List) Bytes() []byte { return l.data }

// Get returns an entry. Error past the end: [ErrUnavailable].
func (l *List) Get(index uint64) (Status, error) {
	if index >= l.Len() {
		return 0, fmt.Errorf("%w: index %d in a list of %d", ErrUnavailable, index, l.Len())
	}
	at, shift, mask := l.at(index)
	return Status(l.data[at] >> shift & mask), nil
}

// Set changes an entry. Error: [jose.ErrMalformed] past the end or for a value that does not fit.
func (l *List) Set(index uint64, s Status) error {
	if index >= l.Len() {
		return fmt.Errorf("%w: index %d in a list of %d", jose.ErrMalformed, index, l.Len())
	}
	at, shift, mask := l.at(index)
	if byte(s) > mask {
		return fmt.Errorf("%w: status %d in %d bits", jose.ErrMalformed, s, l.bits)
	}
	l.data[at] = l.data[at]&^(mask<<shift) | byte(s)<<shift
	return nil
}

func (l *List) at(index uint64) (at uint64, shift uint, mask byte) {
	perByte := uint64(8 / l.bits)
	return index / perByte, uint(index%perByte) * uint(l.bits), byte(1<<l.bits - 1)
}
