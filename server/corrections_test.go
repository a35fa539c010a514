package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Corrections through the front door: by the source's id, by the id of our answer, and
// by session, before and after what they correct.
func TestIngestCorrections(t *testing.T) {
	t.Parallel()
	w, _, a := shop(t)
	hours := func() string {
		t.Helper()
		w.awaitFolds(t)
		r := a.query(t, `{ company(key: "acme") { metrics(period: "2025") { events volunteerHours volunteers } } }`, nil)
		return fmt.Sprint(r.Data["company"])
	}
	logged := `{"type":"external.volunteer.logged","id":"h1","delivery_id":"d1","data":{"userId":"v1","hours":4,"activityDate":"2025-03-01"}}`
	created := `{"event_type":"session.created","event_id":"e1","timestamp":1740830400,
		"data":{"session_id":"S1","volunteer":{"id":"v2"},"activity":{"date":"2025-03-01T10:00:00Z","hours":4.5}}}`
	for _, step := range []struct{ body, want string }{
		{logged, `map[metrics:map[events:1 volunteerHours:4 volunteers:1]]`},
		{created, `map[metrics:map[events:2 volunteerHours:8.5 volunteers:2]]`},
		{ // by the source's own id, although the delivery id made the key
			`{"type":"external.volunteer.logged","id":"h2","supersedes":"h1","data":{"userId":"v2","hours":1,"activityDate":"2025-04-01"}}`,
			`map[metrics:map[events:2 volunteerHours:5.5 volunteers:1]]`,
		},
		{ // by session; volunteer and date are those of the original
			`{"type":"session.updated","id":"u1","timestamp":1740917000,"data":{"session_id":"S1","changes":{"hours":3}}}`,
			`map[metrics:map[events:2 volunteerHours:4 volunteers:1]]`,
		},
		{logged, `map[metrics:map[events:2 volunteerHours:4 volunteers:1]]`}, // sent again
		{
			`{"type":"session.updated","id":"u0","timestamp":1740916000,"data":{"session_id":"S1","changes":{"hours":9}}}`, // older
			`map[metrics:map[events:2 volunteerHours:4 volunteers:1]]`,
		},
		{
			`{"type":"session.updated","id":"u2","timestamp":1740918000,"data":{"session_id":"S1","changes":{"status":"cancelled"}}}`,
			`map[metrics:map[events:1 volunteerHours:1 volunteers:1]]`,
		},
		{ // before its original
			`{"type":"session.updated","id":"u3","timestamp":1740918000,"data":{"session_id":"S2","changes":{"hours":2}}}`,
			`map[metrics:map[events:1 volunteerHours:1 volunteers:1]]`,
		},
		{
			strings.NewReplacer("e1", "e2", "S1", "S2", "v2", "v3").Replace(created),
			`map[metrics:map[events:2 volunteerHours:3 volunteers:2]]`,
		},
	} {
		if r := a.ingest(t, step.body); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		if got := hours(); got != step.want {
			t.Fatalf("after %s\n%s, want %s", step.body, got, step.want)
		}
	}
	id, _ := a.ingest(t, `{"type":"donation","sessionId":"x"}`).accepted(t, "stored")
	a.mustIngest(t, `{"type":"external.volunteer.logged","supersedes":"`+id+`","data":{"userId":"v2","hours":1,"activityDate":"2025-04-01"}}`)
	if got := hours(); got != `map[metrics:map[events:3 volunteerHours:4 volunteers:2]]` {
		t.Errorf("by the id of our answer: %s", got)
	}
	if n := w.list(t, "SELECT count(*)::text FROM correction WHERE NOT stands"); n[0] != "7" {
		t.Errorf("%v events are superseded or amend others", n)
	}
}
