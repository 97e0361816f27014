package trust

import (
	"crypto/x509"
	"strings"
	"unicode"
)

// maxName is how many characters of a name are shown.
const maxName = 100

// Safe returns a name that can be put on a screen: control, format and direction characters removed, every kind of space
// made one plain space, at most 100 characters. What a name claims to be is not judged.
func Safe(name string) string {
	var b strings.Builder
	space, n := false, 0
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		// Not printable are control characters, bidi overrides and isolates, joiners, tags and the byte order mark.
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar ||
			unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			continue
		}
		if space {
			if n+2 > maxName {
				break
			}
			b.WriteByte(' ')
			n, space = n+1, false
		}
		if n == maxName {
			break
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// subjectName is how a foreign party is called: by the organisation in its leaf, else by the common name.
func subjectName(leaf *x509.Certificate) string {
	names := append(append([]string{}, leaf.Subject.Organization...), leaf.Subject.CommonName)
	names = append(names, leaf.DNSNames...)
	names = append(names, leaf.Subject.String())
	for _, n := range names {
		if s := Safe(n); s != "" {
			return s
		}
	}
	return "?"
}
