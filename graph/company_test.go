package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

func only(ids ...impact.CompanyID) func(*graph.Config) {
	return func(c *graph.Config) { c.Viewer = as(key{ids: ids, scopes: "ingest,read"}) }
}

func TestCompanyPages(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(45), only(func() (ids []impact.CompanyID) {
		for id := range impact.CompanyID(45) {
			if id != 7 {
				ids = append(ids, id+1)
			}
		}
		return ids
	}()...))
	for _, first := range []any{1, 7, 44, 100, nil} {
		var keys []string
		var after any
		for range 50 {
			res := api.query(t, `query($first: Int, $after: String) { companies(first: $first, after: $after) {
				edges { cursor node { key } } nodes { key } pageInfo { hasNextPage endCursor } } }`,
				map[string]any{"first": first, "after": after})
			wantCodes(t, res)
			edges, _ := res.at("companies", "edges").([]any)
			for i := range edges {
				keys = append(keys, fmt.Sprint(res.at("companies", "edges", i, "node", "key")))
				res.want(t, fmt.Sprintf("%q", keys[len(keys)-1]), "companies", "nodes", i, "key")
			}
			after = res.at("companies", "pageInfo", "endCursor")
			if res.at("companies", "edges", len(edges)-1, "cursor") != after {
				t.Fatalf("the last cursor is not endCursor: %s", res.Body)
			}
			if res.at("companies", "pageInfo", "hasNextPage") == false {
				break
			}
		}
		if len(keys) != 44 || keys[0] != "c001" || keys[43] != "c045" || strings.Contains(fmt.Sprint(keys), "c008") {
			t.Errorf("first %v: %d companies, %v", first, len(keys), keys)
		}
	}
}

func TestCohortPages(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	for _, first := range []int{1, 2, 3, 4, 5} {
		var keys []any
		var after any
		for range 10 {
			res := api.query(t, `query($first: Int, $after: String) { company(key: "c001") { cohorts(first: $first, after: $after) {
				nodes { key } pageInfo { hasNextPage endCursor } } } }`, map[string]any{"first": first, "after": after})
			wantCodes(t, res)
			nodes, _ := res.at("company", "cohorts", "nodes").([]any)
			for i := range nodes {
				keys = append(keys, res.at("company", "cohorts", "nodes", i, "key"))
			}
			after = res.at("company", "cohorts", "pageInfo", "endCursor")
			if res.at("company", "cohorts", "pageInfo", "hasNextPage") == false {
				break
			}
		}
		if got := fmt.Sprint(keys); got != "[all Engineering Sales tiny]" {
			t.Errorf("first %d: %s", first, got)
		}
	}
	// A cursor holds although its department is gone.
	res := api.query(t, `query($after: String) { company(key: "c001") { cohorts(after: $after) { nodes { key } } } }`,
		map[string]any{"after": model.Cursor("Finance")})
	res.want(t, `[{"key":"Sales"},{"key":"tiny"}]`, "company", "cohorts", "nodes")
}

func TestCohort(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	res := api.query(t, `query($period: Period) { company(key: "c001") {
		all: cohort(key: "ALL") { key suppressed }
		sales: cohort(key: "sales", period: $period) { name suppressed participantCount vis { score methodology { id } } }
		tiny: cohort(key: "tiny") { key name suppressed participantCount completionRate sroi { ratio } vis { score } }
		none: cohort(key: "nobody") { key }
		metrics { events } } }`, map[string]any{"period": "FY2025"})
	wantCodes(t, res, "NOT_FOUND")
	res.want(t, `{"all":{"key":"all","suppressed":false},
		"sales":{"name":"The sales","suppressed":false,"participantCount":1,"vis":{"score":70,"methodology":{"id":"teei-vis-1.0"}}},
		"tiny":{"key":"tiny","name":"The tiny","suppressed":true,"participantCount":null,"completionRate":null,"sroi":null,"vis":null},
		"none":null,"metrics":{"events":1}}`, "company")
	if got := fmt.Sprint(res.Errors[0].Path); got != "[company none]" {
		t.Errorf("path %s", got)
	}
	if api.calls["Cohorts"] != 1 || api.calls["Departments"] != 0 {
		t.Errorf("%v", api.calls)
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(2), only(1))
	for _, c := range []struct{ id, want, code string }{
		{model.CompanyID("c001"), `{"id":"` + model.CompanyID("c001") + `","__typename":"Company","timeZone":"UTC","metrics":{"events":1}}`, ""},
		{model.CompanyID("c002"), `null`, "FORBIDDEN"},
		{model.CompanyID("c009"), `null`, "NOT_FOUND"},
		{model.CompanyID("\x00"), `null`, "NOT_FOUND"},
		{model.Cursor("c001"), `null`, "INVALID"},
		{"c001", `null`, "INVALID"},
		{"", `null`, "INVALID"},
	} {
		res := api.query(t, `query($id: ID!) { node(id: $id) { id ... on Company { __typename timeZone metrics { events } } } }`,
			map[string]any{"id": c.id})
		if got := strings.Join(res.codes(), ","); got != c.code {
			t.Errorf("%q: code %q, want %q: %s", c.id, got, c.code, res.Body)
		}
		res.want(t, c.want, "node")
	}
}

