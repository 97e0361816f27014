package issuer

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// TestJourney is what a wallet and staff see, over real HTTP: with and without a transaction code, by value and by
// reference, one copy and many.
func TestJourney(t *testing.T) {
	w := newTown(t)
	for _, test := range []struct {
		name        string
		request     OfferRequest
		copies      int
		givenName   string
		withoutHome bool
	}{
		{"by value", OfferRequest{Subject: "voorbeeld-1"}, 10, "Saar", false},
		{"by reference, with a code", OfferRequest{Subject: "voorbeeld-3", TxCode: true, ByReference: true}, 1, "Noor", true},
		{"claims with the offer", OfferRequest{TxCode: true, Claims: map[string]any{
			"given_name": "Amir", "family_name": "Proefburger", "birthdate": "2003-08-28", "address": map[string]any{"locality": "Proefdorp"}}}, 3, "Amir", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.request.ConfigurationIDs = []string{PersonalData}
			a := w.post("/api/offers", tokenBoth, test.request)
			if a.status != http.StatusCreated || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %s", a.status, a.body)
			}
			var offered Offered
			a.json(t, &offered)
			if left := offered.ExpiresAt.Sub(w.clock.now()); left > codeLife || left < codeLife-time.Second {
				t.Errorf("expires in %v", left)
			}
			wallet := w.wallet()
			o, err := wallet.Open(t.Context(), offered.URI)
			if err != nil {
				t.Fatal(err)
			}
			if o.Issuer == nil || o.Issuer.Name != "Gemeente voorbeeldstad" || o.Metadata.Batch.Size != 10 {
				t.Errorf("issuer %+v", o.Issuer)
			}
			if (o.Offer.Grants.PreAuthorized.TxCode != nil) != test.request.TxCode {
				t.Error("the offer does not ask what staff asked")
			}
			g, err := wallet.Redeem(t.Context(), o, offered.TxCode)
			if err != nil {
				t.Fatal(err)
			}
			keys := newKeys(t, test.copies)
			issued, err := wallet.Request(t.Context(), o, g, PersonalData, keys)
			if err != nil {
				t.Fatal(err)
			}
			if len(issued.Credentials) != test.copies || issued.NotificationID == "" {
				t.Fatalf("%d copies", len(issued.Credentials))
			}
			for n, compact := range issued.Credentials {
				s, err := sdjwt.Parse(compact)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.VerifySignature(w.source.documents[o.Issuer.DID].Methods[0].Key.Key); err != nil {
					t.Fatal(err)
				}
				claims, err := s.Claims()
				if err != nil {
					t.Fatal(err)
				}
				if claims["given_name"] != test.givenName || (claims["address"] == nil) != test.withoutHome {
					t.Errorf("claims %v", claims)
				}
				cnf, err := json.Marshal(claims["cnf"].(map[string]any)["jwk"])
				if err != nil {
					t.Fatal(err)
				}
				key, err := jose.ParseJWK(cnf)
				if err != nil || !equalKey(keys[n].Public(), key.Key) {
					t.Errorf("copy %d is bound to another key: %v", n, err)
				}
			}
			if err := wallet.Notify(t.Context(), o, g, issued.NotificationID, openid4vci.CredentialAccepted); err != nil {
				t.Error(err)
			}
			state, err := w.issuer.OfferState(t.Context(), "voorbeeldstad", offered.ID)
			if err != nil || state.State != OfferIssued || state.Event != openid4vci.CredentialAccepted {
				t.Errorf("state %+v, %v", state, err)
			}
			// The offer is over: for the code, for a new copy, and for its address.
			if _, err := wallet.Redeem(t.Context(), o, offered.TxCode); !isCode(err, oauth.InvalidGrant) {
				t.Errorf("second redeem: %v", err)
			}
			if _, err := wallet.Request(t.Context(), o, g, PersonalData, newKeys(t, 1)); !isCode(err, oauth.RequestDenied) {
				t.Errorf("second request: %v", err)
			}
			if test.request.ByReference {
				if _, err := wallet.Open(t.Context(), offered.URI); err == nil {
					t.Error("the offer is still served")
				}
			}
		})
	}
}

