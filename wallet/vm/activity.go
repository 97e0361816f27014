package vm

import (
	"context"
	"slices"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// Line is a line of the history.
type Line struct {
	N       int    // to open it
	Day     string // the day it stands under
	Party   string
	What    string // "1 gegeven gedeeld"
	Time    string
	Kind    string // shared, refused, failed, received, renewed, revoked, deleted, restored
	Unknown bool
	Extra   bool
}

// Activity is what went to whom.
type Activity struct {
	Lines   []Line
	Filter  string // "", shared, received, other
	Card    string // id: the lines about this card only
	About   string // its name
	Problem *Problem

	app     *App
	entries []wallet.Entry
}

// Filters of the history, in their order on the screen.
var Filters = []string{"", "shared", "received", "other"}

func (a *App) newActivity() *Activity { return a.activityOf("", "") }

// activityOf is what happened with one card; "": with all.
func (a *App) activityOf(card, name string) *Activity {
	s := &Activity{app: a, Card: card, About: name}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Activity) Title() string { return s.app.Text("wallet.activity.title") }

func (s *Activity) refresh() {
	entries, err := s.app.wallet.History(context.Background())
	s.entries, s.Problem = entries, s.app.trouble(err)
	s.fill()
}

// SetFilter shows some kinds of lines only.
func (s *Activity) SetFilter(f string) {
	s.Filter = f
	s.fill()
	s.app.changed()
}

func (s *Activity) fill() {
	s.Lines = nil
	for n, e := range s.entries {
		if s.passes(e) {
			s.Lines = append(s.Lines, s.app.line(n, e))
		}
	}
}

func (s *Activity) passes(e wallet.Entry) bool {
	if s.Card != "" && !slices.Contains(e.Cards, s.Card) {
		return false
	}
	switch s.Filter {
	case "shared", "received":
		return e.Kind == s.Filter
	case "other":
		return e.Kind != "shared" && e.Kind != "received"
	}
	return true
}

func (a *App) line(n int, e wallet.Entry) Line {
	l := Line{N: n, Party: e.Party, Kind: e.Kind, Time: a.clock(e.Time), Day: a.day(e.Time), Unknown: e.Unknown, Extra: len(e.Extra) > 0}
	switch {
	case e.Kind == "shared" && e.Outcome != "ok":
		l.What, l.Kind = a.Text("wallet.activity.unsure"), "failed"
	case e.Kind == "shared":
		l.What = a.Count(len(e.Claims), "wallet.activity.shared")
	default:
		l.What = a.Text("wallet.activity."+e.Kind, "card", e.Card)
	}
	if l.Party == "" {
		l.Party = a.Text("wallet.name")
	}
	return l
}

// day names the day of a line: today, yesterday, or the date.
func (a *App) day(t time.Time) string {
	switch a.deps.daysAgo(t) {
	case 0:
		return a.Text("wallet.today")
	case 1:
		return a.Text("wallet.yesterday")
	}
	return a.date(t)
}

// Open shows one line.
func (s *Activity) Open(n int) {
	if n >= 0 && n < len(s.entries) {
		s.app.open(&Event{Line: s.app.line(n, s.entries[n]), Entry: s.entries[n], app: s.app})
	}
}

// Learned shows what each organisation has learned.
func (s *Activity) Learned() {
	s.app.open(&Learned{app: s.app, Parties: learned(s.entries)})
}

// Event is one line of the history from close by. It names facts and never their values: the wallet does not keep those.
type Event struct {
	Line
	Entry   wallet.Entry
	Busy    bool
	Problem *Problem

	app *App
}

// Title implements [Screen].
func (s *Event) Title() string { return s.Party }

// When is the moment it happened.
func (s *Event) When() string { return s.app.moment(s.Entry.Time) }

// Facts are the names of what was shared.
func (s *Event) Facts() []string {
	if len(s.Entry.Labels) == len(s.Entry.Claims) {
		return s.Entry.Labels
	}
	return s.Entry.Claims
}

// Registered says whether the party stood in the register.
func (s *Event) Registered() bool { return s.Entry.Registered }

// Why is the purpose that the register named.
func (s *Event) Why() string { return s.Entry.Purpose }

// Card is the card it came from.
func (s *Event) Card() string { return s.Entry.Card }

// Beyond are the facts outside the registered purpose.
func (s *Event) Beyond() []string { return s.Entry.Extra }

// Receipt is a text to copy: who, what, when, why.
func (s *Event) Receipt() string {
	a := s.app
	text := a.Text("wallet.receipt", "party", s.Party, "when", s.When(), "what", s.What)
	for _, f := range s.Facts() {
		text += "\n- " + f
	}
	if s.Entry.Purpose != "" {
		text += "\n" + a.Text("wallet.receipt.why", "why", s.Entry.Purpose)
	}
	return text
}

// Party is an organisation and the names of what it has learned.
type Party struct {
	Name       string
	Registered bool
	Facts      []string
	Times      int
}

// Learned is what each organisation has learned, over the whole history.
type Learned struct {
	Parties []Party

	app *App
}

// Title implements [Screen].
func (s *Learned) Title() string { return s.app.Text("wallet.learned.title") }

func learned(entries []wallet.Entry) []Party {
	var all []Party
	for _, e := range entries {
		if e.Kind != "shared" {
			continue
		}
		i := slices.IndexFunc(all, func(p Party) bool { return p.Name == e.Party && p.Registered == e.Registered })
		if i < 0 {
			all = append(all, Party{Name: e.Party, Registered: e.Registered})
			i = len(all) - 1
		}
		all[i].Times++
		names := e.Labels
		if len(names) != len(e.Claims) {
			names = e.Claims
		}
		for _, n := range names {
			if !slices.Contains(all[i].Facts, n) {
				all[i].Facts = append(all[i].Facts, n)
			}
		}
	}
	for i := range all {
		slices.Sort(all[i].Facts)
	}
	return all
}
