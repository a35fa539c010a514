package graph_test

import (
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/graph/model"
)

func people(c *graph.Config) { c.Viewer = as(key{scopes: "read,people"}) }

func TestVolunteersAndParticipants(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	const query = `query($after: String) { companies { nodes {
		volunteers(first: 2, after: $after, orderBy: VIS, programme: "buddy") { edges { cursor node {
			key hours sessions participantsMet programmes vis { score components { name score } } months { month hours sessions participantsMet } } }
			pageInfo { hasNextPage endCursor } }
		participants(first: 1) { nodes { key hours volunteersMet ratings meanRating assessments { dimension count first last } months { month hours } programmes } }
	} } }`
	a := serve(m, people)
	res := a.query(t, query, nil)
	wantCodes(t, res)
	res.want(t, `{"cursor":"`+model.Cursor("10:0")+`","node":{"key":"VOLUNTEER-2-0","hours":10,"sessions":2,"participantsMet":3,"programmes":["buddy","VIS"],
		"vis":{"score":82.5,"components":[{"name":"hours","score":10}]},"months":[{"month":"2025-11-01","hours":1,"sessions":1,"participantsMet":2}]}}`,
		"companies", "nodes", 1, "volunteers", "edges", 0)
	res.want(t, `{"hasNextPage":true,"endCursor":"`+model.Cursor("9:1")+`"}`, "companies", "nodes", 1, "volunteers", "pageInfo")
	res.want(t, `[{"key":"PARTICIPANT-1-0","hours":10,"volunteersMet":3,"ratings":3,"meanRating":0.6667,
		"assessments":[{"dimension":"language","count":2,"first":0.3,"last":0.65}],"months":[{"month":"2025-11-01","hours":1}],"programmes":["*","HOURS"]}]`,
		"companies", "nodes", 0, "participants", "nodes")
	if n := m.calls["Rosters"]; n != 2 {
		t.Errorf("Rosters was called %d times for two lists of two companies", n)
	}
	res = a.query(t, query, map[string]any{"after": model.Cursor("9:1")})
	wantCodes(t, res)
	res.want(t, `"VOLUNTEER-1-2"`, "companies", "nodes", 0, "volunteers", "edges", 0, "node", "key")

	for _, cursor := range []string{"x", "1", "1:x", ":", "-:2"} {
		res = a.query(t, query, map[string]any{"after": model.Cursor(cursor)})
		wantCodes(t, res, "INVALID", "INVALID")
	}
	// Neither read nor admin names people.
	for _, scopes := range []string{"read", "read,admin"} {
		res = serve(m, func(c *graph.Config) { c.Viewer = as(key{scopes: scopes}) }).query(t, `{ company(key: "c001") { volunteers { nodes { key } } metrics { events } } }`, nil)
		wantCodes(t, res, "FORBIDDEN")
		res.want(t, `{"volunteers":null,"metrics":{"events":1}}`, "company")
	}
	wantCodes(t, a.query(t, `{ companies(first: 100) { nodes { volunteers(first: 100) { nodes { key months { hours } } } } } }`, nil), "TOO_LARGE")
}
