package graph_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

// inbox has for each question as many events as there are, of its company and first day.
type inbox struct {
	graph.Inbox
	mu        sync.Mutex // guards the fields below: loaders call at once
	calls     int
	questions []impact.EventsQuestion
	asOf      impact.AsOf // of the last call
}

func (i *inbox) ExplainedEvents(
	_ context.Context, asOf impact.AsOf, questions []impact.EventsQuestion, limit, _ int,
) ([][]*impact.Arrival, error) {
	i.mu.Lock()
	i.calls++
	i.asOf = asOf
	i.questions = append(i.questions, questions...)
	i.mu.Unlock()
	lists := make([][]*impact.Arrival, len(questions))
	for n, q := range questions {
		for at := 0; at < limit && at < 3; at++ {
			lists[n] = append(lists[n], &impact.Arrival{
				Verdict: impact.ArrivalStored, Company: q.Company, Receipt: int64(q.Company), Key: impact.Key{byte(at)},
				OccurredAt: q.From.Add(time.Duration(at) * time.Second), ReceivedAt: q.From, Raw: []byte(`{}`),
			})
		}
	}
	return lists, nil
}

const explained = `explain { methodology formula company programme start end inputs { name value unit source evidenceGrade } parameters { name value unit source } hash }`

// Every figure explains itself without anything being read that the figure did not need.
func TestExplain(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(3))
	res := api.query(t, `{ companies { nodes { metrics(period: "2025-02") { `+explained+` }
		sroi(period: "2025-02", methodology: "teei-1.0", programme: "buddy") { `+explained+` }
		npv: sroi(period: "2025-02", methodology: "teei-npv-1.0", whatIf: {wageLift: 5000}) { `+explained+` }
		activity: sroi(period: "2025-02", methodology: "teei-activity-1.0") { `+explained+` }
		vis(period: "2025-02", methodology: "teei-vis-1.0") { `+explained+` }
		reporting: vis(period: "2025-02", methodology: "teei-vis-reporting-1.0") { `+explained+` }
		cohort(key: "all", period: "2025-02") { explain { company cohort inputs { name value } } sroi { explain { methodology } } by: sroi(methodology: "teei-npv-1.0") { explain { methodology } } vis { explain { methodology } } }
		timeSeries(period: "2025-Q1", interval: MONTH) { sroi { explain { start end } } } } } }`, nil)
	wantCodes(t, res)
	for i, key := range []string{"c001", "c002", "c003"} {
		res.want(t, fmt.Sprintf("%q", key), "companies", "nodes", i, "metrics", "explain", "company")
		res.want(t, `"buddy"`, "companies", "nodes", i, "sroi", "explain", "programme")
		res.want(t, fmt.Sprintf(`{"explain":{"company":%q,"cohort":null,"inputs":[{"name":"participants","value":"%d"},{"name":"enrolments","value":"0"},
			{"name":"enrolmentsCompleted","value":"0"}]},"sroi":{"explain":{"methodology":"teei-1.0"}},"by":{"explain":{"methodology":"teei-npv-1.0"}},
			"vis":{"explain":{"methodology":"cohort-vis-1.0"}}}`, key, i+1), "companies", "nodes", i, "cohort")
		res.want(t, `[{"sroi":{"explain":{"start":"2025-01-01","end":"2025-01-31"}}},{"sroi":{"explain":{"start":"2025-02-01","end":"2025-02-28"}}},
			{"sroi":{"explain":{"start":"2025-03-01","end":"2025-03-31"}}}]`, "companies", "nodes", i, "timeSeries")
	}
	res.want(t, `[{"name":"time[2025-02-01]","value":"36000000","unit":"milliseconds","source":"ingested events","evidenceGrade":"REPORTED"},
		{"name":"score.language.sum","value":"0.8","unit":"points of 0 to 1","source":"ingested events","evidenceGrade":"ASSESSED"},
		{"name":"score.language.count","value":"1","unit":"scores","source":"ingested events","evidenceGrade":"ASSESSED"},
		{"name":"baselineScore","value":"0.3","unit":"points of 0 to 1","source":"TEEI methodology","evidenceGrade":"ASSUMED"},
		{"name":"absentConfidence","value":"0.85","unit":"share","source":"TEEI methodology","evidenceGrade":"ASSUMED"}]`,
		"companies", "nodes", 0, "sroi", "explain", "inputs")
	if api.calls["Figures"] != 1 || api.calls["Cohorts"] != 1 {
		t.Errorf("%v", api.calls)
	}
	for _, field := range []string{"metrics", "sroi", "npv", "activity", "vis", "reporting"} {
		checkExplainedHash(t, res.at("companies", "nodes", 2, field, "explain"))
	}

	res = api.query(t, `{ simulateSroi(valueMap: {inputs: [{name: "a", amount: 5000}], outcomes: [{name: "b", quantity: 10, proxy: 1000, evidenceGrade: "C"}]}) { ratio `+explained+` } }`, nil)
	wantCodes(t, res)
	res.want(t, `null`, "simulateSroi", "explain", "start")
	res.want(t, `"C"`, "simulateSroi", "explain", "inputs", 2, "evidenceGrade")
	checkExplainedHash(t, res.at("simulateSroi", "explain"))
}

