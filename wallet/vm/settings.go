package vm

import (
	"context"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// Settings is the list of choices.
type Settings struct {
	Note    string // what was just done
	Problem *Problem

	app *App
}

// Title implements [Screen].
func (s *Settings) Title() string { return s.app.Text("wallet.settings.title") }

// Protection says what keeps the store on this machine.
func (s *Settings) Protection() Protection { return s.app.protection() }

// Value returns what stands at the right of a choice.
func (s *Settings) Value(p PickOf) string {
	for _, o := range (&Pick{app: s.app, What: p}).Options() {
		if o.On {
			return o.Name
		}
	}
	return ""
}

// Recovery says who brings the wallet back after a loss: "3 van 5 mensen", "Uw wachtzin" or "Geen".
func (s *Settings) Recovery() string {
	a := s.app
	if a.wallet == nil {
		return ""
	}
	r, err := a.wallet.Recovery(context.Background())
	switch {
	case err != nil || r == nil:
		return a.Text("wallet.settings.recovery.none")
	case len(r.Guardians) > 0:
		return a.Text("wallet.settings.recovery.people", "needed", r.Needed, "parts", len(r.Guardians))
	}
	return a.Text("wallet.settings.recovery.passphrase")
}

// Version is what stands at the right of the row about the program.
func (s *Settings) Version() string { return s.app.version() }

// Pick goes on to the page of one choice.
func (s *Settings) Pick(p PickOf) { s.app.open(&Pick{app: s.app, What: p}) }

// ChangeSecret goes on to a new PIN or passphrase.
func (s *Settings) ChangeSecret() { s.app.open(s.app.newSecret(secretChange, nil)) }

// Backup goes on to backups and guardians.
func (s *Settings) Backup() { s.app.open(s.app.newBackup()) }

// Storage goes on to what protects the store.
func (s *Settings) Storage() { s.app.open(s.app.newStorage()) }

// About goes on to what this program is.
func (s *Settings) About() { s.app.open(&About{app: s.app}) }

// Wipe goes on to wiping everything.
func (s *Settings) Wipe() { s.app.open(s.app.newWipe()) }

// PickOf says what is chosen on a page of one choice.
type PickOf string

// Choices that have a page.
const (
	PickLang       PickOf = "lang"
	PickAppearance PickOf = "appearance"
	PickScale      PickOf = "scale"
	PickLock       PickOf = "lock"
)

// Pick is the page of one choice.
type Pick struct {
	What PickOf

	app *App
}

// Title implements [Screen].
func (s *Pick) Title() string { return s.app.Text("wallet.settings." + string(s.What)) }

// Option is one of the possibilities of a [Pick].
type Option struct {
	Name  string
	On    bool
	Scale float32 // of a size of text; else 0

	set func(*Prefs)
}

// LockChoices are the times after which the wallet may lock itself, in seconds; -1 is never.
var LockChoices = []int{30, 120, 300, 900, -1}

// ScaleChoices are the sizes of text.
var ScaleChoices = []float32{1, 1.25, 1.5, 2}

// Options lists the possibilities. Exactly one is on, unless the settings hold what none of them is.
func (s *Pick) Options() (all []Option) {
	a, p := s.app, s.app.prefs
	switch s.What {
	case PickLang:
		for _, l := range message.WalletLanguages {
			all = append(all, Option{Name: a.Text("wallet.lang." + l), On: a.Lang() == l, set: func(p *Prefs) { p.Lang = l }})
		}
	case PickAppearance:
		for _, look := range []string{"", "light", "dark"} {
			all = append(all, Option{Name: a.Text("wallet.settings.appearance." + look), On: p.Appearance == look, set: func(p *Prefs) { p.Appearance = look }})
		}
	case PickScale:
		for _, scale := range ScaleChoices {
			key := strconv.Itoa(int(scale * 100))
			all = append(all, Option{Name: a.Text("wallet.settings.scale." + key), On: p.Scale() == scale, Scale: scale, set: func(p *Prefs) { p.TextScale = scale }})
		}
	case PickLock:
		for _, after := range LockChoices {
			all = append(all, Option{Name: a.Text("wallet.settings.lock." + strconv.Itoa(after)), On: p.lockSeconds() == after, set: func(p *Prefs) { p.LockAfter = after }})
		}
	}
	return all
}

// Choose takes a possibility. Sizes can be compared, so that page stays; the others have been used then.
func (s *Pick) Choose(i int) {
	all := s.Options()
	if i < 0 || i >= len(all) {
		return
	}
	s.app.SetPrefs(all[i].set)
	if s.What != PickScale {
		s.app.Back()
	}
}

// Done leaves the page.
func (s *Pick) Done() { s.app.Back() }

// Storage says what protects the store on this machine, as far as it is true here.
type Storage struct {
	Kept    string // since when a wallet lies beside this one that a backup replaced; "": none does
	Asking  bool   // whether to wipe that one
	Note    string
	Problem *Problem

	app *App
}

func (a *App) newStorage() *Storage {
	s := &Storage{app: a}
	if since := wallet.KeptSince(a.deps.Options); !since.IsZero() {
		s.Kept = a.date(since)
	}
	return s
}

// AskWipeKept asks whether to wipe the wallet that was put aside; Keep does not.
func (s *Storage) AskWipeKept() { s.Asking = true; s.app.changed() }

// Keep wipes nothing.
func (s *Storage) Keep() { s.unask(); s.app.changed() }

func (s *Storage) unask() bool {
	was := s.Asking
	s.Asking = false
	return was
}

// WipeKept wipes the wallet that was put aside.
func (s *Storage) WipeKept() {
	a := s.app
	s.Asking = false
	a.run(func(context.Context) error { return wallet.DestroyKept(a.deps.Options) }, func(err error) {
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		s.Kept, s.Note = "", a.Text("wallet.storage.kept.wiped")
	})
}

// Title implements [Screen].
func (s *Storage) Title() string {
	if s.Asking {
		return s.app.Text("wallet.storage.kept.ask")
	}
	return s.app.Text("wallet.storage.title")
}

// Protection says what keeps the store on this machine.
func (s *Storage) Protection() Protection { return s.app.protection() }

// HasPIN says whether a PIN opens it.
func (s *Storage) HasPIN() bool { return s.app.HasPIN() }

// About says what this program is and whose work it is made of.
type About struct{ app *App }

// Title implements [Screen].
func (s *About) Title() string { return s.app.Text("wallet.about.title") }

// Version is the version of the program.
func (s *About) Version() string { return s.app.version() }

// Licences shows whose work this program is made of.
func (s *About) Licences() { s.app.open(&Licences{app: s.app}) }

// Licence shows the text of one of them.
func (s *About) Licence(name string) { s.app.open(&Licences{app: s.app, Shown: name}) }

// Licences lists whose work the wallet is made of, and shows the text of one.
type Licences struct {
	Shown string // whose text is shown; "": the list

	app *App
}

// Title implements [Screen].
func (s *Licences) Title() string {
	if s.Shown != "" {
		return s.Shown
	}
	return s.app.Text("wallet.licences.title")
}

// Show goes on to the text of one.
func (s *Licences) Show(name string) { s.app.open(&Licences{app: s.app, Shown: name}) }

// version says which program this is; one between two releases has no number.
func (a *App) version() string {
	if a.deps.Version == "" {
		return a.Text("wallet.about.unreleased")
	}
	return a.Text("wallet.about.version", "version", a.deps.Version)
}

var released = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)

