package impact_test

import (
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// visOf makes an input of hours, and of hundredths of quality, lift and placement.
func visOf(hours, quality, lift, placement int64) impact.VISInput {
	return impact.VISInput{
		VolunteerMS: hours * hour, Volunteers: 1,
		Scores:   [4]impact.Tally{2: {N: 1, Sum: quality * 10_000}},
		Improved: lift, Assessed: 100,
		Placed: placement, Ready: 100,
	}
}

func TestVISTeei1(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in    impact.VISInput
		score string
		band  string
	}{
		"methodology: 150 hours":            {visOf(150, 75, 65, 40), "49.25", "Good"},
		"methodology: 50 hours":             {visOf(50, 85, 60, 0), "42.00", "Good"},
		"methodology: 300 hours":            {visOf(300, 80, 75, 50), "59.25", "Excellent"},
		"methodology: 800 hours":            {visOf(800, 60, 45, 25), "57.00", "Excellent"},
		"methodology: 400 hours":            {visOf(400, 92, 85, 70), "71.35", "Outstanding"},
		"hours are full at 1000":            {visOf(5000, 0, 0, 0), "30.00", "Developing"},
		"everything":                        {visOf(1000, 100, 100, 100), "100.00", "Transformational"},
		"nothing":                           {impact.VISInput{}, "0.00", "Developing"},
		"just below a band":                 {visOf(999, 1, 0, 4), "30.87", "Developing"},
		"a band starts at its edge":         {visOf(1000, 0, 4, 0), "31.00", "Good"},
		"Excellent starts at 51":            {visOf(1000, 70, 0, 0), "51.00", "Excellent"},
		"Outstanding starts at 71":          {visOf(1000, 100, 44, 0), "71.00", "Outstanding"},
		"Transformational starts at 86":     {visOf(1000, 100, 44, 100), "86.00", "Transformational"},
		"the band is of the rounded score":  {impact.VISInput{Volunteers: 1, VolunteerMS: 1000 * hour, Improved: 3999, Assessed: 100_000}, "31.00", "Good"},
		"hours are a mean per volunteer":    {impact.VISInput{Volunteers: 4, VolunteerMS: 1000 * hour}, "7.50", "Developing"},
		"ratings where nobody was assessed": {impact.VISInput{Ratings: impact.Tally{N: 4, Sum: 3_000_000}}, "22.50", "Developing"},
		"no ratings where somebody was":     {impact.VISInput{Ratings: impact.Tally{N: 4, Sum: 3_000_000}, Scores: [4]impact.Tally{{N: 2, Sum: 1_000_000}}}, "15.00", "Developing"},
		"dimensions weigh the same":         {impact.VISInput{Scores: [4]impact.Tally{{N: 1, Sum: 0}, {}, {}, {N: 1000, Sum: 1_000_000_000}}}, "15.00", "Developing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := impact.VISTeei1(tt.in, impact.DefaultVIS)
			if s := got.Score.StringFixed(2); s != tt.score || got.Band != tt.band {
				t.Errorf("got %s %s, want %s %s", s, got.Band, tt.score, tt.band)
			}
			if got.Methodology != "teei-vis-1.0" {
				t.Errorf("methodology %q", got.Methodology)
			}
		})
	}
}

func TestVISCoverage(t *testing.T) {
	t.Parallel()
	in := visOf(500, 50, 0, 0)
	in.Assessed, in.Ready = 0, 0
	got := impact.VISTeei1(in, impact.DefaultVIS)
	want := []struct {
		name, score, weight string
		covered             bool
	}{
		{"hours", "50.00", "0.3", true},
		{"quality", "50.00", "0.3", true},
		{"outcome_lift", "0.00", "0.25", false},
		{"placement", "0.00", "0.15", false},
	}
	if len(got.Components) != len(want) {
		t.Fatalf("%d components, want %d", len(got.Components), len(want))
	}
	for i, w := range want {
		c := got.Components[i]
		if c.Name != w.name || c.Score.StringFixed(2) != w.score || c.Weight.String() != w.weight || c.Covered != w.covered {
			t.Errorf("component %d is %v, want %v", i, c, w)
		}
	}
}

func TestVISParamsValidate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change  func(*impact.VISParams)
		pointer string
	}{
		"weights sum to less":  {func(p *impact.VISParams) { p.Hours-- }, "/weights"},
		"weights sum to more":  {func(p *impact.VISParams) { p.Quality++ }, "/weights"},
		"a negative weight":    {func(p *impact.VISParams) { p.Placement, p.Hours = -1, 450_001 }, "/weights/placement"},
		"no hours to reach":    {func(p *impact.VISParams) { p.FullHours = 0 }, "/fullHours"},
		"weights that overrun": {func(p *impact.VISParams) { p.Hours, p.Quality = 1<<31-1, 1<<31-1 }, "/weights"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := impact.DefaultVIS
			tt.change(&p)
			checkInvalid(t, p.Validate(), tt.pointer)
		})
	}
	if err := impact.DefaultVIS.Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
}

