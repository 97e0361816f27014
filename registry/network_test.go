package registry

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

// testNet is a network of several nodes in this process, each with its own directory, peers and /v1 server. Every node is
// the validator of one member.
type testNet struct {
	*world
	genesis []byte
	nodes   []*testNode
	network *ledger.Network // it trusts the genesis
}

// testNode is one of its nodes. A stopped one can be started again.
type testNode struct {
	*Node  // nil while it is stopped
	net    *testNet
	dir    string
	listen string // p2p address, without scheme
	keys   Keys
	srv    *httptest.Server
	url    string // of the newest start

	ahead time.Duration // of Config
}

// startNetwork founds a network of n members and starts their nodes.
func startNetwork(t testing.TB, n int) *testNet {
	t.Helper()
	net := foundNetwork(t, n)
	for _, node := range net.nodes {
		net.start(t, node)
	}
	for _, node := range net.nodes {
		net.ready(t, node)
	}
	net.root(t)
	return net
}

// foundNetwork makes the directories of a network without starting a node.
func foundNetwork(t testing.TB, n int) *testNet {
	t.Helper()
	net := &testNet{world: newWorld(t, n)}
	var all []Candidate
	for i := range n {
		node := newTestNode(t)
		node.net = net
		net.nodes = append(net.nodes, node)
		all = append(all, node.candidate(fmt.Sprintf("Gemeente %d", i+1), net.members[i]))
	}
	g, err := Found(testNetwork, all)
	if err != nil {
		t.Fatal(err)
	}
	net.world.genesis = *g
	if net.genesis, err = g.File(); err != nil {
		t.Fatal(err)
	}
	for _, node := range net.nodes {
		net.complete(t, node)
	}
	return net
}

// newTestNode makes the directory of a node that belongs to no network yet.
func newTestNode(t testing.TB) *testNode {
	t.Helper()
	node := &testNode{net: &testNet{}, dir: filepath.Join(t.TempDir(), "node"), listen: freeAddress(t)}
	var err error
	if node.keys, err = NewDir(node.dir); err != nil {
		t.Fatal(err)
	}
	return node
}

// freeAddress returns a loopback address that nobody uses. It lies below the ports that the system gives to outgoing
// connections, so that it stays free until a node listens there.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

func (n *testNode) candidate(name string, p *party) Candidate {
	return Candidate{
		Name: name, Record: p.record, Validator: n.keys.Validator, NodeID: n.keys.NodeID, Address: n.listen,
		URL: "http://" + n.listen + "/registry", Made: time.Now().UTC().Truncate(time.Second),
	}
}

// complete makes the directory a node of the network, connected with all nodes there are, and gives it test timings.
func (tn *testNet) complete(t testing.TB, node *testNode) {
	t.Helper()
	s := Settings{Name: node.listen, Listen: "tcp://" + node.listen, Heartbeat: "1s"}
	for _, other := range tn.nodes {
		if other != node {
			s.Peers = append(s.Peers, other.keys.NodeID+"@"+other.listen)
		}
	}
	if err := Complete(node.dir, tn.genesis, s); err != nil {
		t.Fatal(err)
	}
}

// join makes one more node that follows the network; it has a vote when the members give it one.
func (tn *testNet) join(t testing.TB) *testNode {
	t.Helper()
	node := newTestNode(t)
	node.net = tn
	tn.complete(t, node)
	return node
}

// start starts a stopped node, without waiting for it.
func (tn *testNet) start(t testing.TB, node *testNode) {
	t.Helper()
	// CometBFT leaves connections open that came in while it stopped. The end of a process would close them; here the
	// others would refuse the node as one that is connected already.
	for _, other := range tn.nodes {
		if other.Node == nil {
			continue
		}
		if peer := other.comet.Switch().Peers().Get(p2p.ID(node.keys.NodeID)); peer != nil {
			other.comet.Switch().StopPeerGracefully(peer)
		}
	}
	out := &closingWriter{to: testWriter{t}}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelError}))
	n, err := Start(t.Context(), Config{Dir: node.dir, Logger: log, ahead: node.ahead})
	if err != nil {
		t.Fatal(err)
	}
	node.Node = n
	node.srv = httptest.NewServer(web.Secure(n.Handler(), slog.New(slog.DiscardHandler)))
	node.url = node.srv.URL
	t.Cleanup(func() {
		if node.Node == n {
			node.stop(t)
		}
		out.close()
	})
}

// closingWriter writes until the test is over: goroutines of CometBFT can outlive their node by a moment.
type closingWriter struct {
	mu     sync.Mutex
	to     io.Writer
	closed bool
}

func (w *closingWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(p), nil
	}
	return w.to.Write(p)
}

