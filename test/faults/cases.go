package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// timed says how long something took.
func timed(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}

// rest lets the network run undisturbed.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// others returns the nodes without one.
func (net *network) others(not *node) []*node {
	var all []*node
	for _, n := range net.nodes {
		if n != not {
			all = append(all, n)
		}
	}
	return all
}

// back waits until a node that was away has all blocks and its vote stands in new ones.
func (net *network) back(ctx context.Context, n *node) (caught, voting time.Duration, err error) {
	begun := time.Now()
	others := net.others(n)
	if err := until(ctx, func() bool { return n.height(ctx) >= newest(ctx, others)-1 }); err != nil {
		return 0, 0, fmt.Errorf("node %d at height %d, the others at %d: %w", n.number, n.height(context.WithoutCancel(ctx)), newest(context.WithoutCancel(ctx), others), err)
	}
	caught = time.Since(begun)
	err = n.votes(ctx, others[0], others[0].height(ctx))
	return caught, time.Since(begun), err
}

// killOne ends one of four again and again, each time another one.
func killOne(ctx context.Context, f *field) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	p := net.watch(ctx)
	defer p.stop()
	begun := time.Now()
	var gap, caught, voting time.Duration
	for round := range f.kills {
		p.reset()
		victim := net.nodes[round%len(net.nodes)]
		if err := victim.kill(); err != nil {
			return "", err
		}
		// The network goes on without it for a while, of another length each time.
		if err := rest(ctx, time.Duration(1+rand.IntN(4))*time.Second); err != nil {
			return "", err
		}
		if err := victim.start(); err != nil {
			return "", err
		}
		c, v, err := net.back(ctx, victim)
		if err != nil {
			return fmt.Sprintf("kill %d", round+1), err
		}
		gap, caught, voting = max(gap, p.longest()), max(caught, c), max(voting, v)
	}
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("gap", gap, 10*time.Second)
	b.most("back", caught, 20*time.Second)
	return fmt.Sprintf("%d kills, longest gap %v, back after at most %v, voting after %v; %s; write p50 %v p99 %v",
		f.kills, ms(gap), ms(caught), ms(voting), measured, ms(l.quantile(0.5, begun, time.Now())), ms(l.quantile(0.99, begun, time.Now()))), b.err()
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// standstill checks that nothing is decided for a while. What was on its way may still come in the first second.
func standstill(ctx context.Context, nodes []*node, how time.Duration) error {
	if err := rest(ctx, time.Second); err != nil {
		return err
	}
	before := newest(ctx, nodes)
	if err := rest(ctx, how); err != nil {
		return err
	}
	if after := newest(ctx, nodes); after != before {
		return fmt.Errorf("height %d became %d without a majority", before, after)
	}
	return nil
}

// killTwo takes away more than a third: nothing may be decided, and what waits is decided when they return.
func killTwo(ctx context.Context, f *field) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	if err := rest(ctx, 2*time.Second); err != nil {
		return "", err
	}
	for _, n := range net.nodes[2:] {
		if err := n.kill(); err != nil {
			return "", err
		}
	}
	if err := standstill(ctx, net.nodes[:2], f.pause); err != nil {
		return "", err
	}
	// A transaction that one of the two took before the others return must come into a block without being sent again.
	pending := net.members[1]
	sent, err := pending.sign(net, ledger.Tx{Kind: ledger.CreateDID, DID: &stranger().record})
	if err != nil {
		return "", err
	}
	if a, status, err := net.nodes[0].post(ctx, sent); err != nil || a.Code != ledger.OK {
		return "", fmt.Errorf("a transaction is not taken while the network stands: status %d, %v, %v", status, a, err)
	}
	height := newest(ctx, net.nodes[:2])
	begun := time.Now()
	for _, n := range net.nodes[2:] {
		if err := n.start(); err != nil {
			return "", err
		}
	}
	if err := net.nodes[0].reach(ctx, height+1); err != nil {
		return "", err
	}
	resumed := time.Since(begun)
	err = until(ctx, func() bool {
		proven, err := net.nodes[3].prove(ctx, ledger.KeySequence(pending.did))
		if err != nil {
			return false
		}
		r, err := proven.Sequence(pending.did)
		return err == nil && r.N == pending.seq+1
	})
	if err != nil {
		return "", fmt.Errorf("the transaction that waited is in no block: %w", err)
	}
	pending.seq++
	committed := time.Since(begun)
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("resumed", resumed, 30*time.Second)
	b.most("what waited", committed, 30*time.Second)
	return fmt.Sprintf("no block for %v with two; first block %v after the start of the others, what waited is decided after %v; %s",
		f.pause, ms(resumed), ms(committed), measured), b.err()
}

