package issuer

import (
	"context"
	"database/sql"
	"testing"

	"github.com/zegel-id/zegel/pkg/statuslist"
)

// TestStop: while the registry is stopped, revocations neither wait behind a reinstatement or a new list nor go together
// with one; afterwards the rest is done.
func TestStop(t *testing.T) {
	w := newTown(t)
	lifted, liftedCopies := w.issueBatch(OfferRequest{}, 3)
	revoked, revokedCopies := w.issueBatch(OfferRequest{Subject: "voorbeeld-3"}, 2)
	both, bothCopies := w.issueBatch(OfferRequest{Subject: "voorbeeld-3"}, 2)
	for _, id := range []string{lifted.ID, both.ID} {
		if a := w.change(id, kindSuspend); a.status != 200 {
			t.Fatalf("suspend: %d %s", a.status, a.body)
		}
	}
	w.chain.mu.Lock()
	w.chain.stopped = true
	w.chain.mu.Unlock()
	// A new list is wanted.
	if err := w.issuer.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE list SET next = ?", nearlyFull)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{lifted.ID, both.ID} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if changed, err := w.issuer.Resume(ctx, "voorbeeldstad", "M. Voorbeeld", id, "gevonden"); err != nil || !changed.Pending {
				t.Errorf("resume: %+v, %v", changed, err)
			}
		}()
		eventually(t, "stored", func() bool {
			got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", id)
			return err == nil && got.Pending == kindResume
		})
		cancel()
		<-done
	}
	for _, id := range []string{revoked.ID, both.ID} {
		if a := w.change(id, kindRevoke); a.status != 200 {
			t.Fatalf("revoke: %d %s", a.status, a.body)
		}
	}
	w.wantStatus(revokedCopies, statuslist.Invalid)
	w.wantStatus(bothCopies, statuslist.Invalid)
	w.wantStatus(liftedCopies, statuslist.Suspended)

	w.chain.mu.Lock()
	w.chain.stopped = false
	w.chain.mu.Unlock()
	w.clock.add(2 * lastPause)
	w.issuer.tenants["voorbeeldstad"].poke()
	eventually(t, "lifted", func() bool {
		got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", lifted.ID)
		return err == nil && got.State == StateValid && got.Pending == ""
	})
	w.wantStatus(liftedCopies, statuslist.Valid)
	w.wantStatus(bothCopies, statuslist.Invalid)
}
