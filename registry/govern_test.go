package registry

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// validatorKey is the key of a validator by name.
func validatorKey(name string) []byte {
	return testKey("validator/" + name).Public().(ed25519.PublicKey)
}

// newCouncil is a network of members that all have a validator.
func newCouncil(t testing.TB, members int) *world {
	t.Helper()
	w := newWorld(t, members)
	for i := range w.genesis.Members {
		w.genesis.Members[i].Validator = validatorKey(fmt.Sprint(i + 1))
	}
	return w
}

// about makes a proposal that is open for most of a day.
func (c *chain) about(a ledger.Action) ledger.Tx {
	return ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{Action: a, Until: c.now.Add(20 * time.Hour).Unix(), Why: "Besluit van de raad"}}
}

func says(id []byte, yes bool) ledger.Tx {
	return ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: id, Yes: yes}}
}

func named(k ledger.Kind, id []byte) ledger.Tx {
	tx := ledger.Tx{Kind: k}
	if k == ledger.Cancel {
		tx.Cancel = &ledger.ProposalName{ID: id}
	} else {
		tx.Execute = &ledger.ProposalName{ID: id}
	}
	return tx
}

// proposes commits a proposal and returns its id.
func (c *chain) proposes(p *party, a ledger.Action) []byte {
	c.t.Helper()
	raw := p.sign(c.t, c.about(a))
	c.must(raw)
	return mustHash(raw)
}

func (c *chain) proposal(id []byte) *ledger.Proposal {
	c.t.Helper()
	p, err := ledger.DecodeProposal(c.overlay().value(ledger.KeyProposal(id)), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// agree lets as many members as are needed decide, each vote in a block of its own.
func (c *chain) agree(a ledger.Action, members ...*party) []byte {
	c.t.Helper()
	id := c.proposes(members[0], a)
	for _, m := range members[1:] {
		if c.proposal(id).Outcome != ledger.Open {
			break
		}
		c.must(m.sign(c.t, says(id, true)))
	}
	if o := c.proposal(id).Outcome; o != ledger.Passed && o != ledger.Waiting {
		c.t.Fatalf("proposal is %s", o)
	}
	return id
}

func TestVotes(t *testing.T) {
	w := newCouncil(t, 4)
	c := newChain(t, w)
	a, b, d, e := w.members[0], w.members[1], w.members[2], w.members[3]
	guest := newParty(t, "guest")
	c.must(guest.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &guest.record}))
	act := func(id string) ledger.Action {
		return ledger.Action{Accredit: w.accreditation(guest.did, id, trust.Issue).Accredit}
	}

	// Three of four are needed. The vote that decides carries it out.
	id := c.proposes(a, act("cards"))
	p := c.proposal(id)
	if len(p.Voters) != 4 || p.Needed() != 3 || len(p.Yes) != 1 || p.Yes[0] != a.did || p.Outcome != ledger.Open || p.Made != c.now.Unix() {
		t.Fatalf("new proposal: %+v", p)
	}
	c.refuses(ledger.Conflict, a.try(t, says(id, true)))
	c.must(b.sign(t, says(id, false)))
	c.must(b.sign(t, says(id, true)), d.sign(t, says(id, false)))
	if p := c.proposal(id); p.Outcome != ledger.Open || len(p.Yes) != 2 || len(p.No) != 1 {
		t.Fatalf("two of four: %+v", p)
	}
	if len(c.overlay().accreditations(guest.did)) != 0 {
		t.Fatal("it counts before it is decided")
	}
	c.refuses(ledger.Unauthorized, guest.try(t, says(id, true)))
	c.refuses(ledger.UnknownObject, e.try(t, says(mustHash(id), true)))
	c.refuses(ledger.Policy, e.try(t, named(ledger.Execute, id)))
	c.must(e.sign(t, says(id, true)))
	p = c.proposal(id)
	if p.Outcome != ledger.Passed || p.Decided != c.now.Unix() {
		t.Fatalf("three of four: %+v", p)
	}
	all := c.overlay().accreditations(guest.did)
	if len(all) != 1 || all[0].GrantedBy != a.did || !bytes.Equal(all[0].Decision, id) {
		t.Fatalf("accreditation: %+v", all)
	}
	for _, tx := range []ledger.Tx{says(id, true), says(id, false), named(ledger.Cancel, id), named(ledger.Execute, id)} {
		c.refuses(ledger.TerminalState, d.try(t, tx))
	}

	// Two no votes of four make it impossible; a proposer can take it back before that.
	id = c.proposes(b, act("more"))
	c.must(a.sign(t, says(id, false)))
	c.refuses(ledger.Unauthorized, a.try(t, named(ledger.Cancel, id)))
	c.must(d.sign(t, says(id, false)))
	if p := c.proposal(id); p.Outcome != ledger.Rejected || p.Decided != c.now.Unix() {
		t.Errorf("two against: %+v", p)
	}
	c.refuses(ledger.TerminalState, e.try(t, says(id, true)))
	id = c.proposes(b, act("more"))
	c.refuses(ledger.Unauthorized, guest.try(t, named(ledger.Cancel, id)))
	c.must(b.sign(t, named(ledger.Cancel, id)))
	if p := c.proposal(id); p.Outcome != ledger.Cancelled {
		t.Errorf("taken back: %+v", p)
	}

	// Those who have left have no vote, and those who came later have none on this one.
	id = c.proposes(b, act("more"))
	c.must(e.sign(t, says(id, true)))
	c.agree(ledger.Action{Remove: &ledger.Removal{DID: e.did}}, a, b, d)
	c.block()
	if yes, no, silent := c.proposal(id).Tally(c.overlay().members()); yes != 1 || no != 0 || silent != 2 {
		t.Errorf("%d yes, %d no, %d silent", yes, no, silent)
	}
	c.refuses(ledger.Unauthorized, e.try(t, says(id, false)))
	c.agree(ledger.Action{Admit: &ledger.Admission{DID: guest.did, Name: "Gemeente Nieuwstad"}}, a, b)
	c.refuses(ledger.Unauthorized, guest.try(t, says(id, true)))
	// Of the four that could vote three are needed still, and only three are left.
	c.must(a.sign(t, says(id, true)))
	c.must(d.sign(t, says(id, false)))
	if p := c.proposal(id); p.Outcome != ledger.Rejected {
		t.Errorf("impossible: %+v", p)
	}
}

