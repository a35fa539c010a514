package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/impactql/impactql/server/export"
)

// checked looks the caller's key up for each query: an export takes as long as its client
// does, and a key may end meanwhile.
type checked struct{ export.Graph }

// Ask implements [export.Graph].
func (g checked) Ask(ctx context.Context, query string, variables map[string]any) (json.RawMessage, error) {
	if err := principalOf(ctx).check(ctx); err != nil {
		return nil, err
	}
	return g.Graph.Ask(ctx, query, variables)
}

// newExport serves /v1/export: what the graph answers, as files.
func newExport(g export.Graph, log *slog.Logger) *export.Handler {
	return &export.Handler{
		Graph: checked{g}, Log: log,
		Caller: func(ctx context.Context) string { return principalOf(ctx).Name() },
		Fail:   func(w http.ResponseWriter, r *http.Request, err error) { fail(log, w, r, err) },
	}
}
