// Faults runs a registry of real processes on loopback addresses, disturbs it, and says whether it held.
//
// Each case founds a network of its own, ends by itself, and prints one line with what was measured. The program ends
// with 1 if a case failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// scale says how long the cases run.
type scale struct {
	rate      float64       // changes a second
	kills     int           // of one of four
	partition time.Duration // two against two
	pause     time.Duration // of one node, or of its links
	flood     time.Duration
	cuts      int // of the log of one of four
}

var whole = scale{rate: 20, kills: 15, partition: time.Minute, pause: 10 * time.Second, flood: 20 * time.Second, cuts: 20}

// trial is one case: what it does to the network, and the most that it may take.
type trial struct {
	name string
	what string
	run  func(ctx context.Context, f *field) (measured string, err error)
	most time.Duration
}

// field is what a case gets: an empty directory, the program, and how much to do.
type field struct {
	scale
	dir     string
	program string

	// A small run uses one network of four for several cases; then these outlive a case.
	shared bool
	net    *network
	load   *load
}

var trials = []trial{
	{"kill-one", "kill -9 of one of four while changes flow", killOne, 10 * time.Minute},
	{"kill-two", "kill -9 of two of four", killTwo, 3 * time.Minute},
	{"kill-all", "kill -9 of all four", killAll, 3 * time.Minute},
	{"partition", "two against two, nothing arrives", partition, 5 * time.Minute},
	{"sever", "two against two, connections end", sever, 5 * time.Minute},
	{"pause", "one of four stands still", pause, 3 * time.Minute},
	{"disconnect", "one of four loses its connections", disconnect, 3 * time.Minute},
	{"slow", "100 ms each way between all four", slow, 3 * time.Minute},
	{"late", "a node joins and reads all blocks", late, 3 * time.Minute},
	{"log", "the log of one of four is cut while it is down", cutLog, 10 * time.Minute},
	{"flood", "one account sends 5,000 transactions a second", flood, 4 * time.Minute},
	{"listeners", "10,000 connections wait for news", listeners, 3 * time.Minute},
}

func main() {
	program := flag.String("program", "bin/zegel", "the program whose registry runs")
	only := flag.String("run", "", "only cases whose name matches this regular expression")
	keep := flag.Bool("keep", false, "keep the directories")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed := 0
	for _, t := range trials {
		if !pattern.MatchString(t.name) || ctx.Err() != nil {
			continue
		}
		dir, err := os.MkdirTemp("", "zegel-faults-")
		if err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			os.Exit(2)
		}
		begun := time.Now()
		measured, err := t.attempt(ctx, &field{scale: whole, dir: dir, program: *program})
		took := time.Since(begun).Round(time.Second)
		if err != nil {
			failed++
			fmt.Printf("FAIL %-10s %s: %s; %v (%v, logs in %s)\n", t.name, t.what, measured, err, took, dir)
			continue
		}
		fmt.Printf("ok   %-10s %s: %s (%v)\n", t.name, t.what, measured, took)
		if !*keep {
			os.RemoveAll(dir)
		}
	}
	stop()
	if failed > 0 || ctx.Err() != nil {
		os.Exit(1)
	}
}

// attempt runs the case within its time.
func (t *trial) attempt(ctx context.Context, f *field) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.most)
	defer cancel()
	return t.run(ctx, f)
}

// begin founds a network of n nodes, starts it and lets changes flow at this rate.
func (f *field) begin(ctx context.Context, n int, rate float64) (*network, *load, error) {
	if f.net != nil {
		f.load.start(ctx)
		return f.net, f.load, nil
	}
	net, err := found(filepath.Join(f.dir, "net"), f.program, n)
	if err != nil {
		return nil, nil, err
	}
	if err := net.startAll(ctx); err != nil {
		net.close()
		return nil, nil, err
	}
	l, err := newLoad(ctx, net, rate)
	if err != nil {
		net.close()
		return nil, nil, err
	}
	if f.shared {
		f.net, f.load = net, l
	}
	l.start(ctx)
	return net, l, nil
}

// leave ends the network of a case.
func (f *field) leave(net *network) {
	if !f.shared {
		net.close()
	}
}

// end stops the load and checks what must hold in every case.
func (f *field) end(ctx context.Context, net *network, l *load) (string, error) {
	if err := l.stop(); err != nil {
		return "", err
	}
	if err := l.settle(ctx, net.nodes); err != nil {
		return "", err
	}
	top, err := oneChain(ctx, net.nodes)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d changes acknowledged, all on all nodes, none doubled; one chain of %d blocks", l.acknowledged(), top), nil
}

// bounds collects what was too slow.
type bounds []string

func (b *bounds) most(what string, is, limit time.Duration) {
	if is > limit {
		*b = append(*b, fmt.Sprintf("%s %v, at most %v", what, is.Round(time.Millisecond), limit))
	}
}

func (b bounds) err() error {
	if len(b) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(b, "; "))
}
