package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/web"
	"github.com/zegel-id/zegel/registry"
)

// nodeCmds found networks and run nodes.
type nodeCmds struct {
	Init    registryInitCmd    `cmd:"" group:"Run a node:" help:"Found a network for trying out: the directories of all members, on this machine."`
	Keys    registryKeysCmd    `cmd:"" group:"Run a node:" help:"Make the keys of an organisation and its node, and the file that the others need."`
	Found   registryFoundCmd   `cmd:"" group:"Run a node:" help:"Found a network from the files of all its members."`
	Join    registryJoinCmd    `cmd:"" group:"Run a node:" help:"Make a node that follows a network, with or without a vote."`
	Start   registryStartCmd   `cmd:"" group:"Run a node:" help:"Start a node and serve its read interface."`
	Network registryNetworkCmd `cmd:"" group:"Run a node:" help:"Make a newer network file from an older one."`
}

// Files of an organisation's directory beside those of did create.
const (
	candidateFile = "candidate.json"
	genesisName   = "genesis.json"
	nodeDir       = "node"
	nodeConfig    = "node.toml"
)

type registryKeysCmd struct {
	Network  string `help:"Name of the network, as in did:zegel:NAME:…" required:"" placeholder:"NAME"`
	Dir      string `help:"Directory of the organisation; it is made." required:"" type:"path"`
	Name     string `help:"Name of the organisation." required:""`
	Address  string `help:"Address at which other nodes reach this one." required:"" placeholder:"HOST:26656"`
	URL      string `name:"url" help:"Base URL at which everybody reaches its read interface; /v1 hangs below it." required:""`
	Listen   string `help:"Address to listen on for other nodes. Default: the port of --address on all addresses; with --dev on loopback." placeholder:"tcp://HOST:PORT"`
	HTTP     string `name:"http" help:"Address to listen on for the read interface. Default: 127.0.0.1:8430; with --dev that of --url." placeholder:"HOST:PORT"`
	Issuer   string `help:"Address of the organisation's issuer, for its DID document." placeholder:"URL"`
	Verifier string `help:"Address of the organisation's verifier, for its DID document." placeholder:"URL"`
	Dev      bool   `help:"Keys for development, which production refuses; loopback addresses only."`
	JSON     bool   `name:"json" help:"Print one JSON object."`
}

// Run makes the directory, or goes on where an earlier run was cut off.
func (c *registryKeysCmd) Run(ctx context.Context, out *output) error {
	candidate, err := c.make(ctx)
	if err != nil {
		return err
	}
	id, err := candidate.DID(c.Network)
	if err != nil {
		return err
	}
	file := filepath.Join(c.Dir, candidateFile)
	if c.JSON {
		return printJSON(out.Stdout, map[string]any{"dir": c.Dir, "candidate": file, "did": id, "node": candidate.Peer()})
	}
	fmt.Fprintf(out.Stdout, `Made %s, with the keys of %s (%s) and of its node.

Next:
1. Move %s to a safe place that is not connected, such as a printed copy in a vault. It is needed only when the other keys are lost.
2. Give %s to the other members. It holds nothing secret, but they must know that it is from you: compare the DID above, the
   validator's key and the file's fingerprint on the telephone. In a network that exists, each voter sees the first two.
   validator    %x
   fingerprint  %s
3. With the files of all members, everyone runs: zegel registry found --network %s --dir %s FILE...
   In a network that exists, a member proposes: zegel registry propose admit %s
   and the node follows with: zegel registry join --dir %s --genesis FILE --peers ...
`, c.Dir, candidate.Name, id, filepath.Join(c.Dir, createdRecovery), file, candidate.Validator, fingerprintOf(candidate), c.Network, c.Dir, candidateFile, c.Dir)
	return nil
}

func fingerprintOf(c *registry.Candidate) string {
	raw, err := c.Encode()
	if err != nil {
		return ""
	}
	return fingerprint(raw)
}

