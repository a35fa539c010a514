package graph_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/impactql/impactql/graph/model"
	"github.com/impactql/impactql/impact"
)

// overview is the query of the contracts, verbatim.
const overview = `query Overview($key: ID!, $period: Period) {
  company(key: $key) {
    id key name
    metrics(period: $period) { events sessions participants volunteers volunteerHours avgEngagement completionRate impactScore }
    sroi(period: $period, methodology: "teei-1.0") { ratio investment socialValue status methodology { id } }
    vis(period: $period) { score band components { name score weight } }
    cohort(key: "all") { key participantCount completionRate sroi { ratio } vis { score } }
    cohorts(first: 10) { edges { node { key name participantCount } } pageInfo { hasNextPage endCursor } }
    timeSeries(period: $period, interval: MONTH) { start end metrics { sessions participants } }
  }
}`

// overviewOfAll asks the same of a page of companies.
var overviewOfAll = strings.NewReplacer(
	"$key: ID!", "$first: Int", "company(key: $key) {", "companies(first: $first) { edges { node {", "\n  }\n}", "\n  } } }\n}",
).Replace(overview)

func TestOverview(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	res := api.query(t, overview, map[string]any{"key": "c001", "period": "2025-Q1"})
	wantCodes(t, res)
	res.want(t, `{"company":{
		"id":"`+model.CompanyID("c001")+`","key":"c001","name":"Company 1",
		"metrics":{"events":1,"sessions":90,"participants":0,"volunteers":1,"volunteerHours":12.5,
			"avgEngagement":60,"completionRate":40,"impactScore":7.88},
		"sroi":{"ratio":7.5,"investment":"100.00","socialValue":"750.50","status":"OK","methodology":{"id":"teei-1.0"}},
		"vis":{"score":82.5,"band":"Outstanding","components":[{"name":"hours","score":10,"weight":0.3}]},
		"cohort":{"key":"all","participantCount":1,"completionRate":50,"sroi":{"ratio":7.5},"vis":{"score":70}},
		"cohorts":{"edges":[
			{"node":{"key":"all","name":"The all","participantCount":1}},
			{"node":{"key":"Engineering","name":"The Engineering","participantCount":1}},
			{"node":{"key":"Sales","name":"The Sales","participantCount":1}},
			{"node":{"key":"tiny","name":"The tiny","participantCount":null}}],
			"pageInfo":{"hasNextPage":false,"endCursor":"`+model.Cursor("tiny")+`"}},
		"timeSeries":[
			{"start":"2025-01-01","end":"2025-01-31","metrics":{"sessions":31,"participants":0}},
			{"start":"2025-02-01","end":"2025-02-28","metrics":{"sessions":28,"participants":0}},
			{"start":"2025-03-01","end":"2025-03-31","metrics":{"sessions":31,"participants":0}}]}}`)
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
}

// All time has a beginning and an end in a series, and only there.
func TestOverviewOfAllTime(t *testing.T) {
	t.Parallel()
	res := serve(newMemory(1)).query(t, overview, map[string]any{"key": "c001"})
	wantCodes(t, res)
	res.want(t, fmt.Sprint(int(impact.AllTime.To-impact.AllTime.From)), "company", "metrics", "sessions")
	res.want(t, `[
		{"start":"2025-01-15","end":"2025-01-31","metrics":{"sessions":17,"participants":0}},
		{"start":"2025-02-01","end":"2025-02-28","metrics":{"sessions":28,"participants":0}},
		{"start":"2025-03-01","end":"2025-03-10","metrics":{"sessions":10,"participants":0}}]`, "company", "timeSeries")

	empty := newMemory(1)
	empty.active = impact.Range{}
	serve(empty).query(t, overview, map[string]any{"key": "c001"}).want(t, `[]`, "company", "timeSeries")
}

// The heart of the matter: reads are counted by what is asked, not by of how many.
func TestReadsDoNotGrowWithCompanies(t *testing.T) {
	t.Parallel()
	for _, period := range []any{nil, "2025"} {
		want := map[string]int{"Settings": 1, "Figures": 1, "Departments": 1, "Cohorts": 1}
		if period == nil {
			want["Active"] = 1
		}
		one := serve(newMemory(1))
		wantCodes(t, one.query(t, overview, map[string]any{"key": "c001", "period": period}))
		want["Companies"] = 1
		if !maps.Equal(one.calls, want) {
			t.Errorf("one company by key, period %v: %v, want %v", period, one.calls, want)
		}
		delete(want, "Companies")
		want["CompanyPage"] = 1
		for _, n := range []int{1, 10, 100} {
			many := serve(newMemory(n))
			res := many.query(t, overviewOfAll, map[string]any{"first": 100, "period": period})
			wantCodes(t, res)
			for i := range n {
				res.want(t, fmt.Sprint(i+1), "companies", "edges", i, "node", "metrics", "events")
				res.want(t, fmt.Sprint(i+1), "companies", "edges", i, "node", "cohort", "participantCount")
			}
			if !maps.Equal(many.calls, want) {
				t.Errorf("%d companies, period %v: %v, want %v", n, period, many.calls, want)
			}
		}
	}
}

