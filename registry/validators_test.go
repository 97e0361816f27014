package registry

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// newcomer proposes a new member with a validator.
func newcomer(t testing.TB, name string) (*party, ledger.Action) {
	t.Helper()
	p := newParty(t, name)
	return p, ledger.Action{Admit: &ledger.Admission{Record: &p.record, Name: "Gemeente " + name, Validator: validatorKey(name)}}
}

// TestGrowth goes 1 → 2 → 3 → 4 → 5 and back to 1. The engine of the tests fails at a step that is too large.
func TestGrowth(t *testing.T) {
	w := newCouncil(t, 1)
	c := newChain(t, w)
	members := []*party{w.members[0]}
	for n := 2; n <= 5; n++ {
		p, act := newcomer(t, fmt.Sprint("n", n))
		decided := c.height + 1
		if len(members) > 1 {
			decided = 0
		}
		c.agree(act, members...)
		if decided == 0 {
			decided = c.height
		}
		members = append(members, p)
		if turns := c.overlay().turns(); turns[len(turns)-1] != decided+turnDelay {
			t.Fatalf("turns %v after block %d", turns, decided)
		}
		if got := c.engine.size(decided + 1); got != n-1 {
			t.Errorf("%d validators before it acts", got)
		}
		c.block()
		c.block()
		if got := c.engine.size(c.height); got != n {
			t.Errorf("%d validators, want %d", got, n)
		}
	}
	for n := 4; n >= 1; n-- {
		c.agree(ledger.Action{Remove: &ledger.Removal{DID: members[n].did}}, members...)
		members = members[:n]
		c.block()
		c.block()
		if got := c.engine.size(c.height); got != n || len(c.overlay().members()) != n {
			t.Errorf("%d validators, want %d", got, n)
		}
	}
	c.refuses(ledger.Policy, members[0].try(t, c.about(ledger.Action{Remove: &ledger.Removal{DID: members[0].did}})))
}

// lastVote makes a proposal that one more vote decides, and returns that vote.
func (c *chain) lastVote(a ledger.Action, members ...*party) (*party, ledger.Tx) {
	c.t.Helper()
	id := c.proposes(members[0], a)
	p := c.proposal(id)
	for _, m := range members[1 : p.Needed()-1] {
		c.must(m.sign(c.t, says(id, true)))
	}
	return members[p.Needed()-1], says(id, true)
}

// Below four validators one change waits for the other. A refused vote is still there to be given.
func TestOneAtATime(t *testing.T) {
	w := newCouncil(t, 3)
	c := newChain(t, w)
	_, four := newcomer(t, "four")
	_, five := newcomer(t, "five")
	voter, first := c.lastVote(four, w.members...)
	_, second := c.lastVote(five, w.members...)
	a, b := voter.sign(t, first), voter.sign(t, second)
	// Both in one block: the second has no effect.
	if n := c.block(a, b); n != 1 {
		t.Fatalf("%d of two votes in one block", n)
	}
	acts := c.height + turnDelay
	res, err := c.app.CheckTx(t.Context(), &abci.RequestCheckTx{Tx: b})
	if err != nil || ledger.Code(res.Code) != ledger.Policy || !strings.Contains(res.Log, fmt.Sprintf("until block %d", acts)) {
		t.Errorf("while the validators change: %+v, %v", res, err)
	}
	if n := c.block(b); n != 0 {
		t.Fatal("it acts one block later and counts already")
	}
	c.must(b)
	if n := len(c.overlay().members()); n != 5 {
		t.Errorf("%d members", n)
	}
	c.block()
	c.block()

	// A member without a validator does not change them.
	plain := newParty(t, "plain")
	c.agree(ledger.Action{Admit: &ledger.Admission{Record: &plain.record, Name: "Gemeente Plein"}}, w.members[0], w.members[1], w.members[2], newParty(t, "four").from(c))
	if turns := c.overlay().turns(); turns[len(turns)-1] > c.height {
		t.Error("the validators change")
	}
}

// from takes the party's sequence from the chain.
func (p *party) from(c *chain) *party {
	p.seq = c.overlay().sequence(p.did).N
	return p
}

// The key of a seat below four validators changes in two steps; from four on in one.
func TestReplaceValidator(t *testing.T) {
	for n, want := range map[int]ledger.Code{1: ledger.Policy, 2: ledger.Policy, 3: ledger.Policy, 4: ledger.OK} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newCouncil(t, n)
			c := newChain(t, w)
			m := w.members[0]
			act := ledger.Action{Validator: &ledger.Seat{DID: m.did, Validator: validatorKey("new")}}
			if want != ledger.OK {
				c.refuses(want, m.try(t, c.about(act)))
			} else {
				c.agree(act, w.members...)
				c.block()
				c.block()
			}
			if n == 1 {
				return
			}
			if n < 4 {
				c.agree(ledger.Action{Validator: &ledger.Seat{DID: m.did}}, w.members...)
				if got, _ := c.overlay().member(m.did); got.Validator != nil {
					t.Error("it has a validator still")
				}
				voter, last := c.lastVote(act, w.members...)
				for c.overlay().turns()[0] > c.height+1 {
					c.refuses(ledger.Policy, voter.try(t, last))
				}
				c.must(voter.sign(t, last))
				c.block()
				c.block()
			}
			if got, _ := c.overlay().member(m.did); !bytes.Equal(got.Validator, validatorKey("new")) || c.engine.size(c.height) != n {
				t.Errorf("%+v", got)
			}
		})
	}
}

