package impact_test

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/impactql/impactql/impact"
)

func TestPeriodBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		period           string
		cal              impact.Calendar
		today            string
		previous, yearly string // inclusive; empty is an error
	}{
		{"2025", calendar, "2025-11-13", "2024-01-01/2024-12-31", "2024-01-01/2024-12-31"},
		{"2025-Q1", calendar, "2025-11-13", "2024-10-01/2024-12-31", "2024-01-01/2024-03-31"},
		{"2025-03", calendar, "2025-11-13", "2025-02-01/2025-02-28", "2024-03-01/2024-03-31"},
		{"2024-03", calendar, "2025-11-13", "2024-02-01/2024-02-29", "2023-03-01/2023-03-31"},
		{"2025-02", calendar, "2025-11-13", "2025-01-01/2025-01-31", "2024-02-01/2024-02-29"},
		{"2024-02", calendar, "2025-11-13", "2024-01-01/2024-01-31", "2023-02-01/2023-02-28"},
		{"2025-01", calendar, "2025-11-13", "2024-12-01/2024-12-31", "2024-01-01/2024-01-31"},
		{"2025-W01", calendar, "2025-11-13", "2024-12-23/2024-12-29", "2024-01-01/2024-01-07"},
		{"2020-W53", calendar, "2025-11-13", "2020-12-21/2020-12-27", "2019-12-23/2019-12-29"},
		{"2024-02-29", calendar, "2025-11-13", "2024-02-28/2024-02-28", "2023-02-28/2023-02-28"},
		{"2025-03-01", calendar, "2025-11-13", "2025-02-28/2025-02-28", "2024-03-01/2024-03-01"},
		{"2025-01-01/2025-03-31", calendar, "2025-11-13", "2024-10-01/2024-12-31", "2024-01-01/2024-03-31"},
		{"2025-02-01/2025-02-28", calendar, "2025-11-13", "2025-01-01/2025-01-31", "2024-02-01/2024-02-29"},
		{"2025-01-10/2025-01-19", calendar, "2025-11-13", "2024-12-31/2025-01-09", "2024-01-10/2024-01-19"},
		{"2024-02-20/2024-02-29", calendar, "2025-11-13", "2024-02-10/2024-02-19", "2023-02-20/2023-02-28"},
		{"FY2025", april, "2025-11-13", "2023-04-01/2024-03-31", "2023-04-01/2024-03-31"},
		{"FY2025-Q1", april, "2025-11-13", "2024-01-01/2024-03-31", "2023-04-01/2023-06-30"},
		{"last-30d", calendar, "2025-11-13", "2025-09-15/2025-10-14", "2024-10-15/2024-11-13"},
		{"last-1d", calendar, "2024-02-29", "2024-02-28/2024-02-28", "2023-02-28/2023-02-28"},
		{"", calendar, "2025-11-13", "", ""},
		{"1970", calendar, "2025-11-13", "", ""},
		{"1970-W01", calendar, "2025-11-13", "", ""},
		{"FY1970", april, "2025-11-13", "", ""},
		{"1970-02", calendar, "2025-11-13", "1970-01-01/1970-01-31", ""},
	} {
		t.Run(tt.period, func(t *testing.T) {
			t.Parallel()
			p, err := impact.ParsePeriod(tt.period)
			if err != nil {
				t.Fatal(err)
			}
			for c, want := range map[impact.Comparison]string{
				impact.ComparePreviousPeriod: tt.previous, impact.ComparePreviousYear: tt.yearly,
			} {
				r, err := p.Before(c, tt.cal, day(tt.today))
				if want == "" {
					checkInvalid(t, err, "")
				} else if err != nil || r.String() != want {
					t.Errorf("%s: %v, %v; want %s", c, r, err, want)
				}
			}
		})
	}
}

func TestIntervalBefore(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		interval                   impact.Interval
		point, previous, yearsBack string
	}{
		"a day":                {impact.IntervalDay, "2024-03-01/2024-03-01", "2024-02-29/2024-02-29", "2023-03-01/2023-03-01"},
		"the leap day":         {impact.IntervalDay, "2024-02-29/2024-02-29", "2024-02-28/2024-02-28", "2023-02-28/2023-02-28"},
		"a week":               {impact.IntervalWeek, "2025-01-06/2025-01-12", "2024-12-30/2025-01-05", "2024-01-08/2024-01-14"},
		"a month":              {impact.IntervalMonth, "2024-03-01/2024-03-31", "2024-02-01/2024-02-29", "2023-03-01/2023-03-31"},
		"the end of a month":   {impact.IntervalMonth, "2025-03-30/2025-03-31", "2025-02-28/2025-02-28", "2024-03-30/2024-03-31"},
		"the start of a month": {impact.IntervalMonth, "2025-03-01/2025-03-13", "2025-02-01/2025-02-13", "2024-03-01/2024-03-13"},
		"a quarter":            {impact.IntervalQuarter, "2025-01-01/2025-03-31", "2024-10-01/2024-12-31", "2024-01-01/2024-03-31"},
		"a fiscal year":        {impact.IntervalFiscalYear, "2024-04-01/2025-03-31", "2023-04-01/2024-03-31", "2023-04-01/2024-03-31"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := impact.ParsePeriod(tt.point)
			if err != nil {
				t.Fatal(err)
			}
			r := p.Range(calendar, 0)
			if got := tt.interval.Before(impact.ComparePreviousPeriod, r).String(); got != tt.previous {
				t.Errorf("previous: %s, want %s", got, tt.previous)
			}
			if got := tt.interval.Before(impact.ComparePreviousYear, r).String(); got != tt.yearsBack {
				t.Errorf("a year back: %s, want %s", got, tt.yearsBack)
			}
		})
	}
}

func TestRelativeChange(t *testing.T) {
	t.Parallel()
	n := decimal.RequireFromString
	for _, tt := range []struct{ now, before, want string }{
		{"150", "100", "50"}, {"0", "3", "-100"}, {"1", "3", "-66.67"}, {"2", "-1", "300"}, {"0.01", "0.03", "-66.67"},
	} {
		if got := impact.RelativeChange(n(tt.now), n(tt.before)); !got.Valid || !got.Decimal.Equal(n(tt.want)) {
			t.Errorf("%s after %s is %v, want %s", tt.now, tt.before, got, tt.want)
		}
	}
	if got := impact.RelativeChange(n("5"), n("0")); got.Valid {
		t.Errorf("a change from 0 is %v", got.Decimal)
	}
}
