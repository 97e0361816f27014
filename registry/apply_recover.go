package registry

import (
	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

func recoverDID(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no recovery yet")
}
func retireList(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no retirement yet")
}

// replaceRecord puts a new record in the place of one whose keys are lost or stolen, with the recovery key or by vote.
func replaceRecord(o *overlay, d did.DID, in *ledger.DIDRecord, b *block) *refusal {
	return refuse(ledger.Policy, "no recovery yet")
}
