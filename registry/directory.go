package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"

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
	networkFile   = "network.json" // may be there: what a node that joins trusts besides the genesis file
	milestonesDir = "data/milestones"
	snapshotsDir  = "data/snapshots"
)

// Keys are the public halves of a node's keys.
type Keys struct {
	Validator []byte // Ed25519; signs blocks once its owner has a vote
	NodeID    string // what peers know the node by, in hex
}

// NewDir makes the directory of a node with new keys and nothing else. It becomes a node with [Complete]. A directory
// that exists is an error that wraps [fs.ErrExist].
func NewDir(dir string) (Keys, error) {
	var keys Keys
	err := whole(dir, func(made string) (err error) {
		keys, err = newKeys(made)
		return err
	})
	return keys, err
}

// whole fills a directory beside the one that is wanted and moves it there, so that there is never half of it.
func whole(dir string, fill func(made string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("%q: %w", dir, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	made := dir + ".new"
	if err := os.RemoveAll(made); err != nil {
		return err
	}
	if err := os.MkdirAll(made, 0o700); err != nil {
		return err
	}
	if err := fill(made); err != nil {
		return errors.Join(err, os.RemoveAll(made))
	}
	return os.Rename(made, dir)
}

func newKeys(dir string) (Keys, error) {
	for _, sub := range []string{"keys", dataDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return Keys{}, err
		}
	}
	signer := privval.NewFilePV(ed25519.GenPrivKey(), filepath.Join(dir, signerKeyFile), filepath.Join(dir, signerState))
	signer.Save()
	node := &p2p.NodeKey{PrivKey: ed25519.GenPrivKey()}
	if err := node.SaveAs(filepath.Join(dir, nodeKeyFile)); err != nil {
		return Keys{}, err
	}
	for _, private := range []string{signerKeyFile, signerState, nodeKeyFile} {
		if err := os.Chmod(filepath.Join(dir, private), 0o600); err != nil {
			return Keys{}, err
		}
	}
	return Keys{Validator: signer.Key.PubKey.Bytes(), NodeID: string(node.ID())}, nil
}

// LoadKeys returns the public halves of the keys in a node's directory.
func LoadKeys(dir string) (Keys, error) {
	signer, err := loadSigner(dir)
	if err != nil {
		return Keys{}, err
	}
	node, err := loadNodeKey(dir)
	if err != nil {
		return Keys{}, err
	}
	return Keys{Validator: signer.Key.PubKey.Bytes(), NodeID: string(node.ID())}, nil
}

// Configure writes the settings of a node, with comments.
func Configure(dir string, s Settings) error {
	text, err := s.encode()
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, configFile), text)
}

// Complete makes a directory with keys a node of the network that a genesis file founds. It refuses a directory that is
// a node of another one; the same one gets the new settings.
func Complete(dir string, genesis []byte, s Settings) error {
	if _, err := LoadKeys(dir); err != nil {
		return err
	}
	if _, _, err := readGenesis(genesis); err != nil {
		return err
	}
	path := filepath.Join(dir, genesisFile)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && !bytes.Equal(old, genesis):
		return fmt.Errorf("%q is a node of another network", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := Configure(dir, s); err != nil {
		return err
	}
	return writeWhole(path, genesis)
}

// writeWhole writes a private file so that a crash leaves the old one or the new one.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Init writes a new network with one validator, which its first member runs, into dir: keys, genesis, config. It refuses
// a directory that exists.
func Init(dir string, g Genesis) error {
	return whole(dir, func(made string) error {
		if len(g.Members) == 0 {
			return errors.New("genesis: 0 members")
		}
		keys, err := newKeys(made)
		if err != nil {
			return err
		}
		g.Members = slices.Clone(g.Members)
		for i := range g.Members {
			g.Members[i].Validator = nil
		}
		g.Members[0].Validator = keys.Validator
		if g.Time.IsZero() {
			g.Time = time.Now()
		}
		file, err := g.File()
		if err != nil {
			return err
		}
		return Complete(made, file, Settings{})
	})
}

// loadSigner reads the validator's key and what it signed last. CometBFT's own loader ends the process on a bad file.
func loadSigner(dir string) (*privval.FilePV, error) {
	key, state := filepath.Join(dir, signerKeyFile), filepath.Join(dir, signerState)
	if err := checkPrivate(key); err != nil {
		return nil, err
	}
	for path, into := range map[string]any{key: &privval.FilePVKey{}, state: &privval.FilePVLastSignState{}} {
		help := ""
		if path == state {
			help = "; without what the validator signed last it could sign twice: see Backup and restore in docs/operate-registry.md"
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%w%s", err, help)
		}
		if err := cmtjson.Unmarshal(data, into); err != nil {
			return nil, fmt.Errorf("%s: not readable%s", path, help)
		}
	}
	return privval.LoadFilePV(key, state), nil
}

func loadNodeKey(dir string) (*p2p.NodeKey, error) {
	path := filepath.Join(dir, nodeKeyFile)
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	return p2p.LoadNodeKey(path)
}

// checkPrivate refuses a key file that others on the machine can read: a key that somebody may have is not the node's.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%s has mode %04o: others can read the key; chmod 600 it, and make a new one if somebody may have", path, mode)
	}
	return nil
}

// loadNetwork reads a network file; nil if there is none.
func loadNetwork(path string) (*ledger.Network, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := ledger.ParseNetwork(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}
