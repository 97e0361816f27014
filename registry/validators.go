package registry

import (
	"bytes"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// validatorPower is the same for everybody: one member, one vote.
const validatorPower = 10

// turnDelay is how many blocks later a change of validators acts: what block H decides, the set of block H+2 is.
const turnDelay = 2

// turns returns the heights whose validator set is not the one before, ascending.
func (o *overlay) turns() []int64 {
	var turns []int64
	o.load([]byte(keyTurns), &turns)
	return turns
}

// stir changes the root where the chain must not wait for its heartbeat: CometBFT makes the next block at once only if
// the root has changed. That is so in the first block, whose state needs a header, and in the block between a change of
// validators and the one that they sign first.
func stir(o *overlay, b *block) {
	turns := o.turns()
	if b.height == 1 || len(turns) > 0 && turns[len(turns)-1] == b.height+1 {
		o.store([]byte(keyStir), b.seconds())
	}
}

// turn compares the validators before and after a block, and remembers the height at which a change acts.
func turn(before view, o *overlay, b *block) []abci.ValidatorUpdate {
	then := newOverlay(before)
	updates := validatorUpdates(then.members(), o.members())
	if then.failed != nil {
		o.fail(then.failed)
	}
	if len(updates) > 0 {
		o.store([]byte(keyTurns), append(o.turns(), b.height+turnDelay))
	}
	return updates
}

// validatorUpdates returns what changes between two lists of members, those who leave first.
func validatorUpdates(before, after []ledger.Member) []abci.ValidatorUpdate {
	has := func(all []ledger.Member, key []byte) bool {
		for i := range all {
			if bytes.Equal(all[i].Validator, key) {
				return true
			}
		}
		return false
	}
	var updates []abci.ValidatorUpdate
	for _, m := range before {
		if len(m.Validator) > 0 && !has(after, m.Validator) {
			updates = append(updates, abci.UpdateValidator(m.Validator, 0, ed25519.KeyType))
		}
	}
	for _, m := range after {
		if len(m.Validator) > 0 && !has(before, m.Validator) {
			updates = append(updates, abci.UpdateValidator(m.Validator, validatorPower, ed25519.KeyType))
		}
	}
	return updates
}

// paramUpdates returns the engine's parameters if the block changed ours.
func paramUpdates(before view, o *overlay) *cmtproto.ConsensusParams {
	then := newOverlay(before)
	was, is := then.parameters(), o.parameters()
	if then.failed != nil {
		o.fail(then.failed)
	}
	if was == is || was == (ledger.Parameters{}) {
		return nil
	}
	return consensusParams(is)
}
