package wallet

import (
	"testing"

	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// The list names a card as the card itself does, in every language.
func TestListedNames(t *testing.T) {
	for _, names := range [][]openid4vci.Display{
		nil, {{Name: "", Locale: "nl"}}, {{Name: "Bewijs"}}, {{Name: "", Locale: "nl"}, {Name: "Proof\u202e of\nresidence", Locale: "en-GB"}},
		{{Name: "Bewijs", Locale: "nl-NL"}, {Name: "Proof", Locale: "en"}, {Name: "Tweede", Locale: "nl"}}, {{Name: "Erste", Locale: "de"}, {Name: "Bewijs", Locale: "NL"}},
	} {
		r := &cardRecord{Type: "urn:example:card", Names: names}
		for _, lang := range []string{"nl", "en", "de", "fy", ""} {
			l := r.listed()
			if got, want := l.card(lang, noon).Name, displayName(names, lang, r.Type); got != want {
				t.Errorf("%q of %+v: %q, want %q", lang, names, got, want)
			}
		}
	}
}
