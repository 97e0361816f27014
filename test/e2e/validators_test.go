package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFourValidators kills a town whose registry four processes run: none of them stays behind, and started again they go
// on together where they were.
func TestFourValidators(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "town")
	p, err := startTown(dir, "--validators", "4")
	if err != nil {
		t.Fatal(err)
	}
	running := p
	defer func() { running.cmd.Process.Kill() }()
	data, err := os.ReadFile(p.ready["network"])
	if err != nil {
		t.Fatal(err)
	}
	var network struct {
		Nodes      []string         `json:"nodes"`
		Validators []map[string]any `json:"validators"`
	}
	if err := json.Unmarshal(data, &network); err != nil || len(network.Nodes) != 4 || len(network.Validators) != 4 {
		t.Fatalf("%d nodes and %d validators in the network file, %v", len(network.Nodes), len(network.Validators), err)
	}
	for _, node := range network.Nodes {
		var status struct {
			Validators int `json:"validators"`
			Peers      int `json:"peers"`
		}
		answer, err := http.Get(node + "/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(answer.Body).Decode(&status)
		answer.Body.Close()
		if err != nil || status.Validators != 4 || status.Peers < 2 {
			t.Errorf("%s: %+v, %v", node, status, err)
		}
	}
	// People act for a member with its directory.
	out, _ := zegel(t, 0, "registry", "members", "--dir", filepath.Join(dir, "members", "3"), "--dev")
	if !strings.Contains(out, "Gemeente Voorbeeldstad") || !strings.Contains(out, "Gemeente Modelveen") {
		t.Errorf("members: %s", out)
	}

	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.cmd.Wait()
	free := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, node := range network.Nodes[1:] {
		for listens("127.0.0.1:" + portOf(t, node)) {
			select {
			case <-tick.C:
			case <-free:
				t.Fatalf("%s still runs after its town was killed", node)
			}
		}
	}
	if _, stderr := zegel(t, 1, "town", "--once", "--dir", dir, "--validators", "2"); !strings.Contains(stderr, "4 validators") {
		t.Errorf("another number: %s", stderr)
	}
	if running, err = startTown(dir); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(running.ready["network"]); err != nil || string(again) != string(data) {
		t.Errorf("another network file after a restart: %v", err)
	}
	if err := running.stop(); err != nil {
		t.Error(err)
	}
}

func portOf(t *testing.T, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
