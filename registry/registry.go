// Package registry is a node of the permissioned registry chain: an ABCI application on CometBFT, its state in one
// Merkle tree, and the public read interface under /v1.
//
// Start with [Init] and [Open]; serve [Node.Handler].
//
// It deliberately leaves out clients: what transactions and proofs look like is in pkg/ledger, how services follow in
// pkg/ledger/follow. The state holds organisations only, never a citizen.
package registry

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// Genesis is the first state of a network.
type Genesis struct {
	Network string // name in did:zegel:<name>:…
	ChainID string
	Members []ledger.DIDRecord // organisations that govern; each one's DID is computed with ledger.NewDID
	Anchors []ledger.Anchor
}

// Config of a node.
type Config struct {
	Dir    string // CometBFT home and state
	Listen string // p2p address, as "tcp://127.0.0.1:26656"; empty: a single node without p2p listener on a free loopback port
	Logger *slog.Logger
}

// Init writes a new single-validator network into dir: keys, genesis, config. It refuses a directory that has one.
func Init(dir string, g Genesis) error { panic("registry: not built yet") }

// Node is a running node.
type Node struct{}

// Open starts the node in dir and returns when it has committed its first block, or when ctx ends.
func Open(ctx context.Context, cfg Config) (*Node, error) { panic("registry: not built yet") }

// Close stops the node cleanly.
func (n *Node) Close() error { panic("registry: not built yet") }

// Handler serves the node's HTTP interface. Paths begin with /v1/; mount it with http.StripPrefix.
func (n *Node) Handler() http.Handler { panic("registry: not built yet") }

// Network returns the network file for the newest block with these node URLs.
func (n *Node) Network(nodes []string) (*ledger.Network, error) { panic("registry: not built yet") }

var _ ed25519.PrivateKey
