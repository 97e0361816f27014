package registry

import (
	"bytes"
	"crypto/ed25519"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// createDID takes a first record, from the new DID itself or from a member that brings in an organisation.
func createDID(o *overlay, t *transaction, b *block) *refusal {
	id, r := putFirst(o, t.DID, b)
	if r != nil {
		return r
	}
	if id == t.Sender {
		// So many DIDs may stand on the chain that no member vouched for, by creating or accrediting them. Beyond it only
		// members create DIDs, so that strangers cannot fill the state.
		n := o.guests() + 1
		if n > uint64(o.parameters().Guests) {
			return refuse(ledger.Policy, "there are %d organisations that no member vouched for; ask a member to create the DID", n-1)
		}
		o.store([]byte(keyGuests), n)
		return nil
	}
	if !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "%q cannot create %q", t.Sender, id)
	}
	o.vouch(id)
	return nil
}

// putFirst stores a first record under the id that follows from it.
func putFirst(o *overlay, first *ledger.DIDRecord, b *block) (did.DID, *refusal) {
	if err := first.Check(); err != nil {
		return "", refuseForm(err)
	}
	id, err := ledger.NewDID(b.network, first)
	if err != nil {
		return "", refuseForm(err)
	}
	if r := clean(first); r != nil {
		return "", r
	}
	if first.ID != "" && first.ID != id {
		return "", refuse(ledger.Malformed, "id %q, the record makes %q", first.ID, id)
	}
	if _, exists := o.record(id); exists {
		return "", refuse(ledger.Conflict, "%q exists", id)
	}
	stored := *first
	stored.ID, stored.Version, stored.Created = id, 1, b.seconds()
	stored.Keys = slices.Clone(first.Keys)
	invoke := false
	for i := range stored.Keys {
		k := &stored.Keys[i]
		if k.Compromised {
			return "", refuse(ledger.Malformed, "new key %q is marked as compromised", k.ID)
		}
		if slices.ContainsFunc(stored.Keys[:i], func(other ledger.KeyRecord) bool { return bytes.Equal(other.JWK, k.JWK) }) {
			return "", refuse(ledger.Conflict, "key %q stands there twice", k.ID)
		}
		invoke = invoke || slices.Contains(k.Purposes, did.CapabilityInvocation)
		k.From = b.seconds()
	}
	if !invoke {
		return "", refuse(ledger.Malformed, "no key for transactions")
	}
	if r := unseen(&stored); r != nil {
		return "", r
	}
	o.store(ledger.KeyDID(id), stored)
	return id, nil
}

// clean refuses a record that holds what the chain sets.
func clean(r *ledger.DIDRecord) *refusal {
	if r.Version != 0 || r.Deactivated || r.Created != 0 || r.Updated != 0 {
		return refuse(ledger.Malformed, "the chain sets version, deactivation and times")
	}
	for i := range r.Keys {
		if k := &r.Keys[i]; k.From != 0 || k.Until != 0 {
			return refuse(ledger.Malformed, "key %q: the chain sets its times", k.ID)
		}
	}
	return nil
}

// unseen checks that the keys a record commits to are not among those it shows.
func unseen(r *ledger.DIDRecord) *refusal {
	for i := range r.Keys {
		j, err := r.Keys[i].Key()
		if err != nil {
			return refuseForm(err)
		}
		pub, ok := j.Key.(ed25519.PublicKey)
		if !ok {
			continue
		}
		if h := ledger.KeyHash(pub); bytes.Equal(h, r.NextKeyHash) || bytes.Equal(h, r.RecoveryHash) {
			return refuse(ledger.Conflict, "key %q is shown and committed to", r.Keys[i].ID)
		}
	}
	return nil
}

// updateDID replaces a record. Keys that are left out are rotated out at the time of the block: those that sign for
// others stay visible, so that what they signed before still verifies.
func updateDID(o *overlay, t *transaction, b *block) *refusal {
	stored, _ := o.record(t.Sender)
	return succeed(o, stored, t.DID, b)
}

