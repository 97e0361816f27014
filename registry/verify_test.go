package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"
	cmtstore "github.com/cometbft/cometbft/proto/tendermint/store"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

var quiet = slog.New(slog.DiscardHandler)

// busy makes blocks with a transaction each.
func (s *offline) busy(blocks int) {
	s.t.Helper()
	for range blocks {
		p := newParty(s.t, fmt.Sprintf("guest-%d", s.engine.LastBlockHeight))
		s.block(p.sign(s.t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record, ValidUntil: 1 << 40}))
	}
}

// rewrite changes a stored block of a stopped node, and everything that follows from it in the same record.
func (s *offline) rewrite(height int64, change func(b *types.Block)) {
	s.t.Helper()
	db, err := cfg.DefaultDBProvider(&cfg.DBContext{ID: "blockstore", Config: cometConfig(s.dir, &Settings{})})
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	blocks := store.NewBlockStore(db)
	b := blocks.LoadBlock(height)
	change(b)
	parts, err := b.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		s.t.Fatal(err)
	}
	commit := blocks.LoadSeenCommit(height)
	next := blocks.Height()
	// The store takes a block only after the one before it.
	set := func(base, height int64) cometdb.DB {
		store.SaveBlockStoreState(&cmtstore.BlockStoreState{Base: base, Height: height}, db)
		return db
	}
	store.NewBlockStore(set(1, height-1)).SaveBlock(b, parts, commit)
	set(1, next)
}

func TestVerify(t *testing.T) {
	s := startOffline(t, 4, nil)
	s.busy(20)
	s.close()
	v, err := Verify(t.Context(), s.dir, quiet)
	if err != nil || v.From != 0 || v.To != 20 || v.Transactions != 20 {
		t.Fatalf("%+v, %v", v, err)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, dataDir, unfinished+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	held, err := lock(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), s.dir, quiet); !errors.Is(err, ErrRuns) {
		t.Errorf("while the node runs: %v", err)
	}
	held.Close()

	bad := func(name string, height int64) {
		t.Helper()
		_, err := Verify(t.Context(), s.dir, quiet)
		var b *BadBlock
		if !errors.As(err, &b) || b.Height != height {
			t.Errorf("%s: %v, want block %d", name, err, height)
		}
	}
	s.rewrite(15, func(b *types.Block) { b.Header.AppHash = make([]byte, 32) })
	bad("another root", 15)
	s.rewrite(12, func(b *types.Block) { b.Data.Txs[0][100] ^= 1 })
	bad("another transaction", 12)
	s.rewrite(9, func(b *types.Block) { b.LastCommit.Signatures[0].Signature[3] ^= 1 })
	bad("another signature", 8) // the one under block 8, which block 9 holds
}

// A node that pruned its blocks verifies them from its oldest snapshot, and what it prunes while it does not run is gone.
func TestPruneAndVerify(t *testing.T) {
	s := startOffline(t, 1, nil)
	s.shorten(60)
	s.busy(200)
	rules := s.node.keeper.policy
	base := s.node.blocks.Base()
	if base < 100 {
		t.Fatalf("base %d", base)
	}
	s.close()
	v, err := Verify(t.Context(), s.dir, quiet)
	if err != nil || v.From < base || v.To != 200 || v.From == 0 {
		t.Errorf("%+v, %v", v, err)
	}
	p, err := prune(s.dir, quiet, func(p ledger.Parameters) policy {
		r := rules(p)
		r.age, r.evidenceBlocks = 20*s.pause, 20
		return r
	})
	if err != nil || p.Base <= base || p.Blocks != p.Base-base {
		t.Errorf("%+v, %v", p, err)
	}
	if v, err = Verify(t.Context(), s.dir, quiet); err != nil || v.From < p.Base-1 {
		t.Errorf("%+v, %v", v, err)
	}
	made, err := MakeSnapshot(t.Context(), s.dir, quiet)
	if err != nil || made.Height != 198 {
		t.Errorf("%+v, %v", made, err)
	}
	all, err := Snapshots(s.dir)
	if err != nil || len(all) == 0 || all[len(all)-1] != *made {
		t.Errorf("%+v, %v", all, err)
	}
	s.open()
	s.busy(3)
}

