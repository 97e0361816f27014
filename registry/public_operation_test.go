package registry

import (
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
	"slices"
	"strings"
	"testing"
	"time"

	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

// testIdle is OPS-01 on a node: those who hold connections open and say nothing are in nobody's way.
func testIdle(t *testing.T) {
	w := newWorld(t, 1)
	_, n, _ := newNode(t, w)
	ctx, stop := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, l, web.Secure(n.Handler(), nil), nil) }()
	addr := l.Addr().String()
	const idle = 2000
	const closes = 15 * time.Second
	var open []net.Conn
	var until []time.Time
	for i := range idle {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		open, until = append(open, c), append(until, time.Now().Add(closes))
		switch i % 3 { // silent, in the middle of a header, in the middle of a body
		case 1:
			fmt.Fprint(c, "GET /v1/proof?key=")
		case 2:
			fmt.Fprint(c, "POST /v1/tx HTTP/1.1\r\nHost: node\r\nContent-Type: application/cose\r\nContent-Length: 60000\r\n\r\nx")
		}
	}
	network := mustNetwork(t, n)
	var times []time.Duration
	for range 100 {
		begun := time.Now()
		read(t, "http://"+addr, network, ledger.KeyMembers())
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	t.Logf("proofs beside %d idle connections: median %v, p99 %v", idle, times[50], times[98])
	if times[98] > time.Second {
		t.Errorf("p99 of new requests beside idle connections: %v", times[98])
	}
	left := 0
	for i, c := range open {
		_ = c.SetReadDeadline(until[i])
		var late net.Error
		if _, err := io.Copy(io.Discard, c); errors.As(err, &late) && late.Timeout() {
			left++
		}
		c.Close()
	}
	if left > 0 {
		t.Errorf("%d of %d idle connections are open after %v", left, idle, closes)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// testHostileQueries is OPS-02 on a node.
func testHostileQueries(t *testing.T) {
	_, n, _ := newNode(t, newWorld(t, 1))
	srv := httptest.NewServer(web.Secure(n.Handler(), nil))
	defer srv.Close()
	key := fmt.Sprintf("%x", []byte(ledger.KeyMembers()))
	for _, query := range []string{
		"key=" + key + "&key=" + key, "from=1&from=1&key=" + key, "key=" + key + strings.Repeat("&a=1", 1000), "from=" + strings.Repeat("9", 7000) + "&key=" + key,
		"key=" + strings.Repeat("00,", 2500), "key=%zz", "from=1e5&key=" + key, "from=0x1&key=" + key, "from=+1&key=" + key,
	} {
		if status, body := fetch(t, srv.URL+"/v1/proof?"+query); status != http.StatusBadRequest {
			t.Errorf("%.60s: status %d: %.200s", query, status, body)
		}
	}
	for _, path := range []string{"/v1/blocks", "/v1/lists", "/v1/changes", "/blocks", "/lists"} {
		name := map[string]string{"/v1/lists": "from", "/lists": "from", "/v1/changes": "after"}[path]
		if name == "" {
			name = "before"
		}
		for _, bad := range []string{"-1", "1.5", "x", strings.Repeat("9", 100), "9223372036854775807"} {
			if status, body := fetch(t, srv.URL+path+"?"+name+"="+bad); status != http.StatusBadRequest {
				t.Errorf("%s %.30s: status %d: %.200s", path, bad, status, body)
			}
		}
	}
}

// testBrokenStore is OPS-09 on a node: who asks a node whose state cannot be read learns an id and nothing else.
func testBrokenStore(t *testing.T) {
	state, err := openState(dbm.NewMemDB())
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("not-a-record-of-members")
	if _, err := state.stage(map[string][]byte{string(ledger.KeyMembers()): secret, string(ledger.KeyIndex()): secret}); err != nil {
		t.Fatal(err)
	}
	if _, err := state.save(time.Now()); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	n := &Node{cfg: Config{Logger: slog.New(slog.NewJSONHandler(&log, nil))}, app: &App{state: state, feed: newFeed()}, proofTime: newProofTime()}
	srv := httptest.NewServer(web.Secure(n.Handler(), n.cfg.Logger))
	defer srv.Close()
	for _, path := range []string{"/v1/members", "/v1/lists", "/v1/validators"} { // the last one panics: there is no store of validators
		resp, body := header(t, srv.URL+path, "", "")
		var p web.Problem
		if err := json.Unmarshal(body, &p); err != nil || resp.StatusCode != http.StatusInternalServerError || !strings.HasPrefix(p.Instance, "urn:zegel:error:") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			continue
		}
		id := strings.TrimPrefix(p.Instance, "urn:zegel:error:")
		if bytes.Contains(body, secret) || bytes.Contains(body, []byte(".go")) || bytes.Contains(body, []byte("members")) || (resp.Header.Get("ETag") != "" && path != "/v1/validators") || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v %s", path, resp.Header, body)
		}
		if !strings.Contains(log.String(), id) {
			t.Errorf("%s: the log does not know %s", path, id)
		}
	}
	resp, body := header(t, srv.URL+"/organisations", "", "")
	if resp.StatusCode != http.StatusInternalServerError || bytes.Contains(body, secret) || bytes.Contains(body, []byte("panic")) {
		t.Errorf("page: %d %s", resp.StatusCode, body)
	}
}
