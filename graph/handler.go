package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/impact"
)

// Config is what the handler needs, and its limits. A limit of 0 is its default;
// none can be switched off.
type Config struct {
	// Reader answers the questions. Required.
	Reader Reader
	// Editor makes the changes of mutations. Required.
	Editor Editor
	// Inbox is what was not taken; nil if it is not kept.
	Inbox Inbox
	// Cohorts changes the definitions of cohorts. Required.
	Cohorts CohortEditor
	// Sources reads and changes the sources of companies. Required for what is about them.
	Sources Sources
	// Viewer is who asks, from the context of the HTTP request; nil if nobody
	// authenticated, which is answered with 401. Asked more than once, so a look into
	// the context and no more. Required.
	Viewer func(ctx context.Context) Viewer
	// Now is the clock, read once for each request; default time.Now.
	Now func() time.Time
	// Log gets faults of ours and slow operations given up, never queries or their
	// variables; default slog.Default.
	Log *slog.Logger

	// Timeout is how long an operation may run once its body is read; default 10 s.
	Timeout time.Duration
	// MaxBody is the greatest size of a request body or of the query of a URL, in
	// bytes; default 1 MiB.
	MaxBody int64
	// MaxTokens is how many tokens of GraphQL a query may have; default 2,000, ten
	// Overviews. The time to validate grows with their square: 0.2 s at 2,000.
	MaxTokens int
	// MaxDepth is how deep fields may be nested; default 20. The deepest figure is at
	// 9, the introspection of GraphiQL at 15.
	MaxDepth int
	// MaxComplexity is what an operation may cost, see costs: about the number of
	// values in the answer; default 60,000. The Overview of 100 companies costs 25,000
	// over a year and 49,000 over all time. Operations run together up to twice as
	// much, half of it for one viewer; others wait.
	MaxComplexity int
	// MaxFigures is how many points and periods one list of companies may ask for,
	// company by company; default 20,000. A single series has at most
	// [impact.MaxPoints].
	MaxFigures int
	// CachedQueries is how many parsed queries are kept, of up to 8 KiB each; default
	// 256.
	CachedQueries int
}

func orDefault[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}

// NewHandler serves the graph: POST of application/json, and GET. It panics if the
// configuration lacks what is required.
//
// A request that never becomes an operation is answered with its own status (400,
// 401, 403, 405, 413, 415), a query that does not parse, validate or keep the limits
// with 422, or 400 to clients that accept application/graphql-response+json; anything
// else with 200. The body is a GraphQL response in every case.
func NewHandler(cfg Config) *Handler {
	if cfg.Reader == nil || cfg.Editor == nil || cfg.Cohorts == nil || cfg.Viewer == nil {
		panic("graph: NewHandler needs a Reader, an Editor, a CohortEditor and a Viewer")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	orDefault(&cfg.Log, slog.Default())
	orDefault(&cfg.Timeout, 10*time.Second)
	orDefault(&cfg.MaxBody, 1<<20)
	orDefault(&cfg.MaxTokens, 2000)
	orDefault(&cfg.MaxDepth, 20)
	orDefault(&cfg.MaxComplexity, 60_000)
	orDefault(&cfg.MaxFigures, 20_000)
	orDefault(&cfg.CachedQueries, 256)

	schema := generated.NewExecutableSchema(generated.Config{Resolvers: resolvers{}, Complexity: costs()})
	h := &Handler{Config: &cfg, server: handler.New(schema), executor: executor.New(schema), schema: schema.Schema()}
	h.server.AddTransport(transport.POST{})
	h.server.AddTransport(transport.GET{})
	cache, room := shortQueries{lru.New[*ast.QueryDocument](cfg.CachedQueries)}, newGate(2*cfg.MaxComplexity)
	for _, e := range []interface { // the two doors: HTTP, and from within
		SetParserTokenLimit(limit int)
		SetQueryCache(cache graphql.Cache[*ast.QueryDocument])
		SetErrorPresenter(f graphql.ErrorPresenterFunc)
		SetRecoverFunc(f graphql.RecoverFunc)
		Use(extension graphql.HandlerExtension)
		AroundOperations(f graphql.OperationMiddleware)
	}{h.server, h.executor} {
		e.SetParserTokenLimit(cfg.MaxTokens)
		e.SetQueryCache(cache)
		e.SetErrorPresenter(cfg.present)
		e.SetRecoverFunc(cfg.recovered)
		e.Use(&limits{Config: &cfg})
		e.AroundOperations(cfg.around(room))
		e.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
			return next(cfg.withRequest(ctx))
		})
	}
	return h
}

