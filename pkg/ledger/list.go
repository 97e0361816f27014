package ledger

import (
	"fmt"
	"math"
	"net/url"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// ListMeta describes a status list. Its root covers every chunk, so that a proof of the meta proves the list.
type ListMeta struct {
	URI    string  `cbor:"1,keyasint"`
	Owner  did.DID `cbor:"2,keyasint,omitempty"` // set by the chain
	Bits   int     `cbor:"3,keyasint"`
	Size   uint64  `cbor:"4,keyasint"`           // entries; a multiple of 8*ChunkSize/Bits
	TTL    int64   `cbor:"5,keyasint"`           // seconds
	Expiry int64   `cbor:"6,keyasint"`           // unix seconds; after it the list may be retired
	Root   []byte  `cbor:"7,keyasint,omitempty"` // RFC 6962 root over the chunks; set by the chain
	Height int64   `cbor:"8,keyasint,omitempty"` // of the last change; set by the chain
}

// Check checks the form of a description, without what the chain sets. Error: [ErrMalformed].
func (m *ListMeta) Check() error {
	u, err := url.Parse(m.URI)
	if err != nil || len(m.URI) > 1024 || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: list uri %q", ErrMalformed, clip(m.URI))
	}
	switch m.Bits {
	case 1, 2, 4, 8:
	default:
		return fmt.Errorf("%w: list of %d bits", ErrMalformed, m.Bits)
	}
	if per := uint64(8 * ChunkSize / m.Bits); m.Size == 0 || m.Size%per != 0 || m.Size/per > statuslist.MaxListSize/ChunkSize {
		return fmt.Errorf("%w: list of %d entries", ErrMalformed, m.Size)
	}
	if m.TTL < int64(statuslist.MinTTL.Seconds()) || m.TTL > int64(statuslist.MaxTTL.Seconds()) {
		return fmt.Errorf("%w: list ttl %d", ErrMalformed, m.TTL)
	}
	if _, err := seconds(m.Expiry); err != nil {
		return err
	}
	return nil
}

// Chunks returns how many chunks the list has.
func (m *ListMeta) Chunks() int {
	if m.Bits <= 0 {
		return 0
	}
	return int(m.Size / uint64(8*ChunkSize/m.Bits))
}

// DecodeList reads the value of [KeyList] of a uri.
func DecodeList(value []byte, uri string) (*ListMeta, error) {
	var m ListMeta
	if err := Decode(value, &m); err != nil {
		return nil, err
	}
	if m.URI != uri {
		return nil, fmt.Errorf("%w: list %q under %q", ErrMalformed, clip(m.URI), clip(uri))
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	return &m, nil
}

// ListName names a list.
type ListName struct {
	URI string `cbor:"1,keyasint"`
}

// StatusChange sets entries of one list: a multiple of [StatusBatch], sorted by index, without repeats. On the wire
// the indices are written as the distance from the previous one, which keeps a padded batch small.
type StatusChange struct {
	URI     string
	Indices []uint64 // strictly ascending
	Values  []byte   // one status for each index
}

type statusChangeWire struct {
	URI    string   `cbor:"1,keyasint"`
	Deltas []uint64 `cbor:"2,keyasint"`
	Values []byte   `cbor:"3,keyasint"`
}

// MarshalCBOR implements the encoding; it refuses what [StatusChange.UnmarshalCBOR] would.
func (c StatusChange) MarshalCBOR() ([]byte, error) {
	w := statusChangeWire{URI: c.URI, Deltas: make([]uint64, len(c.Indices)), Values: c.Values}
	if len(c.Indices) != len(c.Values) {
		return nil, fmt.Errorf("%w: %d indices with %d values", ErrMalformed, len(c.Indices), len(c.Values))
	}
	var last uint64
	for i, n := range c.Indices {
		if i > 0 && n <= last {
			return nil, fmt.Errorf("%w: index %d after %d", ErrMalformed, n, last)
		}
		w.Deltas[i] = n - last
		last = n
	}
	return encMode.Marshal(w)
}

// UnmarshalCBOR implements the encoding.
func (c *StatusChange) UnmarshalCBOR(data []byte) error {
	var w statusChangeWire
	if err := decMode.Unmarshal(data, &w); err != nil {
		return err
	}
	if len(w.Deltas) != len(w.Values) {
		return fmt.Errorf("%w: %d indices with %d values", ErrMalformed, len(w.Deltas), len(w.Values))
	}
	*c = StatusChange{URI: w.URI, Indices: make([]uint64, len(w.Deltas)), Values: w.Values}
	var last uint64
	for i, d := range w.Deltas {
		if i > 0 && d == 0 || d > math.MaxUint64-last {
			return fmt.Errorf("%w: index %d is not after %d", ErrMalformed, i, last)
		}
		last += d
		c.Indices[i] = last
	}
	return nil
}
