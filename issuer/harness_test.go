package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// chain keeps the rules of the registry that matter to an issuer, without nodes: sequence, signature, owner, sizes, terminal
// values. It can be slow, deaf, or lose its answer.
type chain struct {
	mu        sync.Mutex
	keys      map[did.DID]ed25519.PublicKey
	height    int64
	now       func() time.Time
	sequences map[did.DID]ledger.SequenceRecord
	metas     map[string]*ledger.ListMeta
	lists     map[string]*statuslist.List
	changes   []*ledger.StatusChange
	hold      chan struct{}                   // not nil: Submit waits for it, after the transaction has had its effect
	fail      func(tx *ledger.SignedTx) error // before any effect
	lose      func(tx *ledger.SignedTx) error // after it
	silent    bool                            // no sequence record can be had
	stopped   bool                            // everything but revocations and suspensions is refused
}

const testChain = "zegel-test"

func (c *chain) State() follow.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return follow.State{Height: c.height, Time: c.now()}
}

func (c *chain) Bundle(ctx context.Context, keys ...ledger.Key) ([]byte, error) {
	return []byte(fmt.Sprint("proof of ", len(keys), " keys")), nil
}

func (c *chain) List(ctx context.Context, uri string) (*ledger.ListMeta, *statuslist.List, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.metas[uri]
	if !ok {
		return nil, nil, statuslist.ErrUnavailable
	}
	copied := *m
	list, err := statuslist.FromBytes(m.Bits, slices.Clone(c.lists[uri].Bytes()))
	return &copied, list, err
}

func (c *chain) Sequence(ctx context.Context, d did.DID) (ledger.SequenceRecord, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return ledger.SequenceRecord{}, ledger.ErrUnavailable
	}
	return c.sequences[d], nil
}

func (c *chain) Submit(ctx context.Context, raw []byte) (follow.Result, error) {
	tx, err := ledger.DecodeTx(raw)
	if err != nil {
		return follow.Result{Code: ledger.Malformed, Log: err.Error()}, nil
	}
	c.mu.Lock()
	fail, lose, hold := c.fail, c.lose, c.hold
	c.mu.Unlock()
	if fail != nil {
		if err := fail(tx); err != nil {
			return follow.Result{}, err
		}
	}
	c.mu.Lock()
	code, log := c.apply(tx)
	height := c.height
	c.mu.Unlock()
	if lose != nil {
		if err := lose(tx); err != nil {
			return follow.Result{}, err
		}
	}
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return follow.Result{}, ctx.Err()
		}
	}
	return follow.Result{Code: code, Log: log, Height: height}, nil
}

func (c *chain) apply(tx *ledger.SignedTx) (ledger.Code, string) {
	key, ok := c.keys[tx.Sender]
	switch {
	case !ok || tx.Verify(key) != nil || tx.KeyID != "registry-1":
		return ledger.BadSignature, "signature"
	case tx.ChainID != testChain:
		return ledger.WrongChain, tx.ChainID
	case tx.Sequence != c.sequences[tx.Sender].N+1:
		return ledger.BadNonce, "sequence"
	case tx.ValidUntil < c.height+1:
		return ledger.Expired, "height"
	}
	if c.stopped && (tx.Kind == ledger.CreateList || tx.SetStatus != nil && slices.Contains(tx.SetStatus.Values, 0)) {
		return ledger.Policy, "stopped"
	}
	switch tx.Kind {
	case ledger.CreateList:
		m := *tx.CreateList
		if err := m.Check(); err != nil {
			return ledger.Malformed, err.Error()
		}
		if c.metas[m.URI] != nil {
			return ledger.Conflict, "list exists"
		}
		list, err := statuslist.New(m.Bits, m.Size)
		if err != nil {
			return ledger.Malformed, err.Error()
		}
		m.Owner, m.Height, m.Root = tx.Sender, c.height+1, ledger.ListRoot(list.Bytes())
		c.metas[m.URI], c.lists[m.URI] = &m, list
	case ledger.SetStatus:
		s := tx.SetStatus
		m, list := c.metas[s.URI], c.lists[s.URI]
		switch {
		case m == nil:
			return ledger.UnknownObject, s.URI
		case m.Owner != tx.Sender:
			return ledger.Unauthorized, "owner"
		case len(s.Indices) == 0 || len(s.Indices)%ledger.StatusBatch != 0:
			return ledger.Malformed, "number of entries"
		}
		for n, index := range s.Indices {
			old, err := list.Get(index)
			if err != nil {
				return ledger.Malformed, err.Error()
			}
			if old == statuslist.Invalid && s.Values[n] != byte(statuslist.Invalid) {
				return ledger.TerminalState, "revoked is for good"
			}
		}
		for n, index := range s.Indices {
			if err := list.Set(index, statuslist.Status(s.Values[n])); err != nil {
				return ledger.Policy, err.Error()
			}
		}
		m.Height, m.Root = c.height+1, ledger.ListRoot(list.Bytes())
		c.changes = append(c.changes, s)
	default:
		return ledger.Malformed, string(tx.Kind)
	}
	c.height++
	sum := sha256.Sum256(tx.Raw)
	c.sequences[tx.Sender] = ledger.SequenceRecord{N: tx.Sequence, Tx: sum[:]}
	return ledger.OK, ""
}

