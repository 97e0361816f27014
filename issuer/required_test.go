package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// TestRequired holds a subtest for each row of the required behaviour that the issuer covers.
func TestRequired(t *testing.T) {
	for _, row := range []struct {
		id   string
		test func(t *testing.T)
	}{
		{"VCI-01", codeOnce}, {"VCI-02", txCodeTries}, {"VCI-03", txCodeExpected}, {"VCI-04", nonces}, {"VCI-05", badProofs},
		{"VCI-06", proofKeys}, {"VCI-07", accessTokens}, {"VCI-08", boundToKey}, {"VCI-09", unknownThings}, {"VCI-10", browserFlow}, {"VCI-11", untrustedIssuer}, {"VCI-13", notifications},
		{"VCI-14", refusedNonces}, {"STL-10", indicesOnce}, {"STL-11", revokedForGood}, {"STL-12", listRequest}, {"DIS-11", salts},
		{"OPS-03", callerLimit}, {"OPS-04", storeTrouble}, {"OPS-08", productionSettings}, {"WEB-07", faceSettings},
	} {
		t.Run(row.id, row.test)
	}
}

func (w *town) want(what string, a *answer, status int, code string) {
	w.t.Helper()
	if a.status != status || a.code() != code {
		w.t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, code)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("%s: may be cached", what)
	}
	if (status == 401) != (a.header.Get("WWW-Authenticate") != "") {
		w.t.Errorf("%s: WWW-Authenticate is %q", what, a.header.Get("WWW-Authenticate"))
	}
}

// control: a good request still passes.
func (w *town) control() {
	w.t.Helper()
	before := w.issued()
	w.issueBatch(OfferRequest{}, 1)
	if w.issued() != before+1 {
		w.t.Error("control: a good request issues nothing")
	}
}

func codeOnce(t *testing.T) {
	w := newTown(t)
	_, code := w.offer(OfferRequest{})
	if a := w.form("/token", redeemForm(code, "")); a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.want("second use", w.form("/token", redeemForm(code, "")), 400, "invalid_grant")

	_, code = w.offer(OfferRequest{})
	w.clock.add(codeLife)
	w.want("expired", w.form("/token", redeemForm(code, "")), 400, "invalid_grant")
	w.clock.add(-time.Minute)
	if err := w.issuer.cleanOnce(t.Context()); err != nil {
		t.Fatal(err)
	}

	_, code = w.offer(OfferRequest{})
	w.want("code at another tenant", w.form(w.server.URL+"/issuer/proefdorp/token", redeemForm(code, "")), 400, "invalid_grant")
	w.want("unknown", w.form("/token", redeemForm("x", "")), 400, "invalid_grant")
	var wg sync.WaitGroup
	statuses := make([]int, 16)
	for n := range statuses {
		wg.Go(func() { statuses[n] = w.form("/token", redeemForm(code, "")).status })
	}
	wg.Wait()
	won := 0
	for _, s := range statuses {
		switch s {
		case 200:
			won++
		case 400:
		default:
			t.Errorf("status %d", s)
		}
	}
	if won != 1 {
		t.Errorf("%d of 16 clients won", won)
	}
	// What was used stays so after a restart.
	if err := w.issuer.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.want("after a restart", w.form("/token", redeemForm(code, "")), 400, "invalid_grant")
	w.want("wrong grant type", w.form("/token", url.Values{"grant_type": {"password"}}), 400, "unsupported_grant_type")
	w.want("no grant type", w.form("/token", url.Values{}), 400, "invalid_request")
	w.want("repeated parameter", w.form("/token", url.Values{"grant_type": {openid4vci.GrantPreAuthorized}, "pre-authorized_code": {"a", "b"}}), 400, "invalid_request")
	w.want("media type", w.call("POST", "/token", "application/json", "", "{}"), 415, "invalid_request")
	w.want("too large", w.form("/token", url.Values{"grant_type": {strings.Repeat("x", maxTokenRequest)}}), 413, "invalid_request")
	w.control()
}

