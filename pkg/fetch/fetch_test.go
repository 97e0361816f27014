package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRequired(t *testing.T) {
	for id, row := range map[string]func(*testing.T){
		"NET-01": testNET01, "NET-02": testNET02, "NET-03": testNET03, "NET-04": testNET04, "NET-05": testNET05, "STL-12": testSTL12,
	} {
		t.Run(id, row)
	}
}

func get(c *Client, url string) (*Response, error) {
	return c.Do(context.Background(), Request{URL: url, Limit: 1 << 10})
}

func wantError(t *testing.T, name string, resp *Response, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || resp != nil {
		t.Errorf("%s: got %v, %v; want %v", name, resp, err, want)
	}
}

// quiet keeps the faults that a test provokes out of its output.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// newTLS starts an https server, a client that trusts it, and a count of requests and of connections.
func newTLS(t *testing.T, h http.Handler) (*httptest.Server, *Client, *atomic.Int64) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	asked := count(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, &Client{Loopback: true, roots: roots}, asked
}

func newPlain(t *testing.T, h http.Handler) (*httptest.Server, *Client, *atomic.Int64) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	asked := count(server)
	server.Start()
	t.Cleanup(server.Close)
	return server, &Client{Loopback: true}, asked
}

func count(server *httptest.Server) *atomic.Int64 {
	var asked atomic.Int64
	inner := server.Config.Handler
	server.Config.ErrorLog = quiet()
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		inner.ServeHTTP(w, r)
	})
	return &asked
}

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

func control(t *testing.T, c *Client, url, want string) {
	t.Helper()
	resp, err := get(c, url)
	if err != nil || resp.Status != http.StatusOK || string(resp.Body) != want {
		t.Errorf("control: %v, %v", resp, err)
	}
}

func TestDo(t *testing.T) {
	server, c, _ := newPlain(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", r.Header.Get("X-Question"))
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.Header.Get("Content-Type"), body)
	}))
	resp, err := c.Do(context.Background(), Request{
		Method: http.MethodPost, URL: server.URL + "/x?y=z", Header: http.Header{"x-question": {"q"}}, ContentType: "text/plain", Body: []byte("hello"), Limit: 100,
	})
	if err != nil || resp.Status != http.StatusBadRequest || string(resp.Body) != "POST text/plain hello" || resp.Header.Get("X-Answer") != "q" {
		t.Errorf("%+v, %v", resp, err)
	}
	if resp, err := c.Do(context.Background(), Request{URL: server.URL}); err == nil {
		t.Errorf("without a limit: %v", resp)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	resp, err = c.Do(ctx, Request{URL: server.URL, Limit: 1})
	wantError(t, "cancelled", resp, err, ErrNetwork)
	server.Close()
	resp, err = get(c, server.URL)
	wantError(t, "closed", resp, err, ErrNetwork)
	if err != nil && strings.Contains(err.Error(), "/x") {
		t.Errorf("the error tells the path: %v", err)
	}
}

func testNET01(t *testing.T) {
	server, c, asked := newPlain(t, say("ok"))
	control(t, c, server.URL, "ok")
	before := asked.Load()
	resp, err := get(new(Client), server.URL)
	wantError(t, "loopback without development mode", resp, err, ErrRefused)
	for _, url := range []string{
		"http://example.com/", "http://192.0.2.1/", "HTTP://example.com", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x", "openid4vp://x",
		"https:example.com", "https://", "https:///x", "//example.com/x", "/x", "x", "", "https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/",
		"https://example.com/#f", "https://example.com/#", "https://exa mple.com/", "https://example.com:port/", "https://[::1", "https://example.com/%zz", "https://example.com/\n",
		"https://example.com/" + strings.Repeat("x", 10_000),
	} {
		for _, c := range []*Client{new(Client), c, {Private: true}} {
			if err := c.Check(url); !errors.Is(err, ErrRefused) {
				t.Errorf("Check %.40q: %v", url, err)
			}
			resp, err := get(c, url)
			wantError(t, url[:min(len(url), 40)], resp, err, ErrRefused)
		}
	}
	for _, url := range []string{"https://example.com", "https://example.com:8443/a?b=c", "https://münchen.example/", "https://192.0.43.7/", "https://[2606:4700::1111]/"} {
		if err := new(Client).Check(url); err != nil {
			t.Errorf("control %s: %v", url, err)
		}
	}
	if asked.Load() != before {
		t.Error("bytes were sent")
	}
}

