package graph_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

func refused(t *testing.T, res *answer, status int) {
	t.Helper()
	if res.Status != status || len(res.Errors) != 1 || res.codes()[0] != "TOO_LARGE" || res.Data != nil {
		t.Errorf("%d %.300s, want %d and TOO_LARGE", res.Status, res.Body, status)
	}
}

func passes(t *testing.T, res *answer) {
	t.Helper()
	if res.Status != http.StatusOK || len(res.Errors) != 0 {
		t.Errorf("%d %.300s, want no error", res.Status, res.Body)
	}
}

func TestMaxBody(t *testing.T) {
	t.Parallel()
	const body = `{"query":"{ __typename }"}`
	api := serve(newMemory(1), func(c *graph.Config) { c.MaxBody = 100 })
	passes(t, api.do(t, post(body+strings.Repeat(" ", 100-len(body)))))
	refused(t, api.do(t, post(body+strings.Repeat(" ", 101-len(body)))), http.StatusRequestEntityTooLarge)

	get := func(n int) *http.Request {
		r := post("")
		r.Method, r.URL.RawQuery = http.MethodGet, "query={__typename}&x="
		r.URL.RawQuery += strings.Repeat("y", n-len(r.URL.RawQuery))
		return r
	}
	passes(t, api.do(t, get(100)))
	refused(t, api.do(t, get(101)), http.StatusRequestURITooLong)

	whole := serve(newMemory(1))
	passes(t, whole.do(t, post(body+strings.Repeat(" ", 1<<20-len(body)))))
	refused(t, whole.do(t, post(body+strings.Repeat(" ", 1<<20-len(body)+1))), http.StatusRequestEntityTooLarge)
}

func TestMaxTokens(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1), func(c *graph.Config) { c.MaxTokens = 20 })
	query := func(names int) string { return "{" + strings.Repeat(" __typename", names) + " }" }
	passes(t, api.query(t, query(17), nil))
	refused(t, api.query(t, query(30), nil), http.StatusUnprocessableEntity)
}

func TestMaxDepth(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1), func(c *graph.Config) { c.MaxDepth = 4 })
	passes(t, api.query(t, `{ company(key: "c001") { sroi { methodology { id } } } }`, nil))
	passes(t, api.query(t, `{ company(key: "c001") { ...F } } fragment F on Company { ... on Node { id } sroi { methodology { id } } }`, nil))
	refused(t, api.query(t, `{ company(key: "c001") { cohort(key: "all") { sroi { methodology { id } } } } }`, nil), http.StatusUnprocessableEntity)
	refused(t, api.query(t, `{ company(key: "c001") { ...F } } fragment F on Company { cohort(key: "all") { ...G } }
		fragment G on Cohort { sroi { methodology { id } } }`, nil), http.StatusUnprocessableEntity)
}

func TestMaxComplexity(t *testing.T) {
	t.Parallel()
	const query = `query($first: Int) { companies(first: $first) { nodes { key } } }`
	api := serve(newMemory(1), func(c *graph.Config) { c.MaxComplexity = 1 + 10*2 })
	passes(t, api.query(t, query, map[string]any{"first": 10}))
	refused(t, api.query(t, query, map[string]any{"first": 11}), http.StatusUnprocessableEntity)
	refused(t, api.query(t, query, map[string]any{"first": -1}), http.StatusUnprocessableEntity)
}

// With the limits as they are: what clients need, and what they must not.
func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(100))
	passes(t, api.query(t, overviewOfAll, map[string]any{"first": 100}))
	passes(t, api.query(t, overviewOfAll, map[string]any{"first": 100, "period": "2025"}))

	daily := func(aliases int) string {
		var q strings.Builder
		for i := range aliases {
			fmt.Fprintf(&q, ` a%d: timeSeries(period: "%d", interval: DAY) { start metrics { events } }`, i, 2000+i)
		}
		return `{ company(key: "c001") {` + q.String() + ` } }`
	}
	passes(t, api.query(t, daily(10), nil))
	refused(t, api.query(t, daily(99), nil), http.StatusUnprocessableEntity)

	var roots strings.Builder
	for i := range 20 {
		fmt.Fprintf(&roots, ` a%d: companies(first: 100) { nodes { cohorts(first: 100) { nodes { key } } } }`, i)
	}
	refused(t, api.query(t, `{`+roots.String()+` }`, nil), http.StatusUnprocessableEntity)

	schema := func(n int) string {
		var q strings.Builder
		for i := range n {
			fmt.Fprintf(&q, ` a%d: __schema { types { name fields { name args { name } } } }`, i)
		}
		return `{` + q.String() + ` }`
	}
	passes(t, api.query(t, schema(1), nil))
	refused(t, api.query(t, schema(13), nil), http.StatusUnprocessableEntity)
}

