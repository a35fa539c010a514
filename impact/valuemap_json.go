package impact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/shopspring/decimal"
)

// mapJSON is a value map as it is stored, exported and imported: the shape of the
// GraphQL input ValueMapInput.
type mapJSON struct {
	DiscountRate   *decimal.Decimal `json:"discountRate,omitempty"`
	DiscountTiming DiscountTiming   `json:"discountTiming,omitempty"`
	Combine        Combine          `json:"combine,omitempty"`
	Inputs         []inputJSON      `json:"inputs"`
	Outcomes       []outcomeJSON    `json:"outcomes"`
}

type inputJSON struct {
	Name   string          `json:"name"`
	Amount decimal.Decimal `json:"amount"`
}

type outcomeJSON struct {
	Name          string           `json:"name"`
	Stakeholder   string           `json:"stakeholder,omitempty"`
	Quantity      *decimal.Decimal `json:"quantity,omitempty"`
	Bind          *bindJSON        `json:"bind,omitempty"`
	Proxy         decimal.Decimal  `json:"proxy"`
	Source        string           `json:"source,omitempty"`
	Year          int              `json:"year,omitempty"`
	EvidenceGrade string           `json:"evidenceGrade,omitempty"`
	Deadweight    decimal.Decimal  `json:"deadweight"`
	Displacement  decimal.Decimal  `json:"displacement"`
	Attribution   decimal.Decimal  `json:"attribution"`
	DropOff       decimal.Decimal  `json:"dropOff"`
	Duration      *int             `json:"duration,omitempty"`
	StartYear     *int             `json:"startYear,omitempty"`
}

type bindJSON struct {
	Figure    LiveFigure `json:"figure"`
	Programme string     `json:"programme,omitempty"`
	Period    string     `json:"period,omitempty"`
}

// MarshalJSON writes the map in the shape of the GraphQL input ValueMapInput, with
// Decimals as strings.
func (m *ValueMap) MarshalJSON() ([]byte, error) {
	out := mapJSON{
		DiscountRate: &m.DiscountRate, DiscountTiming: m.Timing, Combine: m.Combine,
		Inputs: make([]inputJSON, len(m.Inputs)), Outcomes: make([]outcomeJSON, len(m.Outcomes)),
	}
	for i, in := range m.Inputs {
		out.Inputs[i] = inputJSON(in)
	}
	for i := range m.Outcomes {
		o := &m.Outcomes[i]
		line := outcomeJSON{
			Name: o.Name, Stakeholder: o.Stakeholder, Proxy: o.Proxy, Source: o.Source, Year: o.Year,
			EvidenceGrade: o.Evidence, Deadweight: o.Deadweight, Displacement: o.Displacement,
			Attribution: o.Attribution, DropOff: o.DropOff, Duration: &o.Duration, StartYear: &o.StartYear,
		}
		if o.Bind == nil {
			line.Quantity = &o.Quantity
		} else {
			line.Bind = &bindJSON{Figure: o.Bind.Figure, Programme: o.Bind.Programme}
			if o.Bind.Period != nil {
				line.Bind.Period = o.Bind.Period.String()
			}
		}
		out.Outcomes[i] = line
	}
	return json.Marshal(out)
}

// ParseValueMap reads a map of the shape of [ValueMap.MarshalJSON]; what is left out
// has the defaults of svi-2012, and Decimals are strings or numbers, digit for digit.
// The map is valid; else the error is an [Error] that points to the cell.
func ParseValueMap(data []byte) (*ValueMap, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var in mapJSON
	if err := decoder.Decode(&in); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, &Error{CodeInvalid, "/" + wrong.Field, fmt.Sprintf("a %s does not belong here", wrong.Value)}
		}
		return nil, &Error{CodeBadJSON, "", "the value map is not JSON of the expected shape: " + err.Error()}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{CodeBadJSON, "", "there is more behind the value map"}
	}
	m := &ValueMap{DiscountRate: DefaultDiscountRate, Timing: EndOfYear, Combine: CombineSequential}
	if in.DiscountRate != nil {
		m.DiscountRate = *in.DiscountRate
	}
	if in.DiscountTiming != "" {
		m.Timing = in.DiscountTiming
	}
	if in.Combine != "" {
		m.Combine = in.Combine
	}
	for _, cost := range in.Inputs {
		m.Inputs = append(m.Inputs, MapInput(cost))
	}
	for i := range in.Outcomes {
		o, err := in.Outcomes[i].outcome(fmt.Sprintf("/outcomes/%d", i))
		if err != nil {
			return nil, err
		}
		m.Outcomes = append(m.Outcomes, o)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

func (l *outcomeJSON) outcome(at string) (Outcome, error) {
	o := NewOutcome()
	o.Name, o.Stakeholder, o.Proxy, o.Source, o.Year, o.Evidence = l.Name, l.Stakeholder, l.Proxy, l.Source, l.Year, l.EvidenceGrade
	o.Deadweight, o.Displacement, o.Attribution, o.DropOff = l.Deadweight, l.Displacement, l.Attribution, l.DropOff
	if l.Duration != nil {
		o.Duration = *l.Duration
	}
	if l.StartYear != nil {
		o.StartYear = *l.StartYear
	}
	if (l.Quantity == nil) == (l.Bind == nil) {
		return o, &Error{CodeInvalid, at + "/quantity", "an outcome needs a quantity, or a binding instead"}
	}
	if l.Quantity != nil {
		o.Quantity = *l.Quantity
		return o, nil
	}
	o.Bind = &Binding{Figure: l.Bind.Figure, Programme: l.Bind.Programme}
	if l.Bind.Period != "" {
		p, err := ParsePeriod(l.Bind.Period)
		if err != nil {
			return o, &Error{CodeInvalid, at + "/bind/period", "unknown period: use " + PeriodForms}
		}
		o.Bind.Period = &p
	}
	return o, nil
}

// StoredMap is a company's value map and its version.
type StoredMap struct {
	*ValueMap
	Version int64
}
