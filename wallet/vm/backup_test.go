package vm

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// guarded is an app on its page of backups, with three guardians of whom two are enough, and their parts. The first two
// have theirs.
func guarded(t *testing.T, dir string, c *clock) (a *App, shares []string) {
	t.Helper()
	a = begun(t, dir, c)
	a.Go(PlaceSettings)
	on[*Settings](t, a).Backup()
	b := on[*Backup](t, a)
	if b.Recovery != nil || b.Last != "" {
		t.Errorf("new: %+v", b)
	}
	b.Make()
	if b.File != nil || b.Problem == nil {
		t.Error("a backup that nobody can open")
	}
	b.Choose()
	g := on[*Guardians](t, a)
	for range 2 {
		g.Make()
		if g.Problem == nil || g.Shares != nil {
			t.Error("nobody was chosen, or one alone")
		}
		g.SetName(0, "Fatima")
	}
	for i, n := range []string{"Fatima", " Henk", "Tim "} {
		g.SetName(i, n)
	}
	g.SetNeeded(9)
	if g.Needed != 3 {
		t.Errorf("%d of 3 are needed", g.Needed)
	}
	g.SetNeeded(2)
	g.Make()
	if !slices.Equal(g.Given, []string{"Fatima", "Henk", "Tim"}) || len(g.Shares) != 3 || g.CanFinish() {
		t.Fatalf("%+v", g)
	}
	for i := range 2 {
		g.Give(i)
		p := on[*Part](t, a)
		if p.Share != g.Shares[i] || p.Has {
			t.Errorf("part %d: %+v", i, p)
		}
		p.Confirm(true)
		on[*Guardians](t, a)
	}
	shares = g.Shares
	if g.HandedOver() != 2 || !g.CanFinish() {
		t.Fatalf("%+v", g)
	}
	g.Finish()
	on[*Backup](t, a)
	return a, shares
}

// saved makes a backup and saves it.
func saved(t *testing.T, a *App) []byte {
	t.Helper()
	b := on[*Backup](t, a)
	b.Make()
	if b.File == nil {
		t.Fatalf("%+v", b.Problem)
	}
	file := b.File
	b.File = nil // as the program does
	b.Saved(nil)
	if b.Problem != nil || b.Note == "" || b.Last == "" {
		t.Fatalf("%+v", b)
	}
	return file
}

func TestGuardians(t *testing.T) {
	c := noon()
	a, shares := guarded(t, t.TempDir(), c)
	b := on[*Backup](t, a)
	if b.Recovery == nil || b.Recovery.Needed != 2 || !b.People[0].Has || b.People[2].Has || b.Missing() != "Tim heeft nog geen deel. Tik op de naam." {
		t.Fatalf("%+v, %q", b, b.Missing())
	}
	b.Give(7)
	b.Give(2)
	p := on[*Part](t, a)
	name, text := p.File()
	if p.Share != shares[2] || name != "zegel-deel-tim.txt" || !strings.Contains(string(text), p.Share) || !strings.Contains(string(text), "2 van 3") {
		t.Errorf("%+v, %q", p, name)
	}
	p.Saved(ErrNotChosen)
	if p.Note != "" || p.Problem != nil {
		t.Error("a word about a file that nobody wanted")
	}
	p.Saved(os.ErrPermission)
	if p.Problem == nil {
		t.Error("no word that it was not saved")
	}
	p.Confirm(true)
	if b = on[*Backup](t, a); b.Missing() != "" || !b.People[2].Has {
		t.Errorf("%+v", b)
	}
	b.Give(0)
	on[*Part](t, a).Confirm(false)
	if b.People[0].Has {
		t.Error("still given")
	}

	// A part that was seen in a rehearsal is there; enough of them are a test.
	b.Rehearse()
	r := on[*Rehearse](t, a)
	if r.Passphrase || r.People != 3 {
		t.Errorf("%+v", r)
	}
	r.Add("onzin")
	if r.Problem == nil {
		t.Error("nonsense was taken for a part")
	}
	r.Add(string(text))
	if r.Problem != nil || r.Done() || !slices.Equal(r.Result.Who, []string{"Tim"}) {
		t.Errorf("%+v", r.Result)
	}
	r.Add(shares[2])
	if r.Problem == nil || len(r.Shares) != 1 {
		t.Error("the same part twice")
	}
	r.Add(shares[0])
	if !r.Done() || r.Problem != nil {
		t.Errorf("rehearsal: %+v", r.Result)
	}
	r.Leave()
	b = on[*Backup](t, a)
	if !b.People[0].Has || b.People[0].Seen == "" || b.People[1].Seen != "" || b.Tested != "25 november 2026" {
		t.Errorf("after the rehearsal: %+v", b)
	}
	a.Go(PlaceSettings)
	if got := on[*Settings](t, a).Recovery(); got != "2 van 3 mensen" {
		t.Errorf("settings say %q", got)
	}

	// Choosing anew begins with who was there, and can be left.
	on[*Settings](t, a).Backup()
	on[*Backup](t, a).Choose()
	g := on[*Guardians](t, a)
	if !g.Anew || g.Needed != 2 || g.Names[2] != "Tim" {
		t.Errorf("%+v", g)
	}
	g.Make()
	if g.Shares == nil {
		t.Fatalf("%+v", g.Problem)
	}
	a.Back()
	if g = on[*Guardians](t, a); g.Shares != nil {
		t.Error("the way back from the parts leads past the names")
	}
	g.More()
	for len(g.Names) < wallet.MaxGuardians {
		g.More()
	}
	if g.More(); len(g.Names) != wallet.MaxGuardians {
		t.Errorf("%d names", len(g.Names))
	}
	a.Back()
	if b = on[*Backup](t, a); b.Recovery.Needed != 2 || b.Tested == "" {
		t.Error("looking at it changed who opens a backup")
	}
}

