package issuer

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

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

func TestRenewal(t *testing.T) {
	w := newTown(t)
	h := w.holder()
	h.redeem()
	refs := h.credential(3)
	card := func() *Credential {
		t.Helper()
		all, err := w.issuer.Credentials(t.Context(), "voorbeeldstad", "voorbeeld-1")
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return &all[0]
	}
	// The same access token gives no second batch; the refresh token does, long after the offer is forgotten.
	w.want("second batch", h.ask(1, h.header("DPoP", h.access, h.proof("/credential", h.access, nil))), 400, "credential_request_denied")
	w.clock.add(offerKept + 24*time.Hour)
	if err := w.issuer.cleanOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.take(h.renew())
	again := h.credential(4)
	w.want("second renewed batch", h.ask(1, h.header("DPoP", h.access, h.proof("/credential", h.access, nil))), 400, "credential_request_denied")
	if c := card(); c.Copies != 7 || c.State != StateValid || !c.ExpiresAt.After(w.clock.now().AddDate(0, 0, 364)) {
		t.Errorf("%+v", c)
	}
	_, page, _ := w.browser(tokenBoth).get("/desk/cards/" + card().ID)
	has(t, "desk", page, "1 kaart", "Vernieuwd op de telefoon", "4 kopieën", "Opgehaald op de telefoon", "3 kopieën")
	for _, ref := range again {
		if slices.Contains(refs, ref) {
			t.Error("a status index twice")
		}
	}
	// A restart takes nothing away but the nonces.
	if err := w.issuer.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.want("nonce of the process before", h.form(refreshForm(h.refresh), h.proof("/token", "", nil)), 400, "use_dpop_nonce")
	h.take(h.renew())
	again = append(again, h.credential(2)...)

	// A suspended card waits; a resumed one goes on.
	id := card().ID
	if _, err := w.issuer.Suspend(t.Context(), "voorbeeldstad", "test", id, "proef"); err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(refs, again)
	for _, ref := range all {
		if s := w.chain.status(t, ref.URI, ref.Index); s != statuslist.Suspended {
			t.Fatalf("status %v after a suspension", s)
		}
	}
	h.take(h.renew())
	w.want("suspended", h.ask(1, h.header("DPoP", h.access, h.proof("/credential", h.access, nil))), 400, "credential_request_denied")
	if _, err := w.issuer.Resume(t.Context(), "voorbeeldstad", "test", id, "proef"); err != nil {
		t.Fatal(err)
	}
	all = append(all, h.credential(1)...)

	// A wallet in a loop is stopped for the day.
	for range maxRenewals {
		h.take(h.renew())
		a := h.ask(1, h.header("DPoP", h.access, h.proof("/credential", h.access, nil)))
		if a.status == 200 {
			var got issuedResponse
			a.json(t, &got)
			s, err := sdjwt.Parse(got.Credentials[0].Credential)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, refOf(t, s))
			continue
		}
		w.want("too often", a, 400, "credential_request_denied")
	}
	if n := card().Copies; n != len(all) || n != 3+4+2+1+maxRenewals-3 {
		t.Errorf("%d copies, %d seen", n, len(all))
	}

	// One revocation ends every copy and the right to renew.
	changed, err := w.issuer.Revoke(t.Context(), "voorbeeldstad", "test", id, "proef")
	if err != nil || changed.State != StateRevoked || changed.Pending {
		t.Fatalf("%+v, %v", changed, err)
	}
	for _, ref := range all {
		if s := w.chain.status(t, ref.URI, ref.Index); s != statuslist.Invalid {
			t.Errorf("status %v after the revocation", s)
		}
	}
	w.want("revoked", h.renew(), 400, "invalid_grant")
	if c := card(); c.State != StateRevoked || c.Pending != "" {
		t.Errorf("%+v", c)
	}
	var left int
	if err := w.issuer.db.Read().QueryRow("SELECT COUNT(*) FROM refresh").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d refresh tokens left, %v", left, err)
	}
}

func TestRenewalEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(w *town, h *holder)
	}{
		{"a year later", func(w *town, h *holder) { w.clock.add(defaultRenewDays * 24 * time.Hour) }},
		{"the card has expired", func(w *town, h *holder) {
			w.exec("UPDATE credential SET expires = ?", w.clock.now().UnixMilli())
		}},
		{"the person is gone", func(w *town, h *holder) {
			if err := w.issuer.Close(); err != nil {
				w.t.Fatal(err)
			}
			write(w.t, w.cfg.Tenants[0].Subjects, "[]")
			w.open()
		}},
		{"a revocation that waits for the chain", func(w *town, h *holder) {
			w.chain.mu.Lock()
			w.chain.hold = make(chan struct{})
			w.chain.mu.Unlock()
			var id string
			if err := w.issuer.db.Read().QueryRow("SELECT id FROM credential").Scan(&id); err != nil {
				w.t.Fatal(err)
			}
			w.exec("INSERT INTO action (tenant, credential, kind, reason, staff, created) VALUES ('voorbeeldstad', ?, 'revoke', 'x', 'x', 1)", id)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newTown(t)
			h := w.holder()
			h.redeem()
			h.credential(1)
			test.end(w, h)
			w.want(test.name, h.renew(), 400, "invalid_grant")
		})
	}
	t.Run("never", func(t *testing.T) {
		w := newTown(t, func(c *Config) { c.Tenants[0].RenewDays = -1 })
		h := w.holder()
		_, code := w.offer(OfferRequest{})
		var got tokenResponse
		h.form(redeemForm(code, ""), h.proof("/token", "", nil)).json(t, &got)
		if got.TokenType != "DPoP" || got.RefreshToken != "" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("data of the offer", func(t *testing.T) {
		w := newTown(t)
		h := w.holder()
		_, code := w.offer(OfferRequest{Claims: map[string]any{"given_name": "Proef", "family_name": "Persoon", "birthdate": "1971-07-13"}})
		var got tokenResponse
		h.form(redeemForm(code, ""), h.proof("/token", "", nil)).json(t, &got)
		if got.TokenType != "DPoP" || got.RefreshToken != "" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRenewWithClient: our own wallet's client against our own issuer, from the offer to a renewed batch.
func TestRenewWithClient(t *testing.T) {
	w := newTown(t)
	offered, _ := w.offer(OfferRequest{})
	client := w.wallet()
	client.DPoP = &oauth.Prover{Key: newKey(t), Now: w.clock.now}
	o, err := client.Open(t.Context(), offered.URI)
	if err != nil {
		t.Fatal(err)
	}
	g, err := client.Redeem(t.Context(), o, "")
	if err != nil || !g.DPoP || g.RefreshToken == "" {
		t.Fatalf("%+v, %v", g, err)
	}
	issued, err := client.Request(t.Context(), o, g, PersonalData, newKeys(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Notify(t.Context(), o, g, issued.NotificationID, openid4vci.CredentialAccepted); err != nil {
		t.Fatal(err)
	}
	w.clock.add(24 * time.Hour) // all nonces are old
	server := o.AuthorizationServer
	if o, err = client.Reopen(t.Context(), w.base(), server, PersonalData); err != nil || o.Issuer == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	if g, err = client.Refresh(t.Context(), o, g.RefreshToken); err != nil {
		t.Fatal(err)
	}
	if issued, err = client.Request(t.Context(), o, g, PersonalData, newKeys(t, 3)); err != nil || len(issued.Credentials) != 3 {
		t.Fatalf("%+v, %v", issued, err)
	}
	if err := client.Notify(t.Context(), o, g, issued.NotificationID, openid4vci.CredentialAccepted); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Reopen(t.Context(), w.base(), "https://other.example", PersonalData); err == nil {
		t.Error("another authorization server")
	}
}

// TestMigrateRenewal: what an issuer of the version before has handed out can still be revoked.
func TestMigrateRenewal(t *testing.T) {
	w := newTown(t)
	w.issueBatch(OfferRequest{}, 2)
	all, err := w.issuer.Credentials(t.Context(), "voorbeeldstad", "")
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := w.issuer.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.cfg.Dir, "issuer.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("SELECT card FROM credential"); err == nil {
		t.Error("this is not the schema of the version before")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	again, err := w.issuer.Credentials(t.Context(), "voorbeeldstad", "")
	if err != nil || !cmp.Equal(all, again) {
		t.Fatalf("%+v became %+v, %v", all, again, err)
	}
	if c, err := w.issuer.Revoke(t.Context(), "voorbeeldstad", "test", all[0].ID, "proef"); err != nil || c.State != StateRevoked {
		t.Errorf("%+v, %v", c, err)
	}
	w.control()
}

func (w *town) exec(query string, args ...any) {
	w.t.Helper()
	err := w.issuer.db.Write(w.t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
