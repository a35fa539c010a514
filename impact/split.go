package impact

import "time"

// Interval is the width of the points of a time series.
type Interval string

// The intervals.
const (
	IntervalDay     Interval = "DAY"
	IntervalWeek    Interval = "WEEK" // from the calendar's week start
	IntervalMonth   Interval = "MONTH"
	IntervalQuarter Interval = "QUARTER" // of the calendar year
	IntervalYear    Interval = "YEAR"    // the calendar year
)

// MaxPoints is the greatest number of points of a time series.
const MaxPoints = 1000

// Split cuts the range into the calendar's buckets, in order and without gaps. The
// first and the last are cut to the range. More than [MaxPoints] are an [Error] of
// [CodeTooLarge].
func (r Range) Split(interval Interval, cal Calendar) ([]Range, error) {
	switch interval {
	case IntervalDay, IntervalWeek, IntervalMonth, IntervalQuarter, IntervalYear:
	default:
		return nil, Errorf(CodeInvalid, "unknown interval %q: use DAY, WEEK, MONTH, QUARTER or YEAR",
			shortened(string(interval)))
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

// next is the first day after d that starts a bucket.
func (i Interval) next(d Day, cal Calendar) Day {
	switch i {
	case IntervalWeek:
		return d.weekStart(cal.WeekStart) + 7
	case IntervalMonth:
		return d.nextMonth()
	case IntervalQuarter:
		y, m, _ := d.Time().Date()
		return Date(y, m-(m-1)%3+3, 1)
	case IntervalYear:
		return d.nextYear()
	case IntervalDay:
	}
	return d + 1
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
