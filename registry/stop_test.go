package registry

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

const hour = time.Hour

// agreed has every member but those at the end that are not needed say yes to an action, which takes effect.
func (w *world) agreed(c *chain, a ledger.Action) {
	c.t.Helper()
	id := w.proposed(c, a)
	for _, m := range w.members[1:ledger.TwoThirds(len(w.members))] {
		c.must(m.sign(c.t, ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: id, Yes: true}}))
	}
}

// proposal is an action that is open for votes for ten days.
func (w *world) proposal(c *chain, a ledger.Action) ledger.Tx {
	return ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{Action: a, Until: c.now.Add(240 * hour).Unix()}}
}

// proposed makes a proposal of the first member and returns its id.
func (w *world) proposed(c *chain, a ledger.Action) []byte {
	c.t.Helper()
	raw := w.members[0].sign(c.t, w.proposal(c, a))
	c.must(raw)
	return mustHash(raw)
}

func stopping(g ledger.Grade) ledger.Tx {
	return ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: g, Why: "Sleutel kwijt"}}
}

func stoppingAccreditation(d did.DID, id string) ledger.Tx {
	return ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopAccreditation, Subject: d, Accreditation: id}}
}

func (c *chain) stop(n int) ledger.Stop {
	c.t.Helper()
	all := c.overlay().stops()
	if n >= len(all) {
		c.t.Fatalf("%d stops", len(all))
	}
	return all[n]
}

// haltedAt says whether a transaction is refused at a time for a stop.
func (c *chain) haltedAt(t time.Time, raw []byte) bool {
	c.t.Helper()
	tx, r := decode(raw)
	if r != nil {
		c.t.Fatal(r.text)
	}
	return halted(c.overlay(), tx, &block{network: testNetwork, chainID: testChain, height: c.height + 1, time: t}) != nil
}

func TestStop(t *testing.T) {
	w := newWorld(t, 3)
	c := newChain(t, w)
	a, b, d := w.members[0], w.members[1], w.members[2]
	guest := newParty(t, "guest")
	create := guest.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &guest.record})

	for name, x := range map[string]struct {
		code ledger.Code
		tx   ledger.Tx
	}{
		"unknown grade":               {ledger.Malformed, stopping("half")},
		"everything of somebody":      {ledger.Malformed, ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopEverything, Subject: a.did}}},
		"an accreditation of nobody":  {ledger.Malformed, stoppingAccreditation("", "a")},
		"an accreditation without id": {ledger.Malformed, stoppingAccreditation(a.did, "")},
		"one that is not there":       {ledger.UnknownObject, stoppingAccreditation(a.did, "a")},
		"a reason with a number":      {ledger.Policy, ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopWrites, Why: "bsn 123456782"}}},
		"a reason on two lines":       {ledger.Malformed, ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopWrites, Why: "a\nb"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refuses(x.code, a.try(t, x.tx))
		})
	}
	c.t = t

	// One member alone stops nothing.
	first := a.sign(t, stopping(ledger.StopWrites))
	c.must(first)
	called := c.now
	if s := c.stop(0); s.From != 0 || s.Called != called.Unix() || !bytes.Equal(s.ID, mustHash(first)) || s.Why != "Sleutel kwijt" {
		t.Errorf("called once: %+v", s)
	}
	if c.haltedAt(called.Add(hour), create) {
		t.Error("one member stops the writes")
	}
	c.refuses(ledger.Conflict, a.try(t, stopping(ledger.StopWrites)))
	// Another grade is another stop.
	c.must(b.sign(t, stopping(ledger.StopEverything)))
	if s := c.stop(1); s.From != 0 {
		t.Errorf("a call of another grade counts: %+v", s)
	}

	c.now = called.Add(24*hour - 2*time.Second)
	c.block()
	c.must(b.sign(t, stopping(ledger.StopWrites))) // exactly 24 hours after the first
	from := c.now
	s := c.stop(0)
	if from != called.Add(24*hour) || s.From != from.Unix() || s.Until != from.Add(72*hour).Unix() || len(s.Callers) != 2 {
		t.Fatalf("called twice at %v: %+v", from, s)
	}
	c.refuses(ledger.Conflict, d.try(t, stopping(ledger.StopWrites)))
	for at, want := range map[time.Time]bool{
		from: true, from.Add(72*hour - time.Second): true, from.Add(72 * hour): false, from.Add(-time.Second): false,
	} {
		if got := c.haltedAt(at, create); got != want {
			t.Errorf("at %v: stopped is %v", at, got)
		}
	}
	c.refuses(ledger.Policy, create)

	// It has lapsed without any write, and can be seen for a while.
	c.now = from.Add(72 * hour)
	c.block()
	c.must(create)
	guest.seq++
	c.now = from.Add(72*hour + stopMemoryTime*time.Second)
	c.block()
	if len(c.overlay().stops()) == 0 {
		t.Error("forgotten too early")
	}
	c.now = c.now.Add(time.Second)
	c.block()
	c.must(guest.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	if c.overlay().value(ledger.KeyStops()) != nil {
		t.Errorf("an old stop stays: %+v", c.overlay().stops())
	}
}

