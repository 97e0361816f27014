package issuer

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts what happens. Labels are tenants, kinds and codes: nothing about a person or a card.
type metrics struct {
	registry *prometheus.Registry
	offers   *prometheus.CounterVec
	copies   *prometheus.CounterVec
	refusals *prometheus.CounterVec
	changes  *prometheus.CounterVec
}

func newMetrics(i *Issuer) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		offers:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_issuer_offers_total", Help: "Offers made."}, []string{"tenant"}),
		copies:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_issuer_copies_total", Help: "Copies of cards issued."}, []string{"tenant"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_issuer_refusals_total", Help: "Requests of wallets refused, by OAuth error code."}, []string{"code"}),
		changes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_issuer_changes_total", Help: "Changes of status that the registry answered, by kind and result."}, []string{"tenant", "kind", "result"}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "zegel_issuer_changes_waiting", Help: "Changes of status that are not on the chain yet; -1 if the store does not answer."}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		var n float64
		if err := i.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM action WHERE done = 0").Scan(&n); err != nil {
			return -1
		}
		return n
	})
	height := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "zegel_issuer_registry_height", Help: "Newest verified height of the registry."}, func() float64 {
		return float64(i.ledger.State().Height)
	})
	m.registry.MustRegister(m.offers, m.copies, m.refusals, m.changes, waiting, height,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
