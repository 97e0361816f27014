package issuer

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/office"
)

// browser is a member of staff at the desk.
type browser struct {
	w      *town
	client *http.Client
}

func (w *town) browser(token string) *browser {
	w.t.Helper()
	jar, _ := cookiejar.New(nil)
	b := &browser{w, &http.Client{Jar: jar}}
	if token != "" {
		if status, body, at := b.post("/desk/login", url.Values{"token": {token}}); status != 200 || !strings.HasPrefix(at, "/desk") {
			w.t.Fatalf("login: %d at %s: %s", status, at, body)
		}
	}
	return b
}

func (b *browser) do(method, path string, form url.Values, header ...string) (int, string, string) {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.w.server.URL)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if r.Header.Del(header[i]); header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return res.StatusCode, string(data), res.Request.URL.Path
}

func (b *browser) get(path string) (int, string, string) { return b.do("GET", path, nil) }

func (b *browser) post(path string, form url.Values) (int, string, string) {
	return b.do("POST", path, form)
}

func has(t *testing.T, what, body string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("%s: no %q", what, want)
		}
	}
}

var (
	linkValue = regexp.MustCompile(`id="link" readonly value="([^"]+)"`)
	codeText  = regexp.MustCompile(`<p class="code tn">([0-9]{3} [0-9]{3})</p>`)
)

func TestDeskHandOut(t *testing.T) {
	w := newTown(t)
	b := w.browser(tokenBoth)
	_, body, _ := b.get("/desk")
	has(t, "choose", body, "Saar Proefpersoon", "17 mei 1984, Voorbeeldstad", `name="code" value="1" checked`)
	if _, body, _ = b.get("/desk?number=voorbeeld-3"); !strings.Contains(body, "Noor Testkind") || strings.Contains(body, "Saar") {
		t.Error("search by number")
	}
	if _, body, _ = b.get("/desk?number=nobody"); !strings.Contains(body, "geen inwoner met dit nummer") {
		t.Error("an unknown number says nothing")
	}
	hand := url.Values{"configuration": {PersonalData}, "subject": {"voorbeeld-1"}, "code": {"1"}}
	status, body, at := b.post("/desk/offers", hand)
	if status != 200 || !strings.HasPrefix(at, "/desk/offers/") {
		t.Fatalf("%d at %s", status, at)
	}
	has(t, "offer", body, `<svg class="qr"`, `href="openid-credential-offer://`, "Saar Proefpersoon", ">10:00<")
	link, code := linkValue.FindStringSubmatch(body), codeText.FindStringSubmatch(body)
	if link == nil || code == nil {
		t.Fatal("no link or code on the page")
	}
	if len(html.UnescapeString(link[1])) > 250 {
		t.Errorf("the link has %d characters", len(link[1]))
	}
	// Another town and another page know nothing of it.
	if status, _, _ := w.browser(tokenOther).get(at); status != http.StatusNotFound {
		t.Errorf("another town reads the offer: %d", status)
	}
	if status, _, _ := w.browser(tokenOther).post(at+"/stop", url.Values{}); status != http.StatusNotFound {
		t.Errorf("another town stops the offer: %d", status)
	}
	if _, body, _ := b.post(at+"/stop", url.Values{}); !strings.Contains(body, "De code werkt niet meer") || strings.Contains(body, code[1]) {
		t.Error("stopping")
	}

	_, body, at = b.post("/desk/offers", url.Values{"configuration": {PersonalData}, "subject": {"voorbeeld-1"}})
	if codeText.MatchString(body) || strings.Contains(body, "Geef dit papier mee") {
		t.Error("a code on paper although none was asked")
	}
	w.clock.add(11 * time.Minute)
	if _, body, _ = b.get(at); !strings.Contains(body, "De tijd is om") || strings.Contains(body, "openid-credential-offer") {
		t.Error("an old offer still shows its link")
	}
	for _, bad := range []url.Values{{}, {"configuration": {"other"}, "subject": {"voorbeeld-1"}}, {"configuration": {PersonalData}, "subject": {"nobody"}}} {
		if status, _, _ := b.post("/desk/offers", bad); status != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, status)
		}
	}
}

func TestDeskRevoke(t *testing.T) {
	w := newTown(t)
	c, _ := w.issueBatch(OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}, 3)
	b := w.browser(tokenBoth)
	_, body, _ := b.get("/desk/cards?number=voorbeeld-1")
	has(t, "cards", body, "1 kaart", "Geldig", "3 kopieën", "Uitgereikt", "/desk/cards/"+c.ID+"/revoke")
	_, body, _ = b.get("/desk/cards/" + c.ID + "/revoke")
	has(t, "reason", body, "Telefoon kwijt of gestolen", "Kies eerst de reden")
	status, body, _ := b.post("/desk/cards/"+c.ID+"/revoke", url.Values{"sure": {"1"}})
	if status != http.StatusBadRequest {
		t.Errorf("without a reason: %d", status)
	}
	has(t, "without a reason", body, "Kies eerst een reden", `role="alert"`)
	_, body, _ = b.post("/desk/cards/"+c.ID+"/revoke", url.Values{"reason": {"lost"}})
	has(t, "confirm", body, "Weet u het zeker?", "Ja, intrekken")
	if got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", c.ID); err != nil || got.State != StateValid || got.Pending != "" {
		t.Fatalf("revoked before the last question was answered: %+v %v", got, err)
	}
	_, body, at := b.post("/desk/cards/"+c.ID+"/revoke", url.Values{"reason": {"lost"}, "sure": {"1"}})
	if at != "/desk/cards/"+c.ID {
		t.Errorf("leads to %s", at)
	}
	has(t, "revoked", body, "Ingetrokken", "M. Voorbeeld, “Telefoon kwijt of gestolen”, blok")
	if got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", c.ID); err != nil || got.State != StateRevoked {
		t.Errorf("%+v %v", got, err)
	}
	if strings.Contains(body, "/revoke") {
		t.Error("a revoked card can be revoked again")
	}
	var searches int
	if err := w.issuer.db.Read().QueryRow("SELECT COUNT(*) FROM audit WHERE action = 'credential.search'").Scan(&searches); err != nil || searches != 2 {
		t.Errorf("%d searches written down (%v)", searches, err)
	}
	if bad, err := office.VerifyAudit(t.Context(), w.issuer.db); bad != 0 || err != nil {
		t.Errorf("audit chain: %d %v", bad, err)
	}
}

