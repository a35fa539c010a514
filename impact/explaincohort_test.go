package impact_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/impactql/impactql/impact"
)

// checkCohort has a stranger work the figures of cohorts out: of everybody, of all but
// some, and of those; and the sum of the scores out of those of the volunteers.
func checkCohort(t *testing.T, what string, r *impact.Reading) {
	t.Helper()
	half := roaring.New()
	for who := range roaring.Values(r.Total().Members(impact.SetParticipants)) {
		if half.GetCardinality() <= 12 {
			half.Add(who)
		}
	}
	for name, people := range map[string]*roaring.Bitmap{"": nil, "half": half} {
		m := impact.Members{Key: name, People: people}
		sroi, vis := r.Settings.SROI(impact.DefaultSROI, r.Question), r.Settings.VIS(impact.DefaultVIS, r.Range)
		c := r.Cohort(m, sroi, vis)
		if c.Suppressed {
			continue
		}
		r.Explain(&c, m, vis, impact.Tells{Counts: true, Ratio: true, Score: true})
		of := what + " cohort " + name
		for _, id := range []string{"teei-1.0", "teei-npv-1.0"} {
			live, err := c.SROIBy(id)
			if err != nil {
				t.Fatal(err)
			}
			x, err := c.ExplainSROI(id, "acme")
			if err != nil || (x == nil) != (live == nil) {
				t.Fatalf("%s: %v, %v", of, x, err)
			}
			if live != nil {
				x.Cohort = name
				checkRatio(t, of, live, x)
			}
		}
		s := newStranger(c.ExplainCounts("acme"))
		checkScore(t, of, c.CompletionRate, s, s.percent(s.of("enrolmentsCompleted"), s.of("enrolments")))
		if s.words["participants"] != fmt.Sprint(c.ParticipantCount) {
			t.Errorf("%s: %s participants of %d", of, s.words["participants"], c.ParticipantCount)
		}
		s = newStranger(c.ExplainVIS("acme"))
		checkScore(t, of, c.AvgVIS, s, s.ratio(s.of("scores.sum"), s.of("scores.count")))
		sum := new(big.Rat)
		for who, v := range r.VolunteerVIS(vis) {
			if c.Explained.Serving == nil && len(r.Total().Volunteers.Get(who).Met) > 0 || c.Explained.Serving != nil && c.Explained.Serving.Contains(who) {
				sum = plus(sum, v.Score.Rat())
			}
		}
		if sum.Cmp(s.of("scores.sum")) != 0 {
			t.Errorf("%s: the volunteers' scores are %s, the explanation has %s", of, sum.FloatString(2), s.words["scores.sum"])
		}
	}
}

