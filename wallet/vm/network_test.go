package vm

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// testNetwork is a network file that no node answers for.
var testNetwork = func() []byte {
	sum := sha256.Sum256([]byte("header"))
	key := sha256.Sum256([]byte("validator"))
	n := &ledger.Network{
		Name: "test", ChainID: "zegel-test", Height: 2, Hash: hex.EncodeToString(sum[:]), Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Validators: []ledger.NetworkValidator{{PubKey: key[:], Power: 10}}, Nodes: []string{},
	}
	return n.Encode()
}()

// A program that came without a network file asks for it before a secret is chosen, and takes nothing else for it.
func TestWelcomeWithoutNetwork(t *testing.T) {
	a := New(Deps{Dir: t.TempDir(), Now: time.Now, Do: func(f func()) { f() }, Go: func(f func()) { f() }})
	s := a.Screen().(*Welcome)
	s.Begin()
	s.Restore()
	if a.Screen() != Screen(s) || !s.Rootless {
		t.Fatalf("goes on to %T", a.Screen())
	}
	s.TakeNetwork([]byte("{}"))
	if s.Problem == nil || !s.Rootless {
		t.Errorf("takes anything: %+v", s)
	}
	s.TakeNetwork(testNetwork)
	if s.Problem != nil || s.Rootless {
		t.Errorf("%+v", s)
	}
	s.Begin()
	if _, ok := a.Screen().(*Secret); !ok {
		t.Errorf("goes on to %T", a.Screen())
	}
}
