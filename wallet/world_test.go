package wallet

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// world is a town with its registry, seen over real HTTP on loopback.
type world struct {
	t     *testing.T
	now   func() time.Time // the town's clock
	chain *chain
	town  *party
	*services
}

// services are an issuer and a verifier of one party. A nil chain means that nothing is stapled.
type services struct {
	t     *testing.T
	now   func() time.Time
	chain *chain
	party *party
	base  string
	batch int
	txt   string // tx_code that the offer asks

	mu     sync.Mutex
	serve  map[string]http.HandlerFunc
	events []string
	tokens int
	list   *statuslist.List
	index  uint64

	spoil    func(i int, compact string, key crypto.PublicKey) string // what a bad issuer sends instead
	claims   func(c map[string]any)                                   // changes what it says
	dress    func(m map[string]any)                                   // changes its metadata
	requests map[string]*asked
	offDate  bool                  // leave the Date header out
	trusts   *chain                // the registry that a foreign verifier reads beside its own anchor
	receipt  func(a *asked) string // what the reply to an accepted answer holds; nil: nothing
}

// asked is a request of the verifier and what came of it.
type asked struct {
	request  openid4vp.Request
	response *openid4vp.Response
	shown    []*credential.Presentation
	raw      []string
	rejected credential.Category
	posts    int
	stapled  time.Time
}

func defaultQuery() string {
	return `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]},"claims":[{"path":["age_equal_or_over","18"]}]}]}`
}

func newServices(t *testing.T, now func() time.Time) *services {
	list, err := statuslist.New(2, 4096)
	if err != nil {
		t.Fatal(err)
	}
	s := &services{t: t, now: now, batch: 3, serve: map[string]http.HandlerFunc{}, requests: map[string]*asked{}, list: list}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		h := s.serve[r.URL.Path]
		off := s.offDate
		s.mu.Unlock()
		if off {
			w.Header()["Date"] = nil
		}
		if h == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(server.Close)
	s.base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return s
}

// newWorld is a town whose municipality may issue person cards and ask for ages.
func newWorld(t *testing.T) *world {
	now := time.Now
	w := &world{t: t, now: now, chain: newChain(t, now()), services: newServices(t, now)}
	w.town = &party{name: townName}
	w.chain.register(w.town, now(), w.issuer(),
		trust.Accreditation{ID: "person", Use: trust.Issue, Types: []string{personType}},
		trust.Accreditation{
			ID: "over-18", Use: trust.Ask, Types: []string{personType}, Claims: []sdjwt.Path{{"age_equal_or_over", "18"}, {"age_equal_or_over", "21"}},
			Purpose: trust.Text{"nl": "Leeftijd controleren", "en": "Check age"}, LegalBasis: "Voorbeeldwet artikel 1",
		})
	w.services.chain, w.services.party = w.chain, w.town
	w.routes()
	return w
}

// foreign is a party under an anchor of its own, without a registry.
func foreign(t *testing.T, name string) *services {
	s := newServices(t, time.Now)
	s.party = stranger(t, name, time.Now())
	s.batch = 1
	s.routes()
	return s
}

func (s *services) issuer() string { return s.base + "/issuer" }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (s *services) routes() {
	meta := func() map[string]any {
		m := map[string]any{
			"credential_issuer": s.issuer(), "credential_endpoint": s.base + "/credential", "nonce_endpoint": s.base + "/nonce",
			"notification_endpoint": s.base + "/notify",
			"credential_configurations_supported": map[string]any{"person": map[string]any{
				"format": "dc+sd-jwt", "vct": personType, "cryptographic_binding_methods_supported": []string{"jwk"},
				"proof_types_supported": map[string]any{"jwt": map[string]any{"proof_signing_alg_values_supported": []string{"ES256"}}},
				"credential_metadata": map[string]any{
					"display": []any{map[string]any{"name": "Persoonsgegevens", "locale": "nl"}, map[string]any{"name": "Personal data", "locale": "en"}},
					"claims":  []any{map[string]any{"path": []any{"age_equal_or_over", "18"}, "display": []any{map[string]any{"name": "18 jaar of ouder", "locale": "nl"}}}},
				},
			}},
		}
		if s.batch > 1 {
			m["batch_credential_issuance"] = map[string]any{"batch_size": s.batch}
		}
		if s.dress != nil {
			s.dress(m)
		}
		return m
	}
	s.serve["/.well-known/openid-credential-issuer/issuer"] = func(w http.ResponseWriter, r *http.Request) {
		m := meta()
		if s.chain != nil {
			signed := maps.Clone(m)
			signed["sub"], signed["iat"] = s.issuer(), s.now().Unix()
			payload, _ := json.Marshal(signed)
			h := s.party.header(s.party.issue)
			h.Type = openid4vci.TypeSignedMetadata
			compact, err := jose.SignJWS(s.party.issue, h, payload)
			if err != nil {
				s.t.Error(err)
			}
			m["signed_metadata"] = compact
			m["zegel_registry"] = s.chain.staple(s.party, s.now().Add(-20*time.Second))
		}
		reply(w, m)
	}
	s.serve["/.well-known/oauth-authorization-server/issuer"] = func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"issuer": s.issuer(), "token_endpoint": s.base + "/token", "response_types_supported": []string{"code"},
			"grant_types_supported": []string{openid4vci.GrantPreAuthorized}})
	}
	s.serve["/token"] = func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.tokens++
		s.mu.Unlock()
		if r.PostFormValue("tx_code") != s.txt {
			w.WriteHeader(http.StatusBadRequest)
			reply(w, map[string]any{"error": "invalid_grant"})
			return
		}
		reply(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300})
	}
	s.serve["/nonce"] = func(w http.ResponseWriter, r *http.Request) { reply(w, map[string]any{"c_nonce": rand.Text()}) }
	s.serve["/notify"] = func(w http.ResponseWriter, r *http.Request) {
		var n struct {
			Event string `json:"event"`
		}
		json.NewDecoder(r.Body).Decode(&n)
		s.mu.Lock()
		s.events = append(s.events, n.Event)
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}
	s.serve["/credential"] = s.credential
	s.serve["/status"] = func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		token, err := statuslist.Token{URI: s.base + "/status", IssuedAt: s.now(), Expires: s.now().Add(time.Hour), TTL: time.Minute, List: s.list}.Sign(s.party.issue, s.party.header(s.party.issue))
		if err != nil {
			s.t.Error(err)
		}
		w.Header().Set("Content-Type", "application/statuslist+jwt")
		fmt.Fprint(w, token)
	}
}

