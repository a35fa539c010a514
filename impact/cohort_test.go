package impact_test

import (
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/shopspring/decimal"

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

// A cohort has the ratio of a methodology as far as the log keeps by person what it
// takes, and not where that tells of few.
func TestCohortByMethodology(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	for who := range impact.Ordinal(20) {
		c.Add(session(60, "2025-01-01"), who, 100)
		if who < 12 {
			c.Add(&impact.Event{Kind: impact.KindPlacement, Participant: "p", Status: impact.StatusPlaced}, who, 0)
		}
	}
	q := impact.Question{Programme: "*", Range: impact.Range{From: impact.Date(2025, 1, 1), To: impact.Date(2025, 4, 1)}, Parts: impact.PartsCohort}
	r := impact.NewReading(q, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)
	npv := impact.IDNPV
	r.Settings = &impact.Settings{
		SROIMethodology: []impact.Dated[string]{{From: impact.Date(2025, 1, 1), Value: &npv}},
		Costs:           []impact.ProgrammeCost{{Programme: "*", Range: q.Range, Amount: decimal.NewFromInt(1000)}},
	}
	of := func(people *roaring.Bitmap) *impact.Cohort {
		cohort := r.Cohort(impact.Members{Key: "k", People: people}, r.Settings.SROI(impact.DefaultSROI, q), impact.DefaultVIS)
		return &cohort
	}
	say := func(people *roaring.Bitmap, id string) string {
		live, err := of(people).SROIBy(id)
		switch {
		case err != nil:
			return string(impact.CodeOf(err))
		case live == nil:
			return "withheld"
		}
		return live.Methodology + " " + live.Investment.String()
	}
	for name, tt := range map[string]struct {
		people *roaring.Bitmap
		id     string
		want   string
	}{
		"all by default":                    {nil, "", "teei-npv-1.0 1599"},
		"all by another":                    {nil, "teei-1.0", "teei-1.0 1599"},
		"all by activities":                 {nil, "teei-activity-1.0", "teei-activity-1.0 4500"},
		"all by a value map":                {nil, "svi-2012", "INVALID"},
		"members bear no costs":             {people(0, 6), "", "teei-npv-1.0 179.7"},
		"the same by teei-1.0":              {people(0, 6), "teei-1.0", "teei-1.0 179.7"},
		"two of them were placed":           {people(10, 8), "", "withheld"},
		"two of the others were placed":     {people(0, 10), "", "withheld"},
		"nobody was placed":                 {people(12, 6), "", "teei-npv-1.0 179.7"},
		"activities are not kept by person": {people(0, 6), "teei-activity-1.0", "INVALID"},
		"a value map is the company's":      {people(0, 6), "svi-2012", "INVALID"},
		"a score is no ratio":               {people(0, 6), "teei-vis-1.0", "INVALID"},
	} {
		if got := say(tt.people, tt.id); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	activity := impact.IDActivity
	r.Settings.SROIMethodology[0].Value = &activity
	if got := say(people(0, 6), "") + " " + say(nil, ""); got != "teei-1.0 179.7 teei-1.0 1599" {
		t.Errorf("by a default that no department can have: %s", got)
	}
	for id, ok := range map[string]bool{"": true, "teei-vis-1.0": true, "teei-vis-reporting-1.0": false, "teei-1.0": false} {
		if err := impact.CheckCohortVIS(id); (err == nil) != ok {
			t.Errorf("score by %q: %v", id, err)
		}
	}
}
