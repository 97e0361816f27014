package vm

import (
	"context"
	"errors"

	"github.com/zegel-id/zegel/wallet"
)

type secretUse int

const (
	secretNew    secretUse = iota // of a new wallet
	secretChange                  // instead of the old one
	secretRestore
)

// PINLength is how many digits a PIN has.
const PINLength = 6

// Secret chooses a PIN or a passphrase, twice.
type Secret struct {
	PIN        bool // digits on a pad; otherwise a passphrase
	Digits     int  // typed so far
	Shown      bool // the digits are shown, until that is switched off
	Again      bool // the second time
	Protection Protection
	Problem    *Problem // stays while the next one is typed
	Busy       bool
	Old        bool // the old one is asked first

	app          *App
	use          secretUse
	typed, first string
	was          string // old secret
	backup       *wallet.Backup
	replace      bool
}

func (a *App) newSecret(use secretUse, b *wallet.Backup) *Secret {
	p := a.protection()
	s := &Secret{app: a, use: use, Protection: p, PIN: p != ByPassphrase, Old: use == secretChange, backup: b}
	if s.Old {
		s.PIN = a.HasPIN()
	}
	return s
}

// Title implements [Screen].
func (s *Secret) Title() string { return s.words("choose", "again", "old") }

// Lead says what the secret is for, or what to type now.
func (s *Secret) Lead() string { return s.words("lead", "lead.again", "lead.old") }

func (s *Secret) words(choose, again, old string) string {
	step := choose
	switch {
	case s.Old:
		step = old
	case s.Again:
		step = again
	}
	kind := "passphrase"
	if s.PIN {
		kind = "pin"
	}
	return s.app.Text("wallet.secret." + step + "." + kind)
}

// Steps says how far this is: a new wallet begins at its welcome, a change at the old secret, a restore at the file.
func (s *Secret) Steps() (at, of int) {
	switch {
	case s.use == secretRestore && s.Again:
		return 4, 4
	case s.use == secretRestore:
		return 3, 4
	case s.Old:
		return 1, 3
	case s.Again:
		return 3, 3
	}
	return 2, 3
}

// Show shows the digits that are typed, or hides them.
func (s *Secret) Show() { s.Shown = !s.Shown; s.app.changed() }

// Typed returns the digits if they are to be shown.
func (s *Secret) Typed() string {
	if !s.Shown {
		return ""
	}
	return s.typed
}

// Type takes a digit of the pad.
func (s *Secret) Type(digit rune) {
	if s.Busy || !s.PIN || len(s.typed) == PINLength || digit < '0' || digit > '9' {
		return
	}
	s.typed += string(digit)
	s.Digits = len(s.typed)
	if s.Digits == PINLength {
		s.enter(s.typed)
		return
	}
	s.app.changed()
}

// Erase takes the last digit back.
func (s *Secret) Erase() {
	if s.Busy || s.typed == "" {
		return
	}
	s.typed = s.typed[:len(s.typed)-1]
	s.Digits = len(s.typed)
	s.app.changed()
}

// Enter takes a whole passphrase.
func (s *Secret) Enter(passphrase string) {
	if !s.Busy && !s.PIN && passphrase != "" {
		s.enter(passphrase)
	}
}

// unask returns from the second time to the first. While the wallet is being made nobody leaves.
func (s *Secret) unask() bool {
	if s.Again && !s.Busy {
		s.typed, s.Digits, s.first, s.Again, s.Problem = "", 0, "", false, nil
		return true
	}
	return s.Busy
}

func (s *Secret) enter(secret string) {
	s.typed, s.Digits = "", 0
	switch {
	case s.Old:
		s.was, s.Old, s.Problem = secret, false, nil
		s.PIN = s.Protection != ByPassphrase // it may be of the other kind
	case !s.Again:
		if err := wallet.CheckSecret(secret, s.Protection == ByKeychain, s.Protection == ByNothing); err != nil {
			s.Problem = s.app.weak(err)
			break
		}
		s.first, s.Again, s.Problem = secret, true, nil
	case secret != s.first:
		s.first, s.Again = "", false
		s.Problem = s.app.problem("secret.differ")
	default:
		s.finish(secret)
		return
	}
	s.app.changed()
}

// weak says why a secret is too easy, and what to choose.
func (a *App) weak(err error) *Problem {
	var weak *wallet.WeakError
	if !errors.As(err, &weak) {
		return a.trouble(err)
	}
	p := a.problem("secret.weak")
	switch weak.Reason {
	case "bits", "digits", "keychain":
		p.Head = a.Text("wallet.secret.weak.passphrase")
	}
	p.Text = a.Text("wallet.secret.weak." + weak.Reason)
	return p
}

func (s *Secret) finish(secret string) {
	s.Busy, s.Problem, s.first = true, nil, ""
	a := s.app
	var w *wallet.Wallet
	a.run(func(ctx context.Context) (err error) {
		switch s.use {
		case secretChange:
			return a.wallet.ChangeSecret(ctx, s.was, secret)
		case secretRestore:
			r, err := s.backup.Restore(ctx, a.deps.Options, secret, s.replace)
			if err == nil {
				w = r.Wallet
			}
			return err
		}
		w, err = wallet.Create(ctx, a.deps.Options, wallet.Setup{Secret: secret, Network: a.deps.Network, Dev: a.deps.Dev})
		return err
	}, func(err error) {
		s.Busy = false
		switch {
		case err != nil && s.use == secretChange:
			s.Again, s.Old, s.was, s.PIN = false, true, "", a.HasPIN()
			s.Problem = a.lockProblem(err)
		case err != nil:
			s.Again = false
			s.Problem = a.trouble(err)
		case s.use == secretChange:
			a.show(&Settings{app: a, Note: a.Text("wallet.settings.changed")})
		default:
			a.unlocked(w)
		}
	})
}
