package graph_test

import (
	"testing"

	"github.com/impactql/impactql/graph"
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
