package model

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// ValueMapInput is a value map as an argument.
type ValueMapInput struct {
	DiscountRate   decimal.Decimal
	DiscountTiming impact.DiscountTiming
	Combine        impact.Combine
	Inputs         []*impact.MapInput
	Outcomes       []*OutcomeInput
}

// OutcomeInput is a line of it.
type OutcomeInput struct {
	Name          string
	Stakeholder   string
	Quantity      *decimal.Decimal
	Bind          *impact.Binding
	Proxy         decimal.Decimal
	Source        string
	Year          *int
	EvidenceGrade string
	Deadweight    decimal.Decimal
	Displacement  decimal.Decimal
	Attribution   decimal.Decimal
	DropOff       decimal.Decimal
	Duration      int
	StartYear     int
}

// ValueMap is the map, valid. A line that has neither a quantity nor, where bound lines
// are allowed, a binding, is an [impact.Error] of [impact.CodeInvalid].
func (in *ValueMapInput) ValueMap(boundAllowed bool) (*impact.ValueMap, error) {
	m := &impact.ValueMap{DiscountRate: in.DiscountRate, Timing: in.DiscountTiming, Combine: in.Combine}
	for _, cost := range in.Inputs {
		m.Inputs = append(m.Inputs, *cost)
	}
	for i, o := range in.Outcomes {
		at := fmt.Sprintf("/outcomes/%d", i)
		switch {
		case o.Bind != nil && !boundAllowed:
			return nil, &impact.Error{Code: impact.CodeInvalid, Pointer: at + "/bind",
				Message: "the calculator has no data: give a quantity instead"}
		case (o.Bind == nil) == (o.Quantity == nil):
			return nil, &impact.Error{Code: impact.CodeInvalid, Pointer: at + "/quantity",
				Message: "an outcome needs a quantity, or in a company's own map a binding instead"}
		}
		m.Outcomes = append(m.Outcomes, o.outcome())
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

func (in *OutcomeInput) outcome() impact.Outcome {
	o := impact.Outcome{
		Name: in.Name, Stakeholder: in.Stakeholder, Bind: in.Bind, Proxy: in.Proxy, Source: in.Source,
		Evidence: in.EvidenceGrade, Deadweight: in.Deadweight, Displacement: in.Displacement,
		Attribution: in.Attribution, DropOff: in.DropOff, Duration: in.Duration, StartYear: in.StartYear,
	}
	if in.Quantity != nil {
		o.Quantity = *in.Quantity
	}
	if in.Year != nil {
		o.Year = *in.Year
	}
	return o
}

// SroiResult is what a value map comes to.
type SroiResult struct {
	*impact.SROIResult
	Model *impact.Model // nil where there is no ratio
	of    *impact.ValueMap
}

// SroiResultOf works a map out.
func SroiResultOf(m *impact.ValueMap) (*SroiResult, error) {
	res, err := m.SROI()
	if err != nil {
		return nil, err
	}
	r := &SroiResult{SROIResult: res, of: m}
	if res.Status == impact.FigureOK {
		r.Model = m.Model()
	}
	return r, nil
}

// Sensitivity is what moves the ratio.
func (r *SroiResult) Sensitivity() *Sensitivity { return SensitivityOf(r.Model) }

// Uncertainty is how sure it is.
func (r *SroiResult) Uncertainty() *Uncertainty { return UncertaintyOf(r.Model) }

// ValueMap is a company's value map.
type ValueMap struct{ stored *impact.StoredMap }

// ValueMapOf is the map as the graph shows it, nil of nil.
func ValueMapOf(m *impact.StoredMap) *ValueMap {
	if m == nil {
		return nil
	}
	return &ValueMap{m}
}

// Version rises with every change.
func (m *ValueMap) Version() int64 { return m.stored.Version }

// DiscountRate is a share per year.
func (m *ValueMap) DiscountRate() decimal.Decimal { return m.stored.DiscountRate }

// DiscountTiming says how far off year 1 is.
func (m *ValueMap) DiscountTiming() impact.DiscountTiming { return m.stored.Timing }

// Combine says how shares are taken off.
func (m *ValueMap) Combine() impact.Combine { return m.stored.Combine }

// Inputs are the costs.
func (m *ValueMap) Inputs() []*impact.MapInput {
	list := make([]*impact.MapInput, len(m.stored.Inputs))
	for i := range list {
		list[i] = &m.stored.Inputs[i]
	}
	return list
}

// Outcomes are the lines.
func (m *ValueMap) Outcomes() []*Outcome {
	list := make([]*Outcome, len(m.stored.Outcomes))
	for i := range list {
		list[i] = &Outcome{&m.stored.Outcomes[i]}
	}
	return list
}

// Outcome is a line of a value map.
type Outcome struct{ *impact.Outcome }

// Quantity is nil of a bound line.
func (o *Outcome) Quantity() *decimal.Decimal {
	if o.Bind != nil {
		return nil
	}
	return &o.Outcome.Quantity
}

// Year is nil where it is not said.
func (o *Outcome) Year() *int {
	if o.Outcome.Year == 0 {
		return nil
	}
	return &o.Outcome.Year
}

// EvidenceGrade is empty where it is not said.
func (o *Outcome) EvidenceGrade() string { return o.Evidence }