// checkExplainedHash works the hash out from the answer alone.
func checkExplainedHash(t *testing.T, answer any) {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		Methodology, Formula, Company, Programme, Start, End, Hash string
		Parameters, Inputs                                         []struct{ Name, Value, Unit, Source, EvidenceGrade string }
	}
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	lines := []string{
		"impactql-explain/1", "methodology\t" + x.Methodology, "formula\t" + x.Formula, "company\t" + x.Company, "programme\t" + x.Programme,
		"start\t" + x.Start, "end\t" + x.End,
	}
	for _, p := range x.Parameters {
		lines = append(lines, strings.Join([]string{"parameter", p.Name, p.Value, p.Unit, p.Source}, "\t"))
	}
	for _, in := range x.Inputs {
		lines = append(lines, strings.Join([]string{"input", in.Name, in.Value, in.Unit, in.Source, in.EvidenceGrade}, "\t"))
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	if hash := hex.EncodeToString(sum[:]); hash != x.Hash {
		t.Errorf("%s: the hash is %s, of the answer it is %s", x.Methodology, x.Hash, hash)
	}
}

// The events of figures are one read for each field that asks for them, however many
// companies and points there are, and go on page after page.
func TestExplainedEvents(t *testing.T) {
	t.Parallel()
	const events = `explain { events(first: 2) { edges { cursor node { receipt occurredAt } } pageInfo { hasNextPage endCursor } } }`
	for _, n := range []int{1, 10} {
		box := new(inbox)
		api := serve(newMemory(n), func(c *graph.Config) { c.Inbox = box })
		res := api.query(t, `{ companies { nodes { vis(period: "2025-02") { `+events+` } metrics(period: "2025-02") { `+events+` }
			timeSeries(period: "2025-Q1", interval: MONTH) { sroi { `+events+` } } } } }`, nil)
		wantCodes(t, res)
		if box.calls != 3 || len(box.questions) != 5*n {
			t.Errorf("%d companies: %d reads of %d figures", n, box.calls, len(box.questions))
		}
		res.want(t, fmt.Sprintf(`"%d"`, n), "companies", "nodes", n-1, "vis", "explain", "events", "edges", 0, "node", "receipt")
		res.want(t, `"2025-03-01T00:00:00Z"`, "companies", "nodes", n-1, "timeSeries", 2, "sroi", "explain", "events", "edges", 0, "node", "occurredAt")
		res.want(t, `true`, "companies", "nodes", n-1, "vis", "explain", "events", "pageInfo", "hasNextPage")

		end := fmt.Sprint(res.at("companies", "nodes", 0, "vis", "explain", "events", "pageInfo", "endCursor"))
		wantCodes(t, api.query(t, `{ company(key: "c001") { vis { explain { events(after: "`+end+`") { nodes { id } } } } } }`, nil))
		after := box.questions[len(box.questions)-1].After
		if after.Key != (impact.Key{1}) || time.UnixMicro(after.At).UTC().Format(time.DateTime) != "2025-02-01 00:00:01" {
			t.Errorf("after %+v", after)
		}
	}
	for _, args := range []string{`first: 0`, `first: 101`, `after: "nonsense"`, `after: "MTp6eg"`} {
		api := serve(newMemory(1), func(c *graph.Config) { c.Inbox = new(inbox) })
		wantCodes(t, api.query(t, `{ company(key: "c001") { vis { explain { events(`+args+`) { nodes { id } } } } } }`, nil), "INVALID")
	}
}

