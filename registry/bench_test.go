package registry

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// BenchmarkSetStatus is one transaction of 64 entries in a list of a million, from CheckTx to a saved block.
func BenchmarkSetStatus(b *testing.B) {
	w := newWorld(b, 1)
	c := newChain(b, w)
	m := w.members[0]
	const uri = "https://voorbeeldstad.example/lists/1"
	list := w.list(uri, 1)
	list.CreateList.Size = 1 << 20
	c.must(m.sign(b, w.accreditation(m.did, "cards", trust.Issue)), m.sign(b, list))
	var txs [][]byte
	for i := range b.N {
		change := &ledger.StatusChange{URI: uri, Values: make([]byte, ledger.StatusBatch)}
		for n := range uint64(ledger.StatusBatch) {
			change.Indices = append(change.Indices, n<<14+uint64(i*37)%(1<<14))
		}
		change.Values[i%ledger.StatusBatch] = 1
		txs = append(txs, m.sign(b, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change}))
	}
	b.ResetTimer()
	for len(txs) > 0 {
		n := min(50, len(txs))
		c.now = c.now.Add(1e9)
		c.must(txs[:n]...)
		txs = txs[n:]
	}
}

// BenchmarkApply1000 is a block of 16 transactions with 1,024 entries, from the received bytes to the saved state:
// reading, signatures, entries, chunks, root, tree.
func BenchmarkApply1000(b *testing.B) {
	l := newLoad(b)
	c := newChain(b, l.w)
	o := c.app.base()
	l.preload(b, o, c.app.block(0, c.now))
	if _, err := c.app.state.stage(o.writes); err != nil {
		b.Fatal(err)
	}
	if _, err := c.app.state.save(c.now); err != nil {
		b.Fatal(err)
	}
	c.height++
	c.app.resetCheck()
	var took []float64
	for range b.N {
		var txs [][]byte
		for _, each := range l.work(b, 16) {
			txs = append(txs, each...)
		}
		start := time.Now()
		codes := c.decide(txs...)
		took = append(took, time.Since(start).Seconds()*1e3)
		for _, code := range codes {
			if code != ledger.OK {
				b.Fatalf("code %d", code)
			}
		}
	}
	b.ReportMetric(median(took), "ms")
}

// BenchmarkLone is a lone write with four validators, from the moment when one node gets it until another one gives a
// proof of it that holds.
func BenchmarkLone(b *testing.B) {
	tn := startNetwork(b, 4)
	m, from, at := tn.members[0], tn.nodes[0], tn.nodes[2]
	var final, proven []float64
	for i := range b.N {
		p := newParty(b, fmt.Sprintf("lone-%d-%d", b.N, i))
		raw := m.sign(b, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record})
		start := time.Now()
		if status, a := post(b, from.url, raw); status != http.StatusAccepted {
			b.Fatalf("status %d, %+v", status, a)
		}
		var a ledger.TxAnswer
		if status := getJSON(b, at.url+"/v1/tx/"+hashOf(raw)+"?wait=10", &a); status != http.StatusOK || a.Code != ledger.OK || a.Height == 0 {
			b.Fatalf("status %d, %+v", status, a)
		}
		final = append(final, time.Since(start).Seconds()*1e3)
		for read(b, at.url, tn.network, ledger.KeyDID(p.did)).Height < a.Height {
		}
		proven = append(proven, time.Since(start).Seconds()*1e3)
	}
	b.ReportMetric(median(final), "final-ms")
	b.ReportMetric(median(proven), "ms")
}

// BenchmarkCheckTx is a transaction that comes in, with its signature.
func BenchmarkCheckTx(b *testing.B) {
	w := newWorld(b, 1)
	c := newChain(b, w)
	m := w.members[0]
	raw := m.sign(b, w.accreditation(m.did, "a", trust.Issue))
	b.ReportAllocs()
	for b.Loop() {
		c.app.txs = &txCache{}
		c.app.resetCheck()
		c.app.limits = newLimiter(c.app.limits.now)
		if code := c.offer(raw); code != ledger.OK {
			b.Fatal(code)
		}
	}
}

