package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

const testPassphrase = "vlinder kastanje zeven orgelpijp mistig tandwiel"

// backedUp is a wallet on disk with two cards, one of them revoked, and its backup.
func backedUp(t *testing.T, s RecoverySetup) (w *Wallet, file []byte, shares []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "wallet")
	w, err := Create(t.Context(), diskOptions(dir), Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	for _, id := range []string{"good", "bad"} {
		if err := addCard(t.Context(), w, id, 2); err != nil {
			t.Fatal(err)
		}
	}
	r, err := w.record("bad")
	if err != nil {
		t.Fatal(err)
	}
	r.Status = "revoked"
	if err := w.commit(t.Context(), put(cardPrefix+r.ID, r)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Backup(t.Context()); !errors.Is(err, ErrNoRecovery) {
		t.Fatalf("backup that nobody could open: %v", err)
	}
	shares = setUp(t, w, s)
	if file, err = w.Backup(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, file, shares
}

func setUp(t *testing.T, w *Wallet, s RecoverySetup) []string {
	t.Helper()
	p, err := w.PlanRecovery(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p.Shares
}

func wantInvalid(t *testing.T, what string, err error) {
	t.Helper()
	if CategoryOf(err) != BackupInvalid {
		t.Errorf("%s: %v", what, err)
	}
}

// testBadBackup is WAL-05: what does not open changes nothing.
func testBadBackup(t *testing.T) {
	w, file, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	before := mustContents(t, w)
	if _, err := OpenBackup(file, testPassphrase); err != nil {
		t.Fatal(err)
	}
	if has, err := BackupHasPassphrase(file); !has || err != nil {
		t.Errorf("a passphrase does not open it: %v", err)
	}
	_, err := BackupHasPassphrase([]byte("{}"))
	wantInvalid(t, "what is no backup", err)
	for _, wrong := range []string{"", testPIN, testPassphrase + " "} {
		_, err := OpenBackup(file, wrong)
		wantInvalid(t, "passphrase "+wrong, err)
	}
	for n := 0; n < len(file); n += max(1, len(file)/64) {
		_, err := OpenBackup(file[:n], testPassphrase)
		wantInvalid(t, "cut", err)
		changed := bytes.Clone(file)
		changed[n] ^= 1
		_, err = OpenBackup(changed, testPassphrase)
		wantInvalid(t, "changed", err)
	}
	_, err = OpenBackup(append(bytes.Clone(file), 'x'), testPassphrase)
	wantInvalid(t, "longer", err)
	_, err = OpenBackup(bytes.Replace(file, []byte(`"version":1`), []byte(`"version":2`), 1), testPassphrase)
	wantInvalid(t, "newer", err)
	if err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a newer version says %v", err)
	}
	_, err = OpenBackup(slices.Concat(file[:20], file[20:]), "")
	wantInvalid(t, "no passphrase", err)

	// The content of another backup under the head of this one, and a head without its key.
	_, other, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	head, _, _ := bytes.Cut(file, []byte("\n"))
	_, body, _ := bytes.Cut(other, []byte("\n"))
	_, err = OpenBackup(slices.Concat(head, []byte("\n"), body), testPassphrase)
	wantInvalid(t, "another content", err)
	_, err = OpenBackup(slices.Concat([]byte(`{"zegel":"backup","version":1}`+"\n"), body), testPassphrase)
	wantInvalid(t, "no key", err)

	if got := mustContents(t, w); len(got) != len(before) {
		t.Error("looking at bad backups changed the wallet")
	}
}

// testBackupContent is WAL-06: no private key leaves, everything else does.
func testBackupContent(t *testing.T) {
	w, file, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	if bytes.Contains(file, []byte(canaryName)) || bytes.Contains(file, []byte(canaryNumber)) {
		t.Error("the file shows a name")
	}
	b, err := OpenBackup(file, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(b.content)
	if err != nil {
		t.Fatal(err)
	}
	var keys int
	for name, data := range mustContents(t, w) {
		if !strings.HasPrefix(name, copyPrefix) {
			continue
		}
		c, err := w.copy(name)
		if err != nil {
			t.Fatal("no key to look for")
		}
		held, err := c.held()
		if err != nil {
			t.Fatal(err)
		}
		keys++
		for _, secret := range []string{string(c[:scalarSize]), base64.StdEncoding.EncodeToString(c[:scalarSize]), data, held.String()} {
			if bytes.Contains(plain, []byte(secret)) {
				t.Errorf("%s is in the backup", name)
			}
		}
	}
	if keys != 4 {
		t.Fatalf("%d keys looked for", keys)
	}
	o := diskOptions(filepath.Join(t.TempDir(), "new"))
	restored, err := b.Restore(t.Context(), o, testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Wallet.Close()
	cards, err := restored.Wallet.Cards(t.Context())
	if err != nil || len(cards) != 2 {
		t.Fatalf("cards %+v, %v", cards, err)
	}
	for _, c := range cards {
		want := map[string]string{"good": ReissueStatus, "bad": "revoked"}[c.ID]
		if c.Status != want || c.Copies != 0 || c.Claims["family_name"] != canaryName {
			t.Errorf("card %+v, want status %q and no copies", c, want)
		}
	}
	was, err := w.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	is, err := restored.Wallet.History(t.Context())
	if err != nil || len(is) != len(was)+1 || is[0].Kind != "restored" || is[1].Kind != was[0].Kind {
		t.Errorf("history %+v, %v", is, err)
	}
	// Its backups still open in the same way.
	if r, err := restored.Wallet.Recovery(t.Context()); err != nil || r == nil || !r.Passphrase || !r.LastBackup.Equal(noon) {
		t.Errorf("recovery %+v, %v", r, err)
	}
	again, err := restored.Wallet.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := OpenBackup(again, testPassphrase); err != nil || len(b.Cards("nl", noon)) != 2 {
		t.Errorf("backup of the restored wallet: %v", err)
	}
}

// testRestoreOver is WAL-07: a backup replaces a wallet only when told to, and keeps it.
func testRestoreOver(t *testing.T) {
	w, file, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	o := w.opts
	if err := addCard(t.Context(), w, "newer", 1); err != nil {
		t.Fatal(err)
	}
	want := mustContents(t, w)
	b, err := OpenBackup(file, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	const newPIN = "604172"
	if _, err := b.Restore(t.Context(), o, newPIN, false); !errors.Is(err, ErrExists) {
		t.Errorf("restored over a wallet without a word: %v", err)
	}
	if _, err := b.Restore(t.Context(), o, newPIN, true); CategoryOf(err) != Locked {
		t.Errorf("restored over an open wallet: %v", err)
	}
	if got := mustContents(t, w); len(got) != len(want) {
		t.Error("the refused restore changed the wallet")
	}
	mustClose(t, w)
	got, err := b.Restore(t.Context(), o, newPIN, true)
	if err != nil {
		t.Fatal(err)
	}
	cards, err := got.Wallet.Cards(t.Context())
	if err != nil || len(cards) != 2 {
		t.Errorf("cards %+v, %v", cards, err)
	}
	for _, c := range cards {
		if c.ID == "bad" && c.Status != "revoked" {
			t.Errorf("a revoked card came back as %q", c.Status)
		}
	}
	mustClose(t, got.Wallet)
	kept := o
	kept.Dir = got.Kept
	old, err := Open(t.Context(), kept, testPIN)
	if err != nil {
		t.Fatalf("the wallet that was there: %v", err)
	}
	defer old.Close()
	for name, data := range mustContents(t, old) {
		if want[name] != data {
			t.Errorf("%s of the kept wallet changed", name)
		}
	}
}

// A crash between the two renames leaves the restored wallet beside; opening finishes the restore.
func TestRestoreCutOff(t *testing.T) {
	w, file, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	mustClose(t, w)
	b, err := OpenBackup(file, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	o := w.opts
	made := o
	made.Dir += restoringSuffix
	r, err := b.Restore(t.Context(), made, testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, r.Wallet)
	h := o.home()
	if err := h.Rename(o.Dir, o.Dir+".before"); err != nil {
		t.Fatal(err)
	}
	if !Exists(o) {
		t.Error("the wallet is gone")
	}
	again := mustOpen(t, o)
	defer again.Close()
	if cards, err := again.Cards(t.Context()); err != nil || len(cards) != 2 {
		t.Errorf("cards %+v, %v", cards, err)
	}
}

// A restored card can be issued again and then shown; before that the wallet says what is missing.
func TestReissueAfterRestore(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	setUp(t, wal, RecoverySetup{Passphrase: testPassphrase})
	file, err := wal.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBackup(file, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	o := wal.opts
	o.Dir = filepath.Join(t.TempDir(), "new")
	r, err := b.Restore(t.Context(), o, testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	restored := r.Wallet
	defer restored.Close()
	link, a := w.ask(defaultQuery(), nil)
	d := present(t, restored, link)
	if _, err := d.Share(t.Context(), Choice{AllowReuse: true}); !errors.As(err, new(*ReissueError)) || CategoryOf(err) != NoMatch || a.posts != 0 {
		t.Errorf("a card without a key was shown: %v, %d posts", err, a.posts)
	}
	cards := receive(t, restored, w.offer(), "")
	if len(cards) != 1 {
		t.Fatalf("%+v", cards)
	}
	control(t, w, restored)
	all, err := restored.Cards(t.Context())
	if err != nil || len(all) != 1 || all[0].Status != "valid" {
		t.Errorf("after issuing again: %+v, %v", all, err)
	}
}

func TestGuardians(t *testing.T) {
	names := []string{"Buurvrouw", "Broer", "Notaris", "Vriend", "Tante"}
	w, file, shares := backedUp(t, RecoverySetup{Guardians: names, Needed: 3})
	if len(shares) != 5 {
		t.Fatalf("%d shares", len(shares))
	}
	_, err := OpenBackup(file, testPassphrase)
	wantInvalid(t, "passphrase of a backup without one", err)
	if has, err := BackupHasPassphrase(file); has || err != nil {
		t.Errorf("a backup of guardians says that a passphrase opens it: %v", err)
	}
	for _, pick := range [][]int{{0, 1, 2}, {4, 2, 0}, {1, 3, 4}, {0, 1, 2, 3, 4}} {
		var some []string
		for _, i := range pick {
			some = append(some, strings.ToLower("Deel van Buurvrouw:\n"+shares[i][:20]+" \n"+shares[i][20:]))
		}
		b, err := OpenBackupWithShares(file, some)
		if err != nil || len(b.Cards("nl", noon)) != 2 {
			t.Errorf("parts %v: %v", pick, err)
		}
		if r, err := w.Rehearse(t.Context(), some); err != nil || !r.Complete || r.Have != len(pick) || r.Needed != 3 || r.Parts != 5 {
			t.Errorf("rehearsal with %v: %+v, %v", pick, r, err)
		}
	}
	if r, err := w.Rehearse(t.Context(), shares[:2]); err != nil || r.Complete || r.Have != 2 {
		t.Errorf("two of three: %+v, %v", r, err)
	}
	if r, err := Rehearse([]string{shares[0], shares[0], shares[0]}); err != nil || r.Complete || r.Have != 1 {
		t.Errorf("one part three times: %+v, %v", r, err)
	}
	_, err = OpenBackupWithShares(file, shares[:2])
	wantInvalid(t, "two parts", err)
	_, err = OpenBackupWithShares(file, nil)
	wantInvalid(t, "no parts", err)

	last := []byte(shares[1])
	last[len(last)-3] ^= 1
	_, err = Rehearse([]string{shares[0], string(last)})
	wantInvalid(t, "typing error", err)
	// A part that is made up, with a good checksum, is noticed when the key does not come out.
	real, err := parseShare(shares[1])
	if err != nil {
		t.Fatal(err)
	}
	real.part = slices.Clone(real.part)
	real.part[5] ^= 0x55
	_, err = Rehearse([]string{shares[0], real.String(), shares[2]})
	wantInvalid(t, "made up part", err)
	_, other, theirs := backedUp(t, RecoverySetup{Guardians: names[:3], Needed: 2})
	_, err = Rehearse([]string{shares[0], theirs[0]})
	wantInvalid(t, "part of another key", err)
	_, err = OpenBackupWithShares(other, shares[:3])
	wantInvalid(t, "key of another backup", err)
	_, err = w.Rehearse(t.Context(), theirs)
	wantInvalid(t, "rehearsal with another key's parts", err)

	if _, err := w.PlanRecovery(RecoverySetup{Guardians: names[:2], Needed: 2}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []RecoverySetup{
		{}, {Guardians: names, Needed: 1}, {Guardians: names, Needed: 6}, {Guardians: slices.Repeat(names, 3), Needed: 3}, {Guardians: names[:1], Needed: 1},
		{Passphrase: "kort"}, {Passphrase: "123456"},
	} {
		if _, err := w.PlanRecovery(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
	// A plan that nobody accepted and a refused choice leave the recovery as it was; a new one leaves old backups to the old guardians.
	if r, err := w.Recovery(t.Context()); err != nil || r.Passphrase || len(r.Guardians) != 5 || r.Guardians[4].Name != names[4] || r.Needed != 3 {
		t.Errorf("recovery %+v, %v", r, err)
	}
	setUp(t, w, RecoverySetup{Passphrase: testPassphrase})
	newer, err := w.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBackupWithShares(file, shares[1:4]); err != nil {
		t.Errorf("old backup: %v", err)
	}
	_, err = OpenBackupWithShares(newer, shares)
	wantInvalid(t, "old parts, new backup", err)
}

// Another passphrase file cannot cost more than a bounded time to refuse.
func TestBackupWorkIsBounded(t *testing.T) {
	_, file, _ := backedUp(t, RecoverySetup{Passphrase: testPassphrase})
	head, sealed, err := backupParts(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(head.Key, []byte(" 10\n")) {
		t.Fatal("the work factor is not where it is looked for")
	}
	head.Key = bytes.Replace(head.Key, []byte(" 10\n"), []byte(" 30\n"), 1)
	line, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenBackup(slices.Concat(line, []byte("\n"), sealed), testPassphrase)
	wantInvalid(t, "work factor 30", err)
}

func FuzzBackup(f *testing.F) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := seal([]byte(`{"head":"","made":"2026-11-25T12:00:00Z","records":{}}`), identity.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte(`{"zegel":"backup","version":1}`+"\n"), sealed...))
	f.Add([]byte(`{"zegel":"backup","version":1,"key":""}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if b, err := openBackup(file, identity.String()); err == nil {
			b.Cards("nl", time.Unix(0, 0))
		} else if CategoryOf(err) != BackupInvalid {
			t.Errorf("%v", err)
		}
	})
}

func FuzzShare(f *testing.F) {
	shares, err := splitSecret([]byte("AGE-SECRET-KEY-1"), 2, 3)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range shares {
		f.Add(s)
	}
	f.Add("ZEGEL-DEEL-1-")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseShare(text)
		if err != nil {
			return
		}
		again, err := parseShare(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q: %v", text, err)
		}
	})
}
