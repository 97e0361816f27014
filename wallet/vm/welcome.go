package vm

import (
	"context"
	"errors"

	"github.com/zegel-id/zegel/wallet"
)

// Welcome is the first screen of a new wallet: language, and what the wallet promises.
type Welcome struct{ app *App }

// Title implements [Screen].
func (s *Welcome) Title() string { return s.app.Text("wallet.welcome.title") }

// SetLang chooses the language.
func (s *Welcome) SetLang(lang string) { s.app.SetPrefs(func(p *Prefs) { p.Lang = lang }) }

// Begin goes on to the PIN or passphrase.
func (s *Welcome) Begin() { s.app.open(s.app.newSecret(secretNew, nil)) }

// Restore goes on to a backup.
func (s *Welcome) Restore() { s.app.open(&Restore{app: s.app}) }

// Protection says what keeps the store on this machine.
type Protection string

// Protections.
const (
	ByKeychain   Protection = "keychain"   // half of the key is in the keychain of the machine, a PIN opens it
	ByPassphrase Protection = "passphrase" // no keychain: a passphrase, and an old copy put back cannot be noticed
	ByNothing    Protection = "dev"        // development: a PIN alone
)

func (a *App) protection() Protection {
	switch {
	case a.deps.Dev:
		return ByNothing
	case a.deps.Options.Keychain != nil:
		return ByKeychain
	}
	return ByPassphrase
}

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
	return &Secret{app: a, use: use, Protection: p, PIN: p != ByPassphrase, Old: use == secretChange, backup: b}
}

// Title implements [Screen].
func (s *Secret) Title() string {
	step := "choose."
	switch {
	case s.Old:
		step = "old."
	case s.Again:
		step = "again."
	}
	if s.PIN {
		return s.app.Text("wallet.secret." + step + "pin")
	}
	return s.app.Text("wallet.secret." + step + "passphrase")
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

func (s *Secret) enter(secret string) {
	s.typed, s.Digits = "", 0
	switch {
	case s.Old:
		s.was, s.Old, s.Problem = secret, false, nil
	case !s.Again:
		if err := wallet.CheckSecret(secret, s.Protection == ByKeychain, s.Protection == ByNothing); err != nil {
			s.Problem = s.weak(err)
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

func (s *Secret) weak(err error) *Problem {
	var weak *wallet.WeakError
	if !errors.As(err, &weak) {
		return s.app.trouble(err)
	}
	p := s.app.problem("secret.weak")
	p.Text = s.app.Text("wallet.secret.weak."+weak.Reason, "bits", weak.Bits, "least", wallet.MinPassphraseBits)
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
			s.Again, s.Old, s.was = false, true, ""
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
