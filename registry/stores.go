package registry

import (
	"sync"

	cometdb "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
)

// openDB opens a store of CometBFT, which the node closes with it.
func (n *Node) openDB(ctx *cfg.DBContext) (cometdb.DB, error) {
	db, err := cfg.DefaultDBProvider(ctx)
	if err != nil {
		return nil, err
	}
	db = &quietDB{DB: db}
	n.stores = append(n.stores, db)
	return db, nil
}

// quietDB is a store that holds nothing any more once it is closed. CometBFT closes its stores while goroutines that tell
// peers of old blocks may still run, and panics when one of them cannot read.
type quietDB struct {
	cometdb.DB
	mu     sync.RWMutex
	closed bool
}

// Get returns nil for an absent key, and for every key after Close.
func (q *quietDB) Get(key []byte) ([]byte, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return nil, nil
	}
	return q.DB.Get(key)
}

// Has reports false for every key after Close.
func (q *quietDB) Has(key []byte) (bool, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return false, nil
	}
	return q.DB.Has(key)
}

// Close waits for reads that go on. It may be called again.
func (q *quietDB) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	return q.DB.Close()
}
