package graph_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/graph/generated"
	"github.com/impactql/impactql/impact"
)

// basis is that of a company in which ten hours were given, a participant was placed
// and assessed, and some activity happened.
func basis(q impact.Question) *impact.Basis {
	c := new(impact.Cell)
	at := time.Date(2025, 2, 3, 12, 0, 0, 0, time.UTC)
	add := func(e impact.Event) {
		e.OccurredAt = at
		c.Add(&e, 0, 1)
	}
	add(impact.Event{Kind: impact.KindSession, Participant: "p", Volunteer: "v", DurationMS: 10 * 3_600_000})
	add(impact.Event{Kind: impact.KindPlacement, Participant: "p", Status: impact.StatusPlaced})
	add(impact.Event{Kind: impact.KindOutcome, Participant: "p", Dimension: impact.Language, Score: 800_000})
	add(impact.Event{Kind: impact.KindMilestone, Participant: "p"})
	add(impact.Event{Kind: impact.KindCheckin, Participant: "p"})
	r := impact.NewReading(q, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)
	return r.Basis()
}

// Several methodologies side by side, with and without what ifs, are one read.
func TestMethodologiesSideBySide(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(2))
	res := api.query(t, `{ company(key: "c001") {
		npv: sroi(period: "2025-02", methodology: "teei-npv-1.0") { ratio netRatio netPresentValue investment methodology { id } improvements { points } improvementMode baseline }
		cheap: sroi(period: "2025-02", methodology: "teei-npv-1.0", whatIf: {cost: 50000, placed: "20", wageLift: 5000}) { netRatio socialValue parameters { name value overridden } sensitivity { oneWay(first: 1) { variable } } }
		activity: sroi(period: "2025-02", methodology: "teei-activity-1.0") { socialValue investment ratio }
		quarter: sroi(period: "2025-Q1", methodology: "teei-activity-1.0") { investment }
		ever: sroi(methodology: "teei-activity-1.0") { investment }
		summed: sroi(period: "2025-02", methodology: "teei-1.0", whatIf: {improvementMode: SUM, hourlyValue: 100, programmeCosts: "0.5"}) { socialValue investment improvementMode uncertainty { monteCarlo(draws: 100) { draws } } }
		reporting: vis(period: "2025-02", methodology: "teei-vis-reporting-1.0") { score components { name score covered } methodology { id } }
	} }`, nil)
	wantCodes(t, res)
	res.want(t, `{"ratio":212.5,"netRatio":211.5,"netPresentValue":"63344.26","investment":"299.50","methodology":{"id":"teei-npv-1.0"},
		"improvements":[],"improvementMode":null,"baseline":null}`, "company", "npv")
	res.want(t, `{"netRatio":7.4858,"socialValue":"424291.70","parameters":[
		{"name":"placed","value":"20","overridden":true},{"name":"wageLift","value":"5000","overridden":true},
		{"name":"employmentMultiplier","value":"1.5","overridden":false},{"name":"discountRate","value":"0.03","overridden":false},
		{"name":"years","value":"3","overridden":false},{"name":"cost","value":"50000","overridden":true}],
		"sensitivity":{"oneWay":[{"variable":"years"}]}}`, "company", "cheap")
	res.want(t, `{"socialValue":"23.00","investment":"1500.00","ratio":0.0153}`, "company", "activity")
	res.want(t, `"4500.00"`, "company", "quarter", "investment")
	res.want(t, `"4500.00"`, "company", "ever", "investment") // the memory was active from January to March
	res.want(t, `{"socialValue":"250.00","investment":"1000.50","improvementMode":"SUM","uncertainty":{"monteCarlo":{"draws":100}}}`, "company", "summed")
	res.want(t, `{"score":28.28,"components":[{"name":"hours","score":10,"covered":true},{"name":"sessions","score":25,"covered":true},
		{"name":"outcome","score":44.44,"covered":true}],"methodology":{"id":"teei-vis-reporting-1.0"}}`, "company", "reporting")
	if want := map[string]int{"Companies": 1, "Active": 1, "Figures": 1}; !maps.Equal(api.calls, want) {
		t.Errorf("%v, want %v", api.calls, want)
	}
}

