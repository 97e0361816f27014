package vm

import (
	"strings"

	"github.com/zegel-id/zegel/wallet"
)

type linkKind int

const (
	linkNone linkKind = iota
	linkOffer
	linkRequest
	linkReturn // of the browser, to what the wallet asked
)

// schemes of links that the wallet answers: OpenID4VCI 1.0, OpenID4VP 1.0 and HAIP 1.0.
var schemes = map[string]linkKind{
	"openid-credential-offer": linkOffer, "haip-vci": linkOffer,
	"openid4vp": linkRequest, "haip-vp": linkRequest,
}

// maxLink bounds what is looked at.
const maxLink = 16 << 10

// findLink finds the first link of ours in a text that people pasted.
func findLink(text string) (string, linkKind) {
	if len(text) > maxLink {
		text = text[:maxLink]
	}
	for _, word := range strings.Fields(text) {
		word = strings.Trim(word, "<>\"'()")
		if scheme, _, ok := strings.Cut(word, ":"); ok && strings.EqualFold(scheme, wallet.CallbackScheme) {
			return wallet.CallbackScheme + word[len(scheme):], linkReturn
		}
		scheme, _, ok := strings.Cut(word, "://")
		if kind := schemes[strings.ToLower(scheme)]; ok && kind != linkNone {
			return word, kind
		}
	}
	return "", linkNone
}

// ageOf finds the age in the path of a predicate: age_equal_or_over.18, age_over_18.
func ageOf(path string) (string, bool) {
	for _, prefix := range []string{"age_equal_or_over.", "age_over_"} {
		if age, ok := strings.CutPrefix(path, prefix); ok && age != "" && strings.Trim(age, "0123456789") == "" {
			return age, true
		}
	}
	return "", false
}

// sameFamily says whether a fact is a predicate of a kind of which another one is shared: it follows or says nothing.
func sameFamily(path string, shared map[string]bool) bool {
	if _, is := ageOf(path); !is {
		return false
	}
	for s := range shared {
		if _, too := ageOf(s); too {
			return true
		}
	}
	return false
}
