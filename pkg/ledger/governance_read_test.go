package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

func simID(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func govDIDs(tb testing.TB, names ...string) []did.DID {
	tb.Helper()
	var all []did.DID
	for _, n := range names {
		d, err := did.Zegel(simNetwork, n)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func simProposal(tb testing.TB) *ledger.Proposal {
	voters := govDIDs(tb, "a", "b", "c", "d")
	return &ledger.Proposal{
		ID: simID("proposal"), By: voters[0], Action: ledger.Action{Remove: &ledger.Removal{DID: voters[3]}}, Why: "Opgeheven",
		Made: 1_800_000_000, Until: 1_800_600_000, Voters: voters, Yes: voters[:2], No: voters[2:3], Outcome: ledger.Open,
	}
}

func simMembers(tb testing.TB) []ledger.Member {
	d := govDIDs(tb, "a", "b")
	return []ledger.Member{
		{DID: d[0], Name: "Gemeente Voorbeeldstad", Validator: bytes.Repeat([]byte{1}, 32), Since: 1_800_000_000},
		{DID: d[1], Name: "Gemeente Duinrade", Since: 1_800_000_001},
	}
}

func simStops(tb testing.TB) []ledger.Stop {
	d := govDIDs(tb, "a", "b")
	return []ledger.Stop{
		{ID: simID("one"), Grade: ledger.StopAccreditation, Subject: d[1], Accreditation: "over-18", Callers: d[1:], Called: 1_800_000_000},
		{ID: simID("two"), Grade: ledger.StopWrites, Why: "Oefening", Callers: d, Called: 1_800_000_100, From: 1_800_000_200, Until: 1_800_259_400},
	}
}

var simParameters = ledger.Parameters{BlockBytes: 2 << 20, EvidenceBlocks: 1, EvidenceSeconds: 2, RetentionDays: 365, Guests: 256, Lists: 4096, ProposalDays: 30}

func TestProvenGovernance(t *testing.T) {
	c := newChain(t, "a")
	p := simProposal(t)
	members, stops := simMembers(t), simStops(t)
	c.put(ledger.KeyMembers(), members)
	c.put(ledger.KeyParameters(), simParameters)
	c.put(ledger.KeyStops(), stops)
	c.put(ledger.KeyProposals(), [][]byte{p.ID})
	c.put(ledger.KeyProposal(p.ID), p)
	c.put(ledger.KeyProposal(simID("wrong")), p)
	c.blocksTo(4)
	proven, err := verify(c.bundle(1, 4, ledger.KeyMembers(), ledger.KeyParameters(), ledger.KeyStops(), ledger.KeyProposals(),
		ledger.KeyProposal(p.ID), ledger.KeyProposal(simID("absent")), ledger.KeyProposal(simID("wrong"))), c.network(1), c.now)
	if err != nil {
		t.Fatal(err)
	}
	same := func(got any, err error, want any) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	m, err := proven.Members()
	same(m, err, members)
	params, err := proven.Parameters()
	same(params, err, &simParameters)
	s, err := proven.Stops()
	same(s, err, stops)
	ids, err := proven.ProposalIDs()
	same(ids, err, [][]byte{p.ID})
	got, err := proven.Proposal(p.ID)
	same(got, err, p)
	if got, err := proven.Proposal(simID("absent")); got != nil || err != nil {
		t.Errorf("proven absent: %v, %v", got, err)
	}
	if _, err := proven.Proposal(simID("wrong")); !errors.Is(err, ledger.ErrMalformed) {
		t.Errorf("a proposal under the id of another: %v", err)
	}
	if _, err := proven.Proposal(simID("not asked")); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("not in the bundle: %v", err)
	}
	// Without governance in the bundle, nothing can be said.
	none, err := verify(c.bundle(1, 4, ledger.KeyIndex()), c.network(1), c.now)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"members":    func() error { _, err := none.Members(); return err },
		"parameters": func() error { _, err := none.Parameters(); return err },
		"stops":      func() error { _, err := none.Stops(); return err },
		"proposals":  func() error { _, err := none.ProposalIDs(); return err },
	} {
		if err := f(); !errors.Is(err, ledger.ErrUnproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each value is broken in one place and must be refused for it.
func TestGovernanceMalformed(t *testing.T) {
	proposal := func(change func(*ledger.Proposal)) error {
		p := simProposal(t)
		p.Voters, p.Yes, p.No = slices.Clone(p.Voters), slices.Clone(p.Yes), slices.Clone(p.No)
		change(p)
		raw, err := ledger.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ledger.DecodeProposal(raw, simID("proposal"))
		return err
	}
	members := func(change func([]ledger.Member)) error {
		m := simMembers(t)
		change(m)
		raw, err := ledger.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ledger.DecodeMembers(raw)
		return err
	}
	stops := func(change func([]ledger.Stop)) error {
		s := simStops(t)
		change(s)
		raw, err := ledger.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ledger.DecodeStops(raw)
		return err
	}
	action := func(a ledger.Action) error { return proposal(func(p *ledger.Proposal) { p.Action = a }) }
	other := govDIDs(t, "x")[0]
	for name, err := range map[string]error{
		"proposal: other id":          proposal(func(p *ledger.Proposal) { p.ID = simID("x") }),
		"proposal: proposer":          proposal(func(p *ledger.Proposal) { p.By = "did:web:example.com" }),
		"proposal: text":              proposal(func(p *ledger.Proposal) { p.Why = "a\x1b[2J" }),
		"proposal: outcome":           proposal(func(p *ledger.Proposal) { p.Outcome = "done" }),
		"proposal: lapsed is stored":  proposal(func(p *ledger.Proposal) { p.Outcome = ledger.Lapsed }),
		"proposal: time":              proposal(func(p *ledger.Proposal) { p.Until = -1 }),
		"proposal: unsorted votes":    proposal(func(p *ledger.Proposal) { slices.Reverse(p.Yes) }),
		"proposal: vote of a guest":   proposal(func(p *ledger.Proposal) { p.Yes = []did.DID{other} }),
		"proposal: vote twice":        proposal(func(p *ledger.Proposal) { p.No = p.Yes[:1] }),
		"proposal: yes and yes":       proposal(func(p *ledger.Proposal) { p.Yes = []did.DID{p.Yes[0], p.Yes[0]} }),
		"action: none":                action(ledger.Action{}),
		"action: two":                 action(ledger.Action{Remove: &ledger.Removal{DID: other}, Confirm: &ledger.StopName{ID: simID("s")}}),
		"action: removal":             action(ledger.Action{Remove: &ledger.Removal{}}),
		"action: admission of nobody": action(ledger.Action{Admit: &ledger.Admission{Name: "Gemeente"}}),
		"action: no name":             action(ledger.Action{Admit: &ledger.Admission{DID: other}}),
		"action: short validator key": action(ledger.Action{Validator: &ledger.Seat{DID: other, Validator: []byte{1}}}),
		"action: stop id":             action(ledger.Action{Resume: &ledger.StopName{ID: []byte{1}}}),
		"action: parameters":          action(ledger.Action{Parameters: &ledger.Parameters{Lists: -1}}),
		"action: anchor":              action(ledger.Action{Anchor: &ledger.Anchor{ID: "a"}}),
		"action: accreditation":       action(ledger.Action{Accredit: &ledger.Accreditation{ID: "a"}}),
		"action: recovery":            action(ledger.Action{Recover: &ledger.Recovery{DID: other}}),
		"action: withdrawal":          action(ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: other, ID: "a b"}}),
		"members: order":              members(slices.Reverse[[]ledger.Member]),
		"members: twice":              members(func(m []ledger.Member) { m[1] = m[0] }),
		"members: name":               members(func(m []ledger.Member) { m[0].Name = "a\nb" }),
		"members: key":                members(func(m []ledger.Member) { m[0].Validator = []byte{1} }),
		"members: did":                members(func(m []ledger.Member) { m[0].DID = "did:key:z6Mk" }),
		"stops: order":                stops(slices.Reverse[[]ledger.Stop]),
		"stops: twice":                stops(func(s []ledger.Stop) { s[1].ID = s[0].ID }),
		"stops: grade":                stops(func(s []ledger.Stop) { s[1].Grade = "nothing" }),
		"stops: about nothing":        stops(func(s []ledger.Stop) { s[0].Accreditation = "" }),
		"stops: about too much":       stops(func(s []ledger.Stop) { s[1].Subject = other }),
		"stops: nobody called":        stops(func(s []ledger.Stop) { s[0].Callers = nil }),
		"stops: one called twice":     stops(func(s []ledger.Stop) { s[1].Callers = []did.DID{other, other} }),
	} {
		if !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzGovernance reads each value of governance: what decodes is in its one form.
func FuzzGovernance(f *testing.F) {
	id := simID("proposal")
	for _, v := range []any{simMembers(f), simParameters, simStops(f), [][]byte{id}, simProposal(f)} {
		raw, err := ledger.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		same := func(v any, err error) {
			t.Helper()
			if err != nil {
				if !errors.Is(err, ledger.ErrMalformed) && ledger.Category(err) != "" {
					t.Fatalf("refused as %v", err)
				}
				return
			}
			if again, err := ledger.Encode(v); err != nil || !bytes.Equal(again, raw) {
				t.Fatalf("two forms of one value: %v", err)
			}
		}
		m, err := ledger.DecodeMembers(raw)
		same(m, err)
		params, err := ledger.DecodeParameters(raw)
		same(params, err)
		s, err := ledger.DecodeStops(raw)
		same(s, err)
		ids, err := ledger.DecodeProposalIDs(raw)
		same(ids, err)
		p, err := ledger.DecodeProposal(raw, id)
		same(p, err)
		if err == nil {
			_, _ = p.Needed(), p.At(p.Until+1)
		}
	})
}
