package registry

import (
	"errors"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"
)

// What block sync says of a peer decides whether the peer is asked again.
func TestWary(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	w := &wary{
		configured: map[p2p.ID]bool{"a": true, "b": true, "c": true}, now: func() time.Time { return now },
		here: map[p2p.ID]int64{"a": 0, "b": 0, "c": 0}, faults: map[p2p.ID]fault{},
	}
	blamed := func(id p2p.ID, reason any) {
		w.blamed(id, reason)
		w.here[id] = 0 // it comes back at once
	}
	check := func(what string, id p2p.ID, want bool) {
		t.Helper()
		if got := w.counts(id, 10); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	silent, unfit := errors.New("error with peer x: peer did not send us anything"), errors.New("reactor validation error: wrong")
	check("a stranger", "s", false)
	check("a member", "a", true)
	blamed("a", errors.New("EOF"))
	check("after a broken connection", "a", true)
	blamed("a", "no error")
	blamed("a", unfit)
	check("after one bad pair of blocks", "a", true)
	blamed("a", unfit)
	check("after two", "a", false)
	blamed("b", silent)
	check("after silence", "b", false)
	now = now.Add(distrustFor + time.Second)
	check("later", "b", true)
	blamed("a", unfit)
	check("one bad pair of blocks, later", "a", true)

	slow := errors.New("peer is not sending us data fast enough")
	w.here["a"], w.here["b"], w.here["c"] = 10, 20, 1_000_000_000
	blamed("b", slow)
	check("slow", "b", true)
	w.here["c"] = 1_000_000_000
	blamed("c", slow)
	check("slow, and it claims what nobody else has", "c", false)
	blamed("a", silent)
	blamed("b", silent)
	check("when nobody else is left", "c", true)
	if len(w.configured) != 3 || (&wary{}).asks("anybody") == false {
		t.Error("without configured peers everybody is asked")
	}
}