// A matrix costs by its cells, and so does what explains it.
func TestRetentionCostsByCells(t *testing.T) {
	t.Parallel()
	query := func(aliases int, args string) string {
		var q strings.Builder
		for i := range aliases {
			fmt.Fprintf(&q, ` r%d: retention(%s) { rows { retained rates } explain { inputs { name value unit source } } }`, i, args)
		}
		return `{ company(key: "c001") {` + q.String() + ` } }`
	}
	api := serve(newMemory(1))
	passes(t, api.query(t, query(20, `period: "2025"`), nil))
	passes(t, api.query(t, query(1, `period: "2025-01-01/2025-04-10", interval: DAY, intervals: 100`), nil))
	refused(t, api.query(t, query(20, `period: "2025-01-01/2025-04-10", interval: DAY, intervals: 100`), nil), http.StatusUnprocessableEntity)
	refused(t, api.query(t, query(20, `period: "2025-01-01/2025-04-10", interval: DAY, mode: BRACKET, brackets: [`+strings.Repeat("1,", 100)+`]`), nil), http.StatusUnprocessableEntity)
}

// A cost that no integer holds is no way around the limit.
func TestComplexityDoesNotOverflow(t *testing.T) {
	t.Parallel()
	var q strings.Builder
	for i := range 3 {
		fmt.Fprintf(&q, ` g%d: grid(x: "x", y: "y", steps: %d) { xs }`, i, math.MaxInt32)
	}
	api := serve(newMemory(1), func(c *graph.Config) { c.MaxComplexity = 6_000 })
	refused(t, api.query(t, `{ __schema { types { name } } simulateSroi(valueMap: {}) { sensitivity {`+q.String()+` } }
		companies(first: 100) { nodes { cohorts(first: 100) { nodes { key } } } } }`, nil), http.StatusUnprocessableEntity)
}

func TestMaxFigures(t *testing.T) {
	t.Parallel()
	const query = `query($period: Period) { companies { nodes { timeSeries(period: $period, interval: DAY) { start } } } }`
	api := serve(newMemory(2), func(c *graph.Config) { c.MaxFigures = 20 })
	passes(t, api.query(t, query, map[string]any{"period": "2025-11-01/2025-11-10"}))
	res := api.query(t, query, map[string]any{"period": "2025-11-01/2025-11-11"})
	wantCodes(t, res, "TOO_LARGE", "TOO_LARGE")
	if len(api.questions) != 20 {
		t.Errorf("%d questions, want the first 20 alone", len(api.questions))
	}
}

func TestMaxPoints(t *testing.T) {
	t.Parallel()
	m := newMemory(1)
	api := serve(m)
	const query = `query($period: Period) { company(key: "c001") { timeSeries(period: $period, interval: DAY) { start } } }`
	passes(t, api.query(t, query, map[string]any{"period": "2020-01-01/2022-09-26"})) // 1000 days
	wantCodes(t, api.query(t, query, map[string]any{"period": "2020-01-01/2022-09-27"}), "TOO_LARGE")

	m.active = impact.Range{From: impact.Date(2020, 1, 1), To: impact.Date(2022, 9, 28)}
	wantCodes(t, api.query(t, query, nil), "TOO_LARGE")
}

