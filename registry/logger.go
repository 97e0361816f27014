package registry

import (
	"context"
	"log/slog"

	"github.com/cometbft/cometbft/libs/log"
)

// cometLogger sends CometBFT's log lines to slog. It is talkative: what it calls information is for debugging here.
type cometLogger struct{ to *slog.Logger }

var _ log.Logger = cometLogger{}

func (l cometLogger) Debug(string, ...any) {}

func (l cometLogger) Info(msg string, kv ...any) {
	l.to.Log(context.Background(), slog.LevelDebug, msg, kv...)
}

func (l cometLogger) Error(msg string, kv ...any) {
	l.to.Log(context.Background(), slog.LevelError, msg, kv...)
}

func (l cometLogger) With(kv ...any) log.Logger { return cometLogger{l.to.With(kv...)} }
