package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/registry"
)

type registryJoinCmd struct {
	Dir       string   `help:"Directory that keys made, or a new one for a node without an organisation." required:"" type:"path"`
	Genesis   string   `help:"Genesis file of the network, as its members have it." required:"" type:"existingfile" placeholder:"FILE"`
	Peers     []string `help:"Nodes to stay connected with, as ID@HOST:PORT, with commas or repeated." required:"" placeholder:"ID@HOST:PORT"`
	StateSync []string `help:"Nodes (base URLs) that vouch for a snapshot to start from, with commas or repeated. Without: read all blocks." placeholder:"URL"`
	Name      string   `help:"Name that other nodes show."`
	Listen    string   `help:"Address to listen on for other nodes."`
	HTTP      string   `name:"http" help:"Address to listen on for the read interface."`
	JSON      bool     `name:"json" help:"Print one JSON object."`
}

// Run completes the node.
func (c *registryJoinCmd) Run(out *output) error {
	genesis, err := os.ReadFile(c.Genesis)
	if err != nil {
		return err
	}
	g, err := registry.ReadGenesis(genesis)
	if err != nil {
		return &usageError{fmt.Sprintf("%s: %v", c.Genesis, err)}
	}
	for i, base := range c.StateSync {
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return &usageError{fmt.Sprintf("--state-sync %q is not a base URL, as https://registry.voorbeeldstad.example", base)}
		}
		c.StateSync[i] = strings.TrimRight(base, "/")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	node := filepath.Join(c.Dir, nodeDir)
	if _, err := registry.NewDir(node); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	settings, err := registry.LoadSettings(filepath.Join(node, nodeConfig))
	if errors.Is(err, fs.ErrNotExist) {
		settings, err = &registry.Settings{}, nil
	}
	if err != nil {
		return err
	}
	settings.Peers, settings.StateSync = c.Peers, c.StateSync
	for given, into := range map[string]*string{c.Name: &settings.Name, c.Listen: &settings.Listen, c.HTTP: &settings.HTTP} {
		if given != "" {
			*into = given
		}
	}
	if err := settings.Check(); err != nil {
		return &usageError{err.Error()}
	}
	if err := registry.Complete(node, genesis, *settings); err != nil {
		return err
	}
	if err := write(filepath.Join(c.Dir, genesisName), genesis); err != nil {
		return err
	}
	network, err := c.trust(g)
	if err != nil {
		return err
	}
	config := filepath.Join(node, nodeConfig)
	if c.JSON {
		return printJSON(out.Stdout, map[string]any{"config": config, "network": network, "genesis_sha256": fmt.Sprintf("%x", sha256.Sum256(genesis))})
	}
	dev := ""
	if g.Development {
		dev = " --dev"
	}
	fmt.Fprintf(out.Stdout, "The node follows the network once it is started: zegel registry start --config %s%s\nCompare the fingerprint of the genesis with a member:\n  %s\n", config, dev, fingerprint(genesis))
	if _, err := os.Stat(filepath.Join(c.Dir, candidateFile)); err == nil {
		fmt.Fprintf(out.Stdout, "It has no vote yet. A member proposes: zegel registry propose admit %s\n", candidateFile)
	}
	return nil
}

// trust gives the organisation's directory a network file that trusts the genesis, and asks the organisation's own node
// and those that vouch. One that is of this network stays: it may be newer. It returns where the file is.
func (c *registryJoinCmd) trust(g *registry.Genesis) (string, error) {
	path := filepath.Join(c.Dir, createdNetwork)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if old, err := ledger.ParseNetwork(data); err == nil && old.ChainID == g.ChainID {
		return path, nil
	}
	nodes := slices.Clone(c.StateSync)
	if data, err := os.ReadFile(filepath.Join(c.Dir, candidateFile)); err == nil {
		candidate, err := registry.ParseCandidate(data)
		if err != nil {
			return "", err
		}
		nodes = append(nodes, candidate.URL)
	}
	slices.Sort(nodes)
	network, err := g.NetworkFile(slices.Compact(nodes))
	if err != nil {
		return "", err
	}
	return path, write(path, network.Encode())
}
