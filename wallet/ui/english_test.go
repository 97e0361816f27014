package ui

import (
	"reflect"
	"regexp"
	"strings"
)

// What issuers, the register and calendars say on the screens of the gallery comes in the language of the wallet, as in
// life: they have names and dates in both. Names of organisations and people stay.
var (
	english = strings.NewReplacer(
		"U koopt een kaart voor een voorstelling vanaf 18 jaar.", "You buy a ticket for a show from 18 years on.",
		"U wilt helpen bij de verkiezingen. Dat mag vanaf 18 jaar.", "You want to help at the elections. That is allowed from 18 years on.",
		"Helpen bij de verkiezingen", "Helping at the elections",
		"Zwembadpas met een heel lange naam erop", "Swimming pool pass with a very long name on it",
		"Nee, aan niemand", "No, to nobody",
		"Straat en huisnummer", "Street and number",
		"Diploma Verpleegkunde", "Diploma in nursing",
		"Persoonsgegevens", "Personal data",
		"Parkeervergunning", "Parking permit",
		"Vrijwilligerspas", "Volunteer pass",
		"Bibliotheekpas", "Library card",
		"Zwembadpas", "Swimming pool pass",
		"Leespas", "Reading pass",
		"Woonadres", "Home address",
		"18 jaar of ouder", "18 or older",
		"Nationaliteiten", "Nationalities",
		"Telefoonnummer", "Phone number",
		"Geboorteplaats", "Place of birth",
		"Geboortedatum", "Date of birth", "geboortedatum", "date of birth",
		"Achternaam", "Last name", "Voornaam", "First name",
		"E-mailadres", "E-mail address",
		"Woonplaats", "Town", "Postcode", "Postal code",
		" januari ", " January ", " februari ", " February ", " maart ", " March ", " mei ", " May ", " juni ", " June ",
		" juli ", " July ", " augustus ", " August ", " oktober ", " October ", " november ", " November ", " december ", " December ",
	)
	dutchClock = regexp.MustCompile(`\b(\d{1,2})\.(\d\d)( uur)?\b`)
)

// inEnglish puts all that a screen holds into English.
func inEnglish(screen any) { translate(reflect.ValueOf(screen)) }

func translate(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			translate(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				translate(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			translate(v.Index(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(dutchClock.ReplaceAllStringFunc(english.Replace(v.String()), func(at string) string {
				hour, minute, _ := strings.Cut(strings.TrimSuffix(at, " uur"), ".")
				return strings.Repeat("0", 2-len(hour)) + hour + ":" + minute
			}))
		}
	}
}
