package impact_test

import (
	"flag"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

func number(s string) impact.Setting { return impact.Setting{Number: dec(s)} }

func word(s string) impact.Setting { return impact.Setting{Word: s} }

// The worked examples of the methodology's page; those of teei-1.0 and teei-vis-1.0
// are in TestSROITeei1 and TestVISTeei1.
func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	t.Run("teei-npv-1.0", func(t *testing.T) {
		t.Parallel()
		p := impact.DefaultNPV
		p.WageLift = dec("5000")
		s, err := impact.NPVTeei1(impact.NPVInput{Placed: rat("20"), Cost: rat("50000")}, p)
		if err != nil {
			t.Fatal(err)
		}
		if s.SocialValue.StringFixed(0) != "424292" || s.NetRatio.Decimal.StringFixed(2) != "7.49" || s.Ratio.Decimal.StringFixed(2) != "8.49" {
			t.Errorf("benefits %s, net %s, gross %s", s.SocialValue, s.NetRatio.Decimal, s.Ratio.Decimal)
		}
	})
	t.Run("teei-activity-1.0", func(t *testing.T) {
		t.Parallel()
		s := impact.ActivityTeei1(impact.ActivityCounts{
			Matches: 25, EventsAttended: 80, SkillShares: 120, Feedback: 95, Milestones: 180, Checkins: 50,
		}, 1, impact.DefaultActivity)
		if s.SocialValue.String() != "6960" || s.Investment.String() != "1500" || s.Ratio.Decimal.String() != "4.64" {
			t.Errorf("value %s, investment %s, ratio %s", s.SocialValue, s.Investment, s.Ratio.Decimal)
		}
	})
	t.Run("svi-2012", func(t *testing.T) {
		t.Parallel()
		line := impact.NewOutcome()
		line.Name, line.Quantity, line.Proxy = "Job", dec("10"), dec("1000")
		m := valueMap("5000", line)
		res, err := m.SROI()
		if err != nil {
			t.Fatal(err)
		}
		if res.PresentValue.StringFixed(2) != "9661.84" || res.Ratio.Decimal.StringFixed(4) != "1.9324" {
			t.Errorf("present value %s, ratio %s", res.PresentValue, res.Ratio.Decimal)
		}
		if res.NetRatio.Decimal.StringFixed(4) != "0.9324" || res.NetPresentValue.StringFixed(2) != "4661.84" || res.PaybackMonths.Decimal.String() != "6" {
			t.Errorf("net %s, npv %s, payback %s", res.NetRatio.Decimal, res.NetPresentValue, res.PaybackMonths.Decimal)
		}
	})
	t.Run("teei-vis-reporting-1.0", func(t *testing.T) {
		t.Parallel()
		v := impact.VISReporting(impact.ReportingInput{Hours: rat("30"), Sessions: rat("4"), Improvement: rat("0.6")}, impact.DefaultReporting)
		if v.Score.StringFixed(2) != "53.72" || v.Band != "Excellent" {
			t.Errorf("score %s, band %s", v.Score, v.Band)
		}
	})
}

func TestReportingTiersAndBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hours, sessions, improvement string
		want                         string
	}{
		{"0", "0", "0", "0.00"},
		{"100", "8", "1", "100.00"},
		{"5000", "100", "1", "100.00"},
		{"0", "1/100", "0.1", "7.50"},
		{"0", "2", "0.05", "15.00"},
		{"0", "399/100", "0", "15.00"},
		{"0", "4", "0", "22.50"},
		{"0", "8", "0", "30.00"},
		{"50", "0", "0.55", "35.00"},
	} {
		v := impact.VISReporting(impact.ReportingInput{Hours: rat(tt.hours), Sessions: rat(tt.sessions), Improvement: rat(tt.improvement)}, impact.DefaultReporting)
		if v.Score.StringFixed(2) != tt.want {
			t.Errorf("%s hours, %s sessions, improvement %s: %s, want %s", tt.hours, tt.sessions, tt.improvement, v.Score, tt.want)
		}
	}
	for _, c := range impact.VISReporting(impact.ReportingInput{}, impact.DefaultReporting).Components {
		if c.Covered {
			t.Errorf("%s is covered by nothing", c.Name)
		}
	}
}

