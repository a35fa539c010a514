package impact

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Pair is what one unit, such as a participant, adds to a ratio of sums: Y above and X
// below.
type Pair struct{ Y, X float64 }

// ConfidenceInterval is a confidence interval of a ratio of sums.
type ConfidenceInterval struct {
	Shape        IntervalShape
	Lower, Upper float64 // with IntervalBounded and IntervalOutside
}

// IntervalShape says what the two ends of an interval mean.
type IntervalShape string

// The shapes. Only Fieller's method has the last two: where the sum below cannot be
// told from 0, no bounded interval has the confidence that was asked for.
const (
	IntervalBounded IntervalShape = "BOUNDED" // from Lower to Upper
	IntervalOutside IntervalShape = "OUTSIDE" // all but what lies between Lower and Upper
	IntervalAll     IntervalShape = "ALL"     // any number
	IntervalNone    IntervalShape = "NONE"    // too little data: under two units, or a sum of 0 below
)

// moments are means and the variances of those means.
type moments struct {
	n                float64
	y, x             float64
	varY, varX, covX float64
}

func momentsOf(pairs []Pair) (m moments, ok bool) {
	m.n = float64(len(pairs))
	if m.n < 2 {
		return m, false
	}
	for _, p := range pairs {
		m.y += p.Y / m.n
		m.x += p.X / m.n
	}
	scale := 1 / (m.n * (m.n - 1))
	for _, p := range pairs {
		dy, dx := p.Y-m.y, p.X-m.x
		m.varY += dy * dy * scale
		m.varX += dx * dx * scale
		m.covX += dy * dx * scale
	}
	return m, true
}

// DeltaInterval is the interval of sum(Y)/sum(X) by the delta method: the ratio plus
// and minus Student's t of n-1 degrees times the standard error of its linearisation
// (Cochran, Sampling Techniques, 3rd ed. 1977, 6.19 without the finite population
// correction). level is the confidence, such as 0.95.
func DeltaInterval(pairs []Pair, level float64) ConfidenceInterval {
	m, ok := momentsOf(pairs)
	if !ok || m.x == 0 {
		return ConfidenceInterval{Shape: IntervalNone}
	}
	return m.delta(m.standardError(), level)
}

// standardError is that of the linearised ratio.
func (m *moments) standardError() float64 {
	r := m.y / m.x
	return math.Sqrt(max(0, m.varY-2*r*m.covX+r*r*m.varX)) / math.Abs(m.x)
}

func (m *moments) delta(standardError, level float64) ConfidenceInterval {
	r, half := m.y/m.x, m.quantile(level)*standardError
	return ConfidenceInterval{IntervalBounded, r - half, r + half}
}

// quantile is that of Student's t which leaves (1 - level) / 2 above.
func (m *moments) quantile(level float64) float64 { return studentT(1-(1-level)/2, m.n-1) }

// FiellerInterval is that of Fieller (Some Problems in Interval Estimation, Journal of
// the Royal Statistical Society B 16, 1954): the ratios q for which mean(Y) - q mean(X)
// is not significantly different from 0. They solve a quadratic in q, so they are an
// interval only if mean(X) is itself significantly different from 0; else they are
// everything outside of one, or all numbers, and the answer says so.
func FiellerInterval(pairs []Pair, level float64) ConfidenceInterval {
	m, ok := momentsOf(pairs)
	if !ok {
		return ConfidenceInterval{Shape: IntervalNone}
	}
	return m.fieller(level)
}

func (m *moments) fieller(level float64) ConfidenceInterval {
	t := m.quantile(level)
	a := m.x*m.x - t*t*m.varX
	b := m.x*m.y - t*t*m.covX
	c := m.y*m.y - t*t*m.varY
	root := b*b - a*c
	switch {
	case a > 0:
		root = math.Sqrt(max(0, root))
		return ConfidenceInterval{IntervalBounded, (b - root) / a, (b + root) / a}
	case a < 0 && root > 0:
		root = math.Sqrt(root)
		return ConfidenceInterval{IntervalOutside, (b + root) / a, (b - root) / a}
	}
	return ConfidenceInterval{Shape: IntervalAll}
}

// BootstrapMethod says how an interval is read off the resampled ratios.
type BootstrapMethod string

// The methods.
const (
	BootstrapPercentile BootstrapMethod = "PERCENTILE"
	BootstrapBCa        BootstrapMethod = "BCA" // bias-corrected and accelerated
)

