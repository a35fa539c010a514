package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
	"github.com/impactql/impactql/ingest"
)

// metrics is what Prometheus scrapes.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	events   map[ingest.Outcome]prometheus.Counter
	flags    map[impact.Flag]prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "impactql_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "impactql_http_request_duration_seconds", Help: "Time from the first byte of a request to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route"}),
		events: make(map[ingest.Outcome]prometheus.Counter), flags: make(map[impact.Flag]prometheus.Counter),
	}
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "impactql_ingest_events_total", Help: "Events answered, by outcome.",
	}, []string{"outcome"})
	for _, o := range []ingest.Outcome{ingest.Stored, ingest.Duplicate, ingest.Rejected, ingest.Quarantined, ingest.Valid} {
		m.events[o] = events.WithLabelValues(string(o))
	}
	flags := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "impactql_ingest_flagged_total", Help: "Events that were out of the ordinary: refused, dated too far ahead, late, of an unknown type, or under a known identity with another body.",
	}, []string{"flag"})
	for _, f := range []impact.Flag{impact.FlagRefused, impact.FlagFuture, impact.FlagLate, impact.FlagUnknown, impact.FlagConflict} {
		m.flags[f] = flags.WithLabelValues(string(f))
	}
	m.registry.MustRegister(m.requests, m.duration, events, flags,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds what waits in the pool and the store.
func (m *metrics) watch(pool *ingest.Pool, store *db.Store) {
	gauge := func(name, help string, f func() float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	m.registry.MustRegister(
		gauge("impactql_ingest_waiting_bytes", "Request bodies between being read and being answered.",
			func() float64 { return float64(pool.Waiting()) }),
		gauge("impactql_database_away", "1 while the database does not answer and requests are refused, else 0.",
			func() float64 {
				if store.Away() {
					return 1
				}
				return 0
			}),
		gauge("impactql_fold_backlog_events", "Events committed by this instance and not yet in the rollups.",
			func() float64 { return float64(store.Backlog()) }),
	)
}

// route returns what records the requests of one route.
func (m *metrics) route(route string) func(status int, took time.Duration) {
	duration := m.duration.WithLabelValues(route)
	ok := m.requests.WithLabelValues(route, "200")
	return func(status int, took time.Duration) {
		duration.Observe(took.Seconds())
		if status == http.StatusOK {
			ok.Inc()
			return
		}
		m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	}
}

func (m *metrics) flag(f impact.Flag) { m.flags[f].Inc() }

func (m *metrics) outcome(o ingest.Outcome) { m.events[o].Inc() }

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
