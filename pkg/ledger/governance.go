package ledger

import (
	"github.com/zegel-id/zegel/pkg/did"
)

// Member is an organisation that governs: one member, one vote. The value of [KeyMembers] is []Member, sorted by DID.
type Member struct {
	DID       did.DID `cbor:"1,keyasint"`
	Name      string  `cbor:"2,keyasint"`           // registered name, decided by who admitted it
	Validator []byte  `cbor:"3,keyasint,omitempty"` // Ed25519 key that signs blocks; absent: it has none
	Since     int64   `cbor:"4,keyasint"`           // unix seconds of the block that admitted it
	Lost      int64   `cbor:"5,keyasint,omitempty"` // unix seconds at which its validator lost its vote for signing two blocks at one height
	Barred    int64   `cbor:"6,keyasint,omitempty"` // it calls no stop before this time, unix seconds
}

// Action is what a proposal does once two thirds agree. Exactly one field is set.
type Action struct {
	Admit        *Admission      `cbor:"1,keyasint,omitempty"`
	Remove       *Removal        `cbor:"2,keyasint,omitempty"`
	Accredit     *Accreditation  `cbor:"3,keyasint,omitempty"`
	Withdraw     *WithdrawAction `cbor:"4,keyasint,omitempty"`
	Anchor       *Anchor         `cbor:"5,keyasint,omitempty"` // adds it or changes its scope
	RemoveAnchor *AnchorRemoval  `cbor:"6,keyasint,omitempty"`
	Parameters   *Parameters     `cbor:"7,keyasint,omitempty"` // all of them
	Recover      *Recovery       `cbor:"8,keyasint,omitempty"` // counts after a delay
	Confirm      *StopName       `cbor:"9,keyasint,omitempty"` // a stop does not lapse
	Resume       *StopName       `cbor:"10,keyasint,omitempty"`
	Validator    *Seat           `cbor:"11,keyasint,omitempty"`
}

// Admission makes an organisation a member. Either Record (a new organisation's first DID record) or DID is set.
type Admission struct {
	DID       did.DID    `cbor:"1,keyasint,omitempty"`
	Record    *DIDRecord `cbor:"2,keyasint,omitempty"`
	Name      string     `cbor:"3,keyasint"`
	Validator []byte     `cbor:"4,keyasint,omitempty"`
}

// Removal ends a membership, with its validator.
type Removal struct {
	DID did.DID `cbor:"1,keyasint"`
}

// Seat gives a member a validator, another key for it, or (without a key) takes it away.
type Seat struct {
	DID       did.DID `cbor:"1,keyasint"`
	Validator []byte  `cbor:"2,keyasint,omitempty"`
}

// AnchorRemoval ends an anchor.
type AnchorRemoval struct {
	ID string `cbor:"1,keyasint"`
}

// Recovery gives an organisation that lost its keys a new DID record.
type Recovery struct {
	DID    did.DID   `cbor:"1,keyasint"`
	Record DIDRecord `cbor:"2,keyasint"`
}

// StopName names a stop: the hash of its first call.
type StopName struct {
	ID []byte `cbor:"1,keyasint"`
}

// RecoverAction replaces a record with the offline recovery key, which signs the transaction and is shown here for the
// first and only time. The transaction's key id is "recovery".
type RecoverAction struct {
	Record DIDRecord `cbor:"1,keyasint"`
	Key    []byte    `cbor:"2,keyasint"` // Ed25519, 32 bytes; its hash is the stored RecoveryHash
}

// RecoveryKeyID is the key id of a transaction that a recovery key signs.
const RecoveryKeyID = "recovery"

// ProposeAction makes a proposal. It is its sender's yes as well.
type ProposeAction struct {
	Action Action `cbor:"1,keyasint"`
	Until  int64  `cbor:"2,keyasint"`           // unix seconds: no votes after it
	Why    string `cbor:"3,keyasint,omitempty"` // for people; never personal
}

// VoteAction is one member's vote. It can be changed while the proposal is open.
type VoteAction struct {
	Proposal []byte `cbor:"1,keyasint"`
	Yes      bool   `cbor:"2,keyasint"`
}

// ProposalName names a proposal: the hash of the transaction that made it.
type ProposalName struct {
	ID []byte `cbor:"1,keyasint"`
	// Ed25519, 32 bytes, of a cancel that the recovery key of the DID signs: its hash is the stored RecoveryHash. The
	// transaction's key id is "recovery".
	Key []byte `cbor:"2,keyasint,omitempty"`
}

// Outcome is where a proposal stands.
type Outcome string

// Outcomes. A proposal whose time is over is open in the state and counts no more: see [Proposal.At].
const (
	Open      Outcome = "open"
	Passed    Outcome = "passed"
	Waiting   Outcome = "waiting" // passed; counts after a delay in which it can be cancelled
	Rejected  Outcome = "rejected"
	Cancelled Outcome = "cancelled"
	Lapsed    Outcome = "lapsed" // never stored: its time is over
)

