package db

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/jmoiron/sqlx"

	"github.com/impactql/impactql/impact"
)

// readings answers questions as [Store.Read] does, in one go through the log.
func (l *pastLog) readings(ctx context.Context, tx *sqlx.Tx, questions []impact.Question, limit int) ([]*impact.Reading, error) {
	b := newPastBook(questions, nil, l.settings, make(pastPeople))
	if err := b.read(ctx, tx, l, limit); err != nil {
		return nil, err
	}
	return b.readings(), nil
}

// pastBook is the answers to questions in the making. Its memory is in proportion to the
// people and to the days at which a question begins or ends, not to the events.
type pastBook struct {
	questions []impact.Question
	settings  map[impact.CompanyID]*impact.Settings
	people    pastPeople
	lines     map[lineKey]*timeline
	present   presence
	attended  map[lineKey]*attendance
	days      int        // sets of days that are kept
	end       impact.Day // of all questions: what happens from then on is not asked for
}

// lineKey is a programme of a company, or all of them.
type lineKey struct {
	company   impact.CompanyID
	programme string
}

// newPastBook is for questions and for who was in sets on some days; both may ask about
// other people than those who have a number.
func newPastBook(
	questions []impact.Question, present presence, settings map[impact.CompanyID]*impact.Settings, people pastPeople,
) *pastBook {
	b := &pastBook{
		questions: questions, present: present, settings: settings, people: people, end: impact.MinDay,
		lines: make(map[lineKey]*timeline), attended: make(map[lineKey]*attendance),
	}
	for _, q := range questions {
		key := lineKey{q.Company, q.Programme}
		if b.lines[key] == nil {
			b.lines[key] = &timeline{bounds: []impact.Day{impact.MinDay}}
		}
		b.lines[key].cut(q, settings[q.Company])
		b.end = max(b.end, q.Range.To)
	}
	for _, of := range present {
		key := of.line()
		if b.attended[key] == nil {
			b.attended[key] = new(attendance)
		}
		b.attended[key].ask(of)
		b.end = max(b.end, of.days.To)
	}
	for _, line := range b.lines {
		line.begin()
	}
	for _, a := range b.attended {
		a.begin()
	}
	return b
}

func (of *presenceOf) line() lineKey { return lineKey{of.company, of.programme} }

// read takes the events of the log as it was. Errors are as of [eachPast], and
// [impact.CodeTooLarge] if too many periods or days are asked for.
func (b *pastBook) read(ctx context.Context, tx *sqlx.Tx, l *pastLog, limit int) error {
	cells := 0
	for _, of := range b.present {
		if !of.daily {
			for range intervals(b.attended[of.line()].bounds, of.days) {
				cells++
			}
		}
	}
	if cells > maxPresent {
		return errTooManyDays()
	}
	return eachPast(ctx, tx, []*pastLog{l}, b.end, limit, func(_ int, e *impact.Event) error { return b.add(e) })
}

func (b *pastBook) add(e *impact.Event) error {
	day := impact.DayAt(e.OccurredAt, b.settings[e.Company].Calendar.Location)
	participant := b.people.number(e.Company, e.Participant)
	for _, programme := range [...]string{impact.AllProgrammes, e.Programme} {
		key := lineKey{e.Company, programme}
		if line := b.lines[key]; line != nil {
			line.add(e, day, participant, b.people.number(e.Company, e.Volunteer))
		}
		if a := b.attended[key]; a != nil {
			b.days += a.add(e.Joins(), day, participant)
		}
	}
	if b.days > maxPresent {
		return errTooManyDays()
	}
	return nil
}

// each tells who was in a set on days that were asked for, in any order, once every event
// is added. The people must not be changed.
func (b *pastBook) each(of presenceOf, f func(impact.Day, *roaring.Bitmap)) {
	b.attended[of.line()].each(of, f)
}

// readings are the answers, once every event is added.
func (b *pastBook) readings() []*impact.Reading {
	for _, line := range b.lines {
		line.sum()
	}
	readings := make([]*impact.Reading, len(b.questions))
	for i, q := range b.questions {
		readings[i] = b.lines[lineKey{q.Company, q.Programme}].reading(q, b.settings[q.Company])
	}
	return readings
}

// timeline is what happened in a programme, between the days at which some question
// begins, changes its rates or ends.
type timeline struct {
	bounds     []impact.Day // ascending; the first is the beginning of time
	cells      []*impact.Cell
	enrolments []map[string]*impact.Enrolments // by programme
	people     bool                            // some question asks for sums per person

	ends    map[impact.Day]bool         // of questions that ask for what was before
	before  map[impact.Day]*impact.Cell // by the end of the question
	started map[impact.Day][]impact.Enrolments
}