// A company's default holds where no methodology is named.
func TestDefaultMethodology(t *testing.T) {
	t.Parallel()
	m := newMemory(2)
	npv, reporting := "teei-npv-1.0", "teei-vis-reporting-1.0"
	m.settings = map[impact.CompanyID]*impact.Settings{2: {
		SROIMethodology: []impact.Dated[string]{{From: impact.Date(2025, 1, 1), Value: &npv}},
		VISMethodology:  []impact.Dated[string]{{From: impact.Date(2025, 1, 1), Value: &reporting}},
	}}
	api := serve(m)
	res := api.query(t, `{ companies { nodes { sroi(period: "2025", compareTo: PREVIOUS_YEAR) { methodology { id } change { ratio { base } } }
		before: sroi(period: "2024") { methodology { id } } vis { methodology { id } } } } }`, nil)
	wantCodes(t, res)
	res.want(t, `[{"sroi":{"methodology":{"id":"teei-1.0"},"change":{"ratio":{"base":7.5}}},"before":{"methodology":{"id":"teei-1.0"}},"vis":{"methodology":{"id":"teei-vis-1.0"}}},
		{"sroi":{"methodology":{"id":"teei-npv-1.0"},"change":{"ratio":{"base":212.5}}},"before":{"methodology":{"id":"teei-1.0"}},"vis":{"methodology":{"id":"teei-vis-reporting-1.0"}}}]`,
		"companies", "nodes")
	if want := map[string]int{"CompanyPage": 1, "Settings": 1, "Active": 1, "Figures": 1}; !maps.Equal(api.calls, want) {
		t.Errorf("%v, want %v", api.calls, want)
	}
}

