package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// Errors of reading.
var (
	errNotYet = errors.New("not provable yet") // later it may be
	errGone   = errors.New("no longer kept")
	errNone   = errors.New("no such block")
)

// proofWait is how long a question waits for the header that signs the newest state.
const proofWait = 2 * time.Second

// light returns a header with its commit and validator set.
func (n *Node) light(height int64) (*types.LightBlock, error) {
	if height < n.blocks.Base() && height > 0 {
		if raw := n.milestones.get(height); raw != nil {
			return ledger.DecodeLightBlock(raw)
		}
		return nil, errGone
	}
	meta := n.blocks.LoadBlockMeta(height)
	if meta == nil {
		return nil, errNone
	}
	// The commit that the next block carries is the same on every node. The newest block has only the one this node saw.
	commit := n.blocks.LoadBlockCommit(height)
	if commit == nil {
		commit = n.blocks.LoadSeenCommit(height)
	}
	if commit == nil {
		return nil, errNotYet
	}
	validators, err := n.states.LoadValidators(height)
	if err != nil {
		return nil, fmt.Errorf("validators at height %d: %w", height, err)
	}
	return &types.LightBlock{
		SignedHeader: &types.SignedHeader{Header: &meta.Header, Commit: commit},
		ValidatorSet: validators,
	}, nil
}

// encodedLight is a header with its commit and validator set as it travels.
type encodedLight struct {
	height  int64
	raw     []byte
	appHash []byte
	final   bool // its commit is the one that the next block carries, the same on every node
}

// lightCache remembers encoded headers: every proof carries one, and most carry the same.
type lightCache struct {
	mu       sync.Mutex
	newest   *encodedLight // not final
	new, old map[int64]*encodedLight
}

const lightCacheSize = 512

func (c *lightCache) get(n *Node, height int64) (*encodedLight, error) {
	final := n.blocks.Height() > height
	kept := height >= n.blocks.Base() // else what is remembered counts no more
	c.mu.Lock()
	known := c.new[height]
	if known == nil {
		known = c.old[height]
	}
	if known == nil && !final && c.newest != nil && c.newest.height == height {
		known = c.newest
	}
	c.mu.Unlock()
	if known != nil && kept {
		return known, nil
	}
	lb, err := n.light(height)
	if err != nil {
		return nil, err
	}
	e := &encodedLight{height: height, appHash: lb.AppHash, final: final}
	if e.raw, err = ledger.EncodeLightBlock(lb); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !final {
		c.newest = e
	}
	if !final || !kept {
		return e, nil
	}
	if c.new == nil || len(c.new) >= lightCacheSize {
		c.old, c.new = c.new, map[int64]*encodedLight{}
	}
	c.new[height] = e
	return e, nil
}

// prove returns values with their proofs, the header that signs them, and the way from a trusted height to it.
func (n *Node) prove(ctx context.Context, keys [][]byte, from int64) (*ledger.BundleContent, error) {
	s, header, err := n.provable(ctx)
	if err != nil {
		return nil, err
	}
	if from > header.height {
		return nil, errNotYet
	}
	b := &ledger.BundleContent{Version: 1, Items: make([]ledger.BundleItem, 0, len(keys)), Path: [][]byte{}}
	if b.Path, err = n.path(s, from, header.height); err != nil {
		return nil, err
	}
	b.Block = header.raw
	for _, key := range keys {
		item := ledger.BundleItem{Key: key}
		if item.Value, err = s.get(key); err != nil {
			return nil, err
		}
		proof, err := s.tree.GetProof(key)
		if err != nil {
			return nil, fmt.Errorf("prove %x: %w", key, err)
		}
		if item.Proof, err = proof.Marshal(); err != nil {
			return nil, err
		}
		b.Items = append(b.Items, item)
	}
	return b, nil
}

// provable returns the newest state and the header that signs it. The state of height H is signed by the header of H+1,
// which CometBFT makes at once when the root has changed. When it has not, the header of H itself holds the same root.
func (n *Node) provable(ctx context.Context) (*snapshot, *encodedLight, error) {
	s := n.app.state.snapshot()
	if s.height == 0 {
		return nil, nil, errNotYet
	}
	height := s.height
	if s.changed == s.height {
		height++
		ctx, cancel := context.WithTimeout(ctx, proofWait)
		defer cancel()
		if err := n.until(ctx, func() bool { return n.app.state.snapshot().height >= height }); err != nil {
			return nil, nil, errNotYet
		}
	}
	header, err := n.lights.get(n, height)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(header.appHash, s.root) {
		return nil, nil, fmt.Errorf("header %d carries root %x, the state %x", height, header.appHash, s.root)
	}
	return s, header, nil
}

// path returns the blocks on both sides of each change of validators between two heights. Within a set that stays the
// same, one header is checked by the one before however far they are apart.
func (n *Node) path(s *snapshot, from, to int64) ([][]byte, error) {
	path := [][]byte{}
	if from <= 0 {
		return path, nil
	}
	// The trusted block itself may be gone: who asks has its hash and its validators.
	o := newOverlay(s)
	turns := o.turns()
	if o.failed != nil {
		return nil, o.failed
	}
	last := from - 1 // a change right after it needs the trusted header itself
	for _, turn := range turns {
		for _, h := range []int64{turn - 1, turn} {
			if h <= last || h >= to {
				continue
			}
			lb, err := n.lights.get(n, h)
			if err != nil {
				return nil, err
			}
			path, last = append(path, lb.raw), h
		}
	}
	return path, nil
}

// list returns what is known of a status list in the newest state.
func (s *snapshot) list(id []byte) (*ledger.ListMeta, ledger.Key, error) {
	key := append(ledger.Key("lst/"), id...)
	var m ledger.ListMeta
	o := newOverlay(s)
	if !o.load(key, &m) {
		if o.failed != nil {
			return nil, nil, o.failed
		}
		return nil, nil, errNone
	}
	return &m, key, nil
}