func TestDeadline(t *testing.T) {
	w := newCouncil(t, 3)
	c := newChain(t, w)
	m := w.members[0]
	act := ledger.Action{Remove: &ledger.Removal{DID: w.members[2].did}}
	tx := c.about(act)
	last := c.now.Unix() + 30*daySeconds + 1 // the block that comes is a second later
	for until, want := range map[int64]ledger.Code{c.now.Unix(): ledger.Policy, last + 10: ledger.Policy, -1: ledger.Malformed, 1 << 60: ledger.Malformed} {
		tx.Propose.Until = until
		c.refuses(want, m.try(t, tx))
	}
	tx.Propose.Until = c.now.Unix() + 100
	raw := m.sign(t, tx)
	c.must(raw)
	id := mustHash(raw)
	c.now = time.Unix(tx.Propose.Until-1, 0)
	c.must(w.members[2].sign(t, says(id, false))) // in the last second
	c.block()
	c.refuses(ledger.TerminalState, w.members[1].try(t, says(id, true)))
	c.refuses(ledger.TerminalState, m.try(t, named(ledger.Cancel, id)))
	if p := c.proposal(id); p.Outcome != ledger.Open || p.At(c.now.Unix()) != ledger.Lapsed {
		t.Errorf("after its time: %+v", p)
	}

	// It stands there for 90 days more, and leaves with the next decision.
	c.now = time.Unix(tx.Propose.Until+keepDecided, 0)
	c.block()
	second := c.proposes(w.members[1], act)
	if ids, err := ledger.DecodeProposalIDs(c.overlay().value(ledger.KeyProposals())); err != nil || len(ids) != 1 || !bytes.Equal(ids[0], second) {
		t.Errorf("proposals %x, %v", ids, err)
	}
	if c.overlay().value(ledger.KeyProposal(id)) != nil {
		t.Error("it is there still")
	}
	c.refuses(ledger.UnknownObject, w.members[1].try(t, says(id, true)))
}

