package vm

import (
	"context"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// Rehearse tries whether the guardians' parts or the passphrase open a backup, without opening one.
type Rehearse struct {
	Passphrase bool // one can be tried
	People     int  // who have a part
	Shares     []string
	Result     *wallet.Rehearsal
	Right      bool // the passphrase was right
	Busy       bool
	Problem    *Problem

	app *App
}

// Title implements [Screen].
func (s *Rehearse) Title() string { return s.app.Text("wallet.rehearse.title") }

// Done says whether the rehearsal has succeeded.
func (s *Rehearse) Done() bool { return s.Right || s.Result != nil && s.Result.Complete }

// Add takes one more part: typed, scanned or read from a file.
func (s *Rehearse) Add(share string) {
	all := append(s.Shares[:len(s.Shares):len(s.Shares)], share)
	r, err := s.app.wallet.Rehearse(context.Background(), all)
	s.Problem = s.app.added(s.Result, r, err)
	if s.Problem == nil {
		s.Shares, s.Result = all, r
	}
	s.app.changed()
}

// added says what is wrong with a part that was added, nil if it brought the key nearer.
func (a *App) added(before, after *wallet.Rehearsal, err error) *Problem {
	switch {
	case err != nil:
		return a.problem("rehearse.bad")
	case before != nil && before.Have == after.Have:
		return a.problem("rehearse.twice")
	}
	return nil
}

// Try tries the passphrase.
func (s *Rehearse) Try(passphrase string) {
	if passphrase == "" || s.Busy {
		return
	}
	a := s.app
	s.Busy, s.Problem = true, nil
	a.run(func(ctx context.Context) error { return a.wallet.RehearsePassphrase(ctx, passphrase) }, func(err error) {
		s.Busy = false
		s.Right = err == nil
		if wallet.CategoryOf(err) == wallet.BackupInvalid {
			s.Problem = a.problem("rehearse.wrong")
		} else if err != nil {
			s.Problem = a.trouble(err)
		}
	})
}

// Leave goes back.
func (s *Rehearse) Leave() { s.app.Back() }

// Restore opens a backup on a new device, or over a wallet that is locked.
type Restore struct {
	File       []byte
	Passphrase bool   // one opens the file
	Made       string // date of an opened backup
	Cards      []Item
	History    int // lines
	Shares     []string
	Progress   *wallet.Rehearsal
	Exists     bool   // there is a wallet here that would be put aside
	Used       string // when that one was last used, as far as its files tell
	Newer      bool   // it was used after the backup was made
	Choosing   bool   // the person is asked which of the two
	Busy       bool
	Problem    *Problem

	app    *App
	backup *wallet.Backup
	used   time.Time
}

func (a *App) newRestore() *Restore {
	s := &Restore{app: a, Exists: wallet.Exists(a.deps.Options)}
	if s.used = wallet.LastUsed(a.deps.Options); s.Exists && !s.used.IsZero() {
		s.Used = a.moment(s.used)
	}
	return s
}

// Title implements [Screen].
func (s *Restore) Title() string {
	switch {
	case s.Choosing:
		return s.app.Text("wallet.restore.choose.title")
	case s.Opened():
		return s.app.Text("wallet.restore.found", "date", s.Made)
	}
	return s.app.Text("wallet.restore.title")
}

// Steps says how far this is; the last two are those of the new PIN or passphrase.
func (s *Restore) Steps() (at, of int) {
	if s.Opened() {
		return 2, 4
	}
	return 1, 4
}

// unask returns to the step before.
func (s *Restore) unask() bool {
	switch {
	case s.Busy:
	case s.Choosing:
		s.Choosing = false
	case s.Opened():
		s.backup, s.Made, s.Cards, s.Shares, s.Progress = nil, "", nil, nil, nil
	case s.File != nil:
		s.File, s.Shares, s.Progress, s.Problem = nil, nil, nil, nil
	default:
		return false
	}
	return true
}

// Take takes the file.
func (s *Restore) Take(file []byte) {
	s.File, s.backup, s.Made, s.Problem = nil, nil, "", nil
	has, err := wallet.BackupHasPassphrase(file)
	if err != nil {
		s.Problem = s.app.problem("restore.nobackup")
	} else {
		s.File, s.Passphrase = file, has
	}
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
	if s.Problem = s.app.added(s.Progress, r, err); s.Problem != nil {
		s.app.changed()
		return
	}
	s.Shares, s.Progress = all, r
	if r.Complete {
		s.open(func() (*wallet.Backup, error) { return wallet.OpenBackupWithShares(s.File, all) })
		return
	}
	s.app.changed()
}

func (s *Restore) open(open func() (*wallet.Backup, error)) {
	a := s.app
	if s.Busy {
		return
	}
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
		if b.Dev && !a.deps.Dev {
			s.Problem = a.problem("restore.dev")
			return
		}
		s.backup, s.Made, s.History = b, a.date(b.Made), b.History
		s.Newer = s.Exists && s.used.After(b.Made)
		s.Cards = nil
		for _, c := range b.Cards(a.Lang(), a.deps.Now()) {
			s.Cards = append(s.Cards, a.item(c))
		}
	})
}

// Opened says whether the backup is open and can be restored.
func (s *Restore) Opened() bool { return s.Made != "" }

// GoOn goes on to a PIN or passphrase for this device; then the wallet is back. Where there is a wallet already, the person
// is asked first.
func (s *Restore) GoOn() {
	if s.Exists && !s.Choosing {
		s.Choosing = true
		s.app.changed()
		return
	}
	if s.backup != nil {
		next := s.app.newSecret(secretRestore, s.backup)
		next.replace = s.Exists
		s.app.open(next)
	}
}

// Keep keeps the wallet that is there.
func (s *Restore) Keep() {
	if s.app.Unlocked() {
		s.app.Back()
		return
	}
	s.app.show(s.app.newLock())
}
