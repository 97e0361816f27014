package verifier

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// TestModes runs the same question in every form that wallets of others may need.
func TestModes(t *testing.T) {
	s := newSite(t)
	c := s.issue(nil)
	for _, mode := range []string{"direct_post.jwt", "direct_post"} {
		for _, method := range []string{"get", "post"} {
			for _, prefix := range []string{"x509_hash", "x509_san_dns", "decentralized_identifier"} {
				id, link := s.create(`{"preset":"over-18","response_mode":"` + mode + `","request_uri_method":"` + method + `","client_id_prefix":"` + prefix + `"}`)
				if len(link) > 250 {
					t.Errorf("link of %d bytes does not fit the QR code: %s", len(link), link)
				}
				a := s.wallet(link)
				r := a.Request
				if r.ResponseMode != mode || !strings.HasPrefix(r.ClientID, prefix+":") || (r.WalletNonce != "") != (method == "post") {
					t.Errorf("%s %s %s: %+v", mode, method, prefix, r)
				}
				if !a.Verifier.Registered || len(a.Permission.Extra) != 0 || a.Permission.Accreditation.ID != "over-18" {
					t.Errorf("%+v %+v", a.Verifier, a.Permission)
				}
				status, body := s.post(r.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}}))
				if status != 200 {
					t.Errorf("%s %s %s: %d %q", mode, method, prefix, status, body)
				}
				s.want(id, map[string]any{"outcome": "accepted"})
			}
		}
	}
}

// TestPresets checks that the register allows each preset's questions, and what each learns.
func TestPresets(t *testing.T) {
	s := newSite(t)
	c := s.issue(nil)
	for preset, want := range map[string]struct {
		paths  []path
		claims string
	}{
		"over-18":            {adult, `{"card":{"age_equal_or_over":{"18":true}}}`},
		"resident":           {[]path{{"address", "locality"}}, `{"card":{"address":{"locality":"Voorbeeldstad"}}}`},
		"name-and-birthdate": {[]path{{"given_name"}, {"family_name"}, {"birthdate"}}, `{"card":{"given_name":"Saar","family_name":"Proefpersoon","birthdate":"1984-05-17"}}`},
	} {
		id, link := s.create(`{"preset":"` + preset + `"}`)
		a := s.wallet(link)
		if p := a.Permission; len(p.Extra) != 0 || p.Accreditation.ID != preset || p.Accreditation.Purpose["nl"] == "" || p.Accreditation.Purpose["en"] == "" {
			t.Errorf("%s: %+v", preset, p)
		}
		m, err := a.Request.Query.Match([]openid4vp.Held{{ID: "h", Format: openid4vp.FormatSDJWT, VCT: personType, Claims: processed(t, c)}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.paths, m.Default()["card"][0].Disclose); diff != "" {
			t.Errorf("%s: %s", preset, diff)
		}
		if status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, want.paths)}})); status != 200 {
			t.Errorf("%s: %d %q", preset, status, body)
		}
		claims, err := jose.Decode([]byte(want.claims))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(claims, s.want(id, map[string]any{"outcome": "accepted", "preset": preset})["claims"]); diff != "" {
			t.Errorf("%s: %s", preset, diff)
		}
	}
	// A question outside of the register shows as such in the wallet.
	_, link := s.create(`{"dcql_query":{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]},"claims":[{"path":["age_equal_or_over","18"]},{"path":["family_name"]}]}]}}`)
	if a := s.wallet(link); len(a.Permission.Extra) != 1 {
		t.Errorf("%+v", a.Permission)
	}
}