func TestNPVNeedsACost(t *testing.T) {
	t.Parallel()
	for _, cost := range []string{"0", "-1"} {
		_, err := impact.NPVTeei1(impact.NPVInput{Placed: rat("1"), Cost: rat(cost)}, impact.DefaultNPV)
		checkInvalid(t, err, "/cost")
	}
}

func TestMonths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to         string // both included
		calendar, days30 int64
	}{
		{"2025-01-01", "2025-01-31", 1, 2},
		{"2025-01-31", "2025-02-01", 2, 1},
		{"2025-01-01", "2025-01-30", 1, 1},
		{"2025-11-15", "2026-02-14", 4, 4},
		{"2024-01-01", "2024-12-31", 12, 13},
		{"2025-03-05", "2025-03-05", 1, 1},
	} {
		r := impact.Range{From: day(tt.from), To: day(tt.to) + 1}
		if r.Months(impact.MonthsCalendar) != tt.calendar || r.Months(impact.MonthsDays30) != tt.days30 {
			t.Errorf("%s: %d and %d months, want %d and %d", r, r.Months(impact.MonthsCalendar), r.Months(impact.MonthsDays30), tt.calendar, tt.days30)
		}
	}
	if (impact.Range{}).Months(impact.MonthsCalendar) != 0 || (impact.Range{}).Months(impact.MonthsDays30) != 0 {
		t.Error("no days are no months")
	}
}

// Each formula against its definition in rationals, on random inputs.
func TestFormulasEqualTheirDefinitions(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	some := func(most int64) *big.Rat { return frac(rng.Int64N(most*100), 100) }
	share := func() *big.Rat { return frac(rng.Int64N(1001), 1000) }
	toDecimal := func(x *big.Rat) decimal.Decimal { return decimal.NewFromBigRat(x, 6) }
	same := func(what string, got decimal.Decimal, want *big.Rat, places int) {
		t.Helper()
		if got.StringFixed(int32(places)) != want.FloatString(places) {
			t.Errorf("%s is %s, want %s", what, got, want.FloatString(places))
		}
	}
	for range 300 {
		placed, cost, lift, multiplier, rate := some(500), some(100_000), some(30_000), some(4), share()
		years := 1 + rng.IntN(12)
		benefits := new(big.Rat)
		for year := 1; year <= years; year++ {
			factor := count(1)
			for range year {
				factor = over(factor, plus(count(1), rate))
			}
			benefits = plus(benefits, times(times(times(placed, lift), multiplier), factor))
		}
		p := impact.NPVParams{ID: "x", WageLift: toDecimal(lift), Multiplier: toDecimal(multiplier), DiscountRate: toDecimal(rate), Years: years}
		if cost.Sign() > 0 {
			s, err := impact.NPVTeei1(impact.NPVInput{Placed: placed, Cost: cost}, p)
			if err != nil {
				t.Fatal(err)
			}
			same("benefits", s.SocialValue, benefits, 2)
			same("gross", s.Ratio.Decimal, over(benefits, cost), 4)
			same("net", s.NetRatio.Decimal, over(minus(benefits, cost), cost), 4)
		}

		var n [6]int64
		var worth [6]*big.Rat
		value := new(big.Rat)
		for i := range n {
			n[i], worth[i] = rng.Int64N(1000), some(30)
			value = plus(value, times(frac(n[i], 1), worth[i]))
		}
		months, monthly := 1+rng.Int64N(20), plus(some(3000), count(1))
		s := impact.ActivityTeei1(impact.ActivityCounts{
			Matches: n[0], EventsAttended: n[1], SkillShares: n[2], Feedback: n[3], Milestones: n[4], Checkins: n[5],
		}, months, impact.ActivityParams{Values: impact.ActivityWeights{
			Match: toDecimal(worth[0]), EventAttended: toDecimal(worth[1]), SkillShare: toDecimal(worth[2]),
			Feedback: toDecimal(worth[3]), Milestone: toDecimal(worth[4]), Checkin: toDecimal(worth[5]),
		}, MonthlyCost: toDecimal(monthly)})
		same("activity value", s.SocialValue, value, 2)
		same("activity ratio", s.Ratio.Decimal, over(value, times(frac(months, 1), monthly)), 4)

		hours, sessions, improvement := some(300), some(12), share()
		score := new(big.Rat)
		score = plus(score, times(count(30), least(count(1), over(hours, count(100)))))
		tier := 0
		for _, step := range []struct{ from, score int }{{2, 50}, {4, 75}, {8, 100}} {
			if sessions.Cmp(count(step.from)) >= 0 {
				tier = step.score
			}
		}
		if tier == 0 && sessions.Sign() > 0 {
			tier = 25
		}
		score = plus(score, times(frac(3, 10), count(tier)))
		score = plus(score, times(count(40), positive(over(minus(improvement, frac(1, 10)), frac(9, 10)))))
		v := impact.VISReporting(impact.ReportingInput{Hours: hours, Sessions: sessions, Improvement: improvement}, impact.DefaultReporting)
		same("reporting score", v.Score, score, 2)
	}
}

