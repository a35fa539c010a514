package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/impactql/impactql/graph/generated"
)

// revoking is a graph of endless pages that ends a key while it reads the third.
type revoking struct {
	revoke func()
	pages  int
}

func (g *revoking) Schema() *ast.Schema {
	return generated.NewExecutableSchema(generated.Config{}).Schema()
}

func (g *revoking) Ask(context.Context, string, map[string]any) (json.RawMessage, error) {
	if g.pages++; g.pages == 3 {
		g.revoke()
	}
	return fmt.Appendf(nil, `{"company":{"events":{"nodes":[{"id":"%[1]d"}],"pageInfo":{"hasNextPage":true,"endCursor":"%[1]d"}}}}`, g.pages), nil
}

// A key that is revoked while an export is under way gets no further page, and the
// connection is cut: the part does not pass for the whole.
func TestExportEndsWithItsKey(t *testing.T) {
	t.Parallel()
	w, c, _ := keeper(t)
	log := slog.New(slog.DiscardHandler)
	auth := newAuth(w.store, false, log)
	for _, format := range []string{"csv", "ndjson", "xlsx"} {
		secret := w.key(t, "read", c)
		g := &revoking{revoke: func() {
			hash := hashKey(secret)
			k, err := w.store.APIKeyByHash(t.Context(), hash[:])
			if err != nil {
				t.Error(err)
				return
			}
			w.revoke(t, secret)
			auth.forget(k.ID) // what the news does
		}}
		mux := http.NewServeMux()
		failed := func(w http.ResponseWriter, r *http.Request, err error) { fail(log, w, r, err) }
		mux.Handle("GET /{company}/{list}", auth.withReader(newExport(g, log), failed))
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/acme/events."+format, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-Key", secret)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !errors.Is(err, io.ErrUnexpectedEOF) || g.pages != 3 {
			t.Errorf("%s: %d, then %v after %d pages", format, answer.StatusCode, err, g.pages)
		}
	}
}
