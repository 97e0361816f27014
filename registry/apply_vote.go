package registry

import (
	"bytes"
	"crypto/ed25519"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

const daySeconds = 24 * 60 * 60

// recoveryDelay is how long everybody can see that keys will be replaced by vote before they are, in seconds.
const recoveryDelay = 7 * daySeconds

// propose makes a proposal, which is its sender's yes as well: one of a lone member is decided at once. What could not
// take effect even if everybody agreed is refused here and not after weeks of votes.
func propose(o *overlay, t *transaction, b *block) *refusal {
	in := t.Propose
	if err := in.Check(); err != nil {
		return refuseForm(err)
	}
	if !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "%q is no member", t.Sender)
	}
	now := b.seconds()
	if last := now + o.parameters().ProposalDays*daySeconds; in.Until <= now || in.Until > last {
		return refuse(ledger.Policy, "votes until %d, that is not between now (%d) and %d", in.Until, now, last)
	}
	if what := personal(in.Why); what != "" {
		return refuse(ledger.Policy, "the reason holds what looks like %s", what)
	}
	d := o.docket(b)
	if r := d.room(t.Sender); r != nil {
		return r
	}
	p := &ledger.Proposal{
		ID: t.hash[:], By: t.Sender, Action: in.Action, Why: in.Why, Made: now, Until: in.Until,
		Yes: []did.DID{t.Sender}, No: []did.DID{}, Outcome: ledger.Open,
	}
	for _, m := range o.members() {
		p.Voters = append(p.Voters, m.DID)
	}
	d.add(p)
	if p.Needed() > 1 {
		trial := newOverlay(o)
		r := enact(trial, p, b)
		if trial.failed != nil {
			o.fail(trial.failed)
		}
		if r != nil && !r.later {
			return r
		}
	}
	return settle(o, d, p, b)
}

// vote counts a member's vote, or changes it. The vote that decides carries out what was proposed: if that cannot be
// now, the vote is refused with the reason, and can be given again later.
func vote(o *overlay, t *transaction, b *block) *refusal {
	if !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "%q is no member", t.Sender)
	}
	d := o.docket(b)
	p, r := d.proposal(o, t.Vote.Proposal)
	if r != nil {
		return r
	}
	if !slices.Contains(p.Voters, t.Sender) {
		return refuse(ledger.Unauthorized, "%q was no member when proposal %x was made", t.Sender, p.ID)
	}
	if at := p.At(b.seconds()); at != ledger.Open {
		return refuse(ledger.TerminalState, "proposal %x is %s", p.ID, at)
	}
	from, to := &p.No, &p.Yes
	if !t.Vote.Yes {
		from, to = to, from
	}
	at, voted := slices.BinarySearch(*to, t.Sender)
	if voted {
		return refuse(ledger.Conflict, "%q has voted so on proposal %x", t.Sender, p.ID)
	}
	*to = slices.Insert(*to, at, t.Sender)
	*from = without(*from, t.Sender)
	return settle(o, d, p, b)
}

func without(all []did.DID, d did.DID) []did.DID {
	return slices.DeleteFunc(all, func(x did.DID) bool { return x == d })
}

// settle stores a proposal after a vote, and decides it if it can be.
func settle(o *overlay, d *docket, p *ledger.Proposal, b *block) *refusal {
	yes, _, silent := p.Tally(o.members())
	switch {
	case yes >= p.Needed():
		p.Outcome, p.Decided = ledger.Passed, b.seconds()
		if p.Action.Recover != nil {
			p.Outcome, p.Due = ledger.Waiting, b.seconds()+recoveryDelay
		}
		if r := haltedAction(o, &p.Action, b); r != nil {
			return r
		}
		if r := enact(o, p, b); r != nil {
			return r
		}
	case yes+silent < p.Needed():
		p.Outcome, p.Decided = ledger.Rejected, b.seconds()
	}
	d.put(o, p)
	return nil
}

