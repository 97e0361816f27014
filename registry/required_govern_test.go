package registry

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// testAloneByVote: a proposal of one of several members is no decision, whatever else it sends.
func testAloneByVote(t *testing.T) {
	for n := 2; n <= 4; n++ {
		w := newCouncil(t, n)
		c := newChain(t, w)
		m := w.members[0]
		_, admit := newcomer(t, "new")
		for name, act := range map[string]ledger.Action{
			"a member with a validator": admit,
			"a validator":               {Validator: &ledger.Seat{DID: m.did, Validator: validatorKey("new")}},
			"an accreditation":          {Accredit: w.accreditation(m.did, "alone", trust.Issue).Accredit},
			"a governance key":          {Recover: &ledger.Recovery{DID: w.members[1].did, Record: successor(t, "new").record}},
			"parameters":                {Parameters: &simplest},
		} {
			if act.Validator != nil && n < faultTolerant {
				continue // below four it is refused for another reason
			}
			members, parameters, subject := string(c.overlay().value(ledger.KeyMembers())), c.overlay().parameters(), string(c.overlay().value(ledger.KeyDID(w.members[1].did)))
			id := c.proposes(m, act)
			c.refuses(ledger.Conflict, m.try(t, says(id, true)))
			c.refuses(ledger.Policy, m.try(t, named(ledger.Execute, id)))
			if c.proposal(id).Outcome != ledger.Open || string(c.overlay().value(ledger.KeyMembers())) != members || c.overlay().parameters() != parameters ||
				string(c.overlay().value(ledger.KeyDID(w.members[1].did))) != subject || len(c.overlay().accreditations(m.did)) != 0 {
				t.Errorf("%s: one of %d members decided it", name, n)
			}
			c.must(m.sign(t, named(ledger.Cancel, id)))
		}
	}
}

// hostileParameters are values that the network would not survive, or that would hide what a validator did.
func hostileParameters() map[string]ledger.Parameters {
	out := map[string]ledger.Parameters{}
	for name, change := range map[string]func(p *ledger.Parameters){
		"block size 0":                func(p *ledger.Parameters) { p.BlockBytes = 0 },
		"block of one byte":           func(p *ledger.Parameters) { p.BlockBytes = 1 },
		"block smaller than evidence": func(p *ledger.Parameters) { p.BlockBytes = minBlockBytes - 1 },
		"block too large":             func(p *ledger.Parameters) { p.BlockBytes = 1 << 40 },
		"evidence age 0":              func(p *ledger.Parameters) { p.EvidenceSeconds = 0 },
		"evidence of a minute":        func(p *ledger.Parameters) { p.EvidenceSeconds = 60 },
		"evidence for ever":           func(p *ledger.Parameters) { p.EvidenceSeconds = 1 << 50 },
		"evidence of no block":        func(p *ledger.Parameters) { p.EvidenceBlocks = 0 },
		"evidence of few blocks":      func(p *ledger.Parameters) { p.EvidenceBlocks-- },
		"evidence of all blocks":      func(p *ledger.Parameters) { p.EvidenceBlocks = 1 << 50 },
		"evidence beyond retention":   func(p *ledger.Parameters) { p.RetentionDays = 30 },
		"vote extensions in the past": func(p *ledger.Parameters) { p.VoteExtensionsHeight = 1 },
		"vote extensions later":       func(p *ledger.Parameters) { p.VoteExtensionsHeight = 1 << 40 },
		"no retention":                func(p *ledger.Parameters) { p.RetentionDays = 0 },
		"retention for ever":          func(p *ledger.Parameters) { p.RetentionDays = 1 << 40 },
		"no lists":                    func(p *ledger.Parameters) { p.Lists = 0 },
		"lists without end":           func(p *ledger.Parameters) { p.Lists = 1 << 40 },
		"guests without end":          func(p *ledger.Parameters) { p.Guests = 1 << 40 },
		"no time for votes":           func(p *ledger.Parameters) { p.ProposalDays = 0 },
		"votes without end":           func(p *ledger.Parameters) { p.ProposalDays = 1 << 40 },
	} {
		p := defaultParameters()
		change(&p)
		out[name] = p
	}
	return out
}

// testHostileParameters: no vote can set what would stop the chain, and the chain goes on.
func testHostileParameters(t *testing.T) {
	for _, members := range []int{1, 3} {
		w := newCouncil(t, members)
		c := newChain(t, w)
		for name, p := range hostileParameters() {
			t.Run(name, func(t *testing.T) {
				c.t = t
				c.refuses(ledger.Policy, w.members[0].try(t, c.about(ledger.Action{Parameters: &p})))
			})
		}
		c.t = t
		good := defaultParameters()
		good.BlockBytes = minBlockBytes
		c.agree(ledger.Action{Parameters: &good}, w.members...)
		c.block()
	}

	t.Run("node", func(t *testing.T) {
		w := newWorld(t, 1)
		dir := filepath.Join(t.TempDir(), "node")
		if err := Init(dir, w.genesis); err != nil {
			t.Fatal(err)
		}
		n, srv := openNode(t, dir)
		c := &chain{t: t, now: n.app.state.snapshot().time}
		m := w.members[0]
		for name, p := range hostileParameters() {
			if status, a := post(t, srv.URL, m.try(t, c.about(ledger.Action{Parameters: &p}))); status != http.StatusBadRequest || a.Code != ledger.Policy {
				t.Errorf("%s: status %d, %+v", name, status, a)
			}
		}
		// The smallest and the largest that are allowed do not stop the engine.
		for _, bytes := range []int64{minBlockBytes, maxBlockBytes, 1 << 20} {
			good := defaultParameters()
			good.BlockBytes = bytes
			write(t, srv.URL, m.sign(t, c.about(ledger.Action{Parameters: &good})))
			write(t, srv.URL, m.rotation(t, fmt.Sprint("r-", bytes)))
		}
	})
}

// A stop is confirmed and ended by vote, and while everything is stopped no vote lets anything new in.
func TestStopByVote(t *testing.T) {
	w := newCouncil(t, 4)
	c := newChain(t, w)
	a, b := w.members[0], w.members[1]
	admission, last := func() (*party, ledger.Tx) {
		_, act := newcomer(t, "new")
		return c.lastVote(act, w.members...)
	}()
	stop := ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopEverything, Why: "Oefening"}}
	first := a.sign(t, stop)
	c.must(first)
	id := mustHash(first)
	c.must(b.sign(t, stop))
	c.refuses(ledger.Policy, admission.try(t, last))
	c.agree(ledger.Action{Confirm: &ledger.StopName{ID: id}}, w.members...)
	var stops []ledger.Stop
	c.overlay().load(ledger.KeyStops(), &stops)
	if len(stops) != 1 || stops[0].Until != 0 || !bytes.Equal(stops[0].ID, id) {
		t.Fatalf("%+v", stops)
	}
	c.agree(ledger.Action{Remove: &ledger.Removal{DID: w.members[3].did}}, w.members...)
	c.block()
	c.block()
	c.agree(ledger.Action{Resume: &ledger.StopName{ID: id}}, w.members[:3]...)
	c.must(admission.from(c).sign(t, last))
	c.block()
	c.block()
	c.refuses(ledger.Policy, a.try(t, stop)) // its callers wait
}
