package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/registry"
)

// TestRegistryUsage: wrong use exits 2 and says what is wrong; a failure exits 1 with its category and what to do.
func TestRegistryUsage(t *testing.T) {
	h := newHall(t, 1)
	a := h.members[0]
	d := string(a.did)
	member := func(args ...string) []string { return append(args, "--dev", "--dir", a.dir) }
	stray := filepath.Join(h.dir, "stray")
	if err := os.MkdirAll(stray, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stray, memberFileName), []byte("netwerk = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(h.dir, "half.toml")
	if err := os.WriteFile(half, []byte("id = \"x\"\nlegal = \"y\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// A node that answers with a proof of something else, and one that is not there.
	upstream := networkOf(t, h.network).Nodes[0]
	liar := proxy(t, upstream, func(r *http.Request) {
		q := r.URL.Query()
		q.Set("key", "696e646578")
		r.URL.RawQuery = q.Encode()
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	only := func(name, node string) string {
		n := networkOf(t, h.network)
		n.Nodes = []string{node}
		path := filepath.Join(h.dir, name)
		if err := os.WriteFile(path, n.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lies, dead := only("lies.json", liar), only("dead.json", gone.URL)
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"no network", []string{"members", "--dir", h.dir}, exitUsage, "--network FILE"},
		{"network file missing", []string{"members", "--network", filepath.Join(h.dir, "x")}, exitUsage, "no such file"},
		{"not a network file", []string{"members", "--network", half}, exitUsage, "half.toml"},
		{"development network", []string{"members", "--dir", a.dir}, exitUsage, "--dev"},
		{"unknown setting", []string{"members", "--dir", stray}, exitUsage, `unknown setting "netwerk"`},
		{"plain http elsewhere", member("members", "--node", "http://192.0.2.1"), exitUsage, "plain http"},
		{"no member", []string{"vote", "3fa9", "--yes", "--dev", "--network", h.network}, exitUsage, "--did and --key"},
		{"unknown command", []string{"govern"}, exitUsage, "hint: zegel --help"},
		{"unknown flag", member("members", "--fast"), exitUsage, "--fast"},
		{"no DID", member("resolve", "voorbeeldstad"), exitUsage, "is not a did:zegel"},
		{"DID of another method", member("resolve", "did:web:example.com"), exitUsage, "is not a did:zegel"},
		{"short id", member("proposal", "3fa"), exitUsage, "at least 4"},
		{"id that is none", member("proposal", "zzzz"), exitUsage, "hexadecimal"},
		{"unknown id", member("proposal", "3fa9"), exitFailed, "unknown: there is no proposal 3fa9\nhint: "},
		{"unknown stop", member("resume", "3fa9", "--yes"), exitFailed, "unknown: there is no stop 3fa9\nhint: "},
		{"yes and no", member("vote", "3fa9", "--yes", "--no"), exitUsage, "not both"},
		{"hash that is none", member("tx", "3fa9"), exitUsage, "64 hexadecimal digits"},
		{"admit nobody", member("propose", "admit", "--yes"), exitUsage, "candidate file or --subject"},
		{"admit without a name", member("propose", "admit", "--subject", d, "--yes"), exitUsage, "--name"},
		{"validator key", member("propose", "validator", d, "12", "--yes"), exitUsage, "64 hexadecimal digits"},
		{"too many days", member("propose", "remove", d, "--days", "400", "--yes"), exitUsage, "1 to 30 days"},
		{"unfinished accreditation", member("accredit", half, "--yes"), exitUsage, `unknown setting "legal"`},
		{"accreditation without a subject", member("accredit", "--id", "x", "--yes"), exitUsage, "--sample"},
		{"claim", accreditArgs(member, d, "--claim", "address..locality"), exitUsage, "address.locality"},
		{"use", accreditArgs(member, d, "--use", "look"), exitUsage, "use"},
		{"no purpose in English", accreditArgs(member, d, "--use", "ask", "--purpose-nl", "Leeftijd"), exitUsage, "nl and en"},
		{"day", accreditArgs(member, d, "--until", "morgen"), exitUsage, "2026-12-31"},
		{"not asked", member("propose", "remove", d), exitUsage, "give --yes"},
		{"key of another", member("did", "deactivate", "--key", a.path(createdNext), "--yes"), exitFailed, "key: "},
		{"key file missing", member("did", "deactivate", "--key", a.path("x"), "--yes"), exitUsage, "no such file"},
		{"unknown DID", member("resolve", d[:len(d)-4]+"aaaa"), exitFailed, "unknown: "},
		{"node that lies", []string{"members", "--dev", "--network", lies}, exitFailed, "registry_unproven: "},
		{"node that is gone", []string{"members", "--dev", "--network", dead}, exitFailed, "registry_unavailable: "},
		{"status of a dead network", []string{"status", "--dev", "--network", dead}, exitFailed, "registry_unavailable: "},
		{"old header", member("members", "--max-age", "1ns"), exitFailed, "registry_unavailable: "},
		{"last member", member("propose", "remove", d, "--yes"), exitFailed, "code 12 policy: "},
	} {
		code, stdout, stderr := zegel(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, stdout, stderr)
		}
		if proven := strings.Contains(c.stderr, "registry_"); code == exitFailed && proven && (stdout != "" || !strings.Contains(stderr, "\nhint: ")) {
			t.Errorf("%s: shows something, or no hint:\n%s%s", c.name, stdout, stderr)
		}
	}
	if err := os.Chmod(a.path(createdKey), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, stderr := zegel(t, member("did", "deactivate")...); !strings.HasPrefix(stderr, "warning: others on this machine can read ") {
		t.Errorf("no warning: %s", stderr)
	}
	// A machine whose clock is wrong is told so.
	r := &reading{}
	for hint, err := range map[string]error{
		"look at the clock first": fmt.Errorf("%w: header 7 is of the future", ledger.ErrUnproven), "tell the network's members": ledger.ErrUnproven,
		"get a new one from a member": ledger.ErrExpired, "this machine's clock": ledger.ErrUnavailable,
	} {
		contains(t, r.failure(err).Error(), hint)
	}
	// A good node beside a bad one is found.
	contains(t, h.as(0, "members", "--node", liar), "Gemeente Aadorp")
	contains(t, h.as(0, "members", "--node", gone.URL), "Gemeente Aadorp")
	contains(t, h.as(0, "status", "--node", gone.URL), "connection refused", "ready")
}

func accreditArgs(member func(...string) []string, subject string, more ...string) []string {
	args := []string{"accredit", "--id", "x", "--subject", subject, "--name", "Gemeente Aadorp", "--type", "urn:zegel:test:1", "--yes"}
	for name, value := range map[string]string{"--use": "issue", "--until": "2030-01-01"} {
		if !strings.Contains(strings.Join(more, " "), name) {
			args = append(args, name, value)
		}
	}
	return member(append(args, more...)...)
}

func networkOf(t testing.TB, path string) *ledger.Network {
	t.Helper()
	n, err := ledger.ParseNetwork(readFile(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// proxy passes questions on to a node, changed.
func proxy(t testing.TB, node string, change func(*http.Request)) string {
	t.Helper()
	to, err := url.Parse(node)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(to)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		change(r)
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestCandidate: a candidate's file says who it is, with its validator; a record alone does not.
func TestCandidate(t *testing.T) {
	h := newHall(t, 1)
	record, err := readRecord(h.members[0].path(createdRecord))
	if err != nil {
		t.Fatal(err)
	}
	c := &registry.Candidate{
		Name: "Gemeente Beekdam", Record: *record, Validator: bytes.Repeat([]byte{7}, 32), NodeID: strings.Repeat("ab", 20),
		Address: "beekdam.example:26656", URL: "https://beekdam.example", Made: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC),
	}
	raw, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.dir, "candidate.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readCandidate(file)
	if err != nil || got.Name != c.Name || !bytes.Equal(got.Validator, c.Validator) || got.Record == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = readCandidate(h.members[0].path(createdRecord)); err != nil || got.Name != "" || got.Record == nil {
		t.Errorf("%+v, %v", got, err)
	}
	contains(t, h.refuses(exitUsage, 0, "propose", "admit", h.members[0].path(createdKey), "--name", "x", "--yes"), "is no DID record")
	contains(t, h.refuses(exitFailed, 0, "propose", "admit", file, "--yes"), "code 8 conflict: ") // it is a member
}

// TestRegistryUnknownOutcome: a transaction that was sent and not seen again is neither done nor forgotten.
func TestRegistryUnknownOutcome(t *testing.T) {
	h := newHall(t, 1)
	n := networkOf(t, h.network)
	real := n.Nodes[0]
	// It takes the transaction and keeps it to itself.
	to, err := url.Parse(real)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(to)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			json.NewEncoder(w).Encode(ledger.TxAnswer{})
			return
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	stderr := h.refuses(exitFailed, 0, "propose", "parameters", "guests=9", "--yes", "--node", srv.URL, "--wait", "500ms")
	contains(t, stderr, "unknown_outcome: transaction ", "hint: ask again before doing anything twice: zegel registry tx ")
	_, after, _ := strings.Cut(stderr, "zegel registry tx ")
	contains(t, h.as(0, "tx", strings.TrimSpace(after)), "No node knows it now")
}