func (w *closingWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// ready waits until a started node can prove its state.
func (tn *testNet) ready(t testing.TB, node *testNode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := node.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// stop stops a node cleanly.
func (n *testNode) stop(t testing.TB) {
	t.Helper()
	n.srv.Close()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	n.Node = nil
	// A switch that has stopped leaves open what connects to it until its process ends, and this one goes on: the others
	// would think that they are connected, and refuse the node when it returns.
	for _, other := range n.net.nodes {
		if other.Node != nil {
			sw := other.comet.Switch()
			if peer := sw.Peers().Get(p2p.ID(n.keys.NodeID)); peer != nil {
				sw.StopPeerForError(peer, "its node has stopped")
			}
		}
	}
}

// root makes the network file.
func (tn *testNet) root(t testing.TB) {
	t.Helper()
	var urls []string
	for _, node := range tn.nodes {
		urls = append(urls, node.url)
	}
	g, err := ReadGenesis(tn.genesis)
	if err != nil {
		t.Fatal(err)
	}
	network, err := g.NetworkFile(urls)
	if err != nil {
		t.Fatal(err)
	}
	tn.network = network
}

// waitHeight waits until a node has a block.
func waitHeight(t testing.TB, node *testNode, height int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := node.until(ctx, func() bool { return node.app.state.snapshot().height >= height }); err != nil {
		t.Fatalf("waiting for block %d at %d: %v", height, node.app.state.snapshot().height, err)
	}
}

// write sends a transaction to a node and waits for its block, as long as a network takes whose nodes come and go.
func (n *testNode) write(t testing.TB, raw []byte) ledger.TxAnswer {
	t.Helper()
	if status, a := post(t, n.url, raw); status != http.StatusAccepted {
		t.Fatalf("status %d, %+v", status, a)
	}
	var a ledger.TxAnswer
	for range 6 {
		status := getJSON(t, n.url+"/v1/tx/"+hashOf(raw)+"?wait=10", &a)
		if status == http.StatusOK && a.Code == ledger.OK && a.Height > 0 {
			return a
		}
		if status != http.StatusNotFound {
			t.Fatalf("status %d, %+v", status, a)
		}
	}
	t.Fatal("not in a block")
	return a
}

// sameBlock fails if two nodes have different blocks at a height.
func sameBlock(t testing.TB, height int64, nodes ...*testNode) {
	t.Helper()
	for _, n := range nodes[1:] {
		a, b := nodes[0].blocks.LoadBlockMeta(height), n.blocks.LoadBlockMeta(height)
		if a == nil || b == nil || hex.EncodeToString(a.BlockID.Hash) != hex.EncodeToString(b.BlockID.Hash) {
			t.Fatalf("two nodes have different blocks at %d", height)
		}
	}
}

// TestNetwork commits transactions on four nodes, goes on with three, and lets the fourth return.
func TestNetwork(t *testing.T) {
	tn := startNetwork(t, 4)
	m := tn.members
	a := tn.nodes[0].write(t, m[0].rotation(t, "later"))
	b := tn.nodes[1].write(t, m[1].rotation(t, "later"))
	for _, node := range tn.nodes {
		waitHeight(t, node, b.Height+1)
		sameBlock(t, a.Height, tn.nodes[0], node)
		sameBlock(t, b.Height, tn.nodes[0], node)
		p := read(t, node.url, tn.network, ledger.KeyDID(m[0].did), ledger.KeyMembers())
		if p.Height < b.Height {
			t.Errorf("%s proves height %d", node.url, p.Height)
		}
	}

	tn.nodes[3].stop(t)
	c := tn.nodes[2].write(t, m[2].rotation(t, "later"))
	tn.start(t, tn.nodes[3])
	waitHeight(t, tn.nodes[3], c.Height+1)
	sameBlock(t, c.Height, tn.nodes[2], tn.nodes[3])
	// It votes again: without it, three of four could not do without another one.
	tn.nodes[0].stop(t)
	tn.nodes[3].write(t, m[3].rotation(t, "later"))
}

// TestFound makes one genesis from the same candidates in any order, and reads its files strictly.
func TestFound(t *testing.T) {
	w := newWorld(t, 3)
	var all []Candidate
	for i := range 3 {
		c := newTestNode(t).candidate(fmt.Sprintf("Gemeente %d", i+1), w.members[i])
		file, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseCandidate(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *read)
	}
	file := func(all ...Candidate) string {
		g, err := Found(testNetwork, all)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := g.File()
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if file(all...) != file(all[2], all[0], all[1]) {
		t.Error("the order of candidates makes another genesis")
	}
	if _, err := Found(testNetwork, append(all, all[0])); err == nil {
		t.Error("a candidate counts twice")
	}
	if _, err := Found(testNetwork, nil); err == nil {
		t.Error("a network without members")
	}
	dir := newTestNode(t).dir
	if err := Complete(dir, []byte(file(all...)), Settings{}); err != nil {
		t.Fatal(err)
	}
	if err := Complete(dir, []byte(file(all[0])), Settings{}); err == nil {
		t.Error("a node moved to another network")
	}
	if _, err := NewDir(dir); err == nil {
		t.Error("new keys over old ones")
	}
	if _, err := Start(t.Context(), Config{Dir: newTestNode(t).dir}); err == nil {
		t.Error("a directory without a network starts")
	}
}
