package registry

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

func TestInterface(t *testing.T) {
	w := newWorld(t, 1)
	_, n, srv := newNode(t, w)
	m := w.members[0]
	const uri = "https://voorbeeldstad.example/lists/1"
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "cards", trust.Issue)))
	write(t, srv.URL, m.sign(t, w.list(uri, 1)))
	last := write(t, srv.URL, m.sign(t, setting(uri, 900, 1)))
	list := "/v1/lists/" + ledger.ListID(uri)
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("list", func(t *testing.T) {
		value, present, err := read(t, srv.URL, network, ledger.KeyList(uri)).Value(ledger.KeyList(uri))
		if err != nil || !present {
			t.Fatal(present, err)
		}
		meta, err := ledger.DecodeList(value, uri)
		if err != nil {
			t.Fatal(err)
		}
		var hint ledger.ListHint
		if getJSON(t, srv.URL+list, &hint); hint.Root != hex.EncodeToString(meta.Root) || hint.Size != meta.Size || hint.Owner != m.did {
			t.Errorf("hint %+v of %+v", hint, meta)
		}
		_, raw := fetch(t, srv.URL+list+"/hashes")
		var hashes [][]byte
		for ; len(raw) >= 32; raw = raw[32:] {
			hashes = append(hashes, raw[:32])
		}
		if !bytes.Equal(ledger.ListRootOfHashes(hashes), meta.Root) {
			t.Error("the hashes do not make the proven root")
		}
		_, data := fetch(t, srv.URL+list+"/chunks")
		if !bytes.Equal(ledger.ListRoot(data), meta.Root) || data[900/8] != 1<<(900%8) {
			t.Error("the chunks do not make the proven root")
		}
		for query, want := range map[string][]byte{"?n=1": data[1024:2048], "?n=0,3": append(bytes.Clone(data[:1024]), data[3072:]...), "?from=1&to=3": data[1024:3072]} {
			if status, got := fetch(t, srv.URL+list+"/chunks"+query); status != http.StatusOK || !bytes.Equal(got, want) {
				t.Errorf("%s: status %d, %d bytes", query, status, len(got))
			}
		}
	})

	t.Run("changes", func(t *testing.T) {
		var c ledger.Changes
		getJSON(t, srv.URL+"/v1/changes?after="+fmt.Sprint(last.Height-1), &c)
		if len(c.Keys) != 1 || c.Keys[0] != hex.EncodeToString(ledger.KeyList(uri)) || c.Height < last.Height || c.Gap {
			t.Errorf("changes %+v", c)
		}
		// A question waits for news.
		answer := make(chan ledger.Changes)
		after := n.app.state.snapshot().height
		go func() {
			var c ledger.Changes
			getJSON(t, fmt.Sprintf("%s/v1/changes?after=%d&wait=20", srv.URL, after), &c)
			answer <- c
		}()
		write(t, srv.URL, m.sign(t, w.accreditation(m.did, "more", trust.Issue)))
		if c := <-answer; c.Height <= after {
			t.Errorf("changes %+v after %d", c, after)
		}
		getJSON(t, fmt.Sprintf("%s/v1/changes?after=%d", srv.URL, 1<<40), &c)
		if c.Height >= 1<<40 || len(c.Keys) != 0 {
			t.Errorf("changes of the future: %+v", c)
		}
	})

	t.Run("light", func(t *testing.T) {
		for _, height := range []int64{1, last.Height, 0} {
			status, raw := fetch(t, fmt.Sprintf("%s/v1/light/%d", srv.URL, height))
			lb, err := ledger.DecodeLightBlock(raw)
			if status != http.StatusOK || err != nil {
				t.Fatalf("height %d: status %d, %v", height, status, err)
			}
			if err := lb.ValidateBasic(testChain); err != nil || (height > 0 && lb.Height != height) {
				t.Errorf("height %d: block %d, %v", height, lb.Height, err)
			}
			if err := lb.ValidatorSet.VerifyCommitLight(testChain, lb.Commit.BlockID, lb.Height, lb.Commit); err != nil {
				t.Errorf("height %d: %v", height, err)
			}
		}
	})

	t.Run("bad questions", func(t *testing.T) {
		key := hex.EncodeToString(ledger.KeyIndex())
		for path, want := range map[string]int{
			"/v1/proof":                                        400,
			"/v1/proof?key=":                                   400,
			"/v1/proof?key=xyz":                                400,
			"/v1/proof?key=" + key + "," + key:                 400,
			"/v1/proof?key=" + key + "&key=" + key:             400,
			"/v1/proof?key=" + strings.Repeat("00", 257):       400,
			"/v1/proof?key=" + manyKeys(257):                   400,
			"/v1/proof?key=" + manyKeys(256):                   200,
			"/v1/proof?from=-1&key=" + key:                     400,
			"/v1/proof?from=x&key=" + key:                      400,
			"/v1/proof?from=9223372036854775808&key=" + key:    400,
			"/v1/proof?from=1000000&key=" + key:                503,
			"/v1/light/99999999":                               404,
			"/v1/light/-1":                                     404,
			"/v1/light/9999999999999999999999":                 404,
			"/v1/changes?wait=26":                              400,
			"/v1/changes?after=x":                              400,
			"/v1/lists/" + strings.Repeat("0", 64):             404,
			"/v1/lists/" + strings.Repeat("0", 64) + "/hashes": 404,
			"/v1/lists/xyz":                                    404,
			list + "/chunks?n=4":                               400,
			list + "/chunks?n=1,1":                             400,
			list + "/chunks?n=2,1":                             400,
			list + "/chunks?n=-1":                              400,
			list + "/chunks?from=2&to=2":                       400,
			list + "/chunks?from=0&to=5":                       400,
			"/v1/tx/" + strings.Repeat("0", 64):                404,
			"/v1/tx/0":                                         404,
			"/v1/tx":                                           405,
			"/v2":                                              404,
			"/v1/../../etc/passwd":                             404,
			"/v1/proof?" + strings.Repeat("a=1&", 1000):        400,
		} {
			status, body := fetch(t, srv.URL+path)
			if status != want {
				t.Errorf("%.80s: status %d, want %d: %.200s", path, status, want, body)
			}
		}
		if resp, err := http.Get(srv.URL + "/v1/tx"); err != nil || resp.Body.Close() != nil || resp.Header.Get("Allow") != "POST" {
			t.Errorf("GET of a route for writing: %v, Allow %q", err, resp.Header.Get("Allow"))
		}
		for media, want := range map[string]int{"application/json": 415, "": 415, "application/cose; x=1": 400} {
			resp, err := http.Post(srv.URL+"/v1/tx", media, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%q: status %d, want %d", media, resp.StatusCode, want)
			}
		}
		if status, a := post(t, srv.URL, []byte("\x00poke")); status != 400 || a.Code != ledger.Malformed {
			t.Errorf("poke from outside: status %d, %+v", status, a)
		}
	})

	t.Run("operation", func(t *testing.T) {
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, body := fetch(t, srv.URL+path); status != http.StatusOK {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		if _, body := fetch(t, srv.URL+"/metrics"); !bytes.Contains(body, []byte("zegel_registry_height ")) || !bytes.Contains(body, []byte("zegel_registry_transactions_total ")) {
			t.Errorf("metrics %s", body)
		}
		var status ledger.NodeStatus
		if getJSON(t, srv.URL+"/v1/status", &status); status.ChainID != testChain || status.Validators != 1 || status.Height < last.Height {
			t.Errorf("status %+v", status)
		}
		var api struct {
			OpenAPI string                    `json:"openapi"`
			Paths   map[string]map[string]any `json:"paths"`
		}
		if getJSON(t, srv.URL+"/openapi.json", &api); !strings.HasPrefix(api.OpenAPI, "3.") || len(api.Paths) < 10 {
			t.Errorf("openapi %+v", api)
		}
		_, body := fetch(t, srv.URL+"/v1/network")
		var file map[string]any
		if err := json.Unmarshal(body, &file); err != nil || file["chain_id"] != testChain {
			t.Errorf("network %s, %v", body, err)
		}
	})

	t.Run("sent twice while it waits", func(t *testing.T) {
		raw := m.sign(t, w.accreditation(m.did, "twice", trust.Issue))
		_, first := post(t, srv.URL, raw)
		_, second := post(t, srv.URL, raw)
		if first.Code != ledger.OK || (second.Code != ledger.OK && second.Code != ledger.BadNonce) {
			t.Errorf("%+v, then %+v", first, second)
		}
		var a ledger.TxAnswer
		if getJSON(t, srv.URL+"/v1/tx/"+hashOf(raw)+"?wait=10", &a); a.Code != ledger.OK || a.Height == 0 {
			t.Errorf("%+v", a)
		}
	})
}

