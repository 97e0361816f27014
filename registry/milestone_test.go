package registry

import (
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// shorten makes everything old after so many blocks of 20 seconds.
func (s *offline) shorten(blocks int) {
	s.node.keeper.policy = func(p ledger.Parameters) policy {
		settings := (Settings{}).withDefaults()
		rules := settings.policy(p)
		rules.age, rules.evidenceAge, rules.evidenceBlocks = time.Duration(blocks)*s.pause, 0, int64(blocks)
		rules.snapshotEvery, rules.era, rules.versions = 30*s.pause, 100*s.pause, 20
		return rules
	}
}

// A wallet that was off for many changes of validators, and whose root's block nobody has any more, still checks a fresh
// proof from its old network file, until the trusting period is over.
func TestMilestones(t *testing.T) {
	s := startOffline(t, 4, nil)
	s.shorten(60)
	s.blocksTo(5)
	old := map[string]*ledger.Network{"genesis": s.file(1), "quiet": s.file(4)}
	for i := range 6 {
		for range 40 {
			s.block()
		}
		at := s.engine.LastBlockHeight
		s.reseat(i%4, string(rune('a'+i)))
		s.block()
		s.block()
		s.block()
		// The block right before a change, the first with it, and one on its way.
		if i == 0 {
			old["before"], old["first"], old["deciding"] = s.file(at+2), s.file(at+3), s.file(at+1)
		}
	}
	s.blocksTo(s.engine.LastBlockHeight + 80)
	base := s.node.blocks.Base()
	if base < 150 {
		t.Fatalf("blocks from %d on are still there", base)
	}
	for name, file := range old {
		if _, err := s.node.light(file.Height); file.Height >= base || err == nil && name == "quiet" {
			t.Fatalf("%s: block %d was not pruned: %v", name, file.Height, err)
		}
		proven, err := s.bundle(file.Height, ledger.KeyMembers()).Verify(file, s.now.Add(time.Minute), 0)
		if err != nil {
			t.Errorf("%s, root %d: %v", name, file.Height, err)
			continue
		}
		if members, err := proven.Members(); err != nil || len(members) != 4 {
			t.Errorf("%s: %d members, %v", name, len(members), err)
		}
		_, err = s.bundle(file.Height, ledger.KeyMembers()).Verify(file, file.Time.Add(ledger.TrustingPeriod), 0)
		if !errors.Is(err, ledger.ErrExpired) {
			t.Errorf("%s: after 400 days: %v", name, err)
		}
	}
	// Without the steps there is no way: nobody of the beginning is a validator any more.
	file, full := old["quiet"], s.bundle(old["quiet"].Height, ledger.KeyMembers())
	raw, err := ledger.BuildBundle(nil, full.Block(), full.Items())
	if err != nil {
		t.Fatal(err)
	}
	cut, err := ledger.ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cut.Verify(file, s.now, 0); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("without steps: %v", err)
	}
	// They survive a restart, and a way over them leads from the genesis file to today.
	heights := len(s.node.milestones.all())
	s.close()
	s.open()
	if n := len(s.node.milestones.all()); n != heights || n != 13 {
		t.Errorf("%d milestones, %d after a restart", heights, n)
	}
	_, doc, err := readGenesis(s.net.genesis)
	if err != nil {
		t.Fatal(err)
	}
	w := newWay(doc, s.now)
	for _, raw := range s.node.milestones.all() {
		lb, err := ledger.DecodeLightBlock(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.next(lb); err != nil {
			t.Fatal(err)
		}
	}
	newest, err := s.node.light(s.engine.LastBlockHeight)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.follows(newest); err != nil {
		t.Error(err)
	}
	if err := newWay(doc, s.now).follows(newest); err == nil {
		t.Error("the validators of the beginning vouch for those of today")
	}
}
