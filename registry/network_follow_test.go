package registry

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	client "github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

// everywhere waits until every running node has the effects of a block.
func (tn *testNet) everywhere(t testing.TB, height int64) {
	t.Helper()
	for _, n := range tn.nodes {
		if n.Node != nil {
			waitHeight(t, n, height)
		}
	}
}

// TestSeveralNodes runs the rows about replay on four nodes, lets a node join late, and follows them all.
func TestSeveralNodes(t *testing.T) {
	tn := startNetwork(t, 4)
	m := tn.members

	t.Run("TestRequired/TX-01", func(t *testing.T) {
		raw := m[0].rotation(t, "later")
		a := tn.nodes[0].write(t, raw)
		tn.everywhere(t, a.Height)
		for _, n := range tn.nodes {
			if status, again := post(t, n.url, raw); status != http.StatusBadRequest || again.Code != ledger.BadNonce {
				t.Errorf("%s: status %d, %+v", n.url, status, again)
			}
		}
	})

	t.Run("TestRequired/TX-03", func(t *testing.T) {
		// Two different transactions with one sequence, to two nodes at once.
		propose := func(id string) ledger.Tx {
			return ledger.Tx{Kind: ledger.Propose, Propose: &ledger.ProposeAction{
				Action: ledger.Action{Accredit: tn.accreditation(m[1].did, id, "issue").Accredit}, Until: time.Now().Add(24 * time.Hour).Unix(),
			}}
		}
		one, two := m[1].try(t, propose("one")), m[1].sign(t, propose("two"))
		answers := make(chan ledger.TxAnswer, 2)
		for i, raw := range [][]byte{one, two} {
			go func() {
				_, a := post(t, tn.nodes[i].url, raw)
				answers <- a
			}()
		}
		<-answers
		<-answers
		// Whichever it is, it is the same on every node, and the next sequence is one further.
		next := int64(0)
		for next == 0 {
			if s := newOverlay(tn.nodes[2].app.state.snapshot()).sequence(m[1].did); s.N == m[1].seq {
				next = tn.nodes[2].app.state.snapshot().height
			} else {
				waitHeight(t, tn.nodes[2], tn.nodes[2].app.state.snapshot().height+1)
			}
		}
		tn.everywhere(t, next+1)
		won := newOverlay(tn.nodes[0].app.state.snapshot()).sequence(m[1].did)
		lost := one
		if hash := mustHash(one); slices.Equal(won.Tx, hash) {
			lost = two
		} else if !slices.Equal(won.Tx, mustHash(two)) {
			t.Fatalf("sequence %d is of neither", won.N)
		}
		for _, n := range tn.nodes {
			if s := newOverlay(n.app.state.snapshot()).sequence(m[1].did); s.N != won.N || !slices.Equal(s.Tx, won.Tx) {
				t.Errorf("%s has another outcome", n.url)
			}
			if status, a := post(t, n.url, lost); status != http.StatusBadRequest || a.Code != ledger.BadNonce {
				t.Errorf("the loser at %s: status %d, %+v", n.url, status, a)
			}
		}
		gap := m[2].try(t, ledger.Tx{Kind: ledger.DeactivateDID, Sequence: m[2].seq + 2})
		if status, a := post(t, tn.nodes[3].url, gap); status != http.StatusBadRequest || a.Code != ledger.BadNonce {
			t.Errorf("a gap: status %d, %+v", status, a)
		}
	})

	t.Run("late joiner", func(t *testing.T) {
		late := tn.join(t)
		tn.start(t, late)
		tn.ready(t, late)
		a := tn.nodes[0].write(t, m[3].rotation(t, "late"))
		waitHeight(t, late, a.Height+1)
		sameBlock(t, a.Height, tn.nodes[0], late)
		if late.votes {
			t.Error("a node that nobody admitted is a validator")
		}
		// It proves what the others prove, to who has the network file alone.
		if p := read(t, late.url, tn.network, ledger.KeyDID(m[3].did)); p.Height < a.Height {
			t.Errorf("proves height %d", p.Height)
		}
		late.stop(t)
	})

	t.Run("follow", func(t *testing.T) { followNodes(t, tn) })
}

// followNodes follows four nodes: without the one that is asked first, after a restart, and never a forged one.
func followNodes(t *testing.T, tn *testNet) {
	cfg := follow.Config{Network: tn.network, Dir: t.TempDir(), Fetch: &client.Client{Loopback: true}, Now: time.Now}
	f, err := follow.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	wait := func(f *follow.Client, height int64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if err := f.Wait(ctx, height); err != nil {
			t.Fatal(err)
		}
	}
	wait(f, 1)
	tn.nodes[0].stop(t) // the one that is asked first
	a := tn.nodes[1].write(t, tn.members[0].rotation(t, "without-one"))
	wait(f, a.Height)
	kept := f.State().Height
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := follow.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	wait(again, kept)
	b := tn.nodes[2].write(t, tn.members[1].rotation(t, "after-a-restart"))
	wait(again, b.Height)
	if _, err := again.Document(t.Context(), tn.members[1].did); err != nil {
		t.Error(err)
	}
}
