// Package ledger is the registry seen from outside: what stands in it, the transactions that change it, and a
// [Bundle], which is a set of values with everything needed to check them from a [Network] file alone.
//
// Start with [ParseNetwork] and [Bundle.Verify]; writers make a [Tx] and [Sign] it.
//
// It deliberately leaves out the network: package follow talks to nodes. It never returns an unproven value.
package ledger

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Errors that callers may test with [errors.Is].
var (
	ErrMalformed   = errors.New("malformed")
	ErrUnproven    = errors.New("registry_unproven")    // a header, signature or proof does not hold
	ErrExpired     = errors.New("network file expired") // past the trusting period; is also ErrUnproven
	ErrUnavailable = errors.New("registry_unavailable") // too old, or no node answers
)

// Limits of the error contract.
const (
	MaxTxSize       = 64 << 10
	MaxDocumentSize = 32 << 10
	MaxKeys         = 16
	ChunkSize       = 1024 // bytes of a status list chunk
	TrustingPeriod  = 400 * 24 * time.Hour
	MaxClockDrift   = 10 * time.Second
	// StatusBatch is the number of entries that every status transaction sets: this many or a multiple.
	StatusBatch = 64
)

// Code is a registry result code.
type Code uint32

// Result codes of the error contract.
const (
	OK            Code = 0
	Malformed     Code = 1
	BadSignature  Code = 2
	WrongChain    Code = 3
	BadNonce      Code = 4
	Expired       Code = 5
	Unauthorized  Code = 6
	UnknownObject Code = 7
	Conflict      Code = 8
	TooLarge      Code = 9
	TerminalState Code = 10
	RateLimited   Code = 11
	Policy        Code = 12
)

// Network is the network file: the only root of trust. It is JSON on disk.
type Network struct {
	Name        string             `json:"name"` // as in did:zegel:<name>:…
	ChainID     string             `json:"chain_id"`
	Height      int64              `json:"trusted_height"`
	Hash        string             `json:"trusted_hash"` // hex of the header hash at Height
	Time        time.Time          `json:"trusted_time"`
	Validators  []NetworkValidator `json:"validators"` // the set that signs Height
	Nodes       []string           `json:"nodes"`      // base URLs whose /v1 answers
	Development bool               `json:"development,omitempty"`
}

// NetworkValidator is a validator of the network file.
type NetworkValidator struct {
	PubKey []byte `json:"pub_key"` // Ed25519
	Power  int64  `json:"power"`
}

// ParseNetwork reads a network file strictly. Error: [ErrMalformed].
func ParseNetwork(data []byte) (*Network, error) { panic("ledger: not built yet") }

// Encode returns the file's content.
func (n *Network) Encode() []byte { panic("ledger: not built yet") }

// Kind is what a transaction does. The kinds of governance by vote are added with that issue.
type Kind string

// Kinds of transactions.
const (
	CreateDID     Kind = "did.create"
	UpdateDID     Kind = "did.update" // rotates keys or services; must reveal the pre-committed next key
	DeactivateDID Kind = "did.deactivate"
	Accredit      Kind = "accredit"
	Withdraw      Kind = "withdraw"
	PutAnchor     Kind = "anchor.put"
	CreateList    Kind = "list.create"
	SetStatus     Kind = "list.set"
)

// Tx is a transaction before signing. Exactly the field of its Kind is set.
type Tx struct {
	ChainID    string  `cbor:"1,keyasint"`
	Sender     did.DID `cbor:"2,keyasint"`
	Sequence   uint64  `cbor:"3,keyasint"` // stored + 1
	ValidUntil int64   `cbor:"4,keyasint"` // height
	Kind       Kind    `cbor:"5,keyasint"`

	DID        *DIDRecord      `cbor:"10,keyasint,omitempty"`
	Accredit   *Accreditation  `cbor:"11,keyasint,omitempty"`
	Withdraw   *WithdrawAction `cbor:"12,keyasint,omitempty"`
	Anchor     *Anchor         `cbor:"13,keyasint,omitempty"`
	CreateList *ListMeta       `cbor:"14,keyasint,omitempty"`
	SetStatus  *StatusChange   `cbor:"15,keyasint,omitempty"`
}

