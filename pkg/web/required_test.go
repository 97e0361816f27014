package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// TestLinksStayWhole: a link in a reply is copied by people.
func TestLinksStayWhole(t *testing.T) {
	w := httptest.NewRecorder()
	WriteJSON(w, http.StatusOK, map[string]string{"link": "openid4vp://?client_id=a&request_uri=b"})
	if !strings.Contains(w.Body.String(), `"openid4vp://?client_id=a&request_uri=b"`) {
		t.Errorf("%s", w.Body)
	}
}

// echo reads a body as the services do.
func echo() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /json", func(w http.ResponseWriter, r *http.Request) {
		var v struct {
			Name string `json:"name"`
			Any  any    `json:"any"`
		}
		if ReadJSON(w, r, 1<<20, &v) {
			WriteJSON(w, http.StatusOK, v)
		}
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		form, status := ReadForm(w, r, 1<<20)
		if status != 0 {
			Problem{Title: "Bad form", Status: status}.Write(w)
			return
		}
		WriteJSON(w, http.StatusOK, form)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { WriteJSON(w, http.StatusOK, "fine") })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("SELECT secret FROM /srv/things.go:12") })
	mux.HandleFunc("GET /error", func(w http.ResponseWriter, r *http.Request) {
		Internal(w, quiet, errors.New("SELECT secret FROM /srv/things.go:12"))
	})
	return mux
}

