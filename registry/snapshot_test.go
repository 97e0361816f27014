package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cosmos/iavl"
	dbm "github.com/cosmos/iavl/db"
	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// fill writes entries into the state that comes with the next block, as if so many lists and DIDs had been written.
func (c *chain) fill(entries int, size int) {
	c.t.Helper()
	writes := map[string][]byte{}
	for i := range entries {
		name := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		value := bytes.Repeat(name[:], size/len(name)+1)[:size]
		writes[string(pageKey(ledger.KeyList("https://list.example"), i))] = value
	}
	c.height++
	c.now = c.step()
	root, err := c.app.state.stage(writes)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := c.app.state.save(c.now)
	if err != nil || !bytes.Equal(root, s.root) {
		c.t.Fatal(err)
	}
	c.root = root
	c.app.resetCheck()
}

// emptyApp is the application of a node that joins.
func emptyApp(t testing.TB, db dbm.DB) *App {
	t.Helper()
	state, err := openState(db)
	if err != nil {
		t.Fatal(err)
	}
	app, err := newApp(state, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// snapshotOf makes a snapshot of a chain's newest state in an archive, with no blocks beside it.
func snapshotOf(t testing.TB, app *App) *abci.Snapshot {
	t.Helper()
	var err error
	if app.archive == nil {
		if app.archive, err = openArchive(filepath.Join(t.TempDir(), "snapshots")); err != nil {
			t.Fatal(err)
		}
	}
	d, err := app.archive.write(t.Context(), app.state.snapshot(), testChain)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.seal([][]byte{}); err != nil {
		t.Fatal(err)
	}
	list, err := app.ListSnapshots(t.Context(), &abci.RequestListSnapshots{})
	if err != nil || len(list.Snapshots) == 0 {
		t.Fatal(list, err)
	}
	return list.Snapshots[len(list.Snapshots)-1]
}

func offer(t testing.TB, app *App, s *abci.Snapshot, root []byte) abci.ResponseOfferSnapshot_Result {
	t.Helper()
	res, err := app.OfferSnapshot(t.Context(), &abci.RequestOfferSnapshot{Snapshot: s, AppHash: root})
	if err != nil {
		t.Fatal(err)
	}
	return res.Result
}

func give(t testing.TB, from, to *App, s *abci.Snapshot, n uint32) *abci.ResponseApplySnapshotChunk {
	t.Helper()
	chunk, err := from.LoadSnapshotChunk(t.Context(), &abci.RequestLoadSnapshotChunk{Height: s.Height, Format: s.Format, Chunk: n})
	if err != nil {
		t.Fatal(err)
	}
	res, err := to.ApplySnapshotChunk(t.Context(), &abci.RequestApplySnapshotChunk{Index: n, Chunk: chunk.Chunk, Sender: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// A node takes a snapshot over and goes on with the same roots, also after a restart; and two nodes make the same bytes.
func TestSnapshot(t *testing.T) {
	c := newChain(t, newWorld(t, 4))
	c.fill(9000, 1024)
	for range 3 {
		c.block()
	}
	s := snapshotOf(t, c.app)
	if s.Chunks < 3 {
		t.Fatalf("%d chunks", s.Chunks)
	}
	if again := snapshotOf(t, c.app); !bytes.Equal(again.Metadata, s.Metadata) {
		t.Error("the same state makes two snapshots")
	}
	db := dbm.NewMemDB()
	app := emptyApp(t, db)
	if got := offer(t, app, s, c.root); got != abci.ResponseOfferSnapshot_ACCEPT {
		t.Fatal(got)
	}
	for n := range s.Chunks {
		if res := give(t, c.app, app, s, n); res.Result != abci.ResponseApplySnapshotChunk_ACCEPT {
			t.Fatalf("chunk %d: %v", n, res)
		}
	}
	info, err := app.Info(t.Context(), &abci.RequestInfo{})
	if err != nil || info.LastBlockHeight != c.height || !bytes.Equal(info.LastBlockAppHash, c.root) {
		t.Fatalf("%+v, %v", info, err)
	}
	joined := &chain{t: t, app: app, db: db, height: c.height, now: c.now, root: c.root}
	p := newParty(t, "later")
	for i := range 5 {
		if i == 2 {
			joined.reopen()
		}
		var txs [][]byte
		if i == 3 {
			txs = append(txs, p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
		}
		a, b := c.block(txs...), joined.block(txs...)
		if a != b || !bytes.Equal(c.root, joined.root) {
			t.Fatalf("block %d: %d and %d transactions, roots %x and %x", i, a, b, c.root, joined.root)
		}
	}
	// Old versions can be deleted after it, and it can make a snapshot itself.
	if err := app.state.trim(joined.height - 2); err != nil {
		t.Fatal(err)
	}
	joined.reopen()
	a, b := snapshotOf(t, c.app), snapshotOf(t, joined.app)
	if diff := cmp.Diff(a.Metadata, b.Metadata); diff != "" {
		t.Error(diff)
	}
}

// What is offered or sent by a liar is refused, says who sent it, and leaves nothing.
func TestSnapshotRefuses(t *testing.T) {
	c := newChain(t, newWorld(t, 1))
	c.fill(5000, 1024)
	good := snapshotOf(t, c.app)
	app := emptyApp(t, dbm.NewMemDB())

	change := func(f func(s *abci.Snapshot)) *abci.Snapshot {
		s := *good
		f(&s)
		return &s
	}
	reseal := func(f func(m *manifest)) *abci.Snapshot {
		m, err := parseManifest(good.Metadata)
		if err != nil {
			t.Fatal(err)
		}
		f(m)
		raw, err := ledger.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		return change(func(s *abci.Snapshot) {
			s.Metadata, s.Hash, s.Height, s.Chunks = raw, sum[:], uint64(m.Height), uint32(len(m.Chunks))
		})
	}
	for name, test := range map[string]struct {
		s    *abci.Snapshot
		root []byte
		want abci.ResponseOfferSnapshot_Result
	}{
		"another format":   {change(func(s *abci.Snapshot) { s.Format = 2 }), c.root, abci.ResponseOfferSnapshot_REJECT_FORMAT},
		"another root":     {good, bytes.Repeat([]byte{1}, 32), abci.ResponseOfferSnapshot_REJECT},
		"another height":   {change(func(s *abci.Snapshot) { s.Height++ }), c.root, abci.ResponseOfferSnapshot_REJECT},
		"another hash":     {change(func(s *abci.Snapshot) { s.Hash = make([]byte, 32) }), c.root, abci.ResponseOfferSnapshot_REJECT_SENDER},
		"no manifest":      {change(func(s *abci.Snapshot) { s.Metadata = []byte{1, 2} }), c.root, abci.ResponseOfferSnapshot_REJECT_SENDER},
		"more chunks":      {change(func(s *abci.Snapshot) { s.Chunks++ }), c.root, abci.ResponseOfferSnapshot_REJECT},
		"no snapshot":      {nil, c.root, abci.ResponseOfferSnapshot_ABORT},
		"short chunk hash": {reseal(func(m *manifest) { m.Chunks[0] = m.Chunks[0][:8] }), c.root, abci.ResponseOfferSnapshot_REJECT_SENDER},
	} {
		if got := offer(t, app, test.s, test.root); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	// A changed chunk is asked for again, elsewhere; the right one is taken then.
	if got := offer(t, app, good, c.root); got != abci.ResponseOfferSnapshot_ACCEPT {
		t.Fatal(got)
	}
	res, err := app.ApplySnapshotChunk(t.Context(), &abci.RequestApplySnapshotChunk{Index: 0, Chunk: []byte("no"), Sender: "liar"})
	if err != nil || res.Result != abci.ResponseApplySnapshotChunk_RETRY || !slices.Equal(res.RejectSenders, []string{"liar"}) || !slices.Equal(res.RefetchChunks, []uint32{0}) {
		t.Errorf("%+v, %v", res, err)
	}
	if res := give(t, c.app, app, good, 0); res.Result != abci.ResponseApplySnapshotChunk_ACCEPT {
		t.Errorf("after a bad chunk: %v", res.Result)
	}
	// A manifest that says the truth about its chunks, and lies about the state.
	for name, chunk := range map[string][]byte{
		"no nodes":        []byte("not nodes of a tree"),
		"no parent":       appendNode(nil, &iavl.ExportNode{Key: []byte("a"), Version: 1, Height: 1}),
		"two trees":       appendNode(appendNode(nil, &iavl.ExportNode{Key: []byte("a"), Value: []byte("b"), Version: 1}), &iavl.ExportNode{Key: []byte("b"), Value: []byte("b"), Version: 1}),
		"another state":   appendNode(nil, &iavl.ExportNode{Key: []byte("a"), Value: []byte("b"), Version: 1}),
		"of the future":   appendNode(nil, &iavl.ExportNode{Key: []byte("a"), Value: []byte("b"), Version: 99}),
		"without a value": appendNode(nil, &iavl.ExportNode{Key: []byte("a"), Version: 1}),
	} {
		s := reseal(func(m *manifest) {
			sum := sha256.Sum256(chunk)
			m.Chunks = [][]byte{sum[:]}
		})
		if got := offer(t, app, s, c.root); got != abci.ResponseOfferSnapshot_ACCEPT {
			t.Fatalf("%s: %v", name, got)
		}
		res, err := app.ApplySnapshotChunk(t.Context(), &abci.RequestApplySnapshotChunk{Chunk: chunk, Sender: "liar"})
		if err != nil || res.Result != abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	// Parameters that are not those of the state.
	s := reseal(func(m *manifest) {
		p := defaultParameters()
		p.EvidenceBlocks = 1
		m.Parameters, _ = ledger.Encode(p)
	})
	if got := offer(t, app, s, c.root); got != abci.ResponseOfferSnapshot_ACCEPT {
		t.Fatal(got)
	}
	for n := range s.Chunks {
		want := abci.ResponseApplySnapshotChunk_ACCEPT
		if n == s.Chunks-1 {
			want = abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT
		}
		if res := give(t, c.app, app, s, n); res.Result != want {
			t.Errorf("chunk %d of other parameters: %v", n, res.Result)
		}
	}
	if h := app.state.snapshot().height; h != 0 {
		t.Errorf("height %d after refused snapshots", h)
	}
	// After all that, the good one.
	if got := offer(t, app, good, c.root); got != abci.ResponseOfferSnapshot_ACCEPT {
		t.Fatal(got)
	}
	for n := range good.Chunks {
		if res := give(t, c.app, app, good, n); res.Result != abci.ResponseApplySnapshotChunk_ACCEPT {
			t.Fatalf("chunk %d: %v", n, res)
		}
	}
	if got := offer(t, app, good, c.root); got != abci.ResponseOfferSnapshot_ABORT {
		t.Errorf("offered to a node that has a state: %v", got)
	}
}

// A process that dies while it takes a snapshot over begins again with an empty state.
func TestHalfASnapshot(t *testing.T) {
	c := newChain(t, newWorld(t, 1))
	c.fill(30_000, 1024)
	s := snapshotOf(t, c.app)
	db := dbm.NewMemDB()
	app := emptyApp(t, db)
	if got := offer(t, app, s, c.root); got != abci.ResponseOfferSnapshot_ACCEPT {
		t.Fatal(got)
	}
	for n := range s.Chunks - 1 {
		give(t, c.app, app, s, n)
	}
	if it, err := db.Iterator(nil, nil); err != nil || !it.Valid() {
		t.Fatalf("nothing is written yet: %v", err)
	} else {
		it.Close()
	}
	app = emptyApp(t, db)
	if h := app.state.snapshot().height; h != 0 {
		t.Errorf("height %d", h)
	}
	if it, err := db.Iterator([]byte("a"), nil); err != nil || it.Valid() {
		t.Errorf("something is left: %v", err)
	} else {
		it.Close()
	}
}

// A snapshot that is not finished is not listed, and gone after a restart; one that is stopped leaves nothing.
func TestArchive(t *testing.T) {
	c := newChain(t, newWorld(t, 1))
	dir := filepath.Join(t.TempDir(), "snapshots")
	a, err := openArchive(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.write(t.Context(), c.app.state.snapshot(), testChain); err != nil {
		t.Fatal(err)
	}
	if all, err := a.list(); err != nil || len(all) != 0 {
		t.Errorf("%d listed, %v", len(all), err)
	}
	if a, err = openArchive(dir); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := a.write(stopped, c.app.state.snapshot(), testChain); err == nil {
		t.Error("made after it was stopped")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestKept is which snapshots stay.
func TestKept(t *testing.T) {
	day := 24 * time.Hour
	rules := (&Settings{Snapshots: 2, snapshotEvery: day}).policy(ledger.Parameters{RetentionDays: 90})
	begin := time.Unix(1_800_000_000, 0).UTC().Truncate(30 * day)
	days := func(all []*manifest) (out []int) {
		for _, m := range all {
			out = append(out, int(m.time().Sub(begin)/day))
		}
		return out
	}
	var all []*manifest
	for d := range 130 {
		all = append(all, &manifest{Height: int64(d + 1), Time: begin.Add(time.Duration(d) * day).UnixNano()})
		all = rules.kept(all, all[len(all)-1].time())
	}
	if got := days(all); !slices.Equal(got, []int{60, 90, 120, 128, 129}) {
		t.Errorf("kept %v", got)
	}
	if got := days(rules.kept(all, begin.Add(400*day))); !slices.Equal(got, []int{129}) {
		t.Errorf("after a long sleep: %v", got)
	}
}

func FuzzTakeNode(f *testing.F) {
	f.Add(appendNode(nil, &iavl.ExportNode{Key: []byte("key"), Value: []byte("value"), Version: 3}))
	f.Add(appendNode(nil, &iavl.ExportNode{Key: []byte("key"), Version: 300, Height: 4}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, rest, err := takeNode(raw, 1000)
		if err != nil {
			return
		}
		again, _, err := takeNode(appendNode(nil, n), 1000)
		if err != nil || cmp.Diff(n, again) != "" || len(rest) >= len(raw) {
			t.Errorf("%v read again as %v, %v", n, again, err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	raw, err := ledger.Encode(manifest{Format: 1, ChainID: testChain, Height: 3, Time: 5, Root: make([]byte, 32), Parameters: []byte{1}, Chunks: [][]byte{make([]byte, 32)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseManifest(raw)
		if err != nil {
			return
		}
		if again, err := ledger.Encode(m); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%x written as %x, %v", raw, again, err)
		}
	})
}

// BenchmarkSnapshot is a state of ZEGEL_SNAPSHOT_MB megabytes, 20 if not set: written, and taken over.
func BenchmarkSnapshot(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("ZEGEL_SNAPSHOT_MB"))
	if err != nil {
		size = 20
	}
	c := newChain(b, newWorld(b, 1))
	c.fill(size<<10, 1000)
	s := snapshotOf(b, c.app)
	b.Run(fmt.Sprintf("write-%dMB", size), func(b *testing.B) {
		for b.Loop() {
			snapshotOf(b, c.app)
		}
	})
	b.Run(fmt.Sprintf("take-over-%dMB", size), func(b *testing.B) {
		for b.Loop() {
			db, err := dbm.NewDB("registry", "goleveldb", b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			app := emptyApp(b, db)
			offer(b, app, s, c.root)
			for n := range s.Chunks {
				if res := give(b, c.app, app, s, n); res.Result != abci.ResponseApplySnapshotChunk_ACCEPT {
					b.Fatal(res)
				}
			}
			if err := app.state.close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
