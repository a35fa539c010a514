package impact

import "time"

// Interval is the width of the points of a time series.
type Interval string

// The intervals.
const (
	IntervalDay           Interval = "DAY"
	IntervalWeek          Interval = "WEEK" // from the calendar's week start
	IntervalMonth         Interval = "MONTH"
	IntervalQuarter       Interval = "QUARTER"        // of the calendar year
	IntervalYear          Interval = "YEAR"           // the calendar year
	IntervalFiscalQuarter Interval = "FISCAL_QUARTER" // three months of the fiscal year
	IntervalFiscalYear    Interval = "FISCAL_YEAR"    // from the calendar's fiscal start
)

// MaxPoints is the greatest number of points of a time series.
const MaxPoints = 1000

// Split cuts the range into the calendar's buckets, in order and without gaps. The
// first and the last are cut to the range. More than [MaxPoints] are an [Error] of
// [CodeTooLarge].
func (r Range) Split(interval Interval, cal Calendar) ([]Range, error) {
	if err := interval.check(); err != nil {
		return nil, err
	}
	var points []Range
	for from := r.From; from < r.To; {
		if len(points) == MaxPoints {
			return nil, Errorf(CodeTooLarge, "%s by %s is more than %d points: ask for a shorter period or a wider interval",
				r, interval, MaxPoints)
		}
		to := min(interval.next(from, cal), r.To)
		points = append(points, Range{from, to})
		from = to
	}
	return points, nil
}

func (i Interval) check() error {
	switch i {
	case IntervalDay, IntervalWeek, IntervalMonth, IntervalQuarter, IntervalYear, IntervalFiscalQuarter, IntervalFiscalYear:
		return nil
	}
	return Errorf(CodeInvalid, "unknown interval %q: use DAY, WEEK, MONTH, QUARTER, YEAR, FISCAL_QUARTER or FISCAL_YEAR",
		shortened(string(i)))
}

// start is the last day up to d that starts a bucket.
func (i Interval) start(d Day, cal Calendar) Day {
	switch i {
	case IntervalWeek:
		return d.weekStart(cal.WeekStart)
	case IntervalMonth:
		return d.monthStart()
	case IntervalQuarter:
		return d.monthsStart(time.January, 3)
	case IntervalYear:
		return d.yearStart()
	case IntervalFiscalQuarter:
		return d.monthsStart(cal.fiscalStart(), 3)
	case IntervalFiscalYear:
		return d.monthsStart(cal.fiscalStart(), 12)
	case IntervalDay:
	}
	return d
}

// next is the first day after d that starts a bucket.
func (i Interval) next(d Day, cal Calendar) Day {
	start := i.start(d, cal)
	switch {
	case i == IntervalWeek:
		return start + 7
	case i.months() > 0:
		return start.addMonths(i.months())
	}
	return d + 1
}

// months is how many months wide the interval is, 0 for days and weeks.
func (i Interval) months() int {
	switch i {
	case IntervalMonth:
		return 1
	case IntervalQuarter, IntervalFiscalQuarter:
		return 3
	case IntervalYear, IntervalFiscalYear:
		return 12
	case IntervalDay, IntervalWeek:
	}
	return 0
}

// monthsStart is the first day of the stretch of n months that d falls in, where one
// starts with the month first; n divides 12.
func (d Day) monthsStart(first time.Month, n int) Day {
	y, m, _ := d.Time().Date()
	return Date(y, m-time.Month((int(m-first)+12)%n), 1)
}

// Clip is the part of the range that lies in o; if there is none, it is empty.
func (r Range) Clip(o Range) Range {
	from := min(max(r.From, o.From), o.To)
	return Range{from, max(from, min(r.To, o.To))}
}

// weekStart is the last day up to d that falls on the weekday first.
func (d Day) weekStart(first time.Weekday) Day {
	return d - Day((d.Time().Weekday()-first+7)%7)
}
