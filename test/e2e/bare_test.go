package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/rogpeppe/go-internal/testscript"
)

// holder is a foreign wallet: keys and credentials in memory.
type holder struct {
	keys        []*ecdsa.PrivateKey
	credentials []string
	last        posted // its last answer
}

// posted is an answer as it went over the wire, and the presentation in it.
type posted struct {
	url   string
	form  url.Values
	token map[string][]string
}

// holders by the work directory of their script.
var holders sync.Map

// bare receive OFFER [code=C] [copies=N] | present REQUEST [audience=A] [post] | again | replay REQUEST
func bare(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: bare receive|present|again|replay ...")
	}
	v, _ := holders.LoadOrStore(ts.Getenv("WORK"), &holder{})
	h := v.(*holder)
	options := map[string]string{}
	if len(args) > 2 {
		for _, a := range args[2:] {
			name, value, _ := strings.Cut(a, "=")
			options[name] = value
		}
	}
	var err error
	switch {
	case args[0] == "receive" && len(args) > 1:
		err = h.receive(args[1], options)
	case args[0] == "present" && len(args) > 1:
		err = h.present(args[1], options)
	case args[0] == "again":
		err = h.post(h.last)
	case args[0] == "replay" && len(args) > 1:
		err = h.replay(args[1])
	default:
		ts.Fatalf("bare: %q is not known", args)
	}
	if err != nil {
		ts.Logf("bare %s: %v", args[0], err)
	}
	if (err != nil) != neg {
		ts.Fatalf("bare %s: error %v, one wanted: %t", args[0], err, neg)
	}
}

func call(r *http.Request, into any) error {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", r.Method, r.URL.Path, answer.StatusCode, data)
	}
	if s, ok := into.(*string); ok {
		*s = string(data)
		return nil
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data, into)
}

func get(address string, into any) error {
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		return err
	}
	return call(r, into)
}

