package ingest

import (
	"testing"

	"github.com/impactql/impactql/impact"
)

// Who comes while the server stops is told so, not that too much waits.
func TestShelfSaysThatItStops(t *testing.T) {
	t.Parallel()
	s := NewShelf(nil, t.Logf)
	s.Stop()
	if err := s.Keep([]*impact.Reject{{Raw: []byte("{}")}}); impact.CodeOf(err) != impact.CodeUnavailable {
		t.Errorf("%v", err)
	}
}
