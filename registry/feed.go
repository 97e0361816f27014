package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// How much the feed remembers.
const (
	feedBlocks  = 4096
	feedResults = 8192
)

// feed tells readers what happened in the newest blocks. It is memory: what must last is in the state.
type feed struct {
	mu      sync.Mutex
	first   int64 // height of blocks[0]
	blocks  [][]string
	height  int64
	results map[[sha256.Size]byte]ledger.TxAnswer
	order   [][sha256.Size]byte
	stir    chan struct{} // closed and replaced when anything happens
	txs     int64         // executed since the node started
}

func newFeed() *feed {
	return &feed{first: 1, results: map[[sha256.Size]byte]ledger.TxAnswer{}, stir: make(chan struct{})}
}

// reset says that blocks up to height are there but not remembered.
func (f *feed) reset(height int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.first, f.blocks, f.height = height+1, nil, height
	f.wake()
}

func (f *feed) wake() {
	close(f.stir)
	f.stir = make(chan struct{})
}

func (f *feed) committed(s *snapshot, out *outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blocks, f.height = append(f.blocks, changedKeys(out.writes)), s.height
	if extra := len(f.blocks) - feedBlocks; extra > 0 {
		f.first += int64(extra)
		f.blocks = slices.Delete(f.blocks, 0, extra)
	}
	for i, r := range out.results {
		answer := ledger.TxAnswer{Hash: hex.EncodeToString(out.hashes[i][:]), Height: s.height}
		if r != nil {
			answer.Code, answer.Log = r.code, r.text
		}
		f.remember(out.hashes[i], answer)
	}
	f.txs += int64(len(out.results))
	f.wake()
}

// refused says that a waiting transaction has lost its chance.
func (f *feed) refused(name [sha256.Size]byte, r *refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.results[name]; ok && known.Height > 0 {
		return
	}
	f.remember(name, ledger.TxAnswer{Code: r.code, Log: r.text, Hash: hex.EncodeToString(name[:])})
	f.wake()
}

func (f *feed) remember(name [sha256.Size]byte, answer ledger.TxAnswer) {
	if _, known := f.results[name]; !known {
		f.order = append(f.order, name)
	}
	f.results[name] = answer
	for len(f.order) > feedResults {
		delete(f.results, f.order[0])
		f.order = f.order[1:]
	}
}

// forget makes room for a new attempt with a transaction that was refused before.
func (f *feed) forget(name [sha256.Size]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.results[name]; ok && known.Height == 0 {
		delete(f.results, name)
		f.order = slices.DeleteFunc(f.order, func(n [sha256.Size]byte) bool { return n == name })
	}
}

// result returns what became of a transaction, and a channel that closes at the next event.
func (f *feed) result(name [sha256.Size]byte) (ledger.TxAnswer, bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, ok := f.results[name]
	return answer, ok, f.stir
}

// changes returns the keys that changed above a height, and a channel that closes at the next event.
func (f *feed) changes(after int64) (ledger.Changes, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := ledger.Changes{Height: f.height, Keys: []string{}}
	if after >= f.height {
		return c, f.stir
	}
	if after+1 < f.first {
		c.Gap = true
		return c, f.stir
	}
	seen := map[string]bool{}
	for _, keys := range f.blocks[after+1-f.first:] {
		for _, k := range keys {
			if !seen[k] {
				seen[k] = true
				c.Keys = append(c.Keys, k)
			}
		}
	}
	return c, f.stir
}

func (f *feed) executed() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.txs
}
