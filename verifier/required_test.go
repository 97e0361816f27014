package verifier

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

func TestRequired(t *testing.T) {
	requiredSessions(t)
	requiredAnswers(t)
	requiredStatus(t)
	requiredOperation(t)
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
		if status, _, _ := s.api(allToken, "DELETE", "/sessions/"+cancelled, ""); status != 204 {
			t.Errorf("cancel: %d", status)
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

func requiredAnswers(t *testing.T) {
	t.Run("KB-02", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18"}`)
		otherID, otherLink := s.create(`{"preset":"over-18"}`)
		a, other := s.wallet(link), s.wallet(otherLink)
		c := s.issue(nil)
		for what, nonce := range map[string]string{"random": "abcdefghijklmnopqrstuvwxyz", "of another session": other.Request.Nonce} {
			p := s.presentFor(c, adult, sdjwt.KeyBinding{Audience: a.Request.ClientID, Nonce: nonce, IssuedAt: s.clock()})
			status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {p}}))
			s.rejected(what, status, body)
			s.want(id, map[string]any{"state": "fetched", "category": "replayed", "claims": nil})
			s.want(otherID, map[string]any{"state": "fetched", "category": nil})
		}
		for id, a := range map[string]*openid4vp.Asked{id: a, otherID: other} {
			if status, _ := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}})); status != 200 {
				t.Errorf("control: %d", status)
			}
			s.want(id, map[string]any{"state": "completed", "outcome": "accepted", "category": nil})
		}
	})
	t.Run("KB-03", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		for _, f := range []func(string) string{
			func(string) string { return "x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
			func(id string) string { _, v, _ := strings.Cut(id, ":"); return v },
		} {
			id, link := s.create(`{"preset":"over-18"}`)
			a := s.wallet(link)
			p := s.presentFor(c, adult, sdjwt.KeyBinding{Audience: f(a.Request.ClientID), Nonce: a.Request.Nonce, IssuedAt: s.clock()})
			status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {p}}))
			s.rejected("audience", status, body)
			s.want(id, map[string]any{"state": "failed", "outcome": "rejected", "category": "wrong_audience"})
		}
		s.control()
	})
	t.Run("KB-10", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		token := map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}
		form := s.form(a, token)
		if status, _ := s.post(a.Request.ResponseURI, form); status != 200 {
			t.Fatal(status)
		}
		first := s.result(id)
		status, body := s.post(a.Request.ResponseURI, form)
		s.rejected("into its own session", status, body)
		if diff := cmp.Diff(first, s.result(id)); diff != "" {
			t.Error(diff)
		}
		if s.audited("session.answer", "session_state") != 1 {
			t.Error("no audit line for session_state")
		}
		newID, link := s.create(`{"preset":"over-18"}`)
		b := s.wallet(link)
		status, body = s.post(b.Request.ResponseURI, s.form(b, token))
		s.rejected("into a new session", status, body)
		s.want(newID, map[string]any{"category": "replayed", "claims": nil})
	})
	t.Run("one-answer", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18","response_mode":"direct_post"}`)
		a := s.wallet(link)
		form := s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}})
		var mu sync.Mutex
		var wg sync.WaitGroup
		counts := map[int]int{}
		for range 8 {
			wg.Go(func() {
				status, _ := s.post(a.Request.ResponseURI, form)
				mu.Lock()
				counts[status]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if counts[200] != 1 || counts[400] != 7 {
			t.Errorf("%v", counts)
		}
		s.want(id, map[string]any{"state": "completed", "outcome": "accepted"})
	})
	t.Run("DCQL-09", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		more := append([]path{{"given_name"}, {"family_name"}, {"birthdate"}, {"address"}, {"age_equal_or_over", "65"}}, adult...)
		status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), more)}}))
		if status != 200 {
			t.Fatalf("%d %q", status, body)
		}
		m := s.want(id, map[string]any{"outcome": "accepted"})
		want := map[string]any{"card": map[string]any{"age_equal_or_over": map[string]any{"18": true}}}
		if diff := cmp.Diff(any(want), m["claims"]); diff != "" {
			t.Error(diff)
		}
		for _, where := range []string{s.dump(), s.logs.String()} {
			for _, secret := range []string{"Saar", "Proefpersoon", "1984-05-17"} {
				if strings.Contains(where, secret) {
					t.Errorf("%q is kept", secret)
				}
			}
		}
	})
	t.Run("DCQL-10", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		other := s.issueBy(s.issuer, jose.Header{X5C: s.chain}, person(map[string]any{"vct": "urn:zegel:other:1"}))
		s.ledger.mu.Lock()
		s.ledger.accs[0].Types = append(s.ledger.accs[0].Types, "urn:zegel:other:1")
		s.ledger.anchors[0].Types = append(s.ledger.anchors[0].Types, "urn:zegel:other:1")
		s.ledger.mu.Unlock()
		minor := s.issue(map[string]any{"age_equal_or_over": map[string]any{"18": sdjwt.Selective{Value: false}}})
		for what, token := range map[string]func(*openid4vp.Asked) map[string][]string{
			"another vct": func(a *openid4vp.Asked) map[string][]string {
				return map[string][]string{"card": {s.present(a, other, adult)}}
			},
			"unknown id": func(a *openid4vp.Asked) map[string][]string {
				return map[string][]string{"kaart": {s.present(a, c, adult)}}
			},
			"two": func(a *openid4vp.Asked) map[string][]string {
				p := s.present(a, c, adult)
				return map[string][]string{"card": {p, p}}
			},
			"claim missing": func(a *openid4vp.Asked) map[string][]string {
				return map[string][]string{"card": {s.present(a, c, []path{{"given_name"}})}}
			},
			"other value": func(a *openid4vp.Asked) map[string][]string {
				return map[string][]string{"card": {s.present(a, minor, adult)}}
			},
		} {
			id, link := s.create(`{"preset":"over-18"}`)
			a := s.wallet(link)
			status, body := s.post(a.Request.ResponseURI, s.form(a, token(a)))
			s.rejected(what, status, body)
			s.want(id, map[string]any{"state": "failed", "outcome": "rejected", "category": "query_unsatisfied", "claims": nil})
		}
		s.control()
	})
	t.Run("DIS-09", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		id, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		p := c.sd.String() + strings.Repeat("WyJhIiwiYiIsImMiXQ~", 257)
		status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {p}}))
		s.rejected("257 disclosures", status, body)
		s.want(id, map[string]any{"category": "too_large"})

		id, link = s.create(`{"preset":"over-18"}`)
		a = s.wallet(link)
		status, body = s.post(a.Request.ResponseURI, url.Values{"response": {strings.Repeat("WyJhIiwiYiIsImMiXQ~", 100_000)}})
		if status != http.StatusRequestEntityTooLarge || strings.TrimSpace(body) != rejectedBody {
			t.Errorf("100,000 disclosures: %d %q", status, body)
		}
		s.want(id, map[string]any{"state": "fetched", "category": "too_large"})
		resp, err := http.Post(a.Request.ResponseURI, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("JSON: %d", resp.StatusCode)
		}
		if status, _ := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}})); status != 200 {
			t.Errorf("control: %d", status)
		}
	})
	t.Run("ENC-01", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18"}`)
		_, otherLink := s.create(`{"preset":"over-18"}`)
		a, other := s.wallet(link), s.wallet(otherLink)
		token := map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}
		good := s.form(a, token)
		key := a.Request.Metadata.JWKS.Keys[0]
		key.KeyID = "unknown"
		unknown, err := jose.Encrypt(&key, "A128GCM", []byte(`{"vp_token":{"card":["x"]},"state":"`+a.Request.State+`"}`), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for what, form := range map[string]url.Values{
			"unknown kid": {"response": {unknown}}, "other session's key": s.form(other, token), "garbage": {"response": {"a.b.c.d.e"}}, "empty": {"response": {""}},
		} {
			status, body := s.post(a.Request.ResponseURI, form)
			s.rejected(what, status, body)
			s.want(id, map[string]any{"state": "fetched", "category": "decryption_failed"})
		}
		if status, _ := s.post(a.Request.ResponseURI, good); status != 200 {
			t.Errorf("control: %d", status)
		}
	})
	t.Run("ENC-05", func(t *testing.T) {
		s := newSite(t)
		id, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		token := map[string][]string{"card": {s.present(a, s.issue(nil), adult)}}
		good := s.form(a, token)
		vp, _ := json.Marshal(token)
		status, body := s.post(a.Request.ResponseURI, url.Values{"vp_token": {string(vp)}, "state": {a.Request.State}})
		s.rejected("plain", status, body)
		s.want(id, map[string]any{"state": "fetched", "category": "malformed", "claims": nil})
		if status, _ := s.post(a.Request.ResponseURI, good); status != 200 {
			t.Errorf("control: %d", status)
		}
	})
	t.Run("ENC-06", func(t *testing.T) {
		s := newSite(t)
		keys, kids := map[string]bool{}, map[string]bool{}
		for range 10_000 {
			l, err := s.v.tenants["voorbeeldstad"].newSession(SessionRequest{Preset: "over-18"})
			if err != nil {
				t.Fatal(err)
			}
			if keys[string(l.secrets.Key)] || kids[l.secrets.KeyID] {
				t.Fatal("a key again")
			}
			keys[string(l.secrets.Key)], kids[l.secrets.KeyID] = true, true
		}
		stored := func() (n int) {
			t.Helper()
			if err := s.v.db.Read().QueryRow("SELECT count(*) FROM sessions WHERE secrets IS NOT NULL").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		id, link := s.create(`{"preset":"over-18"}`)
		if stored() != 1 {
			t.Error("control: the key is not durable")
		}
		a := s.wallet(link)
		l := s.v.find("voorbeeldstad", handleOf(id))
		scalar := base64.StdEncoding.EncodeToString(l.secrets.Key)
		if status, _ := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}})); status != 200 {
			t.Fatal(status)
		}
		if stored() != 0 || l.key != nil || l.secrets.Key != nil {
			t.Error("the private key outlives the session")
		}
		if err := s.v.db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s.dump(), scalar) {
			t.Error("the private key is still on disk")
		}
	})
}

