package ledger_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// simNode serves a chain under /v1 as a node does, or as a node that lies does.
type simNode struct {
	*chain
	url string

	mu      sync.Mutex
	calls   map[string]int
	down    bool
	forged  map[int64]*types.LightBlock
	newest  int64 // blocks above are kept back; 0: none
	base    int64 // blocks below are gone, but those that lead to newer ones
	spoil   func(path string, body []byte) []byte
	mempool func(raw []byte) (int, ledger.TxAnswer)
	known   map[string]ledger.TxAnswer
}

func (c *chain) serve() *simNode {
	n := &simNode{chain: c, calls: map[string]int{}, forged: map[int64]*types.LightBlock{}, known: map[string]ledger.TxAnswer{}}
	s := httptest.NewServer(n)
	c.tb.Cleanup(s.Close)
	n.url = s.URL
	return n
}

// with changes the node between questions.
func (n *simNode) with(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *simNode) count(part string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls[part]
}

func (n *simNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	kind := parts[1]
	if kind == "lists" {
		kind = parts[3]
	}
	n.mu.Lock()
	n.calls[kind]++
	down, spoil := n.down, n.spoil
	n.mu.Unlock()
	if down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	status, body := n.answer(kind, parts, r)
	if spoil != nil {
		body = spoil(kind, body)
	}
	w.WriteHeader(status)
	w.Write(body)
}

func (n *simNode) top() int64 {
	n.chain.mu.Lock()
	defer n.chain.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.newest > 0 {
		return min(n.newest, n.height)
	}
	return n.height
}

func (n *simNode) answer(kind string, parts []string, r *http.Request) (int, []byte) {
	q := r.URL.Query()
	number := func(name string) int64 {
		v, _ := strconv.ParseInt(q.Get(name), 10, 64)
		return v
	}
	reply := func(v any) (int, []byte) {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return http.StatusOK, raw
	}
	switch kind {
	case "changes":
		after := number("after")
		over := time.After(time.Duration(number("wait")) * time.Second)
		for n.top() <= after {
			n.chain.mu.Lock()
			made := n.made
			n.chain.mu.Unlock()
			if n.top() > after {
				break
			}
			select {
			case <-made:
				continue
			case <-over:
			case <-r.Context().Done():
			}
			break
		}
		return reply(ledger.Changes{Height: n.top(), Proven: n.top(), Keys: []string{}})
	case "light":
		h, _ := strconv.ParseInt(parts[2], 10, 64)
		b := n.at(h)
		n.mu.Lock()
		if f := n.forged[h]; f != nil {
			b = f
		}
		n.mu.Unlock()
		if b == nil || h > n.top() {
			return http.StatusNotFound, nil
		}
		if h < n.base {
			return http.StatusGone, nil
		}
		raw, err := ledger.EncodeLightBlock(b)
		if err != nil {
			panic(err)
		}
		return http.StatusOK, raw
	case "proof":
		var keys []ledger.Key
		for k := range strings.SplitSeq(q.Get("key"), ",") {
			raw, err := hex.DecodeString(k)
			if err != nil {
				return http.StatusBadRequest, nil
			}
			keys = append(keys, raw)
		}
		if len(keys) > 40 { // as a node whose answer would be too large
			return http.StatusBadRequest, nil
		}
		return http.StatusOK, n.bundle(number("from"), n.top(), keys...)
	case "hashes":
		var out []byte
		data := n.list(parts[2])
		for i := 0; i < len(data); i += ledger.ChunkSize {
			out = append(out, ledger.ChunkHash(data[i:i+ledger.ChunkSize])...)
		}
		return http.StatusOK, out
	case "chunks":
		data := n.list(parts[2])
		var out []byte
		from, to := number("from"), number("to")
		want := strings.Split(q.Get("n"), ",")
		if q.Get("n") == "" {
			want = nil
			for i := from; i < to; i++ {
				want = append(want, strconv.FormatInt(i, 10))
			}
		}
		n.mu.Lock()
		n.calls["chunk"] += len(want)
		n.mu.Unlock()
		for _, s := range want {
			i, _ := strconv.Atoi(s)
			out = append(out, data[i*ledger.ChunkSize:(i+1)*ledger.ChunkSize]...)
		}
		return http.StatusOK, out
	case "tx":
		if r.Method == http.MethodPost {
			raw, _ := io.ReadAll(r.Body)
			n.mu.Lock()
			f := n.mempool
			n.mu.Unlock()
			status, a := f(raw)
			a.Hash = hex.EncodeToString(tmhash.Sum(raw))
			_, body := reply(a)
			return status, body
		}
		n.mu.Lock()
		a, ok := n.known[parts[2]]
		n.mu.Unlock()
		if !ok {
			return http.StatusNotFound, nil
		}
		return reply(a)
	}
	return http.StatusNotFound, nil
}

func (n *simNode) list(id string) []byte {
	n.chain.mu.Lock()
	defer n.chain.mu.Unlock()
	for uri, data := range n.lists {
		if ledger.ListID(uri) == id {
			return data
		}
	}
	return nil
}

func mustSign(tb testing.TB, c *chain, sequence uint64, until int64) []byte {
	tb.Helper()
	raw, err := ledger.Sign(&ledger.Tx{
		ChainID: simChain, Sender: c.org, Sequence: sequence, ValidUntil: until, Kind: ledger.DeactivateDID,
	}, "key-1", c.orgKey)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}
