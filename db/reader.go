package db

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"golang.org/x/sync/errgroup"

	"github.com/impactql/impactql/impact"
)

// Read answers questions, in their order, from one state of the rollups: at most one
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
			segments: make(map[impact.Day]*impact.Cell), rest: new(impact.Cell),
		}
	}
	has := func(parts impact.Parts) func(*answer) bool {
		return func(a *answer) bool { return a.Parts&parts != 0 }
	}
	statements := func(parts ...part) (list []statement) {
		for _, p := range parts {
			if asked := slices.DeleteFunc(slices.Clone(answers), func(a *answer) bool { return !p.asked(a) }); len(asked) > 0 {
				list = append(list, statement{p.read, asked})
			}
		}
		return list
	}
	// Lifts are about half of the work, and nothing else is read into them.
	if err := s.together(ctx, statements(part{(*answer).countsLift, readLifts}), statements(
		part{has(impact.PartTallies), readTallies},
		part{has(impact.PartSets), readSets},
		part{has(impact.PartSets), readBefore},
		part{has(impact.PartAssessments | impact.PartPeople), readPages},
	)); err != nil {
		return nil, err
	}
	readings := make([]*impact.Reading, len(answers))
	for i, a := range answers {
		readings[i] = a.reading()
	}
	return readings, nil
}

// part is a part of readings, which one statement reads, and which answers it is for.
type part struct {
	asked func(*answer) bool
	read  func(context.Context, sqlx.QueryerContext, []*answer) error
}

// statement is a part of some answers.
type statement struct {
	read  func(context.Context, sqlx.QueryerContext, []*answer) error
	asked []*answer
}

// together runs lists of statements at the same time, and those of a list one after the other.
// All see the same state of the database: what a fold changes is seen in all parts of a
// reading, or in none.
func (s *Store) together(ctx context.Context, lists ...[]statement) error {
	lists = slices.DeleteFunc(lists, func(list []statement) bool { return len(list) == 0 })
	if all := slices.Concat(lists...); s.still || len(all) < 2 { // one statement sees one state by itself
		return inTurn(ctx, s.db, all)
	}
	transactions, err := s.share(ctx, len(lists))
	defer func() {
		for _, tx := range transactions {
			_ = tx.Rollback() // it has only read
		}
	}()
	if err != nil {
		return wrap(err, "share a snapshot")
	}
	running, ctx := errgroup.WithContext(ctx)
	for i, list := range lists {
		running.Go(func() error { return inTurn(ctx, transactions[i], list) })
	}
	return running.Wait()
}

// share begins n transactions that see the same state; also with an error those that it began
// are to be ended.
func (s *Store) share(ctx context.Context, n int) (transactions []*sqlx.Tx, err error) {
	var state string
	for len(transactions) < n {
		tx, err := s.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return transactions, err
		}
		transactions = append(transactions, tx)
		switch {
		case state != "":
			_, err = tx.ExecContext(ctx, "SET TRANSACTION SNAPSHOT "+pq.QuoteLiteral(state))
		case n > 1:
			err = tx.GetContext(ctx, &state, "SELECT pg_export_snapshot()")
		}
		if err != nil {
			return transactions, err
		}
	}
	return transactions, nil
}

func inTurn(ctx context.Context, q sqlx.QueryerContext, list []statement) error {
	for _, one := range list {
		if err := one.read(ctx, q, one.asked); err != nil {
			return err
		}
	}
	return nil
}

