package registry

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// list returns a list of one chunk of bits for each entry.
func (w *world) list(uri string, bits int) ledger.Tx {
	return ledger.Tx{Kind: ledger.CreateList, CreateList: &ledger.ListMeta{
		URI: uri, Bits: bits, Size: uint64(4 * 8 * ledger.ChunkSize / bits), TTL: 3600, Expiry: w.now.AddDate(5, 0, 0).Unix(),
	}}
}

// setting sets one entry and fills up the batch with entries from 1000 on, which stay valid.
func setting(uri string, index uint64, value byte) ledger.Tx {
	c := &ledger.StatusChange{URI: uri, Indices: []uint64{index}, Values: []byte{value}}
	for n := uint64(1000); len(c.Indices) < ledger.StatusBatch; n++ {
		c.Indices, c.Values = append(c.Indices, n), append(c.Values, 0)
	}
	return ledger.Tx{Kind: ledger.SetStatus, SetStatus: c}
}

// rotation is an update in which the committed key takes over. It changes p.
func (p *party) rotation(t testing.TB, seed string) []byte {
	t.Helper()
	next := p.record
	later := testKey(seed)
	keyID := "tx-" + seed
	next.Keys = []ledger.KeyRecord{keyRecord(t, keyID, p.next, did.CapabilityInvocation), p.record.Keys[1]}
	next.NextKeyHash = ledger.KeyHash(later.Public().(ed25519.PublicKey))
	p.record, p.key, p.next, p.keyID = next, p.next, later, keyID
	return p.sign(t, ledger.Tx{Kind: ledger.UpdateDID, DID: &next})
}

