package vm

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/zegel-id/zegel/wallet"
)

// ErrNotChosen: the person chose no place for a file.
var ErrNotChosen = errors.New("no place was chosen")

// Person is somebody who helps to bring a wallet back.
type Person struct {
	Name string
	Has  bool   // the part of the key
	Seen string // date when that part was last rehearsed; "" if never
}

// Backup is who can open a backup, and making one.
type Backup struct {
	Recovery *wallet.Recovery // nil: nothing is set up
	People   []Person
	Last     string // date of the newest backup; "" if there is none
	Tested   string // date when it was last seen that it opens; "" if never
	Busy     bool
	File     []byte // a new backup that the program must save under Name
	Name     string
	Note     string // what was just done
	Problem  *Problem

	app   *App
	saved []byte // what File was
}

func (a *App) newBackup() *Backup {
	s := &Backup{app: a}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Backup) Title() string { return s.app.Text("wallet.backup.title") }

func (s *Backup) refresh() {
	a := s.app
	if a.wallet == nil {
		return
	}
	r, err := a.wallet.Recovery(context.Background())
	s.Recovery, s.Problem, s.People, s.Last, s.Tested, s.Note = r, a.trouble(err), nil, "", "", ""
	if r == nil {
		return
	}
	for _, g := range r.Guardians {
		p := Person{Name: g.Name, Has: !g.Given.IsZero()}
		if !g.Seen.IsZero() {
			p.Seen = a.date(g.Seen)
		}
		s.People = append(s.People, p)
	}
	if !r.LastBackup.IsZero() {
		s.Last = a.date(r.LastBackup)
	}
	if at := r.Tested(); !at.IsZero() {
		s.Tested = a.date(at)
	}
}

// Missing says who has no part yet; "" if all have theirs.
func (s *Backup) Missing() string {
	n, name := 0, ""
	for _, p := range s.People {
		if !p.Has {
			n, name = n+1, p.Name
		}
	}
	if n == 0 {
		return ""
	}
	return s.app.Count(n, "wallet.backup.missing", "name", name)
}

// Make makes a backup. File and Name are set when it is there.
func (s *Backup) Make() {
	a := s.app
	s.Busy, s.File, s.Note = true, nil, ""
	var file []byte
	a.run(func(ctx context.Context) (err error) {
		file, err = a.wallet.Backup(ctx)
		return err
	}, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		s.File, s.saved, s.Name = file, file, "zegel-"+a.deps.Now().Format("2006-01-02")+".zegel"
	})
}

// Saved says that the program has saved the file, or could not. A backup counts from then on.
func (s *Backup) Saved(err error) {
	file := s.saved
	s.File, s.saved = nil, nil
	switch {
	case errors.Is(err, ErrNotChosen) || file == nil:
	case err != nil:
		s.Problem = s.app.problem("backup.notsaved")
	default:
		err = s.app.wallet.BackupSaved(context.Background(), file)
		s.refresh()
		if err != nil {
			s.Problem = s.app.trouble(err)
		} else {
			s.Note = s.app.Text("wallet.backup.saved")
		}
	}
	s.app.changed()
}

// Check opens a backup file as a test of it, and restores nothing.
func (s *Backup) Check(file []byte) {
	a := s.app
	s.Busy = true
	var b *wallet.Backup
	a.run(func(ctx context.Context) (err error) {
		b, err = a.wallet.CheckBackup(ctx, file)
		return err
	}, func(err error) {
		s.Busy = false
		s.refresh()
		if err != nil {
			s.Problem = a.problem("backup.bad")
			return
		}
		s.Note = a.Count(len(b.Cards(a.Lang(), a.deps.Now())), "wallet.backup.good", "date", a.date(b.Made))
	})
}

// Choose goes on to who can open backups.
func (s *Backup) Choose() {
	g := &Guardians{app: s.app, Needed: 2, Names: []string{"", "", ""}}
	if r := s.Recovery; r != nil {
		g.Anew = true
		if len(r.Guardians) > 0 {
			g.Needed, g.Names = r.Needed, nil
			for _, one := range r.Guardians {
				g.Names = append(g.Names, one.Name)
			}
		}
	}
	s.app.open(g)
}

// Give goes on to handing a person their part: for the first time, or once more.
func (s *Backup) Give(i int) {
	a := s.app
	if i < 0 || i >= len(s.People) || a.wallet == nil {
		return
	}
	share, err := a.wallet.GuardianPart(context.Background(), i)
	if err != nil {
		s.Problem = a.trouble(err)
		a.changed()
		return
	}
	p := s.People[i]
	a.open(&Part{app: a, Name: p.Name, Has: p.Has, Share: share, Needed: s.Recovery.Needed, Parts: len(s.People),
		mark: func(has bool) error { return a.wallet.GuardianHas(context.Background(), i, has) }})
}

// Rehearse goes on to trying what opens a backup.
func (s *Backup) Rehearse() {
	r := &Rehearse{app: s.app}
	if s.Recovery != nil {
		r.Passphrase, r.People = s.Recovery.Passphrase, len(s.Recovery.Guardians)
	}
	s.app.open(r)
}