// A member fills its own room and that of nobody else.
func TestRoomForProposals(t *testing.T) {
	w := newCouncil(t, 2)
	c := newChain(t, w)
	a, b := w.members[0], w.members[1]
	act := func(n int) ledger.Action {
		return ledger.Action{Accredit: w.accreditation(a.did, fmt.Sprintf("n-%d", n), trust.Issue).Accredit}
	}
	other := c.proposes(b, act(0))
	var ids [][]byte
	for n := range maxKept + 5 {
		ids = append(ids, c.proposes(a, act(n)))
		if n >= maxOpen-1 {
			c.refuses(ledger.Policy, a.try(t, c.about(act(1000))))
			c.must(a.sign(t, named(ledger.Cancel, ids[n-maxOpen+1])))
		}
	}
	all, err := ledger.DecodeProposalIDs(c.overlay().value(ledger.KeyProposals()))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != maxKept+1 || !bytes.Equal(all[0], other) || !bytes.Equal(all[1], ids[5]) {
		t.Errorf("%d proposals", len(all))
	}
	for _, id := range ids[:5] {
		if c.overlay().value(ledger.KeyProposal(id)) != nil {
			t.Errorf("%x is there still", id)
		}
	}
	if c.proposal(other).Outcome != ledger.Open {
		t.Error("the proposal of another made room")
	}
}

