package db

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/impactql/impactql/impact"
)

// The events of a figure are those that count in it, by when they happened, page after
// page: not those of other kinds, programmes, days or companies, nor what was corrected;
// and as of an instant those that counted then.
func TestExplainedEvents(t *testing.T) {
	t.Parallel()
	s := open(t)
	c, other := company(t, s, "acme"), company(t, s, "other")
	folder := NewFolder(s)
	// sent events happen at the seconds of their numbers; two at the same.
	twin := sessionEvent(c, 9, "p1", "v1")
	twin.OccurredAt = sessionEvent(c, 3, "", "").OccurredAt
	elsewhere := sessionEvent(c, 10, "p1", "v1")
	elsewhere.Programme = "kintell"
	checkin := sessionEvent(c, 11, "p1", "v1")
	checkin.Kind = impact.KindCheckin
	early := sessionEvent(c, 12, "p1", "v1")
	early.OccurredAt = early.OccurredAt.AddDate(0, 0, -1)
	mustCommit(t, s, sessionEvent(c, 5, "p1", "v1"), sessionEvent(c, 1, "p2", "v1"), sessionEvent(c, 3, "p3", "v1"), twin,
		elsewhere, checkin, early, sessionEvent(other, 2, "p1", "v1"))
	if err := folder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var then time.Time
	if err := s.db.Get(&then, "SELECT clock_timestamp()"); err != nil {
		t.Fatal(err)
	}
	correction := sessionEvent(c, 20, "p1", "v1")
	correction.OccurredAt = sessionEvent(c, 0, "", "").OccurredAt
	correction.Links = &impact.Links{SupersedesKey: sessionEvent(c, 5, "", "").Key}
	mustCommit(t, s, correction)
	if err := folder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	day := impact.Date(2025, time.November, 13)
	question := impact.EventsQuestion{
		Company: c.ID, Programme: "buddy", Kinds: impact.ExplainedKinds("teei-1.0"), From: day.Time(), To: (day + 1).Time(),
	}
	read := func(asOf impact.AsOf, q impact.EventsQuestion, limit int) (numbers []byte, last impact.HappenedCursor) {
		t.Helper()
		lists, err := s.ExplainedEvents(t.Context(), asOf, []impact.EventsQuestion{{Company: other.ID, Programme: "none", From: q.From, To: q.To}, q}, limit, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(lists[0]) != 0 {
			t.Errorf("a programme of nothing has %d", len(lists[0]))
		}
		for _, a := range lists[1] {
			numbers = append(numbers, a.Key[2])
			last = impact.HappenedCursor{At: a.OccurredAt.UnixMicro(), Key: a.Key}
			if a.Company != c.ID || a.Verdict != impact.ArrivalStored || !strings.Contains(string(a.Raw), `"n"`) || a.Receipt == 0 {
				t.Errorf("%+v", a)
			}
		}
		return numbers, last
	}
	for _, tt := range []struct {
		asOf impact.AsOf
		want []byte
	}{{0, []byte{20, 1, 3, 9}}, {impact.AsOfTime(then), []byte{1, 3, 9, 5}}} {
		if got, _ := read(tt.asOf, question, 10); !slices.Equal(got, tt.want) {
			t.Errorf("as of %d: %v, want %v", tt.asOf, got, tt.want)
		}
		paged, page := []byte(nil), question
		for range 3 {
			var numbers []byte
			numbers, page.After = read(tt.asOf, page, 2)
			paged = append(paged, numbers...)
			if len(numbers) == 0 {
				break
			}
		}
		if !slices.Equal(paged, tt.want) {
			t.Errorf("as of %d page by page: %v, want %v", tt.asOf, paged, tt.want)
		}
	}
	all := question
	all.Programme, all.Kinds, all.From = impact.AllProgrammes, nil, (day - 1).Time()
	if got, _ := read(0, all, 10); !slices.Equal(got, []byte{12, 20, 1, 3, 9, 10, 11}) {
		t.Errorf("of all kinds and programmes: %v", got)
	}
}
