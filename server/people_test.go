package server

import (
	"net/http"
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