// cut makes room for a question.
func (t *timeline) cut(q impact.Question, s *impact.Settings) {
	t.bounds = append(t.bounds, q.Range.From, q.Range.To)
	for _, piece := range s.Cut(q.Range) {
		t.bounds = append(t.bounds, piece.From)
		for year := piece.From.Year() + 1; impact.Date(year, 1, 1) < piece.To; year++ {
			t.bounds = append(t.bounds, impact.Date(year, 1, 1))
		}
	}
	t.people = t.people || q.Parts&impact.PartPeople != 0
	if q.Parts&impact.PartSets != 0 {
		if t.ends == nil {
			t.ends = make(map[impact.Day]bool)
		}
		t.ends[q.Range.To] = true
	}
}

func (t *timeline) begin() {
	slices.Sort(t.bounds)
	t.bounds = slices.Compact(t.bounds)
	t.cells = make([]*impact.Cell, len(t.bounds))
	t.enrolments = make([]map[string]*impact.Enrolments, len(t.bounds))
}

// intervalOf is the interval that a day falls in, of those that begin at each of the
// bounds and end at the next; -1 of none of them.
func intervalOf(bounds []impact.Day, day impact.Day) int {
	i, found := slices.BinarySearch(bounds, day)
	if !found {
		i--
	}
	if i == len(bounds)-1 {
		return -1
	}
	return i
}

// intervals are those of days that begin and end with one.
func intervals(bounds []impact.Day, days impact.Range) iter.Seq[int] {
	return func(yield func(int) bool) {
		i, _ := slices.BinarySearch(bounds, days.From)
		for ; bounds[i] < days.To && yield(i); i++ {
		}
	}
}

func (t *timeline) add(e *impact.Event, day impact.Day, participant, volunteer impact.Ordinal) {
	i := intervalOf(t.bounds, day)
	if i < 0 {
		return // nobody asks
	}
	if t.cells[i] == nil {
		t.cells[i] = impact.NewLeanCell()
		if t.people {
			t.cells[i] = new(impact.Cell)
		}
	}
	t.cells[i].Add(e, participant, volunteer)
	if e.Kind != impact.KindEnrollment || e.Participant == "" {
		return
	}
	if t.enrolments[i] == nil {
		t.enrolments[i] = make(map[string]*impact.Enrolments)
	}
	enrolled := enrolmentsOf(t.enrolments[i], e.Programme)
	enrolled.Enrolled.Add(participant)
	if e.Status == impact.StatusCompleted {
		enrolled.Completed.Add(participant)
	}
}

func enrolmentsOf(of map[string]*impact.Enrolments, programme string) *impact.Enrolments {
	e := of[programme]
	if e == nil {
		e = &impact.Enrolments{Programme: programme, Enrolled: roaring.New(), Completed: roaring.New()}
		of[programme] = e
	}
	return e
}

// sum adds up what was before each end.
func (t *timeline) sum() {
	t.before, t.started = make(map[impact.Day]*impact.Cell), make(map[impact.Day][]impact.Enrolments)
	sets := new(impact.Cell)
	programmes := make(map[string]*impact.Enrolments)
	for i, day := range t.bounds {
		if t.ends[day] {
			copied := new(impact.Cell)
			for _, set := range [...]impact.Set{impact.SetParticipants, impact.SetEnrolled} {
				copied.MergeSet(set, sets.Members(set))
			}
			t.before[day] = copied
			for _, e := range slices.SortedFunc(maps.Values(programmes), func(a, b *impact.Enrolments) int { return cmp.Compare(a.Programme, b.Programme) }) {
				t.started[day] = append(t.started[day], impact.Enrolments{
					Programme: e.Programme, Enrolled: e.Enrolled.Clone(), Completed: e.Completed.Clone(),
				})
			}
		}
		if c := t.cells[i]; c != nil {
			for _, set := range [...]impact.Set{impact.SetParticipants, impact.SetEnrolled} {
				sets.MergeSet(set, c.Members(set))
			}
		}
		for programme, e := range t.enrolments[i] {
			all := enrolmentsOf(programmes, programme)
			all.Enrolled.Or(e.Enrolled)
			all.Completed.Or(e.Completed)
		}
	}
}

// reading is the answer to a question that was cut for.
func (t *timeline) reading(q impact.Question, s *impact.Settings) *impact.Reading {
	var segments []impact.Segment
	for _, piece := range s.Cut(q.Range) {
		for i := range intervals(t.bounds, piece) {
			c := t.cells[i]
			if c == nil {
				continue
			}
			from := piece.Segment(t.bounds[i].Year())
			if last := len(segments) - 1; last < 0 || segments[last].From != from {
				segments = append(segments, impact.Segment{From: from, Cell: new(impact.Cell)})
			}
			segments[len(segments)-1].Merge(c)
		}
	}
	before, started := t.before[q.Range.To], t.started[q.Range.To]
	if q.Parts&impact.PartSets == 0 {
		before, started = nil, nil
	}
	r := impact.NewReading(q, segments, new(impact.Cell), before, started)
	r.Settings = s
	return r
}