// A call waits for a second one for a day; who left does not count as one of the two.
func TestStopCallLapses(t *testing.T) {
	w := newWorld(t, 4)
	c := newChain(t, w)
	a, b, d := w.members[0], w.members[1], w.members[3]
	c.must(a.sign(t, stopping(ledger.StopEverything)))
	c.now = c.now.Add(24 * hour)
	c.block()
	c.must(b.sign(t, stopping(ledger.StopEverything)))
	if s := c.stop(0); s.From != 0 || len(c.overlay().stops()) != 1 || s.Callers[0] != b.did {
		t.Errorf("a call that lapsed counts: %+v", s)
	}
	c.must(d.sign(t, stopping(ledger.StopWrites)))
	w.agreed(c, ledger.Action{Remove: &ledger.Removal{DID: d.did}})
	c.refuses(ledger.Unauthorized, d.try(t, stopping(ledger.StopEverything)))
	c.must(a.sign(t, stopping(ledger.StopWrites)))
	if s := c.stop(1); s.From != 0 || len(s.Callers) != 1 {
		t.Errorf("the call of who left counts: %+v", s)
	}
	c.must(b.sign(t, stopping(ledger.StopWrites)))
	if s := c.stop(1); s.From == 0 {
		t.Errorf("not in force: %+v", s)
	}
	c.must(a.sign(t, stopping(ledger.StopEverything)))
	if s := c.stop(0); s.From == 0 {
		t.Errorf("not in force: %+v", s)
	}
}

func TestStopOfALoneMember(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	c.must(m.sign(t, stopping(ledger.StopEverything)))
	c.refuses(ledger.Policy, m.try(t, w.accreditation(m.did, "a", trust.Issue)))
	w.agreed(c, ledger.Action{Resume: &ledger.StopName{ID: c.stop(0).ID}})
	c.must(m.sign(t, w.accreditation(m.did, "a", trust.Issue)))
	c.refuses(ledger.Policy, m.try(t, stopping(ledger.StopEverything)))
}

