package graph_test

import (
	"errors"
	"testing"
	"time"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

// Fields with an instant ask for it, cut periods by the calendar and the day of then, and
// share reads with each other; fields without one are as ever.
func TestAsOf(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(2))
	res := api.query(t, `query ($at: DateTime) { companies(first: 2) { nodes {
		now: metrics(period: "FY2025-Q3") { sessions erasedSince }
		then: metrics(period: "FY2025-Q3", asOf: $at) { sessions erasedSince }
		days: metrics(period: "last-30d", asOf: $at, compareTo: PREVIOUS_PERIOD) { change { start end } }
		series: timeSeries(interval: MONTH, asOf: "2025-01-02T03:04:05.678901+02:00") { start end metrics { sessions } }
		sroi(asOf: $at) { ratio erasedSince } activity: sroi(methodology: "teei-activity-1.0", asOf: $at) { investment }
		vis(asOf: $at) { score erasedSince }
		cohort(key: "ALL", asOf: $at) { key participantCount erasedSince }
		sales: cohort(key: "Engineering", asOf: $at) { key erasedSince }
		some: cohort(filter: {did: {activity: SESSION, period: "last-30d"}}, asOf: $at) { name }
		list: cohorts(first: 2, asOf: $at) { nodes { key erasedSince } pageInfo { hasNextPage } }
		lately: cohorts(first: 2) { pageInfo { hasNextPage } }
	} } }`, map[string]any{"at": "2024-06-10T23:00:00Z"})
	wantCodes(t, res)
	res.want(t, `{
		"list":{"nodes":[{"key":"all","erasedSince":false},{"key":"Engineering","erasedSince":false}],"pageInfo":{"hasNextPage":true}},
		"lately":{"pageInfo":{"hasNextPage":true}},
		"now":{"sessions":92,"erasedSince":false},"then":{"sessions":90,"erasedSince":false},
		"days":{"change":{"start":"2024-04-12","end":"2024-05-11"}},
		"series":[{"start":"2024-01-01","end":"2024-01-31","metrics":{"sessions":31}}],
		"sroi":{"ratio":7.5,"erasedSince":false},"activity":{"investment":"1500.00"},
		"vis":{"score":82.5,"erasedSince":false},
		"cohort":{"key":"all","participantCount":1,"erasedSince":false},"sales":{"key":"Engineering","erasedSince":false},
		"some":{"name":"The {\"did\":{\"activity\":\"SESSION\",\"period\":\"2024-05-12/2024-06-10\"}}"}}`, "companies", "nodes", 0)
	if api.calls["Past"] != 2 { // one for figures, one for cohorts
		t.Errorf("the past was looked up %d times", api.calls["Past"])
	}
	then := impact.AsOfTime(time.Date(2024, 6, 10, 23, 0, 0, 0, time.UTC))
	instants := make(map[impact.AsOf]int)
	for _, q := range api.questions {
		instants[q.AsOf]++
	}
	if instants[0] == 0 || instants[then] == 0 || len(instants) != 3 {
		t.Errorf("asked of %v", instants)
	}
}

// Matrices and funnels go by the calendar and the day of then, in which columns are finished,
// and list the events of then; each sort looks the past up once.
func TestAnalysesAsOf(t *testing.T) {
	t.Parallel()
	box := new(inbox)
	api := serve(newMemory(2), func(c *graph.Config) { c.Inbox = box })
	res := api.query(t, `query ($at: DateTime) { companies(first: 2) { nodes {
		now: retention(period: "FY2024-Q3", intervals: 2) { erasedSince rows { start retained } }
		retention(period: "FY2024-Q4", intervals: 2, asOf: $at) { erasedSince rows { start retained } explain { events(first: 1) { nodes { receipt } } } }
		funnel(steps: [{activity: SESSION}], period: "last-30d", asOf: $at) { erasedSince steps { people } explain { start end } }
		again: funnel(steps: [{activity: JOB}], period: "last-30d", asOf: $at) { erasedSince }
		doers: funnel(steps: [{activity: JOB}], period: "2024", filter: {did: {activity: SESSION, period: "last-30d"}}, asOf: $at) { explain { cohort } }
	} } }`, map[string]any{"at": "2024-06-10T23:00:00Z"})
	wantCodes(t, res)
	res.want(t, `{
		"now":{"erasedSince":false,"rows":[{"start":"2023-10-01","retained":[10,5]},{"start":"2023-11-01","retained":[0,0]},{"start":"2023-12-01","retained":[0,0]}]},
		"retention":{"erasedSince":false,"rows":[{"start":"2024-04-01","retained":[10,5]},{"start":"2024-05-01","retained":[0,null]},{"start":"2024-06-01","retained":[null,null]}],"explain":{"events":{"nodes":[{"receipt":"1"}]}}},
		"funnel":{"erasedSince":false,"steps":[{"people":10}],"explain":{"start":"2024-05-12","end":"2024-06-10"}},"again":{"erasedSince":false},
		"doers":{"explain":{"cohort":"{\"did\":{\"activity\":\"SESSION\",\"period\":\"2024-05-12/2024-06-10\"}}"}}}`, "companies", "nodes", 0)
	if api.calls["Past"] != 2 || api.calls["Past funnels"] != 1 {
		t.Errorf("the past was looked up %d times, and funnels asked for %d times", api.calls["Past"], api.calls["Past funnels"])
	}
	if then := impact.AsOfTime(time.Date(2024, 6, 10, 23, 0, 0, 0, time.UTC)); box.asOf != then || len(box.questions) != 2 {
		t.Errorf("%d lists of events as of %s", len(box.questions), box.asOf)
	}
}

