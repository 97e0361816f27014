package vm

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// Notice is something about a card that the person should know.
type Notice struct {
	Card string // id
	Kind string // status of the card; "changed", "used", "last", "renewed"; "backup": of no card
	Head string
	Text string // what to do now
	Calm bool   // there is nothing to do

	key string // the same as long as it is about the same
}

// Notices lists what needs attention, what is most urgent first, and then what is good to know.
type Notices struct {
	Items   []Notice
	Problem *Problem

	app *App
}

func (a *App) newNotices() *Notices {
	s := &Notices{app: a}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Notices) Title() string { return s.app.Text("wallet.notices.title") }

// refresh shows what there is, which is thereby seen.
func (s *Notices) refresh() {
	a := s.app
	a.stale = true
	a.tell()
	s.Items, s.Problem = a.told, a.toldProblem
	if s.Problem == nil {
		a.seen = keys(a.told)
		s.Problem = a.trouble(a.wallet.SetSeen(context.Background(), a.seen))
	}
}

func keys(all []Notice) []string {
	out := []string{}
	for _, n := range all {
		out = append(out, n.key)
	}
	slices.Sort(out)
	return out
}

// Open goes to where something can be done: to the card, and there to what has changed.
func (s *Notices) Open(n Notice) {
	if n.Kind == "backup" {
		s.app.open(s.app.newBackup())
		return
	}
	card := s.app.newCard(n.Card)
	s.app.open(card)
	if n.Kind == "changed" && card.Problem == nil {
		card.Renew()
	}
}

// Unseen says whether there are notices that were not looked at.
func (a *App) Unseen() bool {
	if !a.Unlocked() {
		return false
	}
	a.tell()
	return slices.ContainsFunc(a.told, func(n Notice) bool { return !slices.Contains(a.seen, n.key) })
}

// tell works the notices out anew if something may have changed. A notice that is gone is not seen any more: if it comes
// back, it is news.
func (a *App) tell() {
	if !a.stale {
		return
	}
	a.stale = false
	a.told, a.toldProblem = a.notices()
	if a.toldProblem != nil {
		return
	}
	seen, err := a.wallet.Seen(context.Background())
	if err != nil {
		a.toldProblem = a.trouble(err)
		return
	}
	there := keys(a.told)
	a.seen = slices.DeleteFunc(slices.Clone(seen), func(key string) bool { return !slices.Contains(there, key) })
	if len(a.seen) != len(seen) {
		a.toldProblem = a.trouble(a.wallet.SetSeen(context.Background(), a.seen))
	}
}

// renewedFor is how long it is told that a card was renewed by itself; renewedOften is how far back renewals are counted
// to tell that a backup is outdated.
const (
	renewedFor   = 7 * 24 * time.Hour
	renewedOften = 90 * 24 * time.Hour
)

// urgent orders notices.
var urgent = []string{"changed", "revoked", "used", "last", "expiring", wallet.ReissueStatus, "suspended", "expired", "renewed", "backup"}

func (a *App) notices() ([]Notice, *Problem) {
	ctx := context.Background()
	cards, err := a.wallet.List(ctx)
	if err != nil {
		return nil, a.trouble(err)
	}
	upkeeps, err := a.wallet.Upkeeps(ctx)
	if err != nil {
		return nil, a.trouble(err)
	}
	var out []Notice
	for _, c := range cards {
		if kind := noticeKind(c, upkeeps[c.ID]); kind != "" {
			out = append(out, a.notice(c, kind, upkeeps[c.ID]))
		}
	}
	recovery, err := a.wallet.Recovery(ctx)
	if err != nil {
		return nil, a.trouble(err)
	}
	since := a.deps.Now().Add(-renewedFor)
	if recovery != nil && !recovery.LastBackup.IsZero() {
		since = a.deps.Now().Add(-renewedOften)
	}
	entries, err := a.wallet.HistorySince(ctx, since)
	if err != nil {
		return nil, a.trouble(err)
	}
	out = append(out, a.renewed(cards, entries)...)
	if recovery != nil && outdated(recovery.LastBackup, entries) {
		out = append(out, Notice{
			Kind: "backup", Calm: true, Head: a.Text("wallet.notice.backup.head"), Text: a.Text("wallet.notice.backup.text"),
			key: "backup/" + recovery.LastBackup.Format(time.RFC3339),
		})
	}
	slices.SortStableFunc(out, func(x, y Notice) int {
		return cmp.Compare(slices.Index(urgent, x.Kind), slices.Index(urgent, y.Kind))
	})
	return out, nil
}

// outdated says whether cards were renewed so often since a backup that the right to have them issued again, which is
// replaced each time, does not work any more as the backup has it. Issuers take the one before the last too.
func outdated(backup time.Time, entries []wallet.Entry) bool {
	if backup.IsZero() {
		return false
	}
	times := map[string]int{}
	for _, e := range entries {
		if e.Time.Before(backup) {
			break
		}
		// A batch that the person did not want has used the right too.
		if (e.Kind == "renewed" || e.Kind == "refused" && e.Offer) && len(e.Cards) > 0 {
			if times[e.Cards[0]]++; times[e.Cards[0]] > 1 {
				return true
			}
		}
	}
	return false
}

// noticeKind says what there is to tell about a card; "" if nothing.
func noticeKind(c wallet.Card, upkeep string) string {
	switch {
	case c.Status == "revoked":
		return c.Status
	case upkeep == wallet.UpkeepChanged && c.Renewable:
		return upkeep
	case c.Status == "suspended", c.Status == "expired", c.Status == "expiring", c.Status == wallet.ReissueStatus:
		return c.Status
	case c.Status != "valid" || c.Reusable:
		return ""
	case c.Copies == 1:
		return "last"
	case c.Copies == 0:
		return "used"
	}
	return ""
}

func (a *App) notice(c wallet.Card, kind, upkeep string) Notice {
	_, line := a.statusWords(c)
	n := Notice{Card: c.ID, Kind: kind, Calm: kind == "renewed" || kind == "expired", key: kind + "/" + c.ID}
	if kind == "expiring" {
		n.key += "/" + c.Expires.Format(time.DateOnly)
	}
	text := kind
	switch kind {
	case "last", "used", "expiring", "expired", wallet.ReissueStatus:
		// Only who has the right to new copies, and was not refused, can get them here.
		if c.Renewable && (upkeep == "" || upkeep == "ok" || upkeep == string(wallet.Network) || upkeep == string(wallet.UserDeclined)) {
			text += ".here"
		}
	}
	n.Head = a.Text("wallet.notice."+kind+".head", "card", c.Name)
	n.Text = a.Text("wallet.notice."+text+".text", "card", c.Name, "issuer", c.Issuer, "line", line)
	return n
}

// renewed tells of the cards that the wallet has renewed by itself of late, the last time of each.
func (a *App) renewed(cards []wallet.Card, entries []wallet.Entry) []Notice {
	var out []Notice
	told := map[string]bool{}
	for _, e := range entries {
		if a.deps.Now().Sub(e.Time) > renewedFor {
			break
		}
		i := slices.IndexFunc(cards, func(c wallet.Card) bool { return slices.Contains(e.Cards, c.ID) })
		if e.Kind != "renewed" || !e.Auto || i < 0 || told[cards[i].ID] {
			continue
		}
		told[cards[i].ID] = true
		n := a.notice(cards[i], "renewed", "")
		n.key += "/" + e.ID
		n.Text = a.Text("wallet.notice.renewed.text", "when", a.near(e.Time))
		out = append(out, n)
	}
	return out
}
