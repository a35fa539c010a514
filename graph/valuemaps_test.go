package graph_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/impactql/impactql/graph"
	"github.com/impactql/impactql/impact"
)

const setMap = `mutation($v: Int) { setValueMap(company: "c001", expectedVersion: $v, valueMap: {
	discountRate: 0, inputs: [{name: "Staff", amount: "500.5"}],
	outcomes: [
		{name: "Hours", stakeholder: "Volunteers", bind: {figure: VOLUNTEER_HOURS, programme: "buddy", period: "2024"}, proxy: "29.95", source: "Independent Sector", year: 2024, evidenceGrade: "B"},
		{name: "Jobs", bind: {figure: PARTICIPANTS_PLACED}, proxy: 1000, deadweight: 0.25}
		{name: "Fixed", quantity: 3.5, proxy: 10}]
	}) { version discountRate discountTiming combine inputs { name amount } outcomes { name stakeholder quantity bind { figure programme period } proxy source year evidenceGrade deadweight duration startYear } } }`

// A company's own map, its lines bound to live figures, is a ratio like any other: one
// read of maps and one of figures, however many companies and fields there are.
func TestValueMapOfACompany(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(3), admin)
	res := api.query(t, setMap, map[string]any{"v": 0})
	wantCodes(t, res)
	res.want(t, `{"version":1,"discountRate":0,"discountTiming":"END_OF_YEAR","combine":"SEQUENTIAL","inputs":[{"name":"Staff","amount":"500.50"}],"outcomes":[
		{"name":"Hours","stakeholder":"Volunteers","quantity":null,"bind":{"figure":"VOLUNTEER_HOURS","programme":"buddy","period":"2024"},"proxy":"29.95","source":"Independent Sector","year":2024,"evidenceGrade":"B","deadweight":"0.00","duration":1,"startYear":1},
		{"name":"Jobs","stakeholder":"","quantity":null,"bind":{"figure":"PARTICIPANTS_PLACED","programme":"","period":null},"proxy":"1000.00","source":"","year":null,"evidenceGrade":"","deadweight":"0.25","duration":1,"startYear":1},
		{"name":"Fixed","stakeholder":"","quantity":"3.50","bind":null,"proxy":"10.00","source":"","year":null,"evidenceGrade":"","deadweight":"0.00","duration":1,"startYear":1}]}`, "setValueMap")
	wantCodes(t, api.query(t, setMap, map[string]any{"v": 0}), "CONFLICT")
	wantCodes(t, api.query(t, setMap, nil)) // whichever holds
	api.maps[2] = api.maps[1]

	clear(api.calls)
	api.questions = nil
	res = api.query(t, `{ companies { nodes { key valueMap { version }
		svi: sroi(period: "2025-02", methodology: "svi-2012", compareTo: PREVIOUS_YEAR) { ratio netRatio investment socialValue sensitivity { oneWay(first: 1) { variable } } change { ratio { absolute } } }
		cautious: sroi(period: "2025-02", methodology: "svi-2012", whatIf: {deadweight: 0.5}) { socialValue parameters { name value overridden } } } } }`, nil)
	wantCodes(t, res, "NOT_FOUND", "NOT_FOUND") // the third company has no map
	for i := range 2 {
		// 10 hours x 29.95 + 1 job x 1000 x .75 + 35
		res.want(t, `{"ratio":2.1668,"netRatio":1.1668,"investment":"500.50","socialValue":"1084.50","sensitivity":{"oneWay":[{"variable":"/inputs/0/amount"}]},"change":{"ratio":{"absolute":0}}}`,
			"companies", "nodes", i, "svi")
		res.want(t, `"667.25"`, "companies", "nodes", i, "cautious", "socialValue")
		res.want(t, `2`, "companies", "nodes", i, "valueMap", "version")
	}
	if want := map[string]int{"CompanyPage": 1, "ValueMaps": 2, "Figures": 1}; !maps.Equal(api.calls, want) {
		t.Errorf("%v, want %v", api.calls, want)
	}
	asked := map[string]bool{}
	for _, q := range api.questions {
		asked[fmt.Sprint(q.Programme, " ", q.Range)] = true
	}
	if !asked["buddy 2024-01-01/2024-12-31"] || !asked["* 2025-02-01/2025-02-28"] || !asked["* 2024-02-01/2024-02-29"] {
		t.Errorf("asked %v", asked)
	}
}

func TestSetValueMapIsGuarded(t *testing.T) {
	t.Parallel()
	wantCodes(t, serve(newMemory(1)).query(t, setMap, nil), "FORBIDDEN")
	elsewhere := serve(newMemory(2), func(c *graph.Config) { c.Viewer = as(key{ids: []impact.CompanyID{2}, scopes: "read admin"}) })
	wantCodes(t, elsewhere.query(t, setMap, nil), "FORBIDDEN")
	res := serve(newMemory(1), admin).query(t, `mutation { setValueMap(company: "c001", valueMap: {outcomes: [{name: "x", proxy: 1, bind: {figure: SESSIONS, programme: "a b"}}]}) { version } }`, nil)
	wantCodes(t, res, "INVALID")
	if p := res.Errors[0].Extensions.Pointer; p != "/outcomes/0/bind/programme" {
		t.Errorf("pointer %q", p)
	}
}
