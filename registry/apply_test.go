package registry

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// update signs an update with the committed key after change has had its way with the new record.
func (p *party) update(t testing.TB, c *chain, seed string, change func(r *ledger.DIDRecord)) []byte {
	t.Helper()
	stored, _ := c.overlay().record(p.did)
	next := *stored
	next.ID, next.Version, next.Created, next.Updated = "", 0, 0, 0
	next.Keys = []ledger.KeyRecord{keyRecord(t, "tx-"+seed, p.next, did.CapabilityInvocation)}
	for _, k := range stored.Keys {
		if k.Until == 0 && k.Purposes[0] != did.CapabilityInvocation {
			k.From = 0
			next.Keys = append(next.Keys, k)
		}
	}
	next.NextKeyHash = ledger.KeyHash(testKey(seed).Public().(ed25519.PublicKey))
	if change != nil {
		change(&next)
	}
	raw, err := ledger.Sign(p.fill(ledger.Tx{Kind: ledger.UpdateDID, DID: &next}), "tx-"+seed, p.next)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// updated moves the party on after an update that had its effect.
func (p *party) updated(seed string) {
	p.key, p.keyID, p.next = p.next, "tx-"+seed, testKey(seed)
	p.seq++
}

func TestUpdate(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	born := c.overlay()
	first, _ := born.record(m.did)
	if first.Version != 1 || first.Keys[0].From == 0 || first.ID != m.did {
		t.Fatalf("first record: %+v", first)
	}

	// Another issuer key takes over; the old one stays visible and ends with this block.
	raw := m.update(t, c, "u1", func(r *ledger.DIDRecord) {
		r.Keys[1] = keyRecord(t, "issuer-2", testKey("issuer 2"), did.AssertionMethod)
		r.Services = nil
	})
	c.must(raw)
	m.updated("u1")
	r, _ := c.overlay().record(m.did)
	if len(r.Keys) != 3 || r.Version != 2 || len(r.Services) != 0 {
		t.Fatalf("record %+v", r)
	}
	if k := r.Keys[2]; k.ID != "issuer-1" || k.Until != c.now.Unix() || k.From != first.Keys[1].From {
		t.Errorf("rotated out: %+v", k)
	}
	if k := r.Keys[1]; k.ID != "issuer-2" || k.From != c.now.Unix() || k.Until != 0 {
		t.Errorf("rotated in: %+v", k)
	}
	doc, err := r.Document()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := doc.Key("#issuer-1", did.AssertionMethod, c.now.Add(-time.Second)); err != nil {
		t.Errorf("what the old key signed before: %v", err)
	}
	if _, err := doc.Key("#issuer-1", did.AssertionMethod, c.now.Add(time.Hour)); err == nil {
		t.Error("the old key still signs")
	}

	// What must not be: the record is as it was after each.
	with := func(change func(r *ledger.DIDRecord)) []byte { return m.update(t, c, "u2", change) }
	issuer1, issuer2 := keyRecord(t, "issuer-1", testKey("member-1/issuer"), did.AssertionMethod), r.Keys[1]
	for name, x := range map[string]struct {
		code ledger.Code
		raw  []byte
	}{
		"a key that was rotated out comes back": {ledger.Conflict, with(func(r *ledger.DIDRecord) { r.Keys = append(r.Keys, issuer1) })},
		"under another name": {ledger.Conflict, with(func(r *ledger.DIDRecord) {
			k := issuer1
			k.ID = "issuer-3"
			r.Keys = append(r.Keys, k)
		})},
		"an id gets another key": {ledger.Conflict, with(func(r *ledger.DIDRecord) {
			r.Keys[1] = keyRecord(t, "issuer-2", testKey("other"), did.AssertionMethod)
		})},
		"a key gets another purpose": {ledger.Conflict, with(func(r *ledger.DIDRecord) {
			r.Keys[1].Purposes = []did.Purpose{did.AssertionMethod, did.Authentication}
		})},
		"the committed key is shown": {ledger.Conflict, with(func(r *ledger.DIDRecord) {
			r.Keys = append(r.Keys, keyRecord(t, "early", testKey("u2"), did.CapabilityInvocation))
		})},
		"the commitment stays": {ledger.Conflict, with(func(r *ledger.DIDRecord) {
			r.NextKeyHash = ledger.KeyHash(m.next.Public().(ed25519.PublicKey))
		})},
		"a compromised key that never was": {ledger.UnknownObject, with(func(r *ledger.DIDRecord) {
			k := keyRecord(t, "never", testKey("never"), did.AssertionMethod)
			k.Compromised = true
			r.Keys = append(r.Keys, k)
		})},
		"times from outside": {ledger.Malformed, with(func(r *ledger.DIDRecord) { r.Keys[1].From = 1 })},
		"a version":          {ledger.Malformed, with(func(r *ledger.DIDRecord) { r.Version = 9 })},
		"an end":             {ledger.Malformed, with(func(r *ledger.DIDRecord) { r.Deactivated = true })},
	} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refuses(x.code, x.raw)
		})
	}
	c.t = t

	// A compromised key ends, and stays compromised.
	issuer2.From = 0
	c.must(with(func(r *ledger.DIDRecord) {
		r.Keys[1].Compromised = true
		k := issuer1
		k.Compromised = true
		r.Keys = append(r.Keys, k)
	}))
	m.updated("u2")
	r, _ = c.overlay().record(m.did)
	for _, k := range r.Keys[1:] {
		if !k.Compromised || k.Until == 0 {
			t.Errorf("key %+v", k)
		}
	}
	c.refuses(ledger.TerminalState, m.update(t, c, "u3", func(r *ledger.DIDRecord) { r.Keys = append(r.Keys, issuer2) }))

	// Many rotations: the oldest keys make room.
	for i := range 2 * ledger.MaxKeys {
		seed := fmt.Sprintf("many-%d", i)
		c.must(m.update(t, c, seed, func(r *ledger.DIDRecord) {
			r.Keys = append(r.Keys[:1], keyRecord(t, "i-"+seed, testKey("i"+seed), did.AssertionMethod))
		}))
		m.updated(seed)
	}
	r, _ = c.overlay().record(m.did)
	if len(r.Keys) != ledger.MaxKeys || r.Keys[2].ID != "i-many-30" {
		t.Errorf("%d keys, the newest of the old %q", len(r.Keys), r.Keys[2].ID)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
}

