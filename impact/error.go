package impact

import (
	"errors"
	"fmt"
)

// Code names a class of failure. Codes are part of every API: each edge maps
// them once (GraphQL extensions.code, HTTP status) and never invents its own.
type Code string

// The codes that leave impactql.
const (
	CodeInvalid         Code = "INVALID"          // well-formed, but a value breaks a rule; Pointer says which
	CodeBadJSON         Code = "BAD_JSON"         // the body is not JSON
	CodeUnsupportedType Code = "UNSUPPORTED_TYPE" // the Content-Type is not one that the path takes
	CodeTooLarge        Code = "TOO_LARGE"        // a limit on size, depth, count or cost was passed
	CodeUnauthenticated Code = "UNAUTHENTICATED"  // no key, or one that is unknown or revoked
	CodeForbidden       Code = "FORBIDDEN"        // the key may not do this, or not for this company
	CodeNotFound        Code = "NOT_FOUND"        // no such company, cohort or path
	CodeConflict        Code = "CONFLICT"         // changed by another since the caller looked; read again, then decide
	CodeOverloaded      Code = "OVERLOADED"       // the ingest buffer is full; retry later
	CodeRateLimited     Code = "RATE_LIMITED"     // the sender sends more than it may; retry later
	CodeUnavailable     Code = "UNAVAILABLE"      // the database is away, or the server is stopping; retry later
	CodeInternal        Code = "INTERNAL"         // a fault of ours; details are in the log only
)

// Error is a failure that may be shown to a caller: Message says what to do
// next, Pointer (RFC 6901) says where in the input, if anywhere.
type Error struct {
	Code    Code
	Pointer string
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Pointer != "" {
		return fmt.Sprintf("%s at %s: %s", e.Code, e.Pointer, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Errorf makes an [Error] without a pointer.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf is the code that err carries, or [CodeInternal] if it carries none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
