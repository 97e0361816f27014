package registry

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/blocksync"
	cmt "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	bcproto "github.com/cometbft/cometbft/proto/tendermint/blocksync"
)

// wary is CometBFT's block sync with a memory. A node reads blocks until it is as high as the highest height that a
// connected peer claims. A peer that claims what nobody has is disconnected after 15 seconds of silence, comes back at
// once, claims it again, and so keeps a new node from ever taking part.
//
// So a claim counts only from the configured peers, if there are any, and not from one that failed before while another
// is there to ask.
type wary struct {
	*blocksync.Reactor
	configured map[p2p.ID]bool
	now        func() time.Time

	mu     sync.Mutex
	here   map[p2p.ID]int64 // connected and configured, with the height that it claims
	faults map[p2p.ID]fault
}

// fault is how badly a peer failed, and when the last time.
type fault struct {
	weight int
	at     time.Time
}

const (
	distrust    = 2               // a peer with faults of this weight is not asked
	distrustFor = 5 * time.Minute // since the last one
	far         = 100             // blocks above what all others claim: the peer had better have them
)

// watchSync puts block sync on its guard.
func watchSync(peers []string, now func() time.Time) cmt.Option {
	return func(n *cmt.Node) {
		const name = "BLOCKSYNC"
		inner, ok := n.Switch().Reactor(name).(*blocksync.Reactor)
		if !ok {
			return
		}
		w := &wary{Reactor: inner, configured: map[p2p.ID]bool{}, now: now, here: map[p2p.ID]int64{}, faults: map[p2p.ID]fault{}}
		for _, p := range peers {
			if id, _, ok := strings.Cut(p, "@"); ok {
				w.configured[p2p.ID(id)] = true
			}
		}
		cmt.CustomReactors(map[string]p2p.Reactor{name: w})(n)
	}
}

// AddPeer remembers who is there.
func (w *wary) AddPeer(peer p2p.Peer) {
	w.mu.Lock()
	if w.asks(peer.ID()) {
		w.here[peer.ID()] = 0
	}
	w.mu.Unlock()
	w.Reactor.AddPeer(peer)
}

// RemovePeer remembers why a peer went, if that was for what it sent or did not send in block sync.
func (w *wary) RemovePeer(peer p2p.Peer, reason any) {
	w.blamed(peer.ID(), reason)
	w.Reactor.RemovePeer(peer, reason)
}

// blamed notes what a reason to disconnect says about a peer that has gone.
func (w *wary) blamed(id p2p.ID, reason any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	claimed := w.here[id]
	delete(w.here, id)
	weight, is := blame(reason)
	if !is {
		return
	}
	if len(w.here) > 0 && claimed > slices.Max(slices.Collect(maps.Values(w.here)))+far {
		weight = distrust
	}
	f := w.faults[id]
	if w.now().Sub(f.at) > distrustFor {
		f.weight = 0
	}
	w.faults[id] = fault{f.weight + weight, w.now()}
}

// reasons are why block sync disconnects a peer, and how much that weighs. Silence is the peer's alone: it was asked for
// nothing that it had not claimed. Of two blocks that do not fit together one may be good, and a good peer can be slow.
var reasons = []struct {
	text   string
	weight int
}{
	{"peer did not send us anything", distrust},
	{"malformed blocksync message", distrust},
	{"reactor validation error", 1},
	{"unsolicited BlockResponse", 1},
	{"peer is not sending us data fast enough", 0},
}

// blame says whether a reason to disconnect is a fault in block sync, and its weight. CometBFT has no types for most.
func blame(reason any) (weight int, is bool) {
	err, ok := reason.(error)
	if !ok {
		return 0, false
	}
	for _, r := range reasons {
		if strings.Contains(err.Error(), r.text) {
			return r.weight, true
		}
	}
	return 0, false
}

// Receive leaves out claims that do not count.
func (w *wary) Receive(e p2p.Envelope) {
	if claim, is := e.Message.(*bcproto.StatusResponse); is && !w.counts(e.Src.ID(), claim.Height) {
		return
	}
	w.Reactor.Receive(e)
}

func (w *wary) asks(id p2p.ID) bool { return len(w.configured) == 0 || w.configured[id] }

func (w *wary) distrusted(id p2p.ID) bool {
	f, known := w.faults[id]
	return known && f.weight >= distrust && w.now().Sub(f.at) <= distrustFor
}

// counts says whether a claim counts, and remembers it.
func (w *wary) counts(id p2p.ID, height int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asks(id) {
		return false
	}
	if !w.distrusted(id) {
		if _, here := w.here[id]; here {
			w.here[id] = height
		}
		return true
	}
	for other := range w.here {
		if other != id && !w.distrusted(other) {
			return false
		}
	}
	return true
}
