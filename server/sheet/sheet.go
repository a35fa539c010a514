// Package sheet reads and writes value maps as tables, CSV and XLSX, in the columns of
// Social Value International's value map: settings first, then a header, then a row for
// each stakeholder's input and outcome.
//
//	Discount rate %  3.5
//	Discount timing  END_OF_YEAR
//	Combine          SEQUENTIAL
//	Stakeholder  Input  Input value  Outcome  Quantity  Bound to  ...
//
// A row can hold an input, an outcome, or both. Columns are found by their header, in
// any order and case. Percentages may be written 25 or 25%. What is wrong is an
// [impact.Error] whose pointer is the cell, such as D5.
package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"github.com/impactql/impactql/impact"
)

// Limits of a sheet.
const (
	maxRows = 2 * impact.MaxLines
	maxFile = 8 << 20 // bytes, also of what an XLSX unpacks to
)

// column is a column of a sheet. field is the cell's name in a value map.
type column struct {
	header  string
	field   string
	percent bool
	get     func(*impact.Outcome) string
	set     func(*impact.Outcome, string) error
}

// The columns of inputs, before those of outcomes.
const (
	headInput  = "Input"
	headAmount = "Input value"
)

var columns = []column{
	{"Stakeholder", "stakeholder", false, func(o *impact.Outcome) string { return o.Stakeholder },
		func(o *impact.Outcome, s string) error { o.Stakeholder = s; return nil }},
	{"Outcome", "name", false, func(o *impact.Outcome) string { return o.Name },
		func(o *impact.Outcome, s string) error { o.Name = s; return nil }},
	{"Quantity", "quantity", false, func(o *impact.Outcome) string {
		if o.Bind != nil {
			return ""
		}
		return o.Quantity.String()
	}, func(o *impact.Outcome, s string) error { return number(&o.Quantity, s) }},
	{"Bound to", "bind/figure", false, func(o *impact.Outcome) string {
		if o.Bind == nil {
			return ""
		}
		return string(o.Bind.Figure)
	}, func(o *impact.Outcome, s string) error {
		bind(o).Figure = impact.LiveFigure(strings.ToUpper(s))
		return nil
	}},
	{"Programme", "bind/programme", false, func(o *impact.Outcome) string {
		if o.Bind == nil {
			return ""
		}
		return o.Bind.Programme
	}, func(o *impact.Outcome, s string) error { bind(o).Programme = s; return nil }},
	{"Period", "bind/period", false, func(o *impact.Outcome) string {
		if o.Bind == nil || o.Bind.Period == nil {
			return ""
		}
		return o.Bind.Period.String()
	}, func(o *impact.Outcome, s string) error {
		p, err := impact.ParsePeriod(s)
		bind(o).Period = &p
		return err
	}},
	{"Duration", "duration", false, func(o *impact.Outcome) string { return strconv.Itoa(o.Duration) },
		func(o *impact.Outcome, s string) error { return whole(&o.Duration, s) }},
	{"Outcomes start", "startYear", false, func(o *impact.Outcome) string { return strconv.Itoa(o.StartYear) },
		func(o *impact.Outcome, s string) error { return whole(&o.StartYear, s) }},
	{"Financial proxy value", "proxy", false, func(o *impact.Outcome) string { return o.Proxy.String() },
		func(o *impact.Outcome, s string) error { return number(&o.Proxy, s) }},
	{"Source", "source", false, func(o *impact.Outcome) string { return o.Source },
		func(o *impact.Outcome, s string) error { o.Source = s; return nil }},
	{"Year", "year", false, func(o *impact.Outcome) string {
		if o.Year == 0 {
			return ""
		}
		return strconv.Itoa(o.Year)
	}, func(o *impact.Outcome, s string) error { return whole(&o.Year, s) }},
	{"Evidence grade", "evidenceGrade", false, func(o *impact.Outcome) string { return o.Evidence },
		func(o *impact.Outcome, s string) error { o.Evidence = strings.ToUpper(s); return nil }},
	share("Deadweight %", "deadweight", func(o *impact.Outcome) *decimal.Decimal { return &o.Deadweight }),
	share("Displacement %", "displacement", func(o *impact.Outcome) *decimal.Decimal { return &o.Displacement }),
	share("Attribution %", "attribution", func(o *impact.Outcome) *decimal.Decimal { return &o.Attribution }),
	share("Drop off %", "dropOff", func(o *impact.Outcome) *decimal.Decimal { return &o.DropOff }),
}

