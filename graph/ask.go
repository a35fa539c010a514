package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/impactql/impactql/impact"
)

type withinKey struct{}

// isFromWithin reports a query of [Handler.Ask].
func isFromWithin(ctx context.Context) bool { return ctx.Value(withinKey{}) != nil }

// Ask answers a query that comes from another door of this process, for the viewer of
// ctx: with the scopes, limits and turns that it has over HTTP; pages may have up to [MaxPage] events or rejects. An answer with an error
// is none: the first one comes back as an [impact.Error].
func (h *Handler) Ask(ctx context.Context, query string, variables map[string]any) (json.RawMessage, error) {
	viewer := h.Viewer(ctx)
	if viewer == nil || !viewer.Can(ScopeRead) {
		return nil, impact.Errorf(impact.CodeForbidden, "this needs an API key with the scope %s", ScopeRead)
	}
	ctx = context.WithValue(ctx, withinKey{}, true)
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
			if p, message := h.aboutParameter(e); p != "" {
				return nil, &impact.Error{Code: impact.CodeInvalid, Pointer: p, Message: message}
			}
		}
		return nil, &impact.Error{Code: impact.Code(code), Pointer: pointer, Message: e.Message}
	}
	return answer.Data, nil
}

// ofParameter is what validation says of a variable, in the words of Go and GraphQL.
var ofParameter = regexp.MustCompile(`^(?:cannot use .* as (\w+)|must be a (\w+), not a .*|(.*) is not a valid (\w+))$`)

// aboutParameter says what is wrong with a variable, or within one, to a caller who gave
// it as a parameter in JSON or plain text; the pointer is empty if e is of something else.
func (h *Handler) aboutParameter(e *gqlerror.Error) (pointer, message string) {
	if len(e.Path) < 2 || e.Path[0] != ast.PathName("variable") {
		return "", ""
	}
	for _, step := range e.Path[1:] {
		pointer += fmt.Sprintf("/%v", step)
	}
	name, told := pointer[1:], ofParameter.FindStringSubmatch(e.Message)
	switch {
	case e.Message == "unknown field":
		return pointer, name + " does not exist"
	case told == nil:
		return pointer, name + ": " + e.Message
	case told[2] != "":
		return pointer, name + " must be an object"
	case told[4] != "":
		var values []string
		for _, v := range h.schema.Types[told[4]].EnumValues {
			values = append(values, v.Name)
		}
		return pointer, fmt.Sprintf("%s is %q; it must be one of %s", name, told[3], strings.Join(values, ", "))
	}
	kinds := map[string]string{"Boolean": "true or false", "Int": "a whole number", "Float": "a number"}
	return pointer, name + " must be " + cmp.Or(kinds[told[1]], "text")
}

// Schema is the schema; it must not be changed.
func (h *Handler) Schema() *ast.Schema { return h.schema }
