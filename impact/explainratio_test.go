package impact_test

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

func (s *stranger) float(t *testing.T, name string) float64 {
	t.Helper()
	x, ok := s.numbers[name]
	if !ok {
		t.Fatalf("there is no %s in %s", name, s.Canonical())
	}
	f, _ := x.Float64()
	return f
}

// student is the quantile of Student's t that leaves so much above, of its density added
// up by Simpson's rule.
func student(above, degrees float64) float64 {
	a, _ := math.Lgamma((degrees + 1) / 2)
	b, _ := math.Lgamma(degrees / 2)
	scale := math.Exp(a-b) / math.Sqrt(degrees*math.Pi)
	density := func(x float64) float64 { return scale * math.Pow(1+x*x/degrees, -(degrees+1)/2) }
	low, high := 0.0, 100.0
	for range 60 {
		mid := (low + high) / 2
		const n = 4000
		sum := density(0) + density(mid)
		for i := 1; i < n; i++ {
			sum += density(mid*float64(i)/n) * float64(2+2*(i%2))
		}
		if 0.5-sum*mid/n/3 > above {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// pcg is PCG-DXSM in whole numbers of any length, cut to 128 bits.
type pcg struct{ state *big.Int }

func newPCG(seed uint64) *pcg { return &pcg{new(big.Int).Lsh(new(big.Int).SetUint64(seed), 64)} }

// below is a number less than n: the lowest bits if n is a power of two, else by Lemire's
// multiplication (2019).
func (g *pcg) below(n int) int {
	whole := new(big.Int).Lsh(big.NewInt(1), 128)
	number := func(hi, lo uint64) *big.Int {
		return new(big.Int).Add(new(big.Int).Lsh(new(big.Int).SetUint64(hi), 64), new(big.Int).SetUint64(lo))
	}
	for {
		g.state.Mul(g.state, number(2549297995355413924, 4865540595714422341))
		g.state.Add(g.state, number(6364136223846793005, 1442695040888963407)).Mod(g.state, whole)
		hi, lo := new(big.Int).Rsh(g.state, 64).Uint64(), new(big.Int).And(g.state, number(0, math.MaxUint64)).Uint64()
		hi ^= hi >> 32
		hi *= 0xda942042e4dd58b5
		hi ^= hi >> 48
		hi *= lo | 1
		if n&(n-1) == 0 {
			return int(hi % uint64(n))
		}
		if high, low := bits.Mul64(hi, uint64(n)); low >= -uint64(n)%uint64(n) {
			return int(high)
		}
	}
}

// interval works an interval out from the explanation; one that is drawn also from the
// participants, in the order in which the log first names them.
func (s *stranger) interval(t *testing.T, units []impact.Pair) (ends []float64) {
	t.Helper()
	level, n := s.float(t, "level"), s.float(t, "participants")
	y, x := s.float(t, "above.sum")/n, s.float(t, "below.sum")/n
	switch s.words["method"] {
	case "DELTA":
		half := student((1-level)/2, n-1) * s.float(t, "standardError")
		return []float64{y/x - half, y/x + half}
	case "FIELLER":
		square := math.Pow(student((1-level)/2, n-1), 2)
		a, b, c := x*x-square*s.float(t, "below.variance"), x*y-square*s.float(t, "covariance"), y*y-square*s.float(t, "above.variance")
		root := math.Sqrt(b*b - a*c)
		ends = []float64{(b - root) / a, (b + root) / a}
		slices.Sort(ends)
		return ends
	}
	g := newPCG(s.numbers["seed"].Num().Uint64())
	var ratios []float64
	for range s.numbers["draws"].Num().Int64() {
		var sum impact.Pair
		for range units {
			one := units[g.below(len(units))]
			sum.Y, sum.X = sum.Y+one.Y, sum.X+one.X
		}
		ratios = append(ratios, sum.Y/sum.X)
	}
	slices.Sort(ratios)
	low, high := (1-level)/2, 1-(1-level)/2
	if s.words["method"] == "BOOTSTRAP" {
		low, high = bca(ratios, units, low), bca(ratios, units, high)
	}
	for _, p := range []float64{low, high} { // type 7
		at := p * float64(len(ratios)-1)
		before := int(at)
		ends = append(ends, ratios[before]+(at-float64(before))*(ratios[min(before+1, len(ratios)-1)]-ratios[before]))
	}
	return ends
}

// bca corrects a quantile as Efron and Tibshirani do in 14.10.
func bca(sorted []float64, units []impact.Pair, p float64) float64 {
	normal := func(z float64) float64 { return (1 + math.Erf(z/math.Sqrt2)) / 2 }
	quantile := func(p float64) float64 {
		low, high := -40.0, 40.0
		for range 100 {
			if mid := (low + high) / 2; normal(mid) < p {
				low = mid
			} else {
				high = mid
			}
		}
		return low
	}
	var total impact.Pair
	for _, u := range units {
		total.Y, total.X = total.Y+u.Y, total.X+u.X
	}
	ratio, below := total.Y/total.X, 0.0
	for _, r := range sorted {
		switch near := 1e-12 * math.Abs(ratio); {
		case math.Abs(r-ratio) <= near:
			below += 0.5
		case r < ratio:
			below++
		}
	}
	draws := float64(len(sorted))
	bias := quantile(min(max(below/draws, 0.5/draws), 1-0.5/draws))
	mean, squares, cubes := 0.0, 0.0, 0.0
	left := func(u impact.Pair) float64 { return (total.Y - u.Y) / (total.X - u.X) }
	for _, u := range units {
		mean += left(u) / float64(len(units))
	}
	for _, u := range units {
		squares, cubes = squares+math.Pow(mean-left(u), 2), cubes+math.Pow(mean-left(u), 3)
	}
	acceleration := 0.0
	if squares > 0 {
		acceleration = cubes / (6 * math.Pow(squares, 1.5))
	}
	z := bias + quantile(p)
	return normal(bias + z/(1-acceleration*z))
}

// A stranger works an interval out: by DELTA and FIELLER from the explanation alone, by
// those that draw with the participants as the events tell them.
func TestStrangerRecomputesConfidence(t *testing.T) {
	t.Parallel()
	compared := map[impact.IntervalMethod]int{}
	places := func(x float64) string { return decimal.NewFromFloat(x).Round(4).String() }
	for seed := range uint64(6) {
		w := newWorld(seed, 500)
		r, err := read(w.cells(), impact.Question{Programme: "buddy", Range: days("2019-01-01", "2026-01-01"), Parts: impact.PartsConfidence})
		if err != nil {
			t.Fatal(err)
		}
		for ratio := range sumRatios {
			of := newOracle(w, "buddy", "2019-01-01", "2026-01-01").units(ratio)
			var units []impact.Pair
			for _, name := range slices.SortedFunc(maps.Keys(of), func(a, b string) int { return int(w.ordinals[a]) - int(w.ordinals[b]) }) {
				if of[name].X != 0 {
					units = append(units, *of[name])
				}
			}
			for _, method := range []impact.IntervalMethod{impact.MethodDelta, impact.MethodFieller, impact.MethodPercentile, impact.MethodBootstrap} {
				q := impact.ConfidenceQuestion{Programme: "buddy", Range: days("2019-01-01", "2026-01-01"), Ratio: ratio, Method: method, Level: 0.9, Draws: 150, Seed: seed}
				got := r.Confidence(&q)
				x := got.Explain("acme")
				if x == nil || got.Interval.Shape == impact.IntervalAll {
					continue
				}
				what := fmt.Sprintf("seed %d, %s by %s", seed, ratio, method)
				s := newStranger(x)
				checkHash(t, what, s)
				if s.words["participants"] != fmt.Sprint(len(units)) || places(s.float(t, "above.sum")/s.float(t, "below.sum")) != got.Ratio.Decimal.Round(4).String() {
					t.Errorf("%s: %s, of %d, explained as\n%s", what, got.Ratio.Decimal, len(units), x.Canonical())
				}
				ends := s.interval(t, units)
				if places(ends[0]) != places(got.Interval.Lower) || places(ends[1]) != places(got.Interval.Upper) {
					t.Errorf("%s: a stranger has %v, the figure is %+v\n%s", what, ends, got.Interval, x.Canonical())
				}
				compared[method]++
				for _, spread := range []string{"standardError", "above.variance", "below.variance", "covariance"} {
					if digits := strings.Trim(strings.ReplaceAll(s.words[spread], ".", ""), "-0"); len(digits) > 10 {
						t.Errorf("%s: %s is told as %s", what, spread, s.words[spread])
					}
				}
			}
		}
	}
	for _, method := range []impact.IntervalMethod{impact.MethodDelta, impact.MethodFieller, impact.MethodPercentile, impact.MethodBootstrap} {
		if compared[method] < 30 {
			t.Errorf("%s was compared %d times", method, compared[method])
		}
	}
}

// What few add to is not told, nor how far participants differ beyond what the interval says:
// two who came on a day change sums of squares by what they had done before.
func TestExplainedConfidenceKeepsWhatFewAddTo(t *testing.T) {
	t.Parallel()
	ask := func(method impact.IntervalMethod, hours ...float64) *impact.Explanation {
		return held(hours...).Confidence(&impact.ConfidenceQuestion{Ratio: impact.RatioHours, Method: method, Level: 0.95, Draws: 100}).Explain("acme")
	}
	for name, tt := range map[string]struct {
		hours []float64
		told  bool
	}{
		"few participants":             {[]float64{1, 2, 3, 4}, false},
		"four of many had hours":       {[]float64{1, 2, 3, 4, 0, 0, 0, 0, 0, 0}, false},
		"five of many had":             {[]float64{1, 2, 3, 4, 5, 0, 0, 0, 0, 0}, true},
		"nobody had":                   {make([]float64, 9), true},
		"nobody is there, of whatever": {nil, true},
	} {
		for _, method := range []impact.IntervalMethod{impact.MethodDelta, impact.MethodFieller, impact.MethodBootstrap} {
			if x := ask(method, tt.hours...); (x != nil) != tt.told {
				t.Errorf("%s by %s: %v", name, method, x)
			}
		}
	}
	for _, method := range []impact.IntervalMethod{impact.MethodBootstrap, impact.MethodPercentile} {
		for _, in := range ask(method, 1, 2, 3, 4, 5, 6).Inputs {
			if !slices.Contains([]string{"participants", "above.sum", "below.sum"}, in.Name) {
				t.Errorf("%s tells %s", method, in.Name)
			}
		}
	}
}

// The score of a volunteer is explained by what they gave and whom they met.
func TestStrangerRecomputesVolunteers(t *testing.T) {
	t.Parallel()
	scores := 0
	for seed := range uint64(worlds) {
		r, err := readWith(explainedSettings(), newWorld(seed, 300).cells(), impact.Question{Programme: "*", Range: days("2019-01-01", "2026-01-01"), Parts: impact.PartsCohort})
		if err != nil {
			t.Fatal(err)
		}
		var people []*impact.Person
		for _, who := range r.Total().Members(impact.SetVolunteers).ToArray() {
			people = append(people, &impact.Person{Who: who, Key: fmt.Sprint("v", who)})
		}
		r.Describe(impact.RoleVolunteer, people, r.Settings.VIS(impact.DefaultVIS, r.Range))
		for _, p := range people {
			s := newStranger(p.ExplainVIS("acme"))
			checkScore(t, p.Key, p.VIS.Score, s, s.vis1())
			if p.VIS.Score.IsPositive() {
				scores++
			}
		}
	}
	if scores < worlds {
		t.Errorf("%d scores prove nothing", scores)
	}
}