func (s *services) credential(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, 0, 4096)
	buf := make([]byte, 4096)
	for {
		n, err := r.Body.Read(buf)
		body = append(body, buf[:n]...)
		if err != nil {
			break
		}
	}
	request, err := openid4vci.ParseCredentialRequest(body)
	if err != nil {
		s.t.Errorf("credential request: %v", err)
		return
	}
	var credentials []any
	for i, p := range request.Proofs {
		proof, err := openid4vci.VerifyProof(p, s.issuer(), s.now())
		if err != nil {
			s.t.Errorf("proof: %v", err)
			return
		}
		compact := s.issue(proof.Key.Key)
		if s.spoil != nil {
			compact = s.spoil(i, compact, proof.Key.Key)
		}
		credentials = append(credentials, map[string]any{"credential": compact})
	}
	slices.Reverse(credentials) // any order
	reply(w, map[string]any{"credentials": credentials, "notification_id": rand.Text()})
}

// issue signs one copy for a key.
func (s *services) issue(holder crypto.PublicKey) string {
	s.mu.Lock()
	s.index++
	index := s.index
	s.mu.Unlock()
	day := s.now().UTC().Truncate(24 * time.Hour)
	hide := func(v any) sdjwt.Selective { return sdjwt.Selective{Value: v} }
	claims := map[string]any{
		"vct": personType, "iat": day.Unix(), "exp": day.AddDate(0, 6, 0).Unix(),
		"cnf":    map[string]any{"jwk": jose.JWK{Key: holder}},
		"status": map[string]any{"status_list": map[string]any{"idx": index, "uri": s.base + "/status"}},

		"given_name": hide("Canarina"), "family_name": hide(canaryName), "birthdate": hide("2000-01-31"), "number": hide(canaryNumber),
		"address":           hide(map[string]any{"locality": hide("Proefstad"), "street": hide("Teststraat 1")}),
		"age_equal_or_over": map[string]any{"18": hide(true), "21": hide(true), "65": hide(false)},
	}
	if s.party.did != "" {
		claims["iss"] = string(s.party.did)
	}
	if s.claims != nil {
		s.claims(claims)
	}
	h := s.party.header(s.party.issue)
	h.Type = "dc+sd-jwt"
	c, err := sdjwt.Issue(s.party.issue, h, claims, 2)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.String()
}

func (s *services) offer() string {
	o := openid4vci.Offer{CredentialIssuer: s.issuer(), ConfigurationIDs: []string{"person"}, Grants: &openid4vci.Grants{PreAuthorized: &openid4vci.PreAuthorized{Code: rand.Text()}}}
	if s.txt != "" {
		o.Grants.PreAuthorized.TxCode = &openid4vci.TxCode{InputMode: "numeric", Length: len(s.txt)}
	}
	return o.Link()
}

