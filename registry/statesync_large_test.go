package registry

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/libs/tempfile"
	sm "github.com/cometbft/cometbft/state"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// pour writes megabytes of list chunks into the state with the next block, as if so many lists had been made.
func (s *offline) pour(megabytes, block int) {
	s.t.Helper()
	app, height := s.node.app, s.engine.LastBlockHeight+1
	at, err := sm.MedianTime(s.commit, s.engine.LastValidators)
	if err != nil {
		s.t.Fatal(err)
	}
	b := app.block(height, at)
	o := app.begin(b, nil)
	chunks := map[string][]byte{}
	source := rand.NewChaCha8(sha256.Sum256([]byte{byte(block)}))
	for i := range megabytes << 10 {
		chunk := make([]byte, ledger.ChunkSize) // that nothing makes smaller
		_, _ = source.Read(chunk)
		chunks[string(pageKey(ledger.KeyList(fmt.Sprint("https://list.example/", block)), i))] = chunk
	}
	maps.Copy(o.writes, chunks)
	if err := app.end(&outcome{name: blockName(height, at, nil, nil), height: height, time: at}, o, b); err != nil {
		s.t.Fatal(err)
	}
	s.block()
}

// A node takes over a state of ZEGEL_STATE_MB megabytes from a running one, in a process of its own, so that its time and
// memory are its own. Without that variable this test is left out; TestStateSync does the same with a small state.
func TestStateSyncLarge(t *testing.T) {
	megabytes, err := strconv.Atoi(os.Getenv("ZEGEL_STATE_MB"))
	if err != nil {
		t.Skip("ZEGEL_STATE_MB is not set")
	}
	s := startOffline(t, 1, nil)
	s.busy(3)
	for n := 0; n < megabytes; n += 20 {
		s.pour(20, n/20)
	}
	s.busy(3)
	s.close()
	begun := time.Now()
	made, err := MakeSnapshot(t.Context(), s.dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("snapshot: %d chunks in %v", made.Chunks, time.Since(begun).Round(time.Millisecond))
	// The validator has signed what the test signed for it.
	state := fmt.Sprintf(`{"height":"%d","round":0,"step":3}`, s.engine.LastBlockHeight)
	if err := tempfile.WriteFileAtomic(filepath.Join(s.dir, signerState), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	tn, first := s.net, s.net.nodes[0]
	first.set(t, tn.genesis, Settings{Heartbeat: "1s"})
	tn.start(t, first)
	tn.ready(t, first)
	// An old snapshot of a network that slept stays until there is a newer one.
	late := newTestNode(t)
	late.set(t, tn.genesis, Settings{Heartbeat: "1s", StateSync: []string{first.url}, Peers: []string{first.keys.NodeID + "@" + first.listen}})
	begun = time.Now()
	url, most := spawnMeasured(t, late.dir)
	t.Logf("from the start to a proof of its own: %v", time.Since(begun).Round(time.Millisecond))
	file, err := first.Network(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // it may still be catching up
		fetch(t, fmt.Sprintf("%s/v1/changes?after=%d&wait=20", url, file.Height+1))
	}
	read(t, url, file, ledger.KeyMembers())
	t.Logf("most memory: %s", most())
	size := int64(0)
	err = filepath.Walk(filepath.Join(late.dir, dataDir, "registry.db"), func(_ string, info os.FileInfo, err error) error {
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil || size < int64(megabytes)<<20 {
		t.Errorf("the joined node holds %d MB, %v", size>>20, err)
	}
}

// spawnMeasured starts a node as a process of its own and returns its URL and how to ask the most memory it used.
func spawnMeasured(t *testing.T, dir string) (url string, most func() string) {
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
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line, err)
	}
	return url, func() string {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			return err.Error()
		}
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(line)
	}
}
