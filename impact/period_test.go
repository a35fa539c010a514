package impact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

var (
	calendar = impact.Calendar{Location: time.UTC, WeekStart: time.Monday, FiscalStart: time.January}
	february = impact.Calendar{Location: time.UTC, WeekStart: time.Monday, FiscalStart: time.February}
	april    = impact.Calendar{Location: time.UTC, WeekStart: time.Sunday, FiscalStart: time.April}
)

func TestPeriodRange(t *testing.T) {
	t.Parallel()
	today := day("2025-11-13")
	for _, tt := range []struct {
		period string
		cal    impact.Calendar
		want   string // inclusive
	}{
		{"", calendar, "1970-01-01/2199-12-31"},
		{"2025", calendar, "2025-01-01/2025-12-31"},
		{"1970", calendar, "1970-01-01/1970-12-31"},
		{"2199", calendar, "2199-01-01/2199-12-31"},
		{"2025-Q1", calendar, "2025-01-01/2025-03-31"},
		{"2025-Q4", april, "2025-10-01/2025-12-31"},
		{"2025-11", calendar, "2025-11-01/2025-11-30"},
		{"2024-02", calendar, "2024-02-01/2024-02-29"},
		{"2025-12", calendar, "2025-12-01/2025-12-31"},
		{"2025-W46", calendar, "2025-11-10/2025-11-16"},
		{"2025-W46", april, "2025-11-10/2025-11-16"}, // ISO, whatever the week start
		{"2025-W01", calendar, "2024-12-30/2025-01-05"},
		{"2026-W53", calendar, "2026-12-28/2027-01-03"},
		{"2020-W53", calendar, "2020-12-28/2021-01-03"},
		{"1970-W01", calendar, "1970-01-01/1970-01-04"}, // cut to the time there is
		{"2199-W52", calendar, "2199-12-23/2199-12-29"},
		{"2025-11-13", calendar, "2025-11-13/2025-11-13"},
		{"2024-02-29", calendar, "2024-02-29/2024-02-29"},
		{"2025-01-01/2025-03-31", calendar, "2025-01-01/2025-03-31"},
		{"2025-01-01/2025-01-01", calendar, "2025-01-01/2025-01-01"},
		{"FY2025", calendar, "2025-01-01/2025-12-31"},
		{"FY2025", impact.Calendar{}, "2025-01-01/2025-12-31"},
		{"FY2025", april, "2024-04-01/2025-03-31"},
		{"FY2025-Q1", april, "2024-04-01/2024-06-30"},
		{"FY2025-Q2", april, "2024-07-01/2024-09-30"},
		{"FY2025-Q3", april, "2024-10-01/2024-12-31"},
		{"FY2025-Q4", april, "2025-01-01/2025-03-31"},
		{"FY2025-Q2", calendar, "2025-04-01/2025-06-30"},
		{"FY1970", april, "1970-01-01/1970-03-31"},
		{"FY2025", impact.Calendar{FiscalStart: time.December}, "2024-12-01/2025-11-30"},
		{"last-1d", calendar, "2025-11-13/2025-11-13"},
		{"last-30d", calendar, "2025-10-15/2025-11-13"},
		{"last-3660d", calendar, "2015-11-07/2025-11-13"},
	} {
		t.Run(tt.period, func(t *testing.T) {
			t.Parallel()
			p, err := impact.ParsePeriod(tt.period)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Range(tt.cal, today).String(); got != tt.want {
				t.Errorf("range %s, want %s", got, tt.want)
			}
			if p.String() != tt.period {
				t.Errorf("reads back as %q", p)
			}
			if again, err := impact.ParsePeriod(p.String()); err != nil || again != p {
				t.Errorf("parsed again it is %v, %v", again, err)
			}
		})
	}
}

func TestPeriodEmpty(t *testing.T) {
	t.Parallel()
	// An old company whose FY1970 had ended before there were figures has no days in it.
	p, err := impact.ParsePeriod("FY1970-Q1")
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Range(april, 0); r.From != r.To {
		t.Errorf("got %v, want an empty range", r)
	}
}

func TestParsePeriodRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		" ", "all", "2025 ", "1969", "2200", "25", "02025", "+2025", "-2025", "2025-", "2025-Q0", "2025-Q5", "2025-Q",
		"2025-q1", "2025-Q01", "2025-00", "2025-13", "2025-1", "2025-W00", "2025-W53", "2025-W54", "2021-W53", "2025-W1",
		"2025-w46", "2025-02-29", "2025-11-31", "2025-1-1", "2025-11-13T00:00:00Z", "2025/2026", "2025-03-31/2025-01-01",
		"2025-01-01/", "/2025-01-01", "2025-01-01/2025-03-31/2025-04-01", "1969-12-31/2025-01-01", "2025-01-01/2200-01-01",
		"FY", "FY25", "FY1969", "FY2200", "FY2025-Q5", "FY2025-11", "FY2025-W46", "fy2025", "FY2025-01-01",
		"last-0d", "last-3661d", "last-030d", "last--1d", "last-30", "last-30days", "last-d", "last-", "last-99999999999999999999d",
		"2025-Q1/2025-Q2", "٢٠٢٥", "2025\x00", strings.Repeat("2", 1000),
	} {
		p, err := impact.ParsePeriod(s)
		checkInvalid(t, err, "")
		helps := impact.PeriodForms
		if s == "2025-03-31/2025-01-01" {
			helps = "ends before it begins: swap its days"
		}
		if err != nil && (!strings.Contains(err.Error(), helps) || len(err.Error()) > 400) {
			t.Errorf("%.20q: the message does not help: %v", s, err)
		}
		if (p != impact.Period{}) {
			t.Errorf("%.20q: parsed as %v beside the error", s, p)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{
		"", "2025", "2025-Q1", "2025-11", "2025-W46", "2026-W53", "2025-11-13", "2025-01-01/2025-03-31",
		"FY2025", "FY2025-Q2", "last-30d", "last-d", "FY", "2025-", "/",
	} {
		f.Add(s, int32(20_000), uint8(4))
	}
	f.Fuzz(func(t *testing.T, s string, today int32, fiscal uint8) {
		p, err := impact.ParsePeriod(s)
		if err != nil {
			checkInvalid(t, err, "")
			return
		}
		if p.String() != s {
			t.Errorf("%q reads back as %q", s, p)
		}
		cal := impact.Calendar{Location: time.UTC, FiscalStart: time.Month(fiscal % 13)}
		r := p.Range(cal, impact.MinDay+impact.Day(uint32(today)%uint32(impact.MaxDay)))
		if r.From > r.To || r.From < impact.MinDay || r.To > impact.MaxDay {
			t.Errorf("%q is %d..%d", s, r.From, r.To)
		}
	})
}

func TestISOWeeksAgreeWithTime(t *testing.T) {
	t.Parallel()
	for d := day("1970-01-05"); d < day("2199-12-23"); d += 5 {
		year, week := d.Time().ISOWeek()
		s := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") + "-W" + string(rune('0'+week/10)) + string(rune('0'+week%10))
		p, err := impact.ParsePeriod(s)
		if err != nil {
			t.Fatalf("%s is in %s: %v", d, s, err)
		}
		r := p.Range(calendar, 0)
		if d < r.From || d >= r.To || r.To-r.From != 7 || r.From.Time().Weekday() != time.Monday {
			t.Fatalf("%s is in %s, but that is %s", d, s, r)
		}
	}
}