// What cannot take effect is refused when it is proposed, also where the vote would be far from decided.
func TestHopelessProposals(t *testing.T) {
	w := newCouncil(t, 3)
	w.genesis.Anchors = []ledger.Anchor{*testAnchor(t, "town")}
	c := newChain(t, w)
	m, other := w.members[0], w.members[1]
	nobody, gone := newParty(t, "nobody"), newParty(t, "gone")
	c.must(gone.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &gone.record}))
	c.must(gone.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	grant := func(change func(a *ledger.Accreditation)) ledger.Action {
		a := w.accreditation(other.did, "a", trust.Ask).Accredit
		change(a)
		return ledger.Action{Accredit: a}
	}
	admit := func(a ledger.Admission) ledger.Action { return ledger.Action{Admit: &a} }
	broken := nobody.record
	broken.NextKeyHash = nil
	same := defaultParameters()
	leaf := *testAnchor(t, "leaf")
	leaf.Certificate = leaf.Certificate[1:]
	for name, x := range map[string]struct {
		want ledger.Code
		act  ledger.Action
	}{
		"nothing":                {ledger.Malformed, ledger.Action{}},
		"two things":             {ledger.Malformed, ledger.Action{Remove: &ledger.Removal{DID: m.did}, Confirm: &ledger.StopName{ID: make([]byte, 32)}}},
		"an unknown DID":         {ledger.UnknownObject, admit(ledger.Admission{DID: nobody.did, Name: "Gemeente X"})},
		"of another method":      {ledger.Malformed, admit(ledger.Admission{DID: "did:web:example.com", Name: "Gemeente X"})},
		"DID and record":         {ledger.Malformed, admit(ledger.Admission{DID: nobody.did, Record: &nobody.record, Name: "Gemeente X"})},
		"a malformed record":     {ledger.Malformed, admit(ledger.Admission{Record: &broken, Name: "Gemeente X"})},
		"a member":               {ledger.Conflict, admit(ledger.Admission{DID: other.did, Name: "Gemeente X"})},
		"a member's record":      {ledger.Conflict, admit(ledger.Admission{Record: &other.record, Name: "Gemeente X"})},
		"a member's name":        {ledger.Conflict, admit(ledger.Admission{Record: &nobody.record, Name: "Gemeente 2"})},
		"a DID that ended":       {ledger.TerminalState, admit(ledger.Admission{DID: gone.did, Name: "Gemeente X"})},
		"without a name":         {ledger.Malformed, admit(ledger.Admission{Record: &nobody.record})},
		"a personal name":        {ledger.Policy, admit(ledger.Admission{Record: &nobody.record, Name: "jan@voorbeeld.example"})},
		"half a validator key":   {ledger.Malformed, admit(ledger.Admission{Record: &nobody.record, Name: "Gemeente X", Validator: make([]byte, 31)})},
		"another's validator":    {ledger.Conflict, admit(ledger.Admission{Record: &nobody.record, Name: "Gemeente X", Validator: validatorKey("2")})},
		"remove a stranger":      {ledger.UnknownObject, ledger.Action{Remove: &ledger.Removal{DID: nobody.did}}},
		"accredit nobody":        {ledger.UnknownObject, grant(func(a *ledger.Accreditation) { a.Subject = nobody.did })},
		"accredit the ended":     {ledger.TerminalState, grant(func(a *ledger.Accreditation) { a.Subject = gone.did })},
		"a grantor":              {ledger.Malformed, grant(func(a *ledger.Accreditation) { a.GrantedBy = m.did })},
		"a decision":             {ledger.Malformed, grant(func(a *ledger.Accreditation) { a.Decision = make([]byte, 32) })},
		"a personal passing on":  {ledger.Policy, grant(func(a *ledger.Accreditation) { a.PassedOn = map[string]string{"nl": "aan jan@voorbeeld.example"} })},
		"a personal purpose":     {ledger.Policy, grant(func(a *ledger.Accreditation) { a.Purpose["en"] = "for 111222333" })},
		"withdraw what is not":   {ledger.UnknownObject, ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: other.did, ID: "z"}}},
		"a broken anchor":        {ledger.Malformed, ledger.Action{Anchor: &leaf}},
		"another town anchor":    {ledger.Conflict, ledger.Action{Anchor: testAnchor(t, "town")}},
		"remove no anchor":       {ledger.UnknownObject, ledger.Action{RemoveAnchor: &ledger.AnchorRemoval{ID: "village"}}},
		"a stop that never was":  {ledger.UnknownObject, ledger.Action{Confirm: &ledger.StopName{ID: make([]byte, 32)}}},
		"resume what never was":  {ledger.UnknownObject, ledger.Action{Resume: &ledger.StopName{ID: make([]byte, 32)}}},
		"a stranger's validator": {ledger.UnknownObject, ledger.Action{Validator: &ledger.Seat{DID: nobody.did, Validator: validatorKey("x")}}},
		"the same validator":     {ledger.Conflict, ledger.Action{Validator: &ledger.Seat{DID: other.did, Validator: validatorKey("2")}}},
		"the same parameters":    {ledger.Conflict, ledger.Action{Parameters: &same}},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refuses(x.want, m.try(t, c.about(x.act)))
		})
	}
	c.t = t
	tx := c.about(ledger.Action{Remove: &ledger.Removal{DID: other.did}})
	c.refuses(ledger.Unauthorized, stranger(t, c).try(t, tx))
	tx.Propose.Why = "bel 06, of mail jan@voorbeeld.example"
	c.refuses(ledger.Policy, m.try(t, tx))
	tx.Propose.Why = "two\nlines"
	c.refuses(ledger.Malformed, m.try(t, tx))
	c.must(m.sign(t, c.about(ledger.Action{RemoveAnchor: &ledger.AnchorRemoval{ID: "town"}})))
}

// stranger is an organisation that is no member.
func stranger(t *testing.T, c *chain) *party {
	p := newParty(t, "stranger")
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	return p
}

