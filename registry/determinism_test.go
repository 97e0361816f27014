package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// tape is what a chain decided, so that another process can decide it again.
type tape struct {
	Members int
	Blocks  []taped
}

type taped struct {
	Before time.Time // of the block before
	Guilty string    // whose evidence stands in the block; empty: nobody's
	Txs    [][]byte
	Root   []byte
}

// testDeterminism feeds the same random transactions of every kind to nodes that differ in everything that must not
// matter: when they were started, how they learned of a transaction, their time zone and their processors. Then processes
// with other settings decide all of it again.
func testDeterminism(t *testing.T) {
	saved := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(saved)
	var tapes []tape
	kinds := map[ledger.Kind]int{}
	all, effects := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		g := newGame(t, rt)
		blocks := 16 - rapid.IntRange(0, 12).Draw(rt, "fewer blocks")
		tp := tape{Members: len(g.w.members)}
		for range blocks {
			b, sent := g.block(t, saved)
			all += sent
			tp.Blocks = append(tp.Blocks, b)
			for _, raw := range b.Txs {
				tx, err := ledger.DecodeTx(raw)
				if err != nil {
					rt.Fatal(err)
				}
				kinds[tx.Kind]++
				effects++
			}
		}
		tapes = append(tapes, tp)
	})
	t.Logf("%d transactions, %d had an effect: %v", all, effects, kinds)
	if len(kinds) < 10 { // of 15; some are rare
		t.Errorf("hardly anything had an effect: %v", kinds)
	}
	path := filepath.Join(t.TempDir(), "tape.json")
	raw, err := json.Marshal(tapes)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{
		{"GOMAXPROCS=1", "TZ=Pacific/Apia", "LC_ALL=tr_TR.UTF-8", "ZEGEL_TEST_HOW=propose"},
		{"GOMAXPROCS=2", "TZ=America/St_Johns", "LC_ALL=C", "ZEGEL_TEST_HOW=judge"},
		{"GOMAXPROCS=4", "TZ=UTC", "LC_ALL=nl_NL.UTF-8", "ZEGEL_TEST_HOW=decide"},
		{"GOMAXPROCS=16", "TZ=Asia/Kathmandu", "LC_ALL=ar_EG.UTF-8", "ZEGEL_TEST_HOW=propose", "GOGC=5"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTape$")
		cmd.Env = append(append(os.Environ(), env...), "ZEGEL_TEST_TAPE="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", env, err, out)
		}
	}
}

