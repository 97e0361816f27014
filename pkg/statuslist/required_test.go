package statuslist

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
)

var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestRequired(t *testing.T) {
	for id, row := range map[string]func(*testing.T){
		"STL-01": testSTL01, "STL-03": testSTL03, "STL-04": testSTL04, "STL-05": testSTL05, "STL-06": testSTL06,
		"STL-07": testSTL07, "STL-08": testSTL08, "STL-09": testSTL09, "STL-12": testSTL12, "NET-01": testNET01,
	} {
		t.Run(id, row)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// provider serves a status list on loopback, and counts who asks.
type provider struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	server *httptest.Server
	asked  atomic.Int64
	down   atomic.Bool

	mu     sync.Mutex
	body   func(uri string) string // of the answer
	heads  []http.Header
	paths  []string
	client *Client
	now    time.Time
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t, key: newKey(t), now: epoch}
	p.body = func(uri string) string {
		return p.token(Token{URI: uri, IssuedAt: epoch, Expires: epoch.Add(10 * time.Hour)})
	}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		body := p.body
		p.heads, p.paths = append(p.heads, r.Header.Clone()), append(p.paths, r.URL.RequestURI())
		p.mu.Unlock()
		if p.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, body(p.uri(r.URL.RequestURI())))
	}))
	t.Cleanup(p.server.Close)
	p.client = &Client{Fetch: &fetch.Client{Loopback: true}, Now: func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.now
	}}
	return p
}

func (p *provider) uri(path string) string { return p.server.URL + path }

