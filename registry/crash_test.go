package registry

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// TestMain runs a node instead of the tests when it is asked to, so that a test can kill it.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ZEGEL_TEST_NODE"); dir != "" {
		n, err := Open(context.Background(), Config{Dir: dir})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("ready", httptest.NewServer(n.Handler()).URL)
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

// spawn starts a node as a process of its own and returns its URL and how to kill it.
func spawn(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ZEGEL_TEST_NODE="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line, err)
	}
	return url, kill
}

// Killed at any moment, a node goes on where it was: nothing that was said to be in a block is lost, and what was not
// yet in one can be sent again.
func TestKill(t *testing.T) {
	w := newWorld(t, 1)
	m := w.members[0]
	dir := filepath.Join(t.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		t.Fatal(err)
	}
	var network *ledger.Network
	written := 0
	for round := range 4 {
		url, kill := spawn(t, dir)
		if network == nil {
			_, body := fetch(t, url+"/v1/network")
			network = &ledger.Network{}
			if err := json.Unmarshal(body, network); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			written++
			write(t, url, m.sign(t, w.accreditation(m.did, fmt.Sprintf("a-%02d", written), trust.Issue)))
		}
		p := read(t, url, network, ledger.KeyAccreditations(m.did), ledger.KeySequence(m.did))
		if all, err := p.Accreditations(t.Context(), m.did); err != nil || len(all) < written {
			t.Fatalf("round %d: %d of %d, %v", round, len(all), written, err)
		}
		// One more is on its way when the node dies.
		pending := m.try(t, w.accreditation(m.did, "pending", trust.Issue))
		post(t, url, pending)
		kill()
		url, kill = spawn(t, dir)
		p = read(t, url, network, ledger.KeyAccreditations(m.did), ledger.KeySequence(m.did))
		if all, err := p.Accreditations(t.Context(), m.did); err != nil || len(all) < written {
			t.Fatalf("round %d, after the kill: %d of %d, %v", round, len(all), written, err)
		}
		value, _, err := p.Value(ledger.KeySequence(m.did))
		if err != nil {
			t.Fatal(err)
		}
		var seq ledger.SequenceRecord
		if err := ledger.Decode(value, &seq); err != nil {
			t.Fatal(err)
		}
		switch {
		case seq.N == m.seq:
		case seq.N == m.seq+1 && hex.EncodeToString(seq.Tx) == hashOf(pending):
			m.seq++
			written++
			write(t, url, m.sign(t, ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: m.did, ID: "pending"}}))
		default:
			t.Fatalf("round %d: sequence %d of %x, %d are written", round, seq.N, seq.Tx, m.seq)
		}
		kill()
		if seq.N > 0 && hex.EncodeToString(seq.Tx) == hashOf(pending) {
			break // the id is taken; one survival of each kind is shown
		}
	}
}

// A node that slept has a fresh proof when it is open, not at its next heartbeat.
func TestFreshAfterSleep(t *testing.T) {
	dir, n, srv := newNode(t, newWorld(t, 1))
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	srv.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	before := n.app.state.snapshot().height
	woken := time.Now()
	n, srv = openConfig(t, Config{Dir: dir, asleep: 1})
	if s := n.app.state.snapshot(); s.height < before+2 || s.time.Before(woken) {
		t.Errorf("height %d after %d, header of %v, woken at %v", s.height, before, s.time, woken)
	}
	if p := read(t, srv.URL, network, ledger.KeyIndex()); p.Time.Before(woken) {
		t.Errorf("proof of %v, woken at %v", p.Time, woken)
	}
	if n.pool.Size() != 0 {
		t.Errorf("%d transactions wait", n.pool.Size())
	}
}

// A signer that is older than the blocks could sign twice.
func TestOldSignerIsRefused(t *testing.T) {
	dir, n, srv := newNode(t, newWorld(t, 1))
	path := filepath.Join(dir, signerState)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := n.app.state.snapshot().height
	w := newWorld(t, 1)
	write(t, srv.URL, w.members[0].sign(t, w.accreditation(w.members[0].did, "a", trust.Issue)))
	if n.app.state.snapshot().height == start {
		t.Fatal("no block")
	}
	srv.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, state := range map[string][]byte{"older": old, "damaged": newest[:len(newest)/2]} {
		if err := os.WriteFile(path, state, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := Open(t.Context(), Config{Dir: dir}); err == nil {
			n.Close()
			t.Errorf("%s: the node runs", name)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if n, err := Open(t.Context(), Config{Dir: dir}); err == nil {
		n.Close()
		t.Error("missing: the node runs")
	}
	if err := os.WriteFile(path, newest, 0o600); err != nil {
		t.Fatal(err)
	}
	openNode(t, dir)
}
