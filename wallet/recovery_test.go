package wallet

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func mustRecovery(t *testing.T, w *Wallet) *Recovery {
	t.Helper()
	r, err := w.Recovery(t.Context())
	if err != nil || r == nil {
		t.Fatalf("recovery %+v, %v", r, err)
	}
	return r
}

// Who has their part, and what was tried, is remembered; a restored wallet knows it too.
func TestRecoveryRemembers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "wallet")
	o, now := diskOptions(dir), noon
	o.Now = func() time.Time { return now }
	w, err := Create(t.Context(), o, Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := w.PlanRecovery(RecoverySetup{Guardians: []string{"Fatima", "Henk", "Tim"}, Needed: 2, Passphrase: testPassphrase})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Accept(t.Context(), 3); err == nil {
		t.Error("a part that there is not was given")
	}
	if err := p.Accept(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	r := mustRecovery(t, w)
	if !r.Guardians[0].Given.Equal(noon) || !r.Guardians[1].Given.IsZero() || !r.Tested().IsZero() {
		t.Errorf("%+v", r)
	}
	// A part that nobody took stays to be given.
	share, err := w.GuardianPart(t.Context(), 2)
	if err != nil || share != p.Shares[2] {
		t.Errorf("part %q, %v", share, err)
	}
	for _, i := range []int{-1, 3} {
		if _, err := w.GuardianPart(t.Context(), i); err == nil {
			t.Errorf("there is a part %d", i)
		}
	}
	if err := w.GuardianHas(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	if err := w.GuardianHas(t.Context(), 1, false); err != nil {
		t.Fatal(err)
	}

	// One part alone is seen; it is no test of the key.
	now = noon.Add(time.Hour)
	seen, err := w.Rehearse(t.Context(), p.Shares[2:])
	if err != nil || !slices.Equal(seen.Who, []string{"Tim"}) || seen.Complete {
		t.Errorf("%+v, %v", seen, err)
	}
	r = mustRecovery(t, w)
	if !r.Guardians[2].Seen.Equal(now) || !r.Guardians[2].Given.Equal(now) || !r.Guardians[1].Given.IsZero() || !r.Rehearsed.IsZero() {
		t.Errorf("%+v", r)
	}
	if _, err := w.Rehearse(t.Context(), []string{p.Shares[0], p.Shares[2]}); err != nil {
		t.Fatal(err)
	}
	if r = mustRecovery(t, w); !r.Rehearsed.Equal(now) || !r.Tested().Equal(now) {
		t.Errorf("%+v", r)
	}
	now = noon.Add(2 * time.Hour)
	if err := w.RehearsePassphrase(t.Context(), testPassphrase+"x"); CategoryOf(err) != BackupInvalid {
		t.Errorf("wrong passphrase: %v", err)
	}
	if err := w.RehearsePassphrase(t.Context(), testPassphrase); err != nil || !mustRecovery(t, w).Rehearsed.Equal(now) {
		t.Errorf("passphrase: %v", err)
	}

	// A file counts once it was saved, and was tested once it was read again.
	file, err := w.Backup(t.Context())
	if err != nil || !mustRecovery(t, w).LastBackup.IsZero() {
		t.Errorf("a backup that nobody saved counts: %v", err)
	}
	if err := w.BackupSaved(t.Context(), file); err != nil || !mustRecovery(t, w).LastBackup.Equal(now) {
		t.Errorf("saved: %v", err)
	}
	now = noon.Add(3 * time.Hour)
	if _, err := w.CheckBackup(t.Context(), file[:len(file)-1]); CategoryOf(err) != BackupInvalid || !mustRecovery(t, w).Checked.IsZero() {
		t.Errorf("a file that was cut: %v", err)
	}
	if b, err := w.CheckBackup(t.Context(), file); err != nil || !b.Made.Equal(noon.Add(2*time.Hour)) || !mustRecovery(t, w).Tested().Equal(now) {
		t.Errorf("checked: %v", err)
	}
	newer, err := w.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.BackupSaved(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CheckBackup(t.Context(), file); err != nil || !mustRecovery(t, w).Checked.IsZero() {
		t.Errorf("the file of an older one tested the newest: %v", err)
	}

	b, err := OpenBackupWithShares(newer, p.Shares[:2])
	if err != nil {
		t.Fatal(err)
	}
	restored, err := b.Restore(t.Context(), diskOptions(filepath.Join(t.TempDir(), "new")), testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Wallet.Close()
	if r := mustRecovery(t, restored.Wallet); r.Guardians[0].Given.IsZero() || !r.Guardians[1].Given.IsZero() || !r.LastBackup.Equal(now) {
		t.Errorf("restored: %+v", r)
	}
}

// Nothing is left of a wallet that was destroyed, nor of those a restore kept beside it; an open one stays.
func TestDestroy(t *testing.T) {
	w, file, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	o := w.opts
	if used := LastUsed(o); used.IsZero() {
		t.Error("the files tell no time")
	}
	if err := Destroy(o); CategoryOf(err) != Locked {
		t.Errorf("an open wallet: %v", err)
	}
	if _, err := w.Cards(t.Context()); err != nil {
		t.Errorf("and it is broken: %v", err)
	}
	mustClose(t, w)
	b, err := OpenBackup(file, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Restore(t.Context(), o, "604172", true)
	if err != nil {
		t.Fatal(err)
	}
	if since := KeptSince(o); !since.Equal(o.Now().Truncate(time.Second)) {
		t.Errorf("kept since %v", since)
	}
	if err := DestroyKept(o); err != nil || !KeptSince(o).IsZero() {
		t.Errorf("kept still: %v", err)
	}
	if cards, err := got.Wallet.Cards(t.Context()); err != nil || len(cards) != 2 {
		t.Errorf("the wallet in use: %+v, %v", cards, err)
	}
	mustClose(t, got.Wallet)
	if got, err = b.Restore(t.Context(), o, "604172", true); err != nil {
		t.Fatal(err)
	}
	mustClose(t, got.Wallet)
	if err := Destroy(o); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(o.Dir), "*"))
	if err != nil || len(left) != 0 || Exists(o) || !LastUsed(o).IsZero() {
		t.Errorf("left %q, %v", left, err)
	}
	if _, err := Open(t.Context(), o, testPIN); !errors.Is(err, ErrNoWallet) {
		t.Errorf("opening it: %v", err)
	}
	if err := Destroy(o); err != nil {
		t.Errorf("nothing to destroy: %v", err)
	}
}

// How it stands with wrong tries is known without another one.
func TestTries(t *testing.T) {
	o, now := diskOptions(filepath.Join(t.TempDir(), "wallet")), noon
	o.Now = func() time.Time { return now }
	w, err := Create(t.Context(), o, Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, w)
	for round := range 4 {
		for left := triesPerRound; left > 0; left-- {
			if got := Tries(o); got.Left != left || got.Blocked || !got.Until.IsZero() {
				t.Errorf("round %d: %+v, want %d left", round, got, left)
			}
			if _, err := Open(t.Context(), o, "604184"); CategoryOf(err) != Locked {
				t.Fatalf("wrong PIN: %v", err)
			}
		}
		if round < len(waits) {
			if got := Tries(o); !got.Until.Equal(now.Add(waits[round])) {
				t.Errorf("round %d: %+v", round, got)
			}
			now = now.Add(waits[round])
		}
	}
	if !Tries(o).Blocked {
		t.Error("not blocked")
	}
}