// The rows of the required behaviour for pages, at the desk itself; pkg/office tests the shell of all pages.
func TestDesk(t *testing.T) {
	t.Run("WEB-01", func(t *testing.T) {
		w := newTown(t, func(c *Config) { c.Tenants[0].Name = `<img src=x onerror=alert(1)>"><script>` })
		b := w.browser(tokenBoth)
		for _, path := range []string{"/desk", "/desk/cards", "/desk?number=" + url.QueryEscape(`"><script>alert(1)</script>`), "/desk/cards?number=" + url.QueryEscape(`"><script>alert(1)</script>`)} {
			_, body, _ := b.get(path)
			if strings.Contains(body, "<img") || strings.Contains(body, "<script>") {
				t.Errorf("%s holds markup from outside", path)
			}
			has(t, path, body, "&lt;img src=x")
		}
	})

	t.Run("WEB-02", func(t *testing.T) {
		w := newTown(t)
		c, _ := w.issueBatch(OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}, 2)
		b := w.browser(tokenBoth)
		form := url.Values{"configuration": {PersonalData}, "subject": {"voorbeeld-1"}, "reason": {"lost"}, "sure": {"1"}}
		for _, header := range [][]string{{"Origin", ""}, {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}} {
			for _, path := range []string{"/desk/offers", "/desk/cards/" + c.ID + "/revoke"} {
				if status, _, _ := b.do("POST", path, form, header...); status != http.StatusForbidden {
					t.Errorf("%v %s: %d", header, path, status)
				}
			}
		}
		if status, _, _ := b.get("/desk/offers"); status != http.StatusNotFound {
			t.Errorf("GET with a side effect: %d", status)
		}
		if got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", c.ID); err != nil || got.State != StateValid || got.Pending != "" {
			t.Errorf("%+v %v", got, err)
		}
		if status, _, at := b.post("/desk/offers", form); status != 200 || !strings.HasPrefix(at, "/desk/offers/") {
			t.Errorf("control: %d at %s", status, at)
		}
	})

	t.Run("WEB-05", func(t *testing.T) {
		w := newTown(t)
		c, _ := w.issueBatch(OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}, 2)
		other := w.browser(tokenOther)
		sure := url.Values{"reason": {"lost"}, "sure": {"1"}}
		for _, path := range []string{"/desk/cards/" + c.ID, "/desk/cards/" + c.ID + "/revoke"} {
			if status, _, _ := other.get(path); status != http.StatusNotFound {
				t.Errorf("another town reads %s: %d", path, status)
			}
		}
		if status, _, _ := other.post("/desk/cards/"+c.ID+"/revoke", sure); status != http.StatusNotFound {
			t.Errorf("another town revokes: %d", status)
		}
		revoker := w.browser(tokenRevoke)
		if status, _, _ := revoker.post("/desk/offers", url.Values{"configuration": {PersonalData}, "subject": {"voorbeeld-1"}}); status != http.StatusForbidden {
			t.Errorf("a revoker hands out: %d", status)
		}
		if _, body, at := revoker.get("/desk"); at != "/desk/cards" || strings.Contains(body, `href="/desk"><svg class="i"`) {
			t.Errorf("a revoker is led to %s", at)
		}
		if status, _, _ := revoker.post("/desk/cards/"+c.ID+"/revoke", sure); status != 200 {
			t.Errorf("control: %d", status)
		}
	})
}

// A letter is printed at once; later the desk knows that it is on its way, and not what stands in it.
func TestDeskLetter(t *testing.T) {
	w := newTown(t)
	b := w.browser(tokenBoth)
	status, body, at := b.post("/desk/offers", url.Values{"configuration": {PersonalData}, "subject": {"voorbeeld-1"}, "how": {"letter"}})
	if status != 200 {
		t.Fatal(status)
	}
	has(t, "letter", body, `<svg class="qr"`, "Saar Proefpersoon", "tot 4 december 2026", "Typ daar deze code")
	code := codeText.FindStringSubmatch(body)
	if code == nil {
		t.Fatal("no code on the letter")
	}
	w.clock.add(codeLife)
	if _, body, _ = b.get(at); strings.Contains(body, code[1]) || strings.Contains(body, "openid-credential-offer") || !strings.Contains(body, "niet meer te zien") {
		t.Errorf("ten minutes later: %s", body)
	}
	w.clock.add(letterLife)
	if _, body, _ = w.browser(tokenBoth).get(at); !strings.Contains(body, "niet binnen 14 dagen opgehaald") {
		t.Errorf("two weeks later: %s", body)
	}
	if status, _, _ := w.browser(tokenBoth).post("/desk/offers", url.Values{"configuration": {PersonalData}, "how": {"letter"}}); status != http.StatusBadRequest {
		t.Errorf("a letter to nobody: %d", status)
	}
}