// What passes which grade.
func TestStopGrades(t *testing.T) {
	const uri = "https://voorbeeldstad.example/lists/1"
	w := newWorld(t, 3)
	for i := range w.members {
		w.members[i].record.RecoveryHash = ledger.KeyHash(public(testKey(fmt.Sprintf("recovery-%d", i))))
		w.genesis.Members[i].Record = w.members[i].record
		w.members[i].did = mustDID(t, &w.members[i].record)
	}
	c := newChain(t, w)
	a, b := w.members[0], w.members[1]
	issuer := newParty(t, "issuer")
	c.must(issuer.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &issuer.record}))
	grant := func(id string, use trust.Use) ledger.Action {
		return ledger.Action{Accredit: w.accreditation(issuer.did, id, use).Accredit}
	}
	w.agreed(c, grant("cards", trust.Issue))
	soon := w.list("https://voorbeeldstad.example/lists/soon", 1)
	soon.CreateList.Expiry = c.now.Add(hour).Unix()
	c.must(issuer.sign(t, w.list(uri, 2)), issuer.sign(t, soon))
	c.must(issuer.sign(t, setting(uri, 7, 2)), issuer.sign(t, setting(uri, 8, 2)))
	old := w.proposed(c, grant("later", trust.Issue))
	c.now = c.now.Add(2 * hour)
	c.block()

	batch := func(change func(s *ledger.StatusChange)) ledger.Tx {
		tx := setting(uri, 20, 1)
		for i := range tx.SetStatus.Values {
			tx.SetStatus.Values[i] = 1
		}
		change(tx.SetStatus)
		return tx
	}
	lifting := batch(func(s *ledger.StatusChange) { s.Indices[0], s.Values[0] = 8, 0 })
	unchanged := batch(func(s *ledger.StatusChange) {
		for i := range s.Values {
			s.Values[i] = 0
		}
	})
	guest := newParty(t, "guest")
	newKey := keyRecord(t, "issuer-2", testKey("issuer 2"), did.AssertionMethod)
	recovered := a.record
	recovered.Keys = []ledger.KeyRecord{keyRecord(t, "tx-r", testKey("r"), did.CapabilityInvocation)}
	recovered.NextKeyHash, recovered.RecoveryHash = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	withdrawal := &ledger.WithdrawAction{Subject: issuer.did, ID: "cards"}
	var stop ledger.StopName

	cases := []struct {
		name               string
		writes, everything bool // refused
		raw                func() []byte
	}{
		{"a new DID", true, true, func() []byte { return guest.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &guest.record}) }},
		{"a new list", true, true, func() []byte { return issuer.try(t, w.list("https://voorbeeldstad.example/lists/2", 1)) }},
		{"an accreditation", true, true, func() []byte { return a.try(t, w.accreditation(issuer.did, "x", trust.Issue)) }},
		{"an anchor", true, true, func() []byte {
			return a.try(t, ledger.Tx{Kind: ledger.PutAnchor, Anchor: testAnchor(t, "a")})
		}},
		{"a proposal to accredit", true, true, func() []byte { return a.try(t, w.proposal(c, grant("y", trust.Ask))) }},
		{"a proposal of a new validator", true, true, func() []byte {
			return a.try(t, w.proposal(c, ledger.Action{Validator: &ledger.Seat{DID: b.did, Validator: bytes.Repeat([]byte{3}, 32)}}))
		}},
		{"lifting a suspension", false, true, func() []byte { return issuer.try(t, setting(uri, 7, 0)) }},
		{"lifting one beside revocations", false, true, func() []byte { return issuer.try(t, lifting) }},
		{"a retirement", false, true, func() []byte {
			return issuer.try(t, ledger.Tx{Kind: ledger.RetireList, RetireList: &ledger.ListName{URI: soon.CreateList.URI}})
		}},
		{"an update that adds a key and drops none", false, true, func() []byte {
			return issuer.update(t, c, "u", func(r *ledger.DIDRecord) {
				r.Keys = append(r.Keys, keyRecord(t, issuer.keyID, issuer.key, did.CapabilityInvocation), newKey)
			})
		}},
		{"an end", false, true, func() []byte { return issuer.try(t, ledger.Tx{Kind: ledger.DeactivateDID}) }},

		{"revocations", false, false, func() []byte { return issuer.try(t, batch(func(*ledger.StatusChange) {})) }},
		{"suspensions", false, false, func() []byte {
			return issuer.try(t, batch(func(s *ledger.StatusChange) {
				for i := range s.Values {
					s.Values[i] = 2
				}
			}))
		}},
		{"a revocation of what is suspended", false, false, func() []byte {
			return issuer.try(t, batch(func(s *ledger.StatusChange) { s.Indices[0], s.Values[0] = 8, 1 }))
		}},
		{"a revocation with filling that stays as it is", false, false, func() []byte { return issuer.try(t, setting(uri, 20, 1)) }},
		{"nothing but filling", false, false, func() []byte { return issuer.try(t, unchanged) }},
		{"a rotation", false, false, func() []byte { return issuer.update(t, c, "u", nil) }},
		{"a compromised key", false, false, func() []byte {
			return issuer.update(t, c, "u", func(r *ledger.DIDRecord) {
				r.Keys[1].Compromised = true
				r.Keys = append(r.Keys, keyRecord(t, issuer.keyID, issuer.key, did.CapabilityInvocation), newKey)
			})
		}},
		{"a recovery", false, false, func() []byte {
			raw, err := ledger.Sign(a.fill(ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{
				Record: recovered, Key: public(testKey("recovery-0")),
			}}), ledger.RecoveryKeyID, testKey("recovery-0"))
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}},
		{"a proposal to withdraw", false, false, func() []byte { return a.try(t, w.proposal(c, ledger.Action{Withdraw: withdrawal})) }},
		{"a proposal to remove", false, false, func() []byte {
			return a.try(t, w.proposal(c, ledger.Action{Remove: &ledger.Removal{DID: b.did}}))
		}},
		{"a proposal to recover", false, false, func() []byte {
			return a.try(t, w.proposal(c, ledger.Action{Recover: &ledger.Recovery{DID: a.did, Record: recovered}}))
		}},
		{"a proposal to resume", false, false, func() []byte { return a.try(t, w.proposal(c, ledger.Action{Resume: &stop})) }},
		{"a proposal to confirm", false, false, func() []byte { return a.try(t, w.proposal(c, ledger.Action{Confirm: &stop})) }},
		{"a vote against what is new", false, false, func() []byte {
			return b.try(t, ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: old}})
		}},
		{"the vote that would decide it", true, true, func() []byte {
			return b.try(t, ledger.Tx{Kind: ledger.Vote, Vote: &ledger.VoteAction{Proposal: old, Yes: true}})
		}},
		{"another stop", false, false, func() []byte { return a.try(t, stoppingAccreditation(issuer.did, "cards")) }},
	}
	run := func(grade ledger.Grade, refused func(i int) bool) {
		for i, x := range cases {
			t.Run(string(grade)+"/"+x.name, func(t *testing.T) {
				c.t = t
				raw := x.raw()
				tx, r := decode(raw)
				if r != nil {
					t.Fatal(r.text)
				}
				// On top of the state, so that each case starts from the same.
				r = apply(c.overlay(), tx, c.app.block(c.height+1, c.step()), nil)
				switch {
				case refused(i) && (r == nil || r.code != ledger.Policy):
					t.Errorf("not refused: %+v", r)
				case !refused(i) && r != nil:
					t.Errorf("refused with code %d: %s", r.code, r.text)
				}
			})
		}
		c.t = t
	}
	c.must(a.sign(t, stopping(ledger.StopWrites)), b.sign(t, stopping(ledger.StopWrites)))
	stop.ID = c.stop(0).ID
	run(ledger.StopWrites, func(i int) bool { return cases[i].writes })
	c.must(a.sign(t, stopping(ledger.StopEverything)), b.sign(t, stopping(ledger.StopEverything)))
	stop.ID = c.stop(1).ID
	run(ledger.StopEverything, func(i int) bool { return cases[i].everything })
	// The lower one is under the higher one still.
	w.agreed(c, ledger.Action{Resume: &stop})
	stop.ID = c.stop(0).ID
	c.refuses(ledger.Policy, issuer.try(t, w.list("https://voorbeeldstad.example/lists/2", 1)))
	c.must(issuer.sign(t, lifting))
}

