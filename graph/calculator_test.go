package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/impactql/impactql/graph"
)

const calculator = `query($map: ValueMapInput!) { simulateSroi(valueMap: $map) {
  status ratio netRatio presentValue netPresentValue totalInputs paybackMonths outcomes { name impactByYear presentValue } } }`

// The methodology's worked example, as literals and as variables, of strings and of
// numbers.
func TestSimulateSroi(t *testing.T) {
	t.Parallel()
	want := `{"status":"OK","ratio":1.9324,"netRatio":0.9324,"presentValue":"9661.84","netPresentValue":"4661.84","totalInputs":"5000.00",
		"paybackMonths":6,"outcomes":[{"name":"Job","impactByYear":["10000.00"],"presentValue":"9661.84"}]}`
	api := serve(newMemory(0))
	for name, arguments := range map[string][2]any{
		"strings": {"10", "1000"}, "numbers": {10, 1000.0},
	} {
		res := api.query(t, calculator, map[string]any{"map": map[string]any{
			"inputs":   []any{map[string]any{"name": "All", "amount": "5000"}},
			"outcomes": []any{map[string]any{"name": "Job", "quantity": arguments[0], "proxy": arguments[1]}},
		}})
		wantCodes(t, res)
		t.Log(name)
		res.want(t, want, "simulateSroi")
	}
	literals := strings.NewReplacer("query($map: ValueMapInput!)", "", "$map",
		`{inputs: [{name: "All", amount: 5000}], outcomes: [{name: "Job", quantity: "10", proxy: 1000.00}]}`).Replace(calculator)
	for range 2 { // parsed, and from the cache of parsed queries
		res := api.query(t, literals, nil)
		wantCodes(t, res)
		res.want(t, want, "simulateSroi")
	}
}

// No digit of a Decimal is lost on its way in, as a literal or as a variable.
func TestDecimalsAreExact(t *testing.T) {
	t.Parallel()
	const quantity = "123456789012345.1234567891"
	want := `["` + quantity + `"]`
	for name, query := range map[string]string{
		"number literal": `{ simulateSroi(valueMap: {outcomes: [{name: "x", quantity: ` + quantity + `, proxy: 1}]}) { outcomes { impactByYear } } }`,
		"string literal": `{ simulateSroi(valueMap: {outcomes: [{name: "x", quantity: "` + quantity + `", proxy: 1}]}) { outcomes { impactByYear } } }`,
		"default":        `query($q: Decimal = ` + quantity + `) { simulateSroi(valueMap: {outcomes: [{name: "x", quantity: $q, proxy: 1}]}) { outcomes { impactByYear } } }`,
		"fragment": `{ ...F } fragment F on Query { ... { simulateSroi(valueMap: {outcomes: [{name: "x", quantity: ` + quantity +
			`, proxy: 1}]}) { outcomes { impactByYear } } } }`,
	} {
		res := serve(newMemory(0)).query(t, query, nil)
		wantCodes(t, res)
		t.Log(name)
		res.want(t, strings.Replace(want, quantity, "123456789012345.12", 1), "simulateSroi", "outcomes", 0, "impactByYear")
	}
	// The sum would differ in its cents if a float64 were in between.
	body := `{"query":"query($q: Decimal!) { simulateSroi(valueMap: {outcomes: [{name: \"x\", quantity: $q, proxy: 1}]}) { outcomes { impactByYear } } }","variables":{"q":` + quantity + `}}`
	res := serve(newMemory(0)).do(t, post(body))
	wantCodes(t, res)
	res.want(t, `["123456789012345.12"]`, "simulateSroi", "outcomes", 0, "impactByYear")
}

func TestCalculatorPointsToTheCell(t *testing.T) {
	t.Parallel()
	lines := func(n int, last string) string {
		return strings.Repeat(`{name: "x", quantity: 1, proxy: 1}, `, n) + last
	}
	for name, c := range map[string]struct{ valueMap, code, pointer string }{
		"share":       {`{outcomes: [` + lines(3, `{name: "x", quantity: 1, proxy: 1, deadweight: 1.5}`) + `]}`, "INVALID", "/outcomes/3/deadweight"},
		"duration":    {`{outcomes: [{name: "x", quantity: 1, proxy: 1, duration: 101}]}`, "INVALID", "/outcomes/0/duration"},
		"rate":        {`{discountRate: 1.5}`, "INVALID", "/discountRate"},
		"bound":       {`{outcomes: [{name: "x", bind: {figure: SESSIONS}, proxy: 1}]}`, "INVALID", "/outcomes/0/bind"},
		"no quantity": {`{outcomes: [{name: "x", proxy: 1}]}`, "INVALID", "/outcomes/0/quantity"},
		"no number":   {`{outcomes: [` + lines(2, `{name: "x", quantity: "ten", proxy: 1}`) + `]}`, "INVALID", "/outcomes/2/quantity"},
		"a null":      {`{inputs: [{name: "x", amount: "1"}], outcomes: [{name: "x", quantity: 1, proxy: "1e9"}]}`, "INVALID", "/outcomes/0/proxy"},
		"too many":    {`{outcomes: [` + lines(201, "") + `]}`, "TOO_LARGE", "/outcomes"},
	} {
		res := serve(newMemory(0), func(c *graph.Config) { c.MaxTokens = 10_000 }).query(t, `{ simulateSroi(valueMap: `+c.valueMap+`) { ratio } }`, nil)
		wantCodes(t, res, c.code)
		if p := res.Errors[0].Extensions.Pointer; p != c.pointer {
			t.Errorf("%s: pointer %q, want %q: %s", name, p, c.pointer, res.Body)
		}
	}
}

