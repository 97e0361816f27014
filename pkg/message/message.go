// Package message holds the texts that people read, in Dutch (level B1) and English, for pages, command line and wallet.
//
// Start with [Text]. Keys are words with dots, as "counter.picker.title".
//
// It deliberately leaves out any toolkit.
package message

import (
	"fmt"
	"maps"
	"strings"
)

// Languages in use; Dutch comes first.
var Languages = []string{"nl", "en"}

// WalletLanguages are those a person can choose in the wallet. Frisian has its main texts only; the others are Dutch.
var WalletLanguages = []string{"nl", "en", "fy"}

// text is one text in each of [Languages].
type text struct{ nl, en string }

func (t text) in(lang string) string {
	if lang == "en" {
		return t.en
	}
	return t.nl
}

// texts is all of them; each area has a file of its own.
var texts = merge(officeTexts, counterTexts, deskTexts, categoryTexts, registryTexts, walletTexts, activityTexts, walletStartTexts, shareTexts)

func merge(areas ...map[string]text) map[string]text {
	all := map[string]text{}
	for _, a := range areas {
		n := len(all) + len(a)
		if maps.Copy(all, a); len(all) != n {
			panic("message: internal error: a key stands in two areas")
		}
	}
	return all
}

// Text returns the text for a key with {name} placeholders filled from pairs (name, value, …). An unknown language falls back to Dutch; an
// unknown key is returned as it is (a test finds those).
func Text(lang, key string, pairs ...any) string {
	t, ok := texts[key]
	if !ok {
		return key
	}
	if f, ok := frisian[key]; ok && lang == "fy" {
		return Fill(f, pairs...)
	}
	return Fill(t.in(lang), pairs...)
}

// Has reports whether there is a text for the key.
func Has(key string) bool { _, ok := texts[key]; return ok }

// Count returns the text key+".one" or key+".other" for n, which is filled in as {n}.
func Count(lang string, n int, key string, pairs ...any) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return Text(lang, key+form, append([]any{"n", n}, pairs...)...)
}

// Fill replaces {name} placeholders. A value is never searched for placeholders.
func Fill(s string, pairs ...any) string {
	if len(pairs) < 2 {
		return s
	}
	replace := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		replace = append(replace, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(replace...).Replace(s)
}