// killAll ends all four at the same time.
func killAll(ctx context.Context, f *field) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	if err := rest(ctx, 3*time.Second); err != nil {
		return "", err
	}
	for _, n := range net.nodes {
		if err := n.signal(syscall.SIGKILL); err != nil {
			return "", err
		}
	}
	for _, n := range net.nodes {
		if err := n.kill(); err != nil {
			return "", err
		}
	}
	resumed, err := timed(func() error {
		for _, n := range net.nodes {
			if err := n.start(); err != nil {
				return err
			}
		}
		if err := net.nodes[0].reach(ctx, 1); err != nil {
			return err
		}
		height := newest(ctx, net.nodes)
		for _, n := range net.nodes {
			if err := n.reach(ctx, height+2); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if err := rest(ctx, 2*time.Second); err != nil {
		return "", err
	}
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("resumed", resumed, 60*time.Second)
	return fmt.Sprintf("new blocks on all four %v after their start; %s", ms(resumed), measured), b.err()
}

// partition keeps everything between two and two from arriving. The connections stay, as when a cable is out.
func partition(ctx context.Context, f *field) (string, error) { return split(ctx, f, held) }

// sever ends the connections between two and two, and takes no new ones.
func sever(ctx context.Context, f *field) (string, error) { return split(ctx, f, cut) }

func split(ctx context.Context, f *field, s line) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	if err := rest(ctx, 2*time.Second); err != nil {
		return "", err
	}
	net.links.split(func(node int) bool { return node < 2 }, s)
	if err := standstill(ctx, net.nodes, f.partition-time.Second); err != nil {
		return "", err
	}
	height := newest(ctx, net.nodes)
	net.links.heal()
	healed, err := timed(func() error {
		for _, n := range net.nodes {
			if err := n.reach(ctx, height+2); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("healed", healed, 30*time.Second)
	return fmt.Sprintf("no block on either side for %v; new blocks on all four %v after; %s", f.partition, ms(healed), measured), b.err()
}

// away disturbs one node for a while, and measures how the network goes on and how the node returns.
func away(ctx context.Context, f *field, leave, come func(net *network, n *node) error) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	p := net.watch(ctx)
	defer p.stop()
	if err := rest(ctx, 2*time.Second); err != nil {
		return "", err
	}
	p.reset()
	n := net.nodes[1]
	if err := leave(net, n); err != nil {
		return "", err
	}
	err = rest(ctx, f.pause)
	made := p.made()
	if err := come(net, n); err != nil {
		return "", err
	}
	if err != nil {
		return "", err
	}
	caught, voting, err := net.back(ctx, n)
	if err != nil {
		return "", err
	}
	gap := p.longest()
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("gap", gap, 10*time.Second)
	b.most("back", caught, 30*time.Second)
	return fmt.Sprintf("%v away, %d blocks without it, longest gap %v, back after %v, voting after %v; %s",
		f.pause, made, ms(gap), ms(caught), ms(voting), measured), b.err()
}

func pause(ctx context.Context, f *field) (string, error) {
	return away(ctx, f,
		func(_ *network, n *node) error { return n.signal(syscall.SIGSTOP) },
		func(_ *network, n *node) error { return n.signal(syscall.SIGCONT) })
}

func disconnect(ctx context.Context, f *field) (string, error) {
	alone := func(s line) func(net *network, n *node) error {
		return func(net *network, n *node) error {
			net.links.split(func(i int) bool { return i == n.number }, s)
			return nil
		}
	}
	return away(ctx, f, alone(cut), alone(open))
}

// slow makes every link as long as one around the world.
func slow(ctx context.Context, f *field) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	net.links.each(func(_, _ int, k *link) { k.slow(100 * time.Millisecond) })
	p := net.watch(ctx)
	defer p.stop()
	if err := rest(ctx, 2*time.Second); err != nil {
		return "", err
	}
	p.reset()
	if err := rest(ctx, f.pause); err != nil {
		return "", err
	}
	made, gap := p.made(), p.longest()
	net.links.each(func(_, _ int, k *link) { k.slow(0) })
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("gap", gap, 10*time.Second)
	return fmt.Sprintf("%d blocks in %v, longest gap %v; %s", made, f.pause, ms(gap), measured), b.err()
}

// late adds a node without a vote that reads all blocks from the others.
func late(ctx context.Context, f *field) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	if err := rest(ctx, f.pause); err != nil {
		return "", err
	}
	n, err := net.newNode()
	if err != nil {
		return "", err
	}
	var peers []string
	for _, other := range net.nodes {
		peers = append(peers, other.keys.NodeID+"@"+other.listen)
	}
	if err := n.complete(peers); err != nil {
		return "", err
	}
	four := net.nodes
	net.nodes = append(net.nodes, n)
	height := newest(ctx, four)
	begun := time.Now()
	if err := n.start(); err != nil {
		return "", err
	}
	if err := until(ctx, func() bool { return n.height(ctx) >= newest(ctx, four)-1 }); err != nil {
		return "", fmt.Errorf("the new node is at height %d: %w", n.height(context.WithoutCancel(ctx)), err)
	}
	caught := time.Since(begun)
	measured, err := f.end(ctx, net, l) // the new node is asked as well
	if err != nil {
		return "", err
	}
	var b bounds
	b.most("caught up", caught, 60*time.Second)
	return fmt.Sprintf("%d blocks read and in step %v after its start; %s", height, ms(caught), measured), b.err()
}

// cutLog cuts the log of consensus of a killed node at a random place. It must come back and never sign twice.
func cutLog(ctx context.Context, f *field) (string, error) {
	net, l, err := f.begin(ctx, 4, f.rate)
	if err != nil {
		return "", err
	}
	defer f.leave(net)
	p := net.watch(ctx)
	defer p.stop()
	var slowest time.Duration
	p.reset()
	for round := range f.cuts {
		victim := net.nodes[round%len(net.nodes)]
		if err := rest(ctx, 500*time.Millisecond); err != nil {
			return "", err
		}
		if err := victim.kill(); err != nil {
			return "", err
		}
		path := filepath.Join(victim.dir, "data", "cs.wal", "wal")
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		at := rand.Int64N(info.Size() + 1)
		if round%2 == 1 { // in the newest blocks
			at = info.Size() - rand.Int64N(min(info.Size(), 20_000)+1)
		}
		if err := os.Truncate(path, at); err != nil {
			return "", err
		}
		if err := victim.start(); err != nil {
			return "", err
		}
		caught, _, err := net.back(ctx, victim)
		if err != nil {
			return fmt.Sprintf("cut %d at %d of %d", round+1, at, info.Size()), err
		}
		slowest = max(slowest, caught)
	}
	gap := p.longest()
	measured, err := f.end(ctx, net, l)
	if err != nil {
		return "", err
	}
	if err := net.faultless(ctx); err != nil {
		return "", err
	}
	var b bounds
	b.most("gap", gap, 10*time.Second)
	b.most("back", slowest, 20*time.Second)
	return fmt.Sprintf("%d cuts, longest gap %v, back after at most %v, nobody signed twice; %s", f.cuts, ms(gap), ms(slowest), measured), b.err()
}

// faultless checks that no member lost its validator: evidence of a double signature would have taken it.
func (net *network) faultless(ctx context.Context) error {
	proven, err := net.nodes[0].prove(ctx, ledger.KeyMembers())
	if err != nil {
		return err
	}
	members, err := proven.Members()
	if err != nil {
		return err
	}
	for _, m := range members {
		if len(m.Validator) == 0 || m.Lost != 0 {
			return fmt.Errorf("%q signed twice", m.Name)
		}
	}
	return nil
}
