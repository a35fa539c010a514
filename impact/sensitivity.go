package impact

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Swing is what one variable does to a ratio while the others stand: a bar of a
// tornado.
type Swing struct {
	*Variable
	Low, High           float64 // the values tried
	RatioLow, RatioHigh float64 // what the ratio is then
}

// Swing is how far apart the two ratios are.
func (s *Swing) Swing() float64 { return math.Abs(s.RatioHigh - s.RatioLow) }

// OneWay is the one-way sensitivity of the ratio: each variable that is not 0 is
// lowered and raised by a share of itself, 0..1, within the values it can have. Those
// that move the ratio most come first; variables that cannot move it are left out.
func (m *Model) OneWay(share float64) []Swing {
	x := m.Base()
	swings := make([]Swing, 0, len(x))
	for i := range m.Variables {
		v := &m.Variables[i]
		step := math.Abs(v.Value) * share
		s := Swing{Variable: v, Low: v.clamp(v.Value - step), High: v.clamp(v.Value + step)}
		var lowOK, highOK bool
		x[i] = s.Low
		s.RatioLow, lowOK = m.Ratio(x)
		x[i] = s.High
		s.RatioHigh, highOK = m.Ratio(x)
		x[i] = v.Value
		if lowOK && highOK && s.Swing() > 0 {
			swings = append(swings, s)
		}
	}
	slices.SortStableFunc(swings, func(a, b Swing) int { return cmp.Compare(b.Swing(), a.Swing()) })
	return swings
}

// Grid is a ratio for every pair of values of two variables.
type Grid struct {
	X, Y   *Variable
	Xs, Ys []float64
	Ratios [][]float64 // by y, then by x; not a number where there is none
}

// MaxGrid is the greatest number of steps of a grid on each side.
const MaxGrid = 50

// Grid is the two-way sensitivity of the ratio: x and y name variables, which take
// steps values from a share of themselves below to a share above, evenly. The error is
// of [CodeInvalid].
func (m *Model) Grid(x, y string, share float64, steps int) (*Grid, error) {
	i, j := m.variable(x), m.variable(y)
	switch {
	case i < 0:
		return nil, &Error{CodeInvalid, "/x", "no such variable: `oneWay` lists those that move the ratio"}
	case j < 0 || i == j:
		return nil, &Error{CodeInvalid, "/y", "y must be another variable: `oneWay` lists those that move the ratio"}
	case steps < 2 || steps > MaxGrid:
		return nil, &Error{CodeInvalid, "/steps", fmt.Sprintf("steps must be 2 to %d", MaxGrid)}
	}
	g := &Grid{X: &m.Variables[i], Y: &m.Variables[j]}
	g.Xs, g.Ys = g.X.spread(share, steps), g.Y.spread(share, steps)
	at := m.Base()
	for _, at[j] = range g.Ys {
		row := make([]float64, steps)
		for k := range row {
			at[i] = g.Xs[k]
			row[k] = m.ratio(at)
		}
		g.Ratios = append(g.Ratios, row)
	}
	return g, nil
}

func (v *Variable) spread(share float64, steps int) []float64 {
	xs := make([]float64, steps)
	for k := range xs {
		off := share * (2*float64(k)/float64(steps-1) - 1)
		xs[k] = v.clamp(v.Value + math.Abs(v.Value)*off)
	}
	return xs
}

// BreakEven is the value of one variable at which the ratio reaches a target while the
// others stand.
type BreakEven struct {
	*Variable
	Status BreakEvenStatus
	At     float64 // with BreakEvenFound
}

// BreakEvenStatus says whether there is a break-even.
type BreakEvenStatus string

// The statuses.
const (
	BreakEvenFound  BreakEvenStatus = "FOUND"
	BreakEvenNone   BreakEvenStatus = "NONE"   // no value that the variable can have reaches the target
	BreakEvenAlways BreakEvenStatus = "ALWAYS" // the ratio is the target, and the variable does not move it
)

// BreakEvens is the break-even of each of the first variables of [Model.OneWay] at 20 %,
// in its order, 0 for all variables in the model's: of several break-evens of a variable
// the one nearest to its own value. Where the ratio is linear in the variable,
// or in its inverse, that is worked out in closed form, and otherwise by bisection
// down to the precision of a float64. A variable of whole numbers breaks even at the
// first one at which the ratio is at or past the target. Variables without bounds are
// followed to a million million times their own value, at least 1, on either side.
func (m *Model) BreakEvens(target float64, first int) []BreakEven {
	x := m.Base()
	var places []int
	if first == 0 {
		for i := range x {
			places = append(places, i)
		}
	} else {
		for _, s := range m.OneWay(0.2) {
			if len(places) < first {
				places = append(places, m.variable(s.Name))
			}
		}
	}
	list := make([]BreakEven, len(places))
	for at, i := range places {
		v := &m.Variables[i]
		over := func(value float64) float64 {
			x[i] = value
			return m.ratio(x) - target
		}
		list[at] = v.breakEven(over)
		x[i] = v.Value
	}
	return list
}

func (v *Variable) breakEven(over func(float64) float64) BreakEven {
	b := BreakEven{Variable: v, Status: BreakEvenNone}
	here := over(v.Value)
	best := math.Inf(1)
	take := func(at float64) {
		if d := math.Abs(at - v.Value); d < best {
			best, b.Status, b.At = d, BreakEvenFound, at
		}
	}
	moved := false
	for _, side := range [...]float64{-1, 1} {
		from, fromOver := v.Value, here
		for _, to := range v.path(side) {
			toOver := over(to)
			moved = moved || toOver != here
			if !math.IsNaN(toOver) && !math.IsNaN(fromOver) && (fromOver <= 0) != (toOver <= 0) || toOver == 0 {
				take(v.root(over, from, fromOver, to, toOver))
				break
			}
			from, fromOver = to, toOver
		}
	}
	if here == 0 {
		b.Status, b.At = BreakEvenFound, v.Value
		if !moved {
			b.Status, b.At = BreakEvenAlways, 0
		}
	}
	return b
}

// path is the values to look at from a variable's own on one side, nearest first.
func (v *Variable) path(side float64) []float64 {
	end := v.Max
	if side < 0 {
		end = v.Min
	}
	var path []float64
	if v.Whole {
		for at := v.Value + side; at >= v.Min && at <= v.Max; at += side {
			path = append(path, at)
		}
		return path
	}
	if !math.IsInf(end, 0) {
		const pieces = 64
		for k := 1.0; k <= pieces; k++ {
			path = append(path, v.Value+(end-v.Value)*k/pieces)
		}
		return path
	}
	unit := math.Abs(v.Value)
	if unit == 0 {
		unit = 1.0 / 64
	}
	for k := -6; k <= 40; k++ {
		path = append(path, v.Value+side*unit*math.Ldexp(1, k))
	}
	return path
}

// root is where over is 0 between two values of which it has another sign.
func (v *Variable) root(over func(float64) float64, a, overA, b, overB float64) float64 {
	if v.Whole {
		return b
	}
	const enough = 1e-12
	for _, guess := range [...]float64{
		a - overA*(b-a)/(overB-overA),                 // linear
		a * b * (overB - overA) / (b*overB - a*overA), // linear in 1/x
	} {
		if min(a, b) <= guess && guess <= max(a, b) && math.Abs(over(guess)) <= enough {
			return guess
		}
	}
	for range 200 {
		mid := a + (b-a)/2
		if mid == a || mid == b {
			break
		}
		if (over(mid) <= 0) == (overA <= 0) {
			a = mid
		} else {
			b = mid
		}
	}
	return b
}
