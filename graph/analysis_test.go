package graph_test

import (
	"slices"
	"strings"
	"testing"
)

const analyses = `
	classic: retention(period: "2025-Q3", intervals: 3) { mode rows { start end suppressed size retained rates } }
	bracket: retention(period: "2025-07", mode: $mode, brackets: [1, 2]) { rows { retained } }
	funnel(steps: $steps, period: "2025") { steps { activity programme suppressed people conversion medianDays } }
	one: funnel(steps: {activity: JOB}, period: "2025") { steps { people } }`

var analysesVariables = map[string]any{"mode": "BRACKET", "steps": []any{
	map[string]any{"activity": "ENROLMENT"}, map[string]any{"activity": "SESSION", "programme": "buddy"},
}}

func TestRetentionAndFunnel(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(1))
	res := api.query(t, `query($mode: RetentionMode, $steps: [FunnelStepInput!]!) { company(key: "c001") {`+analyses+`} }`,
		analysesVariables)
	wantCodes(t, res)
	res.want(t, `{
		"classic":{"mode":"CLASSIC","rows":[
			{"start":"2025-07-01","end":"2025-07-31","suppressed":false,"size":10,"retained":[10,5,0],"rates":[100,50,0]},
			{"start":"2025-08-01","end":"2025-08-31","suppressed":false,"size":0,"retained":[0,0,0],"rates":[null,null,null]},
			{"start":"2025-09-01","end":"2025-09-30","suppressed":false,"size":0,"retained":[0,0,null],"rates":[null,null,null]}]},
		"bracket":{"rows":[{"retained":[10,5]}]},
		"funnel":{"steps":[
			{"activity":"ENROLMENT","programme":null,"suppressed":false,"people":10,"conversion":100,"medianDays":null},
			{"activity":"SESSION","programme":"buddy","suppressed":false,"people":10,"conversion":100,"medianDays":0}]},
		"one":{"steps":[{"people":10}]}}`, "company")
}

// Analyses of many companies are one call each.
func TestAnalysesAreReadTogether(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(30))
	res := api.query(t, `query($mode: RetentionMode, $steps: [FunnelStepInput!]!) {
		companies(first: 30) { nodes {`+analyses+`} } }`, analysesVariables)
	wantCodes(t, res)
	for _, call := range []string{"Retentions", "Funnels"} {
		if n := api.calls[call]; n != 1 {
			t.Errorf("%s was called %d times", call, n)
		}
	}
}

func TestAnalysesOutOfBounds(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]struct{ code, message string }{
		`retention(period: "2025", intervals: 0) { mode }`:                                      {"INVALID", "1 to 100"},
		`retention(period: "2025", intervals: 101) { mode }`:                                    {"INVALID", "1 to 100"},
		`retention(period: "2025", interval: DAY) { mode }`:                                     {"TOO_LARGE", "100 rows"},
		`retention(period: "2025", brackets: [1]) { mode }`:                                     {"INVALID", "mode BRACKET"},
		`retention(period: "2025", mode: BRACKET) { mode }`:                                     {"INVALID", "needs brackets"},
		`retention(period: "2025", mode: BRACKET, brackets: []) { mode }`:                       {"INVALID", "1 to 100"},
		`retention(period: "2025", mode: BRACKET, brackets: [0]) { mode }`:                      {"INVALID", "1 to 100"},
		`retention(period: "2025", mode: BRACKET, brackets: [60, 60]) { mode }`:                 {"INVALID", "1 to 100"},
		`retention(period: "2025", cohort: "nobody's") { mode }`:                                {"NOT_FOUND", "Cohort"},
		`retention(period: "2025", programme: "*") { mode }`:                                    {"INVALID", "programme"},
		`funnel(period: "2025", steps: []) { steps { people } }`:                                {"INVALID", "1 to 10"},
		`funnel(period: "2025", steps: {activity: JOB}, window: 3661) { steps { people } }`:     {"INVALID", "3660"},
		`funnel(period: "2025", steps: {activity: JOB}, window: -1) { steps { people } }`:       {"INVALID", "3660"},
		`funnel(period: "2025", steps: {activity: JOB, programme: "a b"}) { steps { people } }`: {"INVALID", "programme"},
		`funnel(period: "2025", steps: {activity: SLEEP}) { steps { people } }`:                 {"GRAPHQL_VALIDATION_FAILED", "SLEEP"},
		`funnel(period: "2025", steps: {activity: JOB}, cohort: "x") { steps { people } }`:      {"NOT_FOUND", "Cohort"},
	} {
		res := serve(newMemory(1)).query(t, `{ company(key: "c001") { key `+fields+` } }`, nil)
		if got := res.codes(); !slices.Equal(got, []string{want.code}) || !strings.Contains(res.Errors[0].Message, want.message) {
			t.Errorf("%s: %d %s", fields, res.Status, res.Body)
		}
	}
}