// TestCopy looks at what a copy says and, more so, at what it does not.
func TestCopy(t *testing.T) {
	w := newTown(t)
	_, copies := w.issueBatch(OfferRequest{}, 10)
	seen := map[string]bool{}
	for _, s := range copies {
		h := s.Header()
		if h.Type != "dc+sd-jwt" || len(h.X5C) != 1 || h.KeyID != "" || h.JWK != nil || h.Algorithm != "ES256" {
			t.Errorf("header %+v", h)
		}
		p, err := s.Payload()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"sub", "jti", "given_name", "family_name", "birthdate", "address", "_sd_alg_", "aud"} {
			if _, ok := p[name]; ok {
				t.Errorf("%q stands in the payload", name)
			}
		}
		if p["iss"] != w.cfg.Tenants[0].DID || p["vct"] != PersonalDataVCT {
			t.Errorf("iss %v, vct %v", p["iss"], p["vct"])
		}
		today := int64(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).Unix())
		for _, name := range []string{"iat", "nbf"} {
			if n, _ := p[name].(json.Number).Int64(); n != today {
				t.Errorf("%s is %v", name, p[name])
			}
		}
		exp, err := p["exp"].(json.Number).Int64()
		if err != nil || exp%86400 != 0 || exp < today+validDays*86400 || exp > today+(validDays+windowDays)*86400 {
			t.Errorf("exp is %v", p["exp"])
		}
		jwk := p["cnf"].(map[string]any)["jwk"].(map[string]any)
		if len(jwk) != 4 {
			t.Errorf("jwk %v", jwk)
		}
		claims, err := s.Claims()
		if err != nil {
			t.Fatal(err)
		}
		over := claims["age_equal_or_over"].(map[string]any)
		for age, want := range map[string]bool{"12": true, "14": true, "16": true, "18": true, "21": true, "65": false} {
			if over[age] != want {
				t.Errorf("%s or over: %v", age, over[age])
			}
		}
		// One boolean is one disclosure.
		only, err := s.Select([]sdjwt.Path{{"age_equal_or_over", "18"}})
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(only.String(), "~"); n != 2 {
			t.Errorf("over 18 takes %d disclosures", n-1)
		}
		ref := refOf(t, s)
		key := ref.URI + "#" + strconv.FormatUint(ref.Index, 10)
		if seen[key] || ref.URI != w.base()+"/status/1" {
			t.Errorf("status %v", ref)
		}
		seen[key] = true
	}
}

func TestAges(t *testing.T) {
	at := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, test := range []struct {
		born, day string
		age       int
		want      bool
	}{
		{"2008-11-20", "2026-11-20", 18, true},
		{"2008-11-21", "2026-11-20", 18, false},
		{"2008-02-29", "2026-02-28", 18, false},
		{"2008-02-29", "2026-03-01", 18, true},
		{"1960-02-29", "2025-03-01", 65, true},
		{"2012-01-01", "2026-01-01", 14, true},
	} {
		p := &person{birthdate: at(test.born)}
		if got := p.isAtLeast(test.age, at(test.day)); got != test.want {
			t.Errorf("born %s is %d on %s: %v", test.born, test.age, test.day, got)
		}
	}
	if got := day(time.Date(2026, 11, 20, 0, 30, 0, 0, time.FixedZone("", 3600))); got != at("2026-11-19") {
		t.Errorf("the day is %v, not that of UTC", got)
	}
}

// TestExpiry: an end date is never a birthday, and does not show which copies belong together.
func TestExpiry(t *testing.T) {
	issued := time.Date(2026, 2, 25, 0, 0, 0, 0, time.UTC)
	days := map[string]int{}
	for _, born := range []string{"1984-02-25", "1984-02-27", "1984-02-29", "1984-03-01"} {
		b, err := time.Parse(time.DateOnly, born)
		if err != nil {
			t.Fatal(err)
		}
		p := &person{birthdate: b}
		for range 200 {
			end, err := p.expiry(issued)
			if err != nil {
				t.Fatal(err)
			}
			if end.Format("01-02") == b.Format("01-02") || b.Day() == 29 && end.Format("01-02") == "03-01" || end.After(lastExpiry(issued)) {
				t.Fatalf("born %s, ends %s", born, end)
			}
			days[end.Format(time.DateOnly)]++
		}
	}
	if len(days) != windowDays {
		t.Errorf("ends on %d days", len(days))
	}
}

