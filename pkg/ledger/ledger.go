// Package ledger is the registry seen from outside: what stands in it, the transactions that change it, and a
// [Bundle], which is a set of values with everything needed to check them from a [Network] file alone.
//
// Start with [ParseNetwork] and [Bundle.Verify]; writers make a [Tx] and [Sign] it.
//
// It deliberately leaves out the network: package follow talks to nodes. It never returns an unproven value, and it
// does not judge what a transaction may do: that is the registry's.
//
// Records and transactions are deterministic CBOR with one form only ([Encode], [Decode]); package registry writes them.
package ledger

import "time"

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

// SequenceRecord proves which transaction used a sequence number.
type SequenceRecord struct {
	N  uint64 `cbor:"1,keyasint"`
	Tx []byte `cbor:"2,keyasint"` // SHA-256 of the raw transaction
}
