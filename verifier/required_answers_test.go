package verifier

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

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
	t.Run("DCQL-09/a credential that no set asks", func(t *testing.T) {
		s := newSite(t)
		one := `{"id":%q,"format":"dc+sd-jwt","meta":{"vct_values":["urn:zegel:personal-data:1"]},"claims":[{"path":[%q]}]}`
		id, link := s.create(`{"dcql_query":{"credentials":[` + fmt.Sprintf(one, "a", "given_name") + "," + fmt.Sprintf(one, "b", "family_name") + "," + fmt.Sprintf(one, "c", "birthdate") +
			`],"credential_sets":[{"options":[["a"],["c"]]}]}}`)
		a := s.wallet(link)
		status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{
			"a": {s.present(a, s.issue(nil), []path{{"given_name"}})},
			"b": {s.present(a, s.issue(nil), []path{{"family_name"}})},
			"c": {s.present(a, s.issue(nil), []path{{"birthdate"}})},
		}))
		if status != 200 {
			t.Fatalf("%d %q", status, body)
		}
		m := s.want(id, map[string]any{"outcome": "accepted"})
		if diff := cmp.Diff(any(map[string]any{"a": map[string]any{"given_name": "Saar"}}), m["claims"]); diff != "" {
			t.Error(diff)
		}
		// Who issued it is said as long as the claims are.
		if diff := cmp.Diff(any([]any{"Gemeente Voorbeeldstad"}), m["issuers"]); diff != "" {
			t.Error(diff)
		}
		if status, _, _ := s.api(allToken, "DELETE", "/sessions/"+id, ""); status != 204 {
			t.Fatalf("wipe: %d", status)
		}
		s.want(id, map[string]any{"outcome": "accepted", "claims": nil, "issuers": nil})
	})
	t.Run("DCQL-09/an option that fails leaves the next", func(t *testing.T) {
		one := `{"id":%q,"format":"dc+sd-jwt","meta":{"vct_values":["urn:zegel:personal-data:1"]},"claims":[{"path":[%q]}]}`
		two := fmt.Sprintf(one, "a", "given_name") + "," + fmt.Sprintf(one, "b", "family_name")
		for sets, want := range map[string]map[string]any{
			`[{"options":[["a"],["b"]]}]`: {"outcome": "accepted", "claims": map[string]any{"b": map[string]any{"family_name": "Proefpersoon"}}},
			`[{"options":[["a"]]}]`:       {"outcome": "rejected", "category": "revoked", "claims": nil},
			`[{"options":[["a","b"]]}]`:   {"outcome": "rejected", "category": "revoked", "claims": nil},
		} {
			s := newSite(t)
			id, link := s.create(`{"dcql_query":{"credentials":[` + two + `],"credential_sets":` + sets + `}}`)
			a := s.wallet(link)
			s.post(a.Request.ResponseURI, s.form(a, map[string][]string{
				"a": {s.present(a, s.issue(statusOf(2, listURI)), []path{{"given_name"}})},
				"b": {s.present(a, s.issue(nil), []path{{"family_name"}})},
			}))
			s.want(id, want)
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

// TestOneAnswer sends one answer many times at once: it counts once.
func TestOneAnswer(t *testing.T) {
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
}
