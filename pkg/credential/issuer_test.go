package credential

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

func TestPresentTellsWhoAndWhat(t *testing.T) {
	k := newKit(t)
	p := k.accepts(t, k.present(t))
	if p.VCT != vct || p.Issuer.DID != k.did || !p.Issuer.Registered || p.Issuer.Name != "Gemeente Voorbeeldstad" {
		t.Errorf("%+v", p.Issuer)
	}
	if !p.IssuedAt.Equal(noon.Truncate(24*time.Hour)) || !p.Expires.Equal(p.IssuedAt.AddDate(0, 0, 14)) || !p.NotBefore.Equal(p.IssuedAt) {
		t.Errorf("times %v %v %v", p.IssuedAt, p.NotBefore, p.Expires)
	}
	if p.Status.Index != 412 || p.Status.URI != "https://example.org/lists/1" || !p.AsOf.Equal(noon.Add(-20*time.Second)) {
		t.Errorf("status %v as of %v", p.Status, p.AsOf)
	}
	if p.Claims["vct"] != vct || p.Holder == nil {
		t.Errorf("claims %v", p.Claims)
	}
}

// A presentation that package sdjwt makes passes as well as one made by hand.
func TestPresentOfOurOwn(t *testing.T) {
	k := newKit(t)
	claims := k.card().claims
	claims["age_equal_or_over"] = map[string]any{"18": sdjwt.Selective{Value: true}, "65": sdjwt.Selective{Value: false}}
	sd, err := sdjwt.Issue(k.key, jose.Header{Type: typeCredential, X5C: [][]byte{k.leaf.Raw}}, claims, 3)
	if err != nil {
		t.Fatal(err)
	}
	if sd, err = sd.Select([]sdjwt.Path{{"age_equal_or_over", "18"}}); err != nil {
		t.Fatal(err)
	}
	compact, err := sd.Bind(k.holder, sdjwt.KeyBinding{Audience: audience, Nonce: nonce, IssuedAt: k.now})
	if err != nil {
		t.Fatal(err)
	}
	p := k.accepts(t, compact)
	if over := p.Subject()["age_equal_or_over"].(map[string]any); len(over) != 1 || over["18"] != true {
		t.Errorf("%v", over)
	}
}