// From a copy of the snapshots a new directory becomes a node that goes on where the snapshot is, with all milestones.
func TestRestore(t *testing.T) {
	s := startOffline(t, 4, nil)
	s.shorten(60)
	for i := range 4 {
		s.blocksTo(s.engine.LastBlockHeight + 40)
		s.reseat(i, string(rune('a'+i)))
	}
	s.busy(40)
	s.blocksTo(s.engine.LastBlockHeight + 40)
	old := s.file(s.engine.LastBlockHeight - 50)
	s.close()
	all, err := Snapshots(s.dir)
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	from := all[len(all)-1]
	node := newTestNode(t)
	node.set(t, s.net.genesis, Settings{})
	if err := os.WriteFile(filepath.Join(node.dir, networkFile), old.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(from.Dir)); err != nil {
		t.Fatal(err)
	}
	got, err := Restore(t.Context(), node.dir, backup, false, quiet)
	if err != nil || got.Height != from.Height {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := Restore(t.Context(), node.dir, backup, false, quiet); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a state: %v", err)
	}
	if copied, err := Snapshots(node.dir); err != nil || len(copied) != 1 || copied[0].Height != from.Height {
		t.Errorf("%+v, %v", copied, err)
	}
	// It takes the blocks after the snapshot, as its peers would send them.
	first := s.dir
	s.open()
	var later []*types.Block
	for h := from.Height + 1; h <= s.engine.LastBlockHeight; h++ {
		later = append(later, s.node.blocks.LoadBlock(h))
	}
	want := s.node.app.state.snapshot().root
	s.close()
	s.dir = node.dir
	s.open()
	if s.engine.LastBlockHeight != from.Height || len(s.node.milestones.all()) != 9 {
		t.Fatalf("height %d, %d milestones", s.engine.LastBlockHeight, len(s.node.milestones.all()))
	}
	for i, b := range later[:len(later)-1] {
		parts, err := b.MakePartSet(types.BlockPartSizeBytes)
		if err != nil {
			t.Fatal(err)
		}
		s.node.blocks.SaveBlock(b, parts, later[i+1].LastCommit)
		if s.engine, err = s.exec.ApplyBlock(s.engine, types.BlockID{Hash: b.Hash(), PartSetHeader: parts.Header()}, b); err != nil {
			t.Fatal(err)
		}
		if err := s.node.keeper.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if string(s.node.app.state.snapshot().root) != string(want) {
		t.Error("another root than the node that the snapshot is from")
	}
	if _, err := s.bundle(1, ledger.KeyMembers()).Verify(old, s.now.Add(time.Minute), 0); err != nil {
		t.Error(err)
	}
	s.close()
	s.dir = first

	// Damage to the backup is found before the node starts with it.
	for _, name := range []string{manifestFile, blocksFile, "0"} {
		raw, err := os.ReadFile(filepath.Join(backup, name))
		if err != nil {
			t.Fatal(err)
		}
		damaged := slices.Clone(raw)
		damaged[len(damaged)/2] ^= 1
		if err := os.WriteFile(filepath.Join(backup, name), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		fresh := newTestNode(t)
		fresh.set(t, s.net.genesis, Settings{})
		if _, err := Restore(t.Context(), fresh.dir, backup, false, quiet); err == nil {
			t.Errorf("a damaged %s is restored", name)
		}
		if err := os.WriteFile(filepath.Join(backup, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), fresh.dir, backup, false, quiet); err != nil {
			t.Errorf("after a damaged %s: %v", name, err)
		}
	}
}

// The only validator of a network is not restored by accident: what it wrote since the snapshot would be gone.
func TestRestoreAlone(t *testing.T) {
	s := startOffline(t, 1, nil)
	s.busy(6)
	s.close()
	made, err := MakeSnapshot(t.Context(), s.dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), strconv.FormatInt(made.Height, 10))
	if err := os.CopyFS(backup, os.DirFS(made.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, dataDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, dataDir), 0o700); err != nil {
		t.Fatal(err)
	}
	// Without what it signed last, a validator is not let in.
	if _, err := Restore(t.Context(), s.dir, backup, true, quiet); err == nil {
		t.Error("restored without the signer's state")
	}
	state := []byte(`{"height":"6","round":0,"step":3}`)
	if err := os.WriteFile(filepath.Join(s.dir, signerState), state, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), s.dir, backup, false, quiet); !errors.Is(err, ErrAlone) {
		t.Errorf("%v", err)
	}
	if _, err := Restore(t.Context(), s.dir, backup, true, quiet); err != nil {
		t.Error(err)
	}
}
