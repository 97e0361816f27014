package verifier

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/pkg/web"
)

var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

const town = did.DID("did:zegel:town:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")

// Staff tokens of the two tenants.
const (
	allToken   = "token-of-somebody-with-both-roles"
	checkToken = "token-of-a-clerk"
	otherTown  = "token-of-the-other-town"
)

// fakeLedger is a registry whose answers are proven by decree.
type fakeLedger struct {
	mu       sync.Mutex
	docs     map[did.DID]*did.Document
	accs     []trust.Accreditation
	anchors  []trust.Anchor
	state    follow.State
	statuses map[uint64]statuslist.Status
	calls    int // of Status
	err      error
	noBundle bool
}

func (l *fakeLedger) Document(_ context.Context, d did.DID) (*did.Document, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	if doc, ok := l.docs[d]; ok {
		return doc, nil
	}
	return nil, did.ErrNotFound
}

func (l *fakeLedger) Accreditations(context.Context, did.DID) ([]trust.Accreditation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accs, l.err
}

func (l *fakeLedger) Anchors(context.Context) ([]trust.Anchor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.anchors, l.err
}

func (l *fakeLedger) State() follow.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func (l *fakeLedger) Status(_ context.Context, _ *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.err != nil {
		return 0, time.Time{}, l.err
	}
	s, ok := l.statuses[ref.Index]
	if !ok {
		return 0, time.Time{}, statuslist.ErrUnavailable
	}
	return s, l.state.Time, nil
}

func (l *fakeLedger) Bundle(_ context.Context, keys ...ledger.Key) ([]byte, error) {
	if l.noBundle {
		return nil, ledger.ErrUnavailable
	}
	return bytes.Repeat([]byte("proof"), 560*len(keys)), nil
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authority is a certification authority.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: name}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0)}
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	tmpl := certificate(name)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) leaf(name string, pub crypto.PublicKey, uri string, hosts ...string) []byte {
	a.t.Helper()
	tmpl := certificate(name)
	tmpl.KeyUsage, tmpl.DNSNames = x509.KeyUsageDigitalSignature, hosts
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			a.t.Fatal(err)
		}
		tmpl.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, pub, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// site is a verifier of two municipalities over real HTTP, with a real database, and the issuer that it trusts.
type site struct {
	testing.TB
	v       *Verifier
	server  *httptest.Server
	handler http.Handler
	cfg     Config
	ledger  *fakeLedger
	foreign *authority
	issuer  *ecdsa.PrivateKey
	chain   [][]byte
	logs    bytes.Buffer
	log     *slog.Logger

	mu      sync.Mutex
	now     time.Time
	elapsed time.Duration
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) since() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.elapsed
}

// pass lets time go by.
func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.elapsed = s.now.Add(d), s.elapsed+d
}

// jump sets the clock of the day without time going by.
func (s *site) jump(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// header sets the age of the newest registry header.
func (s *site) header(age time.Duration) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.state = follow.State{Height: 77, Time: s.clock().Add(-age)}
}

// fail makes the registry fail with err; nil heals it.
func (s *site) fail(err error) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.err = err
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{TB: t, now: noon, issuer: newKey(t), foreign: newAuthority(t, "Andere CA")}
	s.log = slog.New(slog.NewTextHandler(&s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }))
	t.Cleanup(s.server.Close)
	origin := strings.Replace(s.server.URL, "127.0.0.1", "localhost", 1)

	ca, key, dir := newAuthority(t, "Voorbeeld CA"), newKey(t), t.TempDir()
	s.chain = [][]byte{ca.leaf("Gemeente Voorbeeldstad (uitgifte)", s.issuer.Public(), string(town))}
	leaf := ca.leaf("Gemeente Voorbeeldstad", key.Public(), string(town), "localhost")
	if err := office.SaveKey(filepath.Join(dir, "key.pem"), key, true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chain.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}), 0o600); err != nil {
		t.Fatal(err)
	}
	tenant := func(id string, staff ...office.Staff) Tenant {
		return Tenant{
			ID: id, Name: "Gemeente Voorbeeldstad", DID: string(town), SigningKey: filepath.Join(dir, "key.pem"), Chain: filepath.Join(dir, "chain.pem"),
			KeyID: "v1", Redirects: []string{origin + "/done"}, Staff: staff,
		}
	}
	s.cfg = Config{
		Origin: origin, Dir: filepath.Join(dir, "db"), Dev: true, SessionsPerMinute: 1_000_000,
		Tenants: []Tenant{
			tenant("voorbeeldstad",
				office.Staff{Name: "A. Alles", TokenSHA256: office.HashToken(allToken), Roles: []string{office.RoleCheck, office.RoleAskAny}},
				office.Staff{Name: "B. Balie", TokenSHA256: office.HashToken(checkToken), Roles: []string{office.RoleCheck}}),
			tenant("elders", office.Staff{Name: "C. Elders", TokenSHA256: office.HashToken(otherTown), Roles: []string{office.RoleCheck, office.RoleAskAny}}),
		},
	}
	s.ledger = &fakeLedger{
		docs: map[did.DID]*did.Document{town: {ID: town, Methods: []did.VerificationMethod{
			{ID: string(town) + "#i1", Key: jose.JWK{Key: s.issuer.Public()}, Purposes: []did.Purpose{did.AssertionMethod}},
			{ID: string(town) + "#v1", Key: jose.JWK{Key: key.Public()}, Purposes: []did.Purpose{did.Authentication}},
		}}},
		accs: []trust.Accreditation{{ID: "personal-data", Use: trust.Issue, Types: []string{personType}}},
		anchors: []trust.Anchor{{
			Certificate: ca.cert, Uses: []trust.Use{trust.Issue, trust.Ask}, Types: []string{personType}, From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(1, 0, 0),
		}},
		statuses: map[uint64]statuslist.Status{1: statuslist.Valid, 2: statuslist.Invalid, 3: statuslist.Suspended, 4: 7},
	}
	s.ledger.accs = append(s.ledger.accs, PresetAccreditations(s.cfg.Tenants[0])...)
	for i := range s.ledger.accs {
		a := &s.ledger.accs[i]
		a.Subject, a.Name, a.From, a.Until = town, "Gemeente Voorbeeldstad", noon.AddDate(-1, 0, 0), noon.AddDate(1, 0, 0)
	}
	s.header(20 * time.Second)
	s.open()
	t.Cleanup(func() { s.v.Close() })
	return s
}

