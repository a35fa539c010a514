package impact_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/impactql/impactql/impact"
)

// patch is the data of Efron and Tibshirani, An Introduction to the Bootstrap (1993),
// table 10.1: eight subjects, (new patch - old patch) over (old patch - placebo). The
// ratio is -0.0713.
var patch = []impact.Pair{
	{Y: -1200, X: 8406}, {Y: 2601, X: 2342}, {Y: -2705, X: 8187}, {Y: 1982, X: 8459},
	{Y: -1290, X: 4795}, {Y: 351, X: 3516}, {Y: -638, X: 4796}, {Y: -2719, X: 10238},
}

func nearly(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The book's Fieller interval of confidence 0.9, section 25.5.
func TestFiellerOfThePatchData(t *testing.T) {
	t.Parallel()
	got := impact.FiellerInterval(patch, 0.9)
	if got.Shape != impact.IntervalBounded {
		t.Fatalf("%+v", got)
	}
	nearly(t, "the lower end", got.Lower, -0.249, 0.001)
	nearly(t, "the upper end", got.Upper, 0.170, 0.001)
}

// With X of 1 the ratio is a mean, and the interval is Student's, whose quantiles every
// table has.
func TestDeltaOfAMeanIsStudents(t *testing.T) {
	t.Parallel()
	for n, quantile := range map[int]float64{2: 12.7062, 3: 4.3027, 5: 2.7764, 8: 2.3646, 11: 2.2281, 30: 2.0452, 121: 1.9799, 1001: 1.9623} {
		pairs := make([]impact.Pair, n)
		var mean, variance float64
		for i := range pairs {
			pairs[i] = impact.Pair{Y: float64(i * i % 7), X: 1}
			mean += pairs[i].Y / float64(n)
		}
		for _, p := range pairs {
			variance += (p.Y - mean) * (p.Y - mean) / float64(n-1)
		}
		half := quantile * math.Sqrt(variance/float64(n))
		for name, got := range map[string]impact.ConfidenceInterval{"delta": impact.DeltaInterval(pairs, 0.95), "Fieller": impact.FiellerInterval(pairs, 0.95)} {
			nearly(t, name+"'s lower end", got.Lower, mean-half, 1e-4*half)
			nearly(t, name+"'s upper end", got.Upper, mean+half, 1e-4*half)
		}
	}
}

// Fieller's set against its definition: the ratios q at which Y - qX has a mean of 0 by
// Student's test.
func TestFiellerEqualsItsDefinition(t *testing.T) {
	t.Parallel()
	const n, t95 = 6, 2.570582
	rng := rand.New(rand.NewPCG(2, 2))
	shapes := map[impact.IntervalShape]int{}
	for range 300 {
		pairs := make([]impact.Pair, n)
		shift := rng.Float64() * 4
		for i := range pairs {
			pairs[i] = impact.Pair{Y: rng.NormFloat64() + shift/2, X: rng.NormFloat64() + shift}
		}
		got := impact.FiellerInterval(pairs, 0.95)
		shapes[got.Shape]++
		for k := -2000; k <= 2000; k++ {
			q := float64(k) / 50
			if math.Abs(q-got.Lower) < 1e-3 || math.Abs(q-got.Upper) < 1e-3 {
				continue
			}
			var mean, variance float64
			for _, p := range pairs {
				mean += (p.Y - q*p.X) / n
			}
			for _, p := range pairs {
				variance += (p.Y - q*p.X - mean) * (p.Y - q*p.X - mean) / (n - 1)
			}
			in := math.Abs(mean) <= t95*math.Sqrt(variance/n)
			said := map[impact.IntervalShape]bool{
				impact.IntervalBounded: got.Lower < q && q < got.Upper,
				impact.IntervalOutside: q < got.Lower || got.Upper < q,
				impact.IntervalAll:     true,
			}[got.Shape]
			if in != said {
				t.Fatalf("%v of %v: %v is in it: %v", got, pairs, q, in)
			}
		}
	}
	for _, shape := range []impact.IntervalShape{impact.IntervalBounded, impact.IntervalOutside, impact.IntervalAll} {
		if shapes[shape] == 0 {
			t.Errorf("no %s among %v", shape, shapes)
		}
	}
}

// The percentiles of all resamples that there can be, each as likely as the others.
func TestBootstrapEqualsEnumeration(t *testing.T) {
	t.Parallel()
	pairs := []impact.Pair{{Y: 1, X: 2}, {Y: 5, X: 3}, {Y: 2, X: 7}, {Y: 9, X: 4}, {Y: 3, X: 3}}
	var all []float64
	for k := range 5 * 5 * 5 * 5 * 5 {
		var sum impact.Pair
		for rest, i := k, 0; i < 5; i++ {
			sum.Y += pairs[rest%5].Y
			sum.X += pairs[rest%5].X
			rest /= 5
		}
		all = append(all, sum.Y/sum.X)
	}
	slices.Sort(all)
	got := impact.BootstrapInterval(pairs, 0.9, 100_000, 3, impact.BootstrapPercentile)
	nearly(t, "the lower end", got.Lower, all[len(all)/20], 0.02)
	nearly(t, "the upper end", got.Upper, all[len(all)*19/20], 0.02)
	if again := impact.BootstrapInterval(pairs, 0.9, 100_000, 3, impact.BootstrapPercentile); again != got {
		t.Errorf("%v, then %v", got, again)
	}
}

// Of a mean of data that lie evenly around it there is nothing for BCa to correct; of
// skewed data it moves both ends towards the long tail.
func TestBCa(t *testing.T) {
	t.Parallel()
	var even, skewed []impact.Pair
	for i := range 41 {
		even = append(even, impact.Pair{Y: float64(i - 20), X: 1})
		skewed = append(skewed, impact.Pair{Y: math.Exp(float64(i) / 8), X: 1})
	}
	ends := func(pairs []impact.Pair) (plain, corrected impact.ConfidenceInterval) {
		return impact.BootstrapInterval(pairs, 0.9, 50_000, 1, impact.BootstrapPercentile), impact.BootstrapInterval(pairs, 0.9, 50_000, 1, impact.BootstrapBCa)
	}
	plain, corrected := ends(even)
	nearly(t, "the lower end", corrected.Lower, plain.Lower, 0.1)
	nearly(t, "the upper end", corrected.Upper, plain.Upper, 0.1)
	plain, corrected = ends(skewed)
	if corrected.Lower <= plain.Lower || corrected.Upper <= plain.Upper {
		t.Errorf("BCa %v is not right of %v", corrected, plain)
	}
}

func TestIntervalsOfTooLittle(t *testing.T) {
	t.Parallel()
	for _, pairs := range [][]impact.Pair{nil, {{Y: 1, X: 1}}} {
		for name, got := range map[string]impact.ConfidenceInterval{
			"delta": impact.DeltaInterval(pairs, 0.95), "Fieller": impact.FiellerInterval(pairs, 0.95),
			"bootstrap": impact.BootstrapInterval(pairs, 0.95, 100, 1, impact.BootstrapBCa),
		} {
			if got.Shape != impact.IntervalNone {
				t.Errorf("%s of %d: %v", name, len(pairs), got)
			}
		}
	}
}