func (c *chain) status(t testing.TB, uri string, index uint64) statuslist.Status {
	t.Helper()
	_, list, err := c.List(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	s, err := list.Get(index)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Document, Accreditations and Anchors make the chain a source for wallets. What stands there is for tests to change.
type source struct {
	documents      map[did.DID]*did.Document
	accreditations []trust.Accreditation
	anchors        []trust.Anchor
}

func (s *source) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	if doc, ok := s.documents[d]; ok {
		return doc, nil
	}
	return nil, did.ErrNotFound
}

func (s *source) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	var all []trust.Accreditation
	for _, a := range s.accreditations {
		if a.Subject == d {
			all = append(all, a)
		}
	}
	return all, nil
}

func (s *source) Anchors(ctx context.Context) ([]trust.Anchor, error) { return s.anchors, nil }

// clock is set by tests.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// town is an issuer with two tenants over real HTTP and a real file.
type town struct {
	t       testing.TB
	cfg     Config
	clock   *clock
	chain   *chain
	source  *source
	issuer  *Issuer
	server  *httptest.Server
	handler struct {
		sync.Mutex
		http.Handler
	}
}

const (
	tokenBoth   = "token-of-a-made-up-official"
	tokenRevoke = "token-of-a-made-up-revoker"
	tokenOther  = "token-of-another-municipality"
)

const testSubjects = `[
	{"id":"voorbeeld-1","claims":{"given_name":"Saar","family_name":"Proefpersoon","birthdate":"1984-05-17","address":{"locality":"Voorbeeldstad"}}},
	{"id":"voorbeeld-3","claims":{"given_name":"Noor","family_name":"Testkind","birthdate":"2012-03-09"}}
]`

func newTown(t testing.TB, change ...func(*Config)) *town {
	t.Helper()
	w := &town{t: t, clock: &clock{at: time.Date(2026, 11, 20, 13, 14, 15, 0, time.UTC)}}
	w.chain = &chain{keys: map[did.DID]ed25519.PublicKey{}, height: 7, now: w.clock.now, sequences: map[did.DID]ledger.SequenceRecord{},
		metas: map[string]*ledger.ListMeta{}, lists: map[string]*statuslist.List{}}
	w.source = &source{documents: map[did.DID]*did.Document{}}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.handler.Lock()
		h := w.handler.Handler
		w.handler.Unlock()
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	dir := t.TempDir()
	w.cfg = Config{Origin: w.server.URL, Dir: filepath.Join(dir, "issuer"), Dev: true}
	write(t, filepath.Join(dir, "subjects.json"), testSubjects)
	for n, id := range []string{"voorbeeldstad", "proefdorp"} {
		w.cfg.Tenants = append(w.cfg.Tenants, w.tenant(dir, id, n))
	}
	for _, f := range change {
		f(&w.cfg)
	}
	w.open()
	t.Cleanup(func() { w.issuer.Close() })
	return w
}

