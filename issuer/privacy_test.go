package issuer

import (
	"bytes"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// lines collects log lines.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

// TestNothingLeaks: after every kind of request, good and bad, no name, code, token or nonce stands in the log; and none that is over
// in the store.
func TestNothingLeaks(t *testing.T) {
	w := newTown(t)
	if err := w.issuer.Close(); err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	i, err := Open(t.Context(), w.cfg, Deps{Ledger: w.chain, Now: w.clock.now, ChainID: testChain,
		Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = i
	w.handler.Handler = i.Handler()

	claims := map[string]any{"given_name": "Kanarienaam", "family_name": "Kanariefamilie", "birthdate": "1971-07-13"}
	offered, code := w.offer(OfferRequest{Claims: claims, TxCode: true, ByReference: true})
	w.form("/token", redeemForm(code, "wrong-"+offered.TxCode))
	var token tokenResponse
	w.form("/token", redeemForm(code, offered.TxCode)).json(t, &token)
	nonce := w.nonce()
	w.credential(token.AccessToken, "Kanarieproof")
	w.post("/credential?access_token="+token.AccessToken, "", claims)
	var got issuedResponse
	w.credential(token.AccessToken, w.proof(newKey(t), nonce)).json(t, &got)
	w.post("/notification", token.AccessToken, map[string]string{"notification_id": got.NotificationID, "event": "credential_accepted"})
	all, err := i.Credentials(t.Context(), "voorbeeldstad", "")
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	w.post("/api/credentials/"+all[0].ID+"/revoke", tokenBoth, map[string]string{"reason": "Kanariereden"})
	w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}, Claims: map[string]any{"given_name": "Kanarienaam\n"}})
	w.call("GET", "/api/credentials?subject=Kanariesubject", "", tokenBoth, "")
	// Tokens that are bound to a key, and the right to renew.
	h := w.holder()
	h.redeem()
	h.credential(1)
	first := h.refresh
	h.take(h.renew())
	h.credential(1)
	w.post("/token?refresh_token="+h.refresh, h.refresh, nil)
	// A letter: a wrong code, the right one, and the trade.
	o, issuerState := w.letter()
	c := w.collector()
	c.push(issuerState, nil)
	c.page("prove", "code", "Kanariecode")
	letterCode := c.answered(o)
	c.take(c.redeem(letterCode, nil))
	// An offer that nobody takes does not keep its claims.
	w.offer(OfferRequest{Claims: claims})
	w.clock.add(codeLife)
	if err := i.cleanOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	err = i.db.Read().QueryRow("SELECT (SELECT COUNT(*) FROM offer WHERE claims IS NOT NULL) + (SELECT COUNT(*) FROM token)").Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d claims or tokens left, %v", left, err)
	}
	if err := i.db.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	reference := offered.URI[strings.LastIndex(offered.URI, "%2F")+3:]
	secrets := []string{"Kanarie", "1971-07-13", code, offered.TxCode + "\"", token.AccessToken, h.access, h.refresh, first, h.nonce, nonce, got.NotificationID, tokenBoth, reference,
		issuerState, letterCode, c.verifier, strings.TrimPrefix(c.request, oauth.RequestURI), c.access, c.refresh}
	log.mu.Lock()
	text := log.String()
	log.mu.Unlock()
	if !strings.Contains(text, "/issuer/{tenant}/credential") {
		t.Error("the log holds no requests: nothing was looked at")
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	files, err := filepath.Glob(filepath.Join(w.cfg.Dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			// The reason of a revocation is kept for staff, with the credential.
			if n := strings.Count(strings.ReplaceAll(string(data), "Kanariereden", ""), secret); n > 0 {
				t.Errorf("%s holds %q", filepath.Base(file), secret)
			}
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", file, info.Mode(), err)
		}
	}
	// Long after its end a credential is gone, with the reason.
	err = i.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE credential SET expires = ?", w.clock.now().Add(-credentialKept-time.Hour).UnixMilli())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.cleanOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := i.db.Read().QueryRow("SELECT (SELECT COUNT(*) FROM credential) + (SELECT COUNT(*) FROM action)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows left, %v", left, err)
	}
}

// BenchmarkSign is one copy of a card.
func BenchmarkSign(b *testing.B) {
	w := newTown(b)
	tn := w.issuer.tenants["voorbeeldstad"]
	p, err := readPerson(tn.subjects["voorbeeld-1"].Claims)
	if err != nil {
		b.Fatal(err)
	}
	key := &jose.JWK{Key: newKey(b).Public()}
	for b.Loop() {
		if _, err := tn.sign(p, key, day(w.clock.now()), tn.listURI(1), 7); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIssue is an offer, a token, a nonce and a batch of ten over HTTP.
func BenchmarkIssue(b *testing.B) {
	w := newTown(b)
	keys := newKeys(b, 10)
	for b.Loop() {
		token, nonce := w.token(), w.nonce()
		var proofs []string
		for _, key := range keys {
			proofs = append(proofs, w.proof(key, nonce))
		}
		if a := w.credential(token, proofs...); a.status != 200 {
			b.Fatalf("%d %s", a.status, a.body)
		}
	}
}
