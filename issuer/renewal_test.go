package issuer

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

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