func txCodeTries(t *testing.T) {
	w := newTown(t)
	offered, code := w.offer(OfferRequest{TxCode: true})
	if len(offered.TxCode) != 6 || strings.Trim(offered.TxCode, "0123456789") != "" {
		t.Fatalf("code %q", offered.TxCode)
	}
	wrong := "000000"
	if wrong == offered.TxCode {
		wrong = "000001"
	}
	other, otherCode := w.offer(OfferRequest{TxCode: true})
	for n := range maxTries {
		w.want(fmt.Sprint("try ", n+1), w.form("/token", redeemForm(code, wrong)), 400, "invalid_grant")
	}
	w.want("the right one, too late", w.form("/token", redeemForm(code, offered.TxCode)), 400, "invalid_grant")
	state, err := w.issuer.OfferState(t.Context(), "voorbeeldstad", offered.ID)
	if err != nil || state.State != OfferBlocked || state.Tries != maxTries {
		t.Errorf("the clerk sees %+v, %v", state, err)
	}
	// Four wrong ones leave the fifth try, and another offer is not touched.
	for range maxTries - 1 {
		w.form("/token", redeemForm(otherCode, "999 999"))
	}
	if a := w.form("/token", redeemForm(otherCode, other.TxCode)); a.status != 200 {
		t.Errorf("fifth try: %d %s", a.status, a.body)
	}
}

func txCodeExpected(t *testing.T) {
	w := newTown(t)
	offered, code := w.offer(OfferRequest{TxCode: true})
	w.want("missing", w.form("/token", redeemForm(code, "")), 400, "invalid_request")
	if a := w.form("/token", redeemForm(code, offered.TxCode)); a.status != 200 {
		t.Errorf("then the right one: %d %s", a.status, a.body)
	}
	_, code = w.offer(OfferRequest{})
	w.want("not expected", w.form("/token", redeemForm(code, "123456")), 400, "invalid_request")
	if a := w.form("/token", redeemForm(code, "")); a.status != 200 {
		t.Errorf("then without: %d %s", a.status, a.body)
	}
}

func nonces(t *testing.T) {
	w := newTown(t)
	token, key := w.token(), newKey(t)
	used := w.nonce()
	other := w.call("POST", w.server.URL+"/issuer/proefdorp/nonce", "", "", "")
	var foreign struct {
		Nonce string `json:"c_nonce"`
	}
	other.json(t, &foreign)
	w.want("unknown", w.credential(token, w.proof(key, "AAAA")), 400, "invalid_nonce")
	w.want("made up of the right size", w.credential(token, w.proof(key, base64.RawURLEncoding.EncodeToString(make([]byte, nonceSize)))), 400, "invalid_nonce")
	w.want("of another tenant", w.credential(token, w.proof(key, foreign.Nonce)), 400, "invalid_nonce")
	w.want("second spelling", w.credential(token, w.proof(key, used+"=")), 400, "invalid_nonce")
	w.want("absent", w.credential(token, w.proof(key, "")), 400, "invalid_proof")
	w.want("one good, one bad", w.credential(token, w.proof(key, used), w.proof(newKey(t), "AAAA")), 400, "invalid_nonce")
	old := w.nonce()
	w.clock.add(nonceLife - time.Second)
	fresh := w.token()
	w.clock.add(time.Second)
	w.want("expired", w.credential(fresh, w.proof(key, old)), 400, "invalid_nonce")
	w.clock.add(-time.Minute)
	if n := w.issued(); n != 0 {
		t.Errorf("%d were issued", n)
	}
	if a := w.credential(token, w.proof(key, used)); a.status != 200 {
		t.Fatalf("control: %d %s", a.status, a.body)
	}
	w.want("used, same token", w.credential(token, w.proof(key, used)), 400, "invalid_nonce")
	w.want("used, other token", w.credential(w.token(), w.proof(key, used)), 400, "invalid_nonce")
	if err := w.issuer.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	again := w.token()
	w.want("used, after a restart", w.credential(again, w.proof(key, used)), 400, "invalid_nonce")
	if n := w.issued(); n != 1 {
		t.Errorf("%d were issued", n)
	}
	// Of many at once with one nonce, one gets its credential.
	nonce := w.nonce()
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for n := range statuses {
		token := w.token()
		wg.Go(func() { statuses[n] = w.credential(token, w.proof(key, nonce)).status })
	}
	wg.Wait()
	if n := w.issued(); n != 2 {
		t.Errorf("one nonce gave %d credentials (%v)", n-1, statuses)
	}
}

