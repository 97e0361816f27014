package registry

import (
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

func defaultParameters() ledger.Parameters {
	return ledger.Parameters{
		BlockBytes: 2 << 20, EvidenceSeconds: 30 * daySeconds, EvidenceBlocks: 30 * daySeconds / slowestBlock,
		RetentionDays: 365, Guests: 256, Lists: 4096, ProposalDays: 30,
	}
}

// slowestBlock is the heartbeat: when nothing happens a block is made this often, in seconds.
const slowestBlock = 20

// Bounds of the parameters. Within them no vote can stop the chain, lose the evidence against a validator, or make a
// node keep more than it can.
const (
	minBlockBytes = 256 << 10 // four of the largest transactions
	maxBlockBytes = 8 << 20
	maxRetention  = 10 * 366 // days
	maxGuests     = 1 << 16
	maxLists      = 1 << 14
	maxVoting     = 90 // days
)

// checkParameters refuses what the network would not survive.
func checkParameters(p *ledger.Parameters) *refusal {
	for _, x := range []struct {
		name            string
		value, from, to int64
	}{
		{"block bytes", p.BlockBytes, minBlockBytes, maxBlockBytes},
		{"vote extensions height", p.VoteExtensionsHeight, 0, 0},
		{"retention days", p.RetentionDays, 2, maxRetention},
		{"guests", p.Guests, 0, maxGuests},
		{"lists", p.Lists, 1, maxLists},
		{"proposal days", p.ProposalDays, 1, maxVoting},
		// Nodes keep blocks at least as long as evidence counts, by both of its measures and with a day to spare.
		{"evidence seconds", p.EvidenceSeconds, daySeconds, (p.RetentionDays - 1) * daySeconds},
		{"evidence blocks", p.EvidenceBlocks, p.EvidenceSeconds / slowestBlock, (p.RetentionDays - 1) * daySeconds / slowestBlock},
	} {
		if x.value < x.from || x.value > x.to {
			return refuse(ledger.Policy, "%s: %d is not between %d and %d", x.name, x.value, x.from, x.to)
		}
	}
	return nil
}

// setParameters takes effect with the next block.
func setParameters(o *overlay, p *ledger.Parameters) *refusal {
	if r := checkParameters(p); r != nil {
		return r
	}
	if o.parameters() == *p {
		return refuse(ledger.Conflict, "the parameters are so already")
	}
	o.store(ledger.KeyParameters(), p)
	return nil
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

// consensusParams is what the engine follows of our parameters.
func consensusParams(p ledger.Parameters) *cmtproto.ConsensusParams {
	params := engineParams(p).ToProto()
	return &params
}

// engineParams are the engine's parameters with ours in them.
func engineParams(p ledger.Parameters) *types.ConsensusParams {
	params := types.DefaultConsensusParams()
	params.Block.MaxBytes = p.BlockBytes
	params.Evidence.MaxAgeDuration = time.Duration(p.EvidenceSeconds) * time.Second
	params.Evidence.MaxAgeNumBlocks = p.EvidenceBlocks
	// Room for evidence must not be more than the block, or the engine stops; and it leaves most of it to transactions.
	params.Evidence.MaxBytes = min(params.Evidence.MaxBytes, p.BlockBytes/4)
	params.Version.App = appVersion
	return params
}
