package vm

import (
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/wallet"
)

// Welcome is the first screen of a new wallet: language, and what the wallet promises.
type Welcome struct {
	// Rootless: the program came without a network file, so that a new wallet would trust no register. One has to be chosen
	// before anything else.
	Rootless bool
	Problem  *Problem // the file that was chosen is none

	app *App
}

func (a *App) newWelcome() *Welcome {
	return &Welcome{app: a, Rootless: a.deps.Network == nil && !a.deps.Dev}
}

// TakeNetwork takes the network file that a person chose: the root of all trust of the new wallet.
func (s *Welcome) TakeNetwork(data []byte) {
	if _, err := ledger.ParseNetwork(data); err != nil {
		s.Problem = s.app.problem("welcome.nonetwork")
	} else {
		s.app.deps.Network, s.Rootless, s.Problem = data, false, nil
	}
	s.app.changed()
}

// Title implements [Screen].
func (s *Welcome) Title() string { return s.app.Text("wallet.welcome.title") }

// ChooseLang goes on to the languages.
func (s *Welcome) ChooseLang() { s.app.open(&Pick{app: s.app, What: PickLang}) }

// Begin goes on to the PIN or passphrase.
func (s *Welcome) Begin() {
	if !s.Rootless {
		s.app.open(s.app.newSecret(secretNew, nil))
	}
}

// Restore goes on to a backup.
func (s *Welcome) Restore() {
	if !s.Rootless {
		s.app.open(s.app.newRestore())
	}
}

// Protection says what keeps the store on this machine.
type Protection string

// Protections.
const (
	ByKeychain   Protection = "keychain"   // half of the key is in the keychain of the machine, a PIN opens it
	ByPassphrase Protection = "passphrase" // no keychain: a passphrase, and an old copy put back cannot be noticed
	ByNothing    Protection = "dev"        // development: a PIN alone
)

// protection says what keeps the wallet that is open; what kept it was fixed when it was made. Without one it says what
// would keep a new one.
func (a *App) protection() Protection {
	dev, chain := a.deps.Dev, a.deps.Options.Keychain != nil
	if w := a.wallet; w != nil {
		dev, chain = w.Dev(), w.RollbackNoticed()
	}
	switch {
	case dev:
		return ByNothing
	case chain:
		return ByKeychain
	}
	return ByPassphrase
}

// Strength says in words how strong a passphrase is.
type Strength struct {
	Level int    // 0: nothing typed, 1: weak, 2: nearly, 3: enough
	Word  string // "Nog te makkelijk"
	Hint  string // what to do; "" if it is enough
}

// Strength judges a passphrase while it is typed.
func (a *App) Strength(passphrase string) Strength {
	s := Strength{Level: 1, Hint: a.Text("wallet.strength.hint")}
	bits := wallet.PassphraseBits(passphrase)
	switch {
	case passphrase == "":
		s.Level = 0
	case wallet.CheckSecret(passphrase, false, false) == nil:
		s.Level, s.Hint = 3, ""
	case bits >= wallet.MinPassphraseBits/2:
		s.Level = 2
	}
	s.Word = a.Text("wallet.strength." + []string{"none", "weak", "nearly", "enough"}[s.Level])
	return s
}