func TestFieldsShareQuestions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fields string
		want   []impact.Parts
	}{
		"counts alone": {`metrics { events }`, []impact.Parts{impact.PartsMetrics}},
		"summary":      {`metrics { ... on Metrics { impactScore } }`, []impact.Parts{impact.PartsOverview}},
		"scores":       {`sroi { ratio } vis { score }`, []impact.Parts{impact.PartsSROI | impact.PartsVIS}},
		"aliases":      {`a: metrics { events } b: metrics { sessions }`, []impact.Parts{impact.PartsMetrics}},
		"two periods": {`a: metrics(period: "2024") { events } b: sroi(period: "2025") { ratio }`,
			[]impact.Parts{impact.PartsMetrics, impact.PartsSROI}},
		"one day as two texts": {`a: metrics(period: "2025-11-13") { events } b: metrics(period: $day) { events }`,
			[]impact.Parts{impact.PartsMetrics}},
		"programmes": {`a: metrics(programme: "buddy") { events } b: metrics { events }`,
			[]impact.Parts{impact.PartsMetrics, impact.PartsMetrics}},
		"series": {`timeSeries(period: "2025-Q1", interval: QUARTER) { vis { score } }`, []impact.Parts{impact.PartsVIS}},
		"compared": {`metrics(period: "2025-Q1", compareTo: PREVIOUS_YEAR) { events change { events { base } } }`,
			[]impact.Parts{impact.PartsMetrics, impact.PartsMetrics}},
		"compared summary": {`metrics(period: "2025-Q1", compareTo: PREVIOUS_YEAR) { change { impactScore { base } } }`,
			[]impact.Parts{impact.PartsOverview, impact.PartsOverview}},
		"series without figures": {`timeSeries(period: "2025-Q1", interval: QUARTER) { start }`, []impact.Parts{0}},
		"fragments": {`...F ... on Node { ... on Company { sroi { ratio } } }`,
			[]impact.Parts{impact.PartsMetrics | impact.PartsSROI}},
		"skipped": {`metrics { events } sroi @skip(if: true) { ratio } vis @include(if: $no) { score }`,
			[]impact.Parts{impact.PartsMetrics}},
		"a null argument": {`metrics(period: null, programme: null) { events } sroi(methodology: null) { ratio }`,
			[]impact.Parts{impact.PartsMetrics | impact.PartsSROI}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := serve(newMemory(1))
			query := `query($day: Period, $no: Boolean = false) { company(key: "c001") { ` + c.fields + `
				never: metrics(period: $day) @include(if: $no) { events } } }`
			if strings.Contains(c.fields, "...F") {
				query += ` fragment F on Company { metrics { events } }`
			}
			res := api.query(t, query, map[string]any{"day": "2025-11-13"})
			wantCodes(t, res)
			var got []impact.Parts
			for _, q := range api.questions {
				got = append(got, q.Parts)
			}
			if !slices.Equal(got, c.want) || api.calls["Figures"] != 1 {
				t.Errorf("parts %v in %d reads, want %v in 1", got, api.calls["Figures"], c.want)
			}
		})
	}
}

// The nodes and the edges of a page are the same companies.
func TestNodesAndEdgesShareReads(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(3))
	res := api.query(t, `{ companies { nodes { metrics { events } } edges { node { sroi { ratio status } } } more: edges { node { vis { band } } } } }`, nil)
	wantCodes(t, res)
	res.want(t, `{"nodes":[{"metrics":{"events":1}},{"metrics":{"events":2}},{"metrics":{"events":3}}],
		"edges":[{"node":{"sroi":{"ratio":7.5,"status":"OK"}}},{"node":{"sroi":{"ratio":null,"status":"INSUFFICIENT_DATA"}}},
			{"node":{"sroi":{"ratio":7.5,"status":"OK"}}}],
		"more":[{"node":{"vis":{"band":"Outstanding"}}},{"node":{"vis":{"band":"Outstanding"}}},{"node":{"vis":{"band":"Outstanding"}}}]}`,
		"companies")
	if want := map[string]int{"CompanyPage": 1, "Settings": 1, "Figures": 1}; !maps.Equal(api.calls, want) {
		t.Errorf("%v, want %v", api.calls, want)
	}
	if len(api.questions) != 3 {
		t.Errorf("%d questions, want 3", len(api.questions))
	}
}

// Aliases at the root share reads as far as they come at the same time; the answers
// are right in any case.
func TestRootAliases(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(20))
	var q strings.Builder
	for i := range 20 {
		fmt.Fprintf(&q, ` a%d: company(key: "c%03d") { metrics(period: "%d") { events sessions } cohorts { nodes { participantCount } } }`, i, i+1, 2001+i)
	}
	res := api.query(t, "{"+q.String()+" }", nil)
	wantCodes(t, res)
	for i := range 20 {
		days := impact.Date(2002+i, 1, 1) - impact.Date(2001+i, 1, 1)
		res.want(t, fmt.Sprintf(`{"events":%d,"sessions":%d}`, i+1, int(days)), fmt.Sprintf("a%d", i), "metrics")
		res.want(t, fmt.Sprint(i+1), fmt.Sprintf("a%d", i), "cohorts", "nodes", 0, "participantCount")
	}
	if n := api.calls["Figures"]; n > 20 || len(api.questions) != 20 {
		t.Errorf("%d questions in %d reads", len(api.questions), n)
	}
}
