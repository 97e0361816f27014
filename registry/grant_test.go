package registry

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// region is an organisation that may let others issue under "issue" and ask under "ask".
func region(t testing.TB, w *world, c *chain) *party {
	t.Helper()
	p := newParty(t, "region")
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	for _, id := range []string{"issue", "ask"} {
		tx := w.accreditation(p.did, id, trust.Grant)
		tx.Accredit.Types = []string{"urn:zegel:test:1", "urn:zegel:test:2"}
		if id == "ask" {
			tx.Accredit.Claims, tx.Accredit.KeepDays = [][]byte{[]byte(`["age_equal_or_over"]`), []byte(`["name"]`)}, 10
		}
		w.agreed(c, ledger.Action{Accredit: tx.Accredit})
	}
	return p
}

func withdrawing(d did.DID, id string, distrust bool) ledger.Tx {
	return ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: d, ID: id, Distrust: distrust}}
}

func TestGrant(t *testing.T) {
	w := newWorld(t, 3)
	c := newChain(t, w)
	g := region(t, w, c)
	town := newParty(t, "town")
	c.must(town.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &town.record}))

	with := func(use trust.Use, change func(a *ledger.Accreditation)) ledger.Tx {
		tx := w.accreditation(town.did, "x", use)
		if change != nil {
			change(tx.Accredit)
		}
		return tx
	}
	for name, x := range map[string]struct {
		code ledger.Code
		tx   ledger.Tx
	}{
		"to grant further":            {ledger.Unauthorized, with(trust.Grant, nil)},
		"another type":                {ledger.Unauthorized, with(trust.Issue, func(a *ledger.Accreditation) { a.Types = append(a.Types, "urn:zegel:test:3") })},
		"another claim":               {ledger.Unauthorized, with(trust.Ask, func(a *ledger.Accreditation) { a.Claims = append(a.Claims, []byte(`["birthdate"]`)) })},
		"a wider claim":               {ledger.Unauthorized, with(trust.Ask, func(a *ledger.Accreditation) { a.Claims = [][]byte{[]byte(`[null]`)} })},
		"earlier":                     {ledger.Unauthorized, with(trust.Issue, func(a *ledger.Accreditation) { a.From-- })},
		"longer":                      {ledger.Unauthorized, with(trust.Issue, func(a *ledger.Accreditation) { a.Until++ })},
		"outcome kept longer":         {ledger.Unauthorized, with(trust.Ask, func(a *ledger.Accreditation) { a.OutcomeDays = 1 })},
		"kept longer":                 {ledger.Unauthorized, with(trust.Ask, func(a *ledger.Accreditation) { a.KeepDays = 11 })},
		"over before it begins":       {ledger.Policy, with(trust.Issue, func(a *ledger.Accreditation) { a.Until = c.now.Unix() })},
		"to itself":                   {ledger.Policy, with(trust.Issue, func(a *ledger.Accreditation) { a.Subject = g.did })},
		"to nobody":                   {ledger.UnknownObject, with(trust.Issue, func(a *ledger.Accreditation) { a.Subject = newParty(t, "nobody").did })},
		"in the name of another":      {ledger.Malformed, with(trust.Issue, func(a *ledger.Accreditation) { a.GrantedBy = w.members[0].did })},
		"as if under another":         {ledger.Malformed, with(trust.Issue, func(a *ledger.Accreditation) { a.Under = "x" })},
		"as if decided":               {ledger.Malformed, with(trust.Issue, func(a *ledger.Accreditation) { a.Decision = []byte{1} })},
		"with an e-mail address":      {ledger.Policy, with(trust.Ask, func(a *ledger.Accreditation) { a.Purpose["nl"] = "a@b.nl" })},
		"a member under another name": {ledger.Policy, with(trust.Issue, func(a *ledger.Accreditation) { a.Subject = w.members[1].did })},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refuses(x.code, g.try(t, x.tx))
		})
	}
	c.t = t
	c.refuses(ledger.Unauthorized, town.try(t, with(trust.Issue, nil)))
	c.refuses(ledger.Policy, w.members[0].try(t, with(trust.Issue, nil)))

	c.must(g.sign(t, with(trust.Issue, func(a *ledger.Accreditation) { a.ID = "cards" })))
	c.must(g.sign(t, with(trust.Ask, func(a *ledger.Accreditation) {
		a.ID, a.KeepDays, a.Claims = "age", 10, [][]byte{[]byte(`["age_equal_or_over","18"]`), []byte(`["name"]`)}
	})))
	got, _ := c.overlay().accreditation(town.did, "cards")
	if got.GrantedBy != g.did || got.Under != "issue" || got.Decision != nil {
		t.Errorf("granted: %+v", got)
	}
	if got, _ := c.overlay().accreditation(town.did, "age"); got.Under != "ask" {
		t.Errorf("granted: %+v", got)
	}
	if _, err := ledger.TrustAccreditations(c.overlay().value(ledger.KeyAccreditations(town.did)), town.did); err != nil {
		t.Error(err)
	}
	if x := c.overlay().index(); len(x.DIDs) != 5 {
		t.Errorf("%d DIDs in the index", len(x.DIDs))
	}
	c.must(town.sign(t, w.list("https://town.example/1", 1)))

	// Nobody but the granter and the members ends it.
	c.refuses(ledger.Unauthorized, town.try(t, withdrawing(town.did, "cards", false)))
	c.refuses(ledger.Policy, w.members[0].try(t, withdrawing(town.did, "cards", false)))
	c.refuses(ledger.Unauthorized, g.try(t, withdrawing(g.did, "issue", false)))
	c.refuses(ledger.Policy, g.try(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	c.must(g.sign(t, withdrawing(town.did, "age", false)))
	c.refuses(ledger.TerminalState, g.try(t, withdrawing(town.did, "age", false)))
	c.must(g.sign(t, withdrawing(town.did, "age", true)))

	// What the granter loses, those under it lose, with the same distrust.
	w.agreed(c, ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: g.did, ID: "issue"}})
	ended := c.now.Unix()
	if got, _ := c.overlay().accreditation(town.did, "cards"); got.EndedAt != ended || got.Distrust {
		t.Errorf("under what was withdrawn: %+v", got)
	}
	c.refuses(ledger.Unauthorized, town.try(t, w.list("https://town.example/2", 1)))
	c.refuses(ledger.Unauthorized, g.try(t, with(trust.Issue, func(a *ledger.Accreditation) { a.ID = "more" })))
	c.now = c.now.Add(time.Hour)
	w.agreed(c, ledger.Action{Withdraw: &ledger.WithdrawAction{Subject: g.did, ID: "issue", Distrust: true}})
	if got, _ := c.overlay().accreditation(town.did, "cards"); got.EndedAt != ended || !got.Distrust {
		t.Errorf("under what is distrusted: %+v", got)
	}
	c.must(g.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
}

