package registry

import (
	"bytes"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Limits of what is granted under one accreditation. Withdrawing it, or stopping it, reaches them all in one transaction.
const (
	maxChildren   = 256
	maxOfOneParty = 16 // of one granter for one subject, which has room for [maxAccreditations]
)

// childName names an accreditation that was granted under another.
type childName struct {
	Subject did.DID `cbor:"1,keyasint"`
	ID      string  `cbor:"2,keyasint"`
}

// childrenKey holds the []childName of one accreditation to grant.
func childrenKey(granter did.DID, id string) []byte {
	return append([]byte(keyChildren), string(granter)+"#"+id...)
}

// children returns what was granted under an accreditation and is in the state still.
func (o *overlay) children(granter did.DID, id string) []ledger.Accreditation {
	var names []childName
	o.load(childrenKey(granter, id), &names)
	var all []ledger.Accreditation
	for _, n := range names {
		// A subject with too many loses those whose time is over, and one id can come again.
		if a, found := o.accreditation(n.Subject, n.ID); found && a.GrantedBy == granter && a.Under == id {
			all = append(all, *a)
		}
	}
	return all
}

// grants returns the accreditations under which an organisation may accredit others at the time of the block.
func (o *overlay) grants(d did.DID, b *block) []ledger.Accreditation {
	return slices.DeleteFunc(o.accreditations(d), func(a ledger.Accreditation) bool { return a.Use != trust.Grant || !counts(&a, b) })
}

// grant stores an accreditation that an organisation gives another within one of its own.
func grant(o *overlay, t *transaction, grants []ledger.Accreditation, b *block) *refusal {
	a := *t.Accredit
	if r := newAccreditation(&a); r != nil {
		return r
	}
	if a.Subject == t.Sender {
		return refuse(ledger.Policy, "%q cannot accredit itself", t.Sender)
	}
	var why *refusal
	for i := range grants {
		if why = within(&a, &grants[i]); why == nil {
			a.GrantedBy, a.Under = t.Sender, grants[i].ID
			break
		}
	}
	if why != nil {
		return why
	}
	of := 0
	for _, other := range o.accreditations(a.Subject) {
		if other.Under == "" && other.Name != a.Name {
			return refuse(ledger.Policy, "the members know %q by the name %q", a.Subject, other.Name)
		}
		if other.GrantedBy == t.Sender && other.Under != "" {
			of++
		}
	}
	if m, is := o.member(a.Subject); is && m.Name != a.Name {
		return refuse(ledger.Policy, "the members know %q by the name %q", a.Subject, m.Name)
	}
	if of >= maxOfOneParty {
		return refuse(ledger.TooLarge, "%q gave %d accreditations to %q", t.Sender, of, a.Subject)
	}
	children := slices.DeleteFunc(o.children(t.Sender, a.Under), func(c ledger.Accreditation) bool { return c.Subject == a.Subject && c.ID == a.ID })
	if len(children) >= maxChildren {
		children = slices.DeleteFunc(children, func(c ledger.Accreditation) bool { return c.Until <= b.seconds() || c.Distrust })
	}
	if len(children) >= maxChildren {
		return refuse(ledger.TooLarge, "there are %d accreditations under %q", len(children), a.Under)
	}
	if r := putAccreditation(o, a, b); r != nil {
		return r
	}
	names := make([]childName, 0, len(children)+1)
	for _, c := range append(children, a) {
		names = append(names, childName{c.Subject, c.ID})
	}
	o.store(childrenKey(t.Sender, a.Under), names)
	return nil
}

// within checks that an accreditation stays inside the one that it is granted under. One with claims is for questions,
// one without is for issuing.
func within(a, scope *ledger.Accreditation) *refusal {
	use := trust.Issue
	if len(scope.Claims) > 0 {
		use = trust.Ask
	}
	out := func(what string) *refusal {
		return refuse(ledger.Unauthorized, "accreditation %q: %s outside that of %q", a.ID, what, scope.ID)
	}
	switch {
	case a.Use != use:
		return out("use " + string(a.Use))
	case a.From < scope.From || a.Until > scope.Until:
		return out("a time")
	case a.KeepDays > scope.KeepDays, a.OutcomeDays > scope.OutcomeDays:
		return out("a keeping time")
	}
	for _, kind := range a.Types {
		if !slices.Contains(scope.Types, kind) {
			return out("a type")
		}
	}
	for _, c := range a.Claims {
		if !slices.ContainsFunc(scope.Claims, func(wide []byte) bool { return covers(wide, c) }) {
			return out("a claim")
		}
	}
	return nil
}

// covers says whether a claim path is another one or below it. Both were checked.
func covers(wide, narrow []byte) bool {
	if bytes.Equal(wide, narrow) {
		return true
	}
	w, err := sdjwt.ParsePath(wide)
	if err != nil {
		return false
	}
	n, err := sdjwt.ParsePath(narrow)
	return err == nil && w.Covers(n)
}
