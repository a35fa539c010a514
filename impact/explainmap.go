package impact

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Explain explains the map's ratio by itself, without a company.
func (m *ValueMap) Explain() *Explanation { return m.explain(nil, "the value map that was given") }

func (m *ValueMap) explain(o Overrides, source string) *Explanation {
	x := &Explanation{Methodology: IDSVI, Formula: explainedFormula(IDSVI, false)}
	registry := MethodologyByID(IDSVI)
	for _, p := range [...]struct{ name, value string }{
		{"discountRate", exactText(m.DiscountRate.Rat())}, {"discountTiming", string(m.Timing)}, {"combine", string(m.Combine)},
	} {
		from := source
		if _, overridden := o[p.name]; overridden {
			from = sourceWhatIf
		}
		x.parameter(p.name, p.value, registry.Parameter(p.name).Unit, from)
	}
	for i, in := range m.Inputs {
		from := source + ": " + in.Name
		if _, overridden := o["totalInputs"]; overridden {
			from = sourceWhatIf
		}
		x.input(fmt.Sprintf("inputs[%d].amount", i), in.Amount.Rat(), unitUSD, from, GradeDeclared)
	}
	for i := range m.Outcomes {
		m.Outcomes[i].explain(x, fmt.Sprintf("outcomes[%d].", i), o, source)
	}
	return x
}

func (l *Outcome) explain(x *Explanation, at string, o Overrides, source string) {
	source += ": " + l.Name
	if l.Bind == nil {
		x.input(at+"quantity", l.Quantity.Rat(), "units", source, GradeDeclared)
	} else {
		x.input(at+"quantity", l.Quantity.Rat(), "units", l.Bind.origin(), GradeReported)
	}
	grade, priced := GradeUngraded, source
	if l.Evidence != "" {
		grade = EvidenceGrade(l.Evidence)
	}
	if l.Source != "" {
		priced += ", " + l.Source
	}
	if l.Year != 0 {
		priced += fmt.Sprintf(", %d", l.Year)
	}
	x.input(at+"proxy", l.Proxy.Rat(), "USD per unit", priced, grade)
	cell := func(name string, value decimal.Decimal, unit string) {
		from := source
		if _, overridden := o[name]; overridden {
			from = sourceWhatIf
		}
		x.input(at+name, value.Rat(), unit, from, GradeDeclared)
	}
	cell("deadweight", l.Deadweight, unitShare)
	cell("displacement", l.Displacement, unitShare)
	cell("attribution", l.Attribution, unitShare)
	cell("dropOff", l.DropOff, unitPerYear)
	cell("duration", decimal.NewFromInt(int64(l.Duration)), "years")
	cell("startYear", decimal.NewFromInt(int64(l.StartYear)), "year")
}

// origin says which live figure a quantity is.
func (b *Binding) origin() string {
	of := sourceEvents + ": " + string(b.Figure)
	if b.Programme != "" {
		of += " of the programme " + b.Programme
	}
	if b.Period != nil {
		of += " of the period " + b.Period.String()
	}
	return of
}
