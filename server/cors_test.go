package server

import (
	"net/http"
	"strings"
	"testing"
)

// Pages of the origins that are named may ask, also before their key is known to be good; others may not.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	const app, other = "https://app.example.org", "https://evil.example.org"
	for _, row := range []struct {
		name    string
		origins []string
		from    string
		allowed string
	}{
		{"nobody unless named", nil, app, ""},
		{"the origin that is named", []string{"http://localhost:3000", app}, app, app},
		{"another one", []string{app}, other, ""},
		{"the same on another port", []string{app}, app + ":8443", ""},
		{"everybody", []string{"*"}, other, "*"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := serveOn(t, w.connect(t), w.key(t, "ingest,read", c), &Serve{Auth: "keys", Drain: patience, Origins: row.origins})
			for path, method := range map[string]string{"/graphql": http.MethodPost, "/v1/metrics/acme": http.MethodGet, "/webhooks/ingest": http.MethodPost} {
				r := a.send(t, http.MethodOptions, path, "", "X-API-Key: ", "Origin: "+row.from, "Access-Control-Request-Method: "+method,
					"Access-Control-Request-Headers: content-type,x-api-key")
				if got := r.header.Get("Access-Control-Allow-Origin"); got != row.allowed {
					t.Errorf("OPTIONS %s: %q may ask, want %q", path, got, row.allowed)
				}
				if row.allowed != "" && (r.status != http.StatusNoContent || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "x-api-key")) {
					t.Errorf("OPTIONS %s: %d %v", path, r.status, r.header)
				}
			}
			for _, key := range []string{"X-API-Key: " + a.key, "X-API-Key: nobody"} {
				r := a.get(t, "/v1/metrics/acme", key, "Origin: "+row.from)
				if got := r.header.Get("Access-Control-Allow-Origin"); got != row.allowed {
					t.Errorf("%d: %q may read, want %q", r.status, got, row.allowed)
				}
				if r.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Error("credentials are allowed")
				}
			}
		})
	}
}

func TestOriginsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, o := range []string{"app.example.org", "https://", "https://app.example.org/", "https://app.example.org/x", "https://*.example.org", "null", ""} {
		if err := checkOrigins([]string{"https://fine.example.org", o}); err == nil || !strings.Contains(err.Error(), "CORS_ORIGINS") {
			t.Errorf("%q: %v", o, err)
		}
	}
	if err := checkOrigins([]string{"*", "http://localhost:3000", "https://app.example.org"}); err != nil {
		t.Error(err)
	}
}
