package db

import (
	"fmt"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// session is a completed session with a participant and a volunteer.
func sessionEvent(c *impact.Company, n int, participant, volunteer string) *impact.Event {
	return &impact.Event{
		Company: c.ID, Key: impact.Key{byte(n >> 8), byte(n), 1}, Kind: impact.KindSession, Type: "session.completed",
		Programme: "buddy", Participant: participant, Volunteer: volunteer, Session: fmt.Sprint("s", n),
		OccurredAt: time.Date(2025, 11, 13, 10, 0, n, 0, time.UTC), DurationMS: 1_800_000,
		Score: 730_000, ScoreRaw: 7.3, ScoreScale: impact.ScaleTen,
		Raw: fmt.Appendf(nil, `{"n":%d,"text":"tab\there \\ and a\nline"}`, n),
	}
}

func TestCommittedEventShowsInFigures(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := company(t, s, "acme")
	folder := NewFolder(s)
	events := []*impact.Event{sessionEvent(c, 1, "p1", "v1"), sessionEvent(c, 2, "p2", "v1"), sessionEvent(c, 1, "p1", "v1")}
	verdicts, err := s.Commit(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if verdicts[0].Duplicate || verdicts[1].Duplicate || !verdicts[2].Duplicate {
		t.Errorf("verdicts %+v; want the third alone to be a duplicate", verdicts)
	}
	if err := folder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	figures, err := NewFigures(s, nil).Figures(t.Context(), []impact.Question{{Company: c.ID, Programme: impact.AllProgrammes, Range: impact.AllTime, Parts: impact.PartsOverview}})
	if err != nil {
		t.Fatal(err)
	}
	m := figures[0].Metrics
	if m.Sessions != 2 || m.Participants != 2 || m.Volunteers != 1 || m.VolunteerHours.String() != "1" {
		t.Errorf("metrics %+v", m)
	}
}
