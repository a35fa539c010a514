package server

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// An interval is of the very ratios that are published, also with the company's own rates
// and costs.
func TestConfidenceIsOfWhatIsPublished(t *testing.T) {
	t.Parallel()
	_, _, a := exporting(t)
	number := func(v any) float64 {
		n, _ := v.(json.Number)
		x, err := n.Float64()
		if err != nil {
			t.Fatalf("%v is no number", v)
		}
		return x
	}
	for _, args := range []string{`period: "2024"`, `period: "2023-11-20/2024-02-01"`, `programme: "buddy"`, `period: "2024", programme: "mentoring"`} {
		g := a.query(t, strings.ReplaceAll(`{ company(key: "acme") { metrics(ARGS) { completionRate } sroi(ARGS, whatIf: { improvementMode: SUM }) { ratio }
			SROI: confidence(of: SROI, method: BOOTSTRAP, ARGS) { ratio low high shape participants }
			again: confidence(of: SROI, method: BOOTSTRAP, ARGS) { ratio low high shape participants }
			fieller: confidence(of: SROI, method: FIELLER, ARGS) { ratio low high shape }
			COMPLETION: confidence(of: COMPLETION_RATE, method: PERCENTILE, ARGS) { ratio low high } } }`, "ARGS", args), nil).clean(t)
		for name, published := range map[string]float64{
			"SROI": number(g.at("company", "sroi", "ratio")), "COMPLETION": number(g.at("company", "metrics", "completionRate")),
		} {
			ratio, low, high := number(g.at("company", name, "ratio")), number(g.at("company", name, "low")), number(g.at("company", name, "high"))
			if math.Abs(ratio-published) > 0.00501 || !(low < ratio && ratio < high) {
				t.Errorf("%s of %s: %v in %v to %v, published as %v", name, args, ratio, low, high, published)
			}
		}
		if one, two := textOf(g.at("company", "SROI")), textOf(g.at("company", "again")); one != two {
			t.Errorf("%s, then %s", one, two)
		}
	}
}
