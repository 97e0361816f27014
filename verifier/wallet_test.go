package verifier

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// wallet opens a link as our wallet does.
func (s *site) wallet(link string) *openid4vp.Asked {
	s.Helper()
	c := &openid4vp.Client{
		Fetch: &fetch.Client{Loopback: true}, Now: s.clock,
		Policy: func(_ context.Context, info []openid4vp.VerifierInfo) (*trust.Policy, error) {
			if !s.ledger.noBundle && (len(info) != 1 || info[0].Format != proofFormat) {
				s.Errorf("no registry proof stapled: %d", len(info))
			}
			return &trust.Policy{Source: s.ledger, DIDs: did.NewRegistry(s.ledger)}, nil
		},
	}
	a, err := c.Open(s.Context(), link)
	if err != nil {
		s.Fatalf("wallet: %v", err)
	}
	return a
}

// path is a claim that a wallet shows.
type path = sdjwt.Path

var adult = []path{{"age_equal_or_over", "18"}}

// present makes a presentation for a request.
func (s *site) present(a *openid4vp.Asked, c *card, paths []path) string {
	s.Helper()
	return s.presentFor(c, paths, sdjwt.KeyBinding{Audience: a.Request.ClientID, Nonce: a.Request.Nonce, IssuedAt: s.clock()})
}

func (s *site) presentFor(c *card, paths []path, kb sdjwt.KeyBinding) string {
	s.Helper()
	sd, err := c.sd.Select(paths)
	if err != nil {
		s.Fatal(err)
	}
	p, err := sd.Bind(c.key, kb)
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// form makes the parameters of an answer, encrypted if the request asks so.
func (s *site) form(a *openid4vp.Asked, token map[string][]string) url.Values {
	s.Helper()
	vp, err := json.Marshal(token)
	if err != nil {
		s.Fatal(err)
	}
	if a.Request.ResponseMode == openid4vp.DirectPost {
		return url.Values{"vp_token": {string(vp)}, "state": {a.Request.State}}
	}
	body, err := json.Marshal(map[string]any{"vp_token": json.RawMessage(vp), "state": a.Request.State})
	if err != nil {
		s.Fatal(err)
	}
	jwe, err := jose.Encrypt(&a.Request.Metadata.JWKS.Keys[0], "A256GCM", body, nil, nil)
	if err != nil {
		s.Fatal(err)
	}
	return url.Values{"response": {jwe}}
}

// post sends parameters to a response address.
func (s *site) post(uri string, form url.Values) (int, string) {
	s.Helper()
	resp, err := http.PostForm(uri, form)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const rejectedBody = `{"error":"invalid_request"}`

// rejected checks the one reply to every answer that is not accepted.
func (s *site) rejected(what string, status int, body string) {
	s.Helper()
	if status != http.StatusBadRequest || strings.TrimSpace(body) != rejectedBody {
		s.Errorf("%s: %d %q", what, status, body)
	}
}

// answer makes a session, answers it with the card and returns the session's id and the reply.
func (s *site) answer(c *card) (id string, status int, body string) {
	s.Helper()
	id, link := s.create(`{"preset":"over-18"}`)
	a := s.wallet(link)
	status, body = s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"card": {s.present(a, c, adult)}}))
	return id, status, body
}

// control runs a good transaction.
func (s *site) control() {
	s.Helper()
	id, status, body := s.answer(s.issue(nil))
	if status != http.StatusOK || !strings.HasPrefix(body, `{"zegel_receipt":"`) {
		s.Errorf("control: %d %.80q", status, body)
	}
	s.want(id, map[string]any{"state": "completed", "outcome": "accepted", "category": nil})
}

func jwkOf(c *card) *jose.JWK { return &jose.JWK{Key: c.key.Public()} }
