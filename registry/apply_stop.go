package registry

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Times of a stop in seconds, and how many of the state holds.
const (
	stopCallTime   = 24 * 60 * 60      // a first call waits so long for a second one
	stopTime       = 72 * 60 * 60      // then it lapses, unless two thirds confirmed it
	stopBarTime    = 7 * 24 * 60 * 60  // so long its callers call none after two thirds resumed
	stopMemoryTime = 30 * 24 * 60 * 60 // so long it can be seen that there was one

	maxStops      = 64 // of accreditations, in force or called
	maxCallsOfOne = 4  // calls of one member that wait for a second
)

// stopCallers is how many of n members put a stop in force.
func stopCallers(n int) int { return min(2, n) }

func (o *overlay) stops() []ledger.Stop {
	var all []ledger.Stop
	o.load(ledger.KeyStops(), &all)
	return all
}

// storeStops stores the stops without those that ended long ago.
func (o *overlay) storeStops(all []ledger.Stop, b *block) {
	all = slices.DeleteFunc(all, func(s ledger.Stop) bool { return forgotten(&s, b.seconds()) })
	if len(all) == 0 {
		o.remove(ledger.KeyStops())
		return
	}
	o.store(ledger.KeyStops(), all)
}

// forgotten says whether a stop leaves the state.
func forgotten(s *ledger.Stop, t int64) bool {
	switch {
	case s.From == 0:
		return s.Called+stopCallTime < t
	case s.Resumed != 0:
		return s.Resumed+stopMemoryTime < t
	}
	return s.Until != 0 && s.Until+stopMemoryTime < t
}

// callStop calls a stop or joins one that another member called. Two members put it in force in the block of the second
// call: one alone could stop everybody by mistake or by force.
func callStop(o *overlay, t *transaction, b *block) *refusal {
	in := t.Stop
	if err := in.Check(); err != nil {
		return refuseForm(err)
	}
	if what := personal(in.Why); what != "" {
		return refuse(ledger.Policy, "the reason of the stop holds what looks like %s", what)
	}
	members := o.members()
	sender := slices.IndexFunc(members, func(m ledger.Member) bool { return m.DID == t.Sender })
	if sender < 0 {
		return refuse(ledger.Unauthorized, "%q is no member", t.Sender)
	}
	if barred := members[sender].Barred; barred > b.seconds() {
		return refuse(ledger.Policy, "%q called a stop that members ended by vote, and calls none before %s", t.Sender, time.Unix(barred, 0).UTC().Format(time.RFC3339))
	}
	if in.Grade == ledger.StopAccreditation {
		a, found := o.accreditation(in.Subject, in.Accreditation)
		switch {
		case !found:
			return refuse(ledger.UnknownObject, "accreditation %q of %q", in.Accreditation, in.Subject)
		case a.Until <= b.seconds(), a.Distrust:
			return refuse(ledger.TerminalState, "accreditation %q of %q counts no more", in.Accreditation, in.Subject)
		}
	}
	all := o.stops()
	same := func(s ledger.Stop) bool {
		return s.Grade == in.Grade && s.Subject == in.Subject && s.Accreditation == in.Accreditation
	}
	if slices.ContainsFunc(all, func(s ledger.Stop) bool { return same(s) && s.InForce(b.seconds()) }) {
		return refuse(ledger.Conflict, "this stop is in force")
	}
	waits := func(s ledger.Stop) bool { return s.From == 0 && b.seconds() <= s.Called+stopCallTime }
	at := slices.IndexFunc(all, func(s ledger.Stop) bool { return same(s) && waits(s) })
	if at < 0 {
		mine, busy := 0, 0
		for _, s := range all {
			if waits(s) && slices.Contains(s.Callers, t.Sender) {
				mine++
			}
			if s.Grade == ledger.StopAccreditation && (waits(s) || s.InForce(b.seconds())) {
				busy++
			}
		}
		if mine >= maxCallsOfOne || in.Grade == ledger.StopAccreditation && busy >= maxStops {
			return refuse(ledger.TooLarge, "%d stops, %d of them called by %q and waiting", busy, mine, t.Sender)
		}
		at = len(all)
		all = append(all, ledger.Stop{
			ID: t.hash[:], Grade: in.Grade, Subject: in.Subject, Accreditation: in.Accreditation, Why: in.Why, Called: b.seconds(),
		})
	}
	s := &all[at]
	again := slices.Contains(s.Callers, t.Sender)
	// Who left, or lost the right to call, does not count any more.
	s.Callers = slices.DeleteFunc(s.Callers, func(d did.DID) bool { return d == t.Sender || !mayCall(members, d, b.seconds()) })
	s.Callers = append(s.Callers, t.Sender)
	if len(s.Callers) >= stopCallers(len(members)) {
		s.From, s.Until = b.seconds(), b.seconds()+stopTime
	} else if again {
		return refuse(ledger.Conflict, "%q has called this stop", t.Sender)
	}
	changed := *s
	o.storeStops(all, b)
	markStopped(o, &changed, b)
	return nil
}

