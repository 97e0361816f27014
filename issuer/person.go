package issuer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// PersonalData is the one configuration so far, and its credential type.
const (
	PersonalData    = "personal-data"
	PersonalDataVCT = "urn:zegel:personal-data:1"
)

// Ages that get a disclosure of their own, so that a citizen can show one of them and nothing else.
var ages = []int{12, 14, 16, 18, 21, 65}

// Validity of a card in days. Which of the days of the window it ends on is drawn for each copy.
const (
	validDays  = 365
	windowDays = 7
)

// person is the content of a personal-data credential.
type person struct {
	givenName  string
	familyName string
	birthdate  time.Time
	locality   string
}

const maxText = 200 // characters of a claim

// readPerson checks claims as the subjects file and the staff API give them. Its errors hold no claim values.
func readPerson(claims map[string]any) (*person, error) {
	var p person
	var birthdate string
	for name, value := range claims {
		var err error
		switch name {
		case "given_name":
			p.givenName, err = text(value)
		case "family_name":
			p.familyName, err = text(value)
		case "birthdate":
			birthdate, err = text(value)
		case "address":
			p.locality, err = locality(value)
		default:
			err = errors.New("no such claim")
		}
		if err != nil {
			return nil, fmt.Errorf("claim %.64q: %v", name, err)
		}
	}
	if p.givenName == "" || p.familyName == "" || birthdate == "" {
		return nil, errors.New("given_name, family_name and birthdate are needed")
	}
	var err error
	if p.birthdate, err = time.Parse(time.DateOnly, birthdate); err != nil || p.birthdate.Year() < 1800 {
		return nil, errors.New(`claim "birthdate": not a date as 2000-01-31`)
	}
	return &p, nil
}

func locality(value any) (string, error) {
	address, ok := value.(map[string]any)
	if !ok || len(address) != 1 || address["locality"] == nil {
		return "", errors.New("not an object with locality alone")
	}
	return text(address["locality"])
}

func text(value any) (string, error) {
	s, ok := value.(string)
	switch {
	case !ok || s == "" || strings.TrimSpace(s) != s:
		return "", errors.New("not a text")
	case utf8.RuneCountInString(s) > maxText || !utf8.ValidString(s):
		return "", errors.New("too long")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return "", errors.New("holds control characters")
	}
	return s, nil
}

// claims returns what goes into a copy that is issued on day.
func (p *person) claims(day time.Time) map[string]any {
	over := map[string]any{}
	for _, age := range ages {
		over[strconv.Itoa(age)] = sdjwt.Selective{Value: p.isAtLeast(age, day)}
	}
	claims := map[string]any{
		"given_name":        sdjwt.Selective{Value: p.givenName},
		"family_name":       sdjwt.Selective{Value: p.familyName},
		"birthdate":         sdjwt.Selective{Value: p.birthdate.Format(time.DateOnly)},
		"age_equal_or_over": over,
	}
	if p.locality != "" {
		claims["address"] = sdjwt.Selective{Value: map[string]any{"locality": sdjwt.Selective{Value: p.locality}}}
	}
	return claims
}

// isAtLeast counts whole years. Who was born on 29 February has a birthday on 1 March in other years.
func (p *person) isAtLeast(age int, day time.Time) bool {
	return !day.Before(time.Date(p.birthdate.Year()+age, p.birthdate.Month(), p.birthdate.Day(), 0, 0, 0, 0, time.UTC))
}

// day rounds to the UTC day, so that the time of issue tells nothing about whose card it is.
func day(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// expiry draws the day on which a copy ends. It is never a birthday: a date in plain sight must not tell one. Each copy
// draws its own, so that the day does not show which copies belong together.
func (p *person) expiry(issued time.Time) (time.Time, error) {
	for {
		n, err := rand.Int(rand.Reader, big.NewInt(windowDays))
		if err != nil {
			return time.Time{}, err
		}
		end := issued.AddDate(0, 0, validDays+int(n.Int64()))
		leapling := p.birthdate.Month() == time.February && p.birthdate.Day() == 29 && end.Month() == time.March && end.Day() == 1
		if leapling || end.Month() == p.birthdate.Month() && end.Day() == p.birthdate.Day() {
			continue
		}
		return end, nil
	}
}

// lastExpiry is the latest day on which a copy that was issued on that day can end.
func lastExpiry(issued time.Time) time.Time { return issued.AddDate(0, 0, validDays+windowDays-1) }