func (p *provider) wait(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func (p *provider) serve(body func(uri string) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = body
}

// token signs a token over a list in which entry 1 is revoked, 2 suspended, and 3 and up are others.
func (p *provider) token(tok Token) string {
	p.t.Helper()
	if tok.List == nil {
		list, err := New(8, 16)
		if err != nil {
			p.t.Fatal(err)
		}
		for i := range list.Len() {
			if err := list.Set(i, Status(i)); err != nil {
				p.t.Fatal(err)
			}
		}
		tok.List = list
	}
	s, err := tok.Sign(p.key, jose.Header{KeyID: "k"})
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *provider) keyFor(context.Context, jose.Header) (crypto.PublicKey, error) {
	return &p.key.PublicKey, nil
}

func (p *provider) status(path string, index uint64) (Status, error) {
	s, _, err := p.client.Status(context.Background(), Ref{p.uri(path), index}, "signer", p.keyFor)
	return s, err
}

// good is the control: the list is there and entry 0 is valid.
func (p *provider) good(path string) {
	p.t.Helper()
	if s, err := p.status(path, 0); err != nil || s != Valid {
		p.t.Errorf("control %s: %v, %v", path, s, err)
	}
}

func (p *provider) unavailable(name, path string, index uint64) {
	p.t.Helper()
	if s, err := p.status(path, index); !errors.Is(err, ErrUnavailable) {
		p.t.Errorf("%s: %v, %v", name, s, err)
	}
}

// signed signs any claims under any type.
func signed(t *testing.T, key crypto.Signer, typ, claims string) string {
	t.Helper()
	s, err := jose.SignJWS(key, jose.Header{Type: typ}, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func packed(t *testing.T, data []byte) string {
	t.Helper()
	b, err := pack(data)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// claims returns a token's claims with the given members in place of the good ones, null for none at all.
func claims(t *testing.T, uri string, change map[string]any) string {
	t.Helper()
	m := map[string]any{"sub": uri, "iat": epoch.Unix(), "exp": epoch.Add(time.Hour).Unix(), "status_list": map[string]any{"bits": 1, "lst": packed(t, []byte{0, 0})}}
	for name, v := range change {
		if v == nil {
			delete(m, name)
			continue
		}
		m[name] = v
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testSTL01(t *testing.T) {
	p := newProvider(t)
	p.good("/control")
	for _, typ := range []string{"", "JWT", "statuslist+cwt", "dc+sd-jwt", "StatusList+JWT"} {
		p.serve(func(uri string) string { return signed(t, p.key, typ, claims(t, uri, nil)) })
		p.unavailable("typ "+typ, "/typ/"+typ, 0)
	}
	for name, change := range map[string]map[string]any{
		"other sub": {"sub": "https://example.com/lists/1"}, "no sub": {"sub": nil}, "no iat": {"iat": nil}, "iat in the future": {"iat": epoch.Add(61 * time.Second).Unix()},
		"iat a string": {"iat": "1"}, "exp a string": {"exp": "1"}, "exp beyond all": {"exp": 253402300800}, "no list": {"status_list": nil}, "list a string": {"status_list": "x"},
		"ttl a string": {"ttl": "60"}, "no lst": {"status_list": map[string]any{"bits": 1}}, "lst not zlib": {"status_list": map[string]any{"bits": 1, "lst": "AAAA"}},
		"data after zlib": {"status_list": map[string]any{"bits": 1, "lst": packed(t, []byte{0}) + "AAAA"}},
		"padded lst":      {"status_list": map[string]any{"bits": 1, "lst": packed(t, []byte{0, 0}) + "="}},
	} {
		p.serve(func(uri string) string { return signed(t, p.key, typeToken, claims(t, uri, change)) })
		p.unavailable(name, "/"+strings.ReplaceAll(name, " ", "-"), 0)
	}
	p.serve(func(uri string) string { return signed(t, newKey(t), typeToken, claims(t, uri, nil)) })
	p.unavailable("other key", "/other-key", 0)
	p.serve(func(uri string) string {
		s := signed(t, p.key, typeToken, claims(t, uri, nil))
		return s[:strings.LastIndexByte(s, '.')+1]
	})
	p.unavailable("no signature", "/no-signature", 0)
	p.serve(func(uri string) string { return signed(t, p.key, typeToken, claims(t, uri, nil)) })
	refuse := func(context.Context, jose.Header) (crypto.PublicKey, error) { return nil, errors.New("not authorised") }
	if s, _, err := p.client.Status(context.Background(), Ref{p.uri("/x"), 0}, "signer", refuse); !errors.Is(err, ErrUnavailable) {
		t.Errorf("signer not authorised: %v, %v", s, err)
	}
	p.good("/good-at-last")
	p.good("/control")
}

func testSTL03(t *testing.T) {
	for _, idx := range []any{-1, 1.5, "1", nil, true, json.Number("9223372036854775808"), json.Number("18446744073709551616"), json.Number("1e3"), json.Number("-0"), json.Number("1.0"), []any{1}} {
		list := map[string]any{"idx": idx, "uri": "https://example.com/1"}
		b, err := json.Marshal(map[string]any{"status_list": list})
		if err != nil {
			t.Fatal(err)
		}
		v, err := jose.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if ref, err := ParseRef(v); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%v: %v, %v", idx, ref, err)
		}
	}
	for _, text := range []string{`{}`, `null`, `"x"`, `{"status_list":null}`, `{"status_list":{"idx":1}}`, `{"status_list":{"idx":1,"uri":""}}`, `{"status_list":{"idx":1,"uri":2}}`, `{"status_list":{"uri":"https://example.com/1"}}`} {
		v, err := jose.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if ref, err := ParseRef(v); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%s: %v, %v", text, ref, err)
		}
	}
	v, err := jose.Decode(`{"status_list":{"idx":412,"uri":"https://example.com/1","more":1},"other":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	if ref, err := ParseRef(v); err != nil || ref != (Ref{"https://example.com/1", 412}) {
		t.Errorf("control: %v, %v", ref, err)
	}
	p := newProvider(t)
	p.good("/1")
	for _, index := range []uint64{16, 17, 1 << 31, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		p.unavailable(fmt.Sprint(index), "/1", index)
	}
	for _, bits := range []int{1, 2, 4, 8} {
		list, err := New(bits, 16)
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range []uint64{16, 1 << 61, 1 << 62, 1<<64 - 1} {
			if _, err := list.Get(index); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Get %d: %v", index, err)
			}
			if err := list.Set(index, Invalid); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("Set %d: %v", index, err)
			}
		}
	}
}

func testSTL04(t *testing.T) {
	p := newProvider(t)
	bomb := packed(t, make([]byte, 64<<20))
	if len(bomb) > MaxTokenSize {
		t.Fatal("the bomb does not fit into a token")
	}
	full := packed(t, make([]byte, MaxListSize))
	list := func(lst string) map[string]any {
		return map[string]any{"status_list": map[string]any{"bits": 1, "lst": lst}}
	}
	if _, err := ParseToken(signed(t, p.key, typeToken, claims(t, "u", list(bomb)))); !errors.Is(err, jose.ErrTooLarge) {
		t.Errorf("64 MiB: %v", err)
	}
	if _, err := ParseToken(signed(t, p.key, typeToken, claims(t, "u", list(full)))); err != nil {
		t.Errorf("control, 16 MiB: %v", err)
	}
	p.serve(func(uri string) string { return signed(t, p.key, typeToken, claims(t, uri, list(bomb))) })
	p.unavailable("64 MiB", "/bomb", 0)
	p.serve(func(string) string { return strings.Repeat("A", MaxTokenSize+1) })
	p.unavailable("2 MiB and one", "/long", 0)
	if _, err := ParseToken(strings.Repeat("A", MaxTokenSize+1)); !errors.Is(err, jose.ErrTooLarge) {
		t.Errorf("2 MiB and one: %v", err)
	}
}

func testSTL05(t *testing.T) {
	TestVectors(t)
	for _, bits := range []any{0, 3, 5, 6, 7, 16, -1, 1.5, "1", nil, json.Number("1e0"), json.Number("99999999999999999999")} {
		text := claims(t, "u", map[string]any{"status_list": map[string]any{"bits": bits, "lst": packed(t, []byte{0})}})
		if _, err := ParseToken(signed(t, newKey(t), typeToken, text)); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("bits %v: %v", bits, err)
		}
	}
	for _, bits := range []int{0, 3, 16, -1} {
		if _, err := New(bits, 16); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("New %d: %v", bits, err)
		}
		if _, err := FromBytes(bits, []byte{0}); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("FromBytes %d: %v", bits, err)
		}
	}
	for _, bits := range []int{1, 2, 4, 8} {
		list, err := New(bits, 64)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Len() {
			want := Status(i*7) & (1<<bits - 1)
			if err := list.Set(i, want); err != nil {
				t.Fatal(err)
			}
		}
		for i := range list.Len() {
			if got, err := list.Get(i); err != nil || got != Status(i*7)&(1<<bits-1) {
				t.Errorf("%d bits, entry %d: %d, %v", bits, i, got, err)
			}
		}
		if bits < 8 {
			if err := list.Set(0, 1<<bits); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%d bits: a value that does not fit: %v", bits, err)
			}
		}
	}
}

func testSTL06(t *testing.T) {
	p := newProvider(t)
	p.serve(func(uri string) string {
		return p.token(Token{URI: uri, IssuedAt: epoch, Expires: epoch.Add(time.Hour), TTL: time.Minute})
	})
	p.good("/1")
	p.down.Store(true)
	p.wait(59 * time.Minute)
	s, made, err := p.client.Status(context.Background(), Ref{p.uri("/1"), 1}, "signer", p.keyFor)
	if err != nil || s != Invalid || !made.Equal(epoch) {
		t.Errorf("provider down, inside exp: %v made at %v, %v", s, made, err)
	}
	if p.asked.Load() != 2 {
		t.Errorf("asked %d times", p.asked.Load())
	}
	p.wait(time.Minute)
	p.unavailable("past exp", "/1", 0)
	p.wait(-30 * time.Minute)
	p.unavailable("past exp, and the clock set back", "/1", 0)

	// An expired one from a provider that is up is no better.
	p.down.Store(false)
	p.wait(2 * time.Hour)
	p.unavailable("expired when it comes", "/1", 0)
	p.serve(func(uri string) string {
		return p.token(Token{URI: uri, IssuedAt: epoch.Add(2 * time.Hour), Expires: epoch.Add(24 * time.Hour)})
	})
	p.wait(time.Minute)
	p.good("/1")
}

func testSTL07(t *testing.T) {
	p := newProvider(t)
	p.good("/lists/1")
	before := p.asked.Load()
	// Another spelling is another list: asked for by itself, and its token must name it.
	p.serve(func(string) string { return p.token(Token{URI: p.uri("/lists/1"), IssuedAt: epoch}) })
	for _, path := range []string{"/lists/1?x=1", "/LISTS/1", "/lists/1/", "/lists/%31", "/lists/1?"} {
		p.unavailable(path, path, 0)
	}
	if p.asked.Load() != before+5 {
		t.Errorf("asked %d times", p.asked.Load()-before)
	}
	// Another signer has no part in what was fetched for the first.
	other := func(context.Context, jose.Header) (crypto.PublicKey, error) { return &newKey(t).PublicKey, nil }
	if s, _, err := p.client.Status(context.Background(), Ref{p.uri("/lists/1"), 0}, "other signer", other); !errors.Is(err, ErrUnavailable) {
		t.Errorf("other signer: %v, %v", s, err)
	}
	before = p.asked.Load()
	p.unavailable("fragment", "/lists/1#x", 0)
	client := &Client{Fetch: new(fetch.Client), Now: func() time.Time { return epoch }}
	for _, uri := range []string{"https://127.0.0.1/1", "https://10.0.0.1/1", "https://169.254.169.254/latest", "https://[::1]/1", "https://localhost/1", "https://user@example.com/1", "/lists/1", "", "file:///etc/passwd"} {
		if s, _, err := client.Status(context.Background(), Ref{uri, 0}, "signer", p.keyFor); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v, %v", uri, s, err)
		}
	}
	if p.asked.Load() != before {
		t.Error("asked")
	}
	p.good("/lists/1")
}

func testSTL08(t *testing.T) {
	p := newProvider(t)
	for i := range uint64(16) {
		// Those after Suspended have no meaning here: the caller must not take them for valid.
		if s, err := p.status("/1", i); err != nil || s != Status(i) {
			t.Errorf("%d: %v, %v", i, s, err)
		}
	}
}

func testSTL09(t *testing.T) {
	for _, try := range []struct {
		ttl  any
		wait time.Duration // after which it is asked for again, and not a second earlier
	}{
		{0, MinTTL}, {-1, MinTTL}, {1, MinTTL}, {json.Number("1e-9"), MinTTL}, {json.Number("-1e999"), MinTTL}, {59, MinTTL}, {61, 61 * time.Second}, {3600, time.Hour}, {nil, defaultTTL},
		{json.Number("1000000000000000000"), MaxTTL}, {json.Number("1e400"), MaxTTL}, {86401, MaxTTL},
	} {
		p := newProvider(t)
		p.serve(func(uri string) string {
			return signed(t, p.key, typeToken, claims(t, uri, map[string]any{"ttl": try.ttl, "exp": epoch.AddDate(100, 0, 0).Unix()}))
		})
		for range 5 {
			p.good("/1")
		}
		p.wait(try.wait - time.Second)
		p.good("/1")
		if n := p.asked.Load(); n != 1 {
			t.Errorf("ttl %v: asked %d times", try.ttl, n)
		}
		p.wait(time.Second)
		p.good("/1")
		if n := p.asked.Load(); n != 2 {
			t.Errorf("ttl %v: asked %d times after it", try.ttl, n)
		}
		// In a hundred years "exp" lets it live, we do not.
		p.down.Store(true)
		p.wait(MaxTTL)
		p.unavailable("after a day", "/1", 0)
	}
	// No storm at a provider that is down.
	p := newProvider(t)
	p.down.Store(true)
	for range 10 {
		p.unavailable("down", "/1", 0)
		p.wait(5 * time.Second)
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("asked %d times in a minute", n)
	}
	p.wait(MinTTL)
	p.down.Store(false)
	p.good("/1")
}

func testSTL12(t *testing.T) {
	p := newProvider(t)
	release := make(chan struct{})
	inner := p.body
	p.serve(func(uri string) string { <-release; return inner(uri) })
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if s, err := p.status("/lists/1", uint64(i%16)); err != nil || s != Status(i%16) {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
	// One that gives up takes nobody with it.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := p.client.Status(ctx, Ref{p.uri("/lists/1"), 0}, "signer", p.keyFor); !errors.Is(err, ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	close(release)
	group.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Errorf("asked %d times for 50 checks", n)
	}
	for name := range p.heads[0] {
		switch name {
		case "Accept", "User-Agent":
		default:
			t.Errorf("the request says %s: %q", name, p.heads[0][name])
		}
	}
	if p.paths[0] != "/lists/1" {
		t.Errorf("asked for %q", p.paths[0])
	}
}

func testNET01(t *testing.T) {
	p := newProvider(t)
	p.good("/1")
	p.client = &Client{Fetch: new(fetch.Client), Now: p.client.Now} // no development mode
	before := p.asked.Load()
	p.unavailable("plain http", "/1", 0)
	if p.asked.Load() != before {
		t.Error("asked over plain http")
	}
}