func least(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// Every documented default is the one that figures are made with: setting it changes
// nothing.
func TestDocumentedDefaultsAreTheDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(5, 500)
	r, err := read(w.cells(), impact.Question{Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsMetrics | impact.PartOwn})
	if err != nil {
		t.Fatal(err)
	}
	b := r.Basis()
	active := impact.Range{From: day("2019-12-01"), To: day("2025-02-01")}
	for _, m := range impact.Methodologies {
		if m.Figure != impact.FigureSROI || m.ID == "svi-2012" {
			continue
		}
		plain, err := b.SROI(m.ID, nil, active)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range plain.Parameters {
			p := m.Parameters[i]
			if v.Name != p.Name || v.Overridden {
				t.Errorf("%s: parameter %d is %s", m.ID, i, v.Name)
			}
			if p.Default == "" {
				continue
			}
			if v.Value() != p.Default {
				t.Errorf("%s: %s is %s, documented as %s", m.ID, p.Name, v.Value(), p.Default)
			}
			o := impact.Overrides{p.Name: number("0")}
			if p.Words != nil {
				o[p.Name] = word(p.Default)
			} else {
				o[p.Name] = number(p.Default)
			}
			set, err := b.SROI(m.ID, o, active)
			if err != nil {
				t.Fatal(err)
			}
			if set.Ratio != plain.Ratio && !set.Ratio.Decimal.Equal(plain.Ratio.Decimal) || !set.Parameters[i].Overridden {
				t.Errorf("%s: %s = %s gives %v, not %v", m.ID, p.Name, p.Default, set.Ratio, plain.Ratio)
			}
		}
	}
}

// A teei-1.0 ratio from the basis is the one from the reading, by every mode.
func TestBasisAgreesWithTheReading(t *testing.T) {
	t.Parallel()
	for seed := range uint64(worlds) {
		w := newWorld(seed, 200)
		r, err := read(w.cells(), impact.Question{Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsMetrics | impact.PartOwn})
		if err != nil {
			t.Fatal(err)
		}
		b := r.Basis()
		o := newOracle(w, "*", "1970-01-01", "2199-12-31")
		for _, mode := range []impact.ImprovementMode{impact.ImprovementMean, impact.ImprovementSum} {
			for _, baseline := range []impact.Baseline{impact.BaselineAssumed, impact.BaselineMeasured} {
				live, err := b.SROI("teei-1.0", impact.Overrides{"improvementMode": word(string(mode)), "baseline": word(string(baseline))}, impact.AllTime)
				if err != nil {
					t.Fatal(err)
				}
				investment, value, _ := o.sroi(nil, baseline, mode)
				if live.Investment.StringFixed(2) != investment.FloatString(2) || live.SocialValue.StringFixed(2) != value.FloatString(2) {
					t.Errorf("world %d %s %s: %s and %s, want %s and %s", seed, mode, baseline,
						live.Investment, live.SocialValue, investment.FloatString(2), value.FloatString(2))
				}
				if live.Model != nil {
					ratio, ok := live.Model.Ratio(live.Model.Base())
					if want, _ := over(value, investment).Float64(); !ok || !near(ratio, want) {
						t.Errorf("world %d: the model has %v, want %v", seed, ratio, want)
					}
				}
			}
		}
		activity, placed := o.activity(), o.placed()
		live, err := b.SROI("teei-activity-1.0", impact.Overrides{"monthCount": number("2")}, impact.AllTime)
		if err != nil || live.SocialValue.StringFixed(2) != activity.FloatString(2) || live.Investment.String() != "3000" {
			t.Errorf("world %d: activity %s, want %s: %v", seed, live.SocialValue, activity.FloatString(2), err)
		}
		live, err = b.SROI("teei-npv-1.0", impact.Overrides{"wageLift": number("1"), "employmentMultiplier": number("1"), "discountRate": number("0"), "years": number("1"), "cost": number("1")}, impact.AllTime)
		if err != nil || live.SocialValue.String() != placed.FloatString(0) {
			t.Errorf("world %d: %s placed, want %s: %v", seed, live.SocialValue, placed.FloatString(0), err)
		}
	}
}

