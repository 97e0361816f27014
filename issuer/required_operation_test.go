package issuer

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

func revokedForGood(t *testing.T) {
	w := newTown(t)
	c, copies := w.issueBatch(OfferRequest{}, 2)
	if a := w.change(c.ID, kindRevoke); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := w.change(c.ID, kindResume)
	if a.status != 409 || !strings.Contains(string(a.body), "code 10, terminal_state") {
		t.Errorf("%d %s", a.status, a.body)
	}
	w.wantStatus(copies, statuslist.Invalid)
	other, otherCopies := w.issueBatch(OfferRequest{}, 2)
	w.change(other.ID, kindSuspend)
	w.change(other.ID, kindResume)
	w.wantStatus(otherCopies, statuslist.Valid)
}

func listRequest(t *testing.T) {
	w := newTown(t)
	c, copies := w.issueBatch(OfferRequest{}, 5)
	ref := refOf(t, copies[0])
	read := func() (*statuslist.SignedToken, *answer) {
		t.Helper()
		a := w.call("GET", ref.URI, "", "", "")
		if a.status != 200 || a.header.Get("Content-Type") != "application/statuslist+jwt" || a.header.Get("Set-Cookie") != "" {
			t.Fatalf("%d %v %s", a.status, a.header, a.body)
		}
		token, err := statuslist.ParseToken(string(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(&w.issuer.tenants["voorbeeldstad"].signer.PublicKey, ref.URI, w.clock.now()); err != nil {
			t.Fatal(err)
		}
		return token, a
	}
	token, first := read()
	if token.List.Len() != listSize || token.List.Bits() != listBits || token.TTL != listTTL*time.Second || len(token.Header().X5C) == 0 ||
		token.Expires.Sub(w.clock.now()) > 24*time.Hour {
		t.Errorf("token of %d entries, exp %v", token.List.Len(), token.Expires)
	}
	// One fetch serves every check: the whole list comes, whoever asks.
	for _, s := range copies {
		if got, err := token.List.Get(refOf(t, s).Index); err != nil || got != statuslist.Valid {
			t.Errorf("entry %d, %v", got, err)
		}
	}
	if _, second := read(); string(second.body) != string(first.body) {
		t.Error("two readers get two tokens")
	}
	w.change(c.ID, kindRevoke)
	token, _ = read()
	for _, s := range copies {
		if got, err := token.List.Get(refOf(t, s).Index); err != nil || got != statuslist.Invalid {
			t.Errorf("after the revocation: entry %d, %v", got, err)
		}
	}
	for path, status := range map[string]int{"/status/2": 404, "/status/01": 404, "/status/999999999": 404, "/status/x": 404} {
		if a := w.call("GET", path, "", "", ""); a.status != status {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", ref.URI, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/statuslist+cwt")
	res, err := w.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotAcceptable {
		t.Errorf("asked a CWT: %d", res.StatusCode)
	}
}

func callerLimit(t *testing.T) {
	w := newTown(t, func(c *Config) { c.RateLimit = 1 })
	var a *answer
	for range 2 * burst {
		if a = w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}); a.status == 429 {
			break
		}
	}
	if a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	// Other callers are not touched: another municipality, and wallets.
	if a := w.post(w.server.URL+"/issuer/proefdorp/api/offers", tokenOther, OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}); a.status != 201 {
		t.Errorf("another's key: %d %s", a.status, a.body)
	}
	w.nonce()
}

func productionSettings(t *testing.T) {
	w := newTown(t)
	for name, test := range map[string]struct {
		change  func(*Config)
		setting string
	}{
		"plain http": {func(c *Config) {}, "origin"},
		"test key":   {func(c *Config) { c.Origin = "https://uitgifte.example.org" }, "tenants[voorbeeldstad].signing_key"},
		"other key": {func(c *Config) {
			c.Origin = "https://uitgifte.example.org"
			key := filepath.Join(c.Dir, "real.pem")
			if err := office.SaveKey(key, w.issuer.tenants["voorbeeldstad"].signer, false); err != nil {
				t.Fatal(err)
			}
			c.Tenants[0].SigningKey = key
		}, "tenants[voorbeeldstad].registry_key"},
		"path in the origin": {func(c *Config) { c.Origin = "https://uitgifte.example.org/x" }, "origin"},
	} {
		cfg := w.cfg
		cfg.Dev = false
		cfg.Dir = t.TempDir()
		cfg.Tenants = append([]Tenant{}, w.cfg.Tenants...)
		test.change(&cfg)
		_, err := Open(t.Context(), cfg, Deps{Ledger: w.chain, Now: w.clock.now, ChainID: testChain})
		if err == nil || !strings.Contains(err.Error(), "setting "+test.setting+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := w.cfg
	cfg.Origin = "http://uitgifte.example.org"
	if _, err := Open(t.Context(), cfg, Deps{Ledger: w.chain, Now: w.clock.now, ChainID: testChain}); err == nil || !strings.Contains(err.Error(), "setting origin:") {
		t.Errorf("development off loopback: %v", err)
	}
	w.control()
}

// storeTrouble lets the database refuse: nothing is done, the caller is asked to come back, and it heals by itself.
func storeTrouble(t *testing.T) {
	w := newTown(t)
	exec := func(statement string) {
		t.Helper()
		if err := w.issuer.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	_, code := w.offer(OfferRequest{})
	for _, event := range []string{"INSERT", "UPDATE"} {
		exec("CREATE TRIGGER broken_" + event + " BEFORE " + event + " ON offer BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
	}
	for what, a := range map[string]*answer{
		"offer": w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}),
		"token": w.form("/token", redeemForm(code, "")),
	} {
		if a.status != 503 || a.header.Get("Retry-After") == "" || strings.Contains(string(a.body), "disk") {
			t.Errorf("%s: %d %v %s", what, a.status, a.header, a.body)
		}
	}
	exec("DROP TRIGGER broken_INSERT")
	exec("DROP TRIGGER broken_UPDATE")
	if a := w.form("/token", redeemForm(code, "")); a.status != 200 {
		t.Errorf("after it healed: %d %s", a.status, a.body)
	}
	w.control()
}