// A cohort explains itself by its name; what would tell of few people and what is withheld
// is null; and its events, which say who belongs to it, are for who may see people.
func TestExplainCohorts(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(2))
	res := api.query(t, `{ companies { nodes { sales: cohort(key: "sales", period: "2025-02") { explain { cohort start } sroi { `+explained+` } vis { `+explained+` } }
		few: cohort(key: "Engineering") { explain { cohort } sroi { explain { hash } } vis { explain { cohort } } }
		tiny: cohort(key: "tiny") { explain { hash } sroi { explain { hash } } vis { explain { hash } } }
		filter: cohort(filter: {department: ["Sales"]}) { vis { explain { cohort } } }
		cohorts(first: 2) { nodes { vis { explain { cohort } } } } } } }`, nil)
	wantCodes(t, res)
	res.want(t, `{"cohort":"sales","start":"2025-02-01"}`, "companies", "nodes", 1, "sales", "explain")
	res.want(t, `{"explain":{"cohort":"engineering"},"sroi":{"explain":null},"vis":{"explain":{"cohort":"engineering"}}}`, "companies", "nodes", 1, "few")
	res.want(t, `{"explain":null,"sroi":null,"vis":null}`, "companies", "nodes", 1, "tiny")
	res.want(t, `"{\"department\":[\"Sales\"]}"`, "companies", "nodes", 1, "filter", "vis", "explain", "cohort")
	res.want(t, `[{"vis":{"explain":{"cohort":null}}},{"vis":{"explain":{"cohort":"engineering"}}}]`, "companies", "nodes", 1, "cohorts", "nodes")
	if api.calls["Cohorts"] != 1 {
		t.Errorf("%v", api.calls)
	}

	const events = `explain { events(first: 2) { nodes { receipt } pageInfo { endCursor } } }`
	for _, n := range []int{1, 10} {
		box := new(inbox)
		paged := serve(newMemory(n), func(c *graph.Config) { c.Inbox, c.Viewer = box, as(key{scopes: "read,people"}) })
		wantCodes(t, paged.query(t, `{ companies { nodes { cohorts(first: 2) { nodes { `+events+` sroi { `+events+` } vis { `+events+` } } } } } }`, nil))
		members := 0
		for _, q := range box.questions {
			if q.Participants != nil {
				members++
			}
		}
		if box.calls > 3 || len(box.questions) != 6*n || members != 3*n {
			t.Errorf("%d companies: %d reads of %d figures, %d of members", n, box.calls, len(box.questions), members)
		}
	}
	api = serve(newMemory(1), func(c *graph.Config) { c.Inbox = new(inbox) }, func(c *graph.Config) { c.Viewer = as(key{scopes: "read"}) })
	wantCodes(t, api.query(t, `{ company(key: "c001") { cohort(key: "all") { `+events+` } } }`, nil))
	wantCodes(t, api.query(t, `{ company(key: "c001") { cohort(key: "Sales") { `+events+` } } }`, nil), "FORBIDDEN")
}