func processed(t testing.TB, c *card) map[string]any {
	t.Helper()
	claims, err := c.sd.Claims()
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestMultiple(t *testing.T) {
	s := newSite(t)
	id, link := s.create(`{"dcql_query":{"credentials":[{"id":"c","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["` + personType + `"]},"claims":[{"path":["given_name"]}]}]},"purpose":{"nl":"Proef"}}`)
	a := s.wallet(link)
	name := []path{{"given_name"}}
	token := map[string][]string{"c": {s.present(a, s.issue(nil), name), s.present(a, s.issue(map[string]any{"given_name": sdjwt.Selective{Value: "Noor"}}), name)}}
	if status, body := s.post(a.Request.ResponseURI, s.form(a, token)); status != 200 {
		t.Fatalf("%d %q", status, body)
	}
	want := map[string]any{"c": []any{map[string]any{"given_name": "Saar"}, map[string]any{"given_name": "Noor"}}}
	if diff := cmp.Diff(any(want), s.result(id)["claims"]); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	s := newSite(t)
	id, link := s.create(`{"preset":"over-18"}`)
	a := s.wallet(link)
	if status, body := s.post(a.Request.ResponseURI, url.Values{"error": {"access_denied"}, "state": {"of-another"}}); status != 400 {
		t.Errorf("state of another session: %d %q", status, body)
	}
	s.want(id, map[string]any{"state": "fetched"})
	if status, _ := s.post(a.Request.ResponseURI, url.Values{"error": {"access_denied"}, "state": {a.Request.State}}); status != 200 {
		t.Errorf("refusal: %d", status)
	}
	s.want(id, map[string]any{"state": "refused", "outcome": nil, "category": nil})
	status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}))
	s.rejected("an answer after a refusal", status, body)
}

// TestRestart stops the verifier between every two steps.
func TestRestart(t *testing.T) {
	s := newSite(t)
	again := func() {
		t.Helper()
		if err := s.v.Close(); err != nil {
			t.Fatal(err)
		}
		s.open()
	}
	id, link := s.create(`{"preset":"over-18"}`)
	again()
	a := s.wallet(link)
	again()
	s.want(id, map[string]any{"state": "fetched", "request_uri": link})
	token := map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}
	form := s.form(a, token)
	if status, body := s.post(a.Request.ResponseURI, form); status != 200 {
		t.Fatalf("%d %q", status, body)
	}
	again()
	if m := s.want(id, map[string]any{"state": "completed", "outcome": "accepted"}); m["claims"] == nil {
		t.Error("the values did not survive")
	}
	status, body := s.post(a.Request.ResponseURI, form)
	s.rejected("used before the restart", status, body)
	// Values do not stay longer because of restarts.
	s.pass(5 * time.Minute)
	s.v.round(t.Context())
	s.want(id, map[string]any{"outcome": "accepted", "claims": nil})
}

// TestBadAnswers ends a session after very many answers that were not made for it.
func TestBadAnswers(t *testing.T) {
	s := newSite(t)
	id, link := s.create(`{"preset":"over-18"}`)
	a := s.wallet(link)
	for range maxBad {
		status, body := s.post(a.Request.ResponseURI, url.Values{"response": {"x"}})
		s.rejected("junk", status, body)
	}
	s.want(id, map[string]any{"state": "failed", "outcome": "rejected", "category": "decryption_failed"})
}

func TestRequestFetches(t *testing.T) {
	s := newSite(t)
	id, _ := s.create(`{"preset":"over-18","request_uri_method":"post"}`)
	uri := s.cfg.Origin + "/verifier/voorbeeldstad/r/" + handleOf(id)
	last := 0
	for range maxSigned + 1 {
		last, _ = s.post(uri, url.Values{"wallet_nonce": {id + strings.Repeat("x", last%7)}, "wallet_metadata": {"{}"}})
		s.v.find("voorbeeldstad", handleOf(id)).object = "" // as if another nonce came each time
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("%d", last)
	}
	if status, _ := s.post(uri, url.Values{"wallet_nonce": {strings.Repeat("x", 600)}}); status != 400 {
		t.Errorf("long nonce: %d", status)
	}
	if status, _ := s.post(uri, url.Values{"wallet_nonce": {"a", "b"}}); status != 400 {
		t.Errorf("two nonces: %d", status)
	}
	if status, _ := s.post(uri, url.Values{"x": {strings.Repeat("x", maxWalletForm)}}); status != 413 {
		t.Errorf("long body: %d", status)
	}
	s.control()
}

