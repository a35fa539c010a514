package graph_test

import (
	"errors"
	"testing"
	"time"

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
	} } }`, map[string]any{"at": "2024-06-10T23:00:00Z"})
	wantCodes(t, res)
	res.want(t, `{
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

// What cannot be known of the past is an error of the fields that ask for it alone.
func TestAsOfRefusals(t *testing.T) {
	t.Parallel()
	query := func(m *memory, asOf string, codes ...string) {
		t.Helper()
		res := serve(m).query(t, `{ company(key: "c001") {
			now: metrics { events } cohort(key: "all") { key }
			then: metrics(asOf: "`+asOf+`") { events } old: cohort(key: "all", asOf: "`+asOf+`") { key } } }`, nil)
		wantCodes(t, res, codes...)
		if codes != nil {
			res.want(t, `{"now":{"events":1},"cohort":{"key":"all"},"then":null,"old":null}`, "company")
		}
	}
	query(newMemory(1), "2025-11-13T09:59:59Z")
	query(newMemory(1), "2025-11-13T10:00:01Z", "INVALID", "INVALID")
	broken := newMemory(1)
	broken.fail = func(call string) error {
		if call == "Past" {
			return errors.New("no")
		}
		return nil
	}
	query(broken, "2025-01-01T00:00:00Z", "INTERNAL", "INTERNAL")

	for _, field := range []string{
		`cohort(key: "all", period: "2023", asOf: "2025-01-01T00:00:00Z") { benchmark { peers } }`,
		`metrics(asOf: "2025-01-01") { events }`, `metrics(asOf: "2025-01-01T00:00:00") { events }`,
		`metrics(asOf: "1969-01-01T00:00:00Z") { events }`, `metrics(asOf: 7) { events }`, `metrics(asOf: "2200-01-01T00:00:00Z") { events }`,
	} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { key `+field+` } }`, nil)
		if len(res.Errors) != 1 || res.Errors[0].Extensions.Code != "INVALID" {
			t.Errorf("%s: %s", field, res.Body)
		}
	}
}
