// Package statuslist is the Token Status List: packed bits, the signed token, and a client that keeps tokens.
//
// Start with [New] and [List.Set] to publish, [ParseToken] to read one, and [Client.Status] to look one up.
//
// It deliberately leaves out CWT, and who may sign: the caller gives the key. For issuers that stand in the
// registry the bits come from the chain and this package's client is not used.
package statuslist

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
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

// Registered status values.
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
func ParseRef(status any) (Ref, error) { panic("statuslist: not built yet") }

// List is an array of statuses of 1, 2, 4 or 8 bits, least significant bits first (Section 4.1).
type List struct {
	bits int
	data []byte
}

// New returns a list of size entries, all [Valid]. bits is 1, 2, 4 or 8; size a multiple of 8/bits. Error: [jose.ErrMalformed].
func New(bits int, size uint64) (*List, error) { panic("statuslist: not built yet") }

// FromBytes returns the list over packed data, which it keeps. Error: [jose.ErrMalformed].
func FromBytes(bits int, data []byte) (*List, error) { panic("statuslist: not built yet") }

// Bits returns the size of an entry in bits.
func (l *List) Bits() int { return l.bits }

// Len returns the number of entries.
func (l *List) Len() uint64 { panic("statuslist: not built yet") }

// Bytes returns the packed data; do not change it.
func (l *List) Bytes() []byte { return l.data }

// Get returns an entry. Error past the end: [ErrUnavailable].
func (l *List) Get(index uint64) (Status, error) { panic("statuslist: not built yet") }

// Set changes an entry. Error: [jose.ErrMalformed] past the end or for a value that does not fit.
func (l *List) Set(index uint64, s Status) error { panic("statuslist: not built yet") }

// Token is a Status List Token (Section 5.1).
type Token struct {
	URI      string // "sub"
	IssuedAt time.Time
	Expires  time.Time     // "exp"; zero when absent
	TTL      time.Duration // "ttl"; zero when absent
	List     *List
}

// Sign returns the token as a JWT of type statuslist+jwt. h carries the key's identity (x5c or kid).
func (t Token) Sign(signer crypto.Signer, h jose.Header) (string, error) {
	panic("statuslist: not built yet")
}

// SignedToken is a parsed, unverified token.
type SignedToken struct {
	Token
	jws *jose.JWS
}

// ParseToken reads a token within the limits; a list is decompressed up to [MaxListSize] only.
// Errors: [jose.ErrMalformed], [jose.ErrTooLarge].
func ParseToken(compact string) (*SignedToken, error) { panic("statuslist: not built yet") }

// Header returns the protected header.
func (t *SignedToken) Header() jose.Header { return t.jws.Header }

// Verify checks the signature, that "sub" is exactly uri, and the times at now. Errors: [jose.ErrSignature], [ErrUnavailable].
func (t *SignedToken) Verify(pub crypto.PublicKey, uri string, now time.Time) error {
	panic("statuslist: not built yet")
}

// Client fetches tokens and keeps them by exact URI and signer until they expire or their ttl passes. A list that
// cannot be fetched again is used until "exp", and its age told.
type Client struct {
	Fetch *fetch.Client
	Now   func() time.Time
}

// KeyFunc returns the key that may sign the list for this header. It decides trust.
type KeyFunc func(ctx context.Context, h jose.Header) (crypto.PublicKey, error)

// Status looks up one entry; signer names the party for the cache key. It also returns when the list was made.
// Error: [ErrUnavailable].
func (c *Client) Status(ctx context.Context, ref Ref, signer string, key KeyFunc) (Status, time.Time, error) {
	panic("statuslist: not built yet")
}
