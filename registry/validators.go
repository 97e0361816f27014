package registry

import (
	"bytes"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// validatorPower is the same for everybody: one member, one vote.
const validatorPower = 10

// turnDelay is how many blocks later a change of validators acts: what block H decides, the set of block H+2 is.
const turnDelay = 2

// faultTolerant is the number of validators from which one can fail, whatever it does.
const faultTolerant = 4

// validatorSet is a set of validators and the block from which it acts.
type validatorSet struct {
	From int64    `cbor:"1,keyasint"`
	Keys [][]byte `cbor:"2,keyasint"`
}

// seat remembers whose a validator key is or was, and what it did. It stays for ever: evidence names the key, and may
// come when the member has another one.
type seat struct {
	DID    did.DID `cbor:"1,keyasint"`
	Guilty bool    `cbor:"2,keyasint,omitempty"` // signed two blocks at one height
}

func seatKey(address []byte) []byte { return append([]byte(keySeat), address...) }

func (o *overlay) seat(address []byte) (*seat, bool) {
	var s seat
	ok := o.load(seatKey(address), &s)
	return &s, ok
}

// validators returns the keys of the members that have a validator, in the order of the members.
func validators(members []ledger.Member) [][]byte {
	keys := [][]byte{}
	for i := range members {
		if key := members[i].Validator; len(key) > 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

func hasKey(keys [][]byte, key []byte) bool {
	return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
}

// minus returns the keys of a that b has not.
func minus(a, b [][]byte) [][]byte {
	return slices.DeleteFunc(slices.Clone(a), func(k []byte) bool { return hasKey(b, k) })
}

// found stores the first members and their validators.
func (o *overlay) found(members []ledger.Member) *refusal {
	o.storeMembers(members)
	if r := o.takeSeats(members, nil); r != nil {
		return r
	}
	o.store([]byte(keySets), []validatorSet{{From: 1, Keys: validators(o.members())}})
	return nil
}

// takeSeats checks the keys that were not there before, and remembers whose they are.
func (o *overlay) takeSeats(members []ledger.Member, before [][]byte) *refusal {
	keys := validators(members)
	for i := range members {
		m := &members[i]
		if len(m.Validator) == 0 {
			continue
		}
		if len(minus(keys, [][]byte{m.Validator})) != len(keys)-1 {
			return refuse(ledger.Conflict, "validator key %x is of two members", m.Validator)
		}
		if hasKey(before, m.Validator) {
			continue
		}
		addr := ed25519.PubKey(m.Validator).Address()
		s, known := o.seat(addr)
		switch {
		case known && s.Guilty:
			return refuse(ledger.TerminalState, "validator key %x signed two blocks at one height", m.Validator)
		case known && s.DID != m.DID:
			return refuse(ledger.Conflict, "validator key %x is or was of %q", m.Validator, s.DID)
		}
		o.store(seatKey(addr), seat{DID: m.DID})
	}
	return nil
}

// reseat replaces the members, if the change of validators that comes with it is within the limits.
func reseat(o *overlay, members []ledger.Member, b *block) *refusal {
	now, next := validators(o.members()), validators(members)
	if r := o.takeSeats(members, now); r != nil {
		return r
	}
	if r := mayChange(o, b, now, next); r != nil {
		return r
	}
	o.storeMembers(members)
	return nil
}

// mayChange keeps a change of validators small enough that those who sign now answer for those who sign next: whoever
// knows a validator set finds more than two thirds of it in the sets that follow, and no vote makes the chain depend on
// nodes that may not be running yet.
//
// A change counts from the block that decides it until it acts. Below four validators, one joins or one leaves and
// nothing else until then. From four on, less than a third of those who act leave, and those who stay are more than two
// thirds of the new set. Another key for a seat is a validator that leaves and one that joins.
func mayChange(o *overlay, b *block, now, next [][]byte) *refusal {
	joins, leaves := minus(next, now), minus(now, next)
	if len(joins)+len(leaves) == 0 {
		return nil
	}
	if len(next) == 0 {
		return refuse(ledger.Policy, "the network would have no validator")
	}
	acting, coming := o.setAt(b.height), o.setAt(b.height+1)
	settled := max(acting.From, coming.From)
	if changed(coming.Keys, now) {
		settled = b.height + turnDelay
	}
	wait := func(why string) *refusal {
		r := refuse(ledger.Policy, "%s; validators are changing until block %d: vote again from then on", why, settled)
		r.later = true
		return r
	}
	for _, key := range joins {
		if hasKey(acting.Keys, key) || hasKey(coming.Keys, key) {
			return wait("this validator has just left")
		}
	}
	for _, key := range leaves {
		if !hasKey(acting.Keys, key) || !hasKey(coming.Keys, key) {
			return wait("this validator has not begun")
		}
	}
	if min(len(acting.Keys), len(coming.Keys), len(now)) < faultTolerant {
		switch {
		case len(joins)+len(leaves) > 1:
			return refuse(ledger.Policy, "below %d validators one joins or leaves at a time: take the seat first, then give it another key", faultTolerant)
		case settled > b.height:
			return wait("one validator joins or leaves at a time")
		}
		return nil
	}
	for _, old := range []validatorSet{acting, coming} {
		gone := len(minus(old.Keys, next))
		stay := len(old.Keys) - gone
		switch {
		case 3*gone >= len(old.Keys):
			return wait("a third of the validators or more would leave at once")
		case 3*stay <= 2*len(next):
			return wait("a third of the validators or more would be new at once")
		}
	}
	return nil
}

func changed(a, b [][]byte) bool { return len(minus(a, b))+len(minus(b, a)) > 0 }

// setAt returns the validators of this block or the next one. Later ones are not decided.
func (o *overlay) setAt(height int64) validatorSet {
	var sets []validatorSet
	o.load([]byte(keySets), &sets)
	var at validatorSet
	for _, s := range sets {
		if s.From <= height {
			at = s
		}
	}
	return at
}

// turns returns the heights whose validator set is not the one before, ascending.
func (o *overlay) turns() []int64 {
	var turns []int64
	o.load([]byte(keyTurns), &turns)
	return turns
}

// stir changes the root where the chain must not wait for its heartbeat: CometBFT makes the next block at once only if
// the root has changed. That is so in the first block, whose state needs a header, and in the block between a change of
// validators and the one that they sign first.
func stir(o *overlay, b *block) {
	turns := o.turns()
	if b.height == 1 || len(turns) > 0 && turns[len(turns)-1] == b.height+1 {
		o.store([]byte(keyStir), b.seconds())
	}
}

// turn compares the validators before and after a block, and remembers the height at which a change acts.
func turn(before view, o *overlay, b *block) []abci.ValidatorUpdate {
	then := newOverlay(before)
	was, is := validators(then.members()), validators(o.members())
	if then.failed != nil {
		o.fail(then.failed)
	}
	updates := validatorUpdates(was, is)
	if len(updates) > 0 {
		acts := b.height + turnDelay
		o.store([]byte(keyTurns), append(o.turns(), acts))
		sets := []validatorSet{o.setAt(b.height + 1), {From: acts, Keys: is}}
		o.store([]byte(keySets), sets)
	}
	return updates
}

// validatorUpdates returns what changes between two sets, those who leave first. Who leaves was there before, always:
// the engine stops at an update that removes a validator it does not know.
func validatorUpdates(was, is [][]byte) []abci.ValidatorUpdate {
	var updates []abci.ValidatorUpdate
	for _, key := range minus(was, is) {
		updates = append(updates, abci.UpdateValidator(key, 0, ed25519.KeyType))
	}
	for _, key := range minus(is, was) {
		updates = append(updates, abci.UpdateValidator(key, validatorPower, ed25519.KeyType))
	}
	return updates
}