// Sign returns the encoded transaction: a COSE_Sign1 (EdDSA) over deterministic CBOR with a domain tag. keyID is the
// fragment of the key in the sender's document (capabilityInvocation).
func Sign(tx *Tx, keyID string, key ed25519.PrivateKey) ([]byte, error) {
	panic("ledger: not built yet")
}

// SignedTx is a decoded transaction. Its signature is unchecked until Verify.
type SignedTx struct {
	Tx
	KeyID string
	Raw   []byte // as received
}

// DecodeTx reads the received bytes and refuses every non-canonical form. Errors: [ErrMalformed].
func DecodeTx(raw []byte) (*SignedTx, error) { panic("ledger: not built yet") }

// Verify checks the signature over the received bytes.
func (t *SignedTx) Verify(pub ed25519.PublicKey) error { panic("ledger: not built yet") }

// KeyRecord is a key in a DID record.
type KeyRecord struct {
	ID          string        `cbor:"1,keyasint"` // fragment without '#'
	JWK         []byte        `cbor:"2,keyasint"` // canonical JSON
	Purposes    []did.Purpose `cbor:"3,keyasint"`
	From        int64         `cbor:"4,keyasint"`           // unix seconds of the block that added it; set by the chain
	Until       int64         `cbor:"5,keyasint,omitempty"` // unix seconds of the block that rotated it out; set by the chain
	Compromised bool          `cbor:"6,keyasint,omitempty"`
}

// ServiceRecord is a service in a DID record.
type ServiceRecord struct {
	ID       string `cbor:"1,keyasint"`
	Type     string `cbor:"2,keyasint"`
	Endpoint string `cbor:"3,keyasint"`
}

// DIDRecord is what the chain stores for a did:zegel.
type DIDRecord struct {
	ID           did.DID         `cbor:"1,keyasint,omitempty"` // left out where the id is computed: id = hash of the first record
	Keys         []KeyRecord     `cbor:"2,keyasint"`
	Services     []ServiceRecord `cbor:"3,keyasint,omitempty"`
	NextKeyHash  []byte          `cbor:"4,keyasint"`           // SHA-256 of the next capabilityInvocation key
	RecoveryHash []byte          `cbor:"5,keyasint,omitempty"` // SHA-256 of the offline recovery key
	Version      uint64          `cbor:"6,keyasint"`
	Deactivated  bool            `cbor:"7,keyasint,omitempty"`
}

// NewDID computes the self-certifying identifier of a first record in a network.
func NewDID(network string, first *DIDRecord) (did.DID, error) { panic("ledger: not built yet") }

// Document returns the DID document of a record.
func (r *DIDRecord) Document() (*did.Document, error) { panic("ledger: not built yet") }

// Accreditation is the stored form of [trust.Accreditation].
type Accreditation struct {
	ID         string            `cbor:"1,keyasint"`
	Subject    did.DID           `cbor:"2,keyasint"`
	Use        trust.Use         `cbor:"3,keyasint"`
	Name       string            `cbor:"4,keyasint"`
	Types      []string          `cbor:"5,keyasint"`
	Claims     [][]byte          `cbor:"6,keyasint,omitempty"` // JSON paths
	Purpose    map[string]string `cbor:"7,keyasint,omitempty"`
	LegalBasis string            `cbor:"8,keyasint,omitempty"`
	KeepDays   int64             `cbor:"9,keyasint,omitempty"`
	From       int64             `cbor:"10,keyasint"` // unix seconds
	Until      int64             `cbor:"11,keyasint"`
	GrantedBy  did.DID           `cbor:"12,keyasint,omitempty"` // set by the chain
	EndedAt    int64             `cbor:"13,keyasint,omitempty"` // set by the chain
	Distrust   bool              `cbor:"14,keyasint,omitempty"`
}

// FromTrust and Trust convert between the two forms.
func FromTrust(a *trust.Accreditation) (*Accreditation, error) { panic("ledger: not built yet") }

// Trust returns the form that package trust judges by.
func (a *Accreditation) Trust() (*trust.Accreditation, error) { panic("ledger: not built yet") }

