package impact_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// checkRatio has a stranger work a ratio out from its explanation.
func checkRatio(t *testing.T, what string, live *impact.LiveSROI, x *impact.Explanation) {
	t.Helper()
	s := newStranger(x)
	places := 4
	var investment, value *big.Rat
	switch x.Methodology {
	case "teei-1.0":
		investment, value = s.teei1()
		places = 2
	case "teei-npv-1.0":
		investment, value = s.npv()
		if investment.Sign() <= 0 {
			investment, value = new(big.Rat), new(big.Rat)
		}
	case "teei-activity-1.0":
		investment, value = s.activity()
	case "svi-2012":
		investment, value = s.svi()
	}
	want := "null"
	if live.Ratio.Valid {
		want = live.Ratio.Decimal.StringFixed(int32(places))
	}
	got := "null"
	if investment.FloatString(2) != "0.00" {
		got = over(value, investment).FloatString(places)
	}
	if live.Investment.StringFixed(2) != investment.FloatString(2) || live.SocialValue.StringFixed(2) != value.FloatString(2) || got != want {
		t.Errorf("%s by %s: a stranger has %s / %s = %s, the figure is %s / %s = %s\n%s", what, x.Methodology,
			value.FloatString(2), investment.FloatString(2), got, live.SocialValue, live.Investment, want, x.Canonical())
	}
	checkHash(t, what, s)
}

func checkScore(t *testing.T, what string, score decimal.Decimal, s *stranger, got *big.Rat) {
	t.Helper()
	if got.FloatString(2) != score.StringFixed(2) {
		t.Errorf("%s by %s: a stranger has %s, the figure is %s\n%s", what, s.Methodology, got.FloatString(2), score, s.Canonical())
	}
	checkHash(t, what, s)
}

func checkHash(t *testing.T, what string, s *stranger) {
	t.Helper()
	if got := s.hash(); got != s.Hash() {
		t.Errorf("%s by %s: a stranger has the hash %s, the explanation %s", what, s.Methodology, got, s.Hash())
	}
}

// A stranger works every figure out, by every methodology, from what its explanation says
// alone: with rates, weights and costs that change within the range, and with what ifs.
func TestStrangerRecomputesEveryFigure(t *testing.T) {
	t.Parallel()
	ratios := []struct {
		id string
		o  impact.Overrides
	}{
		{"teei-1.0", nil},
		{"teei-1.0", impact.Overrides{"hours": number("33.5"), "confidence": number("0.5")}},
		{"teei-1.0", impact.Overrides{"hourlyValue": number("21.07"), "language": number("0.4"), "programmeCosts": number("17")}},
		{"teei-1.0", impact.Overrides{"improvementMode": word("SUM")}},
		{"teei-1.0", impact.Overrides{"improvementMode": word("SUM"), "baseline": word("MEASURED")}},
		{"teei-1.0", impact.Overrides{"baseline": word("MEASURED"), "integration": number("0.1")}},
		{"teei-npv-1.0", nil},
		{"teei-npv-1.0", impact.Overrides{"cost": number("50000"), "years": number("7")}},
		{"teei-activity-1.0", nil},
		{"teei-activity-1.0", impact.Overrides{"milestones": number("12.5"), "months": word("DAYS30")}},
		{"teei-activity-1.0", impact.Overrides{"feedbackValue": number("0.01")}},
	}
	for seed := range uint64(worlds) {
		w := newWorld(seed, 200)
		cells := w.cells()
		for _, settings := range []*impact.Settings{nil, explainedSettings()} {
			for _, programme := range []string{impact.AllProgrammes, programmes[0]} {
				for _, r := range []impact.Range{impact.AllTime, {From: day("2023-03-07"), To: day("2025-02-11")}} {
					q := impact.Question{Programme: programme, Range: r, Parts: impact.PartsOverview | impact.PartOwn}
					reading, err := readWith(settings, cells, q)
					if err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprintf("world %d, %s of %s, settings %v", seed, r, programme, settings != nil)
					f := reading.Figures()
					for _, ratio := range ratios {
						live, err := f.Basis.SROI(ratio.id, ratio.o, impact.Range{From: day("2020-01-01"), To: day("2026-01-01")})
						if err != nil {
							t.Fatal(err)
						}
						checkRatio(t, fmt.Sprint(what, ratio.o), live, live.Explain("acme", q))
					}
					s := newStranger(f.ExplainVIS("acme"))
					checkScore(t, what, f.VIS.Score, s, s.vis1())
					active := impact.Range{From: day("2024-01-01"), To: day("2024-05-01")}
					s = newStranger(f.Basis.ExplainReporting("acme", impact.DefaultReporting, active))
					checkScore(t, what, f.Basis.Reporting(impact.DefaultReporting, active).Score, s, s.reporting())
					checkMetrics(t, what, f)
					reading.Parts |= impact.PartsCohort
					checkCohort(t, what, reading)
				}
			}
		}
	}
}

