package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// reader reads one state for display.
type reader struct {
	*overlay
	s *snapshot
}

func (n *Node) reader() *reader {
	s := n.app.state.snapshot()
	return &reader{overlay: newOverlay(s), s: s}
}

// at is the time for which the state is shown: that of its block, so that an answer follows from its height.
func (r *reader) at() int64 { return r.s.time.Unix() }

func (r *reader) proposalIDs() [][]byte {
	var ids [][]byte
	r.load(ledger.KeyProposals(), &ids)
	return ids
}

func (r *reader) proposal(id []byte) *ledger.Proposal {
	var p ledger.Proposal
	if !r.load(ledger.KeyProposal(id), &p) {
		return nil
	}
	return &p
}

// proposals returns those in the state, the newest first.
func (r *reader) proposals() []*ledger.Proposal {
	var all []*ledger.Proposal
	for _, id := range slices.Backward(r.proposalIDs()) {
		if p := r.proposal(id); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// inForce returns the stops that count now, the widest first.
func (r *reader) inForce() []ledger.Stop {
	width := map[ledger.Grade]int{ledger.StopEverything: 0, ledger.StopWrites: 1, ledger.StopAccreditation: 2}
	var now []ledger.Stop
	for _, s := range r.stops() {
		if s.InForce(r.at()) {
			now = append(now, s)
		}
	}
	slices.SortStableFunc(now, func(a, b ledger.Stop) int { return width[a.Grade] - width[b.Grade] })
	return now
}

func (r *reader) list(uri string) *ledger.ListMeta {
	var m ledger.ListMeta
	if !r.load(ledger.KeyList(uri), &m) {
		return nil
	}
	return &m
}

// blockInfo is what is shown of a block.
type blockInfo struct {
	height   int64
	time     time.Time
	hash     string
	proposer string // address, upper-case hex as everywhere in the engine
	kinds    map[ledger.Kind]int
	txs      int
	signers  map[string]bool // addresses of its validators: whether they signed it
	signed   int
}

func (b *blockInfo) hint() ledger.BlockHint {
	return ledger.BlockHint{
		Height: b.height, Time: b.time.UTC().Format(time.RFC3339Nano), Hash: b.hash, Proposer: strings.ToLower(b.proposer),
		Transactions: b.txs, Kinds: b.kinds, Signed: b.signed, Validators: len(b.signers),
	}
}

// blockCache remembers blocks that do not change any more.
type blockCache struct {
	mu       sync.Mutex
	new, old map[int64]*blockInfo
}

const blockCacheSize = 1024

// block returns what is shown of a block. One at a time is read from disk, so that strangers who page through the past
// cost one processor at most.
func (n *Node) block(height int64) (*blockInfo, error) {
	c := &n.shown
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, generation := range []map[int64]*blockInfo{c.new, c.old} {
		if b := generation[height]; b != nil {
			return b, nil
		}
	}
	b, final, err := n.loadBlock(height)
	if err != nil || !final {
		return b, err
	}
	if c.new == nil || len(c.new) >= blockCacheSize {
		c.old, c.new = c.new, map[int64]*blockInfo{}
	}
	c.new[height] = b
	return b, nil
}

// loadBlock reads a block. It is final once the next block tells who signed it.
func (n *Node) loadBlock(height int64) (b *blockInfo, final bool, err error) {
	if height < n.blocks.Base() {
		return nil, false, errGone
	}
	meta := n.blocks.LoadBlockMeta(height)
	if meta == nil {
		return nil, false, errNone
	}
	b = &blockInfo{
		height: height, time: meta.Header.Time, hash: hex.EncodeToString(meta.BlockID.Hash), proposer: meta.Header.ProposerAddress.String(),
		txs: meta.NumTxs, signers: map[string]bool{},
	}
	commit := n.blocks.LoadBlockCommit(height)
	final = commit != nil
	if !final {
		commit = n.blocks.LoadSeenCommit(height)
	}
	validators, err := n.states.LoadValidators(height)
	if err != nil {
		return nil, false, fmt.Errorf("validators at height %d: %w", height, err)
	}
	for i, v := range validators.Validators {
		signed := commit != nil && i < len(commit.Signatures) && commit.Signatures[i].BlockIDFlag == types.BlockIDFlagCommit
		if b.signers[v.Address.String()] = signed; signed {
			b.signed++
		}
	}
	if meta.NumTxs > 0 {
		whole := n.blocks.LoadBlock(height)
		if whole == nil {
			return nil, false, errGone
		}
		b.kinds = map[ledger.Kind]int{}
		for _, tx := range whole.Txs {
			kind, err := ledger.KindOf(tx)
			if err != nil {
				return nil, false, fmt.Errorf("block %d: %w", height, err)
			}
			b.kinds[kind]++
		}
	}
	return b, final, nil
}

// lastBlocks returns at most limit blocks below before, the newest first; before 0 is the newest.
func (n *Node) lastBlocks(before int64, limit int) ([]*blockInfo, error) {
	newest := n.app.state.snapshot().height
	if before <= 0 || before > newest {
		before = newest + 1
	}
	var all []*blockInfo
	for h := before - 1; h >= max(1, n.blocks.Base()) && len(all) < limit; h-- {
		b, err := n.block(h)
		if err == errNone || err == errGone {
			break // deleted under our hands
		}
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// signWindow is over how many blocks it is counted who signs.
const signWindow = 100

// signing returns for each address how many of the last blocks it was to sign, and did. The newest block is left out:
// late signatures for it may still come.
func (n *Node) signing() (was, did map[string]int, err error) {
	blocks, err := n.lastBlocks(n.app.state.snapshot().height, signWindow)
	was, did = map[string]int{}, map[string]int{}
	for _, b := range blocks {
		for address, signed := range b.signers {
			if was[address]++; signed {
				did[address]++
			}
		}
	}
	return was, did, err
}

// useCache remembers how many entries are set in a chunk, by its hash, so that counting a changed list costs its changed
// chunks.
type useCache struct {
	mu       sync.Mutex
	new, old map[useKey]int
}

type useKey struct {
	hash [sha256.Size]byte
	bits int
}

const useCacheSize = 1 << 16

func (c *useCache) count(key useKey, read func() ([]byte, error)) (int, error) {
	c.mu.Lock()
	count, known := c.new[key]
	if !known {
		count, known = c.old[key]
	}
	c.mu.Unlock()
	if known {
		return count, nil
	}
	chunk, err := read()
	if err != nil {
		return 0, err
	}
	count = entriesSet(chunk, key.bits)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.new == nil || len(c.new) >= useCacheSize {
		c.old, c.new = c.new, map[useKey]int{}
	}
	c.new[key] = count
	return count, nil
}

// entriesSet counts the entries that are not zero.
func entriesSet(chunk []byte, width int) int {
	set := 0
	for _, b := range chunk {
		switch width {
		case 1:
		case 2:
			b = (b | b>>1) & 0x55
		case 4:
			b |= b >> 1
			b = (b | b>>2) & 0x11
		default:
			b = min(b, 1)
		}
		set += bits.OnesCount8(b)
	}
	return set
}

// used returns how many entries of a list are set: revoked, suspended, or filled up.
func (n *Node) used(s *snapshot, m *ledger.ListMeta) (int, error) {
	key := ledger.KeyList(m.URI)
	hashes, err := chunkHashes(s, key, m, n.app.hashes)
	if err != nil {
		return 0, err
	}
	sum := 0
	for i, h := range hashes {
		if string(h) == string(emptyChunk) {
			continue
		}
		count, err := n.uses.count(useKey{[sha256.Size]byte(h), m.Bits}, func() ([]byte, error) { return chunkIn(s, key, i) })
		if err != nil {
			return 0, err
		}
		sum += count
	}
	return sum, nil
}
