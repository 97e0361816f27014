package verifier

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

func requiredOperation(t *testing.T) {
	t.Run("DID-10", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		for _, at := range []struct {
			age     time.Duration
			outcome string
			stale   any
		}{
			{20 * time.Second, "accepted", nil}, {60 * time.Second, "accepted", nil}, {61 * time.Second, "accepted", true}, {10 * time.Minute, "accepted", true},
			{10*time.Minute + time.Second, "undetermined", nil}, {24 * time.Hour, "undetermined", nil}, {-11 * time.Second, "undetermined", nil},
		} {
			s.header(at.age)
			id, status, body := s.answer(c)
			m := s.want(id, map[string]any{"outcome": at.outcome, "stale": at.stale})
			if at.outcome == "accepted" {
				asOf, err := time.Parse(time.RFC3339, m["as_of"].(string))
				if status != 200 || err != nil || !asOf.Equal(s.clock().Add(-at.age)) || m["height"] != json.Number("77") {
					t.Errorf("%v: %d %v", at.age, status, m)
				}
				continue
			}
			s.rejected(at.age.String(), status, body)
			s.want(id, map[string]any{"state": "failed", "category": "registry_unavailable", "claims": nil})
		}
		s.header(20 * time.Second)
		// The registry cannot be read at all while the answer is judged.
		for want, err := range map[string]error{"registry_unavailable": ledger.ErrUnavailable, "registry_unproven": ledger.ErrUnproven} {
			id, link := s.create(`{"preset":"over-18"}`)
			a := s.wallet(link)
			s.fail(err)
			status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}}))
			s.fail(nil)
			s.rejected(want, status, body)
			s.want(id, map[string]any{"state": "failed", "outcome": "undetermined", "category": want})
		}
		// Without a proof to staple the request goes out without.
		s.ledger.noBundle = true
		s.v.tenants["voorbeeldstad"].staple = staple{}
		s.control()
	})
	t.Run("OPS-03", func(t *testing.T) {
		s := newSite(t)
		s.v.rates.perMinute = 600
		limited := 0
		for range 100 {
			status, _, h := s.api(checkToken, "POST", "/sessions", `{"preset":"over-18"}`)
			switch status {
			case 201:
			case 429:
				limited++
				if h.Get("Retry-After") != "1" {
					t.Errorf("Retry-After %q", h.Get("Retry-After"))
				}
			default:
				t.Fatalf("%d", status)
			}
		}
		if limited != 40 {
			t.Errorf("%d of 100 were limited", limited)
		}
		if status, _, _ := s.api(allToken, "POST", "/sessions", `{"preset":"over-18"}`); status != 201 {
			t.Errorf("another key: %d", status)
		}
		s.pass(time.Second)
		if status, _, _ := s.api(checkToken, "POST", "/sessions", `{"preset":"over-18"}`); status != 201 {
			t.Errorf("after waiting: %d", status)
		}
	})
	t.Run("OPS-04", func(t *testing.T) {
		s := newSite(t)
		_, link := s.create(`{"preset":"over-18"}`)
		a := s.wallet(link)
		form := s.form(a, map[string][]string{"card": {s.present(a, s.issue(nil), adult)}})
		drop := func(trigger string) {
			t.Helper()
			if err := s.v.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(trigger); return err }); err != nil {
				t.Fatal(err)
			}
		}
		drop("CREATE TRIGGER broken BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
		drop("CREATE TRIGGER broken2 BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
		resp, err := http.PostForm(a.Request.ResponseURI, form)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("answer: %d", resp.StatusCode)
		}
		if status, m, h := s.api(allToken, "POST", "/sessions", `{"preset":"over-18"}`); status != 503 || h.Get("Retry-After") == "" || strings.Contains(fmt.Sprint(m), "disk") {
			t.Errorf("create: %d %v", status, m)
		}
		drop("DROP TRIGGER broken")
		drop("DROP TRIGGER broken2")
		if status, body := s.post(a.Request.ResponseURI, form); status != 200 {
			t.Errorf("after it healed: %d %q", status, body)
		}
		s.control()
	})
	t.Run("OPS-07", func(t *testing.T) {
		s := newSite(t)
		c := s.issue(nil)
		id, link := s.create(`{"preset":"name-and-birthdate"}`)
		a := s.wallet(link)
		p := s.present(a, c, []path{{"given_name"}, {"family_name"}, {"birthdate"}})
		s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {p}}))
		s.result(id)
		s.answer(s.issue(statusOf(2, listURI)))
		s.api("wrong-token-of-nobody", "GET", "/sessions/"+id, "")
		logs := s.logs.String()
		if !strings.Contains(logs, "revoked") {
			t.Errorf("control: no line about the rejected answer in %s", logs)
		}
		for _, secret := range []string{"Saar", "Proefpersoon", "1984", allToken, "wrong-token", a.Request.Nonce, a.Request.State, p[:60], a.Request.ResponseURI[len(a.Request.ResponseURI)-26:]} {
			if strings.Contains(logs, secret) {
				t.Errorf("%.20q is in the log", secret)
			}
		}
	})
	t.Run("OPS-08", func(t *testing.T) {
		s := newSite(t)
		open := func(change func(*Config)) error {
			cfg := s.cfg
			cfg.Dir = t.TempDir()
			change(&cfg)
			v, err := Open(t.Context(), cfg, Deps{Ledger: s.ledger, Now: s.clock})
			if err == nil {
				v.Close()
			}
			return err
		}
		for setting, change := range map[string]func(*Config){
			"origin":      func(c *Config) { c.Dev = false },
			"signing_key": func(c *Config) { c.Dev, c.Origin = false, "https://balie.example.org" },
			"dir":         func(c *Config) { c.Dir = "" },
			"tenants":     func(c *Config) { c.Tenants = nil },
		} {
			if err := open(change); err == nil || !strings.Contains(err.Error(), setting) {
				t.Errorf("%s: %v", setting, err)
			}
		}
		if err := open(func(c *Config) { c.Origin = "http://balie.example.org" }); err == nil || !strings.Contains(err.Error(), "origin") {
			t.Errorf("plain http beyond loopback with --dev: %v", err)
		}
		if err := open(func(*Config) {}); err != nil {
			t.Errorf("control: %v", err)
		}
	})
}
