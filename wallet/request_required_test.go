package wallet

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vp"
)

// crafted is what is wrong with a request. The zero value is a good one.
type crafted struct {
	members func(m map[string]any, form url.Values) // changes what the object says
	header  func(h *jose.Header)
	key     crypto.Signer
	object  func(signed string) string // changes the object after it was signed
	link    func(clientID, requestURI string) string
}

func member(name string, value any) func(map[string]any, url.Values) {
	return func(m map[string]any, _ url.Values) {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
}

// craft serves a request made by hand. Whatever is sent to its response_uri is counted.
func (s *services) craft(c crafted) (string, *asked) {
	s.t.Helper()
	link, a := s.ask(defaultQuery(), nil)
	if s.chain != nil {
		data, err := json.Marshal(s.chain.staple(s.party, a.stapled))
		if err != nil {
			s.t.Fatal(err)
		}
		a.request.VerifierInfo = []openid4vp.VerifierInfo{{Format: proofFormat, Data: data}}
	}
	good, err := a.request.Sign(s.party.ask, s.party.header(s.party.ask))
	if err != nil {
		s.t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[1])
	if err != nil {
		s.t.Fatal(err)
	}
	says := func(form url.Values) map[string]any {
		m := map[string]any{}
		if err := json.Unmarshal(payload, &m); err != nil {
			s.t.Error(err)
		}
		if c.members != nil {
			c.members(m, form)
		}
		return m
	}
	address, err := url.Parse(requestAddress(link))
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve[address.Path] = func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		h, key := s.party.header(s.party.ask), crypto.Signer(s.party.ask)
		h.Type = openid4vp.RequestType
		if c.header != nil {
			c.header(&h)
		}
		if c.key != nil {
			key = c.key
		}
		raw, err := json.Marshal(says(r.PostForm))
		if err != nil {
			s.t.Error(err)
		}
		object, err := jose.SignJWS(key, h, raw)
		if err != nil {
			s.t.Error(err)
		}
		if c.object != nil {
			object = c.object(object)
		}
		w.Header().Set("Content-Type", openid4vp.RequestMediaType)
		fmt.Fprint(w, object)
	}
	clientID, _ := says(nil)["client_id"].(string)
	if c.link != nil {
		return c.link(clientID, address.String()), a
	}
	return openid4vp.Link(clientID, address.String(), "get"), a
}

// bench is a wallet with one card, to which wrong requests come.
type target struct {
	*world
	wal    *Wallet
	before []Card
	lines  int
}

func newTarget(t *testing.T) *target {
	b := &target{world: newWorld(t)}
	b.wal = b.wallet(nil)
	receive(t, b.wal, b.offer(), "")
	b.before, _ = b.wal.Cards(t.Context())
	b.lines = 1
	return b
}

