package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// names of claims and types in both languages.
func names(nl, en string) []openid4vci.Display {
	return []openid4vci.Display{{Name: nl, Locale: "nl-NL"}, {Name: en, Locale: "en"}}
}

// claimNames are the claims of personal-data in the order in which people read them.
func claimNames() []openid4vci.ClaimMetadata {
	claim := func(mandatory bool, nl, en string, path ...string) openid4vci.ClaimMetadata {
		raw, err := json.Marshal(path)
		if err != nil {
			panic("issuer: internal error: " + err.Error())
		}
		return openid4vci.ClaimMetadata{Path: raw, Mandatory: mandatory, Display: names(nl, en)}
	}
	all := []openid4vci.ClaimMetadata{
		claim(true, "Voornaam", "Given name", "given_name"),
		claim(true, "Achternaam", "Family name", "family_name"),
		claim(true, "Geboortedatum", "Date of birth", "birthdate"),
		claim(false, "Adres", "Address", "address"),
		claim(false, "Woonplaats", "Place of residence", "address", "locality"),
		claim(true, "Leeftijd", "Age", "age_equal_or_over"),
	}
	for _, age := range ages {
		n := strconv.Itoa(age)
		all = append(all, claim(true, n+" jaar of ouder", n+" or over", "age_equal_or_over", n))
	}
	return all
}

// displays are the texts and the face of the card.
func (t *tenant) displays() []openid4vci.Display {
	display := names("Persoonsgegevens", "Personal data")
	display[0].Description = "Uw naam, geboortedatum, woonplaats en leeftijd, van uw gemeente."
	display[1].Description = "Your name, date of birth, place of residence and age, from your municipality."
	for n := range display {
		display[n].BackgroundColor, display[n].TextColor, display[n].Logo = t.face.BackgroundColor, t.face.TextColor, t.face.Logo
	}
	return display
}

// describe returns the metadata without what is stapled to it.
func (t *tenant) describe() *openid4vci.IssuerMetadata {
	algs := []string{"ES256"}
	return &openid4vci.IssuerMetadata{
		CredentialIssuer:     t.base,
		CredentialEndpoint:   t.base + "/credential",
		NonceEndpoint:        t.base + "/nonce",
		NotificationEndpoint: t.base + "/notification",
		Batch:                &openid4vci.Batch{Size: t.BatchSize},
		Display:              []openid4vci.Display{{Name: t.Name, Locale: "nl-NL"}, {Name: t.Name, Locale: "en"}},
		Configurations: map[string]openid4vci.Configuration{PersonalData: {
			Format:         openid4vci.FormatSDJWT,
			VCT:            PersonalDataVCT,
			Scope:          PersonalData,
			BindingMethods: []string{"jwk"},
			SigningAlgs:    algs,
			ProofTypes:     map[string]openid4vci.ProofType{"jwt": {SigningAlgs: algs}},
			Metadata:       &openid4vci.CredentialMetadata{Display: t.displays(), Claims: claimNames()},
		}},
	}
}

// Signed metadata counts for a day and is made anew each hour.
const (
	signedLife  = 24 * time.Hour
	signedFresh = time.Hour
)

// metadataCache keeps what costs a signature or a proof.
type metadataCache struct {
	mu       sync.Mutex
	signed   string
	signedAt time.Time
	registry string
	height   int64
}

// signedMetadata returns the metadata as a JWT of Section 12.2.3, which says who runs this issuer.
func (i *Issuer) signedMetadata(t *tenant) (string, error) {
	now := i.now()
	t.metadata.mu.Lock()
	defer t.metadata.mu.Unlock()
	if age := now.Sub(t.metadata.signedAt); t.metadata.signed != "" && age >= 0 && age < signedFresh {
		return t.metadata.signed, nil
	}
	payload, err := json.Marshal(struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
		*openid4vci.IssuerMetadata
	}{string(t.did), t.base, now.Unix(), now.Add(signedLife).Unix(), t.describe()})
	if err != nil {
		return "", err
	}
	signed, err := jose.SignJWS(t.signer, jose.Header{Type: openid4vci.TypeSignedMetadata, X5C: t.chain}, payload)
	if err != nil {
		return "", err
	}
	t.metadata.signed, t.metadata.signedAt = signed, now
	return signed, nil
}