// A variable's cell is pointed to as a literal's is.
func TestCalculatorPointsIntoVariables(t *testing.T) {
	t.Parallel()
	res := serve(newMemory(0)).query(t, calculator, map[string]any{"map": map[string]any{
		"outcomes": []any{map[string]any{"name": "x", "quantity": true, "proxy": 1}},
	}})
	wantCodes(t, res, "INVALID")
	if p := res.Errors[0].Extensions.Pointer; p != "/outcomes/0/quantity" {
		t.Errorf("pointer %q: %s", p, res.Body)
	}
}

func TestSensitivityOfTheCalculator(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(0))
	const valueMap = `{discountRate: 0, inputs: [{name: "All", amount: 5000}], outcomes: [{name: "Job", quantity: 10, proxy: 1000}]}`
	res := api.query(t, `{ simulateSroi(valueMap: `+valueMap+`) {
		sensitivity {
			oneWay(first: 1) { variable label value low high ratioAtLow ratioAtHigh swing }
			grid(x: "/outcomes/0/quantity", y: "/inputs/0/amount", change: 0.5, steps: 3) { xs ys ratios }
			breakEven(first: 3) { variable value status breakEven }
			hopeless: breakEven(target: -1, first: 1) { status breakEven }
		}
		uncertainty {
			monteCarlo(draws: 1000, seed: 7) { draws seed p10 p50 p90 }
			again: monteCarlo(draws: 1000, seed: 7) { p50 }
			certain: monteCarlo(draws: 100, distributions: [{variable: "/outcomes/0/quantity", shape: UNIFORM, low: 10, high: 10}]) { mean sd p10 p90 aboveOne }
		} } }`, nil)
	wantCodes(t, res)
	res.want(t, `[{"variable":"/inputs/0/amount","label":"All","value":5000,"low":4000,"high":6000,"ratioAtLow":2.5,"ratioAtHigh":1.6667,"swing":0.8333}]`,
		"simulateSroi", "sensitivity", "oneWay")
	res.want(t, `{"xs":[5,10,15],"ys":[2500,5000,7500],"ratios":[[2,4,6],[1,2,3],[0.6667,1.3333,2]]}`, "simulateSroi", "sensitivity", "grid")
	res.want(t, `[{"variable":"/inputs/0/amount","value":5000,"status":"FOUND","breakEven":10000},
		{"variable":"/outcomes/0/quantity","value":10,"status":"FOUND","breakEven":5},
		{"variable":"/outcomes/0/proxy","value":1000,"status":"FOUND","breakEven":500}]`, "simulateSroi", "sensitivity", "breakEven")
	res.want(t, `[{"status":"NONE","breakEven":null}]`, "simulateSroi", "sensitivity", "hopeless")
	res.want(t, `{"mean":2,"sd":0,"p10":2,"p90":2,"aboveOne":1}`, "simulateSroi", "uncertainty", "certain")
	res.want(t, fmt.Sprint(res.at("simulateSroi", "uncertainty", "monteCarlo", "p50")), "simulateSroi", "uncertainty", "again", "p50")

	without := api.query(t, `{ simulateSroi(valueMap: {}) { ratio status sensitivity { oneWay { swing } } uncertainty { monteCarlo { p50 } } } }`, nil)
	wantCodes(t, without)
	without.want(t, `{"ratio":null,"status":"INSUFFICIENT_DATA","sensitivity":null,"uncertainty":null}`, "simulateSroi")

	for field, code := range map[string]string{
		`sensitivity { oneWay(change: 2) { swing } }`:                                             "INVALID",
		`sensitivity { oneWay(first: 0) { swing } }`:                                              "INVALID",
		`sensitivity { grid(x: "luck", y: "/discountRate") { xs } }`:                              "INVALID",
		`uncertainty { monteCarlo(draws: 1) { p50 } }`:                                            "INVALID",
		`uncertainty { monteCarlo(seed: -1) { p50 } }`:                                            "INVALID",
		`uncertainty { monteCarlo(draws: 300001) { p50 } }`:                                       "TOO_LARGE",
		`uncertainty { monteCarlo(distributions: [{variable: "luck", shape: UNIFORM}]) { p50 } }`: "INVALID",
	} {
		wantCodes(t, api.query(t, `{ simulateSroi(valueMap: `+valueMap+`) { `+field+` } }`, nil), code)
	}
}

// The calculator needs no more than a key that may read, and asks the reader nothing.
func TestCalculatorNeedsNoData(t *testing.T) {
	t.Parallel()
	api := serve(newMemory(3))
	wantCodes(t, api.query(t, `{ simulateSroi(valueMap: {}) { ratio } }`, nil))
	if len(api.calls) != 0 {
		t.Errorf("asked %v", api.calls)
	}
	nobody := serve(newMemory(0), func(c *graph.Config) { c.Viewer = as(key{scopes: "ingest"}) })
	if res := nobody.query(t, `{ simulateSroi(valueMap: {}) { ratio } }`, nil); res.Status != 403 {
		t.Errorf("status %d", res.Status)
	}
}
