package registry

import (
	"bytes"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// enact carries out what a proposal says. It refuses with the reason where that cannot be.
func enact(o *overlay, p *ledger.Proposal, b *block) *refusal {
	switch a := &p.Action; {
	case a.Admit != nil:
		return admitMember(o, a.Admit, b)
	case a.Remove != nil:
		return removeMember(o, a.Remove.DID, b)
	case a.Accredit != nil:
		return storeAccreditation(o, *a.Accredit, p.By, p.ID, b)
	case a.Withdraw != nil:
		return endAccreditation(o, a.Withdraw, b)
	case a.Anchor != nil:
		return storeAnchor(o, a.Anchor)
	case a.RemoveAnchor != nil:
		return removeAnchor(o, a.RemoveAnchor.ID)
	case a.Parameters != nil:
		return setParameters(o, a.Parameters)
	case a.Recover != nil:
		// It counts after a delay. What is refused then should be refused now.
		trial := newOverlay(o)
		r := replaceRecord(trial, a.Recover.DID, &a.Recover.Record, b)
		if trial.failed != nil {
			o.fail(trial.failed)
		}
		return r
	case a.Confirm != nil:
		return confirmStop(o, b, a.Confirm.ID)
	case a.Resume != nil:
		return resumeStop(o, b, a.Resume.ID)
	case a.Validator != nil:
		return setSeat(o, a.Validator, b)
	}
	return refuse(ledger.Malformed, "proposal %x does nothing", p.ID)
}

// admitMember makes an organisation a member, from the next transaction on.
func admitMember(o *overlay, a *ledger.Admission, b *block) *refusal {
	if what := personal(a.Name); what != "" {
		return refuse(ledger.Policy, "the name holds what looks like %s", what)
	}
	id := a.DID
	if a.Record != nil {
		var err error
		if id, err = ledger.NewDID(b.network, a.Record); err != nil {
			return refuseForm(err)
		}
	}
	members := o.members()
	if slices.ContainsFunc(members, func(m ledger.Member) bool { return m.DID == id || m.Name == a.Name }) {
		return refuse(ledger.Conflict, "%q or a member with the name %q is a member", id, a.Name)
	}
	if len(members) >= maxMembers {
		return refuse(ledger.Policy, "there are %d members", len(members))
	}
	record, exists := o.record(id)
	switch {
	case !exists && a.Record == nil:
		return refuse(ledger.UnknownObject, "organisation %q", id)
	case !exists:
		if _, r := putFirst(o, a.Record, b); r != nil {
			return r
		}
		o.vouch(id)
	case record.Deactivated:
		return refuse(ledger.TerminalState, "%q is deactivated", id)
	default:
		// The organisation may have brought in the same first record itself while the members voted.
		o.welcome(id)
	}
	m := ledger.Member{DID: id, Name: a.Name, Validator: a.Validator, Since: b.seconds()}
	return reseat(o, append(members, m), b)
}

// removeMember ends a membership. Its DID and accreditations stay as they are: withdrawing them is another decision.
func removeMember(o *overlay, d did.DID, b *block) *refusal {
	members := o.members()
	at := slices.IndexFunc(members, func(m ledger.Member) bool { return m.DID == d })
	switch {
	case at < 0:
		return refuse(ledger.UnknownObject, "member %q", d)
	case len(members) == 1:
		return refuse(ledger.Policy, "%q is the last member", d)
	}
	return reseat(o, slices.Delete(members, at, at+1), b)
}

// setSeat gives a member a validator, another key for it, or takes it away.
func setSeat(o *overlay, s *ledger.Seat, b *block) *refusal {
	members := o.members()
	at := slices.IndexFunc(members, func(m ledger.Member) bool { return m.DID == s.DID })
	if at < 0 {
		return refuse(ledger.UnknownObject, "member %q", s.DID)
	}
	m := &members[at]
	if bytes.Equal(m.Validator, s.Validator) {
		return refuse(ledger.Conflict, "the validator of %q is so already", s.DID)
	}
	m.Validator = s.Validator
	if len(s.Validator) > 0 {
		m.Lost = 0
	}
	return reseat(o, members, b)
}

// punish takes the seat of members whose validator signed two blocks at one height, or took part in deceiving those who
// follow headers. They stay members until voted out. It passes the limits on change: an honest majority is what they
// protect. The last validator stays, since without it nobody could decide anything any more.
func punish(o *overlay, b *block, evidence []abci.Misbehavior) {
	for i := range evidence {
		addr := evidence[i].Validator.Address
		s, known := o.seat(addr)
		if !known || s.Guilty {
			continue // once for each key, however often it is reported
		}
		s.Guilty = true
		o.store(seatKey(addr), s)
		members := o.members()
		at := slices.IndexFunc(members, func(m ledger.Member) bool { return m.DID == s.DID })
		if at < 0 || len(members[at].Validator) == 0 || len(validators(members)) == 1 {
			continue
		}
		members[at].Validator, members[at].Lost = nil, b.seconds()
		o.storeMembers(members)
	}
}
