package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

// openNode starts a node over HTTP in a directory, as services see it.
func openNode(t testing.TB, dir string) (*Node, *httptest.Server) {
	t.Helper()
	return openConfig(t, Config{Dir: dir})
}

// newNode makes a network and starts its node.
func newNode(t testing.TB, w *world) (dir string, n *Node, srv *httptest.Server) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		t.Fatal(err)
	}
	n, srv = openNode(t, dir)
	return dir, n, srv
}

func openConfig(t testing.TB, c Config) (*Node, *httptest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c.Logger = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n, err := Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(web.Secure(n.Handler(), slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		srv.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, srv
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func getJSON(t testing.TB, url string, into any) int {
	t.Helper()
	status, body := fetch(t, url)
	if status == http.StatusOK {
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %v in %q", url, err, body)
		}
	}
	return status
}

func fetch(t testing.TB, url string) (int, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func post(t testing.TB, url string, raw []byte) (int, ledger.TxAnswer) {
	t.Helper()
	resp, err := http.Post(url+"/v1/tx", "application/cose", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a ledger.TxAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, a
}

// write sends a transaction and waits for its block.
func write(t testing.TB, url string, raw []byte) ledger.TxAnswer {
	t.Helper()
	if status, a := post(t, url, raw); status != http.StatusAccepted {
		t.Fatalf("status %d, %+v", status, a)
	}
	var a ledger.TxAnswer
	if status := getJSON(t, url+"/v1/tx/"+hashOf(raw)+"?wait=25", &a); status != http.StatusOK || a.Code != ledger.OK || a.Height == 0 {
		t.Fatalf("status %d, %+v", status, a)
	}
	return a
}

// read asks for keys and checks the answer against the network file.
func read(t testing.TB, url string, network *ledger.Network, keys ...ledger.Key) *ledger.Proven {
	t.Helper()
	var hexed []string
	for _, k := range keys {
		hexed = append(hexed, hex.EncodeToString(k))
	}
	status, body := fetch(t, fmt.Sprintf("%s/v1/proof?from=%d&key=%s", url, network.From(), strings.Join(hexed, ",")))
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	b, err := ledger.ParseBundle(body)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Verify(network, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNode(t *testing.T) {
	w := newWorld(t, 1)
	dir := filepath.Join(t.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		t.Fatal(err)
	}
	if err := Init(dir, w.genesis); err == nil {
		t.Error("Init wrote over a node")
	}
	begun := time.Now()
	n, srv := openNode(t, dir)
	t.Logf("open: %v", time.Since(begun))
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	if network, err = ledger.ParseNetwork(network.Encode()); err != nil {
		t.Fatal(err)
	}

	member := w.members[0]
	begun = time.Now()
	a := write(t, srv.URL, member.sign(t, w.accreditation(member.did, "cards", "issue")))
	t.Logf("write: %v", time.Since(begun))
	begun = time.Now()
	p := read(t, srv.URL, network, ledger.KeyAccreditations(member.did), ledger.KeyDID(member.did), ledger.KeySequence(member.did), ledger.KeyList("https://none.example"))
	t.Logf("proof: %v", time.Since(begun))
	if p.Height < a.Height {
		t.Errorf("proof of height %d, written at %d", p.Height, a.Height)
	}
	all, err := p.Accreditations(t.Context(), member.did)
	if err != nil || len(all) != 1 || all[0].ID != "cards" {
		t.Errorf("accreditations %v, %v", all, err)
	}
	if _, present, err := p.Value(ledger.KeyList("https://none.example")); present || err != nil {
		t.Errorf("absent list: %v, %v", present, err)
	}
	if _, err := p.Document(t.Context(), member.did); err != nil {
		t.Error(err)
	}
	srv.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	_, srv = openNode(t, dir)
	p = read(t, srv.URL, network, ledger.KeyAccreditations(member.did))
	if all, err := p.Accreditations(t.Context(), member.did); err != nil || len(all) != 1 {
		t.Errorf("after a restart: %v, %v", all, err)
	}
	write(t, srv.URL, member.sign(t, w.accreditation(member.did, "more", "issue")))
	if _, err := Open(t.Context(), Config{Dir: dir}); err == nil {
		t.Error("two nodes run in one directory")
	}
	for _, private := range []string{signerKeyFile, nodeKeyFile, signerState} {
		info, err := os.Stat(filepath.Join(dir, private))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", private, info.Mode(), err)
		}
	}
}
