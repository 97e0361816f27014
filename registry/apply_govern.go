package registry

import (
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

func defaultParameters() ledger.Parameters {
	return ledger.Parameters{
		BlockBytes: 2 << 20, EvidenceSeconds: 30 * 24 * 60 * 60, EvidenceBlocks: 30 * 24 * 60 * 3, // at three heartbeats a minute
		RetentionDays: 365, Guests: 256, Lists: 4096, ProposalDays: 30,
	}
}

func propose(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no votes yet")
}
func vote(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no votes yet")
}
func cancel(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no votes yet")
}
func execute(o *overlay, t *transaction, b *block) *refusal {
	return refuse(ledger.Policy, "no votes yet")
}

// punish takes the seat of validators that signed two blocks at one height.
func punish(o *overlay, b *block, evidence []abci.Misbehavior) {}

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
	params.Version.App = appVersion
	return params
}
