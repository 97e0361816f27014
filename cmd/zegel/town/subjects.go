package town

import "github.com/zegel-id/zegel/issuer"

// subjects are made up; no such people live anywhere.
var subjects = []issuer.Subject{
	person("voorbeeld-1", "Saar", "Proefpersoon", "1984-05-17"),
	person("voorbeeld-2", "Joris", "Voorbeeldman", "1951-11-02"),
	person("voorbeeld-3", "Noor", "Testkind", "2012-03-09"),
	person("voorbeeld-4", "Amir", "Proefburger", "2003-08-28"),
	person("voorbeeld-5", "Lies", "Van der Voorbeeld", "1946-01-30"),
}

func person(id, given, family, birthdate string) issuer.Subject {
	return issuer.Subject{ID: id, Claims: map[string]any{
		"given_name":  given,
		"family_name": family,
		"birthdate":   birthdate,
		"address":     map[string]any{"locality": "Voorbeeldstad"},
	}}
}
