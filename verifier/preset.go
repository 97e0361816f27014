package verifier

import (
	"encoding/json"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Types of cards that the presets take: our own, and the personal identification data of the European and the Dutch
// wallet.
const personType = "urn:zegel:personal-data:1"

var pidTypes = []string{"urn:eudi:pid:1", "urn:eudi:pid:nl:1"}

// Preset is a fixed question of the counter, and what the register must say for it.
type Preset struct {
	Name       string
	Title      trust.Text
	Purpose    trust.Text
	LegalBasis string
	Query      *openid4vp.DCQLQuery
}

// publicTask is the basis of all three: a municipality checks a fact for a task that the law gives it.
const publicTask = "AVG artikel 6, eerste lid, onder e (taak van algemeen belang)"

// Presets returns the fixed questions of a tenant.
func Presets(t Tenant) []Preset {
	yes, locality := raw(true), raw(t.locality())
	return []Preset{
		{
			Name:       "over-18",
			Title:      trust.Text{"nl": "18 jaar of ouder", "en": "18 or older"},
			Purpose:    trust.Text{"nl": "Nagaan of u 18 jaar of ouder bent.", "en": "To check that you are 18 or older."},
			LegalBasis: publicTask,
			Query: either(
				openid4vp.CredentialQuery{Claims: []openid4vp.ClaimQuery{
					{Path: sdjwt.Path{"age_equal_or_over", "18"}, Values: yes},
				}},
				openid4vp.CredentialQuery{
					Claims: []openid4vp.ClaimQuery{
						{ID: "nested", Path: sdjwt.Path{"age_equal_or_over", "18"}, Values: yes},
						{ID: "flat", Path: sdjwt.Path{"age_over_18"}, Values: yes},
					},
					ClaimSets: [][]string{{"nested"}, {"flat"}},
				}),
		},
		{
			Name:       "resident",
			Title:      trust.Text{"nl": "Inwoner van " + t.locality(), "en": "Resident of " + t.locality()},
			Purpose:    trust.Text{"nl": "Nagaan of u in " + t.locality() + " woont.", "en": "To check that you live in " + t.locality() + "."},
			LegalBasis: publicTask,
			Query: both([]openid4vp.ClaimQuery{
				{Path: sdjwt.Path{"address", "locality"}, Values: locality},
			}),
		},
		{
			Name:       "name-and-birthdate",
			Title:      trust.Text{"nl": "Naam en geboortedatum", "en": "Name and date of birth"},
			Purpose:    trust.Text{"nl": "Uw naam en geboortedatum overnemen voor uw aanvraag.", "en": "To take over your name and date of birth for your application."},
			LegalBasis: publicTask,
			Query: both([]openid4vp.ClaimQuery{
				{Path: sdjwt.Path{"given_name"}},
				{Path: sdjwt.Path{"family_name"}},
				{Path: sdjwt.Path{"birthdate"}},
			}),
		},
	}
}

// either asks our own card, or else a PID.
func either(own, pid openid4vp.CredentialQuery) *openid4vp.DCQLQuery {
	own.ID, own.Format, own.Meta.VCTValues = "card", openid4vp.FormatSDJWT, []string{personType}
	pid.ID, pid.Format, pid.Meta.VCTValues = "pid", openid4vp.FormatSDJWT, pidTypes
	return &openid4vp.DCQLQuery{
		Credentials:    []openid4vp.CredentialQuery{own, pid},
		CredentialSets: []openid4vp.CredentialSet{{Options: [][]string{{"card"}, {"pid"}}}},
	}
}

// both asks the same claims of either card.
func both(claims []openid4vp.ClaimQuery) *openid4vp.DCQLQuery {
	return either(openid4vp.CredentialQuery{Claims: claims}, openid4vp.CredentialQuery{Claims: claims})
}

func raw(v any) []json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("verifier: internal error: " + err.Error())
	}
	return []json.RawMessage{b}
}

// locality is the tenant's place name as it stands in an address.
func (t *Tenant) locality() string {
	if t.Locality != "" {
		return t.Locality
	}
	return strings.TrimPrefix(t.Name, "Gemeente ")
}

// PresetAccreditations returns what the register has to say so that a tenant may ask its presets. Name, validity, who
// granted it, and for how long outcomes are kept are left to those who write it there.
func PresetAccreditations(t Tenant) []trust.Accreditation {
	var all []trust.Accreditation
	for _, p := range Presets(t) {
		a := trust.Accreditation{
			ID:         p.Name,
			Subject:    did.DID(t.DID),
			Use:        trust.Ask,
			Types:      append([]string{personType}, pidTypes...),
			Purpose:    p.Purpose,
			LegalBasis: p.LegalBasis,
			PassedOn:   trust.Text{"nl": "Nee, aan niemand", "en": "No, to nobody"},
		}
		seen := map[string]bool{}
		for _, q := range p.Query.Questions() {
			if key := q.Path.String(); !seen[key] {
				seen[key] = true
				a.Claims = append(a.Claims, q.Path)
			}
		}
		all = append(all, a)
	}
	return all
}

// preset returns the tenant's preset with this name, nil if there is none.
func (t *tenant) preset(name string) *Preset {
	for i := range t.presets {
		if t.presets[i].Name == name {
			return &t.presets[i]
		}
	}
	return nil
}
