package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
)

// proposeCmd makes proposals. Each is its maker's yes as well.
type proposeCmd struct {
	Admit        proposeAdmitCmd        `cmd:"" help:"Admit a member."`
	Remove       proposeRemoveCmd       `cmd:"" help:"Remove a member, with its validator."`
	Validator    proposeValidatorCmd    `cmd:"" help:"Give a member a validator or another key for it, or take it away."`
	Accredit     proposeAccreditCmd     `cmd:"" help:"Let an organisation issue or ask."`
	Withdraw     proposeWithdrawCmd     `cmd:"" help:"End an accreditation."`
	Anchor       proposeAnchorCmd       `cmd:"" help:"Trust an X.509 anchor, or change for what."`
	RemoveAnchor proposeRemoveAnchorCmd `cmd:"" name:"remove-anchor" help:"Trust an X.509 anchor no more."`
	Parameters   proposeParametersCmd   `cmd:"" help:"Change what members set together."`
	Recover      proposeRecoverCmd      `cmd:"" help:"Give an organisation that lost all its keys a new DID record, after a public delay."`
	Confirm      proposeConfirmCmd      `cmd:"" help:"Let a stop go on when its time is over."`
	Resume       proposeResumeCmd       `cmd:"" help:"End a stop."`
}

// proposeFlags are of everything that is proposed.
type proposeFlags struct {
	writeFlags
	Days int64  `help:"How many days there are to vote. Default: 14, or as long as the network allows." placeholder:"N"`
	Why  string `help:"Why, in one line for everybody to read. Nothing personal." placeholder:"TEXT"`
}

const defaultVoteDays = 14

// propose makes a proposal and says what it takes.
func (a *acting) propose(ctx context.Context, days int64, why string, action ledger.Action) error {
	p, err := a.ask(ctx, ledger.KeyMembers(), ledger.KeyParameters())
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return a.failure(err)
	}
	params, err := p.Parameters()
	if err != nil {
		return a.failure(err)
	}
	if params == nil {
		return &memberFailure{category: "failed", text: "the network has no parameters", hint: "a newer version of this program may know it"}
	}
	if days == 0 {
		days = min(defaultVoteDays, params.ProposalDays)
	}
	if days < 1 || days > params.ProposalDays {
		return &usageError{fmt.Sprintf("--days %d: this network gives 1 to %d days to vote", days, params.ProposalDays)}
	}
	if err := action.Check(); err != nil {
		return &usageError{err.Error()}
	}
	// From the newest header on, whose time the next block's is close to; a little less than the most, so that it is not
	// over it.
	until := p.Time.Add(time.Duration(days)*24*time.Hour - time.Minute).Unix()
	n := memberNames(members)
	what := inWords(&action, n)
	alone := len(members) == 1 && members[0].DID == a.who.DID
	intent := fmt.Sprintf("propose to %s; votes until %s", what, when(until))
	if alone {
		intent = what + " (there is one member, so this is decided at once)"
	}
	d, err := a.send(ctx, intent, ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{Action: action, Until: until, Why: why}})
	if err != nil {
		return err
	}
	d.Done, d.Proposal = intent, d.Tx
	return a.finish(d, a.outcome(ctx, d.Proposal)...)
}

// outcome says where a proposal stands that was just made or voted on. That the transaction counted is proven already, so
// no trouble here is an error.
func (a *acting) outcome(ctx context.Context, id string) []string {
	b, err := a.proposal(ctx, id)
	if err != nil {
		return []string{fmt.Sprintf("Proposal %s: see zegel registry proposal %s", id[:12], id[:minPrefix])}
	}
	return []string{
		fmt.Sprintf("Proposal %s: %s.", shortID(b.ID), standing(b.Proposal, b.now(), b.members)),
		fmt.Sprintf("Next: %s.", comesNext(b.Proposal, b.now(), b.members)),
	}
}

type proposeAdmitCmd struct {
	proposeFlags
	Candidate string `arg:"" optional:"" help:"Candidate file of the organisation, as zegel registry init made it, or its record.cbor." type:"path" placeholder:"FILE"`
	Subject   string `help:"DID of an organisation that is in the registry already, instead of a file." placeholder:"DID"`
	Name      string `help:"Registered name of the organisation. Default: that of the candidate file." placeholder:"NAME"`
	Validator string `help:"Key of its validator (64 hexadecimal digits). Default: that of the candidate file; \"none\" leaves it out." placeholder:"KEY"`
}

