package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// clock is the chain's time a little later, as everybody has it.
func (c *chain) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.Add(2 * time.Second)
}

// logs collects what the client logs.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func config(c *chain, root int64, nodes ...*simNode) (follow.Config, *logs) {
	n := c.network(root)
	for _, node := range nodes {
		n.Nodes = append(n.Nodes, node.url)
	}
	l := &logs{}
	return follow.Config{Network: n, Fetch: &fetch.Client{Loopback: true}, Now: c.clock, Logger: slog.New(slog.NewTextHandler(l, nil))}, l
}

func openClient(t testing.TB, cfg follow.Config) *follow.Client {
	t.Helper()
	f, err := follow.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// waitFor polls nothing: it follows the mirror from block to block until ok.
func waitMirror(t testing.TB, f *follow.Client, height int64) {
	t.Helper()
	if err := f.Wait(within(t), height); err != nil {
		t.Fatal(err)
	}
}

func issuerOf(c *chain) *trust.Identity {
	return &trust.Identity{DID: c.org, Registered: true}
}

func TestMirror(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	node := c.serve()
	cfg, log := config(c, 1, node)
	f := openClient(t, cfg)
	ctx := within(t)
	if got, want := f.State(), (follow.State{Height: 2, Time: c.now}); got != want {
		t.Fatalf("state %v, want %v", got, want)
	}
	if !strings.Contains(log.String(), "its own witness") {
		t.Error("a single node is not said to be its own witness")
	}
	doc, err := f.Document(ctx, c.org)
	if err != nil || doc.ID != c.org {
		t.Errorf("document %v, %v", doc, err)
	}
	doc.Methods[0].Compromised = true
	if again, _ := f.Document(ctx, c.org); again.Methods[0].Compromised {
		t.Error("a caller can change the mirror")
	}
	if a, err := f.Accreditations(ctx, c.org); err != nil || len(a) != 2 {
		t.Errorf("accreditations %v, %v", a, err)
	}
	if a, err := f.Accreditations(ctx, "did:zegel:voorbeeld:a2"); err != nil || len(a) != 0 {
		t.Errorf("accreditations of a stranger %v, %v", a, err)
	}
	if a, err := f.Anchors(ctx); err != nil || len(a) != 1 {
		t.Errorf("anchors %v, %v", a, err)
	}
	if _, err := f.Document(ctx, "did:zegel:voorbeeld:a2"); !errors.Is(err, did.ErrNotFound) {
		t.Errorf("absent document: %v", err)
	}
	proofs := node.count("proof")
	if _, err := f.Document(ctx, "did:zegel:voorbeeld:a2"); !errors.Is(err, did.ErrNotFound) {
		t.Errorf("absent document: %v", err)
	}
	if node.count("proof") != proofs {
		t.Error("a proven absence was asked for again")
	}

	status := func(i uint64) statuslist.Status {
		t.Helper()
		s, at, err := f.Status(ctx, issuerOf(c), statuslist.Ref{URI: simList, Index: i})
		if err != nil || !at.Equal(c.now) {
			t.Errorf("status %d: %v at %v, %v", i, s, at, err)
		}
		return s
	}
	if status(9000) != statuslist.Valid {
		t.Error("status before")
	}
	// Headers without a change cost no proofs, and no list is fetched for a change elsewhere.
	chunks := node.count("chunk")
	c.block()
	waitMirror(t, f, 3)
	if node.count("proof") != proofs {
		t.Error("an empty block was proven again")
	}
	c.revoke(simList, 9000)
	c.blocksTo(6)
	waitMirror(t, f, 5)
	if status(9000) != statuslist.Invalid || status(9001) != statuslist.Valid {
		t.Error("status after revocation")
	}
	if got := node.count("chunk") - chunks; got != 1 {
		t.Errorf("%d chunks fetched for one changed entry", got)
	}
	meta, list, err := f.List(ctx, simList)
	if err != nil || meta.Height != 5 || list.Len() != c.listLen {
		t.Errorf("list %+v, %v", meta, err)
	}

	other := issuerOf(c)
	other.DID = "did:zegel:voorbeeld:a2"
	for name, call := range map[string]func() error{
		"another issuer":      func() error { return statusErr(f, other, simList, 1) },
		"foreign issuer":      func() error { return statusErr(f, &trust.Identity{Name: "x"}, simList, 1) },
		"no issuer":           func() error { return statusErr(f, nil, simList, 1) },
		"other uri":           func() error { return statusErr(f, issuerOf(c), simList+"?", 1) },
		"past the end":        func() error { return statusErr(f, issuerOf(c), simList, c.listLen) },
		"list of no registry": func() error { _, _, err := f.List(ctx, "https://x.example"); return err },
	} {
		if err := call(); !errors.Is(err, statuslist.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func statusErr(f *follow.Client, who *trust.Identity, uri string, i uint64) error {
	_, _, err := f.Status(context.Background(), who, statuslist.Ref{URI: uri, Index: i})
	return err
}

// TestMirrorGrows adds an organisation and a list, and changes the list in every block while the mirror follows.
func TestMirrorGrows(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(3)
	a, b := c.serve(), c.serve()
	cfg, _ := config(c, 1, a, b)
	f := openClient(t, cfg)
	ctx := within(t)
	var all []did.DID
	for i := range 60 {
		r := orgRecord(t, c.orgKey)
		r.Services[0].Endpoint = fmt.Sprintf("https://issuer%d.example", i)
		d, err := ledger.NewDID(simNetwork, r)
		if err != nil {
			t.Fatal(err)
		}
		r.ID, r.Version = d, 1
		c.put(ledger.KeyDID(d), r)
		c.put(ledger.KeyAccreditations(d), accreditations(d))
		all = append(all, d)
	}
	all = append(all, c.org)
	second := "https://issuer.example/voorbeeldstad/lists/2"
	c.setList(second, make([]byte, 2*ledger.ChunkSize))
	c.put(ledger.KeyIndex(), ledger.Index{DIDs: sorted(all), Lists: []string{simList, second}})
	c.blocksTo(5)
	waitMirror(t, f, 4)
	for _, d := range all {
		if acc, err := f.Accreditations(ctx, d); err != nil || len(acc) != 2 {
			t.Fatalf("%s: %v, %v", d, acc, err)
		}
	}
	c.change("a", "b", "c", "e")
	for i := range uint64(8) {
		c.revoke(second, i)
		c.block()
	}
	c.block()
	waitMirror(t, f, 13)
	for i := range uint64(9) {
		s, _, err := f.Status(ctx, issuerOf(c), statuslist.Ref{URI: second, Index: i})
		if err != nil || (s == statuslist.Invalid) != (i < 8) {
			t.Errorf("status %d: %v, %v", i, s, err)
		}
	}
}

func sorted(all []did.DID) []did.DID {
	out := append([]did.DID(nil), all...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

func TestBundleForStapling(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(4)
	c.change("w", "x", "y", "z")
	c.blocksTo(8)
	node := c.serve()
	cfg, _ := config(c, 2, node)
	f := openClient(t, cfg)
	ctx := within(t)
	keys := []ledger.Key{ledger.KeyDID(c.org), ledger.KeyAccreditations(c.org)}
	raw, err := f.Bundle(ctx, keys...)
	if err != nil {
		t.Fatal(err)
	}
	proofs := node.count("proof")
	again, err := f.Bundle(ctx, keys[1], keys[0], keys[1])
	if err != nil || &again[0] != &raw[0] {
		t.Errorf("made twice: %v", err)
	}
	// Holders with the same root, an older one, and one beyond the change.
	for _, root := range []int64{1, 2, 5, 6, 7, 8} {
		p, err := verify(raw, c.network(root), c.clock())
		if err != nil {
			t.Fatalf("root %d: %v", root, err)
		}
		if a, err := p.Accreditations(ctx, c.org); err != nil || len(a) != 2 {
			t.Errorf("root %d: %v, %v", root, a, err)
		}
	}
	c.block()
	waitMirror(t, f, 8)
	newer, err := f.Bundle(ctx, keys...)
	if err != nil || bytes.Equal(newer, raw) {
		t.Errorf("not made again for a new header: %v", err)
	}
	if node.count("proof") != proofs {
		t.Error("stapling mirrored keys asked a node")
	}
	if p, err := verify(newer, c.network(2), c.clock()); err != nil || !p.Time.Equal(c.now) {
		t.Errorf("newer bundle: %v", err)
	}
	// A key that is not mirrored comes from the node.
	seq, err := f.Bundle(ctx, ledger.KeySequence(c.org), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify(seq, c.network(2), c.clock())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := p.Sequence(c.org); err != nil || r.N != 0 {
		t.Errorf("sequence %v, %v", r, err)
	}
}

// TestNothingUnproven spoils every kind of answer. The reader gets an error, never the spoilt value, and the truth once
// the node tells it again.
func TestNothingUnproven(t *testing.T) {
	for _, kind := range []string{"changes", "light", "proof", "hashes", "chunks"} {
		for name, spoil := range map[string]func([]byte) []byte{
			"flipped": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 0x40; return b },
			"cut":     func(b []byte) []byte { return b[:len(b)/2] },
			"empty":   func([]byte) []byte { return nil },
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				c := newChain(t, "a")
				c.revoke(simList, 7)
				c.blocksTo(4)
				node := c.serve()
				node.spoil = func(k string, b []byte) []byte {
					if k == kind && len(b) > 0 {
						return spoil(b)
					}
					return b
				}
				cfg, _ := config(c, 1, node)
				f := openClient(t, cfg)
				ctx := within(t)
				if f.State() == (follow.State{}) {
					if _, err := f.Anchors(ctx); ledger.Category(err) == "" {
						t.Errorf("anchors: %v", err)
					}
					if err := statusErr(f, issuerOf(c), simList, 7); ledger.Category(err) == "" {
						t.Errorf("status: %v", err)
					}
					if _, err := f.Bundle(ctx, ledger.KeyAnchors()); ledger.Category(err) == "" {
						t.Errorf("bundle: %v", err)
					}
				} else if kind != "changes" && kind != "light" {
					t.Error("mirrored a spoilt answer")
				}
				node.with(func() { node.spoil = nil })
				waitMirror(t, f, 3)
				if s, _, err := f.Status(ctx, issuerOf(c), statuslist.Ref{URI: simList, Index: 7}); err != nil || s != statuslist.Invalid {
					t.Errorf("status %v, %v", s, err)
				}
			})
		}
	}
}

func TestNodesDown(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	a, b := c.serve(), c.serve()
	d := c.serve()
	for _, n := range []*simNode{a, b, d} {
		n.down = true
	}
	cfg, _ := config(c, 1, a, b, d)
	f := openClient(t, cfg)
	ctx := within(t)
	if _, err := f.Document(ctx, c.org); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("before the first proof: %v", err)
	}
	if f.State() != (follow.State{}) {
		t.Error("state before the first proof")
	}
	// Two of three come back.
	b.with(func() { b.down = false })
	d.with(func() { d.down = false })
	waitMirror(t, f, 2)
	// All gone again: what was proven stays, and its age can be seen.
	for _, n := range []*simNode{b, d} {
		n.with(func() { n.down = true })
	}
	if _, err := f.Document(ctx, c.org); err != nil {
		t.Errorf("mirrored document: %v", err)
	}
	if _, err := f.Document(ctx, "did:zegel:voorbeeld:a2"); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("document that must be asked for: %v", err)
	}
	if got := f.State().Height; got != 2 {
		t.Errorf("height %d", got)
	}
}
