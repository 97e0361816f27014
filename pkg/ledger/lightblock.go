package ledger

import (
	"fmt"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// maxLightBlock bounds an encoded light block: a header, and for each validator a signature and a key.
const maxLightBlock = 64 << 10

// EncodeLightBlock returns the protobuf form that travels in bundles and under /v1/light.
func EncodeLightBlock(b *types.LightBlock) ([]byte, error) {
	pb, err := b.ToProto()
	if err != nil || pb == nil {
		return nil, fmt.Errorf("%w: light block: %v", ErrMalformed, err)
	}
	raw, err := pb.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: light block: %v", ErrMalformed, err)
	}
	return raw, nil
}

// DecodeLightBlock reads a light block and checks that header, commit and validators belong together. It checks no
// signature. Error: [ErrMalformed].
func DecodeLightBlock(raw []byte) (*types.LightBlock, error) {
	if len(raw) > maxLightBlock {
		return nil, fmt.Errorf("%w: light block of %d bytes", ErrMalformed, len(raw))
	}
	var pb cmtproto.LightBlock
	if err := pb.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("%w: light block: %v", ErrMalformed, err)
	}
	if pb.SignedHeader == nil || pb.SignedHeader.Header == nil || pb.SignedHeader.Commit == nil || pb.ValidatorSet == nil {
		return nil, fmt.Errorf("%w: light block is not complete", ErrMalformed)
	}
	if n := len(pb.ValidatorSet.Validators); n == 0 || n > maxValidators || len(pb.SignedHeader.Commit.Signatures) > maxValidators {
		return nil, fmt.Errorf("%w: light block: %d validators, %d signatures", ErrMalformed, n, len(pb.SignedHeader.Commit.Signatures))
	}
	// The engine's set panics above its maximum power.
	total := int64(0)
	for _, v := range pb.ValidatorSet.Validators {
		if v == nil || v.VotingPower <= 0 || v.VotingPower > types.MaxTotalVotingPower-total {
			return nil, fmt.Errorf("%w: light block: voting power", ErrMalformed)
		}
		total += v.VotingPower
	}
	b, err := types.LightBlockFromProto(&pb)
	if err != nil {
		return nil, fmt.Errorf("%w: light block: %v", ErrMalformed, err)
	}
	for _, v := range b.ValidatorSet.Validators {
		if _, ok := v.PubKey.(cmted25519.PubKey); !ok {
			return nil, fmt.Errorf("%w: light block: validator key of type %q", ErrMalformed, v.PubKey.Type())
		}
	}
	if err := b.ValidateBasic(b.ChainID); err != nil {
		return nil, fmt.Errorf("%w: light block: %v", ErrMalformed, err)
	}
	return b, nil
}
