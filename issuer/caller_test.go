package issuer

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// call sends a request that may break every rule.
func (w *town) call(method, path, contentType, token, body string) *answer {
	w.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = w.base() + path
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
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

func (w *town) post(path, token string, v any) *answer {
	w.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.call("POST", path, "application/json", token, string(data))
}

func (w *town) form(path string, v url.Values) *answer {
	w.t.Helper()
	return w.call("POST", path, "application/x-www-form-urlencoded", "", v.Encode())
}

// offer makes an offer through the staff API and returns it with the code inside.
func (w *town) offer(r OfferRequest) (*Offered, string) {
	w.t.Helper()
	if r.ConfigurationIDs == nil {
		r.ConfigurationIDs = []string{PersonalData}
	}
	if r.Subject == "" && r.Claims == nil {
		r.Subject = "voorbeeld-1"
	}
	a := w.post("/api/offers", tokenBoth, r)
	if a.status != http.StatusCreated {
		w.t.Fatalf("offer: %d %s", a.status, a.body)
	}
	var o Offered
	a.json(w.t, &o)
	offer, uri, err := openid4vci.ParseLink(o.URI)
	if err != nil {
		w.t.Fatal(err)
	}
	if uri != "" {
		got := w.call("GET", uri, "", "", "")
		if offer, err = openid4vci.ParseOffer(got.body); err != nil {
			w.t.Fatalf("%d %s: %v", got.status, got.body, err)
		}
	}
	return &o, offer.Grants.PreAuthorized.Code
}

func redeemForm(code, txCode string) url.Values {
	f := url.Values{"grant_type": {openid4vci.GrantPreAuthorized}, "pre-authorized_code": {code}}
	if txCode != "" {
		f.Set("tx_code", txCode)
	}
	return f
}

// token goes through offer and token endpoint.
func (w *town) token() string {
	w.t.Helper()
	_, code := w.offer(OfferRequest{})
	a := w.form("/token", redeemForm(code, ""))
	if a.status != 200 {
		w.t.Fatalf("token: %d %s", a.status, a.body)
	}
	var got tokenResponse
	a.json(w.t, &got)
	return got.AccessToken
}

func (w *town) nonce() string {
	w.t.Helper()
	a := w.call("POST", "/nonce", "", "", "")
	var got struct {
		Nonce string `json:"c_nonce"`
	}
	a.json(w.t, &got)
	if a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		w.t.Fatalf("nonce: %d %v", a.status, a.header)
	}
	return got.Nonce
}

func (w *town) proof(key crypto.Signer, nonce string) string {
	w.t.Helper()
	p, err := openid4vci.SignProof(key, w.base(), nonce, w.clock.now())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// signProof signs any header and claims.
func signProof(t testing.TB, key crypto.Signer, h jose.Header, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	p, err := jose.SignJWS(key, h, payload)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(proofs ...string) map[string]any {
	return map[string]any{"credential_configuration_id": PersonalData, "proofs": map[string]any{"jwt": proofs}}
}

func (w *town) credential(token string, proofs ...string) *answer {
	w.t.Helper()
	return w.post("/credential", token, request(proofs...))
}

// issueOne issues a batch of n by hand and returns the parsed copies and the credential of the staff API.
func (w *town) issueBatch(r OfferRequest, n int) (*Credential, []*sdjwt.SDJWT) {
	w.t.Helper()
	offered, code := w.offer(r)
	a := w.form("/token", redeemForm(code, offered.TxCode))
	var token tokenResponse
	a.json(w.t, &token)
	nonce := w.nonce()
	var proofs []string
	for _, key := range newKeys(w.t, n) {
		proofs = append(proofs, w.proof(key, nonce))
	}
	a = w.credential(token.AccessToken, proofs...)
	if a.status != 200 {
		w.t.Fatalf("credential: %d %s", a.status, a.body)
	}
	var got issuedResponse
	a.json(w.t, &got)
	var copies []*sdjwt.SDJWT
	for _, c := range got.Credentials {
		s, err := sdjwt.Parse(c.Credential)
		if err != nil {
			w.t.Fatal(err)
		}
		copies = append(copies, s)
	}
	state, err := w.issuer.OfferState(w.t.Context(), "voorbeeldstad", offered.ID)
	if err != nil || len(state.CredentialIDs) != 1 {
		w.t.Fatalf("state %+v, %v", state, err)
	}
	c, err := w.issuer.Credential(w.t.Context(), "voorbeeldstad", state.CredentialIDs[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return c, copies
}

func refOf(t testing.TB, s *sdjwt.SDJWT) statuslist.Ref {
	t.Helper()
	claims, err := s.Claims()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := statuslist.ParseRef(claims["status"])
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// issued counts the credentials of the tenant, to see that nothing was issued.
func (w *town) issued() int {
	w.t.Helper()
	all, err := w.issuer.Credentials(w.t.Context(), "voorbeeldstad", "")
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

func equalKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func isCode(err error, code oauth.Code) bool {
	var e *oauth.Error
	return errors.As(err, &e) && e.Code == code
}

func sdjwtDigest(disclosure string) string {
	sum := sha256.Sum256([]byte(disclosure))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
