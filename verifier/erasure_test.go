package verifier

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// received makes a session, answers it with the card and returns the receipt.
func (s *site) received(c *card) (id string, r *erasure.Receipt) {
	s.Helper()
	id, status, body := s.answer(c)
	var reply openid4vp.Reply
	if err := json.Unmarshal([]byte(body), &reply); err != nil || status != http.StatusOK {
		s.Fatalf("%d %q: %v", status, body, err)
	}
	r, err := erasure.ParseReceipt(reply.Receipt)
	if err != nil {
		s.Fatal(err)
	}
	return id, r
}

// ask asks over real HTTP and checks whose answer it is.
func (s *site) ask(c *card, r *erasure.Receipt) *erasure.Answer {
	s.Helper()
	a, err := s.tryAsk(c, r)
	if err != nil {
		s.Fatal(err)
	}
	if err := a.Verify(s.v.tenants["voorbeeldstad"].signer.Public(), r); err != nil || !a.Time.Equal(s.clock()) {
		s.Errorf("%+v: %v", a, err)
	}
	return a
}

func (s *site) tryAsk(c *card, r *erasure.Receipt) (*erasure.Answer, error) {
	client := &erasure.Client{Fetch: &fetch.Client{Loopback: true}, Now: s.clock}
	return client.Ask(s.Context(), c.key, r)
}

// rows counts rows of a table of the database.
func (s *site) rows(table string) (n int) {
	s.Helper()
	if err := s.v.db.Read().QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		s.Fatal(err)
	}
	return n
}

// reopen starts the verifier with other settings on the same database.
func (s *site) reopen(change func(*Config)) {
	s.Helper()
	if err := s.v.Close(); err != nil {
		s.Fatal(err)
	}
	change(&s.cfg)
	s.open()
}

func TestReceipt(t *testing.T) {
	s := newSite(t)
	c := s.issue(nil)
	id, r := s.received(c)
	thumbprint, err := jwkOf(c).Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	if r.Session != id || r.Verifier != string(town) || r.Holder != thumbprint || r.Accreditation != "over-18" || r.Purpose["nl"] == "" ||
		!r.Time.Equal(s.clock()) || !r.ValuesUntil.Equal(s.clock().Add(10*time.Minute)) || !r.OutcomeUntil.Equal(s.clock().AddDate(0, 0, 90)) ||
		r.LegalBasis != "" || r.Endpoint != s.cfg.Origin+"/verifier/voorbeeldstad/erasure" {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]sdjwt.Path{{"age_equal_or_over", "18"}}, r.Claims); diff != "" {
		t.Error(diff)
	}
	if err := r.Verify(s.v.tenants["voorbeeldstad"].signer.Public()); err != nil {
		t.Error(err)
	}
	// Who the receipt is for is kept nowhere.
	if dump := s.dump(); strings.Contains(dump, thumbprint) || strings.Contains(dump, r.Compact()) {
		t.Error("the database holds the receipt or the key of its holder")
	}
	// No receipt without an accepted answer.
	_, link := s.create(`{"preset":"over-18"}`)
	a := s.wallet(link)
	if status, body := s.post(a.Request.ResponseURI, map[string][]string{"error": {"access_denied"}, "state": {a.Request.State}}); status != 200 || strings.TrimSpace(body) != "{}" {
		t.Errorf("refusal: %d %q", status, body)
	}
	if _, status, body := s.answer(s.issue(statusOf(2, listURI))); status != 400 || strings.Contains(body, "receipt") {
		t.Errorf("revoked: %d %q", status, body)
	}
}