// fingerprint is SHA-256 in groups that people can read to each other.
func fingerprint(raw []byte) string {
	text := fmt.Sprintf("%x", sha256.Sum256(raw))
	var groups []string
	for part := range slices.Chunk([]byte(text), 8) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}

func (c *registryKeysCmd) make(ctx context.Context) (*registry.Candidate, error) {
	if c.Dev {
		u, err := url.Parse(c.URL)
		if err != nil || !loopback(u.Hostname()) {
			return nil, &usageError{fmt.Sprintf("--dev is for loopback addresses only, not --url %s", c.URL)}
		}
	}
	if _, err := did.Zegel(c.Network, "a"); err != nil {
		return nil, &usageError{fmt.Sprintf("--network %q: a name has small letters, digits and dashes, at most 32", c.Network)}
	}
	made := &didCreateCmd{Out: c.Dir, Issuer: c.Issuer, Verifier: c.Verifier}
	made.Dev = c.Dev
	var record *ledger.DIDRecord
	var err error
	if made.holds(memberFileName) && made.holds(createdRecord) { // of an earlier run
		record, err = readRecord(filepath.Join(c.Dir, createdRecord))
	} else {
		// No network file yet: it comes with the genesis.
		record, err = made.write(ctx, &reading{network: &ledger.Network{Name: c.Network, Nodes: []string{}}})
	}
	if err != nil {
		return nil, err
	}
	id, err := ledger.NewDID(c.Network, record)
	if err != nil {
		return nil, err
	}
	if member, err := loadMemberFile(c.Dir); err != nil || member.DID != string(id) {
		return nil, &usageError{fmt.Sprintf("%s holds the keys of %s, which is of another network", c.Dir, member.DID)}
	}
	path := filepath.Join(c.Dir, candidateFile)
	if data, err := os.ReadFile(path); err == nil {
		return registry.ParseCandidate(data)
	}
	node := filepath.Join(c.Dir, nodeDir)
	if _, err := registry.NewDir(node); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	keys, err := registry.LoadKeys(node)
	if err != nil {
		return nil, err
	}
	if err := registry.Configure(node, c.settings()); err != nil {
		return nil, &usageError{err.Error()}
	}
	candidate := &registry.Candidate{
		Name: c.Name, Record: *record, Validator: keys.Validator, NodeID: keys.NodeID, Address: c.Address, URL: strings.TrimRight(c.URL, "/"),
		Made: time.Now().UTC().Truncate(time.Second), Development: c.Dev,
	}
	raw, err := candidate.Encode()
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return candidate, write(path, raw)
}

// settings are those of the node, with what follows from its addresses where nothing was given.
func (c *registryKeysCmd) settings() registry.Settings {
	s := registry.Settings{Name: c.Name, Listen: c.Listen, HTTP: c.HTTP}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return s // the candidate's check says what is wrong
	}
	if !c.Dev {
		host = "0.0.0.0"
	}
	if s.Listen == "" {
		s.Listen = "tcp://" + net.JoinHostPort(host, port)
	}
	if s.HTTP == "" {
		s.HTTP = "127.0.0.1:8430"
		if u, err := url.Parse(c.URL); err == nil && c.Dev && u.Port() != "" {
			s.HTTP = u.Host
		}
	}
	return s
}

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

type registryFoundCmd struct {
	Network    string   `help:"Name of the network." required:"" placeholder:"NAME"`
	Dir        string   `help:"Directory that keys made." required:"" type:"existingdir"`
	Candidates []string `arg:"" help:"The files of all members, one's own too." type:"existingfile" placeholder:"FILE"`
	JSON       bool     `name:"json" help:"Print one JSON object."`
}

