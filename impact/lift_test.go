package impact_test

import (
	"testing"
	"time"

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
						if err := lifts.Add(p.Number, p.Data); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			lift := lifts.Count()
			if again := lifts.Count(); again != (impact.Lift{}) {
				t.Errorf("seed %d, %v: %+v is left after the count", seed, r, again)
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

// Numbers of any length are counted alike, wherever on a page they are.
func TestLiftOfUnusualAssessments(t *testing.T) {
	t.Parallel()
	merged, lifts := new(impact.Cell), impact.Lifts{}
	for bucket, from := range []string{"1901-02-03", "1969-12-31", "1970-01-01", "2025-06-07", "9998-12-30"} {
		c := new(impact.Cell)
		for i := range 2_000 {
			e := assessment(impact.Dimension(1+i%6), float64((i*i+bucket*i)%101)/float64(100+i%2), from)
			e.OccurredAt = e.OccurredAt.Add(time.Duration(i*i*i) * []time.Duration{time.Second, time.Millisecond}[i%5%2])
			e.HasConfidence, e.Confidence = i%4 > 0, impact.Micro(i%100*[]int{10_000, 9_999}[i%7%2])
			who := uint32(i % 40 * 7)
			if i%3 == 0 {
				who = 5 // more than a byte counts
			}
			c.Add(e, who, 0)
		}
		for p := range c.Pages() {
			if err := lifts.Add(p.Number, p.Data); err != nil {
				t.Fatal(err)
			}
		}
		merged.Merge(c)
	}
	q := impact.Question{Parts: impact.PartsVIS}
	want := impact.NewReading(q, nil, merged, nil, nil).VIS(impact.DefaultVIS)
	lift := lifts.Count()
	r := impact.NewReading(q, nil, new(impact.Cell), nil, nil)
	r.Lift = &lift
	if got := r.VIS(impact.DefaultVIS); lift.Improved == 0 || !got.Components[2].Score.Equal(want.Components[2].Score) {
		t.Errorf("%+v: %+v, want %+v", lift, got.Components[2], want.Components[2])
	}
}

func TestLiftRefusesTornPages(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	c.Add(assessment(impact.Language, .5, "2025-01-01"), 300, 0)
	for p := range c.Pages() {
		for n := 1; n < len(p.Data); n++ {
			var lifts impact.Lifts
			if err := lifts.Add(p.Number, p.Data[:n]); err == nil {
				t.Errorf("%d of %d bytes were taken", n, len(p.Data))
			}
		}
	}
}
