package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	cometdb "github.com/cometbft/cometbft-db"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"github.com/cosmos/iavl"
	dbm "github.com/cosmos/iavl/db"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// policy is what a node keeps and for how long. Times are of headers.
type policy struct {
	age            time.Duration // of blocks, snapshots and the consensus log
	evidenceAge    time.Duration // blocks stay as long as they can prove that a validator signed twice
	evidenceBlocks int64

	snapshotEvery time.Duration
	snapshots     int           // newest ones that are kept
	era           time.Duration // of older ones, the first of each era is kept too: verify begins there
	versions      int64         // of the state: readers and the export of a snapshot use old ones

	tidyEvery time.Duration // how often the disk is swept
}

func (s *Settings) policy(p ledger.Parameters) policy {
	const day = 24 * time.Hour
	return policy{
		age:         time.Duration(p.RetentionDays) * day,
		evidenceAge: time.Duration(p.EvidenceSeconds) * time.Second, evidenceBlocks: p.EvidenceBlocks,
		snapshotEvery: s.snapshotEvery, snapshots: s.Snapshots, era: 30 * day, versions: 256, tidyEvery: day,
	}
}

// pruneStep is how many blocks go with one new block: the engine removes them while it makes the next.
const pruneStep = 200

// keeper keeps milestones and snapshots, and removes what is past its time, in the background.
type keeper struct {
	log        *slog.Logger
	app        *App
	blocks     *store.BlockStore
	states     sm.Store
	stores     []cometdb.DB
	wal        string // the file that the engine writes its consensus log to
	milestones *milestones
	archive    *archive
	light      func(height int64) (*types.LightBlock, error)
	policy     func(ledger.Parameters) policy

	looked  int64  // height up to which snapshots were made
	trimmed int64  // version up to which the state was trimmed
	draft   *draft // waits for the blocks that prove it

	base  int64        // of the blocks when the stores were compacted
	swept atomic.Int64 // the first height whose block and state were there then
}

func (n *Node) newKeeper(wal string, rules func(ledger.Parameters) policy) *keeper {
	return &keeper{
		log: n.cfg.Logger, app: n.app, blocks: n.blocks, states: n.states, stores: n.stores, wal: wal,
		milestones: n.milestones, archive: n.app.archive, light: n.light, policy: rules,
	}
}

// keep runs the keeper until the node closes.
func (n *Node) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-n.closed
		cancel()
	}()
	n.keeper.run(ctx, n.look)
}

// look is done before each round of the keeper's work, as long as the node is well.
func (n *Node) look() bool {
	if err := n.room(); err != nil {
		n.giveUp(err)
	}
	return n.Err() == nil
}

// run works after each block, and sweeps the disk from time to time, until ctx ends.
func (k *keeper) run(ctx context.Context, well func() bool) {
	swept := time.Now()
	for {
		_, stir := k.app.feed.changes(0)
		var err error
		if well() {
			err = k.step(ctx)
		}
		if err == nil && well() && time.Since(swept) >= k.rules().tidyEvery {
			swept = time.Now()
			err = k.tidy()
		}
		if err != nil && ctx.Err() == nil {
			k.log.Error("keeping the node's disk in order", "error", err)
		}
		select {
		case <-stir:
		case <-ctx.Done():
			if k.draft != nil {
				_ = k.draft.discard() // it is made again
			}
			return
		}
	}
}

func (k *keeper) rules() policy {
	return k.policy(newOverlay(k.app.state.snapshot()).parameters())
}

// step does what a new block makes due.
func (k *keeper) step(ctx context.Context) error {
	s := k.app.state.snapshot()
	if s.height == 0 {
		return nil
	}
	if err := k.collect(s); err != nil {
		return fmt.Errorf("milestones: %w", err)
	}
	rules := k.rules()
	if err := k.snapshot(ctx, s, rules); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	retain, err := k.retain(s, rules)
	if err != nil {
		return err
	}
	k.app.retain.Store(min(retain, k.blocks.Base()+pruneStep))
	// Some at a time: each time reads parts of the tree.
	if to := s.height - rules.versions; to-k.trimmed >= max(1, rules.versions/4) {
		k.trimmed = to
		return k.app.state.trim(to)
	}
	return nil
}