// mayCall says whether d is a member that may call a stop at a time.
func mayCall(members []ledger.Member, d did.DID, t int64) bool {
	return slices.ContainsFunc(members, func(m ledger.Member) bool { return m.DID == d && m.Barred <= t })
}

// confirmStop makes a stop that is in force last until two thirds resume.
func confirmStop(o *overlay, b *block, id []byte) *refusal {
	return changeStop(o, b, id, func(s *ledger.Stop) { s.Until = 0 })
}

// resumeStop ends a stop that is in force. Its callers call none for a while.
func resumeStop(o *overlay, b *block, id []byte) *refusal {
	return changeStop(o, b, id, func(s *ledger.Stop) {
		s.Resumed = b.seconds()
		members := o.members()
		for i := range members {
			if slices.Contains(s.Callers, members[i].DID) {
				members[i].Barred = b.seconds() + stopBarTime
			}
		}
		o.storeMembers(members)
	})
}

func changeStop(o *overlay, b *block, id []byte, change func(s *ledger.Stop)) *refusal {
	all := o.stops()
	at := slices.IndexFunc(all, func(s ledger.Stop) bool { return bytes.Equal(s.ID, id) })
	switch {
	case at < 0:
		return refuse(ledger.UnknownObject, "stop %x", id)
	case !all[at].InForce(b.seconds()):
		return refuse(ledger.TerminalState, "stop %x is not in force", id)
	}
	change(&all[at])
	changed := all[at]
	o.storeStops(all, b)
	markStopped(o, &changed, b)
	return nil
}

// markStopped writes a stop of an accreditation into the accreditation and into what was granted under it, where
// verifiers and wallets see it with the proofs that they have anyway. A lapse needs no mark: its time stands there.
func markStopped(o *overlay, s *ledger.Stop, b *block) {
	if s.Grade != ledger.StopAccreditation || s.From == 0 {
		return
	}
	a, found := o.accreditation(s.Subject, s.Accreditation)
	if !found {
		return
	}
	marked := []ledger.Accreditation{*a}
	if a.Use == trust.Grant {
		marked = append(marked, o.children(a.Subject, a.ID)...)
	}
	stops := o.stops()
	for i := range marked {
		m := &marked[i]
		was := *m
		m.StoppedFrom, m.StoppedUntil = stopped(stops, m, s, b.seconds())
		if m.StoppedFrom != was.StoppedFrom || m.StoppedUntil != was.StoppedUntil {
			o.replaceAccreditation(m)
		}
	}
}

// stopped returns from when until when an accreditation is stopped, as known at a time, after s changed: its own stop and
// that of the one it was granted under may overlap.
func stopped(stops []ledger.Stop, a *ledger.Accreditation, s *ledger.Stop, t int64) (from, until int64) {
	for i := range stops {
		x := &stops[i]
		of := x.Subject == a.Subject && x.Accreditation == a.ID ||
			a.Under != "" && x.Subject == a.GrantedBy && x.Accreditation == a.Under
		if x.Grade != ledger.StopAccreditation || !of || !x.InForce(t) {
			continue
		}
		switch {
		case from == 0:
			from, until = x.From, x.Until
		case until == 0 || x.Until == 0:
			from, until = min(from, x.From), 0
		default:
			from, until = min(from, x.From), max(until, x.Until)
		}
	}
	if from == 0 { // s was resumed, and nothing else is in force
		return cmp.Or(a.StoppedFrom, s.From), t
	}
	return from, until
}

