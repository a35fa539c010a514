package impact

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Distribution is what is believed of a variable.
type Distribution struct {
	Variable string
	Shape    Shape
	// Low and High bound TRIANGULAR, whose top is Mode, and UNIFORM.
	Low, Mode, High float64
	// Mean and SD are of NORMAL, whose draws are cut to the values that the variable can
	// have.
	Mean, SD float64
}

// Shape is a family of distributions.
type Shape string

// The shapes.
const (
	Triangular Shape = "TRIANGULAR"
	Normal     Shape = "NORMAL"
	Uniform    Shape = "UNIFORM"
)

// Limits of a simulation.
const (
	DefaultDraws = 10_000
	MaxDraws     = 100_000
	maxDrawn     = 20_000_000 // draws x variables that vary
)

// Simulation is what a ratio comes to if its variables are drawn at random.
type Simulation struct {
	Draws         int     // that had a ratio
	Mean, SD      float64 // of the ratio
	P10, P50, P90 float64
	AboveOne      float64 // the share of draws with a ratio of 1 or more
}

// Simulate draws the ratio n times. Variables without a distribution keep their value;
// with no distribution at all, each that is not 0 is TRIANGULAR from 20 % below to 20 %
// above its value. The same seed gives the same answer everywhere: the generator is
// PCG (O'Neill, 2014), and each draw takes the variables in the model's order.
//
// Percentiles are interpolated between the order statistics (type 7 of Hyndman and
// Fan, Sample Quantiles in Statistical Packages, 1996). Draws without a ratio, as with
// inputs of 0, are left out. The error is of [CodeInvalid] or [CodeTooLarge], at
// /draws or /distributions/<i>.
func (m *Model) Simulate(n int, seed uint64, distributions []Distribution) (*Simulation, error) {
	if n < 100 || n > MaxDraws {
		return nil, &Error{CodeInvalid, "/draws", fmt.Sprintf("draws must be 100 to %d", MaxDraws)}
	}
	samplers, err := m.samplers(distributions)
	if err != nil {
		return nil, err
	}
	if n*len(samplers) > maxDrawn {
		return nil, &Error{CodeTooLarge, "/draws", fmt.Sprintf("draws x variables that vary must be at most %d: ask for fewer draws", maxDrawn)}
	}
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a simulation has to be repeatable, not secret
	x := m.Base()
	ratios := make([]float64, 0, n)
	for range n {
		for i := range samplers {
			s := &samplers[i]
			x[s.place] = s.draw(rng)
		}
		if r, ok := m.Ratio(x); ok {
			ratios = append(ratios, r)
		}
	}
	return summary(ratios), nil
}

func summary(ratios []float64) *Simulation {
	s := &Simulation{Draws: len(ratios)}
	if s.Draws == 0 {
		return s
	}
	slices.Sort(ratios)
	for _, r := range ratios {
		s.Mean += r / float64(s.Draws)
	}
	above := 0
	for _, r := range ratios {
		s.SD += (r - s.Mean) * (r - s.Mean)
		if r >= 1 {
			above++
		}
	}
	if s.Draws > 1 {
		s.SD = math.Sqrt(s.SD / float64(s.Draws-1))
	}
	s.P10, s.P50, s.P90 = quantile(ratios, 0.1), quantile(ratios, 0.5), quantile(ratios, 0.9)
	s.AboveOne = float64(above) / float64(s.Draws)
	return s
}

// quantile is that of an ascending list, type 7.
func quantile(sorted []float64, p float64) float64 {
	h := p * float64(len(sorted)-1)
	low := int(h)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (h-float64(low))*(sorted[low+1]-sorted[low])
}

// sampler draws a variable.
type sampler struct {
	Distribution
	*Variable
	place int
	// Of TRIANGULAR: the share of High - Low that lies below Mode, and the widths that
	// the roots of chances are stretched to, below and above it.
	cut, below, above float64
	flat, normal      bool
}

func (m *Model) samplers(distributions []Distribution) ([]sampler, error) {
	if len(distributions) == 0 {
		for i := range m.Variables {
			v := &m.Variables[i]
			if step := math.Abs(v.Value) * 0.2; step > 0 {
				distributions = append(distributions, Distribution{
					Variable: v.Name, Shape: Triangular,
					Low: max(v.Value-step, v.Min), Mode: v.Value, High: min(v.Value+step, v.Max),
				})
			}
		}
	}
	samplers := make([]sampler, len(distributions))
	taken := make(map[int]bool, len(distributions))
	for i, d := range distributions {
		at := fmt.Sprintf("/distributions/%d", i)
		place := m.variable(d.Variable)
		if place < 0 || taken[place] {
			return nil, &Error{CodeInvalid, at + "/variable", "no such variable, or one that has a distribution already: `oneWay` lists those that move the ratio"}
		}
		taken[place] = true
		s := sampler{Distribution: d, Variable: &m.Variables[place], place: place}
		if err := s.check(at); err != nil {
			return nil, err
		}
		s.flat, s.normal = s.Shape == Uniform, s.Shape == Normal
		if span := s.High - s.Low; span > 0 {
			s.cut = (s.Mode - s.Low) / span
			s.below, s.above = span*math.Sqrt(s.cut), span*math.Sqrt(1-s.cut)
		}
		samplers[i] = s
	}
	slices.SortFunc(samplers, func(a, b sampler) int { return a.place - b.place })
	return samplers, nil
}

func (s *sampler) check(at string) error {
	switch s.Shape {
	case Triangular:
		if s.Low > s.Mode || s.Mode > s.High {
			return &Error{CodeInvalid, at + "/mode", "a TRIANGULAR distribution needs low <= mode <= high"}
		}
	case Uniform:
		if s.Low > s.High {
			return &Error{CodeInvalid, at + "/low", "a UNIFORM distribution needs low <= high"}
		}
	case Normal:
		if s.SD < 0 {
			return &Error{CodeInvalid, at + "/sd", "a NORMAL distribution needs an sd of 0 or more"}
		}
		return nil
	default:
		return &Error{CodeInvalid, at + "/shape", "shape must be TRIANGULAR, NORMAL or UNIFORM"}
	}
	if s.Low < s.Min || s.High > s.Max {
		return &Error{CodeInvalid, at, "low and high must be values that the variable can have"}
	}
	return nil
}

func (s *sampler) draw(rng *rand.Rand) float64 {
	if s.normal {
		return s.clamp(s.Mean + s.SD*rng.NormFloat64())
	}
	u := rng.Float64()
	var x float64
	switch {
	case s.flat:
		x = s.Low + (s.High-s.Low)*u
	case u < s.cut:
		x = s.Low + s.below*math.Sqrt(u)
	default:
		x = s.High - s.above*math.Sqrt(1-u)
	}
	if s.Whole {
		x = s.clamp(x)
	}
	return x
}