func share(header, field string, of func(*impact.Outcome) *decimal.Decimal) column {
	return column{header, field, true, func(o *impact.Outcome) string { return of(o).Shift(2).String() },
		func(o *impact.Outcome, s string) error { return percent(of(o), s) }}
}

func bind(o *impact.Outcome) *impact.Binding {
	if o.Bind == nil {
		o.Bind = new(impact.Binding)
	}
	return o.Bind
}

func number(d *decimal.Decimal, s string) error {
	s = strings.ReplaceAll(s, " ", "")
	if len(s) > 40 || strings.ContainsAny(s, "eE,") {
		return impact.Errorf(impact.CodeInvalid, "not a number: write digits with a point, such as 1250.50")
	}
	x, err := decimal.NewFromString(s)
	if err != nil {
		return impact.Errorf(impact.CodeInvalid, "not a number: write digits with a point, such as 1250.50")
	}
	*d = x
	return nil
}

func percent(d *decimal.Decimal, s string) error {
	err := number(d, strings.TrimSuffix(strings.TrimSpace(s), "%"))
	*d = d.Shift(-2)
	return err
}

func whole(n *int, s string) error {
	x, err := strconv.Atoi(s)
	if err != nil {
		return impact.Errorf(impact.CodeInvalid, "not a whole number")
	}
	*n = x
	return nil
}

// rows is a map as a table.
func rows(m *impact.ValueMap) [][]string {
	table := [][]string{
		{"Discount rate %", m.DiscountRate.Shift(2).String()},
		{"Discount timing", string(m.Timing)},
		{"Combine", string(m.Combine)},
	}
	header := []string{columns[0].header, headInput, headAmount}
	for _, c := range columns[1:] {
		header = append(header, c.header)
	}
	table = append(table, header)
	for i := range max(len(m.Inputs), len(m.Outcomes)) {
		row := make([]string, len(header))
		if i < len(m.Inputs) {
			row[1], row[2] = m.Inputs[i].Name, m.Inputs[i].Amount.String()
		}
		if i < len(m.Outcomes) {
			row[0] = columns[0].get(&m.Outcomes[i])
			for j, c := range columns[1:] {
				row[3+j] = c.get(&m.Outcomes[i])
			}
		}
		table = append(table, row)
	}
	return table
}

// reader turns a table into a map and remembers where each cell came from.
type reader struct {
	m     *impact.ValueMap
	cells map[string]string // of the map, by pointer
}

func at(row, col int) string {
	name, err := excelize.CoordinatesToCellName(col+1, row+1)
	if err != nil {
		return fmt.Sprintf("row %d", row+1)
	}
	return name
}

func wrong(cell string, err error) error {
	if code := impact.CodeOf(err); code != impact.CodeInternal {
		message := err.Error()
		if e, ok := err.(*impact.Error); ok { //nolint:errorlint // made here or in impact, never wrapped
			message = e.Message
		}
		return &impact.Error{Code: code, Pointer: cell, Message: message}
	}
	return &impact.Error{Code: impact.CodeInvalid, Pointer: cell, Message: err.Error()}
}

// parse reads a table.
func parse(table [][]string) (*impact.ValueMap, error) {
	if len(table) > maxRows {
		return nil, impact.Errorf(impact.CodeTooLarge, "the sheet has more than %d rows", maxRows)
	}
	r := &reader{
		m: &impact.ValueMap{
			DiscountRate: impact.DefaultDiscountRate, Timing: impact.EndOfYear, Combine: impact.CombineSequential,
		},
		cells: make(map[string]string),
	}
	head := -1
	for i, row := range table {
		if len(row) == 0 {
			continue
		}
		if isHeader(row) {
			head = i
			break
		}
		if err := r.setting(i, row); err != nil {
			return nil, err
		}
	}
	if head < 0 {
		return nil, impact.Errorf(impact.CodeInvalid, "the sheet has no header: a row with the columns %s, Quantity and so on", "Outcome")
	}
	places, err := find(head, table[head])
	if err != nil {
		return nil, err
	}
	for i := head + 1; i < len(table); i++ {
		if err := r.row(i, table[i], places); err != nil {
			return nil, err
		}
	}
	if err := r.m.Validate(); err != nil {
		if e, ok := err.(*impact.Error); ok && r.cells[e.Pointer] != "" { //nolint:errorlint // as it comes
			return nil, wrong(r.cells[e.Pointer], err)
		}
		return nil, err
	}
	return r.m, nil
}

