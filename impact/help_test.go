package impact_test

import (
	"errors"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// at is noon UTC of a date.
func at(date string) time.Time {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return t.Add(12 * time.Hour)
}

// session is one that named people had.
func session(minutes int64, date string) *impact.Event {
	return &impact.Event{
		Kind: impact.KindSession, Participant: "p", Volunteer: "v",
		DurationMS: minutes * 60_000, OccurredAt: at(date),
	}
}

func assessment(d impact.Dimension, score float64, date string) *impact.Event {
	return &impact.Event{
		Kind: impact.KindOutcome, Participant: "p", Dimension: d,
		Score: impact.ScaleUnit.Normalise(score), OccurredAt: at(date),
	}
}

func day(s string) impact.Day {
	return impact.DayAt(at(s), time.UTC)
}

func mustLoad(tb testing.TB, zone string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

// checkInvalid wants a CodeInvalid that points there and says something.
func checkInvalid(t *testing.T, err error, pointer string) {
	t.Helper()
	e, ok := errors.AsType[*impact.Error](err)
	if !ok || e.Code != impact.CodeInvalid || e.Pointer != pointer || e.Message == "" {
		t.Errorf("got %v, want %s at %q", err, impact.CodeInvalid, pointer)
	}
}