// TestErase: what is kept goes, at once and from the disk; the screen of the counter keeps its outcome until it is done.
func TestErase(t *testing.T) {
	s := newSite(t)
	c := s.issue(nil)
	id, r := s.received(c)
	if s.want(id, map[string]any{"outcome": "accepted"})["claims"] == nil {
		t.Fatal("no values to erase")
	}
	if a := s.ask(c, r); a.Outcome != erasure.Erased {
		t.Errorf("%+v", a)
	}
	s.want(id, map[string]any{"outcome": "accepted", "claims": nil})
	if strings.Contains(s.dump(), `"age_equal_or_over"`) {
		t.Error("the values are on the disk")
	}
	if a := s.ask(c, r); a.Outcome != erasure.NothingKept {
		t.Errorf("again: %+v", a)
	}
	s.pass(11 * time.Minute)
	s.v.dropHistory(t.Context())
	if n := s.rows("sessions"); n != 0 {
		t.Errorf("%d sessions", n)
	}
	if status, _, _ := s.api(allToken, "GET", "/sessions/"+id, ""); status != 404 {
		t.Errorf("erased session: %d", status)
	}
	if a := s.ask(c, r); a.Outcome != erasure.NothingKept {
		t.Errorf("after it is gone: %+v", a)
	}
	if s.audited("session.erase", "erased") != 1 || s.audited("session.erase", "nothing_kept") != 2 {
		t.Error("not in the audit chain")
	}

	// The outcome alone, after the values went by themselves: it goes at once.
	s.header(20 * time.Second)
	id, r = s.received(c)
	s.pass(12 * time.Minute)
	s.v.round(t.Context())
	s.want(id, map[string]any{"outcome": "accepted", "claims": nil})
	if a := s.ask(c, r); a.Outcome != erasure.Erased || s.rows("sessions") != 0 {
		t.Errorf("%+v, %d sessions", a, s.rows("sessions"))
	}
	// Beyond retention.
	s.header(20 * time.Second)
	_, r = s.received(c)
	s.pass(24 * time.Hour * 91)
	s.v.round(t.Context())
	s.v.dropHistory(t.Context())
	if a := s.ask(c, r); a.Outcome != erasure.NothingKept {
		t.Errorf("beyond retention: %+v", a)
	}
}