// collect keeps the milestones that have come.
func (k *keeper) collect(s *snapshot) error {
	o := newOverlay(s)
	turns := o.turns()
	if o.failed != nil {
		return o.failed
	}
	// The newest block has no commit yet that is the same on every node.
	for _, h := range k.milestones.missing(turns, s.height-1) {
		lb, err := k.light(h)
		if errors.Is(err, errGone) || errors.Is(err, errNone) {
			continue // of the time before this node
		}
		if err != nil {
			return err
		}
		raw, err := ledger.EncodeLightBlock(lb)
		if err != nil {
			return err
		}
		if err := k.milestones.put(h, raw); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) timeAt(height int64) (time.Time, bool) {
	meta := k.blocks.LoadBlockMeta(height)
	if meta == nil {
		return time.Time{}, false
	}
	return meta.Header.Time, true
}

// due says whether all nodes make a snapshot at this height: its block is the first of a period.
func (k *keeper) due(height int64, every time.Duration) bool {
	before, ok := k.timeAt(height - 1)
	at, too := k.timeAt(height)
	return ok && too && before.Truncate(every) != at.Truncate(every)
}

// snapshot makes the one that is due, and completes one when its blocks are there.
func (k *keeper) snapshot(ctx context.Context, s *snapshot, rules policy) error {
	if k.draft != nil && s.height >= k.draft.Height+2 {
		d := k.draft
		k.draft = nil
		blocks, err := k.proofOf(d.Height)
		if err == nil {
			err = d.seal(blocks)
		}
		if err != nil {
			return errors.Join(err, d.discard())
		}
		k.log.Info("snapshot made", "height", d.Height, "chunks", len(d.Chunks))
		return k.expire(s, rules)
	}
	if k.draft != nil {
		return nil
	}
	from := max(k.looked+1, s.height-rules.versions+2, 2)
	k.looked = s.height
	for h := s.height; h >= from; h-- {
		if !k.due(h, rules.snapshotEvery) {
			continue
		}
		release := k.app.state.hold(h)
		defer release()
		at, err := k.app.state.at(h)
		if err != nil {
			return err
		}
		at.time, _ = k.timeAt(h)
		k.draft, err = k.archive.write(ctx, at, k.app.chain.ChainID)
		return err
	}
	return nil
}

// proofOf returns the light blocks that lead from the genesis file to the state of a height.
func (k *keeper) proofOf(height int64) ([][]byte, error) {
	var blocks [][]byte
	for _, raw := range k.milestones.all() {
		if lb, err := ledger.DecodeLightBlock(raw); err != nil {
			return nil, err
		} else if lb.Height < height {
			blocks = append(blocks, raw)
		}
	}
	for h := height; h <= height+2; h++ {
		lb, err := k.light(h)
		if err != nil {
			return nil, err
		}
		raw, err := ledger.EncodeLightBlock(lb)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, raw)
	}
	return blocks, nil
}

