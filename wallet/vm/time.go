package vm

import (
	"time"

	"github.com/zegel-id/zegel/pkg/message"
)

// date is a day as people write it: "14 mei 2028".
func (a *App) date(t time.Time) string { return message.Date(a.Lang(), message.Local(t)) }

// clock is a time of day as people write it: "10.42 uur", "10:42".
func (a *App) clock(t time.Time) string { return message.Clock(a.Lang(), message.Local(t)) }

// moment is a date with a time.
func (a *App) moment(t time.Time) string { return a.date(t) + ", " + a.clock(t) }

// parseDay reads a day as cards write it (ISO 8601).
func parseDay(s string) (time.Time, error) {
	return time.ParseInLocation(time.DateOnly, s, message.Local(time.Time{}).Location())
}
