//go:build unix

package verifier

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/web"
)

// rig runs transactions against a verifier, and their parts without one.
type rig struct {
	*testing.B
	s      *site
	client *http.Client
	card   *card
	shown  *sdjwt.SDJWT
	wallet jose.JWK // the verifier's signing key, as the wallet knows it

	// What one transaction sent and received, for the parts.
	bodies [4]struct{ sent, got []byte }
	kb     []byte
	issued []byte
	plain  []byte
	plainS *httptest.Server
	db     *sql.DB
	n      int
}

func (r *rig) call(method, uri, contentType, token string, body []byte) []byte {
	req, err := http.NewRequest(method, uri, bytes.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		r.Fatalf("%s: %d %s", method, resp.StatusCode, got)
	}
	return got
}

// asked is what the wallet of the benchmark reads of a request object.
type asked struct {
	ClientID    string `json:"client_id"`
	ResponseURI string `json:"response_uri"`
	Nonce       string `json:"nonce"`
	State       string `json:"state"`
	Metadata    struct {
		JWKS jose.JWKSet `json:"jwks"`
	} `json:"client_metadata"`
}

// transaction makes a session, fetches and verifies its request object, answers it encrypted, and reads the result.
func (r *rig) transaction() {
	base := r.s.cfg.Origin + "/verifier/voorbeeldstad"
	create := []byte(`{"preset":"over-18"}`)
	created := r.call("POST", base+"/api/sessions", "application/json", allToken, create)
	var made struct {
		ID   string `json:"id"`
		Link string `json:"request_uri"`
	}
	if err := json.Unmarshal(created, &made); err != nil {
		r.Fatal(err)
	}
	link, err := url.Parse(made.Link)
	if err != nil {
		r.Fatal(err)
	}
	object := r.call("GET", link.Query().Get("request_uri"), "", "", nil)
	j, err := jose.ParseJWS(string(object), 256<<10)
	if err != nil {
		r.Fatal(err)
	}
	if err := j.Verify(r.wallet.Key); err != nil {
		r.Fatal(err)
	}
	var a asked
	if err := json.Unmarshal(j.Payload, &a); err != nil {
		r.Fatal(err)
	}
	p, err := r.shown.Bind(r.card.key, sdjwt.KeyBinding{Audience: a.ClientID, Nonce: a.Nonce, IssuedAt: noon})
	if err != nil {
		r.Fatal(err)
	}
	plain := []byte(`{"vp_token":{"card":["` + p + `"]},"state":"` + a.State + `"}`)
	jwe, err := jose.Encrypt(&a.Metadata.JWKS.Keys[0], "A128GCM", plain, nil, nil)
	if err != nil {
		r.Fatal(err)
	}
	form := []byte("response=" + jwe)
	replied := r.call("POST", a.ResponseURI, "application/x-www-form-urlencoded", "", form)
	result := r.call("GET", base+"/api/sessions/"+made.ID, "", allToken, nil)
	if r.issued == nil {
		if !strings.Contains(string(result), `"accepted"`) || !strings.Contains(string(result), `"18":true`) {
			r.Fatalf("%s", result)
		}
		r.bodies[0].sent, r.bodies[0].got = create, created
		r.bodies[1].got = object
		r.bodies[2].sent, r.bodies[2].got = form, replied
		r.bodies[3].got = result
		jwt, rest, _ := strings.Cut(p, "~")
		r.issued = []byte(jwt[:strings.LastIndexByte(jwt, '.')])
		kb := rest[strings.LastIndexByte(rest, '~')+1:]
		r.kb = []byte(kb[:strings.LastIndexByte(kb, '.')])
		r.plain = plain
	}
}

// cryptography does what the transaction cannot do without: the request object and the key binding are signed and
// verified, the credential is verified, and the answer is encrypted and decrypted with fresh keys.
func (r *rig) cryptography(key *ecdsa.PrivateKey, credential []byte) {
	hash := func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }
	object := r.bodies[1].got
	for _, signed := range [][]byte{object[:bytes.LastIndexByte(object, '.')], r.kb} {
		sig, err := ecdsa.SignASN1(rand.Reader, key, hash(signed))
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, hash(signed), sig) {
			r.Fatal("signature", err)
		}
	}
	if !ecdsa.VerifyASN1(&key.PublicKey, hash(r.issued), credential) {
		r.Fatal("credential")
	}
	session, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		r.Fatal(err)
	}
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		r.Fatal(err)
	}
	var sealed []byte
	nonce := make([]byte, 12)
	for i, pair := range []struct {
		own   *ecdh.PrivateKey
		other *ecdh.PublicKey
	}{{ephemeral, session.PublicKey()}, {session, ephemeral.PublicKey()}} {
		z, err := pair.own.ECDH(pair.other)
		if err != nil {
			r.Fatal(err)
		}
		block, err := aes.NewCipher(hash(z)[:16])
		if err != nil {
			r.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			r.Fatal(err)
		}
		if i == 0 {
			sealed = gcm.Seal(nil, nonce, r.plain, nil)
		} else if _, err := gcm.Open(nil, nonce, sealed, nil); err != nil {
			r.Fatal(err)
		}
	}
}