// TestTape decides again what another process decided. It does nothing by itself.
func TestTape(t *testing.T) {
	path, how := os.Getenv("ZEGEL_TEST_TAPE"), os.Getenv("ZEGEL_TEST_HOW")
	if path == "" {
		return
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tapes []tape
	if err := json.Unmarshal(raw, &tapes); err != nil {
		t.Fatal(err)
	}
	for _, tp := range tapes {
		c := newChain(t, newSafeCouncil(t, tp.Members))
		for i, b := range tp.Blocks {
			c.now = b.Before
			if b.Guilty != "" {
				c.evidence = []abci.Misbehavior{guilty(b.Guilty, abci.MisbehaviorType_DUPLICATE_VOTE)}
			}
			if how == "propose" {
				for _, raw := range b.Txs {
					c.offer(raw)
				}
				if kept := c.propose(b.Txs...); len(kept) != len(b.Txs) {
					t.Fatalf("height %d: %d of %d transactions are proposed", c.height+1, len(kept), len(b.Txs))
				}
			}
			if how != "decide" && !c.judge(b.Txs...) {
				t.Fatalf("height %d is refused", c.height+1)
			}
			if i%5 == 4 {
				evidence := c.evidence
				c.reopen()
				c.evidence = evidence
			}
			c.decide(b.Txs...)
			if !bytes.Equal(c.root, b.Root) {
				t.Fatalf("height %d: root %x, was %x", c.height, c.root, b.Root)
			}
		}
	}
}

// game plays random transactions on three nodes.
type game struct {
	*governance
	proposer, follower, late *chain
	seeds                    int
	moves                    map[string]func() // what a transaction with this hash changes about its sender's keys
}

func newGame(t *testing.T, rt *rapid.T) *game {
	w := newSafeCouncil(t, rapid.SampledFrom([]int{1, 1, 1, 2, 4, 5}).Draw(rt, "members"))
	g := &game{proposer: newChain(t, w), follower: newChain(t, w), late: newChain(t, w), moves: map[string]func(){}}
	g.follower.now = g.follower.now.In(time.FixedZone("far", 11*3600))
	g.governance = &governance{rt: rt, w: w, a: g.proposer, anchor: sampleAnchor(t)}
	g.parties = append(g.parties, w.members...)
	for i := range 3 {
		p := newParty(t, fmt.Sprintf("guest-%d", i))
		g.parties = append(g.parties, p.withRecovery(t, p.offline()))
	}
	return g
}

var oneAnchor *ledger.Anchor

// sampleAnchor is the same in all cases: its signature is random.
func sampleAnchor(t *testing.T) *ledger.Anchor {
	if oneAnchor == nil {
		oneAnchor = testAnchor(t, "town")
	}
	return oneAnchor
}

// block makes one block of random transactions on all three.
func (g *game) block(t *testing.T, processors int) (out taped, sent int) {
	rt, a, follower, c := g.rt, g.proposer, g.follower, g.late
	if rapid.IntRange(0, 9).Draw(rt, "leap") == 0 {
		a.now = a.now.Add(time.Duration(rapid.IntRange(1, 9*24).Draw(rt, "hours")) * time.Hour)
	}
	follower.now, c.now = a.now.In(follower.now.Location()), a.now
	out.Before = a.now
	if rapid.IntRange(0, 19).Draw(rt, "evidence") == 0 {
		out.Guilty = g.key("guilty")
		e := []abci.Misbehavior{guilty(out.Guilty, abci.MisbehaviorType_DUPLICATE_VOTE)}
		a.evidence, follower.evidence, c.evidence = e, e, e
	}
	for _, p := range g.parties {
		p.from(a)
	}
	ids := g.ids()
	var txs [][]byte
	next := a.app.block(a.height+1, a.step())
	o := a.app.begin(next, a.evidence)
	for range 16 - rapid.IntRange(0, 16).Draw(rt, "fewer transactions") {
		p := rapid.SampledFrom(g.parties).Draw(rt, "sender")
		raw := g.any(t, p, ids)
		if rapid.IntRange(0, 3).Draw(rt, "seen") > 0 {
			a.offer(raw)
		}
		txs = append(txs, raw)
		tx, r := decode(raw)
		if r != nil {
			rt.Fatalf("malformed: %s", r.text)
		}
		// The next one of the sender follows on this one, if it has an effect; sometimes it is wrong about that.
		if good := apply(o, tx, next, nil) == nil; good == (rapid.IntRange(0, 9).Draw(rt, "mistaken") < 9) {
			p.seq++
		}
	}
	runtime.GOMAXPROCS(1)
	kept := a.propose(txs...)
	runtime.GOMAXPROCS(processors)
	if !follower.judge(kept...) {
		rt.Fatalf("height %d: an honest proposal is refused", follower.height+1)
	}
	a.decide(kept...)
	follower.decide(kept...)
	if rapid.Bool().Draw(rt, "restart") {
		evidence := c.evidence
		c.reopen()
		c.evidence = evidence
	}
	c.decide(kept...) // as in a replay: nothing came before
	if !bytes.Equal(a.root, follower.root) || !bytes.Equal(a.root, c.root) {
		rt.Fatalf("height %d: roots %x, %x, %x", a.height, a.root, follower.root, c.root)
	}
	for _, raw := range kept {
		if move := g.moves[hashOf(raw)]; move != nil {
			move()
		}
	}
	out.Txs, out.Root = kept, a.root
	return out, len(txs)
}

// any returns a random transaction of any kind, good or not.
func (g *game) any(t *testing.T, p *party, ids [][]byte) []byte {
	rt := g.rt
	g.seeds++
	seed := fmt.Sprintf("s%d", g.seeds)
	// Small numbers come more often, and few transactions change much.
	switch what := rapid.IntRange(0, 63).Draw(rt, "what"); {
	case what >= 61:
		grade := rapid.SampledFrom([]ledger.Grade{ledger.StopWrites, ledger.StopEverything}).Draw(rt, "grade")
		if rapid.IntRange(0, 3).Draw(rt, "of all") > 0 {
			other := rapid.SampledFrom(g.parties).Draw(rt, "stopped")
			return p.try(t, ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: ledger.StopAccreditation, Subject: other.did, Accreditation: "a-1"}})
		}
		return p.try(t, ledger.Tx{Kind: ledger.CallStop, Stop: &ledger.StopAction{Grade: grade, Why: "Sleutel kwijt"}})
	case what >= 57:
		return g.recovered(t, p, seed)
	case what >= 49:
		raw := p.update(t, g.proposer, seed, nil)
		g.moves[hashOf(raw)] = func() { p.key, p.keyID, p.next = p.next, "tx-"+seed, testKey(seed) }
		return raw
	case what%3 == 2:
		return p.try(t, g.random(t, p, ids))
	}
	return p.try(t, g.plain(p))
}

