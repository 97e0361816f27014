package registry

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/pkg/web"
)

// BenchmarkProvenRead reads one key with its proof from a state with a million status entries, beside plain answers of the
// same server: "healthz" is the smallest there is, "plain" has the size of the proof. "verified" is the proven read with
// the check from the network file. The proven read is to cost at most three times a plain one.
func BenchmarkProvenRead(b *testing.B) {
	w := newWorld(b, 1)
	w.now = time.Now()
	dir := filepath.Join(b.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		b.Fatal(err)
	}
	n, direct := openNode(b, dir)
	n.app.limits.rate, n.app.limits.burst = 1e6, 1e6
	network, err := n.Network([]string{direct.URL})
	if err != nil {
		b.Fatal(err)
	}
	m := w.members[0]
	write(b, direct.URL, m.sign(b, w.accreditation(m.did, "cards", trust.Issue)))
	// 16 lists of 65,536 entries, in each of which every chunk has something set.
	const lists, size = 16, 1 << 16
	var uris []string
	for i := range lists {
		uri := fmt.Sprintf("https://voorbeeldstad.example/lists/%d", i)
		uris = append(uris, uri)
		tx := w.list(uri, 1)
		tx.CreateList.Size = size
		write(b, direct.URL, m.sign(b, tx))
		for range 8 {
			write(b, direct.URL, m.sign(b, scattered(uri, size)))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", n.Handler())
	var plain []byte
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) { send(w, "application/cbor", plain) })
	srv := httptest.NewServer(web.Secure(mux, nil))
	defer srv.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	get := func(b *testing.B, path string) []byte {
		resp, err := client.Get(srv.URL + path)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("status %d, %v", resp.StatusCode, err)
		}
		return body
	}
	var paths []string
	for _, uri := range uris {
		paths = append(paths, fmt.Sprintf("/v1/proof?from=%d&key=%s", network.Height, hex.EncodeToString(ledger.KeyList(uri))))
	}
	plain = get(b, paths[0])
	b.Run("healthz", func(b *testing.B) {
		for b.Loop() {
			get(b, "/healthz")
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			get(b, "/plain")
		}
	})
	b.Run("proven", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for i := 0; b.Loop(); i++ {
			get(b, paths[i%lists])
		}
	})
	b.Run("ratio", func(b *testing.B) {
		var ratios []float64
		for range b.N {
			const reads = 100
			start := time.Now()
			for range reads {
				get(b, "/plain")
			}
			bare := time.Since(start)
			for i := range reads {
				get(b, paths[i%lists])
			}
			ratios = append(ratios, float64(time.Since(start)-bare)/float64(bare))
		}
		b.ReportMetric(median(ratios), "ratio")
	})
	b.Run("verified", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			bundle, err := ledger.ParseBundle(get(b, paths[i%lists]))
			if err != nil {
				b.Fatal(err)
			}
			p, err := bundle.Verify(network, time.Now(), 0)
			if err != nil {
				b.Fatal(err)
			}
			if meta, err := p.List(uris[i%lists]); err != nil || bytes.Equal(meta.Root, emptyChunk) {
				b.Fatal(err)
			}
		}
	})
}

// scattered sets entries all over a list.
func scattered(uri string, size uint64) ledger.Tx {
	c := &ledger.StatusChange{URI: uri}
	seen := map[uint64]bool{}
	for len(seen) < 4*ledger.StatusBatch {
		seen[rand.Uint64N(size)] = true
	}
	for i := range seen {
		c.Indices = append(c.Indices, i)
	}
	slices.Sort(c.Indices)
	c.Values = bytes.Repeat([]byte{1}, len(c.Indices))
	return ledger.Tx{Kind: ledger.SetStatus, SetStatus: c}
}

// BenchmarkPages is what a page costs the node.
func BenchmarkPages(b *testing.B) {
	c := newCouncilPages(b)
	c.fill()
	h := c.node.Handler()
	for _, path := range []string{"/", "/organisations", "/organisations/" + string(c.members[0].did), "/proposals", "/lists", "/blocks", "/v1/members", "/v1/blocks"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
