package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/impactql/impactql/impact"
)

// Texts of failures that are not the caller's, and of a body that never became an
// operation.
const (
	msgInternal = "internal error; quote the request id"
	msgTimeout  = "the operation took too long or was cancelled: ask for less, or retry later"
	msgBadJSON  = `the body must be one JSON object {"query": "...", "variables": {...}}; ` +
		"a list of operations is not supported"
	msgTokens         = "the query is too long: ask for less at once"
	msgNoOperation    = `send an operation as "query": its text is empty`
	msgWhichOperation = "name one of the operations that the query has as operationName"
)

// errPanic stands for a panic that is in the log already.
var errPanic = errors.New("panic")

// errGivenUp is what the log says of a client that went away.
var errGivenUp = errors.New("the client went away")

// present is the one way out for errors. Every one gets extensions.code: those of
// package impact, or for a text that is not a valid query the two names that GraphQL
// servers and clients share, GRAPHQL_PARSE_FAILED and GRAPHQL_VALIDATION_FAILED.
// Only an [impact.Error] speaks to the caller in its own words.
func (c *Config) present(ctx context.Context, err error) *gqlerror.Error {
	out := graphql.DefaultErrorPresenter(ctx, err)
	var pointer string
	code, _ := out.Extensions["code"].(string)
	told, isOurs := errors.AsType[*impact.Error](err)
	switch {
	case isOurs:
		code, out.Message, pointer = string(told.Code), told.Message, told.Pointer
		if told.Code == impact.CodeInternal || told.Code == impact.CodeUnavailable {
			c.logError(ctx, code, err)
		}
	case code == errcode.ParseFailed && strings.HasPrefix(out.Message, "exceeded token limit"):
		code, out.Message = string(impact.CodeTooLarge), msgTokens
	case code == errcode.ValidationFailed && !isFromWithin(ctx): // else aboutParameter finds its own words
		out.Message = validationMessage(out)
	case code != "":
	case !graphql.HasOperationContext(ctx):
		code, out.Message = string(impact.CodeBadJSON), msgBadJSON
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		code, out.Message = string(impact.CodeUnavailable), msgTimeout
		c.logError(ctx, code, err)
	default:
		code, out.Message = string(impact.CodeInternal), msgInternal
		if !errors.Is(err, errPanic) {
			c.logError(ctx, code, err)
		}
	}
	if isOurs && pointer == "" {
		pointer = argumentPointer(ctx, out.Path)
	}
	out.Extensions = map[string]any{"code": code}
	if conflict, ok := errors.AsType[*impact.Conflict](err); ok {
		out.Extensions["version"] = conflict.Version
	}
	if pointer != "" {
		out.Extensions["pointer"] = pointer
	}
	return out
}

// validationMessage says what to do where the words of gqlgen and its parser do not, and
// which variable is meant, which they leave to the path.
func validationMessage(err *gqlerror.Error) string {
	switch {
	case err.Message == "no operation provided":
		return msgNoOperation
	case strings.HasPrefix(err.Message, "operation ") && strings.HasSuffix(err.Message, " not found"):
		return msgWhichOperation
	case len(err.Path) > 0 && err.Path[0] == ast.PathName("variable"):
		return strings.TrimPrefix(err.Path[1:].String(), ".") + " of the variables " + err.Message
	}
	return err.Message
}

// argumentPointer is where in an argument a scalar could not be read, empty if the
// path of an error ends at its field or at the argument itself.
func argumentPointer(ctx context.Context, path ast.Path) string {
	field := graphql.GetFieldContext(ctx)
	if field == nil {
		return ""
	}
	at := len(field.Path()) + 1 // behind the name of the argument
	if len(path) <= at {
		return ""
	}
	var pointer strings.Builder
	for _, p := range path[at:] {
		fmt.Fprintf(&pointer, "/%v", p)
	}
	return pointer.String()
}

// logError logs a fault once for each request: one fault of the database is one error at
// every field that needed it. A client that went away and a limit at work are no faults.
func (c *Config) logError(ctx context.Context, code string, err error) {
	// Without the path that gqlgen puts before it, which differs from field to field.
	if g, ok := errors.AsType[*gqlerror.Error](err); ok && g.Err != nil {
		err = g.Err
	}
	level := slog.LevelError
	switch {
	case errors.Is(err, context.Canceled), code == string(impact.CodeUnavailable) && errors.Is(ctx.Err(), context.Canceled):
		// What the database says of a statement that was given up is not why.
		level, err = slog.LevelInfo, errGivenUp
	case errors.Is(err, errBusy):
		level = slog.LevelInfo
	}
	if q := requestOf(ctx); q != nil {
		if _, logged := q.logged.LoadOrStore(err.Error(), true); logged {
			return
		}
	}
	c.Log.Log(ctx, level, "GraphQL operation not answered",
		"operation", operationName(ctx), "path", graphql.GetPath(ctx).String(), "code", code, "error", err)
}

// operationName is the name of the operation, empty if it has none.
func operationName(ctx context.Context) string {
	if !graphql.HasOperationContext(ctx) {
		return ""
	}
	op := graphql.GetOperationContext(ctx)
	if op.Operation != nil {
		return op.Operation.Name
	}
	return op.OperationName
}