func TestCreateAndDeactivate(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	p := newParty(t, "p")
	create := p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record})
	c.must(create)
	c.refuses(ledger.BadNonce, create)
	again := *p
	again.seq = 0
	c.refuses(ledger.BadNonce, again.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record, ValidUntil: 999}))
	c.refuses(ledger.Conflict, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))

	q := newParty(t, "q")
	c.refuses(ledger.Unauthorized, p.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &q.record}))
	c.refuses(ledger.UnknownObject, q.try(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	twice := q.record
	twice.Keys = append(twice.Keys[:2:2], twice.Keys[1])
	twice.Keys[2].ID = "copy"
	c.refuses(ledger.Conflict, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &twice}))
	mute := q.record
	mute.Keys = mute.Keys[1:]
	c.refuses(ledger.Malformed, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &mute}))
	open := q.record
	open.NextKeyHash = ledger.KeyHash(q.key.Public().(ed25519.PublicKey))
	c.refuses(ledger.Conflict, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &open}))
	c.must(m.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &q.record}))
	if n := c.overlay().guests(); n != 1 {
		t.Errorf("%d guests", n)
	}

	c.must(p.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	c.refuses(ledger.TerminalState, p.try(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	c.refuses(ledger.TerminalState, m.try(t, w.accreditation(p.did, "a", trust.Issue)))
	c.refuses(ledger.Policy, m.try(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	expired := ledger.Tx{Kind: ledger.DeactivateDID, ValidUntil: c.height}
	c.refuses(ledger.Expired, m.try(t, expired))
	c.must(q.sign(t, ledger.Tx{Kind: ledger.DeactivateDID}))
	r, _ := c.overlay().record(p.did)
	if !r.Deactivated || r.Version != 2 {
		t.Errorf("record %+v", r)
	}
}

// Strangers can bring in their DIDs only up to a number; members always can.
func TestGuests(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	var guests []*party
	var txs [][]byte
	for i := range defaultParameters().Guests {
		p := newParty(t, fmt.Sprintf("guest-%d", i))
		guests, txs = append(guests, p), append(txs, p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	}
	c.must(txs...)
	p := newParty(t, "stranger")
	c.refuses(ledger.Policy, p.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	q := newParty(t, "invited")
	c.must(m.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &q.record}))
	if x := c.overlay().index(); len(x.DIDs) != 2 {
		t.Errorf("%d DIDs in the index", len(x.DIDs))
	}
	c.must(m.sign(t, w.accreditation(guests[5].did, "a", trust.Issue)))
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
}

func TestAccreditations(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	p := newParty(t, "p")
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
	c.refuses(ledger.UnknownObject, m.try(t, w.accreditation(newParty(t, "nobody").did, "a", trust.Issue)))
	c.must(m.sign(t, w.accreditation(p.did, "b", trust.Issue)), m.sign(t, w.accreditation(p.did, "a", trust.Ask)))
	c.refuses(ledger.Conflict, m.try(t, w.accreditation(p.did, "a", trust.Ask)))
	granted := w.accreditation(p.did, "c", trust.Ask)
	granted.Accredit.GrantedBy = p.did
	c.refuses(ledger.Malformed, m.try(t, granted))

	all := c.overlay().accreditations(p.did)
	if len(all) != 2 || all[0].ID != "a" || all[0].GrantedBy != m.did {
		t.Fatalf("accreditations %+v", all)
	}
	if _, err := ledger.DecodeAccreditations(c.overlay().value(ledger.KeyAccreditations(p.did)), p.did); err != nil {
		t.Error(err)
	}
	if _, err := ledger.DecodeIndex(c.overlay().value(ledger.KeyIndex())); err != nil {
		t.Error(err)
	}

	withdraw := func(id string, distrust bool) ledger.Tx {
		return ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: p.did, ID: id, Distrust: distrust}}
	}
	c.must(p.sign(t, w.list("https://p.example/1", 1)))
	c.refuses(ledger.UnknownObject, m.try(t, withdraw("z", false)))
	c.must(m.sign(t, withdraw("b", false)))
	ended := c.now.Unix()
	c.refuses(ledger.TerminalState, m.try(t, withdraw("b", false)))
	c.refuses(ledger.Unauthorized, p.try(t, w.list("https://p.example/2", 1)))
	// Who may not issue any more can still revoke.
	c.must(p.sign(t, setting("https://p.example/1", 1, 1)))
	c.must(m.sign(t, withdraw("b", true)))
	c.refuses(ledger.TerminalState, m.try(t, withdraw("b", true)))
	if a := c.overlay().accreditations(p.did)[1]; a.EndedAt != ended || !a.Distrust {
		t.Errorf("withdrawn: %+v", a)
	}

	for i := range maxAccreditations - 2 {
		c.must(m.sign(t, w.accreditation(p.did, fmt.Sprintf("n-%d", i), trust.Issue)))
		c.now = c.now.Add(time.Second)
	}
	c.refuses(ledger.TooLarge, m.try(t, w.accreditation(p.did, "one-too-many", trust.Issue)))
}

func TestAnchors(t *testing.T) {
	w := newWorld(t, 1)
	w.genesis.Anchors = []ledger.Anchor{*testAnchor(t, "first")}
	c := newChain(t, w)
	m := w.members[0]
	put := func(a *ledger.Anchor) ledger.Tx { return ledger.Tx{Kind: ledger.PutAnchor, Anchor: a} }
	b := testAnchor(t, "a")
	c.must(m.sign(t, put(b)))
	other := testAnchor(t, "a")
	c.refuses(ledger.Conflict, m.try(t, put(other)))
	leaf := *b
	leaf.ID, leaf.Certificate = "leaf", b.Certificate[:len(b.Certificate)-1]
	c.refuses(ledger.Malformed, m.try(t, put(&leaf)))
	unscoped := *testAnchor(t, "unscoped")
	unscoped.Types = nil
	c.refuses(ledger.Malformed, m.try(t, put(&unscoped)))
	narrowed := *b
	narrowed.Until = b.From + 1
	c.must(m.sign(t, put(&narrowed)))
	all, err := ledger.DecodeAnchors(c.overlay().value(ledger.KeyAnchors()))
	if err != nil || len(all) != 2 || all[0].ID != "a" || all[0].Until != narrowed.Until {
		t.Errorf("anchors %+v, %v", all, err)
	}
}

// The root that comes from the changed chunks alone is the root over the whole list, whatever is remembered.
func TestLists(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	c.must(m.sign(t, w.accreditation(m.did, "cards", trust.Issue)))
	for _, bits := range []int{1, 2, 4, 8} {
		uri := fmt.Sprintf("https://voorbeeldstad.example/lists/%d", bits)
		c.must(m.sign(t, w.list(uri, bits)))
		key := ledger.KeyList(uri)
		whole := func() []byte {
			var data []byte
			for n := range 4 {
				data = append(data, c.overlay().chunk(key, n)...)
			}
			return data
		}
		meta := func() ledger.ListMeta {
			var m ledger.ListMeta
			c.overlay().load(key, &m)
			return m
		}
		if got := meta(); !bytes.Equal(got.Root, ledger.ListRoot(make([]byte, 4*ledger.ChunkSize))) || got.Owner != m.did || got.Height != c.height {
			t.Fatalf("%d bits: new list %+v", bits, got)
		}
		c.refuses(ledger.Conflict, m.try(t, w.list(uri, bits)))
		per := uint64(8 * ledger.ChunkSize / bits)
		for round, forget := range []bool{false, true, false} {
			if forget {
				c.app.hashes = &hashCache{}
			}
			change := &ledger.StatusChange{URI: uri}
			for n := range uint64(ledger.StatusBatch) {
				change.Indices = append(change.Indices, n*per*4/ledger.StatusBatch+uint64(round))
				change.Values = append(change.Values, byte(n%2))
			}
			c.must(m.sign(t, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change}))
			if got := meta(); !bytes.Equal(got.Root, ledger.ListRoot(whole())) || got.Height != c.height {
				t.Errorf("%d bits: root %x of a list with root %x", bits, got.Root, ledger.ListRoot(whole()))
			}
		}
		last := setting(uri, 0, 0)
		last.SetStatus.Indices[ledger.StatusBatch-1] = 4 * per
		c.refuses(ledger.Malformed, m.try(t, last))
		last.SetStatus.Indices[ledger.StatusBatch-1] = 1<<64 - 1
		c.refuses(ledger.Malformed, m.try(t, last))
		last.SetStatus.Indices[ledger.StatusBatch-1] = 4*per - 1
		c.must(m.sign(t, last))
		c.refuses(ledger.Policy, m.try(t, setting(uri, 3, 3)))
		if bits == 1 {
			c.refuses(ledger.Policy, m.try(t, setting(uri, 3, 2)))
		}
		short := setting(uri, 3, 0)
		short.SetStatus.Indices, short.SetStatus.Values = short.SetStatus.Indices[:63], short.SetStatus.Values[:63]
		c.refuses(ledger.Malformed, m.try(t, short))
		c.refuses(ledger.UnknownObject, m.try(t, setting(uri+"?", 3, 0)))
	}

	for name, change := range map[string]func(l *ledger.ListMeta){
		"a root":        func(l *ledger.ListMeta) { l.Root = make([]byte, 32) },
		"three bits":    func(l *ledger.ListMeta) { l.Bits = 3 },
		"part of chunk": func(l *ledger.ListMeta) { l.Size++ },
		"no entries":    func(l *ledger.ListMeta) { l.Size = 0 },
		"ttl":           func(l *ledger.ListMeta) { l.TTL = 59 },
		"no uri":        func(l *ledger.ListMeta) { l.URI = "" },
	} {
		tx := w.list("https://voorbeeldstad.example/bad", 1)
		change(tx.CreateList)
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.refuses(ledger.Malformed, m.try(t, tx))
		})
	}
	c.t = t
	huge := w.list("https://voorbeeldstad.example/bad", 1)
	huge.CreateList.Size = 8 * (maxListSize + ledger.ChunkSize)
	c.refuses(ledger.TooLarge, m.try(t, huge))
	past := w.list("https://voorbeeldstad.example/bad", 1)
	past.CreateList.Expiry = c.now.Unix()
	c.refuses(ledger.Policy, m.try(t, past))

	soon := w.list("https://voorbeeldstad.example/soon", 1)
	soon.CreateList.Expiry = c.now.Unix() + 10
	c.must(m.sign(t, soon))
	c.now = c.now.Add(time.Minute)
	c.block()
	c.refuses(ledger.TerminalState, m.try(t, setting("https://voorbeeldstad.example/soon", 1, 1)))
}

func TestGenesis(t *testing.T) {
	for name, change := range map[string]func(g *Genesis){
		"no member":       func(g *Genesis) { g.Members = nil },
		"a member twice":  func(g *Genesis) { g.Members = append(g.Members, g.Members[0]) },
		"a broken member": func(g *Genesis) { g.Members[0].Record.NextKeyHash = nil },
		"a broken anchor": func(g *Genesis) { g.Anchors = []ledger.Anchor{{ID: "x"}} },
		"no network":      func(g *Genesis) { g.Network = "" },
		"no chain id":     func(g *Genesis) { g.ChainID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			change(&w.genesis)
			dir := t.TempDir() + "/node"
			if err := Init(dir, w.genesis); err == nil {
				t.Error("accepted")
			}
		})
	}
}
