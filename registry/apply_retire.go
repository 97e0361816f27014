package registry

import (
	"github.com/zegel-id/zegel/pkg/ledger"
)

func retireList(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no retirement yet")
}