// A stopped accreditation counts for nobody while the stop is in force, and as before afterwards.
func TestStopOfAnAccreditation(t *testing.T) {
	w := newWorld(t, 3)
	c := newChain(t, w)
	a, b, d := w.members[0], w.members[1], w.members[2]
	w.agreed(c, ledger.Action{Accredit: w.accreditation(d.did, "cards", trust.Issue).Accredit})
	w.agreed(c, ledger.Action{Accredit: w.accreditation(d.did, "other", trust.Issue).Accredit})
	trusted := func(at time.Time) bool {
		t.Helper()
		all, err := ledger.TrustAccreditations(c.overlay().value(ledger.KeyAccreditations(d.did)), d.did)
		if err != nil {
			t.Fatal(err)
		}
		p := trust.Policy{Source: proven{all[:1]}}
		who := &trust.Identity{DID: d.did, Registered: true}
		return p.MayIssue(context.Background(), who, "urn:zegel:test:1", w.now, at) == nil
	}
	if !trusted(c.now) {
		t.Fatal("not accredited")
	}
	c.must(a.sign(t, stoppingAccreditation(d.did, "cards")))
	if !trusted(c.now) {
		t.Error("stopped by one member")
	}
	c.must(b.sign(t, stoppingAccreditation(d.did, "cards")))
	from := c.now
	for at, want := range map[time.Time]bool{
		from.Add(-time.Second): true, from: false, from.Add(72*hour - time.Second): false, from.Add(72 * hour): true,
	} {
		if trusted(at) != want {
			t.Errorf("at %v: trusted is %v", at, !want)
		}
	}
	// The other accreditation of the same organisation counts on.
	if !mayIssue(c.overlay(), &transaction{SignedTx: &ledger.SignedTx{Tx: ledger.Tx{Sender: d.did}}}, c.app.block(c.height+1, c.step())) {
		t.Error("another accreditation is stopped too")
	}
	w.agreed(c, ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: d.did, ID: "other"}})
	c.refuses(ledger.Unauthorized, d.try(t, w.list("https://d.example/1", 1)))

	id := c.stop(0).ID
	w.agreed(c, ledger.Action{Confirm: &ledger.StopName{ID: id}})
	if trusted(from.Add(1000 * hour)) {
		t.Error("a confirmed stop lapses")
	}
	w.agreed(c, ledger.Action{Resume: &ledger.StopName{ID: id}})
	ended := c.now
	if trusted(ended.Add(-time.Second)) || !trusted(ended) || !trusted(ended.Add(hour)) {
		t.Error("a resumed accreditation does not count")
	}
	c.refuses(ledger.TerminalState, a.try(t, w.proposal(c, ledger.Action{Resume: &ledger.StopName{ID: id}})))
	c.must(d.sign(t, w.list("https://d.example/1", 1)))

	// Its callers call none for seven days, nor does what they called count.
	c.refuses(ledger.Policy, a.try(t, stopping(ledger.StopWrites)))
	c.must(d.sign(t, stopping(ledger.StopWrites)))
	c.refuses(ledger.Policy, b.try(t, stopping(ledger.StopWrites)))
	c.now = ended.Add(7*24*hour - 3*time.Second)
	c.block()
	c.refuses(ledger.Policy, a.try(t, stopping(ledger.StopWrites)))
	c.block()
	c.must(b.sign(t, stoppingAccreditation(d.did, "cards")), a.sign(t, stoppingAccreditation(d.did, "cards")))
	again := c.now
	if trusted(again) || !trusted(again.Add(72*hour)) {
		t.Error("a second stop does not count as it should")
	}
}

