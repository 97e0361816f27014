package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// snapshot is the mirror at one header. It is never changed after it is published, but for the caches.
type snapshot struct {
	block  *types.LightBlock
	path   []*types.LightBlock // the way from the oldest header that a node still knows the way from
	height int64               // the newest block whose effects it shows
	time   time.Time

	items   map[string]ledger.BundleItem // every mirrored key, with its proof under the app hash
	docs    map[did.DID]*did.Document
	accs    map[did.DID][]trust.Accreditation
	anchors []trust.Anchor
	lists   map[string]*mirrored

	extra   *extra // proven on demand under the same app hash
	bundles sync.Map
}

// mirrored is a list with the bits under its proven root.
type mirrored struct {
	meta   ledger.ListMeta
	list   *statuslist.List
	hashes []byte // RFC 6962 leaf hashes of the chunks, 32 bytes each
}

// extra keeps values that are proven under the app hash of a snapshot but not mirrored.
type extra struct {
	mu    sync.Mutex
	items map[string]ledger.BundleItem
}

// maxExtra bounds what strangers can make us keep by naming DIDs that do not exist.
const maxExtra = 1024

func (x *extra) get(k ledger.Key) (ledger.BundleItem, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	it, ok := x.items[string(k)]
	return it, ok
}

func (x *extra) put(it ledger.BundleItem) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.items) < maxExtra {
		x.items[string(it.Key)] = it
	}
}

// errMoved: the state changed between two questions. Asking again helps.
var errMoved = errors.New("the registry moved on meanwhile")

// errBehind: a node answers about an older state than the mirror's.
var errBehind = errors.New("node is behind")

// maxBehind is how many blocks a header may be older than the newest before it is not even verified: each one costs a
// question.
const maxBehind = 8

// advance brings the mirror to the header at height or a newer one.
func (c *Client) advance(ctx context.Context, n *node, height int64) error {
	block, err := c.verify(ctx, height)
	if err != nil {
		return err
	}
	old := c.snap.Load()
	if old != nil && bytes.Equal(old.block.AppHash, block.AppHash) && bytes.Equal(old.block.ValidatorsHash, block.ValidatorsHash) {
		next := &snapshot{
			path: old.path, items: old.items, docs: old.docs, accs: old.accs, anchors: old.anchors, lists: old.lists, extra: old.extra,
		}
		c.publish(next, block)
		return nil
	}
	for range 5 {
		next, at, err := c.build(ctx, n, old, block)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return err
		}
		c.publish(next, at)
		return nil
	}
	return fmt.Errorf("%w: %v", ledger.ErrUnavailable, errMoved)
}

