package impact

import (
	"fmt"
	"time"
)

// Day is a calendar day, counted from 1970-01-01, in whatever calendar its
// owner uses. It has no time zone: 2025-11-13 is one Day for everybody.
type Day int32

// The days that figures can fall on: event times are accepted between 1970 and
// 2199, and these two bound every range.
var (
	MinDay = Date(1970, 1, 1)
	MaxDay = Date(2200, 1, 1)
)

// Date is the day of a date; out-of-range months and days are normalised as
// [time.Date] does.
func Date(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

const secondsPerDay = 24 * 60 * 60

// DayAt is the day on which t falls in loc.
func DayAt(t time.Time, loc *time.Location) Day {
	if loc == time.UTC {
		s := t.Unix()
		if s < 0 {
			s -= secondsPerDay - 1
		}
		return Day(s / secondsPerDay)
	}
	return Date(t.In(loc).Date())
}

// Time is the midnight UTC that labels the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// String is the day as 2006-01-02.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Year is the calendar year of the day.
func (d Day) Year() int { return d.Time().Year() }

func (d Day) monthStart() Day { y, m, _ := d.Time().Date(); return Date(y, m, 1) }
func (d Day) nextMonth() Day  { y, m, _ := d.Time().Date(); return Date(y, m+1, 1) }
func (d Day) yearStart() Day  { return Date(d.Year(), 1, 1) }
func (d Day) nextYear() Day   { return Date(d.Year()+1, 1, 1) }

// Range is a half-open run of days, [From, To).
type Range struct{ From, To Day }

// AllTime is every day there can be.
var AllTime = Range{MinDay, MaxDay}

// Until is everything before the end of r.
func (r Range) Until() Range { return Range{MinDay, r.To} }

// String is the range as inclusive dates, 2025-01-01/2025-03-31.
func (r Range) String() string { return fmt.Sprintf("%s/%s", r.From, r.To-1) }

// Grain is a width of rollup bucket.
type Grain byte

// The grains, each a whole number of the one before.
const (
	GrainDay   Grain = 'D'
	GrainMonth Grain = 'M'
	GrainYear  Grain = 'Y'
)

// Grains lists the grains from narrow to wide.
var Grains = [...]Grain{GrainDay, GrainMonth, GrainYear}

// Bucket is the first day of the bucket that d falls in.
func (g Grain) Bucket(d Day) Day {
	switch g {
	case GrainMonth:
		return d.monthStart()
	case GrainYear:
		return d.yearStart()
	case GrainDay:
	}
	return d
}

// Range is the days of the bucket that d falls in.
func (g Grain) Range(d Day) Range {
	switch g {
	case GrainMonth:
		return Range{d.monthStart(), d.nextMonth()}
	case GrainYear:
		return Range{d.yearStart(), d.nextYear()}
	case GrainDay:
	}
	return Range{d, d + 1}
}

// Span is a run of whole buckets of one grain: those that start in [From, To).
type Span struct {
	Grain    Grain
	From, To Day
}

// Cover cuts the range into at most five spans of the widest buckets that fit,
// in order: days, months, years, months, days. However long the range, it
// touches at most 2*30 days and 2*11 months beside its whole years, which is why
// a figure costs what the question asks and not what the history holds.
func (r Range) Cover() []Span {
	if r.To <= r.From {
		return nil
	}
	spans := make([]Span, 0, 5)
	add := func(g Grain, from, to Day) {
		if from < to {
			spans = append(spans, Span{g, from, to})
		}
	}
	ceil := func(d, start, next Day) Day {
		if d == start {
			return d
		}
		return next
	}
	m0, m1 := ceil(r.From, r.From.monthStart(), r.From.nextMonth()), r.To.monthStart()
	if m0 >= m1 {
		add(GrainDay, r.From, r.To)
		return spans
	}
	y0, y1 := ceil(m0, m0.yearStart(), m0.nextYear()), m1.yearStart()
	add(GrainDay, r.From, m0)
	if y0 >= y1 {
		add(GrainMonth, m0, m1)
	} else {
		add(GrainMonth, m0, y0)
		add(GrainYear, y0, y1)
		add(GrainMonth, y1, m1)
	}
	add(GrainDay, m1, r.To)
	return spans
}

// addMonths moves d by n months, to the last day of a month that is shorter.
func (d Day) addMonths(n int) Day {
	y, m, day := d.Time().Date()
	first := Date(y, m+time.Month(n), 1)
	return min(first+Day(day-1), first.nextMonth()-1)
}
