package registry

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/cometbft/cometbft/libs/log"
)

// cometLogger sends CometBFT's log lines to slog. It is talkative: what it calls information is for debugging here.
// While it stops, what it calls errors is the noise of its own connections closing.
type cometLogger struct {
	to       *slog.Logger
	stopping *atomic.Bool
}

var _ log.Logger = cometLogger{}

func (l cometLogger) Debug(string, ...any) {}

func (l cometLogger) Info(msg string, kv ...any) {
	l.to.Log(context.Background(), slog.LevelDebug, msg, kv...)
}

func (l cometLogger) Error(msg string, kv ...any) {
	level := slog.LevelError
	if l.stopping.Load() {
		level = slog.LevelDebug
	}
	l.to.Log(context.Background(), level, msg, kv...)
}

func (l cometLogger) With(kv ...any) log.Logger { return cometLogger{l.to.With(kv...), l.stopping} }
