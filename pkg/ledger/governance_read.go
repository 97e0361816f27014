package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
)

// Check checks the form of an action: exactly one field, and what is in it. What members may decide is the registry's to
// judge. Errors: [ErrMalformed], [jose.ErrTooLarge].
func (a *Action) Check() error {
	set := 0
	for _, is := range []bool{
		a.Admit != nil, a.Remove != nil, a.Accredit != nil, a.Withdraw != nil, a.Anchor != nil, a.RemoveAnchor != nil,
		a.Parameters != nil, a.Recover != nil, a.Confirm != nil, a.Resume != nil, a.Validator != nil,
	} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%w: an action does %d things", ErrMalformed, set)
	}
	switch {
	case a.Admit != nil:
		return a.Admit.check()
	case a.Remove != nil:
		return checkZegel(a.Remove.DID)
	case a.Accredit != nil:
		_, err := a.Accredit.Trust()
		return err
	case a.Withdraw != nil:
		if err := checkZegel(a.Withdraw.Subject); err != nil {
			return err
		}
		return checkFragment(a.Withdraw.ID)
	case a.Anchor != nil:
		_, err := a.Anchor.Trust()
		return err
	case a.RemoveAnchor != nil:
		return checkFragment(a.RemoveAnchor.ID)
	case a.Parameters != nil:
		return a.Parameters.check()
	case a.Recover != nil:
		if err := checkZegel(a.Recover.DID); err != nil {
			return err
		}
		return a.Recover.Record.Check()
	case a.Confirm != nil:
		return checkHash(a.Confirm.ID)
	case a.Resume != nil:
		return checkHash(a.Resume.ID)
	}
	if err := checkZegel(a.Validator.DID); err != nil {
		return err
	}
	return checkValidator(a.Validator.Validator)
}

func (a *Admission) check() error {
	if (a.Record == nil) == (a.DID == "") {
		return fmt.Errorf("%w: admission of a record or of a DID", ErrMalformed)
	}
	if a.Record != nil {
		if err := a.Record.Check(); err != nil {
			return err
		}
	} else if err := checkZegel(a.DID); err != nil {
		return err
	}
	if a.Name == "" || !text(a.Name) {
		return fmt.Errorf("%w: name %q", ErrMalformed, clip(a.Name))
	}
	return checkValidator(a.Validator)
}

// check keeps out what no network can have. The bounds are the registry's.
func (p *Parameters) check() error {
	for _, v := range []int64{p.BlockBytes, p.EvidenceBlocks, p.EvidenceSeconds, p.VoteExtensionsHeight, p.RetentionDays, p.Guests, p.Lists, p.ProposalDays} {
		if v < 0 {
			return fmt.Errorf("%w: parameter %d", ErrMalformed, v)
		}
	}
	return nil
}

func checkZegel(d did.DID) error {
	if p, err := did.Parse(string(d)); err != nil || p.Method() != "zegel" {
		return fmt.Errorf("%w: %q is no did:zegel", ErrMalformed, clip(string(d)))
	}
	return nil
}

func checkHash(id []byte) error {
	if len(id) != sha256.Size {
		return fmt.Errorf("%w: id of %d bytes", ErrMalformed, len(id))
	}
	return nil
}

func checkValidator(key []byte) error {
	if n := len(key); n != 0 && n != ed25519.PublicKeySize {
		return fmt.Errorf("%w: validator key of %d bytes", ErrMalformed, n)
	}
	return nil
}

func checkTimes(times ...int64) error {
	for _, t := range times {
		if _, err := seconds(t); err != nil {
			return err
		}
	}
	return nil
}

// checkDIDs checks a sorted set of did:zegel.
func checkDIDs(all []did.DID) error {
	for _, d := range all {
		if err := checkZegel(d); err != nil {
			return err
		}
	}
	if !ascending(all, func(d did.DID) string { return string(d) }) {
		return fmt.Errorf("%w: DIDs not sorted", ErrMalformed)
	}
	return nil
}