func manyKeys(n int) string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("%04x", i))
	}
	return strings.Join(keys, ",")
}

// When nothing happens, blocks go on at the heartbeat; they do not change the state, and proofs get newer.
func TestHeartbeat(t *testing.T) {
	w := newWorld(t, 1)
	dir := filepath.Join(t.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, configFile)
	if err := os.WriteFile(path, []byte("heartbeat = \"50ms\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, srv := openNode(t, dir)
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	first := read(t, srv.URL, network, ledger.KeyIndex())
	if err := n.until(t.Context(), func() bool { return n.app.state.snapshot().height > first.Height+5 }); err != nil {
		t.Fatal(err)
	}
	if s := n.app.state.snapshot(); s.changed != 1 {
		t.Errorf("height %d, the root last changed at %d", s.height, s.changed)
	}
	second := read(t, srv.URL, network, ledger.KeyIndex())
	if second.Height < first.Height+5 || !second.Time.After(first.Time) {
		t.Errorf("height %d at %v, then %d at %v", first.Height, first.Time, second.Height, second.Time)
	}
	for _, bad := range []string{"heartbeat = \"21s\"", "heartbeat = \"x\"", "heartbeat = 5", "hartbeat = \"1s\""} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSettings(path); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}

// The written defaults are those that hold without a file's values.
func TestSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), configFile)
	read := func(text string) Settings {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadSettings(path)
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	text, err := Settings{}.encode()
	if err != nil {
		t.Fatal(err)
	}
	a, b := read(string(text)), read("")
	if a.Name != b.Name || a.heartbeat != b.heartbeat || a.Listen != b.Listen || len(a.Peers) != len(b.Peers) || a.heartbeat != 20*time.Second {
		t.Errorf("%+v and %+v", a, b)
	}
	all := Settings{
		Name: `Gemeente "Voorbeeldstad" \ é`, Listen: "tcp://0.0.0.0:26656", HTTP: "[::1]:8430", Heartbeat: "5s",
		SnapshotEvery: "12h", Snapshots: 3, StateSync: []string{"https://voorbeeldstad.example/registry"},
		Peers: []string{strings.Repeat("ab", 20) + "@voorbeeldstad.example:26656", strings.Repeat("cd", 20) + "@127.0.0.1:26656"},
	}
	if text, err = all.encode(); err != nil {
		t.Fatal(err)
	}
	got := read(string(text))
	got.heartbeat, got.snapshotEvery = 0, 0
	if !reflect.DeepEqual(got, all) {
		t.Errorf("wrote %+v, read %+v", all, got)
	}
}

// announce begins to send a transaction of so many bytes, sends none of them, and returns the status of the answer.
func announce(t *testing.T, base string, size int64) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/tx HTTP/1.1\r\nHost: node\r\nContent-Type: application/cose\r\nContent-Length: %d\r\n\r\n", size)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
