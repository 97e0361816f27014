package trust

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "  a  b ": "a b", "a\r\nb": "a b", "’s-Hertogenbosch & Zn. (ABC)": "’s-Hertogenbosch & Zn. (ABC)",
		"\xff\xfea": "a", "Škofja Loka": "Škofja Loka", "a\u2028b\u00a0c": "a b c", "\ufeffa\u200d\u200e": "a", "a\ufe0f": "a", "\u3164": "",
		strings.Repeat("é", 200): strings.Repeat("é", 100),
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"Gemeente", "a\u202eb", "\x1b[0m", strings.Repeat("é ", 99)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxName || strings.ContainsAny(got, "\n\r\t\x00\u202e\u2066") {
			t.Errorf("%q gives %q", s, got)
		}
		if Safe(got) != got {
			t.Errorf("%q changes again to %q", got, Safe(got))
		}
	})
}

func TestTextIn(t *testing.T) {
	text := Text{"nl": "leeftijd", "en": "age"}
	for lang, want := range map[string]string{"en": "age", "nl": "leeftijd", "fr": "leeftijd", "": "leeftijd"} {
		if got := text.In(lang); got != want {
			t.Errorf("In(%q) = %q", lang, got)
		}
	}
	if got := (Text{"en": "age", "de": "Alter"}).In("nl"); got != "Alter" {
		t.Errorf("%q", got)
	}
	if got := (Text)(nil).In("nl"); got != "" {
		t.Errorf("%q", got)
	}
}