// BootstrapInterval is the interval of sum(Y)/sum(X) by resampling the units, with
// replacement, as often as resamples says (Efron and Tibshirani, An Introduction to the
// Bootstrap, 1993: chapter 13 for PERCENTILE, 14.3 for BCA). The same seed gives the
// same answer everywhere.
func BootstrapInterval(pairs []Pair, level float64, resamples int, seed uint64, method BootstrapMethod) ConfidenceInterval {
	total, ok := sumOf(pairs)
	if !ok || resamples < 2 {
		return ConfidenceInterval{Shape: IntervalNone}
	}
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a bootstrap has to be repeatable, not secret
	ratios := make([]float64, 0, resamples)
	for range resamples {
		var sum Pair
		for range pairs {
			p := pairs[rng.IntN(len(pairs))]
			sum.Y += p.Y
			sum.X += p.X
		}
		if sum.X != 0 {
			ratios = append(ratios, sum.Y/sum.X)
		}
	}
	if len(ratios) < 2 {
		return ConfidenceInterval{Shape: IntervalNone}
	}
	slices.Sort(ratios)
	tail := (1 - level) / 2
	low, high := tail, 1-tail
	if method == BootstrapBCa {
		low, high = accelerated(pairs, total, ratios, tail)
	}
	return ConfidenceInterval{IntervalBounded, quantile(ratios, low), quantile(ratios, high)}
}

func sumOf(pairs []Pair) (sum Pair, ok bool) {
	for _, p := range pairs {
		sum.Y += p.Y
		sum.X += p.X
	}
	return sum, len(pairs) >= 2 && sum.X != 0
}

// accelerated corrects the two tails for the bias of the resampled ratios and, by the
// jackknife, for how their spread changes with the ratio: formulas 14.10, 14.14 and
// 14.15.
func accelerated(pairs []Pair, total Pair, sorted []float64, tail float64) (low, high float64) {
	// One that comes out at the ratio itself, but for the order of additions, is half below.
	ratio, below := total.Y/total.X, 0.0
	near := 1e-12 * math.Abs(ratio)
	for _, r := range sorted {
		switch {
		case r < ratio-near:
			below++
		case r <= ratio+near:
			below += 0.5
		}
	}
	n := float64(len(sorted))
	bias := normalQuantile(min(max(below/n, 0.5/n), 1-0.5/n))

	left, mean := make([]float64, len(pairs)), 0.0
	for i, p := range pairs {
		left[i] = (total.Y - p.Y) / (total.X - p.X)
		mean += left[i] / float64(len(pairs))
	}
	var squares, cubes float64
	for _, r := range left {
		d := mean - r
		squares += d * d
		cubes += d * d * d
	}
	acceleration := 0.0
	if squares > 0 && !math.IsInf(squares, 0) && !math.IsNaN(squares) {
		acceleration = cubes / (6 * math.Pow(squares, 1.5))
	}
	at := func(p float64) float64 {
		z := bias + normalQuantile(p)
		return normalCDF(bias + z/(1-acceleration*z))
	}
	return at(tail), at(1 - tail)
}

func normalCDF(z float64) float64      { return math.Erfc(-z/math.Sqrt2) / 2 }
func normalQuantile(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }

// studentT is the quantile p of at least 0.5 of Student's t with some degrees of
// freedom, by bisection of its distribution function.
func studentT(p, degrees float64) float64 {
	low, high := 0.0, 1.0
	for studentCDF(high, degrees) < p && high < 1e12 {
		high *= 2
	}
	for range 200 {
		mid := (low + high) / 2
		if studentCDF(mid, degrees) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// studentCDF is the distribution function at t of 0 or more: an incomplete beta
// function (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1).
func studentCDF(t, degrees float64) float64 {
	return 1 - incompleteBeta(degrees/2, 0.5, degrees/(degrees+t*t))/2
}

// incompleteBeta is the regularised incomplete beta function by its continued fraction
// (Abramowitz and Stegun, 26.5.8), evaluated by the method of Lentz.
func incompleteBeta(a, b, x float64) float64 {
	if x <= 0 || x >= 1 {
		return min(max(x, 0), 1)
	}
	if x > (a+1)/(a+b+2) { // where the fraction converges slowly
		return 1 - incompleteBeta(b, a, 1-x)
	}
	logGamma := func(x float64) float64 { g, _ := math.Lgamma(x); return g }
	front := math.Exp(logGamma(a+b)-logGamma(a)-logGamma(b)+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	fraction, c, d := 1.0, 1.0, 0.0
	for i := range 500 {
		m := float64(i / 2)
		term := 1.0
		switch {
		case i > 0 && i%2 == 0:
			term = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		case i%2 == 1:
			term = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / notZero(1+term*d, tiny)
		c = notZero(1+term/c, tiny)
		fraction *= c * d
		if math.Abs(1-c*d) < 1e-15 {
			break
		}
	}
	return front * (fraction - 1)
}

func notZero(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}