// registryProof returns the stapled proof of who this issuer is and what it may issue, made once for each header. When no
// newer one can be had the last one goes on, and the wallet judges its age.
func (i *Issuer) registryProof(ctx context.Context, t *tenant) string {
	height := i.ledger.State().Height
	t.metadata.mu.Lock()
	last, at := t.metadata.registry, t.metadata.height
	t.metadata.mu.Unlock()
	if last != "" && at == height {
		return last
	}
	raw, err := i.ledger.Bundle(ctx, ledger.KeyDID(t.did), ledger.KeyAccreditations(t.did), ledger.KeyAnchors())
	if err != nil {
		i.log.Warn("no registry proof for the metadata", "tenant", t.ID, "error", err)
		return last
	}
	proof := base64.RawURLEncoding.EncodeToString(raw)
	t.metadata.mu.Lock()
	defer t.metadata.mu.Unlock()
	t.metadata.registry, t.metadata.height = proof, height
	return proof
}

func (i *Issuer) issuerMetadata(ctx context.Context, t *tenant) (*openid4vci.IssuerMetadata, error) {
	m := t.describe()
	var err error
	if m.Signed, err = i.signedMetadata(t); err != nil {
		return nil, fmt.Errorf("signed metadata: %v", err)
	}
	m.Registry = i.registryProof(ctx, t)
	return m, nil
}

func (t *tenant) authorizationMetadata() *openid4vci.AuthorizationMetadata {
	return &openid4vci.AuthorizationMetadata{
		Issuer:        t.base,
		TokenEndpoint: t.base + "/token",
		GrantTypes:    []string{openid4vci.GrantPreAuthorized, openid4vci.GrantCode, openid4vci.GrantRefresh},
		ResponseTypes: []string{oauth.ResponseTypeCode},
		AuthMethods:   []string{"none"},
		Anonymous:     true,
		DPoPAlgs:      []string{oauth.DPoPAlgorithm},

		AuthorizationEndpoint: t.base + "/authorize",
		PushEndpoint:          t.base + "/par",
		PushOnly:              true,
		Challenges:            []string{oauth.ChallengeS256},
		Names:                 true,
		Scopes:                []string{PersonalData},
	}
}

// jwtIssuerMetadata is of SD-JWT VC, "JWT VC Issuer Metadata".
func (t *tenant) jwtIssuerMetadata() any {
	return map[string]any{"issuer": t.base, "jwks": jose.JWKSet{Keys: []jose.JWK{{Key: &t.signer.PublicKey, Algorithm: "ES256", Use: "sig"}}}}
}

// typeMetadata is of SD-JWT VC, "SD-JWT VC Type Metadata".
func (t *tenant) typeMetadata() any {
	type claim struct {
		Path      json.RawMessage  `json:"path"`
		Display   []map[string]any `json:"display"`
		Mandatory bool             `json:"mandatory,omitempty"`
		SD        string           `json:"sd"`
	}
	var claims []claim
	for _, c := range claimNames() {
		out := claim{Path: c.Path, Mandatory: c.Mandatory, SD: "always"}
		if string(c.Path) == `["age_equal_or_over"]` {
			out.SD = "never" // only what is in it
		}
		for _, d := range c.Display {
			out.Display = append(out.Display, map[string]any{"locale": d.Locale, "label": d.Name})
		}
		claims = append(claims, out)
	}
	var display []map[string]any
	for _, d := range t.displays() {
		one := map[string]any{"locale": d.Locale, "name": d.Name, "description": d.Description}
		if simple := simpleRendering(d); simple != nil {
			one["rendering"] = map[string]any{"simple": simple}
		}
		display = append(display, one)
	}
	return map[string]any{"vct": PersonalDataVCT, "name": "Personal data", "display": display, "claims": claims}
}

// simpleRendering is the face of a card in type metadata ("Rendering Method simple"); nil if there is nothing to say.
func simpleRendering(d openid4vci.Display) map[string]any {
	simple := map[string]any{}
	if d.BackgroundColor != "" {
		simple["background_color"], simple["text_color"] = d.BackgroundColor, d.TextColor
	}
	if d.Logo != nil {
		logo := map[string]any{"uri": d.Logo.URI}
		if file, err := d.Logo.File(); err == nil {
			sum := sha256.Sum256(file)
			logo["uri#integrity"] = "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
		}
		if d.Logo.AltText != "" {
			logo["alt_text"] = d.Logo.AltText
		}
		simple["logo"] = logo
	}
	if len(simple) == 0 {
		return nil
	}
	return simple
}
