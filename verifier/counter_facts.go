package verifier

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
)

// fact is one received claim in words.
type fact struct{ Name, Value string }

// claimKeys names the claims that we have words for; others are shown under their own names.
var claimKeys = map[string]string{
	"age_equal_or_over 18": "claim.over-18", "age_over_18": "claim.over-18",
	"given_name": "claim.given_name", "family_name": "claim.family_name",
	"birthdate": "claim.birthdate", "address locality": "claim.locality",
}

// maxFacts bounds what a wallet can put on the screen.
const maxFacts = 40

// factsOf lists what was received. Everything in it came from outside: it is text, and nothing else.
func factsOf(claims json.RawMessage, lang string) []fact {
	var byQuery map[string]any
	if err := json.Unmarshal(claims, &byQuery); err != nil {
		return nil
	}
	var facts []fact
	var walk func(path []string, v any)
	walk = func(path []string, v any) {
		if len(facts) >= maxFacts {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range sortedKeys(v) {
				walk(append(slices.Clone(path), name), v[name])
			}
		case []any:
			for _, item := range v {
				walk(path, item)
			}
		default:
			facts = append(facts, fact{claimName(path, lang), claimValue(v, lang)})
		}
	}
	for _, id := range sortedKeys(byQuery) {
		walk(nil, byQuery[id])
	}
	return facts
}

// sortedKeys puts the names we know first, in the order in which people say them.
func sortedKeys(m map[string]any) []string {
	order := []string{"given_name", "family_name", "birthdate"}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	rank := func(k string) int {
		if i := slices.Index(order, k); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}

func claimName(path []string, lang string) string {
	if key, ok := claimKeys[strings.Join(path, " ")]; ok {
		return message.Text(lang, key)
	}
	return short(strings.Join(path, " "), 80)
}

func claimValue(v any, lang string) string {
	switch v := v.(type) {
	case bool:
		if v {
			return message.Text(lang, "claim.yes")
		}
		return message.Text(lang, "claim.no")
	case string:
		if t, err := time.Parse(time.DateOnly, v); err == nil {
			return message.Date(lang, t)
		}
		return short(v, 300)
	case nil:
		return "–"
	}
	return short(fmt.Sprint(v), 300)
}

// short cuts a text from outside and takes out what could reorder or break the line around it.
func short(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c':
			return -1
		}
		return r
	}, s)
	runes := []rune(s)
	if len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return s
}

// historyRow is a session in the history: outcome only.
type historyRow struct {
	Time, Day, Question, Staff string
	Pill                       office.Pill
}

// share is a part of the bar above the history.
type share struct {
	Tone     string
	X, Width int
}

const (
	historyRows  = 100
	historyPages = 10 // of 200, to count today
)

func (c *counter) history(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	now := message.Local(c.v.now())
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	var rows []historyRow
	counts := map[string]int{}
	today := 0
	before := time.Time{}
	for page := 0; page < historyPages; page++ {
		sessions, err := c.v.History(r.Context(), visit.Tenant.ID, before, 200)
		if err != nil {
			c.fail(w, r, visit, err)
			return
		}
		for i := range sessions {
			s := &sessions[i]
			pill := outcomePill(s, visit.Lang)
			if len(rows) < historyRows {
				row := historyRow{Time: strings.TrimSuffix(message.Clock(visit.Lang, message.Local(s.CreatedAt)), " uur"), Question: c.title(s, visit.Lang), Staff: s.Staff, Pill: pill}
				if s.CreatedAt.Before(midnight) {
					row.Day = message.Date(visit.Lang, message.Local(s.CreatedAt))
				}
				rows = append(rows, row)
			}
			if !s.CreatedAt.Before(midnight) {
				counts[pill.Tone]++
				today++
			}
			before = s.CreatedAt
		}
		if len(sessions) < 200 || before.Before(midnight) {
			break
		}
	}
	data := map[string]any{"Rows": rows, "Today": today, "Shares": shares(counts, today), "Newest": 0}
	if len(rows) == historyRows {
		data["Newest"] = historyRows
	}
	var pills []office.Pill
	for _, k := range []struct{ tone, icon, key string }{
		{"ok", "seal", "counter.history.good"}, {"stop", "revoked", "counter.history.bad"},
		{"warn", "unknown", "counter.history.unknown"}, {"none", "clock", "counter.history.none"},
	} {
		if n := counts[k.tone]; n > 0 {
			pills = append(pills, office.Pill{Tone: k.tone, Icon: k.icon, Text: visit.T(k.key, "n", n)})
		}
	}
	data["Pills"] = pills
	c.pages.Show(w, r, visit, office.Page{Name: "history", Title: visit.T("counter.history.title"), Active: "/counter/history", Data: data})
}

// shares divides a bar of 1000 with gaps of 5. Every part is wide enough to be seen.
func shares(counts map[string]int, all int) []share {
	var out []share
	x := 0
	for _, tone := range []string{"ok", "stop", "warn", "none"} {
		if n := counts[tone]; n > 0 {
			width := max(15, 1000*n/all)
			out = append(out, share{Tone: tone, X: x, Width: width - 5})
			x += width
		}
	}
	if len(out) > 0 { // what rounding left
		out[len(out)-1].Width = max(10, 1000-out[len(out)-1].X)
	}
	return out
}

// outcomePill says what came of a session.
func outcomePill(s *Session, lang string) office.Pill {
	switch {
	case s.State.Open():
		return office.Pill{Tone: "none", Icon: "clock", Text: message.Text(lang, "counter.history.state.live")}
	case s.Outcome == Accepted:
		return office.Pill{Tone: "ok", Icon: "seal", Text: message.Text(lang, "counter.green.word")}
	case s.Outcome == Undetermined:
		return office.Pill{Tone: "warn", Icon: "unknown", Text: message.Text(lang, "counter.amber.word")}
	case s.Outcome == Rejected:
		return office.Pill{Tone: "stop", Icon: "revoked", Text: message.Text(lang, categoryKey(s.Category)+"title")}
	case s.State == Refused:
		return office.Pill{Tone: "none", Icon: "stopped", Text: message.Text(lang, "category.declined.title")}
	case s.State == Expired:
		return office.Pill{Tone: "none", Icon: "clock", Text: message.Text(lang, "category.timed_out.title")}
	}
	return office.Pill{Tone: "none", Icon: "stopped", Text: message.Text(lang, "category.stopped.title")}
}