// An explanation of a cohort is told if nobody or enough people add to each sum, in it,
// beside it, and in what can be subtracted.
func TestExplanationsKeepWhatFewAddTo(t *testing.T) {
	t.Parallel()
	const k = 5
	// Of 40 people all had a session in January, in the programme that is asked for and in all.
	base := func(also ...func(r, whole *impact.Cell)) (r, whole *impact.Reading) {
		one, all := new(impact.Cell), new(impact.Cell)
		for who := range impact.Ordinal(40) {
			for _, c := range []*impact.Cell{one, all} {
				c.Add(session(60, "2025-01-01"), who, 100+who%20)
			}
		}
		for _, add := range also {
			add(one, all)
		}
		reading := func(programme string, c *impact.Cell) *impact.Reading {
			q := impact.Question{Programme: programme, Range: impact.AllTime, Parts: impact.PartsCohort}
			return impact.NewReading(q, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil)
		}
		return reading("buddy", one), reading(impact.AllProgrammes, all)
	}
	assess := func(everywhere bool, from, to impact.Ordinal) func(r, whole *impact.Cell) {
		return func(r, whole *impact.Cell) {
			for who := from; who < to; who++ {
				if everywhere {
					r.Add(assessment(impact.Language, .5, "2025-01-02"), who, 0)
				}
				whole.Add(assessment(impact.Language, .5, "2025-01-02"), who, 0)
			}
		}
	}
	group := func(from, to int) *roaring.Bitmap {
		b := roaring.New()
		b.AddRange(uint64(from), uint64(to))
		return b
	}
	partition := func(named ...int) []impact.Partition {
		return []impact.Partition{{Named: named, Groups: []impact.Members{{People: group(0, 12)}, {People: group(12, 26)}, {People: group(26, 40)}}}}
	}
	all := impact.Tells{Counts: true, Ratio: true, Score: true}
	for name, tt := range map[string]struct {
		add  []func(r, whole *impact.Cell)
		of   impact.Members
		want impact.Tells
	}{
		"enough had sessions":       {nil, impact.Members{People: group(0, 20)}, all},
		"few were assessed":         {[]func(r, whole *impact.Cell){assess(true, 0, k-1)}, impact.Members{People: group(0, 20)}, impact.Tells{Counts: true, Score: true}},
		"enough were assessed":      {[]func(r, whole *impact.Cell){assess(true, 0, k)}, impact.Members{People: group(0, 20)}, all},
		"few of the others were":    {[]func(r, whole *impact.Cell){assess(true, 16, 24)}, impact.Members{People: group(0, 21)}, impact.Tells{Counts: true, Score: true}},
		"few were, elsewhere":       {[]func(r, whole *impact.Cell){assess(true, 0, 20), assess(false, 0, 3)}, impact.Members{People: group(0, 20)}, impact.Tells{Counts: true, Score: true}},
		"enough were, elsewhere":    {[]func(r, whole *impact.Cell){assess(true, 0, 20), assess(false, 0, 7)}, impact.Members{People: group(0, 20)}, all},
		"few come with a condition": {[]func(r, whole *impact.Cell){assess(true, 0, 20)}, impact.Members{People: group(0, 20), Filtered: true, Differences: []*roaring.Bitmap{group(16, 26)}}, impact.Tells{Counts: true}},
		"many come with it":         {[]func(r, whole *impact.Cell){assess(true, 0, 30)}, impact.Members{People: group(0, 20), Filtered: true, Differences: []*roaring.Bitmap{group(20, 30)}}, all},
		// 3 of the third group were assessed: the smallest of the others goes with it.
		"the smallest beside few": {[]func(r, whole *impact.Cell){assess(true, 0, 29)}, impact.Members{People: group(0, 12), Partitions: partition(0)}, impact.Tells{Counts: true, Score: true}},
		"a larger beside few":     {[]func(r, whole *impact.Cell){assess(true, 0, 29)}, impact.Members{People: group(12, 26), Partitions: partition(1)}, all},
		"few themselves":          {[]func(r, whole *impact.Cell){assess(true, 0, 29)}, impact.Members{People: group(26, 40), Partitions: partition(2)}, impact.Tells{Counts: true, Score: true}},
		"nobody of few":           {[]func(r, whole *impact.Cell){assess(true, 0, 3)}, impact.Members{People: group(12, 26), Partitions: partition(1)}, impact.Tells{Counts: true, Score: true}},
		"nobody of many":          {[]func(r, whole *impact.Cell){assess(true, 0, 26)}, impact.Members{People: group(26, 40), Partitions: partition(2)}, all},
	} {
		r, whole := base(tt.add...)
		if got := impact.NewDisclosed(r, whole).Tells(&tt.of); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}

	// Volunteers of whom each met one person: of few the scores are not told.
	few := new(impact.Cell)
	for who := range impact.Ordinal(20) {
		few.Add(session(60, "2025-01-01"), who, 100+who%3)
	}
	r := impact.NewReading(impact.Question{Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsCohort},
		[]impact.Segment{{From: impact.Date(2025, 1, 1), Cell: few}}, new(impact.Cell), nil, nil)
	m := impact.Members{Key: "k", People: group(0, 10)}
	tells := impact.NewDisclosed(r, nil).Tells(&m)
	if tells != (impact.Tells{Counts: true, Ratio: true}) {
		t.Errorf("with three volunteers: %+v", tells)
	}
	c := r.Cohort(m, impact.DefaultSROI, impact.DefaultVIS)
	r.Explain(&c, m, impact.DefaultVIS, tells)
	if x, err := c.ExplainSROI("", "acme"); c.ExplainVIS("acme") != nil || c.ExplainCounts("acme") == nil || x == nil || err != nil {
		t.Errorf("with three volunteers: %v, %v", x, err)
	}
}
