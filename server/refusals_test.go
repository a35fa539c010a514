package server

import (
	"net/http"
	"strings"
	"testing"
)

// What is wrong with a parameter is a sentence about it, in words of JSON; the pointer has a
// field of its own.
func TestRefusalsNameTheParameter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.serve(t, w.key(t, "read", w.company(t, "acme")))
	for path, want := range map[string]struct{ pointer, message string }{
		"export/acme/events?late=maybe":                    {"/late", "late must be true or false"},
		"export/acme/sroi?whatIf=[1]":                      {"/whatIf", "whatIf must be an object"},
		"export/acme/sroi?whatIf={%22a%22:1}":              {"/whatIf/a", "whatIf/a does not exist"},
		"export/acme/retention?period=2025&intervals=many": {"/intervals", "intervals must be a whole number"},
		"export/acme/series?interval=HOUR":                 {"/interval", `interval is "HOUR"; it must be one of DAY, WEEK, MONTH`},
		"export/acme/sroi?asOf=2130-01-01T00:00:00Z":       {"/asOf", "2130-01-01T00:00:00Z is not past"},
		"metrics/acme?asOf=2130-01-01T00:00:00Z":           {"/asOf", "2130-01-01T00:00:00Z is not past"},
		"metrics/acme?start=x":                             {"/start", `cannot read "x"`},
	} {
		var got refusal
		r := a.get(t, "/v1/"+path)
		r.decode(t, &got)
		if r.status != http.StatusBadRequest || got.Pointer != want.pointer || !strings.HasPrefix(got.Error, want.message) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}
