package server

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/server/export"
)

// newExport serves /v1/export: what the graph answers, as files.
func newExport(g *graph.Handler, log *slog.Logger) *export.Handler {
	return &export.Handler{
		Graph: g, Log: log,
		Caller: func(ctx context.Context) string { return principalOf(ctx).Name() },
		Fail:   func(w http.ResponseWriter, r *http.Request, err error) { fail(log, w, r, err) },
	}
}