func TestRequired(t *testing.T) {
	t.Run("TX-01", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		first := m.sign(t, w.accreditation(m.did, "a", trust.Issue))
		c.must(first)
		c.refuses(ledger.BadNonce, first)
		c.must(m.sign(t, w.accreditation(m.did, "b", trust.Issue)))
		c.refuses(ledger.BadNonce, first)
		c.reopen()
		c.refuses(ledger.BadNonce, first)
		if all := c.overlay().accreditations(m.did); len(all) != 2 {
			t.Errorf("%d accreditations", len(all))
		}

		t.Run("node", func(t *testing.T) {
			w := newWorld(t, 1)
			dir := filepath.Join(t.TempDir(), "node")
			if err := Init(dir, w.genesis); err != nil {
				t.Fatal(err)
			}
			_, srv := openNode(t, dir)
			m := w.members[0]
			raw := m.sign(t, w.accreditation(m.did, "a", trust.Issue))
			write(t, srv.URL, raw)
			if status, a := post(t, srv.URL, raw); status != http.StatusBadRequest || a.Code != ledger.BadNonce {
				t.Errorf("sent again: status %d, %+v", status, a)
			}
			// The answer about the first time stands.
			var a ledger.TxAnswer
			if getJSON(t, srv.URL+"/v1/tx/"+hashOf(raw), &a); a.Code != ledger.OK || a.Height == 0 {
				t.Errorf("first time: %+v", a)
			}
			write(t, srv.URL, m.sign(t, w.accreditation(m.did, "b", trust.Issue)))
		})
	})

	t.Run("TX-02", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		tx := w.accreditation(m.did, "a", trust.Issue)
		tx.ChainID = "zegel-other"
		c.refuses(ledger.WrongChain, m.try(t, tx))
		c.must(m.sign(t, w.accreditation(m.did, "a", trust.Issue)))
	})

	t.Run("TX-03", func(t *testing.T) {
		w := newWorld(t, 1)
		c, other := newChain(t, w), newChain(t, w)
		m := w.members[0]
		c.must(m.sign(t, w.accreditation(m.did, "a", trust.Issue)))
		other.must(m.try(t, ledger.Tx{Sequence: 1, Kind: ledger.Accredit, Accredit: w.accreditation(m.did, "a", trust.Issue).Accredit}))
		// Two with one sequence, each let in by another node.
		b, d := m.try(t, w.accreditation(m.did, "b", trust.Issue)), m.sign(t, w.accreditation(m.did, "d", trust.Issue))
		if x, y := c.offer(b), other.offer(d); x != ledger.OK || y != ledger.OK {
			t.Fatalf("let in with codes %d and %d", x, y)
		}
		if kept := c.propose(b, d); len(kept) != 1 || !bytes.Equal(kept[0], b) {
			t.Fatalf("%d in the proposal", len(kept))
		}
		if other.judge(b, d) {
			t.Error("a block with both is accepted")
		}
		if !other.judge(b) {
			t.Fatal("a block with one is refused")
		}
		c.decide(b)
		other.decide(b)
		res, err := other.app.CheckTx(t.Context(), &abci.RequestCheckTx{Tx: d, Type: abci.CheckTxType_Recheck})
		if err != nil || ledger.Code(res.Code) != ledger.BadNonce {
			t.Errorf("the loser: code %d, %v", res.Code, err)
		}
		if a, known, _ := other.app.feed.result([32]byte(mustHash(d))); !known || a.Code != ledger.BadNonce || a.Height != 0 {
			t.Errorf("who waits for the loser hears %+v, %v", a, known)
		}
		if !bytes.Equal(c.root, other.root) {
			t.Error("two nodes differ")
		}
		for _, seq := range []uint64{1, 2, 4, 1 << 63, 1<<64 - 1} {
			tx := w.accreditation(m.did, "gap", trust.Issue)
			tx.Sequence = seq
			c.refuses(ledger.BadNonce, m.try(t, tx))
		}
		c.must(m.sign(t, w.accreditation(m.did, "e", trust.Issue)))
	})

	t.Run("TX-04", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		raw := m.sign(t, w.accreditation(m.did, "a", trust.Issue))
		for name, forged := range forgeries(t, raw) {
			got := c.offer(forged)
			if got != ledger.Malformed && got != ledger.BadSignature {
				t.Errorf("%s: code %d", name, got)
			}
			if len(c.propose(forged)) != 0 || c.judge(forged) {
				t.Errorf("%s: may stand in a block", name)
			}
		}
		c.must(raw)
		for name, forged := range forgeries(t, raw) {
			if got := c.offer(forged); got == ledger.OK {
				t.Errorf("%s: has a second effect", name)
			}
		}
	})

	t.Run("TX-05", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		a, b := newParty(t, "a"), newParty(t, "b")
		c.must(a.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &a.record}), b.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &b.record}))
		c.must(m.sign(t, w.accreditation(a.did, "cards", trust.Issue)), m.sign(t, w.accreditation(b.did, "cards", trust.Issue)))
		c.must(b.sign(t, w.list("https://b.example/1", 1)))

		stolen := b.record
		stolen.ID = b.did
		stolen.Keys = []ledger.KeyRecord{keyRecord(t, "tx-x", a.next, did.CapabilityInvocation)}
		stolen.NextKeyHash = bytes.Repeat([]byte{7}, 32)
		update := ledger.Tx{Kind: ledger.UpdateDID, DID: &stolen}
		raw, err := ledger.Sign(a.fill(update), "tx-x", a.next)
		if err != nil {
			t.Fatal(err)
		}
		c.refuses(ledger.Unauthorized, raw)
		c.refuses(ledger.Unauthorized, a.try(t, setting("https://b.example/1", 5, 1)))
		foreign := w.list("https://b.example/2", 1)
		foreign.CreateList.Owner = b.did
		c.refuses(ledger.Unauthorized, a.try(t, foreign))
		c.refuses(ledger.Unauthorized, a.try(t, w.accreditation(b.did, "more", trust.Issue)))
		c.refuses(ledger.Unauthorized, a.try(t, ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: b.did, ID: "cards"}}))
		// In the name of B, signed by A.
		forged := setting("https://b.example/1", 5, 1)
		forged.Sender, forged.Sequence = b.did, b.seq+1
		c.refuses(ledger.BadSignature, a.try(t, forged))
		// Without an accreditation there is no list.
		n := newParty(t, "nobody")
		c.must(n.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &n.record}))
		c.refuses(ledger.Unauthorized, n.try(t, w.list("https://nobody.example/1", 1)))

		c.must(b.sign(t, setting("https://b.example/1", 5, 1)), a.sign(t, w.list("https://a.example/1", 1)))
		t.Run("recovery, retirement and granting", testOthers)
	})

	t.Run("TX-06", func(t *testing.T) {
		w := newWorld(t, 1)
		m := w.members[0]
		start := *m

		// The old key first: both have their effect.
		c := newChain(t, w)
		before := m.sign(t, w.accreditation(m.did, "before", trust.Issue))
		rotate := m.rotation(t, "r1")
		c.must(before, rotate)
		old := start
		old.seq = m.seq
		c.refuses(ledger.BadSignature, old.try(t, w.accreditation(m.did, "after", trust.Issue)))
		c.must(m.sign(t, w.accreditation(m.did, "after", trust.Issue)))
		old.seq = m.seq
		c.refuses(ledger.BadSignature, old.try(t, w.accreditation(m.did, "later", trust.Issue)))

		// The rotation first: the old key has no say any more in the same block.
		*m = start
		c = newChain(t, w)
		rotate = m.rotation(t, "r2")
		old = start
		old.seq = m.seq
		late := old.try(t, w.accreditation(m.did, "late", trust.Issue))
		if kept := c.propose(rotate, late); len(kept) != 1 || !bytes.Equal(kept[0], rotate) {
			t.Fatalf("%d in the proposal", len(kept))
		}
		if c.judge(rotate, late) {
			t.Error("a block with the old key after the rotation is accepted")
		}
		// Old and new key with one sequence: one of them.
		same := start
		if n := len(c.propose(rotate, same.try(t, w.accreditation(m.did, "same", trust.Issue)))); n != 1 {
			t.Errorf("%d transactions with one sequence in the proposal", n)
		}
		if codes := c.decide(rotate, late); codes[0] != ledger.OK || codes[1] != ledger.BadSignature {
			t.Errorf("codes %v", codes)
		}
		c.refuses(ledger.BadSignature, late)

		// Who has the key in use, but not the committed one, cannot rotate; nor who only knows its public half.
		thief := start
		thief.did = m.did
		thief.seq = m.seq
		next := m.record
		next.Keys = []ledger.KeyRecord{keyRecord(t, "tx-thief", testKey("thief"), did.CapabilityInvocation)}
		next.NextKeyHash = bytes.Repeat([]byte{1}, 32)
		raw, err := ledger.Sign(thief.fill(ledger.Tx{Kind: ledger.UpdateDID, DID: &next}), "tx-thief", testKey("thief"))
		if err != nil {
			t.Fatal(err)
		}
		c.refuses(ledger.BadSignature, raw)
		next.Keys = append(next.Keys, keyRecord(t, "tx-next", m.next, did.CapabilityInvocation), keyRecord(t, m.keyID, m.key, did.CapabilityInvocation))
		raw, err = ledger.Sign(thief.fill(ledger.Tx{Kind: ledger.UpdateDID, DID: &next}), m.keyID, m.key)
		if err != nil {
			t.Fatal(err)
		}
		c.refuses(ledger.BadSignature, raw)
		c.must(m.rotation(t, "r3"))
		t.Run("recovery", testRecoveryOrder)
	})

	t.Run("TX-07", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		p := newParty(t, "p")
		good := p.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record})

		large := append(bytes.Clone(good), make([]byte, ledger.MaxTxSize+1-len(good))...)
		c.refuses(ledger.TooLarge, large)

		many := p.record
		many.Keys = nil
		for i := range 17 {
			many.Keys = append(many.Keys, keyRecord(t, fmt.Sprintf("tx-%d", i), testKey(fmt.Sprint(i)), did.CapabilityInvocation))
		}
		m := w.members[0] // a member creates it: the id of a record that is too large cannot be computed
		m.key, m.keyID = testKey("member-1/1"), "tx-1"
		c.refuses(ledger.TooLarge, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &many}))

		long := p.record
		long.Services = nil
		for i := range 48 {
			long.Services = append(long.Services, ledger.ServiceRecord{ID: fmt.Sprintf("s-%d", i), Type: "Other",
				Endpoint: "https://p.example/" + string(bytes.Repeat([]byte{'x'}, 700))})
		}
		if raw, err := ledger.Encode(long); err != nil || len(raw) <= ledger.MaxDocumentSize {
			t.Fatalf("document of %d bytes, %v", len(raw), err)
		}
		c.refuses(ledger.TooLarge, m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &long}))
		c.must(good)

		t.Run("node", func(t *testing.T) {
			w := newWorld(t, 1)
			dir := filepath.Join(t.TempDir(), "node")
			if err := Init(dir, w.genesis); err != nil {
				t.Fatal(err)
			}
			_, srv := openNode(t, dir)
			if status, a := post(t, srv.URL, large); status != http.StatusRequestEntityTooLarge || a.Code != ledger.TooLarge {
				t.Errorf("status %d, %+v", status, a)
			}
			// What is announced as too large is not waited for.
			if status := announce(t, srv.URL, 1<<40); status != http.StatusRequestEntityTooLarge {
				t.Errorf("announced: status %d", status)
			}
			write(t, srv.URL, good)
		})
	})

	t.Run("TX-08", func(t *testing.T) {
		w := newWorld(t, 2)
		c := newChain(t, w)
		m := w.members[0]
		before := c.root
		c.refuses(ledger.Policy, m.try(t, w.accreditation(m.did, "a", trust.Issue)))
		c.refuses(ledger.Policy, m.try(t, w.accreditation(w.members[1].did, "a", trust.Ask)))
		c.refuses(ledger.Policy, m.try(t, ledger.Tx{Kind: ledger.PutAnchor, Anchor: testAnchor(t, "x")}))
		c.refuses(ledger.Policy, m.try(t, ledger.Tx{Kind: ledger.Withdraw, Withdraw: &ledger.WithdrawAction{Subject: m.did, ID: "a"}}))
		c.refuses(ledger.Policy, m.try(t, ledger.Tx{Kind: ledger.DeactivateDID}))
		// There is no transaction that adds a validator or a member.
		for _, kind := range []ledger.Kind{"validator.add", "member.admit", ""} {
			if _, err := ledger.Sign(m.fill(ledger.Tx{Kind: kind}), m.keyID, m.key); err == nil {
				t.Errorf("kind %q can be signed", kind)
			}
		}
		if !bytes.Equal(before, c.root) {
			t.Error("the state has changed")
		}
		// What a member does alone goes on.
		p := newParty(t, "p")
		c.must(m.sign(t, ledger.Tx{Kind: ledger.CreateDID, DID: &p.record}))
		c.must(m.rotation(t, "r1"))
		t.Run("votes", testAloneByVote)
	})

	t.Run("TX-09", testHostileParameters)

	t.Run("TX-10", testDeterminism)
	t.Run("VAL-04", testHostileSync)

	t.Run("TX-11", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		bad := []string{
			"Belanghebbende 123456782", "bsn:111222333", "1234.56.782", "123 456 782", "123-456-782", "１２３４５６７８２",
			"mail j.voorbeeld@voorbeeldstad.example", "a@b.nl", "J＠voorbeeldstad．example", "verborgen\u200b tekst",
		}
		for _, text := range bad {
			for _, put := range []func(a *ledger.Accreditation){
				func(a *ledger.Accreditation) { a.Name = text },
				func(a *ledger.Accreditation) { a.LegalBasis = text },
				func(a *ledger.Accreditation) { a.Purpose["nl"] = text },
			} {
				tx := w.accreditation(m.did, "a", trust.Ask)
				put(tx.Accredit)
				c.refuses(ledger.Policy, m.try(t, tx))
			}
		}
		good := []string{
			"art. 2.38 Wet basisregistratie personen", "telefoon 0123456789", "123456789", "dossier 12345678", "000000000",
			"apenstaartje @ alleen", "KvK 12345678 en 1234567820",
		}
		for i, text := range good {
			tx := w.accreditation(m.did, fmt.Sprintf("good-%d", i), trust.Ask)
			tx.Accredit.LegalBasis = text
			c.must(m.sign(t, tx))
		}
		// A typed identifier may look like anything.
		tx := w.accreditation(m.did, "id-123456782", trust.Issue)
		tx.Accredit.Types = []string{"urn:zegel:123456782:1"}
		c.must(m.sign(t, tx))
		c.must(m.sign(t, w.list("https://voorbeeldstad.example/123456782", 1)))
		t.Run("other texts", testTexts)
	})

	t.Run("TX-12", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		quiet := newParty(t, "quiet")
		limited := 0
		for i := range 5000 {
			tx := w.accreditation(m.did, "x", trust.Issue)
			tx.Kind, tx.Accredit = ledger.Withdraw, nil
			tx.Withdraw = &ledger.WithdrawAction{Subject: m.did, ID: "x"}
			if i%2 == 0 { // what has no effect does not count against the limit, and costs little
				c.offer(m.try(t, tx))
				continue
			}
			a := newParty(t, fmt.Sprint(i))
			raw := m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &a.record})
			switch code := c.offer(raw); code {
			case ledger.OK:
				m.seq++
			case ledger.RateLimited:
				limited++
			default:
				t.Fatalf("code %d", code)
			}
			if limited == 1 {
				if code := c.offer(quiet.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &quiet.record})); code != ledger.OK {
					t.Errorf("another sender: code %d", code)
				}
				break
			}
		}
		if limited == 0 {
			t.Error("nobody was limited")
		}
		// The limit is the node's: a block that others made may hold more, and time brings room again.
		c.now = c.now.Add(time.Minute)
		a := newParty(t, "later")
		if code := c.offer(m.try(t, ledger.Tx{Kind: ledger.CreateDID, DID: &a.record})); code != ledger.OK {
			t.Errorf("a minute later: code %d", code)
		}
	})

	t.Run("VAL-03", testEquivocation)
	t.Run("VAL-05", testPublicPort)
	t.Run("CLK-03", testClocks)
	t.Run("OPS-01", testIdle)
	t.Run("OPS-02", testHostileQueries)
	t.Run("OPS-09", testBrokenStore)

	t.Run("STL-11", func(t *testing.T) {
		w := newWorld(t, 1)
		c := newChain(t, w)
		m := w.members[0]
		const uri = "https://voorbeeldstad.example/lists/1"
		c.must(m.sign(t, w.accreditation(m.did, "cards", trust.Issue)), m.sign(t, w.list(uri, 2)))
		status := func(index uint64) byte {
			key := ledger.KeyList(uri)
			per := uint64(8 * ledger.ChunkSize / 2)
			chunk := c.overlay().chunk(key, int(index/per))
			return chunk[index%per/4] >> (index % 4 * 2) & 3
		}
		c.must(m.sign(t, setting(uri, 7, 1)))
		for _, value := range []byte{0, 2} {
			c.refuses(ledger.TerminalState, m.try(t, setting(uri, 7, value)))
		}
		if got := status(7); got != 1 {
			t.Errorf("status %d", got)
		}
		c.must(m.sign(t, setting(uri, 7, 1)))
		// Suspension can be lifted, and can become revocation.
		c.must(m.sign(t, setting(uri, 8, 2)))
		c.must(m.sign(t, setting(uri, 8, 0)))
		c.must(m.sign(t, setting(uri, 8, 2)))
		c.must(m.sign(t, setting(uri, 8, 1)))
		if got := status(8); got != 1 {
			t.Errorf("status %d", got)
		}
		t.Run("in a new list of the same name", TestRetire)
	})

	t.Run("SDJ-11", testCompromise)
	t.Run("DID-08", testDeactivated)
}
