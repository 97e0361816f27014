package vm

import (
	"time"

	"github.com/zegel-id/zegel/pkg/message"
)

// date is a day as people write it: "14 mei 2028".
func (a *App) date(t time.Time) string { return message.Date(a.Lang(), message.Local(t)) }

// clock is a time of day as people write it: "10.42 uur", "10:42".
func (a *App) clock(t time.Time) string { return message.Clock(a.Lang(), message.Local(t)) }

// moment is a date with a time: "vandaag, 10.42 uur", "14 mei 2028, 9.05 uur".
func (a *App) moment(t time.Time) string { return a.near(t) + ", " + a.clock(t) }

// near is a day in the middle of a sentence: "vandaag", "gisteren", or its date.
func (a *App) near(t time.Time) string {
	switch a.deps.daysAgo(t) {
	case 0:
		return a.Text("wallet.today.in")
	case 1:
		return a.Text("wallet.yesterday.in")
	}
	return a.date(t)
}

// daysAgo counts midnights, in the time zone of the Netherlands, between a moment and now; negative in the future.
func (d Deps) daysAgo(t time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, n := message.Local(t).Date()
		return time.Date(y, m, n, 0, 0, 0, 0, time.UTC)
	}
	return int(day(d.Now()).Sub(day(t)) / (24 * time.Hour))
}

// parseDay reads a day as cards write it (ISO 8601).
func parseDay(s string) (time.Time, error) {
	return time.ParseInLocation(time.DateOnly, s, message.Local(time.Time{}).Location())
}
