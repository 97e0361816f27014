package registry

import (
	"iter"
	"maps"
	"strings"
)

func values(m map[string]string) iter.Seq[string] { return maps.Values(m) }

// personal says what in a free text looks like personal data, or "". It knows numbers that could be a citizen service
// number and e-mail addresses. It does not know names: what people write is for people to check.
//
// It is part of consensus, so it uses no table of characters that a newer Go could change.
func personal(s string) string {
	runes := []rune(s)
	for i, r := range runes {
		switch {
		case r >= '０' && r <= '９':
			runes[i] = r - '０' + '0'
		case r == '＠':
			runes[i] = '@'
		case r == '．':
			runes[i] = '.'
		case r == 0xad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2064, r == 0xfeff:
			return "hidden characters"
		}
	}
	if holdsEmail(string(runes)) {
		return "an e-mail address"
	}
	if holdsBSN(runes) {
		return "a citizen service number"
	}
	return ""
}

// holdsBSN looks for nine digits that pass the eleven test, in one run or written in groups.
func holdsBSN(text []rune) bool {
	digit := func(i int) bool { return i < len(text) && text[i] >= '0' && text[i] <= '9' }
	for i := 0; i < len(text); i++ {
		var run, grouped []int
		for digit(i) || (len(run) > 0 && i < len(text) && strings.ContainsRune(" .-/\u00a0\u202f", text[i]) && digit(i+1)) {
			if !digit(i) {
				if elevenTest(run) {
					return true
				}
				run = run[:0]
				i++
			}
			run = append(run, int(text[i]-'0'))
			grouped = append(grouped, int(text[i]-'0'))
			i++
		}
		if elevenTest(run) || elevenTest(grouped) {
			return true
		}
	}
	return false
}

// elevenTest is the check that every citizen service number passes.
func elevenTest(d []int) bool {
	if len(d) != 9 {
		return false
	}
	sum, any := -d[8], d[8]
	for i, n := range d[:8] {
		sum += (9 - i) * n
		any |= n
	}
	return any != 0 && sum%11 == 0
}

// holdsEmail looks for something@something.something.
func holdsEmail(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	part := func(c byte) bool { return strings.IndexByte(allowed, c) >= 0 || c >= 0x80 }
	for i := 1; i < len(s)-1; i++ {
		if s[i] != '@' || !(part(s[i-1]) || strings.IndexByte("._%+-\"", s[i-1]) >= 0) {
			continue
		}
		domain := s[i+1:]
		end := 0
		for end < len(domain) && (part(domain[end]) || domain[end] == '-' || domain[end] == '.') {
			end++
		}
		if dot := strings.IndexByte(domain[:end], '.'); dot > 0 && dot < end-1 {
			return true
		}
	}
	return false
}
