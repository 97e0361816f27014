package vm

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// Lock asks for the PIN or passphrase.
type Lock struct {
	PIN     bool
	Digits  int
	Left    int       // tries before the next wait; 0: not known
	Until   time.Time // no try before; zero: now
	Blocked bool      // for good
	Waiting bool      // a request waits
	Busy    bool
	Problem *Problem

	app   *App
	typed string
}

func (a *App) newLock() *Lock {
	// What opens the wallet was fixed when it was made; wrong tries outlive the program.
	s := &Lock{app: a, PIN: wallet.OpensWithPIN(a.deps.Options), Waiting: a.waiting != ""}
	s.stand(wallet.Tries(a.deps.Options))
	if s.Blocked || !s.Until.IsZero() {
		s.Problem = a.lockProblem(&wallet.LockedError{Until: s.Until, Blocked: s.Blocked})
	}
	return s
}

func (s *Lock) stand(e wallet.LockedError) { s.Left, s.Until, s.Blocked = e.Left, e.Until, e.Blocked }

// TriesLeft says how many tries are left, once some were wrong; "" while none was, or while there is a wait.
func (s *Lock) TriesLeft() string {
	if s.Blocked || !s.Until.IsZero() || s.Left <= 0 || s.Left >= fewTries {
		return ""
	}
	return s.app.Count(s.Left, "wallet.lock.left")
}

// fewTries is from how many on nothing is said about them: all of a round.
const fewTries = 4

// Wait says how long it is until the next try, as "0:58"; "" if there is no wait.
func (s *Lock) Wait() string {
	if s.Until.IsZero() {
		return ""
	}
	return message.Left(s.Until.Sub(s.app.deps.Now()))
}

// Forgot goes on to what can be done without the PIN or passphrase.
func (s *Lock) Forgot() { s.app.open(&Forgot{app: s.app, PIN: s.PIN}) }

// Title implements [Screen].
func (s *Lock) Title() string {
	if s.PIN {
		return s.app.Text("wallet.lock.title.pin")
	}
	return s.app.Text("wallet.lock.title.passphrase")
}

// CanTry says whether a secret can be typed now.
func (s *Lock) CanTry() bool {
	return !s.Busy && !s.Blocked && !s.app.deps.Now().Before(s.Until)
}

func (s *Lock) tick() {
	if !s.Until.IsZero() && !s.app.deps.Now().Before(s.Until) {
		s.Until, s.Problem = time.Time{}, nil
		s.stand(wallet.Tries(s.app.deps.Options))
		s.app.changed()
	} else if !s.Until.IsZero() {
		s.app.changed() // the time that is left
	}
	if waiting := s.app.waiting != ""; waiting != s.Waiting {
		s.Waiting = waiting
		s.app.changed()
	}
}

// Type takes a digit of the pad.
func (s *Lock) Type(digit rune) {
	if !s.PIN || !s.CanTry() || digit < '0' || digit > '9' || len(s.typed) == PINLength {
		return
	}
	s.typed += string(digit)
	s.Digits = len(s.typed)
	if s.Digits == PINLength {
		s.try(s.typed)
		return
	}
	s.app.changed()
}

// Erase takes the last digit back.
func (s *Lock) Erase() {
	if s.typed != "" && !s.Busy {
		s.typed = s.typed[:len(s.typed)-1]
		s.Digits = len(s.typed)
		s.app.changed()
	}
}

// Enter takes a whole passphrase.
func (s *Lock) Enter(passphrase string) {
	if !s.PIN && s.CanTry() && passphrase != "" {
		s.try(passphrase)
	}
}

func (s *Lock) try(secret string) {
	s.typed, s.Busy, s.Problem = "", true, nil
	a := s.app
	var w *wallet.Wallet
	a.run(func(ctx context.Context) (err error) {
		w, err = wallet.Open(ctx, a.deps.Options, secret)
		return err
	}, func(err error) {
		s.Busy, s.Digits = false, 0
		if err == nil {
			a.unlocked(w)
			return
		}
		var locked *wallet.LockedError
		if errors.As(err, &locked) {
			s.stand(*locked)
		}
		s.Problem = a.lockProblem(err)
	})
}

// lockProblem says what a wrong secret means: how many tries are left, or until when to wait.
func (a *App) lockProblem(err error) *Problem {
	var locked *wallet.LockedError
	if !errors.As(err, &locked) {
		return a.trouble(err)
	}
	switch {
	case locked.Blocked:
		return a.problem("lock.blocked")
	case !locked.Until.IsZero():
		return a.problem("lock.wait", "time", a.clock(locked.Until))
	case locked.Left == 1:
		return a.problem("lock.wrong.one")
	}
	return a.problem("lock.wrong", "n", locked.Left)
}

// HasPIN says whether the wallet opens with a PIN.
func (a *App) HasPIN() bool {
	if a.wallet != nil {
		return a.wallet.OpensWithPIN() // screens ask each time they are drawn: that must not read a file
	}
	return wallet.OpensWithPIN(a.deps.Options)
}

// Forgot says honestly what is lost without the PIN or passphrase, and what can be done.
type Forgot struct {
	PIN bool

	app *App
}

// Restore goes on to a backup.
func (s *Lock) Restore() { s.app.open(s.app.newRestore()) }

// Wipe goes on to wiping everything.
func (s *Lock) Wipe() { s.app.open(s.app.newWipe()) }

// Title implements [Screen].
func (s *Forgot) Title() string {
	if s.PIN {
		return s.app.Text("wallet.forgot.title.pin")
	}
	return s.app.Text("wallet.forgot.title.passphrase")
}

// Restore goes on to a backup.
func (s *Forgot) Restore() { s.app.open(s.app.newRestore()) }

// Wipe goes on to wiping everything.
func (s *Forgot) Wipe() { s.app.open(s.app.newWipe()) }
