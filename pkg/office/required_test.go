package office

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/zegel-id/zegel/pkg/web"
)

const (
	testToken  = "a-token-of-a-clerk"
	testOrigin = "https://balie.example.org"
)

// testSite is a small set of pages: one that shows and one that changes something.
type testSite struct {
	*testing.T
	url     string
	changes int
	now     time.Time
	mu      sync.Mutex
}

func (s *testSite) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func openSite(t *testing.T, origin string) *testSite {
	t.Helper()
	s := &testSite{T: t, now: time.Date(2026, 11, 23, 10, 42, 0, 0, time.UTC)}
	pages, err := NewPages(PagesConfig{
		App: "counter", Base: "/counter", Origin: origin, Now: s.clock, Roles: []string{RoleCheck},
		Tenants: []PageTenant{{ID: "voorbeeld", Name: "Gemeente <Voorbeeld>", Staff: []Staff{
			{Name: `M. "><script>Bakker`, TokenSHA256: HashToken(testToken), Roles: []string{RoleCheck}},
			{Name: "Niemand", TokenSHA256: HashToken("no-roles")},
		}}},
		Nav:       []NavItem{{Href: "/counter", Icon: "check", Key: "counter.nav.check"}, {Href: "/counter/x", Icon: "card", Key: "desk.nav.cards", Role: RoleRevoke}},
		Templates: fstest.MapFS{"t/home.html": {Data: []byte(`{{define "main"}}<h1>{{.Title}}</h1>{{.Rich "counter.now.say" "text" .Data}}{{end}}`)}},
		Register:  func() Freshness { return Freshness{Height: 7, Time: s.clock().Add(-30 * time.Second)} },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/counter/login", pages.Login)
	mux.HandleFunc("/counter/logout", pages.Logout)
	mux.HandleFunc("/counter/assets/", Assets)
	mux.HandleFunc("/counter/", pages.NotFound)
	mux.HandleFunc("/counter", pages.Page("/counter", func(w http.ResponseWriter, r *http.Request, v Visit) {
		if r.Method == http.MethodPost {
			s.changes++
		}
		pages.Show(w, r, v, Page{Name: "home", Title: "Home", Active: "/counter", Data: r.PostForm.Get("text")})
	}))
	srv := httptest.NewServer(web.Secure(mux, slog.New(slog.DiscardHandler)))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// do sends a request as it is; cookies are the caller's business.
func (s *testSite) do(method, path, body string, header map[string]string) (*http.Response, string) {
	s.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res, string(data)
}

var fromUs = map[string]string{"Origin": testOrigin, "Sec-Fetch-Site": "same-origin"}

func with(more map[string]string, pairs ...string) map[string]string {
	out := map[string]string{}
	for k, v := range more {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// login returns the session cookie.
func (s *testSite) login(header map[string]string) *http.Cookie {
	s.Helper()
	res, body := s.do("POST", "/counter/login", url.Values{"token": {testToken}}.Encode(), header)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/counter" {
		s.Fatalf("login: %d to %q: %s", res.StatusCode, res.Header.Get("Location"), body)
	}
	for _, c := range res.Cookies() {
		if strings.HasSuffix(c.Name, "zegel-counter") {
			return c
		}
	}
	s.Fatal("login: no cookie")
	return nil
}

func TestRequired(t *testing.T) {
	t.Run("WEB-01", func(t *testing.T) {
		s := openSite(t, testOrigin)
		c := s.login(fromUs)
		evil := `<img src=x onerror=alert(1)>"><script>alert(1)</script>javascript:alert(1)**{text}**`
		res, body := s.do("POST", "/counter", url.Values{"text": {evil}}.Encode(), with(fromUs, "Cookie", c.Name+"="+c.Value))
		if res.StatusCode != 200 || strings.Contains(body, "<img") || strings.Contains(body, "<script>") || strings.Contains(body, "<Voorbeeld>") {
			t.Errorf("%d: %s", res.StatusCode, body)
		}
		if !strings.Contains(body, "&lt;img src=x onerror=alert(1)&gt;") || !strings.Contains(body, "javascript:alert(1)**{text}**") {
			t.Error("control: the text is not shown as text")
		}
	})

	t.Run("WEB-02", func(t *testing.T) {
		s := openSite(t, testOrigin)
		c := s.login(fromUs)
		cookie := c.Name + "=" + c.Value
		for name, header := range map[string]map[string]string{
			"nothing":         {},
			"foreign origin":  {"Origin": "https://evil.example"},
			"null origin":     {"Origin": "null"},
			"cross site":      {"Sec-Fetch-Site": "cross-site"},
			"same site":       {"Sec-Fetch-Site": "same-site", "Origin": testOrigin},
			"typed":           {"Sec-Fetch-Site": "none"},
			"mixed":           {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
			"origin and port": {"Origin": testOrigin + ":8443"},
		} {
			for _, path := range []string{"/counter", "/counter/login", "/counter/logout"} {
				res, _ := s.do("POST", path, "token="+testToken, with(header, "Cookie", cookie))
				if res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
					t.Errorf("%s, %s: %d", name, path, res.StatusCode)
				}
			}
		}
		if s.changes != 0 {
			t.Errorf("%d changes by forged requests", s.changes)
		}
		for _, header := range []map[string]string{fromUs, {"Origin": testOrigin}, {"Sec-Fetch-Site": "same-origin"}} {
			if res, _ := s.do("POST", "/counter", "", with(header, "Cookie", cookie)); res.StatusCode != 200 {
				t.Errorf("control %v: %d", header, res.StatusCode)
			}
		}
		// Of the right origin, but no form.
		for contentType, body := range map[string]string{"application/json": "{}", "text/plain": "a=b"} {
			res, page := s.do("POST", "/counter", body, with(fromUs, "Cookie", cookie, "Content-Type", contentType))
			if res.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(page, "Dit formulier klopt niet") {
				t.Errorf("%s: %d", contentType, res.StatusCode)
			}
		}
		if res, _ := s.do("GET", "/counter", "", map[string]string{"Cookie": cookie}); res.StatusCode != 200 || s.changes != 3 {
			t.Errorf("control: GET %d, %d changes", res.StatusCode, s.changes)
		}
	})

	t.Run("WEB-03", func(t *testing.T) {
		s := openSite(t, testOrigin)
		fixed := "__Host-zegel-counter=chosen-by-somebody-else"
		first := s.login(with(fromUs, "Cookie", fixed))
		second := s.login(with(fromUs, "Cookie", first.Name+"="+first.Value))
		if first.Value == "chosen-by-somebody-else" || first.Value == second.Value || len(second.Value) < 43 {
			t.Error("no new id at login")
		}
		get := func(cookie string) int {
			res, _ := s.do("GET", "/counter", "", map[string]string{"Cookie": cookie})
			return res.StatusCode
		}
		if got := get(fixed); got != http.StatusUnauthorized {
			t.Errorf("the fixed id: %d", got)
		}
		if got := get(first.Name + "=" + first.Value); got != http.StatusUnauthorized {
			t.Errorf("the id before the second login: %d", got)
		}
		cookie := second.Name + "=" + second.Value
		s.now = s.now.Add(14 * time.Minute)
		if got := get(cookie); got != 200 {
			t.Errorf("control: %d after 14 min", got)
		}
		s.now = s.now.Add(14 * time.Minute)
		if got := get(cookie); got != 200 {
			t.Errorf("control: %d after 14 min more", got)
		}
		s.now = s.now.Add(15*time.Minute + time.Second)
		if got := get(cookie); got != http.StatusUnauthorized {
			t.Errorf("after 15 min idle: %d", got)
		}
		third := s.login(fromUs)
		cookie = third.Name + "=" + third.Value
		if res, _ := s.do("POST", "/counter/logout", "", with(fromUs, "Cookie", cookie)); res.StatusCode != http.StatusSeeOther {
			t.Errorf("logout: %d", res.StatusCode)
		}
		if got := get(cookie); got != http.StatusUnauthorized {
			t.Errorf("after logout: %d", got)
		}
		// Nobody logged in, wrong code, no role.
		if res, _ := s.do("GET", "/counter", "", nil); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/counter/login" {
			t.Errorf("a new visitor: %d", res.StatusCode)
		}
		if res, _ := s.do("POST", "/counter/login", "token=wrong", fromUs); res.StatusCode != http.StatusUnauthorized || len(res.Cookies()) != 0 {
			t.Errorf("wrong code: %d", res.StatusCode)
		}
		if res, _ := s.do("POST", "/counter/login", "token=no-roles", fromUs); res.StatusCode != http.StatusForbidden {
			t.Errorf("no role: %d", res.StatusCode)
		}
	})

	t.Run("WEB-04", func(t *testing.T) {
		s := openSite(t, testOrigin)
		c := s.login(fromUs)
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %+v", c)
		}
		for _, path := range []string{"/counter/login", "/counter", "/counter/nothing"} {
			res, body := s.do("GET", path, "", map[string]string{"Cookie": c.Name + "=" + c.Value})
			if res.Header.Get("Content-Security-Policy") != web.ContentSecurityPolicy || res.Header.Get("Cache-Control") != "no-store" && res.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: headers %v", path, res.Header)
			}
			for _, bad := range []string{"<style", " style=", " onclick=", "<script>", "http://", "https://"} {
				if strings.Contains(body, bad) {
					t.Errorf("%s holds %q", path, bad)
				}
			}
		}
		// On a loopback town without TLS only the prefix and Secure go.
		plain := openSite(t, "http://localhost:8420").login(map[string]string{"Origin": "http://localhost:8420"})
		if plain.Name != "zegel-counter" || plain.Secure || !plain.HttpOnly || plain.SameSite != http.SameSiteStrictMode {
			t.Errorf("cookie of a loopback town %+v", plain)
		}
	})

	t.Run("WEB-08", func(t *testing.T) {
		s := openSite(t, testOrigin)
		for _, query := range []string{"?next=https://evil.example", "?redirect_uri=//evil.example", "?next=%2F%2Fevil.example&lang=en"} {
			body := url.Values{"token": {testToken}, "next": {"//evil.example"}, "redirect_uri": {"https://evil.example"}}.Encode()
			res, _ := s.do("POST", "/counter/login"+query, body, fromUs)
			if got := res.Header.Get("Location"); got != "/counter" {
				t.Errorf("login%s leads to %q", query, got)
			}
			if res, _ := s.do("GET", "/counter"+query, "", nil); res.Header.Get("Location") != "/counter/login" {
				t.Errorf("page%s leads to %q", query, res.Header.Get("Location"))
			}
		}
		for _, path := range []string{"//evil.example/..", "/counter//evil.example?lang=en", "/%5cevil.example"} {
			res, body := s.do("GET", path, "", nil)
			if l := res.Header.Get("Location"); strings.HasPrefix(l, "//") || strings.HasPrefix(l, "http") || strings.HasPrefix(l, `/\`) || strings.Contains(body, `href="//`) {
				t.Errorf("%s leads to %q", path, l)
			}
		}
	})

	t.Run("OPS-05", func(t *testing.T) {
		changes := map[string]struct {
			sql  string
			want int64
		}{
			"untouched":     {"SELECT 1", 0},
			"changed":       {"UPDATE audit SET outcome = 'ok' WHERE seq = 4", 4},
			"changed time":  {"UPDATE audit SET time = time + 1 WHERE seq = 1", 1},
			"moved text":    {"UPDATE audit SET actor = actor || 'x', action = substr(action, 2) WHERE seq = 6", 6},
			"removed":       {"DELETE FROM audit WHERE seq = 5", 5},
			"removed last":  {"DELETE FROM audit WHERE seq = 10", 10},
			"removed all":   {"DELETE FROM audit", 1},
			"removed first": {"DELETE FROM audit WHERE seq = 1", 1},
			"swapped":       {"UPDATE audit SET seq = CASE seq WHEN 3 THEN 107 ELSE 103 END WHERE seq IN (3, 7); UPDATE audit SET seq = seq - 100 WHERE seq > 100", 3},
			"added":         {"INSERT INTO audit SELECT 11, time, tenant, actor, action, object, outcome, hash FROM audit WHERE seq = 10", 11},
			"head":          {"UPDATE audit_head SET seq = 3", 4},
		}
		for name, c := range changes {
			db, path := openTest(t)
			for n := range 10 {
				e := Event{Time: time.UnixMilli(int64(1000 * n)), Tenant: "voorbeeld", Actor: "M. Bakker\r\n\x1b[31m", Action: "session.create", Object: fmt.Sprint(n), Outcome: "revoked"}
				if err := db.Write(t.Context(), func(tx *sql.Tx) error { return Audit(tx, e) }); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := db.write.Exec(c.sql); err != nil {
				t.Fatal(err)
			}
			got, err := VerifyAudit(t.Context(), db)
			if err != nil || got != c.want {
				t.Errorf("%s: first bad line %d (%v), want %d", name, got, err, c.want)
			}
			if name == "untouched" {
				db.Close()
				again, err := OpenDB(context.Background(), path, testMigrations)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := VerifyAudit(t.Context(), again); got != 0 || err != nil {
					t.Errorf("after opening again: %d (%v)", got, err)
				}
				again.Close()
			}
		}
	})
}

func TestAssets(t *testing.T) {
	css, err := assetFS.ReadFile("assets/style.css")
	if err != nil || len(css) >= 14<<10 {
		t.Errorf("the stylesheet has %d bytes (%v)", len(css), err)
	}
	for name, want := range map[string]int{
		"style.css": 200, "page.js": 200, "ahn.woff2": 200, "OFL.txt": 200, "rings.svg": 200, "../page/layout.html": 404, "": 404, "nothing.css": 404,
	} {
		w := httptest.NewRecorder()
		Assets(w, &http.Request{Method: "GET", URL: &url.URL{Path: assetPath("/counter", name)}})
		if w.Code != want {
			t.Errorf("%q: %d", name, w.Code)
		}
	}
}

func TestStartPage(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 42, 0, 0, time.UTC)
	h := web.Secure(StartPage(Start{Town: "Gemeente <Voorbeeld>", Counter: "/counter", Desk: "/desk", Registry: "/registry/", Network: "voorbeeld", Now: func() time.Time { return now },
		Register: func() Freshness { return Freshness{Height: 48213, Time: now.Add(-5 * time.Minute)} }}), nil)
	get := func(target string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		return w.Code, w.Body.String()
	}
	status, body := get("/?lang=en")
	for _, want := range []string{`<html lang="en">`, `href="/counter"`, `href="/desk"`, `href="/registry/"`, "48,213", "Known as of", "&lt;Voorbeeld&gt;"} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("%d, no %q", status, want)
		}
	}
	if status, _ := get("/other"); status != 404 {
		t.Errorf("other path: %d", status)
	}
	if status, _ := get(assetPath("", "style.css")); status != 200 {
		t.Errorf("stylesheet: %d", status)
	}
}

func TestBearer(t *testing.T) {
	staff := []Staff{{Name: "a", TokenSHA256: HashToken("token-a"), Roles: []string{RoleCheck}}, {Name: "b", TokenSHA256: strings.ToUpper(HashToken("token-b"))}}
	for header, want := range map[string]string{
		"Bearer token-a": "a", "bearer token-b": "b", "Bearer token-c": "", "Bearer ": "", "Basic token-a": "", "token-a": "", "": "",
		"Bearer " + HashToken("token-a"): "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		got := ""
		if s := Bearer(r, staff); s != nil {
			got = s.Name
		}
		if got != want {
			t.Errorf("%q is %q, want %q", header, got, want)
		}
	}
	var nobody *Staff
	if nobody.Allows(RoleCheck) || !staff[0].Allows(RoleCheck) || staff[0].Allows(RoleRevoke) {
		t.Error("roles")
	}
}
