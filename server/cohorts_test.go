package server

import (
	"fmt"
	"net/http"
	"testing"
)

// What the company's own fields say of a month, a point of a series says, by every
// methodology; and what they say of a period, the cohort of everybody says.
func TestMethodologiesAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company(t, "acme")
	a := w.serve(t, w.key(t, "ingest,read", c))
	var events []string
	for n := range 20 {
		who, day := fmt.Sprint("p", n), fmt.Sprintf("2025-0%d-%02dT10:00:00Z", 1+n%3, 1+n)
		events = append(events,
			session(fmt.Sprint("s", n), who, fmt.Sprint("v", n%4), day, 3600),
			event("placement.created", fmt.Sprint("j", n), day, fmt.Sprintf(`"userId":%q`, who)),
			event("milestone.achieved", fmt.Sprint("m", n), day, fmt.Sprintf(`"userId":%q`, who)),
			event("outcome.assessed", fmt.Sprint("o", n), day, fmt.Sprintf(`"participantId":%q,"dimension":"language","score":0.%d`, who, 3+n%6)),
			event("external.user.synced", fmt.Sprint("d", n), day, fmt.Sprintf(`"userId":%q,"division":%q`, who, []string{"North", "South"}[n%2])))
	}
	a.mustIngest(t, events...)
	w.awaitFolds(t)
	const fields = `teei: sroi(%[1]smethodology: "teei-1.0") { ratio investment } npv: sroi(%[1]smethodology: "teei-npv-1.0") { ratio investment }
		activity: sroi(%[1]smethodology: "teei-activity-1.0") { ratio investment }`
	const scores = ` vis(%[1]smethodology: "teei-vis-1.0") { score } reporting: vis(%[1]smethodology: "teei-vis-reporting-1.0") { score }`
	series := a.query(t, `{ company(key: "acme") { timeSeries(period: "2025-Q1", interval: MONTH) { `+fmt.Sprintf(fields+scores, "")+` } } }`, nil).clean(t)
	for i, month := range []string{"2025-01", "2025-02", "2025-03"} {
		own := a.query(t, `{ company(key: "acme") { `+fmt.Sprintf(fields+scores, `period: "`+month+`", `)+` } }`, nil).clean(t)
		if got, want := fmt.Sprint(series.at("company", "timeSeries", i)), fmt.Sprint(own.at("company")); got != want {
			t.Errorf("%s: %s, want %s", month, got, want)
		}
	}
	own := a.query(t, `{ company(key: "acme") { `+fmt.Sprintf(fields, `period: "2025-Q1", `)+` } }`, nil).clean(t)
	all := a.query(t, `{ company(key: "acme") { cohort(key: "all", period: "2025-Q1") { `+fmt.Sprintf(fields, "")+` } } }`, nil).clean(t)
	if got, want := fmt.Sprint(all.at("company", "cohort")), fmt.Sprint(own.at("company")); got != want {
		t.Errorf("all: %s, want %s", got, want)
	}

	// Ten of the north were placed: each a wage lift of 15,000 x 1.5 over three years.
	a.query(t, `{ company(key: "acme") { cohort(filter: {attribute: {name: "division", in: "north"}}, period: "2025-Q1") {
		participantCount sroi(methodology: "teei-npv-1.0") { investment socialValue } benchmark { others { participantCount } peerGroup } } } }`, nil).
		clean(t).want(t, http.StatusOK, `{"data":{"company":{"cohort":{"participantCount":10,"sroi":{"investment":"299.50","socialValue":"636437.55"},`+
		`"benchmark":{"others":{"participantCount":10},"peerGroup":null}}}}}`)
}
