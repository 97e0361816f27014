package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/crypto"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// cuts is how many times the log of consensus is cut: few, or what ZEGEL_WAL_CUTS says.
func cuts(t *testing.T) int {
	t.Helper()
	s := os.Getenv("ZEGEL_WAL_CUTS")
	if s == "" {
		return 8
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ballot is what a validator may sign once.
type ballot struct {
	height int64
	round  int32
	kind   cmtproto.SignedMsgType
}

// signed returns what the validator's log of consensus and its blocks say that it signed, and the blocks it signed for.
// A log may be cut: what comes after is not read.
func signed(t *testing.T, dir string, who crypto.Address) map[ballot]string {
	t.Helper()
	all := map[ballot]string{}
	note := func(b ballot, id types.BlockID) {
		hash := id.Hash.String()
		if was, twice := all[b]; twice && was != hash {
			t.Errorf("signed twice: %+v for %q and %q", b, was, hash)
		}
		all[b] = hash
	}
	logs, err := filepath.Glob(filepath.Join(dir, dataDir, "cs.wal", "wal*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range logs {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		dec := consensus.NewWALDecoder(f)
		for {
			m, err := dec.Decode()
			if err != nil {
				break // its end, or where it was cut
			}
			p, err := consensus.WALToProto(m.Msg)
			if err != nil {
				t.Fatal(err)
			}
			info := p.GetMsgInfo()
			if info == nil {
				continue
			}
			if v := info.Msg.GetVote().GetVote(); v != nil && slices.Equal(v.ValidatorAddress, who) {
				id, err := types.BlockIDFromProto(&v.BlockID)
				if err != nil {
					t.Fatal(err)
				}
				note(ballot{v.Height, v.Round, v.Type}, *id)
			}
		}
		f.Close()
	}
	db, err := cometdb.NewDB("blockstore", cometdb.GoLevelDBBackend, filepath.Join(dir, dataDir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	blocks := store.NewBlockStore(db)
	for h := max(1, blocks.Base()); h <= blocks.Height(); h++ {
		c := blocks.LoadBlockCommit(h)
		if c == nil {
			c = blocks.LoadSeenCommit(h)
		}
		if c == nil {
			t.Fatalf("no commit of height %d", h)
		}
		for _, s := range c.Signatures {
			if s.BlockIDFlag != types.BlockIDFlagAbsent && slices.Equal(s.ValidatorAddress, who) {
				note(ballot{c.Height, c.Round, cmtproto.PrecommitType}, s.BlockID(c.BlockID))
			}
		}
	}
	return all
}

// killedUnderLoad writes through a node of its own process and kills it while more is coming in.
func killedUnderLoad(t *testing.T, w *world, dir string, writes int) {
	t.Helper()
	m := w.members[0]
	url, kill := spawn(t, dir)
	for range writes {
		write(t, url, m.sign(t, w.accreditation(m.did, fmt.Sprintf("a-%03d", m.seq), trust.Issue)))
	}
	// What is on its way when the node dies may or may not be in a block.
	var waiting [][]byte
	for range 200 {
		waiting = append(waiting, m.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &newParty(t, fmt.Sprint(m.seq)).record}))
	}
	flooding := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		for i, raw := range waiting {
			resp, err := http.Post(url+"/v1/tx", "application/cose", bytes.NewReader(raw))
			if err != nil {
				break // dead
			}
			resp.Body.Close()
			if i == 20 {
				close(flooding)
			}
		}
	}()
	<-flooding
	kill()
	<-over
}

// joints returns where the log's entries of the unfinished height begin and end.
func joints(t *testing.T, log []byte) []int {
	t.Helper()
	var all []int
	r := bytes.NewReader(log)
	for dec := consensus.NewWALDecoder(r); ; {
		m, err := dec.Decode()
		if err != nil {
			return all
		}
		if _, ok := m.Msg.(consensus.EndHeightMessage); ok {
			all = all[:0]
		}
		all = append(all, len(log)-r.Len())
	}
}

// A log of consensus that ends anywhere lets the one validator go on, or the node says what is wrong with it and what to
// do. It never signs a second block at a height.
func TestLogIsCut(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	const writes = 6
	var recovered, refused int
	var slowest time.Duration
	for done := 0; done < cuts(t); {
		w := newWorld(t, 1)
		m := w.members[0]
		base := filepath.Join(t.TempDir(), "node")
		if err := Init(base, w.genesis); err != nil {
			t.Fatal(err)
		}
		signer, err := loadSigner(base)
		if err != nil {
			t.Fatal(err)
		}
		killedUnderLoad(t, w, base, writes)
		before := signed(t, base, signer.Key.Address)
		if len(before) < writes {
			t.Fatalf("%d signatures", len(before))
		}
		log, err := os.ReadFile(filepath.Join(base, dataDir, "cs.wal", "wal"))
		if err != nil {
			t.Fatal(err)
		}
		ends := joints(t, log)
		for range min(10, cuts(t)-done) {
			done++
			at := random.IntN(len(log))
			switch random.IntN(3) {
			case 0: // in the unfinished block
				at = ends[0] + random.IntN(len(log)-ends[0]+1)
			case 1: // just after one of its messages
				at = ends[random.IntN(len(ends))]
			}
			dir := filepath.Join(t.TempDir(), "cut")
			if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			for _, private := range []string{signerKeyFile, nodeKeyFile} {
				if err := os.Chmod(filepath.Join(dir, private), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Truncate(filepath.Join(dir, dataDir, "cs.wal", "wal"), int64(at)); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			n, err := Open(ctx, Config{Dir: dir})
			if err != nil {
				cancel()
				if errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), consensusLog) {
					t.Errorf("cut at %d of %d: %v", at, len(log), err)
				}
				refused++
				continue
			}
			srv := httptest.NewServer(n.Handler())
			// Whatever was acknowledged is there, and new blocks come.
			rec := newOverlay(n.app.state.snapshot()).sequence(m.did)
			if rec.N < writes {
				t.Errorf("cut at %d of %d: sequence %d, %d were acknowledged", at, len(log), rec.N, writes)
			}
			for { // the block that the log holds may still be coming
				m.seq = newOverlay(n.app.state.snapshot()).sequence(m.did).N
				raw := m.sign(t, w.accreditation(m.did, "after", trust.Issue))
				post(t, srv.URL, raw)
				var a ledger.TxAnswer
				if getJSON(t, srv.URL+"/v1/tx/"+hashOf(raw)+"?wait=5", &a); a.Height > 0 && a.Code == ledger.OK {
					break
				}
				if ctx.Err() != nil {
					t.Fatalf("cut at %d of %d: no new block: %+v", at, len(log), a)
				}
			}
			slowest = max(slowest, time.Since(begun))
			recovered++
			srv.Close()
			if err := n.Close(); err != nil {
				t.Error(err)
			}
			cancel()
			for b, hash := range signed(t, dir, signer.Key.Address) {
				if was, ok := before[b]; ok && was != hash {
					t.Errorf("cut at %d of %d: %+v signed for %q and %q", at, len(log), b, was, hash)
				}
			}
			os.RemoveAll(dir)
		}
	}
	t.Logf("%d cuts: %d went on (slowest %v until a new block), %d were refused with advice", recovered+refused, recovered, slowest.Round(time.Millisecond), refused)
}

// The log of consensus can lose what the signer's file says was signed: the disk was damaged, or the log was put back
// from a backup. CometBFT would wait for the one validator's own vote for ever, and say nothing.
func TestSignerIsAheadOfItsLog(t *testing.T) {
	w := newWorld(t, 1)
	m := w.members[0]
	dir, n, srv := newNode(t, w)
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "a", trust.Issue)))
	srv.Close()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	next := n.blocks.Height() + 1
	path := filepath.Join(dir, signerState)
	saved, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind   cmtproto.SignedMsgType
		height int64
		round  int32
		says   string
	}{
		"prevote":         {cmtproto.PrevoteType, next, 3, consensusLog},
		"precommit":       {cmtproto.PrecommitType, next, 3, consensusLog},
		"a height beyond": {cmtproto.PrecommitType, next + 1, 0, dataDir},
	} {
		signer, err := loadSigner(dir)
		if err != nil {
			t.Fatal(err)
		}
		v := &cmtproto.Vote{Type: c.kind, Height: c.height, Round: c.round, Timestamp: time.Now()}
		v.BlockID.Hash = make([]byte, 32)
		v.BlockID.PartSetHeader = cmtproto.PartSetHeader{Total: 1, Hash: make([]byte, 32)}
		if err := signer.SignVote(testChain, v); err != nil {
			t.Fatal(err)
		}
		n, err = Open(t.Context(), Config{Dir: dir})
		if err == nil {
			n.Close()
			t.Fatalf("%s: the node runs", name)
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "restore") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(path, saved, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// As the advice says.
	state := fmt.Sprintf(`{"height":"%d","round":0,"step":3}`, next-1)
	if err := os.WriteFile(path, []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	_, srv = openNode(t, dir)
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "after", trust.Issue)))
}

// CometBFT reads old blocks for its peers while it stops. A panic then would look like a crash.
func TestClosedStoreIsEmpty(t *testing.T) {
	n := &Node{}
	c := cometConfig(t.TempDir(), &Settings{})
	db, err := n.openDB(&cfg.DBContext{ID: "blockstore", Config: c})
	if err != nil {
		t.Fatal(err)
	}
	blocks := store.NewBlockStore(db)
	if err := db.Set([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := db.Get([]byte("k")); v != nil || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if blocks.LoadSeenCommit(1) != nil || blocks.LoadBlockMeta(1) != nil {
		t.Error("blocks in a closed store")
	}
}
