package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

const (
	counterToken = "token-of-bakker"
	otherToken   = "token-of-another-town"
)

// counterLedger is a registry of which the counter only sees how fresh it is.
type counterLedger struct {
	Ledger
	state follow.State
}

func (l *counterLedger) State() follow.State { return l.state }

// counterSite is a verifier with its counter, over real HTTP.
type counterSite struct {
	*testing.T
	v      *Verifier
	ledger *counterLedger
	origin string

	mu  sync.Mutex
	now time.Time
}

func (s *counterSite) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *counterSite) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func openCounter(t *testing.T) *counterSite {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &counterSite{T: t, origin: "http://" + l.Addr().String(), now: time.Date(2026, 11, 23, 9, 42, 7, 0, time.UTC)}
	s.ledger = &counterLedger{state: follow.State{Height: 48213, Time: s.now.Add(-25 * time.Second)}}
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := office.SaveKey(filepath.Join(dir, "key.pem"), key, true); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Gemeente Voorbeeld"}, NotAfter: s.now.AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "chain.pem"), block, 0o600); err != nil {
		t.Fatal(err)
	}
	tenant := func(id, name, staff, token string) Tenant {
		return Tenant{ID: id, Name: name, DID: "did:zegel:voorbeeld:" + strings.Repeat("a", 32),
			SigningKey: filepath.Join(dir, "key.pem"), Chain: filepath.Join(dir, "chain.pem"),
			Staff: []office.Staff{
				{Name: staff, TokenSHA256: office.HashToken(token), Roles: []string{office.RoleCheck}},
				{Name: "Alleen uitgifte", TokenSHA256: office.HashToken(token + "-desk"), Roles: []string{office.RoleHandOut}},
			}}
	}
	start := s.now
	s.v, err = Open(context.Background(), Config{
		Origin: s.origin, Dir: filepath.Join(dir, "db"), Dev: true,
		Tenants: []Tenant{tenant("voorbeeld", "Gemeente Voorbeeld", "M. Bakker", counterToken), tenant("anders", "Gemeente Anders", "P. de Wit", otherToken)},
	}, Deps{Ledger: s.ledger, Now: s.clock, Elapsed: func() time.Duration { return s.clock().Sub(start) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.v.Close() })
	r := mux.NewRouter()
	s.v.counterRoutes(r)
	srv := httptest.NewUnstartedServer(web.Secure(r, slog.New(slog.DiscardHandler)))
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return s
}

// browser keeps cookies and says where its forms come from, as browsers do.
func (s *counterSite) browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar}
}

func (s *counterSite) do(c *http.Client, method, path string, form url.Values, header ...string) (int, string, http.Header) {
	s.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, s.origin+path, body)
	if err != nil {
		s.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", s.origin)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if req.Header.Del(header[i]); header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := c.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	h := res.Header.Clone()
	h.Set("Test-Path", res.Request.URL.Path)
	return res.StatusCode, string(data), h
}

func (s *counterSite) login(token string) *http.Client {
	s.Helper()
	c := s.browser()
	if status, body, h := s.do(c, "POST", "/counter/login", url.Values{"token": {token}}); status != 200 || h.Get("Test-Path") != "/counter" {
		s.Fatalf("login: %d at %s: %s", status, h.Get("Test-Path"), body)
	}
	return c
}

// ask makes a session and returns its id.
func (s *counterSite) ask(c *http.Client, preset string) string {
	s.Helper()
	status, body, h := s.do(c, "POST", "/counter/check", url.Values{"preset": {preset}})
	id, ok := strings.CutPrefix(h.Get("Test-Path"), "/counter/check/")
	if status != 200 || !ok {
		s.Fatalf("ask: %d at %s: %s", status, h.Get("Test-Path"), body)
	}
	return id
}

// set puts a session into a state, as an answer of a wallet would.
func (s *counterSite) set(id string, f func(*Session)) {
	s.Helper()
	s.v.mu.RLock()
	l := s.v.live[handleOf(id)]
	s.v.mu.RUnlock()
	if l == nil {
		s.Fatal("no such session")
	}
	l.mu.Lock()
	f(&l.session)
	l.purge = s.v.elapsed() + 10*time.Minute
	l.mu.Unlock()
	s.v.subs.tell(id)
}

func (s *counterSite) accept(id string, claims any) {
	s.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		s.Fatal(err)
	}
	now := s.clock()
	s.set(id, func(x *Session) {
		x.State, x.Outcome, x.Claims, x.AsOf, x.Height = Completed, Accepted, raw, now.Add(-2*time.Second), 48213
		x.Issuers = []string{"Gemeente Elders"}
	})
}

func (s *counterSite) reject(id string, outcome Outcome, category credential.Category) {
	s.Helper()
	now := s.clock()
	s.set(id, func(x *Session) {
		x.State, x.Outcome, x.Category, x.AsOf, x.Height = Failed, outcome, category, now.Add(-2*time.Second), 48213
	})
}

var over18 = map[string]any{"card": map[string]any{"age_equal_or_over": map[string]any{"18": true}}}
