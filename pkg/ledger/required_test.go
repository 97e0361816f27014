package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// refused checks that a bundle is not believed, and why.
func refused(t *testing.T, raw []byte, n *ledger.Network, now time.Time, want error, why string) {
	t.Helper()
	p, err := verify(raw, n, now)
	if p != nil || !errors.Is(err, want) {
		t.Errorf("got %v, %v; want %v", p, err, want)
		return
	}
	if !strings.Contains(err.Error(), why) {
		t.Errorf("refused with %q; want it to be about %q", err, why)
	}
	if errors.Is(want, ledger.ErrUnproven) && ledger.Category(err) != "registry_unproven" {
		t.Errorf("category %q", ledger.Category(err))
	}
}

// accepted is the control of a row.
func accepted(t *testing.T, raw []byte, n *ledger.Network, now time.Time) *ledger.Proven {
	t.Helper()
	p, err := verify(raw, n, now)
	if err != nil {
		t.Fatalf("control: %v", err)
	}
	return p
}

func build(t *testing.T, path []*types.LightBlock, block *types.LightBlock, items []ledger.BundleItem) []byte {
	t.Helper()
	raw, err := ledger.BuildBundle(path, block, items)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRequired(t *testing.T) {
	c := newChain(t, "a", "b", "c", "d")
	c.blocksTo(5)
	c.put(ledger.KeySequence(c.org), ledger.SequenceRecord{N: 1, Tx: tmhash.Sum(nil)})
	c.blocksTo(7) // header 7 has another root than header 5
	// The rows hold for a file that trusts a block, and for one that trusts the genesis.
	requireProofs(t, c, c.network(2))
	requireProofs(t, c, c.genesis())

	t.Run("DID-05", requireAttackStops)
	t.Run("DID-05", requireGenesisAttackStops)

	t.Run("TX-04", func(t *testing.T) { requireCanonicalTx(t, c) })
}

// requireProofs runs the rows about proofs from a root below height 5.
func requireProofs(t *testing.T, c *chain, n *ledger.Network) {
	now := c.now
	key := ledger.KeyDID(c.org)
	items := c.items(5, key)
	good := c.bundle(n.From(), 5, key)
	vals := c.sets[5]

	t.Run("DID-01", func(t *testing.T) {
		accepted(t, good, n, now)
		three := sign(c.at(5).Header, vals, vals[:3])
		accepted(t, build(t, nil, three, items), n, now)

		half := sign(c.at(5).Header, vals, vals[:2])
		refused(t, build(t, nil, half, items), n, now, ledger.ErrUnproven, "header 5")

		copied := sign(c.at(5).Header, vals, vals)
		for i, s := range c.at(4).Commit.Signatures {
			copied.Commit.Signatures[i] = s
		}
		refused(t, build(t, nil, copied, items), n, now, ledger.ErrUnproven, "signature")

		twice := sign(c.at(5).Header, vals, vals[:2])
		signed := slices.IndexFunc(twice.Commit.Signatures, func(s types.CommitSig) bool { return s.BlockIDFlag == types.BlockIDFlagCommit })
		for i, s := range twice.Commit.Signatures {
			if s.BlockIDFlag != types.BlockIDFlagCommit {
				twice.Commit.Signatures[i] = twice.Commit.Signatures[signed]
			}
		}
		refused(t, build(t, nil, twice, items), n, now, ledger.ErrUnproven, "header 5")

		// Signed by enough keys, but not those of the network.
		strangers := simKeys("x", "y", "z")
		h := *c.at(5).Header
		h.ValidatorsHash = valSet(strangers).Hash()
		refused(t, build(t, nil, sign(&h, strangers, strangers), items), n, now, ledger.ErrUnproven, "header 5")
	})

	t.Run("DID-02", func(t *testing.T) {
		other := c.items(5, ledger.KeyIndex())[0]
		wrongKey := items[0]
		wrongKey.Proof = other.Proof
		refused(t, build(t, nil, c.at(5), []ledger.BundleItem{wrongKey}), n, now, ledger.ErrUnproven, "no proof of did/")

		wrongValue := items[0]
		wrongValue.Value = append(slices.Clone(wrongValue.Value[:len(wrongValue.Value)-1]), 0xff)
		refused(t, build(t, nil, c.at(5), []ledger.BundleItem{wrongValue}), n, now, ledger.ErrUnproven, "no proof of did/")

		refused(t, build(t, nil, c.at(7), items), n, now, ledger.ErrUnproven, "no proof of did/")
		accepted(t, c.bundle(2, 7, key), n, now)

		none := items[0]
		none.Proof = []byte{}
		refused(t, build(t, nil, c.at(5), []ledger.BundleItem{none}), n, now, ledger.ErrUnproven, "no proof of did/")

		p := accepted(t, good, n, now)
		if _, _, err := p.Value(ledger.KeyAnchors()); !errors.Is(err, ledger.ErrUnproven) {
			t.Errorf("a key that is not in the bundle: %v", err)
		}
		if _, err := p.Anchors(t.Context()); !errors.Is(err, ledger.ErrUnproven) {
			t.Errorf("anchors that are not in the bundle: %v", err)
		}
		if doc, err := p.Document(t.Context(), c.org); err != nil || doc.ID != c.org {
			t.Errorf("control: %v, %v", doc, err)
		}
	})

	t.Run("DID-03", func(t *testing.T) {
		unknown := did.DID("did:zegel:voorbeeld:a2")
		absent := c.items(5, ledger.KeyDID(unknown))
		p := accepted(t, build(t, nil, c.at(5), absent), n, now)
		if _, err := p.Document(t.Context(), unknown); !errors.Is(err, did.ErrNotFound) {
			t.Errorf("proven absence: %v; want not found", err)
		}
		without := []ledger.BundleItem{{Key: ledger.KeyDID(unknown)}}
		refused(t, build(t, nil, c.at(5), without), n, now, ledger.ErrUnproven, "no proof of")
		// A document that is there, shown as absent with the proof of another absence.
		hidden := []ledger.BundleItem{{Key: key, Proof: absent[0].Proof}}
		refused(t, build(t, nil, c.at(5), hidden), n, now, ledger.ErrUnproven, "no proof of did/")
		// Neighbours that are not neighbours.
		var left, right ics23.CommitmentProof
		mustUnmarshal(t, &left, c.items(5, ledger.KeyAnchors())[0].Proof)
		mustUnmarshal(t, &right, c.items(5, ledger.KeyIndex())[0].Proof)
		wide := &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{Nonexist: &ics23.NonExistenceProof{
			Key: key, Left: left.GetExist(), Right: right.GetExist(),
		}}}
		refused(t, build(t, nil, c.at(5), []ledger.BundleItem{{Key: key, Proof: marshal(t, wide)}}), n, now, ledger.ErrUnproven, "no proof of did/")
		if _, err := accepted(t, good, n, now).Document(t.Context(), unknown); !errors.Is(err, ledger.ErrUnproven) || errors.Is(err, did.ErrNotFound) {
			t.Errorf("asked for what is not in the bundle: %v", err)
		}
	})

	t.Run("DID-04", func(t *testing.T) {
		c := newChain(t, "a", "b", "c", "d")
		c.blocksTo(4)
		c.change("a", "x", "y", "z")
		c.blocksTo(12)
		root, now := n, c.now.Add(time.Second) // the same first blocks
		path := c.path(root.From(), 12)
		if len(path) != 2 {
			t.Fatalf("path of %d headers", len(path))
		}
		items := c.items(12, key)
		accepted(t, build(t, path, c.at(12), items), root, now)
		refused(t, build(t, nil, c.at(12), items), root, now, ledger.ErrUnproven, "cant trust new val set")
		refused(t, build(t, path[1:], c.at(12), items), root, now, ledger.ErrUnproven, "cant trust new val set")
		// The way to an older root does no harm to a holder of a newer one.
		accepted(t, build(t, path, c.at(12), items), c.network(9), now)
		accepted(t, build(t, path, c.at(12), items), c.network(path[0].Height), now)
		accepted(t, build(t, path, c.at(12), items), c.network(path[1].Height), now)
	})

	t.Run("DID-06", func(t *testing.T) {
		last := n.Time.Add(ledger.TrustingPeriod)
		accepted(t, good, n, last.Add(-time.Second))
		refused(t, good, n, last, ledger.ErrExpired, "")
		refused(t, good, n, last, ledger.ErrUnproven, "network file expired")

		h := *c.at(5).Header
		h.ChainID = "zegel-ander-1"
		refused(t, build(t, nil, sign(&h, vals, vals), items), n, now, ledger.ErrUnproven, "chain")
		other := *n
		other.ChainID = "zegel-ander-1"
		refused(t, good, &other, now, ledger.ErrUnproven, "chain")

		// The root itself is compared with the file.
		at := c.bundle(n.From(), 5, key)
		accepted(t, at, c.network(5), now)
		forged := *c.network(5)
		forged.Hash = c.network(4).Hash
		refused(t, at, &forged, now, ledger.ErrUnproven, "not the one of the network file")
		forged = *c.network(4)
		forged.Hash = c.network(3).Hash
		refused(t, at, &forged, now, ledger.ErrUnproven, "does not follow")
		forged = *c.network(5)
		forged.Validators = forged.Validators[:3]
		refused(t, at, &forged, now, ledger.ErrUnproven, "not the one of the network file")
		refused(t, at, c.network(7), now, ledger.ErrUnproven, "header 5")

		// Block 1 is compared with the genesis of the file.
		first := build(t, []*types.LightBlock{c.at(1)}, c.at(5), items)
		accepted(t, first, c.genesis(), now)
		forged = *c.genesis()
		forged.Time = forged.Time.Add(-time.Second)
		refused(t, first, &forged, now, ledger.ErrUnproven, "block 1 is of")
		forged = *c.genesis()
		forged.Validators = forged.Validators[:2]
		refused(t, first, &forged, now, ledger.ErrUnproven, "header 1")
		h = *c.at(1).Header
		h.LastBlockID = c.at(2).LastBlockID
		earlier := build(t, []*types.LightBlock{sign(&h, vals, vals)}, c.at(5), items)
		refused(t, earlier, c.genesis(), now, ledger.ErrUnproven, "does not follow")
	})

	t.Run("DID-07", func(t *testing.T) {
		header := c.at(5).Time
		accepted(t, good, n, header.Add(-9*time.Second))
		refused(t, good, n, header.Add(-11*time.Second), ledger.ErrUnproven, "future")
		refused(t, good, n, header.AddDate(-1, 0, 0), ledger.ErrUnproven, "future")
		// Also where no signature is checked because the hash is in the file.
		refused(t, good, c.network(5), header.Add(-11*time.Second), ledger.ErrUnproven, "future")
	})
}

