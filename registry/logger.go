package registry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

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

func (l cometLogger) Info(msg string, kv ...any) { l.log(slog.LevelDebug, msg, kv) }

func (l cometLogger) Error(msg string, kv ...any) {
	level := slog.LevelError
	if l.stopping.Load() {
		level = slog.LevelDebug
	}
	l.log(level, msg, kv)
}

// log writes values as they describe themselves: a peer as JSON shows nothing of it.
func (l cometLogger) log(level slog.Level, msg string, kv []any) {
	ctx := context.Background()
	if !l.to.Enabled(ctx, level) {
		return
	}
	said := make([]any, len(kv))
	for i, v := range kv {
		switch s := v.(type) {
		case time.Time, error:
			said[i] = v
		case fmt.Stringer:
			said[i] = s.String()
		default:
			said[i] = v
		}
	}
	l.to.Log(ctx, level, msg, said...)
}

func (l cometLogger) With(kv ...any) log.Logger { return cometLogger{l.to.With(kv...), l.stopping} }
