package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// explanation is an explanation as a stranger reads it.
type explanation struct {
	Methodology, Formula, Company, Programme, Cohort, Start, End, Hash string
	Parameters, Inputs                                                 []struct{ Name, Value, Unit, Source, EvidenceGrade string }

	values map[string]string
}

const explainedFields = `methodology formula company programme cohort start end parameters { name value unit source } inputs { name value unit source evidenceGrade } hash`

// readExplanation reads one and works its hash out.
func readExplanation(t *testing.T, answer any) *explanation {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	x := &explanation{values: make(map[string]string)}
	if err := json.Unmarshal(text, x); err != nil || x.Hash == "" {
		t.Fatalf("%s: %v", text, err)
	}
	lines := []string{
		"impactql-explain/1", "methodology\t" + x.Methodology, "formula\t" + x.Formula, "company\t" + x.Company, "programme\t" + x.Programme,
		"start\t" + x.Start, "end\t" + x.End,
	}
	if x.Cohort != "" {
		lines = append(lines, "cohort\t"+x.Cohort)
	}
	for _, p := range x.Parameters {
		lines, x.values[p.Name] = append(lines, strings.Join([]string{"parameter", p.Name, p.Value, p.Unit, p.Source}, "\t")), p.Value
	}
	for _, in := range x.Inputs {
		lines, x.values[in.Name] = append(lines, strings.Join([]string{"input", in.Name, in.Value, in.Unit, in.Source, in.EvidenceGrade}, "\t")), in.Value
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	if hash := hex.EncodeToString(sum[:]); hash != x.Hash {
		t.Errorf("%s: the hash is %s, of the answer it is %s", x.Methodology, x.Hash, hash)
	}
	return x
}

// number is a value that has to be there.
func (x *explanation) number(t *testing.T, name string) int {
	t.Helper()
	n, err := strconv.Atoi(x.values[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// done is what an event lets its participant have done, on a day of the company.
type done struct{ who, kind, programme, day string }

// explainedAnswer is the answer to a field of acme that is an analysis, its explanation,
// and what its events say, page after page.
func (a *api) explainedAnswer(t *testing.T, field, fields string, zone *time.Location) (answer any, x *explanation, did []done) {
	t.Helper()
	for after := ""; ; {
		g := a.query(t, `{ company(key: "acme") { it: `+field+` { `+fields+` explain { `+explainedFields+` events(first: 100`+after+`) {
			nodes { kind type programme participant occurredAt } pageInfo { hasNextPage endCursor } } } } } }`, nil).clean(t)
		answer = g.at("company", "it")
		events := at(answer, "explain", "events")
		nodes, _ := at(events, "nodes").([]any)
		for _, n := range nodes {
			when, err := time.Parse(time.RFC3339, textOf(at(n, "occurredAt")))
			if err != nil {
				t.Fatal(err)
			}
			if who := textOf(at(n, "participant")); who != "" && textOf(at(n, "type")) != "buddy.match.ended" {
				did = append(did, done{who, textOf(at(n, "kind")), textOf(at(n, "programme")), when.In(zone).Format(time.DateOnly)})
			}
		}
		if at(events, "pageInfo", "hasNextPage") != true {
			return answer, readExplanation(t, at(answer, "explain")), did
		}
		after = `, after: "` + textOf(at(events, "pageInfo", "endCursor")) + `"`
	}
}

// percentOf is a rate as it is published.
func percentOf(part, whole int) string {
	text := strings.TrimRight(big.NewRat(int64(100*part), int64(whole)).FloatString(2), "0")
	return strings.TrimSuffix(text, ".")
}

// From the explanation of a matrix and the events behind it, a stranger counts each cell
// that is told, and no other is in it.
func TestStrangerRecomputesRetention(t *testing.T) {
	t.Parallel()
	_, c, a := exporting(t)
	told := make(map[string]int)
	for _, args := range []string{
		`period: "2022-12-01/2024-06-30", intervals: 6`, `period: "2023", interval: QUARTER, mode: ROLLING`,
		`period: "2022-11-01/2023-12-31", mode: BRACKET, brackets: [1, 3, 8]`, `period: "2023", programme: "buddy", interval: QUARTER, intervals: 4`,
		`period: "2023", interval: YEAR, intervals: 4, filter: { did: { activity: CHECKIN } }`,
	} {
		answer, x, did := a.explainedAnswer(t, "retention("+args+")", "mode rows { start end size retained rates }", c.Location)
		days := make(map[string][]string)
		for _, d := range did {
			days[d.who] = append(days[d.who], d.day)
		}
		bounds := func(n int) (from, to string) {
			from, to, _ = strings.Cut(x.values[fmt.Sprintf("interval[%d]", n)], "/")
			return from, to
		}
		rows, _ := at(answer, "rows").([]any)
		inputs := 0
		for n := range rows {
			from, to := bounds(n)
			if from != textOf(at(rows, n, "start")) || to != textOf(at(rows, n, "end")) {
				t.Errorf("%s: row %d is of %s to %s, explained as %s to %s", args, n, at(rows, n, "start"), at(rows, n, "end"), from, to)
			}
			var came []string
			for who, list := range days {
				if first := slices.Min(list); from <= first && first <= to {
					came = append(came, who)
				}
			}
			size := fmt.Sprintf("size[%d]", n)
			if x.values[size] != textOf(at(rows, n, "size")) {
				t.Errorf("%s: %s is %q, the matrix has %v", args, size, x.values[size], at(rows, n, "size"))
			}
			if x.values[size] == "" {
				continue
			}
			inputs++
			if x.number(t, size) != len(came) {
				t.Errorf("%s: %s is %s, of the events it is %d", args, size, x.values[size], len(came))
			}
			column := n
			for k := 0; x.values[fmt.Sprintf("width[%d]", k)] != ""; k++ {
				width := x.number(t, fmt.Sprintf("width[%d]", k))
				since, _ := bounds(column)
				_, until := bounds(column + width - 1)
				column += width
				if x.values["mode"] == "ROLLING" {
					until = "9"
				}
				name := fmt.Sprintf("retained[%d][%d]", n, k)
				if x.values[name] != textOf(at(rows, n, "retained", k)) {
					t.Errorf("%s: %s is %q, the matrix has %v", args, name, x.values[name], at(rows, n, "retained", k))
				}
				if x.values[name] == "" {
					continue
				}
				inputs++
				stayed := 0
				for _, who := range came {
					if slices.ContainsFunc(days[who], func(day string) bool { return since <= day && day <= until }) {
						stayed++
					}
				}
				if x.number(t, name) != stayed {
					t.Errorf("%s: %s is %s, of the events it is %d", args, name, x.values[name], stayed)
				}
				if rate := textOf(at(rows, n, "rates", k)); len(came) > 0 && rate != percentOf(stayed, len(came)) {
					t.Errorf("%s: the rate of %s is %s, a stranger has %s", args, name, rate, percentOf(stayed, len(came)))
				}
				if stayed > 0 {
					told[x.values["mode"]]++
				}
			}
		}
		if inputs != len(x.Inputs) {
			t.Errorf("%s: %d inputs, of which %d are cells that are told", args, len(x.Inputs), inputs)
		}
	}
	for _, mode := range []string{"CLASSIC", "ROLLING", "BRACKET"} {
		if told[mode] < 3 {
			t.Errorf("%d cells of %s prove nothing", told[mode], mode)
		}
	}
}

// From the explanation of a funnel and the events behind it, a stranger walks each step.
func TestStrangerRecomputesFunnels(t *testing.T) {
	t.Parallel()
	_, c, a := exporting(t)
	kinds := map[string]string{"SESSION": "session.completed", "CHECKIN": "checkin.submitted", "OUTCOME": "outcome.assessed", "ENROLMENT": "enrollment"}
	medians := 0
	for _, args := range []string{
		`period: "2023", window: 200, steps: [{activity: SESSION}, {activity: OUTCOME}, {activity: CHECKIN}]`,
		`period: "2022-11-01/2024-12-31", window: 90, steps: [{activity: SESSION}, {activity: SESSION}, {activity: OUTCOME}]`,
		`period: "2023-01-01/2024-12-31", window: 400, steps: [{activity: ENROLMENT}, {activity: SESSION, programme: "buddy"}]`,
		`period: "2023-01-01/2024-06-30", window: 700, steps: [{activity: SESSION}, {activity: SESSION}, {activity: SESSION}, {activity: OUTCOME}]`,
		`period: "2022-11-01/2023-06-30", window: 800, steps: [{activity: OUTCOME}, {activity: SESSION}, {activity: ENROLMENT}]`,
		`period: "2023", window: 365, steps: [{activity: SESSION}, {activity: OUTCOME}], filter: { did: { activity: ENROLMENT } }`,
	} {
		answer, x, did := a.explainedAnswer(t, "funnel("+args+")", "steps { activity programme people conversion medianDays }", c.Location)
		window := x.number(t, "window")
		steps, _ := at(answer, "steps").([]any)
		name := func(n int, what string) string { return x.values[fmt.Sprintf("steps[%d].%s", n, what)] }
		// days of who did each step, ascending; events come by time.
		days := make(map[string][][]time.Time)
		for _, d := range did {
			if days[d.who] == nil {
				days[d.who] = make([][]time.Time, len(steps))
			}
			day, err := time.Parse(time.DateOnly, d.day)
			if err != nil {
				t.Fatal(err)
			}
			for n := range steps {
				if kinds[name(n, "activity")] == d.kind && (name(n, "programme") == "" || name(n, "programme") == d.programme) {
					days[d.who][n] = append(days[d.who][n], day)
				}
			}
		}
		people, waits := make([]int, len(steps)), make([][]int, len(steps))
		for _, of := range days {
			reached, wait := make([]time.Time, len(steps)), make([]int, len(steps))
			for _, start := range slices.Backward(of[0]) { // the latest first
				if day := start.Format(time.DateOnly); day < x.Start || day > x.End {
					continue
				}
				reached[0] = start
				here := start
				for n := 1; n < len(steps); n++ {
					repeats := name(n, "activity") == name(n-1, "activity") && name(n, "programme") == name(n-1, "programme")
					next := slices.IndexFunc(of[n], func(day time.Time) bool { return day.After(here) || day.Equal(here) && !repeats })
					if next < 0 || of[n][next].After(start.AddDate(0, 0, window)) {
						break
					}
					if day := of[n][next]; reached[n].IsZero() || day.Before(reached[n]) {
						reached[n], wait[n] = day, int(day.Sub(here).Hours()/24)
					}
					here = of[n][next]
				}
			}
			for n := range reached {
				if !reached[n].IsZero() {
					people[n], waits[n] = people[n]+1, append(waits[n], wait[n])
				}
			}
		}
		for n := range steps {
			told := textOf(at(steps, n, "people"))
			if told != name(n, "people") || textOf(at(steps, n, "medianDays")) != name(n, "medianDays") {
				t.Errorf("%s: step %d is %v, explained as %s after %s", args, n, at(steps, n), name(n, "people"), name(n, "medianDays"))
			}
			if told == "" {
				continue
			}
			if told != fmt.Sprint(people[n]) {
				t.Errorf("%s: %s came to step %d, of the events %d", args, told, n, people[n])
			}
			if told0 := name(0, "people"); told0 != "" && people[0] > 0 && textOf(at(steps, n, "conversion")) != percentOf(people[n], people[0]) {
				t.Errorf("%s: step %d converts %v, a stranger has %s", args, n, at(steps, n, "conversion"), percentOf(people[n], people[0]))
			}
			if n > 0 && people[n] > 0 {
				slices.Sort(waits[n])
				median := strconv.FormatFloat(float64(waits[n][(len(waits[n])-1)/2]+waits[n][len(waits[n])/2])/2, 'f', -1, 64)
				if median != name(n, "medianDays") {
					t.Errorf("%s: step %d after %s days, of the events %s", args, n, name(n, "medianDays"), median)
				}
				medians++
			}
		}
	}
	if medians < 5 {
		t.Errorf("%d steps prove nothing", medians)
	}
}

// A change is made of two figures, whose explanations have the hashes that it names.
func TestStrangerRecomputesChanges(t *testing.T) {
	t.Parallel()
	_, _, a := exporting(t)
	const figure, money = `{ base absolute relative }`, `{ base absolute relative }`
	for field, what := range map[string]struct{ arguments, figures string }{
		"metrics":  {``, `events sessions participants volunteers volunteerHours avgEngagement completionRate impactScore`},
		"sroi":     {`, methodology: "teei-1.0"`, `ratio investment socialValue`},
		"sroi npv": {`, methodology: "teei-npv-1.0", whatIf: { years: 2 }`, `ratio investment socialValue`},
		"sroi act": {`, methodology: "teei-activity-1.0"`, `ratio investment socialValue`},
		"sroi map": {`, methodology: "svi-2012"`, `ratio investment socialValue`},
		"vis":      {`, methodology: "teei-vis-1.0", programme: "buddy"`, `score`},
		"vis rep":  {`, methodology: "teei-vis-reporting-1.0"`, `score`},
	} {
		name, _, _ := strings.Cut(field, " ")
		for _, compare := range []string{"PREVIOUS_PERIOD", "PREVIOUS_YEAR"} {
			fields := strings.ReplaceAll(what.figures, " ", figure+" ") + money
			change := a.query(t, `{ company(key: "acme") { it: `+name+`(period: "2024-03"`+what.arguments+`, compareTo: `+compare+`) { `+what.figures+` explain { hash }
				change { start end `+fields+` explain { `+explainedFields+` } } } } }`, nil).clean(t)
			now := change.at("company", "it")
			x := readExplanation(t, at(now, "change", "explain"))
			base := a.query(t, `{ company(key: "acme") { it: `+name+`(period: "`+x.values["base.start"]+"/"+x.values["base.end"]+`"`+what.arguments+`) {
				`+what.figures+` explain { hash } } } }`, nil).clean(t).at("company", "it")
			if x.values["base.start"] != textOf(at(now, "change", "start")) || x.values["now.hash"] != textOf(at(now, "explain", "hash")) || x.values["base.hash"] != textOf(at(base, "explain", "hash")) {
				t.Errorf("%s, %s: %v beside %v and %v", field, compare, x.values, at(now, "explain"), at(base, "explain"))
			}
			for f := range strings.FieldsSeq(what.figures) {
				of := []string{textOf(at(now, f)), textOf(at(base, f))}
				var numbers [2]*big.Rat
				for i, side := range []string{"now.", "base."} {
					n, ok := new(big.Rat).SetString(x.values[side+f])
					if p, published := new(big.Rat).SetString(of[i]); ok != published || ok && n.Cmp(p) != 0 {
						t.Errorf("%s, %s: %s%s is %q, published as %q", field, compare, side, f, x.values[side+f], of[i])
					}
					numbers[i] = n
				}
				if numbers[0] == nil || numbers[1] == nil {
					continue
				}
				absolute := new(big.Rat).Sub(numbers[0], numbers[1])
				relative := ""
				if numbers[1].Sign() != 0 {
					relative = new(big.Rat).Quo(new(big.Rat).Mul(absolute, big.NewRat(100, 1)), new(big.Rat).Abs(numbers[1])).FloatString(2)
				}
				got, want := textOf(at(now, "change", f, "relative")), relative
				if g, ok := new(big.Rat).SetString(got); ok {
					got = g.FloatString(2)
				}
				if g, _ := new(big.Rat).SetString(textOf(at(now, "change", f, "absolute"))); g == nil || g.Cmp(absolute) != 0 || got != want {
					t.Errorf("%s, %s: %s changed by %v, %s %%; a stranger has %s and %s", field, compare, f, g, got, absolute.FloatString(4), want)
				}
			}
		}
	}
}

// The explanation of a volunteer's score is of the list of volunteers, whose events name
// them or whom they met. Members of a cohort are told by events only to who may see people.
func TestExplainedPeople(t *testing.T) {
	t.Parallel()
	w, c, a := exporting(t)
	g := a.query(t, `{ company(key: "acme") { volunteers(first: 3, period: "2024") { nodes { key vis { score explain { `+explainedFields+`
		events(first: 100) { nodes { volunteer participant } } } } } } } }`, nil).clean(t)
	for i := range 3 {
		v := g.at("company", "volunteers", "nodes", i)
		x := readExplanation(t, at(v, "vis", "explain"))
		if x.Cohort != `{"volunteer":"`+textOf(at(v, "key"))+`"}` || x.values["time"] == "" || x.values["volunteers"] != "1" {
			t.Errorf("%+v", x)
		}
		events, _ := at(v, "vis", "explain", "events", "nodes").([]any)
		if !slices.ContainsFunc(events, func(e any) bool { return textOf(at(e, "volunteer")) == textOf(at(v, "key")) }) {
			t.Errorf("%s is in none of %d events", at(v, "key"), len(events))
		}
	}
	reader := a.as(w.key(t, "read", c))
	for _, field := range []string{
		`retention(period: "2023", filter: { did: { activity: SESSION } })`, `funnel(period: "2023", steps: [{activity: SESSION}], filter: { did: { activity: SESSION } })`,
	} {
		g := reader.query(t, `{ company(key: "acme") { `+field+` { explain { hash events { nodes { id } } } } } }`, nil)
		if len(g.Errors) != 1 || g.Errors[0].Extensions.Code != "FORBIDDEN" {
			t.Errorf("%s: %s", field, g.body)
		}
	}
}

// One question has one hash, however its cohort and the periods of its filter are written; and the
// explanation says which days `last-30d` was.
func TestExplainedCohortIsTheSame(t *testing.T) {
	t.Parallel()
	_, c, a := exporting(t)
	a.mutate(t, `mutation { saveCohort(company: "acme", key: "Doers", filter: { did: { activity: SESSION } }) { version } }`, nil)
	today := c.Today(time.Now())
	did := func(period string) string {
		return `filter: { did: { activity: SESSION, period: "` + period + `" } }`
	}
	dated := func(r impact.Range) string { return `{"did":{"activity":"SESSION","period":"` + r.String() + `"}}` }
	for _, row := range []struct {
		name, cohort string
		asked        []string
	}{
		{"everybody", "", []string{`KEY: "all"`, `KEY: "ALL"`}},
		{"a key", "doers", []string{`KEY: "Doers"`, `KEY: "doers"`, `KEY: "DOERS"`}},
		{"a year", dated(impact.Range{From: impact.Date(2023, 1, 1), To: impact.Date(2024, 1, 1)}), []string{did("2023"), did("2023-01-01/2023-12-31")}},
		{"days before today", dated(impact.Range{From: today - 29, To: today + 1}), []string{did("last-30d")}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for field, key := range map[string]string{
				`retention(period: "2023", interval: YEAR, intervals: 2, ARGS)`: "cohort", `funnel(period: "2023", steps: [{activity: SESSION}], ARGS)`: "cohort",
				`cohort(period: "2023", ARGS)`: "key",
			} {
				hashes := make(map[string]bool)
				for _, args := range row.asked {
					g := a.query(t, `{ company(key: "acme") { it: `+strings.ReplaceAll(field, "ARGS", strings.Replace(args, "KEY", key, 1))+` { explain { `+explainedFields+` } } } }`, nil).clean(t)
					if g.at("company", "it", "explain") == nil {
						continue
					}
					x := readExplanation(t, g.at("company", "it", "explain"))
					if hashes[x.Hash] = true; x.Cohort != row.cohort {
						t.Errorf("%s with %s is of %q, want %q", field, args, x.Cohort, row.cohort)
					}
				}
				if len(hashes) > 1 {
					t.Errorf("%s: %d hashes", field, len(hashes))
				}
			}
		})
	}
}

// A restatement has no explanation of its own: those of its figure at both instants are its
// two sides.
func TestRestatementsAreExplainedByTheirInstants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.serve(t, w.key(t, "ingest,read", w.company(t, "acme", "Europe/Oslo")))
	a.mustIngest(t, session("s1", "p1", "v1", "2024-02-05T10:00:00Z", 3600))
	w.awaitFolds(t)
	since := w.list(t, "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")[0]
	a.mustIngest(t, session("s2", "p2", "v1", "2024-02-06T10:00:00Z", 1800))
	w.awaitFolds(t)
	g := a.query(t, `{ company(key: "acme") { restatements(since: "`+since+`") { until nodes { figure start end before now } } } }`, nil).clean(t)
	until := textOf(g.at("company", "restatements", "until"))
	nodes, _ := g.at("company", "restatements", "nodes").([]any)
	fields := map[string]string{
		"SESSIONS": "metrics sessions", "VOLUNTEER_HOURS": "metrics volunteerHours", "SROI_INVESTMENT": "sroi investment", "VIS_SCORE": "vis score",
	}
	compared := 0
	for _, n := range nodes {
		of, field, known := strings.Cut(fields[textOf(at(n, "figure"))], " ")
		if !known {
			continue
		}
		hashes := make(map[string]bool)
		for side, instant := range map[string]string{"before": since, "now": until} {
			args := `period: "` + textOf(at(n, "start")) + "/" + textOf(at(n, "end")) + `", asOf: "` + instant + `"`
			then := a.query(t, `{ company(key: "acme") { it: `+of+`(`+args+`) { `+field+` explain { `+explainedFields+` } } } }`, nil).clean(t).at("company", "it")
			hashes[readExplanation(t, at(then, "explain")).Hash] = true
			told, _ := new(big.Rat).SetString(textOf(at(then, field)))
			if restated, ok := new(big.Rat).SetString(textOf(at(n, side))); !ok || told == nil || restated.Cmp(told) != 0 {
				t.Errorf("%v: %s, explained as %v", n, side, at(then, field))
			}
		}
		if len(hashes) != 2 {
			t.Errorf("%v: both sides are explained alike", n)
		}
		compared++
	}
	if compared != len(fields) {
		t.Errorf("%d of %d figures moved", compared, len(fields))
	}
}
