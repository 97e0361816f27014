package town

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/registry"
)

// neighbourNames are made up. With each of them the registry of a town has one more member and one more validator.
var neighbourNames = []string{"Gemeente Proefdorp", "Gemeente Modelveen", "Gemeente Schijnhoven"}

// neighbour is another municipality that governs the registry of a town. Its node is a process of its own.
type neighbour struct {
	Name   string `json:"name"`
	Record []byte `json:"record"` // CBOR of the first DID record
	Listen int    `json:"listen"` // port for other nodes
	HTTP   int    `json:"http"`   // port of /v1

	dir    string
	record ledger.DIDRecord
	did    did.DID
	key    ed25519.PrivateKey
}

func (n *neighbour) url() string { return fmt.Sprintf("http://127.0.0.1:%d", n.HTTP) }

func (n *neighbour) writer() follow.Writer {
	return follow.Writer{DID: n.did, KeyID: registryKeyID, Key: n.key}
}

// foundNeighbours makes the keys of the other members.
func (p *papers) foundNeighbours(validators int) ([]*neighbour, error) {
	if err := os.RemoveAll(p.path("members")); err != nil {
		return nil, err
	}
	var all []*neighbour
	for i, name := range neighbourNames[:validators-1] {
		n := &neighbour{Name: name, dir: p.memberDir(i)}
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			return nil, err
		}
		public := map[string]ed25519.PublicKey{}
		for _, file := range []string{"registry-key.pem", "registry-next-key.pem", "recovery-key.pem"} {
			pub, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return nil, err
			}
			if err := office.SaveKey(filepath.Join(n.dir, file), key, true); err != nil {
				return nil, err
			}
			public[file] = pub
		}
		first, err := ledger.NewKeyRecord(registryKeyID, public["registry-key.pem"], did.CapabilityInvocation)
		if err != nil {
			return nil, err
		}
		record := ledger.DIDRecord{
			Keys:         []ledger.KeyRecord{first},
			NextKeyHash:  ledger.KeyHash(public["registry-next-key.pem"]),
			RecoveryHash: ledger.KeyHash(public["recovery-key.pem"]),
		}
		if n.Record, err = ledger.Encode(record); err != nil {
			return nil, err
		}
		if n.Listen, err = freePort(); err != nil {
			return nil, err
		}
		if n.HTTP, err = freePort(); err != nil {
			return nil, err
		}
		if _, err := registry.NewDir(filepath.Join(n.dir, "node")); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func (p *papers) memberDir(i int) string { return p.path(filepath.Join("members", fmt.Sprint(i+2))) }

// load reads what foundNeighbours made, and writes the files with which people act for the member.
func (n *neighbour) load(p *papers, i int) error {
	n.dir = p.memberDir(i)
	if err := ledger.Decode(n.Record, &n.record); err != nil {
		return fmt.Errorf("record: %v", err)
	}
	var err error
	if n.did, err = ledger.NewDID(networkName, &n.record); err != nil {
		return err
	}
	key, err := office.LoadKey(filepath.Join(n.dir, "registry-key.pem"), true)
	if err != nil {
		return err
	}
	n.key = key.(ed25519.PrivateKey)
	return writeMember(n.dir, p.path("network.json"), n.did)
}

// writeMember writes the file that the commands "zegel registry" read in a member's directory.
func writeMember(dir, network string, d did.DID) error {
	return writeFile(filepath.Join(dir, "member.toml"), fmt.Appendf(nil,
		"network = %q\ndid = %q\nkey = \"registry-key.pem\"\nnext_key = \"registry-next-key.pem\"\nrecovery_key = \"recovery-key.pem\"\n", network, d))
}