// Nothing of another company shows, at any door of the graph.
func TestAccess(t *testing.T) {
	t.Parallel()
	const ask = `{ mine: company(key: "c001") { name } other: company(key: "c002") { name metrics { events } cohort(key: "all") { key } }
		none: company(key: "c999") { name } companies { nodes { key } pageInfo { hasNextPage endCursor } } }`
	api := serve(newMemory(3), only(1))
	res := api.query(t, ask, nil)
	res.want(t, `{"mine":{"name":"Company 1"},"other":null,"none":null,
		"companies":{"nodes":[{"key":"c001"}],"pageInfo":{"hasNextPage":false,"endCursor":"`+model.Cursor("c001")+`"}}}`)
	codes := map[string]string{}
	for _, e := range res.Errors {
		codes[fmt.Sprint(e.Path)] = e.Extensions.Code
	}
	if codes["[other]"] != "FORBIDDEN" || codes["[none]"] != "NOT_FOUND" || len(codes) != 2 {
		t.Errorf("codes %v", codes)
	}
	if strings.Contains(res.Body, "Company 2") || len(api.questions) != 0 {
		t.Errorf("another company was read: %s", res.Body)
	}

	nothing := serve(newMemory(3), func(c *graph.Config) { c.Viewer = as(key{ids: []impact.CompanyID{}, scopes: "read"}) })
	res = nothing.query(t, `{ companies { edges { cursor } nodes { key } pageInfo { hasNextPage endCursor } } }`, nil)
	wantCodes(t, res)
	res.want(t, `{"edges":[],"nodes":[],"pageInfo":{"hasNextPage":false,"endCursor":null}}`, "companies")
	if nothing.calls["CompanyPage"] != 0 {
		t.Error("a viewer of no company reads companies")
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	res := api.query(t, `{ company(key: "c001") {
		metrics(period: "last-30d", programme: "buddy") { sessions volunteers unmappedEvents }
		fiscal: metrics(period: "FY2025-Q2") { sessions }
		sroi { improvements { dimension points } improvementMode baseline methodology { id formula } }
		vis { methodology { id } components { covered } }
		timeSeries(period: "2025-11-10/2025-11-18", interval: WEEK) { start end sroi { status } vis { score } metrics { impactScore } } } }`, nil)
	wantCodes(t, res)
	res.want(t, `{"sessions":30,"volunteers":5,"unmappedEvents":3}`, "company", "metrics")
	res.want(t, `92`, "company", "fiscal", "sessions")
	res.want(t, `[{"dimension":"integration","points":0},{"dimension":"language","points":0.5}]`, "company", "sroi", "improvements")
	res.want(t, `"MEAN"`, "company", "sroi", "improvementMode")
	res.want(t, `"ASSUMED"`, "company", "sroi", "baseline")
	res.want(t, `{"components":[{"covered":true}],"methodology":{"id":"teei-vis-1.0"}}`, "company", "vis")
	res.want(t, `[
		{"start":"2025-11-10","end":"2025-11-16","sroi":{"status":"OK"},"vis":{"score":82.5},"metrics":{"impactScore":7.88}},
		{"start":"2025-11-17","end":"2025-11-18","sroi":{"status":"OK"},"vis":{"score":82.5},"metrics":{"impactScore":7.88}}]`,
		"company", "timeSeries")
	if s, _ := res.at("company", "sroi", "methodology", "formula").(string); !strings.Contains(s, "language × languageValue") {
		t.Errorf("formula %q", s)
	}
}

// What the database would not take never gets there.
func TestMalformedKeys(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	wantCodes(t, api.query(t, `query($k: ID!) { company(key: $k) { key } }`, map[string]any{"k": "a\x00b"}), "NOT_FOUND")
	wantCodes(t, api.query(t, `query($c: String) { companies(after: $c) { nodes { key } } }`,
		map[string]any{"c": model.Cursor("a\x00b")}), "INVALID")
	for _, first := range []int{-1, 0, 101} {
		wantCodes(t, api.query(t, `query($n: Int) { companies(first: $n) { nodes { key } } }`, map[string]any{"n": first}), "INVALID")
	}
	if len(api.calls) != 0 {
		t.Errorf("%v", api.calls)
	}
}
