package db

import (
	"context"
	"database/sql"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/lib/pq"

	"github.com/impactql/impactql/impact"
)

// Read answers questions, in their order, from the rollups: at most one
// statement per part, and one for settings, for all of them together, and rows in
// proportion to the buckets that the ranges need.
func (s *Store) Read(ctx context.Context, questions []impact.Question) ([]*impact.Reading, error) {
	settings, err := s.settingsOf(ctx, questions)
	if err != nil {
		return nil, err
	}
	answers := make([]*answer, len(questions))
	for i, q := range questions {
		answers[i] = &answer{
			Question: q, settings: settings[q.Company],
			segments: make(map[impact.Day]*impact.Cell), rest: new(impact.Cell), before: new(impact.Cell),
		}
	}
	has := func(parts impact.Parts) func(*answer) bool {
		return func(a *answer) bool { return a.Parts&parts != 0 }
	}
	for _, part := range []struct {
		asked func(*answer) bool
		read  func(context.Context, *Store, []*answer) error
	}{
		{has(impact.PartTallies), readTallies},
		{has(impact.PartSets), readSets},
		{has(impact.PartSets), readEnrolments},
		{has(impact.PartAssessments | impact.PartPeople), readPages},
		{(*answer).countsLift, readLifts},
	} {
		asked := slices.DeleteFunc(slices.Clone(answers), func(a *answer) bool { return !part.asked(a) })
		if len(asked) == 0 {
			continue
		}
		if err := part.read(ctx, s, asked); err != nil {
			return nil, err
		}
	}
	readings := make([]*impact.Reading, len(answers))
	for i, a := range answers {
		readings[i] = a.reading()
	}
	return readings, nil
}

// answer is a reading in the making.
type answer struct {
	impact.Question
	settings   *impact.Settings
	segments   map[impact.Day]*impact.Cell // tallies and participants, by first day
	rest       *impact.Cell
	before     *impact.Cell
	enrolments map[string]*impact.Enrolments
	lift       impact.Lift
}

func (a *answer) segment(from impact.Day) *impact.Cell {
	c := a.segments[from]
	if c == nil {
		c = new(impact.Cell)
		a.segments[from] = c
	}
	return c
}

// countsLift reports that the lift is not told by what else is read.
func (a *answer) countsLift() bool {
	return a.Parts&impact.PartLift != 0 && a.Parts&(impact.PartAssessments|impact.PartPeople) == 0
}

func (a *answer) reading() *impact.Reading {
	segments := make([]impact.Segment, 0, len(a.segments))
	for from, c := range a.segments {
		segments = append(segments, impact.Segment{From: from, Cell: c})
	}
	slices.SortFunc(segments, func(x, y impact.Segment) int { return int(x.From - y.From) })
	enrolments := make([]impact.Enrolments, 0, len(a.enrolments))
	for _, e := range a.enrolments {
		enrolments = append(enrolments, *e)
	}
	slices.SortFunc(enrolments, func(x, y impact.Enrolments) int {
		if x.Programme < y.Programme {
			return -1
		}
		return 1
	})
	r := impact.NewReading(a.Question, segments, a.rest, a.before, enrolments)
	r.Settings = a.settings
	if a.countsLift() {
		r.Lift = &a.lift
	}
	return r
}

// spans are the runs of buckets that a statement reads, as arrays for unnest;
// place in the arrays leads back to the answer.
type spans struct {
	company         []int64
	programme       []string
	grain, from, to []string
	of              []*answer
	piece           []impact.Range // that the span is of
	before          []bool         // the span is of the time up to the range's end
}

func (sp *spans) add(a *answer, r impact.Range, before bool) {
	for _, span := range r.Cover() {
		sp.addSpan(a.Company, a.Programme, span)
		sp.of = append(sp.of, a)
		sp.piece = append(sp.piece, r)
		sp.before = append(sp.before, before)
	}
}