func badProofs(t *testing.T) {
	w := newTown(t)
	token, key, nonce := w.token(), newKey(t), w.nonce()
	now := w.clock.now().Unix()
	claims := func(change func(map[string]any)) map[string]any {
		m := map[string]any{"aud": w.base(), "iat": now, "nonce": nonce}
		if change != nil {
			change(m)
		}
		return m
	}
	header := jose.Header{Type: openid4vci.TypeProof, JWK: &jose.JWK{Key: key.Public()}}
	good := w.proof(key, nonce)
	head, rest, _ := strings.Cut(good, ".")
	body, _, _ := strings.Cut(rest, ".")
	raw := func(header string) string { return base64.RawURLEncoding.EncodeToString([]byte(header)) }
	jwk, err := json.Marshal(jose.JWK{Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string]string{
		"signature by another key": signProof(t, newKey(t), header, claims(nil)),
		"signature cut":            good[:len(good)-4],
		"no signature":             head + "." + body + ".",
		"alg none":                 raw(`{"alg":"none","typ":"openid4vci-proof+jwt","jwk":`+string(jwk)+`}`) + "." + body + ".",
		"alg HS256":                raw(`{"alg":"HS256","typ":"openid4vci-proof+jwt","jwk":`+string(jwk)+`}`) + "." + body + ".AAAA",
		"typ JWT":                  signProof(t, key, jose.Header{Type: "JWT", JWK: header.JWK}, claims(nil)),
		"typ missing":              signProof(t, key, jose.Header{JWK: header.JWK}, claims(nil)),
		"aud of another issuer":    signProof(t, key, header, claims(func(m map[string]any) { m["aud"] = w.server.URL + "/issuer/proefdorp" })),
		"aud of both":              signProof(t, key, header, claims(func(m map[string]any) { m["aud"] = []string{w.base(), "https://x.example"} })),
		"aud missing":              signProof(t, key, header, claims(func(m map[string]any) { delete(m, "aud") })),
		"iat missing":              signProof(t, key, header, claims(func(m map[string]any) { delete(m, "iat") })),
		"iat a text":               signProof(t, key, header, claims(func(m map[string]any) { m["iat"] = fmt.Sprint(now) })),
		"iat ahead":                signProof(t, key, header, claims(func(m map[string]any) { m["iat"] = now + 61 })),
		"iat past":                 signProof(t, key, header, claims(func(m map[string]any) { m["iat"] = now - 301 })),
		"iat huge":                 signProof(t, key, header, claims(func(m map[string]any) { m["iat"] = json.Number("1e400") })),
		"iss a stranger":           signProof(t, key, header, claims(func(m map[string]any) { m["iss"] = "someone" })),
		"alg ES384":                signProof(t, p384, jose.Header{Type: openid4vci.TypeProof, JWK: &jose.JWK{Key: p384.Public()}}, claims(nil)),
		"crit":                     signProof(t, key, jose.Header{Type: openid4vci.TypeProof, JWK: header.JWK, Extra: map[string]json.RawMessage{"crit": json.RawMessage(`["x"]`)}}, claims(nil)),
		"not a JWT":                "x",
		"empty":                    "",
	} {
		w.want(name, w.credential(token, proof), 400, "invalid_proof")
	}
	for name, body := range map[string]any{
		"proofs missing":   map[string]any{"credential_configuration_id": PersonalData},
		"singular proof":   map[string]any{"credential_configuration_id": PersonalData, "proof": map[string]any{"proof_type": "jwt", "jwt": good}},
		"proofs empty":     map[string]any{"credential_configuration_id": PersonalData, "proofs": map[string]any{}},
		"no jwt in proofs": request(),
		"other type":       map[string]any{"credential_configuration_id": PersonalData, "proofs": map[string]any{"di_vp": []any{map[string]any{}}}},
		"two types":        map[string]any{"credential_configuration_id": PersonalData, "proofs": map[string]any{"jwt": []string{good}, "attestation": []string{good}}},
		"not strings":      map[string]any{"credential_configuration_id": PersonalData, "proofs": map[string]any{"jwt": []int{1}}},
		"key twice":        request(good, w.proof(key, nonce)),
		"more than a batch": func() any {
			var many []string
			for _, k := range newKeys(t, 11) {
				many = append(many, w.proof(k, nonce))
			}
			return request(many...)
		}(),
	} {
		w.want(name, w.post("/credential", token, body), 400, "invalid_proof")
	}
	if n := w.issued(); n != 0 {
		t.Errorf("%d were issued", n)
	}
	if a := w.credential(token, good); a.status != 200 {
		t.Errorf("control: %d %s", a.status, a.body)
	}
}

func proofKeys(t *testing.T) {
	w := newTown(t)
	token, key, nonce := w.token(), newKey(t), w.nonce()
	claims := map[string]any{"aud": w.base(), "iat": w.clock.now().Unix(), "nonce": nonce}
	typed := func(h jose.Header) jose.Header { h.Type = openid4vci.TypeProof; return h }
	jwk := &jose.JWK{Key: key.Public()}
	d, err := did.FromJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := did.FromKey(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, v any) map[string]any {
		m := map[string]any{name: v}
		for k, v := range claims {
			m[k] = v
		}
		return m
	}
	public, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	private := strings.TrimSuffix(string(public), "}") + `,"d":"` + base64.RawURLEncoding.EncodeToString(key.D.FillBytes(make([]byte, 32))) + `"}`
	extra := func(name, raw string) jose.Header {
		return typed(jose.Header{Extra: map[string]json.RawMessage{name: json.RawMessage(raw)}})
	}
	for name, proof := range map[string]string{
		"private key":         signProof(t, key, extra("jwk", private), claims),
		"symmetric key":       signProof(t, key, extra("jwk", `{"kty":"oct","k":"AAAA"}`), claims),
		"jwk and kid":         signProof(t, key, typed(jose.Header{JWK: jwk, KeyID: string(d) + "#0"}), claims),
		"jwk and x5c":         signProof(t, key, typed(jose.Header{JWK: jwk, X5C: w.issuer.tenants["voorbeeldstad"].chain}), claims),
		"no key":              signProof(t, key, typed(jose.Header{}), claims),
		"x5c of the issuer":   signProof(t, key, typed(jose.Header{X5C: w.issuer.tenants["voorbeeldstad"].chain}), claims),
		"kid of another DID":  signProof(t, key, typed(jose.Header{KeyID: string(stranger) + "#" + strings.TrimPrefix(string(stranger), "did:key:")}), claims),
		"kid no DID":          signProof(t, key, typed(jose.Header{KeyID: "key-1"}), claims),
		"kid of the registry": signProof(t, key, typed(jose.Header{KeyID: w.cfg.Tenants[0].DID + "#issuer"}), claims),
		"iss another DID":     signProof(t, key, typed(jose.Header{JWK: jwk}), with("iss", string(stranger))),
		"iss not the client":  signProof(t, key, typed(jose.Header{JWK: jwk}), with("iss", "client")),
	} {
		w.want(name, w.credential(token, proof), 400, "invalid_proof")
	}
	if n := w.issued(); n != 0 {
		t.Errorf("%d were issued", n)
	}
	// Controls: a DID of its own key, as kid and as iss; the subject is the offer's all the same.
	good := signProof(t, key, typed(jose.Header{KeyID: string(d) + "#0"}), with("iss", string(d)))
	if a := w.credential(token, good); a.status != 200 {
		t.Fatalf("did:jwk: %d %s", a.status, a.body)
	}
	_, code := w.offer(OfferRequest{})
	form := redeemForm(code, "")
	form.Set("client_id", "another-wallet")
	var got tokenResponse
	w.form("/token", form).json(t, &got)
	nonce = w.nonce()
	claims["nonce"] = nonce
	proof := signProof(t, key, typed(jose.Header{JWK: jwk}), with("iss", "another-wallet"))
	if a := w.credential(got.AccessToken, proof); a.status != 200 {
		t.Errorf("client_id: %d %s", a.status, a.body)
	}
}

func accessTokens(t *testing.T) {
	w := newTown(t)
	token, key, nonce := w.token(), newKey(t), w.nonce()
	body := request(w.proof(key, nonce))
	w.want("in the query", w.post("/credential?access_token="+token, "", body), 401, "invalid_request")
	w.want("in both", w.post("/credential?access_token="+token, token, body), 401, "invalid_request")
	w.want("missing", w.post("/credential", "", body), 401, "invalid_token")
	w.want("unknown", w.post("/credential", "x", body), 401, "invalid_token")
	w.want("at another tenant", w.post(w.server.URL+"/issuer/proefdorp/credential", token, body), 401, "invalid_token")
	w.want("notification", w.post("/notification", "x", map[string]string{}), 401, "invalid_token")
	w.clock.add(tokenLife - time.Second)
	nonce = w.nonce()
	later := w.token()
	w.clock.add(time.Second)
	w.want("expired", w.credential(token, w.proof(key, nonce)), 401, "invalid_token")
	if n := w.issued(); n != 0 {
		t.Errorf("%d were issued", n)
	}
	if a := w.credential(later, w.proof(key, nonce)); a.status != 200 {
		t.Errorf("control: %d %s", a.status, a.body)
	}
	w.want("after its issuance", w.credential(later, w.proof(key, w.nonce())), 400, "credential_request_denied")
	// No token, code or transaction code stands in the store.
	offered, code := w.offer(OfferRequest{TxCode: true, Claims: map[string]any{"given_name": "Zeldzamenaam", "family_name": "Proef", "birthdate": "1990-01-02"}})
	if err := w.issuer.db.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.cfg.Dir, "issuer.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{token, later, code, "Zeldzamenaam", nonce} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds a secret", filepath.Base(file))
			}
		}
	}
	if a := w.form("/token", redeemForm(code, offered.TxCode)); a.status != 200 {
		t.Errorf("control: %d %s", a.status, a.body)
	}
}

