package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/ledger"
)

func FuzzDecodeTx(f *testing.F) {
	c := newChain(f, "a")
	for _, tx := range sampleTxs(c.org) {
		raw, err := ledger.Sign(tx, "key-1", c.orgKey)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	pub := c.orgKey.Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, raw []byte) {
		kind, unkind := ledger.KindOf(raw)
		tx, err := ledger.DecodeTx(raw)
		if err != nil {
			return
		}
		if unkind != nil || kind != tx.Kind {
			t.Fatalf("kind %q of a transaction of kind %q: %v", kind, tx.Kind, unkind)
		}
		if !bytes.Equal(tx.Raw, raw) {
			t.Fatal("not the received bytes")
		}
		_ = tx.Verify(pub)
		// One transaction, one encoding: signing what was read gives these bytes but for the signature.
		again, err := ledger.Sign(&tx.Tx, tx.KeyID, c.orgKey)
		if err != nil {
			t.Fatalf("decoded and not encoded: %v", err)
		}
		if n := len(raw) - ed25519.SignatureSize; len(again) != len(raw) || !bytes.Equal(again[:n], raw[:n]) {
			t.Fatal("two encodings of one transaction")
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	c := newChain(f, "a", "b", "c", "d")
	c.blocksTo(4)
	c.change("a", "b", "c", "x")
	c.blocksTo(8)
	keys := []ledger.Key{ledger.KeyDID(c.org), ledger.KeyAccreditations(c.org), ledger.KeyAnchors(), ledger.KeyList(simList), ledger.KeySequence(c.org)}
	f.Add(c.bundle(1, 8, keys...))
	f.Add(c.bundle(1, 4, ledger.KeyIndex()))
	f.Add(c.bundle(1, 3))
	n, now := c.network(1), c.now
	truth, err := verify(c.bundle(1, 8, keys...), n, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ledger.ParseBundle(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(b.Encode(), raw) {
			t.Fatal("not the received bytes")
		}
		p, err := b.Verify(n, now, 0)
		if err != nil {
			if ledger.Category(err) == "" {
				t.Fatalf("refused without a category: %v", err)
			}
			return
		}
		// Whatever convinces must be what the chain holds.
		for _, k := range keys {
			v, present, err := p.Value(k)
			if err != nil || p.Height != truth.Height {
				continue
			}
			want, ok, _ := truth.Value(k)
			if present != ok || !bytes.Equal(v, want) {
				t.Fatalf("believed another value of %v", k)
			}
		}
		_, _ = p.Document(t.Context(), c.org)
		_, _ = p.Accreditations(t.Context(), c.org)
		_, _ = p.Anchors(t.Context())
		_, _ = p.List(simList)
	})
}

func FuzzParseNetwork(f *testing.F) {
	c := newChain(f, "a", "b")
	f.Add(c.network(1, "https://node.example").Encode())
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := ledger.ParseNetwork(raw)
		if err != nil {
			return
		}
		again, err := ledger.ParseNetwork(n.Encode())
		if err != nil {
			t.Fatalf("encoded and not read: %v", err)
		}
		if diff := cmp.Diff(n, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzDecodeLightBlock(f *testing.F) {
	c := newChain(f, "a", "b")
	raw, err := ledger.EncodeLightBlock(c.at(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ledger.DecodeLightBlock(raw)
		if err != nil {
			return
		}
		again, err := ledger.EncodeLightBlock(b)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ledger.DecodeLightBlock(again); err != nil || !bytes.Equal(back.Hash(), b.Hash()) {
			t.Fatalf("another header: %v", err)
		}
	})
}

// FuzzRecords reads each stored value: what decodes is in its one form, and turning it into what others judge by does
// not panic.
func FuzzRecords(f *testing.F) {
	c := newChain(f, "a")
	c.blocksTo(2)
	for _, it := range c.items(2, ledger.KeyDID(c.org), ledger.KeyAccreditations(c.org), ledger.KeyAnchors(), ledger.KeyIndex(), ledger.KeyList(simList)) {
		f.Add(it.Value)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		same := func(v any, err error) {
			if err != nil {
				return
			}
			if again, err := ledger.Encode(v); err != nil || !bytes.Equal(again, raw) {
				t.Fatalf("two forms of one value: %v", err)
			}
		}
		r, err := ledger.DecodeDID(raw, c.org)
		same(r, err)
		if err == nil {
			if res, err := r.Resolution(); err == nil {
				if _, err := json.Marshal(res); err != nil {
					t.Fatal(err)
				}
			}
		}
		all, err := ledger.DecodeAccreditations(raw, c.org)
		same(all, err)
		for i := range all {
			if a, err := all[i].Trust(); err == nil && (a.Stopped != nil) != (all[i].StoppedFrom != 0) {
				t.Fatalf("another stop: %+v", a.Stopped)
			}
		}
		anchors, err := ledger.DecodeAnchors(raw)
		same(anchors, err)
		for i := range anchors {
			_, _ = anchors[i].Trust()
		}
		x, err := ledger.DecodeIndex(raw)
		same(x, err)
		m, err := ledger.DecodeList(raw, simList)
		same(m, err)
	})
}