// Analyses explain themselves without anything being read beside them; of what is withheld
// there is nothing in it, and a page of events of all companies is one read.
func TestExplainAnalyses(t *testing.T) {
	t.Parallel()
	const fields = `retention(period: "2025-Q1", intervals: 3) { ` + explained + ` } funnel(steps: [{activity: SESSION}, {activity: OUTCOME, programme: "buddy"}], period: "2025") { ` + explained + ` }
		delta: confidence(of: HOURS_PER_PARTICIPANT, method: DELTA) { explain { hash } } drawn: confidence(of: HOURS_PER_PARTICIPANT, seed: 3) { ` + explained + ` }
		metrics(period: "2025-03", compareTo: PREVIOUS_PERIOD) { change { ` + explained + ` } explain { hash } }
		before: metrics(period: "2025-02") { explain { hash } } vis(period: "2025-03", compareTo: PREVIOUS_YEAR) { change { ` + explained + ` } }
		sroi(period: "2025-03", compareTo: PREVIOUS_YEAR) { change { ` + explained + ` } }
`
	api := serve(newMemory(9), func(c *graph.Config) { c.Viewer = as(key{scopes: "read,people"}) })
	res := api.query(t, `{ companies { nodes { `+fields+` } } }`, nil)
	wantCodes(t, res)
	for _, call := range []string{"Retentions", "Funnels", "Confidences", "Figures"} {
		if api.calls[call] != 1 {
			t.Errorf("%s: %d calls", call, api.calls[call])
		}
	}
	for _, path := range [][]any{{"retention"}, {"funnel"}, {"drawn"}, {"metrics", "change"}, {"vis", "change"}, {"sroi", "change"}} {
		checkExplainedHash(t, res.at(append(append([]any{"companies", "nodes", 8}, path...), "explain")...))
	}
	res.want(t, `null`, "companies", "nodes", 3, "delta", "explain") // of four participants
	res.want(t, `[{"name":"steps[0].people","value":"90","unit":"people","source":"ingested events","evidenceGrade":"REPORTED"},
		{"name":"steps[1].people","value":"90","unit":"people","source":"ingested events","evidenceGrade":"REPORTED"},
		{"name":"steps[1].medianDays","value":"0","unit":"days","source":"ingested events","evidenceGrade":"REPORTED"}]`,
		"companies", "nodes", 8, "funnel", "explain", "inputs")
	for i, side := range []string{"metrics", "before"} {
		res.want(t, fmt.Sprintf("%q", res.at("companies", "nodes", 8, side, "explain", "hash")), "companies", "nodes", 8, "metrics", "change", "explain", "parameters", i, "value")
	}

	const events = `explain { events(first: 2) { nodes { receipt } } }`
	for _, n := range []int{1, 10} {
		box := new(inbox)
		api := serve(newMemory(n), func(c *graph.Config) { c.Inbox = box })
		wantCodes(t, api.query(t, `{ companies { nodes { retention(period: "2025-Q1", intervals: 3) { `+events+` } funnel(steps: [{activity: SESSION}, {activity: JOB}], period: "2025") { `+events+` }
			confidence(of: COMPLETION_RATE, period: "2025", method: DELTA) { `+events+` } metrics(period: "2025-03", compareTo: PREVIOUS_PERIOD) { change { `+events+` } } } } }`, nil))
		if box.calls != 3 || len(box.questions) != 3*n {
			t.Errorf("%d companies: %d reads of %d figures", n, box.calls, len(box.questions))
		}
		for _, q := range box.questions {
			if until := q.To.Format(time.DateOnly); until != "2025-06-01" && until != "2026-01-31" && until != "2026-01-01" {
				t.Errorf("%v until %s", q.Kinds, until)
			}
		}
	}
}

// A benchmark has the hashes of the explanations that its cohort has, and no other.
func TestExplainBenchmarks(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	group := "g"
	m.settings = map[impact.CompanyID]*impact.Settings{
		1: {PeerGroups: []impact.Dated[string]{{From: impact.Date(2020, 1, 1), Value: &group}}},
	}
	res := serve(m).query(t, `{ companies { nodes { metrics(period: "2025-Q1") { explain { hash } } sroi(period: "2025-Q1") { explain { hash } } vis(period: "2025-Q1") { explain { hash } }
		all: cohort(key: "all", period: "2025-Q1") { benchmark { `+explained+` } }
		sales: cohort(key: "Sales", period: "2025-Q1") { explain { hash } sroi { explain { hash } } benchmark { explain { cohort parameters { name value } } } }
		few: cohort(key: "Engineering", period: "2025-Q1") { explain { hash } benchmark { explain { parameters { name value } } } } } } }`, nil)
	wantCodes(t, res)
	checkExplainedHash(t, res.at("companies", "nodes", 0, "all", "benchmark", "explain"))
	res.want(t, `null`, "companies", "nodes", 1, "all", "benchmark", "explain")
	hash := func(path ...any) any {
		return res.at(append([]any{"companies", "nodes", 0}, append(path, "explain", "hash")...)...)
	}
	for i, field := range []string{"metrics", "sroi", "vis"} {
		res.want(t, fmt.Sprintf("%q", hash(field)), "companies", "nodes", 0, "all", "benchmark", "explain", "parameters", i+1, "value")
	}
	res.want(t, fmt.Sprintf(`{"cohort":"sales","parameters":[{"name":"peerGroup","value":"g"},{"name":"hash.cohort-1.0","value":%q},{"name":"hash.teei-1.0","value":%q}]}`,
		hash("sales"), hash("sales", "sroi")), "companies", "nodes", 0, "sales", "benchmark", "explain")
	res.want(t, fmt.Sprintf(`{"parameters":[{"name":"peerGroup","value":"g"},{"name":"hash.cohort-1.0","value":%q}]}`, hash("few")),
		"companies", "nodes", 0, "few", "benchmark", "explain")
}
