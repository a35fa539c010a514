package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// handle wraps a route: request id, panic, log line, metrics. route is the
// pattern, which keeps the metrics' labels few.
func (m *metrics) handle(log *slog.Logger, route string, next http.Handler) http.Handler {
	observe := m.route(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := requestID(r)
		w.Header()["X-Request-Id"] = []string{id}
		ctx := context.WithValue(r.Context(), requestIDKey{}, id)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // panics with this very value
					panic(p)
				}
				log.ErrorContext(ctx, "panic", "route", route, "panic", p, "stack", string(debug.Stack()))
				if !rec.wrote {
					refuse(rec, r, impact.Errorf(impact.CodeInternal, "internal error; quote the X-Request-Id of this answer when you report it"))
				}
			}
			took := time.Since(start)
			observe(rec.status, took)
			level := slog.LevelDebug
			if rec.status >= http.StatusInternalServerError && rec.status != http.StatusServiceUnavailable {
				level = slog.LevelWarn
			}
			// The path only: a query may carry a token.
			log.LogAttrs(ctx, level, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", rec.status), slog.Float64("took_ms", float64(took.Microseconds())/1000))
		}()
		if r.Header.Get("Cache-Control") == "no-cache" {
			ctx = db.Uncached(ctx)
		}
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

type requestIDKey struct{}

// requestID is the caller's own id if it is short and plain, else a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); impact.ValidKey(id) {
		return id
	}
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// requestIDs adds the request's id to each log record.
type requestIDs struct{ slog.Handler }

func (h requestIDs) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestIDs) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestIDs{h.Handler.WithAttrs(attrs)}
}

func (h requestIDs) WithGroup(name string) slog.Handler {
	return requestIDs{h.Handler.WithGroup(name)}
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	r.status, r.wrote = status, true
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
