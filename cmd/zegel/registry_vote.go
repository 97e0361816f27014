package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

type voteCmd struct {
	writeFlags
	ID string `arg:"" help:"Id of the proposal, or at least its first four digits."`
	No bool   `help:"Vote no. --yes votes yes; without either you are shown the proposal and asked."`
}

// Run votes. --yes is the vote here, and with it no question.
func (c *voteCmd) Run(ctx context.Context, out *output) error {
	if c.No && c.Yes {
		return &usageError{"vote --yes or --no, not both"}
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	b, err := a.proposal(ctx, c.ID)
	if err != nil {
		return err
	}
	yes := c.Yes
	if !c.Yes && !c.No {
		if !isTerminal(out.Stdin) {
			return &usageError{"vote --yes or --no; on a terminal you are asked"}
		}
		b.write(out.Stderr)
		fmt.Fprint(out.Stderr, "Your vote? (yes/no, anything else is no vote) ")
		answer, _ := a.in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "yes", "ja":
			yes = true
		case "no", "nee":
		default:
			return &memberFailure{category: "declined", text: "no vote was given"}
		}
	}
	return a.vote(ctx, b.Proposal, b.names, yes)
}

// vote sends a vote that was decided on already.
func (a *acting) vote(ctx context.Context, x *ledger.Proposal, n names, yes bool) error {
	word := "no"
	if yes {
		word = "yes"
	}
	a.flags.Yes = true
	d, err := a.send(ctx, fmt.Sprintf("vote %s on: %s", word, inWords(&x.Action, n)), ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: x.ID, Yes: yes}})
	if err != nil {
		return err
	}
	d.Proposal = fmt.Sprintf("%x", x.ID)
	return a.finish(d, a.outcome(ctx, d.Proposal)...)
}

type cancelCmd struct {
	writeFlags
	ID          string `arg:"" help:"Id of the proposal, or at least its first four digits."`
	RecoveryKey string `help:"Sign with the organisation's recovery key: to stop a recovery that others decided." placeholder:"FILE" type:"path"`
}

// Run takes back a proposal, or says no to what was decided and waits.
func (c *cancelCmd) Run(ctx context.Context, out *output) error {
	a, err := c.openWith(ctx, out, c.RecoveryKey)
	if err != nil {
		return err
	}
	b, err := a.proposal(ctx, c.ID)
	if err != nil {
		return err
	}
	name := &ledger.ProposalName{ID: b.ID}
	if c.RecoveryKey != "" {
		name.Key = a.who.Key.Public().(ed25519.PublicKey)
	}
	what := "cancel the proposal to " + b.words()
	if c.RecoveryKey == "" && b.At(b.now()) == ledger.Waiting {
		what = "say no to what was decided: " + b.words()
	}
	d, err := a.send(ctx, what, ledger.Tx{Kind: ledger.Cancel, Cancel: name})
	if err != nil {
		return err
	}
	d.Proposal = fmt.Sprintf("%x", b.ID)
	return a.finish(d, a.outcome(ctx, d.Proposal)...)
}

// openWith opens like open, and signs with a recovery key if one is given.
func (f *writeFlags) openWith(ctx context.Context, out *output, recovery string) (*acting, error) {
	if recovery == "" {
		return f.open(ctx, out)
	}
	r, err := f.readFlags.open(out)
	if err != nil {
		return nil, err
	}
	if f.DID == "" {
		f.DID = r.file.DID
	}
	a := &acting{reading: r, flags: f, who: follow.Writer{KeyID: ledger.RecoveryKeyID}}
	if a.who.DID, err = parseDID(f.DID); err != nil {
		return nil, err
	}
	a.who.Key, err = r.loadKey(recovery)
	return a, err
}

type executeCmd struct {
	writeFlags
	ID string `arg:"" help:"Id of the proposal, or at least its first four digits."`
}

// Run carries out what passed with a delay.
func (c *executeCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	b, err := a.proposal(ctx, c.ID)
	if err != nil {
		return err
	}
	d, err := a.send(ctx, "carry out what was decided: "+b.words(),
		ledger.Tx{Kind: ledger.Execute, Execute: &ledger.ProposalName{ID: b.ID}})
	if err != nil {
		return err
	}
	d.Proposal = fmt.Sprintf("%x", b.ID)
	return a.finish(d)
}

// stopCmd calls a stop. Calling the one that another member called joins it.
type stopCmd struct {
	Accreditation stopAccreditationCmd `cmd:"" help:"Stop one accreditation."`
	Writes        stopWritesCmd        `cmd:"" help:"Stop everything new: DIDs, lists, accreditations, anchors, members, parameters."`
	Everything    stopEverythingCmd    `cmd:"" help:"Stop everything but revocations, votes and the recovery of keys."`
}

