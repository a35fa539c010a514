package impact_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

var sumRatios = map[impact.SumRatio]impact.Dimension{
	impact.RatioSROI: 0, impact.RatioCompletion: 0, impact.RatioHours: 0, impact.RatioRating: 0,
	impact.RatioIntegration: impact.Integration, impact.RatioLanguage: impact.Language, impact.RatioJobReadiness: impact.JobReadiness,
	impact.RatioConfidence: impact.Confidence, impact.RatioBelonging: impact.Belonging, impact.RatioWellBeing: impact.WellBeing,
}

// units works out of the events what each participant adds to a ratio, by name.
func (o *oracle) units(ratio impact.SumRatio) map[string]*impact.Pair {
	units := map[string]*impact.Pair{}
	at := func(name string) *impact.Pair {
		if units[name] == nil {
			units[name] = new(impact.Pair)
		}
		return units[name]
	}
	rate := func(e *impact.Event) float64 {
		if usd, known := map[int]float64{2020: 28.54, 2021: 29.95, 2022: 31.80, 2023: 33.49}[e.OccurredAt.In(o.loc).Year()]; known {
			return usd
		}
		return 29.95
	}
	switch ratio {
	case impact.RatioCompletion:
		started, completed := map[string]string{}, map[string]bool{}
		for _, e := range o.before {
			if e.Kind == impact.KindEnrollment && e.Participant != "" {
				key := e.Programme + " " + e.Participant
				started[key] = e.Participant
				completed[key] = completed[key] || e.Status == impact.StatusCompleted
			}
		}
		for key, name := range started {
			at(name).X++
			if completed[key] {
				at(name).Y += 100
			}
		}
	case impact.RatioHours:
		for name := range activeAs(o.in, participantOf) {
			at(name).X = 1
		}
		for _, e := range o.in {
			if e.Kind == impact.KindSession && e.Participant != "" && e.Volunteer != "" {
				at(e.Participant).Y += float64(e.DurationMS) / 3_600_000
			}
		}
	case impact.RatioRating:
		for _, e := range o.in {
			if e.Kind == impact.KindFeedback && e.ScoreScale != impact.ScaleNone && !e.FromVolunteer && e.Participant != "" {
				at(e.Participant).Y += float64(e.Score) / 1e6
				at(e.Participant).X++
			}
		}
	case impact.RatioSROI:
		active := activeAs(o.in, participantOf)
		rest, stated, n := 0.0, 0.0, 0
		scores := map[string]map[impact.Dimension][]float64{}
		for _, e := range o.in {
			switch {
			case e.Kind == impact.KindSession && e.Participant != "" && e.Volunteer != "":
				at(e.Participant).X += float64(e.DurationMS) / 3_600_000 * rate(e)
			case (e.Kind == impact.KindSession || e.Kind == impact.KindVolunteerHours) && e.Volunteer != "":
				rest += float64(e.DurationMS) / 3_600_000 * rate(e)
			case isAssessment(e) && e.Dimension <= impact.JobReadiness:
				if scores[e.Participant] == nil {
					scores[e.Participant] = map[impact.Dimension][]float64{}
				}
				scores[e.Participant][e.Dimension] = append(scores[e.Participant][e.Dimension], float64(e.Score)/1e6)
				n++
				if e.HasConfidence {
					stated += float64(e.Confidence) / 1e6
				} else {
					stated += 0.85
				}
			}
		}
		factor := 1.0
		if n > 0 && stated/float64(n) < 0.7 {
			factor = 0.8
		}
		for name := range active {
			at(name).X += rest / float64(len(active))
			for d, list := range scores[name] {
				sum := 0.0
				for _, s := range list {
					sum += s
				}
				at(name).Y += factor * max(0, sum/float64(len(list))-0.3) * map[impact.Dimension]float64{
					impact.Integration: 150, impact.Language: 500, impact.JobReadiness: 300,
				}[d]
			}
		}
	default:
		for _, e := range o.in {
			if isAssessment(e) && e.Dimension == sumRatios[ratio] {
				at(e.Participant).Y += float64(e.Score) / 1e6
				at(e.Participant).X++
			}
		}
	}
	return units
}

