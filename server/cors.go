package server

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"
)

// crossOrigin lets pages of the origins read answers (https://fetch.spec.whatwg.org/#http-cors-protocol);
// of none, if there are none. Keys are in headers that the page sets, never in cookies, so no credentials
// are allowed: a page can do no more than who gave it a key.
func crossOrigin(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{"Authorization", "Cache-Control", "Content-Type", "Last-Event-ID", "Read-After", "X-API-Key", "X-Request-Id"},
		ExposedHeaders: []string{"Content-Disposition", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "X-Request-Id"},
		MaxAge:         600, // seconds that a browser remembers this
	}).Handler(next)
}

// checkOrigins refuses what no browser sends as an Origin.
func checkOrigins(origins []string) error {
	for _, o := range origins {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o || strings.Contains(o, "*")) {
			return fmt.Errorf("CORS_ORIGINS: %q is no origin: write https://app.example.org, with the port if it is not the usual one and no path, or * for all", o)
		}
	}
	return nil
}