// WithdrawAction ends an accreditation.
type WithdrawAction struct {
	Subject  did.DID `cbor:"1,keyasint"`
	ID       string  `cbor:"2,keyasint"`
	Distrust bool    `cbor:"3,keyasint,omitempty"`
}

// Anchor is a stored X.509 anchor with its scope.
type Anchor struct {
	ID          string      `cbor:"1,keyasint"`
	Certificate []byte      `cbor:"2,keyasint"` // DER
	Uses        []trust.Use `cbor:"3,keyasint"`
	Types       []string    `cbor:"4,keyasint,omitempty"`
	From        int64       `cbor:"5,keyasint"`
	Until       int64       `cbor:"6,keyasint"`
}

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

// StatusChange sets entries of one list: a multiple of [StatusBatch], sorted by index, without repeats.
type StatusChange struct {
	URI     string   `cbor:"1,keyasint"`
	Indices []uint64 `cbor:"2,keyasint"` // sorted; as deltas from the previous one
	Values  []byte   `cbor:"3,keyasint"` // one status for each index
}

// Key is a key of the state.
type Key []byte

// Keys of the state. Every value is deterministic CBOR and never empty.
func KeyDID(d did.DID) Key { panic("ledger: not built yet") }

// KeyAccreditations holds all accreditations of a subject in one value, so that a proof shows there is no other.
func KeyAccreditations(d did.DID) Key { panic("ledger: not built yet") }

// KeyAnchors holds all anchors in one value.
func KeyAnchors() Key { panic("ledger: not built yet") }

// KeyList holds the [ListMeta] of the list with exactly this uri.
func KeyList(uri string) Key { panic("ledger: not built yet") }

// KeyIndex holds which DIDs and lists exist, for mirrors.
func KeyIndex() Key { panic("ledger: not built yet") }

// KeySequence holds the [SequenceRecord] of a sender.
func KeySequence(d did.DID) Key { panic("ledger: not built yet") }

// SequenceRecord proves which transaction used a sequence number.
type SequenceRecord struct {
	N  uint64 `cbor:"1,keyasint"`
	Tx []byte `cbor:"2,keyasint"` // SHA-256 of the raw transaction
}

// ListRoot returns the RFC 6962 root over the chunks of packed status data.
func ListRoot(data []byte) []byte { panic("ledger: not built yet") }

// Bundle is values of the state with their proofs and the headers that lead to them from a network file.
// It travels as deterministic CBOR.
type Bundle struct {
	raw []byte
}

// ParseBundle reads a bundle within 1 MiB. Error: [ErrMalformed].
func ParseBundle(data []byte) (*Bundle, error) { panic("ledger: not built yet") }

// Verify checks the headers from the network file on with the pure functions of cometbft/light, then every proof.
// A header older than maxAge is [ErrUnavailable] (0: no limit). Errors: [ErrUnproven], [ErrExpired], [ErrUnavailable].
func (b *Bundle) Verify(n *Network, now time.Time, maxAge time.Duration) (*Proven, error) {
	panic("ledger: not built yet")
}

// Proven is what a verified bundle says: values present and keys proven absent, at one height. It is a [did.Source]
// and a [trust.Source]; asking it for a key that is not in the bundle is [ErrUnproven].
type Proven struct {
	Height int64
	Time   time.Time // of the header
	values map[string][]byte
}

// Value returns the raw value; present is false if the key is proven absent. Error: [ErrUnproven].
func (p *Proven) Value(k Key) (value []byte, present bool, err error) { panic("ledger: not built yet") }

// Document implements [did.Source].
func (p *Proven) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	panic("ledger: not built yet")
}

// Accreditations implements [trust.Source].
func (p *Proven) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	panic("ledger: not built yet")
}

// Anchors implements [trust.Source].
func (p *Proven) Anchors(ctx context.Context) ([]trust.Anchor, error) { panic("ledger: not built yet") }

var (
	_ did.Source   = (*Proven)(nil)
	_ trust.Source = (*Proven)(nil)
	_ crypto.Hash
	_ jose.JWK
	_ statuslist.Status
)
