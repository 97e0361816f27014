package registry

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// TestGovernanceProperties plays random governance, with evidence and leaps in time. Two instances agree on every root, the
// engine of the tests never stops and never sees a change that is too large, a refused transaction leaves nothing, and
// what stands in the state reads as what it is.
func TestGovernanceProperties(t *testing.T) {
	anchor := testAnchor(t, "town") // made once: its signature is random
	decided := map[ledger.Outcome]int{}
	waited := 0
	rapid.Check(t, func(rt *rapid.T) {
		members := rapid.IntRange(1, 6).Draw(rt, "members")
		w := newCouncil(t, members)
		g := &governance{rt: rt, w: w, a: newChain(t, w), b: newChain(t, w), anchor: anchor}
		g.parties = append(g.parties, w.members...)
		for i := range 3 {
			g.parties = append(g.parties, newParty(t, fmt.Sprintf("new-%d", i)))
		}
		guest := g.parties[members].sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &g.parties[members].record})
		g.a.must(guest)
		g.b.must(guest)
		for range rapid.IntRange(10, 45).Draw(rt, "blocks") {
			g.step(t)
		}
		waited += g.waited
		for _, id := range g.ids() {
			decided[g.a.proposal(id).Outcome]++
		}
	})
	t.Logf("proposals by outcome: %v; %d votes were too early", decided, waited)
	if decided[ledger.Passed] == 0 || decided[ledger.Cancelled] == 0 {
		t.Errorf("hardly anything was decided: %v", decided)
	}
}

type governance struct {
	rt      *rapid.T
	w       *world
	a, b    *chain
	parties []*party
	anchor  *ledger.Anchor
	keys    int // of recoveries
	waited  int // votes that were too early
}

func (g *governance) ids() [][]byte {
	var ids [][]byte
	if v := g.a.overlay().value(ledger.KeyProposals()); v != nil {
		var err error
		if ids, err = ledger.DecodeProposalIDs(v); err != nil {
			g.rt.Fatal(err)
		}
	}
	return ids
}

// step makes one block.
func (g *governance) step(t *testing.T) {
	rt, a, b := g.rt, g.a, g.b
	if rapid.IntRange(0, 9).Draw(rt, "leap") == 0 {
		a.now = a.now.Add(time.Duration(rapid.IntRange(1, 9*24).Draw(rt, "hours")) * time.Hour)
	}
	b.now = a.now
	if rapid.IntRange(0, 9).Draw(rt, "evidence") == 0 {
		e := guilty(g.key("guilty"), abci.MisbehaviorType_DUPLICATE_VOTE)
		a.evidence, b.evidence = []abci.Misbehavior{e}, []abci.Misbehavior{e}
	}
	ids := g.ids()
	var txs [][]byte
	for _, p := range g.parties {
		if rapid.IntRange(0, 2).Draw(rt, "acts") > 0 {
			txs = append(txs, p.from(a).try(t, g.random(t, p, ids)))
		}
	}
	// What is refused leaves nothing, on top of what the others did.
	o := a.app.begin(a.app.block(a.height+1, a.step()), a.evidence)
	for _, raw := range txs {
		before := maps.Clone(o.writes)
		tx, r := decode(raw)
		if r != nil {
			rt.Fatalf("malformed: %s", r.text)
		}
		r = apply(o, tx, a.app.block(a.height+1, a.step()), nil)
		if r != nil && !maps.EqualFunc(before, o.writes, bytes.Equal) {
			rt.Fatalf("refused with code %d and left something", r.code)
		}
		if r != nil && r.later {
			g.waited++
		}
	}
	if o.failed != nil {
		rt.Fatal(o.failed)
	}
	kept := a.propose(txs...)
	if !b.judge(kept...) {
		rt.Fatalf("height %d: an honest proposal is refused", a.height+1)
	}
	a.decide(kept...)
	if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
		b.reopen()
	}
	b.decide(kept...)
	if !bytes.Equal(a.root, b.root) {
		rt.Fatalf("height %d: roots %x and %x", a.height, a.root, b.root)
	}
	g.check()
}

