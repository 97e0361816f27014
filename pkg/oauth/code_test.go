package oauth

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// The example of RFC 7636, Appendix B.
func TestChallenge(t *testing.T) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if Challenge(verifier) != challenge || !Verifies(verifier, challenge) {
		t.Error("the example of the RFC")
	}
	for _, bad := range []string{"", challenge, verifier + "x", verifier[:42], strings.Repeat("x", 129), verifier + " ", "é" + verifier} {
		if Verifies(bad, challenge) || Verifies(bad, Challenge(bad)) && (len(bad) < 43 || len(bad) > 128 || strings.ContainsAny(bad, " é")) {
			t.Errorf("%q is taken", bad)
		}
	}
	if v := NewVerifier(); !Verifies(v, Challenge(v)) || v == NewVerifier() {
		t.Error("a new verifier")
	}
}

func TestMatchesRedirect(t *testing.T) {
	for _, x := range []struct {
		registered, given string
		want              bool
	}{
		{"id.zegel.wallet:/callback", "id.zegel.wallet:/callback", true},
		{"id.zegel.wallet:/callback", "id.zegel.wallet:/callback/", false},
		{"id.zegel.wallet:/callback", "id.zegel.wallet:/Callback", false},
		{"https://wallet.example/done", "https://wallet.example/done?a=b", false},
		{"https://wallet.example/done", "https://wallet.example:443/done", false},
		{"https://wallet.example/done", "https://wallet.example.attacker.example/done", false},
		{"http://127.0.0.1/callback", "http://127.0.0.1:51234/callback", true},
		{"http://127.0.0.1/callback", "http://127.0.0.1/callback", true},
		{"http://[::1]/callback", "http://[::1]:51234/callback", true},
		{"http://127.0.0.1/callback", "http://[::1]:51234/callback", false},
		{"http://127.0.0.1/callback", "http://127.0.0.1:51234/callback?x", false},
		{"http://127.0.0.1/callback", "http://127.0.0.1:51234@attacker.example/callback", false},
		{"http://127.0.0.1/callback", "http://x@127.0.0.1:51234/callback", false},
		{"http://127.0.0.1/callback", "https://127.0.0.1:51234/callback", false},
		{"http://127.0.0.1/callback", "http://127.0.0.1:/callback", false},
		{"http://127.0.0.1:1/callback", "http://127.0.0.1:2/callback", false},
		{"http://localhost/callback", "http://localhost:51234/callback", false},
		{"http://10.0.0.1/callback", "http://10.0.0.1:51234/callback", false},
	} {
		if MatchesRedirect(x.registered, x.given) != x.want {
			t.Errorf("registered %q, given %q: not %v", x.registered, x.given, x.want)
		}
	}
}

func FuzzAuthorizationRequest(f *testing.F) {
	good := url.Values{"response_type": {"code"}, "client_id": {"a"}, "redirect_uri": {"id.a:/b"}, "state": {"s"},
		"code_challenge": {Challenge("x")}, "code_challenge_method": {"S256"}, "issuer_state": {"i"}, "scope": {"a b"}}
	f.Add(good.Encode())
	f.Add("code_challenge_method=plain")
	f.Fuzz(func(t *testing.T, form string) {
		v, err := url.ParseQuery(form)
		if err != nil {
			return
		}
		r, err := ParseAuthorizationRequest(v)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Status != 400 || refused.Code == "" {
				t.Errorf("%q: %v", form, err)
			}
			return
		}
		if r.ClientID == "" || r.RedirectURI == "" || !isSHA256(r.Challenge) || v.Get("code_challenge_method") != ChallengeS256 {
			t.Errorf("%q: %+v", form, r)
		}
		// What the server answers is what a client takes, and only for this request.
		p := &Pending{Issuer: "https://issuer.example", RedirectURI: r.RedirectURI, State: r.State}
		if r.State == "" || strings.ContainsAny(r.RedirectURI, "?#") {
			return
		}
		c, err := ParseCallback(r.Answer(p.Issuer, "code-1", ""))
		if err != nil {
			t.Fatal(err)
		}
		if code, err := c.Code(p); err != nil || code != "code-1" {
			t.Errorf("%q: %q, %v", form, code, err)
		}
		p.Issuer = "https://other.example"
		if _, err := c.Code(p); err == nil {
			t.Errorf("%q: another issuer", form)
		}
	})
}

func FuzzCallback(f *testing.F) {
	p := NewPending("https://issuer.example", "id.zegel.wallet:/callback")
	f.Add("id.zegel.wallet:/callback?code=a&state=" + p.State + "&iss=https%3A%2F%2Fissuer.example")
	f.Add("id.zegel.wallet:/callback?error=access_denied&state=" + p.State)
	f.Fuzz(func(t *testing.T, link string) {
		c, err := ParseCallback(link)
		if err != nil {
			return
		}
		if code, err := c.Code(p); err == nil && (code == "" || c.State != p.State || !strings.HasPrefix(link, p.RedirectURI+"?")) {
			t.Errorf("%q has the code %q", link, code)
		}
	})
}
