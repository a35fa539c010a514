package impact_test

import (
	"testing"

	"github.com/impactql/impactql/impact"
)

// A lift counted from stored pages is the one of the merged assessments.
func TestLiftOfPagesEqualsThatOfCells(t *testing.T) {
	t.Parallel()
	improved, unmoved := 0, 0
	for seed := range uint64(30) {
		w := newWorld(seed, 400)
		cells := w.cells()
		for _, r := range []impact.Range{impact.AllTime, {From: day("2020-01-01"), To: day("2022-11-18")}, {From: day("2019-12-30"), To: day("2020-01-03")}} {
			q := impact.Question{Programme: impact.AllProgrammes, Range: r, Parts: impact.PartsVIS}
			reading, err := read(cells, q)
			if err != nil {
				t.Fatal(err)
			}
			want := reading.VIS(impact.DefaultVIS)
			var lifts impact.Lifts
			for _, c := range within(cells, q.Programme, r) {
				for p := range c.Pages() {
					if p.Facet == impact.FacetAssessments {
						lifts.Add(p.Number, p.Data)
					}
				}
			}
			lift, err := lifts.Count()
			if err != nil {
				t.Fatal(err)
			}
			reading.Lift = &lift
			if got := reading.VIS(impact.DefaultVIS); !got.Score.Equal(want.Score) ||
				!got.Components[2].Score.Equal(want.Components[2].Score) || got.Components[2].Covered != want.Components[2].Covered {
				t.Errorf("seed %d, %v: %v, %+v; want %v, %+v", seed, r, got.Score, got.Components[2], want.Score, want.Components[2])
			}
			improved += int(lift.Improved)
			unmoved += int(lift.Assessed - lift.Improved)
		}
	}
	if improved == 0 || unmoved == 0 {
		t.Errorf("%d improved and %d did not: the worlds prove nothing", improved, unmoved)
	}
}

func TestLiftRefusesTornPages(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	c.Add(assessment(impact.Language, .5, "2025-01-01"), 300, 0)
	for p := range c.Pages() {
		for n := 1; n < len(p.Data); n++ {
			var lifts impact.Lifts
			lifts.Add(p.Number, p.Data[:n])
			if _, err := lifts.Count(); err == nil {
				t.Errorf("%d of %d bytes were taken", n, len(p.Data))
			}
		}
	}
}