// DecodeMembers reads the value of [KeyMembers]. Error: [ErrMalformed].
func DecodeMembers(value []byte) ([]Member, error) {
	var all []Member
	if err := Decode(value, &all); err != nil {
		return nil, err
	}
	for i := range all {
		m := &all[i]
		if err := checkZegel(m.DID); err != nil {
			return nil, err
		}
		if !text(m.Name) {
			return nil, fmt.Errorf("%w: name %q", ErrMalformed, clip(m.Name))
		}
		if err := checkValidator(m.Validator); err != nil {
			return nil, err
		}
		if err := checkTimes(m.Since, m.Lost, m.Barred); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 || !ascending(all, func(m Member) string { return string(m.DID) }) {
		return nil, fmt.Errorf("%w: members not sorted, or none", ErrMalformed)
	}
	return all, nil
}

// DecodeParameters reads the value of [KeyParameters]. Error: [ErrMalformed].
func DecodeParameters(value []byte) (*Parameters, error) {
	var p Parameters
	if err := Decode(value, &p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return &p, nil
}

// DecodeStops reads the value of [KeyStops]. Error: [ErrMalformed].
func DecodeStops(value []byte) ([]Stop, error) {
	var all []Stop
	if err := Decode(value, &all); err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].check(); err != nil {
			return nil, err
		}
		if i > 0 && all[i].Called < all[i-1].Called {
			return nil, fmt.Errorf("%w: stops not sorted", ErrMalformed)
		}
		if slices.ContainsFunc(all[:i], func(s Stop) bool { return bytes.Equal(s.ID, all[i].ID) }) {
			return nil, fmt.Errorf("%w: stop %x twice", ErrMalformed, all[i].ID)
		}
	}
	return all, nil
}

func (s *Stop) check() error {
	if err := checkHash(s.ID); err != nil {
		return err
	}
	call := StopAction{Grade: s.Grade, Subject: s.Subject, Accreditation: s.Accreditation, Why: s.Why}
	if err := call.Check(); err != nil {
		return err
	}
	for i, d := range s.Callers {
		if err := checkZegel(d); err != nil {
			return err
		}
		if slices.Contains(s.Callers[:i], d) {
			return fmt.Errorf("%w: stop called twice by %q", ErrMalformed, d)
		}
	}
	if len(s.Callers) == 0 {
		return fmt.Errorf("%w: stop without a caller", ErrMalformed)
	}
	return checkTimes(s.Called, s.From, s.Until, s.Resumed)
}

// DecodeProposalIDs reads the value of [KeyProposals]. Error: [ErrMalformed].
func DecodeProposalIDs(value []byte) ([][]byte, error) {
	var all [][]byte
	if err := Decode(value, &all); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, id := range all {
		if err := checkHash(id); err != nil {
			return nil, err
		}
		if seen[string(id)] {
			return nil, fmt.Errorf("%w: proposal %x twice", ErrMalformed, id)
		}
		seen[string(id)] = true
	}
	return all, nil
}

// DecodeProposal reads the value of [KeyProposal] of an id. Error: [ErrMalformed].
func DecodeProposal(value, id []byte) (*Proposal, error) {
	var p Proposal
	if err := Decode(value, &p); err != nil {
		return nil, err
	}
	if !bytes.Equal(p.ID, id) {
		return nil, fmt.Errorf("%w: proposal %x under %x", ErrMalformed, p.ID[:min(len(p.ID), sha256.Size)], id[:min(len(id), sha256.Size)])
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("proposal: %w", err)
	}
	return &p, nil
}

func (p *Proposal) check() error {
	if err := checkHash(p.ID); err != nil {
		return err
	}
	if err := checkZegel(p.By); err != nil {
		return err
	}
	if err := p.Action.Check(); err != nil {
		return err
	}
	if !text(p.Why) {
		return fmt.Errorf("%w: reason %q", ErrMalformed, clip(p.Why))
	}
	if err := checkTimes(p.Made, p.Until, p.Decided, p.Due); err != nil {
		return err
	}
	switch p.Outcome {
	case Open, Passed, Waiting, Rejected, Cancelled:
	default:
		return fmt.Errorf("%w: outcome %q", ErrMalformed, clip(string(p.Outcome)))
	}
	for _, who := range [][]did.DID{p.Voters, p.Yes, p.No, p.Cancel} {
		if err := checkDIDs(who); err != nil {
			return err
		}
	}
	// Whoever counts votes must be able to rely on it that each is of one voter.
	for _, votes := range [][]did.DID{p.Yes, p.No} {
		for _, d := range votes {
			if _, is := slices.BinarySearch(p.Voters, d); !is {
				return fmt.Errorf("%w: vote of %q, who has none", ErrMalformed, d)
			}
		}
	}
	for _, d := range p.Yes {
		if _, both := slices.BinarySearch(p.No, d); both {
			return fmt.Errorf("%w: two votes of %q", ErrMalformed, d)
		}
	}
	return nil
}
