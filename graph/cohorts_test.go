package graph_test

import (
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

func TestCohortsByFilter(t *testing.T) {
	t.Parallel()
	const query = `query($young: CohortFilter, $days: Period) { company(key: "c001") {
		literal: cohort(filter: {and: {not: {did: {activity: JOB, programme: "buddy", period: $days}}}}) { key name }
		listed: cohort(filter: {or: [{department: "HR"}, {department: ["Sales", "IT"]}]}) { name }
		placed: cohort(filter: {and: [{attribute: {name: "status", in: "active"}}, {attribute: {name: "division", notIn: ["A", "B"]}}]}) { name }
		variable: cohort(filter: $young, period: "2025-03") { participantCount }
		none: cohort(filter: null, key: "all") { name }
		retention(period: "2025-03", filter: $young) { rows { size } }
		funnel(period: "2025-03", filter: $young, steps: {activity: JOB}) { steps { people } }
	} }`
	res := serve(newMemory(1)).query(t, query, map[string]any{"days": "last-3d", "young": map[string]any{
		"or": nil, "and": []any{map[string]any{"did": map[string]any{"activity": "ANY", "period": "2025-Q1", "programme": nil}}},
	}})
	wantCodes(t, res, "NOT_FOUND", "NOT_FOUND") // the reader of tests has no such analyses
	res.want(t, `{"key":"","name":"The {\"and\":[{\"not\":{\"did\":{\"activity\":\"JOB\",\"programme\":\"buddy\",\"period\":\"2025-11-11/2025-11-13\"}}}]}"}`,
		"company", "literal")
	res.want(t, `"The {\"or\":[{\"department\":[\"HR\"]},{\"department\":[\"Sales\",\"IT\"]}]}"`, "company", "listed", "name")
	res.want(t, `"The {\"and\":[{\"attribute\":{\"name\":\"status\",\"in\":[\"active\"]}},{\"attribute\":{\"name\":\"division\",\"notIn\":[\"A\",\"B\"]}}]}"`,
		"company", "placed", "name")
	res.want(t, `1`, "company", "variable", "participantCount")
	res.want(t, `"The all"`, "company", "none", "name")

	for _, filter := range []string{`{}`, `{and: []}`, `{department: "HR", did: {activity: JOB}}`, `{did: {activity: JOB, programme: ""}}`} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { cohort(filter: `+filter+`) { name } } }`, nil)
		if filter == `{did: {activity: JOB, programme: ""}}` { // as if it were left out
			wantCodes(t, res)
			continue
		}
		wantCodes(t, res, "INVALID")
	}
	for _, who := range []string{`cohort(key: "all", filter: {department: "HR"}) { name }`, `retention(period: "2025", cohort: "HR", filter: {department: "HR"}) { mode }`} {
		wantCodes(t, serve(newMemory(1)).query(t, `{ company(key: "c001") { `+who+` } }`, nil), "INVALID")
	}
	wantCodes(t, serve(newMemory(1)).query(t, `{ company(key: "c001") { cohort { name } } }`, nil), "INVALID")
}

func TestCohortDefinitions(t *testing.T) {
	t.Parallel()
	admin := func(c *graph.Config) { c.Viewer = as(key{scopes: "read admin"}) }
	const save = `mutation($v: Int, $key: String = "young") { saveCohort(company: "c001", key: $key, name: "The young", expectedVersion: $v,
		filter: {did: {activity: SESSION, period: "2025"}}) { key name filter version } }`
	res := serve(newMemory(1), admin).query(t, save, map[string]any{"v": 6})
	wantCodes(t, res)
	res.want(t, `{"key":"young","name":"The young","filter":"{\"did\":{\"activity\":\"SESSION\",\"period\":\"2025\"}}","version":7}`, "saveCohort")
	wantCodes(t, serve(newMemory(1), admin).query(t, save, map[string]any{"v": 5}), "CONFLICT")
	wantCodes(t, serve(newMemory(1), admin).query(t, save, map[string]any{"key": "all"}), "INVALID")
	wantCodes(t, serve(newMemory(1)).query(t, save, nil), "FORBIDDEN")
	other := func(c *graph.Config) { c.Viewer = as(key{ids: []impact.CompanyID{2}, scopes: "read admin"}) }
	wantCodes(t, serve(newMemory(1), other).query(t, save, nil), "FORBIDDEN")
	res = serve(newMemory(1), admin).query(t, `mutation { deleteCohort(company: "c001", key: "young") }`, nil)
	wantCodes(t, res)
	res.want(t, `"young"`, "deleteCohort")
	wantCodes(t, serve(newMemory(1), admin).query(t, `mutation { deleteCohort(company: "c001", key: "old") }`, nil), "NOT_FOUND")
}
