package ledger_test

import (
	"errors"
	"testing"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// remove takes a key out of the state in the block that comes.
func (c *chain) remove(k ledger.Key) {
	c.tb.Helper()
	if _, removed, err := c.tree.Remove(k); err != nil || !removed {
		c.tb.Fatalf("%v: removed %v, %v", k, removed, err)
	}
}

// What leaves the index leaves the mirror, and its absence is proven to who asks for it.
func TestMirrorForgets(t *testing.T) {
	c := newChain(t, "a")
	const second = "https://issuer.example/voorbeeldstad/lists/2"
	r := orgRecord(t, c.orgKey)
	r.Services[0].Endpoint = "https://other.example"
	other, err := ledger.NewDID(simNetwork, r)
	if err != nil {
		t.Fatal(err)
	}
	r.ID, r.Version = other, 1
	c.put(ledger.KeyDID(other), r)
	c.put(ledger.KeyAccreditations(other), accreditations(other))
	c.setList(second, make([]byte, 2*ledger.ChunkSize))
	c.put(ledger.KeyIndex(), ledger.Index{DIDs: sorted([]did.DID{c.org, other}), Lists: []string{simList, second}})
	c.blocksTo(4)
	node := c.serve()
	cfg, _ := config(c, 1, node)
	f := openClient(t, cfg)
	ctx := within(t)
	ref := statuslist.Ref{URI: second, Index: 3}
	if s, _, err := f.Status(ctx, issuerOf(c), ref); err != nil || s != statuslist.Valid {
		t.Fatalf("before: %v, %v", s, err)
	}
	if all, err := f.Accreditations(ctx, other); err != nil || len(all) != 2 {
		t.Fatalf("before: %v, %v", all, err)
	}

	node.with(func() { delete(c.lists, second) })
	c.remove(ledger.KeyList(second))
	c.remove(ledger.KeyDID(other))
	c.remove(ledger.KeyAccreditations(other))
	c.put(ledger.KeyIndex(), ledger.Index{DIDs: []did.DID{c.org}, Lists: []string{simList}})
	c.blocksTo(6)
	waitMirror(t, f, 5)
	if _, _, err := f.Status(ctx, issuerOf(c), ref); !errors.Is(err, statuslist.ErrUnavailable) {
		t.Errorf("a list that is gone: %v", err)
	}
	if _, _, err := f.List(ctx, second); !errors.Is(err, statuslist.ErrUnavailable) {
		t.Errorf("a list that is gone: %v", err)
	}
	if all, err := f.Accreditations(ctx, other); err != nil || len(all) != 0 {
		t.Errorf("accreditations of a DID that is gone: %v, %v", all, err)
	}
	if _, err := f.Document(ctx, other); !errors.Is(err, did.ErrNotFound) {
		t.Errorf("a DID that is gone: %v", err)
	}

	// The rest goes on.
	c.revoke(simList, 9)
	c.blocksTo(8)
	waitMirror(t, f, 7)
	if s, _, err := f.Status(ctx, issuerOf(c), statuslist.Ref{URI: simList, Index: 9}); err != nil || s != statuslist.Invalid {
		t.Errorf("another list: %v, %v", s, err)
	}
}
