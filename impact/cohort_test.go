package impact_test

import (
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

func TestCohortSuppression(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	for who := range impact.Ordinal(6) {
		c.Add(session(60, "2025-01-01"), who, 100)
		c.Add(assessment(impact.Language, .9, "2025-01-02"), who, 0)
	}
	everybody := roaring.New()
	everybody.AddRange(0, 50)
	done := impact.Enrolments{Programme: "buddy", Enrolled: everybody, Completed: everybody}
	r := impact.NewReading(impact.Question{}, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, []impact.Enrolments{done})

	for name, tt := range map[string]struct {
		members    *roaring.Bitmap
		suppressed bool
		count      int64
	}{
		"nobody":                              {roaring.New(), true, 0},
		"four":                                {roaring.BitmapOf(0, 1, 2, 3), true, 0},
		"four active of many":                 {roaring.BitmapOf(0, 1, 2, 3, 40, 41, 42, 100), true, 0},
		"five":                                {roaring.BitmapOf(0, 1, 2, 3, 4), false, 5},
		"five active and others who were not": {roaring.BitmapOf(0, 1, 2, 3, 4, 40), false, 5},
		"everybody":                           {nil, false, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := r.Cohort(impact.Members{Key: "k", Name: "K", People: tt.members}, impact.DefaultSROI, impact.DefaultVIS)
			if got.Key != "k" || got.Name != "K" || got.SROI.Methodology != "teei-1.0" {
				t.Errorf("the cohort lost its names: %+v", got)
			}
			if got.Suppressed != tt.suppressed || got.ParticipantCount != tt.count {
				t.Errorf("suppressed %v, count %d; want %v, %d", got.Suppressed, got.ParticipantCount, tt.suppressed, tt.count)
			}
			told := !got.CompletionRate.IsZero() || !got.AvgVIS.IsZero() || got.SROI.Ratio.Valid ||
				!got.SROI.SocialValue.IsZero() || !got.SROI.Investment.IsZero() || len(got.SROI.Improvement) > 0
			if told == tt.suppressed {
				t.Errorf("suppressed %v, yet the figures are %+v", tt.suppressed, got)
			}
		})
	}
}
