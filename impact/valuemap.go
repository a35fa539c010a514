package impact

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// ValueMap is what a ratio of svi-2012 is made of: what was put in, and a line for
// each outcome. Amounts are in one currency of its owner's choice.
type ValueMap struct {
	DiscountRate decimal.Decimal // share per year, 0..1
	Timing       DiscountTiming
	Combine      Combine
	Inputs       []MapInput
	Outcomes     []Outcome
}

// MapInput is a cost.
type MapInput struct {
	Name   string
	Amount decimal.Decimal // 0 or more
}

// Outcome is a line of a value map. Its shares are 0..1.
type Outcome struct {
	Name        string
	Stakeholder string // who has the outcome
	Quantity    decimal.Decimal
	Bind        *Binding        // where the quantity comes from instead; nil: it is fixed
	Proxy       decimal.Decimal // worth of one; less than 0 for a negative outcome

	Source   string // of the proxy
	Year     int    // of the proxy's price; 0: not said
	Evidence string // grade of the proxy's evidence, see [EvidenceGrades]; empty: not said

	Deadweight   decimal.Decimal // would have happened anyway
	Displacement decimal.Decimal // displaced other outcomes
	Attribution  decimal.Decimal // is due to others
	DropOff      decimal.Decimal // is lost from year to year
	Duration     int             // years, 1..MaxDuration
	StartYear    int             // the first of them, 1 or 2
}

// DiscountTiming says how far off year 1 is.
type DiscountTiming string

// The timings.
const (
	EndOfYear         DiscountTiming = "END_OF_YEAR"
	YearOneUndiscount DiscountTiming = "YEAR_1_UNDISCOUNTED"
)

// Combine says how the shares of a line are taken off.
type Combine string

// The ways to combine.
const (
	CombineSequential Combine = "SEQUENTIAL" // one after the other, each of what is left
	CombineAdditive   Combine = "ADDITIVE"   // their sum at once
)

// DefaultDiscountRate is that of svi-2012: the social time preference rate of HM
// Treasury's Green Book.
var DefaultDiscountRate = decimal.New(35, -3)

// EvidenceGrades says what grade of evidence a proxy rests on, from strong to weak.
var EvidenceGrades = [...]struct{ Grade, Meaning string }{
	{"A", "independently verified"},
	{"B", "published research"},
	{"C", "own records or survey"},
	{"D", "expert judgement"},
	{"E", "assumption"},
}

// Limits of a value map.
const (
	MaxLines    = 200 // inputs, and outcomes
	MaxDuration = 100 // years
	maxMapName  = 200 // characters
)

// NewOutcome is a line with the defaults of svi-2012.
func NewOutcome() Outcome { return Outcome{Duration: 1, StartYear: 1} }

// Validate reports the first cell that breaks a rule: an [Error] whose pointer says
// which, as in /outcomes/3/deadweight. Of a bound quantity it checks the binding.
func (m *ValueMap) Validate() error {
	switch {
	case len(m.Inputs) > MaxLines:
		return &Error{CodeTooLarge, "/inputs", fmt.Sprintf("a value map has at most %d inputs", MaxLines)}
	case len(m.Outcomes) > MaxLines:
		return &Error{CodeTooLarge, "/outcomes", fmt.Sprintf("a value map has at most %d outcomes", MaxLines)}
	case m.Timing != EndOfYear && m.Timing != YearOneUndiscount:
		return &Error{CodeInvalid, "/discountTiming", "discountTiming must be END_OF_YEAR or YEAR_1_UNDISCOUNTED"}
	case m.Combine != CombineSequential && m.Combine != CombineAdditive:
		return &Error{CodeInvalid, "/combine", "combine must be SEQUENTIAL or ADDITIVE"}
	}
	if err := checkShare("/discountRate", "discountRate", m.DiscountRate); err != nil {
		return err
	}
	for i, in := range m.Inputs {
		at := fmt.Sprintf("/inputs/%d", i)
		if err := checkName(at+"/name", in.Name); err != nil {
			return err
		}
		if in.Amount.IsNegative() || !tame(in.Amount) {
			return &Error{CodeInvalid, at + "/amount", "amount must be 0 or more, with up to 15 digits before the point and 10 behind it"}
		}
	}
	for i := range m.Outcomes {
		if err := m.Outcomes[i].validate(fmt.Sprintf("/outcomes/%d", i), m.Combine); err != nil {
			return err
		}
	}
	return nil
}

func (o *Outcome) validate(at string, combine Combine) error {
	if err := checkName(at+"/name", o.Name); err != nil {
		return err
	}
	for _, text := range [...]struct{ name, value string }{{"stakeholder", o.Stakeholder}, {"source", o.Source}} {
		if len([]rune(text.value)) > maxMapName || strings.ContainsRune(text.value, 0) {
			return &Error{CodeInvalid, at + "/" + text.name, fmt.Sprintf("%s must be at most %d characters", text.name, maxMapName)}
		}
	}
	if o.Bind != nil {
		if err := o.Bind.validate(at + "/bind"); err != nil {
			return err
		}
	}
	for _, n := range [...]struct {
		name  string
		value decimal.Decimal
	}{{"quantity", o.Quantity}, {"proxy", o.Proxy}} {
		if !tame(n.value) {
			return &Error{CodeInvalid, at + "/" + n.name, n.name + " must have up to 15 digits before the point and 10 behind it"}
		}
	}
	for _, share := range [...]struct {
		name  string
		value decimal.Decimal
	}{{"deadweight", o.Deadweight}, {"displacement", o.Displacement}, {"attribution", o.Attribution}, {"dropOff", o.DropOff}} {
		if err := checkShare(at+"/"+share.name, share.name, share.value); err != nil {
			return err
		}
	}
	one := decimal.NewFromInt(1)
	switch {
	case combine == CombineAdditive && o.Deadweight.Add(o.Displacement).Add(o.Attribution).GreaterThan(one):
		return &Error{CodeInvalid, at + "/attribution", "deadweight, displacement and attribution add up to more than 1: lower one, or combine SEQUENTIAL"}
	case o.Duration < 1 || o.Duration > MaxDuration:
		return &Error{CodeInvalid, at + "/duration", fmt.Sprintf("duration must be 1 to %d years", MaxDuration)}
	case o.StartYear != 1 && o.StartYear != 2:
		return &Error{CodeInvalid, at + "/startYear", "startYear must be 1 or 2"}
	case o.Year != 0 && (o.Year < 1900 || o.Year > maxYear):
		return &Error{CodeInvalid, at + "/year", fmt.Sprintf("year must be 1900 to %d", maxYear)}
	}
	if o.Evidence == "" {
		return nil
	}
	for _, g := range EvidenceGrades {
		if g.Grade == o.Evidence {
			return nil
		}
	}
	return &Error{CodeInvalid, at + "/evidenceGrade", "evidenceGrade must be A, B, C, D or E"}
}

func checkName(at, name string) error {
	if strings.TrimSpace(name) == "" || len([]rune(name)) > maxMapName || strings.ContainsRune(name, 0) {
		return &Error{CodeInvalid, at, fmt.Sprintf("name must be 1 to %d characters", maxMapName)}
	}
	return nil
}

func checkShare(at, name string, d decimal.Decimal) error {
	if d.IsNegative() || d.GreaterThan(decimal.NewFromInt(1)) || d.Exponent() < -6 {
		return &Error{CodeInvalid, at, name + " must be a share of 0 to 1 with up to 6 places, such as 0.25 for 25 %"}
	}
	return nil
}
