package impact_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

func TestDayAt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ instant, zone, want string }{
		"midnight":                        {"2025-11-13T00:00:00Z", "UTC", "2025-11-13"},
		"before midnight":                 {"2025-11-12T23:59:59.999Z", "UTC", "2025-11-12"},
		"before the epoch":                {"1969-12-31T23:59:59Z", "UTC", "1969-12-31"},
		"a midnight before the epoch":     {"1969-12-31T00:00:00Z", "UTC", "1969-12-31"},
		"behind Greenwich":                {"2025-11-13T04:59:59Z", "America/New_York", "2025-11-12"},
		"midnight in New York":            {"2025-11-13T05:00:00Z", "America/New_York", "2025-11-13"},
		"summer midnight in New York":     {"2025-07-01T04:00:00Z", "America/New_York", "2025-07-01"},
		"summer, an hour earlier":         {"2025-07-01T03:59:59Z", "America/New_York", "2025-06-30"},
		"the day summer time starts":      {"2025-03-30T22:00:00Z", "Europe/Oslo", "2025-03-31"},
		"its last second of 23 hours":     {"2025-03-30T21:59:59Z", "Europe/Oslo", "2025-03-30"},
		"its first second":                {"2025-03-29T23:00:00Z", "Europe/Oslo", "2025-03-30"},
		"the day summer time ends":        {"2025-10-25T22:00:00Z", "Europe/Oslo", "2025-10-26"},
		"its last second of 25 hours":     {"2025-10-26T22:59:59Z", "Europe/Oslo", "2025-10-26"},
		"no midnight that day in Havana":  {"2025-03-09T05:00:00Z", "America/Havana", "2025-03-09"},
		"the second before it":            {"2025-03-09T04:59:59Z", "America/Havana", "2025-03-08"},
		"Samoa left out 2011-12-30":       {"2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31"},
		"and had the 29th just before it": {"2011-12-30T09:59:59Z", "Pacific/Apia", "2011-12-29"},
		"half an hour off":                {"2025-11-12T18:30:00Z", "Asia/Kolkata", "2025-11-13"},
		"14 hours ahead":                  {"2025-11-12T10:00:00Z", "Pacific/Kiritimati", "2025-11-13"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instant, err := time.Parse(time.RFC3339, tt.instant)
			if err != nil {
				t.Fatal(err)
			}
			if got := impact.DayAt(instant, mustLoad(t, tt.zone)).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// The days of a zone's hours never run backwards, and each is the date that the
// zone shows.
func TestDayAtIsTheDateShown(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Europe/Oslo", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca"} {
		loc := mustLoad(t, zone)
		last := impact.MinDay
		for at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2026; at = at.Add(30 * time.Minute) {
			d := impact.DayAt(at, loc)
			if d < last || d.String() != at.In(loc).Format(time.DateOnly) {
				t.Fatalf("%s: %s is %s, after %s", zone, at.In(loc), d, last)
			}
			last = d
		}
	}
}

// Cover cuts a range into whole buckets that lie one after the other and together
// are the range, and into as few as it promises.
func TestCover(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	ranges := []impact.Range{
		impact.AllTime, {},
		{From: day("2025-01-01"), To: day("2026-01-01")},
		{From: day("2025-02-01"), To: day("2025-03-01")},
		{From: day("2024-12-31"), To: day("2026-01-02")},
		{From: day("2025-01-31"), To: day("2025-02-01")},
		{From: day("2025-03-31"), To: day("2025-01-01")},
	}
	for range 3000 {
		from := impact.Day(rng.Int32N(int32(impact.MaxDay)))
		width := []int32{3, 40, 400, 4000, 40_000}[rng.IntN(5)]
		ranges = append(ranges, impact.Range{From: from, To: min(from+impact.Day(rng.Int32N(width)), impact.MaxDay)})
	}
	for _, r := range ranges {
		spans := r.Cover()
		next, buckets := r.From, map[impact.Grain]int{}
		for _, s := range spans {
			if s.From != next || s.From >= s.To {
				t.Fatalf("%s: span %v does not go on at %s", r, s, next)
			}
			for next < s.To {
				end := bucketEnd(s.Grain, next)
				if end > s.To {
					t.Fatalf("%s: span %v cuts the bucket that starts at %s", r, s, next)
				}
				next = end
				buckets[s.Grain]++
			}
		}
		if next != max(r.From, r.To) {
			t.Fatalf("%s: the spans %v end at %s", r, spans, next)
		}
		if len(spans) > 5 || buckets[impact.GrainDay] > 60 || buckets[impact.GrainMonth] > 22 {
			t.Fatalf("%s: too many buckets: %v", r, spans)
		}
	}
}

// bucketEnd is the day after the bucket of that grain which starts on d, and beyond
// all time where none does.
func bucketEnd(g impact.Grain, d impact.Day) impact.Day {
	from := time.Unix(int64(d)*86400, 0).UTC()
	if g.Bucket(d) != d {
		return impact.MaxDay + 1
	}
	switch g {
	case impact.GrainYear:
		return d + impact.Day(from.AddDate(1, 0, 0).Sub(from)/(24*time.Hour))
	case impact.GrainMonth:
		return d + impact.Day(from.AddDate(0, 1, 0).Sub(from)/(24*time.Hour))
	case impact.GrainDay:
	}
	return d + 1
}
