package server

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/impactql/impactql/impact"
)

// statuses is the one table from error codes to HTTP.
var statuses = map[impact.Code]int{
	impact.CodeInvalid:         http.StatusBadRequest,
	impact.CodeBadJSON:         http.StatusBadRequest,
	impact.CodeUnauthenticated: http.StatusUnauthorized,
	impact.CodeForbidden:       http.StatusForbidden,
	impact.CodeConflict:        http.StatusConflict,
	impact.CodeNotFound:        http.StatusNotFound,
	impact.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	impact.CodeUnsupportedType: http.StatusUnsupportedMediaType,
	impact.CodeRateLimited:     http.StatusTooManyRequests,
	impact.CodeOverloaded:      http.StatusServiceUnavailable,
	impact.CodeUnavailable:     http.StatusServiceUnavailable,
	impact.CodeInternal:        http.StatusInternalServerError,
}

type errorAnswer struct {
	Success bool        `json:"success"`
	Error   string      `json:"error"`
	Code    impact.Code `json:"code"`
	Pointer string      `json:"pointer,omitempty"`
	Details any         `json:"details"`
}

// refuse answers with an error that may be shown.
func refuse(w http.ResponseWriter, _ *http.Request, e *impact.Error) {
	writeRefusal(w, e, errorAnswer{Error: e.Message, Code: e.Code, Pointer: e.Pointer})
}

// refuseWith is refuse of events, with details for programs. What is wrong with an event
// is said of the place in it that the pointer names.
func refuseWith(w http.ResponseWriter, _ *http.Request, e *impact.Error, details any) {
	writeRefusal(w, e, errorAnswer{Error: strings.TrimSpace(e.Pointer + " " + e.Message), Code: e.Code, Pointer: e.Pointer, Details: details})
}

func writeRefusal(w http.ResponseWriter, e *impact.Error, answer errorAnswer) {
	writeJSON(w, refusalStatus(w, e), answer)
}

// refusalStatus is the status of an error; it sets the headers that go with it.
func refusalStatus(w http.ResponseWriter, e *impact.Error) int {
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	if again := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests; again && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "1")
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="impactql"`)
	}
	return status
}

// fail answers with any error.
func fail(log *slog.Logger, w http.ResponseWriter, r *http.Request, err error) {
	refuse(w, r, shown(log, r, err))
}

// shown is what the caller is told of an error: what is not made to be shown is logged instead.
func shown(log *slog.Logger, r *http.Request, err error) *impact.Error {
	if e, ok := errors.AsType[*impact.Error](err); ok {
		return e
	}
	if r.Context().Err() != nil {
		return impact.Errorf(impact.CodeUnavailable, "the request took too long or was given up")
	}
	log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "err", err)
	return impact.Errorf(impact.CodeInternal, "internal error; quote the X-Request-Id of this answer when you report it")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "encode answer", http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(data) // the caller is gone if this fails
}

var jsonType = []string{"application/json"}

func notFound(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, impact.Errorf(impact.CodeNotFound, "there is nothing at %s %s; see the README for the paths", r.Method, r.URL.Path))
}

func getOnly(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	writeJSON(w, http.StatusMethodNotAllowed, errorAnswer{Error: "read this with GET", Code: impact.CodeInvalid})
}

func postOnly(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", http.MethodPost)
	writeJSON(w, http.StatusMethodNotAllowed, errorAnswer{Error: "send events with POST", Code: impact.CodeInvalid})
}
