package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/registry"
)

// cli runs a command line of the program and returns what it printed.
func cli(t testing.TB, want int, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &output{Stdout: &stdout, Stderr: &stderr, Stdin: strings.NewReader("")})
	if code != want {
		t.Fatalf("zegel %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, &stdout, &stderr)
	}
	return stdout.String() + stderr.String()
}

// freePorts returns a port from which n are free. They lie below those that the system gives to outgoing connections.
func freePorts(t testing.TB, n int) int {
	t.Helper()
next:
	for range 100 {
		base := 10_000 + rand.IntN(22_000-n)
		for i := range n {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i))
			if err != nil {
				continue next
			}
			l.Close()
		}
		return base
	}
	t.Fatal("no free ports")
	return 0
}

// startNodes runs nodes until the test is over and returns when all of them can prove their state.
func startNodes(t testing.TB, configs ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	var lines []*bufio.Reader
	for _, config := range configs {
		text, err := os.ReadFile(config)
		if err == nil {
			err = os.WriteFile(config, bytes.Replace(text, []byte(`heartbeat = "20s"`), []byte(`heartbeat = "1s"`), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		lines = append(lines, bufio.NewReader(r))
		running.Go(func() {
			var stderr bytes.Buffer
			if code := run(ctx, []string{"registry", "start", "--config", config, "--dev"}, &output{Stdout: w, Stderr: &stderr, Stdin: strings.NewReader("")}); code != 0 {
				t.Errorf("%s: exit %d: %s", config, code, &stderr)
			}
			w.Close()
		})
	}
	for _, l := range lines {
		if line, err := l.ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready {") {
			t.Fatalf("%q, %v", line, err)
		}
	}
}

// TestFoundNetwork founds a network as its members do, each with its own keys, and makes a newer network file.
func TestFoundNetwork(t *testing.T) {
	dir := t.TempDir()
	port := freePorts(t, 6)
	var files, homes []string
	for i := range 3 {
		home := filepath.Join(dir, fmt.Sprint(i))
		address, http := fmt.Sprintf("127.0.0.1:%d", port+2*i), fmt.Sprintf("127.0.0.1:%d", port+2*i+1)
		args := []string{"registry", "keys", "--network", "proef", "--dir", home, "--name", fmt.Sprintf("Gemeente %d", i), "--dev",
			"--address", address, "--listen", "tcp://" + address, "--http", http, "--url", "http://" + http}
		said := cli(t, 0, args...)
		if !strings.Contains(said, "safe place") || cli(t, 0, args...) != said {
			t.Errorf("made twice, or without a word of the recovery key: %s", said)
		}
		homes, files = append(homes, home), append(files, filepath.Join(home, candidateFile))
	}
	cli(t, 2, "registry", "found", "--network", "proef", "--dir", homes[2], files[0], files[1])
	cli(t, 0, "registry", "found", "--network", "proef", "--dir", homes[0], files[0], files[1], files[2])
	cli(t, 0, "registry", "found", "--network", "proef", "--dir", homes[1], files[2], files[1], files[0])
	cli(t, 0, "registry", "found", "--network", "proef", "--dir", homes[2], "--json", files[1], files[2], files[0])
	var configs []string
	for _, home := range homes {
		for _, name := range []string{genesisName, createdNetwork} {
			a, err := os.ReadFile(filepath.Join(homes[0], name))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(home, name)); err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s of two members differ: %v", name, err)
			}
		}
		for _, private := range []string{createdKey, createdNext, createdRecovery, "node/keys/validator.json", "node/keys/node.json"} {
			if info, err := os.Stat(filepath.Join(home, private)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", private, info.Mode(), err)
			}
		}
		configs = append(configs, filepath.Join(home, nodeDir, nodeConfig))
	}
	startNodes(t, configs...)

	old, newer := filepath.Join(homes[0], createdNetwork), filepath.Join(dir, "newer.json")
	var told struct {
		Nodes []string `json:"nodes_with_this_header"`
	}
	if err := json.Unmarshal([]byte(cli(t, 0, "registry", "network", "--network", old, "--out", newer, "--dev", "--json")), &told); err != nil || len(told.Nodes) != 3 {
		t.Errorf("%v, nodes %v", err, told.Nodes)
	}
	data, err := os.ReadFile(newer)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ledger.ParseNetwork(data)
	if err != nil || file.Height < 2 || len(file.Validators) != 3 || !file.Development {
		t.Fatalf("%+v, %v", file, err)
	}
	for _, network := range []string{old, newer} {
		if said := cli(t, 0, "registry", "members", "--network", network, "--dev"); !strings.Contains(said, "Gemeente 2") {
			t.Errorf("members: %s", said)
		}
	}
	// Past the trusting period no header leads from the old file to today.
	file.Height, file.Hash, file.Time = 0, "", file.Time.Add(-ledger.TrustingPeriod)
	if err := os.WriteFile(newer, file.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := cli(t, 1, "registry", "network", "--network", newer, "--dev"); !strings.Contains(said, "by hand") {
		t.Errorf("past the trusting period: %s", said)
	}
}

// A node follows without a vote, and nobody needs to know it before.
func TestInitAndJoin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	port := freePorts(t, 6)
	cli(t, 2, "registry", "init", "--network", "proef", "--members", "22", "--dir", dir)
	cli(t, 2, "registry", "init", "--network", "Proef!", "--members", "1", "--dir", dir)
	cli(t, 2, "registry", "init", "--network", "proef", "--members", "2", "--name", "Gemeente Een", "--dir", dir)
	said := cli(t, 0, "registry", "init", "--network", "proef", "--members", "2", "--base-port", fmt.Sprint(port), "--dir", dir)
	first, second := filepath.Join(dir, "member-1", nodeDir, nodeConfig), filepath.Join(dir, "member-2", nodeDir, nodeConfig)
	if !strings.Contains(said, "zegel registry start --config "+first+" --dev") || !strings.Contains(said, "production refuses") {
		t.Errorf("does not say what to do: %s", said)
	}
	t.Run("TestRequired/OPS-08", func(t *testing.T) {
		if said := cli(t, 1, "registry", "start", "--config", first); !strings.Contains(said, "development") {
			t.Errorf("production starts a node for development: %s", said)
		}
		if err := os.Chmod(filepath.Join(dir, "member-1/node/keys/validator.json"), 0o640); err != nil {
			t.Fatal(err)
		}
		if said := cli(t, 1, "registry", "start", "--config", first, "--dev"); !strings.Contains(said, "0640") {
			t.Errorf("a key that others can read: %s", said)
		}
		if err := os.Chmod(filepath.Join(dir, "member-1/node/keys/validator.json"), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := cli(t, 1, "registry", "start", "--config", first, "--dev", "--listen", "0.0.0.0:0"); !strings.Contains(said, "loopback") {
			t.Errorf("a node for development listens to others: %s", said)
		}
	})
	startNodes(t, first, second)

	c := filepath.Join(dir, "member-1", candidateFile)
	peer, err := readPeer(c)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "follower")
	http := fmt.Sprintf("127.0.0.1:%d", port+5)
	cli(t, 0, "registry", "join", "--dir", home, "--genesis", filepath.Join(dir, "member-1", genesisName), "--peers", peer, "--http", http)
	startNodes(t, filepath.Join(home, nodeDir, nodeConfig))
	network := filepath.Join(dir, createdNetwork)
	var told struct {
		Nodes []string `json:"nodes_with_this_header"`
	}
	if err := json.Unmarshal([]byte(cli(t, 0, "registry", "network", "--network", network, "--node", "http://"+http, "--dev", "--json")), &told); err != nil || len(told.Nodes) != 3 {
		t.Errorf("%v, nodes %v", err, told.Nodes)
	}
}

// A newcomer's directory is ready when it has joined: the node listens where its keys say, and the commands find a root of
// trust and a node to ask. What is wrong is said before anything is written.
func TestJoin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	cli(t, 0, "registry", "init", "--network", "proef", "--members", "1", "--base-port", "23000", "--dir", dir)
	genesis := filepath.Join(dir, "member-1", genesisName)
	peer, err := readPeer(filepath.Join(dir, "member-1", candidateFile))
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "new")
	cli(t, 0, "registry", "keys", "--network", "proef", "--dir", home, "--name", "Gemeente Nieuwdorp", "--address", "127.0.0.1:23010", "--url", "http://127.0.0.1:23011", "--dev")
	for _, wrong := range [][]string{{"--peers", "nobody"}, {"--peers", peer, "--state-sync", "127.0.0.1:1"}, {"--peers", peer, "--http", "here"}} {
		cli(t, 2, append([]string{"registry", "join", "--dir", home, "--genesis", genesis}, wrong...)...)
	}
	if _, err := os.Stat(filepath.Join(home, genesisName)); err == nil {
		t.Error("a join that was refused left a genesis file")
	}
	cli(t, 0, "registry", "join", "--dir", home, "--genesis", genesis, "--peers", peer, "--state-sync", "http://127.0.0.1:1,http://127.0.0.1:2/")
	s, err := registry.LoadSettings(filepath.Join(home, nodeDir, nodeConfig))
	if err != nil || s.Listen != "tcp://127.0.0.1:23010" || s.HTTP != "127.0.0.1:23011" || strings.Join(s.StateSync, " ") != "http://127.0.0.1:1 http://127.0.0.1:2" {
		t.Errorf("settings %+v, %v", s, err)
	}
	path := filepath.Join(home, createdNetwork)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := ledger.ParseNetwork(data)
	if err != nil || n.ChainID != "zegel-proef" || len(n.Validators) != 1 || strings.Join(n.Nodes, " ") != "http://127.0.0.1:1 http://127.0.0.1:2 http://127.0.0.1:23011" {
		t.Fatalf("network file %s, %v", data, err)
	}
	// One that is newer stays.
	n.Nodes = n.Nodes[:1]
	if err := os.WriteFile(path, n.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	cli(t, 0, "registry", "join", "--dir", home, "--genesis", genesis, "--peers", peer)
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, n.Encode()) {
		t.Errorf("network file %s, %v", again, err)
	}
	if said := cli(t, 2, "registry", "init", "--network", "Proef", "--members", "1", "--dir", t.TempDir()); !strings.Contains(said, "small letters") {
		t.Error(said)
	}
}

func readPeer(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	c, err := registry.ParseCandidate(data)
	if err != nil {
		return "", err
	}
	return c.Peer(), nil
}
