// Package vm is the wallet as screens without a screen: for each one a struct with what stands on it, and methods for
// what can be done there.
//
// Start with [New] and look at [App.Screen] whenever Changed says so. All methods are called on one thread, the one
// that draws; slow work runs elsewhere and comes back through Deps.Do.
//
// It deliberately leaves out how anything looks, and what belongs to a platform: cameras, files, clipboards. It imports
// no toolkit, so that tables can test it.
package vm

import (
	"context"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// Deps are what the wallet needs of the program around it.
type Deps struct {
	Dir     string         // of the program; wallet and settings lie in it
	Network []byte         // network file of a new wallet
	Dev     bool           // a new wallet is for development
	Version string         // of the program; empty: as it was built
	Options wallet.Options // Dir, Now and Lang are set here
	Now     func() time.Time
	Do      func(func()) // runs on the thread that draws
	Go      func(func()) // runs in the background; nil: a goroutine
	Changed func()       // the screen is another one, or shows something else
}

// Screen is one of the structs of this package.
type Screen interface {
	// Title is the heading, for a window's title and for screen readers.
	Title() string
}

// Place is where the tab bar leads.
type Place string

// Places.
const (
	PlaceCards    Place = "cards"
	PlaceActivity Place = "activity"
	PlaceNotices  Place = "notices"
	PlaceSettings Place = "settings"
)

// App is the whole wallet.
type App struct {
	deps     Deps
	prefs    Prefs
	wallet   *wallet.Wallet
	screen   Screen
	back     []Screen // under the screen, the last on top
	waiting  string   // a link that came while the wallet was locked
	used     time.Time
	job      int // number of the newest job: what an older one brings is dropped
	problems *Problem

	told        []Notice // see tell
	toldProblem *Problem
	seen        []string // keys of notices
	stale       bool     // told may not be true any more

	keeping bool      // a card is being renewed by itself
	calm    time.Time // not before
	looked  time.Time // whether the cards still count
}

// New begins at the welcome or at the lock.
func New(d Deps) *App {
	if d.Go == nil {
		d.Go = func(f func()) { go f() }
	}
	a := &App{deps: d, used: d.Now()}
	a.deps.Options.Now = d.Now
	a.deps.Options.Dir = filepath.Join(d.Dir, "wallet")
	a.prefs = loadPrefs(a.prefsFile())
	a.deps.Options.Lang = a.Lang()
	if wallet.Exists(a.deps.Options) {
		a.screen = a.newLock()
	} else {
		a.screen = a.newWelcome()
	}
	if a.deps.Version == "" {
		a.deps.Version = builtVersion()
	}
	return a
}

// Screen is what to show now.
func (a *App) Screen() Screen { return a.screen }

// Lang is the language of everything.
func (a *App) Lang() string {
	if a.prefs.Lang == "" {
		return "nl"
	}
	return a.prefs.Lang
}

// Text returns a text in the language of the wallet.
func (a *App) Text(key string, pairs ...any) string { return message.Text(a.Lang(), key, pairs...) }

// Count returns a text for a number.
func (a *App) Count(n int, key string, pairs ...any) string {
	return message.Count(a.Lang(), n, key, pairs...)
}

// Unlocked says whether there is an open wallet.
func (a *App) Unlocked() bool { return a.wallet != nil }

// Place says which place of the tab bar is shown; "" while a journey or the lock takes the whole window.
func (a *App) Place() Place { return placeOf(a.screen) }

// Within is the place that the screen was opened from: what it shows belongs there.
func (a *App) Within() Place {
	for _, s := range append(a.back[:len(a.back):len(a.back)], a.screen) {
		if p := placeOf(s); p != "" {
			return p
		}
	}
	return ""
}

func placeOf(s Screen) Place {
	switch s := s.(type) {
	case *Cards:
		return PlaceCards
	case *Activity:
		if s.Card == "" {
			return PlaceActivity
		}
	case *Notices:
		return PlaceNotices
	case *Settings:
		return PlaceSettings
	}
	return ""
}

func (a *App) changed() {
	if a.deps.Changed != nil {
		a.deps.Changed()
	}
}

// show replaces the screen and forgets what was under it.
func (a *App) show(s Screen) {
	a.screen, a.back, a.stale = s, nil, true
	a.changed()
}

// open puts a screen on top; Back returns.
func (a *App) open(s Screen) {
	a.back = append(a.back, a.screen)
	a.screen = s
	a.changed()
}

// CanGoBack says whether there is a screen under this one.
func (a *App) CanGoBack() bool { return len(a.back) > 0 }

// Depth counts the screens under this one.
func (a *App) Depth() int { return len(a.back) }

// Back takes back a question or a step of the screen, or else returns to the screen under it. Work that is under way for
// that one is forgotten.
func (a *App) Back() {
	if len(a.back) == 0 {
		return
	}
	if s, ok := a.screen.(interface{ unask() bool }); ok && s.unask() {
		a.changed()
		return
	}
	a.job++
	a.stale = true
	a.screen = a.back[len(a.back)-1]
	a.back = a.back[:len(a.back)-1]
	if r, ok := a.screen.(interface{ refresh() }); ok {
		r.refresh()
	}
	a.changed()
}

// Go opens a place of the tab bar.
func (a *App) Go(p Place) {
	if !a.Unlocked() {
		return
	}
	switch p {
	case PlaceCards:
		a.show(a.newCards())
	case PlaceActivity:
		a.show(a.newActivity())
	case PlaceNotices:
		a.show(a.newNotices())
	case PlaceSettings:
		a.show(&Settings{app: a})
	}
}

// run does slow work in the background and brings its end back, unless the person has gone on to something else.
func (a *App) run(work func(ctx context.Context) error, done func(error)) {
	a.job++
	job := a.job
	a.deps.Go(func() {
		err := work(context.Background())
		a.deps.Do(func() {
			a.stale = true
			if job == a.job {
				done(err)
				a.changed()
			}
		})
	})
	a.changed()
}

// Touch says that the person does something: the time until the wallet locks itself begins anew.
func (a *App) Touch() { a.used = a.deps.Now() }

// Tick looks at the clock: it locks a wallet that nobody uses. Call it every few seconds.
func (a *App) Tick() {
	if l, ok := a.screen.(*Lock); ok {
		l.tick()
		return
	}
	if s, ok := a.screen.(*Share); ok && s.PIN != nil {
		s.PIN.tick()
	}
	if after := a.prefs.lockAfter(); a.Unlocked() && after > 0 && a.deps.Now().Sub(a.used) >= after {
		a.LockNow()
	}
	a.keepUp()
}

// LockNow closes the wallet. A journey that was under way ends without an answer.
func (a *App) LockNow() {
	if a.wallet == nil {
		return
	}
	a.job++
	w := a.wallet
	a.wallet = nil
	a.deps.Go(func() { w.Close() }) // what it may have to say helps nobody at a locked screen
	a.show(a.newLock())
}

// Close ends the program.
func (a *App) Close() error {
	if a.wallet == nil {
		return nil
	}
	w := a.wallet
	a.wallet = nil
	return w.Close()
}

// unlocked goes on after the wallet is open: to the request that waits, or to the cards.
func (a *App) unlocked(w *wallet.Wallet) {
	a.wallet = w
	a.calm, a.looked = a.deps.Now().Add(calmOpened), time.Time{}
	a.Touch()
	a.show(a.newCards())
	if link := a.waiting; link != "" {
		a.waiting = ""
		a.Link(link)
	}
}

// Waiting says whether a link waits for the wallet to be opened.
func (a *App) Waiting() bool { return a.waiting != "" }

// Link takes a link from outside: a scan, a paste, another program. While the wallet is locked it waits, and nothing is
// asked or fetched for it.
func (a *App) Link(text string) {
	link, kind := findLink(text)
	switch {
	case kind == linkNone:
		if a.Unlocked() {
			if add, ok := a.screen.(*Add); ok {
				add.Problem = a.problem("add.nolink")
				a.changed()
			} else {
				a.open(&Add{app: a, Problem: a.problem("add.nolink")})
			}
		}
	case !a.Unlocked():
		a.waiting = link
		a.changed()
	case kind == linkOffer:
		a.receive(link)
	case kind == linkReturn:
		a.returned(link)
	default:
		a.present(link)
	}
}

// Scan opens the place where a code or link comes in.
func (a *App) Scan() {
	if a.Unlocked() {
		a.open(&Add{app: a})
	}
}

// Outside says whether the screen belongs to a wallet that is not open: it is the welcome or the lock, or lies over one.
func (a *App) Outside() bool {
	bottom := a.screen
	if len(a.back) > 0 {
		bottom = a.back[0]
	}
	switch bottom.(type) {
	case *Welcome, *Lock:
		return true
	}
	return !a.Unlocked()
}

// Under is the place that a journey lies over.
func (a *App) Under() Screen {
	for i := len(a.back) - 1; i >= 0; i-- {
		if _, ok := a.back[i].(*Cards); ok {
			return a.back[i]
		}
	}
	return nil
}
