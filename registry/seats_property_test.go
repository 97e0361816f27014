package registry

import (
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// TestSeatProperties changes members and seats as fast as it can, without the votes before it: several changes in every
// block, evidence in between. The engine of the tests fails at one that is too large.
func TestSeatProperties(t *testing.T) {
	done, early, never := 0, 0, 0
	parties := make([]*party, 9)
	for i := range parties {
		parties[i] = newParty(t, "seat-"+string(rune('a'+i)))
	}
	keys := []string{"1", "2", "3", "4", "5", "6", "7", "x", "y", "z"}
	rapid.Check(t, func(rt *rapid.T) {
		w := newCouncil(t, rapid.IntRange(1, 7).Draw(rt, "members"))
		base := newOverlay(&snapshot{})
		b := &block{network: testNetwork, chainID: testChain, time: w.now, hashes: &hashCache{}}
		if err := w.genesis.write(base, b); err != nil {
			rt.Fatal(err)
		}
		e := newEngine(t, &abci.ResponseInitChain{Validators: validatorUpdates(nil, validators(base.members()))})
		everybody := append(append([]*party{}, w.members...), parties...)
		for range rapid.IntRange(5, 60).Draw(rt, "blocks") {
			b.height++
			b.time = b.time.Add(time.Second)
			o := newOverlay(base)
			stir(o, b)
			var evidence []abci.Misbehavior
			if rapid.IntRange(0, 19).Draw(rt, "evidence") == 0 {
				evidence = append(evidence, guilty(rapid.SampledFrom(keys).Draw(rt, "guilty"), abci.MisbehaviorType_DUPLICATE_VOTE))
			}
			punish(o, b, evidence)
			for range rapid.IntRange(0, 3).Draw(rt, "changes") {
				p := rapid.SampledFrom(everybody).Draw(rt, "about")
				var key []byte
				if rapid.IntRange(0, 3).Draw(rt, "with key") > 0 {
					key = validatorKey(rapid.SampledFrom(keys).Draw(rt, "key"))
				}
				work := newOverlay(o)
				var r *refusal
				switch rapid.IntRange(0, 4).Draw(rt, "change") {
				case 0, 1:
					r = admitMember(work, &ledger.Admission{Record: &p.record, Name: "Gemeente " + string(p.did), Validator: key}, b)
				case 2:
					r = removeMember(work, p.did, b)
				default:
					r = setSeat(work, &ledger.Seat{DID: p.did, Validator: key}, b)
				}
				switch {
				case r == nil:
					o.merge(work)
					done++
				case r.later:
					early++
				default:
					never++
				}
			}
			updates := turn(base, o, b)
			base.merge(o)
			if base.failed != nil {
				rt.Fatal(base.failed)
			}
			e.finalized(b.height, evidence, updates, nil)
			if got, want := e.size(b.height+2), len(validators(base.members())); got != want || len(base.members()) > maxMembers {
				rt.Fatalf("height %d: the engine has %d validators, the members %d", b.height, got, want)
			}
		}
	})
	t.Logf("%d changes, %d too early, %d refused for good", done, early, never)
	if done == 0 || early == 0 {
		t.Error("the limits were not reached")
	}
}