// BenchmarkWrite is a lone transaction over HTTP until its block is there.
func BenchmarkWrite(b *testing.B) {
	w := newWorld(b, 1)
	dir := filepath.Join(b.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		b.Fatal(err)
	}
	n, srv := openNode(b, dir)
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		b.Fatal(err)
	}
	m := w.members[0]
	write(b, srv.URL, m.sign(b, w.accreditation(m.did, "cards", trust.Issue)))
	write(b, srv.URL, m.sign(b, w.list("https://voorbeeldstad.example/1", 1)))
	b.Run("final", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			write(b, srv.URL, m.sign(b, setting("https://voorbeeldstad.example/1", uint64(i)%900, 1)))
		}
	})
	b.Run("proven", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			write(b, srv.URL, m.sign(b, setting("https://voorbeeldstad.example/1", uint64(i)%900, 1)))
			read(b, srv.URL, network, ledger.KeyList("https://voorbeeldstad.example/1"))
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			read(b, srv.URL, network, ledger.KeyList("https://voorbeeldstad.example/1"))
		}
	})
	// Many senders at once: how much one node and one validator take.
	b.Run("load", func(b *testing.B) {
		n.app.limits.rate, n.app.limits.burst = 1e6, 1e6
		const senders = 16
		work := make([][][]byte, senders)
		parties := make([]*party, senders)
		for i := range parties {
			p := newParty(b, fmt.Sprintf("load-%d-%d", b.N, i))
			write(b, srv.URL, p.sign(b, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
			write(b, srv.URL, m.sign(b, w.accreditation(p.did, "cards", trust.Issue)))
			write(b, srv.URL, p.sign(b, w.list("https://list.example/"+string(p.did), 1)))
			parties[i] = p
		}
		for i := range b.N {
			p := parties[i%senders]
			work[i%senders] = append(work[i%senders], p.sign(b, setting("https://list.example/"+string(p.did), uint64(i)%900, 1)))
		}
		b.ResetTimer()
		var group sync.WaitGroup
		for _, txs := range work {
			group.Go(func() {
				for len(txs) > 0 {
					// A sender keeps a few on their way, as an issuer's outbox does.
					some := txs[:min(8, len(txs))]
					txs = txs[len(some):]
					for _, raw := range some[:len(some)-1] {
						if status, a := post(b, srv.URL, raw); status != 202 {
							b.Errorf("status %d, %+v", status, a)
							return
						}
					}
					write(b, srv.URL, some[len(some)-1])
				}
			})
		}
		group.Wait()
	})
}

// BenchmarkStranger is what bytes of somebody unknown cost a node: they are refused before any signature is checked.
func BenchmarkStranger(b *testing.B) {
	w := newWorld(b, 1)
	c := newChain(b, w)
	m, stranger := w.members[0], newParty(b, "stranger")
	good := m.sign(b, w.accreditation(m.did, "a", trust.Issue))
	forged := append([]byte{}, good...)
	forged[len(forged)-1] ^= 1
	for _, x := range []struct {
		name string
		raw  []byte
		code ledger.Code
	}{
		{"too-large", make([]byte, ledger.MaxTxSize+1), ledger.TooLarge},
		{"garbage", []byte("GET / HTTP/1.1\r\n\r\n"), ledger.Malformed},
		{"garbage-64KiB", make([]byte, ledger.MaxTxSize), ledger.Malformed},
		{"unknown-sender", stranger.try(b, w.accreditation(m.did, "a", trust.Issue)), ledger.UnknownObject},
		{"other-chain", m.try(b, func() ledger.Tx {
			tx := w.accreditation(m.did, "a", trust.Issue)
			tx.ChainID = "other"
			return tx
		}()), ledger.WrongChain},
		{"bad-sequence", m.try(b, func() ledger.Tx { tx := w.accreditation(m.did, "a", trust.Issue); tx.Sequence = 9; return tx }()), ledger.BadNonce},
		{"bad-signature", forged, ledger.BadSignature}, // the dearest: the sender is known and all else is right
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				c.app.txs = &txCache{}
				if code := c.offer(x.raw); code != x.code {
					b.Fatalf("code %d, not %d", code, x.code)
				}
			}
		})
	}
}
