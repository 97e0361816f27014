package vm

import (
	"context"
	"os"

	"github.com/zegel-id/zegel/wallet"
)

// Settings is the list of choices.
type Settings struct {
	Note    string // what was just done
	Wiping  bool   // the person is asked whether to wipe everything
	Busy    bool
	Problem *Problem

	app *App
}

// Title implements [Screen].
func (s *Settings) Title() string { return s.app.Text("wallet.settings.title") }

// Protection says what keeps the store on this machine.
func (s *Settings) Protection() Protection { return s.app.protection() }

// LockChoices are the times after which the wallet may lock itself, in seconds; -1 is never.
var LockChoices = []int{30, 120, 300, 900, -1}

// ScaleChoices are the sizes of text.
var ScaleChoices = []float32{1, 1.25, 1.5, 2}

// ChangeSecret goes on to a new PIN or passphrase.
func (s *Settings) ChangeSecret() { s.app.open(s.app.newSecret(secretChange, nil)) }

// Backup goes on to backups and guardians.
func (s *Settings) Backup() { s.app.open(s.app.newBackup()) }

// Licences shows whose work this program is made of.
func (s *Settings) Licences() { s.app.open(&Licences{app: s.app}) }

// AskWipe asks whether to wipe everything; Keep does not.
func (s *Settings) AskWipe() { s.Wiping = true; s.app.changed() }

// Keep does not wipe.
func (s *Settings) Keep() { s.Wiping = false; s.app.changed() }

// Wipe destroys the wallet: its key first, then what it sealed.
func (s *Settings) Wipe() {
	a := s.app
	w := a.wallet
	s.Busy, s.Wiping = true, false
	a.run(func(ctx context.Context) error { return w.Wipe() }, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		a.wallet, a.waiting = nil, ""
		a.prefs = Prefs{Lang: a.prefs.Lang, Appearance: a.prefs.Appearance, TextScale: a.prefs.TextScale, Still: a.prefs.Still}
		os.Remove(a.prefsFile())
		a.show(&Welcome{app: a})
	})
}

// Licences lists whose work the wallet is made of.
type Licences struct{ app *App }

// Title implements [Screen].
func (s *Licences) Title() string { return s.app.Text("wallet.licences.title") }

// Backup is who can open a backup, and making one.
type Backup struct {
	Recovery *wallet.Recovery // nil: nothing is set up
	Last     string           // date of the newest backup
	Busy     bool
	File     []byte // a new backup that the program must save under Name
	Name     string
	Problem  *Problem

	app *App
}

func (a *App) newBackup() *Backup {
	s := &Backup{app: a}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Backup) Title() string { return s.app.Text("wallet.backup.title") }

func (s *Backup) refresh() {
	r, err := s.app.wallet.Recovery(context.Background())
	s.Recovery, s.Problem = r, s.app.trouble(err)
	s.Last = ""
	if r != nil && !r.LastBackup.IsZero() {
		s.Last = s.app.date(r.LastBackup)
	}
}

// Make makes a backup. File and Name are set when it is there.
func (s *Backup) Make() {
	a := s.app
	s.Busy, s.File = true, nil
	var file []byte
	a.run(func(ctx context.Context) (err error) {
		file, err = a.wallet.Backup(ctx)
		return err
	}, func(err error) {
		s.Busy = false
		s.refresh()
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		s.File, s.Name = file, "zegel-"+a.deps.Now().Format("2006-01-02")+".zegel"
	})
}

// Saved says that the program has saved the file, or could not.
func (s *Backup) Saved(err error) {
	s.File = nil
	if err != nil {
		s.Problem = s.app.problem("backup.notsaved")
	}
	s.app.changed()
}

// Choose goes on to who can open backups.
func (s *Backup) Choose() { s.app.open(&Guardians{app: s.app, Needed: 2, Names: []string{"", "", ""}}) }

// Rehearse goes on to trying the guardians' parts.
func (s *Backup) Rehearse() { s.app.open(&Rehearse{app: s.app}) }

// Guardians chooses who can open backups.
type Guardians struct {
	Passphrase string
	Names      []string // of guardians; empty ones do not count
	Needed     int
	Shares     []string // made: each goes to the guardian of the same place in Given
	Given      []string
	Handed     []bool // which the owner has handed over
	Busy       bool
	Problem    *Problem

	app  *App
	plan *wallet.RecoveryPlan
}

// Title implements [Screen].
func (s *Guardians) Title() string { return s.app.Text("wallet.guardians.title") }

// Parts is how many guardians there are.
func (s *Guardians) Parts() int { return len(s.names()) }

func (s *Guardians) names() (out []string) {
	for _, n := range s.Names {
		if n != "" {
			out = append(out, n)
		}
	}
	return out
}

// SetName names the guardian of a place.
func (s *Guardians) SetName(i int, name string) {
	if i >= 0 && i < len(s.Names) {
		s.Names[i] = name
	}
	s.app.changed()
}

