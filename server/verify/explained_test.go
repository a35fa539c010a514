package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/db"
	"github.com/impactql/impactql/impact"
)

// everyPart is a part of each methodology, of a few events, with something in each.
func everyPart(r *run) (parts []part) {
	a, h := newAccount(), newHistory()
	add := func(e impact.Event) {
		e.OccurredAt = time.Date(2024, 3, 5, 10, 0, 0, 0, time.UTC)
		l := &db.LedgerEvent{Event: e}
		h.add(l)
		a.add(l, r.ratesOn(dayOf(e.OccurredAt, time.UTC)))
	}
	members := make(map[string]bool)
	for n := range 6 {
		who := fmt.Sprint("p", n)
		members[who] = n > 0
		add(impact.Event{Kind: impact.KindSession, Participant: who, Volunteer: "v" + who, DurationMS: 3 * hour})
		add(impact.Event{Kind: impact.KindEnrollment, Participant: who, Status: impact.StatusCompleted})
		add(impact.Event{Kind: impact.KindMilestone, Participant: who})
		add(impact.Event{Kind: impact.KindPlacement, Participant: who, Status: impact.StatusPlaced})
		for _, d := range []impact.Dimension{impact.Language, impact.Belonging} {
			add(impact.Event{Kind: impact.KindOutcome, Participant: who, Dimension: d, Score: 900_000, HasConfidence: true, Confidence: 800_000})
		}
	}
	year := impact.Range{From: impact.Date(2024, 1, 1), To: impact.Date(2025, 1, 1)}
	of := r.scope(a, h, impact.AllProgrammes, year, 12)
	cohort, _ := of.cohort("some", members)
	parts = append(of.company(), cohort...)
	matrix := matrices[0].sheet(func(n int) impact.Day { return impact.Date(2024, time.Month(1+n), 1) })
	for name, n := range map[string]int64{"size[0]": 20, "retained[0][0]": 20, "retained[0][1]": 7} {
		matrix.count(name, n)
	}
	return append(parts, newPart("retention ", impact.IDRetention, matrix),
		newPart("funnel ", impact.IDFunnel, sheet{
			"window": "90", "steps[0].activity": "ANY", "steps[0].people": "30", "steps[1].activity": "SESSION", "steps[1].people": "7", "steps[1].medianDays": "2.5",
		}),
		newPart("map ", impact.IDSVI, sheet{
			"discountRate": "0.035", "discountTiming": "END_OF_YEAR", "combine": "SEQUENTIAL", "inputs[0].amount": "5000", "outcomes[0].quantity": "10",
			"outcomes[0].proxy": "1000", "outcomes[0].duration": "2", "outcomes[0].startYear": "1", "outcomes[0].dropOff": "0.1",
		}))
}

// explaining is an explanation that gives what a part is made of: every other name as a
// parameter.
func (c *claim) explaining(p part, cohort string) *impact.Explanation {
	x := &impact.Explanation{Methodology: p.methodology, Formula: "a\tb", Company: "acme", Programme: c.programme, Cohort: cohort, Range: c.days}
	for n, name := range slices.Sorted(maps.Keys(p.sheet)) {
		if n%2 == 0 {
			x.Parameters = append(x.Parameters, impact.ExplainedParameter{Name: name, Value: p.sheet[name]})
		} else {
			x.Inputs = append(x.Inputs, impact.ExplainedInput{Name: name, Value: p.sheet[name], EvidenceGrade: impact.GradeReported})
		}
	}
	return x
}

// Of each methodology: a parameter, an input, a figure that is not what its formula makes
// of them, and a hash of another text are found, whichever it is.
func TestExplanationsThatAreWrongAreFound(t *testing.T) {
	t.Parallel()
	var found []string
	r := &run{
		ledger:    &db.Ledger{Company: &impact.Company{Key: "acme"}, Settings: &impact.Settings{}},
		stretches: make(map[impact.Day]*rates), options: Options{Report: func(d Difference) { found = append(found, d.Figure) }},
	}
	c := &claim{period: "2024", programme: impact.AllProgrammes, days: impact.Range{From: impact.Date(2024, 1, 1), To: impact.Date(2025, 1, 1)}}
	seen := make(map[string]bool)
	for _, p := range everyPart(r) {
		seen[p.methodology] = true
		// finds makes the change and judges; the difference that it looks for is by name.
		finds := func(name string, change func(x *impact.Explanation, told figures)) {
			t.Helper()
			found = nil
			x, told := c.explaining(p, "north"), p.figures()
			change(x, told)
			r.judgeExplanation(c, "north", p, answer{told, x})
			if name == "" && len(found) > 0 || name != "" && !slices.Contains(found, name) {
				t.Errorf("%s %s: the differences are %q, not %q", p.methodology, p.prefix, found, name)
			}
		}
		finds("", func(*impact.Explanation, figures) {})
		given := c.explaining(p, "north")
		for n := range given.Parameters {
			finds("explained "+p.prefix+given.Parameters[n].Name, func(x *impact.Explanation, _ figures) { x.Parameters[n].Value += "7" })
		}
		for n := range given.Inputs {
			finds("explained "+p.prefix+given.Inputs[n].Name, func(x *impact.Explanation, _ figures) { x.Inputs[n].Value += "7" })
			finds("explained "+p.prefix+given.Inputs[n].Name, func(x *impact.Explanation, _ figures) { x.Inputs = slices.Delete(x.Inputs, n, n+1) })
		}
		finds("explained "+p.prefix+"more", func(x *impact.Explanation, _ figures) {
			x.Inputs = append(x.Inputs, impact.ExplainedInput{Name: "more", Value: "1"})
		})
		finds("explained "+p.prefix+"names", func(x *impact.Explanation, _ figures) { x.Inputs = append(x.Inputs, x.Inputs[0]) })
		for n, f := range p.figures() {
			finds("by its explanation "+f.name, func(_ *impact.Explanation, told figures) { told[n].value += "7" })
		}
		hash := "explained " + p.prefix + "hash"
		finds(hash, func(x *impact.Explanation, _ figures) { x.Methodology += "1" })
		finds(hash, func(x *impact.Explanation, _ figures) { x.Company = "other" })
		finds(hash, func(x *impact.Explanation, _ figures) { x.Programme = "buddy" })
		finds(hash, func(x *impact.Explanation, _ figures) { x.Range.From++ })
		whole := "explained " + p.prefix + p.methodology
		everybody := *c
		everybody.explained, found = true, nil
		if r.judgeExplanation(&everybody, "", p, answer{figures: p.figures()}); !slices.Equal(found, []string{whole}) {
			t.Errorf("without an explanation by %s of everybody: %q", p.methodology, found)
		}
		p.fewest = 4
		finds(whole, func(*impact.Explanation, figures) {})
	}
	for id := range formulas {
		if !seen[id] {
			t.Errorf("no explanation by %s was looked at", id)
		}
	}
	if few := everyPart(r); !slices.ContainsFunc(few, func(p part) bool { return strings.HasPrefix(p.prefix, "cohort ") && p.fewest == 5 }) {
		t.Error("nobody adds to a cohort's numbers")
	}
}
