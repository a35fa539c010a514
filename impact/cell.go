package impact

import (
	"iter"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Ordinal is a person's number within a company, dense from 0.
type Ordinal = uint32

// Cell is everything the figures need to know about a set of events: additive
// tallies, sets of people, and sums per person. The zero value is the cell of no
// event; use it by pointer.
//
// Cells form a commutative monoid under [Cell.Merge].
type Cell struct {
	Tallies      [numMeasures]Tally
	Sets         [numSets]*roaring.Bitmap // nil is empty
	Volunteers   People[VolunteerSums]
	Participants People[ParticipantSums]
	Assessments  People[AssessmentSums]

	lean bool // see NewLeanCell
}

// NewLeanCell is an empty cell that takes up no sums per volunteer and participant: less
// than half of the memory and time, and enough for questions without [PartPeople].
func NewLeanCell() *Cell { return &Cell{lean: true} }

// VolunteerSums is what one volunteer did.
type VolunteerSums struct {
	N   int64     // sessions and logged pieces of volunteering
	MS  int64     // time given, milliseconds
	Met []Ordinal // participants they had a session or were matched with, ascending
}

// ParticipantSums is what one participant received and said. Who did neither has
// none: that they were active is in the sets, and pages that need not be written
// are the cheapest part of a fold.
type ParticipantSums struct {
	MS        int64 // time that named volunteers gave them, milliseconds
	Ratings   int64
	RatingSum int64 // millionths
}

// AssessmentSums is how one participant was assessed, per dimension.
type AssessmentSums [numDimensions]Assessment

// Assessment is a participant's scores in one dimension. First and last are by
// the event's time; of scores at the same instant the lower is first and the
// higher is last, so that the order of arrival cannot matter.
type Assessment struct {
	N             int32
	ConfidenceN   int32 // assessments that state a confidence
	Sum           int64 // scores, millionths
	ConfidenceSum int64 // millionths
	FirstAt       int64 // Unix milliseconds
	LastAt        int64
	First, Last   Micro
}

// Improved reports whether the participant was assessed at least twice, and by
// how much the last score is above the first.
func (a *Assessment) Improved() (by Micro, twice bool) { return a.Last - a.First, a.N >= 2 }

// Add adds one event. participant and volunteer are the ordinals of its people
// and are only looked at where the event names one.
func (c *Cell) Add(e *Event, participant, volunteer Ordinal) {
	kind := &c.Tallies[MeasureOf(e.Kind)]
	hasParticipant, hasVolunteer := e.Participant != "", e.Volunteer != ""
	kind.add(1, 0)

	if hasParticipant {
		e.Joins().each(func(s Set) { c.join(s, participant) })
	}
	switch e.Kind {
	case KindUnknown, KindDirectory, numKinds, KindDonation, KindEnrollment, KindPlacement:
		return
	case KindSession:
		kind.Sum += e.DurationMS
		if e.isSkillShare() {
			c.Tallies[MeasureSkillShare].add(1, 0)
		}
		if hasParticipant && hasVolunteer && !c.lean {
			c.Participants.At(participant).MS += e.DurationMS
		}
		if hasVolunteer {
			c.gave(e, volunteer)
		}
	case KindVolunteerHours:
		kind.Sum += e.DurationMS
		if hasVolunteer {
			c.gave(e, volunteer)
		}
	case KindFeedback:
		if e.ScoreScale != ScaleNone && !e.FromVolunteer {
			c.Tallies[MeasureRating].add(1, int64(e.Score))
			if hasParticipant && !c.lean {
				p := c.Participants.At(participant)
				p.Ratings++
				p.RatingSum += int64(e.Score)
			}
		}
	case KindMilestone:
		kind.Sum += e.Points
	case KindCourse:
		if e.Status == StatusCompleted {
			c.Tallies[MeasureCourseDone].add(1, 0)
		}
	case KindOutcome:
		if hasParticipant && e.Dimension != DimensionNone {
			c.assess(e, participant)
		}
	case KindEventAttended:
		kind.Sum += e.DurationMS
	case KindMatch:
		if e.Status == StatusEnded {
			return
		}
		kind.Sum++ // matches made
	case KindCheckin:
	}

	if hasVolunteer {
		c.join(SetVolunteers, volunteer)
	}
	if hasParticipant && hasVolunteer && !c.lean && (e.Kind == KindSession || e.Kind == KindMatch) {
		v := c.Volunteers.At(volunteer)
		v.Met = insert(v.Met, participant)
	}
}

func (c *Cell) gave(e *Event, volunteer Ordinal) {
	c.Tallies[MeasureVolunteerTime].add(1, e.DurationMS)
	if c.lean {
		return
	}
	v := c.Volunteers.At(volunteer)
	v.N++
	v.MS += e.DurationMS
}

func (c *Cell) assess(e *Event, participant Ordinal) {
	at := e.OccurredAt.UnixMilli()
	one := Assessment{N: 1, Sum: int64(e.Score), FirstAt: at, LastAt: at, First: e.Score, Last: e.Score}
	c.Tallies[MeasureScore(e.Dimension)].add(1, int64(e.Score))
	if e.HasConfidence {
		one.ConfidenceN, one.ConfidenceSum = 1, int64(e.Confidence)
		c.Tallies[MeasureConfidence(e.Dimension)].add(1, int64(e.Confidence))
	}
	c.Assessments.At(participant)[e.Dimension].merge(&one)
}

// Merge adds another cell to c. It keeps no reference into o.
func (c *Cell) Merge(o *Cell) {
	for m := range c.Tallies {
		c.Tallies[m].add(o.Tallies[m].N, o.Tallies[m].Sum)
	}
	for s, b := range o.Sets {
		c.MergeSet(Set(s), b)
	}
	for who, v := range o.Volunteers.All() {
		c.Volunteers.At(who).merge(v)
	}
	for who, p := range o.Participants.All() {
		c.Participants.At(who).merge(p)
	}
	for who, a := range o.Assessments.All() {
		c.Assessments.At(who).merge(a)
	}
}

// MergeSet adds the members of b, which may be nil, to a set.
func (c *Cell) MergeSet(s Set, b *roaring.Bitmap) {
	switch {
	case b == nil:
	case c.Sets[s] == nil:
		c.Sets[s] = b.Clone()
	default:
		c.Sets[s].Or(b)
	}
}

// Members is a set of the cell, never nil; it must not be changed.
func (c *Cell) Members(s Set) *roaring.Bitmap {
	if c.Sets[s] == nil {
		return emptySet
	}
	return c.Sets[s]
}

var emptySet = roaring.New()

// Count is how many people a set holds.
func (c *Cell) Count(s Set) int64 { return int64(c.Members(s).GetCardinality()) }

func (c *Cell) join(s Set, who Ordinal) {
	if c.Sets[s] == nil {
		c.Sets[s] = roaring.New()
	}
	c.Sets[s].Add(who)
}

func (v *VolunteerSums) merge(o *VolunteerSums) {
	v.N += o.N
	v.MS += o.MS
	v.Met = union(v.Met, o.Met)
}

func (p *ParticipantSums) merge(o *ParticipantSums) {
	p.MS += o.MS
	p.Ratings += o.Ratings
	p.RatingSum += o.RatingSum
}

func (a *AssessmentSums) merge(o *AssessmentSums) {
	for d := range a {
		a[d].merge(&o[d])
	}
}

func (a *Assessment) merge(o *Assessment) {
	switch {
	case o.N == 0:
		return
	case a.N == 0:
		*a = *o
		return
	}
	a.N += o.N
	a.Sum += o.Sum
	a.ConfidenceN += o.ConfidenceN
	a.ConfidenceSum += o.ConfidenceSum
	if o.FirstAt < a.FirstAt || o.FirstAt == a.FirstAt && o.First < a.First {
		a.FirstAt, a.First = o.FirstAt, o.First
	}
	if o.LastAt > a.LastAt || o.LastAt == a.LastAt && o.Last > a.Last {
		a.LastAt, a.Last = o.LastAt, o.Last
	}
}

// insert adds x to an ascending list without duplicates.
func insert(list []Ordinal, x Ordinal) []Ordinal {
	at, found := slices.BinarySearch(list, x)
	if found {
		return list
	}
	return slices.Insert(list, at, x)
}

// union merges two ascending lists without duplicates into a list of its own.
func union(a, b []Ordinal) []Ordinal {
	if len(a) == 0 {
		return slices.Clone(b)
	}
	if len(b) == 0 {
		return a
	}
	all := make([]Ordinal, 0, len(a)+len(b))
	all = append(append(all, a...), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// AllProgrammes stands for the sum of a company's programmes where a programme
// key is asked for. It is no valid key itself.
const AllProgrammes = "*"

// CellKey places a cell: a programme (or [AllProgrammes]) and a bucket of time.
type CellKey struct {
	Programme string
	Grain     Grain
	Bucket    Day
}

// Cells are the cells of one company.
type Cells map[CellKey]*Cell

// Add adds an event to the cell of its programme and day.
func (cs Cells) Add(e *Event, day Day, participant, volunteer Ordinal) {
	cs.at(CellKey{e.Programme, GrainDay, day}).Add(e, participant, volunteer)
}

// RollUp adds what follows from the day cells that Add filled: the months and
// years of each programme, and all three grains of [AllProgrammes]. Call it once,
// after the last Add, and change no cell afterwards: one that is the sum of a
// single other is that other.
func (cs Cells) RollUp() {
	cs.widen(GrainDay, func(k CellKey) CellKey { k.Programme = AllProgrammes; return k })
	cs.widen(GrainDay, func(k CellKey) CellKey { return CellKey{k.Programme, GrainMonth, k.Bucket.monthStart()} })
	cs.widen(GrainMonth, func(k CellKey) CellKey { return CellKey{k.Programme, GrainYear, k.Bucket.yearStart()} })
}

func (cs Cells) widen(from Grain, to func(CellKey) CellKey) {
	parts := make(map[CellKey][]*Cell)
	for k, c := range cs {
		if k.Grain == from {
			parts[to(k)] = append(parts[to(k)], c)
		}
	}
	for k, list := range parts {
		if len(list) == 1 {
			cs[k] = list[0]
			continue
		}
		for _, c := range list {
			cs.at(k).Merge(c)
		}
	}
}

func (cs Cells) at(k CellKey) *Cell {
	c := cs[k]
	if c == nil {
		c = new(Cell)
		cs[k] = c
	}
	return c
}

// Empty reports whether the cell is that of no event.
func (c *Cell) Empty() bool {
	return c.Tallies == [numMeasures]Tally{} // every event is counted by its kind
}

// Tallied yields the measures that are not zero, in order.
func (c *Cell) Tallied() iter.Seq2[Measure, Tally] {
	return func(yield func(Measure, Tally) bool) {
		for m, t := range c.Tallies {
			if t != (Tally{}) && !yield(Measure(m), t) {
				return
			}
		}
	}
}
