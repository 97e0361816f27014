package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/wallet"
)

// Value is one fact on a card, hidden until the person wants to see it.
type Value struct {
	Path, Label, Text string
	Shown             bool
}

// Card is one card from close by.
type Card struct {
	Item
	Values     []Value
	Registered bool // the registry knows the issuer
	Copies     int  // left
	Of         int  // how many there were when they came
	Reusable   bool // a single copy that is shown again and again
	Shares     int  // times that something of it was shared
	Checked    string
	Seen       string // the day of that: "3 november 2026"
	Until      string // its last day; "" if it has none
	Deleting   bool   // the person is asked whether to delete it
	Busy       bool
	Renewable  bool     // new copies can be had without a visit
	Auto       bool     // they come by themselves
	Renewed    bool     // they have just come
	Changes    []Change // what new copies say otherwise: take them?
	Problem    *Problem

	app     *App
	renewal *wallet.Renewal
}

func (a *App) newCard(id string) *Card {
	s := &Card{app: a}
	s.load(id)
	return s
}

func (s *Card) load(id string) {
	c, err := s.app.wallet.Card(context.Background(), id)
	if errors.Is(err, wallet.ErrNoCard) {
		s.Problem = s.app.problem("card.gone")
		return
	}
	if err != nil {
		s.Problem = s.app.trouble(err)
		return
	}
	s.fill(*c)
}

func (s *Card) fill(c wallet.Card) {
	a := s.app
	shown := map[string]bool{}
	for _, v := range s.Values {
		shown[v.Path] = v.Shown
	}
	s.Item, s.Registered, s.Copies, s.Reusable = a.item(c), c.Registered, c.Copies, c.Reusable
	s.Of, s.Renewable, s.Auto = c.Batch, c.Renewable, c.Renewable && !a.prefs.ByHand
	s.Values = a.values("", c.Claims, c)
	for i := range s.Values {
		s.Values[i].Shown = shown[s.Values[i].Path]
	}
	s.Checked, s.Seen, s.Until = "", "", ""
	if !c.Checked.IsZero() {
		s.Checked, s.Seen = a.Text("wallet.card.checked", "time", a.moment(c.Checked)), a.date(c.Checked)
	}
	if !c.Expires.IsZero() {
		s.Until = a.date(c.Expires)
	}
	s.Shares = 0
	entries, err := a.wallet.History(context.Background())
	if err != nil {
		s.Problem = a.trouble(err)
	}
	for _, e := range entries {
		if e.Kind == "shared" && slices.Contains(e.Cards, c.ID) {
			s.Shares++
		}
	}
}

// values lists the facts on a card, in the order of the issuer's names and then of the alphabet.
func (a *App) values(prefix string, claims map[string]any, c wallet.Card) []Value {
	var out []Value
	for name, v := range claims {
		path := prefix + name
		if inner, ok := v.(map[string]any); ok {
			out = append(out, a.values(path+".", inner, c)...)
			continue
		}
		label := c.Labels[path]
		if label == "" {
			label = path
		}
		out = append(out, Value{Path: path, Label: label, Text: a.value(v)})
	}
	place := func(path string) int {
		if n := slices.Index(c.Order, path); n >= 0 {
			return n
		}
		return len(c.Order) // what the issuer does not name comes last
	}
	slices.SortFunc(out, func(x, y Value) int {
		return cmp.Or(place(x.Path)-place(y.Path), strings.Compare(x.Path, y.Path))
	})
	return out
}

// value writes a fact for people.
func (a *App) value(v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case bool:
		if v {
			return a.Text("wallet.yes")
		}
		return a.Text("wallet.no")
	case string:
		if len(v) == len("2006-01-02") {
			if t, err := parseDay(v); err == nil {
				return a.date(t)
			}
		}
		return v
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, a.value(e))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// Title implements [Screen].
func (s *Card) Title() string { return s.Name }

func (s *Card) refresh() { s.load(s.ID) }

// Show shows or hides one value.
func (s *Card) Show(path string) {
	for i := range s.Values {
		if s.Values[i].Path == path {
			s.Values[i].Shown = !s.Values[i].Shown
		}
	}
	s.app.changed()
}

// AllShown says whether every value is in sight.
func (s *Card) AllShown() bool {
	return !slices.ContainsFunc(s.Values, func(v Value) bool { return !v.Shown })
}

// ShowAll shows every value; if all are in sight it hides them.
func (s *Card) ShowAll() {
	show := !s.AllShown()
	for i := range s.Values {
		s.Values[i].Shown = show
	}
	s.app.changed()
}

// View shows the values of a card that does not work any more, and who knows them.
func (s *Card) View() { s.app.open(&CardValues{s}) }

// CardValues is what stands on a card that does not work any more.
type CardValues struct{ *Card }

func (s *CardValues) unask() bool { return false }

// Activity shows what happened with this card.
func (s *Card) Activity() { s.app.open(s.app.activityOf(s.ID, s.Name)) }

// Collect goes on to where a new code comes in.
func (s *Card) Collect() { s.app.open(&Add{app: s.app}) }

// Update looks up whether the card still counts.
func (s *Card) Update() {
	a := s.app
	s.Busy = true
	a.run(func(ctx context.Context) error {
		_, err := a.wallet.Refresh(ctx)
		return err
	}, func(err error) {
		s.Busy = false
		s.load(s.ID)
		if err != nil {
			s.Problem = a.trouble(err)
		}
	})
}

// AskDelete asks whether to delete the card; Keep goes back.
func (s *Card) AskDelete() { s.Deleting = true; s.app.changed() }

// Keep does not delete it.
func (s *Card) Keep() { s.Deleting = false; s.app.changed() }

func (s *Card) unask() bool {
	switch {
	case s.Deleting:
		s.Keep()
	case len(s.Changes) > 0:
		s.KeepOld()
	default:
		return false
	}
	return true
}

// Delete removes the card and its keys.
func (s *Card) Delete() {
	a := s.app
	s.Busy, s.Deleting = true, false
	a.run(func(ctx context.Context) error { return a.wallet.Delete(ctx, s.ID) }, func(err error) {
		s.Busy = false
		if err != nil {
			s.Problem = a.trouble(err)
			return
		}
		a.show(a.newCards())
	})
}