// More adds a place, up to [wallet.MaxGuardians].
func (s *Guardians) More() {
	if len(s.Names) < wallet.MaxGuardians {
		s.Names = append(s.Names, "")
		s.app.changed()
	}
}

// SetNeeded says how many guardians are needed together.
func (s *Guardians) SetNeeded(n int) {
	s.Needed = min(max(n, wallet.MinGuardians), max(wallet.MinGuardians, s.Parts()))
	s.app.changed()
}

// SetPassphrase takes the passphrase.
func (s *Guardians) SetPassphrase(p string) { s.Passphrase = p }

// Make makes the key and its parts. Nothing counts before Finish.
func (s *Guardians) Make() {
	a := s.app
	setup := wallet.RecoverySetup{Passphrase: s.Passphrase, Guardians: s.names(), Needed: s.Needed}
	s.Busy, s.Problem = true, nil
	var plan *wallet.RecoveryPlan
	a.run(func(context.Context) (err error) {
		plan, err = a.wallet.PlanRecovery(setup)
		return err
	}, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = (&Secret{app: a}).weak(err)
			return
		}
		s.plan, s.Shares, s.Given = plan, plan.Shares, setup.Guardians
		s.Handed = make([]bool, len(s.Shares))
		if len(s.Shares) == 0 {
			s.Finish()
		}
	})
}

// Hand says that a part was handed over.
func (s *Guardians) Hand(i int) {
	s.Handed[i] = !s.Handed[i]
	s.app.changed()
}

// AllHanded says whether every part was handed over.
func (s *Guardians) AllHanded() bool {
	for _, h := range s.Handed {
		if !h {
			return false
		}
	}
	return len(s.Handed) > 0
}

// Finish makes the new key count.
func (s *Guardians) Finish() {
	a := s.app
	s.Busy = true
	a.run(func(ctx context.Context) error { return s.plan.Accept(ctx) }, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		s.Passphrase = ""
		a.Back()
	})
}

// Rehearse tries whether the guardians' parts open a backup, without opening one.
type Rehearse struct {
	Shares  []string
	Result  *wallet.Rehearsal
	Problem *Problem

	app *App
}

// Title implements [Screen].
func (s *Rehearse) Title() string { return s.app.Text("wallet.rehearse.title") }

// Add takes one more part: typed, scanned or read from a file.
func (s *Rehearse) Add(share string) {
	all := append(s.Shares[:len(s.Shares):len(s.Shares)], share)
	r, err := s.app.wallet.Rehearse(context.Background(), all)
	if err != nil {
		s.Problem = s.app.problem("rehearse.bad")
	} else {
		s.Shares, s.Result, s.Problem = all, r, nil
	}
	s.app.changed()
}

// Restore opens a backup on a new device.
type Restore struct {
	File     []byte
	Made     string // of an opened backup
	Cards    []Item
	Shares   []string
	Progress *wallet.Rehearsal
	Busy     bool
	Problem  *Problem

	app    *App
	backup *wallet.Backup
}

// Title implements [Screen].
func (s *Restore) Title() string { return s.app.Text("wallet.restore.title") }

// Take takes the file.
func (s *Restore) Take(file []byte) {
	s.File, s.backup, s.Made, s.Problem = file, nil, "", nil
	s.app.changed()
}

// Open opens the file with its passphrase.
func (s *Restore) Open(passphrase string) {
	s.open(func() (*wallet.Backup, error) { return wallet.OpenBackup(s.File, passphrase) })
}

// AddShare takes a guardian's part; enough of them open the file.
func (s *Restore) AddShare(share string) {
	all := append(s.Shares[:len(s.Shares):len(s.Shares)], share)
	r, err := wallet.Rehearse(all)
	if err != nil {
		s.Problem = s.app.problem("rehearse.bad")
		s.app.changed()
		return
	}
	s.Shares, s.Progress, s.Problem = all, r, nil
	if r.Complete {
		s.open(func() (*wallet.Backup, error) { return wallet.OpenBackupWithShares(s.File, all) })
		return
	}
	s.app.changed()
}

func (s *Restore) open(open func() (*wallet.Backup, error)) {
	a := s.app
	s.Busy, s.Problem = true, nil
	var b *wallet.Backup
	a.run(func(context.Context) (err error) {
		b, err = open()
		return err
	}, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		s.backup, s.Made = b, a.date(b.Made)
		s.Cards = nil
		for _, c := range b.Cards(a.Lang(), a.deps.Now()) {
			s.Cards = append(s.Cards, a.item(c))
		}
	})
}

// Opened says whether the backup is open and can be restored.
func (s *Restore) Opened() bool { return s.Made != "" }

// GoOn goes on to a PIN or passphrase for this device; then the wallet is back.
func (s *Restore) GoOn() {
	if s.backup != nil {
		s.app.open(s.app.newSecret(secretRestore, s.backup))
	}
}