func isHeader(row []string) bool {
	for _, cell := range row {
		if strings.EqualFold(strings.TrimSpace(cell), "Outcome") {
			return true
		}
	}
	return false
}

func (r *reader) setting(i int, row []string) error {
	value := ""
	if len(row) > 1 {
		value = strings.TrimSpace(row[1])
	}
	if value == "" {
		return nil // a title
	}
	switch strings.ToLower(strings.TrimSpace(row[0])) {
	case "discount rate %":
		r.cells["/discountRate"] = at(i, 1)
		if err := percent(&r.m.DiscountRate, value); err != nil {
			return wrong(at(i, 1), err)
		}
	case "discount timing":
		r.m.Timing, r.cells["/discountTiming"] = impact.DiscountTiming(value), at(i, 1)
	case "combine":
		r.m.Combine, r.cells["/combine"] = impact.Combine(value), at(i, 1)
	}
	return nil
}

// find is the header of each column, by its place.
func find(row int, header []string) (map[string]int, error) {
	known := map[string]string{strings.ToLower(headInput): headInput, strings.ToLower(headAmount): headAmount}
	for _, c := range columns {
		known[strings.ToLower(c.header)] = c.header
	}
	places := make(map[string]int)
	for j, cell := range header {
		name := known[strings.ToLower(strings.TrimSpace(cell))]
		if name == "" {
			continue // a column of the owner's
		}
		if _, twice := places[name]; twice {
			return nil, wrong(at(row, j), impact.Errorf(impact.CodeInvalid, "the column %s is there twice", name))
		}
		places[name] = j
	}
	return places, nil
}

func (r *reader) row(i int, row []string, places map[string]int) error {
	cell := func(header string) (string, string) {
		j, ok := places[header]
		if !ok || j >= len(row) {
			return "", at(i, j)
		}
		return strings.TrimSpace(row[j]), at(i, j)
	}
	name, nameAt := cell(headInput)
	amount, amountAt := cell(headAmount)
	if name != "" || amount != "" {
		pointer := fmt.Sprintf("/inputs/%d", len(r.m.Inputs))
		r.cells[pointer+"/name"], r.cells[pointer+"/amount"] = nameAt, amountAt
		in := impact.MapInput{Name: name}
		if err := number(&in.Amount, amount); err != nil {
			return wrong(amountAt, err)
		}
		r.m.Inputs = append(r.m.Inputs, in)
	}
	return r.outcome(cell)
}

func (r *reader) outcome(cell func(string) (text, place string)) error {
	o := impact.NewOutcome()
	pointer := fmt.Sprintf("/outcomes/%d/", len(r.m.Outcomes))
	filled, places := make(map[string]bool), make(map[string]string)
	some := false
	for _, c := range columns {
		text, place := cell(c.header)
		places[c.field] = place
		r.cells[pointer+c.field] = place
		if text == "" {
			continue
		}
		filled[c.field] = true
		some = some || c.field != "stakeholder"
		if err := c.set(&o, text); err != nil {
			return wrong(place, err)
		}
	}
	switch {
	case !some:
		return nil
	case !filled["proxy"]:
		return wrong(places["proxy"], impact.Errorf(impact.CodeInvalid, "an outcome needs a proxy value"))
	case filled["quantity"] == filled["bind/figure"]:
		return wrong(places["quantity"], impact.Errorf(impact.CodeInvalid, "an outcome needs a quantity, or a figure that it is bound to instead"))
	}
	r.m.Outcomes = append(r.m.Outcomes, o)
	return nil
}