// Of an organisation that members know, a granter cannot change the name that people see.
func TestGrantKeepsNames(t *testing.T) {
	w := newWorld(t, 3)
	c := newChain(t, w)
	g := region(t, w, c)
	town := newParty(t, "town")
	c.must(town.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &town.record}))
	w.agreed(c, ledger.Action{Accredit: w.accreditation(town.did, "own", trust.Issue).Accredit})
	other := w.accreditation(town.did, "x", trust.Issue)
	other.Accredit.Name = "Rijksdienst Voorbeeld"
	c.refuses(ledger.Policy, g.try(t, other))
	c.must(g.sign(t, w.accreditation(town.did, "x", trust.Issue)))
}

// A stop of what an organisation grants under reaches what it granted, beside stops of their own.
func TestGrantStops(t *testing.T) {
	w := newWorld(t, 3)
	c := newChain(t, w)
	a, b := w.members[0], w.members[1]
	g := region(t, w, c)
	town := newParty(t, "town")
	c.must(town.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &town.record}), g.sign(t, w.accreditation(town.did, "cards", trust.Issue)))
	stop := func(d did.DID, id string) {
		t.Helper()
		c.must(a.sign(t, stoppingAccreditation(d, id)), b.sign(t, stoppingAccreditation(d, id)))
	}
	is := func(from, until time.Time) {
		t.Helper()
		got, _ := c.overlay().accreditation(town.did, "cards")
		end := int64(0)
		if !until.IsZero() {
			end = until.Unix()
		}
		if got.StoppedFrom != from.Unix() || got.StoppedUntil != end {
			t.Errorf("stopped from %d until %d, want %d until %d", got.StoppedFrom, got.StoppedUntil, from.Unix(), end)
		}
	}
	stop(g.did, "issue")
	first := c.now
	is(first, first.Add(72*hour))
	c.refuses(ledger.Unauthorized, town.try(t, w.list("https://town.example/1", 1)))
	c.refuses(ledger.Unauthorized, g.try(t, w.accreditation(town.did, "more", trust.Issue)))
	c.must(g.sign(t, w.accreditation(town.did, "asks", trust.Ask))) // under the other one
	c.now = first.Add(24 * hour)
	c.block()
	stop(town.did, "cards")
	second := c.now
	is(first, second.Add(72*hour))
	w.agreed(c, ledger.Action{Confirm: &ledger.StopName{ID: c.stop(1).ID}})
	is(first, time.Time{})
	w.agreed(c, ledger.Action{Resume: &ledger.StopName{ID: c.stop(0).ID}})
	is(second, time.Time{})
	w.agreed(c, ledger.Action{Resume: &ledger.StopName{ID: c.stop(1).ID}})
	is(second, c.now)
	c.must(town.sign(t, w.list("https://town.example/1", 1)))
}

