package registry

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// A list that changes several times in a block holds the same at its end, however often it is read in between.
func TestListsWithinBlock(t *testing.T) {
	w := newWorld(t, 1)
	c := newChain(t, w)
	m := w.members[0]
	const uri = "https://voorbeeldstad.example/lists/1"
	key := ledger.KeyList(uri)
	c.must(m.sign(t, w.accreditation(m.did, "cards", trust.Issue)), m.sign(t, w.list(uri, 2)))
	c.must(m.sign(t, setting(uri, 5, 2)), m.sign(t, setting(uri, 40, 2)))
	changes := []ledger.Tx{setting(uri, 5, 0), setting(uri, 6, 2), setting(uri, 7, 1), setting(uri, 6, 0), setting(uri, 40, 0), setting(uri, 90, 2), setting(uri, 90, 0)}
	var last map[string][]byte
	for every := range 4 {
		m.seq = c.overlay().sequence(m.did).N
		o, b := c.app.base(), c.app.block(c.height+1, c.now)
		for i, change := range changes {
			tx, r := decode(m.sign(t, change))
			if r == nil {
				r = apply(o, tx, b, nil)
			}
			if r != nil {
				t.Fatal(r.text)
			}
			refused, _ := decode(m.try(t, setting(uri, 7, 2)))
			if r := apply(o, refused, b, nil); i > 2 && (r == nil || r.code != ledger.TerminalState) {
				t.Fatalf("change %d: revoked is not for good: %+v", i, r)
			} else if r == nil {
				m.seq++
			}
			if every > 0 && i%every == 0 {
				var meta ledger.ListMeta
				o.load(key, &meta)
				var data []byte
				for n := range meta.Chunks() {
					data = append(data, o.chunk(key, n)...)
				}
				if !bytes.Equal(meta.Root, ledger.ListRoot(data)) {
					t.Fatalf("change %d: root %x, the list has %x", i, meta.Root, ledger.ListRoot(data))
				}
			}
		}
		o.settle()
		if o.failed != nil {
			t.Fatal(o.failed)
		}
		delete(o.writes, string(ledger.KeySequence(m.did)))
		if last != nil && !cmp.Equal(last, o.writes) {
			t.Errorf("reading after every %d changes what is written: %s", every, cmp.Diff(last, o.writes))
		}
		last = o.writes
	}
	o := c.app.base()
	o.set(ledger.KeyList(uri), nil)
	if o.list(uri, &hashCache{}) != nil {
		t.Error("a removed list is open")
	}
}
