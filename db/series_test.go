package db

import (
	"fmt"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// With a session every quarter of an hour, each day of a series has as many as the
// company's own clocks give it, when they change and when a day is left out.
func TestSeriesAcrossClockChanges(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i, tt := range []struct {
		zone, from string // the first day
		want       []int64
	}{
		{"America/New_York", "2025-03-08", []int64{96, 92, 96}},
		{"America/New_York", "2025-11-01", []int64{96, 100, 96}},
		{"Europe/Oslo", "2025-03-29", []int64{96, 92, 96}},
		{"Europe/Oslo", "2025-10-25", []int64{96, 100, 96}},
		{"Australia/Lord_Howe", "2025-04-05", []int64{96, 98, 96}}, // half an hour
		{"Australia/Lord_Howe", "2025-10-04", []int64{96, 94, 96}},
		{"Pacific/Apia", "2011-12-29", []int64{96, 0, 96}}, // the 30th was left out
	} {
		t.Run(fmt.Sprint(tt.zone, " ", tt.from), func(t *testing.T) {
			c := companyIn(t, s, fmt.Sprint("series-", i), tt.zone)
			first, err := time.ParseInLocation(time.DateOnly, tt.from, c.Location)
			if err != nil {
				t.Fatal(err)
			}
			var events []*impact.Event
			for n := -8; n < 4*24*3+8; n++ {
				e := sessionEvent(c, n+1000, "p", "v")
				e.OccurredAt = first.Add(time.Duration(n) * 15 * time.Minute)
				events = append(events, e)
			}
			mustCommit(t, s, events...)
			foldAll(t, s)
			day := impact.DayAt(first, c.Location)
			points, err := impact.Range{From: day, To: day + 3}.Split(impact.IntervalDay, c.Calendar)
			if err != nil {
				t.Fatal(err)
			}
			var questions []impact.Question
			for _, r := range points {
				questions = append(questions, impact.Question{Company: c.ID, Programme: "*", Range: r, Parts: impact.PartsMetrics})
			}
			figures, err := NewFigures(s, nil).Figures(t.Context(), questions)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range figures {
				if f.Metrics.Sessions != tt.want[i] {
					t.Errorf("%s has %d sessions, want %d", f.Range.From, f.Metrics.Sessions, tt.want[i])
				}
			}
		})
	}
}