// recovered takes the offline key of the party's record, if it is the first one.
func (g *game) recovered(t *testing.T, p *party, seed string) []byte {
	offline := testKey("recovery/" + string(p.key))
	raw := p.recovery(t, p.lost(t, seed), ledger.RecoveryKeyID, offline)
	g.moves[hashOf(raw)] = func() { p.key, p.keyID, p.next = testKey(seed+"/1"), "tx-"+seed, testKey(seed+"/2") }
	return raw
}

// plain is a transaction that needs no vote where there is one member.
func (g *game) plain(p *party) ledger.Tx {
	rt, w := g.rt, g.w
	other := rapid.SampledFrom(append([]*party{p, p, p}, g.parties...)).Draw(rt, "other")
	n := rapid.IntRange(0, 2).Draw(rt, "list")
	uri := fmt.Sprintf("https://lists.example/%d", n)
	id := fmt.Sprintf("a-%d", rapid.IntRange(0, 3).Draw(rt, "id"))
	switch rapid.IntRange(0, 15).Draw(rt, "kind of it") {
	case 0, 3, 8:
		return setting(uri, rapid.Uint64Range(0, 999).Draw(rt, "index"), rapid.ByteRange(0, 3).Draw(rt, "status"))
	case 1, 4:
		return w.accreditation(other.did, id, trust.Issue)
	case 2, 7:
		list := w.list(uri, rapid.SampledFrom([]int{2, 1, 4, 8}).Draw(rt, "bits"))
		if rapid.IntRange(0, 2).Draw(rt, "short") == 2 {
			list.CreateList.Expiry = g.proposer.now.Add(time.Hour).Unix()
		}
		return list
	case 5, 9:
		return ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}
	case 6:
		return ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: other.did, ID: id, Distrust: rapid.Bool().Draw(rt, "distrust")}}
	case 10:
		return ledger.Tx{Kind: ledger.CreateDID, DID: &other.record}
	case 11:
		return w.accreditation(other.did, id, trust.Ask)
	case 12:
		return ledger.Tx{Kind: ledger.RetireList, RetireList: &ledger.ListName{URI: uri}}
	case 13:
		return ledger.Tx{Kind: ledger.DeactivateDID}
	}
	return ledger.Tx{Kind: ledger.PutAnchor, Anchor: g.anchor}
}