func TestWhatIfIsChecked(t *testing.T) {
	t.Parallel()
	for whatIf, pointer := range map[string]string{
		`methodology: "teei-1.0", whatIf: {wageLift: 1}`:                "/wageLift",
		`methodology: "teei-1.0", whatIf: {hours: -1}`:                  "/hours",
		`methodology: "teei-1.0", whatIf: {hours: "many"}`:              "/hours",
		`methodology: "teei-npv-1.0", whatIf: {years: 2.5}`:             "/years",
		`methodology: "teei-npv-1.0", whatIf: {cost: 0}`:                "/cost",
		`methodology: "teei-activity-1.0", whatIf: {combine: ADDITIVE}`: "/combine",
	} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { sroi(period: "2025", `+whatIf+`) { ratio } } }`, nil)
		wantCodes(t, res, "INVALID")
		if p := res.Errors[0].Extensions.Pointer; p != pointer {
			t.Errorf("%s: pointer %q: %s", whatIf, p, res.Body)
		}
	}
}

// The input has a field for every parameter of every methodology of SROI, and no other.
func TestWhatIfHasEveryParameter(t *testing.T) {
	t.Parallel()
	fields := map[string]bool{}
	for _, f := range generated.NewExecutableSchema(generated.Config{}).Schema().Types["SroiWhatIf"].Fields {
		fields[f.Name] = true
	}
	for _, m := range impact.Methodologies {
		for _, p := range m.Parameters {
			if m.Figure == impact.FigureSROI && !fields[p.Name] {
				t.Errorf("SroiWhatIf lacks %s of %s", p.Name, m.ID)
			}
		}
	}
	for name := range fields {
		known := false
		for _, m := range impact.Methodologies {
			known = known || m.Figure == impact.FigureSROI && m.Parameter(name) != nil
		}
		if !known {
			t.Errorf("no methodology has %s", name)
		}
	}
}

// cohortBasis is [basis] of a cohort, by a company's settings.
func cohortBasis(s *impact.Settings, q impact.CohortQuestion) *impact.Basis {
	b := *basis(impact.Question{Company: q.Company, Programme: q.Programme, Range: q.Range, Parts: impact.PartsMetrics})
	b.Settings = s
	return &b
}

// A point of a series is what the company's own fields say of its days, by the
// methodology that is named or by the default of the point's last day.
func TestSeriesByMethodology(t *testing.T) {
	t.Parallel()
	m := newMemory(1)
	npv, reporting := impact.IDNPV, impact.IDVisReporting
	m.settings = map[impact.CompanyID]*impact.Settings{1: {
		SROIMethodology: []impact.Dated[string]{{From: impact.Date(2025, 2, 1), Value: &npv}},
		VISMethodology:  []impact.Dated[string]{{From: impact.Date(2025, 3, 1), Value: &reporting}},
	}}
	const fields = `sroi { ratio investment methodology { id } } activity: sroi(methodology: "teei-activity-1.0") { socialValue investment }
		change: sroi(methodology: "teei-npv-1.0") { change { ratio { base } } parameters { name value } } vis { score methodology { id } }
		reporting: vis(methodology: "teei-vis-reporting-1.0") { score }`
	api := serve(m)
	res := api.query(t, `{ company(key: "c001") { timeSeries(period: "2025-Q1", interval: MONTH, compareTo: PREVIOUS_YEAR) { `+fields+` } } }`, nil)
	wantCodes(t, res)
	if n := api.calls["Figures"]; n != 1 {
		t.Errorf("figures were read %d times", n)
	}
	for i, month := range []string{"2025-01", "2025-02", "2025-03"} {
		own := strings.NewReplacer(": sroi(", `: sroi(period: "`+month+`", compareTo: PREVIOUS_YEAR, `, ": vis(", `: vis(period: "`+month+`", `,
			"sroi {", `sroi(period: "`+month+`") {`, "vis {", `vis(period: "`+month+`") {`).Replace(fields)
		want := serve(m).query(t, `{ company(key: "c001") { `+own+` } }`, nil)
		wantCodes(t, want)
		text, err := json.Marshal(want.at("company"))
		if err != nil {
			t.Fatal(err)
		}
		res.want(t, string(text), "company", "timeSeries", i)
	}
	res.want(t, `"teei-1.0"`, "company", "timeSeries", 0, "sroi", "methodology", "id")
	res.want(t, `"teei-npv-1.0"`, "company", "timeSeries", 1, "sroi", "methodology", "id")
	res.want(t, `"teei-vis-reporting-1.0"`, "company", "timeSeries", 2, "vis", "methodology", "id")
	for _, field := range []string{`sroi(methodology: "svi-2012") { ratio }`, `sroi(methodology: "teei-vis-1.0") { ratio }`, `vis(methodology: "x") { score }`} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { timeSeries(period: "2025-01", interval: MONTH) { `+field+` } } }`, nil)
		if want := "INVALID"; field[:27] == `sroi(methodology: "svi-2012` {
			wantCodes(t, res, "NOT_FOUND") // there is no map
		} else {
			wantCodes(t, res, want)
		}
	}
}

// A cohort's figures are by the methodology that is named, or by the company's default,
// as far as a cohort has what the methodology takes.
func TestCohortByMethodology(t *testing.T) {
	t.Parallel()
	m := newMemory(1)
	npv := impact.IDNPV
	m.settings = map[impact.CompanyID]*impact.Settings{1: {SROIMethodology: []impact.Dated[string]{{From: impact.Date(2025, 1, 1), Value: &npv}}}}
	res := serve(m).query(t, `{ company(key: "c001") {
		all: cohort(key: "all", period: "2025-Q1") { sroi { methodology { id } ratio } activity: sroi(methodology: "teei-activity-1.0") { investment }
			old: sroi(methodology: "teei-1.0") { ratio } vis(methodology: "teei-vis-1.0") { score } }
		tiny: cohort(key: "tiny") { sroi(methodology: "svi-2012") { ratio } }
	} }`, nil)
	wantCodes(t, res)
	res.want(t, `{"sroi":{"methodology":{"id":"teei-npv-1.0"},"ratio":212.5},"activity":{"investment":"4500.00"},"old":{"ratio":7.5},"vis":{"score":70}}`, "company", "all")
	res.want(t, `null`, "company", "tiny", "sroi")
	for _, field := range []string{
		`sroi(methodology: "svi-2012") { ratio }`, `sroi(methodology: "teei-activity-1.0") { ratio }`, `sroi(methodology: "x") { ratio }`,
		`vis(methodology: "teei-vis-reporting-1.0") { score }`, `vis(methodology: "teei-1.0") { score }`,
	} {
		wantCodes(t, serve(m).query(t, `{ company(key: "c001") { cohort(key: "all") { `+field+` } } }`, nil), "INVALID")
	}
}