// builtVersion is the release that the program was built from, "" if it was not one.
func builtVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && released.MatchString(info.Main.Version) {
		return info.Main.Version[1:]
	}
	return ""
}

// Wipe asks whether to wipe everything, and says what goes.
type Wipe struct {
	Cards   int    // that go; -1: the wallet is locked, nobody knows
	Backup  string // date of the newest backup, which keeps working; "": there is none, as far as is known
	Busy    bool
	Problem *Problem

	app *App
}

func (a *App) newWipe() *Wipe {
	s := &Wipe{app: a, Cards: -1}
	if a.wallet == nil {
		return s
	}
	if cards, err := a.wallet.Cards(context.Background()); err == nil {
		s.Cards = len(cards)
	}
	if r, err := a.wallet.Recovery(context.Background()); err == nil && r != nil && !r.LastBackup.IsZero() {
		s.Backup = a.date(r.LastBackup)
	}
	return s
}

// Title implements [Screen].
func (s *Wipe) Title() string { return s.app.Text("wallet.wipe.title") }

// Keep wipes nothing.
func (s *Wipe) Keep() { s.app.Back() }

func (s *Wipe) unask() bool { return s.Busy }

// Wipe destroys the wallet: its key first, then what it sealed.
func (s *Wipe) Wipe() {
	a := s.app
	w := a.wallet
	s.Busy, s.Problem = true, nil
	a.run(func(context.Context) error {
		if w == nil {
			return wallet.Destroy(a.deps.Options)
		}
		return w.Wipe()
	}, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		a.wallet, a.waiting = nil, ""
		a.prefs = Prefs{Lang: a.prefs.Lang, Appearance: a.prefs.Appearance, TextScale: a.prefs.TextScale, Still: a.prefs.Still}
		os.Remove(a.prefsFile())
		a.show(a.newWelcome())
	})
}