// shortQueries bounds the memory of the cache: a query can be a megabyte long. It is
// also the one place where a document passes after it was validated and before it is
// shared, so that literals are made exact here.
type shortQueries struct {
	*lru.LRU[*ast.QueryDocument]
}

const longestCached = 8 << 10

func (s shortQueries) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	exactLiterals(doc)
	if len(query) <= longestCached {
		s.LRU.Add(ctx, query, doc)
	}
}

// Handler serves the graph over HTTP, where it checks what gqlgen leaves open or answers
// without a code: who asks, the method, the content type and the size of the body. Its
// [Handler.Ask] answers other doors.
type Handler struct {
	*Config
	server   *handler.Server
	executor *executor.Executor
	schema   *ast.Schema
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, err := h.check(w, r, h.Viewer(r.Context()))
	if err != nil {
		Refuse(w, status, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.Timeout)
	defer cancel()
	// gqlgen takes every request to change the protocol for a websocket. We offer none,
	// and then HTTP has the request answered as it stands.
	r.Header.Del("Upgrade")
	h.server.ServeHTTP(w, r.WithContext(ctx))
}

// check reports why a request cannot become an operation. It reads the body and puts
// it back.
func (h *Handler) check(w http.ResponseWriter, r *http.Request, viewer Viewer) (status int, err *impact.Error) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		return http.StatusMethodNotAllowed, impact.Errorf(impact.CodeInvalid, "use POST, or GET for a query in the URL")
	case viewer == nil:
		return http.StatusUnauthorized, impact.Errorf(impact.CodeUnauthenticated,
			"send an API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`")
	case !viewer.Can(ScopeRead):
		return http.StatusForbidden, impact.Errorf(impact.CodeForbidden, "this API key lacks the scope %s", ScopeRead)
	case r.Method == http.MethodGet:
		return h.checkURL(r)
	}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
		return http.StatusUnsupportedMediaType, impact.Errorf(impact.CodeUnsupportedType,
			"send the operation as Content-Type: application/json")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return http.StatusUnsupportedMediaType, impact.Errorf(impact.CodeUnsupportedType,
			"send the operation as it is, without Content-Encoding: %s", encoding)
	}
	body, readErr := io.ReadAll(http.MaxBytesReader(w, r.Body, h.MaxBody))
	if _, over := errors.AsType[*http.MaxBytesError](readErr); over {
		return http.StatusRequestEntityTooLarge, impact.Errorf(impact.CodeTooLarge,
			"the body is larger than %d bytes", h.MaxBody)
	}
	if readErr != nil {
		return http.StatusBadRequest, impact.Errorf(impact.CodeBadJSON, "the body could not be read to its end")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return 0, nil
}

func (h *Handler) checkURL(r *http.Request) (status int, err *impact.Error) {
	if int64(len(r.URL.RawQuery)) > h.MaxBody {
		return http.StatusRequestURITooLong, impact.Errorf(impact.CodeTooLarge,
			"the query of the URL is longer than %d bytes: use POST", h.MaxBody)
	}
	query := r.URL.Query()
	for _, name := range []string{"variables", "extensions"} {
		var object map[string]any
		if s := query.Get(name); s != "" && json.Unmarshal([]byte(s), &object) != nil {
			return http.StatusBadRequest, impact.Errorf(impact.CodeBadJSON, "%s must be a JSON object", name)
		}
	}
	return 0, nil
}

// Refuse answers a request that never became an operation.
func Refuse(w http.ResponseWriter, status int, err *impact.Error) {
	body, _ := json.Marshal(map[string]any{"errors": gqlerror.List{{
		Message: err.Message, Extensions: map[string]any{"code": err.Code},
	}}})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s", body)
}