// Run computes the genesis and completes the node.
func (c *registryFoundCmd) Run(out *output) error {
	var all []registry.Candidate
	for _, path := range c.Candidates {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		candidate, err := registry.ParseCandidate(data)
		if err != nil {
			return &usageError{fmt.Sprintf("%s: %v", path, err)}
		}
		all = append(all, *candidate)
	}
	genesis, network, err := found(c.Network, all)
	if err != nil {
		return &usageError{err.Error()}
	}
	if err := complete(c.Dir, genesis, network, all); err != nil {
		return err
	}
	config := filepath.Join(c.Dir, nodeDir, nodeConfig)
	if c.JSON {
		return printJSON(out.Stdout, map[string]any{
			"network": filepath.Join(c.Dir, createdNetwork), "genesis": filepath.Join(c.Dir, genesisName), "genesis_sha256": fmt.Sprintf("%x", sha256.Sum256(genesis)), "config": config,
		})
	}
	fmt.Fprintf(out.Stdout, "Founded the network %q with %d members. The fingerprints of their files:\n", c.Network, len(all))
	for i := range all {
		fmt.Fprintf(out.Stdout, "   %s\n     %s\n", plain(all[i].Name), fingerprintOf(&all[i]))
	}
	dev := ""
	if all[0].Development {
		dev = " --dev"
	}
	fmt.Fprintf(out.Stdout, `
Next:
1. Compare the fingerprint of the genesis with every other member, on the telephone. It must be the same everywhere:
   %s
2. Start the node: zegel registry start --config %s%s
   Blocks come as soon as more than two thirds of the nodes are there.
3. Give %s to everyone who runs a wallet or a service. It is the only root of their trust.
`, fingerprint(genesis), config, dev, filepath.Join(c.Dir, createdNetwork))
	return nil
}

func found(name string, all []registry.Candidate) (genesis []byte, network *ledger.Network, err error) {
	g, err := registry.Found(name, all)
	if err != nil {
		return nil, nil, err
	}
	if genesis, err = g.File(); err != nil {
		return nil, nil, err
	}
	var nodes []string
	for _, c := range all {
		nodes = append(nodes, c.URL)
	}
	slices.Sort(nodes)
	network, err = g.NetworkFile(nodes)
	return genesis, network, err
}

// complete makes the node in an organisation's directory one of the network, connected with the nodes of all others.
func complete(dir string, genesis []byte, network *ledger.Network, all []registry.Candidate) error {
	node := filepath.Join(dir, nodeDir)
	keys, err := registry.LoadKeys(node)
	if err != nil {
		return err
	}
	settings, err := registry.LoadSettings(filepath.Join(node, nodeConfig))
	if err != nil {
		return err
	}
	settings.Peers = nil
	own := false
	for _, c := range all {
		if c.NodeID == keys.NodeID {
			own = true
		} else {
			settings.Peers = append(settings.Peers, c.Peer())
		}
	}
	if !own {
		return &usageError{fmt.Sprintf("none of the files is that of the node in %s; add %s", dir, filepath.Join(dir, candidateFile))}
	}
	slices.Sort(settings.Peers)
	if err := registry.Complete(node, genesis, *settings); err != nil {
		return err
	}
	if err := write(filepath.Join(dir, genesisName), genesis); err != nil {
		return err
	}
	return write(filepath.Join(dir, createdNetwork), network.Encode())
}

type registryStartCmd struct {
	Config string `help:"Configuration file of the node (node.toml)." type:"existingfile" placeholder:"FILE" xor:"where" required:""`
	Dir    string `help:"Directory of the node, or of the organisation that has it." type:"existingdir" xor:"where" required:""`
	Listen string `help:"Address of the read interface instead of the one in the configuration." placeholder:"HOST:PORT"`
	Dev    bool   `help:"Allow a network for development, on loopback addresses only."`

	WhileStdin bool `hidden:"" help:"Stop when standard input closes: the program that started this one has ended."`
}