// From four validators on less than a third leaves at once, and those who stay are more than two thirds.
func TestThirds(t *testing.T) {
	w := newCouncil(t, 7)
	c := newChain(t, w)
	seat := func(n int, key []byte) ledger.Action {
		return ledger.Action{Validator: &ledger.Seat{DID: w.members[n].did, Validator: key}}
	}
	// The votes are prepared first, so that all changes come in blocks that follow each other.
	others := append(w.members[3:], w.members[:3]...)
	var votes [][]byte
	for n := range 3 {
		voter, last := c.lastVote(seat(n, nil), others...)
		votes = append(votes, voter.sign(t, last))
	}
	// Two of seven leave in one block and the next; the third waits for them.
	c.must(votes[0])
	c.must(votes[1])
	if n := c.block(votes[2]); n != 0 {
		t.Fatal("three of seven leave at once")
	}
	for len(c.propose(votes[2])) == 0 {
		if c.block(); c.height > 100 {
			t.Fatal("it never leaves")
		}
	}
	c.must(votes[2])
	c.block()
	c.block()
	if got := c.engine.size(c.height); got != 4 {
		t.Fatalf("%d validators", got)
	}

	// Four: one more comes at once, two do not.
	voter, a := c.lastVote(seat(0, validatorKey("1")), others...)
	_, b := c.lastVote(seat(1, validatorKey("new 2")), others...)
	one := voter.sign(t, a)
	two := voter.try(t, b)
	if n := c.block(one, two); n != 1 {
		t.Fatalf("%d of two validators come at once", n)
	}
	for len(c.propose(two)) == 0 {
		if c.block(); c.height > 100 {
			t.Fatal("it never comes")
		}
	}
	c.must(two)
	c.block()
	c.block()
	if got := c.engine.size(c.height); got != 6 {
		t.Fatalf("%d validators", got)
	}
}

// A key that comes or goes does neither again before that acts: the engine would stop, or count a validator that never was.
func TestKeyInFlight(t *testing.T) {
	w := newCouncil(t, 8)
	c := newChain(t, w)
	m := w.members[0]
	seat := func(key []byte) ledger.Action {
		return ledger.Action{Validator: &ledger.Seat{DID: m.did, Validator: key}}
	}
	// Once it has left for good, it can come back.
	voter, leave := c.lastVote(seat(nil), w.members...)
	c.must(voter.sign(t, leave))
	voter, enter := c.lastVote(seat(validatorKey("1")), w.members...)
	c.must(voter.sign(t, enter))
	if got, _ := c.overlay().member(m.did); !bytes.Equal(got.Validator, validatorKey("1")) {
		t.Fatal("not back")
	}
	c.block()
	c.block()

	// Leaving and coming back within one block, and in the next one.
	o := newOverlay(c.app.state.snapshot())
	b := c.app.block(c.height+1, c.step())
	members := o.members()
	at := 0
	for i := range members {
		if members[i].DID == m.did {
			at = i
		}
	}
	key := members[at].Validator
	members[at].Validator = nil
	if r := reseat(o, members, b); r != nil {
		t.Fatal(r.text)
	}
	members[at].Validator = key
	if r := reseat(o, members, b); r == nil || !r.later || r.code != ledger.Policy {
		t.Errorf("back in the same block: %+v", r)
	}
	// Another key comes and goes in one block.
	o = newOverlay(c.app.state.snapshot())
	p := newParty(t, "flash")
	with := append(o.members(), ledger.Member{DID: p.did, Name: "Flits", Validator: validatorKey("flash")})
	without := o.members()
	if r := reseat(o, with, b); r != nil {
		t.Fatal(r.text)
	}
	if r := reseat(o, without, b); r == nil || !r.later {
		t.Errorf("gone in the same block: %+v", r)
	}
}

