package registry

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/BurntSushi/toml"
	cfg "github.com/cometbft/cometbft/config"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// Settings are what node.toml says. Their zero values are good for one node on one machine.
type Settings struct {
	Name      string   `toml:"name"`      // that other nodes show; empty: zegel
	Listen    string   `toml:"listen"`    // for other nodes, as "tcp://0.0.0.0:26656"; empty: none can connect
	HTTP      string   `toml:"http"`      // for everybody (/v1), as "127.0.0.1:8430", which is what empty means
	Peers     []string `toml:"peers"`     // as "<node id>@<host>:<port>"
	Heartbeat string   `toml:"heartbeat"` // empty: 20s

	RemoteSigner string `toml:"remote_signer"` // where a signer connects that keeps the validator's key; empty: it is in the directory

	SnapshotEvery string   `toml:"snapshot_every"` // empty: 24h
	Snapshots     int      `toml:"snapshots"`      // newest ones that are kept; 0: 2
	StateSync     []string `toml:"state_sync"`     // base URLs of nodes to take a snapshot over from; empty: read all blocks

	heartbeat, snapshotEvery time.Duration
}

// settingsText is node.toml. A setting that is added to [Settings] gets its comment here.
var settingsText = template.Must(template.New(configFile).Funcs(template.FuncMap{"toml": tomlValue}).Parse(
	`# One node of a registry. Every value may be left out.

# Name that other nodes show.
name = {{toml .Name}}

# Address for other nodes, as "tcp://0.0.0.0:26656". Empty: no other node can connect.
listen = {{toml .Listen}}

# Address of the read interface (/v1), for services, wallets and people. It is plain http: put a proxy with TLS before
# it if it can be reached from outside.
http = {{toml .HTTP}}

# Nodes to stay connected with, as "<node id>@<host>:<port>": those of all other members.
peers = [{{range .Peers}}
  {{toml .}},{{end}}{{if .Peers}}
{{end}}]

# How often a block is made when nothing happens. It bounds how fresh a proof can be; all nodes should agree.
heartbeat = {{toml .Heartbeat}}

# Address where a remote signer (any that speaks CometBFT's privval protocol) connects, as "tcp://127.0.0.1:26659" or
# "unix:///run/zegel/signer.sock". Whoever connects first is the signer, so only loopback addresses are allowed: one on
# another machine comes through a tunnel. Move keys/validator.json and data/validator-state.json to it; the node refuses to
# start while the key is still here. Empty: the key is in this directory.
remote_signer = {{toml .RemoteSigner}}

# How often the state is written to a snapshot, from which other nodes can start and this one can be restored. All nodes
# should agree, so that one that joins can take parts of the same snapshot from all of them.
snapshot_every = {{toml .SnapshotEvery}}

# How many of the newest snapshots are kept. One a month of the older ones is kept too, as long as blocks are.
snapshots = {{.Snapshots}}

# Only read while the node has no block: base URLs of nodes (/v1 hangs below them) that vouch for the snapshot to start
# from, as "https://registry.voorbeeldstad.example". Empty: read and check all blocks from the first, if others still have them.
state_sync = [{{range .StateSync}}
  {{toml .}},{{end}}{{if .StateSync}}
{{end}}]
`))

// tomlValue returns a string as TOML writes it.
func tomlValue(s string) (string, error) {
	var b strings.Builder
	err := toml.NewEncoder(&b).Encode(map[string]string{"v": s})
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "v = "), "\n"), err
}

func (s Settings) withDefaults() Settings {
	s.Name = cmp.Or(s.Name, "zegel")
	s.HTTP = cmp.Or(s.HTTP, "127.0.0.1:8430")
	s.Heartbeat = cmp.Or(s.Heartbeat, "20s")
	s.SnapshotEvery = cmp.Or(s.SnapshotEvery, "24h")
	s.Snapshots = cmp.Or(s.Snapshots, 2)
	return s
}

// encode returns node.toml with comments.
func (s Settings) encode() ([]byte, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := settingsText.Execute(&b, s)
	return b.Bytes(), err
}

// LoadSettings reads node.toml strictly and fills in what it leaves out.
func LoadSettings(path string) (*Settings, error) {
	var s Settings
	meta, err := toml.DecodeFile(path, &s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err) // callers look for a missing file
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: unknown setting %q", path, unknown[0].String())
	}
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &s, nil
}

// Check says what is wrong with settings that a person gives.
func (s Settings) Check() error {
	s = s.withDefaults()
	return s.check()
}

