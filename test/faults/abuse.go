package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// stranger is an organisation that nobody knows.
func stranger() *writer {
	w, err := newWriter("Vereniging Voorbeeld")
	if err != nil {
		panic("faults: internal error: " + err.Error())
	}
	return w
}

// peakMemory is the largest resident size of the node's process so far, in bytes.
func (n *node) peakMemory() (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", n.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if s, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(s, "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("node %d: no memory figure", n.number)
}

// flood lets one accredited account send far more than its share to the one node of a network while others write.
func flood(ctx context.Context, f *field) (string, error) {
	nw, l, err := f.begin(ctx, 1, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(nw)
	n := nw.nodes[0]
	greedy := stranger()
	if err := nw.accredit(ctx, greedy); err != nil {
		return "", err
	}
	uri := "https://voorbeeld-druk.example/lists/1"
	meta := &ledger.ListMeta{URI: uri, Bits: 1, Size: listSize, TTL: 300, Expiry: time.Now().AddDate(1, 0, 0).Unix()}
	if err := greedy.write(ctx, nw, ledger.Tx{Kind: ledger.CreateList, CreateList: meta}); err != nil {
		return "", err
	}
	// All of them are good and each is another transaction. One sender keeps to their order and tries the next one again and
	// again; the others send what comes later, out of order.
	const perSecond = 5000
	total := int(f.flood.Seconds() * perSecond)
	txs := make([][]byte, 0, total)
	for i := range total {
		change := &ledger.StatusChange{URI: uri, Values: make([]byte, ledger.StatusBatch)}
		for k := range uint64(ledger.StatusBatch) {
			change.Indices = append(change.Indices, k*1024+uint64(i)%1024)
		}
		raw, err := greedy.sign(nw, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change})
		if err != nil {
			return "", err
		}
		greedy.seq++
		txs = append(txs, raw)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	flooder := &node{net: nw, http: n.http, client: client}
	var sent, limited, taken, refused, failed atomic.Int64
	work := make(chan []byte, perSecond)
	var senders sync.WaitGroup
	for range 32 {
		senders.Go(func() {
			for raw := range work {
				a, _, err := flooder.post(ctx, raw)
				sent.Add(1)
				switch {
				case err != nil:
					failed.Add(1)
				case a.Code == ledger.OK: // it waits already
					taken.Add(1)
				case a.Code == ledger.RateLimited:
					limited.Add(1)
				default:
					refused.Add(1)
				}
			}
		})
	}
	begun := time.Now()
	var ordered sync.WaitGroup
	ordered.Go(func() {
		for next := 0; next < len(txs) && time.Since(begun) < f.flood+5*time.Second; {
			a, _, err := flooder.post(ctx, txs[next])
			sent.Add(1)
			switch {
			case err != nil:
				failed.Add(1)
			case a.Code == ledger.RateLimited:
				limited.Add(1)
			default:
				taken.Add(1)
				next++
			}
		}
	})
	// It has used up its share before the machine is busy with the rest.
	if err := rest(ctx, 5*time.Second); err != nil {
		return "", err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	for next := 0; next < len(txs) && time.Since(begun) < f.flood+5*time.Second; {
		<-tick.C
		due := min(len(txs), int((time.Since(begun)-5*time.Second).Seconds()*perSecond))
		for ; next < due; next++ {
			work <- txs[next]
		}
	}
	tick.Stop()
	close(work)
	senders.Wait()
	ordered.Wait()
	took := time.Since(begun)
	calm := begun.Add(took)
	measured, err := f.end(ctx, nw, l)
	if err != nil {
		return "", err
	}
	memory, err := n.peakMemory()
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("p99 of the others", l.quantile(0.99, begun, calm), 5*time.Second)
	if memory > 1300<<20 {
		b = append(b, fmt.Sprintf("memory %d MiB, at most 1331", memory>>20))
	}
	if limited.Load() == 0 {
		b = append(b, "nobody was limited")
	}
	return fmt.Sprintf("%d sent in %v (%.0f a second): %d taken, %d limited (code 11), %d out of order, %d without answer; others p50 %v p99 %v; memory %d MiB; %s",
		sent.Load(), took.Round(time.Second), float64(sent.Load())/took.Seconds(), taken.Load(), limited.Load(), refused.Load(), failed.Load(),
		ms(l.quantile(0.5, begun, calm)), ms(l.quantile(0.99, begun, calm)), memory>>20, measured), b.err()
}

// listeners opens far more waiting requests than a node serves, and asks for what CometBFT's own interface would give.
func listeners(ctx context.Context, f *field) (string, error) {
	nw, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(nw)
	p := nw.watch(ctx)
	defer p.stop()
	n := nw.nodes[0]
	for _, path := range []string{"/dump_consensus_state", "/websocket", "/unsafe_flush_mempool", "/dial_peers?peers=x", "/broadcast_tx_commit?tx=x", "/debug/pprof/"} {
		if _, status, err := n.get(ctx, path); err != nil || status != http.StatusNotFound {
			return "", fmt.Errorf("%s: status %d, %v", path, status, err)
		}
	}
	const wanted = 10_000
	conns := make([]net.Conn, 0, wanted)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	var dialler net.Dialer
	for range wanted {
		c, err := dialler.DialContext(ctx, "tcp", n.http)
		if err != nil {
			break // the node takes no more
		}
		conns = append(conns, c)
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := fmt.Fprintf(c, "GET /v1/changes?after=999999999&wait=25 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			continue
		}
	}
	p.reset()
	loaded := time.Now()
	if err := rest(ctx, f.pause); err != nil {
		return "", err
	}
	gap, made := p.longest(), p.made()
	// A refused one has its answer already.
	answered := 0
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		line, _ := bufio.NewReader(c).ReadString('\n')
		if strings.Contains(line, " 503 ") {
			answered++
		}
	}
	var b bounds
	begun := time.Now()
	if n.height(ctx) < 0 {
		b = append(b, "the node answers nobody any more")
	}
	asked := time.Since(begun)
	calm := time.Now()
	for _, c := range conns {
		c.Close()
	}
	measured, err := f.end(ctx, nw, l)
	if err != nil {
		return "", err
	}
	b.most("gap", gap, 10*time.Second)
	b.most("a question meanwhile", asked, time.Second)
	return fmt.Sprintf("%d connections, %d refused with 503; %d blocks in %v, longest gap %v; a question meanwhile takes %v; writes p99 %v; %s",
		len(conns), answered, made, f.pause, ms(gap), ms(asked), ms(l.quantile(0.99, loaded, calm)), measured), b.err()
}