func near(a, b float64) bool {
	d := a - b
	return d < 1e-9 && d > -1e-9
}

func (o *oracle) activity() *big.Rat {
	sum := new(big.Rat)
	for _, e := range o.in {
		worth := map[impact.Kind]int{
			impact.KindMatch: 10, impact.KindEventAttended: 5, impact.KindFeedback: 8, impact.KindMilestone: 20, impact.KindCheckin: 3,
		}[e.Kind]
		if endsMatch(e) {
			worth = 0
		}
		if strings.HasPrefix(e.Type, "buddy.skill") {
			worth = 15
		}
		sum = plus(sum, count(worth))
	}
	return sum
}

func (o *oracle) placed() *big.Rat {
	placed := names{}
	for _, e := range o.in {
		if e.Kind == impact.KindPlacement && e.Participant != "" && e.Status == impact.StatusPlaced {
			placed[e.Participant] = true
		}
	}
	return count(len(placed))
}

func TestOverridesAreChecked(t *testing.T) {
	t.Parallel()
	b := impact.NewReading(impact.Question{}, nil, new(impact.Cell), nil, nil).Basis()
	for pointer, o := range map[string]impact.Overrides{
		"/wageLift":        {"wageLift": number("1")},
		"/hours":           {"hours": number("-1")},
		"/minConfidence":   {"minConfidence": number("1.1")},
		"/improvementMode": {"improvementMode": word("MEDIAN")},
		"/languageValue":   {"languageValue": number("1e40")},
	} {
		_, err := b.SROI("teei-1.0", o, impact.AllTime)
		checkInvalid(t, err, pointer)
	}
	_, err := b.SROI("teei-npv-1.0", impact.Overrides{"years": number("2.5")}, impact.AllTime)
	checkInvalid(t, err, "/years")
	_, err = b.SROI("teei-9", nil, impact.AllTime)
	checkInvalid(t, err, "/methodology")
	live, err := b.SROI("teei-npv-1.0", nil, impact.AllTime)
	if err != nil || live.Status != impact.FigureInsufficientData || live.Ratio.Valid || live.Model != nil {
		t.Errorf("nothing put in: %+v, %v", live, err)
	}
}

var update = flag.Bool("update", false, "rewrite the tables of docs/methodology.md from the registry")

// docs/methodology.md has the formula and the table of each methodology as the
// registry has them.
func TestDocsHaveTheRegistry(t *testing.T) {
	t.Parallel()
	const file = "../docs/methodology.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	docs := string(data)
	for _, m := range impact.Methodologies {
		before, rest, begins := strings.Cut(docs, "<!-- "+m.ID+" -->\n")
		had, after, ends := strings.Cut(rest, "<!-- end -->\n")
		if !begins || !ends {
			t.Fatalf("%s has no block for %s", file, m.ID)
		}
		if want := "\n" + m.Markdown() + "\n"; had != want {
			if !*update {
				t.Errorf("%s says of %s otherwise than the registry: go test ./impact -run TestDocs -update", file, m.ID)
			}
			docs = before + "<!-- " + m.ID + " -->\n" + want + "<!-- end -->\n" + after
		}
	}
	if *update && docs != string(data) {
		if err := os.WriteFile(file, []byte(docs), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
