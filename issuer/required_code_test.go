package issuer

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// browserFlow is VCI-10 at the issuer: the authorization code flow takes nothing but a pushed request with PKCE by S256 and answers to the
// client's own address, with its name; a code is for its client, verifier and key, once.
func browserFlow(t *testing.T) {
	t.Run("whole", wholeFlow)
	t.Run("pushed requests", pushedRequests)
	t.Run("pages", collectPages)
	t.Run("codes", authorizationCodes)
}

// wholeFlow goes from the letter to the card with the client of our wallet.
func wholeFlow(t *testing.T) {
	w := newTown(t)
	o, _ := w.letter()
	client := w.wallet()
	client.DPoP = &oauth.Prover{Key: newKey(t), Now: w.clock.now}
	opened, err := client.Open(t.Context(), o.URI)
	if err != nil || !opened.InBrowser() {
		t.Fatal(err)
	}
	page, pending, err := client.Authorize(t.Context(), opened, "http://127.0.0.1:51234/callback")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); len(q) != 2 || !strings.HasPrefix(q.Get("request_uri"), oauth.RequestURI) {
		t.Fatalf("in the browser's address: %v", q)
	}
	first := w.browse(http.MethodGet, "", u.Query())
	for _, want := range []string{"Code uit de brief", "Gemeente voorbeeldstad", `name="code"`, "lang=en"} {
		if first.status != 200 || !bytes.Contains(first.body, []byte(want)) {
			t.Fatalf("%q is not on the page: %d %s", want, first.status, first.body)
		}
	}
	if csp := first.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' http://127.0.0.1:51234;") {
		t.Error(csp)
	}
	other := regexp.MustCompile(`href="\?([^"]+lang=en)"`).FindSubmatch(first.body)
	if other == nil {
		t.Fatalf("no way to the other language: %s", first.body)
	}
	inEnglish, err := url.ParseQuery(html.UnescapeString(string(other[1])))
	if err != nil {
		t.Fatal(err)
	}
	if a := w.browse(http.MethodGet, "", inEnglish); a.status != 200 || !bytes.Contains(a.body, []byte("Code from the letter")) {
		t.Errorf("in English: %d %s", a.status, a.body)
	}
	if bytes.Contains(first.body, []byte("Proefpersoon")) {
		t.Error("a name before the code")
	}
	c := &collector{holder: w.holder(), request: u.Query().Get("request_uri")}
	consent := c.page("prove", "code", o.TxCode[:3]+" "+o.TxCode[3:])
	for _, want := range []string{"Saar Proefpersoon", "Persoonsgegevens", "Zegel", "Klopt dit?"} {
		if !bytes.Contains(consent.body, []byte(want)) {
			t.Errorf("%q is not on the page: %s", want, consent.body)
		}
	}
	back := c.page("yes", "step", consent.step(t)).header.Get("Location")
	callback, err := oauth.ParseCallback(back)
	if err != nil {
		t.Fatal(err)
	}
	code, err := callback.Code(&pending.Pending)
	if err != nil {
		t.Fatal(err)
	}
	// The wallet was started anew: it has its key and its note.
	if opened, err = client.Return(t.Context(), pending); err != nil {
		t.Fatal(err)
	}
	grant, err := client.RedeemCode(t.Context(), opened, pending, code)
	if err != nil || grant.RefreshToken == "" {
		t.Fatalf("%+v, %v", grant, err)
	}
	issued, err := client.Request(t.Context(), opened, grant, PersonalData, newKeys(t, 2))
	if err != nil || len(issued.Credentials) != 2 {
		t.Fatal(err)
	}
	state, err := w.issuer.OfferState(t.Context(), "voorbeeldstad", o.ID)
	if err != nil || state.State != OfferIssued || !state.Letter {
		t.Errorf("%+v, %v", state, err)
	}
	// The right to renew works as of any card.
	renewed, err := client.Refresh(t.Context(), opened, grant.RefreshToken)
	if err != nil || renewed.RefreshToken == "" {
		t.Error(err)
	}
	if done := w.browse(http.MethodGet, "", u.Query()); done.status != 200 || !bytes.Contains(done.body, []byte("Ga terug naar uw wallet")) {
		t.Errorf("the page after it was answered: %d %s", done.status, done.body)
	}

	var m map[string]any
	w.call("GET", w.server.URL+"/.well-known/oauth-authorization-server/issuer/voorbeeldstad", "", "", "").json(t, &m)
	for name, want := range map[string]any{
		"require_pushed_authorization_requests": true, "authorization_response_iss_parameter_supported": true,
		"authorization_endpoint": w.base() + "/authorize", "pushed_authorization_request_endpoint": w.base() + "/par",
	} {
		if m[name] != want {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	if methods, _ := json.Marshal(m["code_challenge_methods_supported"]); string(methods) != `["S256"]` {
		t.Errorf("%s", methods)
	}
}

func pushedRequests(t *testing.T) {
	w := newTown(t)
	_, state := w.letter()
	_, preCode := w.offer(OfferRequest{})
	c := w.collector()
	for name, x := range map[string]struct {
		change func(v url.Values)
		code   string
	}{
		"no PKCE":                      {setting("code_challenge", ""), "invalid_request"},
		"plain":                        {setting("code_challenge_method", "plain"), "invalid_request"},
		"no method, which means plain": {setting("code_challenge_method", ""), "invalid_request"},
		"a challenge that is no hash":  {setting("code_challenge", "abc"), "invalid_request"},
		"no response type":             {setting("response_type", ""), "invalid_request"},
		"implicit":                     {setting("response_type", "token"), "unsupported_response_type"},
		"another response mode":        {setting("response_mode", "fragment"), "invalid_request"},
		"a request in a request":       {setting("request_uri", oauth.RequestURI+"x"), "invalid_request"},
		"a request object":             {setting("request", "x.y.z"), "request_not_supported"},
		"unknown client":               {setting("client_id", "another"), "invalid_client"},
		"no redirect":                  {setting("redirect_uri", ""), "invalid_request"},
		"longer redirect":              {setting("redirect_uri", testRedirect+"/x"), "invalid_request"},
		"redirect with a query":        {setting("redirect_uri", testRedirect+"?a=b"), "invalid_request"},
		"scheme in capitals":           {setting("redirect_uri", "ID.zegel.wallet:/callback"), "invalid_request"},
		"https of another":             {setting("redirect_uri", "https://attacker.example/callback"), "invalid_request"},
		"loopback without a port":      {setting("redirect_uri", "http://127.0.0.1:/callback"), "invalid_request"},
		"loopback by name":             {setting("redirect_uri", "http://localhost:1234/callback"), "invalid_request"},
		"loopback with another path":   {setting("redirect_uri", "http://127.0.0.1:1234/other"), "invalid_request"},
		"loopback of another":          {setting("redirect_uri", "http://127.0.0.1:1234@attacker.example/callback"), "invalid_request"},
		"no offer":                     {setting("issuer_state", ""), "invalid_request"},
		"unknown offer":                {setting("issuer_state", "x"), "invalid_request"},
		"pre-authorized code":          {setting("issuer_state", preCode), "invalid_request"},
		"unknown scope":                {setting("scope", "other"), "invalid_scope"},
		"no scope":                     {setting("scope", ""), "invalid_scope"},
		"unusable details":             {setting("authorization_details", "[{}]"), "invalid_request"},
		"another key":                  {setting("dpop_jkt", oauth.Challenge("x")), "invalid_dpop_proof"},
		"a key that is none":           {setting("dpop_jkt", "x"), "invalid_request"},
		"too long":                     {setting("state", strings.Repeat("x", 600)), "invalid_request"},
		"twice":                        {func(v url.Values) { v.Add("state", "s-2") }, "invalid_request"},
	} {
		w.want(name, c.push(state, x.change), 400, x.code)
	}
	if a := c.push(state, setting("redirect_uri", "http://[::1]:4321/callback")); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	// The issuer_state of a letter is no code for a wallet.
	w.want("as pre-authorized code", w.form("/token", redeemForm(state, "")), 400, "invalid_grant")
	// A proof serves once.
	p := c.proof("/par", "", nil)
	body := url.Values{"response_type": {"code"}, "client_id": {"zegel-wallet"}, "redirect_uri": {testRedirect}, "scope": {PersonalData},
		"code_challenge": {oauth.Challenge(c.verifier)}, "code_challenge_method": {"S256"}, "issuer_state": {state}}.Encode()
	if a := w.send("/par", "application/x-www-form-urlencoded", body, proofs(p)); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.want("proof used twice", w.send("/par", "application/x-www-form-urlencoded", body, proofs(p)), 400, "invalid_dpop_proof")
	w.clock.add(letterLife)
	c.learn()
	w.want("a letter that has lapsed", c.push(state, nil), 400, "invalid_request")
}

func collectPages(t *testing.T) {
	w := newTown(t)
	o, state := w.letter()
	c := w.collector()
	c.push(state, nil)
	get := func(change func(v url.Values)) *answer {
		v := url.Values{"client_id": {"zegel-wallet"}, "request_uri": {c.request}}
		change(v)
		return w.browse(http.MethodGet, "", v)
	}
	for name, change := range map[string]func(v url.Values){
		"nothing pushed": setting("request_uri", ""), "unknown": setting("request_uri", oauth.RequestURI+"x"), "another's": setting("client_id", "other"),
		"a request in the open": func(v url.Values) {
			v.Del("request_uri")
			v.Set("redirect_uri", testRedirect)
			v.Set("response_type", "code")
		},
	} {
		if a := get(change); a.status != http.StatusNotFound || a.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
	// A form from elsewhere, no form, and an answer without a proof of who it is.
	if a := w.browse(http.MethodPost, "https://attacker.example", url.Values{"client_id": {"zegel-wallet"}, "request_uri": {c.request}, "do": {"prove"}, "code": {o.TxCode}}); a.status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.status)
	}
	if a := c.page("other"); a.status != http.StatusBadRequest {
		t.Errorf("%d", a.status)
	}
	for _, step := range []string{"", "x"} {
		if a := c.page("yes", "step", step); a.status != http.StatusNotFound || a.header.Get("Location") != "" {
			t.Errorf("consent without a code: %d %v", a.status, a.header)
		}
	}
	old := c.page("prove", "code", o.TxCode).step(t)
	c.page("prove", "code", o.TxCode).step(t)
	if a := c.page("yes", "step", old); a.status != http.StatusNotFound {
		t.Errorf("an older page: %d", a.status)
	}
	// Who stops is sent back, and can begin again.
	back, err := url.Parse(c.page("no").header.Get("Location"))
	if err != nil || back.Query().Get("error") != "access_denied" || back.Query().Get("state") != "s-1" || back.Query().Get("iss") != w.base() || back.Query().Has("code") {
		t.Errorf("%v, %v", back, err)
	}
	c.learn()
	if code := c.code(o, state); code == "" {
		t.Error("no code after an earlier stop")
	}

	// Five wrong codes end the letter, whoever asks and however often.
	o, state = w.letter()
	wrong := "000000"
	if o.TxCode == wrong {
		wrong = "000001"
	}
	for try := 1; try <= maxTries; try++ {
		c := w.collector()
		c.push(state, nil)
		a := c.page("prove", "code", wrong)
		if a.status != http.StatusForbidden || bytes.Contains(a.body, []byte("Saar")) {
			t.Fatalf("wrong code %d: %d %s", try, a.status, a.body)
		}
		if try == maxTries && !bytes.Contains(a.body, []byte("nieuwe")) {
			t.Errorf("the last one: %s", a.body)
		}
		if try == 1 && !bytes.Contains(a.body, []byte("nog 4 keer")) {
			t.Errorf("the first one: %s", a.body)
		}
		if try == maxTries {
			if a := c.page("prove", "code", o.TxCode); a.status != http.StatusNotFound {
				t.Errorf("the right code after five wrong ones: %d", a.status)
			}
		}
	}
	w.want("after five wrong codes", w.collector().push(state, nil), 400, "invalid_request")
	if s, err := w.issuer.OfferState(t.Context(), "voorbeeldstad", o.ID); err != nil || s.State != OfferBlocked {
		t.Errorf("%+v, %v", s, err)
	}

	// A page is not open for ever, and not after staff stopped the letter.
	o, state = w.letter()
	c = w.collector()
	c.push(state, nil)
	w.clock.add(pushedLife)
	if a := c.page("prove", "code", o.TxCode); a.status != http.StatusNotFound {
		t.Errorf("late: %d", a.status)
	}
	c.learn()
	c.push(state, nil)
	step := c.page("prove", "code", o.TxCode).step(t)
	if err := w.issuer.CancelOffer(t.Context(), "voorbeeldstad", "M. Voorbeeld", o.ID); err != nil {
		t.Fatal(err)
	}
	if a := c.page("yes", "step", step); a.status != http.StatusNotFound {
		t.Errorf("stopped: %d", a.status)
	}
}

