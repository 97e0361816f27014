package registry

import (
	"bytes"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Limits of proposals. No member can take the room of another: together the members cannot reach the limit of all.
const (
	maxOpen     = 3  // of one proposer that are voted on
	maxOpenAll  = 64 // of the network
	maxKept     = 24 // of one proposer, decided ones included: the oldest of those makes room
	keepDecided = 90 * daySeconds
)

// docket is the list of proposals in the state, the oldest first. It says of each what decides when it leaves, so that
// nobody has to read all proposals to find the old ones.
type docket struct {
	entries []docketEntry
	gone    [][]byte
}

type docketEntry struct {
	ID       []byte         `cbor:"1,keyasint"`
	By       did.DID        `cbor:"2,keyasint"`
	Outcome  ledger.Outcome `cbor:"3,keyasint"` // as stored
	Ends     int64          `cbor:"4,keyasint"` // when it lapses, can be executed, or was decided
	Recovers did.DID        `cbor:"5,keyasint,omitempty"`
}

// docket reads the list and takes out what ended long ago. That is written with the next put.
func (o *overlay) docket(b *block) *docket {
	d := &docket{}
	o.load([]byte(keyDocket), &d.entries)
	now := b.seconds()
	d.drop(func(e *docketEntry) bool { return e.Ends+keepDecided < now })
	for i := range d.entries {
		if e := &d.entries[i]; e.Outcome == ledger.Open && now > e.Ends {
			e.Outcome = ledger.Lapsed // the proposal itself says so by its time
		}
	}
	return d
}

func (d *docket) drop(which func(e *docketEntry) bool) {
	d.entries = slices.DeleteFunc(d.entries, func(e docketEntry) bool {
		if !which(&e) {
			return false
		}
		d.gone = append(d.gone, e.ID)
		return true
	})
}

// room says whether a member can make another proposal.
func (d *docket) room(by did.DID) *refusal {
	all, own := 0, 0
	for i := range d.entries {
		if e := &d.entries[i]; e.Outcome == ledger.Open {
			all++
			if e.By == by {
				own++
			}
		}
	}
	if own >= maxOpen {
		return refuse(ledger.Policy, "%d proposals of %q are voted on; cancel one first", own, by)
	}
	if all >= maxOpenAll {
		return refuse(ledger.Policy, "%d proposals are voted on", all)
	}
	return nil
}

// add makes room for a new proposal, which put writes.
func (d *docket) add(p *ledger.Proposal) {
	own, oldest := 0, []byte(nil)
	for i := range d.entries {
		e := &d.entries[i]
		if e.By != p.By {
			continue
		}
		own++
		if oldest == nil && e.Outcome != ledger.Open && e.Outcome != ledger.Waiting {
			oldest = e.ID
		}
	}
	if own >= maxKept && oldest != nil {
		d.drop(func(e *docketEntry) bool { return bytes.Equal(e.ID, oldest) })
	}
	d.entries = append(d.entries, docketEntry{ID: p.ID, By: p.By})
}

// put writes a proposal and the list.
func (d *docket) put(o *overlay, p *ledger.Proposal) {
	ids := make([][]byte, 0, len(d.entries))
	for i := range d.entries {
		e := &d.entries[i]
		ids = append(ids, e.ID)
		if !bytes.Equal(e.ID, p.ID) {
			continue
		}
		e.Outcome, e.Ends, e.Recovers = p.Outcome, p.Decided, ""
		switch p.Outcome {
		case ledger.Open:
			e.Ends = p.Until
		case ledger.Waiting:
			e.Ends = p.Due
		}
		if p.Action.Recover != nil {
			e.Recovers = p.Action.Recover.DID
		}
	}
	for _, id := range d.gone {
		o.remove(ledger.KeyProposal(id))
	}
	d.gone = nil
	o.store(ledger.KeyProposal(p.ID), p)
	o.store(ledger.KeyProposals(), ids)
	o.store([]byte(keyDocket), d.entries)
}

// proposal reads a proposal that is on the list.
func (d *docket) proposal(o *overlay, id []byte) (*ledger.Proposal, *refusal) {
	var p ledger.Proposal
	listed := slices.ContainsFunc(d.entries, func(e docketEntry) bool { return bytes.Equal(e.ID, id) })
	if !listed || !o.load(ledger.KeyProposal(id), &p) {
		return nil, refuse(ledger.UnknownObject, "proposal %x", id)
	}
	return &p, nil
}