func (sp *spans) addSpan(company impact.CompanyID, programme string, span impact.Span) {
	sp.company = append(sp.company, int64(company))
	sp.programme = append(sp.programme, programme)
	sp.grain = append(sp.grain, string(rune(span.Grain)))
	sp.from = append(sp.from, span.From.String())
	sp.to = append(sp.to, span.To.String())
}

func (sp *spans) args(more ...any) []any {
	return append([]any{pq.Array(sp.company), pq.Array(sp.programme), pq.Array(sp.grain), pq.Array(sp.from), pq.Array(sp.to)}, more...)
}

func inRange(answers []*answer) (sp spans) {
	for _, a := range answers {
		sp.add(a, a.Range, false)
	}
	return sp
}

// inPieces is the ranges cut where rates change.
func inPieces(answers []*answer) (sp spans) {
	for _, a := range answers {
		for _, piece := range a.settings.Cut(a.Range) {
			sp.add(a, piece, false)
		}
	}
	return sp
}

// segment is the cell of a row's year.
func (sp *spans) segment(place, year int) *impact.Cell {
	return sp.of[place-1].segment(sp.piece[place-1].Segment(year))
}

func readTallies(ctx context.Context, s *Store, answers []*answer) error {
	sp := inPieces(answers)
	rows, err := s.db.QueryContext(ctx, query("read_tallies"), sp.args()...)
	if err != nil {
		return wrap(err, "read tallies")
	}
	defer rows.Close()
	for rows.Next() {
		var place, year int
		var name string
		var t impact.Tally
		if err := rows.Scan(&place, &year, &name, &t.N, &t.Sum); err != nil {
			return wrap(err, "read tallies")
		}
		// A measure that this version does not know was folded by a newer one.
		if m, ok := impact.ParseMeasure(name); ok {
			sum := &sp.segment(place, year).Tallies[m]
			sum.N += t.N
			sum.Sum += t.Sum
		}
	}
	return wrap(rows.Err(), "read tallies")
}

func readSets(ctx context.Context, s *Store, answers []*answer) error {
	sp := inRange(answers)
	for _, a := range answers {
		sp.add(a, a.Range.Until(), true)
	}
	rows, err := s.db.QueryContext(ctx, query("read_sets"), sp.args(pq.Array(sp.before))...)
	if err != nil {
		return wrap(err, "read sets")
	}
	defer rows.Close()
	members := roaring.New()
	for rows.Next() {
		var place int
		var name string
		var data sql.RawBytes
		if err := rows.Scan(&place, &name, &data); err != nil {
			return wrap(err, "read sets")
		}
		set, ok := impact.ParseSet(name)
		if !ok {
			continue
		}
		if err := members.UnmarshalBinary(data); err != nil {
			return wrap(err, "read sets: %s", name)
		}
		if a := sp.of[place-1]; sp.before[place-1] {
			a.before.MergeSet(set, members)
		} else {
			a.rest.MergeSet(set, members)
		}
	}
	return wrap(rows.Err(), "read sets")
}

func readEnrolments(ctx context.Context, s *Store, answers []*answer) error {
	var sp spans
	for _, a := range answers {
		a.enrolments = make(map[string]*impact.Enrolments)
		sp.add(a, a.Range.Until(), true)
	}
	rows, err := s.db.QueryContext(ctx, query("read_enrolments"), sp.args()...)
	if err != nil {
		return wrap(err, "read enrolments")
	}
	defer rows.Close()
	members := roaring.New()
	for rows.Next() {
		var place int
		var programme, name string
		var data []byte
		if err := rows.Scan(&place, &programme, &name, &data); err != nil {
			return wrap(err, "read enrolments")
		}
		if err := members.UnmarshalBinary(data); err != nil {
			return wrap(err, "read enrolments: %s", name)
		}
		a := sp.of[place-1]
		e := a.enrolments[programme]
		if e == nil {
			e = &impact.Enrolments{Programme: programme, Enrolled: roaring.New(), Completed: roaring.New()}
			a.enrolments[programme] = e
		}
		if name == impact.SetCompleted.String() {
			e.Completed.Or(members)
		} else {
			e.Enrolled.Or(members)
		}
	}
	return wrap(rows.Err(), "read enrolments")
}