// explainedSettings change everything that can change, within the range of the test.
func explainedSettings() *impact.Settings {
	hourly, cheap := dec("41.25"), dec("7.3")
	weights := impact.DefaultActivityWeights
	weights.Match, weights.Checkin = dec("11.11"), dec("0")
	vis := impact.VISWeights{Hours: 250_000, Quality: 250_001, OutcomeLift: 249_999, Placement: 250_000}
	return &impact.Settings{
		HourlyValue:     []impact.Dated[decimal.Decimal]{{From: day("2023-06-15"), Value: &hourly}, {From: day("2024-02-29"), Value: &cheap}, {From: day("2024-10-01")}},
		ActivityWeights: []impact.Dated[impact.ActivityWeights]{{From: day("2024-03-01"), Value: &weights}, {From: day("2024-10-01")}},
		VISWeights:      []impact.Dated[impact.VISWeights]{{From: day("2022-01-01"), Value: &vis}},
		Costs: []impact.ProgrammeCost{
			{ID: 4, Programme: programmes[0], Range: impact.Range{From: day("2023-01-01"), To: day("2023-04-12")}, Amount: dec("1000.01")},
			{ID: 7, Programme: impact.AllProgrammes, Range: impact.Range{From: day("2024-01-01"), To: day("2024-02-01")}, Amount: dec("310")},
			{ID: 9, Programme: programmes[0], Range: impact.Range{From: day("2030-01-01"), To: day("2030-02-01")}, Amount: dec("1")},
		},
	}
}

func checkMetrics(t *testing.T, what string, f *impact.Figures) {
	t.Helper()
	s := newStranger(f.ExplainMetrics("acme"))
	m := f.Metrics
	events := new(big.Rat)
	for name := range s.numbers {
		if strings.HasPrefix(name, "count.") && name != "count.unknown" {
			events = plus(events, s.of(name))
		}
	}
	ratio := least(over(positive(s.of("sroiRatio")), frac(10, 1)), frac(1, 1))
	impactScore := times(frac(5, 1), plus(ratio, over(s.of("visScore"), frac(100, 1))))
	for name, pair := range map[string][2]string{
		"events":         {fmt.Sprint(m.Events), events.FloatString(0)},
		"unmapped":       {fmt.Sprint(m.Unmapped), s.of("count.unknown").FloatString(0)},
		"sessions":       {fmt.Sprint(m.Sessions), s.of("count.session.completed").FloatString(0)},
		"participants":   {fmt.Sprint(m.Participants), s.of("participants").FloatString(0)},
		"volunteers":     {fmt.Sprint(m.Volunteers), s.of("volunteers").FloatString(0)},
		"volunteerHours": {m.VolunteerHours.StringFixed(2), over(s.of("time"), frac(3_600_000, 1)).FloatString(2)},
		"avgEngagement":  {m.AvgEngagement.StringFixed(2), s.percent(s.of("participants"), s.of("known")).FloatString(2)},
		"completionRate": {m.CompletionRate.StringFixed(2), s.percent(s.of("enrolmentsCompleted"), s.of("enrolments")).FloatString(2)},
		"impactScore":    {f.ImpactScore.StringFixed(2), impactScore.FloatString(2)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s is %s, a stranger has %s", what, name, pair[0], pair[1])
		}
	}
	checkHash(t, what, s)
}