// Intervals of random companies against those of pairs that were worked out of the
// events.
func TestConfidenceEqualsOracle(t *testing.T) {
	t.Parallel()
	compared := map[impact.SumRatio]int{}
	for seed := range uint64(12) {
		w := newWorld(seed, 500)
		cells := w.cells()
		for _, span := range [][2]string{{"2019-01-01", "2026-01-01"}, {"2020-12-31", "2023-01-01"}} {
			for _, programme := range []string{"*", "buddy"} {
				r, err := read(cells, impact.Question{Programme: programme, Range: days(span[0], span[1]), Parts: impact.PartsConfidence})
				if err != nil {
					t.Fatal(err)
				}
				o := newOracle(w, programme, span[0], span[1])
				for ratio := range sumRatios {
					units := o.units(ratio)
					// By ordinal, as a seed draws them.
					names := slices.SortedFunc(maps.Keys(units), func(a, b string) int { return int(w.ordinals[a]) - int(w.ordinals[b]) })
					var pairs []impact.Pair
					var sum impact.Pair
					for _, name := range names {
						if p := *units[name]; p.X != 0 {
							pairs, sum = append(pairs, p), impact.Pair{Y: sum.Y + p.Y, X: sum.X + p.X}
						}
					}
					if len(pairs) < impact.DefaultMinGroup {
						continue
					}
					compared[ratio]++
					for method, want := range map[impact.IntervalMethod]impact.ConfidenceInterval{
						impact.MethodDelta: impact.DeltaInterval(pairs, 0.9), impact.MethodFieller: impact.FiellerInterval(pairs, 0.9),
						impact.MethodPercentile: impact.BootstrapInterval(pairs, 0.9, 200, 7, impact.BootstrapPercentile),
						impact.MethodBootstrap:  impact.BootstrapInterval(pairs, 0.9, 200, 7, impact.BootstrapBCa),
					} {
						got := r.Confidence(&impact.ConfidenceQuestion{Ratio: ratio, Method: method, Level: 0.9, Draws: 200, Seed: 7})
						name := fmt.Sprintf("seed %d, %s, %v, %s by %s", seed, programme, span, ratio, method)
						if got.Suppressed || got.Units != int64(len(pairs)) || got.Interval.Shape != want.Shape {
							t.Fatalf("%s: %+v, want %+v of %d", name, got, want, len(pairs))
						}
						nearly(t, name, got.Ratio.Decimal.InexactFloat64(), sum.Y/sum.X, 1e-9*(1+math.Abs(sum.Y/sum.X)))
						nearly(t, name+": low", got.Interval.Lower, want.Lower, 1e-7*(1+math.Abs(want.Lower)))
						nearly(t, name+": high", got.Interval.Upper, want.Upper, 1e-7*(1+math.Abs(want.Upper)))
					}
				}
			}
		}
	}
	for ratio := range sumRatios {
		if compared[ratio] < 10 {
			t.Errorf("%s was compared %d times", ratio, compared[ratio])
		}
	}
}

// The ratio is the one that is published by SUM.
func TestConfidenceIsOfThePublishedRatio(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r, err := read(newWorld(seed, 500).cells(), impact.Question{Programme: "*", Range: impact.AllTime, Parts: impact.PartsConfidence})
		if err != nil {
			t.Fatal(err)
		}
		p := impact.DefaultSROI
		p.Mode = impact.ImprovementSum
		m := r.Metrics()
		for ratio, want := range map[impact.SumRatio]float64{
			impact.RatioSROI: r.SROI(p).Ratio.Decimal.InexactFloat64(), impact.RatioCompletion: m.CompletionRate.InexactFloat64(),
		} {
			got := r.Confidence(&impact.ConfidenceQuestion{Ratio: ratio, Method: impact.MethodDelta, Level: 0.95})
			nearly(t, string(ratio), got.Ratio.Decimal.InexactFloat64(), want, 0.005001)
		}
	}
}

