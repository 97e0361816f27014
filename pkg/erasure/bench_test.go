package erasure

import (
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

// BenchmarkReceipt is what an accepted answer costs a verifier more than before.
func BenchmarkReceipt(b *testing.B) {
	verifier, holder := newKey(b), newKey(b)
	r := sample(thumbprint(b, holder))
	for b.Loop() {
		if _, err := r.Sign(verifier, jose.Header{KeyID: "x"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyRequest is what a request to erase costs a verifier: two signatures to check.
func BenchmarkVerifyRequest(b *testing.B) {
	verifier, holder := newKey(b), newKey(b)
	r := received(b, sample(thumbprint(b, holder)), verifier)
	compact, err := SignRequest(holder, r, "C", noon)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		q, err := ParseRequest(compact)
		if err != nil {
			b.Fatal(err)
		}
		if err := q.Verify(r.Endpoint, verifier.Public()); err != nil {
			b.Fatal(err)
		}
	}
}
