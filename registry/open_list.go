package registry

import (
	"bytes"
	"maps"
	"slices"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// A list that changes is open until its block ends: its entries change in memory, and the chunks, their hashes and the
// root are written once, however many transactions set entries. Whoever reads the list by its keys before that finds
// it settled.
type openList struct {
	key    ledger.Key
	meta   ledger.ListMeta // Root and Height are those of the last settling
	height int64           // of the last change
	pages  [][]byte        // nil: not read yet
	own    []bool          // pages that changed since the last settling, and that nobody else has
	dirty  []bool          // chunks that changed since then
	hashes *hashCache
	from   *overlay
}

// listChange is a change that was found good. It happens when its transaction is merged.
type listChange struct {
	list   *openList
	change *ledger.StatusChange
	height int64
}

// list opens a list; nil if there is none.
func (o *overlay) list(uri string, hashes *hashCache) *openList {
	for o.parent != nil {
		o = o.parent
	}
	key := ledger.KeyList(uri)
	if l := o.lists[string(key)]; l != nil {
		return l
	}
	l := &openList{key: key, hashes: hashes, from: o}
	if !o.load(key, &l.meta) {
		return nil
	}
	n := l.meta.Chunks()
	l.height, l.dirty = l.meta.Height, make([]bool, n)
	l.pages, l.own = make([][]byte, pages(n)), make([]bool, pages(n))
	if o.lists == nil {
		o.lists = map[string]*openList{}
	}
	o.lists[string(key)] = l
	return l
}

var zeroPage = make([]byte, pageChunks*ledger.ChunkSize)

// page returns a page to look at.
func (l *openList) page(p int) []byte {
	if l.pages[p] == nil {
		l.pages[p] = zeroPage[:min(pageChunks, len(l.dirty)-p*pageChunks)*ledger.ChunkSize]
		if stored := l.from.value(pageKey(l.key, p)); len(stored) == len(l.pages[p]) {
			l.pages[p] = stored
		}
	}
	return l.pages[p]
}

// chunk returns a chunk to look at.
func (l *openList) chunk(n int) []byte {
	return l.page(n / pageChunks)[n%pageChunks*ledger.ChunkSize:][:ledger.ChunkSize]
}

// per is how many entries a chunk has.
func (l *openList) per() uint64 { return uint64(8 * ledger.ChunkSize / l.meta.Bits) }

// judge says whether all entries of a change may be set.
func (l *openList) judge(c *ledger.StatusChange) *refusal {
	per := l.per()
	for i, index := range c.Indices {
		s := statuslist.Status(c.Values[i])
		if index >= l.meta.Size {
			return refuse(ledger.Malformed, "index %d, the list has %d", index, l.meta.Size)
		}
		if s > statuslist.Suspended || int(s) >= 1<<l.meta.Bits {
			return refuse(ledger.Policy, "index %d: status %d in a list of %d bits", index, s, l.meta.Bits)
		}
		if now := entry(l.chunk(int(index/per)), l.meta.Bits, index%per); now == statuslist.Invalid && s != now {
			return refuse(ledger.TerminalState, "index %d: revoked is for good", index)
		}
	}
	return nil
}

// set does what was judged.
func (l *openList) set(c *ledger.StatusChange, height int64) {
	per := l.per()
	for i, index := range c.Indices {
		n := int(index / per)
		if p := n / pageChunks; !l.own[p] {
			l.pages[p], l.own[p] = bytes.Clone(l.page(p)), true
		}
		at, shift, mask := place(l.meta.Bits, index%per)
		chunk := l.chunk(n)
		chunk[at] = chunk[at]&^mask | c.Values[i]<<shift
		l.dirty[n] = true
	}
	l.height = height
}

// settle writes what changed.
func (l *openList) settle() {
	if !slices.Contains(l.own, true) {
		return
	}
	o := l.from
	hashes, err := chunkHashes(unsettled{o}, l.key, &l.meta, l.hashes)
	if err != nil {
		o.fail(err)
		return
	}
	hashes = slices.Clone(hashes)
	for p, changed := range l.own {
		if !changed {
			continue
		}
		l.own[p] = false
		empty := true
		for n := p * pageChunks; n < min((p+1)*pageChunks, len(hashes)); n++ {
			if l.dirty[n] {
				hashes[n], l.dirty[n] = ledger.ChunkHash(l.chunk(n)), false
			}
			empty = empty && string(hashes[n]) == string(emptyChunk)
		}
		// What the state holds follows from the entries alone, and not from when the list was settled.
		key := string(pageKey(l.key, p))
		o.writes[key] = nil
		if !empty {
			o.writes[key] = l.pages[p]
		}
	}
	l.meta.Root, l.meta.Height = ledger.ListRootOfHashes(hashes), l.height
	l.hashes.put(l.meta.Root, hashes)
	value, err := ledger.Encode(l.meta)
	if err != nil {
		o.fail(err)
		return
	}
	o.writes[string(l.key)] = value
}

// settle writes the lists that are open.
func (o *overlay) settle() {
	for _, key := range slices.Sorted(maps.Keys(o.lists)) {
		o.lists[key].settle()
	}
}

// settleFor settles the list that a key is of.
func (o *overlay) settleFor(key []byte) {
	if name := listOf(key); name != "" {
		if l := o.lists[name]; l != nil {
			l.settle()
		}
	}
}

// close settles the list that a key is of and forgets it: the key is written by somebody else.
func (o *overlay) close(key string) {
	if l := o.lists[listOf(key)]; l != nil {
		l.settle()
		delete(o.lists, string(l.key))
	}
}

// listOf returns the key of the list that a key is of, or nothing.
func listOf[K string | []byte](key K) string {
	const list = len("lst/") + 32
	switch {
	case len(key) == list && key[0] == 'l' && string(key[:4]) == "lst/":
		return string(key)
	case len(key) > 1+list && key[0] == chunkKind[0]:
		return string(key[1 : 1+list])
	}
	return ""
}

// unsettled reads what was written, without settling.
type unsettled struct{ *overlay }

func (u unsettled) get(key []byte) ([]byte, error) { return u.stored(key) }
