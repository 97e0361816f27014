package follow

import (
	"context"
	"strings"

	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Peer asks one node for what a node that joins needs. Nothing it returns is verified.
type Peer struct{ node *node }

// NewPeer returns the peer with this base URL. Error: the URL is not one that f may call.
func NewPeer(base string, f *fetch.Client) (*Peer, error) {
	base = strings.TrimRight(base, "/")
	if err := f.Check(base); err != nil {
		return nil, err
	}
	return &Peer{&node{base: base, fetch: f}}, nil
}

func (p *Peer) String() string { return p.node.base }

// LightBlock returns the header of a height with its commit and validators.
func (p *Peer) LightBlock(ctx context.Context, height int64) (*types.LightBlock, error) {
	return p.node.lightBlock(ctx, height)
}

// Proof returns values with the headers that lead to them from a height.
func (p *Peer) Proof(ctx context.Context, keys []ledger.Key, from int64) (*ledger.Bundle, error) {
	return p.node.proof(ctx, keys, from)
}
