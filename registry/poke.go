package registry

import (
	"bytes"
	"sync"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// pokes makes CometBFT produce blocks now instead of at the next heartbeat. A node that was down finds a newest header
// as old as its sleep, and the time of a header is that of the commit before it: without two blocks at once, nothing it
// can prove would be fresh for up to 40 seconds.
//
// A poke is a transaction that only this node lets in, that no proposal takes up, and that is thrown out of the
// waiting list when enough blocks have come.
type pokes struct {
	mu   sync.Mutex
	left int
}

// pokeMark begins a poke. No transaction begins with it: a COSE_Sign1 begins with its tag.
var pokeMark = []byte("\x00poke")

func isPoke(raw []byte) bool { return bytes.HasPrefix(raw, pokeMark) }

// want asks for this many blocks.
func (p *pokes) want(blocks int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = max(p.left, blocks)
}

func (p *pokes) check() ledger.Code {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return ledger.Malformed
	}
	return ledger.OK
}

func (p *pokes) committed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = max(0, p.left-1)
}