// Queries made to be slow to look at must not be: each is refused or answered at once.
func TestHostileQueries(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	bomb := `{ company(key: "c001") { ...F0 } }`
	for i := range 100 {
		bomb += fmt.Sprintf(` fragment F%d on Company { ...F%d ... on Company { ...F%d } }`, i, i+1, i+1)
	}
	bomb += ` fragment F100 on Company { key }`
	for name, query := range map[string]string{
		"fragments":     bomb,
		"deep":          strings.Repeat(`{a`, 4000),
		"same fields":   `{` + strings.Repeat(` __typename`, 1990) + ` }`,
		"same objects":  `{` + strings.Repeat(` companies { nodes { key } }`, 280) + ` }`,
		"same fragment": `{ companies { nodes {` + strings.Repeat(` ...F`, 900) + ` } } } fragment F on Company { key name id }`,
		"too many":      `{` + strings.Repeat(` __typename`, 100_000) + ` }`,
		"deep types":    `{ __schema { types` + strings.Repeat(` { fields { type`, 300) + ` { name }` + strings.Repeat(` } }`, 300) + ` } }`,
		"deep lists":    `{ company(key: ` + strings.Repeat(`[`, 2000) + strings.Repeat(`]`, 2000) + `) { key } }`,
		"a cycle":       `{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }`,
	} {
		start := time.Now()
		res := api.query(t, query, nil)
		t.Logf("%s: %s, %d %v", name, time.Since(start), res.Status, res.codes()[:min(1, len(res.Errors))])
		for _, code := range res.codes() {
			if code == "INTERNAL" {
				t.Errorf("%s: %.300s", name, res.Body)
			}
		}
	}
}

// Fields share a look at the log for each instant that an operation asks about, matrices one
// of their own, and funnels; of many looks it would not be done in time.
func TestInstantsCost(t *testing.T) {
	t.Parallel()
	ask := func(instants, fields int) *answer {
		query := "query ($at0: DateTime) { company(key: \"c001\") {"
		for i := range fields {
			at := "$at0"
			if n := i % instants; n > 0 {
				at = fmt.Sprintf(`"2025-01-%02dT00:00:00Z"`, n)
			}
			query += fmt.Sprintf(" f%d: metrics(asOf: %s) { events }", i, at)
		}
		return serve(newMemory(1)).query(t, query+" } }", map[string]any{"at0": "2024-12-31T00:00:00Z"})
	}
	passes(t, ask(1, 30))
	passes(t, ask(5, 7))
	refused(t, ask(6, 6), http.StatusUnprocessableEntity)
	refused(t, ask(12, 12), http.StatusUnprocessableEntity)

	analyses := func(instants int) *answer {
		query := "{ company(key: \"c001\") {"
		for i := range instants {
			query += fmt.Sprintf(` f%[1]d: metrics(asOf: "2025-01-0%[2]dT00:00:00Z") { events } m%[1]d: retention(period: "2024", asOf: "2025-01-0%[2]dT00:00:00Z") { mode }
				w%[1]d: funnel(steps: [{activity: JOB}], period: "2024", asOf: "2025-01-0%[2]dT00:00:00Z") { erasedSince } again%[1]d: funnel(steps: [{activity: ANY}], period: "2024", asOf: "2025-01-0%[2]dT00:00:00Z") { erasedSince }`, i, i+1)
		}
		return serve(newMemory(1)).query(t, query+" } }", nil)
	}
	passes(t, analyses(1)) // three looks
	refused(t, analyses(2), http.StatusUnprocessableEntity)
}

// The events behind each figure are a search of their own, however few are asked for.
func TestExplainedEventsCost(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1), func(c *graph.Config) { c.Inbox, c.Viewer = new(inbox), as(key{scopes: "read,people"}) })
	for _, row := range []struct {
		field string
		fits  bool
	}{
		{`timeSeries(period: "2024", interval: WEEK) { metrics { explain { EVENTS } } }`, true},
		{`timeSeries(period: "2024", interval: DAY) { metrics { explain { EVENTS } } }`, false},
		{`volunteers(first: 100) { nodes { vis { explain { a: EVENTS b: EVENTS c: EVENTS } } } }`, false},
	} {
		res := api.query(t, `{ company(key: "c001") { `+strings.ReplaceAll(row.field, "EVENTS", "events(first: 1) { nodes { id } }")+` } }`, nil)
		if row.fits {
			passes(t, res)
		} else {
			refused(t, res, http.StatusUnprocessableEntity)
		}
	}
}
