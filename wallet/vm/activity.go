package vm

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// Line is a line of the history.
type Line struct {
	N       int    // to open it
	Group   string // the heading it stands under: "Vandaag", "Eerder in november", "Oktober", "2025"
	Party   string
	What    string // "1 gegeven gedeeld"
	Time    string // "10.42" of today, else "18 nov"
	Kind    string // shared, refused, failed, received, renewed, revoked, deleted, restored
	Unknown bool
	Extra   bool
}

// Activity is what went to whom.
type Activity struct {
	Lines     []Line
	All       int    // lines there are, shown or not
	Filter    string // one of [Filters]
	Searching bool   // the field is open
	Query     string
	Card      string // id: the lines about this card only
	About     string // its name
	Problem   *Problem

	app     *App
	entries []wallet.Entry
}

// Filters of the history, in their order on the screen. What happened to cards afterwards is among everything only.
var Filters = []string{"", "shared", "received", "stopped"}

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

// OpenSearch opens the field, CloseSearch closes it and shows everything again.
func (s *Activity) OpenSearch() {
	s.Searching = true
	s.app.changed()
}

// CloseSearch closes the field.
func (s *Activity) CloseSearch() {
	s.Searching, s.Query = false, ""
	s.fill()
	s.app.changed()
}

// Search shows the lines in which each of the words stands: in who it was, what happened, the card, or the names of facts.
func (s *Activity) Search(text string) {
	s.Query = text
	s.fill()
	s.app.changed()
}

func (s *Activity) fill() {
	s.All, s.Lines = 0, nil
	words := strings.Fields(strings.ToLower(s.Query))
	for n, e := range s.entries {
		if s.Card != "" && !slices.Contains(e.Cards, s.Card) {
			continue
		}
		s.All++
		if !passes(s.Filter, e.Kind) {
			continue
		}
		if l := s.app.line(n, e); found(words, l, e) {
			s.Lines = append(s.Lines, l)
		}
	}
}

func passes(filter, kind string) bool {
	switch filter {
	case "received":
		return kind == "received" || kind == "renewed" || kind == "restored"
	case "stopped":
		return kind == "refused" || kind == "failed"
	case "shared":
		return kind == "shared"
	}
	return true
}

func found(words []string, l Line, e wallet.Entry) bool {
	if len(words) == 0 {
		return true
	}
	all := strings.ToLower(strings.Join(slices.Concat([]string{l.Party, l.What, l.Group, l.Time, e.Card, e.Purpose}, e.Labels, e.Withheld), "\n"))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) })
}

func (a *App) line(n int, e wallet.Entry) Line {
	l := Line{N: n, Party: e.Party, Unknown: e.Unknown, Extra: len(e.Extra) > 0}
	l.Kind, l.What = a.happened(e)
	l.Group, l.Time = a.when(e.Time)
	if l.Party == "" {
		l.Party = a.Text("wallet.name")
	}
	return l
}

// happened says what a line is about, in a few words.
func (a *App) happened(e wallet.Entry) (kind, words string) {
	key := e.Kind
	switch {
	case e.Kind == "shared" && e.Outcome == "ok":
		return "shared", a.Count(len(e.Claims), "wallet.activity.shared")
	case e.Kind == "shared":
		return "failed", a.Text("wallet.activity.unsure")
	case e.Kind == "failed" && e.Offer && e.Card != "":
		key = "notrenewed"
	case e.Kind == "failed" && e.Offer:
		key = "notreceived"
	case e.Kind == "failed" && arrived(e) && e.Outcome == string(wallet.EndpointRefused):
		key = "notaccepted"
	case e.Kind == "failed" && arrived(e):
		key = "unsure"
	case e.Kind == "refused" && e.Offer && e.Card != "":
		key = "kept"
	case e.Kind == "refused" && e.Offer:
		key = "declined"
	case e.Kind == "refused" && e.Outcome == string(wallet.RequestUntrusted):
		key = "toofar"
	case e.Kind == "refused" && e.Outcome == string(wallet.NoMatch):
		key = "nomatch"
	}
	return e.Kind, a.Text("wallet.activity."+key, "card", e.Card)
}

// arrived says whether something left the device in a line that failed: nobody can know that it did not arrive.
func arrived(e wallet.Entry) bool { return len(e.Claims) > 0 && !e.Unsent }

// when returns the heading a moment stands under, and how it is written there. What lies in the future, by a clock that was
// wrong, stands with today.
func (a *App) when(t time.Time) (group, short string) {
	here, now := message.Local(t), message.Local(a.deps.Now())
	short = message.Day(a.Lang(), here)
	days := a.deps.daysAgo(t)
	switch {
	case days == 0:
		return a.Text("wallet.today"), strings.TrimSuffix(a.clock(t), " uur")
	case days < 0:
		return a.Text("wallet.today"), short
	case here.Year() != now.Year():
		return here.Format("2006"), short
	case here.Month() == now.Month():
		return a.Text("wallet.activity.earlier", "month", message.Month(a.Lang(), here.Month())), short
	}
	return capital(message.Month(a.Lang(), here.Month())), short
}

// capital begins a text with a capital letter.
func capital(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:]
}

// Open shows one line.
func (s *Activity) Open(n int) {
	if n >= 0 && n < len(s.entries) {
		s.app.open(s.app.newEvent(n, s.entries[n]))
	}
}

// Learned shows what each organisation has learned.
func (s *Activity) Learned() {
	s.app.open(s.app.newLearned())
}
