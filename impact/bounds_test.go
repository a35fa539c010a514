package impact_test

import (
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

func TestParseBounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		start, end, zone, want string
	}{
		"neither":                      {"", "", "UTC", "1970-01-01/2199-12-31"},
		"dates":                        {"2025-01-01", "2025-03-31", "UTC", "2025-01-01/2025-03-31"},
		"one day":                      {"2025-01-01", "2025-01-01", "UTC", "2025-01-01/2025-01-01"},
		"open end":                     {"2025-01-01", "", "UTC", "2025-01-01/2199-12-31"},
		"open start":                   {"", "2025-03-31", "UTC", "1970-01-01/2025-03-31"},
		"dates are the company's own":  {"2025-01-01", "2025-03-31", "Pacific/Auckland", "2025-01-01/2025-03-31"},
		"instants":                     {"2025-11-01T00:00:00Z", "2025-11-30T23:59:59Z", "UTC", "2025-11-01/2025-11-30"},
		"an instant is its whole day":  {"2025-11-01T23:59:59.999Z", "2025-11-30T00:00:00Z", "UTC", "2025-11-01/2025-11-30"},
		"instants fall in the company": {"2025-11-01T00:00:00Z", "2025-11-30T23:59:59Z", "America/New_York", "2025-10-31/2025-11-30"},
		"east of Greenwich":            {"2025-11-01T00:00:00Z", "2025-11-30T23:59:59Z", "Europe/Oslo", "2025-11-01/2025-12-01"},
		"an offset":                    {"2025-11-01T00:30:00+02:00", "2025-11-02T00:30:00+02:00", "UTC", "2025-10-31/2025-11-01"},
		"mixed":                        {"2025-11-01T10:00:00Z", "2025-11-30", "UTC", "2025-11-01/2025-11-30"},
		"the epoch in New York":        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "America/New_York", "1970-01-01/1970-01-01"},
		"the end of time in Auckland":  {"2199-12-31T23:00:00Z", "2199-12-31T23:59:59Z", "Pacific/Auckland", "2199-12-31/2199-12-31"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := impact.ParseBounds(tt.start, tt.end, impact.Calendar{Location: mustLoad(t, tt.zone)})
			if err != nil {
				t.Fatal(err)
			}
			if r.String() != tt.want {
				t.Errorf("got %s, want %s", r, tt.want)
			}
		})
	}
}

func TestParseBoundsRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ start, end, pointer string }{
		{"yesterday", "", "/start"},
		{"", "2025-02-29", "/end"},
		{"2025", "", "/start"},
		{"2025-01-01T00:00:00", "", "/start"},
		{"2025-01-01 00:00:00Z", "", "/start"},
		{"2025-01-01T24:00:00Z", "", "/start"},
		{"1763028000", "", "/start"},
		{"1969-12-31", "", "/start"},
		{"1969-12-31T23:59:59Z", "", "/start"},
		{"", "2200-01-01", "/end"},
		{"", "9999-12-31T23:59:59Z", "/end"},
		{"2025-02-01", "2025-01-31", "/end"},
		{"2025-02-01T00:00:00Z", "2025-01-31T23:59:59Z", "/end"},
	} {
		t.Run(tt.start+" "+tt.end, func(t *testing.T) {
			t.Parallel()
			_, err := impact.ParseBounds(tt.start, tt.end, impact.Calendar{Location: time.UTC})
			checkInvalid(t, err, tt.pointer)
		})
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from, to string // inclusive
		interval impact.Interval
		cal      impact.Calendar
		want     []string
	}{
		"days":                  {"2025-02-27", "2025-03-01", impact.IntervalDay, calendar, []string{"2025-02-27/2025-02-27", "2025-02-28/2025-02-28", "2025-03-01/2025-03-01"}},
		"weeks from Monday":     {"2025-11-12", "2025-11-24", impact.IntervalWeek, calendar, []string{"2025-11-12/2025-11-16", "2025-11-17/2025-11-23", "2025-11-24/2025-11-24"}},
		"weeks from Sunday":     {"2025-11-12", "2025-11-24", impact.IntervalWeek, april, []string{"2025-11-12/2025-11-15", "2025-11-16/2025-11-22", "2025-11-23/2025-11-24"}},
		"whole weeks":           {"2025-11-10", "2025-11-23", impact.IntervalWeek, calendar, []string{"2025-11-10/2025-11-16", "2025-11-17/2025-11-23"}},
		"months":                {"2025-12-31", "2026-02-01", impact.IntervalMonth, calendar, []string{"2025-12-31/2025-12-31", "2026-01-01/2026-01-31", "2026-02-01/2026-02-01"}},
		"quarters":              {"2025-02-01", "2025-10-01", impact.IntervalQuarter, april, []string{"2025-02-01/2025-03-31", "2025-04-01/2025-06-30", "2025-07-01/2025-09-30", "2025-10-01/2025-10-01"}},
		"years":                 {"2024-06-01", "2026-01-01", impact.IntervalYear, april, []string{"2024-06-01/2024-12-31", "2025-01-01/2025-12-31", "2026-01-01/2026-01-01"}},
		"fiscal quarters":       {"2025-01-15", "2025-07-01", impact.IntervalFiscalQuarter, february, []string{"2025-01-15/2025-01-31", "2025-02-01/2025-04-30", "2025-05-01/2025-07-01"}},
		"fiscal years":          {"2024-03-31", "2025-04-01", impact.IntervalFiscalYear, april, []string{"2024-03-31/2024-03-31", "2024-04-01/2025-03-31", "2025-04-01/2025-04-01"}},
		"years that are fiscal": {"2024-12-31", "2025-02-01", impact.IntervalFiscalYear, calendar, []string{"2024-12-31/2024-12-31", "2025-01-01/2025-02-01"}},
		"no fiscal start":       {"2024-12-31", "2025-02-01", impact.IntervalFiscalYear, impact.Calendar{}, []string{"2024-12-31/2024-12-31", "2025-01-01/2025-02-01"}},
		"one point":             {"2025-06-01", "2025-06-05", impact.IntervalYear, calendar, []string{"2025-06-01/2025-06-05"}},
		"all time in quarters":  {"1970-01-01", "1970-03-31", impact.IntervalQuarter, calendar, []string{"1970-01-01/1970-03-31"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points, err := impact.Range{From: day(tt.from), To: day(tt.to) + 1}.Split(tt.interval, tt.cal)
			if err != nil {
				t.Fatal(err)
			}
			if len(points) != len(tt.want) {
				t.Fatalf("got %v, want %v", points, tt.want)
			}
			for i, p := range points {
				if p.String() != tt.want[i] {
					t.Errorf("point %d is %s, want %s", i, p, tt.want[i])
				}
			}
		})
	}
}

func TestSplitLimits(t *testing.T) {
	t.Parallel()
	exact := impact.Range{From: 0, To: impact.MaxPoints}
	if points, err := exact.Split(impact.IntervalDay, calendar); err != nil || len(points) != impact.MaxPoints {
		t.Errorf("%d points, %v; want %d", len(points), err, impact.MaxPoints)
	}
	exact.To++
	if _, err := exact.Split(impact.IntervalDay, calendar); impact.CodeOf(err) != impact.CodeTooLarge {
		t.Errorf("got %v, want %s", err, impact.CodeTooLarge)
	}
	if _, err := impact.AllTime.Split(impact.IntervalMonth, calendar); impact.CodeOf(err) != impact.CodeTooLarge {
		t.Errorf("got %v, want %s", err, impact.CodeTooLarge)
	}
	_, err := exact.Split("HOUR", calendar)
	checkInvalid(t, err, "")
	if points, err := (impact.Range{From: 5, To: 5}).Split(impact.IntervalDay, calendar); err != nil || len(points) != 0 {
		t.Errorf("an empty range has %v, %v", points, err)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ r, o, want impact.Range }{
		{impact.Range{From: 2, To: 8}, impact.Range{From: 0, To: 10}, impact.Range{From: 2, To: 8}},
		{impact.Range{From: 0, To: 10}, impact.Range{From: 2, To: 8}, impact.Range{From: 2, To: 8}},
		{impact.Range{From: 0, To: 5}, impact.Range{From: 2, To: 8}, impact.Range{From: 2, To: 5}},
		{impact.Range{From: 0, To: 1}, impact.Range{From: 2, To: 8}, impact.Range{From: 2, To: 2}},
		{impact.Range{From: 9, To: 12}, impact.Range{From: 2, To: 8}, impact.Range{From: 8, To: 8}},
	} {
		if got := tt.r.Clip(tt.o); got != tt.want {
			t.Errorf("%v in %v is %v, want %v", tt.r, tt.o, got, tt.want)
		}
	}
}
