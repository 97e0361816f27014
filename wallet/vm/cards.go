package vm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// Item is a card in the list. No personal value stands on it.
type Item struct {
	ID, Name, Issuer string
	Type             string
	Line             string // "Geldig tot 14 mei 2028"
	Kind             string // status, as [wallet.Card] has it
	Word             string // the status in a word
	Dead             bool   // it does not work any more
	Colour           string // the issuer's, as "#1b3a6b"; empty: none
	Logo             []byte // of a card that is not kept yet; see [App.Logo]
}

// Cards is the list of cards, those that need attention first.
type Cards struct {
	Items   []Item
	Finding bool   // the field to search in is open
	Query   string // of the search
	All     int    // cards there are, found or not
	Problem *Problem

	app   *App
	cards []wallet.Card
}

func (a *App) newCards() *Cards {
	s := &Cards{app: a}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Cards) Title() string { return s.app.Text("wallet.cards.title") }

// Summary says how many cards there are, and where.
func (s *Cards) Summary() string {
	if s.All == 0 && s.Problem != nil {
		return "" // nobody knows how many
	}
	if s.All == 0 {
		return s.app.Text("wallet.cards.none")
	}
	return s.app.Count(s.All, "wallet.cards.count")
}

func (s *Cards) refresh() {
	cards, err := s.app.wallet.List(context.Background())
	s.cards, s.Problem = cards, s.app.trouble(err)
	s.filter()
}

// Find opens the field to search in, and closes it again. Closed it searches for nothing.
func (s *Cards) Find() {
	s.Finding, s.Query = !s.Finding, ""
	s.filter()
	s.app.changed()
}

// Search shows the cards whose name or issuer holds the text.
func (s *Cards) Search(text string) {
	s.Query = text
	s.filter()
	s.app.changed()
}

func (s *Cards) filter() {
	s.All, s.Items = len(s.cards), nil
	query := strings.ToLower(strings.TrimSpace(s.Query))
	for _, c := range s.cards {
		if strings.Contains(strings.ToLower(c.Name+"\n"+c.Issuer), query) {
			s.Items = append(s.Items, s.app.item(c))
		}
	}
	slices.SortStableFunc(s.Items, func(a, b Item) int { return urgency(a.Kind) - urgency(b.Kind) })
}

// urgency orders cards: what needs attention first, what is dead last.
func urgency(kind string) int {
	switch kind {
	case "expiring", usedUp, wallet.ReissueStatus:
		return 0
	case "suspended":
		return 1
	case "expired":
		return 3
	case "revoked":
		return 4
	}
	return 2
}

// usedUp is the kind of a card that is valid and of which no copy is left.
const usedUp = "used"

func (a *App) item(c wallet.Card) Item {
	i := Item{ID: c.ID, Name: c.Name, Issuer: c.Issuer, Type: c.Type, Kind: c.Status, Colour: c.Colour, Logo: c.Logo}
	i.Word, i.Line = a.statusWords(c)
	if (c.Status == "valid" || c.Status == "expiring") && c.Copies == 0 && !c.Reusable {
		i.Kind, i.Word = usedUp, a.Text("wallet.status.used")
	}
	i.Dead = c.Status == "revoked" || c.Status == "expired"
	return i
}

// Logo is the issuer's logo on a card, a small PNG that the wallet made; nil: none. It is read when the card is drawn, so that
// a list of a thousand cards is there without a thousand pictures.
func (a *App) Logo(i Item) []byte {
	if i.Logo != nil || a.wallet == nil {
		return i.Logo
	}
	logo, err := a.wallet.Logo(context.Background(), i.ID)
	if err != nil {
		return nil // a card without a picture is a card; what is wrong with the store shows elsewhere
	}
	return logo
}

// statusWords returns the word on the pill and the line at the foot of a card.
func (a *App) statusWords(c wallet.Card) (word, line string) {
	word = a.Text("wallet.status." + c.Status)
	switch {
	case c.Status == "expiring":
		days := int(c.Expires.Sub(a.deps.Now())/(24*time.Hour)) + 1
		return a.Count(days, "wallet.status.days"), a.Text("wallet.card.expires", "date", a.date(c.Expires))
	case c.Status == "expired":
		return word, a.Text("wallet.card.expired", "date", a.date(c.Expires))
	case c.Status == "revoked" && !c.Checked.IsZero():
		return word, a.Text("wallet.card.revoked", "date", a.date(c.Checked))
	case c.Status == wallet.ReissueStatus:
		return word, a.Text("wallet.card.reissue")
	case c.Status == "unknown" && !c.Checked.IsZero():
		return word, a.Text("wallet.card.seen", "day", a.near(c.Checked))
	case c.Expires.IsZero():
		return word, a.Text("wallet.card.forever")
	}
	return word, a.Text("wallet.card.until", "date", a.date(c.Expires))
}

// Open shows one card.
func (s *Cards) Open(id string) { s.app.open(s.app.newCard(id)) }

// Add goes on to receiving a card.
func (s *Cards) Add() { s.app.open(&Add{app: s.app}) }
