package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// asOfQuery asks for every figure that has a past; %s is the arguments.
const asOfQuery = `query ($key: ID!) { company(key: $key) {
	metrics(period: "2025" %[1]s) { events unmappedEvents sessions participants volunteers volunteerHours avgEngagement completionRate impactScore explain { hash } }
	buddy: metrics(period: "2025-Q1", programme: "buddy" %[1]s) { events sessions participants }
	sroi(%[2]s) { ratio investment socialValue status ...On } npv: sroi(methodology: "teei-npv-1.0" %[1]s) { ratio investment explain { hash } }
	activity: sroi(methodology: "teei-activity-1.0" %[1]s) { ratio explain { inputs { name value } hash } }
	vis(%[2]s) { score band components { name score } explain { hash } } reporting: vis(methodology: "teei-vis-reporting-1.0" %[1]s) { score explain { hash } }
	cohort(key: "all" %[1]s) { participantCount completionRate sroi { ratio } vis { score } }
	sales: cohort(key: "Sales" %[1]s) { ...Told } mine: cohort(key: "mine", period: "2025" %[1]s) { ...Told }
	some: cohort(filter: {and: [{not: {department: "sales"}}, {did: {activity: ANY, period: "last-3000d"}}]} %[1]s) { ...Told }
	cohorts(first: 2 %[1]s) { nodes { key name few: suppressed participantCount explain { hash } } pageInfo { hasNextPage endCursor } }
	rest: cohorts(first: 10, after: "YWxs" %[1]s) { nodes { key few: suppressed vis { score } } pageInfo { hasNextPage } }
	retention(period: "2024-01-01/2025-06-30", interval: YEAR, intervals: 2 %[1]s) { ...Stayed } rolling: retention(period: "2024", cohort: "Sales", mode: ROLLING, interval: YEAR, intervals: 2 %[1]s) { ...Stayed }
	funnel(steps: [{activity: ANY}, {activity: SESSION}], window: 200, period: "last-3000d" %[1]s) { ...Came }
	south: funnel(steps: [{activity: ANY}, {activity: OUTCOME, programme: "buddy"}], window: 200, period: "2024", filter: {not: {department: "sales"}} %[1]s) { ...Came }
	timeSeries(period: "2024", interval: QUARTER %[1]s) { start metrics { events participants avgEngagement } sroi { ratio explain { hash } } vis { score } }
} }
fragment On on SROI { explain { inputs { name value } hash events(first: 30) { nodes { id participant occurredAt programme } pageInfo { hasNextPage endCursor } } } }
fragment Stayed on Retention { rows { start few: suppressed size retained withheld } explain { inputs { name value } hash events(first: 10) { nodes { id participant } pageInfo { hasNextPage endCursor } } } }
fragment Came on Funnel { steps { few: suppressed people medianDays } explain { inputs { name value } hash events(first: 10) { nodes { id participant } pageInfo { hasNextPage endCursor } } } }
fragment Told on Cohort { key name suppressed participantCount completionRate sroi(methodology: "teei-npv-1.0") { ratio explain { hash } } vis { score explain { hash } }
	explain { inputs { name value } hash events(first: 30) { nodes { id participant } pageInfo { hasNextPage endCursor } } } }`