// ask makes a request; change may alter it before it is signed.
func (s *services) ask(query string, change func(*openid4vp.Request)) (string, *asked) {
	s.t.Helper()
	q, err := openid4vp.ParseDCQL([]byte(query))
	if err != nil {
		s.t.Fatal(err)
	}
	id := rand.Text()
	leaf := s.party.chains[s.party.ask]
	a := &asked{stapled: s.now().Add(-20 * time.Second), request: openid4vp.Request{
		ClientID: openid4vp.X509HashClientID(leaf), ResponseMode: openid4vp.DirectPost, ResponseURI: s.base + "/response/" + id,
		Nonce: rand.Text(), State: rand.Text(), Query: q, IssuedAt: s.now(), Expires: s.now().Add(5 * time.Minute),
	}}
	if change != nil {
		change(&a.request)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[id] = a
	s.serve["/request/"+id] = func(w http.ResponseWriter, r *http.Request) {
		if s.chain != nil {
			data, _ := json.Marshal(s.chain.staple(s.party, a.stapled))
			a.request.VerifierInfo = []openid4vp.VerifierInfo{{Format: proofFormat, Data: data}}
		}
		object, err := a.request.Sign(s.party.ask, s.party.header(s.party.ask))
		if err != nil {
			s.t.Error(err)
		}
		w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
		fmt.Fprint(w, object)
	}
	s.serve["/response/"+id] = func(w http.ResponseWriter, r *http.Request) { s.answer(a, w, r) }
	return openid4vp.Link(a.request.ClientID, s.base+"/request/"+id, "get"), a
}

func (s *services) answer(a *asked, w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	a.posts++
	response, err := openid4vp.ParseResponse(r.PostForm, a.request.ResponseMode, nil)
	if err != nil {
		s.t.Errorf("response: %v", err)
		return
	}
	a.response = response
	if response.Error != "" {
		reply(w, map[string]any{})
		return
	}
	v := &credential.Validator{Trust: s.policy(), Now: s.now, Status: func(context.Context, *trust.Identity, statuslist.Ref) (statuslist.Status, time.Time, error) {
		return statuslist.Valid, s.now(), nil
	}}
	for id, all := range response.Token {
		for _, compact := range all {
			a.raw = append(a.raw, compact)
			p, err := v.Present(r.Context(), compact, credential.Expect{Nonce: a.request.Nonce, Audience: a.request.ClientID, Query: a.request.Query.ByID(id).CheckOne})
			if err != nil {
				a.rejected = credential.CategoryOf(err)
				w.WriteHeader(http.StatusBadRequest)
				reply(w, map[string]any{"error": "invalid_request"})
				return
			}
			a.shown = append(a.shown, p)
		}
	}
	out := map[string]any{"redirect_uri": s.base + "/done?response_code=abc"}
	if s.receipt != nil {
		out["zegel_receipt"] = s.receipt(a)
	}
	reply(w, out)
}

// policy is what the verifier trusts: the chain's issuers, or those under its own anchor.
func (s *services) policy() *trust.Policy {
	p := &trust.Policy{Source: nothing{}, DIDs: did.NewRegistry(nil)}
	c := s.chain
	if c == nil {
		c = s.trusts
		p.Foreign = []trust.Anchor{s.party.foreignAnchor()}
	}
	if c != nil {
		proven := &mirror{c}
		p.Source, p.DIDs = proven, did.NewRegistry(proven)
	}
	return p
}

// mirror reads the chain's values as a service's verified mirror does.
type mirror struct{ c *chain }

func (m *mirror) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	v, ok := m.c.values[string(ledger.KeyDID(d))]
	if !ok {
		return nil, did.ErrNotFound
	}
	r, err := ledger.DecodeDID(v, d)
	if err != nil {
		return nil, err
	}
	return r.Document()
}
func (m *mirror) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	v, ok := m.c.values[string(ledger.KeyAccreditations(d))]
	if !ok {
		return nil, nil
	}
	return ledger.TrustAccreditations(v, d)
}
func (m *mirror) Anchors(context.Context) ([]trust.Anchor, error) {
	return ledger.TrustAnchors(m.c.values[string(ledger.KeyAnchors())])
}

// wallet is a new wallet of an inhabitant; change may alter how it is opened.
func (w *world) wallet(change func(*Options)) *Wallet {
	w.t.Helper()
	o := memOptions(nil, w.now)
	o.Dir = w.t.TempDir()
	o.fs = nil
	if change != nil {
		change(&o)
	}
	got, err := Create(w.t.Context(), o, Setup{Secret: testPIN, Network: w.chain.network.Encode(), Dev: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { got.Close() })
	return got
}

func receive(t *testing.T, w *Wallet, link, txCode string) []Card {
	t.Helper()
	cards, err := tryReceive(t, w, link, txCode)
	if err != nil {
		t.Fatal(err)
	}
	return cards
}

func tryReceive(t *testing.T, w *Wallet, link, txCode string) ([]Card, error) {
	t.Helper()
	i, err := w.Receive(t.Context(), link)
	if err != nil {
		return nil, err
	}
	if _, err := i.Fetch(t.Context(), txCode); err != nil {
		return nil, err
	}
	return i.Accept(t.Context())
}

func present(t *testing.T, w *Wallet, link string) *Disclosure {
	t.Helper()
	d, err := w.Present(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
