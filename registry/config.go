package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// Files of a node's directory.
const (
	genesisFile   = "genesis.json"
	configFile    = "node.toml"
	signerKeyFile = "keys/validator.json" // signs blocks
	nodeKeyFile   = "keys/node.json"      // identifies the node to its peers
	signerState   = "data/validator-state.json"
	dataDir       = "data"
	lockFile      = "lock"
)

// settings are what node.toml says.
type settings struct {
	Name      string   `toml:"name"`
	Listen    string   `toml:"listen"`
	Peers     []string `toml:"peers"`
	Heartbeat string   `toml:"heartbeat"`

	heartbeat time.Duration
}

const settingsText = `# One node of a registry. Every value may be left out.

# Name that other nodes show.
name = "zegel"

# Address for other nodes, as "tcp://0.0.0.0:26656". Empty: no other node can connect.
listen = ""

# Nodes to stay connected with, as "<node id>@<host>:<port>".
peers = []

# How often a block is made when nothing happens. It bounds how fresh a proof can be; all nodes should agree.
heartbeat = "20s"
`

func loadSettings(path string) (*settings, error) {
	s := settings{Name: "zegel", Heartbeat: "20s"}
	meta, err := toml.DecodeFile(path, &s)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: unknown setting %q", path, unknown[0])
	}
	if s.heartbeat, err = time.ParseDuration(s.Heartbeat); err != nil || s.heartbeat < 50*time.Millisecond || s.heartbeat > 20*time.Second {
		return nil, fmt.Errorf("%s: heartbeat %q is not between 50ms and 20s", path, s.Heartbeat)
	}
	return &s, nil
}

// cometConfig is how CometBFT runs here. What is not set from outside is set so on purpose.
func cometConfig(dir string, s *settings) *cfg.Config {
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
	c.P2P.FlushThrottleTimeout = 10 * time.Millisecond
	c.P2P.MaxNumInboundPeers = 64

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
	c.Consensus.TimeoutCommit = 10 * time.Millisecond
	c.Consensus.SkipTimeoutCommit = true
	c.Consensus.PeerGossipSleepDuration = 10 * time.Millisecond
	// Above 0 a validator that was killed refuses to start again. The lock file and checkSigner stand in for it.
	c.Consensus.DoubleSignCheckHeight = 0
	return c
}

// Init writes a new network with one validator, which its first member runs, into dir: keys, genesis, config. It refuses
// a directory that has one.
func Init(dir string, g Genesis) error {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("%q exists", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	// Made beside it and moved, so that there is never half a node.
	made := dir + ".new"
	if err := os.RemoveAll(made); err != nil {
		return err
	}
	for _, sub := range []string{"", "keys", dataDir} {
		if err := os.MkdirAll(filepath.Join(made, sub), 0o700); err != nil {
			return err
		}
	}
	signer := privval.NewFilePV(ed25519.GenPrivKey(), filepath.Join(made, signerKeyFile), filepath.Join(made, signerState))
	signer.Save()
	node := &p2p.NodeKey{PrivKey: ed25519.GenPrivKey()}
	if err := node.SaveAs(filepath.Join(made, nodeKeyFile)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, configFile), []byte(settingsText), 0o600); err != nil {
		return err
	}
	g.Members = slices.Clone(g.Members)
	g.Members[0].Validator = signer.Key.PubKey.Bytes()
	doc, err := g.document(time.Now())
	if err != nil {
		return err
	}
	if err := doc.SaveAs(filepath.Join(made, genesisFile)); err != nil {
		return err
	}
	for _, private := range []string{signerKeyFile, signerState, nodeKeyFile, genesisFile} {
		if err := os.Chmod(filepath.Join(made, private), 0o600); err != nil {
			return err
		}
	}
	return os.Rename(made, dir)
}

// check applies the rules of a first block to the genesis before anything is written.
func (g *Genesis) check() error {
	b := &block{network: g.Network, chainID: g.ChainID, time: time.Unix(0, 0), hashes: &hashCache{}}
	return g.write(newOverlay(&snapshot{}), b)
}

// document is CometBFT's genesis file.
func (g *Genesis) document(now time.Time) (*types.GenesisDoc, error) {
	state, err := g.encode()
	if err != nil {
		return nil, err
	}
	doc := &types.GenesisDoc{
		GenesisTime: now.UTC(), ChainID: g.ChainID, ConsensusParams: engineParams(defaultParameters()), AppState: state,
	}
	for i, m := range g.Members {
		if len(m.Validator) == 0 {
			continue
		}
		key := ed25519.PubKey(m.Validator)
		doc.Validators = append(doc.Validators, types.GenesisValidator{
			Address: key.Address(), PubKey: key, Power: validatorPower, Name: strconv.Itoa(i + 1),
		})
	}
	return doc, doc.ValidateAndComplete()
}

// loadSigner reads the validator's key and what it signed last. CometBFT's own loader ends the process on a bad file.
func loadSigner(dir string) (*privval.FilePV, error) {
	key, state := filepath.Join(dir, signerKeyFile), filepath.Join(dir, signerState)
	for path, into := range map[string]any{key: &privval.FilePVKey{}, state: &privval.FilePVLastSignState{}} {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := cmtjson.Unmarshal(data, into); err != nil {
			return nil, fmt.Errorf("%s: not readable", path)
		}
	}
	return privval.LoadFilePV(key, state), nil
}