// Volunteer 100 met participants 0 and 1, volunteer 101 met 1 only, volunteer 102
// logged hours and met nobody.
func TestVolunteerVIS(t *testing.T) {
	t.Parallel()
	c := new(impact.Cell)
	c.Add(session(600, "2025-01-01"), 0, 100)
	c.Add(&impact.Event{Kind: impact.KindMatch, Participant: "p", Volunteer: "v", OccurredAt: at("2025-01-02")}, 1, 100)
	c.Add(session(1200, "2025-01-03"), 1, 101)
	c.Add(&impact.Event{Kind: impact.KindVolunteerHours, Volunteer: "v", DurationMS: 1000 * hour, OccurredAt: at("2025-01-03")}, 0, 102)
	c.Add(assessment(impact.Confidence, .2, "2025-01-01"), 0, 0)
	c.Add(assessment(impact.Confidence, .6, "2025-02-01"), 0, 0)
	c.Add(assessment(impact.JobReadiness, .8, "2025-02-01"), 1, 0)
	c.Add(&impact.Event{Kind: impact.KindPlacement, Participant: "p", Status: impact.StatusPlaced}, 0, 0)
	r := impact.NewReading(impact.Question{}, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)

	got := r.VolunteerVIS(impact.DefaultVIS)
	for who, want := range map[impact.Ordinal]string{
		100: "50.80", // 10 h: .3; (.4+.8)/2: 18; 1/1: 25; 1/2: 7.5
		101: "24.60", // 20 h: .6; .8: 24; -; 0/1
		102: "30.00",
	} {
		if s := got[who].Score.StringFixed(2); s != want {
			t.Errorf("volunteer %d scores %s, want %s: %v", who, s, want, got[who].Components)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d volunteers, want 3", len(got))
	}
	for _, tt := range []struct {
		members *roaring.Bitmap
		want    string
	}{
		{nil, "37.70"},
		{roaring.BitmapOf(0, 1, 102), "37.70"},
		{roaring.BitmapOf(0), "50.80"},
		{roaring.BitmapOf(102), "0.00"},
		{roaring.New(), "0.00"},
	} {
		if s := r.AvgVIS(tt.members, impact.DefaultVIS).StringFixed(2); s != tt.want {
			t.Errorf("average over %v is %s, want %s", tt.members, s, tt.want)
		}
	}
}

// Sessions that do not say how long they took are no data for the hours.
func TestVISOfHoursThatNobodyStated(t *testing.T) {
	t.Parallel()
	covered := func(durations ...int64) (list []bool) {
		c := new(impact.Cell)
		for who, ms := range durations {
			s := session(0, "2025-01-01")
			s.DurationMS = ms
			c.Add(s, 0, impact.Ordinal(100+who))
		}
		r := impact.NewReading(impact.Question{Parts: impact.PartsCohort}, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)
		reporting := r.Basis().Reporting(impact.DefaultReporting, impact.AllTime)
		return []bool{
			r.VIS(impact.DefaultVIS).Components[0].Covered, r.VolunteerVIS(impact.DefaultVIS)[100].Components[0].Covered,
			reporting.Components[0].Covered,
		}
	}
	for _, tt := range []struct {
		durations []int64
		want      []bool // of the company, its first volunteer, and the company by teei-vis-reporting-1.0
	}{
		{[]int64{0}, []bool{false, false, false}},
		{[]int64{0, hour}, []bool{true, false, true}},
		{[]int64{hour, 0}, []bool{true, true, true}},
	} {
		if got := covered(tt.durations...); !slices.Equal(got, tt.want) {
			t.Errorf("durations of %v ms: hours covered %v, want %v", tt.durations, got, tt.want)
		}
	}
}

// 2,000 volunteers who each met 50 of 20,000 participants, all of them assessed.
func BenchmarkVIS(b *testing.B) {
	c := new(impact.Cell)
	for v := range impact.Ordinal(2000) {
		for i := range impact.Ordinal(50) {
			c.Add(session(60, "2025-01-01"), 5000+(v*37+i*101)%20_000, v)
		}
	}
	for p := range impact.Ordinal(20_000) {
		for _, d := range impact.Dimensions {
			c.Add(assessment(d, float64(p%100)/100, "2025-01-01"), 5000+p, 0)
			c.Add(assessment(d, float64(p%97)/100, "2025-02-01"), 5000+p, 0)
		}
	}
	r := impact.NewReading(impact.Question{}, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)
	members := roaring.New()
	members.AddRange(5000, 15_000)
	b.Run("volunteers", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.VolunteerVIS(impact.DefaultVIS)
		}
	})
	b.Run("average", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.AvgVIS(nil, impact.DefaultVIS)
		}
	})
	b.Run("cohort", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Cohort(impact.Members{People: members}, impact.DefaultSROI, impact.DefaultVIS)
		}
	})
}
