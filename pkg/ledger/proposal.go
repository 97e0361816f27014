package ledger

import (
	"crypto/ed25519"
	"fmt"
	"slices"
)

// Check checks a proposal's form: exactly one action, in good form itself, a time and a text. What members may decide is
// the registry's to judge. Errors: [ErrMalformed], [jose.ErrTooLarge].
func (p *ProposeAction) Check() error {
	if _, err := seconds(p.Until); err != nil {
		return err
	}
	if !text(p.Why) {
		return fmt.Errorf("%w: reason %q", ErrMalformed, clip(p.Why))
	}
	return p.Action.Check()
}

// check is of votes and of what names a proposal.
func (v *VoteAction) check() error { return checkHash(v.Proposal) }

func (n *ProposalName) check(kind Kind) error {
	if len(n.Key) != 0 && (kind != Cancel || len(n.Key) != ed25519.PublicKeySize) {
		return fmt.Errorf("%w: %s with a key of %d bytes", ErrMalformed, kind, len(n.Key))
	}
	return checkHash(n.ID)
}

// Tally counts votes of those who are members still: yes, no, and those who have not voted. A member that has left has
// no vote any more, and one that came later never had one.
func (p *Proposal) Tally(members []Member) (yes, no, silent int) {
	for _, d := range p.Voters {
		if !slices.ContainsFunc(members, func(m Member) bool { return m.DID == d }) {
			continue
		}
		switch {
		case slices.Contains(p.Yes, d):
			yes++
		case slices.Contains(p.No, d):
			no++
		default:
			silent++
		}
	}
	return yes, no, silent
}

// ThirdOf is a third of n members, rounded up: so many cancel what waits.
func ThirdOf(n int) int { return (n + 2) / 3 }
