package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// settle reads every acknowledged change from every node by proof: nothing is lost, nothing doubled.
func (l *load) settle(ctx context.Context, nodes []*node) error {
	for _, n := range nodes {
		// A node that lags a moment is asked again.
		for _, one := range l.lists {
			var wrong error
			err := until(ctx, func() bool {
				wrong = one.settle(ctx, n)
				return wrong == nil
			})
			if err != nil {
				return fmt.Errorf("%w: %w", err, wrong)
			}
		}
	}
	return nil
}

func (o *list) settle(ctx context.Context, n *node) error {
	proven, err := n.prove(ctx, ledger.KeyList(o.uri), ledger.KeySequence(o.did))
	if err != nil {
		return err
	}
	record, err := proven.Sequence(o.did)
	if err != nil {
		return err
	}
	if record.N != o.seq {
		return fmt.Errorf("node %d: %s: sequence %d, %d transactions were acknowledged", n.number, o.name, record.N, o.seq)
	}
	meta, err := proven.List(o.uri)
	if err != nil {
		return err
	}
	data, status, err := n.get(ctx, fmt.Sprintf("/v1/lists/%s/chunks?from=0&to=%d", ledger.ListID(o.uri), meta.Chunks()))
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("node %d: chunks of %s: status %d, %v", n.number, o.uri, status, err)
	}
	if !bytes.Equal(ledger.ListRoot(data), meta.Root) {
		return fmt.Errorf("node %d: the bits of %s are not the proven ones", n.number, o.uri)
	}
	var set []uint64
	for i := range uint64(listSize) {
		if data[i/8]>>(i%8)&1 == 1 {
			set = append(set, i)
		}
	}
	want := slices.Sorted(slices.Values(o.revoked))
	if !slices.Equal(set, want) {
		return fmt.Errorf("node %d: %s: %d entries are revoked, %d were acknowledged", n.number, o.uri, len(set), len(want))
	}
	return nil
}

// oneChain compares the headers of all blocks, up to the newest that all nodes have.
func oneChain(ctx context.Context, nodes []*node) (int64, error) {
	top := int64(-1)
	for _, n := range nodes {
		h := n.height(ctx)
		if h < 1 {
			return 0, fmt.Errorf("node %d does not answer", n.number)
		}
		if top < 0 || h < top {
			top = h
		}
	}
	for h := int64(1); h <= top; h++ {
		var first string
		for _, n := range nodes {
			hash, _, err := n.header(ctx, h)
			if err != nil {
				return 0, err
			}
			if first == "" {
				first = hash
			} else if hash != first {
				return 0, fmt.Errorf("FORK: at height %d node %d has block %s, node %d has %s", h, nodes[0].number, first, n.number, hash)
			}
		}
	}
	return top, nil
}

// pulse notes when the network makes blocks, as any of its nodes tells.
type pulse struct {
	cancel context.CancelFunc
	over   sync.WaitGroup

	mu     sync.Mutex
	height int64
	last   time.Time
	gap    time.Duration // longest between two blocks, since the last reset
	blocks int64
}

func (net *network) watch(ctx context.Context) *pulse {
	ctx, cancel := context.WithCancel(ctx)
	p := &pulse{cancel: cancel, last: time.Now()}
	for _, n := range net.nodes {
		p.over.Go(func() {
			for ctx.Err() == nil {
				ask, done := context.WithTimeout(ctx, 3*time.Second)
				var c ledger.Changes
				p.mu.Lock()
				after := p.height
				p.mu.Unlock()
				err := n.getJSON(ask, fmt.Sprintf("/v1/changes?after=%d&wait=2", after), &c)
				done()
				if err == nil {
					p.beat(c.Height)
					continue
				}
				select {
				case <-ctx.Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	return p
}

func (p *pulse) beat(height int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if height <= p.height {
		return
	}
	now := time.Now()
	p.gap = max(p.gap, now.Sub(p.last))
	p.blocks += height - p.height
	p.height, p.last = height, now
}

// reset begins to measure anew.
func (p *pulse) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gap, p.blocks, p.last = 0, 0, time.Now()
}

// longest is the longest time without a block since the reset, the one that lasts included.
func (p *pulse) longest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.gap, time.Since(p.last))
}

func (p *pulse) made() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.blocks
}

func (p *pulse) stop() {
	p.cancel()
	p.over.Wait()
}