// Run proposes a new member.
func (c *proposeAdmitCmd) Run(ctx context.Context, out *output) error {
	if (c.Candidate == "") == (c.Subject == "") {
		return &usageError{"admit takes a candidate file or --subject DID"}
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	admit := &ledger.Admission{}
	if c.Subject != "" {
		if admit.DID, err = parseDID(c.Subject); err != nil {
			return err
		}
	} else if admit, err = readCandidate(c.Candidate); err != nil {
		return err
	} else if id, err := ledger.NewDID(a.network.Name, admit.Record); err != nil {
		return &usageError{fmt.Sprintf("%s: %v", c.Candidate, err)}
	} else if p, err := a.ask(ctx, ledger.KeyDID(id)); err != nil {
		return err
	} else if _, exists, err := p.Value(ledger.KeyDID(id)); err == nil && exists {
		admit.DID, admit.Record = id, nil // it created its DID itself
	}
	if c.Name != "" {
		admit.Name = c.Name
	}
	if admit.Name == "" {
		return &usageError{"admit needs --name NAME: the organisation's registered name"}
	}
	switch c.Validator {
	case "":
	case "none":
		admit.Validator = nil
	default:
		if admit.Validator, err = parseValidator(c.Validator); err != nil {
			return err
		}
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Admit: admit})
}

func parseValidator(s string) ([]byte, error) {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, &usageError{fmt.Sprintf("validator key %q: 64 hexadecimal digits", s)}
	}
	return key, nil
}

type proposeRemoveCmd struct {
	proposeFlags
	Subject string `arg:"" help:"DID of the member."`
}

// Run proposes that a member leaves.
func (c *proposeRemoveCmd) Run(ctx context.Context, out *output) error {
	subject, err := parseDID(c.Subject)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Remove: &ledger.Removal{DID: subject}})
}

type proposeValidatorCmd struct {
	proposeFlags
	Subject string `arg:"" help:"DID of the member."`
	Key     string `arg:"" name:"validator" help:"Key of its validator (64 hexadecimal digits), or \"none\"."`
}

// Run proposes who signs blocks for a member.
func (c *proposeValidatorCmd) Run(ctx context.Context, out *output) error {
	seat := &ledger.Seat{}
	var err error
	if seat.DID, err = parseDID(c.Subject); err != nil {
		return err
	}
	if c.Key != "none" {
		if seat.Validator, err = parseValidator(c.Key); err != nil {
			return err
		}
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Validator: seat})
}

type proposeAnchorCmd struct {
	proposeFlags
	ID    string   `arg:"" help:"Id of the anchor in the registry, as ministry-2026."`
	File  string   `arg:"" help:"Its certificate (PEM)." type:"existingfile"`
	Use   []string `help:"What its chains may do; may be repeated: issue or ask." enum:"issue,ask" required:""`
	Type  []string `help:"Credential type that they may issue; may be repeated." placeholder:"VCT" sep:"none"`
	From  string   `help:"First day. Default: that of the certificate." placeholder:"YYYY-MM-DD"`
	Until string   `help:"Day on which it ends. Default: that of the certificate." placeholder:"YYYY-MM-DD"`
}

// Run proposes an anchor.
func (c *proposeAnchorCmd) Run(ctx context.Context, out *output) error {
	chain, err := office.LoadChain(c.File)
	if err != nil {
		return &usageError{err.Error()}
	}
	if len(chain) != 1 {
		return &usageError{fmt.Sprintf("%s holds %d certificates; an anchor is one", c.File, len(chain))}
	}
	anchor, err := newAnchor(c.ID, chain[0], c.Type)
	if err != nil {
		return err
	}
	for _, u := range c.Use {
		anchor.Uses = append(anchor.Uses, trust.Use(u))
	}
	for given, into := range map[string]*int64{c.From: &anchor.From, c.Until: &anchor.Until} {
		if given == "" {
			continue
		}
		if *into, err = parseDay(given); err != nil {
			return err
		}
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Anchor: anchor})
}

type proposeRemoveAnchorCmd struct {
	proposeFlags
	ID string `arg:"" help:"Id of the anchor in the registry."`
}

// Run proposes the end of an anchor.
func (c *proposeRemoveAnchorCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{RemoveAnchor: &ledger.AnchorRemoval{ID: c.ID}})
}