func TestBackupWithPassphrase(t *testing.T) {
	c := noon()
	a := begun(t, t.TempDir(), c)
	a.Go(PlaceSettings)
	on[*Settings](t, a).Backup()
	on[*Backup](t, a).Choose()
	g := on[*Guardians](t, a)
	g.TogglePassphrase()
	g.Make()
	if g.Problem == nil {
		t.Error("no passphrase was typed")
	}
	g.SetPassphrase("kort")
	g.Make()
	if g.Problem == nil {
		t.Error("a short one")
	}
	g.SetPassphrase(goodPhrase)
	g.Make()
	b := on[*Backup](t, a)
	if b.Recovery == nil || !b.Recovery.Passphrase || len(b.People) != 0 {
		t.Fatalf("%+v", b)
	}
	// Not chosen where to save, or not saved, is no backup.
	b.Make()
	if b.File == nil || b.Name != "zegel-2026-11-25.zegel" {
		t.Fatalf("%+v", b)
	}
	b.Saved(ErrNotChosen)
	if b.Last != "" || b.Problem != nil {
		t.Errorf("%+v", b)
	}
	b.Make()
	b.Saved(os.ErrPermission)
	if b.Problem == nil || b.File != nil || b.Last != "" {
		t.Error("no word that it was not saved")
	}
	file := saved(t, a)
	if b.Tested != "" {
		t.Error("tested by nobody")
	}
	c.now = c.now.Add(48 * time.Hour)
	a.Touch()
	b.Check(file[:40])
	if b.Problem == nil || b.Note != "" || b.Tested != "" {
		t.Errorf("a file that was cut: %+v", b)
	}
	b.Check(file)
	if b.Problem != nil || b.Note == "" || b.Tested != "27 november 2026" {
		t.Errorf("a good file: %+v", b)
	}
	b.Rehearse()
	r := on[*Rehearse](t, a)
	r.Try("iets anders dan dat")
	if r.Problem == nil || r.Done() {
		t.Errorf("%+v", r)
	}
	r.Try(goodPhrase)
	if !r.Done() || r.Problem != nil {
		t.Errorf("%+v", r)
	}
	a.Go(PlaceSettings)
	on[*Settings](t, a).Wipe()
	if w := on[*Wipe](t, a); w.Backup != "25 november 2026" {
		t.Errorf("%+v", w)
	}
	w := on[*Wipe](t, a)
	w.Wipe()

	on[*Welcome](t, a).Restore()
	s := on[*Restore](t, a)
	s.Take([]byte("hallo"))
	if s.Problem == nil || s.File != nil {
		t.Error("a file that is no backup was taken")
	}
	s.Take(file)
	if s.Problem != nil || !s.Passphrase || s.Exists {
		t.Fatalf("%+v", s)
	}
	s.Open("verkeerd")
	if s.Problem == nil || s.Opened() {
		t.Error("opened with a wrong passphrase")
	}
	s.Open(goodPhrase)
	if !s.Opened() {
		t.Fatalf("%+v", s.Problem)
	}
	a.Back()
	if s = on[*Restore](t, a); s.Opened() || s.File == nil {
		t.Error("the way back from what was found leads past the file")
	}
	a.Back()
	a.Back()
	on[*Welcome](t, a)
}