// The number is bounded, and what is over makes room.
func TestGrantLimits(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	g := region(t, w, c)
	short := func(d did.DID, id string) ledger.Tx {
		tx := w.accreditation(d, id, trust.Issue)
		tx.Accredit.Until = c.now.Add(hour).Unix()
		return tx
	}
	for n := range maxChildren / maxOfOneParty {
		p := newParty(t, fmt.Sprintf("town-%d", n))
		txs := [][]byte{p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record})}
		for i := range maxOfOneParty {
			txs = append(txs, g.sign(t, short(p.did, fmt.Sprintf("a-%d", i))))
		}
		c.must(txs...)
		c.refuses(ledger.TooLarge, g.try(t, short(p.did, "one-more")))
	}
	last := newParty(t, "last")
	c.must(last.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &last.record}))
	c.refuses(ledger.TooLarge, g.try(t, short(last.did, "x")))
	c.now = c.now.Add(2 * hour)
	c.block()
	c.must(g.sign(t, short(last.did, "x")))
	if n := len(c.overlay().children(g.did, "issue")); n != 1 {
		t.Errorf("%d under it", n)
	}
	// One withdrawal reaches the most there can be.
	c.must(w.members[0].sign(t, withdrawing(g.did, "issue", true)))
	if a, _ := c.overlay().accreditation(last.did, "x"); !a.Distrust {
		t.Errorf("%+v", a)
	}
}

// Whatever is asked for: what was granted stays inside what it was granted under, and does not outlive it.
func TestGrantProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		g := region(t, w, c)
		towns := []*party{newParty(t, "town-1"), newParty(t, "town-2")}
		for _, p := range towns {
			c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
		}
		m := w.members[0]
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			p := rapid.SampledFrom(towns).Draw(rt, "town")
			id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id")
			var raw []byte
			sender := g
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0, 1:
				tx := w.accreditation(p.did, id, rapid.SampledFrom([]trust.Use{trust.Issue, trust.Ask, trust.Grant}).Draw(rt, "use"))
				if tx.Accredit.Use == trust.Grant {
					tx.Accredit.Claims = nil
				}
				tx.Accredit.Until += rapid.Int64Range(-1e6, 2).Draw(rt, "until")
				tx.Accredit.Types = rapid.SampledFrom([][]string{{"urn:zegel:test:1"}, {"urn:zegel:test:2", "urn:zegel:test:1"}, {"urn:zegel:test:3"}}).Draw(rt, "types")
				raw = g.try(t, tx)
			case 2:
				raw = g.try(t, withdrawing(p.did, id, rapid.Bool().Draw(rt, "distrust")))
			case 3:
				sender = m
				raw = m.try(t, withdrawing(g.did, rapid.SampledFrom([]string{"issue", "ask"}).Draw(rt, "grant"), rapid.Bool().Draw(rt, "distrust")))
			case 4:
				sender = m
				raw = m.try(t, stoppingAccreditation(g.did, rapid.SampledFrom([]string{"issue", "ask"}).Draw(rt, "grant")))
			}
			if c.block(raw) == 1 {
				sender.seq++
			}
			o := c.overlay()
			now := c.now.Unix()
			for _, p := range towns {
				for _, a := range o.accreditations(p.did) {
					scope, found := o.accreditation(g.did, a.Under)
					switch {
					case !found || a.GrantedBy != g.did:
						rt.Fatalf("under nothing: %+v", a)
					case within(&a, scope) != nil:
						rt.Fatalf("%+v outside %+v", a, scope)
					case scope.EndedAt != 0 && a.EndedAt == 0, scope.Distrust && !a.Distrust:
						rt.Fatalf("%+v outlives %+v", a, scope)
					case scope.StoppedAt(now) && !a.StoppedAt(now):
						rt.Fatalf("%+v counts while %+v is stopped", a, scope)
					}
				}
			}
		}
	})
}
