package vm

import (
	"testing"

	"github.com/zegel-id/zegel/wallet"
)

// A smaller answer is offered only if every set that must be answered has a way within the purpose.
func TestSmaller(t *testing.T) {
	option := func(id, label string, extra bool) wallet.Option {
		return wallet.Option{ID: id, Answers: []wallet.Answer{{Query: id, Cards: []wallet.Match{{
			Card: wallet.Card{ID: "card", Name: "Kaart"}, Claims: []wallet.Claim{{Path: label, Label: label, Value: "x", Extra: extra}}}}}}}
	}
	wide, small, more := option("1.1", "geboortedatum", true), option("1.2", "leeftijd", false), option("2.1", "adres", true)
	for name, c := range map[string]struct {
		extra []string
		sets  []wallet.Set
		want  string // option
	}{
		"another way":         {[]string{"geboortedatum"}, []wallet.Set{{Required: true, Options: []wallet.Option{wide, small}}}, "1.2"},
		"no other way":        {[]string{"geboortedatum"}, []wallet.Set{{Required: true, Options: []wallet.Option{wide}}}, ""},
		"optional left out":   {[]string{"adres"}, []wallet.Set{{Required: true, Options: []wallet.Option{small}}, {Options: []wallet.Option{more}}}, "1.2"},
		"only optional":       {[]string{"adres"}, []wallet.Set{{Options: []wallet.Option{more}}}, ""},
		"nothing is too much": {nil, []wallet.Set{{Required: true, Options: []wallet.Option{small}}}, ""},
	} {
		s := &Share{app: &App{}, Extra: c.extra, d: &wallet.Disclosure{Extra: c.extra, Sets: c.sets}}
		switch got := s.smaller(); {
		case c.want == "" && got != nil:
			t.Errorf("%s: offers %v", name, got.Facts)
		case c.want != "" && (got == nil || len(got.choice.Options) != 1 || got.choice.Options[0] != c.want || len(got.Facts) != 1):
			t.Errorf("%s: %+v", name, got)
		}
	}
}