// TestAddresses has every kind of address that is not public.
func TestAddresses(t *testing.T) {
	for _, try := range []struct {
		address string
		private bool // allowed where private networks are
	}{
		{"127.0.0.1", false}, {"127.255.255.255", false}, {"::1", false}, {"0.0.0.0", false}, {"0.1.2.3", false}, {"::", false},
		{"10.0.0.1", true}, {"172.16.0.1", true}, {"172.31.255.255", true}, {"192.168.1.1", true}, {"fd00::1", true}, {"fc00::1", true},
		{"169.254.169.254", false}, {"169.254.0.1", false}, {"fe80::1", false}, {"fe80::1%eth0", false}, {"2606:4700::1111%eth0", false}, {"100.64.0.1", false}, {"100.127.255.255", false},
		{"224.0.0.1", false}, {"239.255.255.255", false}, {"ff02::1", false}, {"ff0e::1", false}, {"255.255.255.255", false}, {"240.0.0.1", false},
		{"192.0.0.1", false}, {"192.0.2.1", false}, {"198.18.0.1", false}, {"198.19.255.255", false}, {"198.51.100.1", false}, {"203.0.113.1", false}, {"192.88.99.1", false},
		{"::ffff:127.0.0.1", false}, {"::ffff:10.0.0.1", true}, {"::ffff:169.254.169.254", false}, {"::127.0.0.1", false}, {"::10.0.0.1", false},
		{"64:ff9b::127.0.0.1", false}, {"64:ff9b::10.0.0.1", true}, {"64:ff9b::a9fe:a9fe", false}, {"64:ff9b:1::10.0.0.1", false},
		{"2002:7f00:1::", false}, {"2002:a00:1::1", false}, {"2001::1", false}, {"2001:db8::1", false}, {"100::1", false}, {"fec0::1", false}, {"3fff::1", false}, {"5f00::1", false},
	} {
		ip := netip.MustParseAddr(try.address)
		if err := new(Client).allowed(ip, "name.example"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", try.address, err)
		}
		if err := (&Client{Private: true}).allowed(ip, "name.example"); (err == nil) != try.private {
			t.Errorf("%s, private networks allowed: %v", try.address, err)
		}
		// A name that resolves to loopback is refused in development too.
		if err := (&Client{Loopback: true}).allowed(ip, "name.example"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s, development: %v", try.address, err)
		}
		// And "localhost" that resolves to somewhere else.
		if err := (&Client{Loopback: true, Private: true}).allowed(ip, "localhost"); (err == nil) != ip.Unmap().IsLoopback() && !strings.HasPrefix(try.address, "64:") {
			t.Errorf("%s as localhost: %v", try.address, err)
		}
	}
	for _, address := range []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.0.1", "192.0.1.1", "198.17.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"} {
		if err := new(Client).allowed(netip.MustParseAddr(address), "name.example"); err != nil {
			t.Errorf("control %s: %v", address, err)
		}
	}
}

func testNET02(t *testing.T) {
	TestAddresses(t)
	server, dev, asked := newTLS(t, say("ok"))
	control(t, dev, server.URL, "ok")
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	before := asked.Load()
	c := &Client{roots: dev.roots}
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST", "localhost.", "a.localhost", "10.0.0.1", "169.254.169.254", "[fe80::1]", "0.0.0.0"} {
		resp, err := get(c, "https://"+host+":"+port)
		wantError(t, host, resp, err, ErrRefused)
	}
	// The check is made where the connection is made, whatever was checked before: here the first one is left out.
	c.open()
	for _, address := range []string{server.Listener.Addr().String(), "localhost:" + port} {
		conn, err := c.transport.(*http.Transport).DialContext(context.Background(), "tcp", address)
		if !errors.Is(err, ErrRefused) || conn != nil {
			t.Errorf("dialled %s: %v", address, err)
		}
	}
	if asked.Load() != before {
		t.Error("asked")
	}
}

func testNET03(t *testing.T) {
	var target string
	mux := http.NewServeMux()
	mux.Handle("/ok", say("ok"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		var code int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &code); err != nil {
			code = http.StatusFound
		}
		http.Redirect(w, r, target, code)
	})
	server, c, asked := newTLS(t, mux)
	target = server.URL + "/ok"
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			before := asked.Load()
			resp, err := c.Do(context.Background(), Request{Method: method, URL: fmt.Sprintf("%s/%d", server.URL, code), Body: []byte("vp_token"), Limit: 100})
			wantError(t, fmt.Sprint(method, code), resp, err, ErrRefused)
			if asked.Load() != before+1 {
				t.Errorf("%s %d: followed", method, code)
			}
		}
		// Where one may be followed, a body is not sent again all the same.
		resp, err := c.Do(context.Background(), Request{Method: http.MethodPost, URL: fmt.Sprintf("%s/%d", server.URL, code), Limit: 100, Redirects: 2})
		wantError(t, fmt.Sprint("POST ", code), resp, err, ErrRefused)
	}
	control(t, c, target, "ok")
}