// What cannot be known of the past is an error of the fields that ask for it alone.
func TestAsOfRefusals(t *testing.T) {
	t.Parallel()
	query := func(m *memory, asOf string, codes ...string) {
		t.Helper()
		res := serve(m).query(t, `{ company(key: "c001") {
			now: metrics { events } cohort(key: "all") { key }
			retention(period: "2024-Q1") { mode } funnel(steps: [{activity: JOB}], period: "2024") { steps { activity } }
			then: metrics(asOf: "`+asOf+`") { events } old: cohort(key: "all", asOf: "`+asOf+`") { key } list: cohorts(asOf: "`+asOf+`") { nodes { key } }
			rows: retention(period: "2024-Q1", asOf: "`+asOf+`") { mode } steps: funnel(steps: [{activity: JOB}], period: "2024", asOf: "`+asOf+`") { erasedSince } } }`, nil)
		wantCodes(t, res, codes...)
		if codes != nil {
			res.want(t, `{"now":{"events":1},"cohort":{"key":"all"},"retention":{"mode":"CLASSIC"},"funnel":{"steps":[{"activity":"JOB"}]},
				"then":null,"old":null,"list":null,"rows":null,"steps":null}`, "company")
		}
	}
	query(newMemory(1), "2025-11-13T09:59:59Z")
	query(newMemory(1), "2025-11-13T10:00:01Z", "INVALID", "INVALID", "INVALID", "INVALID", "INVALID")
	broken := newMemory(1)
	broken.fail = func(call string) error {
		if call == "Past" {
			return errors.New("no")
		}
		return nil
	}
	query(broken, "2025-01-01T00:00:00Z", "INTERNAL", "INTERNAL", "INTERNAL", "INTERNAL", "INTERNAL")

	// One that a reader cannot tell is no matter to those about now, nor to others.
	broken.fail = func(call string) error {
		if call == "Past funnels" {
			return &impact.Error{Code: impact.CodeTooLarge, Message: "no"}
		}
		return nil
	}
	res := serve(broken).query(t, `{ company(key: "c001") { funnel(steps: [{activity: JOB}], period: "2024") { erasedSince }
		then: funnel(steps: [{activity: JOB}], period: "2024", asOf: "2025-01-01T00:00:00Z") { erasedSince } rows: retention(period: "2024", asOf: "2025-01-01T00:00:00Z") { mode } } }`, nil)
	wantCodes(t, res, "TOO_LARGE")
	res.want(t, `{"funnel":{"erasedSince":false},"then":null,"rows":{"mode":"CLASSIC"}}`, "company")

	for _, field := range []string{
		`cohort(key: "all", period: "2023", asOf: "2025-01-01T00:00:00Z") { benchmark { peers } }`,
		`retention(period: "2024", asOf: "2025-01-01") { mode }`, `funnel(steps: [{activity: JOB}], period: "2024", asOf: "2025-01-01") { erasedSince }`,
		`metrics(asOf: "2025-01-01") { events }`, `metrics(asOf: "2025-01-01T00:00:00") { events }`,
		`metrics(asOf: "1969-01-01T00:00:00Z") { events }`, `metrics(asOf: 7) { events }`, `metrics(asOf: "2200-01-01T00:00:00Z") { events }`,
	} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { key `+field+` } }`, nil)
		if len(res.Errors) != 1 || res.Errors[0].Extensions.Code != "INVALID" {
			t.Errorf("%s: %s", field, res.Body)
		}
	}
}