func unknownThings(t *testing.T) {
	w := newTown(t)
	token, nonce := w.token(), w.nonce()
	proofs := map[string]any{"jwt": []string{w.proof(newKey(t), nonce)}}
	w.want("configuration", w.post("/credential", token, map[string]any{"credential_configuration_id": "x", "proofs": proofs}), 400, "unknown_credential_configuration")
	w.want("identifier", w.post("/credential", token, map[string]any{"credential_identifier": "x", "proofs": proofs}), 400, "unknown_credential_identifier")
	w.want("both", w.post("/credential", token, map[string]any{"credential_identifier": "x", "credential_configuration_id": PersonalData, "proofs": proofs}), 400, "invalid_credential_request")
	w.want("neither", w.post("/credential", token, map[string]any{"proofs": proofs}), 400, "invalid_credential_request")
	w.want("encryption", w.post("/credential", token, map[string]any{"credential_configuration_id": PersonalData, "proofs": proofs,
		"credential_response_encryption": map[string]any{"alg": "x", "enc": "x", "jwk": map[string]any{}}}), 400, "invalid_encryption_parameters")
	w.want("member twice", w.call("POST", "/credential", "application/json", token, `{"credential_configuration_id":"a","credential_configuration_id":"b"}`), 400, "invalid_credential_request")
	w.want("deep", w.call("POST", "/credential", "application/json", token, strings.Repeat("[", 100000)), 400, "invalid_credential_request")
	w.want("media type", w.call("POST", "/credential", "text/plain", token, `{}`), 415, "invalid_credential_request")
	w.want("too large", w.call("POST", "/credential", "application/json", token, `{"x":"`+strings.Repeat("x", openid4vci.MaxRequest)+`"}`), 413, "invalid_credential_request")
	if n := w.issued(); n != 0 {
		t.Errorf("%d were issued", n)
	}
	if a := w.post("/credential", token, map[string]any{"credential_configuration_id": PersonalData, "proofs": proofs}); a.status != 200 {
		t.Errorf("control: %d %s", a.status, a.body)
	}
	// A wallet that asks authorization_details gets identifiers, and then must use them.
	_, code := w.offer(OfferRequest{})
	form := redeemForm(code, "")
	form.Set("authorization_details", `[{"type":"openid_credential","credential_configuration_id":"personal-data"}]`)
	var got tokenResponse
	w.form("/token", form).json(t, &got)
	if len(got.Details) != 1 || len(got.Details[0].Identifiers) != 1 {
		t.Fatalf("got %+v", got)
	}
	nonce = w.nonce()
	proofs = map[string]any{"jwt": []string{w.proof(newKey(t), nonce)}}
	w.want("configuration instead of identifier", w.post("/credential", got.AccessToken, map[string]any{"credential_configuration_id": PersonalData, "proofs": proofs}), 400, "invalid_credential_request")
	if a := w.post("/credential", got.AccessToken, map[string]any{"credential_identifier": got.Details[0].Identifiers[0], "proofs": proofs}); a.status != 200 {
		t.Errorf("identifier: %d %s", a.status, a.body)
	}
}

func notifications(t *testing.T) {
	w := newTown(t)
	get := func() (token, id string) {
		token = w.token()
		var got issuedResponse
		w.credential(token, w.proof(newKey(t), w.nonce())).json(t, &got)
		return token, got.NotificationID
	}
	token, id := get()
	otherToken, otherID := get()
	body := func(id, event string) map[string]string {
		return map[string]string{"notification_id": id, "event": event}
	}
	w.want("unknown id", w.post("/notification", token, body("x", "credential_accepted")), 400, "invalid_notification_id")
	w.want("id of another", w.post("/notification", token, body(otherID, "credential_accepted")), 400, "invalid_notification_id")
	w.want("unknown event", w.post("/notification", token, body(id, "x")), 400, "invalid_notification_request")
	w.want("no id", w.post("/notification", token, map[string]string{"event": "credential_accepted"}), 400, "invalid_notification_request")
	w.want("no JSON", w.call("POST", "/notification", "application/json", token, "x"), 400, "invalid_notification_request")
	for range 2 {
		w.want("good, twice", w.post("/notification", token, body(id, "credential_accepted")), http.StatusNoContent, "")
	}
	w.want("control", w.post("/notification", otherToken, body(otherID, "credential_failure")), http.StatusNoContent, "")
}
