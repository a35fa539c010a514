package graph_test

import (
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

const forget = `mutation Forget($company: ID!, $person: String!) {
	forgetPerson(company: $company, person: $person) { at by deleted struck mentions conflicts rejects } }`

func TestForgetPerson(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	call := func(company, person string, change ...func(*graph.Config)) *answer {
		return serve(m, change...).query(t, forget, map[string]any{"company": company, "person": person})
	}
	first := m.companies[0]
	res := call(first.Key, "Ada+cv@x.example", admin)
	wantCodes(t, res)
	res.want(t, `{"at":"2025-11-13T10:00:00Z","by":"key 1 (test)","deleted":1,"struck":2,"mentions":3,"conflicts":4,"rejects":5}`, "forgetPerson")
	if r := m.erased[0]; len(m.erased) != 1 || r.Company != first.ID || r.Person != "ada:2bcv@x.example" || r.By != "key 1 (test)" || r.Limit == 0 {
		t.Errorf("asked %+v", m.erased)
	}
	none := call(first.Key, "stranger", admin)
	wantCodes(t, none)
	none.want(t, `null`, "forgetPerson")

	wantCodes(t, call(first.Key, "not a key", admin), "INVALID")
	wantCodes(t, call("nobody", "ada", admin), "NOT_FOUND")
	wantCodes(t, call(first.Key, "ada"), "FORBIDDEN")
	other := func(c *graph.Config) {
		c.Viewer = as(key{ids: []impact.CompanyID{m.companies[1].ID}, scopes: "read,admin"})
	}
	wantCodes(t, call(first.Key, "ada", other), "FORBIDDEN")
	if len(m.erased) != 2 {
		t.Errorf("what was refused went on: %+v", m.erased)
	}
}

// The list says when and by whom, page by page, and is for administrators.
func TestErasures(t *testing.T) {
	t.Parallel()
	const query = `query($after: String) { erasures(company: "c001", first: 2, after: $after) {
		nodes { at by deleted } edges { cursor } pageInfo { hasNextPage endCursor } } }`
	a := serve(newMemory(1), admin)
	page := a.query(t, query, nil)
	wantCodes(t, page)
	page.want(t, `[{"at":"2025-11-13T10:00:03Z","by":"ada","deleted":3},{"at":"2025-11-13T10:00:02Z","by":"ada","deleted":2}]`, "erasures", "nodes")
	page.want(t, `true`, "erasures", "pageInfo", "hasNextPage")
	last := a.query(t, query, map[string]any{"after": model.Cursor("2")})
	wantCodes(t, last)
	last.want(t, `[{"at":"2025-11-13T10:00:01Z","by":"ada","deleted":1}]`, "erasures", "nodes")
	last.want(t, `{"hasNextPage":false,"endCursor":"`+model.Cursor("1")+`"}`, "erasures", "pageInfo")
	last.want(t, `[{"cursor":"`+model.Cursor("1")+`"}]`, "erasures", "edges")
	wantCodes(t, a.query(t, query, map[string]any{"after": model.Cursor("x")}), "INVALID")
	wantCodes(t, serve(newMemory(1)).query(t, query, nil), "FORBIDDEN")
}
