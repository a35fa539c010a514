package model

import (
	"math"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// Sensitivity is what moves a ratio.
type Sensitivity struct{ model *impact.Model }

// SensitivityOf is that of a model, nil of nil.
func SensitivityOf(m *impact.Model) *Sensitivity {
	if m == nil {
		return nil
	}
	return &Sensitivity{m}
}

// Places of what is reckoned in float64.
const (
	ratioPlaces = 4
	valuePlaces = 6
)

func ratio(x float64) decimal.Decimal { return decimal.NewFromFloat(x).Round(ratioPlaces) }
func value(x float64) decimal.Decimal { return decimal.NewFromFloat(x).Round(valuePlaces) }

// most is the greatest length of the lists here.
const most = 100

func checkChange(change decimal.Decimal) (float64, error) {
	if change.IsNegative() || change.GreaterThan(decimal.NewFromInt(1)) {
		return 0, impact.Errorf(impact.CodeInvalid, "change must be a share of 0 to 1, such as 0.2")
	}
	return change.InexactFloat64(), nil
}

func checkFirst(first int) error {
	if first < 1 || first > most {
		return impact.Errorf(impact.CodeInvalid, "first must be 1 to %d", most)
	}
	return nil
}

// OneWay is the bars of a tornado.
func (s *Sensitivity) OneWay(change decimal.Decimal, first int) ([]*Swing, error) {
	share, err := checkChange(change)
	if err == nil {
		err = checkFirst(first)
	}
	if err != nil {
		return nil, err
	}
	swings := s.model.OneWay(share)
	list := make([]*Swing, min(first, len(swings)))
	for i := range list {
		list[i] = &Swing{&swings[i]}
	}
	return list, nil
}

// Grid is the ratio by two variables.
func (s *Sensitivity) Grid(x, y string, change decimal.Decimal, steps int) (*SensitivityGrid, error) {
	share, err := checkChange(change)
	if err != nil {
		return nil, err
	}
	g, err := s.model.Grid(x, y, share, steps)
	if err != nil {
		return nil, err
	}
	out := &SensitivityGrid{Ratios: make([][]decimal.NullDecimal, len(g.Ratios))}
	for _, v := range g.Xs {
		out.Xs = append(out.Xs, value(v))
	}
	for i, v := range g.Ys {
		out.Ys = append(out.Ys, value(v))
		for _, r := range g.Ratios[i] {
			var d decimal.NullDecimal
			if !math.IsNaN(r) && !math.IsInf(r, 0) {
				d = decimal.NewNullDecimal(ratio(r))
			}
			out.Ratios[i] = append(out.Ratios[i], d)
		}
	}
	return out, nil
}

// BreakEven is where the ratio reaches a target.
func (s *Sensitivity) BreakEven(target decimal.Decimal, first int) ([]*BreakEven, error) {
	if err := checkFirst(first); err != nil {
		return nil, err
	}
	evens := s.model.BreakEvens(target.InexactFloat64(), first)
	list := make([]*BreakEven, len(evens))
	for i := range evens {
		list[i] = &BreakEven{&evens[i]}
	}
	return list, nil
}

// Swing is a bar of a tornado.
type Swing struct{ swing *impact.Swing }

// Variable is the variable's name.
func (s *Swing) Variable() string { return s.swing.Name }

// Label says what it is.
func (s *Swing) Label() string { return s.swing.Label }

// Value is its own value.
func (s *Swing) Value() decimal.Decimal { return value(s.swing.Value) }

// Low is the lower value tried.
func (s *Swing) Low() decimal.Decimal { return value(s.swing.Low) }

// High is the higher value tried.
func (s *Swing) High() decimal.Decimal { return value(s.swing.High) }

// RatioAtLow is the ratio at the lower value.
func (s *Swing) RatioAtLow() decimal.Decimal { return ratio(s.swing.RatioLow) }

// RatioAtHigh is the ratio at the higher value.
func (s *Swing) RatioAtHigh() decimal.Decimal { return ratio(s.swing.RatioHigh) }

// Swing is how far apart the two are.
func (s *Swing) Swing() decimal.Decimal { return ratio(s.swing.Swing()) }

// SensitivityGrid is a ratio by two variables.
type SensitivityGrid struct {
	Xs, Ys []decimal.Decimal
	Ratios [][]decimal.NullDecimal
}

// BreakEven is where a ratio reaches a target.
type BreakEven struct{ even *impact.BreakEven }

// Variable is the variable's name.
func (b *BreakEven) Variable() string { return b.even.Name }

// Label says what it is.
func (b *BreakEven) Label() string { return b.even.Label }

// Value is its own value.
func (b *BreakEven) Value() decimal.Decimal { return value(b.even.Value) }

// Status says whether there is a break-even.
func (b *BreakEven) Status() impact.BreakEvenStatus { return b.even.Status }

// BreakEven is the value at which it is.
func (b *BreakEven) BreakEven() decimal.NullDecimal {
	if b.even.Status != impact.BreakEvenFound {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(value(b.even.At))
}

// Uncertainty is how sure a ratio is.
type Uncertainty struct{ model *impact.Model }

// UncertaintyOf is that of a model, nil of nil.
func UncertaintyOf(m *impact.Model) *Uncertainty {
	if m == nil {
		return nil
	}
	return &Uncertainty{m}
}

// MonteCarlo simulates the ratio.
func (u *Uncertainty) MonteCarlo(draws, seed int, distributions []*DistributionInput) (*MonteCarlo, error) {
	if seed < 0 {
		return nil, impact.Errorf(impact.CodeInvalid, "seed must be 0 or more")
	}
	if len(distributions) > 2*most {
		return nil, impact.Errorf(impact.CodeTooLarge, "at most %d distributions", 2*most)
	}
	list := make([]impact.Distribution, len(distributions))
	for i, d := range distributions {
		list[i] = d.distribution()
	}
	s, err := u.model.Simulate(draws, uint64(seed), list)
	if err != nil {
		return nil, err
	}
	return &MonteCarlo{s, seed}, nil
}

// DistributionInput is what is believed of a variable.
type DistributionInput struct {
	Variable        string
	Shape           impact.Shape
	Low, Mode, High *decimal.Decimal
	Mean, Sd        *decimal.Decimal
}

// distribution leaves at 0 what is not given.
func (d *DistributionInput) distribution() impact.Distribution {
	number := func(x *decimal.Decimal) float64 {
		if x == nil {
			return 0
		}
		return x.InexactFloat64()
	}
	return impact.Distribution{
		Variable: d.Variable, Shape: d.Shape, Low: number(d.Low), Mode: number(d.Mode), High: number(d.High),
		Mean: number(d.Mean), SD: number(d.Sd),
	}
}

// MonteCarlo is a simulated ratio.
type MonteCarlo struct {
	simulation *impact.Simulation
	Seed       int
}

// Draws are those that had a ratio.
func (m *MonteCarlo) Draws() int { return m.simulation.Draws }

// Mean is the mean.
func (m *MonteCarlo) Mean() decimal.Decimal { return ratio(m.simulation.Mean) }

// Sd is the standard deviation.
func (m *MonteCarlo) Sd() decimal.Decimal { return ratio(m.simulation.SD) }

// P10 is the lower end of the middle eight tenths.
func (m *MonteCarlo) P10() decimal.Decimal { return ratio(m.simulation.P10) }

// P50 is the middle.
func (m *MonteCarlo) P50() decimal.Decimal { return ratio(m.simulation.P50) }

// P90 is the upper end.
func (m *MonteCarlo) P90() decimal.Decimal { return ratio(m.simulation.P90) }

// AboveOne is the share of draws with a ratio of 1 or more.
func (m *MonteCarlo) AboveOne() decimal.Decimal { return ratio(m.simulation.AboveOne) }
