package main

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// line is the state of a link.
type line int

// States of a link. A held one is what a cable is while it is unplugged: nothing arrives, connections stay, and what was
// sent comes when it is plugged in again. A cut one ends its connections and takes no new ones.
const (
	open line = iota
	held
	cut
)

// link carries the connections that one node makes to another, so that they can be disturbed without being root.
type link struct {
	target string
	listen net.Listener

	mu      sync.Mutex
	change  *sync.Cond
	state   line
	delay   time.Duration // each way
	conns   map[net.Conn]bool
	stopped bool
}

func newLink(target string) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{target: target, listen: l, conns: map[net.Conn]bool{}}
	k.change = sync.NewCond(&k.mu)
	go k.accept()
	return k, nil
}

func (k *link) address() string { return k.listen.Addr().String() }

func (k *link) set(s line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = s
	if s == cut {
		for c := range k.conns {
			c.Close()
		}
	}
	k.change.Broadcast()
}

func (k *link) slow(delay time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.delay = delay
}

func (k *link) close() {
	k.mu.Lock()
	k.stopped = true
	k.mu.Unlock()
	k.listen.Close()
	k.set(cut)
}

// pass waits while the link is held. It reports false when the link is cut.
func (k *link) pass() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.state == held {
		k.change.Wait()
	}
	return k.state == open
}

func (k *link) latency() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.delay
}

// keep remembers a connection until it ends. It reports false if the link takes none.
func (k *link) keep(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == cut || k.stopped {
		return false
	}
	k.conns[c] = true
	return true
}

func (k *link) drop(c net.Conn) {
	c.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
}

func (k *link) accept() {
	for {
		in, err := k.listen.Accept()
		if err != nil {
			return
		}
		if !k.keep(in) {
			in.Close()
			continue
		}
		go k.carry(in)
	}
}

func (k *link) carry(in net.Conn) {
	defer k.drop(in)
	if !k.pass() {
		return
	}
	out, err := net.DialTimeout("tcp", k.target, 5*time.Second)
	if err != nil {
		return
	}
	defer k.drop(out)
	if !k.keep(out) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { k.pump(in, out) })
	both.Go(func() { k.pump(out, in) })
	both.Wait()
}

// chunk is what arrived at a time.
type chunk struct {
	data []byte
	at   time.Time
}

// pump carries one direction until an end closes. What is under way is bounded, as in the buffers of a system.
func (k *link) pump(from, to net.Conn) {
	way := make(chan chunk, 64)
	go func() {
		defer close(way)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				way <- chunk{buf[:n], time.Now()}
			}
			if err != nil {
				return
			}
		}
	}()
	broken := false
	for c := range way {
		if broken {
			continue // until the reader sees its end
		}
		if wait := time.Until(c.at.Add(k.latency())); wait > 0 {
			time.Sleep(wait)
		}
		if !k.pass() {
			broken = true
		} else if _, err := to.Write(c.data); err != nil {
			broken = true
		}
		if broken {
			from.Close()
		}
	}
	to.Close()
	from.Close()
}

// mesh is all links between nodes: mesh[i][j] carries what node i dials to node j.
type mesh [][]*link

func newMesh(targets []string) (mesh, error) {
	m := make(mesh, len(targets))
	for i := range targets {
		m[i] = make([]*link, len(targets))
		for j, target := range targets {
			if i == j {
				continue
			}
			k, err := newLink(target)
			if err != nil {
				m.close()
				return nil, fmt.Errorf("link %d to %d: %w", i, j, err)
			}
			m[i][j] = k
		}
	}
	return m, nil
}

func (m mesh) close() {
	m.each(func(_, _ int, k *link) { k.close() })
}

func (m mesh) each(f func(i, j int, k *link)) {
	for i := range m {
		for j, k := range m[i] {
			if k != nil {
				f(i, j, k)
			}
		}
	}
}

// split sets all links between the two sides.
func (m mesh) split(side func(node int) bool, s line) {
	m.each(func(i, j int, k *link) {
		if side(i) != side(j) {
			k.set(s)
		}
	})
}

// heal opens every link.
func (m mesh) heal() { m.each(func(_, _ int, k *link) { k.set(open) }) }
