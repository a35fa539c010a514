package impact

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a stretch of time as a caller names it. Which days it means depends
// on the company's calendar and, for last-30d, on the day it is asked for. It is
// comparable, and the zero value is all time.
type Period struct {
	form     periodForm
	year     int // of every form but the last two
	part     int // quarter, month or week of the year; days of last-30d
	from, to Day // first and last day of a day or of dates
}

type periodForm uint8

const (
	periodAll periodForm = iota
	periodYear
	periodQuarter
	periodMonth
	periodWeek
	periodFiscalYear
	periodFiscalQuarter
	periodDay
	periodDates
	periodLast
)

// PeriodForms says which texts [ParsePeriod] takes, for messages and
// descriptions.
const PeriodForms = "2025, 2025-Q1, 2025-11, 2025-W46, 2025-11-13, 2025-01-01/2025-03-31, " +
	"FY2025, FY2025-Q2 or last-30d, with years 1970..2199"

const (
	minYear  = 1970
	maxYear  = 2199
	maxLastN = 3660
)

// ParsePeriod reads a period:
//
//	""                      all time
//	2025                    a calendar year
//	2025-Q1                 a calendar quarter
//	2025-11                 a month
//	2025-W46                an ISO 8601 week, from Monday, whatever the company's week start
//	2025-11-13              a day
//	2025-01-01/2025-03-31   dates, both included
//	FY2025                  the fiscal year that ends in 2025 (in January companies: 2025)
//	FY2025-Q2               its second three months
//	last-30d                30 days that end today; 1..3660
//
// There is one spelling for each, so that parsing and [Period.String] are
// inverse. Any other text is an [Error] of [CodeInvalid].
func ParsePeriod(s string) (Period, error) {
	p, ok := parsePeriod(s)
	if !ok && p.form == periodDates && p.from > p.to {
		return Period{}, Errorf(CodeInvalid, "the period %q ends before it begins: swap its days", shortened(s))
	}
	if !ok {
		return Period{}, Errorf(CodeInvalid, "unknown period %q: use %s", shortened(s), PeriodForms)
	}
	return p, nil
}

func parsePeriod(s string) (p Period, ok bool) {
	if s == "" {
		return p, true
	}
	if n, found := strings.CutPrefix(s, "last-"); found {
		n, found = strings.CutSuffix(n, "d")
		p = Period{form: periodLast}
		p.part, ok = number(n, 1, maxLastN)
		return p, ok && found && n[0] != '0'
	}
	if from, to, found := strings.Cut(s, "/"); found {
		p = Period{form: periodDates}
		p.from, ok = parseDay(from)
		if !ok {
			return p, false
		}
		if p.to, ok = parseDay(to); !ok {
			return Period{}, false
		}
		return p, p.from <= p.to
	}
	if fy, found := strings.CutPrefix(s, "FY"); found {
		return parseYearPart(fy, periodFiscalYear, periodFiscalQuarter)
	}
	if len(s) == len(time.DateOnly) {
		p = Period{form: periodDay}
		p.from, ok = parseDay(s)
		p.to = p.from
		return p, ok
	}
	return parseYearPart(s, periodYear, periodQuarter)
}

// parseYearPart reads 2025, 2025-Q1 and, in calendar years, 2025-11 and 2025-W46.
func parseYearPart(s string, whole, quarter periodForm) (p Period, ok bool) {
	year, part, parted := strings.Cut(s, "-")
	p = Period{form: whole}
	if p.year, ok = number(year, minYear, maxYear); !ok || len(year) != 4 || !parted {
		return p, ok && len(year) == 4
	}
	switch {
	case len(part) == 2 && part[0] == 'Q':
		p.form = quarter
		p.part, ok = number(part[1:], 1, 4)
	case whole != periodYear:
		ok = false
	case len(part) == 3 && part[0] == 'W':
		p.form = periodWeek
		p.part, ok = number(part[1:], 1, isoWeeks(p.year))
	case len(part) == 2:
		p.form = periodMonth
		p.part, ok = number(part, 1, 12)
	default:
		ok = false
	}
	return p, ok
}

// String is the text that [ParsePeriod] reads as p.
func (p Period) String() string {
	switch p.form {
	case periodAll:
		return ""
	case periodYear:
		return strconv.Itoa(p.year)
	case periodQuarter:
		return fmt.Sprintf("%d-Q%d", p.year, p.part)
	case periodMonth:
		return fmt.Sprintf("%d-%02d", p.year, p.part)
	case periodWeek:
		return fmt.Sprintf("%d-W%02d", p.year, p.part)
	case periodFiscalYear:
		return fmt.Sprintf("FY%d", p.year)
	case periodFiscalQuarter:
		return fmt.Sprintf("FY%d-Q%d", p.year, p.part)
	case periodDay:
		return p.from.String()
	case periodDates:
		return p.from.String() + "/" + p.to.String()
	case periodLast:
		return fmt.Sprintf("last-%dd", p.part)
	}
	panic("impact: unknown form of period")
}

// Range is the company's days that the period means, cut to [AllTime]. today is
// the calendar's own, see [Calendar.Today]; only last-30d depends on it.
func (p Period) Range(cal Calendar, today Day) Range { return p.days(cal, today).Clip(AllTime) }

// days are the days of the period, also those that there are no figures for.
func (p Period) days(cal Calendar, today Day) (r Range) {
	switch p.form {
	case periodAll:
		return AllTime
	case periodYear:
		r = months(p.year, 1, 12)
	case periodQuarter:
		r = months(p.year, quarterMonth(p.part), 3)
	case periodMonth:
		r = months(p.year, time.Month(p.part), 1)
	case periodWeek:
		monday := isoWeekOne(p.year) + Day(7*(p.part-1))
		r = Range{monday, monday + 7}
	case periodFiscalYear:
		year, start := cal.fiscal(p.year)
		r = months(year, start, 12)
	case periodFiscalQuarter:
		year, start := cal.fiscal(p.year)
		r = months(year, start+quarterMonth(p.part)-1, 3)
	case periodDay, periodDates:
		r = Range{p.from, p.to + 1}
	case periodLast:
		r = Range{today - Day(p.part) + 1, today + 1}
	}
	return r
}

// fiscal is where a fiscal year starts. It is named for the calendar year in which
// it ends, so unless it starts in January it starts in the year before its name.
func (c Calendar) fiscal(name int) (year int, start time.Month) {
	if start = c.fiscalStart(); start == time.January {
		return name, start
	}
	return name - 1, start
}

// fiscalStart is the month that fiscal years start with; unless set, January.
func (c Calendar) fiscalStart() time.Month { return max(c.FiscalStart, time.January) }

func quarterMonth(quarter int) time.Month { return time.Month(3*quarter - 2) }

func months(year int, first time.Month, n time.Month) Range {
	return Range{Date(year, first, 1), Date(year, first+n, 1)}
}

// isoWeekOne is the Monday of the year's first ISO week, the one with 4 January.
func isoWeekOne(year int) Day { return Date(year, 1, 4).weekStart(time.Monday) }

func isoWeeks(year int) int { return int(isoWeekOne(year+1)-isoWeekOne(year)) / 7 }

// number reads plain digits.
func number(s string, least, most int) (int, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && least <= n && n <= most
}

// parseDay reads a date of the years that there are figures for.
func parseDay(s string) (Day, bool) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < minYear || t.Year() > maxYear {
		return 0, false
	}
	return Date(t.Date()), true
}

// shortened keeps a message short that repeats what a caller sent.
func shortened(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
