package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cosmos/iavl"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// treeCache is how many nodes of the tree are kept in memory.
const treeCache = 50_000

// State is the chain's state: one Merkle tree whose root is the app hash. Version and height are the same number.
//
// Writing is for the consensus thread alone. Readers take a [snapshot], which no write disturbs.
type State struct {
	db   dbm.DB
	tree *iavl.MutableTree
	// read is the same tree with nodes of its own. The tree that is written to changes fields of nodes that it has saved
	// already, to the values that they have, and that is a race with whoever reads them.
	read   *iavl.MutableTree
	newest atomic.Pointer[snapshot]

	mu   sync.Mutex
	held map[int64]int // versions that somebody reads for long, by how many

	trimmed atomic.Bool // something was deleted since the store was compacted
}

// snapshot is the state after one block.
type snapshot struct {
	height  int64
	changed int64     // the last height that changed the root, as far as needed: at least height-1 when unknown
	time    time.Time // of the block's header; zero until known
	root    []byte
	tree    *iavl.ImmutableTree // nil before the first block
}

// view is what transactions read from.
type view interface {
	// get returns nil for a key that is absent.
	get(key []byte) ([]byte, error)
}

func (s *snapshot) get(key []byte) ([]byte, error) {
	if s.tree == nil {
		return nil, nil
	}
	return s.tree.Get(key)
}

// openState loads the newest version that db holds.
func openState(db dbm.DB) (*State, error) {
	s := &State{db: db, held: map[int64]int{}}
	if half, err := db.Has(keyRestoring); err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	} else if half {
		if err := s.wipe(); err != nil {
			return nil, fmt.Errorf("remove half a state: %w", err)
		}
	}
	s.openTrees()
	if _, err := s.tree.Load(); err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	}
	if s.tree.Version() == 0 {
		s.newest.Store(&snapshot{})
		return s, nil
	}
	now, err := s.at(s.tree.Version())
	if err != nil {
		return nil, err
	}
	now.changed = now.height
	if now.height > 1 && s.tree.VersionExists(now.height-1) {
		before, err := s.at(now.height - 1)
		if err != nil && !errors.Is(err, iavl.ErrVersionDoesNotExist) { // as after a snapshot
			return nil, err
		}
		if err == nil && string(before.root) == string(now.root) {
			now.changed = before.height
		}
	}
	s.newest.Store(now)
	return s, nil
}

func (s *State) openTrees() {
	// The second index of values that the tree can keep is for many reads a block. It doubles the writes.
	s.tree = iavl.NewMutableTree(s.db, treeCache, true, iavl.NewNopLogger())
	s.read = iavl.NewMutableTree(s.db, treeCache, true, iavl.NewNopLogger())
}

func (s *State) at(height int64) (*snapshot, error) {
	tree, err := s.read.GetImmutable(height)
	if err != nil {
		return nil, fmt.Errorf("state at height %d: %w", height, err)
	}
	return &snapshot{height: height, root: tree.Hash(), tree: tree}, nil
}

// snapshot returns the state after the newest block.
func (s *State) snapshot() *snapshot { return s.newest.Load() }

// stage puts writes into the working tree and returns the root that it would have. It may be called again with other
// writes before save.
func (s *State) stage(writes map[string][]byte) ([]byte, error) {
	s.tree.Rollback()
	// The shape of the tree depends on the order of insertion.
	for _, key := range slices.Sorted(maps.Keys(writes)) {
		var err error
		if value := writes[key]; value == nil {
			_, _, err = s.tree.Remove([]byte(key))
		} else {
			_, err = s.tree.Set([]byte(key), value)
		}
		if err != nil {
			return nil, fmt.Errorf("write state: %w", err)
		}
	}
	return s.tree.WorkingHash(), nil
}

// save makes what was staged durable as the next version.
func (s *State) save(blockTime time.Time) (*snapshot, error) {
	root, height, err := s.tree.SaveVersion()
	if err != nil {
		return nil, fmt.Errorf("save state: %w", err)
	}
	now, err := s.at(height)
	if err != nil {
		return nil, err
	}
	if string(now.root) != string(root) {
		return nil, fmt.Errorf("state at height %d: root %x, saved as %x", height, now.root, root)
	}
	before := s.snapshot()
	now.time, now.changed = blockTime, before.changed
	if string(before.root) != string(root) {
		now.changed = height
	}
	s.newest.Store(now)
	return now, nil
}

// setTime tells the header time of the newest block after a restart. It is not part of the state, since a block without
// transactions must not change the root.
func (s *State) setTime(t time.Time) {
	now := *s.snapshot()
	now.time = t
	s.newest.Store(&now)
}

func (s *State) close() error {
	return errors.Join(s.read.Close(), s.tree.Close(), s.db.Close())
}

// overlay collects writes on top of a view.
type overlay struct {
	base   view
	writes map[string][]byte    // nil: removed
	lists  map[string]*openList // whose changes may not be in writes yet
	failed error                // of the store. Once set, nothing that was read counts

	parent  *overlay     // of a nested one: where its lists are open
	changes []listChange // of a nested one: made when it is merged
}

func newOverlay(base view) *overlay { return &overlay{base: base, writes: map[string][]byte{}} }

// nest returns an overlay for one transaction.
func (o *overlay) nest() *overlay { return &overlay{base: o, writes: map[string][]byte{}, parent: o} }

func (o *overlay) get(key []byte) ([]byte, error) {
	if len(o.lists) > 0 {
		o.settleFor(key)
	}
	return o.stored(key)
}

func (o *overlay) stored(key []byte) ([]byte, error) {
	if v, ok := o.writes[string(key)]; ok {
		return v, nil
	}
	return o.base.get(key)
}

// value is get for code that cannot do anything about a broken store: it goes on with "absent", and whoever uses the
// overlay's writes looks at failed first.
func (o *overlay) value(key []byte) []byte {
	v, err := o.get(key)
	if err != nil {
		o.fail(err)
		return nil
	}
	return v
}

func (o *overlay) fail(err error) {
	if o.failed == nil {
		o.failed = err
	}
}

func (o *overlay) set(key, value []byte) {
	o.close(string(key))
	o.writes[string(key)] = value
}

func (o *overlay) remove(key []byte) { o.set(key, nil) }

// load reads a record; it reports whether there is one.
func (o *overlay) load(key []byte, record any) bool {
	v := o.value(key)
	if v == nil {
		return false
	}
	if err := ledger.Decode(v, record); err != nil {
		o.fail(fmt.Errorf("state holds a bad record under %q: %w", key, err))
		return false
	}
	return true
}

func (o *overlay) store(key []byte, record any) {
	v, err := ledger.Encode(record)
	if err != nil {
		o.fail(fmt.Errorf("encode for %q: %w", key, err))
		return
	}
	o.set(key, v)
}

// merge takes over what a nested overlay did.
func (o *overlay) merge(nested *overlay) {
	if nested.failed != nil {
		o.fail(nested.failed)
		return
	}
	for key, value := range nested.writes {
		o.close(key)
		o.writes[key] = value
	}
	for _, c := range nested.changes {
		c.list.set(c.change, c.height)
	}
}
