package oauth

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Names of RFC 9449.
const (
	TypeDPoP        = "dpop+jwt"   // "typ" of a proof (Section 4.2)
	SchemeDPoP      = "DPoP"       // token type and scheme of the Authorization header (Sections 5 and 7.1)
	HeaderDPoP      = "DPoP"       // of the request: the proof
	HeaderDPoPNonce = "DPoP-Nonce" // of the answer: the nonce for the next proof (Section 8)
	// DPoPAlgorithm is the one algorithm of proofs here.
	DPoPAlgorithm = "ES256"
)

// Limits of a proof. Its "iat" must lie in the window around now that key proofs of OpenID4VCI have.
const (
	maxDPoP  = 8 << 10
	maxJTI   = 256
	dpopAge  = 5 * time.Minute
	dpopSkew = 60 * time.Second
)

// DPoP is a proof that was checked, but for its nonce and for having been used before.
type DPoP struct {
	Thumbprint string // of the key (RFC 7638), which is what tokens are bound to
	Nonce      string // "" when the proof has none

	id [sha256.Size]byte // of the key and "jti"
}

func refuseDPoP(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: InvalidDPoPProof, Description: fmt.Sprintf(format, args...)}
}

// DPoPHeader returns the proof of a request, "" if it has none. More than one is an *Error (Section 4.3).
func DPoPHeader(h http.Header) (string, error) {
	switch values := h.Values(HeaderDPoP); len(values) {
	case 0:
		return "", nil
	case 1:
		if values[0] != "" {
			return values[0], nil
		}
	}
	return "", refuseDPoP("the request needs exactly one proof")
}

// VerifyDPoP checks a proof for a request to method and uri at a time (RFC 9449, Section 4.3): one strict JWS of type dpop+jwt,
// signed with ES256 by the public key in its header, made now, for this request and, if there is one, for this access token.
// Whether the nonce is good and the proof is used for the first time is left: see [Replays]. The error is an *Error
// (invalid_dpop_proof) with status 400.
func VerifyDPoP(compact, method, uri, accessToken string, now time.Time) (*DPoP, error) {
	j, err := jose.ParseJWS(compact, maxDPoP)
	if err != nil {
		return nil, refuseDPoP("the proof is not a usable JWT")
	}
	if j.Header.Type != TypeDPoP {
		return nil, refuseDPoP("typ is not %s", TypeDPoP)
	}
	if j.Header.JWK == nil {
		return nil, refuseDPoP("the header has no jwk")
	}
	if alg, err := jose.Algorithm(j.Header.JWK.Key); err != nil || alg != DPoPAlgorithm {
		return nil, refuseDPoP("only proofs with %s are taken", DPoPAlgorithm)
	}
	if err := j.Verify(j.Header.JWK.Key); err != nil {
		return nil, refuseDPoP("the signature does not verify")
	}
	claims, err := jose.DecodeObject(j.Payload)
	if err != nil {
		return nil, refuseDPoP("the claims are not a JSON object")
	}
	if htm, ok := claims["htm"].(string); !ok || htm != method {
		return nil, refuseDPoP("htm is not the method of the request")
	}
	htu, ok := claims["htu"].(string)
	if want, valid := target(uri); !ok || !valid {
		return nil, refuseDPoP("htu is missing")
	} else if got, valid := target(htu); !valid || got != want {
		return nil, refuseDPoP("htu is not the address of the request")
	}
	iat, ok := claims["iat"].(json.Number)
	if !ok {
		return nil, refuseDPoP("iat is missing or not a number")
	}
	// No float goes near the window: 1e400 and 2^63 end here.
	seconds, err := iat.Int64()
	if err != nil || seconds < now.Add(-dpopAge).Unix() || seconds > now.Add(dpopSkew).Unix() {
		return nil, refuseDPoP("iat is not now")
	}
	jti, ok := claims["jti"].(string)
	if !ok || jti == "" || len(jti) > maxJTI {
		return nil, refuseDPoP("jti is missing or too long")
	}
	if accessToken != "" {
		if ath, ok := claims["ath"].(string); !ok || !hmac.Equal([]byte(ath), []byte(tokenHash(accessToken))) {
			return nil, refuseDPoP("ath is not the hash of the access token")
		}
	}
	p := &DPoP{}
	if nonce, given := claims["nonce"]; given {
		if p.Nonce, ok = nonce.(string); !ok {
			return nil, refuseDPoP("nonce is not a string")
		}
	}
	if p.Thumbprint, err = j.Header.JWK.Thumbprint(); err != nil {
		return nil, refuseDPoP("the key cannot be used")
	}
	p.id = sha256.Sum256([]byte(p.Thumbprint + "\x00" + jti))
	return p, nil
}

