package db

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

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

	ordinals := func(keys ...string) *roaring.Bitmap {
		var list pq.Int32Array
		if err := s.db.Get(&list, "SELECT array_agg(ordinal) FROM person WHERE company_id = $1 AND key = ANY ($2)", c.ID, pq.Array(keys)); err != nil {
			t.Fatal(err)
		}
		return bitmapOf(list)
	}
	for _, tt := range []struct {
		participants, volunteers *roaring.Bitmap
		want                     []byte
	}{
		{ordinals("p2", "p3"), nil, []byte{1, 3}},
		{ordinals("p1"), nil, []byte{20, 9}},
		{roaring.New(), nil, nil},
		{ordinals("p1"), ordinals("v1"), []byte{20, 1, 3, 9}},
	} {
		of := question
		of.Participants, of.Volunteers = tt.participants, tt.volunteers
		if got, _ := read(0, of, 10); !slices.Equal(got, tt.want) {
			t.Errorf("of %v and %v: %v, want %v", tt.participants, tt.volunteers, got, tt.want)
		}
	}
}

// To ask for explanations changes no figure; none is given of what is withheld, and those
// of departments that are told are given unless they would tell of few.
func TestExplainedCohorts(t *testing.T) {
	t.Parallel()
	s, companies, _ := randomWorld(t, 8, 4000)
	f := NewFigures(s, nil)
	var plain, explained []impact.CohortQuestion
	for _, c := range companies {
		departments, err := f.Departments(t.Context(), []impact.CompanyID{c.ID})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range append(departments[0], impact.CohortAll) {
			for _, programme := range []string{impact.AllProgrammes, "buddy"} {
				q := impact.CohortQuestion{Company: c.ID, Programme: programme, Range: impact.AllTime, Key: key, Others: true}
				plain = append(plain, q)
				q.Explained = true
				explained = append(explained, q)
			}
		}
	}
	was, err := f.Cohorts(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	is, err := f.Cohorts(t.Context(), explained)
	if err != nil {
		t.Fatal(err)
	}
	given, kept := 0, 0
	for i := range was {
		a, b := was[i], is[i]
		if a.Suppressed != b.Suppressed || a.ParticipantCount != b.ParticipantCount || !a.AvgVIS.Equal(b.AvgVIS) ||
			!a.CompletionRate.Equal(b.CompletionRate) || !a.SROI.SocialValue.Equal(b.SROI.SocialValue) || !a.SROI.Investment.Equal(b.SROI.Investment) {
			t.Errorf("%+v: %+v, explained %+v", plain[i], a, b)
		}
		if a.Explained != nil || b.Suppressed != (b.Explained == nil) {
			t.Errorf("%+v: explained %v, then %v", plain[i], a.Explained, b.Explained)
		}
		x, err := b.ExplainSROI("teei-1.0", "acme")
		if err != nil {
			t.Fatal(err)
		}
		if plain[i].Key == impact.CohortAll && x == nil {
			t.Errorf("%+v: the company's own is not told", plain[i])
		}
		if x != nil {
			given++
		} else {
			kept++
		}
	}
	t.Logf("%d ratios are explained, %d are not", given, kept)
}
