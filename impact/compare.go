package impact

import "github.com/shopspring/decimal"

// Comparison says which range a figure is compared with.
type Comparison string

// The comparisons. The zero value is none.
const (
	ComparePreviousPeriod Comparison = "PREVIOUS_PERIOD"
	ComparePreviousYear   Comparison = "PREVIOUS_YEAR"
)

// Before is the range that a period is compared with:
//
//   - PREVIOUS_PERIOD of a year, quarter, month, ISO week or day, fiscal or not, is the
//     one before in the calendar, however many days it has. Of dates that are whole
//     calendar months it is as many months before, of other dates and of last-30d as
//     many days.
//   - PREVIOUS_YEAR is the same of the year before: 29 February becomes the 28th, and the
//     end of a month stays one. ISO week 53 becomes the year's last. last-30d is 30 days
//     that end a year ago.
//
// All time has nothing before it, and neither has a range that begins with it: that is
// an [Error] of [CodeInvalid].
func (p Period) Before(c Comparison, cal Calendar, today Day) (Range, error) {
	r := p.before(c, cal, today).Clip(AllTime)
	if p.form == periodAll || r.From == r.To {
		return Range{}, Errorf(CodeInvalid, "compareTo needs a period with time before it, such as 2025-Q1")
	}
	return r, nil
}

func (p Period) before(c Comparison, cal Calendar, today Day) Range {
	r := p.days(cal, today)
	if c == ComparePreviousYear {
		switch p.form {
		case periodWeek:
			week := min(p.part, isoWeeks(p.year-1))
			monday := isoWeekOne(p.year-1) + Day(7*(week-1))
			return Range{monday, monday + 7}
		case periodLast:
			to := today.addMonths(-12) + 1
			return Range{to - Day(p.part), to}
		case periodAll, periodYear, periodQuarter, periodMonth, periodFiscalYear, periodFiscalQuarter, periodDay, periodDates:
		}
		return r.addMonths(-12)
	}
	n := r.wholeMonths()
	if p.form == periodLast || p.form == periodDay || p.form == periodWeek || n == 0 {
		return Range{r.From - (r.To - r.From), r.From}
	}
	return r.addMonths(-n)
}

// Before is the range that a point of a series is compared with: the interval before,
// or that of the year before (of a week, the one 52 weeks before). A point that is cut
// short is compared with the same part of it.
func (i Interval) Before(c Comparison, r Range) Range {
	months, days := -i.months(), Day(0)
	switch {
	case c == ComparePreviousYear && i == IntervalWeek:
		days = 364
	case c == ComparePreviousYear:
		months = -12
	case i == IntervalWeek:
		days = 7
	case i == IntervalDay:
		days = 1
	}
	if days > 0 {
		return Range{r.From - days, r.To - days}.Clip(AllTime)
	}
	return r.addMonths(months).Clip(AllTime)
}

// addMonths moves a range by months: an end of a month stays the end of one, and a day
// that a month does not have becomes its last.
func (r Range) addMonths(n int) Range {
	to := (r.To - 1).addMonths(n) + 1
	if r.To == r.To.monthStart() {
		to = r.To.addMonths(n)
	}
	return Range{r.From.addMonths(n), to}
}

// wholeMonths is how many calendar months the range is made of; 0 if it is not.
func (r Range) wholeMonths() int {
	if r.From != r.From.monthStart() || r.To != r.To.monthStart() || r.To <= r.From {
		return 0
	}
	y0, m0, _ := r.From.Time().Date()
	y1, m1, _ := r.To.Time().Date()
	return 12*(y1-y0) + int(m1-m0)
}

// RelativeChange is (now - before) / |before| x 100 at 2 places, half away from zero;
// null where before is 0.
func RelativeChange(now, before decimal.Decimal) decimal.NullDecimal {
	if before.IsZero() {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(now.Sub(before).Mul(hundred).DivRound(before.Abs(), scorePlaces))
}
