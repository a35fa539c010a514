package graph

import (
	"context"
	"encoding/json"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/impactql/impactql/impact"
)

// Ask answers a query that comes from another door of this process, for the viewer of
// ctx: with the scopes, limits and turns that it has over HTTP. An answer with an error
// is none: the first one comes back as an [impact.Error].
func (h *Handler) Ask(ctx context.Context, query string, variables map[string]any) (json.RawMessage, error) {
	viewer := h.Viewer(ctx)
	if viewer == nil || !viewer.Can(ScopeRead) {
		return nil, impact.Errorf(impact.CodeForbidden, "this needs an API key with the scope %s", ScopeRead)
	}
	ctx, cancel := context.WithTimeout(graphql.StartOperationTrace(ctx), h.Timeout)
	defer cancel()
	op, errs := h.executor.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: variables})
	var answer *graphql.Response
	if errs != nil {
		answer = h.executor.DispatchError(graphql.WithOperationContext(ctx, op), errs)
	} else {
		respond, ctx := h.executor.DispatchOperation(ctx, op)
		answer = respond(ctx)
	}
	switch {
	case answer == nil: // gqlgen has none once ctx is done
		return nil, impact.Errorf(impact.CodeUnavailable, "%s", msgTimeout)
	case len(answer.Errors) > 0:
		e := answer.Errors[0]
		code, _ := e.Extensions["code"].(string)
		pointer, _ := e.Extensions["pointer"].(string)
		if code == errcode.ValidationFailed || code == errcode.ParseFailed {
			code = string(impact.CodeInvalid)
		}
		return nil, &impact.Error{Code: impact.Code(code), Pointer: pointer, Message: e.Message}
	}
	return answer.Data, nil
}

// Schema is the schema; it must not be changed.
func (h *Handler) Schema() *ast.Schema { return h.schema }