func TestReadPerson(t *testing.T) {
	good := func() map[string]any {
		return map[string]any{"given_name": "Saar", "family_name": "Proefpersoon", "birthdate": "1984-05-17", "address": map[string]any{"locality": "X"}}
	}
	if _, err := readPerson(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"unknown claim":    func(m map[string]any) { m["bsn"] = "x" },
		"no given name":    func(m map[string]any) { delete(m, "given_name") },
		"name a number":    func(m map[string]any) { m["given_name"] = json.Number("7") },
		"name empty":       func(m map[string]any) { m["family_name"] = "" },
		"name with a line": func(m map[string]any) { m["family_name"] = "a\nb" },
		"name with bidi":   func(m map[string]any) { m["family_name"] = "a\u202eb" },
		"name too long":    func(m map[string]any) { m["family_name"] = strings.Repeat("x", 201) },
		"no such day":      func(m map[string]any) { m["birthdate"] = "2001-02-30" },
		"date and time":    func(m map[string]any) { m["birthdate"] = "2001-02-20T00:00:00Z" },
		"locality a text":  func(m map[string]any) { m["address"] = "X" },
		"street":           func(m map[string]any) { m["address"].(map[string]any)["street"] = "Y" },
		"age given":        func(m map[string]any) { m["age_equal_or_over"] = map[string]any{"18": true} },
	} {
		m := good()
		change(m)
		if _, err := readPerson(m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMetadata(t *testing.T) {
	w := newTown(t)
	a := w.call("GET", w.server.URL+"/.well-known/openid-credential-issuer/issuer/voorbeeldstad", "", "", "")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	m, err := openid4vci.ParseIssuerMetadata(a.body, w.base())
	if err != nil {
		t.Fatal(err)
	}
	c := m.Configurations[PersonalData]
	if c.VCT != PersonalDataVCT || c.Scope == "" || len(c.Metadata.Claims) != 12 || len(c.Metadata.Display) != 2 || m.Registry == "" || m.Signed == "" {
		t.Errorf("got %+v", c)
	}
	// The other forms of the same.
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.server.URL+"/.well-known/openid-credential-issuer/issuer/voorbeeldstad", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/jwt")
	res, err := w.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Header.Get("Content-Type") != "application/jwt" {
		t.Errorf("asked a JWT, got %q", res.Header.Get("Content-Type"))
	}
	for path, want := range map[string]string{
		"/.well-known/oauth-authorization-server/issuer/voorbeeldstad": `"token_endpoint":"` + w.base() + `/token"`,
		"/.well-known/jwt-vc-issuer/issuer/voorbeeldstad":              `"jwks":{"keys":[{`,
		"/issuer/voorbeeldstad/types/personal-data":                    `"vct":"` + PersonalDataVCT,
		"/openapi.json": `"openapi"`,
		"/healthz":      `"ok"`,
		"/readyz":       `"ready"`,
	} {
		if a := w.call("GET", w.server.URL+path, "", "", ""); a.status != 200 || !strings.Contains(string(a.body), want) || !json.Valid(a.body) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := w.call("GET", w.server.URL+"/issuer/metrics", "", "", ""); a.status != 200 || !strings.Contains(string(a.body), "zegel_issuer_changes_waiting 0") {
		t.Errorf("metrics: %d %.200s", a.status, a.body)
	}
	for _, path := range []string{"/.well-known/openid-credential-issuer/issuer/nergens", "/.well-known/openid-credential-issuer", "/issuer/voorbeeldstad/x"} {
		if a := w.call("GET", w.server.URL+path, "", "", ""); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := w.call("GET", "/token", "", "", ""); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("GET at the token endpoint: %d, Allow %q", a.status, a.header.Get("Allow"))
	}
	if a := w.call("POST", "/nonce", "", "text/plain", strings.Repeat("x", 3<<20)); a.status != 413 {
		t.Errorf("3 MiB at the nonce endpoint: %d", a.status)
	}
	// The description names every route of the staff API, and no other.
	var api struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &api); err != nil {
		t.Fatal(err)
	}
	var described, real []string
	for path, methods := range api.Paths {
		for method := range methods {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+strings.Replace(path, "{change}", "{kind:revoke|suspend|resume}", 1))
			}
		}
	}
	for _, r := range routes {
		if rest, ok := strings.CutPrefix(r.path, "/issuer/{tenant}/api/"); ok {
			real = append(real, r.method+" /api/"+rest)
		}
	}
	slices.Sort(described)
	slices.Sort(real)
	if !slices.Equal(described, real) {
		t.Errorf("described %q, real %q", described, real)
	}
}