func TestStaffAPI(t *testing.T) {
	s := newSite(t)
	for body, want := range map[string]int{
		`{}`: 400, `{"preset":"nothing"}`: 400, `{"preset":"over-18","dcql_query":{}}`: 400, `{"dcql_query":{}}`: 400, `{"preset":"over-18","x":1}`: 400, `x`: 400, `[]`: 400,
		`{"preset":"over-18","response_mode":"fragment"}`: 400, `{"preset":"over-18","request_uri_method":"PUT"}`: 400, `{"preset":"over-18","client_id_prefix":"redirect_uri"}`: 400,
		`{"dcql_query":{"credentials":[{"id":"m","format":"mso_mdoc","meta":{}}]}}`: 400, `{"preset":"` + strings.Repeat("x", maxStaffBody) + `"}`: 413,
		`{"preset":"over-18","dcql_query":null}`: 201, `{"preset":"over-18"}`: 201, strings.Repeat("[", 100_000): 400,
	} {
		if status, m, _ := s.api(allToken, "POST", "/sessions", body); status != want {
			t.Errorf("%.60s: %d %v", body, status, m)
		}
	}
	for body, want := range map[string]string{
		`{}`: "preset or dcql_query is missing", `{"dcql_query":{}}`: "dcql_query: query for 0 credentials",
	} {
		if _, m, _ := s.api(allToken, "POST", "/sessions", body); !strings.Contains(fmt.Sprint(m["detail"]), want) || strings.Contains(fmt.Sprint(m), "request_malformed") {
			t.Errorf("%s: %v", body, m)
		}
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"PUT", "/sessions", 405}, {"GET", "/nothing", 404}, {"GET", "/sessions/" + strings.Repeat("A", 26), 404}, {"GET", "/sessions/" + strings.Repeat("A", 5000), 404}, {"DELETE", "/sessions/x", 404},
		{"GET", "/sessions?limit=0", 400}, {"GET", "/sessions?before=x", 400}, {"GET", "/sessions?limit=2&before=2030-01-01T00:00:00Z", 200},
	} {
		status, m, h := s.api(allToken, c.method, c.path, "")
		if status != c.want || (status == 405) != (h.Get("Allow") != "") {
			t.Errorf("%s %.40s: %d %v", c.method, c.path, status, m)
		}
	}
	for _, path := range []string{"/verifier/healthz", "/verifier/readyz", "/verifier/metrics", "/verifier/openapi.json", "/healthz", "/readyz", "/metrics", "/openapi.json"} {
		resp, err := http.Get(s.cfg.Origin + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	s.header(11 * time.Minute)
	resp, err := http.Get(s.cfg.Origin + "/verifier/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 {
		t.Errorf("ready with a registry that is too old: %d", resp.StatusCode)
	}
	// The description names every route of the staff API and only members that exist.
	var doc struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.v.routes() {
		if strings.Contains(r.path, "/api/") && doc.Paths[r.path][strings.ToLower(r.method)] == nil {
			t.Errorf("%s %s is not described", r.method, r.path)
		}
	}
	_, m, _ := s.api(allToken, "GET", "/sessions", "")
	for name := range m["sessions"].([]any)[0].(map[string]any) {
		if doc.Components.Schemas["Session"].Properties[name] == nil {
			t.Errorf("member %q is not described", name)
		}
	}
}

func TestEvents(t *testing.T) {
	s := newSite(t)
	id, link := s.create(`{"preset":"over-18"}`)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.cfg.Origin+"/verifier/voorbeeldstad/api/sessions/"+id+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+allToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() map[string]any {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				m, err := jose.DecodeObject([]byte(data))
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
		}
		t.Fatal("the stream ended")
		return nil
	}
	if m := next(); m["state"] != "created" {
		t.Errorf("%v", m)
	}
	a := s.wallet(link)
	if m := next(); m["state"] != "fetched" {
		t.Errorf("%v", m)
	}
	s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}))
	if m := next(); m["state"] != "completed" || m["outcome"] != "accepted" || m["claims"] != nil {
		t.Errorf("%v", m)
	}
	for lines.Scan() {
		if lines.Text() != "" {
			t.Errorf("after the end: %q", lines.Text())
		}
	}
}