// The worked examples of the methodology's page, as a stranger works them out from their
// explanations.
func TestStrangerRecomputesTheWorkedExamples(t *testing.T) {
	t.Parallel()
	b := exampleFigures(t, 0).Basis
	example := func(id string, o impact.Overrides, investment, value, ratio string) {
		t.Helper()
		live, err := b.SROI(id, o, impact.AllTime)
		if err != nil {
			t.Fatal(err)
		}
		checkRatio(t, ratio, live, live.Explain("acme", b.Question))
		if live.Investment.StringFixed(2) != investment || live.SocialValue.StringFixed(2) != value || live.Ratio.Decimal.String() != ratio {
			t.Errorf("%s %v: %s / %s = %s", id, o, live.SocialValue, live.Investment, live.Ratio.Decimal)
		}
	}
	teei := func(hours, costs, integration, language, jobReadiness, confidence string) impact.Overrides {
		return impact.Overrides{
			"hours": number(hours), "hourlyValue": number("29.95"), "programmeCosts": number(costs), "integration": number(integration),
			"language": number(language), "jobReadiness": number(jobReadiness), "confidence": number(confidence),
		}
	}
	example("teei-1.0", teei("500", "5000", ".6", ".4", ".5", ".85"), "19975.00", "440.00", "0.02")
	example("teei-1.0", teei("100", "500", ".3", ".5", ".4", ".85"), "3495.00", "415.00", "0.12")
	example("teei-1.0", teei("100", "0", ".5", ".3", ".4", ".85"), "2995.00", "345.00", "0.12")
	example("teei-1.0", teei("100", "0", ".5", ".3", ".4", ".5"), "2995.00", "276.00", "0.09")
	example("teei-npv-1.0", impact.Overrides{"cost": number("50000"), "placed": number("20"), "wageLift": number("5000")}, "50000.00", "424291.70", "8.4858")
	example("teei-activity-1.0", impact.Overrides{
		"matches": number("25"), "eventsAttended": number("80"), "skillShares": number("120"), "feedback": number("95"),
		"milestones": number("180"), "checkins": number("50"), "monthCount": number("1"),
	}, "1500.00", "6960.00", "4.64")

	line := impact.NewOutcome()
	line.Name, line.Quantity, line.Proxy, line.Evidence = "Job\tor\\training\nplace", dec("10"), dec("1000"), "C"
	m := valueMap("5000", line)
	live, err := m.Live(nil)
	if err != nil || live.Ratio.Decimal.String() != "1.9324" {
		t.Fatalf("%+v: %v", live, err)
	}
	checkRatio(t, "by itself", live, m.Explain())
	checkRatio(t, "of a company", live, live.Explain("acme", impact.Question{Programme: "buddy", Range: impact.AllTime}))

	for hours, want := range map[int64]string{150: "49.25", 300: "53.75"} {
		f := exampleFigures(t, hours)
		s := newStranger(f.ExplainVIS("acme"))
		checkScore(t, want, f.VIS.Score, s, s.vis1())
		if f.VIS.Score.StringFixed(2) != want {
			t.Errorf("%d hours score %s, want %s", hours, f.VIS.Score, want)
		}
	}
}

// Value maps of any sort, and what whatIf changes of them.
func TestStrangerRecomputesValueMaps(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	share := func() decimal.Decimal { return decimal.New(rng.Int64N(333), -3) }
	for n := range 100 {
		m := valueMap("12345.67")
		m.DiscountRate = share()
		m.Timing = []impact.DiscountTiming{impact.EndOfYear, impact.YearOneUndiscount}[rng.IntN(2)]
		m.Combine = []impact.Combine{impact.CombineSequential, impact.CombineAdditive}[rng.IntN(2)]
		m.Inputs = append(m.Inputs, impact.MapInput{Name: "More", Amount: decimal.New(rng.Int64N(1e6), -2)})
		for range rng.IntN(4) {
			line := impact.NewOutcome()
			line.Name, line.Quantity, line.Proxy = "A line", decimal.New(rng.Int64N(1e6), -3), decimal.New(rng.Int64N(1e6)-3e5, -2)
			line.Deadweight, line.Displacement, line.Attribution, line.DropOff = share(), share(), share(), share()
			line.Duration, line.StartYear = 1+rng.IntN(9), 1+rng.IntN(2)
			m.Outcomes = append(m.Outcomes, line)
		}
		for _, o := range []impact.Overrides{
			nil, {"totalInputs": number("1000"), "duration": number("3")}, {"discountRate": number("0.1"), "deadweight": number("0.2"), "combine": word("SEQUENTIAL")},
		} {
			live, err := m.Live(o)
			if err != nil {
				t.Fatal(err)
			}
			checkRatio(t, fmt.Sprint("map ", n, o), live, live.Explain("acme", impact.Question{Programme: "buddy", Range: impact.AllTime}))
		}
	}
}

