package registry

import (
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// engine does with the answers of the application what CometBFT does, and stops where it would. It also keeps the rule
// that the limits on change are for, by its own counting: whoever knows the validators of a block finds enough of them
// in the set two blocks later.
type engine struct {
	t      testing.TB
	params types.ConsensusParams
	sets   map[int64]*types.ValidatorSet
	exempt int64 // evidence has taken a validator: changes up to this height are not counted
}

// newEngine starts with the validators that the application names. It is nil for a network without any, which only a
// test has.
func newEngine(t testing.TB, res *abci.ResponseInitChain) *engine {
	t.Helper()
	if len(res.Validators) == 0 {
		return nil
	}
	vals, err := types.PB2TM.ValidatorUpdates(res.Validators)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, params: *engineParams(defaultParameters()), sets: map[int64]*types.ValidatorSet{}}
	e.sets[1], e.sets[2] = types.NewValidatorSet(vals), types.NewValidatorSet(vals)
	return e
}

// finalized takes over what a block decided.
func (e *engine) finalized(height int64, evidence []abci.Misbehavior, updates []abci.ValidatorUpdate, params *cmtproto.ConsensusParams) {
	if e == nil {
		return
	}
	e.t.Helper()
	next := e.sets[height+1].Copy()
	if len(updates) > 0 {
		vals, err := types.PB2TM.ValidatorUpdates(updates)
		if err != nil {
			e.t.Fatalf("height %d: %v", height, err)
		}
		if err := next.UpdateWithChangeSet(vals); err != nil {
			e.t.Fatalf("height %d: the engine stops: %v", height, err)
		}
	}
	if next.Size() == 0 || next.Size() > maxMembers {
		e.t.Fatalf("height %d: %d validators", height, next.Size())
	}
	e.sets[height+2] = next
	if len(evidence) > 0 {
		e.exempt = height + 4
	}
	if height+2 > e.exempt {
		e.close(height, e.sets[height], next)
	}
	if params != nil {
		after := e.params.Update(params)
		if err := after.ValidateBasic(); err != nil {
			e.t.Fatalf("height %d: the engine stops: %v", height, err)
		}
		if err := e.params.ValidateUpdate(params, height); err != nil {
			e.t.Fatalf("height %d: the engine stops: %v", height, err)
		}
		e.params = after
	}
}

func (e *engine) close(height int64, old, next *types.ValidatorSet) {
	e.t.Helper()
	var left, stayed int64
	for _, v := range old.Validators {
		if next.HasAddress(v.Address) {
			stayed += v.VotingPower
		} else {
			left += v.VotingPower
		}
	}
	came := next.TotalVotingPower() - stayed
	switch {
	case old.Size() < faultTolerant && left+came > validatorPower:
		e.t.Fatalf("height %d: of %d validators %d left and %d came", height, old.Size(), left/validatorPower, came/validatorPower)
	case old.Size() >= faultTolerant && (3*left >= old.TotalVotingPower() || 3*stayed <= 2*next.TotalVotingPower()):
		e.t.Fatalf("height %d: of %d validators %d left, %d came", height, old.Size(), left/validatorPower, came/validatorPower)
	}
}

// size is how many validators sign the block that comes.
func (e *engine) size(height int64) int { return e.sets[height].Size() }
