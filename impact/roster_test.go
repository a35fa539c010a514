package impact_test

import (
	"reflect"
	"testing"

	"github.com/impactql/impactql/impact"
)

// A volunteer in a list has the score that they have by themselves, and the list by
// scores is in their order.
func TestRosterScores(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w := newWorld(seed, 400)
		q := impact.RosterQuestion{Programme: "*", Range: impact.AllTime, Role: impact.RoleVolunteer, Order: impact.OrderVIS, First: 3}
		r, err := read(w.cells(), impact.Question{Programme: "*", Range: impact.AllTime, Parts: impact.PartsCohort})
		if err != nil {
			t.Fatal(err)
		}
		scores := r.VolunteerVIS(impact.DefaultVIS)
		last, n := 101.0, 0
		for more := true; more; {
			page := r.Page(&q, impact.DefaultVIS)
			r.Describe(q.Role, page.People, impact.DefaultVIS)
			for _, p := range page.People {
				score, _ := p.VIS.Score.Float64()
				if want, known := scores[p.Who]; known && !reflect.DeepEqual(p.VIS, want) || !known && score != 0 {
					t.Errorf("seed %d: %d has %+v, want %+v", seed, p.Who, p.VIS, want)
				}
				if score > last {
					t.Errorf("seed %d: %v after %v", seed, score, last)
				}
				last = score
				n++
			}
			more, q.After = page.More, page.People[len(page.People)-1].Cursor
			if err := q.Check(); err != nil {
				t.Fatal(err)
			}
		}
		if want := int(r.Total().Count(impact.SetVolunteers)); n != want || n < len(scores) {
			t.Errorf("seed %d: %d volunteers listed, want %d", seed, n, want)
		}
	}
}

func TestMonthsCoverARange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to string
		want     []impact.Span
	}{
		{"2025-03-10", "2025-03-20", []impact.Span{{impact.GrainDay, on("2025-03-10"), on("2025-03-21")}}},
		{"2025-03-10", "2025-04-20", []impact.Span{{impact.GrainDay, on("2025-03-10"), on("2025-04-01")}, {impact.GrainDay, on("2025-04-01"), on("2025-04-21")}}},
		{"2025-03-01", "2025-03-31", []impact.Span{{impact.GrainMonth, on("2025-03-01"), on("2025-04-01")}}},
		{"2024-12-31", "2025-03-01", []impact.Span{{impact.GrainDay, on("2024-12-31"), on("2025-01-01")},
			{impact.GrainMonth, on("2025-01-01"), on("2025-03-01")}, {impact.GrainDay, on("2025-03-01"), on("2025-03-02")}}},
	} {
		if got := days(tt.from, tt.to).Months(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s to %s: %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}
