package registry

import "github.com/zegel-id/zegel/pkg/ledger"

func callStop(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no stop yet")
}

// halted says whether a stop that is in force at the time of the block refuses this transaction.
func halted(o *overlay, t *transaction, b *block) *refusal { return nil }
