package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// milestones are the blocks on both sides of each change of validators, and block 1. A network file of a year ago is
// the root of a wallet that was off for a year, and these are the steps from it to today: they are kept for ever, in
// files of their own that no pruning touches. There are few, of some kilobytes.
type milestones struct {
	dir string

	mu   sync.Mutex
	have map[int64][]byte // encoded light blocks
}

func openMilestones(dir string) (*milestones, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	m := &milestones{dir: dir, have: map[int64][]byte{}}
	for _, e := range entries {
		height, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil {
			continue // one that was not written to its end
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if lb, err := ledger.DecodeLightBlock(raw); err != nil || lb.Height != height {
			return nil, fmt.Errorf("%s: not the light block of height %d: %v", filepath.Join(dir, e.Name()), height, err)
		}
		m.have[height] = raw
	}
	return m, nil
}

// get returns nil for a height that is none.
func (m *milestones) get(height int64) []byte {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.have[height]
}

// put keeps a block that the caller knows to be the network's.
func (m *milestones) put(height int64, raw []byte) error {
	if err := writeWhole(filepath.Join(m.dir, strconv.FormatInt(height, 10)), raw); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.have[height] = raw
	return nil
}

// all returns the encoded blocks, ascending.
func (m *milestones) all() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	heights := make([]int64, 0, len(m.have))
	for h := range m.have {
		heights = append(heights, h)
	}
	slices.Sort(heights)
	blocks := make([][]byte, 0, len(heights))
	for _, h := range heights {
		blocks = append(blocks, m.have[h])
	}
	return blocks
}

// missing returns the heights up to newest that should be kept and are not, ascending.
func (m *milestones) missing(turns []int64, newest int64) []int64 {
	var heights []int64
	for _, h := range append([]int64{1}, sides(turns)...) {
		if h <= newest && m.get(h) == nil && !slices.Contains(heights, h) {
			heights = append(heights, h)
		}
	}
	return heights
}

// sides returns the heights before and after each change.
func sides(turns []int64) []int64 {
	var heights []int64
	for _, turn := range turns {
		heights = append(heights, turn-1, turn)
	}
	return heights
}

// unfinished begins the names of directories that are being filled.
const unfinished = ".unfinished-"

// removeUnfinished removes what a process that died was writing.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), unfinished) {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncDir makes what was renamed in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// way checks light blocks one after the other, from the validators of the genesis file on. It does not look at how old
// they are: keys of validators who left long ago could have signed another past, but not one that leads to the
// validators of today, and to those every way is checked in the end.
type way struct {
	trusted *types.LightBlock
	now     time.Time
}

// forever is the trusting period of a way: so long that adding it to a time still is one.
const forever = time.Duration(math.MaxInt64)

func newWay(genesis *types.GenesisDoc, now time.Time) *way {
	var all []*types.Validator
	for _, v := range genesis.Validators {
		all = append(all, types.NewValidator(v.PubKey, v.Power))
	}
	validators := types.NewValidatorSet(all)
	hash := validators.Hash()
	// There is no block 0. Its time is before that of block 1, which is the time of the genesis file.
	return &way{now: now, trusted: &types.LightBlock{
		SignedHeader: &types.SignedHeader{Header: &types.Header{
			ChainID: genesis.ChainID, Height: genesis.InitialHeight - 1, Time: genesis.GenesisTime.Add(-time.Second),
			ValidatorsHash: hash, NextValidatorsHash: hash,
		}},
		ValidatorSet: validators,
	}}
}

// next checks a block that is higher than the ones before, and trusts it.
func (w *way) next(b *types.LightBlock) error {
	if err := w.follows(b); err != nil {
		return err
	}
	w.trusted = b
	return nil
}

// follows checks a block without trusting it.
func (w *way) follows(b *types.LightBlock) error {
	twoThirds := cmtmath.Fraction{Numerator: 2, Denominator: 3}
	t := w.trusted
	if err := light.Verify(t.SignedHeader, t.ValidatorSet, b.SignedHeader, b.ValidatorSet, forever, w.now, ledger.MaxClockDrift, twoThirds); err != nil {
		return fmt.Errorf("block %d after %d: %w", b.Height, t.Height, err)
	}
	return nil
}