// succeed stores the record that comes after the stored one.
func succeed(o *overlay, stored, in *ledger.DIDRecord, b *block) *refusal {
	if err := in.Check(); err != nil {
		return refuseForm(err)
	}
	if r := clean(in); r != nil {
		return r
	}
	if in.ID != "" && in.ID != stored.ID {
		return refuse(ledger.Unauthorized, "a record of %q in place of that of %q", in.ID, stored.ID)
	}
	if bytes.Equal(in.NextKeyHash, stored.NextKeyHash) {
		return refuse(ledger.Conflict, "the next key is the one that was committed to before")
	}
	next := *in
	next.ID, next.Version, next.Created, next.Updated = stored.ID, stored.Version+1, stored.Created, b.seconds()
	next.Keys = slices.Clone(in.Keys)
	for i := range next.Keys {
		if r := keep(&next.Keys[i], stored, b); r != nil {
			return r
		}
	}
	if r := unseen(&next); r != nil {
		return r
	}
	next.Keys = append(next.Keys, rotatedOut(next.Keys, stored, b)...)
	if err := next.Check(); err != nil {
		return refuseForm(err)
	}
	o.store(ledger.KeyDID(stored.ID), next)
	return nil
}

// keep fills in what the chain knows about a key of an updated record.
func keep(k *ledger.KeyRecord, stored *ledger.DIDRecord, b *block) *refusal {
	for i := range stored.Keys {
		old := &stored.Keys[i]
		same, name := bytes.Equal(old.JWK, k.JWK), old.ID == k.ID
		switch {
		case !same && !name:
			continue
		case same != name:
			return refuse(ledger.Conflict, "key %q: a key keeps its id and an id its key", k.ID)
		case old.Compromised && !k.Compromised:
			return refuse(ledger.TerminalState, "key %q is compromised", k.ID)
		case old.Until != 0 && !k.Compromised:
			return refuse(ledger.Conflict, "key %q was rotated out", k.ID)
		case !slices.Equal(old.Purposes, k.Purposes):
			return refuse(ledger.Conflict, "key %q: its purposes stay as they were", k.ID)
		}
		k.From, k.Until = old.From, old.Until
		if k.Compromised && k.Until == 0 {
			k.Until = max(b.seconds(), k.From+1)
		}
		return nil
	}
	if k.Compromised {
		return refuse(ledger.UnknownObject, "compromised key %q", k.ID)
	}
	k.From = b.seconds()
	return nil
}

// rotatedOut returns the stored keys that an update leaves out and that stay visible. If there are more than the record
// has room for, the oldest go.
func rotatedOut(kept []ledger.KeyRecord, stored *ledger.DIDRecord, b *block) []ledger.KeyRecord {
	var out []ledger.KeyRecord
	for _, k := range stored.Keys {
		if slices.ContainsFunc(kept, func(in ledger.KeyRecord) bool { return in.ID == k.ID }) {
			continue
		}
		if !slices.Contains(k.Purposes, did.AssertionMethod) && !slices.Contains(k.Purposes, did.Authentication) {
			continue // only this chain ever judged what it signed
		}
		if k.Until == 0 {
			k.Until = max(b.seconds(), k.From+1)
		}
		out = append(out, k)
	}
	slices.SortStableFunc(out, func(a, b ledger.KeyRecord) int { return int(max(-1, min(1, b.Until-a.Until))) })
	return out[:min(len(out), ledger.MaxKeys-len(kept))]
}

func deactivateDID(o *overlay, t *transaction, b *block) *refusal {
	if o.isMember(t.Sender) {
		return refuse(ledger.Policy, "a member leaves before its DID ends")
	}
	for _, a := range o.accreditations(t.Sender) {
		if a.Use == trust.Grant && slices.ContainsFunc(o.children(t.Sender, a.ID), func(c ledger.Accreditation) bool {
			return c.EndedAt == 0 && b.seconds() < c.Until
		}) {
			return refuse(ledger.Policy, "what %q granted under %q ends before its DID does", t.Sender, a.ID)
		}
	}
	stored, _ := o.record(t.Sender)
	stored.Deactivated, stored.Updated = true, b.seconds()
	stored.Version++
	o.store(ledger.KeyDID(t.Sender), stored)
	return nil
}
