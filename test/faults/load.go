package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

const keyID = "tx-1"

// writer is an organisation that writes to the registry through an outbox: one transaction after the other, sent again
// with the same bytes, to one node after the other, until its place in a block is proven.
type writer struct {
	name   string
	did    did.DID
	record ledger.DIDRecord
	key    ed25519.PrivateKey

	seq   uint64 // of the last transaction that is proven
	waits []wait
}

// wait is how long a transaction took from its first sending to its proof.
type wait struct {
	begun time.Time
	took  time.Duration
}

// sign makes the next transaction.
func (w *writer) sign(net *network, tx ledger.Tx) ([]byte, error) {
	tx.ChainID, tx.Sender, tx.Sequence, tx.ValidUntil = net.root.ChainID, w.did, w.seq+1, 1_000_000
	return ledger.Sign(&tx, keyID, w.key)
}

// write brings a transaction into a block, whatever happens to single nodes meanwhile.
func (w *writer) write(ctx context.Context, net *network, tx ledger.Tx) error {
	raw, err := w.sign(net, tx)
	if err != nil {
		return err
	}
	return w.deliver(ctx, net, raw, int(w.seq))
}

// deliver sends until the transaction is proven. A refusal is an error: everything here is meant to have its effect.
func (w *writer) deliver(ctx context.Context, net *network, raw []byte, first int) error {
	begun := time.Now()
	sum := sha256.Sum256(raw)
	var last string
	for try := 0; ; try++ {
		n := net.nodes[(first+try)%len(net.nodes)]
		done, refused, err := w.attempt(ctx, n, raw, sum[:])
		switch {
		case refused != "":
			return fmt.Errorf("%s: sequence %d refused by node %d: %s", w.name, w.seq+1, n.number, refused)
		case done:
			w.seq++
			w.waits = append(w.waits, wait{begun, time.Since(begun)})
			return nil
		case err != nil:
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: sequence %d is not in a block after %v: %s", w.name, w.seq+1, time.Since(begun).Round(time.Millisecond), last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// attempt sends the transaction to one node and asks that node for the proof. A node that is paused, cut off or dead says
// nothing in time.
func (w *writer) attempt(ctx context.Context, n *node, raw, hash []byte) (done bool, refused string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	answer, status, err := n.post(ctx, raw)
	if err != nil {
		return false, "", err
	}
	if answer.Code != ledger.OK && answer.Code != ledger.BadNonce && answer.Code != ledger.RateLimited {
		return false, fmt.Sprintf("status %d, code %d: %s", status, answer.Code, answer.Log), nil
	}
	if answer.Code == ledger.OK {
		if _, _, err := n.get(ctx, "/v1/tx/"+hex.EncodeToString(hash)+"?wait=3"); err != nil {
			return false, "", err
		}
	}
	proven, err := n.prove(ctx, ledger.KeySequence(w.did))
	if err != nil {
		return false, "", err
	}
	record, err := proven.Sequence(w.did)
	if err != nil {
		return false, "", err
	}
	switch {
	case record.N == w.seq+1 && bytes.Equal(record.Tx, hash):
		return true, "", nil
	case record.N > w.seq:
		return false, fmt.Sprintf("sequence %d is used by transaction %x", record.N, record.Tx), nil
	}
	return false, "", fmt.Errorf("node %d: code %d, proven sequence %d", n.number, answer.Code, record.N)
}

// post gives a transaction to the node.
func (n *node) post(ctx context.Context, raw []byte) (*ledger.TxAnswer, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.http+"/v1/tx", bytes.NewReader(raw))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/cose")
	resp, err := n.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	var a ledger.TxAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return nil, 0, err
	}
	return &a, resp.StatusCode, nil
}

// accredit lets the members give a new organisation the right to issue, by vote where there are several.
func (net *network) accredit(ctx context.Context, w *writer) error {
	if err := net.members[0].write(ctx, net, ledger.Tx{Kind: ledger.CreateDID, DID: &w.record}); err != nil {
		return err
	}
	a := &ledger.Accreditation{
		ID: "cards", Subject: w.did, Use: trust.Issue, Name: w.name, Types: []string{"urn:zegel:test:1"},
		From: time.Now().Add(-time.Hour).Unix(), Until: time.Now().AddDate(1, 0, 0).Unix(),
	}
	if len(net.members) == 1 {
		return net.members[0].write(ctx, net, ledger.Tx{Kind: ledger.Accredit, Accredit: a})
	}
	tx := ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{
		Action: ledger.Action{Accredit: a}, Until: time.Now().Add(24 * time.Hour).Unix(),
	}}
	raw, err := net.members[0].sign(net, tx)
	if err != nil {
		return err
	}
	if err := net.members[0].deliver(ctx, net, raw, 0); err != nil {
		return err
	}
	id := sha256.Sum256(raw)
	for _, m := range net.members[1:ledger.TwoThirds(len(net.members))] {
		if err := m.write(ctx, net, ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: id[:], Yes: true}}); err != nil {
			return err
		}
	}
	return nil
}