// Guardians chooses who can open backups.
type Guardians struct {
	Names      []string // of guardians; empty ones do not count
	Needed     int
	Anew       bool     // others were chosen before: their parts do not open what is made from now on
	Shares     []string // made: each goes to the guardian of the same place in Given
	Given      []string
	Handed     []bool // which the owner has handed over
	Passphrase bool   // one opens backups too
	Busy       bool
	Problem    *Problem

	app        *App
	passphrase string
	plan       *wallet.RecoveryPlan
}

// Title implements [Screen].
func (s *Guardians) Title() string {
	if s.Shares != nil {
		return s.app.Text("wallet.parts.title")
	}
	return s.app.Text("wallet.guardians.title")
}

// Parts is how many guardians there are.
func (s *Guardians) Parts() int { return len(s.names()) }

func (s *Guardians) names() (out []string) {
	for _, n := range s.Names {
		if n = strings.TrimSpace(n); n != "" {
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

// TogglePassphrase chooses whether a passphrase opens backups too.
func (s *Guardians) TogglePassphrase() {
	s.Passphrase, s.passphrase = !s.Passphrase, ""
	s.app.changed()
}

// SetPassphrase takes the passphrase.
func (s *Guardians) SetPassphrase(p string) { s.Passphrase, s.passphrase = true, p }

// Make makes the key and its parts. Nothing counts before Finish.
func (s *Guardians) Make() {
	a := s.app
	setup := wallet.RecoverySetup{Passphrase: s.passphrase, Guardians: s.names(), Needed: min(s.Needed, max(wallet.MinGuardians, s.Parts()))}
	switch {
	case len(setup.Guardians) == 1 || len(setup.Guardians) == 0 && !s.Passphrase:
		s.Problem = a.problem("guardians.few")
	case s.Passphrase && s.passphrase == "":
		s.Problem = a.weak(&wallet.WeakError{Reason: "bits"})
	default:
		s.Problem = nil
	}
	if s.Problem != nil {
		a.changed()
		return
	}
	s.Busy, s.Problem = true, nil
	var plan *wallet.RecoveryPlan
	a.run(func(context.Context) (err error) {
		plan, err = a.wallet.PlanRecovery(setup)
		return err
	}, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.weak(err)
			return
		}
		s.plan, s.Shares, s.Given = plan, plan.Shares, setup.Guardians
		s.Needed = setup.Needed
		s.Handed = make([]bool, len(s.Shares))
		if len(s.Shares) == 0 {
			s.Finish()
		}
	})
}

// unask returns from the parts to the names; the parts are forgotten.
func (s *Guardians) unask() bool {
	if s.Busy || s.Shares == nil {
		return s.Busy
	}
	s.plan, s.Shares, s.Given, s.Handed = nil, nil, nil, nil
	return true
}

// Give goes on to handing a guardian their part.
func (s *Guardians) Give(i int) {
	if i < 0 || i >= len(s.Shares) {
		return
	}
	s.app.open(&Part{app: s.app, Name: s.Given[i], Share: s.Shares[i], Has: s.Handed[i], Needed: s.Needed, Parts: len(s.Shares),
		mark: func(has bool) error { s.Handed[i] = has; return nil }})
}

// HandedOver is how many parts were handed over.
func (s *Guardians) HandedOver() (n int) {
	for _, h := range s.Handed {
		if h {
			n++
		}
	}
	return n
}

// CanFinish says whether a backup could be opened with what was handed over so far; the other parts can follow later.
func (s *Guardians) CanFinish() bool { return s.Passphrase || s.HandedOver() >= s.Needed }

// Finish makes the new key count.
func (s *Guardians) Finish() {
	a := s.app
	if s.plan == nil || !s.CanFinish() {
		return
	}
	s.Busy = true
	var given []int
	for i, h := range s.Handed {
		if h {
			given = append(given, i)
		}
	}
	a.run(func(ctx context.Context) error { return s.plan.Accept(ctx, given...) }, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		s.passphrase, s.Shares = "", nil
		a.Back()
	})
}

// Part hands somebody their part of the key.
type Part struct {
	Name          string
	Share         string
	Has           bool // the person has it already
	Needed, Parts int
	Note          string
	Problem       *Problem

	app  *App
	mark func(bool) error
}

// Title implements [Screen].
func (s *Part) Title() string { return s.app.Text("wallet.part.title", "name", s.Name) }

// Confirm says that the person has the part, or has not.
func (s *Part) Confirm(has bool) {
	if s.mark == nil {
		return
	}
	if err := s.mark(has); err != nil {
		s.Problem = s.app.trouble(err)
		s.app.changed()
		return
	}
	s.Has = has
	s.app.Back()
}

// File returns the part as a text that can be sent or printed, and a name for it.
func (s *Part) File() (name string, text []byte) {
	safe := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '-'
	}, s.Name)
	words := s.app.Text("wallet.part.file", "name", s.Name, "needed", s.Needed, "parts", s.Parts)
	return "zegel-" + s.app.Text("wallet.part.word") + "-" + safe + ".txt", []byte(words + "\n\n" + s.Share + "\n")
}

// Saved says that the program has saved the file, or could not.
func (s *Part) Saved(err error) {
	switch {
	case errors.Is(err, ErrNotChosen):
	case err != nil:
		s.Problem = s.app.problem("backup.notsaved")
	default:
		s.Note = s.app.Text("wallet.part.saved")
	}
	s.app.changed()
}

// Copied says that the part is in the clipboard.
func (s *Part) Copied() { s.Note = s.app.Text("wallet.part.copied"); s.app.changed() }