// halted says whether a stop that is in force at the time of the block refuses this transaction. What makes things safe
// again passes every grade.
func halted(o *overlay, t *transaction, b *block) *refusal {
	stops := o.stops()
	if len(stops) == 0 {
		return nil
	}
	if slices.ContainsFunc(stops, func(s ledger.Stop) bool { return forgotten(&s, b.seconds()) }) {
		o.storeStops(stops, b)
	}
	switch grade := stopGrade(stops, b); {
	case grade == "", grade == ledger.StopWrites && !brandNew(t), grade == ledger.StopEverything && !brandNew(t) && urgent(o, t):
		return nil
	default:
		return refuseStopped(string(t.Kind), grade)
	}
}

// haltedAction says whether a stop that is in force keeps a proposal from taking effect, or from being made.
func haltedAction(o *overlay, a *ledger.Action, b *block) *refusal {
	if grade := stopGrade(o.stops(), b); grade != "" && !relieves(a) {
		return refuseStopped("this proposal", grade)
	}
	return nil
}

func refuseStopped(what string, grade ledger.Grade) *refusal {
	return refuse(ledger.Policy, "%s: the members have stopped %s", what, grade)
}

// stopGrade returns the highest grade of a stop of more than an accreditation that is in force; "": none.
func stopGrade(stops []ledger.Stop, b *block) ledger.Grade {
	grade := ledger.Grade("")
	for i := range stops {
		if s := &stops[i]; s.Grade != ledger.StopAccreditation && s.InForce(b.seconds()) && grade != ledger.StopEverything {
			grade = s.Grade
		}
	}
	return grade
}

// brandNew says whether a transaction adds to what there is, or proposes to.
func brandNew(t *transaction) bool {
	switch t.Kind {
	case ledger.CreateDID, ledger.CreateList, ledger.Accredit, ledger.PutAnchor:
		return true
	case ledger.Propose:
		return !relieves(&t.Propose.Action)
	}
	return false
}

// relieves says whether an action takes away, or gives back what was lost.
func relieves(a *ledger.Action) bool {
	switch {
	case a.Remove != nil, a.Withdraw != nil, a.RemoveAnchor != nil, a.Recover != nil, a.Confirm != nil, a.Resume != nil:
		return true
	}
	return a.Validator != nil && len(a.Validator.Validator) == 0
}

// urgent says whether a transaction passes a stop of everything. Votes are counted; whether what they decide takes effect
// is for [haltedAction] to say.
func urgent(o *overlay, t *transaction) bool {
	switch t.Kind {
	case ledger.Withdraw, ledger.RecoverDID, ledger.Propose, ledger.Vote, ledger.Cancel, ledger.Execute, ledger.CallStop:
		return true
	case ledger.UpdateDID:
		return dropsKey(o, t)
	case ledger.SetStatus:
		return !validates(o, t.SetStatus)
	}
	return false
}

// dropsKey says whether an update rotates a key out or marks one as compromised.
func dropsKey(o *overlay, t *transaction) bool {
	stored, _ := o.record(t.Sender)
	return slices.ContainsFunc(stored.Keys, func(old ledger.KeyRecord) bool {
		if old.Compromised {
			return false
		}
		at := slices.IndexFunc(t.DID.Keys, func(k ledger.KeyRecord) bool { return k.ID == old.ID })
		return at < 0 && old.Until == 0 || at >= 0 && t.DID.Keys[at].Compromised
	})
}

// validates says whether a change makes any entry valid that is not. Such a one passes no stop, whatever stands beside
// it: a batch does not show which entries are filling, so a batch with one revocation would carry anything along. An entry
// that is set to what it is, or to revoked or suspended, is no matter.
func validates(o *overlay, c *ledger.StatusChange) bool {
	key := ledger.KeyList(c.URI)
	var m ledger.ListMeta
	if !o.load(key, &m) {
		return false // refused for another reason
	}
	per := uint64(8 * ledger.ChunkSize / m.Bits)
	var chunk []byte
	last := uint64(0)
	for i, index := range c.Indices {
		if i >= len(c.Values) || index >= m.Size {
			return false
		}
		if n := index / per; chunk == nil || n != last {
			chunk, last = o.chunk(key, int(n)), n
		}
		if c.Values[i] == 0 && entry(chunk, m.Bits, index%per) != 0 {
			return true
		}
	}
	return false
}
