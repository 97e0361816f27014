package registry

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/libs/protoio"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// consensusLog is where CometBFT writes what it hears and signs before it acts on it.
var consensusLog = filepath.Join(dataDir, "cs.wal", "wal")

// checkLog refuses to start the one validator of a network whose log of consensus has lost votes that the signer's file
// knows of, as on a damaged disk. CometBFT would start, never sign those steps again, and wait for its own vote for ever.
// With several validators the others carry on to a round in which this one can sign. height is that of the newest block.
func checkLog(dir string, height int64, signer *privval.FilePV) error {
	last := &signer.LastSignState
	switch {
	case last.Height <= height:
		return nil
	case last.Height > height+1:
		return fmt.Errorf("%s says that the validator signed up to height %d, but the newest block here is %d; "+
			"blocks are missing: restore the newest copy of %s", signerState, last.Height, height, dataDir)
	}
	// A vote gets into the log after it was signed: the newest one may have been on its way when the node ended, but the
	// one before it must be there. What it stands on comes earlier in the log.
	const propose, prevote = 1, 2
	found, err := readLog(dir, last.Height, last.Round, signer.Key.Address)
	if err != nil {
		return err
	}
	need := 2 * int(last.Round) // rank of the prevote of this round
	switch last.Step {
	case propose:
		need--
	case prevote:
		if found.votes < need && !found.repeats(last.SignBytes) {
			break
		}
		need--
	}
	if found.votes >= need {
		return nil
	}
	return fmt.Errorf("%s says that the validator signed at height %d, but its log of consensus %s does not hold that any more; "+
		"restore %s from before it was damaged. If there is no copy, and no other node can have received block %d, "+
		"set in %s \"height\" to %q, \"round\" to 0, \"step\" to 3 and remove \"signature\" and \"signbytes\"",
		signerState, last.Height, consensusLog, filepath.Dir(consensusLog), last.Height, signerState, fmt.Sprint(height))
}

// logged is what the log holds of one height.
type logged struct {
	votes int    // rank of the newest own vote: twice the round, one more for a precommit; -1: none
	block []byte // hash of what was proposed in the round asked for, if all its parts are there
}

// repeats says whether a prevote with these signed bytes would be made again from the log.
func (l *logged) repeats(signed []byte) bool {
	var v cmtproto.CanonicalVote
	if err := protoio.UnmarshalDelimited(signed, &v); err != nil {
		return false
	}
	return v.BlockID == nil || bytes.Equal(v.BlockID.Hash, l.block)
}

// readLog reads what the log holds after the end of the height before.
func readLog(dir string, height int64, round int32, who []byte) (*logged, error) {
	files, err := filepath.Glob(filepath.Join(dir, consensusLog+".[0-9]*")) // wal.000, wal.001, …
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	files = append(files, filepath.Join(dir, consensusLog))
	l := &logged{votes: -1}
	var proposal *types.Proposal
	parts := map[uint32]bool{}
	begun := false
	for _, path := range files[max(0, len(files)-3):] { // a height is much shorter than a file
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for dec := consensus.NewWALDecoder(f); ; {
			m, err := dec.Decode()
			if err != nil {
				break // its end, or where it is damaged: CometBFT reads no further
			}
			if end, ok := m.Msg.(consensus.EndHeightMessage); ok {
				begun = end.Height == height-1
				continue
			}
			p, err := consensus.WALToProto(m.Msg)
			if err != nil || !begun || p.GetMsgInfo() == nil {
				continue
			}
			msg := &p.GetMsgInfo().Msg
			if v := msg.GetVote().GetVote(); v != nil && v.Height == height && bytes.Equal(v.ValidatorAddress, who) {
				rank := 2 * int(v.Round)
				if v.Type == cmtproto.PrecommitType {
					rank++
				}
				l.votes = max(l.votes, rank)
			}
			if p := msg.GetProposal(); p != nil && p.Proposal.Height == height && p.Proposal.Round == round {
				if proposal, err = types.ProposalFromProto(&p.Proposal); err != nil {
					continue
				}
			}
			if p := msg.GetBlockPart(); p != nil && p.Height == height && p.Round == round {
				parts[p.Part.Index] = true
			}
		}
		f.Close()
	}
	if proposal != nil && len(parts) == int(proposal.BlockID.PartSetHeader.Total) {
		l.block = proposal.BlockID.Hash
	}
	return l, nil
}
