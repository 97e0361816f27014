package registry

import (
	"bytes"
	"crypto/ed25519"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// recoveryKey finds the key that must have signed a recovery: the one that the stored record committed to. It is kept
// offline and shown here for the first and only time.
func recoveryKey(stored *ledger.DIDRecord, t *transaction) (ed25519.PublicKey, *refusal) {
	switch {
	case len(stored.RecoveryHash) == 0:
		return nil, refuse(ledger.Policy, "%q has no recovery key", stored.ID)
	case t.KeyID != ledger.RecoveryKeyID:
		return nil, refuse(ledger.BadSignature, "%q recovers nothing, the key id is %q", t.KeyID, ledger.RecoveryKeyID)
	case len(t.Recover.Key) != ed25519.PublicKeySize:
		return nil, refuse(ledger.Malformed, "recovery key of %d bytes", len(t.Recover.Key))
	case !bytes.Equal(ledger.KeyHash(t.Recover.Key), stored.RecoveryHash):
		return nil, refuse(ledger.BadSignature, "not the recovery key that was committed to")
	}
	return t.Recover.Key, nil
}

// recoverDID replaces a record with the recovery key. A recovery of the same DID by vote is over: whoever has this key has
// not lost everything.
func recoverDID(o *overlay, t *transaction, b *block) *refusal {
	in := &t.Recover.Record
	switch {
	case len(in.RecoveryHash) == 0:
		return refuse(ledger.Malformed, "a recovery commits to the next recovery key")
	case bytes.Equal(in.RecoveryHash, ledger.KeyHash(t.Recover.Key)), bytes.Equal(in.NextKeyHash, ledger.KeyHash(t.Recover.Key)):
		return refuse(ledger.Conflict, "the recovery key has been shown and counts no more")
	}
	for i := range in.Keys {
		if j, err := in.Keys[i].Key(); err != nil {
			return refuseForm(err)
		} else if pub, ok := j.Key.(ed25519.PublicKey); ok && bytes.Equal(pub, t.Recover.Key) {
			return refuse(ledger.Conflict, "key %q is the recovery key", in.Keys[i].ID)
		}
	}
	if r := replaceRecord(o, t.Sender, in, b); r != nil {
		return r
	}
	dropRecoveries(o, t.Sender, b)
	return nil
}

// replaceRecord gives a DID whose keys are lost or stolen a new record, for the recovery key and for a vote. It follows
// the rules of an update, but that no key which governed the DID until now may go on: one of them may be the thief's.
func replaceRecord(o *overlay, id did.DID, record *ledger.DIDRecord, b *block) *refusal {
	stored, exists := o.record(id)
	switch {
	case !exists:
		return refuse(ledger.UnknownObject, "%q", id)
	case stored.Deactivated:
		return refuse(ledger.TerminalState, "%q is deactivated", id)
	}
	governs := false
	for i := range record.Keys {
		k := &record.Keys[i]
		if k.Compromised || !slices.Contains(k.Purposes, did.CapabilityInvocation) {
			continue
		}
		if slices.ContainsFunc(stored.Keys, func(old ledger.KeyRecord) bool { return bytes.Equal(old.JWK, k.JWK) }) {
			return refuse(ledger.Conflict, "key %q governed before", k.ID)
		}
		if j, err := k.Key(); err != nil {
			return refuseForm(err)
		} else if bytes.Equal(ledger.KeyHash(j.Key.(ed25519.PublicKey)), stored.NextKeyHash) {
			return refuse(ledger.Conflict, "key %q was committed to before", k.ID)
		}
		governs = true
	}
	if !governs {
		return refuse(ledger.Malformed, "no new key for transactions")
	}
	return succeed(o, stored, record, b)
}
