package registry

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/pkg/web"
)

// testPublicPort is VAL-05: what the engine's own interface would open is not there, and readers that wait cannot hold up
// consensus, however many they are.
func testPublicPort(t *testing.T) {
	before, err := listening()
	w := newWorld(t, 1)
	_, n, srv := newNode(t, w)
	t.Run("routes of the engine", func(t *testing.T) {
		for _, path := range []string{
			"websocket", "dump_consensus_state", "consensus_state", "consensus_params", "unsafe_flush_mempool", "dial_seeds", "dial_peers",
			"broadcast_tx_sync", "broadcast_tx_async", "broadcast_tx_commit", "broadcast_evidence", "abci_query", "abci_info", "net_info", "status",
			"unconfirmed_txs", "num_unconfirmed_txs", "genesis", "genesis_chunked", "tx", "tx_search", "block_search", "block", "block_results",
			"blockchain", "commit", "validators", "check_tx", "health", "subscribe", "unsubscribe_all", "debug/pprof/", "debug/vars",
		} {
			for _, prefix := range []string{"/", "/v1/", "/rpc/"} {
				if prefix == "/v1/" && slices.Contains([]string{"status", "validators", "tx"}, path) {
					continue // of our own
				}
				if status, body := fetch(t, srv.URL+prefix+path); status != http.StatusNotFound {
					t.Errorf("%s%s: status %d: %.200s", prefix, path, status, body)
				}
			}
		}
		// JSON-RPC is a POST to the root.
		resp, err := http.Post(srv.URL+"/", "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"dump_consensus_state"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("JSON-RPC: status %d", resp.StatusCode)
		}
		if n.comet.Config().RPC.ListenAddress != "" || n.comet.Config().RPC.GRPCListenAddress != "" || n.comet.Config().RPC.PprofListenAddress != "" || n.comet.Config().Instrumentation.Prometheus {
			t.Errorf("the engine listens: %+v", n.comet.Config().RPC)
		}
	})
	t.Run("listeners", func(t *testing.T) {
		if err != nil {
			t.Skip(err)
		}
		after, err := listening()
		if err != nil {
			t.Fatal(err)
		}
		_, public, _ := net.SplitHostPort(srv.Listener.Addr().String())
		var opened []string
		for _, port := range after {
			if !slices.Contains(before, port) {
				opened = append(opened, port)
			}
		}
		// The public interface, and the port for other nodes.
		if len(opened) != 2 || !slices.Contains(opened, public) {
			t.Errorf("ports %v are open, %s is the public one", opened, public)
		}
	})
	t.Run("waiting readers", func(t *testing.T) { testWaiting(t, w, n) })
}

// testWaiting lets as many readers wait as the process may have files open.
func testWaiting(t *testing.T, w *world, n *Node) {
	const want = 10_000
	readers := want
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	// Each is two files here: both ends are in this process.
	if most := int(min(limit.Cur, 1<<20))/2 - 200; most < readers {
		readers = most
		t.Logf("the limit of %d open files leaves room for %d readers of %d", limit.Cur, readers, want)
	}
	if readers <= maxWaiting {
		t.Skipf("only %d readers fit", readers)
	}
	ctx, stop := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, l, web.Secure(n.Handler(), nil), nil) }()
	addr := l.Addr().String()
	before := n.app.state.snapshot().height

	var mu sync.Mutex
	counts := map[int]int{}
	var conns []net.Conn
	var group sync.WaitGroup
	slots := make(chan struct{}, 64) // that are opening at the same time
	for range readers {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				mu.Lock()
				counts[-1]++
				mu.Unlock()
				return
			}
			fmt.Fprintf(c, "GET /v1/changes?after=%d HTTP/1.1\r\nHost: node\r\nAccept: text/event-stream\r\n\r\n", before+1_000_000)
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
			if err != nil {
				counts[-2]++
				return
			}
			if counts[resp.StatusCode]++; resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		})
	}
	group.Wait()
	t.Logf("%d readers: %v", readers, counts)
	if counts[200] != maxWaiting || counts[503] != readers-maxWaiting {
		t.Errorf("%d readers wait and %d are refused, of %d", counts[200], counts[503], readers)
	}
	if n.streams.taken.Load() != maxWaiting {
		t.Errorf("%d wait", n.streams.taken.Load())
	}
	// Consensus goes on, and others are served.
	m := w.members[0]
	begun := time.Now()
	for i := range 5 {
		write(t, "http://"+addr, m.sign(t, w.accreditation(m.did, fmt.Sprint("a", i), trust.Issue)))
	}
	t.Logf("5 writes beside them: %v", time.Since(begun))
	for _, path := range []string{"/v1/members", fmt.Sprintf("/v1/changes?after=%d&wait=1", before+1_000_000), "/"} {
		if status, _ := fetch(t, "http://"+addr+path); status != 200 {
			t.Errorf("%s: status %d", path, status)
		}
	}
	// They end with the server.
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if left := n.streams.taken.Load(); left != 0 {
		t.Errorf("%d still wait", left)
	}
	for _, c := range conns {
		c.Close()
	}
}

// listening returns the ports on which this process listens (proc(5), /proc/net/tcp).
func listening() ([]string, error) {
	own := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil {
			if inode, is := strings.CutPrefix(to, "socket:["); is {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var ports []string
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" || !own[f[9]] {
				continue
			}
			_, port, _ := strings.Cut(f[1], ":")
			v, err := strconv.ParseUint(port, 16, 16)
			if err != nil {
				return nil, err
			}
			ports = append(ports, fmt.Sprint(v))
		}
	}
	return ports, nil
}
