package follow

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cometbft/cometbft/light/store"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// The tests against a chain are in pkg/ledger, beside the one that makes blocks.

func network(nodes ...string) *ledger.Network {
	return &ledger.Network{
		Name: "voorbeeld", ChainID: "zegel-voorbeeld-1", Height: 1, Hash: "00", Time: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC),
		Validators: []ledger.NetworkValidator{{PubKey: make([]byte, 32), Power: 1}}, Nodes: nodes,
	}
}

func now() time.Time { return time.Date(2026, 11, 2, 8, 0, 5, 0, time.UTC) }

// TestBackoff: nodes that fail are asked in turn, ever more slowly.
func TestBackoff(t *testing.T) {
	var asked [2]atomic.Int32
	node := func(i int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked[i].Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	c, err := open(Config{Network: network(node(0), node(1)), Fetch: &fetch.Client{Loopback: true}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pauses := make(chan time.Duration)
	c.sleep = func(ctx context.Context, d time.Duration) {
		select {
		case pauses <- d:
		case <-ctx.Done():
		}
	}
	c.start(context.Background())
	want := firstPause
	for range 10 {
		if got := <-pauses; got != want {
			t.Fatalf("pause %v, want %v", got, want)
		}
		want = min(want*2, longestWait)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if a, b := asked[0].Load(), asked[1].Load(); a < 5 || b < 5 {
		t.Errorf("asked %d and %d times", a, b)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := Config{Network: network("http://127.0.0.1:1"), Fetch: &fetch.Client{Loopback: true}, Now: now}
	for name, change := range map[string]func(*Config){
		"no network":        func(c *Config) { c.Network = nil },
		"no fetch":          func(c *Config) { c.Fetch = nil },
		"no clock":          func(c *Config) { c.Now = nil },
		"no nodes":          func(c *Config) { c.Network = network() },
		"plain http":        func(c *Config) { c.Nodes = []string{"http://node.example"} },
		"loopback not open": func(c *Config) { c.Fetch = &fetch.Client{} },
	} {
		cfg := good
		change(&cfg)
		if _, err := open(cfg); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	good.Nodes = []string{"http://127.0.0.1:1/", "http://127.0.0.1:1"}
	if c, err := open(good); err != nil || len(c.nodes) != 1 {
		t.Errorf("one node under two spellings: %v", err)
	}
}

func TestMemory(t *testing.T) {
	m := newMemory(nil)
	if h, err := m.LastLightBlockHeight(); h != -1 || err != nil {
		t.Errorf("empty: %d, %v", h, err)
	}
	for _, h := range []int64{5, 2, 9, 5} {
		if err := m.SaveLightBlock(&types.LightBlock{SignedHeader: &types.SignedHeader{Header: &types.Header{Height: h}}}); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := m.FirstLightBlockHeight()
	last, _ := m.LastLightBlockHeight()
	if first != 2 || last != 9 || m.Size() != 3 {
		t.Errorf("first %d, last %d of %d", first, last, m.Size())
	}
	if b, err := m.LightBlockBefore(9); err != nil || b.Height != 5 {
		t.Errorf("before 9: %v, %v", b, err)
	}
	if _, err := m.LightBlockBefore(2); !errors.Is(err, store.ErrLightBlockNotFound) {
		t.Errorf("before the first: %v", err)
	}
	if err := m.Prune(1); err != nil || m.Size() != 1 {
		t.Errorf("pruned to %d, %v", m.Size(), err)
	}
	if _, err := m.LightBlock(5); !errors.Is(err, store.ErrLightBlockNotFound) {
		t.Errorf("pruned header: %v", err)
	}
	if err := m.DeleteLightBlock(9); err != nil || m.Size() != 0 {
		t.Errorf("deleted: %d, %v", m.Size(), err)
	}
}