func testIssuerSigned(t *testing.T) {
	t.Run("SDJ-01", func(t *testing.T) {
		k := newKit(t)
		for _, alg := range []string{"none", "None", "NONE", ""} {
			c := k.card()
			c.header["alg"] = alg
			signed := c.sign(t)
			k.refuses(t, "alg "+alg, k.bind(t, signed), BadSignature)
			head, rest, _ := strings.Cut(signed, ".")
			body, rest, _ := strings.Cut(rest, ".")
			_, disclosures, _ := strings.Cut(rest, "~")
			k.refuses(t, "empty signature, alg "+alg, k.bind(t, head+"."+body+".~"+disclosures), BadSignature)
		}
		delete(k.card().header, "alg")
		k.control(t)
	})

	t.Run("SDJ-02", func(t *testing.T) {
		k := newKit(t)
		for _, alg := range []string{"HS256", "HS512", "RS256", "PS256", "ES512", "ES256K", "es256"} {
			k.refuses(t, alg, k.present(t, func(c *card) { c.header["alg"] = alg }), BadSignature)
		}
		// Algorithms that exist here, but not for this key.
		for _, alg := range []string{"ES384", "EdDSA"} {
			k.refuses(t, alg, k.present(t, func(c *card) { c.header["alg"] = alg }), BadSignature)
		}
		k.refuses(t, "other key", k.present(t, func(c *card) { c.key = k.holder }), BadSignature)
		k.control(t)
	})

	t.Run("SDJ-03", func(t *testing.T) {
		k := newKit(t)
		signed := k.card().sign(t)
		jws, disclosures, _ := strings.Cut(signed, "~")
		parts := strings.Split(jws, ".")
		rng := rand.New(rand.NewPCG(3, 64))
		for range 64 {
			i := rng.IntN(3)
			raw, err := b64.DecodeString(parts[i])
			if err != nil {
				t.Fatal(err)
			}
			at := rng.IntN(8 * len(raw))
			raw[at/8] ^= 1 << (at % 8)
			bad := slices.Clone(parts)
			bad[i] = b64.EncodeToString(raw)
			compact := k.bind(t, strings.Join(bad, ".")+"~"+disclosures)
			if p, err := k.validator().Present(t.Context(), compact, want); err == nil || p != nil || CategoryOf(err) == "" {
				t.Errorf("part %d, bit %d: %v", i, at, err)
			}
		}
		if k.statuses != 0 {
			t.Error("the status was looked up")
		}
		k.control(t)
	})

	t.Run("SDJ-04", func(t *testing.T) {
		k := newKit(t)
		for _, typ := range []any{nil, "", "JWT", "vc+sd-jwt", "kb+jwt", "statuslist+jwt", "DC+SD-JWT", "application/dc+sd-jwt"} {
			k.refuses(t, fmt.Sprint(typ), k.present(t, func(c *card) {
				if c.header["typ"] = typ; typ == nil {
					delete(c.header, "typ")
				}
			}), Malformed)
		}
		k.control(t)
	})

	t.Run("SDJ-05", func(t *testing.T) {
		k := newKit(t)
		good := k.registry.accs[0]
		for what, accs := range map[string][]trust.Accreditation{
			"none":                  nil,
			"expired":               {with(good, func(a *trust.Accreditation) { a.Until = noon })},
			"not yet":               {with(good, func(a *trust.Accreditation) { a.From = noon.Add(time.Second) })},
			"for another type":      {with(good, func(a *trust.Accreditation) { a.Types = []string{"urn:zegel:other:1"} })},
			"to ask":                {with(good, func(a *trust.Accreditation) { a.Use = trust.Ask })},
			"of another":            {with(good, func(a *trust.Accreditation) { a.Subject = "did:zegel:town:other" })},
			"withdrawn, distrusted": {with(good, func(a *trust.Accreditation) { a.Withdrawn = &trust.Withdrawal{At: noon, Distrust: true} })},
			"withdrawn before":      {with(good, func(a *trust.Accreditation) { a.Withdrawn = &trust.Withdrawal{At: noon.AddDate(0, 0, -1)} })},
		} {
			k.registry.accs = accs
			k.refuses(t, what, k.present(t), UntrustedIssuer)
		}
		k.registry.accs = []trust.Accreditation{with(good, func(a *trust.Accreditation) { a.Withdrawn = &trust.Withdrawal{At: noon} })}
		k.accepts(t, k.present(t)) // issued before a withdrawal that is for new ones only
		k.registry.accs = []trust.Accreditation{good}
		k.refuses(t, "another type", k.present(t, func(c *card) { c.claims["vct"] = "urn:zegel:other:1" }), UntrustedIssuer)
		k.control(t)
	})

	t.Run("SDJ-06", func(t *testing.T) {
		k := newKit(t)
		kid := string(k.did) + "#issuer"
		k.refuses(t, "x5c and DID kid", k.present(t, func(c *card) { c.header["kid"] = kid }), UntrustedIssuer)
		k.refuses(t, "x5c and did:jwk kid", k.present(t, func(c *card) { c.header["kid"] = "did:jwk:e30#0" }), UntrustedIssuer)
		k.refuses(t, "x5c and DID kid in capitals", k.present(t, func(c *card) { c.header["kid"] = "DID:zegel:x" }), UntrustedIssuer)
		for _, iss := range []any{nil, "", "did:zegel:town:other", "https://example.org", string(k.did) + " ", []any{string(k.did)}} {
			set := func(c *card) {
				if c.claims["iss"] = iss; iss == nil {
					delete(c.claims, "iss")
				}
			}
			k.refuses(t, fmt.Sprintf("x5c, iss %v", iss), k.present(t, set), UntrustedIssuer)
			k.refuses(t, fmt.Sprintf("kid, iss %v", iss), k.present(t, set, byKid(kid)), UntrustedIssuer)
		}
		k.refuses(t, "kid of an unknown DID", k.present(t, byKid("did:zegel:town:other#issuer")), UntrustedIssuer)
		k.refuses(t, "kid of an unknown key", k.present(t, byKid(string(k.did)+"#other")), UntrustedIssuer)
		k.refuses(t, "kid without a key", k.present(t, byKid(string(k.did))), UntrustedIssuer)
		self, err := did.FromKey(&k.key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		k.refuses(t, "did:key", k.present(t, byKid(string(self)+"#"+strings.TrimPrefix(string(self), "did:key:")), func(c *card) { c.claims["iss"] = string(self) }), UntrustedIssuer)
		k.refuses(t, "no key at all", k.present(t, func(c *card) { delete(c.header, "x5c") }), UntrustedIssuer)
		k.refuses(t, "a key that came along", k.present(t, func(c *card) {
			delete(c.header, "x5c")
			c.header["jwk"] = jwkOf(&k.key.PublicKey)
		}), UntrustedIssuer)
		k.refuses(t, "leaf names two organisations", k.present(t, func(c *card) {
			c.header["x5c"] = x5c(k.ca.leaf(t, "Gemeente Voorbeeldstad", &k.key.PublicKey, string(k.did), "did:zegel:town:other"))
		}), UntrustedIssuer)
		k.refuses(t, "leaf of another organisation", k.present(t, func(c *card) {
			c.header["x5c"] = x5c(k.ca.leaf(t, "Elders", &k.key.PublicKey, "did:zegel:town:other"))
			c.claims["iss"] = "did:zegel:town:other"
		}), UntrustedIssuer)
		k.refuses(t, "leaf without an organisation", k.present(t, func(c *card) {
			c.header["x5c"] = x5c(k.ca.leaf(t, "Gemeente Voorbeeldstad", &k.key.PublicKey))
		}), UntrustedIssuer)
		k.accepts(t, k.present(t, byKid(kid)))
		k.accepts(t, k.present(t, func(c *card) { c.header["kid"] = "2026-1" }))
		k.control(t)
	})

	t.Run("SDJ-07", func(t *testing.T) {
		k := newKit(t)
		for _, extra := range []map[string]any{
			{"crit": []string{"urn:example:unknown"}, "urn:example:unknown": true}, {"crit": []string{}}, {"crit": nil}, {"crit": []string{"exp"}},
			{"b64": false}, {"b64": false, "crit": []string{"b64"}}, {"b64": true},
		} {
			k.refuses(t, fmt.Sprint(extra), k.present(t, func(c *card) {
				for name, v := range extra {
					c.header[name] = v
				}
			}), Malformed)
		}
		k.control(t)
	})

	t.Run("SDJ-08", func(t *testing.T) {
		k := newKit(t)
		without := func(names ...string) func(*card) {
			return func(c *card) {
				for _, n := range names {
					delete(c.claims, n)
				}
			}
		}
		k.refuses(t, "no vct", k.present(t, without("vct")), Malformed)
		k.refuses(t, "no cnf", k.present(t, without("cnf")), Malformed)
		k.refuses(t, "neither exp nor status", k.present(t, without("exp", "status")), Malformed)
		for _, v := range []any{"", 1, nil, []string{vct}, map[string]any{}} {
			k.refuses(t, fmt.Sprintf("vct %v", v), k.present(t, func(c *card) { c.claims["vct"] = v }), Malformed)
		}
		k.accepts(t, k.present(t, without("exp")))
		k.accepts(t, k.present(t, without("status")))
		k.control(t)

		c := foreignCard(t, k)
		without("exp", "status", "iss")(c)
		p := k.accepts(t, k.bind(t, c.sign(t)))
		if p.Issuer.Registered || p.Issuer.Name != "Ville d'Exemple" || !p.AsOf.Equal(k.now) {
			t.Errorf("foreign party: %+v as of %v", p.Issuer, p.AsOf)
		}
	})

	t.Run("SDJ-09", func(t *testing.T) {
		k := newKit(t)
		in := func(name string, d time.Duration) string {
			return k.present(t, func(c *card) { c.claims[name] = k.now.Add(d).Unix() })
		}
		k.refuses(t, "exp 61 s past", in("exp", -61*time.Second), Expired)
		k.refuses(t, "nbf 61 s ahead", in("nbf", 61*time.Second), NotYetValid)
		k.refuses(t, "iat 61 s ahead", in("iat", 61*time.Second), NotYetValid)
		k.refuses(t, "exp long past", in("exp", -365*24*time.Hour), Expired)
		k.accepts(t, in("exp", -59*time.Second))
		k.accepts(t, in("nbf", 59*time.Second))
		k.accepts(t, in("iat", 59*time.Second))
		k.control(t)
	})

	t.Run("SDJ-10", func(t *testing.T) {
		k := newKit(t)
		head, body := marshal(t, k.card().header), marshal(t, k.card().claims)
		for _, double := range []string{`"alg":"ES256",`, `"alg":"none",`, `"typ":"dc+sd-jwt",`, `"x5c":[],`} {
			k.refuses(t, double, k.present(t, func(c *card) { c.rawHeader = "{" + double + head[1:] }), Malformed)
		}
		for _, double := range []string{`"vct":"` + vct + `",`, `"cnf":{},`, `"exp":1,`, `"\u0076ct":"x",`} {
			k.refuses(t, double, k.present(t, func(c *card) { c.rawClaims, c.disclosures = "{"+double+body[1:], nil }), Malformed)
		}
		k.refuses(t, "deep", k.present(t, func(c *card) { c.rawClaims = strings.Replace(body, `"P-256"`, `"P-256","crv":"P-256"`, 1) }), Malformed)
		k.accepts(t, k.present(t, func(c *card) { c.rawHeader, c.rawClaims, c.disclosures = head, body, nil }))
		k.control(t)
	})

	t.Run("SDJ-11", func(t *testing.T) {
		k := newKit(t)
		m := &k.registry.docs[k.did].Methods[0]
		m.Until = noon.Add(-time.Hour) // the card says midnight
		k.accepts(t, k.present(t))
		k.accepts(t, k.present(t, byKid(m.ID)))
		m.Until = noon.AddDate(0, 0, -1)
		k.refuses(t, "signed after the rotation", k.present(t), UntrustedIssuer)
		k.refuses(t, "signed after the rotation, no iat", k.present(t, func(c *card) { delete(c.claims, "iat") }), UntrustedIssuer)
		k.accepts(t, k.present(t, func(c *card) { c.claims["iat"] = day(noon.AddDate(0, 0, -3)) }))
		m.Compromised = true
		k.refuses(t, "compromised", k.present(t), UntrustedIssuer)
		k.refuses(t, "compromised, by kid", k.present(t, byKid(m.ID)), UntrustedIssuer)
		m.Compromised, m.Until = false, time.Time{}
		k.control(t)
	})

	t.Run("SDJ-12", func(t *testing.T) {
		k := newKit(t)
		for _, alg := range []any{"sha-1", "md5", "sha-256-32", "SHA-256", "", nil, 256} {
			k.refuses(t, fmt.Sprint(alg), k.present(t, func(c *card) { c.claims["_sd_alg"] = alg }), Malformed)
		}
		k.accepts(t, k.present(t, func(c *card) { c.claims["_sd_alg"] = "sha-256" }))
		k.control(t)
	})

	t.Run("SDJ-13", func(t *testing.T) {
		k := newKit(t)
		mid := newAuthority(t, "Voorbeeld CA 2", k.ca)
		leaf := mid.leaf(t, "Gemeente Voorbeeldstad", &k.key.PublicKey, string(k.did))
		chain := func(certs ...*x509.Certificate) string {
			return k.present(t, func(c *card) { c.header["x5c"] = x5c(certs...) })
		}
		self := &authority{key: k.ca.key}
		tmpl := template("Voorbeeld CA")
		tmpl.URIs = k.leaf.URIs
		selfSigned := self.sign(t, tmpl, self.key.Public(), nil)
		tmpl = template("Voorbeeld CA 2")
		tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage, tmpl.NotAfter = true, true, x509.KeyUsageCertSign, noon.Add(-time.Second)
		old := &authority{key: mid.key, cert: mid.sign(t, tmpl, mid.key.Public(), k.ca)}
		tmpl = template("Gemeente Voorbeeldstad")
		tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.URIs = true, true, k.leaf.URIs
		ca := k.ca.sign(t, tmpl, &k.key.PublicKey, k.ca)
		other := newAuthority(t, "Other CA", nil)

		k.refuses(t, "self-signed leaf", chain(selfSigned), UntrustedIssuer)
		k.refuses(t, "anchor included", chain(k.leaf, k.ca.cert), UntrustedIssuer)
		k.refuses(t, "anchor included after an intermediate", chain(leaf, mid.cert, k.ca.cert), UntrustedIssuer)
		k.refuses(t, "expired intermediate", chain(leaf, old.cert), UntrustedIssuer)
		k.refuses(t, "CA:TRUE leaf", chain(ca), UntrustedIssuer)
		k.refuses(t, "permuted", chain(mid.cert, leaf), UntrustedIssuer)
		k.refuses(t, "intermediate left out", chain(leaf), UntrustedIssuer)
		k.refuses(t, "a certificate too many", chain(k.leaf, mid.cert), UntrustedIssuer)
		k.refuses(t, "unknown anchor", chain(other.leaf(t, "Gemeente Voorbeeldstad", &k.key.PublicKey, string(k.did))), UntrustedIssuer)
		k.refuses(t, "leaf as a CA", chain(mid.leaf(t, "x", &k.key.PublicKey, string(k.did)), k.leaf), UntrustedIssuer)
		k.refuses(t, "not a certificate", k.present(t, func(c *card) { c.header["x5c"] = []any{"AAAA"} }), UntrustedIssuer)
		k.refuses(t, "20 certificates", chain(slices.Repeat([]*x509.Certificate{k.leaf}, 20)...), TooLarge)
		k.refuses(t, "6 certificates", chain(slices.Repeat([]*x509.Certificate{k.leaf}, 6)...), TooLarge)
		k.accepts(t, chain(leaf, mid.cert))
		k.control(t)

		k.now = noon.AddDate(0, 1, 1) // what was verified once does not outlive its certificates
		k.refuses(t, "expired leaf", k.present(t), UntrustedIssuer)
	})

	t.Run("SDJ-14", func(t *testing.T) {
		k := newKit(t)
		signed := k.card().sign(t)
		parts := strings.Split(signed[:strings.IndexByte(signed, '~')], ".")
		for _, s := range []string{
			`{"payload":"` + parts[1] + `","signatures":[]}`,
			`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
			`{}`, `[]`, ``, `.`, `..`,
		} {
			k.refuses(t, s, s, Malformed)
			k.refuses(t, s, s+"~", Malformed)
			k.refuses(t, s, k.bind(t, s+"~"), Malformed)
		}
		k.control(t)
	})

	t.Run("DID-08", func(t *testing.T) {
		k := newKit(t)
		doc := k.registry.docs[k.did]
		for _, p := range []did.Purpose{did.KeyAgreement, did.Authentication, did.CapabilityInvocation} {
			doc.Methods[0].Purposes = []did.Purpose{p}
			k.refuses(t, "a key for "+string(p), k.present(t), UntrustedIssuer)
			k.refuses(t, "a key for "+string(p), k.present(t, byKid(doc.Methods[0].ID)), UntrustedIssuer)
		}
		doc.Methods[0].Purposes = []did.Purpose{did.AssertionMethod}
		doc.Deactivated = true
		k.refuses(t, "deactivated", k.present(t), UntrustedIssuer)
		k.refuses(t, "deactivated", k.present(t, byKid(doc.Methods[0].ID)), UntrustedIssuer)
		doc.Deactivated = false
		k.control(t)
	})

	t.Run("DID-09", func(t *testing.T) {
		k := newKit(t)
		for _, kid := range []string{"did:zegel:town:../../x#issuer", "did:zegel:town:a\x00#issuer", "did:zegel:town:" + strings.Repeat("a", 10_000) + "#issuer", "did:zegel:Town:ABC#issuer", string(k.did) + "#did:zegel:town:other"} {
			k.refuses(t, fmt.Sprintf("%.40q", kid), k.present(t, byKid(kid)), Malformed)
		}
		k.control(t)
	})
}

func byKid(kid string) func(*card) {
	return func(c *card) {
		delete(c.header, "x5c")
		c.header["kid"] = kid
	}
}

func x5c(certs ...*x509.Certificate) []any {
	var out []any
	for _, c := range certs {
		out = append(out, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return out
}

func with(a trust.Accreditation, change func(*trust.Accreditation)) trust.Accreditation {
	change(&a)
	return a
}

// registryError is what package ledger returns.
type registryError string

func (e registryError) Error() string            { return "no answer" }
func (e registryError) RegistryCategory() string { return string(e) }

func TestRegistryErrors(t *testing.T) {
	k := newKit(t)
	for err, category := range map[error]Category{
		registryError("registry_unproven"):                            RegistryUnproven,
		fmt.Errorf("list: %w", registryError("registry_unavailable")): RegistryUnavailable,
		errors.New("disk full"):                                       RegistryUnavailable,
	} {
		k.registry.err = err
		k.refuses(t, err.Error(), k.present(t), category)
		k.refuses(t, err.Error(), k.present(t, byKid(string(k.did)+"#issuer")), category)
	}
	k.registry.err = nil
	k.control(t)
}

func TestForeign(t *testing.T) {
	k := newKit(t)
	c := foreignCard(t, k)
	c.header["kid"] = "anything"
	c.claims["iss"] = string(k.did)
	p := k.accepts(t, k.bind(t, c.sign(t)))
	if p.Issuer.DID != "" || p.Issuer.Registered || p.Issuer.Name != "Ville d'Exemple" {
		t.Errorf("%+v", p.Issuer)
	}
	k.policy.Foreign[0].Types = []string{"urn:example:1"}
	k.refuses(t, "other type", k.bind(t, c.sign(t)), UntrustedIssuer)
	k.policy.Foreign[0].Types = nil
	k.policy.Foreign[0].Uses = []trust.Use{trust.Ask}
	k.refuses(t, "other use", k.bind(t, c.sign(t)), UntrustedIssuer)
	k.policy.Foreign = nil
	k.refuses(t, "no anchor", k.bind(t, c.sign(t)), UntrustedIssuer)

	// A foreign anchor does not help a leaf that claims to be of the registry.
	k.registry.anchors, k.policy.Foreign = nil, k.registry.anchors
	k.refuses(t, "registered leaf under a foreign anchor", k.present(t), UntrustedIssuer)
}

func TestIssued(t *testing.T) {
	k := newKit(t)
	v := k.validator()
	good := k.card().sign(t)
	c, err := v.Issued(t.Context(), good, vct, &k.holder.PublicKey)
	if err != nil || c.Subject()["age_over_18"] != true {
		t.Fatalf("%v, %v", c, err)
	}
	for what, f := range map[string]struct {
		compact, vct string
		holder       any
		category     Category
	}{
		"presentation":  {k.bind(t, good), vct, &k.holder.PublicKey, Malformed},
		"other type":    {good, "urn:zegel:other:1", &k.holder.PublicKey, QueryUnsatisfied},
		"other key":     {good, vct, &k.key.PublicKey, HolderBinding},
		"no key":        {good, vct, nil, HolderBinding},
		"unmatched":     {good + disclose(`["c2FsdA","a",1]`) + "~", vct, &k.holder.PublicKey, BadDisclosure},
		"bad signature": {strings.Replace(good, ".", ".e30", 1), vct, &k.holder.PublicKey, Malformed},
	} {
		if _, err := v.Issued(t.Context(), f.compact, f.vct, f.holder); CategoryOf(err) != f.category {
			t.Errorf("%s: %v", what, err)
		}
	}
	if k.statuses != 0 {
		t.Error("the status was looked up")
	}
}
