package registry

import (
	"bytes"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Limits of values that hold many things, so that a proof of them fits into a bundle.
const (
	maxAccreditations = 64        // of one subject
	maxAnchors        = 64        // of the network
	maxValue          = 128 << 10 // bytes
)

// accredit says that an organisation may issue or ask: by a lone member, or by an organisation that the members let
// accredit others.
func accredit(o *overlay, t *transaction, b *block) *refusal {
	if _, err := t.Accredit.Trust(); err != nil {
		return refuseForm(err)
	}
	r := govern(o, t)
	if r == nil {
		return storeAccreditation(o, *t.Accredit, t.Sender, nil, b)
	}
	under := o.grants(t.Sender, b)
	if len(under) == 0 {
		return r
	}
	return grant(o, t, under, b)
}

// storeAccreditation stores an accreditation that the members decided, under the name of who proposed it. decision is
// the id of the proposal, nil for a lone member.
func storeAccreditation(o *overlay, a ledger.Accreditation, by did.DID, decision []byte, b *block) *refusal {
	if r := newAccreditation(&a); r != nil {
		return r
	}
	a.GrantedBy, a.Decision = by, decision
	return putAccreditation(o, a, b)
}

// newAccreditation judges an accreditation that comes in by itself.
func newAccreditation(a *ledger.Accreditation) *refusal {
	if a.GrantedBy != "" || a.Decision != nil || a.Under != "" || a.EndedAt != 0 || a.Distrust || a.StoppedFrom != 0 || a.StoppedUntil != 0 {
		return refuse(ledger.Malformed, "accreditation %q holds what the chain sets", a.ID)
	}
	if _, err := a.Trust(); err != nil {
		return refuseForm(err)
	}
	for _, s := range slices.Concat(slices.Sorted(values(a.Purpose)), slices.Sorted(values(a.PassedOn)), []string{a.Name, a.LegalBasis}) {
		if what := personal(s); what != "" {
			return refuse(ledger.Policy, "accreditation %q: a text holds what looks like %s", a.ID, what)
		}
	}
	return nil
}

// putAccreditation adds an accreditation to those of its subject. If there are too many, those whose time is over make
// room: nothing counts under them any more.
func putAccreditation(o *overlay, a ledger.Accreditation, b *block) *refusal {
	subject, exists := o.record(a.Subject)
	if !exists {
		return refuse(ledger.UnknownObject, "subject %q", a.Subject)
	}
	if subject.Deactivated {
		return refuse(ledger.TerminalState, "%q is deactivated", a.Subject)
	}
	if a.Until <= b.seconds() {
		return refuse(ledger.Policy, "accreditation %q ended before it was granted", a.ID)
	}
	all := o.accreditations(a.Subject)
	if len(all) >= maxAccreditations {
		all = slices.DeleteFunc(all, func(old ledger.Accreditation) bool {
			over := old.Until <= b.seconds()
			if over && old.Use == trust.Grant {
				o.remove(childrenKey(old.Subject, old.ID)) // theirs is over as well
			}
			return over
		})
	}
	at, found := findAccreditation(all, a.ID)
	if found {
		return refuse(ledger.Conflict, "accreditation %q of %q exists", a.ID, a.Subject)
	}
	if len(all) >= maxAccreditations {
		return refuse(ledger.TooLarge, "%q has %d accreditations", a.Subject, len(all))
	}
	key := ledger.KeyAccreditations(a.Subject)
	o.store(key, slices.Insert(all, at, a))
	if n := len(o.value(key)); n > maxValue {
		return refuse(ledger.TooLarge, "the accreditations of %q would take %d bytes", a.Subject, n)
	}
	o.welcome(a.Subject)
	return nil
}

// welcome vouches for a DID that stands on the chain: it is no guest any more.
func (o *overlay) welcome(d did.DID) {
	if o.vouch(d) {
		if n := o.guests(); n > 0 {
			o.store([]byte(keyGuests), n-1)
		}
	}
}

func findAccreditation(all []ledger.Accreditation, id string) (int, bool) {
	return slices.BinarySearchFunc(all, id, func(a ledger.Accreditation, id string) int { return strings.Compare(a.ID, id) })
}

func (o *overlay) accreditation(subject did.DID, id string) (*ledger.Accreditation, bool) {
	all := o.accreditations(subject)
	at, found := findAccreditation(all, id)
	if !found {
		return nil, false
	}
	return &all[at], true
}

// withdraw ends an accreditation: by a lone member, or by the organisation that granted it.
func withdraw(o *overlay, t *transaction, b *block) *refusal {
	if r := govern(o, t); r != nil {
		a, found := o.accreditation(t.Withdraw.Subject, t.Withdraw.ID)
		if !found || a.Under == "" || a.GrantedBy != t.Sender {
			return r
		}
	}
	return endAccreditation(o, t.Withdraw, b)
}

// endAccreditation ends an accreditation at the time of the block, and with it those that were granted under it. One
// that ended without distrust may still be distrusted.
func endAccreditation(o *overlay, w *ledger.WithdrawAction, b *block) *refusal {
	a, found := o.accreditation(w.Subject, w.ID)
	if !found {
		return refuse(ledger.UnknownObject, "accreditation %q of %q", w.ID, w.Subject)
	}
	if !end(a, w.Distrust, b) {
		return refuse(ledger.TerminalState, "accreditation %q of %q has ended", w.ID, w.Subject)
	}
	o.replaceAccreditation(a)
	if a.Use != trust.Grant {
		return nil
	}
	for _, c := range o.children(w.Subject, w.ID) {
		if end(&c, w.Distrust, b) {
			o.replaceAccreditation(&c)
		}
	}
	return nil
}

// end reports whether the withdrawal changes anything.
func end(a *ledger.Accreditation, distrust bool, b *block) bool {
	switch {
	case a.EndedAt == 0:
		a.EndedAt = b.seconds()
	case !distrust || a.Distrust:
		return false
	}
	a.Distrust = distrust
	return true
}

// replaceAccreditation stores a changed accreditation in its place.
func (o *overlay) replaceAccreditation(a *ledger.Accreditation) {
	all := o.accreditations(a.Subject)
	if at, found := findAccreditation(all, a.ID); found {
		all[at] = *a
		o.store(ledger.KeyAccreditations(a.Subject), all)
	}
}

// mayIssue says whether the sender has an accreditation to issue at the time of the block.
func mayIssue(o *overlay, t *transaction, b *block) bool {
	return slices.ContainsFunc(o.accreditations(t.Sender), func(a ledger.Accreditation) bool {
		return a.Use == trust.Issue && counts(&a, b)
	})
}

// counts says whether an accreditation gives a right at the time of the block.
func counts(a *ledger.Accreditation, b *block) bool {
	return a.EndedAt == 0 && a.From <= b.seconds() && b.seconds() < a.Until && !a.StoppedAt(b.seconds())
}

// putAnchor adds an X.509 anchor or changes the scope of one.
func putAnchor(o *overlay, t *transaction, b *block) *refusal {
	if r := govern(o, t); r != nil {
		return r
	}
	return storeAnchor(o, t.Anchor)
}

func storeAnchor(o *overlay, a *ledger.Anchor) *refusal {
	parsed, err := a.Trust()
	if err != nil {
		return refuseForm(err)
	}
	if !parsed.Certificate.IsCA || !bytes.Equal(parsed.Certificate.Raw, a.Certificate) {
		return refuse(ledger.Malformed, "anchor %q is not the certificate of an authority", a.ID)
	}
	var all []ledger.Anchor
	o.load(ledger.KeyAnchors(), &all)
	at, found := slices.BinarySearchFunc(all, a.ID, func(x ledger.Anchor, id string) int { return strings.Compare(x.ID, id) })
	switch {
	case found && !bytes.Equal(all[at].Certificate, a.Certificate):
		return refuse(ledger.Conflict, "anchor %q is another certificate", a.ID)
	case found:
		all[at] = *a
	case len(all) == maxAnchors:
		return refuse(ledger.TooLarge, "the network has %d anchors", len(all))
	default:
		all = slices.Insert(all, at, *a)
	}
	o.store(ledger.KeyAnchors(), all)
	if n := len(o.value(ledger.KeyAnchors())); n > maxValue {
		return refuse(ledger.TooLarge, "the anchors would take %d bytes", n)
	}
	return nil
}

// removeAnchor ends an anchor. Nothing that it vouched for counts from the next block on.
func removeAnchor(o *overlay, id string) *refusal {
	var all []ledger.Anchor
	o.load(ledger.KeyAnchors(), &all)
	at, found := slices.BinarySearchFunc(all, id, func(x ledger.Anchor, id string) int { return strings.Compare(x.ID, id) })
	if !found {
		return refuse(ledger.UnknownObject, "anchor %q", id)
	}
	if len(all) == 1 {
		o.remove(ledger.KeyAnchors())
		return nil
	}
	o.store(ledger.KeyAnchors(), slices.Delete(all, at, at+1))
	return nil
}
