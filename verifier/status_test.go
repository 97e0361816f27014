package verifier

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// foreignParty is an issuer that stands in no register, under the anchor of the configuration, with its own status list.
type foreignParty struct {
	*site
	server *httptest.Server
	h      jose.Header
	key    any
	serve  func() (string, int) // the list token and status
	calls  int
}

func requiredStatus(t *testing.T) {
	foreign := func(s *site) (issue func(status any) *card, list func(sub string, change func(*statuslist.Token)) string, f *foreignParty) {
		f = &foreignParty{site: s}
		key := newKey(s)
		f.h = jose.Header{X5C: [][]byte{s.foreign.leaf("Andere Uitgever", key.Public(), "")}}
		f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.calls++
			token, status := f.serve()
			w.Header().Set("Content-Type", "application/statuslist+jwt")
			w.WriteHeader(status)
			w.Write([]byte(token))
		}))
		s.Cleanup(f.server.Close)
		issue = func(status any) *card {
			claims := map[string]any{"vct": "urn:eudi:pid:1", "age_over_18": sdjwt.Selective{Value: true}, "exp": noon.AddDate(0, 1, 0).Unix()}
			if status != nil {
				claims["status"] = map[string]any{"status_list": status}
			}
			return s.issueBy(key, f.h, claims)
		}
		list = func(sub string, change func(*statuslist.Token)) string {
			l, err := statuslist.New(2, 64)
			if err != nil {
				s.Fatal(err)
			}
			for i, v := range []statuslist.Status{0, 1, 2, 3} {
				if err := l.Set(uint64(i), v); err != nil {
					s.Fatal(err)
				}
			}
			tok := statuslist.Token{URI: sub, IssuedAt: s.clock().Add(-time.Minute), Expires: s.clock().Add(time.Hour), TTL: time.Minute, List: l}
			if change != nil {
				change(&tok)
			}
			signed, err := tok.Sign(key, f.h)
			if err != nil {
				s.Fatal(err)
			}
			return signed
		}
		return issue, list, f
	}
	show := func(s *site, c *card) (string, int, string) {
		id, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"pid": {s.present(a, c, []path{{"age_over_18"}})}}))
		return id, status, body
	}
	// number gives each list an address of its own, so that nothing is answered from the cache.
	number := 0
	address := func(f *foreignParty) string {
		number++
		return f.server.URL + "/list/" + strings.Repeat("i", number)
	}

	t.Run("STL-01", func(t *testing.T) {
		s := newSite(t)
		issue, list, f := foreign(s)
		stranger := newKey(t)
		try := func(what string, token func(uri string) string, want string) {
			t.Helper()
			uri := address(f)
			f.serve = func() (string, int) { return token(uri), 200 }
			id, status, body := show(s, issue(map[string]any{"idx": 0, "uri": uri}))
			if want == "" {
				if status != 200 {
					t.Errorf("%s: %d %q", what, status, body)
				}
				s.want(id, map[string]any{"outcome": "accepted", "height": nil})
				return
			}
			s.rejected(what, status, body)
			s.want(id, map[string]any{"state": "failed", "outcome": "undetermined", "category": want})
		}
		good := func(uri string) string { return list(uri, nil) }
		resign := func(h jose.Header, key any) func(string) string {
			return func(uri string) string {
				j, err := jose.ParseJWS(list(uri, nil), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if h.Type == "" {
					h.Type = "statuslist+jwt"
				}
				out, err := jose.SignJWS(stranger, h, j.Payload)
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
		}
		try("control", good, "")
		try("other sub", func(uri string) string { return list(uri+"?x", nil) }, "status_unavailable")
		try("bad signature", resign(f.h, stranger), "status_unavailable")
		try("no chain, stranger's key", resign(jose.Header{}, stranger), "status_unavailable")
		try("another party under the anchor", resign(jose.Header{X5C: [][]byte{s.foreign.leaf("Derde", stranger.Public(), "")}}, stranger), "status_unavailable")
		try("another anchor", resign(jose.Header{X5C: [][]byte{newAuthority(t, "Vreemd").leaf("Andere Uitgever", stranger.Public(), "")}}, stranger), "status_unavailable")
		try("wrong typ", resign(jose.Header{Type: "JWT", X5C: f.h.X5C}, stranger), "status_unavailable")
		try("junk", func(string) string { return "junk" }, "status_unavailable")
		// A second certificate of the issuer itself is its own.
		try("second certificate of the issuer", resign(jose.Header{X5C: [][]byte{s.foreign.leaf("Andere Uitgever", stranger.Public(), "")}}, stranger), "")
	})
	t.Run("STL-02", func(t *testing.T) {
		s := newSite(t)
		issue, list, f := foreign(s)
		uri := address(f)
		f.serve = func() (string, int) { return list(uri, nil), 200 }
		c := issue(map[string]any{"idx": 0, "uri": uri})
		s.pass(50 * 24 * time.Hour)
		s.header(20 * time.Second)
		id, status, body := show(s, c)
		s.rejected("expired", status, body)
		s.want(id, map[string]any{"category": "expired"})
		if f.calls != 0 || s.ledger.calls != 0 {
			t.Errorf("the list was fetched %d times, the mirror asked %d times", f.calls, s.ledger.calls)
		}
	})
	t.Run("STL-03", func(t *testing.T) {
		s := newSite(t)
		issue, list, f := foreign(s)
		uri := address(f)
		f.serve = func() (string, int) { return list(uri, nil), 200 }
		for _, idx := range []any{64, uint64(1) << 63, -1, 1.5, "1"} {
			id, status, body := show(s, issue(map[string]any{"idx": idx, "uri": uri}))
			s.rejected("index", status, body)
			m := s.result(id)
			if c := m["category"]; c != "malformed" && c != "status_unavailable" {
				t.Errorf("%v: %v", idx, m)
			}
		}
		id, status, body := s.answer(s.issue(statusOf(99, listURI)))
		s.rejected("not in the mirror", status, body)
		s.want(id, map[string]any{"outcome": "undetermined", "category": "status_unavailable"})
		s.control()
	})
	t.Run("STL-06", func(t *testing.T) {
		s := newSite(t)
		issue, list, f := foreign(s)
		uri := address(f)
		made := list(uri, nil)
		f.serve = func() (string, int) { return made, 200 }
		c := issue(map[string]any{"idx": 0, "uri": uri})
		if _, status, _ := show(s, c); status != 200 {
			t.Fatalf("control: %d", status)
		}
		f.serve = func() (string, int) { return "", 503 }
		s.pass(30 * time.Minute)
		s.header(20 * time.Second)
		id, status, _ := show(s, c)
		m := s.want(id, map[string]any{"outcome": "accepted"})
		asOf, err := time.Parse(time.RFC3339, m["as_of"].(string))
		if status != 200 || err != nil || !asOf.Equal(noon.Add(-time.Minute)) {
			t.Errorf("cached: %d %v", status, m)
		}
		s.pass(time.Hour)
		s.header(20 * time.Second)
		id, status, body := show(s, c)
		s.rejected("past exp", status, body)
		s.want(id, map[string]any{"outcome": "undetermined", "category": "status_unavailable"})
	})
	t.Run("STL-07", func(t *testing.T) {
		s := newSite(t)
		issue, list, f := foreign(s)
		f.serve = func() (string, int) { return list(f.server.URL+"/list", nil), 200 }
		for _, uri := range []string{f.server.URL + "/list?x", f.server.URL + "/LIST", f.server.URL + "/list#x", "http://10.0.0.1/list", "http://verifier.example/list", "https://169.254.169.254/list"} {
			id, status, body := show(s, issue(map[string]any{"idx": 0, "uri": uri}))
			s.rejected(uri, status, body)
			m := s.result(id)
			if c := m["category"]; c != "malformed" && c != "status_unavailable" {
				t.Errorf("%s: %v", uri, m)
			}
		}
		if id, status, _ := show(s, issue(map[string]any{"idx": 0, "uri": f.server.URL + "/list"})); status != 200 {
			t.Errorf("control: %d %v", status, s.result(id))
		}
	})
	t.Run("STL-08", func(t *testing.T) {
		s := newSite(t)
		for idx, want := range map[int][2]string{2: {"rejected", "revoked"}, 3: {"rejected", "suspended"}, 4: {"undetermined", "status_unavailable"}} {
			id, status, body := s.answer(s.issue(statusOf(idx, listURI)))
			s.rejected(want[1], status, body)
			s.want(id, map[string]any{"state": "failed", "outcome": want[0], "category": want[1], "claims": nil})
		}
		issue, list, f := foreign(s)
		uri := address(f)
		f.serve = func() (string, int) { return list(uri, nil), 200 }
		for idx, want := range map[int]string{1: "revoked", 2: "suspended", 3: "status_unavailable"} {
			id, status, body := show(s, issue(map[string]any{"idx": idx, "uri": uri}))
			s.rejected(want, status, body)
			s.want(id, map[string]any{"category": want})
		}
		if f.calls != 1 {
			t.Errorf("%d fetches of one list", f.calls)
		}
		if _, status, _ := show(s, issue(nil)); status != 200 {
			t.Errorf("a foreign card without status: %d", status)
		}
		s.control()
	})
}
