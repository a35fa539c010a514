package server

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/impactql/impactql/ingest"
	"github.com/impactql/impactql/web"
)

// doors is everything that routes lead to.
type doors struct {
	log     *slog.Logger
	auth    *auth
	ingest  *ingest.Handler
	graphql http.Handler
	export  http.Handler
	rest    *rest
	health  *health
	metrics *metrics
	after   readAfter
	hub     *tailHub
	demoKey string
}

// routes is every path that impactql serves.
func routes(d *doors) http.Handler {
	mux := http.NewServeMux()
	failed := func(w http.ResponseWriter, r *http.Request, err error) { fail(d.log, w, r, err) }
	read := func(h http.Handler) http.Handler { return d.auth.withReader(d.after.wrap(h, failed), failed) }
	playground := web.Playground(web.Options{DemoKey: d.demoKey})

	for pattern, handler := range map[string]http.Handler{
		"POST /webhooks/ingest":             d.ingest,
		"POST /webhooks/{source}":           d.ingest,
		"/graphql":                          d.auth.withReader(d.after.wrap(d.graphql, d.refuseGraphQL), d.refuseGraphQL),
		"GET /v1/metrics/{company}":         read(d.rest.serve(d.rest.metrics)),
		"GET /v1/metrics/{company}/sroi":    read(d.rest.serve(d.rest.sroi)),
		"GET /v1/metrics/{company}/vis":     read(d.rest.serve(d.rest.vis)),
		"GET /v1/cohort/{company}/{cohort}": read(d.rest.serve(d.rest.cohort)),
		"GET /v1/export/{list}":             read(d.export),
		"GET /v1/export/{company}/{list}":   read(d.export),
		"GET /v1/stream/{company}":          withToken(d.auth.withReader(http.HandlerFunc(d.stream), failed)),
		"GET /v1/events/tail":               withToken(d.auth.withReader(http.HandlerFunc(d.tail), failed)),
		"GET /playground":                   playground,
		"GET /playground/":                  playground,
		"GET /{$}":                          http.RedirectHandler("/playground", http.StatusFound),
		"/webhooks/{source}":                http.HandlerFunc(postOnly),
		"/":                                 http.HandlerFunc(notFound),
	} {
		mux.Handle(pattern, d.metrics.handle(d.log, pattern, handler))
		if path, isRead := strings.CutPrefix(pattern, "GET /v1/"); isRead {
			mux.Handle("/v1/"+path, d.metrics.handle(d.log, "/v1/"+path, http.HandlerFunc(getOnly)))
		}
	}
	// Probes and the benchmark's baseline stay out of logs and metrics.
	mux.HandleFunc("GET /healthz", d.health.live)
	mux.HandleFunc("GET /readyz", d.health.ready)
	mux.Handle("GET /metrics", d.metrics.handler())
	mux.HandleFunc("POST /debug/noop", noop)
	return d.health.closing(mux)
}

// noop is the limit that `make bench` measures ingest against: it reads the
// request and answers, with nothing behind it.
func noop(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(noopAnswer)
}

var noopAnswer = []byte(`{"success":true}`)
