package registry

import (
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
)

type abciCheckTx = abci.ResponseCheckTx

// metrics describes the node in numbers that are read when somebody asks.
func (n *Node) metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	gauge := func(name, help string, f func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "zegel", Subsystem: "registry", Name: name, Help: help}, f))
	}
	gauge("height", "Height of the newest block.", func() float64 { return float64(n.app.state.snapshot().height) })
	gauge("header_age_seconds", "Age of the newest header.", func() float64 { return time.Since(n.app.state.snapshot().time).Seconds() })
	gauge("waiting_transactions", "Transactions that wait for a block.", func() float64 { return float64(n.pool.Size()) })
	gauge("waiting_questions", "Requests that wait for news.", func() float64 { return float64(n.waiting.Load()) })
	gauge("peers", "Connected nodes.", func() float64 { return float64(n.comet.Switch().Peers().Size()) })
	gauge("entries", "Entries of the state, chunks included.", func() float64 {
		if s := n.app.state.snapshot(); s.tree != nil {
			return float64(s.tree.Size())
		}
		return 0
	})
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "zegel", Subsystem: "registry",
		Name: "transactions_total", Help: "Transactions in blocks since the node started."},
		func() float64 { return float64(n.app.feed.executed()) }))
	return r
}