// held is a reading of sessions, one of each participant with so many hours.
func held(hours ...float64) *impact.Reading {
	c := new(impact.Cell)
	for who, h := range hours {
		c.Add(&impact.Event{Kind: impact.KindSession, Participant: "p", Volunteer: "v", DurationMS: int64(h * 3_600_000)}, impact.Ordinal(who), 9999)
	}
	return impact.NewReading(impact.Question{Programme: "*", Range: impact.AllTime, Parts: impact.PartsConfidence}, nil, c, nil, nil)
}

// A textbook's mean: Student, The Probable Error of a Mean (1908), the additional hours of
// sleep of ten patients by drug 2. Mean 2.33, and by Student's t of 9 degrees of freedom
// 0.90 to 3.76.
func TestConfidenceOfStudentsData(t *testing.T) {
	t.Parallel()
	const moved = 10 // no session is shorter than nothing
	sleep := []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	for i := range sleep {
		sleep[i] += moved
	}
	for _, method := range []impact.IntervalMethod{impact.MethodDelta, impact.MethodFieller} {
		got := held(sleep...).Confidence(&impact.ConfidenceQuestion{Ratio: impact.RatioHours, Method: method, Level: 0.95})
		nearly(t, "the mean", got.Ratio.Decimal.InexactFloat64(), 2.33+moved, 1e-6)
		nearly(t, "the lower end", got.Interval.Lower, 0.90+moved, 0.005)
		nearly(t, "the higher end", got.Interval.Upper, 3.76+moved, 0.005)
	}
}

// Of few people mean and spread would tell what each did.
func TestConfidenceOfFewIsWithheld(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]struct {
		suppressed bool
		shape      impact.IntervalShape
	}{0: {false, impact.IntervalNone}, 1: {true, impact.IntervalNone}, 4: {true, impact.IntervalNone}, 5: {false, impact.IntervalBounded}} {
		got := held([]float64{1, 2, 3, 4, 5}[:n]...).Confidence(&impact.ConfidenceQuestion{Ratio: impact.RatioHours, Method: impact.MethodDelta, Level: 0.95})
		if got.Suppressed != want.suppressed || got.Interval.Shape != want.shape || got.Suppressed && (got.Units != 0 || got.Ratio.Valid) {
			t.Errorf("of %d: %+v", n, got)
		}
	}
}

func TestConfidenceLimits(t *testing.T) {
	t.Parallel()
	r := held(make([]float64, 30_000)...)
	ask := impact.ConfidenceQuestion{Ratio: impact.RatioHours, Method: impact.MethodBootstrap, Level: 0.95, Draws: 2000}
	if got := r.Confidence(&ask); impact.CodeOf(got.Err) != impact.CodeTooLarge {
		t.Errorf("60 million: %+v", got)
	}
	ask.Draws = 1000
	start := time.Now()
	if got := r.Confidence(&ask); got.Err != nil {
		t.Errorf("30 million: %+v", got)
	}
	t.Logf("30 million drawn in %s", time.Since(start))
	ask.Method, ask.Draws = impact.MethodFieller, 100_000
	if got := r.Confidence(&ask); got.Err != nil {
		t.Errorf("Fieller: %+v", got)
	}
	for _, bad := range []impact.ConfidenceQuestion{
		{Level: 0.4, Draws: 100}, {Level: 1, Draws: 100}, {Level: math.NaN(), Draws: 100}, {Level: 0.95, Draws: 99}, {Level: 0.95, Draws: 100_001},
	} {
		if err := bad.Check(); impact.CodeOf(err) != impact.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
