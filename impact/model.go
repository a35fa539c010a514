package impact

import (
	"fmt"
	"math"
	"math/big"

	"github.com/shopspring/decimal"
)

// Model is a ratio as a function of its numbers, to be evaluated often: by sensitivity
// analysis and by simulation. It reckons in float64, whose error (some 1e-13 of the
// ratio) is far below the 4 places of a published ratio; figures themselves are never
// made with it.
type Model struct {
	Variables []Variable
	// ratio is of one value per variable, in their order; not a number where there is
	// none.
	ratio func(x []float64) float64
}

// Variable is a number that a model's ratio depends on.
type Variable struct {
	Name     string // of the parameter, or a pointer into the value map such as /outcomes/3/proxy
	Label    string // for people
	Value    float64
	Min, Max float64 // the values it can have, perhaps infinite
	Whole    bool
}

// Ratio is the model's ratio for one value per variable; ok is false if there is none.
func (m *Model) Ratio(x []float64) (ratio float64, ok bool) {
	ratio = m.ratio(x)
	return ratio, !math.IsNaN(ratio) && !math.IsInf(ratio, 0)
}

// Base is the values that the figure was made with.
func (m *Model) Base() []float64 {
	x := make([]float64, len(m.Variables))
	for i, v := range m.Variables {
		x[i] = v.Value
	}
	return x
}

func (m *Model) variable(name string) int {
	for i := range m.Variables {
		if m.Variables[i].Name == name {
			return i
		}
	}
	return -1
}

// clamp is the nearest value that the variable can have.
func (v *Variable) clamp(x float64) float64 {
	if v.Whole {
		x = math.Round(x)
	}
	return min(max(x, v.Min), v.Max)
}

// model is that of a methodology's parameters as they stand.
func (ps *parameters) model() *Model {
	m := new(Model)
	for i := range ps.values {
		v := &ps.values[i]
		if v.Number == nil || v.Words != nil {
			continue
		}
		m.Variables = append(m.Variables, Variable{
			Name: v.Name, Label: v.Meaning, Value: toFloat(v.Number),
			Min: bound(v.Min, math.Inf(-1)), Max: bound(v.Max, math.Inf(1)), Whole: v.Whole,
		})
	}
	switch ps.ID {
	case IDTeei1:
		m.ratio = teei1Ratio
	case IDNPV:
		m.ratio = npvRatio
	case IDActivity:
		m.ratio = activityRatio
	}
	return m
}

func toFloat(x *big.Rat) float64 { f, _ := x.Float64(); return f }

func bound(s string, none float64) float64 {
	if s == "" {
		return none
	}
	return decimal.RequireFromString(s).InexactFloat64()
}

// The ratios below take the numbers of their methodology's parameters, in the order of
// the registry.

func teei1Ratio(x []float64) float64 {
	value := x[3]*x[6] + x[4]*x[7] + x[5]*x[8]
	if x[9] < x[10] {
		value *= x[11]
	}
	return quotient(value, x[0]*x[1]+x[2])
}

func npvRatio(x []float64) float64 {
	benefit, factor := 0.0, 1.0
	for range int(x[4]) {
		factor /= 1 + x[3]
		benefit += factor
	}
	return quotient(benefit*x[0]*x[1]*x[2], x[5])
}

func activityRatio(x []float64) float64 {
	value := 0.0
	for i := range 6 {
		value += x[i] * x[6+i]
	}
	return quotient(value, x[12]*x[13])
}

func quotient(num, den float64) float64 {
	if den <= 0 {
		return math.NaN()
	}
	return num / den
}

// lineVariables is how many variables each outcome of a value map has.
const lineVariables = 7

// Model is the map's ratio as a function of the discount rate, the inputs, and of each
// line's quantity, proxy, shares and duration. The map passed [ValueMap.Validate].
func (m *ValueMap) Model() *Model {
	model := &Model{Variables: []Variable{{
		Name: "/discountRate", Label: "discount rate", Value: m.DiscountRate.InexactFloat64(), Max: 1,
	}}}
	add := func(name, label string, value decimal.Decimal, least, most float64) {
		model.Variables = append(model.Variables, Variable{
			Name: name, Label: label, Value: value.InexactFloat64(), Min: least, Max: most,
		})
	}
	for i, in := range m.Inputs {
		add(fmt.Sprintf("/inputs/%d/amount", i), in.Name, in.Amount, 0, math.Inf(1))
	}
	lines := 1 + len(m.Inputs)
	starts := make([]int, len(m.Outcomes))
	for i := range m.Outcomes {
		o := &m.Outcomes[i]
		starts[i] = o.StartYear
		cell := func(name string, value decimal.Decimal, least, most float64) {
			add(fmt.Sprintf("/outcomes/%d/%s", i, name), o.Name+": "+name, value, least, most)
		}
		cell("quantity", o.Quantity, math.Inf(-1), math.Inf(1))
		cell("proxy", o.Proxy, math.Inf(-1), math.Inf(1))
		cell("deadweight", o.Deadweight, 0, 1)
		cell("displacement", o.Displacement, 0, 1)
		cell("attribution", o.Attribution, 0, 1)
		cell("dropOff", o.DropOff, 0, 1)
		cell("duration", decimal.NewFromInt(int64(o.Duration)), 1, MaxDuration)
		model.Variables[len(model.Variables)-1].Whole = true
	}
	additive, undiscounted := m.Combine == CombineAdditive, m.Timing == YearOneUndiscount
	model.ratio = func(x []float64) float64 {
		inputs := 0.0
		for _, amount := range x[1:lines] {
			inputs += amount
		}
		discount := 1 / (1 + x[0])
		value := 0.0
		for i, start := range starts {
			line := x[lines+i*lineVariables : lines+(i+1)*lineVariables]
			impact := line[0] * line[1]
			if additive {
				impact *= max(0, 1-line[2]-line[3]-line[4])
			} else {
				impact *= (1 - line[2]) * (1 - line[3]) * (1 - line[4])
			}
			if start == 2 {
				impact *= discount
			}
			if !undiscounted {
				impact *= discount
			}
			kept := (1 - line[5]) * discount
			for range int(line[6]) {
				value += impact
				impact *= kept
			}
		}
		return quotient(value, inputs)
	}
	return model
}
