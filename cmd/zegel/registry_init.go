package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/zegel-id/zegel/registry"
)

type registryInitCmd struct {
	Network  string   `help:"Name of the network." required:"" placeholder:"NAME"`
	Members  int      `help:"How many members." required:"" placeholder:"M"`
	Dir      string   `help:"Directory; each member gets one in it." default:"registry" type:"path"`
	Name     []string `help:"Name of a member; once for each." sep:"none"`
	Host     []string `help:"Host name of a member's node; once for each. Without: all on this machine, for development." sep:"none"`
	BasePort int      `help:"First port on this machine; each node takes two." default:"26656"`
	JSON     bool     `name:"json" help:"Print one JSON object."`
}

// Run makes every member's directory.
func (c *registryInitCmd) Run(ctx context.Context, out *output) error {
	switch {
	case c.Members < 1 || c.Members > 21:
		return &usageError{fmt.Sprintf("--members %d: a network has 1 to 21", c.Members)}
	case len(c.Name) != 0 && len(c.Name) != c.Members, len(c.Host) != 0 && len(c.Host) != c.Members:
		return &usageError{"--name and --host are given once for each member, or not at all"}
	case c.BasePort < 1 || c.BasePort+2*c.Members > 65535:
		return &usageError{fmt.Sprintf("--base-port %d", c.BasePort)}
	}
	var all []registry.Candidate
	var dirs []string
	for i := range c.Members {
		k := registryKeysCmd{
			Network: c.Network, Dir: filepath.Join(c.Dir, fmt.Sprintf("member-%d", i+1)), Name: fmt.Sprintf("Gemeente Voorbeeld %d", i+1),
			Address: fmt.Sprintf("127.0.0.1:%d", c.BasePort+2*i), HTTP: fmt.Sprintf("127.0.0.1:%d", c.BasePort+2*i+1), Dev: len(c.Host) == 0,
		}
		k.Listen, k.URL = "tcp://"+k.Address, "http://"+k.HTTP
		if len(c.Name) > 0 {
			k.Name = c.Name[i]
		}
		if len(c.Host) > 0 {
			k.Address, k.URL = net.JoinHostPort(c.Host[i], "26656"), "https://"+c.Host[i]
			k.Listen, k.HTTP = "tcp://0.0.0.0:26656", "127.0.0.1:8430"
		}
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return err
		}
		candidate, err := k.make(ctx)
		if err != nil {
			return err
		}
		all, dirs = append(all, *candidate), append(dirs, k.Dir)
	}
	genesis, network, err := found(c.Network, all)
	if err != nil {
		return &usageError{err.Error()}
	}
	for _, dir := range dirs {
		if err := complete(dir, genesis, network, all); err != nil {
			return err
		}
	}
	file := filepath.Join(c.Dir, createdNetwork)
	if err := write(file, network.Encode()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out.Stdout, map[string]any{"network": file, "members": dirs, "genesis_sha256": fmt.Sprintf("%x", sha256.Sum256(genesis))})
	}
	c.explain(out.Stdout, file, dirs)
	return nil
}

func (c *registryInitCmd) explain(w io.Writer, file string, dirs []string) {
	dev := ""
	fmt.Fprintf(w, "Founded the network %q with %d members. Network file for wallets and services: %s\n\n", c.Network, c.Members, file)
	if len(c.Host) == 0 {
		dev = " --dev"
		fmt.Fprintf(w, "It is for development: all nodes are on this machine, and production refuses its keys.\n\nStart each node:\n")
	} else {
		fmt.Fprintf(w, "All keys were made on this machine, so whoever has it could act for every member. For real use each member makes its own\nwith zegel registry keys, and all of them run zegel registry found.\n\n"+
			"Give each member its directory over a safe way, and remove it here. The recovery key in it goes to a safe place that is\nnot connected. Each member puts a proxy with TLS before its read interface and starts its node:\n")
	}
	for _, dir := range dirs {
		fmt.Fprintf(w, "  zegel registry start --config %s%s\n", filepath.Join(dir, nodeDir, nodeConfig), dev)
	}
	fmt.Fprintf(w, "\nA member reads and decides with its directory:\n  zegel registry members --dir %s%s\n", dirs[0], dev)
}