// What GraphQL and /v1 answer for an instant is what they answered then, however much
// comes in between, and after a rebuild; and each of the company asked for alone.
func TestAsOfAtTheDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, other := w.company(t, "acme", "America/New_York"), w.company(t, "other")
	a := w.serve(t, w.key(t, "ingest,read,people,admin", acme, other))
	paths := []string{
		"/v1/metrics/acme?period=2025", "/v1/metrics/acme?start=2025-01-01&end=2025-03-31&program=buddy", "/v1/metrics/acme/sroi?period=2025",
		"/v1/metrics/acme/vis?period=2024-Q4", "/v1/cohort/acme/all?period=2025", "/v1/cohort/acme/sales?period=2025", "/v1/cohort/acme/mine?period=2025",
	}
	graphQL := func(args string) string {
		answer := a.query(t, fmt.Sprintf(asOfQuery, args, cmpOr(args, `period: null`)), map[string]any{"key": "acme"})
		text, err := json.Marshal(answer.Data)
		if err != nil || len(answer.Errors) > 0 {
			t.Fatalf("%v %v", answer.Errors, err)
		}
		return string(text)
	}
	v1 := func(more string) (list []string) {
		for _, path := range paths {
			var answer map[string]any
			r := a.get(t, path+more)
			if err := json.Unmarshal(r.body, &answer); err != nil || r.status != http.StatusOK {
				t.Fatalf("%s: %d %s", path+more, r.status, r.body)
			}
			if more != "" && (answer["erasedSince"] != false || answer["asOf"] == nil) {
				t.Errorf("%s: %s", path+more, r.body)
			}
			delete(answer, "asOf")
			delete(answer, "erasedSince")
			text, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, string(text))
		}
		return list
	}

	from, to := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(8, 8))
	type moment struct {
		at      string
		graphQL string
		v1      []string
	}
	var moments []moment
	for round := range 4 {
		var events []string
		for n := range 120 {
			events = append(events, randomEvent(rng, fmt.Sprintf("r%d-%d", round, n), from, to))
		}
		for who := range 60 { // some move
			if round == 0 || rng.IntN(4) == 0 {
				events = append(events, event("external.user.synced", fmt.Sprintf("d%d-%d", round, who), fmt.Sprintf("2025-%02d-01T00:00:00Z", 7+rng.IntN(6)),
					fmt.Sprintf(`"userId":"p%d","department":%q`, who, []string{"Sales", "sales", "HR"}[rng.IntN(3)])))
			}
		}
		a.mustIngest(t, events...)
		a.query(t, fmt.Sprintf(`mutation { saveCohort(company: "acme", key: "mine", filter: {%s: {department: "HR"}}) { version } }`,
			[]string{"not", "and"}[round%2]), nil)
		if round > 0 { // what was said before is corrected
			a.mustIngest(t, event("external.volunteer.logged", fmt.Sprint("fix", round), "2025-02-02T10:00:00Z",
				fmt.Sprintf(`"volunteerId":"v1","hours":%d,"supersedes":"r%d-%d"`, round, round-1, round)))
		}
		a.ingest(t, event("session.completed", fmt.Sprint("o", round), "2025-02-02T10:00:00Z", `"userId":"p","companyId":"other"`))
		w.awaitFolds(t)
		a.query(t, fmt.Sprintf(`mutation { updateSettings(company: "acme", input: {hourlyValue: {value: "%d", validFrom: "2024-01-01"}}) { version } }`,
			30+round), nil)
		at := w.list(t, "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0]
		moments = append(moments, moment{at, graphQL(""), v1("")})
	}
	if err := w.store.Rebuild(t.Context(), acme.ID, nil); err != nil {
		t.Fatal(err)
	}
	for i, m := range moments {
		if got := graphQL(`, asOf: "` + m.at + `"`); got != m.graphQL {
			t.Errorf("moment %d, GraphQL:\n got %s\nwant %s", i, got, m.graphQL)
		}
		got := v1("&asOf=" + url.QueryEscape(m.at))
		for n := range got {
			if got[n] != m.v1[n] {
				t.Errorf("moment %d, %s:\n got %s\nwant %s", i, paths[n], got[n], m.v1[n])
			}
		}
	}
	if moments[0].graphQL == moments[3].graphQL {
		t.Error("nothing changed in between")
	}
	for _, moment := range []string{moments[0].graphQL, moments[3].graphQL} {
		if strings.Count(moment, `"suppressed":false`) != 3 {
			t.Errorf("some cohort is withheld: the comparison proves little: %s", moment)
		}
		if n := strings.Count(moment, `"few":false`); n < 6 {
			t.Errorf("%d rows and steps are told: the comparison proves little: %s", n, moment)
		}
	}

	if _, err := w.store.Erase(t.Context(), impact.EraseRequest{Company: acme.ID, Person: "p7", By: "test"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{paths[2], "/v1/cohort/acme/sales?period=2025"} {
		r := a.get(t, path+"&asOf="+moments[1].at)
		if !strings.Contains(string(r.body), `"erasedSince":true`) {
			t.Errorf("after an erasure: %s", r.body)
		}
	}
	const erasedSince = `{ company(key: "acme") { retention(period: "2024" %[1]s) { erasedSince } funnel(steps: [{activity: ANY}], period: "2024" %[1]s) { erasedSince } } }`
	for args, want := range map[string]string{"": "false", `, asOf: "` + moments[1].at + `"`: "true"} {
		text, err := json.Marshal(a.query(t, fmt.Sprintf(erasedSince, args), nil).Data)
		if err != nil || strings.Count(string(text), `"erasedSince":`+want) != 2 {
			t.Errorf("matrices and funnels%s, after an erasure: %s", args, text)
		}
	}
	for _, export := range []string{"funnel.csv?period=2024&steps=ANY", "retention.csv?period=2024&interval=YEAR"} {
		if r := a.get(t, "/v1/export/acme/"+export+"&asOf="+moments[1].at); r.status != http.StatusOK || !strings.Contains(string(r.body), "true") {
			t.Errorf("%s, after an erasure: %d %s", export, r.status, r.body)
		}
	}
	for query, pointer := range map[string]string{
		"asOf=2199-01-01T00:00:00Z": "/asOf", "asOf=yesterday": "/asOf", "asOf=": "/asOf", "asOf=2025-01-01": "/asOf",
	} {
		a.get(t, "/v1/metrics/acme?"+query).wantRefusal(t, http.StatusBadRequest, impact.CodeInvalid, pointer)
	}
	if r := a.get(t, "/v1/cohort/acme/mine?asOf=2025-01-01T00:00:00Z"); r.status != http.StatusNotFound {
		t.Errorf("of a cohort that there was not yet: %d %s", r.status, r.body)
	}
	for _, key := range []string{"mine", "sales"} {
		for _, field := range []string{
			`cohort(key: %q, asOf: "2025-01-01T00:00:00Z") { participantCount }`, `retention(cohort: %q, period: "2024", asOf: "2025-01-01T00:00:00Z") { mode }`,
			`funnel(steps: [{activity: JOB}], cohort: %q, period: "2024", asOf: "2025-01-01T00:00:00Z") { erasedSince }`,
		} {
			answer := a.query(t, `{ company(key: "acme") { `+fmt.Sprintf(field, key)+` } }`, nil)
			if len(answer.Errors) != 1 || answer.Errors[0].Extensions.Code != string(impact.CodeNotFound) {
				t.Errorf("%s of %s, before anything was known: %v", field, key, answer.Errors)
			}
		}
	}
	a.as(w.key(t, "read", other)).get(t, "/v1/metrics/acme?asOf="+moments[1].at).wantRefusal(t, http.StatusForbidden, impact.CodeForbidden, "")
}

func cmpOr(args, none string) string {
	if args == "" {
		return none
	}
	return strings.TrimPrefix(args, ", ")
}

// Restatements, page by page, are what the figures of the months were as of an instant and
// are now, and name the late event and the correction by their ids.
func TestRestatementsAtTheDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme, other := w.company(t, "acme", "Pacific/Auckland"), w.company(t, "other")
	a := w.serve(t, w.key(t, "ingest,read", acme, other))
	logged := func(id, at, more string) string {
		return event("external.volunteer.logged", id, at, `"volunteerId":"v1"`, more)
	}
	a.mustIngest(t, logged("a", "2025-01-15T10:00:00Z", `"hours":2`), logged("b", "2025-02-15T10:00:00Z", `"hours":3`))
	since := w.list(t, "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0]
	a.mustIngest(t, logged("late", "2025-01-31T10:59:59Z", `"hours":4`), // the last second of January there
		logged("fixed", "2025-02-16T10:00:00Z", `"hours":1,"supersedes":"b"`))
	a.ingest(t, event("external.volunteer.logged", "o", "2025-01-15T10:00:00Z", `"volunteerId":"v2","hours":9,"companyId":"other"`))
	w.awaitFolds(t)

	const query = `query ($since: DateTime!, $after: String) { company(key: "acme") { restatements(since: $since, first: 2, after: $after) {
		nodes { start figure before now reasons eventCount events { reason type } } pageInfo { hasNextPage endCursor } } } }`
	var got []string
	variables := map[string]any{"since": since}
	for {
		var page struct {
			Company struct {
				Restatements struct {
					Nodes    []json.RawMessage
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
				}
			}
		}
		answer := a.query(t, query, variables)
		text, err := json.Marshal(answer.Data)
		if err != nil || len(answer.Errors) > 0 || json.Unmarshal(text, &page) != nil {
			t.Fatalf("%v %s", answer.Errors, text)
		}
		for _, n := range page.Company.Restatements.Nodes {
			var node struct {
				Start, Figure string
				Before, Now   json.Number
				Reasons       []string
				EventCount    int
			}
			if err := json.Unmarshal(n, &node); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %s to %s %v %d", node.Start, node.Figure, node.Before, node.Now, node.Reasons, node.EventCount))
		}
		if !page.Company.Restatements.PageInfo.HasNextPage {
			break
		}
		variables["after"] = page.Company.Restatements.PageInfo.EndCursor
	}
	want := []string{
		"2025-01-01 EVENTS 1 to 2 [LATE] 1", "2025-01-01 VOLUNTEER_HOURS 2 to 6 [LATE] 1", "2025-01-01 IMPACT_SCORE 0 to 0.01 [LATE] 1",
		"2025-01-01 SROI_INVESTMENT 59.9 to 179.7 [LATE] 1", "2025-01-01 VIS_SCORE 0.06 to 0.18 [LATE] 1",
		"2025-02-01 VOLUNTEER_HOURS 3 to 1 [CORRECTED] 1", "2025-02-01 SROI_INVESTMENT 89.85 to 29.95 [CORRECTED] 1",
		"2025-02-01 VIS_SCORE 0.09 to 0.03 [CORRECTED] 1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	future := a.query(t, `{ company(key: "acme") { restatements(since: "2199-01-01T00:00:00Z") { until } } }`, nil)
	if len(future.Errors) != 1 || future.Errors[0].Extensions.Code != string(impact.CodeInvalid) {
		t.Errorf("since the future: %v", future.Errors)
	}
}