// proven is a source of what stands in a state.
type proven struct{ all []trust.Accreditation }

func (p proven) Accreditations(context.Context, did.DID) ([]trust.Accreditation, error) {
	return p.all, nil
}
func (p proven) Anchors(context.Context) ([]trust.Anchor, error) { return nil, nil }

// A member cannot fill the state with calls.
func TestStopLimits(t *testing.T) {
	w := newWorld(t, 3)
	c := newChain(t, w)
	a, b := w.members[0], w.members[1]
	for i := range maxCallsOfOne + 1 {
		w.agreed(c, ledger.Action{Accredit: w.accreditation(a.did, fmt.Sprintf("a-%d", i), trust.Issue).Accredit})
	}
	for i := range maxCallsOfOne {
		c.must(a.sign(t, stoppingAccreditation(a.did, fmt.Sprintf("a-%d", i))))
	}
	c.refuses(ledger.TooLarge, a.try(t, stoppingAccreditation(a.did, "a-4")))
	c.must(b.sign(t, stoppingAccreditation(a.did, "a-0")))
	c.must(a.sign(t, stoppingAccreditation(a.did, "a-4")))
}

// Whatever members call, vote and wait for: the state can be read, no entry counts that the rules end, and nothing
// stays for ever.
func TestStopProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "members")
		w := newWorld(t, n)
		c := newChain(t, w)
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			o := c.overlay()
			b := &block{network: testNetwork, chainID: testChain, height: c.height + 1, time: c.now}
			members := o.members()
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0, 1:
				m := rapid.SampledFrom(w.members).Draw(rt, "member")
				g := rapid.SampledFrom([]ledger.Grade{ledger.StopWrites, ledger.StopEverything}).Draw(rt, "grade")
				raw := m.try(t, stopping(g))
				if kept := c.block(raw); kept == 1 {
					m.seq++
				}
			case 2:
				if all := o.stops(); len(all) > 0 {
					s := rapid.SampledFrom(all).Draw(rt, "stop")
					change := rapid.SampledFrom([]func(*overlay, *block, []byte) *refusal{confirmStop, resumeStop}).Draw(rt, "vote")
					if r := change(o, b, s.ID); (r == nil) != s.InForce(b.seconds()) {
						rt.Fatalf("a vote on %+v: %v", s, r)
					}
				}
			case 3:
				c.now = c.now.Add(time.Duration(rapid.IntRange(1, 40*24).Draw(rt, "hours")) * hour)
				c.block()
			}
			if v := c.overlay().value(ledger.KeyStops()); v != nil {
				if _, err := ledger.DecodeStops(v); err != nil {
					rt.Fatal(err)
				}
			}
			for _, s := range c.overlay().stops() {
				if s.From != 0 && len(s.Callers) < stopCallers(len(members)) {
					rt.Fatalf("in force with too few: %+v", s)
				}
				if s.From != 0 && s.Until != 0 && s.Until != s.From+stopTime {
					rt.Fatalf("wrong time: %+v", s)
				}
				if s.From > s.Called+stopCallTime {
					rt.Fatalf("joined too late: %+v", s)
				}
			}
		}
	})
}