func postForm(address string, form url.Values, into any) error {
	r, err := http.NewRequest("POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return call(r, into)
}

// wellKnown inserts a well-known name between host and path.
func wellKnown(issuer, name string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	u.Path = "/.well-known/" + name + u.Path
	return u.String()
}

func (h *holder) receive(link string, options map[string]string) error {
	u, err := url.Parse(link)
	if err != nil {
		return err
	}
	var offer struct {
		Issuer string   `json:"credential_issuer"`
		IDs    []string `json:"credential_configuration_ids"`
		Grants map[string]struct {
			Code   string `json:"pre-authorized_code"`
			TxCode any    `json:"tx_code"`
		} `json:"grants"`
	}
	if by := u.Query().Get("credential_offer_uri"); by != "" {
		err = get(by, &offer)
	} else {
		err = json.Unmarshal([]byte(u.Query().Get("credential_offer")), &offer)
	}
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	var metadata struct {
		Issuer     string `json:"credential_issuer"`
		Credential string `json:"credential_endpoint"`
		Nonce      string `json:"nonce_endpoint"`
		Batch      struct {
			Size int `json:"batch_size"`
		} `json:"batch_credential_issuance"`
	}
	if err := get(wellKnown(offer.Issuer, "openid-credential-issuer"), &metadata); err != nil {
		return err
	}
	if metadata.Issuer != offer.Issuer {
		return fmt.Errorf("metadata of %q", metadata.Issuer)
	}
	var server struct {
		Token string `json:"token_endpoint"`
	}
	if err := get(wellKnown(offer.Issuer, "oauth-authorization-server"), &server); err != nil {
		return err
	}
	const grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	form := url.Values{"grant_type": {grant}, "pre-authorized_code": {offer.Grants[grant].Code}}
	if offer.Grants[grant].TxCode != nil {
		form.Set("tx_code", options["code"])
	}
	var token struct {
		Access string `json:"access_token"`
	}
	if err := postForm(server.Token, form, &token); err != nil {
		return err
	}
	var nonce struct {
		Value string `json:"c_nonce"`
	}
	if err := postForm(metadata.Nonce, nil, &nonce); err != nil {
		return err
	}
	copies := 1
	if options["copies"] == "many" {
		copies = metadata.Batch.Size
	}
	var proofs []string
	var keys []*ecdsa.PrivateKey
	for range copies {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		public, err := publicJWK(key)
		if err != nil {
			return err
		}
		proof, err := sign(key, map[string]any{"typ": "openid4vci-proof+jwt", "jwk": public},
			map[string]any{"aud": offer.Issuer, "iat": time.Now().Unix(), "nonce": nonce.Value})
		if err != nil {
			return err
		}
		proofs, keys = append(proofs, proof), append(keys, key)
	}
	body, err := json.Marshal(map[string]any{"credential_configuration_id": offer.IDs[0], "proofs": map[string]any{"jwt": proofs}})
	if err != nil {
		return err
	}
	r, err := http.NewRequest("POST", metadata.Credential, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token.Access)
	var issued struct {
		Credentials []struct {
			Credential string `json:"credential"`
		} `json:"credentials"`
	}
	if err := call(r, &issued); err != nil {
		return err
	}
	if len(issued.Credentials) != copies {
		return fmt.Errorf("%d credentials for %d proofs", len(issued.Credentials), copies)
	}
	h.keys, h.credentials = nil, nil
	for _, c := range issued.Credentials {
		// Copies come in any order: find the key that each is bound to.
		var claims struct {
			Confirmation struct {
				JWK json.RawMessage `json:"jwk"`
			} `json:"cnf"`
		}
		jwt, _, _ := strings.Cut(c.Credential, "~")
		if _, err := payload(jwt, &claims); err != nil {
			return err
		}
		bound, err := jwk.ParseKey(claims.Confirmation.JWK)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(keys, func(k *ecdsa.PrivateKey) bool {
			public, err := publicJWK(k)
			return err == nil && jwk.Equal(public, bound)
		})
		if i < 0 {
			return fmt.Errorf("a copy is bound to a key of somebody else")
		}
		h.keys, h.credentials = append(h.keys, keys[i]), append(h.credentials, c.Credential)
	}
	return nil
}

// asked is what a foreign wallet reads of a request object.
type asked struct {
	ClientID string `json:"client_id"`
	Mode     string `json:"response_mode"`
	URI      string `json:"response_uri"`
	Nonce    string `json:"nonce"`
	State    string `json:"state"`
	WNonce   string `json:"wallet_nonce"`
	Query    struct {
		Credentials []struct {
			ID   string `json:"id"`
			Meta struct {
				VCT []string `json:"vct_values"`
			} `json:"meta"`
			Claims []struct {
				Path []any `json:"path"`
			} `json:"claims"`
		} `json:"credentials"`
	} `json:"dcql_query"`
	Metadata struct {
		JWKS json.RawMessage `json:"jwks"`
		Enc  []string        `json:"encrypted_response_enc_values_supported"`
	} `json:"client_metadata"`
}

// open fetches and verifies a request object.
func open(link string) (*asked, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, err
	}
	var object string
	uri, wanted := u.Query().Get("request_uri"), ""
	if u.Query().Get("request_uri_method") == "post" {
		wanted = rand.Text()
		err = postForm(uri, url.Values{"wallet_nonce": {wanted}}, &object)
	} else {
		err = get(uri, &object)
	}
	if err != nil {
		return nil, err
	}
	var a asked
	leaf, err := payload(object, &a)
	if err != nil {
		return nil, err
	}
	if a.ClientID != u.Query().Get("client_id") || a.WNonce != wanted {
		return nil, fmt.Errorf("client_id %q or wallet_nonce differs", a.ClientID)
	}
	if value, ok := strings.CutPrefix(a.ClientID, "x509_hash:"); ok && (leaf == nil || value != hash(string(leaf.Raw))) {
		return nil, fmt.Errorf("the certificate is not the one of %q", a.ClientID)
	}
	if value, ok := strings.CutPrefix(a.ClientID, "x509_san_dns:"); ok && (leaf == nil || !slices.Contains(leaf.DNSNames, value)) {
		return nil, fmt.Errorf("the certificate is not for %q", a.ClientID)
	}
	return &a, nil
}

