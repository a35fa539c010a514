package verify

import (
	"fmt"
	"math/big"
	"time"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

// baseOf is a month or a year of a programme, with which a later one is compared.
type baseOf struct {
	days      impact.Range
	programme string
}

// pair is figures by the log and as readers tell them, in the same order.
type pair struct{ want, got figures }

// changing are the figures whose changes are compared.
var changing = map[string]bool{
	"events": true, "sessions": true, "participants": true, "volunteers": true, "volunteerHours": true, "avgEngagement": true,
	"completionRate": true, "impactScore": true, "sroi ratio": true, "sroi investment": true, "sroi socialValue": true, "vis score": true,
}

// judgeChanges compares how figures of a month or a year changed since the period before and
// the year before, as far as there is a claim of these; of what is told, since it is asked
// for by the same question as any figure.
func (r *run) judgeChanges(c *claim, told pair) error {
	year, month, _ := c.days.From.Time().Date()
	var bases map[impact.Comparison]impact.Range
	switch c.days {
	case impact.Range{From: impact.Date(year, month, 1), To: impact.Date(year, month+1, 1)}:
		bases = map[impact.Comparison]impact.Range{
			impact.ComparePreviousPeriod: {From: impact.Date(year, month-1, 1), To: impact.Date(year, month, 1)},
			impact.ComparePreviousYear:   {From: impact.Date(year-1, month, 1), To: impact.Date(year-1, month+1, 1)},
		}
	case impact.Range{From: impact.Date(year, 1, 1), To: impact.Date(year+1, 1, 1)}:
		before := impact.Range{From: impact.Date(year-1, 1, 1), To: impact.Date(year, 1, 1)}
		bases = map[impact.Comparison]impact.Range{impact.ComparePreviousPeriod: before, impact.ComparePreviousYear: before}
	default:
		return nil
	}
	var now pair
	for i, f := range told.got {
		if changing[f.name] {
			now.want, now.got = append(now.want, told.want[i]), append(now.got, f)
		}
	}
	if r.bases == nil {
		r.bases = make(map[baseOf]pair)
	}
	r.bases[baseOf{c.days, c.programme}] = now
	for comparison, base := range bases {
		if err := r.judgeChange(c, comparison, base, now); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) judgeChange(c *claim, comparison impact.Comparison, base impact.Range, now pair) error {
	before, known := r.bases[baseOf{base, c.programme}]
	if !known {
		return nil
	}
	period, err := impact.ParsePeriod(c.period)
	if err != nil {
		return fmt.Errorf("%s: %w", c.period, err)
	}
	company := r.ledger.Company
	days, err := period.Before(comparison, company.Calendar, company.Today(time.Now()))
	if err != nil {
		return fmt.Errorf("%s: %w", c.period, err)
	}
	name := "change from " + string(comparison)
	r.judgeOne(c, name, base.String(), days.String())
	for i, f := range now.want {
		of := name + " of " + f.name
		r.judgeOne(c, of, changeByLog(f.value, before.want[i].value), changeTold(now.got[i].value, before.got[i].value))
	}
	return nil
}

// changeByLog is a difference, and in percent.
func changeByLog(now, base string) string {
	if now == "null" || base == "null" {
		return "null"
	}
	difference := minus(numeral(now), numeral(base))
	relative := "null"
	if from := numeral(base); from.Sign() != 0 {
		relative = fixed(over(times(difference, ratio(100, 1)), new(big.Rat).Abs(from)), 2)
	}
	return fixed(difference, 2) + ", " + relative + " %"
}

// changeTold is the same as readers reckon it.
func changeTold(now, base string) string {
	if now == "null" || base == "null" {
		return "null"
	}
	is, was := decimal.RequireFromString(now), decimal.RequireFromString(base)
	relative := "null"
	if change := impact.RelativeChange(is, was); change.Valid {
		relative = change.Decimal.StringFixed(2)
	}
	return is.Sub(was).StringFixed(2) + ", " + relative + " %"
}