// roundTrips makes four plain round trips with bodies of the same size, to a handler that reads and writes.
func (r *rig) roundTrips() {
	for i := range r.bodies {
		method := "GET"
		if r.bodies[i].sent != nil {
			method = "POST"
		}
		r.call(method, r.plainS.URL+"/"+string(rune('0'+i)), "text/plain", "", r.bodies[i].sent)
	}
}

// writes makes the rows of one transaction in as many commits: a session with its audit line, that it was fetched, and
// its end with an audit line.
func (r *rig) writes() {
	r.n++
	handle := handleOf(time.Duration(r.n).String())
	secrets := bytes.Repeat([]byte("s"), 1200)
	commit := func(f func(tx *sql.Tx) error) {
		tx, err := r.db.Begin()
		if err != nil {
			r.Fatal(err)
		}
		if err := f(tx); err != nil {
			r.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			r.Fatal(err)
		}
	}
	event := office.Event{Time: noon, Tenant: "voorbeeldstad", Actor: "A. Alles", Action: "session.create", Object: handle, Outcome: "ok"}
	commit(func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO sessions (handle, id, tenant, staff, state, preset, created, expires, secrets) VALUES (?,?,?,?,?,?,?,?,?)",
			handle, handle, "voorbeeldstad", "A. Alles", Created, "over-18", 1, 2, secrets); err != nil {
			return err
		}
		return office.Audit(tx, event)
	})
	commit(func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE sessions SET state = ? WHERE handle = ? AND state = ?", Fetched, handle, Created)
		return err
	})
	commit(func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE sessions SET state = ?, outcome = ?, category = ?, ended = ?, as_of = ?, stale = ?, height = ?, secrets = NULL, code = ?, claims = ?
			WHERE handle = ?`, Completed, Accepted, "", 3, 4, false, 5, nil, []byte(`{"card":{"age_equal_or_over":{"18":true}}}`), handle); err != nil {
			return err
		}
		return office.Audit(tx, event)
	})
}

func newRig(b *testing.B) *rig {
	s := newSite(b)
	// The log and the time of a service in production: lines of requests, and the real clock is as good as a fixed one.
	s.log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	s.handler = web.Secure(s.v.Handler(), s.log)
	r := &rig{B: b, s: s, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true}}, card: s.issue(nil)}
	b.Cleanup(r.client.CloseIdleConnections)
	var err error
	if r.shown, err = r.card.sd.Select(adult); err != nil {
		b.Fatal(err)
	}
	r.wallet = jose.JWK{Key: s.v.tenants["voorbeeldstad"].signer.Public()}
	r.plainS = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		w.Write(r.bodies[req.URL.Path[1]-'0'].got)
	}))
	b.Cleanup(r.plainS.Close)

	path := filepath.Join(b.TempDir(), "raw.db")
	db, err := office.OpenDB(b.Context(), path, migrations)
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	if r.db, err = sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_txlock=immediate"); err != nil {
		b.Fatal(err)
	}
	r.db.SetMaxOpenConns(1)
	b.Cleanup(func() { r.db.Close() })
	r.transaction()
	return r
}

// BenchmarkTransaction measures a whole OpenID4VP transaction over loopback HTTP in CPU time, the wallet's part
// included, against the sum of its cryptography, four plain round trips with bodies of the same size, and its raw store
// writes. All are taken in turns; each figure is the median of its rounds.
func BenchmarkTransaction(b *testing.B) {
	r := newRig(b)
	key := newKey(b)
	sum := sha256.Sum256(r.issued)
	credential, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	parts := []struct {
		name string
		do   func()
		took []float64
	}{
		{"transaction", r.transaction, nil},
		{"crypto", func() { r.cryptography(key, credential) }, nil},
		{"http", r.roundTrips, nil},
		{"store", r.writes, nil},
	}
	const turns = 40
	var ratios []float64
	for b.Loop() {
		var took [4]float64
		for i := range parts {
			start := cpu(b)
			for range turns {
				parts[i].do()
			}
			took[i] = 1e6 * (cpu(b) - start) / turns
			parts[i].took = append(parts[i].took, took[i])
		}
		ratios = append(ratios, took[0]/(took[1]+took[2]+took[3]))
	}
	b.ReportMetric(middle(ratios), "ratio")
	for i := range parts {
		b.ReportMetric(middle(parts[i].took), parts[i].name+"-µs")
	}
}

func middle(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// cpu returns the seconds of processor time that this process has used, its garbage collection included.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkTransactionOnly is the transaction by itself, for profiles.
func BenchmarkTransactionOnly(b *testing.B) {
	r := newRig(b)
	b.ReportAllocs()
	for b.Loop() {
		r.transaction()
	}
}
