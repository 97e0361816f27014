package issuer

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// holder is a wallet by hand that binds its tokens to a key.
type holder struct {
	w       *town
	key     crypto.Signer
	nonce   string
	access  string
	refresh string
}

func (w *town) holder() *holder {
	h := &holder{w: w, key: newKey(w.t)}
	h.learn()
	return h
}

// learn gets a nonce for proofs.
func (h *holder) learn() {
	h.w.t.Helper()
	if h.nonce = h.w.call("POST", "/nonce", "", "", "").header.Get("DPoP-Nonce"); h.nonce == "" {
		h.w.t.Fatal("no nonce for proofs")
	}
}

// proof makes a proof; change may spoil it.
func (h *holder) proof(path, token string, change func(claims map[string]any)) string {
	h.w.t.Helper()
	claims := map[string]any{"jti": newSecret(), "htm": "POST", "htu": h.w.base() + path, "iat": h.w.clock.now().Unix(), "nonce": h.nonce}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if change != nil {
		change(claims)
	}
	return signProof(h.w.t, h.key, jose.Header{Type: oauth.TypeDPoP, JWK: &jose.JWK{Key: h.key.Public()}}, claims)
}

// send posts with the headers as given.
func (w *town) send(path, contentType, body string, header http.Header) *answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "POST", w.base()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header = header.Clone()
	r.Header.Set("Content-Type", contentType)
	res, err := w.server.Client().Do(r)
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

func proofs(all ...string) http.Header {
	h := http.Header{}
	for _, p := range all {
		h.Add("DPoP", p)
	}
	return h
}

func (h *holder) form(v url.Values, proof ...string) *answer {
	h.w.t.Helper()
	return h.w.send("/token", "application/x-www-form-urlencoded", v.Encode(), proofs(proof...))
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {openid4vci.GrantRefresh}, "refresh_token": {token}}
}

// take keeps the tokens of a good answer.
func (h *holder) take(a *answer) {
	h.w.t.Helper()
	var got tokenResponse
	a.json(h.w.t, &got)
	if a.status != 200 || got.TokenType != "DPoP" || got.RefreshToken == "" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("DPoP-Nonce") == "" {
		h.w.t.Fatalf("token: %d %s %v", a.status, a.body, a.header)
	}
	h.access, h.refresh = got.AccessToken, got.RefreshToken
}

// redeem trades the code of a new offer.
func (h *holder) redeem() {
	h.w.t.Helper()
	_, code := h.w.offer(OfferRequest{})
	h.take(h.form(redeemForm(code, ""), h.proof("/token", "", nil)))
}

// renew trades the refresh token.
func (h *holder) renew() *answer {
	h.w.t.Helper()
	h.learn()
	return h.form(refreshForm(h.refresh), h.proof("/token", "", nil))
}

// ask asks for copies, with a header as given.
func (h *holder) ask(n int, header http.Header) *answer {
	h.w.t.Helper()
	nonce := h.w.nonce()
	var keys []string
	for _, key := range newKeys(h.w.t, n) {
		keys = append(keys, h.w.proof(key, nonce))
	}
	body, err := json.Marshal(request(keys...))
	if err != nil {
		h.w.t.Fatal(err)
	}
	return h.w.send("/credential", "application/json", string(body), header)
}

func (h *holder) header(scheme, token string, proof ...string) http.Header {
	header := proofs(proof...)
	header.Set("Authorization", scheme+" "+token)
	return header
}

// credential asks for copies as it should be and returns where their status stands.
func (h *holder) credential(n int) []statuslist.Ref {
	h.w.t.Helper()
	h.learn()
	a := h.ask(n, h.header("DPoP", h.access, h.proof("/credential", h.access, nil)))
	if a.status != 200 {
		h.w.t.Fatalf("credential: %d %s", a.status, a.body)
	}
	var got issuedResponse
	a.json(h.w.t, &got)
	var refs []statuslist.Ref
	for _, c := range got.Credentials {
		s, err := sdjwt.Parse(c.Credential)
		if err != nil {
			h.w.t.Fatal(err)
		}
		refs = append(refs, refOf(h.w.t, s))
	}
	return refs
}

func boundToKey(t *testing.T) {
	t.Run("tokens", boundTokens)
	t.Run("renewal", boundRefresh)
}

// boundTokens: a token that is bound to a key is of no use to who does not have it, nor a proof that was seen before.
func boundTokens(t *testing.T) {
	w := newTown(t)
	h := w.holder()

	// At the token endpoint a refusal uses nothing up.
	_, code := w.offer(OfferRequest{})
	form := redeemForm(code, "")
	other := w.holder()
	for _, test := range []struct {
		name   string
		proofs []string
		code   string
	}{
		{"two proofs", []string{h.proof("/token", "", nil), h.proof("/token", "", nil)}, "invalid_dpop_proof"},
		{"no JWT", []string{"x.y.z"}, "invalid_dpop_proof"},
		{"wrong htu", []string{h.proof("/credential", "", nil)}, "invalid_dpop_proof"},
		{"htu of another tenant", []string{h.proof("/token", "", func(c map[string]any) { c["htu"] = w.server.URL + "/issuer/proefdorp/token" })}, "invalid_dpop_proof"},
		{"wrong htm", []string{h.proof("/token", "", func(c map[string]any) { c["htm"] = "GET" })}, "invalid_dpop_proof"},
		{"old", []string{h.proof("/token", "", func(c map[string]any) { c["iat"] = w.clock.now().Add(-time.Hour).Unix() })}, "invalid_dpop_proof"},
		{"no nonce", []string{h.proof("/token", "", func(c map[string]any) { delete(c, "nonce") })}, "use_dpop_nonce"},
		{"a nonce for key proofs", []string{h.proof("/token", "", func(c map[string]any) { c["nonce"] = w.nonce() })}, "use_dpop_nonce"},
		{"a made-up nonce", []string{h.proof("/token", "", func(c map[string]any) { c["nonce"] = "x" })}, "use_dpop_nonce"},
	} {
		a := h.form(form, test.proofs...)
		w.want("token: "+test.name, a, 400, test.code)
		if a.header.Get("DPoP-Nonce") == "" {
			t.Errorf("%s: no new nonce", test.name)
		}
	}
	used := h.proof("/token", "", nil)
	h.take(h.form(form, used))
	_, second := w.offer(OfferRequest{})
	w.want("token: replayed jti", h.form(redeemForm(second, ""), used), 400, "invalid_dpop_proof")

	// At the credential endpoint.
	good := func() string { return h.proof("/credential", h.access, nil) }
	for _, test := range []struct {
		name   string
		header http.Header
		code   string
	}{
		{"proof missing", h.header("DPoP", h.access), "invalid_dpop_proof"},
		{"as a bearer token", h.header("Bearer", h.access), "invalid_dpop_proof"},
		{"as a bearer token with a proof", h.header("Bearer", h.access, good()), "invalid_token"},
		{"two proofs", h.header("DPoP", h.access, good(), good()), "invalid_dpop_proof"},
		{"the proof of the token request", h.header("DPoP", h.access, used), "invalid_dpop_proof"},
		{"wrong htu", h.header("DPoP", h.access, h.proof("/notification", h.access, nil)), "invalid_dpop_proof"},
		{"wrong htm", h.header("DPoP", h.access, h.proof("/credential", h.access, func(c map[string]any) { c["htm"] = "PUT" })), "invalid_dpop_proof"},
		{"wrong ath", h.header("DPoP", h.access, h.proof("/credential", "another", nil)), "invalid_dpop_proof"},
		{"no ath", h.header("DPoP", h.access, h.proof("/credential", "", nil)), "invalid_dpop_proof"},
		{"other key", h.header("DPoP", h.access, other.proof("/credential", h.access, nil)), "invalid_dpop_proof"},
		{"no nonce", h.header("DPoP", h.access, h.proof("/credential", h.access, func(c map[string]any) { delete(c, "nonce") })), "use_dpop_nonce"},
		{"unknown token", h.header("DPoP", "unknown", h.proof("/credential", "unknown", nil)), "invalid_token"},
		{"a bearer token as a bound one", h.header("DPoP", w.token(), good()), "invalid_token"},
	} {
		before := w.issued()
		a := h.ask(1, test.header)
		w.want("credential: "+test.name, a, 401, test.code)
		if challenge := a.header.Get("WWW-Authenticate"); a.header.Get("DPoP-Nonce") == "" || !strings.HasPrefix(challenge, "DPoP error=") && test.name != "a bearer token as a bound one" {
			t.Errorf("%s: %q, nonce %q", test.name, challenge, a.header.Get("DPoP-Nonce"))
		}
		if w.issued() != before {
			t.Errorf("%s: issued", test.name)
		}
	}
	w.clock.add(nonceLife)
	stale := w.holder()
	stale.redeem()
	w.clock.add(nonceLife - time.Second)
	a := stale.ask(1, stale.header("DPoP", stale.access, stale.proof("/credential", stale.access, nil)))
	if a.status != 200 {
		t.Errorf("last second of a nonce: %d %s", a.status, a.body)
	}
	stale.redeem()
	w.clock.add(2 * time.Second)
	w.want("stale nonce", stale.ask(1, stale.header("DPoP", stale.access, stale.proof("/credential", stale.access, nil))), 401, "use_dpop_nonce")

	// The control, with the nonce of the refusal; the notification is bound too.
	stale.learn()
	once := stale.proof("/credential", stale.access, nil)
	a = stale.ask(2, stale.header("DPoP", stale.access, once))
	if a.status != 200 {
		t.Fatalf("control: %d %s", a.status, a.body)
	}
	w.want("replayed jti", stale.ask(1, stale.header("DPoP", stale.access, once)), 401, "invalid_dpop_proof")
	var got issuedResponse
	a.json(t, &got)
	note, _ := json.Marshal(map[string]string{"notification_id": got.NotificationID, "event": "credential_accepted"})
	w.want("notification without proof", w.send("/notification", "application/json", string(note), stale.header("DPoP", stale.access)), 401, "invalid_dpop_proof")
	if a := w.send("/notification", "application/json", string(note), stale.header("DPoP", stale.access, stale.proof("/notification", stale.access, nil))); a.status != 204 {
		t.Errorf("notification: %d %s", a.status, a.body)
	}
	// A wallet that knows nothing of it gets a bearer token and no right to renew.
	_, code = w.offer(OfferRequest{})
	var bearer tokenResponse
	w.form("/token", redeemForm(code, "")).json(t, &bearer)
	if bearer.TokenType != "Bearer" || bearer.RefreshToken != "" {
		t.Errorf("without a proof: %+v", bearer)
	}
	w.control()
}

