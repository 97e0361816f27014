package wallet

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// ErrWeakSecret: the PIN or passphrase is too easy to guess; the message says why, without the secret.
var ErrWeakSecret = errors.New("secret too easy to guess")

// WeakError is [ErrWeakSecret] with the reason, for programs that say it in other words.
type WeakError struct {
	Reason string // keychain, digits, bits, repeat, row, same, date
	Bits   int    // about how strong a passphrase is
}

func (e *WeakError) Error() string {
	why := map[string]string{
		"keychain": fmt.Sprintf("this machine has no keychain, so a PIN is not enough; use a passphrase of at least %d bits (as five random words)", MinPassphraseBits),
		"digits":   fmt.Sprintf("a PIN has %d digits", pinLength),
		"bits":     fmt.Sprintf("passphrase of about %d bits, at least %d are needed", e.Bits, MinPassphraseBits),
		"repeat":   "the PIN repeats itself",
		"row":      "the PIN is a row of following digits",
		"same":     "the PIN is nearly one digit",
		"date":     "the PIN looks like a date",
	}[e.Reason]
	return ErrWeakSecret.Error() + ": " + why
}

// Unwrap returns [ErrWeakSecret].
func (e *WeakError) Unwrap() error { return ErrWeakSecret }

// PassphraseBits estimates how strong a passphrase is; [MinPassphraseBits] are enough.
func PassphraseBits(passphrase string) int { return passphraseBits(passphrase) }

// CheckSecret says whether [Create] would take a secret, with or without a keychain. Error: [*WeakError].
func CheckSecret(secret string, keychain, dev bool) error { return checkSecret(secret, keychain, dev) }

// MinPassphraseBits is the least estimated strength of a passphrase on a machine without a keychain.
const MinPassphraseBits = 60

const pinLength = 6

// checkSecret applies the rules for a new secret. A PIN has only a million values, so it is enough only together with
// a secret that an attacker with the files does not have, or where nothing real is kept.
func checkSecret(secret string, keychain, dev bool) error {
	if isPIN(secret) {
		if !keychain && !dev {
			return &WeakError{Reason: "keychain"}
		}
		return checkPIN(secret)
	}
	if digitsOnly(secret) {
		return &WeakError{Reason: "digits"}
	}
	if bits := passphraseBits(secret); bits < MinPassphraseBits {
		return &WeakError{Reason: "bits", Bits: bits}
	}
	return nil
}

func digitsOnly(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func isPIN(s string) bool { return len(s) == pinLength && digitsOnly(s) }

// checkPIN refuses the PINs that are tried first: repeats, runs, and dates as people write them.
func checkPIN(pin string) error {
	for _, n := range []int{1, 2, 3} {
		if strings.Repeat(pin[:n], pinLength/n) == pin {
			return &WeakError{Reason: "repeat"}
		}
	}
	if run := longestRun(pin); run >= 5 {
		return &WeakError{Reason: "row"}
	}
	if strings.Count(pin, pin[:1]) >= 5 || strings.Count(pin, pin[1:2]) >= 5 {
		return &WeakError{Reason: "same"}
	}
	for _, layout := range []string{"020106", "060102", "010206"} {
		if _, err := time.Parse(layout, pin); err == nil {
			return &WeakError{Reason: "date"}
		}
	}
	return nil
}

// longestRun returns the length of the longest row of characters that go up by one, go down by one or stay the same.
func longestRun(s string) int {
	best, run, step := 1, 1, 0
	for i := 1; i < len(s); i++ {
		d := int(s[i]) - int(s[i-1])
		switch {
		case run > 1 && d == step:
			run++
		case d >= -1 && d <= 1:
			run, step = 2, d
		default:
			run = 1
		}
		best = max(best, run)
	}
	return best
}

// common are words that attackers try first; each counts as one character.
var common = []string{
	"password", "passwort", "wachtwoord", "welkom", "welcome", "qwerty", "azerty", "letmein", "geheim", "secret", "admin",
	"zegel", "wallet", "portemonnee", "gemeente", "correct horse battery staple", "iloveyou", "zomer", "winter", "voorbeeld",
}

// passphraseBits estimates how hard a passphrase is to guess. It knows only length, kinds of characters, rows and a few
// common words: it cannot see that a sentence comes from a book, so it takes the lower of two readings, as characters
// and as words of a list of some 4,000.
func passphraseBits(s string) int {
	lower := strings.ToLower(s)
	for _, w := range common {
		lower = strings.ReplaceAll(lower, w, "\x00")
	}
	// The kinds of characters are taken from what was typed, their number from what is left without rows.
	var small, capital, digit, other bool
	for _, r := range s {
		switch {
		case unicode.IsLower(r):
			small = true
		case unicode.IsUpper(r):
			capital = true
		case unicode.IsDigit(r):
			digit = true
		case r != ' ':
			other = true
		}
	}
	alphabet := 0.0
	for _, kind := range []struct {
		used bool
		n    float64
	}{{small, 26}, {capital, 26}, {digit, 10}, {other, 20}} {
		if kind.used {
			alphabet += kind.n
		}
	}
	if alphabet == 0 {
		return 0
	}
	runes := []rune(lower)
	length := 0
	for i, r := range runes {
		if r == ' ' {
			continue
		}
		if i > 0 {
			if d := r - runes[i-1]; d >= -1 && d <= 1 {
				continue // part of a row
			}
		}
		length++
	}
	bits := float64(length) * math.Log2(alphabet)

	words := map[string]bool{}
	for _, w := range strings.Fields(lower) {
		if len(w) > 2 {
			words[w] = true
		}
	}
	if len(words) > 1 && !digit && !other {
		bits = math.Min(bits, float64(len(words))*12)
	}
	return int(bits)
}
