package vm

import (
	"strings"

	"github.com/zegel-id/zegel/wallet"
)

// Event is one line of the history from close by. It names facts and never their values: the wallet does not keep those.
type Event struct {
	Line
	Entry   wallet.Entry
	Busy    bool
	Copied  bool // the receipt, just now
	Problem *Problem

	app *App
}

func (a *App) newEvent(n int, e wallet.Entry) *Event {
	return &Event{Line: a.line(n, e), Entry: e, app: a}
}

// Title implements [Screen].
func (s *Event) Title() string { return s.Party }

// When is the moment it happened: "Vandaag, 10.42 uur".
func (s *Event) When() string { return capital(s.app.moment(s.Entry.Time)) }

// Asked says whether somebody asked for data, in contrast to cards that came, ended or went.
func (s *Event) Asked() bool {
	switch s.Entry.Kind {
	case "shared", "refused", "failed":
		return !s.Entry.Offer
	}
	return false
}

// Facts are the names of what was shared, or may have been.
func (s *Event) Facts() []string {
	if s.Entry.Unsent {
		return nil
	}
	return labels(s.Entry)
}

func labels(e wallet.Entry) []string {
	if len(e.Labels) == len(e.Claims) {
		return e.Labels
	}
	return e.Claims
}

// Withheld are the names of what was asked and not shared.
func (s *Event) Withheld() []string {
	if s.Entry.Unsent {
		return append(labels(s.Entry)[:len(s.Entry.Claims):len(s.Entry.Claims)], s.Entry.Withheld...)
	}
	return s.Entry.Withheld
}

// Registered says whether the party stood in the register.
func (s *Event) Registered() bool { return s.Entry.Registered }

// Why is the purpose that the register named.
func (s *Event) Why() string { return s.Entry.Purpose }

// Card is the card it is about; "" where it is about facts.
func (s *Event) Card() string {
	if s.Asked() {
		return ""
	}
	return s.Entry.Card
}

// Beyond are the facts outside the registered purpose.
func (s *Event) Beyond() []string { return s.Entry.Extra }

// Kept says until when the other party keeps what it got: by its own signed word, else by what the register says. "" if
// nobody said.
func (s *Event) Kept() string {
	a, e := s.app, s.Entry
	if n := len(e.Erasures); n > 0 && e.Erasures[n-1].Outcome.Final() {
		return a.Text("wallet.event.kept.gone")
	}
	switch r := e.Receipt; {
	case r != nil && r.OutcomeUntil.Sub(r.ValuesUntil).Hours() >= 24:
		return a.Text("wallet.event.kept.outcome", "date", a.date(r.OutcomeUntil))
	case r != nil:
		return a.Text("wallet.event.kept.until", "date", a.date(r.OutcomeUntil))
	case e.Kind == "shared" && e.KeepDays > 0:
		return a.Text("wallet.event.kept.most", "date", a.date(e.Time.AddDate(0, 0, e.KeepDays)))
	case e.Kind == "shared" && e.OutcomeDays > 0:
		return a.Text("wallet.event.kept.outcome", "date", a.date(e.Time.AddDate(0, 0, e.OutcomeDays)))
	}
	return ""
}

// PassedOn says to whom it goes on, in the words of the register; "" if it does not say.
func (s *Event) PassedOn() string { return s.Entry.PassedOn }

// story names the sentence for each kind of line in which nothing was shared for sure.
var story = map[string]string{
	"nomatch": "wallet.event.did.nomatch", "refused": "wallet.event.did.refused",
	"declined": "wallet.event.did.declined", "kept": "wallet.event.did.kept", "received": "wallet.event.did.received",
	"renewed": "wallet.event.did.renewed", "auto": "wallet.event.did.auto", "revoked": "wallet.event.did.revoked",
	"deleted": "wallet.event.did.deleted", "restored": "wallet.event.did.restored",
}

// Story says what happened, in one or two sentences; "" where the list of facts says it all.
func (s *Event) Story() string {
	a, e := s.app, s.Entry
	key := e.Kind
	switch {
	case e.Kind == "shared" && e.Outcome == "ok":
		return ""
	case e.Kind == "shared", e.Kind == "failed" && arrived(e):
		return s.cause() + a.Text("wallet.event.did.unsure")
	case e.Kind == "failed" && e.Offer:
		return s.cause() + a.Text("wallet.event.did.nocard")
	case e.Kind == "failed":
		return s.cause() + a.Text("wallet.event.did.failed")
	case e.Kind == "refused" && e.Offer && e.Card != "":
		key = "kept"
	case e.Kind == "refused" && e.Offer:
		key = "declined"
	case e.Kind == "refused" && e.Outcome == string(wallet.NoMatch):
		key = "nomatch"
	case e.Kind == "renewed" && e.Auto:
		key = "auto"
	}
	return a.Text(story[key], "party", s.Party)
}

// cause says in a sentence why something failed.
func (s *Event) cause() string {
	if s.Entry.Kind == "shared" {
		return ""
	}
	key := "wallet.trouble." + s.Entry.Outcome + ".head"
	if words := s.app.Text(key); words != key {
		return words + ". "
	}
	return ""
}

// Receipt is a text to copy: who, what, when, why, and what was signed about it.
func (s *Event) Receipt() string {
	a, e := s.app, s.Entry
	lines := []string{a.Text("wallet.receipt", "party", s.Party, "when", a.date(e.Time)+", "+a.clock(e.Time), "what", s.What)}
	for _, f := range s.Facts() {
		lines = append(lines, "- "+f)
	}
	for _, f := range s.Withheld() {
		lines = append(lines, "- "+a.Text("wallet.event.withheld", "fact", f))
	}
	if e.Purpose != "" {
		lines = append(lines, a.Text("wallet.receipt.why", "why", e.Purpose))
	}
	if e.Card != "" {
		lines = append(lines, a.Text("wallet.receipt.card", "card", e.Card))
	}
	if kept := s.Kept(); kept != "" {
		lines = append(lines, a.Text("wallet.receipt.kept", "kept", kept))
	}
	if r := e.Receipt; r != nil && r.Session != "" {
		lines = append(lines, a.Text("wallet.receipt.number", "number", r.Session))
	}
	for _, x := range e.Erasures {
		lines = append(lines, a.answered(x).Head+" ("+a.date(x.Time)+")", x.Signed)
	}
	return strings.Join(lines, "\n")
}

// Tells says whether the party has, or may have, learned something by it.
func (s *Event) Tells() bool { return tells(s.Entry) }

// Known shows all that the party has learned.
func (s *Event) Known() { s.app.open(s.app.newKnown(s.Entry.Party, s.Entry.Registered)) }

// WasCopied says that the receipt went to the clipboard.
func (s *Event) WasCopied() {
	s.Copied = true
	s.app.changed()
}
