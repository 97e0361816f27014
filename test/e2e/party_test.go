package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v2/cert"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/rogpeppe/go-internal/testscript"
)

// certChain is the form in which the JOSE library takes x5c.
func certChain(encoded []string) *cert.Chain {
	var c cert.Chain
	for _, s := range encoded {
		if err := c.AddString(s); err != nil {
			panic(err)
		}
	}
	return &c
}

// stranger is a foreign issuer or verifier; got counts what it was sent that matters.
type stranger struct {
	sync.Mutex
	got int
}

func (s *stranger) note() {
	s.Lock()
	defer s.Unlock()
	s.got++
}

// strangers by the work directory of their script.
var strangers sync.Map

// party verifier VAR [method=post] [mode=direct_post.jwt] | issuer VAR | received nothing|answer
func party(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: party verifier|issuer VAR, or party received nothing|answer")
	}
	v, _ := strangers.LoadOrStore(ts.Getenv("WORK"), &stranger{})
	s := v.(*stranger)
	switch args[0] {
	case "received":
		s.Lock()
		defer s.Unlock()
		if (args[1] == "answer") != (s.got > 0) {
			ts.Fatalf("the foreign party was sent %d answers, want %s", s.got, args[1])
		}
	case "verifier", "issuer":
		a, err := foreignAuthority()
		ts.Check(err)
		mux := http.NewServeMux()
		server := httptest.NewServer(mux)
		ts.Defer(server.Close)
		base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		var link string
		if args[0] == "verifier" {
			link, err = s.verifier(mux, base, a)
		} else {
			link, err = s.issuer(mux, base, a)
		}
		ts.Check(err)
		ts.Setenv(args[1], link)
	default:
		ts.Fatalf("party: %q is not known", args[0])
	}
}

// verifier asks "18 or older" of the town's cards with a signed request object and direct_post.
func (s *stranger) verifier(mux *http.ServeMux, base string, a *authority) (string, error) {
	key, leaf, err := a.leaf("Slijterij Elders (made-up)")
	if err != nil {
		return "", err
	}
	clientID := "x509_hash:" + hash(string(leaf))
	object, err := sign(key, x5cHeader("oauth-authz-req+jwt", leaf), map[string]any{
		"response_type": "vp_token", "response_mode": "direct_post", "client_id": clientID,
		"response_uri": base + "/answer", "nonce": rand.Text(), "state": rand.Text(),
		"aud": "https://self-issued.me/v2",
		"dcql_query": map[string]any{"credentials": []any{map[string]any{
			"id": "card", "format": "dc+sd-jwt", "meta": map[string]any{"vct_values": []string{"urn:zegel:personal-data:1"}},
			"claims": []any{map[string]any{"path": []any{"age_equal_or_over", "18"}}},
		}}},
		"client_metadata": map[string]any{"vp_formats_supported": map[string]any{"dc+sd-jwt": map[string]any{
			"sd-jwt_alg_values": []string{"ES256"}, "kb-jwt_alg_values": []string{"ES256"},
		}}},
	})
	if err != nil {
		return "", err
	}
	mux.HandleFunc("GET /object", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
		fmt.Fprint(w, object)
	})
	mux.HandleFunc("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		var token map[string][]string
		if json.Unmarshal([]byte(r.PostFormValue("vp_token")), &token) == nil && len(token["card"]) == 1 {
			s.note()
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{}")
	})
	return "openid4vp://?" + url.Values{"client_id": {clientID}, "request_uri": {base + "/object"}}.Encode(), nil
}

// issuer hands out a library card after a code from paper, one copy at a time.
func (s *stranger) issuer(mux *http.ServeMux, base string, a *authority) (string, error) {
	key, leaf, err := a.leaf("Bibliotheek Elders (made-up)")
	if err != nil {
		return "", err
	}
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-credential-issuer", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{
			"credential_issuer": base, "credential_endpoint": base + "/credential", "nonce_endpoint": base + "/nonce",
			"credential_configurations_supported": map[string]any{"library": map[string]any{
				"format": "dc+sd-jwt", "vct": "urn:example:library-card:1",
				"cryptographic_binding_methods_supported": []string{"jwk"},
				"proof_types_supported":                   map[string]any{"jwt": map[string]any{"proof_signing_alg_values_supported": []string{"ES256"}}},
			}},
		})
	})
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"issuer": base, "token_endpoint": base + "/token", "response_types_supported": []string{"code"}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		s.note()
		if r.PostFormValue("tx_code") != "123456" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		answer(w, map[string]any{"access_token": "made-up", "token_type": "Bearer", "expires_in": 60})
	})
	mux.HandleFunc("POST /nonce", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"c_nonce": "n-" + rand.Text()})
	})
	mux.HandleFunc("POST /credential", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Proofs struct {
				JWT []string `json:"jwt"`
			} `json:"proofs"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Proofs.JWT) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_credential_request"}`)
			return
		}
		message, err := jws.ParseString(body.Proofs.JWT[0])
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var holder jwk.Key = message.Signatures()[0].ProtectedHeaders().JWK()
		number, numberDigest := disclosure("number", "0042")
		name, nameDigest := disclosure("given_name", "Proef")
		jwt, err := sign(key, x5cHeader("dc+sd-jwt", leaf), map[string]any{
			"iss": base, "vct": "urn:example:library-card:1", "iat": time.Now().Unix(), "exp": time.Now().AddDate(0, 1, 0).Unix(),
			"cnf": map[string]any{"jwk": holder}, "_sd_alg": "sha-256", "_sd": []string{numberDigest, nameDigest},
		})
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answer(w, map[string]any{"credentials": []any{map[string]any{"credential": jwt + "~" + number + "~" + name + "~"}}})
	})
	offer, err := json.Marshal(map[string]any{
		"credential_issuer": base, "credential_configuration_ids": []string{"library"},
		"grants": map[string]any{"urn:ietf:params:oauth:grant-type:pre-authorized_code": map[string]any{
			"pre-authorized_code": rand.Text(), "tx_code": map[string]any{"length": 6, "input_mode": "numeric"},
		}},
	})
	if err != nil {
		return "", err
	}
	return "openid-credential-offer://?" + url.Values{"credential_offer": {string(offer)}}.Encode(), nil
}