// answer is a reading in the making.
type answer struct {
	impact.Question
	settings   *impact.Settings
	segments   map[impact.Day]*impact.Cell // tallies and participants, by first day
	rest       *impact.Cell
	before     *impact.Cell
	enrolments []impact.Enrolments
	counts     impact.SetCounts
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

func (a *answer) needsMembers() bool { return a.Parts&impact.PartMembers == impact.PartMembers }

func (a *answer) reading() *impact.Reading {
	segments := make([]impact.Segment, 0, len(a.segments))
	for from, c := range a.segments {
		segments = append(segments, impact.Segment{From: from, Cell: c})
	}
	slices.SortFunc(segments, func(x, y impact.Segment) int { return int(x.From - y.From) })
	r := impact.NewReading(a.Question, segments, a.rest, a.before, a.enrolments)
	r.Settings = a.settings
	if !a.needsMembers() {
		r.Counts = &a.counts
	}
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
}

func (sp *spans) add(a *answer, r impact.Range) {
	for _, span := range r.Cover() {
		sp.addSpan(a.Company, a.Programme, span)
		sp.of = append(sp.of, a)
		sp.piece = append(sp.piece, r)
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
		sp.add(a, a.Range)
	}
	return sp
}

// inPieces is the ranges cut where rates change.
func inPieces(answers []*answer) (sp spans) {
	for _, a := range answers {
		for _, piece := range a.settings.Cut(a.Range) {
			sp.add(a, piece)
		}
	}
	return sp
}

// segment is the cell of a row's year.
func (sp *spans) segment(place, year int) *impact.Cell {
	return sp.of[place-1].segment(sp.piece[place-1].Segment(year))
}

func readTallies(ctx context.Context, q sqlx.QueryerContext, answers []*answer) error {
	sp := inPieces(answers)
	rows, err := q.QueryContext(ctx, query("read_tallies"), sp.args()...)
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

// readSets reads the sets of the ranges. A question's come one after the other, so that
// those that are only counted are in memory one question at a time.
func readSets(ctx context.Context, q sqlx.QueryerContext, answers []*answer) error {
	sp := inRange(answers)
	rows, err := q.QueryContext(ctx, query("read_sets"), sp.args()...)
	if err != nil {
		return wrap(err, "read sets")
	}
	defer rows.Close()
	members := roaring.New()
	var last *answer
	counted := func() {
		if last != nil && !last.needsMembers() {
			last.counts.CountWithin(last.rest)
			last.rest.Sets = impact.Cell{}.Sets
		}
	}
	for rows.Next() {
		var place int
		var name string
		var data sql.RawBytes
		if err := rows.Scan(&place, &name, &data); err != nil {
			return wrap(err, "read sets")
		}
		if a := sp.of[place-1]; a != last {
			counted()
			last = a
		}
		set, ok := impact.ParseSet(name)
		if !ok {
			continue
		}
		if err := members.UnmarshalBinary(data); err != nil {
			return wrap(err, "read sets: %s", name)
		}
		last.rest.MergeSet(set, members)
	}
	counted()
	return wrap(rows.Err(), "read sets")
}

// readBefore reads the sets as they stood at the ends of the ranges. What was before one
// end was before every later one, so each bucket is read once for all of a programme's
// questions, and sets that are only counted are in memory once.
func readBefore(ctx context.Context, q sqlx.QueryerContext, answers []*answer) error {
	answers = slices.Clone(answers)
	slices.SortStableFunc(answers, func(a, b *answer) int {
		return cmp.Or(cmp.Compare(a.Company, b.Company), cmp.Compare(a.Programme, b.Programme), cmp.Compare(a.Range.To, b.Range.To))
	})
	begins := func(i int) bool {
		return i == 0 || answers[i-1].Company != answers[i].Company || answers[i-1].Programme != answers[i].Programme
	}
	var sp spans
	var of []int // the answer of each span
	for i, a := range answers {
		since := a.Range.Until()
		if !begins(i) {
			since.From = answers[i-1].Range.To
		}
		sp.add(a, since)
		for len(of) < len(sp.of) {
			of = append(of, i)
		}
	}
	rows, err := q.QueryContext(ctx, query("read_before"), sp.args()...)
	if err != nil {
		return wrap(err, "read sets before")
	}
	defer rows.Close()
	var past ever // of the answer at
	at := 0
	advance := func(to int) {
		for at < to {
			past.tell(answers[at])
			if at++; at < len(answers) && begins(at) {
				past = ever{}
			}
		}
	}
	members := roaring.New()
	for rows.Next() {
		var place int
		var programme, name string
		var data sql.RawBytes
		if err := rows.Scan(&place, &programme, &name, &data); err != nil {
			return wrap(err, "read sets before")
		}
		advance(of[place-1])
		if err := members.UnmarshalBinary(data); err != nil {
			return wrap(err, "read sets before: %s", name)
		}
		if set, ok := impact.ParseSet(name); ok {
			past.add(programme, set, members)
		}
	}
	advance(len(answers))
	return wrap(rows.Err(), "read sets before")
}

// ever is the sets of a programme as they stood at the end of a day.
type ever struct {
	sets       impact.Cell
	enrolments []impact.Enrolments // by programme
}

func (e *ever) add(programme string, set impact.Set, members *roaring.Bitmap) {
	if set == impact.SetParticipants {
		e.sets.MergeSet(set, members)
		return
	}
	at, found := slices.BinarySearchFunc(e.enrolments, programme, func(one impact.Enrolments, programme string) int {
		return cmp.Compare(one.Programme, programme)
	})
	if !found {
		e.enrolments = slices.Insert(e.enrolments, at, impact.Enrolments{Programme: programme, Enrolled: roaring.New(), Completed: roaring.New()})
	}
	if set == impact.SetCompleted {
		e.enrolments[at].Completed.Or(members)
		return
	}
	e.enrolments[at].Enrolled.Or(members)
	e.sets.MergeSet(set, members)
}

// tell gives an answer what it asks for.
func (e *ever) tell(a *answer) {
	if !a.needsMembers() {
		a.counts.CountBefore(&e.sets, e.enrolments)
		return
	}
	a.before = new(impact.Cell)
	a.before.Merge(&e.sets)
	a.enrolments = make([]impact.Enrolments, len(e.enrolments))
	for i, one := range e.enrolments {
		a.enrolments[i] = impact.Enrolments{Programme: one.Programme, Enrolled: one.Enrolled.Clone(), Completed: one.Completed.Clone()}
	}
}