type stopFlags struct {
	writeFlags
	Why string `help:"Why, in one line for everybody to read. Nothing personal." placeholder:"TEXT"`
}

type stopAccreditationCmd struct {
	stopFlags
	Subject string `arg:"" help:"DID of the organisation."`
	ID      string `arg:"" help:"Id of its accreditation."`
}

// Run stops one accreditation.
func (c *stopAccreditationCmd) Run(ctx context.Context, out *output) error {
	subject, err := parseDID(c.Subject)
	if err != nil {
		return err
	}
	return c.call(ctx, out, ledger.StopAction{Grade: ledger.StopAccreditation, Subject: subject, Accreditation: c.ID, Why: c.Why})
}

type stopWritesCmd struct{ stopFlags }

// Run stops what is new.
func (c *stopWritesCmd) Run(ctx context.Context, out *output) error {
	return c.call(ctx, out, ledger.StopAction{Grade: ledger.StopWrites, Why: c.Why})
}

type stopEverythingCmd struct{ stopFlags }

// Run stops nearly everything.
func (c *stopEverythingCmd) Run(ctx context.Context, out *output) error {
	return c.call(ctx, out, ledger.StopAction{Grade: ledger.StopEverything, Why: c.Why})
}

func (f *stopFlags) call(ctx context.Context, out *output, action ledger.StopAction) error {
	a, err := f.open(ctx, out)
	if err != nil {
		return err
	}
	p, err := a.ask(ctx, ledger.KeyStops(), ledger.KeyMembers())
	if err != nil {
		return err
	}
	stops, err := p.Stops()
	if err != nil {
		return a.failure(err)
	}
	members, err := p.Members()
	if err != nil {
		return a.failure(err)
	}
	n, now := memberNames(members), p.Time.Unix()
	what := "call a stop: " + stopWords(action.Grade, action.Subject, action.Accreditation, n)
	if s := sameStop(stops, &action, now); s != nil {
		if slices.Contains(s.Callers, a.who.DID) || s.InForce(now) {
			return &memberFailure{category: "conflict", text: "stop " + shortID(s.ID) + " was called already: " + stopState(s, now, len(members))}
		}
		what = fmt.Sprintf("join the stop that %s called: %s", n.list(slices.Clone(s.Callers)), stopWords(action.Grade, action.Subject, action.Accreditation, n))
		action.Why = "" // the first call said why
	}
	d, err := a.send(ctx, what, ledger.Tx{Kind: ledger.CallStop, Stop: &action})
	if err != nil {
		return err
	}
	var more []string
	if p, err := a.ask(ctx, ledger.KeyStops()); err == nil {
		if stops, err := p.Stops(); err == nil {
			if s := sameStop(stops, &action, p.Time.Unix()); s != nil {
				more = append(more, fmt.Sprintf("Stop %s: %s.", shortID(s.ID), stopState(s, p.Time.Unix(), len(members))))
			}
		}
	}
	return a.finish(d, more...)
}

// stopCallSeconds is how long the registry lets a first call wait for a second one.
const stopCallSeconds = 24 * 60 * 60

// sameStop returns the stop that a call would join, if it has not ended.
func sameStop(stops []ledger.Stop, action *ledger.StopAction, now int64) *ledger.Stop {
	for i := range stops {
		s := &stops[i]
		if s.Grade == action.Grade && s.Subject == action.Subject && s.Accreditation == action.Accreditation &&
			(s.InForce(now) || s.From == 0 && now <= s.Called+stopCallSeconds) {
			return s
		}
	}
	return nil
}

type resumeCmd struct {
	proposeFlags
	Stop string `arg:"" help:"Id of the stop, or at least its first four digits."`
}

// Run votes to end a stop if that is proposed already, and proposes it else.
func (c *resumeCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	s, err := a.stop(ctx, c.Stop)
	if err != nil {
		return err
	}
	p, err := a.ask(ctx, ledger.KeyProposals(), ledger.KeyMembers())
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return a.failure(err)
	}
	all, err := a.proposals(ctx, p)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.Action.Resume == nil || !bytes.Equal(x.Action.Resume.ID, s.ID) || x.At(p.Time.Unix()) != ledger.Open {
			continue
		}
		if slices.Contains(x.Yes, a.who.DID) {
			return &memberFailure{category: "conflict", text: fmt.Sprintf("this organisation has voted yes already on proposal %s: %s", shortID(x.ID), standing(x, p.Time.Unix(), members))}
		}
		if err := a.confirm("vote yes on: " + inWords(&x.Action, memberNames(members))); err != nil {
			return err
		}
		return a.vote(ctx, x, memberNames(members), true)
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Resume: &ledger.StopName{ID: s.ID}})
}