type proposeParametersCmd struct {
	proposeFlags
	Set []string `arg:"" help:"Each as name=value; the others stay. The names: zegel registry parameters."`
}

// Run proposes other parameters.
func (c *proposeParametersCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	p, err := a.ask(ctx, ledger.KeyParameters())
	if err != nil {
		return err
	}
	params, err := p.Parameters()
	if err != nil {
		return a.failure(err)
	}
	if params == nil {
		params = &ledger.Parameters{}
	}
	before := *params
	for _, s := range c.Set {
		if err := setParameter(params, s); err != nil {
			return err
		}
	}
	if *params == before {
		return &usageError{"the parameters are so already"}
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Parameters: params})
}

func setParameter(p *ledger.Parameters, s string) error {
	fields := map[string]*int64{
		"block_bytes": &p.BlockBytes, "evidence_blocks": &p.EvidenceBlocks, "evidence_seconds": &p.EvidenceSeconds,
		"retention_days": &p.RetentionDays, "guests": &p.Guests, "lists": &p.Lists, "proposal_days": &p.ProposalDays,
	}
	name, value, ok := strings.Cut(s, "=")
	field := fields[name]
	if !ok || field == nil {
		return &usageError{fmt.Sprintf("%q is not name=value with a name that zegel registry parameters shows", s)}
	}
	if n, err := fmt.Sscanf(value+"\n", "%d\n", field); err != nil || n != 1 {
		return &usageError{fmt.Sprintf("%s: %q is not a whole number", name, value)}
	}
	return nil
}

type proposeRecoverCmd struct {
	proposeFlags
	Subject string `arg:"" help:"DID of the organisation that lost its keys."`
	Record  string `arg:"" help:"Its new record, as zegel registry did create --for made it." type:"existingfile"`
}

// Run proposes new keys for an organisation.
func (c *proposeRecoverCmd) Run(ctx context.Context, out *output) error {
	subject, err := parseDID(c.Subject)
	if err != nil {
		return err
	}
	record, err := readRecord(c.Record)
	if err != nil {
		return err
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Recover: &ledger.Recovery{DID: subject, Record: *record}})
}

type proposeConfirmCmd struct {
	proposeFlags
	Stop string `arg:"" help:"Id of the stop, or at least its first four digits."`
}

// Run proposes that a stop does not lapse.
func (c *proposeConfirmCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	s, err := a.stop(ctx, c.Stop)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Confirm: &ledger.StopName{ID: s.ID}})
}

type proposeResumeCmd struct {
	proposeFlags
	Stop string `arg:"" help:"Id of the stop, or at least its first four digits."`
}

// Run proposes the end of a stop.
func (c *proposeResumeCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	s, err := a.stop(ctx, c.Stop)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Resume: &ledger.StopName{ID: s.ID}})
}

// stop reads the stop that was typed.
func (r *reading) stop(ctx context.Context, typed string) (*ledger.Stop, error) {
	p, err := r.ask(ctx, ledger.KeyStops())
	if err != nil {
		return nil, err
	}
	stops, err := p.Stops()
	if err != nil {
		return nil, r.failure(err)
	}
	ids := make([][]byte, len(stops))
	for i := range stops {
		ids[i] = stops[i].ID
	}
	id, err := pick("stop", typed, ids)
	if err != nil {
		return nil, err
	}
	for i := range stops {
		if bytes.Equal(stops[i].ID, id) {
			return &stops[i], nil
		}
	}
	panic("zegel: internal error: picked a stop that is not there")
}

// readRecord reads a DID record as did create wrote it.
func readRecord(path string) (*ledger.DIDRecord, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &usageError{fmt.Sprintf("there is no %s", path)}
	}
	if err != nil {
		return nil, err
	}
	var record ledger.DIDRecord
	if err := ledger.Decode(data, &record); err != nil {
		return nil, &usageError{fmt.Sprintf("%s is no DID record: %v", path, err)}
	}
	if err := record.Check(); err != nil {
		return nil, &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	return &record, nil
}

// parseDay reads a day, which begins at midnight UTC, or a time.
func parseDay(s string) (int64, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), nil
		}
	}
	return 0, &usageError{fmt.Sprintf("%q is not a day as 2026-12-31", s)}
}

// isMember says whether an organisation is among the members.
func isMember(members []ledger.Member, d did.DID) bool {
	for _, m := range members {
		if m.DID == d {
			return true
		}
	}
	return false
}