// cancel takes back what is not decided, or stops what was decided and waits. The recovery key of the organisation whose
// keys would be replaced is enough for that: who has it needs no vote.
func cancel(o *overlay, t *transaction, b *block) *refusal {
	owner := t.Cancel.Key != nil
	if !owner && !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "%q is no member", t.Sender)
	}
	d := o.docket(b)
	p, r := d.proposal(o, t.Cancel.ID)
	if r != nil {
		return r
	}
	switch at := p.At(b.seconds()); {
	case at == ledger.Open && !owner:
		if p.By != t.Sender {
			return refuse(ledger.Unauthorized, "proposal %x is not of %q", p.ID, t.Sender)
		}
		p.Outcome = ledger.Cancelled
	case at == ledger.Waiting && owner:
		if p.Action.Recover.DID != t.Sender {
			return refuse(ledger.Unauthorized, "proposal %x is not about %q", p.ID, t.Sender)
		}
		p.Outcome = ledger.Cancelled
	case at == ledger.Waiting:
		// Whoever stole its keys would say this; the organisation itself has its recovery key.
		if p.Action.Recover.DID == t.Sender {
			return refuse(ledger.Unauthorized, "%q cancels its own recovery with its recovery key", t.Sender)
		}
		n, against := slices.BinarySearch(p.Cancel, t.Sender)
		if against {
			return refuse(ledger.Conflict, "%q is against proposal %x already", t.Sender, p.ID)
		}
		p.Cancel = slices.Insert(p.Cancel, n, t.Sender)
		count := 0
		for _, m := range p.Cancel {
			if o.isMember(m) {
				count++
			}
		}
		if count >= ledger.ThirdOf(len(o.members())) {
			p.Outcome = ledger.Cancelled
		}
	case owner && at == ledger.Open:
		return refuse(ledger.Policy, "proposal %x is not decided; a recovery key cancels what was decided and waits", p.ID)
	default:
		return refuse(ledger.TerminalState, "proposal %x is %s", p.ID, at)
	}
	if p.Outcome == ledger.Cancelled {
		p.Decided = b.seconds()
	}
	d.put(o, p)
	return nil
}

// cancelKey finds the key that must have signed a cancel which shows a recovery key: the one that was committed to.
func cancelKey(t *transaction, stored *ledger.DIDRecord) (ed25519.PublicKey, *refusal) {
	shown := t.Cancel.Key
	if t.KeyID != ledger.RecoveryKeyID || len(stored.RecoveryHash) == 0 || !bytes.Equal(ledger.KeyHash(shown), stored.RecoveryHash) {
		return nil, refuse(ledger.BadSignature, "%q is not the recovery key that was committed to", t.KeyID)
	}
	return shown, nil
}

// execute carries out a recovery whose delay is over.
func execute(o *overlay, t *transaction, b *block) *refusal {
	if !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "%q is no member", t.Sender)
	}
	d := o.docket(b)
	p, r := d.proposal(o, t.Execute.ID)
	if r != nil {
		return r
	}
	switch at := p.At(b.seconds()); {
	case at == ledger.Open:
		return refuse(ledger.Policy, "proposal %x has not been agreed to", p.ID)
	case at != ledger.Waiting:
		return refuse(ledger.TerminalState, "proposal %x is %s", p.ID, at)
	case b.seconds() < p.Due:
		return refuse(ledger.Policy, "proposal %x counts from %d, it is %d", p.ID, p.Due, b.seconds())
	}
	if r := haltedAction(o, &p.Action, b); r != nil {
		return r
	}
	p.Outcome, p.Decided = ledger.Passed, b.seconds()
	d.put(o, p)
	if r := replaceRecord(o, p.Action.Recover.DID, &p.Action.Recover.Record, b); r != nil {
		return r
	}
	dropRecoveries(o, p.Action.Recover.DID, b)
	return nil
}

// dropRecoveries cancels what waits or is voted on for a DID: its keys have been replaced already.
func dropRecoveries(o *overlay, subject did.DID, b *block) {
	d := o.docket(b)
	for _, e := range slices.Clone(d.entries) {
		if e.Recovers != subject || e.Outcome != ledger.Open && e.Outcome != ledger.Waiting {
			continue
		}
		p, r := d.proposal(o, e.ID)
		if r != nil || p.At(b.seconds()) == ledger.Lapsed {
			continue
		}
		p.Outcome, p.Decided = ledger.Cancelled, b.seconds()
		d.put(o, p)
	}
}