// A validator key is of one member for ever.
func TestValidatorKeys(t *testing.T) {
	w := newCouncil(t, 5)
	c := newChain(t, w)
	seat := func(n int, key []byte) ledger.Action {
		return ledger.Action{Validator: &ledger.Seat{DID: w.members[n].did, Validator: key}}
	}
	c.agree(seat(0, validatorKey("new")), w.members...)
	c.block()
	c.block()
	c.refuses(ledger.Conflict, w.members[1].try(t, c.about(seat(1, validatorKey("1")))))
	c.refuses(ledger.Conflict, w.members[1].try(t, c.about(seat(1, validatorKey("3")))))
	c.agree(seat(0, validatorKey("1")), w.members...) // its own old one

	// Two proposals for one key: the second to be decided is in conflict.
	_, act := newcomer(t, "six")
	voter, first := c.lastVote(act, w.members...)
	_, second := c.lastVote(seat(0, validatorKey("six")), w.members...)
	c.must(voter.sign(t, first))
	c.block()
	c.block()
	c.refuses(ledger.Conflict, voter.try(t, second))
	if got := c.engine.size(c.height); got != 6 {
		t.Errorf("%d validators", got)
	}

	g := w.genesis
	g.Members[1].Validator = g.Members[0].Validator
	if err := g.check(); err == nil {
		t.Error("a genesis with one key for two members")
	}
}

// At most 21 members, so at most 21 validators.
func TestMemberLimit(t *testing.T) {
	w := newCouncil(t, maxMembers)
	c := newChain(t, w)
	_, act := newcomer(t, "x")
	c.refuses(ledger.Policy, w.members[0].try(t, c.about(act)))
	c.agree(ledger.Action{Remove: &ledger.Removal{DID: w.members[20].did}}, w.members...)
	c.block()
	c.block()
	c.agree(act, w.members...)
	c.block()
	c.block()
	if got := c.engine.size(c.height); got != maxMembers {
		t.Errorf("%d validators", got)
	}
}

func guilty(name string, kind abci.MisbehaviorType) abci.Misbehavior {
	return abci.Misbehavior{Type: kind, Validator: abci.Validator{Address: ed25519.PubKey(validatorKey(name)).Address(), Power: validatorPower}, Height: 1, TotalVotingPower: 40}
}

func TestPunish(t *testing.T) {
	for _, kind := range []abci.MisbehaviorType{abci.MisbehaviorType_DUPLICATE_VOTE, abci.MisbehaviorType_LIGHT_CLIENT_ATTACK} {
		t.Run(kind.String(), func(t *testing.T) {
			w := newCouncil(t, 4)
			c := newChain(t, w)
			m := w.members[1]
			c.evidence = []abci.Misbehavior{guilty("2", kind), guilty("2", kind), guilty("stranger", kind)}
			c.block()
			got, is := c.overlay().member(m.did)
			if !is || got.Validator != nil || got.Lost != c.now.Unix() {
				t.Fatalf("%+v", got)
			}
			c.block()
			c.block()
			if n := c.engine.size(c.height); n != 3 {
				t.Errorf("%d validators", n)
			}
			// It votes as a member, gets no seat with this key, and with another one only by vote.
			seat := func(key string) ledger.Action {
				return ledger.Action{Validator: &ledger.Seat{DID: m.did, Validator: validatorKey(key)}}
			}
			c.refuses(ledger.TerminalState, m.try(t, c.about(seat("2"))))
			c.agree(seat("2 new"), m, w.members[0], w.members[2])
			c.block()
			c.block()
			if got, _ := c.overlay().member(m.did); got.Lost != 0 || got.Validator == nil {
				t.Errorf("%+v", got)
			}
			// What it was punished for does not count again.
			c.evidence = []abci.Misbehavior{guilty("2", kind)}
			c.block()
			if got, _ := c.overlay().member(m.did); got.Validator == nil {
				t.Error("punished twice")
			}
			c.agree(ledger.Action{Remove: &ledger.Removal{DID: m.did}}, w.members[0], w.members[2], w.members[3])
		})
	}
}

// Evidence that comes when the member has another key takes the seat all the same; of several at once the last stays.
func TestPunishLate(t *testing.T) {
	w := newCouncil(t, 4)
	c := newChain(t, w)
	c.agree(ledger.Action{Validator: &ledger.Seat{DID: w.members[0].did, Validator: validatorKey("new")}}, w.members...)
	c.block()
	c.block()
	kind := abci.MisbehaviorType_DUPLICATE_VOTE
	c.evidence = []abci.Misbehavior{guilty("1", kind)}
	c.block()
	if got, _ := c.overlay().member(w.members[0].did); got.Validator != nil {
		t.Errorf("%+v", got)
	}
	// In the block in which its seat is taken, a member's removal is no second change, and a removed one has no seat.
	c.block()
	c.block()
	c.evidence = []abci.Misbehavior{guilty("2", kind), guilty("3", kind), guilty("4", kind)}
	c.block()
	if keys := validators(c.overlay().members()); len(keys) != 1 {
		t.Errorf("%d validators", len(keys))
	}
	c.block()
	c.block()
	if n := c.engine.size(c.height); n != 1 {
		t.Errorf("%d validators", n)
	}
	// The limits hold for votes after it: the last one stays.
	for i, m := range w.members {
		if got, _ := c.overlay().member(m.did); got.Validator != nil {
			c.refuses(ledger.Policy, w.members[(i+1)%4].try(t, c.about(ledger.Action{Remove: &ledger.Removal{DID: m.did}})))
		}
	}
}