func call(t *testing.T, h http.Handler, method, target, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRequired(t *testing.T) {
	t.Run("OPS-01", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- Serve(ctx, l, Secure(echo(), quiet), quiet) }()
		var idle []net.Conn
		for i := range 200 { // a tenth of the row's, to spare file handles
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if i%2 == 0 {
				fmt.Fprint(c, "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n") // and then silence
			}
			idle = append(idle, c)
		}
		var times []time.Duration
		for range 100 {
			start := time.Now()
			res, err := http.Get("http://" + l.Addr().String() + "/")
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		if times[98] > time.Second {
			t.Errorf("p99 is %v", times[98])
		}
		for _, c := range idle[:4] {
			c.SetReadDeadline(time.Now().Add(15 * time.Second))
			if _, err := io.Copy(io.Discard, bufio.NewReader(c)); err != nil {
				t.Errorf("a connection without a request is open after 15 s: %v", err)
			}
		}
		cancel()
		if err := <-served; err != nil {
			t.Errorf("stop: %v", err)
		}
	})

	t.Run("OPS-02", func(t *testing.T) {
		h := Secure(echo(), quiet)
		for name, c := range map[string]struct{ method, target, contentType, body string }{
			"deep":          {"POST", "/json", "application/json", strings.Repeat(`{"any":`, 100_000) + "1" + strings.Repeat("}", 100_000)},
			"deep array":    {"POST", "/json", "application/json", strings.Repeat("[", 100_000)},
			"digits":        {"POST", "/json", "application/json", `{"any":` + strings.Repeat("9", 1_000_000) + `}`},
			"duplicate":     {"POST", "/json", "application/json", `{"name":"a","name":"b"}`},
			"unknown":       {"POST", "/json", "application/json", `{"nam":"a"}`},
			"other case":    {"POST", "/json", "application/json", `{"Name":"a"}`},
			"trailing":      {"POST", "/json", "application/json", `{"name":"a"} x`},
			"parameters":    {"GET", "/?" + manyParameters(1000), "", ""},
			"repeated":      {"GET", "/?a=1&a=2", "", ""},
			"long query":    {"GET", "/?a=" + strings.Repeat("x", 9<<10), "", ""},
			"form many":     {"POST", "/form", "application/x-www-form-urlencoded", manyParameters(1000)},
			"form repeated": {"POST", "/form", "application/x-www-form-urlencoded", "a=1&b=2&a=3"},
			"form escape":   {"POST", "/form", "application/x-www-form-urlencoded", "a=%zz"},
		} {
			start := time.Now()
			w := call(t, h, c.method, c.target, c.contentType, c.body)
			if w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d, want 400", name, w.Code)
			}
			if took := time.Since(start); took > 50*time.Millisecond {
				t.Logf("%s took %v", name, took) // a busy machine is not a fault
			}
		}
		for name, c := range map[string]struct {
			target, contentType, body string
			want                      int
		}{
			"json type":  {"/json", "text/plain", `{}`, 415},
			"no type":    {"/json", "", `{}`, 415},
			"form type":  {"/form", "multipart/form-data; boundary=x", "", 415},
			"json large": {"/json", "application/json", `"` + strings.Repeat("x", 1<<20) + `"`, 413},
			"form large": {"/form", "application/x-www-form-urlencoded", "a=" + strings.Repeat("x", 1<<20), 413},
		} {
			if w := call(t, h, "POST", c.target, c.contentType, c.body); w.Code != c.want {
				t.Errorf("%s: %d, want %d", name, w.Code, c.want)
			}
		}
		// Control: a good request, with a number that does not fit a float.
		w := call(t, h, "POST", "/json?x=1&y=2", "application/json; charset=utf-8", `{"name":"a","any":9007199254740993}`)
		if w.Code != 200 || !strings.Contains(w.Body.String(), "9007199254740993") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("good request: %d %s", w.Code, w.Body)
		}
		if w := call(t, h, "POST", "/form", "application/x-www-form-urlencoded", "a=1&b=2"); w.Code != 200 {
			t.Errorf("good form: %d", w.Code)
		}
	})

	t.Run("OPS-06", func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(NewLogHandler(&out, slog.LevelInfo))
		evil := "a\r\nlevel=ERROR forged\x1b[31m\u009b31m\u202e\u2028" + strings.Repeat("x", 1<<20)
		log.Info("event", "client", evil, "error", errors.New(evil))
		var wide []any
		for i := range 40 {
			wide = append(wide, fmt.Sprintf("k%d", i), strings.Repeat("y", 2000))
		}
		log.Warn("wide", wide...)
		h := Secure(echo(), log)
		r := httptest.NewRequest("GET", "/some/person-123?state="+url.QueryEscape(evil[:100]), nil)
		r.Header.Set("User-Agent", evil)
		h.ServeHTTP(httptest.NewRecorder(), r)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines, want 3", len(lines))
		}
		for n, line := range lines {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil || len(line) > 8<<10 {
				t.Errorf("line %d: %d bytes, %v", n, len(line), err)
			}
			if strings.ContainsAny(line, "\r\x1b\u009b\u202e\u2028") {
				t.Errorf("line %d holds a control character", n)
			}
		}
		if strings.Contains(lines[2], "person-123") || strings.Contains(lines[2], "forged") {
			t.Errorf("request line tells path or query: %s", lines[2])
		}
	})

	t.Run("OPS-09", func(t *testing.T) {
		var out bytes.Buffer
		h := Secure(echo(), slog.New(NewLogHandler(&out, slog.LevelInfo)))
		for _, path := range []string{"/panic", "/error"} {
			w := call(t, h, "GET", path, "", "")
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || !strings.HasPrefix(p.Instance, "urn:zegel:error:") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			for _, secret := range []string{"SELECT", "/srv", ".go", "goroutine"} {
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%s tells %q: %s", path, secret, w.Body)
				}
			}
			if id := strings.TrimPrefix(p.Instance, "urn:zegel:error:"); path == "/panic" && !strings.Contains(out.String(), id) {
				t.Error("the log does not know the error id")
			}
		}
		if w := call(t, h, "GET", "/", "", ""); w.Code != 200 {
			t.Errorf("after the errors: %d", w.Code)
		}
	})

	t.Run("WEB-04", func(t *testing.T) {
		h := Secure(echo(), quiet)
		for _, target := range []string{"/", "/panic", "/nothing?a=1&a=1"} {
			head := call(t, h, "GET", target, "", "").Header()
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
				"Strict-Transport-Security": "max-age=31536000", "Content-Security-Policy": ContentSecurityPolicy,
			} {
				if got := head.Get(name); got != want {
					t.Errorf("%s: %s is %q", target, name, got)
				}
			}
		}
		if strings.Contains(ContentSecurityPolicy, "unsafe") || !strings.Contains(ContentSecurityPolicy, "frame-ancestors 'none'") {
			t.Errorf("policy %q", ContentSecurityPolicy)
		}
	})
}

func manyParameters(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "p%d=%d&", i, i)
	}
	return strings.TrimSuffix(b.String(), "&")
}

// A stream must not hold up the stop, nor be cut off by the write deadline of ordinary replies.
func TestStreamEndsAtStop(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flush := Stream(w, "text/event-stream")
		fmt.Fprint(w, "data: 1\n\n")
		if err := flush(); err != nil {
			t.Error(err)
		}
		<-Stopping(r.Context())
	})
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, Secure(h, quiet), quiet) }()
	res, err := http.Get("http://" + l.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil || line != "data: 1\n" {
		t.Fatalf("%q %v", line, err)
	}
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(8 * time.Second):
		t.Error("the stream held up the stop")
	}
}
