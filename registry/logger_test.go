package registry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
)

type testPeer struct{ name string }

func (p testPeer) String() string { return p.name }

// What describes itself is written as its description, and what nobody listens to is not written at all.
func TestCometLogger(t *testing.T) {
	var out bytes.Buffer
	l := cometLogger{slog.New(slog.NewJSONHandler(&out, nil)), new(atomic.Bool)}
	l.Info("quiet", "n", 1)
	l.With("module", "p2p").Error("stopping peer", "peer", testPeer{"node at 127.0.0.1:26656"}, "err", errors.New("EOF"), "n", 2)
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"module":"p2p","peer":"node at 127.0.0.1:26656","err":"EOF","n":2}`) {
		t.Errorf("%s", got)
	}
	out.Reset()
	l.stopping.Store(true)
	if l.Error("closed"); out.Len() > 0 {
		t.Errorf("while stopping: %s", &out)
	}
}