// testSTL12 has the redirects of status lists: two, to https, each checked, and nobody is told where they come from.
func testSTL12(t *testing.T) {
	var last http.Header
	mux := http.NewServeMux()
	server, c, asked := newTLS(t, mux)
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { last = r.Header.Clone(); fmt.Fprint(w, "ok") })
	to := func(path, target string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })
	}
	to("/one", server.URL+"/ok")
	to("/two", "/one")
	to("/three", "/two")
	to("/loop", "/loop")
	plain, _, plainAsked := newPlain(t, say("plain"))
	to("/plain", plain.URL)
	to("/private", "https://10.0.0.1/")
	to("/user", strings.Replace(server.URL, "https://", "https://user@", 1)+"/ok")
	to("/javascript", "javascript:alert(1)")
	for path, want := range map[string]error{
		"/ok": nil, "/one": nil, "/two": nil, "/three": ErrRefused, "/loop": ErrRefused, "/plain": ErrRefused, "/private": ErrRefused, "/user": ErrRefused, "/javascript": ErrRefused,
	} {
		resp, err := c.Do(context.Background(), Request{URL: server.URL + path, Limit: 100, Redirects: 2})
		if !errors.Is(err, want) || want == nil && string(resp.Body) != "ok" {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
		if path == "/two" && (last.Get("Referer") != "" || last.Get("Cookie") != "") {
			t.Errorf("told: %v", last)
		}
	}
	if plainAsked.Load() != 0 || asked.Load() == 0 {
		t.Error("followed to plain http")
	}
}

func testNET04(t *testing.T) {
	done := make(chan struct{})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ok", say("ok"))
	mux.Handle("/exact", say(strings.Repeat("x", 1<<10)))
	mux.Handle("/more", say(strings.Repeat("x", 1<<10+1)))
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "x")
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Transfer-Encoding", "chunked")
		for chunk := make([]byte, 64<<10); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/length", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(300<<20))
		fmt.Fprint(w, "x")
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "x")
	})
	var encodings []string
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		encodings = append(encodings, r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zipped.Bytes())
	})
	mux.HandleFunc("/heads", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 2*maxAnswerHeads))
	})
	server, c, _ := newPlain(t, mux)
	t.Cleanup(func() { close(done) })
	c.whole = 200 * time.Millisecond
	for path, want := range map[string]error{
		"/slow": ErrNetwork, "/silent": ErrNetwork, "/endless": ErrTooLarge, "/length": ErrTooLarge, "/cut": ErrNetwork, "/more": ErrTooLarge, "/gzip": ErrNetwork, "/heads": ErrNetwork,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		resp, err := get(c, server.URL+path)
		runtime.ReadMemStats(&after)
		wantError(t, path, resp, err, want)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("%s: %d bytes allocated", path, grown)
		}
	}
	for _, e := range encodings {
		if e != "" {
			t.Errorf("asked for encoding %q", e)
		}
	}
	control(t, c, server.URL+"/ok", "ok")
	if resp, err := get(c, server.URL+"/exact"); err != nil || len(resp.Body) != 1<<10 {
		t.Errorf("at the limit: %v", err)
	}
	if ConnectTimeout != 5*time.Second || WholeTimeout != 15*time.Second {
		t.Error("the time limits are others")
	}
}

func testNET05(t *testing.T) {
	good, c, _ := newTLS(t, say("ok"))
	control(t, c, good.URL, "ok")

	resp, err := get(&Client{Loopback: true, roots: x509.NewCertPool()}, good.URL)
	wantError(t, "unknown CA", resp, err, ErrRefused)

	resp, err = get(c, strings.Replace(good.URL, "127.0.0.1", "localhost", 1))
	wantError(t, "wrong host", resp, err, ErrRefused)

	for name, change := range map[string]func(*x509.Certificate){
		"expired":     func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) },
		"not yet":     func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) },
		"wrong usage": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
		"":            func(*x509.Certificate) {},
	} {
		cert := certificate(t, change)
		server := httptest.NewUnstartedServer(say("ok"))
		server.Config.ErrorLog = quiet()
		server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(cert.Leaf)
		c := &Client{Loopback: true, roots: roots}
		if name == "" {
			control(t, c, server.URL, "ok")
			continue
		}
		resp, err := get(c, server.URL)
		wantError(t, name, resp, err, ErrRefused)
	}

	old := httptest.NewUnstartedServer(say("ok"))
	old.Config.ErrorLog = quiet()
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	t.Cleanup(old.Close)
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	resp, err = get(&Client{Loopback: true, roots: roots}, old.URL)
	wantError(t, "TLS 1.1", resp, err, ErrRefused)

	plain, _, _ := newPlain(t, say("ok"))
	resp, err = get(c, strings.Replace(plain.URL, "http://", "https://", 1))
	wantError(t, "plain http on the https port", resp, err, ErrRefused)
}

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
