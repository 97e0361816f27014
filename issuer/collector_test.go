package issuer

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

const testRedirect = "id.zegel.wallet:/callback"

// letter makes an offer by letter and returns it with its issuer_state.
func (w *town) letter() (*Offered, string) {
	w.t.Helper()
	a := w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1", Letter: true})
	var o Offered
	a.json(w.t, &o)
	offer, _, err := openid4vci.ParseLink(o.URI)
	if err != nil || offer.Grants.Code == nil || offer.Grants.PreAuthorized != nil || offer.Grants.Code.IssuerState == "" || len(o.TxCode) != 6 {
		w.t.Fatalf("%+v, %v", o, err)
	}
	return &o, offer.Grants.Code.IssuerState
}

// collector is a wallet by hand, and the browser of its owner.
type collector struct {
	*holder
	verifier string
	request  string // request_uri
}

func (w *town) collector() *collector {
	return &collector{holder: w.holder(), verifier: oauth.NewVerifier()}
}

func (c *collector) push(issuerState string, change func(v url.Values)) *answer {
	c.w.t.Helper()
	v := url.Values{"response_type": {"code"}, "client_id": {"zegel-wallet"}, "redirect_uri": {testRedirect}, "state": {"s-1"}, "scope": {PersonalData},
		"code_challenge": {oauth.Challenge(c.verifier)}, "code_challenge_method": {"S256"}, "issuer_state": {issuerState}}
	if change != nil {
		change(v)
	}
	a := c.w.send("/par", "application/x-www-form-urlencoded", v.Encode(), proofs(c.proof("/par", "", nil)))
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if a.status == http.StatusCreated {
		a.json(c.w.t, &pushed)
		c.request = pushed.RequestURI
	}
	return a
}

// browse sends a form of the pages, or gets the first page; from is the origin that the browser names.
func (w *town) browse(method, from string, v url.Values) *answer {
	w.t.Helper()
	target, body := w.base()+"/authorize", ""
	if method == http.MethodGet {
		target += "?" + v.Encode()
	} else {
		body = v.Encode()
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", from)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return &answer{res.StatusCode, res.Header, bytes.TrimSpace(data)}
}

func (c *collector) page(do string, pairs ...string) *answer {
	c.w.t.Helper()
	v := url.Values{"client_id": {"zegel-wallet"}, "request_uri": {c.request}, "do": {do}}
	for n := 0; n < len(pairs); n += 2 {
		v.Set(pairs[n], pairs[n+1])
	}
	return c.w.browse(http.MethodPost, c.w.server.URL, v)
}

var hiddenStep = regexp.MustCompile(`name="step" value="([^"]+)"`)

// step is what the page of consent told.
func (a *answer) step(t testing.TB) string {
	t.Helper()
	m := hiddenStep.FindSubmatch(a.body)
	if a.status != http.StatusOK || m == nil {
		t.Fatalf("no page of consent: %d %s", a.status, a.body)
	}
	return html.UnescapeString(string(m[1]))
}

// code goes from the letter to the authorization code.
func (c *collector) code(o *Offered, issuerState string) string {
	c.w.t.Helper()
	if a := c.push(issuerState, nil); a.status != http.StatusCreated {
		c.w.t.Fatalf("par: %d %s", a.status, a.body)
	}
	return c.answered(o)
}

func (c *collector) answered(o *Offered) string {
	c.w.t.Helper()
	a := c.page("yes", "step", c.page("prove", "code", o.TxCode).step(c.w.t))
	at, query, _ := strings.Cut(a.header.Get("Location"), "?")
	q, err := url.ParseQuery(query)
	if a.status != http.StatusSeeOther || at != testRedirect || err != nil || q.Get("state") != "s-1" || q.Get("iss") != c.w.base() || len(q) != 3 || a.header.Get("Cache-Control") != "no-store" {
		c.w.t.Fatalf("%d %v", a.status, a.header)
	}
	return q.Get("code")
}

func (c *collector) redeem(code string, change func(v url.Values)) *answer {
	c.w.t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {testRedirect}, "client_id": {"zegel-wallet"}, "code_verifier": {c.verifier}}
	if change != nil {
		change(v)
	}
	return c.form(v, c.proof("/token", "", nil))
}

func setting(name, value string) func(url.Values) {
	return func(v url.Values) {
		if v.Del(name); value != "" {
			v.Set(name, value)
		}
	}
}