const listSize = 1 << 17

// list is a status list of a writer and the entries that are known to be revoked.
type list struct {
	*writer
	uri     string
	revoked []uint64 // acknowledged
}

// load changes status entries at a steady rate. What waits while the network stands still is caught up with afterwards.
type load struct {
	net    *network
	lists  []*list
	rate   float64 // changes a second, over all lists
	cancel context.CancelFunc
	over   sync.WaitGroup
	behind atomic.Int64 // changes that wait in the outboxes

	mu     sync.Mutex
	failed error
}

// issuers is how many organisations change status entries at the same time.
const issuers = 4

// newLoad makes the organisations and their lists.
func newLoad(ctx context.Context, net *network, rate float64) (*load, error) {
	l := &load{net: net, rate: rate}
	for i := range issuers {
		w, err := newWriter(fmt.Sprintf("Stichting Voorbeeld %d", i+1))
		if err != nil {
			return nil, err
		}
		if err := net.accredit(ctx, w); err != nil {
			return nil, err
		}
		one := &list{writer: w, uri: fmt.Sprintf("https://voorbeeld-%d.example/lists/1", i+1)}
		meta := &ledger.ListMeta{URI: one.uri, Bits: 1, Size: listSize, TTL: 300, Expiry: time.Now().AddDate(1, 0, 0).Unix()}
		if err := w.write(ctx, net, ledger.Tx{Kind: ledger.CreateList, CreateList: meta}); err != nil {
			return nil, err
		}
		l.lists = append(l.lists, one)
	}
	return l, nil
}

// start lets changes flow until stop.
func (l *load) start(ctx context.Context) {
	// Changes that are due are still delivered after stop, so that nothing is left in the middle.
	feed, cancel := context.WithCancel(ctx)
	l.cancel = cancel
	for _, one := range l.lists {
		due := make(chan struct{}, 1<<16)
		l.over.Go(func() {
			defer close(due)
			tick := time.NewTicker(time.Duration(float64(time.Second) * float64(len(l.lists)) / l.rate))
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					l.behind.Add(1)
					due <- struct{}{}
				case <-feed.Done():
					return
				}
			}
		})
		l.over.Go(func() {
			for range due {
				if err := one.revoke(ctx, l.net); err != nil {
					l.fail(err)
					return
				}
				l.behind.Add(-1)
			}
		})
	}
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
	l.cancel()
}

// stop ends the flow, waits until all that was due is proven, and returns what went wrong.
func (l *load) stop() error {
	l.cancel()
	l.over.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// acknowledged is how many changes are proven.
func (l *load) acknowledged() int {
	n := 0
	for _, one := range l.lists {
		n += len(one.revoked)
	}
	return n
}

// quantile returns a quantile of how long changes took that were sent first in this time. Only after stop.
func (l *load) quantile(q float64, from, to time.Time) time.Duration {
	var all []time.Duration
	for _, one := range l.lists {
		for _, w := range one.waits {
			if !w.begun.Before(from) && w.begun.Before(to) {
				all = append(all, w.took)
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

// revoke sets the next entry of the list, among others that stay valid.
func (o *list) revoke(ctx context.Context, net *network) error {
	change := &ledger.StatusChange{URI: o.uri, Values: make([]byte, ledger.StatusBatch)}
	// The lowest 63 indices are never given out: they fill up the batch.
	for i := range uint64(ledger.StatusBatch - 1) {
		change.Indices = append(change.Indices, i)
	}
	index := ledger.StatusBatch + uint64(len(o.revoked))*37%(listSize-ledger.StatusBatch)
	change.Indices = append(change.Indices, index)
	change.Values[ledger.StatusBatch-1] = 1
	if err := o.write(ctx, net, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change}); err != nil {
		return err
	}
	o.revoked = append(o.revoked, index)
	return nil
}