// check reads everything that governance keeps.
func (g *governance) check() {
	o, rt := g.a.overlay(), g.rt
	members, err := ledger.DecodeMembers(o.value(ledger.KeyMembers()))
	if err != nil {
		rt.Fatal(err)
	}
	set := g.a.engine.sets[g.a.height+2]
	keys := validators(members)
	if set.Size() != len(keys) {
		rt.Fatalf("%d validators of members, the engine has %d", len(keys), set.Size())
	}
	for _, v := range set.Validators {
		if !hasKey(keys, v.PubKey.Bytes()) {
			rt.Fatalf("the engine has %v", v)
		}
	}
	p, err := ledger.DecodeParameters(o.value(ledger.KeyParameters()))
	if err != nil {
		rt.Fatal(err)
	}
	if r := checkParameters(p); r != nil {
		rt.Fatal(r.text)
	}
	open := map[did.DID]int{}
	for _, id := range g.ids() {
		p := g.a.proposal(id)
		if p.At(g.a.now.Unix()) == ledger.Open {
			open[p.By]++
		}
		if (p.Outcome == ledger.Passed || p.Outcome == ledger.Waiting) && len(p.Yes) < p.Needed() {
			rt.Fatalf("decided by %d of %d", len(p.Yes), len(p.Voters))
		}
	}
	for who, n := range open {
		if n > maxOpen {
			rt.Fatalf("%d open proposals of %s", n, who)
		}
	}
	var entries []docketEntry
	o.load([]byte(keyDocket), &entries)
	if !slices.EqualFunc(entries, g.ids(), func(e docketEntry, id []byte) bool { return bytes.Equal(e.ID, id) }) {
		rt.Fatal("two lists of proposals")
	}
}

func (g *governance) key(label string) string {
	return rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6", "x", "y", "z"}).Draw(g.rt, label)
}

func (g *governance) random(t *testing.T, p *party, ids [][]byte) ledger.Tx {
	rt := g.rt
	kind := rapid.IntRange(0, 12).Draw(rt, "kind")
	if len(ids) == 0 || kind < 2 {
		tx := g.a.about(g.action(t))
		tx.Propose.Until = g.a.now.Unix() + rapid.Int64Range(0, 40*daySeconds).Draw(rt, "until")
		return tx
	}
	id := ids[max(0, len(ids)-1-max(0, rapid.IntRange(-4, 4).Draw(rt, "which")))]
	switch kind {
	case 2:
		return named(ledger.Cancel, id)
	case 3:
		return named(ledger.Execute, id)
	}
	return says(id, rapid.IntRange(0, 4).Draw(rt, "vote") > 0)
}

func (g *governance) action(t *testing.T) ledger.Action {
	rt := g.rt
	other := rapid.SampledFrom(g.parties).Draw(rt, "about")
	var key []byte
	if rapid.IntRange(0, 3).Draw(rt, "with key") > 0 {
		key = validatorKey(g.key("key"))
	}
	id := fmt.Sprintf("a-%d", rapid.IntRange(0, 2).Draw(rt, "id"))
	switch rapid.IntRange(0, 10).Draw(rt, "action") {
	case 0:
		return ledger.Action{Admit: &ledger.Admission{DID: other.did, Name: "Gemeente " + string(other.did[len(other.did)-5:]), Validator: key}}
	case 1, 2:
		return ledger.Action{Admit: &ledger.Admission{Record: &other.record, Name: "Gemeente " + string(other.did[len(other.did)-5:]), Validator: key}}
	case 3:
		return ledger.Action{Remove: &ledger.Removal{DID: other.did}}
	case 4, 5:
		return ledger.Action{Validator: &ledger.Seat{DID: other.did, Validator: key}}
	case 6:
		return ledger.Action{Accredit: g.w.accreditation(other.did, id, trust.Issue).Accredit}
	case 7:
		if rapid.Bool().Draw(rt, "anchor") {
			return ledger.Action{Anchor: g.anchor}
		}
		return ledger.Action{RemoveAnchor: &ledger.AnchorRemoval{ID: "town"}}
	case 8:
		params := defaultParameters()
		params.BlockBytes = rapid.SampledFrom([]int64{0, 1, minBlockBytes, 1 << 20, maxBlockBytes, maxBlockBytes + 1}).Draw(rt, "bytes")
		params.EvidenceSeconds = rapid.SampledFrom([]int64{0, daySeconds, 30 * daySeconds, 364 * daySeconds}).Draw(rt, "evidence age")
		return ledger.Action{Parameters: &params}
	}
	// Whoever recovers here signs with the new key no more than with the old one: its transactions fail from then on.
	g.keys++
	return ledger.Action{Recover: &ledger.Recovery{DID: other.did, Record: successor(t, fmt.Sprint(g.keys)).record}}
}
