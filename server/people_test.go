package server

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/impactql/impactql/impact"
)

// Who may read figures may not yet list people.
func TestPeopleNeedTheirScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.company(t, "acme"), w.company(t, "globex")
	a := w.serve(t, w.key(t, "ingest,read,people", c))
	a.mustIngest(t, session("s1", "p1", "anna@example.org", "2025-06-30T22:30:00Z", 3600), session("s2", "p2", "anna@example.org", "2025-07-01T10:00:00Z", 1800),
		session("s3", "p1", "ben", "2025-07-01T10:00:00Z", 5400))
	w.awaitFolds(t)
	const query = `{ company(key: "acme") { volunteers(orderBy: HOURS) { nodes { key hours sessions participantsMet programmes vis { score }
		months { month hours } } } participants(orderBy: NAME) { nodes { key hours volunteersMet } } } }`
	a.query(t, query, nil).clean(t).want(t, http.StatusOK, `{"data":{"company":{
		"volunteers":{"nodes":[
			{"key":"anna@example.org","hours":1.5,"sessions":2,"participantsMet":2,"programmes":["unassigned"],"vis":{"score":0.05},
				"months":[{"month":"2025-06-01","hours":1},{"month":"2025-07-01","hours":0.5}]},
			{"key":"ben","hours":1.5,"sessions":1,"participantsMet":1,"programmes":["unassigned"],"vis":{"score":0.05},
				"months":[{"month":"2025-07-01","hours":1.5}]}]},
		"participants":{"nodes":[{"key":"p1","hours":2.5,"volunteersMet":2},{"key":"p2","hours":0.5,"volunteersMet":1}]}}}}`)
	for _, key := range []string{w.key(t, "read,admin", c), w.key(t, "read,people", other)} {
		g := a.as(key).query(t, query, nil)
		if len(g.Errors) == 0 || g.Errors[0].Extensions.Code != string(impact.CodeForbidden) || g.at("company", "volunteers") != nil {
			t.Errorf("people were listed: %s", g.body)
		}
	}
}

// Nor may they see who took part in an event, or what was sent, in a list, a stream or a file.
func TestArrivalsNameNobodyWithoutTheScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.serve(t, w.key(t, "ingest,read,people", w.company(t, "acme")))
	reader := a.as(w.key(t, "read,admin", w.company(t, "acme")))
	streams := []*sse{a.listen(t, "/v1/events/tail"), reader.listen(t, "/v1/events/tail")}
	a.mustIngest(t, session("s1", "paula", "anna", "2025-06-30T22:30:00Z", 3600))
	a.ingest(t, `{"type":"session.completed","sessionId":"s2","participantId":"paula","data":{"duration":-1}}`)

	heard := func(s *sse) string { m, _ := s.next(t); return m.data }
	const query = `{ company(key: "acme") { events { nodes { id receipt kind type participant volunteer body } } rejects { nodes { id code pointer body bodyBase64 } } } }`
	for _, name := range []string{"paula", "anna"} {
		if full := a.query(t, query, nil).clean(t); !strings.Contains(string(full.body), name) {
			t.Errorf("with the scope there is no %s in %s", name, full.body)
		}
	}
	for what, text := range map[string]string{
		"list":      string(reader.query(t, query, nil).clean(t).body),
		"explained": string(reader.query(t, `{ company(key: "acme") { sroi { explain { events { nodes { type participant volunteer body } } } } } }`, nil).clean(t).body),
		"events":    string(reader.get(t, "/v1/export/acme/events.csv").body),
		"rejects":   string(reader.get(t, "/v1/export/acme/rejects.ndjson").body),
		"stream":    heard(streams[1]) + heard(streams[1]),
		"a person":  string(reader.query(t, `{ company(key: "acme") { events(filter: {person: "paula"}) { nodes { id } } } }`, nil).body),
	} {
		if !strings.Contains(text, "session.completed") && !strings.Contains(text, "INVALID") && !strings.Contains(text, "FORBIDDEN") {
			t.Errorf("%s: %s", what, text)
		}
		for _, name := range []string{"paula", "anna", base64.StdEncoding.EncodeToString([]byte("paula"))[:6]} {
			if strings.Contains(text, name) {
				t.Errorf("%s names %s: %s", what, name, text)
			}
		}
	}
	if named := heard(streams[0]); !strings.Contains(named, `"participant":"paula"`) {
		t.Errorf("with the scope the stream tells %s", named)
	}
}
