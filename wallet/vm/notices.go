package vm

import (
	"context"

	"github.com/zegel-id/zegel/wallet"
)

// Notice is something about a card that the person should know.
type Notice struct {
	Card string // id
	Kind string // status of the card, or "last": one copy is left
	Head string
	Text string
}

// Notices lists what needs attention.
type Notices struct {
	Items   []Notice
	Problem *Problem

	app *App
}

func (a *App) newNotices() *Notices {
	s := &Notices{app: a}
	s.refresh()
	a.noticed = len(s.Items)
	return s
}

// Title implements [Screen].
func (s *Notices) Title() string { return s.app.Text("wallet.notices.title") }

func (s *Notices) refresh() {
	s.Items, s.Problem = s.app.notices()
}

// Open shows the card.
func (s *Notices) Open(card string) { s.app.open(s.app.newCard(card)) }

// Unseen says whether there are notices that were not looked at.
func (a *App) Unseen() bool {
	if !a.Unlocked() {
		return false
	}
	items, _ := a.notices()
	return len(items) > a.noticed
}

func (a *App) notices() ([]Notice, *Problem) {
	cards, err := a.wallet.List(context.Background())
	if err != nil {
		return nil, a.trouble(err)
	}
	var out []Notice
	for _, c := range cards {
		kind := ""
		switch {
		case c.Status == "revoked", c.Status == "suspended", c.Status == "expired", c.Status == "expiring", c.Status == wallet.ReissueStatus:
			kind = c.Status
		case c.Status == "valid" && c.Registered && c.Copies == 1:
			kind = "last"
		case c.Status == "valid" && c.Registered && c.Copies == 0:
			kind = "used"
		default:
			continue
		}
		word, line := a.statusWords(c)
		out = append(out, Notice{
			Card: c.ID, Kind: kind,
			Head: a.Text("wallet.notice."+kind+".head", "card", c.Name),
			Text: a.Text("wallet.notice."+kind+".text", "card", c.Name, "issuer", c.Issuer, "word", word, "line", line),
		})
	}
	return out, nil
}
