package registry

import (
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// Limits of status lists.
const (
	maxListSize = 2 << 20 // bytes of one list: 16 million cards of one bit
	maxLifetime = 20 * 366 * 24 * 60 * 60
)

// createList makes a list in which every entry is valid.
func createList(o *overlay, t *transaction, b *block) *refusal {
	m := *t.CreateList
	if m.Root != nil || m.Height != 0 {
		return refuse(ledger.Malformed, "list %q holds what the chain sets", m.URI)
	}
	if err := m.Check(); err != nil {
		return refuseForm(err)
	}
	if m.Chunks() > maxListSize/ledger.ChunkSize {
		return refuse(ledger.TooLarge, "list of %d chunks", m.Chunks())
	}
	if m.Owner != "" && m.Owner != t.Sender {
		return refuse(ledger.Unauthorized, "%q cannot make a list for %q", t.Sender, m.Owner)
	}
	if !mayIssue(o, t, b) {
		return refuse(ledger.Unauthorized, "%q is not accredited to issue", t.Sender)
	}
	if m.Expiry <= b.seconds() || m.Expiry > b.seconds()+maxLifetime {
		return refuse(ledger.Policy, "list expires at %d", m.Expiry)
	}
	key := ledger.KeyList(m.URI)
	if o.value(key) != nil {
		return refuse(ledger.Conflict, "list %q exists", m.URI)
	}
	if o.value(goneKey(key)) != nil {
		return refuse(ledger.Conflict, "list %q existed and was retired", m.URI)
	}
	x := o.index()
	if int64(len(x.Lists)) >= o.parameters().Lists { // mirrors follow them all
		return refuse(ledger.TooLarge, "the network has %d lists", len(x.Lists))
	}
	at, _ := slices.BinarySearch(x.Lists, m.URI)
	x.Lists = slices.Insert(x.Lists, at, m.URI)
	o.store(ledger.KeyIndex(), x)

	hashes := make([][]byte, m.Chunks())
	for i := range hashes {
		hashes[i] = emptyChunk
	}
	m.Owner, m.Height, m.Root = t.Sender, b.height, ledger.ListRootOfHashes(hashes)
	b.hashes.put(m.Root, hashes)
	o.store(key, m)
	return nil
}

// setStatus sets entries of a list. Revoked is for good.
func setStatus(o *overlay, t *transaction, b *block) *refusal {
	c := t.SetStatus
	if n := len(c.Indices); n == 0 || n%ledger.StatusBatch != 0 || n != len(c.Values) {
		return refuse(ledger.Malformed, "%d entries, a change sets %d or a multiple", n, ledger.StatusBatch)
	}
	l := o.list(c.URI, b.hashes)
	switch {
	case l == nil:
		return refuse(ledger.UnknownObject, "list %q", c.URI)
	case l.meta.Owner != t.Sender:
		return refuse(ledger.Unauthorized, "list %q is not of %q", c.URI, t.Sender)
	case l.meta.Expiry <= b.seconds():
		return refuse(ledger.TerminalState, "list %q has expired", c.URI)
	}
	if r := l.judge(c); r != nil {
		return r
	}
	o.changes = append(o.changes, listChange{l, c, b.height})
	return nil
}

// entry reads one entry of a chunk.
func entry(chunk []byte, bits int, index uint64) statuslist.Status {
	at, shift, mask := place(bits, index)
	return statuslist.Status(chunk[at] & mask >> shift)
}

// place says where in a chunk an entry stands.
func place(bits int, index uint64) (at uint64, shift int, mask byte) {
	per := uint64(8 / bits)
	shift = int(index%per) * bits
	return index / per, shift, byte(1<<bits-1) << shift
}

// chunk returns a copy of one chunk.
func (o *overlay) chunk(list ledger.Key, n int) []byte {
	stored, err := chunkIn(o, list, n)
	if err != nil {
		o.fail(err)
	}
	return readChunk(stored)
}

func readChunk(stored []byte) []byte {
	chunk := make([]byte, ledger.ChunkSize)
	copy(chunk, stored)
	return chunk
}

var emptyChunk = ledger.ChunkHash(make([]byte, ledger.ChunkSize))

// chunkHashes returns the hashes of all chunks of a list; do not change them.
func chunkHashes(from view, list ledger.Key, m *ledger.ListMeta, cache *hashCache) ([][]byte, error) {
	if known := cache.get(m.Root); known != nil {
		return known, nil
	}
	hashes := make([][]byte, m.Chunks())
	for p := range pages(len(hashes)) {
		page, err := from.get(pageKey(list, p))
		if err != nil {
			return nil, err
		}
		for i := p * pageChunks; i < min((p+1)*pageChunks, len(hashes)); i++ {
			hashes[i] = emptyChunk
			if len(page) >= ledger.ChunkSize {
				hashes[i] = ledger.ChunkHash(page[:ledger.ChunkSize])
				page = page[ledger.ChunkSize:]
			}
		}
	}
	cache.put(m.Root, hashes)
	return hashes, nil
}

// hashCache remembers the chunk hashes under list roots, so that a change costs its changed chunks and not the list.
// What it says follows from the root alone, so it cannot make two nodes differ.
type hashCache struct {
	mu       sync.Mutex
	new, old map[[sha256.Size]byte][][]byte
}

// hashCacheSize is how many lists one of the two generations holds: at most 64 KiB each.
const hashCacheSize = 128

func (c *hashCache) get(root []byte) [][]byte {
	if len(root) != sha256.Size {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [sha256.Size]byte(root)
	if h, ok := c.new[key]; ok {
		return h
	}
	h, ok := c.old[key]
	if ok {
		c.insert(key, h)
	}
	return h
}

func (c *hashCache) put(root []byte, hashes [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert([sha256.Size]byte(root), hashes)
}

func (c *hashCache) insert(key [sha256.Size]byte, hashes [][]byte) {
	if c.new == nil || len(c.new) >= hashCacheSize {
		c.old, c.new = c.new, map[[sha256.Size]byte][][]byte{}
	}
	c.new[key] = hashes
}