// TestEraseRefusesOthers: a receipt is worth nothing to anyone but its holder, and a challenge serves once.
func TestEraseRefusesOthers(t *testing.T) {
	s := newSite(t)
	c, thief := s.issue(nil), s.issue(nil)
	id, r := s.received(c)
	_, other := s.received(thief)
	uri := r.Endpoint
	challenge := func() string {
		t.Helper()
		resp, err := http.Get(uri)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var ch erasure.Challenge
		if err := json.NewDecoder(resp.Body).Decode(&ch); err != nil || resp.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v %v", err, resp.Header)
		}
		return ch.Challenge
	}
	request := func(c *card, r *erasure.Receipt, challenge string) string {
		t.Helper()
		q, err := erasure.SignRequest(c.key, r, challenge, s.clock())
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	post := func(to, kind, body string) int {
		t.Helper()
		resp, err := http.Post(to, kind, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if data, _ := io.ReadAll(resp.Body); resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d %v %q", resp.StatusCode, resp.Header, data)
		}
		return resp.StatusCode
	}
	good := request(c, r, challenge())
	expired := challenge()
	elsewhere := s.v.challenges.issue("elders", s.since())
	// The head and signature of one request with the body of another.
	a, b := strings.Split(request(thief, other, challenge()), "."), strings.Split(request(c, r, challenge()), ".")
	for name, body := range map[string]string{
		"a challenge of nobody":         request(c, r, "AAAA"),
		"a challenge of another tenant": request(c, r, elsewhere),
		"signature of another":          b[0] + "." + b[1] + "." + a[2],
		"key of another":                a[0] + "." + b[1] + "." + a[2],
		"nothing":                       "",
		"a receipt alone":               r.Compact(),
	} {
		if status := post(uri, erasure.MediaType, body); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := post(strings.Replace(uri, "voorbeeldstad", "elders", 1), erasure.MediaType, good); status != 400 {
		t.Errorf("at another tenant: %d", status)
	}
	if status := post(strings.Replace(uri, "voorbeeldstad", "nergens", 1), erasure.MediaType, good); status != 404 {
		t.Errorf("at no tenant: %d", status)
	}
	if status := post(uri, "application/json", good); status != 415 {
		t.Errorf("other content type: %d", status)
	}
	if status := post(uri, erasure.MediaType, strings.Repeat("a", erasure.MaxRequest+1)); status != 413 {
		t.Errorf("too large: %d", status)
	}
	s.want(id, map[string]any{"outcome": "accepted"})
	if s.result(id)["claims"] == nil {
		t.Error("something was erased")
	}
	if status := post(uri, erasure.MediaType, good); status != 200 {
		t.Errorf("control: %d", status)
	}
	if status := post(uri, erasure.MediaType, good); status != 400 {
		t.Errorf("the same request again: %d", status)
	}
	s.pass(challengeLife)
	if status := post(uri, erasure.MediaType, request(c, r, expired)); status != 400 {
		t.Errorf("old challenge: %d", status)
	}
	// A challenge does not outlive the process.
	before := request(c, r, challenge())
	s.reopen(func(*Config) {})
	if status := post(uri, erasure.MediaType, before); status != 400 {
		t.Errorf("challenge of before the restart: %d", status)
	}
	// Logs hold no receipt, key or session of anyone.
	if thumbprint, _ := jwkOf(c).Thumbprint(); strings.Contains(s.logs.String(), thumbprint) || strings.Contains(s.logs.String(), id) {
		t.Error("the log says who asked")
	}
	s.v.erasing.perMinute = 10
	s.v.erasing.byKey = nil
	limited := 0
	for range 3 {
		if status := post(uri, erasure.MediaType, ""); status == 429 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("no limit")
	}
}

// TestDuty: what a law says must be kept is refused with its name and date; the values go all the same.
func TestDuty(t *testing.T) {
	s := newSite(t)
	duty := Duty{LegalBasis: "Voorbeeldwet, artikel 1", Days: 365}
	s.reopen(func(c *Config) { c.Tenants[0].Duty = duty })
	c := s.issue(nil)
	id, r := s.received(c)
	until := s.clock().AddDate(0, 0, 365)
	if r.LegalBasis != duty.LegalBasis || !r.OutcomeUntil.Equal(until) {
		t.Errorf("receipt: %+v", r)
	}
	if a := s.ask(c, r); a.Outcome != erasure.Refused || a.LegalBasis != duty.LegalBasis || !a.Until.Equal(until) {
		t.Errorf("%+v", a)
	}
	s.want(id, map[string]any{"outcome": "accepted", "claims": nil})
	s.pass(24 * time.Hour * 200)
	s.v.dropHistory(t.Context())
	s.want(id, map[string]any{"outcome": "accepted"})
	s.pass(24 * time.Hour * 165)
	if a := s.ask(c, r); a.Outcome != erasure.Erased || s.rows("sessions") != 0 {
		t.Errorf("after the duty: %+v", a)
	}
	for _, bad := range []Duty{{Days: 5}, {Decide: true}, {LegalBasis: "x"}, {LegalBasis: "x", Days: maxKept + 1}, {LegalBasis: strings.Repeat("x", 301), Days: 1}} {
		if err := bad.check(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestDecide: a person decides, with name, once.
func TestDecide(t *testing.T) {
	s := newSite(t)
	s.reopen(func(c *Config) {
		c.Tenants[0].Duty = Duty{LegalBasis: "Voorbeeldwet, artikel 1", Days: 365, Decide: true}
	})
	one, two := s.issue(nil), s.issue(nil)
	id, r1 := s.received(one)
	_, r2 := s.received(two)
	by := s.clock().AddDate(0, 1, 0)
	for range 2 {
		if a := s.ask(one, r1); a.Outcome != erasure.InProgress || !a.Until.Equal(by) || a.LegalBasis != "" {
			t.Errorf("%+v", a)
		}
	}
	s.ask(two, r2)
	status, m, _ := s.api(checkToken, "GET", "/erasures", "")
	list, _ := m["erasures"].([]any)
	if status != 200 || len(list) != 2 {
		t.Fatalf("%d %v", status, m)
	}
	ids := map[string]string{}
	for _, e := range list {
		e := e.(map[string]any)
		ids[e["session"].(string)] = e["id"].(string)
		if e["decision"] != nil {
			t.Errorf("%v", e)
		}
	}
	decide := func(token, id, decision string) int {
		t.Helper()
		status, _, _ := s.api(token, "POST", "/erasures/"+id, `{"decision":"`+decision+`"}`)
		return status
	}
	if got := decide(otherTown, ids[id], "erase"); got != 404 {
		t.Errorf("staff of another tenant: %d", got)
	}
	if got := decide("nobody", ids[id], "erase"); got != 401 {
		t.Errorf("nobody: %d", got)
	}
	if got := decide(checkToken, ids[id], "perhaps"); got != 400 {
		t.Errorf("no decision: %d", got)
	}
	if got := decide(checkToken, "X", "erase"); got != 404 {
		t.Errorf("no request: %d", got)
	}
	if got := decide(checkToken, ids[id], "erase"); got != 204 {
		t.Errorf("erase: %d", got)
	}
	if got := decide(allToken, ids[id], "refuse"); got != 409 {
		t.Errorf("twice: %d", got)
	}
	if got := decide(allToken, ids[r2.Session], "refuse"); got != 204 {
		t.Errorf("refuse: %d", got)
	}
	if a := s.ask(one, r1); a.Outcome != erasure.Erased {
		t.Errorf("%+v", a)
	}
	if a := s.ask(two, r2); a.Outcome != erasure.Refused || a.LegalBasis == "" {
		t.Errorf("%+v", a)
	}
	var staff string
	if err := s.v.db.Read().QueryRow("SELECT actor FROM audit WHERE action = 'erasure.erase'").Scan(&staff); err != nil || staff != "B. Balie" {
		t.Errorf("%q, %v", staff, err)
	}
	s.decideAtCounter()
	s.pass(24 * time.Hour * 366)
	s.v.dropHistory(t.Context())
	if s.rows("erasures") != 0 || s.rows("sessions") != 0 {
		t.Error("requests are kept for ever")
	}
}

// TestErasureNotStored: an answer is given for what the database took, and for nothing else.
func TestErasureNotStored(t *testing.T) {
	s := newSite(t)
	c := s.issue(nil)
	id, r := s.received(c)
	if err := s.v.db.Write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec("CREATE TRIGGER full BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.tryAsk(c, r); !errors.Is(err, erasure.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if s.result(id)["claims"] == nil {
		t.Error("the values are gone from memory")
	}
}

// decideAtCounter has a clerk decide on the page.
func (s *site) decideAtCounter() {
	s.Helper()
	c := s.issue(nil)
	id, r := s.received(c)
	s.ask(c, r)
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	do := func(path string, form url.Values) (int, string) {
		s.Helper()
		method, body := http.MethodGet, io.Reader(nil)
		if form != nil {
			method, body = http.MethodPost, strings.NewReader(form.Encode())
		}
		req, err := http.NewRequest(method, s.cfg.Origin+path, body)
		if err != nil {
			s.Fatal(err)
		}
		req.Header.Set("Origin", s.cfg.Origin)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := browser.Do(req)
		if err != nil {
			s.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(data)
	}
	do("/counter/login", url.Values{"token": {checkToken}})
	status, page := do("/counter/erasures", nil)
	_, after, ok := strings.Cut(page, `action="/counter/erasures/`)
	if status != 200 || !ok || !strings.Contains(page, id) || !strings.Contains(page, "Voorbeeldwet, artikel 1") || !strings.Contains(page, "Gewist") {
		s.Fatalf("%d %s", status, page)
	}
	number, _, _ := strings.Cut(after, `"`)
	if status, page := do("/counter/erasures/"+number, url.Values{"decision": {"erase"}}); status != 200 || strings.Contains(page, `action="/counter/erasures/`) {
		s.Errorf("%d %s", status, page)
	}
	if status, _ := do("/counter/erasures/"+number, url.Values{"decision": {"refuse"}}); status != 400 {
		s.Errorf("decided twice: %d", status)
	}
	if a := s.ask(c, r); a.Outcome != erasure.Erased {
		s.Errorf("%+v", a)
	}
}

// TestReceiptOfAnOldKey: a verifier that changed its keys still knows its receipts, by its document in the register.
func TestReceiptOfAnOldKey(t *testing.T) {
	s := newSite(t)
	c := s.issue(nil)
	_, link := s.create(`{"preset":"over-18","client_id_prefix":"decentralized_identifier"}`)
	a := s.wallet(link)
	_, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}}))
	var reply openid4vp.Reply
	if err := json.Unmarshal([]byte(body), &reply); err != nil {
		t.Fatal(err)
	}
	r, err := erasure.ParseReceipt(reply.Receipt)
	if err != nil || r.Header().KeyID != string(town)+"#v1" {
		t.Fatalf("%v %v", r, err)
	}
	key := newKey(t)
	file := filepath.Join(t.TempDir(), "new.pem")
	if err := office.SaveKey(file, key, true); err != nil {
		t.Fatal(err)
	}
	doc := s.ledger.docs[town]
	doc.Methods = append(doc.Methods, did.VerificationMethod{ID: string(town) + "#v2", Key: jose.JWK{Key: key.Public()}, Purposes: []did.Purpose{did.Authentication}})
	s.reopen(func(c *Config) {
		t := &c.Tenants[0]
		t.SigningKey, t.Chain, t.KeyID, t.ClientID = file, "", "v2", openid4vp.PrefixDID
	})
	if answer := s.ask(c, r); answer.Outcome != erasure.Erased || answer.Header().KeyID != string(town)+"#v2" {
		t.Errorf("%+v", answer)
	}
	// A key that is in nobody's document signs no receipt.
	doc.Methods = slices.DeleteFunc(doc.Methods, func(m did.VerificationMethod) bool { return m.ID == string(town)+"#v1" })
	if _, err := s.tryAsk(c, r); !errors.Is(err, erasure.ErrDenied) {
		t.Errorf("key that is not in the document: %v", err)
	}
	// While the register cannot be asked, nothing is said.
	s.fail(ledger.ErrUnavailable)
	if _, err := s.tryAsk(c, r); !errors.Is(err, erasure.ErrUnavailable) {
		t.Errorf("no register: %v", err)
	}
}