func TestRestoreWithParts(t *testing.T) {
	c := noon()
	a, shares := guarded(t, t.TempDir(), c)
	file := saved(t, a)
	other := newApp(t, t.TempDir(), c, nil)
	on[*Welcome](t, other).Restore()
	s := on[*Restore](t, other)
	s.Take(file)
	if s.Passphrase {
		t.Error("it asks a passphrase that there is not")
	}
	s.AddShare(shares[1])
	if at, of := s.Steps(); s.Opened() || s.Progress.Have != 1 || at != 1 || of != 4 {
		t.Errorf("one part: %+v", s)
	}
	s.AddShare(shares[1])
	if s.Problem == nil {
		t.Error("the same part twice")
	}
	s.AddShare(shares[2])
	if at, _ := s.Steps(); !s.Opened() || at != 2 {
		t.Fatalf("%+v", s.Problem)
	}
	s.GoOn()
	p := on[*Secret](t, other)
	if at, of := p.Steps(); at != 3 || of != 4 {
		t.Errorf("step %d of %d", at, of)
	}
	digits(p, "918273918273")
	on[*Cards](t, other)
	other.Go(PlaceActivity)
	if lines := on[*Activity](t, other).Lines; len(lines) != 1 || lines[0].Kind != "restored" {
		t.Errorf("history %+v", lines)
	}
	other.Go(PlaceSettings)
	on[*Settings](t, other).Backup()
	if b := on[*Backup](t, other); b.Missing() == "" || !b.People[0].Has {
		t.Errorf("who has a part did not come back: %+v", b)
	}
}

// testRestoreOverAWallet is WAL-07 for people: over a wallet that is there a backup goes only after a choice that says which
// is newer.
func testRestoreOverAWallet(t *testing.T) {
	dir, c := t.TempDir(), noon()
	a, shares := guarded(t, dir, c)
	file := saved(t, a)
	a.LockNow()
	on[*Lock](t, a).Forgot()
	on[*Forgot](t, a).Restore()
	s := on[*Restore](t, a)
	if !s.Exists || s.Used == "" {
		t.Fatalf("%+v", s)
	}
	open := func() {
		t.Helper()
		s.Take(file)
		s.AddShare(shares[0])
		s.AddShare(shares[2])
		if !s.Opened() {
			t.Fatalf("%+v", s.Problem)
		}
	}
	open()
	s.GoOn()
	if on[*Restore](t, a); !s.Choosing {
		t.Fatal("nothing was asked")
	}
	a.Back()
	if s.Choosing || !s.Opened() {
		t.Errorf("back: %+v", s)
	}
	s.GoOn()
	s.Keep()
	digits(on[*Lock](t, a), goodPIN)
	on[*Cards](t, a)

	a.LockNow()
	on[*Lock](t, a).Restore()
	s = on[*Restore](t, a)
	open()
	s.GoOn()
	s.GoOn()
	digits(on[*Secret](t, a), "918273918273")
	on[*Cards](t, a)
	kept, err := os.ReadDir(dir)
	if err != nil || !slices.ContainsFunc(kept, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "wallet.before-") }) {
		t.Errorf("the old wallet is gone: %v, %v", kept, err)
	}
	a.Go(PlaceSettings)
	on[*Settings](t, a).Storage()
	p := on[*Storage](t, a)
	if p.Kept != "25 november 2026" {
		t.Errorf("nobody says that the old wallet is there: %+v", p)
	}
	p.AskWipeKept()
	a.Back()
	p.AskWipeKept()
	p.Keep()
	if on[*Storage](t, a) != p || p.Asking || p.Kept == "" {
		t.Errorf("kept, and wiped: %+v", p)
	}
	p.AskWipeKept()
	p.WipeKept()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || p.Kept != "" || p.Note == "" {
		t.Errorf("left %v, %v", left, err)
	}
	a.LockNow()
	l := on[*Lock](t, a)
	digits(l, goodPIN)
	if a.Unlocked() {
		t.Error("the old PIN opens")
	}
	digits(l, "918273")
	on[*Cards](t, a)
}

// A backup of a trial wallet stays one.
func TestRestoreOfATrial(t *testing.T) {
	c := noon()
	a, shares := guarded(t, t.TempDir(), c)
	file := saved(t, a)
	real := newApp(t, t.TempDir(), c, func(d *Deps) { d.Dev, d.Network = false, testNetwork })
	on[*Welcome](t, real).Restore()
	s := on[*Restore](t, real)
	s.Take(file)
	s.AddShare(shares[0])
	s.AddShare(shares[1])
	if s.Opened() || s.Problem == nil {
		t.Errorf("%+v", s)
	}
}
