package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// proposalsPerProof keeps a proof of proposals, which may hold records and certificates, well under the size of a bundle.
const proposalsPerProof = 8

// proposals reads the proposals whose ids p holds, oldest first.
func (r *reading) proposals(ctx context.Context, p *proof) ([]*ledger.Proposal, error) {
	ids, err := p.of(ledger.KeyProposals()).ProposalIDs()
	if err != nil {
		return nil, r.failure(err)
	}
	var all []*ledger.Proposal
	for part := range slices.Chunk(ids, proposalsPerProof) {
		keys := make([]ledger.Key, len(part))
		for i, id := range part {
			keys[i] = ledger.KeyProposal(id)
		}
		a, err := r.reader.Read(ctx, keys...)
		if err != nil {
			return nil, r.failure(err)
		}
		p.add(a)
		for _, id := range part {
			x, err := a.Proposal(id)
			if err != nil {
				return nil, r.failure(err)
			}
			if x != nil { // else it has left the state between the two answers
				all = append(all, x)
			}
		}
	}
	return all, nil
}

// minPrefix is how much of an id must be given at least.
const minPrefix = 4

// pick returns the one of the ids that begins with what was typed.
func pick(kind, typed string, ids [][]byte) ([]byte, error) {
	typed = strings.ToLower(typed)
	if len(typed) < minPrefix || strings.Trim(typed, "0123456789abcdef") != "" {
		return nil, &usageError{fmt.Sprintf("%q is not an id of a %s: at least %d of its hexadecimal digits", typed, kind, minPrefix)}
	}
	var found []byte
	for _, id := range ids {
		if !strings.HasPrefix(hex.EncodeToString(id), typed) {
			continue
		}
		if found != nil {
			return nil, &usageError{fmt.Sprintf("%q is the beginning of more than one %s; give more of it", typed, kind)}
		}
		found = id
	}
	if found == nil {
		return nil, &memberFailure{category: "unknown", text: fmt.Sprintf("there is no %s %s", kind, typed), hint: map[string]string{"proposal": "see zegel registry proposals --all", "stop": "see zegel registry stops"}[kind]}
	}
	return found, nil
}

// ballot is a proposal with what is needed to show it.
type ballot struct {
	*proof
	*ledger.Proposal
	members    []ledger.Member
	parameters *ledger.Parameters
	names      names
}

func (b *ballot) now() int64 { return b.proof.Time.Unix() }

// words says what the proposal does.
func (b *ballot) words() string { return inWords(&b.Action, b.names) }

// proposal reads the proposal that was typed.
func (r *reading) proposal(ctx context.Context, typed string) (*ballot, error) {
	p, err := r.ask(ctx, ledger.KeyProposals(), ledger.KeyMembers(), ledger.KeyParameters())
	if err != nil {
		return nil, err
	}
	ids, err := p.ProposalIDs()
	if err != nil {
		return nil, r.failure(err)
	}
	id, err := pick("proposal", typed, ids)
	if err != nil {
		return nil, err
	}
	b := &ballot{}
	if b.members, err = p.Members(); err != nil {
		return nil, r.failure(err)
	}
	b.names = memberNames(b.members)
	if b.parameters, err = p.Parameters(); err != nil {
		return nil, r.failure(err)
	}
	if b.proof, err = r.ask(ctx, ledger.KeyProposal(id)); err != nil {
		return nil, err
	}
	if b.Proposal, err = b.proof.Proposal(id); err != nil {
		return nil, r.failure(err)
	}
	if b.Proposal == nil {
		return nil, &memberFailure{category: "unknown", text: "the proposal has just left the registry"}
	}
	return b, nil
}

// proposalJSON is a proposal as programs read it, with what it does in words.
type proposalJSON struct {
	ledger.ProposalHint
	What string `json:"what"`
}

func proposalObject(x *ledger.Proposal, now int64, n names) proposalJSON {
	h := x.Hint(now)
	h.Action = actionHint(&x.Action, x.By)
	return proposalJSON{h, inWords(&x.Action, n)}
}

type proposalsCmd struct {
	readFlags
	All bool `help:"Also those that are decided, cancelled or over."`
}