// stopped opens a request, and checks that it ends there: nothing to consent to, no copy used, no value in the history, and
// only what the specification wants is sent.
func (b *target) stopped(t *testing.T, what, link string, a *asked, want Category, told oauth.Code) error {
	t.Helper()
	d, err := b.wal.Present(t.Context(), link)
	if CategoryOf(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
	if d != nil {
		t.Errorf("%s: there is something to consent to: %+v", what, d)
	}
	switch {
	case told == "" && a.posts != 0:
		t.Errorf("%s: %d answers were sent", what, a.posts)
	case told != "" && (a.posts != 1 || a.response == nil || a.response.Error != told || a.response.State != a.request.State || len(a.response.Token) != 0):
		t.Errorf("%s: %d answers, %+v, want %s", what, a.posts, a.response, told)
	}
	b.unchanged(t, what)
	entries, historyErr := b.wal.History(t.Context())
	if historyErr != nil {
		t.Fatal(historyErr)
	}
	if b.lines++; len(entries) != b.lines {
		t.Fatalf("%s: %d lines of history, want %d", what, len(entries), b.lines)
	}
	e := entries[0]
	line := Entry{ID: e.ID, Time: e.Time, Kind: "failed", Party: e.Party, Unknown: true, Outcome: string(want)}
	if diff := cmp.Diff(line, e); diff != "" || e.Party == "" || strings.Contains(e.Party, townName) {
		t.Errorf("%s: history: %s, party %q", what, diff, e.Party)
	}
	return err
}

// unchanged checks that the cards, and how many copies are left, are as they were.
func (b *target) unchanged(t *testing.T, what string) {
	t.Helper()
	now, err := b.wal.Cards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.before, now); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// refused crafts a request that ends without a word to the verifier.
func (b *target) refused(t *testing.T, what string, want Category, c crafted) {
	t.Helper()
	link, a := b.craft(c)
	b.stopped(t, what, link, a, want, "")
}

// told crafts a request of which the verifier is told what is wrong.
func (b *target) told(t *testing.T, what string, code oauth.Code, c crafted) {
	t.Helper()
	link, a := b.craft(c)
	b.stopped(t, what, link, a, RequestMalformed, code)
}

// testRequests are REQ-01 to REQ-10 and REQ-12 at the wallet that holds the cards.
func testRequests(t *testing.T) {
	t.Run("REQ-01", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		cut := func(s string) []string { return strings.Split(s, ".") }
		for what, c := range map[string]crafted{
			"signed by another key": {key: ecKey(t)},
			"changed afterwards": {object: func(s string) string {
				p := cut(s)
				raw, _ := base64.RawURLEncoding.DecodeString(p[1])
				return p[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), `"18"`, `"21"`, 1))) + "." + p[2]
			}},
			"signature empty": {object: func(s string) string { return cut(s)[0] + "." + cut(s)[1] + "." }},
			"alg none": {object: func(s string) string {
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"`+openid4vp.RequestType+`"}`)) + "." + cut(s)[1] + "."
			}},
			"plain JSON": {object: func(s string) string { raw, _ := base64.RawURLEncoding.DecodeString(cut(s)[1]); return string(raw) }},
		} {
			b.refused(t, what, RequestUntrusted, c)
		}
	})
	t.Run("REQ-02", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		own := openid4vp.X509HashClientID(b.town.chains[b.town.ask])
		for _, other := range []string{openid4vp.X509HashClientID([]byte("x")), "x509_san_dns:localhost", strings.Replace(own, "x509_hash:", "x509_san_dns:", 1)} {
			b.refused(t, other, RequestMalformed, crafted{link: func(_, uri string) string { return openid4vp.Link(other, uri, "get") }})
		}
	})
	t.Run("REQ-03", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		for _, id := range []string{"redirect_uri:" + b.base + "/a", "origin:https://x.example", "verifier_attestation:x", "plain-id", "x509_hash:", "X509_HASH:abc"} {
			b.refused(t, id, RequestUntrusted, crafted{members: member("client_id", id)})
		}
	})
	t.Run("REQ-04", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		leaf := b.town.chains[b.town.ask]
		with := func(x5c ...[]byte) func(*jose.Header) { return func(h *jose.Header) { h.X5C = x5c } }
		b.refused(t, "hash of another leaf", RequestUntrusted, crafted{members: member("client_id", openid4vp.X509HashClientID([]byte("x")))})
		b.refused(t, "no chain", RequestUntrusted, crafted{header: with()})
		b.refused(t, "anchor included", RequestUntrusted, crafted{header: with(leaf, b.town.anchor.Raw)})
		// A leaf of somebody whom no anchor names, with the town's name in it, and one that vouches for itself.
		mallory := stranger(t, townName, time.Now())
		b.refused(t, "leaf of a stranger", RequestUntrusted, crafted{
			key: mallory.ask, header: with(mallory.chains[mallory.ask]), members: member("client_id", openid4vp.X509HashClientID(mallory.chains[mallory.ask])),
		})
		parsed, err := x509.ParseCertificate(leaf)
		if err != nil {
			t.Fatal(err)
		}
		self, err := x509.CreateCertificate(nil, &x509.Certificate{
			SerialNumber: parsed.SerialNumber, Subject: parsed.Subject, URIs: parsed.URIs, DNSNames: parsed.DNSNames, NotBefore: parsed.NotBefore, NotAfter: parsed.NotAfter,
		}, &x509.Certificate{Subject: parsed.Subject}, b.town.ask.Public(), b.town.ask)
		if err != nil {
			t.Fatal(err)
		}
		b.refused(t, "self-signed leaf", RequestUntrusted, crafted{header: with(self), members: member("client_id", openid4vp.X509HashClientID(self))})
	})
	t.Run("REQ-05", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		b.refused(t, "name not in the leaf", RequestUntrusted, crafted{members: member("client_id", "x509_san_dns:balie.example")})
		b.refused(t, "response_uri at another host", RequestUntrusted, crafted{members: func(m map[string]any, _ url.Values) {
			m["client_id"] = "x509_san_dns:localhost"
			m["response_uri"] = strings.Replace(m["response_uri"].(string), "localhost", "127.0.0.1", 1)
		}})
		link, _ := b.craft(crafted{members: member("client_id", "x509_san_dns:localhost")})
		if d, err := b.wal.Present(t.Context(), link); err != nil || d.Verifier != townName {
			t.Errorf("control: %v", err)
		}
	})
	t.Run("REQ-06", testDIDs)
	t.Run("REQ-07", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		for _, nonce := range []any{nil, "", "a b", "a+b", "a/b", "é", "a=", strings.Repeat("a", 2000), "a\n"} {
			b.refused(t, fmt.Sprintf("nonce %.20q", nonce), RequestMalformed, crafted{members: member("nonce", nonce)})
		}
	})
	t.Run("REQ-08", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		b.told(t, "redirect_uri", oauth.InvalidRequest, crafted{members: member("redirect_uri", "https://verifier.example/cb")})
	})
	t.Run("REQ-09", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		evil := 0
		b.serve["/evil"] = func(http.ResponseWriter, *http.Request) { evil++ }
		link, a := b.craft(crafted{link: func(id, uri string) string {
			return openid4vp.Link(id, uri, "get") + "&response_mode=direct_post&nonce=evil&state=evil&response_uri=" + url.QueryEscape(b.base+"/evil") +
				"&client_metadata=" + url.QueryEscape(`{"client_name":"Evil"}`) + "&dcql_query=" + url.QueryEscape(query(`["family_name"]`, `["number"]`))
		}})
		d := present(t, b.wal, link)
		if claims := d.Sets[0].Options[0].Answers[0].Cards[0].Claims; d.Verifier != townName || len(claims) != 1 || claims[0].Path != "age_equal_or_over.18" || len(d.Extra) != 0 {
			t.Errorf("the link's own parameters are shown: %+v, %+v", d, claims)
		}
		if _, err := d.Share(t.Context(), Choice{}); err != nil {
			t.Fatal(err)
		}
		if evil != 0 || a.posts != 1 || a.response.State != a.request.State || len(a.shown) != 1 {
			t.Errorf("the link's own parameters count: %d at the other address, %d at the right one, %+v", evil, a.posts, a.response)
		}
		entries, err := b.wal.History(t.Context())
		if err != nil || entries[0].Party != townName || !slices.Equal(entries[0].Claims, []string{"age_equal_or_over.18"}) {
			t.Errorf("history: %+v, %v", entries[0], err)
		}
	})
	t.Run("REQ-10", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		post := func(nonce func(sent string) any) crafted {
			return crafted{
				link: func(id, uri string) string { return openid4vp.Link(id, uri, openid4vp.MethodPost) },
				members: func(m map[string]any, form url.Values) {
					if form != nil {
						member("wallet_nonce", nonce(form.Get("wallet_nonce")))(m, form)
					}
				},
			}
		}
		b.refused(t, "absent", RequestUntrusted, post(func(string) any { return nil }))
		b.refused(t, "different", RequestUntrusted, post(func(sent string) any { return sent + "x" }))
		b.refused(t, "empty", RequestUntrusted, post(func(string) any { return "" }))
		link, _ := b.craft(post(func(sent string) any { return sent }))
		if _, err := b.wal.Present(t.Context(), link); err != nil {
			t.Errorf("control: %v", err)
		}
	})
	t.Run("REQ-12", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		for _, data := range []any{[]string{"eyJ0eXBlIjoidW5rbm93biIsImNyZWRlbnRpYWxfaWRzIjpbImMiXX0"}, []string{}, "x", []string{"###"}} {
			b.told(t, fmt.Sprint(data), oauth.InvalidTransactionData, crafted{members: member("transaction_data", data)})
		}
		for _, method := range []string{"PUT", "put", "POST", "GET"} {
			link, a := b.craft(crafted{
				link:   func(id, uri string) string { return openid4vp.Link(id, uri, method) },
				object: func(string) string { t.Errorf("%s: fetched", method); return "" },
			})
			var e *oauth.Error
			if err := b.stopped(t, method, link, a, RequestMalformed, ""); !errors.As(err, &e) || e.Code != oauth.InvalidRequestURIMethod {
				t.Errorf("%s: %v", method, err)
			}
		}
	})
}

// testDIDs is REQ-06.
func testDIDs(t *testing.T) {
	b := newTarget(t)
	defer control(t, b.world, b.wal)
	by := func(client did.DID, kid string, key crypto.Signer) crafted {
		return crafted{key: key, members: member("client_id", "decentralized_identifier:"+string(client)), header: func(h *jose.Header) { h.X5C, h.KeyID = nil, kid }}
	}
	own := string(b.town.did)
	link, _ := b.craft(by(b.town.did, own+"#verifier-1", nil))
	if d, err := b.wal.Present(t.Context(), link); err != nil || d.Verifier != townName || !d.Registered {
		t.Fatalf("control: %v", err)
	}
	for _, kid := range []string{"did:zegel:proef:elders#verifier-1", own, own + "#verifier-2", "verifier-1", ""} {
		b.refused(t, "kid "+kid, RequestUntrusted, by(b.town.did, kid, nil))
	}
	b.refused(t, "a key to issue with", RequestUntrusted, by(b.town.did, own+"#issuer-1", b.town.issue))
	made := ecKey(t)
	self, err := did.FromJWK(made.Public())
	if err != nil {
		t.Fatal(err)
	}
	b.refused(t, "a did:jwk of its own", RequestUntrusted, by(self, string(self)+"#0", made))

	// What the register says now counts: both forms of client_id end with it.
	good := maps.Clone(b.chain.values)
	ended := func(what string) {
		t.Helper()
		b.refused(t, what, RequestUntrusted, by(b.town.did, own+"#verifier-1", nil))
		b.refused(t, what+", by certificate", RequestUntrusted, crafted{})
		b.chain.values = maps.Clone(good)
	}
	key := ledger.KeyDID(b.town.did)
	record, err := ledger.DecodeDID(good[string(key)], b.town.did)
	if err != nil {
		t.Fatal(err)
	}
	record.Deactivated = true
	b.chain.put(key, record)
	ended("deactivated")

	key = ledger.KeyAccreditations(b.town.did)
	all, err := ledger.DecodeAccreditations(good[string(key)], b.town.did)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].EndedAt = time.Now().Add(-time.Hour).Unix()
	}
	b.chain.put(key, all)
	ended("accreditation withdrawn")
}