// open starts the verifier, again after a Close on the same directory.
func (s *site) open() {
	s.Helper()
	v, err := Open(context.Background(), s.cfg, Deps{
		Ledger: s.ledger, Now: s.clock, Elapsed: s.since, Logger: s.log,
		Foreign: []trust.Anchor{{Certificate: s.foreign.cert, Uses: []trust.Use{trust.Issue}, From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(1, 0, 0)}},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.v, s.handler = v, web.Secure(v.Handler(), s.log)
}

// api calls the staff API of the first tenant.
func (s *site) api(token, method, path, body string) (int, map[string]any, http.Header) {
	s.Helper()
	req, err := http.NewRequest(method, s.cfg.Origin+"/verifier/voorbeeldstad/api"+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	var m map[string]any
	if len(data) > 0 {
		if m, err = jose.DecodeObject(data); err != nil {
			s.Fatalf("%s %s: %d %q", method, path, resp.StatusCode, data)
		}
	}
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		s.Errorf("%s %s: content type %q", method, path, resp.Header.Get("Content-Type"))
	}
	if resp.Header.Get("Cache-Control") != "no-store" && resp.StatusCode != http.StatusNoContent {
		s.Errorf("%s %s: %d may be cached", method, path, resp.StatusCode)
	}
	return resp.StatusCode, m, resp.Header
}

// create makes a session and returns its id and link.
func (s *site) create(body string) (id, link string) {
	s.Helper()
	status, m, _ := s.api(allToken, "POST", "/sessions", body)
	if status != http.StatusCreated {
		s.Fatalf("create %s: %d %v", body, status, m)
	}
	return m["id"].(string), m["request_uri"].(string)
}

// result reads a session.
func (s *site) result(id string) map[string]any {
	s.Helper()
	status, m, _ := s.api(allToken, "GET", "/sessions/"+id, "")
	if status != http.StatusOK {
		s.Fatalf("session: %d %v", status, m)
	}
	return m
}

// want checks members of a session; nil means absent.
func (s *site) want(id string, pairs map[string]any) map[string]any {
	s.Helper()
	m := s.result(id)
	for name, v := range pairs {
		if !cmp.Equal(m[name], v) {
			s.Errorf("%s is %v, want %v in %v", name, m[name], v, m)
		}
	}
	return m
}

// card is a credential with the key of its holder.
type card struct {
	sd  *sdjwt.SDJWT
	key *ecdsa.PrivateKey
}

const listURI = "https://voorbeeldstad.example/lists/1"

// person is plainly made up.
func person(over map[string]any) map[string]any {
	claims := map[string]any{
		"vct": personType, "iss": string(town), "iat": noon.Add(-24 * time.Hour).Unix(), "exp": noon.AddDate(0, 3, 0).Unix(),
		"status":            map[string]any{"status_list": map[string]any{"idx": 1, "uri": listURI}},
		"given_name":        sdjwt.Selective{Value: "Saar"},
		"family_name":       sdjwt.Selective{Value: "Proefpersoon"},
		"birthdate":         sdjwt.Selective{Value: "1984-05-17"},
		"address":           sdjwt.Selective{Value: map[string]any{"locality": sdjwt.Selective{Value: "Voorbeeldstad"}}},
		"age_equal_or_over": map[string]any{"18": sdjwt.Selective{Value: true}, "65": sdjwt.Selective{Value: false}},
	}
	for name, v := range over {
		claims[name] = v
		if v == nil {
			delete(claims, name)
		}
	}
	return claims
}

// issue hands out a card of the registered issuer.
func (s *site) issue(over map[string]any) *card {
	s.Helper()
	return s.issueBy(s.issuer, jose.Header{X5C: s.chain}, person(over))
}

func (s *site) issueBy(key *ecdsa.PrivateKey, h jose.Header, claims map[string]any) *card {
	s.Helper()
	holder := newKey(s)
	if _, ok := claims["cnf"]; !ok {
		claims["cnf"] = map[string]any{"jwk": jose.JWK{Key: holder.Public()}}
	}
	h.Type = "dc+sd-jwt"
	sd, err := sdjwt.Issue(key, h, claims, 1)
	if err != nil {
		s.Fatal(err)
	}
	return &card{sd, holder}
}

func statusOf(idx any, uri string) map[string]any {
	return map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": idx, "uri": uri}}}
}

// dump returns every byte of the database on disk.
func (s *site) dump() string {
	s.Helper()
	files, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*"))
	if err != nil || len(files) == 0 {
		s.Fatalf("no database: %v", err)
	}
	var all strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			s.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// audited counts audit lines with this action and outcome.
func (s *site) audited(action, outcome string) int {
	s.Helper()
	var n int
	if err := s.v.db.Read().QueryRow("SELECT count(*) FROM audit WHERE action = ? AND outcome = ?", action, outcome).Scan(&n); err != nil {
		s.Fatal(err)
	}
	return n
}
