package registry

import "github.com/zegel-id/zegel/pkg/ledger"

func callStop(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no stop yet")
}

// halted says whether a stop that is in force at the time of the block refuses this transaction.
func halted(o *overlay, t *transaction, b *block) *refusal { return nil }

// haltedAction says whether a stop that is in force keeps a proposal from taking effect, or from being made.
func haltedAction(o *overlay, a *ledger.Action, b *block) *refusal { return nil }

// confirmStop makes a stop last until two thirds resume.
func confirmStop(o *overlay, b *block, id []byte) *refusal {
	return refuse(ledger.UnknownObject, "stop %x", id)
}

// resumeStop ends a stop, and bars its callers from another one for some days.
func resumeStop(o *overlay, b *block, id []byte) *refusal {
	return refuse(ledger.UnknownObject, "stop %x", id)
}
