package impact_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Figures read from rollups are those that the oracle works out from the events.
func TestFiguresEqualTheOracle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprint("world ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 3))
			w := newWorld(seed, []int{3, 30, 150, 500}[seed%4])
			cells := w.cells()
			for i := range 6 {
				from := day("2019-12-20") + impact.Day(rng.IntN(1500))
				q := impact.Question{
					Programme: append(programmes, impact.AllProgrammes, impact.AllProgrammes)[rng.IntN(5)],
					Range:     impact.Range{From: from, To: from + impact.Day(rng.IntN(1500))},
					Parts:     impact.PartsCohort,
				}
				if i == 0 {
					q.Range = impact.AllTime
				}
				checkFigures(t, rng, w, cells, q)
			}
		})
	}
}

func checkFigures(t *testing.T, rng *rand.Rand, w *world, cells impact.Cells, q impact.Question) {
	t.Helper()
	r, err := read(cells, q)
	if err != nil {
		t.Fatal(err)
	}
	o := newOracle(w, q.Programme, q.Range.From.String(), (q.Range.To - 1).String())
	same := func(what string, got decimal.Decimal, want *big.Rat) {
		t.Helper()
		if got.StringFixed(2) != want.FloatString(2) {
			t.Errorf("%s %s: %s is %s, want %s", q.Programme, q.Range, what, got.StringFixed(2), want.FloatString(2))
		}
	}
	sameSROI := func(what string, got impact.SROI, members names) {
		t.Helper()
		investment, value, ratio := o.sroi(members, got.Baseline, got.ImprovementMode)
		same(what+" investment", got.Investment, investment)
		same(what+" value", got.SocialValue, value)
		if got.Ratio.Valid != (ratio != nil) || (got.Status == impact.FigureOK) != got.Ratio.Valid {
			t.Errorf("%s %s: %s ratio is %v %s, want %v", q.Programme, q.Range, what, got.Ratio, got.Status, ratio)
		} else if ratio != nil {
			same(what+" ratio", got.Ratio.Decimal, ratio)
		}
	}

	events, unmapped, sessions, participants, volunteers, hours, engagement, completion := o.metrics()
	m := r.Metrics()
	got := [...]int64{m.Events, m.Unmapped, m.Sessions, m.Participants, m.Volunteers}
	want := [...]int64{int64(events), int64(unmapped), int64(sessions), int64(participants), int64(volunteers)}
	if got != want {
		t.Errorf("%s %s: events, unmapped, sessions, participants, volunteers are %d, want %d", q.Programme, q.Range, got, want)
	}
	same("hours", m.VolunteerHours, hours)
	same("engagement", m.AvgEngagement, engagement)
	same("completion", m.CompletionRate, completion)

	members := names{}
	for i := range 25 {
		if rng.IntN(2) == 0 {
			members[fmt.Sprint("p", i)] = true
		}
	}
	params := []impact.SROIParams{}
	for _, baseline := range []impact.Baseline{impact.BaselineAssumed, impact.BaselineMeasured} {
		for _, mode := range []impact.ImprovementMode{impact.ImprovementMean, impact.ImprovementSum} {
			p := impact.DefaultSROI
			p.Baseline, p.Mode = baseline, mode
			params = append(params, p)
			what := fmt.Sprint(baseline, " ", mode)
			sameSROI(what, r.SROI(p), nil)
			sameSROI(what+" of members", r.SROIOf(w.members(members), p), members)
		}
	}

	same("VIS", r.VIS(impact.DefaultVIS).Score, o.companyVIS())
	for who, v := range r.VolunteerVIS(impact.DefaultVIS) {
		for name, ordinal := range w.ordinals {
			if ordinal == who {
				same("VIS of "+name, v.Score, o.volunteerVIS(name))
			}
		}
	}

	active := 0
	for who := range activeAs(o.in, participantOf) {
		if members[who] {
			active++
		}
	}
	p := params[rng.IntN(len(params))]
	c := r.Cohort(impact.Members{Key: "some", People: w.members(members)}, p, impact.DefaultVIS)
	if c.Suppressed != (active < 5) {
		t.Fatalf("a cohort of %d active people: suppressed is %v", active, c.Suppressed)
	}
	if !c.Suppressed {
		if c.ParticipantCount != int64(active) {
			t.Errorf("cohort of %d, want %d", c.ParticipantCount, active)
		}
		same("cohort's completion", c.CompletionRate, o.completion(members))
		same("cohort's VIS", c.AvgVIS, o.avgVIS(members))
		sameSROI("cohort's", c.SROI, members)
	}
	all := r.Cohort(impact.Members{Key: impact.CohortAll}, p, impact.DefaultVIS)
	if all.ParticipantCount != int64(participants) || all.Suppressed {
		t.Errorf("all are %d, suppressed %v; want %d", all.ParticipantCount, all.Suppressed, participants)
	}
	same("all completion", all.CompletionRate, completion)
	same("all VIS", all.AvgVIS, o.avgVIS(nil))
	sameSROI("all", all.SROI, nil)
}

// An empty reading has every figure, all of them zero.
func TestFiguresOfNothing(t *testing.T) {
	t.Parallel()
	r := impact.NewReading(impact.Question{Parts: impact.PartsCohort | impact.PartsOverview}, nil, new(impact.Cell), nil, nil)
	f := r.Figures()
	if m := f.Metrics; m.Events != 0 || !m.AvgEngagement.IsZero() || !m.CompletionRate.IsZero() || !m.VolunteerHours.IsZero() {
		t.Errorf("metrics %+v", m)
	}
	if f.SROI.Ratio.Valid || f.SROI.Status != impact.FigureInsufficientData || !f.SROI.SocialValue.IsZero() {
		t.Errorf("SROI %+v", f.SROI)
	}
	if !f.VIS.Score.IsZero() || f.VIS.Band != "Developing" || !f.ImpactScore.IsZero() {
		t.Errorf("VIS %+v, impact score %s", f.VIS, f.ImpactScore)
	}
	if c := r.Cohort(impact.Members{Key: impact.CohortAll}, impact.DefaultSROI, impact.DefaultVIS); c.Suppressed || c.ParticipantCount != 0 || !c.AvgVIS.IsZero() {
		t.Errorf("cohort all %+v", c)
	}
}

func TestImpactScore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ ratio, vis, want string }{
		{"0", "0", "0.00"},
		{"", "82.5", "4.13"}, // no ratio; 4.125
		{"7.5", "82.5", "7.88"},
		{"10", "100", "10.00"},
		{"250", "100", "10.00"},
		{"-3", "50", "2.50"},
		{"0.12", "49.25", "2.52"},
	} {
		var s impact.SROI
		if tt.ratio != "" {
			s.Ratio = decimal.NewNullDecimal(decimal.RequireFromString(tt.ratio))
		}
		got := impact.ImpactScore(s, impact.VIS{Score: decimal.RequireFromString(tt.vis)})
		if got.StringFixed(2) != tt.want {
			t.Errorf("ratio %q and VIS %s give %s, want %s", tt.ratio, tt.vis, got, tt.want)
		}
	}
}