// freePort returns a loopback port that nobody uses. It lies below those that systems give to outgoing connections: the
// town keeps it, and must find it free at every start.
func freePort() (int, error) {
	for range 100 {
		r, err := rand.Int(rand.Reader, big.NewInt(22_000))
		if err != nil {
			return 0, err
		}
		port := 10_000 + int(r.Int64())
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// foundNodes makes the node directories of a registry with several members, each connected with all others.
func (p *papers) foundNodes(own string) error {
	if _, err := registry.NewDir(own); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dirs := []string{own}
	all := []registry.Candidate{{Name: tenantName, Record: p.record, Address: fmt.Sprintf("127.0.0.1:%d", p.listen), URL: p.origin + "/registry"}}
	for _, n := range p.neighbours {
		dirs = append(dirs, filepath.Join(n.dir, "node"))
		all = append(all, registry.Candidate{Name: n.Name, Record: n.record, Address: fmt.Sprintf("127.0.0.1:%d", n.Listen), URL: n.url()})
	}
	for i, dir := range dirs {
		keys, err := registry.LoadKeys(dir)
		if err != nil {
			return err
		}
		all[i].Validator, all[i].NodeID, all[i].Made, all[i].Development = keys.Validator, keys.NodeID, p.made, true
	}
	g, err := registry.Found(networkName, all)
	if err != nil {
		return err
	}
	g.Anchors = p.anchors()
	genesis, err := g.File()
	if err != nil {
		return err
	}
	for i, dir := range dirs {
		s := registry.Settings{Name: all[i].Name, Listen: "tcp://" + all[i].Address}
		if i > 0 {
			s.HTTP = strings.TrimPrefix(all[i].URL, "http://")
		}
		for j := range all {
			if j != i {
				s.Peers = append(s.Peers, all[j].Peer())
			}
		}
		if err := registry.Complete(dir, genesis, s); err != nil {
			return err
		}
	}
	return nil
}

// process is a neighbour's node that runs. It ends when its standard input closes, so also when this process is killed.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	ready chan struct{}
	done  chan struct{}
	err   error // why it ended; read it after done
	said  tail
}

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-1024):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

func (n *neighbour) start(program string, log *slog.Logger) (*process, error) {
	p := &process{name: n.Name, ready: make(chan struct{}), done: make(chan struct{})}
	p.cmd = exec.Command(program, "registry", "start", "--config", filepath.Join(n.dir, "node", "node.toml"), "--dev", "--while-stdin")
	p.cmd.Stderr = &p.said
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.stdin = stdin
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(stdout)
		said := false
		for lines.Scan() {
			if !said && strings.HasPrefix(lines.Text(), "ready ") {
				said = true
				close(p.ready)
			}
		}
		if p.err = p.cmd.Wait(); p.err != nil {
			log.Error("a node of the registry has ended", "member", p.name, "error", p.err, "said", p.said.String())
		}
	}()
	return p, nil
}

// wait waits until the node can prove its state.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		return fmt.Errorf("the node of %s ended: %v: %s", p.name, p.err, p.said.String())
	case <-ctx.Done():
		return fmt.Errorf("the node of %s is not ready: %w", p.name, ctx.Err())
	}
}

// patience is how long a node gets to end by itself.
const patience = 15 * time.Second

// close ends the process.
func (p *process) close() error {
	_ = p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	if p.err != nil {
		return fmt.Errorf("the node of %s: %w", p.name, p.err)
	}
	return nil
}

// openNodes starts the registry's nodes: the town's own in this process, the others in theirs.
func (t *Town) openNodes(ctx context.Context, dir string) error {
	if len(t.papers.neighbours) == 0 {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			if err := registry.Init(dir, t.papers.genesis()); err != nil {
				return err
			}
		}
	} else if err := t.papers.foundNodes(dir); err != nil {
		return err
	}
	program := t.opts.Program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	for _, n := range t.papers.neighbours {
		p, err := n.start(program, t.opts.Logger)
		if err != nil {
			return err
		}
		t.processes = append(t.processes, p)
	}
	var err error
	if t.node, err = registry.Start(ctx, registry.Config{Dir: dir, Logger: t.opts.Logger, Dev: true}); err != nil {
		return err
	}
	for _, p := range t.processes {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	return t.node.Ready(ctx)
}

// decide does something for which the members must agree: alone, or by a proposal and as many votes as it takes.
func (t *Town) decide(ctx context.Context, a *ledger.Accreditation) error {
	own := follow.Writer{DID: t.papers.did, KeyID: registryKeyID, Key: t.papers.registryKey}
	if len(t.papers.neighbours) == 0 {
		_, err := t.submit(ctx, own, ledger.Tx{Kind: ledger.Accredit, Accredit: a})
		return err
	}
	proposal, err := t.submit(ctx, own, ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{
		Action: ledger.Action{Accredit: a}, Until: t.opts.Now().Add(24 * time.Hour).Unix(), Why: "A sample accreditation of the town",
	}})
	if err != nil {
		return err
	}
	needed := ledger.TwoThirds(1 + len(t.papers.neighbours))
	for _, n := range t.papers.neighbours[:needed-1] {
		if _, err := t.submit(ctx, n.writer(), ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: proposal, Yes: true}}); err != nil {
			return fmt.Errorf("vote of %s: %w", n.Name, err)
		}
	}
	return nil
}