// One member decides at once; the direct ways are for it alone.
func TestLoneMember(t *testing.T) {
	w := newCouncil(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	c.must(m.sign(t, w.accreditation(m.did, "direct", trust.Issue)))
	id := c.proposes(m, ledger.Action{Accredit: w.accreditation(m.did, "voted", trust.Issue).Accredit})
	if p := c.proposal(id); p.Outcome != ledger.Passed || len(c.overlay().accreditations(m.did)) != 2 {
		t.Errorf("%+v", p)
	}
	c.refuses(ledger.Policy, m.try(t, c.about(ledger.Action{Remove: &ledger.Removal{DID: m.did}})))
	c.refuses(ledger.Policy, m.try(t, c.about(ledger.Action{Validator: &ledger.Seat{DID: m.did}})))
	c.refuses(ledger.Policy, m.try(t, c.about(ledger.Action{Validator: &ledger.Seat{DID: m.did, Validator: validatorKey("new")}})))
	a := testAnchor(t, "town")
	c.agree(ledger.Action{Anchor: a}, m)
	c.agree(ledger.Action{RemoveAnchor: &ledger.AnchorRemoval{ID: "town"}}, m)
	if c.overlay().value(ledger.KeyAnchors()) != nil {
		t.Error("the last anchor is there still")
	}
	c.agree(ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: m.did, ID: "voted", Distrust: true}}, m)
	if all := c.overlay().accreditations(m.did); !all[1].Distrust || all[1].EndedAt != c.now.Unix() {
		t.Errorf("%+v", all[1])
	}

	// The new member comes with its record: the network is two from this block on.
	p := newParty(t, "second")
	c.agree(ledger.Action{Admit: &ledger.Admission{Record: &p.record, Name: "Gemeente Tweestad"}}, m)
	if got, is := c.overlay().member(p.did); !is || got.Name != "Gemeente Tweestad" || got.Since != c.now.Unix() || got.Validator != nil {
		t.Errorf("%+v", got)
	}
	if _, found := slices.BinarySearch(c.overlay().index().DIDs, p.did); !found {
		t.Error("mirrors do not hear of it")
	}
	c.refuses(ledger.Policy, m.try(t, w.accreditation(m.did, "alone", trust.Issue)))
	id = c.proposes(p, ledger.Action{Accredit: w.accreditation(p.did, "cards", trust.Issue).Accredit})
	c.must(m.sign(t, says(id, true)))
	if len(c.overlay().accreditations(p.did)) != 1 {
		t.Error("two of two did not decide")
	}
	// A member without a validator can be the only one left beside one that has it.
	c.agree(ledger.Action{Remove: &ledger.Removal{DID: p.did}}, m, p)
	if len(c.overlay().members()) != 1 {
		t.Error("it has not left")
	}
}

// An organisation that brings in its own first record while the members vote does not stand in their way.
func TestAdmitRace(t *testing.T) {
	w := newCouncil(t, 2)
	c := newChain(t, w)
	p := newParty(t, "second")
	id := c.proposes(w.members[0], ledger.Action{Admit: &ledger.Admission{Record: &p.record, Name: "Gemeente Tweestad"}})
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	if c.overlay().guests() != 1 {
		t.Fatal("no guest")
	}
	c.must(w.members[1].sign(t, says(id, true)))
	if !c.overlay().isMember(p.did) || c.overlay().guests() != 0 {
		t.Error("no member, or a guest still")
	}
}

func TestParameters(t *testing.T) {
	w := newCouncil(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	for _, x := range []ledger.Parameters{
		{BlockBytes: minBlockBytes, EvidenceBlocks: daySeconds / slowestBlock, EvidenceSeconds: daySeconds, RetentionDays: 2, Lists: 1, ProposalDays: 1},
		{BlockBytes: maxBlockBytes, EvidenceBlocks: (maxRetention - 1) * daySeconds / slowestBlock, EvidenceSeconds: (maxRetention - 1) * daySeconds,
			RetentionDays: maxRetention, Guests: maxGuests, Lists: maxLists, ProposalDays: maxVoting},
	} {
		c.agree(ledger.Action{Parameters: &x}, m)
		if got, err := ledger.DecodeParameters(c.overlay().value(ledger.KeyParameters())); err != nil || *got != x {
			t.Errorf("%+v, %v", got, err)
		}
		if c.engine.params.Block.MaxBytes != x.BlockBytes || c.engine.params.Evidence.MaxAgeNumBlocks != x.EvidenceBlocks ||
			c.engine.params.Evidence.MaxAgeDuration != time.Duration(x.EvidenceSeconds)*time.Second {
			t.Errorf("the engine has %+v", c.engine.params)
		}
		c.block()
	}
}
