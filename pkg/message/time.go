package message

import (
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // servers and telephones may hold no zones
)

// zone is where the people are who read these texts; servers are mostly set to UTC.
var zone = netherlands()

func netherlands() *time.Location {
	l, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return time.Local // not with the zones above
	}
	return l
}

// Local returns a time as the clock in the Netherlands shows it, whatever the zone of the machine. What programs read is
// RFC 3339 and does not need it.
func Local(t time.Time) time.Time { return t.In(zone) }

var months = [12]text{
	{"januari", "January"}, {"februari", "February"}, {"maart", "March"}, {"april", "April"},
	{"mei", "May"}, {"juni", "June"}, {"juli", "July"}, {"augustus", "August"},
	{"september", "September"}, {"oktober", "October"}, {"november", "November"}, {"december", "December"},
}

// Month names a month as it stands within a sentence: "november".
func Month(lang string, m time.Month) string { return months[m-1].in(lang) }

var shortMonths = [12]text{
	{"jan", "Jan"}, {"feb", "Feb"}, {"mrt", "Mar"}, {"apr", "Apr"}, {"mei", "May"}, {"jun", "Jun"},
	{"jul", "Jul"}, {"aug", "Aug"}, {"sep", "Sep"}, {"okt", "Oct"}, {"nov", "Nov"}, {"dec", "Dec"},
}

// Day writes a day of a year that is known, as "18 nov".
func Day(lang string, t time.Time) string {
	return fmt.Sprintf("%d %s", t.Day(), shortMonths[t.Month()-1].in(lang))
}

// Date writes a day, as "14 mei 2028".
func Date(lang string, t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), months[t.Month()-1].in(lang), t.Year())
}

// Clock writes a time of the day, as "10.42 uur" or "10:42".
func Clock(lang string, t time.Time) string {
	if lang == "en" {
		return t.Format("15:04")
	}
	return fmt.Sprintf("%d.%02d uur", t.Hour(), t.Minute())
}

// ClockSeconds is [Clock] with seconds.
func ClockSeconds(lang string, t time.Time) string {
	if lang == "en" {
		return t.Format("15:04:05")
	}
	return fmt.Sprintf("%d.%02d.%02d uur", t.Hour(), t.Minute(), t.Second())
}

// Left writes a time that remains, as "4:12".
func Left(d time.Duration) string {
	s := int(max(0, d).Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Ago writes an age in words, as "2 minuten" or "1 hour and 42 minutes".
func Ago(lang string, d time.Duration) string {
	d = max(0, d)
	hours, minutes := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case d < time.Minute:
		return Count(lang, int(d/time.Second), "time.second")
	case hours == 0:
		return Count(lang, minutes, "time.minute")
	case hours >= 48:
		return Count(lang, hours/24, "time.day")
	case minutes == 0:
		return Count(lang, hours, "time.hour")
	}
	return Text(lang, "time.and", "a", Count(lang, hours, "time.hour"), "b", Count(lang, minutes, "time.minute"))
}

// Number writes a whole number with its thousands apart; a zero is empty.
func Number(lang string, n int64) string {
	if n == 0 {
		return ""
	}
	digits, sep := strconv.FormatInt(n, 10), byte('.')
	if lang == "en" {
		sep = ','
	}
	var b []byte
	for i := range len(digits) {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b = append(b, sep)
		}
		b = append(b, digits[i])
	}
	return string(b)
}