// kept returns which snapshots stay: the newest ones, and the first of each era before them, as long as blocks are kept.
// The newest of all always stays.
func (p policy) kept(all []*manifest, now time.Time) []*manifest {
	var kept []*manifest
	var era time.Time
	for i, m := range all {
		first := i == 0 || m.time().Truncate(p.era) != era
		era = m.time().Truncate(p.era)
		switch {
		case i == len(all)-1:
		case now.Sub(m.time()) > p.age:
			continue
		case i < len(all)-p.snapshots && !first:
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

// expire removes snapshots past their time.
func (k *keeper) expire(s *snapshot, rules policy) error {
	all, err := k.archive.list()
	if err != nil {
		return err
	}
	kept := rules.kept(all, s.time)
	for _, m := range all {
		if !slices.Contains(kept, m) {
			if err := k.archive.remove(m.Height); err != nil {
				return err
			}
		}
	}
	return nil
}

// retain returns the first height whose block stays; 0 if all do. A block goes when it is older than the network's
// retention, proves nothing against a validator any more, is no milestone still to be kept, and is not needed to get from
// the oldest snapshot to today.
func (k *keeper) retain(s *snapshot, rules policy) (int64, error) {
	all, err := k.archive.list()
	if err != nil || len(all) == 0 || s.time.IsZero() {
		return 0, err
	}
	cut := s.time.Add(-max(rules.age, rules.evidenceAge))
	base := max(k.blocks.Base(), 1)
	n := sort.Search(int(max(s.height-base, 0)), func(i int) bool {
		t, ok := k.timeAt(base + int64(i))
		return ok && !t.Before(cut)
	})
	height := min(base+int64(n), s.height-rules.evidenceBlocks, rules.kept(all, s.time)[0].Height+1)
	o := newOverlay(s)
	for _, h := range k.milestones.missing(o.turns(), s.height) {
		if h >= base {
			height = min(height, h)
			break
		}
	}
	if height <= base {
		return 0, o.failed
	}
	return height, o.failed
}

// tidy sweeps the disk: what was deleted stays in the files of a store until they are written anew.
func (k *keeper) tidy() error {
	s := k.app.state.snapshot()
	rules := k.rules()
	err := k.expire(s, rules)
	err = errors.Join(err, rotate(k.wal), removeBefore(k.wal, s.time.Add(-rules.age)))
	if base := k.blocks.Base(); base != k.base || k.app.state.trimmed.Swap(false) {
		for _, db := range k.stores {
			err = errors.Join(err, db.Compact(nil, nil))
		}
		if err = errors.Join(err, k.app.state.compact()); err == nil {
			k.base = base
			k.swept.Store(min(base, k.app.state.first()))
		}
	}
	return err
}

// rotate gives the file that the engine writes its log to the next number, so that it can be removed later. The engine
// opens the file by its name for each write and closes it every second (cometbft/libs/autofile is made for that): what
// it writes until then goes to the renamed file, which is read before the new one. It does not notice, and when it
// rotates by itself it may write over ours, which was of no use any more.
func rotate(head string) error {
	if info, err := os.Stat(head); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	} else if err != nil {
		return err
	}
	files, err := numbered(head)
	if err != nil {
		return err
	}
	next := 0
	for n := range files {
		next = max(next, n+1)
	}
	return os.Rename(head, fmt.Sprintf("%s.%03d", head, next))
}

// removeBefore removes the parts of the log that were last written before a time. That is the time of a block, so a
// later part has everything that the engine needs to go on after that block.
func removeBefore(head string, cut time.Time) error {
	files, err := numbered(head)
	for _, path := range files {
		info, e := os.Stat(path)
		if e == nil && info.ModTime().Before(cut) {
			e = os.Remove(path)
		}
		err = errors.Join(err, e)
	}
	return err
}

func numbered(head string) (map[int]string, error) {
	entries, err := os.ReadDir(filepath.Dir(head))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := map[int]string{}
	for _, e := range entries {
		if s, ok := strings.CutPrefix(e.Name(), filepath.Base(head)+"."); ok {
			if n, err := strconv.Atoi(s); err == nil && n >= 0 {
				files[n] = filepath.Join(filepath.Dir(head), e.Name())
			}
		}
	}
	return files, nil
}

// hold keeps a version from being deleted until release.
func (s *State) hold(height int64) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[height]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held[height]--; s.held[height] == 0 {
			delete(s.held, height)
		}
	}
}

// first returns the oldest version.
func (s *State) first() int64 {
	all := s.pruner().AvailableVersions()
	if len(all) == 0 {
		return 0
	}
	return int64(all[0])
}

// pruner is a tree of its own on the same store: it collects deletions in its own batch, and never meets the one that
// blocks are written to.
func (s *State) pruner() *iavl.MutableTree {
	// The batch of a call is written at once: half a deletion would leave a version without its root.
	return iavl.NewMutableTree(growing{s.db}, 10_000, true, iavl.NewNopLogger(), iavl.FlushThresholdOption(256<<20))
}

// growing is a store whose batches take memory as they grow. The tree asks for as much as it may write at once, and for
// more than one batch.
type growing struct{ dbm.DB }

// NewBatchWithSize does not care for the size.
func (g growing) NewBatchWithSize(int) dbm.Batch { return g.DB.NewBatch() }

// trim deletes the versions up to a height, and what only they hold.
func (s *State) trim(to int64) error {
	s.mu.Lock()
	for h := range s.held {
		to = min(to, h-1)
	}
	s.mu.Unlock()
	for first := s.first(); first <= to; first += 64 {
		tree := s.pruner()
		if err := errors.Join(tree.DeleteVersionsTo(min(first+63, to)), tree.Close()); err != nil {
			return fmt.Errorf("delete old states: %w", err)
		}
		s.trimmed.Store(true)
	}
	return nil
}

// compact writes the store anew without what was deleted.
func (s *State) compact() error {
	w, ok := s.db.(*dbm.Wrapper)
	if !ok {
		return nil // in memory
	}
	if db, ok := w.DB.(interface {
		ForceCompact(start, limit []byte) error
	}); ok {
		return db.ForceCompact(nil, nil)
	}
	return fmt.Errorf("a store of type %T cannot be compacted", w.DB)
}
