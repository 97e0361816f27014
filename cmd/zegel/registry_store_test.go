package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/registry"
)

// TestRegistryStore is what an operator does with a node's disk, with the node running and stopped.
func TestRegistryStore(t *testing.T) {
	dir := stoppedNode(t)
	config := filepath.Join(dir, "node.toml")
	do := func(want int, args ...string) (string, string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"registry"}, args...), &output{Stdout: &stdout, Stderr: &stderr, Stdin: strings.NewReader("")})
		if code != want {
			t.Fatalf("%v: exit %d, %s%s", args, code, stdout.String(), stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	said, _ := do(exitDone, "snapshot", "--config", config, "--list")
	contains(t, said, "There are no snapshots")
	said, _ = do(exitDone, "snapshot", "--config", dir)
	contains(t, said, "Made a snapshot of height ")
	said, _ = do(exitDone, "snapshot", "--config", config, "--list", "--json")
	var list struct{ Snapshots []snapshotJSON }
	if err := json.Unmarshal([]byte(said), &list); err != nil || len(list.Snapshots) != 1 || list.Snapshots[0].Height < 1 {
		t.Fatalf("%s, %v", said, err)
	}
	said, _ = do(exitDone, "verify", "--config", config)
	contains(t, said, "Good: from the genesis file to block ")
	said, _ = do(exitDone, "prune", "--config", config)
	contains(t, said, "Removed 0 blocks. The first that is kept is 1.")

	// A second machine with keys of its own.
	fresh := filepath.Join(t.TempDir(), "fresh")
	if _, err := registry.NewDir(fresh); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"genesis.json", "node.toml"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said, _ = do(exitDone, "restore", "--config", filepath.Join(fresh, "node.toml"), list.Snapshots[0].Dir)
	contains(t, said, "Start the node")
	_, said = do(exitFailed, "restore", "--config", filepath.Join(fresh, "node.toml"), list.Snapshots[0].Dir)
	contains(t, said, "conflict: ", "\nhint: ")

	node, err := registry.Open(t.Context(), registry.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"snapshot", "verify", "prune"} {
		_, said = do(exitFailed, command, "--config", config)
		contains(t, said, "in_use: the node runs; stop it first", "\nhint: ")
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
}

// stoppedNode makes a network of one member, lets its node make some blocks, and stops it.
func stoppedNode(t *testing.T) string {
	t.Helper()
	c := &didCreateCmd{Out: filepath.Join(t.TempDir(), "a"), Issuer: "https://a.example/issuer"}
	c.Dev = true
	record, err := c.write(t.Context(), &reading{network: &ledger.Network{Name: "voorbeeld", Nodes: []string{}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "node")
	g := registry.Genesis{Network: "voorbeeld", ChainID: "zegel-voorbeeld", Members: []registry.Founder{{Name: hallNames[0], Record: *record}}}
	if err := registry.Init(dir, g); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "node.toml"), []byte("heartbeat = \"50ms\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	node, err := registry.Open(t.Context(), registry.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	node.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/changes?after=4&wait=20", nil))
	if answer.Code != 200 {
		t.Fatal(answer)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}