func (c *Client) publish(s *snapshot, block *types.LightBlock) {
	s.block, s.height, s.time = block, block.Height-1, block.Time.UTC()
	if err := c.save(block); err != nil {
		c.cfg.Logger.Error("keeping the trusted header", "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.halted.Load() {
		return
	}
	c.snap.Store(s)
	c.lastErr.Store(nil)
	close(c.moved)
	c.moved = make(chan struct{})
}

// build proves every mirrored key under one app hash and reads the values.
func (c *Client) build(ctx context.Context, n *node, old *snapshot, block *types.LightBlock) (*snapshot, *types.LightBlock, error) {
	s := &snapshot{items: map[string]ledger.BundleItem{}, extra: &extra{items: map[string]ledger.BundleItem{}}}
	keys := []ledger.Key{ledger.KeyIndex(), ledger.KeyAnchors()}
	if old != nil {
		keys = mirrorKeys(old.items)
	}
	var index *ledger.Index
	for {
		var err error
		if block, err = c.prove(ctx, n, s, block, keys); err != nil {
			return nil, nil, err
		}
		v := s.items[string(ledger.KeyIndex())].Value
		if len(v) == 0 {
			return nil, nil, fmt.Errorf("%w: no index at header %d", ledger.ErrUnproven, block.Height)
		}
		if index, err = ledger.DecodeIndex(v); err != nil {
			return nil, nil, err
		}
		keys = keys[:0]
		for _, k := range indexKeys(index) {
			if _, ok := s.items[string(k)]; !ok {
				keys = append(keys, k)
			}
		}
		if len(keys) == 0 {
			break
		}
	}
	wanted := map[string]ledger.BundleItem{}
	for _, k := range indexKeys(index) {
		wanted[string(k)] = s.items[string(k)]
	}
	s.items = wanted
	if err := c.read(ctx, n, old, s, index); err != nil {
		return nil, nil, err
	}
	return s, block, nil
}

func indexKeys(x *ledger.Index) []ledger.Key {
	keys := []ledger.Key{ledger.KeyIndex(), ledger.KeyAnchors()}
	for _, d := range x.DIDs {
		keys = append(keys, ledger.KeyDID(d), ledger.KeyAccreditations(d))
	}
	for _, uri := range x.Lists {
		keys = append(keys, ledger.KeyList(uri))
	}
	return keys
}

func mirrorKeys(items map[string]ledger.BundleItem) []ledger.Key {
	keys := make([]ledger.Key, 0, len(items))
	for _, k := range slices.Sorted(maps.Keys(items)) {
		keys = append(keys, ledger.Key(k))
	}
	return keys
}

// prove adds proven items to s. All have one app hash, that of the newest of their headers, which it returns. The
// questions are asked at once: one after the other, they would be about different states of a busy registry.
func (c *Client) prove(ctx context.Context, n *node, s *snapshot, block *types.LightBlock, keys []ledger.Key) (*types.LightBlock, error) {
	batches := slices.Collect(slices.Chunk(keys, keysPerProof))
	answers := make([][]*ledger.Bundle, len(batches))
	errs := make([]error, len(batches))
	var all sync.WaitGroup
	for i, batch := range batches {
		all.Go(func() { answers[i], errs[i] = c.split(ctx, n, batch) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, b := range slices.Concat(answers...) {
		at := b.Block()
		if at.Height < block.Height-maxBehind {
			return nil, errMoved
		}
		if !bytes.Equal(at.Hash(), block.Hash()) {
			var err error
			if at, err = c.verify(ctx, at.Height); err != nil {
				return nil, err
			}
		}
		if _, err := b.VerifyAt(at); err != nil {
			return nil, err
		}
		if !bytes.Equal(at.AppHash, block.AppHash) && (len(s.items) > 0 || at.Height < block.Height) {
			return nil, errMoved
		}
		if at.Height > block.Height {
			block = at
		}
		s.path = b.Path()
		for _, it := range b.Items() {
			s.items[string(it.Key)] = it
		}
	}
	for _, k := range keys {
		if _, ok := s.items[string(k)]; !ok {
			return nil, fmt.Errorf("%w: no answer about %v", ledger.ErrUnproven, k)
		}
	}
	return block, nil
}

// split asks for keys in as many questions as it takes for an answer to fit.
func (c *Client) split(ctx context.Context, n *node, keys []ledger.Key) ([]*ledger.Bundle, error) {
	b, err := c.proof(ctx, n, keys)
	status := answered(err)
	if len(keys) == 1 || !errors.Is(err, fetch.ErrTooLarge) && status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
		return []*ledger.Bundle{b}, err
	}
	first, err := c.split(ctx, n, keys[:len(keys)/2])
	if err != nil {
		return nil, err
	}
	second, err := c.split(ctx, n, keys[len(keys)/2:])
	return append(first, second...), err
}

// proof asks one node for a bundle that any holder can check: the way from the first header, or from our own root if
// that is no longer kept.
func (c *Client) proof(ctx context.Context, n *node, keys []ledger.Key) (*ledger.Bundle, error) {
	b, err := n.proof(ctx, keys, 1)
	if s := answered(err); (s == http.StatusNotFound || s == http.StatusGone) && c.cfg.Network.Height > 1 {
		b, err = n.proof(ctx, keys, c.cfg.Network.Height)
	}
	return b, err
}

// read decodes the proven values and brings the lists up to date. What has not changed is taken over.
func (c *Client) read(ctx context.Context, n *node, old, s *snapshot, index *ledger.Index) error {
	s.docs, s.accs, s.lists = map[did.DID]*did.Document{}, map[did.DID][]trust.Accreditation{}, map[string]*mirrored{}
	same := func(k ledger.Key) bool {
		return old != nil && bytes.Equal(old.items[string(k)].Value, s.items[string(k)].Value)
	}
	var err error
	if k := ledger.KeyAnchors(); same(k) {
		s.anchors = old.anchors
	} else if v := s.items[string(k)].Value; len(v) > 0 {
		if s.anchors, err = ledger.TrustAnchors(v); err != nil {
			return err
		}
	}
	for _, d := range index.DIDs {
		if k := ledger.KeyDID(d); same(k) {
			s.docs[d] = old.docs[d]
		} else if s.docs[d], err = readDocument(s.items[string(k)].Value, d); err != nil {
			return err
		}
		if k := ledger.KeyAccreditations(d); same(k) {
			s.accs[d] = old.accs[d]
		} else if v := s.items[string(k)].Value; len(v) > 0 {
			if s.accs[d], err = ledger.TrustAccreditations(v, d); err != nil {
				return err
			}
		}
	}
	candidates := map[string]*mirrored{}
	moved := false
	for _, uri := range index.Lists {
		v := s.items[string(ledger.KeyList(uri))].Value
		if len(v) == 0 {
			return fmt.Errorf("%w: list %s is in the index and not in the state", ledger.ErrUnproven, ledger.ListID(uri))
		}
		meta, err := ledger.DecodeList(v, uri)
		if err != nil {
			return err
		}
		have := c.candidates[uri]
		if old != nil && !matches(have, meta) {
			have = old.lists[uri]
		}
		if !matches(have, meta) {
			if have, err = fetchList(ctx, n, have, meta); err != nil {
				return err
			}
			candidates[uri] = have
		}
		if !matches(have, meta) {
			moved = true
			continue
		}
		s.lists[uri] = &mirrored{meta: *meta, list: have.list, hashes: have.hashes}
	}
	// A node has the bits of its newest state only, and its proofs are of the one before. On a busy registry they meet
	// when the bits are there first.
	c.candidates = candidates
	if moved {
		return errMoved
	}
	return nil
}

func readDocument(v []byte, d did.DID) (*did.Document, error) {
	if len(v) == 0 {
		return nil, fmt.Errorf("%w: %q is in the index and not in the state", ledger.ErrUnproven, d)
	}
	r, err := ledger.DecodeDID(v, d)
	if err != nil {
		return nil, err
	}
	return r.Document()
}

// matches reports whether the bits are those that the proven description is about.
func matches(have *mirrored, meta *ledger.ListMeta) bool {
	return have != nil && have.meta.Bits == meta.Bits && have.meta.Size == meta.Size && bytes.Equal(have.meta.Root, meta.Root)
}

// fetchList gets the bits that a node has now. Its meta has the root over them, which may be another than the one that
// was asked for. Only chunks whose hash differs from what we have are fetched, and each is held against its hash.
func fetchList(ctx context.Context, n *node, have *mirrored, meta *ledger.ListMeta) (*mirrored, error) {
	count := meta.Chunks()
	hashes, err := n.hashes(ctx, meta.URI, count)
	if err != nil {
		return nil, err
	}
	leaf := func(h []byte, i int) []byte { return h[i*32 : i*32+32] }
	leaves := make([][]byte, count)
	data := make([]byte, count*ledger.ChunkSize)
	var want []int
	for i := range leaves {
		leaves[i] = leaf(hashes, i)
		if have != nil && len(have.hashes) == len(hashes) && bytes.Equal(leaf(have.hashes, i), leaves[i]) {
			copy(data[i*ledger.ChunkSize:(i+1)*ledger.ChunkSize], have.list.Bytes()[i*ledger.ChunkSize:])
			continue
		}
		want = append(want, i)
	}
	for part := range slices.Chunk(want, ledger.MaxChunks) {
		got, err := n.chunks(ctx, meta.URI, part)
		if err != nil {
			return nil, err
		}
		for j, i := range part {
			chunk := got[j*ledger.ChunkSize : (j+1)*ledger.ChunkSize]
			if !bytes.Equal(ledger.ChunkHash(chunk), leaves[i]) {
				return nil, errMoved
			}
			copy(data[i*ledger.ChunkSize:], chunk)
		}
	}
	list, err := statuslist.FromBytes(meta.Bits, data)
	if err != nil {
		return nil, err
	}
	got := &mirrored{meta: *meta, list: list, hashes: hashes}
	got.meta.Root = ledger.ListRootOfHashes(leaves)
	return got, nil
}

// lookup returns a proven item under the app hash of a snapshot, or under a newer one if the registry moved on.
func (c *Client) lookup(ctx context.Context, s *snapshot, k ledger.Key) (ledger.BundleItem, error) {
	if it, ok := s.items[string(k)]; ok {
		return it, nil
	}
	if it, ok := s.extra.get(k); ok {
		return it, nil
	}
	b, at, err := c.ask(ctx, s, []ledger.Key{k})
	if err != nil {
		return ledger.BundleItem{}, err
	}
	it := b.Items()[0]
	if bytes.Equal(at.AppHash, s.block.AppHash) {
		s.extra.put(it)
	}
	return it, nil
}

// ask gets a bundle of exactly these keys from the first node that gives a provable one, not older than the snapshot.
func (c *Client) ask(ctx context.Context, s *snapshot, keys []ledger.Key) (*ledger.Bundle, *types.LightBlock, error) {
	var last error
	for i := range c.nodes {
		n := c.nodes[(int(c.first.Load())+i)%len(c.nodes)]
		b, err := c.proof(ctx, n, keys)
		if err != nil {
			last = err
			continue
		}
		if b.Block().Height < s.block.Height-maxBehind {
			last = errBehind
			continue
		}
		at, err := c.verify(ctx, b.Block().Height)
		if err != nil {
			return nil, nil, err
		}
		if at.Height < s.block.Height && !bytes.Equal(at.AppHash, s.block.AppHash) {
			last = errBehind
			continue
		}
		p, err := b.VerifyAt(at)
		for _, k := range keys {
			if err == nil {
				_, _, err = p.Value(k)
			}
		}
		if err != nil {
			last = err
			continue
		}
		return b, at, nil
	}
	if errors.Is(last, ledger.ErrUnproven) {
		return nil, nil, last
	}
	return nil, nil, fmt.Errorf("%w: %v", ledger.ErrUnavailable, last)
}