func TestExtend(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	id, link := s.create(`{"preset":"over-18"}`)
	changed, done := s.v.Subscribe(id)
	defer done()
	s.pass(4 * time.Minute)
	if _, err := s.v.Extend(ctx, "elders", "C. Elders", id); err != ErrNotFound {
		t.Errorf("other tenant: %v", err)
	}
	got, err := s.v.Extend(ctx, "voorbeeldstad", "B. Balie", id)
	if err != nil || !got.ExpiresAt.Equal(s.clock().Add(Lifetime)) {
		t.Fatalf("%+v, %v", got, err)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told")
	}
	s.pass(4 * time.Minute)
	s.header(20 * time.Second)
	a := s.wallet(link)
	if want := s.clock().Add(time.Minute).Unix(); a.Request.Expires.Unix() != want {
		t.Errorf("request object counts until %v", a.Request.Expires)
	}
	for range maxExtensions - 1 {
		if _, err := s.v.Extend(ctx, "voorbeeldstad", "B. Balie", id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.v.Extend(ctx, "voorbeeldstad", "B. Balie", id); err != ErrEnded {
		t.Errorf("for ever: %v", err)
	}
	if err := s.v.Cancel(ctx, "voorbeeldstad", "B. Balie", id); err != nil {
		t.Error(err)
	}
	if err := s.v.Cancel(ctx, "voorbeeldstad", "B. Balie", id); err != ErrEnded {
		t.Errorf("twice: %v", err)
	}
	if got, err := s.v.Session(ctx, "voorbeeldstad", id); err != nil || got.State != Cancelled || got.Link != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestConfiguration(t *testing.T) {
	s := newSite(t)
	for want, change := range map[string]func(*Tenant){
		"setting id":          func(c *Tenant) { c.ID = "Voorbeeld/Stad" },
		"setting name":        func(c *Tenant) { c.Name = "" },
		"setting did":         func(c *Tenant) { c.DID = "x" },
		"setting signing_key": func(c *Tenant) { c.SigningKey = "/nowhere" },
		"setting chain":       func(c *Tenant) { c.Chain = "/nowhere" },
		"setting client_id":   func(c *Tenant) { c.ClientID = "redirect_uri" },
		"setting redirects":   func(c *Tenant) { c.Redirects = []string{"http://verifier.example"} },
		"given twice":         func(c *Tenant) { c.ID = "elders" },
		"token_sha256":        func(c *Tenant) { c.Staff = []office.Staff{{Name: "A", TokenSHA256: ""}} },
		"not the SHA-256":     func(c *Tenant) { c.Staff = []office.Staff{{Name: "A", TokenSHA256: office.HashToken("")}} },
		"staff[1].name": func(c *Tenant) {
			c.Staff = []office.Staff{{Name: "A", TokenSHA256: office.HashToken("x")}, {Name: "A", TokenSHA256: office.HashToken("y")}}
		},
	} {
		cfg := s.cfg
		cfg.Dir = t.TempDir()
		cfg.Tenants = append([]Tenant(nil), s.cfg.Tenants...)
		change(&cfg.Tenants[0])
		v, err := Open(t.Context(), cfg, Deps{Ledger: s.ledger, Now: s.clock})
		if err == nil {
			v.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestPresetAccreditations(t *testing.T) {
	all := PresetAccreditations(Tenant{ID: "x", Name: "Gemeente Voorbeeldstad", DID: string(town)})
	if len(all) != 3 {
		t.Fatalf("%d", len(all))
	}
	for _, a := range all {
		if a.Use != trust.Ask || a.Subject != town || len(a.Types) != 3 || a.KeepDays != 0 || a.LegalBasis == "" || len(a.Purpose) != 2 {
			t.Errorf("%+v", a)
		}
	}
	if diff := cmp.Diff([]path{{"age_equal_or_over", "18"}, {"age_over_18"}}, all[0].Claims); diff != "" {
		t.Error(diff)
	}
}