// tokenHash is "ath" (Section 4.2).
func tokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// target normalises the address of a request without query and fragment (Section 4.3; RFC 3986, Sections 6.2.2 and 6.2.3).
func target(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Opaque != "" || u.User != nil || u.Host == "" {
		return "", false
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	if scheme != "https" && scheme != "http" || host == "" {
		return "", false
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, true
}

// Replays remembers which proofs were used, for longer than a proof counts. It is safe for concurrent use. What it knows is
// lost with the process: the nonces of a server must not outlive it either.
type Replays struct {
	mu     sync.Mutex
	newer  map[[sha256.Size]byte]bool
	older  map[[sha256.Size]byte]bool
	turned time.Time // when newer was begun
	limit  int
}

// maxReplays bounds what is kept in each half: with 32 bytes each some 10 MB.
const maxReplays = 100_000

// ErrFull: so many proofs were used in the last minutes that no more can be remembered, and so none be taken.
var ErrFull = errors.New("too many proofs at this time")

// Use marks a proof as used. One that was used before is an *Error (invalid_dpop_proof); further error: [ErrFull].
func (r *Replays) Use(p *DPoP, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := r.limit
	if limit == 0 {
		limit = maxReplays
	}
	// A proof counts until its iat is too old, and is forgotten only after two turns.
	if r.newer == nil || now.Sub(r.turned) >= dpopAge+dpopSkew {
		r.older, r.newer, r.turned = r.newer, map[[sha256.Size]byte]bool{}, now
	}
	switch {
	case r.newer[p.id] || r.older[p.id]:
		return refuseDPoP("the proof was used before")
	case len(r.newer) >= limit:
		return ErrFull
	}
	r.newer[p.id] = true
	return nil
}

// Prover makes the proofs of one key and remembers the nonces that servers ask for. It is safe for concurrent use.
type Prover struct {
	Key crypto.Signer // on P-256
	Now func() time.Time

	mu     sync.Mutex
	nonces map[string]string // by origin
}

// Proof makes a proof for one request; accessToken is "" at a token endpoint.
func (p *Prover) Proof(method, uri, accessToken string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", errors.New("DPoP proof: address does not parse")
	}
	// Query and fragment stay out (Section 4.2).
	u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": u.String(), "iat": p.Now().Unix()}
	p.mu.Lock()
	nonce := p.nonces[origin(u)]
	p.mu.Unlock()
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if accessToken != "" {
		claims["ath"] = tokenHash(accessToken)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("DPoP proof: %v", err)
	}
	return jose.SignJWS(p.Key, jose.Header{Type: TypeDPoP, JWK: &jose.JWK{Key: p.Key.Public()}}, payload)
}

// maxNonces bounds the origins whose nonces are remembered; maxNonce is how long one may be.
const (
	maxNonces = 16
	maxNonce  = 1024
)

// Learn takes the nonce that an answer from uri brings (Section 8.2), and reports whether it brought another one.
func (p *Prover) Learn(uri string, h http.Header) bool {
	nonce := h.Get(HeaderDPoPNonce)
	u, err := url.Parse(uri)
	if err != nil || nonce == "" || len(nonce) > maxNonce {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.nonces == nil || len(p.nonces) >= maxNonces {
		p.nonces = map[string]string{}
	}
	changed := p.nonces[origin(u)] != nonce
	p.nonces[origin(u)] = nonce
	return changed
}

func origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }
