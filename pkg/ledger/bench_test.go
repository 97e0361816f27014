package ledger_test

import (
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// benchmarkBundle parses and verifies as a wallet does for each request.
func benchmarkBundle(b *testing.B, keys func(*chain) []ledger.Key, validators ...string) {
	c := newChain(b, validators...)
	c.blocksTo(50)
	raw := c.bundle(1, 50, keys(c)...)
	n, now := c.network(1), c.now
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := verify(raw, n, now); err != nil {
			b.Fatal(err)
		}
	}
}

func oneKey(c *chain) []ledger.Key { return []ledger.Key{ledger.KeyAccreditations(c.org)} }

func BenchmarkBundleVerify(b *testing.B) {
	b.Run("1-validator/1-key", func(b *testing.B) { benchmarkBundle(b, oneKey, "a") })
	b.Run("4-validators/1-key", func(b *testing.B) { benchmarkBundle(b, oneKey, "a", "b", "c", "d") })
	b.Run("4-validators/4-keys", func(b *testing.B) {
		benchmarkBundle(b, func(c *chain) []ledger.Key {
			return []ledger.Key{ledger.KeyDID(c.org), ledger.KeyAccreditations(c.org), ledger.KeyAnchors(), ledger.KeyList(simList)}
		}, "a", "b", "c", "d")
	})
}

func BenchmarkDecodeTx(b *testing.B) {
	c := newChain(b, "a")
	raw := mustSign(b, c, 1, 100)
	for b.Loop() {
		if _, err := ledger.DecodeTx(raw); err != nil {
			b.Fatal(err)
		}
	}
}
