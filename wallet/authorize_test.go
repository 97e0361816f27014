package wallet

import (
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// pages is an authorization server that asks people on a page: it takes pushed requests, and codes with their verifier and key.
type pages struct {
	w        *world
	metadata map[string]any
	pushed   []*oauth.AuthorizationRequest
	keys     []string          // of the pushed requests
	codes    map[string]int    // to the pushed request
	values   map[string]string // what the answers say instead; "" leaves it out
}

const issuerState = "state-of-a-letter"

func (w *world) pages() *pages {
	p := &pages{w: w, codes: map[string]int{}, metadata: map[string]any{
		"issuer": w.issuer(), "token_endpoint": w.base + "/token", "response_types_supported": []string{"code"},
		"grant_types_supported": []string{openid4vci.GrantCode}, "dpop_signing_alg_values_supported": []string{"ES256"},
		"authorization_endpoint": w.base + "/authorize", "pushed_authorization_request_endpoint": w.base + "/par",
		"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
	}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serve["/.well-known/oauth-authorization-server/issuer"] = func(rw http.ResponseWriter, _ *http.Request) { reply(rw, p.metadata) }
	proof := func(req *http.Request, path string) string {
		d, err := oauth.VerifyDPoP(req.Header.Get("DPoP"), "POST", w.base+path, "", w.now())
		if err != nil {
			w.t.Errorf("proof: %v", err)
			return ""
		}
		return d.Thumbprint
	}
	w.serve["/par"] = func(rw http.ResponseWriter, req *http.Request) {
		req.ParseForm()
		r, err := oauth.ParseAuthorizationRequest(req.PostForm)
		if err != nil {
			w.t.Errorf("pushed request: %v", err)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		p.pushed, p.keys = append(p.pushed, r), append(p.keys, proof(req, "/par"))
		rw.WriteHeader(http.StatusCreated)
		reply(rw, map[string]any{"request_uri": oauth.RequestURI + rand.Text(), "expires_in": 60})
	}
	w.serve["/token"] = func(rw http.ResponseWriter, req *http.Request) {
		req.ParseForm()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tokens++
		at, known := p.codes[req.PostForm.Get("code")]
		if !known || req.PostForm.Get("redirect_uri") != p.pushed[at].RedirectURI || req.PostForm.Get("client_id") != p.pushed[at].ClientID ||
			!oauth.Verifies(req.PostForm.Get("code_verifier"), p.pushed[at].Challenge) || proof(req, "/token") != p.keys[at] {
			(&oauth.Error{Status: 400, Code: oauth.InvalidGrant}).Write(rw)
			return
		}
		delete(p.codes, req.PostForm.Get("code"))
		reply(rw, map[string]any{"access_token": rand.Text(), "token_type": "DPoP", "expires_in": 300, "refresh_token": rand.Text()})
	}
	return p
}

func (p *pages) offer() string {
	o := openid4vci.Offer{CredentialIssuer: p.w.issuer(), ConfigurationIDs: []string{"person"}, Grants: &openid4vci.Grants{Code: &openid4vci.CodeGrant{IssuerState: issuerState}}}
	return o.Link()
}

// asks begins to receive and returns the number of the pushed request.
func (p *pages) asks(w *Wallet) int {
	p.w.t.Helper()
	i, err := w.Receive(p.w.t.Context(), p.offer())
	if err != nil || !i.Browser || i.TxCode != nil {
		p.w.t.Fatalf("%+v, %v", i, err)
	}
	if _, err := i.Fetch(p.w.t.Context(), ""); err == nil {
		p.w.t.Fatal("it fetches without the page")
	}
	page, err := i.Authorize(p.w.t.Context(), CallbackURI)
	if err != nil {
		p.w.t.Fatal(err)
	}
	u, err := url.Parse(page)
	if err != nil || !strings.HasPrefix(page, p.w.base+"/authorize?") || len(u.Query()) != 2 || u.Query().Get("client_id") == "" || u.Query().Get("request_uri") == "" {
		p.w.t.Fatalf("page %q", page)
	}
	return len(p.pushed) - 1
}

// answer is what the browser brings for a pushed request; changes may spoil it.
func (p *pages) answer(n int, changes map[string]string) string {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	code := rand.Text()
	p.codes[code] = n
	q := map[string]string{"code": code, "state": p.pushed[n].State, "iss": p.w.issuer()}
	maps.Copy(q, changes)
	v := url.Values{}
	for name, value := range q {
		if value != "" {
			v.Set(name, value)
		}
	}
	return CallbackURI + "?" + v.Encode()
}

// testBrowserFlow is VCI-10 at the wallet: what the browser brings counts only with the state and issuer of a request of this wallet,
// at its address, once. Anything else ends before the token call.
func testBrowserFlow(t *testing.T) {
	t.Run("whole", func(t *testing.T) {
		tw := newWorld(t)
		p := tw.pages()
		var o Options
		w := tw.wallet(func(opts *Options) { o = *opts })
		n := p.asks(w)
		r := p.pushed[n]
		if r.IssuerState != issuerState || r.RedirectURI != CallbackURI || len(r.State) < 26 || r.Details == "" || r.ClientID != openid4vci.ClientID {
			t.Errorf("%+v", r)
		}
		// The person has to unlock anew before the browser is back.
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w, err := Open(t.Context(), o, testPIN)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		i, err := w.Return(t.Context(), p.answer(n, nil))
		if err != nil || i.Browser || i.Issuer != townName || !i.Registered {
			t.Fatalf("%+v, %v", i, err)
		}
		if _, err := i.Fetch(t.Context(), "123456"); err == nil {
			t.Error("a code from paper after the page")
		}
		if _, err := i.Fetch(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		cards, err := i.Accept(t.Context())
		if err != nil || len(cards) != 1 || !cards[0].Renewable || tw.tokens != 1 {
			t.Fatalf("%+v, %v, %d calls for tokens", cards, err, tw.tokens)
		}
		if data, err := w.store.get(pendingName); err != nil || data != nil {
			t.Errorf("%s is kept, %v", data, err)
		}
	})

	t.Run("answers", func(t *testing.T) {
		tw := newWorld(t)
		p := tw.pages()
		w := tw.wallet(nil)
		foreign := map[string]func(n int) string{
			"no iss":           func(n int) string { return p.answer(n, map[string]string{"iss": ""}) },
			"another iss":      func(n int) string { return p.answer(n, map[string]string{"iss": "https://attacker.example"}) },
			"iss with a slash": func(n int) string { return p.answer(n, map[string]string{"iss": tw.issuer() + "/"}) },
			"iss in capitals":  func(n int) string { return p.answer(n, map[string]string{"iss": strings.ToUpper(tw.issuer())}) },
			"iss twice":        func(n int) string { return p.answer(n, nil) + "&iss=" + url.QueryEscape(tw.issuer()) },
			"no state":         func(n int) string { return p.answer(n, map[string]string{"state": ""}) },
			"another state":    func(n int) string { return p.answer(n, map[string]string{"state": rand.Text()}) },
			"state twice":      func(n int) string { return p.answer(n, nil) + "&state=x" },
			"no code":          func(n int) string { return p.answer(n, map[string]string{"code": ""}) },
			"code and error":   func(n int) string { return p.answer(n, map[string]string{"error": "access_denied"}) },
			"another address":  func(n int) string { return strings.Replace(p.answer(n, nil), ":/callback", ":/other", 1) },
			"another scheme":   func(n int) string { return strings.Replace(p.answer(n, nil), CallbackScheme, "http", 1) },
			"in the fragment":  func(n int) string { return strings.Replace(p.answer(n, nil), "?", "#", 1) },
			"a refusal without iss": func(n int) string {
				return p.answer(n, map[string]string{"code": "", "error": "access_denied", "iss": ""})
			},
			"a refusal of another": func(n int) string {
				return p.answer(n, map[string]string{"code": "", "error": "access_denied", "iss": "https://attacker.example"})
			},
			"too long":           func(n int) string { return p.answer(n, map[string]string{"x": strings.Repeat("x", 20_000)}) },
			"nothing":            func(int) string { return CallbackURI },
			"no address":         func(int) string { return "%zz?%zz" },
			"not of this wallet": func(int) string { return CallbackURI + "?code=a&state=&iss=" + url.QueryEscape(tw.issuer()) },
		}
		for name, make := range foreign {
			link := make(p.asks(w))
			if _, err := w.Return(t.Context(), link); CategoryOf(err) != RequestMalformed || !errors.Is(err, ErrUnasked) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if tw.tokens != 0 {
			t.Fatalf("%d calls for tokens", tw.tokens)
		}
		for code, want := range map[string]Category{"access_denied": UserDeclined, "server_error": EndpointRefused} {
			if _, err := w.Return(t.Context(), p.answer(p.asks(w), map[string]string{"code": "", "error": code})); CategoryOf(err) != want {
				t.Errorf("%s: %v", code, err)
			}
		}
		// Two pages are open: each answer goes to its own request, once, in any order.
		one, two := p.asks(w), p.asks(w)
		for _, n := range []int{two, one} {
			link := p.answer(n, nil)
			i, err := w.Return(t.Context(), link)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := i.Fetch(t.Context(), ""); err != nil {
				t.Errorf("request %d: %v", n, err)
			}
			if _, err := w.Return(t.Context(), link); !errors.Is(err, ErrUnasked) {
				t.Errorf("the same answer again: %v", err)
			}
		}
		// A code of the other request is of no use: its verifier is another one.
		one, two = p.asks(w), p.asks(w)
		link := p.answer(one, nil)
		q, err := url.ParseQuery(strings.SplitN(p.answer(two, nil), "?", 2)[1])
		if err != nil {
			t.Fatal(err)
		}
		injected, err := url.ParseQuery(strings.SplitN(link, "?", 2)[1])
		if err != nil {
			t.Fatal(err)
		}
		injected.Set("code", q.Get("code"))
		i, err := w.Return(t.Context(), CallbackURI+"?"+injected.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Fetch(t.Context(), ""); CategoryOf(err) != EndpointRefused {
			t.Errorf("another's code: %v", err)
		}
		if _, err := i.Fetch(t.Context(), ""); err == nil {
			t.Error("a second try with one code")
		}
		// Only the newest few are awaited.
		first := p.asks(w)
		for range maxPending {
			p.asks(w)
		}
		if _, err := w.Return(t.Context(), p.answer(first, nil)); !errors.Is(err, ErrUnasked) {
			t.Errorf("the oldest of many: %v", err)
		}
	})

	t.Run("servers", func(t *testing.T) {
		tw := newWorld(t)
		p := tw.pages()
		w := tw.wallet(nil)
		good := maps.Clone(p.metadata)
		for name, value := range map[string]any{
			"code_challenge_methods_supported": []string{"plain"}, "authorization_response_iss_parameter_supported": false,
			"pushed_authorization_request_endpoint": "", "authorization_endpoint": "", "dpop_signing_alg_values_supported": []string{},
		} {
			p.metadata = maps.Clone(good)
			p.metadata[name] = value
			if _, err := w.Receive(t.Context(), p.offer()); CategoryOf(err) != RequestMalformed {
				t.Errorf("%s %v: %v", name, value, err)
			}
		}
		for _, name := range []string{"pushed_authorization_request_endpoint", "authorization_endpoint"} {
			p.metadata = maps.Clone(good)
			p.metadata[name] = "http://attacker.example/x"
			if _, err := w.Receive(t.Context(), p.offer()); CategoryOf(err) != EndpointRefused {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A token that is for who bears it is not what was asked.
		p.metadata = good
		tw.serve["/token"] = func(rw http.ResponseWriter, _ *http.Request) {
			reply(rw, map[string]any{"access_token": rand.Text(), "token_type": "Bearer"})
		}
		i, err := w.Return(t.Context(), p.answer(p.asks(w), nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Fetch(t.Context(), ""); CategoryOf(err) != EndpointRefused && CategoryOf(err) != RequestMalformed {
			t.Errorf("a bearer token: %v", err)
		}
	})

	t.Run("late", func(t *testing.T) {
		tw := newWorld(t)
		p := tw.pages()
		off := time.Duration(0)
		w := tw.wallet(func(o *Options) { o.Now = func() time.Time { return time.Now().Add(off) } })
		n := p.asks(w)
		off = 16 * time.Minute
		if _, err := w.Return(t.Context(), p.answer(n, nil)); !errors.Is(err, ErrUnasked) || tw.tokens != 0 {
			t.Errorf("%v, %d calls for tokens", err, tw.tokens)
		}
		if movable(pendingName) {
			t.Error("a backup holds what waits for the browser")
		}
	})
}