func (w *town) tenant(dir, id string, n int) Tenant {
	t := w.t
	t.Helper()
	d, err := did.Zegel("voorbeeld", fmt.Sprintf("%d%s", n, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
	if err != nil {
		t.Fatal(err)
	}
	root, leaf := newKey(t), newKey(t)
	from, until := w.clock.now().AddDate(-1, 0, 0), w.clock.now().AddDate(3, 0, 0)
	anchor := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "anchor " + id}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, root.Public(), root, from, until)
	san, err := url.Parse(string(d))
	if err != nil {
		t.Fatal(err)
	}
	cert := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "issuer " + id}, URIs: []*url.URL{san}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature}, anchor, leaf.Public(), root, from, until)
	pub, registry, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.chain.keys[d] = pub
	w.source.documents[d] = &did.Document{ID: d,
		Methods:  []did.VerificationMethod{{ID: string(d) + "#issuer", Key: jose.JWK{Key: leaf.Public()}, Purposes: []did.Purpose{did.AssertionMethod}}},
		Services: []did.Service{{ID: string(d) + "#vci", Type: did.ServiceIssuer, Endpoint: w.server.URL + "/issuer/" + id}},
	}
	w.source.accreditations = append(w.source.accreditations, trust.Accreditation{ID: "personal-data", Subject: d, Use: trust.Issue, Name: "Gemeente " + id,
		Types: []string{PersonalDataVCT}, From: from, Until: until})
	w.source.anchors = append(w.source.anchors, trust.Anchor{Certificate: anchor, Uses: []trust.Use{trust.Issue}, Types: []string{PersonalDataVCT}, From: from, Until: until})
	path := func(name string) string { return filepath.Join(dir, id+"-"+name) }
	for name, key := range map[string]crypto.PrivateKey{"key.pem": leaf, "registry.pem": registry} {
		if err := office.SaveKey(path(name), key, true); err != nil {
			t.Fatal(err)
		}
	}
	write(t, path("chain.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	out := Tenant{ID: id, Name: "Gemeente " + id, DID: string(d), SigningKey: path("key.pem"), Chain: path("chain.pem"),
		RegistryKey: path("registry.pem"), RegistryKeyID: "registry-1", Subjects: filepath.Join(dir, "subjects.json"),
		Staff: []office.Staff{{Name: "O. Ander", TokenSHA256: office.HashToken(tokenOther), Roles: []string{office.RoleHandOut, office.RoleRevoke}}}}
	if n == 0 {
		out.Staff = []office.Staff{
			{Name: "M. Voorbeeld", TokenSHA256: office.HashToken(tokenBoth), Roles: []string{office.RoleHandOut, office.RoleRevoke}},
			{Name: "R. Voorbeeld", TokenSHA256: office.HashToken(tokenRevoke), Roles: []string{office.RoleRevoke}},
		}
	}
	return out
}

func (w *town) open() {
	w.t.Helper()
	i, err := Open(w.t.Context(), w.cfg, Deps{Ledger: w.chain, Now: w.clock.now, ChainID: testChain})
	if err != nil {
		w.t.Fatal(err)
	}
	w.issuer = i
	w.handler.Lock()
	defer w.handler.Unlock()
	w.handler.Handler = i.Handler()
}

func (w *town) base() string { return w.server.URL + "/issuer/voorbeeldstad" }

// wallet is a client that trusts what the source says when a proof is stapled.
func (w *town) wallet() *openid4vci.Client {
	return &openid4vci.Client{
		Fetch: &fetch.Client{Loopback: true}, Now: w.clock.now,
		Policy: func(ctx context.Context, registry string) (*trust.Policy, error) {
			if registry == "" {
				return &trust.Policy{}, nil
			}
			return &trust.Policy{Source: w.source, DIDs: did.NewRegistry(w.source)}, nil
		},
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newKeys(t testing.TB, n int) []crypto.Signer {
	t.Helper()
	var keys []crypto.Signer
	for range n {
		keys = append(keys, newKey(t))
	}
	return keys
}

func certificate(t testing.TB, template, parent *x509.Certificate, pub crypto.PublicKey, by crypto.Signer, from, until time.Time) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = serial, from, until
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for the worker without sleeping through a fixed time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(2*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// answer is a whole HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) json(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}

// code returns the OAuth error code.
func (a *answer) code() string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.body, &e) != nil {
		return ""
	}
	return e.Error
}

var errLost = errors.New("connection lost")
