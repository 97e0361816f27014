package registry

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

func retiring(uri string) ledger.Tx {
	return ledger.Tx{Kind: ledger.RetireList, RetireList: &ledger.ListName{URI: uri}}
}

func TestRetire(t *testing.T) {
	const uri, other = "https://issuer.example/lists/1", "https://issuer.example/lists/2"
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	p, stranger := newParty(t, "issuer"), newParty(t, "stranger")
	c.must(p.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}), stranger.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &stranger.record}))
	c.must(m.sign(t, w.accreditation(p.did, "cards", trust.Issue)), m.sign(t, w.accreditation(stranger.did, "cards", trust.Issue)))
	expiring := func(uri string, after time.Duration) ledger.Tx {
		tx := w.list(uri, 2)
		tx.CreateList.Expiry = c.now.Add(after).Unix()
		return tx
	}
	c.must(p.sign(t, expiring(uri, time.Hour)), p.sign(t, expiring(other, time.Hour)))
	expiry := c.now.Add(time.Hour - time.Second)
	far := setting(uri, 7, 1)
	far.SetStatus.Indices[ledger.StatusBatch-1], far.SetStatus.Values[ledger.StatusBatch-1] = 4*8*ledger.ChunkSize/2-1, 2
	c.must(p.sign(t, far)) // in the first chunk and the last
	size := func() int64 { return c.app.state.snapshot().tree.Size() }
	full := size()

	c.refuses(ledger.UnknownObject, p.try(t, retiring(uri+"/x")))
	c.refuses(ledger.Policy, p.try(t, retiring(uri)))
	c.now = expiry.Add(-3 * time.Second)
	c.block()
	c.refuses(ledger.Policy, p.try(t, retiring(uri))) // in the last second
	c.now = expiry
	c.block()
	c.refuses(ledger.Unauthorized, stranger.try(t, retiring(uri)))
	c.must(p.sign(t, retiring(uri)))

	key := ledger.KeyList(uri)
	if c.overlay().value(key) != nil {
		t.Error("the description stays")
	}
	if c.overlay().value(pageKey(key, 0)) != nil {
		t.Error("its chunks stay")
	}
	if x := c.overlay().index(); len(x.Lists) != 1 || x.Lists[0] != other {
		t.Errorf("index %v", x.Lists)
	}
	if got := size(); got != full-1 { // a description and a page against one mark
		t.Errorf("%d entries in the state, there were %d", got, full)
	}
	// Its absence can be proven.
	proof, err := c.app.state.snapshot().tree.GetNonMembershipProof(key)
	if err != nil || proof == nil {
		t.Errorf("no proof of absence: %v", err)
	}

	// What was revoked under this uri never becomes valid by a new list: not of the owner, nor of another.
	c.refuses(ledger.Conflict, p.try(t, expiring(uri, time.Hour)))
	c.refuses(ledger.Conflict, stranger.try(t, expiring(uri, time.Hour)))
	c.refuses(ledger.UnknownObject, p.try(t, retiring(uri)))
	c.refuses(ledger.UnknownObject, p.try(t, setting(uri, 7, 0)))
	// A member tidies up after others, and after itself.
	c.must(m.sign(t, retiring(other)))
	c.reopen()
	c.refuses(ledger.Conflict, p.try(t, expiring(other, time.Hour)))
	c.must(p.sign(t, expiring(uri+"/again", time.Hour)))
}

// Lists with two bits, against the list that package statuslist makes of the same changes.
func TestSuspension(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const uri = "https://issuer.example/lists/1"
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		c.must(m.sign(t, w.accreditation(m.did, "cards", trust.Issue)))
		tx := w.list(uri, 2)
		tx.CreateList.Size = 8 * ledger.ChunkSize / 2 * 2
		c.must(m.sign(t, tx))
		size := tx.CreateList.Size
		want := make([]byte, size)
		for range rapid.IntRange(1, 6).Draw(rt, "changes") {
			set := map[uint64]byte{}
			for len(set) < ledger.StatusBatch {
				set[rapid.Uint64Range(0, size-1).Draw(rt, "index")] = byte(rapid.IntRange(0, 2).Draw(rt, "value"))
			}
			change := &ledger.StatusChange{URI: uri}
			terminal := false
			for n := range size {
				if v, ok := set[n]; ok {
					change.Indices, change.Values = append(change.Indices, n), append(change.Values, v)
					terminal = terminal || want[n] == 1 && v != 1
				}
			}
			raw := m.try(t, ledger.Tx{Kind: ledger.SetStatus, SetStatus: change})
			if kept := c.block(raw); (kept == 1) == terminal {
				rt.Fatalf("%d in the block, something was revoked: %v", kept, terminal)
			}
			if !terminal {
				m.seq++
				for n, v := range set {
					want[n] = v
				}
			}
		}
		key := ledger.KeyList(uri)
		var meta ledger.ListMeta
		c.overlay().load(key, &meta)
		data := append(c.overlay().chunk(key, 0), c.overlay().chunk(key, 1)...)
		if string(ledger.ListRoot(data)) != string(meta.Root) {
			rt.Fatal("the root is of another list")
		}
		list, err := statuslist.FromBytes(2, data)
		if err != nil {
			rt.Fatal(err)
		}
		for n := range size {
			if got, err := list.Get(n); err != nil || byte(got) != want[n] {
				rt.Fatalf("entry %d: %v, want %d", n, got, want[n])
			}
		}
	})
}