func mustUnmarshal(t *testing.T, p *ics23.CommitmentProof, raw []byte) {
	t.Helper()
	if err := p.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
}

func TestBundleAge(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(4)
	b, err := ledger.ParseBundle(c.bundle(1, 4, ledger.KeyDID(c.org)))
	if err != nil {
		t.Fatal(err)
	}
	n := c.network(1)
	if _, err := b.Verify(n, c.now.Add(5*time.Minute), 5*time.Minute); err != nil {
		t.Errorf("five minutes old: %v", err)
	}
	_, err = b.Verify(n, c.now.Add(5*time.Minute+time.Second), 5*time.Minute)
	if !errors.Is(err, ledger.ErrUnavailable) || ledger.Category(err) != "registry_unavailable" {
		t.Errorf("older: %v", err)
	}
	if p, err := b.Verify(n, c.now.Add(24*time.Hour), 0); err != nil || p.Height != 3 || !p.Time.Equal(c.now) {
		t.Errorf("without a limit: %+v, %v", p, err)
	}
}

func TestProvenReads(t *testing.T) {
	c := newChain(t, "a")
	c.blocksTo(3)
	ctx := context.Background()
	p := accepted(t, c.bundle(1, 3, ledger.KeyDID(c.org), ledger.KeyAccreditations(c.org), ledger.KeyAnchors(), ledger.KeyList(simList), ledger.KeySequence(c.org)), c.network(1), c.now)
	doc, err := p.Document(ctx, c.org)
	if err != nil || len(doc.Methods) != 1 || doc.Methods[0].ID != string(c.org)+"#key-1" || doc.Services[0].Type != did.ServiceIssuer {
		t.Errorf("document %+v, %v", doc, err)
	}
	if m, err := doc.HasKey(c.orgKey.Public(), did.AssertionMethod, c.now); err != nil || m.From != genesisTime {
		t.Errorf("key %+v, %v", m, err)
	}
	acc, err := p.Accreditations(ctx, c.org)
	if err != nil || len(acc) != 2 || acc[1].Purpose.In("nl") != "Leeftijd controleren" || acc[1].Claims[0].String() != "age_equal_or_over.18" {
		t.Errorf("accreditations %+v, %v", acc, err)
	}
	anchors, err := p.Anchors(ctx)
	if err != nil || len(anchors) != 1 || anchors[0].Certificate.Subject.CommonName != "Voorbeeld" {
		t.Errorf("anchors %+v, %v", anchors, err)
	}
	if m, err := p.List(simList); err != nil || m.Size != c.listLen || !bytes.Equal(m.Root, ledger.ListRoot(c.lists[simList])) {
		t.Errorf("list %+v, %v", m, err)
	}
	if r, err := p.Sequence(c.org); err != nil || r.N != 0 {
		t.Errorf("sequence %+v, %v", r, err)
	}
}
