package verifier

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/erasure"
)

// metrics counts what happens. Labels are tenants and categories: nothing about a person or a session.
type metrics struct {
	registry *prometheus.Registry
	sessions *prometheus.CounterVec
	ends     *prometheus.CounterVec
	answers  *prometheus.CounterVec
	wipes    prometheus.Counter
	erasures *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		sessions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_verifier_sessions_total", Help: "Sessions made."}, []string{"tenant"}),
		ends:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_verifier_sessions_ended_total", Help: "Sessions ended, by state, outcome and category."}, []string{"tenant", "state", "outcome", "category"}),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_verifier_answers_total", Help: "Answers of wallets, by category; ok or refused otherwise."}, []string{"tenant", "category"}),
		wipes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "zegel_verifier_values_wiped_total", Help: "Answers whose values were wiped."}),
		erasures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zegel_verifier_erasures_total", Help: "Answered requests to erase, by outcome."}, []string{"tenant", "outcome"}),
	}
	m.registry.MustRegister(m.sessions, m.ends, m.answers, m.wipes, m.erasures, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) created(tenant string) { m.sessions.WithLabelValues(tenant).Inc() }

func (m *metrics) ended(s Session) {
	m.ends.WithLabelValues(s.Tenant, string(s.State), string(s.Outcome), string(s.Category)).Inc()
}

func (m *metrics) answer(tenant string, c credential.Category) {
	label := string(c)
	if label == "" {
		label = "ok"
	}
	m.answers.WithLabelValues(tenant, label).Inc()
}

func (m *metrics) refused(tenant string) { m.answers.WithLabelValues(tenant, "refused").Inc() }

func (m *metrics) wiped(n int) { m.wipes.Add(float64(n)) }

func (m *metrics) erasure(tenant string, o erasure.Outcome) {
	m.erasures.WithLabelValues(tenant, string(o)).Inc()
}