// Proposal is the value of [KeyProposal]. It leaves the state some time after it was decided.
type Proposal struct {
	ID      []byte    `cbor:"1,keyasint"`
	By      did.DID   `cbor:"2,keyasint"`
	Action  Action    `cbor:"3,keyasint"`
	Why     string    `cbor:"4,keyasint,omitempty"`
	Made    int64     `cbor:"5,keyasint"` // unix seconds
	Until   int64     `cbor:"6,keyasint"`
	Voters  []did.DID `cbor:"7,keyasint"` // the members when it was made, sorted
	Yes     []did.DID `cbor:"8,keyasint"` // sorted
	No      []did.DID `cbor:"9,keyasint"` // sorted
	Outcome Outcome   `cbor:"10,keyasint"`
	Decided int64     `cbor:"11,keyasint,omitempty"`
	Due     int64     `cbor:"12,keyasint,omitempty"` // Waiting: from when it can be executed
	Cancel  []did.DID `cbor:"13,keyasint,omitempty"` // Waiting: members against it after all
}

// Needed is how many yes votes a proposal needs: two thirds of the members there were, rounded up.
func (p *Proposal) Needed() int { return TwoThirds(len(p.Voters)) }

// TwoThirds is two thirds of n members, rounded up.
func TwoThirds(n int) int { return (2*n + 2) / 3 }

// At returns where the proposal stands at a time in unix seconds.
func (p *Proposal) At(t int64) Outcome {
	if p.Outcome == Open && t > p.Until {
		return Lapsed
	}
	return p.Outcome
}

// Grade is how much a stop stops. Revocations, votes, resuming, removal and recovery of keys pass every grade.
type Grade string

// Grades. Writes refuses what is new: DIDs, lists, accreditations, anchors, members, parameters. Everything refuses every
// other transaction as well.
const (
	StopAccreditation Grade = "accreditation" // one accreditation does not count
	StopWrites        Grade = "writes"
	StopEverything    Grade = "everything"
)

// StopAction calls a stop, or joins one that another member called: same grade, subject and accreditation.
type StopAction struct {
	Grade         Grade   `cbor:"1,keyasint"`
	Subject       did.DID `cbor:"2,keyasint,omitempty"`
	Accreditation string  `cbor:"3,keyasint,omitempty"`
	Why           string  `cbor:"4,keyasint,omitempty"` // of the first call
}

// Stop is one entry of the value of [KeyStops], which is []Stop by time of the first call. Ended ones leave the state
// some time later.
type Stop struct {
	ID            []byte    `cbor:"1,keyasint"` // hash of the first call
	Grade         Grade     `cbor:"2,keyasint"`
	Subject       did.DID   `cbor:"3,keyasint,omitempty"`
	Accreditation string    `cbor:"4,keyasint,omitempty"`
	Why           string    `cbor:"5,keyasint,omitempty"`
	Callers       []did.DID `cbor:"6,keyasint"`
	Called        int64     `cbor:"7,keyasint"`            // unix seconds of the first call
	From          int64     `cbor:"8,keyasint,omitempty"`  // 0: not enough members have called it
	Until         int64     `cbor:"9,keyasint,omitempty"`  // when it lapses; 0 with From: two thirds confirmed it
	Resumed       int64     `cbor:"10,keyasint,omitempty"` // when two thirds ended it
}

// InForce says whether the stop counts at a time in unix seconds.
func (s *Stop) InForce(t int64) bool {
	return s.From != 0 && s.From <= t && (s.Until == 0 || t < s.Until) && (s.Resumed == 0 || t < s.Resumed)
}

// Parameters are the value of [KeyParameters]: what members set together. Every field must be set; see the registry for
// the bounds.
type Parameters struct {
	BlockBytes           int64 `cbor:"1,keyasint"` // largest block
	EvidenceBlocks       int64 `cbor:"2,keyasint"` // how long evidence against a validator counts
	EvidenceSeconds      int64 `cbor:"3,keyasint"`
	VoteExtensionsHeight int64 `cbor:"4,keyasint"` // of the engine; always 0, they are not used
	RetentionDays        int64 `cbor:"5,keyasint"` // after which nodes delete the text of old transactions
	Guests               int64 `cbor:"6,keyasint"` // DIDs that no member vouched for
	Lists                int64 `cbor:"7,keyasint"` // status lists of the network
	ProposalDays         int64 `cbor:"8,keyasint"` // longest time for votes
}

// Keys of governance.

// KeyMembers holds []Member.
func KeyMembers() Key { return Key("members") }

// KeyParameters holds [Parameters].
func KeyParameters() Key { return Key("parameters") }

// KeyStops holds []Stop; absent: never a stop.
func KeyStops() Key { return Key("stops") }

// KeyProposals holds [][]byte, the ids of all proposals in the state, by time; absent: none.
func KeyProposals() Key { return Key("proposals") }

// KeyProposal holds the [Proposal] with this id.
func KeyProposal(id []byte) Key { return append(Key("pro/"), id...) }