// Run shows what is voted on.
func (c *proposalsCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyProposals(), ledger.KeyMembers(), ledger.KeyParameters())
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	parameters, err := p.Parameters()
	if err != nil {
		return r.failure(err)
	}
	all, err := r.proposals(ctx, p)
	if err != nil {
		return err
	}
	n, now := memberNames(members), p.Time.Unix()
	if !c.All {
		all = slices.DeleteFunc(all, func(x *ledger.Proposal) bool {
			at := x.At(now)
			return at != ledger.Open && at != ledger.Waiting
		})
	}
	object := struct {
		stamp
		Proposals []proposalJSON `json:"proposals"`
	}{r.stamp(p), []proposalJSON{}}
	for _, x := range all {
		object.Proposals = append(object.Proposals, proposalObject(x, now, n))
	}
	return r.print(p, object, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "Nothing is voted on.")
		}
		for _, x := range all {
			what := inWords(&x.Action, n)
			if at := x.At(now); x.Action.Parameters != nil && parameters != nil && (at == ledger.Open || at == ledger.Waiting) {
				what += ": " + parameterChanges(parameters, x.Action.Parameters)
			}
			fmt.Fprintf(w, "%s  %s\n              %s\n", shortID(x.ID), what, standing(x, now, members))
		}
	})
}

// standing says in one line where a proposal stands.
func standing(x *ledger.Proposal, now int64, members []ledger.Member) string {
	yes, no, _ := x.Tally(members)
	votes := fmt.Sprintf("%d of %d needed votes", yes, x.Needed())
	switch x.At(now) {
	case ledger.Open:
		if no > 0 {
			votes += fmt.Sprintf(", %d against", no)
		}
		return votes + "; ends " + when(x.Until)
	case ledger.Passed:
		return "passed on " + when(x.Decided)
	case ledger.Waiting:
		if now >= x.Due {
			return fmt.Sprintf("passed, and can be carried out since %s", when(x.Due))
		}
		return fmt.Sprintf("passed, and waits until %s (%s)", when(x.Due), left(x.Due, now))
	case ledger.Rejected:
		return "rejected on " + when(x.Decided)
	case ledger.Cancelled:
		return "cancelled on " + when(x.Decided)
	case ledger.Lapsed:
		return "lapsed on " + when(x.Until) + " with " + votes
	}
	return plain(string(x.Outcome))
}

// comesNext says what happens next with a proposal.
func comesNext(x *ledger.Proposal, now int64, members []ledger.Member) string {
	id := hex.EncodeToString(x.ID)[:minPrefix]
	switch x.At(now) {
	case ledger.Open:
		yes, _, _ := x.Tally(members)
		more := x.Needed() - yes
		return fmt.Sprintf("counts after %s: zegel registry vote %s --yes", count(max(more, 1), "more yes vote", "more yes votes"), id)
	case ledger.Waiting:
		if now >= x.Due {
			return "a member carries it out: zegel registry execute " + id
		}
		against := ledger.ThirdOf(len(members))
		return fmt.Sprintf("%d of %d members needed to stop it have said so: zegel registry cancel %s; the recovery key of the organisation is enough by itself", len(x.Cancel), against, id)
	case ledger.Passed:
		return "nothing: it counts"
	}
	return "nothing: it changes nothing"
}

type proposalCmd struct {
	readFlags
	ID string `arg:"" help:"Id of the proposal, or at least its first four digits."`
}

// Run shows one proposal.
func (c *proposalCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	b, err := r.proposal(ctx, c.ID)
	if err != nil {
		return err
	}
	object := struct {
		stamp
		Proposal proposalJSON `json:"proposal"`
	}{r.stamp(b.proof), proposalObject(b.Proposal, b.now(), b.names)}
	return r.print(b.proof, object, b.write)
}

// write shows a proposal whole.
func (b *ballot) write(w io.Writer) {
	x, n := b.Proposal, b.names
	var silent []did.DID
	for _, d := range x.Voters {
		if !slices.Contains(x.Yes, d) && !slices.Contains(x.No, d) {
			silent = append(silent, d)
		}
	}
	fmt.Fprintf(w, "Proposal %x\n", x.ID)
	pairs := []string{"What", b.words()}
	pairs = append(pairs, actionFacts(&x.Action, x.By, b.parameters)...)
	facts(w, append(pairs,
		"Proposed", n.of(x.By)+", "+when(x.Made), "Why", plain(x.Why), "Standing", standing(x, b.now(), b.members),
		"Yes", n.list(slices.Clone(x.Yes)), "No", n.list(slices.Clone(x.No)), "Not voted", n.list(silent), "Next", comesNext(x, b.now(), b.members))...)
}
