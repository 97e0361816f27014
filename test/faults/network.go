package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/registry"
)

const networkName = "proef"

// network is a registry whose nodes are processes of their own, joined by links that can be disturbed.
type network struct {
	dir     string
	program string // zegel
	genesis []byte
	root    *ledger.Network // founded on the genesis
	nodes   []*node
	members []*writer
	links   mesh
}

// node is one process. A stopped one can be started again in its directory.
type node struct {
	net    *network
	number int
	dir    string
	keys   registry.Keys
	listen string // for other nodes
	http   string
	client *http.Client

	process *exec.Cmd
	ended   chan struct{}
	log     *os.File
}

// found makes the directories of a network of n members, each with a validator, and its links. Nothing runs yet.
func found(dir, program string, n int) (_ *network, err error) {
	net := &network{dir: dir, program: program}
	defer func() {
		if err != nil {
			net.close()
		}
	}()
	var candidates []registry.Candidate
	var targets []string
	for i := range n {
		w, err := newWriter(fmt.Sprintf("Gemeente Voorbeeld %d", i+1))
		if err != nil {
			return nil, err
		}
		net.members = append(net.members, w)
		node, err := net.newNode()
		if err != nil {
			return nil, err
		}
		net.nodes = append(net.nodes, node)
		targets = append(targets, node.listen)
		candidates = append(candidates, registry.Candidate{
			Name: w.name, Record: w.record, Validator: node.keys.Validator, NodeID: node.keys.NodeID, Address: node.listen,
			URL: "http://" + node.http, Made: time.Now().UTC().Truncate(time.Second),
		})
	}
	g, err := registry.Found(networkName, candidates)
	if err != nil {
		return nil, err
	}
	if net.genesis, err = g.File(); err != nil {
		return nil, err
	}
	net.root = &ledger.Network{Name: g.Network, ChainID: g.ChainID, Time: g.Time, Nodes: []string{}, Development: true}
	for _, m := range g.Members {
		net.root.Validators = append(net.root.Validators, ledger.NetworkValidator{PubKey: m.Validator, Power: 10})
	}
	if net.root, err = ledger.ParseNetwork(net.root.Encode()); err != nil {
		return nil, err
	}
	if net.links, err = newMesh(targets); err != nil {
		return nil, err
	}
	for _, node := range net.nodes {
		var peers []string
		for j, other := range net.nodes {
			if other != node {
				peers = append(peers, other.keys.NodeID+"@"+net.links[node.number][j].address())
			}
		}
		if err := node.complete(peers); err != nil {
			return nil, err
		}
	}
	return net, nil
}

// newNode makes a directory with keys and finds addresses.
func (net *network) newNode() (*node, error) {
	n := &node{net: net, number: len(net.nodes), client: &http.Client{Timeout: 40 * time.Second}}
	n.dir = filepath.Join(net.dir, fmt.Sprintf("node-%d", n.number))
	var err error
	if n.keys, err = registry.NewDir(n.dir); err != nil {
		return nil, err
	}
	if n.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	n.http, err = freeAddress()
	return n, err
}

func (n *node) complete(peers []string) error {
	return registry.Complete(n.dir, n.net.genesis, registry.Settings{
		Name: fmt.Sprint("node-", n.number), Listen: "tcp://" + n.listen, HTTP: n.http, Peers: peers, Heartbeat: "2s",
	})
}

// freeAddress returns a loopback address that nobody uses, below the ports that outgoing connections get.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no free port")
}

// start starts the process and does not wait for it.
func (n *node) start() error {
	log, err := os.OpenFile(n.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(n.net.program, "registry", "start", "--dir", n.dir, "--listen", n.http)
	cmd.Stderr, cmd.Stdout = log, log
	if err := cmd.Start(); err != nil {
		log.Close()
		return err
	}
	n.process, n.log, n.ended = cmd, log, make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		log.Close()
		close(n.ended)
	}()
	return nil
}

func (n *node) signal(s os.Signal) error {
	if n.process == nil {
		return fmt.Errorf("node %d does not run", n.number)
	}
	return n.process.Process.Signal(s)
}

// kill ends the process as a power cut would, and waits until it is gone.
func (n *node) kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-n.ended
	n.process = nil
	return nil
}

func (net *network) close() {
	for _, n := range net.nodes {
		if n.process != nil {
			_ = n.kill()
		}
	}
	net.links.close()
}

