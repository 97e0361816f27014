package ledger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// A wallet that was off for a year, in which all validators were replaced every month, checks a stapled bundle from its old
// network file. Past the trusting period it asks for a new file, and goes on with that.
func TestYearOff(t *testing.T) {
	c := newChain(t, "a0", "b0", "c0", "d0")
	c.blocksTo(4)
	old := c.network(3)
	key := ledger.KeyMembers()
	for month := 1; month <= 12; month++ {
		n := fmt.Sprint(month)
		c.now = c.now.Add(365 * 24 * time.Hour / 12)
		c.change("a"+n, "b"+n, "c"+n, "d"+n)
		c.blocksTo(int64(4 + 4*month))
	}
	last := int64(4 + 4*12)
	stapled, now := c.bundle(old.From(), last, key), c.now.Add(time.Second)
	if now.Sub(old.Time) < 364*24*time.Hour {
		t.Fatalf("only %v have passed", now.Sub(old.Time))
	}
	p, err := verify(stapled, old, now)
	if err != nil || now.Sub(p.Time) > time.Hour {
		t.Fatalf("after a year: %+v, %v", p, err)
	}
	if _, err := verify(stapled, old, old.Time.Add(ledger.TrustingPeriod)); !errors.Is(err, ledger.ErrExpired) {
		t.Errorf("past the trusting period: %v", err)
	}
	if _, err := verify(stapled, c.network(last-1), now); err != nil {
		t.Errorf("with a new file: %v", err)
	}
}