// exampleFigures are of a volunteer's hours with participants of quality .75, of whom 13 of 20
// improved, and 2 of the 5 who are job-ready are placed.
func exampleFigures(t *testing.T, hours int64) *impact.Figures {
	t.Helper()
	c := new(impact.Cell)
	c.Add(session(60*hours, "2025-05-01"), 1, 99)
	for who := range impact.Ordinal(20) {
		first, last := .7, .8
		if who >= 13 {
			first, last = .8, .7
		}
		c.Add(assessment(impact.Confidence, first, "2025-05-01"), who, 0)
		c.Add(assessment(impact.Confidence, last, "2025-06-01"), who, 0)
		if who < 5 {
			c.Add(assessment(impact.JobReadiness, .75, "2025-06-01"), who, 0)
		}
		if who < 2 {
			c.Add(&impact.Event{Kind: impact.KindPlacement, Participant: "p", Status: impact.StatusPlaced}, who, 0)
		}
	}
	q := impact.Question{Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsOverview}
	return impact.NewReading(q, []impact.Segment{{From: impact.Date(2025, 1, 1), Cell: c}}, new(impact.Cell), nil, nil).Figures()
}

// The same figure from the same data has the same hash, and any other data another one.
func TestHashTellsDataApart(t *testing.T) {
	t.Parallel()
	hashes := make(map[string]string)
	for _, name := range []string{"acme", "other", "acme"} {
		for _, hours := range []int64{1, 2} {
			what := fmt.Sprint(name, hours)
			hash := exampleFigures(t, hours).ExplainVIS(name).Hash()
			if before, known := hashes[what]; known && before != hash {
				t.Errorf("%s has two hashes", what)
			}
			hashes[what] = hash
		}
	}
	distinct := make(map[string]bool)
	for _, hash := range hashes {
		distinct[hash] = true
	}
	if len(distinct) != 4 {
		t.Errorf("%d hashes of 4 figures", len(distinct))
	}
}

// What nobody knows is graded as assumed, what was scored as assessed, a proxy as its line says.
func TestEvidenceGrades(t *testing.T) {
	t.Parallel()
	f := exampleFigures(t, 10)
	live, err := f.Basis.SROI("teei-1.0", impact.Overrides{"programmeCosts": number("5")}, impact.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]impact.EvidenceGrade)
	for _, in := range live.Explain("acme", f.Question).Inputs {
		got[in.Name] = in.EvidenceGrade
	}
	for name, want := range map[string]impact.EvidenceGrade{
		"time[2025-01-01]": "REPORTED", "score.job_readiness.sum": "ASSESSED", "baselineScore": "ASSUMED",
		"absentConfidence": "ASSUMED", "programmeCosts": "DECLARED",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	graded, bound := impact.NewOutcome(), impact.NewOutcome()
	graded.Name, graded.Evidence = "graded", "B"
	bound.Name, bound.Bind = "bound", &impact.Binding{Figure: "SESSIONS"}
	for _, in := range valueMap("1", graded, bound).Explain().Inputs {
		got[in.Name] = in.EvidenceGrade
	}
	if got["outcomes[0].proxy"] != "B" || got["outcomes[1].proxy"] != "UNGRADED" || got["outcomes[1].quantity"] != "REPORTED" || got["outcomes[0].quantity"] != "DECLARED" {
		t.Errorf("%v", got)
	}
}