func (h *holder) present(link string, options map[string]string) error {
	a, err := open(link)
	if err != nil {
		return err
	}
	if len(h.credentials) == 0 {
		return fmt.Errorf("no copy left")
	}
	credential, key := h.credentials[0], h.keys[0]
	h.credentials, h.keys = h.credentials[1:], h.keys[1:]
	jwt, rest, _ := strings.Cut(credential, "~")
	var claims struct {
		VCT string `json:"vct"`
	}
	if _, err := payload(jwt, &claims); err != nil {
		return err
	}
	for _, q := range a.Query.Credentials {
		if !slices.Contains(q.Meta.VCT, claims.VCT) {
			continue
		}
		presented := jwt + "~"
		for _, c := range q.Claims {
			for _, d := range needed(strings.Split(strings.TrimSuffix(rest, "~"), "~"), c.Path) {
				if !strings.Contains(presented, "~"+d+"~") {
					presented += d + "~"
				}
			}
		}
		audience := a.ClientID
		if other, ok := options["audience"]; ok {
			audience = other
		}
		kb, err := sign(key, map[string]any{"typ": "kb+jwt"}, map[string]any{
			"aud": audience, "nonce": a.Nonce, "iat": time.Now().Unix(), "sd_hash": hash(presented),
		})
		if err != nil {
			return err
		}
		return h.send(a, map[string][]string{q.ID: {presented + kb}})
	}
	return fmt.Errorf("no query for %q", claims.VCT)
}

// needed returns the disclosures on the way to a path of member names: for each name the disclosure with that name whose
// digest stands in the one above it, which is enough for recursive and for flat ones.
func needed(disclosures []string, path []any) []string {
	var found []string
	above := ""
	for _, part := range path {
		for _, d := range disclosures {
			raw, err := b64.DecodeString(d)
			if err != nil {
				continue
			}
			var triple []any
			if json.Unmarshal(raw, &triple) != nil || len(triple) != 3 || triple[1] != part {
				continue
			}
			if above != "" && !strings.Contains(above, hash(d)) {
				continue
			}
			found, above = append(found, d), string(raw)
			break
		}
	}
	return found
}

// send posts an answer in the mode that was asked.
func (h *holder) send(a *asked, token map[string][]string) error {
	p := posted{url: a.URI, token: token}
	plain := map[string]any{"vp_token": token, "state": a.State}
	switch a.Mode {
	case "direct_post":
		encoded, err := json.Marshal(token)
		if err != nil {
			return err
		}
		p.form = url.Values{"vp_token": {string(encoded)}, "state": {a.State}}
	case "direct_post.jwt":
		set, err := jwk.Parse(a.Metadata.JWKS)
		if err != nil {
			return err
		}
		key, ok := set.Key(0)
		if !ok {
			return fmt.Errorf("no encryption key")
		}
		enc := jwa.A128GCM
		if slices.Contains(a.Metadata.Enc, "A256GCM") {
			enc = jwa.A256GCM
		}
		body, err := json.Marshal(plain)
		if err != nil {
			return err
		}
		headers := jwe.NewHeaders()
		if err := headers.Set("kid", key.KeyID()); err != nil {
			return err
		}
		sealed, err := jwe.Encrypt(body, jwe.WithKey(jwa.ECDH_ES, key), jwe.WithContentEncryption(enc), jwe.WithProtectedHeaders(headers))
		if err != nil {
			return err
		}
		p.form = url.Values{"response": {string(sealed)}}
	default:
		return fmt.Errorf("response mode %q", a.Mode)
	}
	h.last = p
	return h.post(p)
}

func (h *holder) post(p posted) error { return postForm(p.url, p.form, nil) }

// replay sends the presentation of the last answer into another session.
func (h *holder) replay(link string) error {
	a, err := open(link)
	if err != nil {
		return err
	}
	return h.send(a, h.last.token)
}
