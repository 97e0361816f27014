package web

import (
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
)

// Limits of a log line.
const (
	maxLogLine  = 8 << 10
	maxLogValue = 1 << 10
)

// NewLogHandler writes logs as JSON, one event a line. What comes from outside cannot break or colour a line, or make
// it longer than 8 KiB.
func NewLogHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewJSONHandler(lineWriter{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch v := a.Value; v.Kind() {
		case slog.KindString:
			a.Value = slog.StringValue(plain(v.String()))
		case slog.KindAny:
			if err, ok := v.Any().(error); ok {
				a.Value = slog.StringValue(plain(err.Error()))
			}
		}
		return a
	}})
}

// plain caps a text and spells out what a terminal or a viewer would act on. The JSON encoder does that for the
// controls of ASCII only.
func plain(s string) string {
	cut := len(s) > maxLogValue
	if cut {
		s = s[:maxLogValue]
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	if strings.ContainsFunc(s, acted) {
		var b strings.Builder
		for _, r := range s {
			if acted(r) {
				b.WriteString(`\u{` + strconv.FormatInt(int64(r), 16) + `}`)
			} else {
				b.WriteRune(r)
			}
		}
		s = b.String()
	}
	if cut {
		s += "…"
	}
	return s
}

func acted(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// lineWriter gets one whole line with each call, and replaces a long one by its beginning.
type lineWriter struct{ w io.Writer }

func (l lineWriter) Write(line []byte) (int, error) {
	if len(line) <= maxLogLine {
		return l.w.Write(line)
	}
	short, err := json.Marshal(map[string]string{"level": "WARN", "msg": "line cut", "line": strings.ToValidUTF8(string(line[:maxLogLine/4]), "\ufffd")})
	if err != nil {
		return 0, err
	}
	if _, err := l.w.Write(append(short, '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}
