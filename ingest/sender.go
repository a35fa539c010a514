package ingest

import (
	"net/http"

	"github.com/impactql/impactql/impact"
)

// Sender is who sent a request: the holder of an API key, or a provider that signs
// what it sends to a source.
type Sender struct {
	Caller
	// Source is the public id of the source that the request came to; empty for a key.
	Source string
	// Provider is the source's scheme, such as "kintell"; empty for a key.
	Provider string
	// Delivery is the delivery id in the request's headers; empty if there is none, or
	// none that the provider's scheme vouches for.
	Delivery string
	// KeyID is the id of the API key; 0 for a source.
	KeyID int32
	// Verify checks the signature over the body as it came, byte for byte, before
	// anything of it is read. Nil: an API key was checked.
	Verify func(h http.Header, body []byte) error
}

// Caller is who sent a request, and whose companies it may write to.
type Caller interface {
	// Company is the company of a key, if the caller may write to it; else an error
	// with [impact.CodeForbidden].
	Company(key string) (*impact.Company, error)
	// DefaultCompany is where events go that name no company.
	DefaultCompany() (*impact.Company, error)
}