func requiredOperation(t *testing.T) {
	t.Run("DID-10", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		for _, at := range []struct {
			age     time.Duration
			outcome string
			stale   any
		}{
			{20 * time.Second, "accepted", nil}, {60 * time.Second, "accepted", nil}, {61 * time.Second, "accepted", true}, {10 * time.Minute, "accepted", true},
			{10*time.Minute + time.Second, "undetermined", nil}, {24 * time.Hour, "undetermined", nil}, {-11 * time.Second, "undetermined", nil},
		} {
			s.header(at.age)
			id, status, body := s.answer(c)
			m := s.want(id, map[string]any{"outcome": at.outcome, "stale": at.stale})
			if at.outcome == "accepted" {
				asOf, err := time.Parse(time.RFC3339, m["as_of"].(string))
				if status != 200 || err != nil || !asOf.Equal(s.clock().Add(-at.age)) || m["height"] != json.Number("77") {
					t.Errorf("%v: %d %v", at.age, status, m)
				}
				continue
			}
			s.rejected(at.age.String(), status, body)
			s.want(id, map[string]any{"state": "failed", "category": "registry_unavailable", "claims": nil})
		}
		s.header(20 * time.Second)
		// The registry cannot be read at all while the answer is judged.
		for want, err := range map[string]error{"registry_unavailable": ledger.ErrUnavailable, "registry_unproven": ledger.ErrUnproven} {
			id, link := s.create(`{"preset":"over-18"}`)
			a := s.wallet(link)
			s.fail(err)
			status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}}))
			s.fail(nil)
			s.rejected(want, status, body)
			s.want(id, map[string]any{"state": "failed", "outcome": "undetermined", "category": want})
		}
		// Without a proof to staple the request goes out without.
		s.ledger.noBundle = true
		s.v.tenants["voorbeeldstad"].staple = staple{}
		s.control()
	})
	t.Run("OPS-03", func(t *testing.T) {
		s := newSite(t)
		s.v.rates.perMinute = 600
		limited := 0
		for range 100 {
			status, _, h := s.api(checkToken, "POST", "/sessions", `{"preset":"over-18"}`)
			switch status {
			case 201:
			case 429:
				limited++
				if h.Get("Retry-After") != "1" {
					t.Errorf("Retry-After %q", h.Get("Retry-After"))
				}
			default:
				t.Fatalf("%d", status)
			}
		}
		if limited != 40 {
			t.Errorf("%d of 100 were limited", limited)
		}
		if status, _, _ := s.api(allToken, "POST", "/sessions", `{"preset":"over-18"}`); status != 201 {
			t.Errorf("another key: %d", status)
		}
		s.pass(time.Second)
		if status, _, _ := s.api(checkToken, "POST", "/sessions", `{"preset":"over-18"}`); status != 201 {
			t.Errorf("after waiting: %d", status)
		}
	})
	t.Run("OPS-04", func(t *testing.T) {
		s := newSite(t)
		_, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		form := s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}})
		drop := func(trigger string) {
			t.Helper()
			if err := s.v.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(trigger); return err }); err != nil {
				t.Fatal(err)
			}
		}
		drop("CREATE TRIGGER broken BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
		drop("CREATE TRIGGER broken2 BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
		resp, err := http.PostForm(a.Request.ResponseURI, form)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("answer: %d", resp.StatusCode)
		}
		if status, m, h := s.api(allToken, "POST", "/sessions", `{"preset":"over-18"}`); status != 503 || h.Get("Retry-After") == "" || strings.Contains(fmt.Sprint(m), "disk") {
			t.Errorf("create: %d %v", status, m)
		}
		drop("DROP TRIGGER broken")
		drop("DROP TRIGGER broken2")
		if status, body := s.post(a.Request.ResponseURI, form); status != 200 {
			t.Errorf("after it healed: %d %q", status, body)
		}
		s.control()
	})
	t.Run("OPS-07", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		id, link := s.create(`{"preset":"name-and-birthdate"}`)
		a := s.wallet(link)
		p := s.present(a, c, []path{{"given_name"}, {"family_name"}, {"birthdate"}})
		s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {p}}))
		s.result(id)
		s.answer(s.issue(statusOf(2, listURI)))
		s.api("wrong-token-of-nobody", "GET", "/sessions/"+id, "")
		logs := s.logs.String()
		if !strings.Contains(logs, "revoked") {
			t.Errorf("control: no line about the rejected answer in %s", logs)
		}
		for _, secret := range []string{"Saar", "Proefpersoon", "1984", allToken, "wrong-token", a.Request.Nonce, a.Request.State, p[:60], a.Request.ResponseURI[len(a.Request.ResponseURI)-26:]} {
			if strings.Contains(logs, secret) {
				t.Errorf("%.20q is in the log", secret)
			}
		}
	})
	t.Run("OPS-08", func(t *testing.T) {
		s := newSite(t)
		open := func(change func(*Config)) error {
			cfg := s.cfg
			cfg.Dir = t.TempDir()
			change(&cfg)
			v, err := Open(t.Context(), cfg, Deps{Ledger: s.ledger, Now: s.clock})
			if err == nil {
				v.Close()
			}
			return err
		}
		for setting, change := range map[string]func(*Config){
			"origin":      func(c *Config) { c.Dev = false },
			"signing_key": func(c *Config) { c.Dev, c.Origin = false, "https://balie.example.org" },
			"dir":         func(c *Config) { c.Dir = "" },
			"tenants":     func(c *Config) { c.Tenants = nil },
		} {
			if err := open(change); err == nil || !strings.Contains(err.Error(), setting) {
				t.Errorf("%s: %v", setting, err)
			}
		}
		if err := open(func(c *Config) { c.Origin = "http://balie.example.org" }); err == nil || !strings.Contains(err.Error(), "origin") {
			t.Errorf("plain http beyond loopback with --dev: %v", err)
		}
		if err := open(func(*Config) {}); err != nil {
			t.Errorf("control: %v", err)
		}
	})
}