func authorizationCodes(t *testing.T) {
	w := newTown(t)
	o, state := w.letter()
	c := w.collector()
	code := c.code(o, state)
	for name, x := range map[string]struct {
		change func(v url.Values)
		code   string
	}{
		"no verifier":                  {setting("code_verifier", ""), "invalid_request"},
		"wrong verifier":               {setting("code_verifier", oauth.NewVerifier()), "invalid_grant"},
		"the challenge, as for plain":  {setting("code_verifier", oauth.Challenge(c.verifier)), "invalid_grant"},
		"a verifier that is too short": {setting("code_verifier", "x"), "invalid_grant"},
		"another redirect":             {setting("redirect_uri", "http://127.0.0.1:1234/callback"), "invalid_grant"},
		"no redirect":                  {setting("redirect_uri", ""), "invalid_request"},
		"another client":               {setting("client_id", "other"), "invalid_grant"},
		"no client":                    {setting("client_id", ""), "invalid_request"},
		"no code":                      {setting("code", ""), "invalid_request"},
		"unknown code":                 {setting("code", "x"), "invalid_grant"},
		"as a pre-authorized code": {func(v url.Values) {
			v.Set("grant_type", openid4vci.GrantPreAuthorized)
			v.Set("pre-authorized_code", code)
		}, "invalid_grant"},
		"as a refresh token":             {func(v url.Values) { v.Set("grant_type", openid4vci.GrantRefresh); v.Set("refresh_token", code) }, "invalid_grant"},
		"the name of the pushed request": {setting("code", strings.TrimPrefix(c.request, oauth.RequestURI)), "invalid_grant"},
	} {
		w.want(name, c.redeem(code, x.change), 400, x.code)
	}
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {testRedirect}, "client_id": {"zegel-wallet"}, "code_verifier": {c.verifier}}
	w.want("without a proof of a key", w.form("/token", v), 400, "invalid_dpop_proof")
	thief := w.holder()
	w.want("with another key", thief.form(v, thief.proof("/token", "", nil)), 400, "invalid_grant")
	w.want("at another tenant", w.form(w.server.URL+"/issuer/proefdorp/token", v), 400, "invalid_dpop_proof")

	// None of that used it up. Then it serves once.
	c.take(c.redeem(code, nil))
	c.learn()
	status := func() int { return c.ask(1, c.header("DPoP", c.access, c.proof("/credential", c.access, nil))).status }
	w.want("by a thief, after its use", thief.form(v, thief.proof("/token", "", nil)), 400, "invalid_grant")
	if got := status(); got != http.StatusOK {
		t.Errorf("who has neither verifier nor key ended something: %d", got)
	}
	c.learn()
	w.want("second use", c.redeem(code, nil), 400, "invalid_grant")
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("the access token after a second use of the code: %d", got)
	}
	w.want("the refresh token after it", c.renew(), 400, "invalid_grant")

	// Two codes of one letter: one wallet gets the card.
	o, state = w.letter()
	one, two := w.collector(), w.collector()
	first, second := one.code(o, state), two.code(o, state)
	one.take(one.redeem(first, nil))
	w.want("a second wallet", two.redeem(second, nil), 400, "invalid_grant")

	o, state = w.letter()
	c = w.collector()
	code = c.code(o, state)
	w.clock.add(grantLife)
	c.learn()
	w.want("late", c.redeem(code, nil), 400, "invalid_grant")
	if err := w.issuer.cleanOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.add(usedCodeKept + time.Minute)
	if err := w.issuer.cleanOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := w.issuer.db.Read().QueryRow("SELECT (SELECT COUNT(*) FROM code) + (SELECT COUNT(*) FROM pushed)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d codes and requests left, %v", left, err)
	}
	w.control()
}

// Settings name wallets of others by addresses that only they can have.
func TestClients(t *testing.T) {
	one := func(uri string) []Client { return []Client{{ID: "a", Name: "A", RedirectURIs: []string{uri}}} }
	for _, good := range []string{"https://wallet.example/done", "nl.voorbeeld.wallet:/klaar", "http://127.0.0.1/klaar", "http://[::1]/klaar"} {
		if err := checkClients(one(good)); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "http://wallet.example/done", "wallet:/done", "https://wallet.example/#done", "https://a@wallet.example/", "javascript:alert(1)", "http://localhost/klaar"} {
		if checkClients(one(bad)) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if checkClients(append(one("https://wallet.example/done"), one("https://wallet.example/other")...)) == nil {
		t.Error("one id for two wallets")
	}
}
