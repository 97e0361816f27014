package verifier

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vp"
)

// TestRequired has a subtest for each row of the required behaviour that the verifier has a part in.
func TestRequired(t *testing.T) {
	requiredSessions(t)
	requiredAnswers(t)
	requiredStatus(t)
	requiredOperation(t)
	t.Run("WEB-07", testFaces)
}

func requiredSessions(t *testing.T) {
	t.Run("SES-01", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(fmt.Sprintf(`{"preset":"over-18","redirect_uri":"%s/done"}`, s.cfg.Origin))
		a := s.wallet(link)
		status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}))
		reply, err := jose.DecodeObject([]byte(body))
		if status != http.StatusOK || err != nil {
			t.Fatalf("%d %q", status, body)
		}
		to, _ := reply["redirect_uri"].(string)
		u, err := url.Parse(to)
		if err != nil || !strings.HasPrefix(to, s.cfg.Origin+"/done?") {
			t.Fatalf("redirect to %q", to)
		}
		code := u.Query().Get("response_code")
		if len(code) < 26 {
			t.Errorf("code %q", code)
		}
		for _, wrong := range []string{"", "?response_code=", "?response_code=" + code + "x", "?response_code=" + strings.ToLower(code)} {
			if status, m, _ := s.api(allToken, "GET", "/sessions/"+id+wrong, ""); status != 404 || m["claims"] != nil || m["outcome"] != nil {
				t.Errorf("%q: %d %v", wrong, status, m)
			}
		}
		if status, m, _ := s.api(allToken, "GET", "/sessions/"+id+"?response_code="+code, ""); status != 200 || m["outcome"] != "accepted" || m["claims"] == nil {
			t.Errorf("control: %d %v", status, m)
		}
		if strings.Contains(s.dump(), code) {
			t.Error("the code stands in the database")
		}
		for _, evil := range []string{"https://evil.example", "//evil.example", s.cfg.Origin + "/done/../x", "javascript:x"} {
			if status, _, _ := s.api(allToken, "POST", "/sessions", fmt.Sprintf(`{"preset":"over-18","redirect_uri":%q}`, evil)); status != 400 {
				t.Errorf("%q: %d", evil, status)
			}
		}
	})
	t.Run("SES-03", func(t *testing.T) {
		s := newSite(t)
		seen := map[string]bool{}
		for range 100_000 {
			l, err := s.v.tenants["voorbeeldstad"].newSession(SessionRequest{Preset: "over-18", ResponseMode: "direct_post"})
			if err != nil {
				t.Fatal(err)
			}
			// 26 characters of base32 are 130 bits; the handle is a hash of the id.
			for _, v := range []string{l.session.ID, l.secrets.Secret, l.secrets.Nonce, l.secrets.State, l.handle} {
				if seen[v] || len(v) < 26 {
					t.Fatalf("%q again, or too short", v)
				}
				seen[v] = true
			}
		}
	})
	t.Run("SES-04", func(t *testing.T) {
		s := newSite(t)
		prepare := func() (string, *openid4vp.Asked, url.Values) {
			id, link := s.create(`{"preset":"over-18"}`)
			a := s.wallet(link)
			return id, a, s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}})
		}
		var bodies []string
		gone := func(what, uri string, form url.Values) {
			status, body := s.post(uri, form)
			if status != 404 {
				t.Errorf("%s: %d", what, status)
			}
			bodies = append(bodies, body)
		}
		late, a, form := prepare()
		s.pass(Lifetime)
		s.header(20 * time.Second)
		gone("late", a.Request.ResponseURI, form)
		s.want(late, map[string]any{"state": "expired", "outcome": nil, "claims": nil})

		cancelled, a, form := prepare()
		defer func() {
			for _, path := range []string{"", "/events"} {
				if status, _, _ := s.api(allToken, "GET", "/sessions/"+cancelled+path, ""); status != 404 {
					t.Errorf("GET a cancelled session%s: %d", path, status)
				}
			}
		}()
		if status, _, _ := s.api(allToken, "DELETE", "/sessions/"+cancelled, ""); status != 204 {
			t.Errorf("cancel: %d", status)
		}
		if status, _, _ := s.api(allToken, "DELETE", "/sessions/"+cancelled, ""); status != 404 {
			t.Errorf("cancel again: %d", status)
		}
		gone("cancelled", a.Request.ResponseURI, form)
		if status, _, _ := s.api(allToken, "GET", "/sessions/"+cancelled, ""); status != 404 {
			t.Errorf("cancelled session: %d", status)
		}

		id, a, form := prepare()
		gone("unknown", s.cfg.Origin+"/verifier/voorbeeldstad/a/"+strings.Repeat("A", 26)+"/"+strings.Repeat("A", 26), form)
		gone("unknown, short", s.cfg.Origin+"/verifier/voorbeeldstad/a/x/y", form)
		gone("wrong secret", a.Request.ResponseURI[:len(a.Request.ResponseURI)-1]+"0", form)
		gone("other tenant", strings.Replace(a.Request.ResponseURI, "/voorbeeldstad/", "/elders/", 1), form)
		gone("unknown tenant", strings.Replace(a.Request.ResponseURI, "/voorbeeldstad/", "/nergens/", 1), form)
		for _, b := range bodies {
			if b != bodies[0] {
				t.Errorf("bodies differ: %q and %q", b, bodies[0])
			}
		}
		s.want(id, map[string]any{"state": "fetched", "outcome": nil})
		if status, body := s.post(a.Request.ResponseURI, form); status != 200 {
			t.Errorf("control: %d %q", status, body)
		}
		// The request object of a session that is over is gone too.
		resp, err := http.Get(s.cfg.Origin + "/verifier/voorbeeldstad/r/" + handleOf(late))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("request object of an expired session: %d", resp.StatusCode)
		}
	})
	t.Run("SES-05", func(t *testing.T) {
		s := newSite(t)
		id, _ := s.create(`{"preset":"over-18"}`)
		s.want(id, map[string]any{"state": "created"})
		fetch := func() string {
			resp, err := http.Get(s.cfg.Origin + "/verifier/voorbeeldstad/r/" + handleOf(id))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var b bytes.Buffer
			b.ReadFrom(resp.Body)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != openid4vp.RequestMediaType || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			return b.String()
		}
		if first := fetch(); first == "" || fetch() != first {
			t.Error("another object the second time")
		}
		s.want(id, map[string]any{"state": "fetched"})
		s.control()
	})
	t.Run("SES-06", func(t *testing.T) {
		s := newSite(t)
		id, _ := s.create(`{"preset":"over-18"}`)
		for _, c := range [][2]string{{"GET", "/sessions/" + id}, {"DELETE", "/sessions/" + id}, {"GET", "/sessions"}, {"GET", "/sessions/" + id + "/events"}} {
			if status, m, _ := s.api(otherTown, c[0], c[1], ""); status != 404 || m["id"] != nil {
				t.Errorf("%v: %d %v", c, status, m)
			}
		}
		if n := s.audited("access.other-tenant", "not_found"); n != 4 {
			t.Errorf("%d audit lines", n)
		}
		req, _ := http.NewRequest("GET", s.cfg.Origin+"/verifier/elders/api/sessions/"+id, nil)
		req.Header.Set("Authorization", "Bearer "+otherTown)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 || s.audited("session.read", "not_found") != 1 {
			t.Errorf("own tenant, other's session: %d", resp.StatusCode)
		}
		own := `{"dcql_query":{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["urn:x"]}}]},"purpose":{"nl":"proef"}}`
		if status, _, _ := s.api(checkToken, "POST", "/sessions", own); status != 403 || s.audited("session.create", "forbidden") != 1 {
			t.Errorf("a clerk asks anything: %d", status)
		}
		for _, token := range []string{"", "x"} {
			if status, _, h := s.api(token, "GET", "/sessions/"+id, ""); status != 401 || h.Get("WWW-Authenticate") == "" {
				t.Errorf("token %q: %d", token, status)
			}
		}
		if status, _, _ := s.api(checkToken, "POST", "/sessions", `{"preset":"resident"}`); status != 201 {
			t.Errorf("control: %d", status)
		}
		s.want(id, map[string]any{"state": "created"})
		s.create(own)
	})
	t.Run("SES-07", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"name-and-birthdate"}`)
		a := s.wallet(link)
		c := s.issue(nil)
		p := s.present(a, c, []path{{"given_name"}, {"family_name"}, {"birthdate"}})
		if status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {p}})); status != 200 {
			t.Fatalf("%d %q", status, body)
		}
		m := s.want(id, map[string]any{"outcome": "accepted"})
		if got := m["claims"].(map[string]any)["card"].(map[string]any)["family_name"]; got != "Proefpersoon" {
			t.Errorf("claims %v", m["claims"])
		}
		if !strings.Contains(s.dump(), "Proefpersoon") {
			t.Error("control: the values are not durable before they are wiped")
		}
		s.pass(10 * time.Minute)
		s.v.round(t.Context())
		if err := s.v.db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		x := c.key.X.Bytes()
		dump := s.dump()
		for _, secret := range []string{"Proefpersoon", "1984-05-17", "Saar", p[:200], base64.RawURLEncoding.EncodeToString(x), string(x), a.Request.Nonce} {
			if strings.Contains(dump, secret) {
				t.Errorf("%.30q is still on disk", secret)
			}
		}
		m = s.want(id, map[string]any{"state": "completed", "outcome": "accepted", "claims": nil})
		if m["as_of"] == nil || m["height"] != json.Number("77") {
			t.Errorf("%v", m)
		}
		// The list never holds values.
		if status, m, _ := s.api(allToken, "GET", "/sessions?limit=10", ""); status != 200 || len(m["sessions"].([]any)) != 1 {
			t.Errorf("history: %d %v", status, m)
		}
		// DELETE wipes at once.
		s.header(20 * time.Second)
		id, status, _ := s.answer(s.issue(nil))
		if status != 200 {
			t.Fatal(status)
		}
		if status, _, _ := s.api(allToken, "DELETE", "/sessions/"+id, ""); status != 204 {
			t.Errorf("clear: %d", status)
		}
		s.want(id, map[string]any{"outcome": "accepted", "claims": nil})
	})
	t.Run("CLK-02", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18"}`)
		for _, d := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
			s.jump(d)
			s.v.round(t.Context())
			s.want(id, map[string]any{"state": "created"})
		}
		a := s.wallet(link)
		form := s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}})
		if status, _ := s.post(a.Request.ResponseURI, form); status != 200 {
			t.Errorf("control: %d", status)
		}
		late, link := s.create(`{"preset":"over-18"}`)
		b := s.wallet(link)
		s.pass(Lifetime)
		for _, d := range []time.Duration{0, -time.Hour, 2 * time.Hour, -time.Hour} {
			s.jump(d)
			s.want(late, map[string]any{"state": "expired"})
			if status, _ := s.post(b.Request.ResponseURI, form); status != 404 {
				t.Errorf("expired, clock %v: %d", d, status)
			}
			status, body := s.post(a.Request.ResponseURI, form)
			s.rejected("used", status, body)
		}
		// Nor does a restart with the clock set back bring one back.
		if err := s.v.Close(); err != nil {
			t.Fatal(err)
		}
		s.jump(-time.Hour)
		s.open()
		s.want(late, map[string]any{"state": "expired"})
		s.want(id, map[string]any{"state": "completed", "outcome": "accepted"})
		status, body := s.post(a.Request.ResponseURI, form)
		s.rejected("used, after a restart", status, body)
	})
}