// boundRefresh: a refresh token is good for the key that it came with, once.
func boundRefresh(t *testing.T) {
	w := newTown(t)
	h := w.holder()
	h.redeem()
	h.credential(2)
	other := w.holder()
	w.want("no proof", h.form(refreshForm(h.refresh)), 400, "invalid_dpop_proof")
	w.want("other key", h.form(refreshForm(h.refresh), other.proof("/token", "", nil)), 400, "invalid_grant")
	w.want("unknown", h.form(refreshForm("x"), h.proof("/token", "", nil)), 400, "invalid_grant")
	w.want("missing", h.form(url.Values{"grant_type": {openid4vci.GrantRefresh}}, h.proof("/token", "", nil)), 400, "invalid_request")
	w.want("access token", h.form(refreshForm(h.access), h.proof("/token", "", nil)), 400, "invalid_grant")
	once := h.proof("/token", "", nil)
	first := h.refresh
	h.take(h.form(refreshForm(first), once))
	w.want("replayed jti", h.form(refreshForm(h.refresh), once), 400, "invalid_dpop_proof")

	// The answer got lost: the same token once more.
	h.refresh = first
	h.take(h.renew())
	h.credential(2)
	h.take(h.renew())
	// From here on the first one is old: two have it, and neither may go on.
	newest := h.refresh
	h.refresh = first
	w.want("reused", h.renew(), 400, "invalid_grant")
	h.refresh = newest
	w.want("newest after a reuse", h.renew(), 400, "invalid_grant")
	if a := h.ask(1, h.header("DPoP", h.access, h.proof("/credential", h.access, nil))); a.status != 401 {
		t.Errorf("access token after a reuse: %d %s", a.status, a.body)
	}

	// What a lost answer held counts no more: who comes with it has a copy of the key.
	h = w.holder()
	h.redeem()
	h.credential(1)
	first = h.refresh
	h.take(h.renew())
	lost := h.refresh
	h.refresh = first
	h.take(h.renew())
	newest, h.refresh = h.refresh, lost
	w.want("token of the lost answer", h.renew(), 400, "invalid_grant")
	h.refresh = newest
	w.want("newest after the lost one", h.renew(), 400, "invalid_grant")
	w.control()
}