func (s *Settings) check() (err error) {
	if s.heartbeat, err = time.ParseDuration(s.Heartbeat); err != nil || s.heartbeat < 50*time.Millisecond || s.heartbeat > 20*time.Second {
		return fmt.Errorf("heartbeat %q is not between 50ms and 20s", s.Heartbeat)
	}
	if s.snapshotEvery, err = time.ParseDuration(s.SnapshotEvery); err != nil || s.snapshotEvery < time.Second || s.snapshotEvery > 30*24*time.Hour {
		return fmt.Errorf("snapshot_every %q is not between 1s and 720h", s.SnapshotEvery)
	}
	if s.Snapshots < 1 || s.Snapshots > 1000 {
		return fmt.Errorf("snapshots %d is not between 1 and 1000", s.Snapshots)
	}
	if s.Listen != "" {
		if _, port, err := net.SplitHostPort(strings.TrimPrefix(s.Listen, "tcp://")); err != nil || port == "" {
			return fmt.Errorf("listen %q is not as tcp://0.0.0.0:26656", s.Listen)
		}
	}
	if _, port, err := net.SplitHostPort(s.HTTP); err != nil || port == "" {
		return fmt.Errorf("http %q is not as 127.0.0.1:8430", s.HTTP)
	}
	if err := checkRemoteSigner(s.RemoteSigner); err != nil {
		return err
	}
	for _, peer := range s.Peers {
		// Not looked up here: a name that does not resolve at a start is one peer less.
		id, address, ok := strings.Cut(peer, "@")
		if err := checkNodeID(id); !ok || err != nil || checkAddress(address) != nil {
			return fmt.Errorf("peer %q is not as <node id>@<host>:<port>", peer)
		}
	}
	return nil
}

// cometConfig is how CometBFT runs here. What is not set from outside is set so on purpose.
func cometConfig(dir string, s *Settings) *cfg.Config {
	c := cfg.DefaultConfig()
	c.SetRoot(dir)
	c.Moniker = s.Name
	c.DBBackend = "goleveldb"
	c.DBPath = dataDir
	c.Genesis, c.PrivValidatorKey, c.PrivValidatorState, c.NodeKey = genesisFile, signerKeyFile, signerState, nodeKeyFile
	c.FilterPeers = false

	// The interface of CometBFT is open to abuse and proves less than /v1.
	c.RPC.ListenAddress = ""
	c.RPC.Unsafe = false
	c.Instrumentation.Prometheus = false

	// Nothing of a transaction lives on outside the blocks.
	c.TxIndex.Indexer = "null"
	c.Storage.DiscardABCIResponses = true

	c.P2P.AddrBook = filepath.Join(dataDir, "addrbook.json")
	c.P2P.PexReactor = false // the members know each other
	c.P2P.ListenAddress = s.Listen
	if s.Listen == "" {
		c.P2P.ListenAddress = "tcp://127.0.0.1:0"
	}
	c.P2P.PersistentPeers = strings.Join(s.Peers, ",")
	c.P2P.AllowDuplicateIP = true
	c.P2P.AddrBookStrict = false
	c.P2P.FlushThrottleTimeout = 2 * time.Millisecond
	c.P2P.MaxNumInboundPeers = 64

	c.StateSync.DiscoveryTime = 5 * time.Second
	c.StateSync.TempDir = filepath.Join(dir, dataDir) // chunks on their way take as much room as the state

	c.Mempool.Size = 5000
	c.Mempool.CacheSize = 10_000
	c.Mempool.MaxTxsBytes = 64 << 20
	c.Mempool.MaxTxBytes = ledger.MaxTxSize + 1024 // the application says "too large" itself

	c.Consensus.WalPath = filepath.Join(dataDir, "cs.wal", "wal")
	c.Consensus.CreateEmptyBlocks = true
	c.Consensus.CreateEmptyBlocksInterval = s.heartbeat
	c.Consensus.TimeoutPropose = time.Second
	c.Consensus.TimeoutProposeDelta = 250 * time.Millisecond
	c.Consensus.TimeoutPrevote = 250 * time.Millisecond
	c.Consensus.TimeoutPrevoteDelta = 100 * time.Millisecond
	c.Consensus.TimeoutPrecommit = 250 * time.Millisecond
	c.Consensus.TimeoutPrecommitDelta = 100 * time.Millisecond
	// A breath between blocks: under load it makes fewer and larger ones, each of which costs a path through the tree for
	// everything that it changes. A lone write does not wait for it, only the header that proves it.
	c.Consensus.TimeoutCommit = 25 * time.Millisecond
	c.Consensus.SkipTimeoutCommit = false
	c.Consensus.PeerGossipSleepDuration = 5 * time.Millisecond
	// Above 0 a validator that was killed refuses to start again. The lock file and checkSigner stand in for it.
	c.Consensus.DoubleSignCheckHeight = 0
	return c
}