// startAll starts every node that does not run and waits until all prove their state.
func (net *network) startAll(ctx context.Context) error {
	for _, n := range net.nodes {
		if n.process == nil {
			if err := n.start(); err != nil {
				return err
			}
		}
	}
	for _, n := range net.nodes {
		if err := n.reach(ctx, 2); err != nil {
			return err
		}
	}
	return nil
}

// get asks the node something over HTTP.
func (n *node) get(ctx context.Context, path string) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.http+path, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return body, resp.StatusCode, err
}

func (n *node) getJSON(ctx context.Context, path string, into any) error {
	body, status, err := n.get(ctx, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("node %d: %s: status %d", n.number, path, status)
	}
	return json.Unmarshal(body, into)
}

// height is that of the node's newest block; -1 if it does not answer.
func (n *node) height(ctx context.Context) int64 {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var s ledger.NodeStatus
	if err := n.getJSON(ctx, "/v1/status", &s); err != nil {
		return -1
	}
	return s.Height
}

// reach waits until the node has a block.
func (n *node) reach(ctx context.Context, height int64) error {
	err := until(ctx, func() bool { return n.height(ctx) >= height })
	if err != nil {
		return fmt.Errorf("node %d at height %d does not reach %d: %w", n.number, n.height(context.WithoutCancel(ctx)), height, err)
	}
	return nil
}

// until asks again and again until the answer is yes.
func until(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// newest returns the height of the newest block that any of the nodes has.
func newest(ctx context.Context, nodes []*node) int64 {
	h := int64(-1)
	for _, n := range nodes {
		h = max(h, n.height(ctx))
	}
	return h
}

// prove reads keys from the node and checks the answer from the genesis on.
func (n *node) prove(ctx context.Context, keys ...ledger.Key) (*ledger.Proven, error) {
	path := fmt.Sprintf("/v1/proof?from=%d&key=", n.net.root.Height)
	for i, k := range keys {
		if i > 0 {
			path += ","
		}
		path += fmt.Sprintf("%x", []byte(k))
	}
	body, status, err := n.get(ctx, path)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("node %d: proof: status %d: %s", n.number, status, body)
	}
	b, err := ledger.ParseBundle(body)
	if err != nil {
		return nil, err
	}
	return b.Verify(n.net.root, time.Now(), 0)
}

// precommitted is BLOCK_ID_FLAG_COMMIT of CometBFT's protocol.
const precommitted = 2

// header returns the hash of a block's header, and the addresses of the validators whose precommits stand in its commit.
func (n *node) header(ctx context.Context, height int64) (hash string, signers []string, err error) {
	body, status, err := n.get(ctx, fmt.Sprintf("/v1/light/%d", height))
	if err != nil {
		return "", nil, err
	}
	if status != http.StatusOK {
		return "", nil, fmt.Errorf("node %d: header %d: status %d", n.number, height, status)
	}
	lb, err := ledger.DecodeLightBlock(body)
	if err != nil {
		return "", nil, err
	}
	for _, s := range lb.Commit.Signatures {
		if s.BlockIDFlag == precommitted {
			signers = append(signers, s.ValidatorAddress.String())
		}
	}
	return lb.Hash().String(), signers, nil
}

// address of the node's validator, as commits name it: the first 20 bytes of the SHA-256 of its key.
func (n *node) address() string { return fmt.Sprintf("%X", ledger.KeyHash(n.keys.Validator)[:20]) }

// votes waits until a block after this height carries the vote of the node, and returns how many blocks that took.
func (n *node) votes(ctx context.Context, witness *node, after int64) error {
	for h := after + 1; ; h++ {
		if err := witness.reach(ctx, h); err != nil {
			return err
		}
		_, signers, err := witness.header(ctx, h)
		if err != nil {
			return err
		}
		if slices.Contains(signers, n.address()) {
			return nil
		}
	}
}

// newWriter makes an organisation with fresh keys.
func newWriter(name string) (*writer, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	next, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	w := &writer{name: name, key: key}
	k, err := ledger.NewKeyRecord(keyID, key.Public(), did.CapabilityInvocation)
	if err != nil {
		return nil, err
	}
	w.record = ledger.DIDRecord{Keys: []ledger.KeyRecord{k}, NextKeyHash: ledger.KeyHash(next)}
	w.did, err = ledger.NewDID(networkName, &w.record)
	return w, err
}