// Run runs a node until it is told to stop. It answers at once, and says when it can prove its state.
func (c *registryStartCmd) Run(ctx context.Context, out *output) error {
	config := c.Config
	if config == "" {
		config = filepath.Join(c.Dir, nodeConfig)
		if _, err := os.Stat(config); errors.Is(err, fs.ErrNotExist) {
			config = filepath.Join(c.Dir, nodeDir, nodeConfig)
		}
	}
	if filepath.Base(config) != nodeConfig {
		return &usageError{fmt.Sprintf("--config %s: the file is %s, in the directory of its node", config, nodeConfig)}
	}
	settings, err := registry.LoadSettings(config)
	if err != nil {
		return err
	}
	if c.Listen == "" {
		c.Listen = settings.HTTP
	}
	if host, _, err := net.SplitHostPort(c.Listen); c.Dev && (err != nil || !loopback(host)) {
		return fmt.Errorf("setting http: --dev is for loopback addresses only, not %s", c.Listen)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if c.WhileStdin {
		go func() {
			_, _ = io.Copy(io.Discard, out.Stdin)
			stop()
		}()
	}
	log := slog.New(slog.NewJSONHandler(out.Stderr, nil))
	node, err := registry.Start(ctx, registry.Config{Dir: filepath.Dir(config), Logger: log, Dev: c.Dev})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return errors.Join(err, node.Close())
	}
	go func() {
		select {
		case <-node.Failed():
			stop()
		case <-ctx.Done():
		}
	}()
	go func() {
		if node.Ready(ctx) == nil {
			_ = printReady(out.Stdout, "http://"+l.Addr().String())
		}
	}()
	err = web.Serve(ctx, l, web.Secure(node.Handler(), log), log)
	return errors.Join(node.Err(), err, node.Close())
}

// printReady writes the line that programs wait for.
func printReady(w io.Writer, base string) error {
	if _, err := io.WriteString(w, "ready "); err != nil {
		return err
	}
	return printJSON(w, map[string]string{"registry": base})
}

type registryNetworkCmd struct {
	Network string   `help:"Network file that is trusted." required:"" type:"existingfile" placeholder:"FILE"`
	Node    []string `help:"Node to ask besides those of the file; may be repeated." placeholder:"URL" sep:"none"`
	Out     string   `help:"Where to write the new file. Default: standard output." type:"path" placeholder:"FILE"`
	Dev     bool     `help:"Development: plain http on loopback addresses."`
	JSON    bool     `name:"json" help:"Print one JSON object, and the file only with --out."`
}

// Run makes the new file.
func (c *registryNetworkCmd) Run(ctx context.Context, out *output) error {
	data, err := os.ReadFile(c.Network)
	if err != nil {
		return err
	}
	old, err := ledger.ParseNetwork(data)
	if err != nil {
		return &usageError{fmt.Sprintf("%s: %v", c.Network, err)}
	}
	if old.Development && !c.Dev {
		return &usageError{c.Network + " is of a development network; that takes --dev"}
	}
	for _, n := range c.Node {
		if n = strings.TrimRight(n, "/"); !slices.Contains(old.Nodes, n) {
			old.Nodes = append(old.Nodes, n)
		}
	}
	reader, err := follow.NewReader(follow.Config{Network: old, Fetch: &fetch.Client{Loopback: c.Dev, Private: true}, Now: time.Now}, 0)
	if err != nil {
		return &usageError{err.Error()}
	}
	file, same, err := reader.Newer(ctx)
	switch {
	case errors.Is(err, ledger.ErrExpired):
		return &memberFailure{category: ledger.Category(err), text: err.Error(), hint: "nothing leads from this file to today any more; get a new one from a member that you trust, by hand"}
	case err != nil:
		return &memberFailure{category: ledger.Category(err), text: err.Error()}
	}
	if c.Out == "" && !c.JSON {
		_, err := out.Stdout.Write(file.Encode())
		return err
	}
	if c.Out != "" {
		if err := write(c.Out, file.Encode()); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(out.Stdout, map[string]any{"height": file.Height, "hash": file.Hash, "time": file.Time, "nodes_with_this_header": same, "out": c.Out})
	}
	fmt.Fprintf(out.Stdout, "Wrote %s: its root is block %d of %s, which %d of %d nodes have.\n", c.Out, file.Height, file.Time.Format(time.RFC3339), len(same), len(old.Nodes))
	return nil
}
